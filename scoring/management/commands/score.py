"""`manage.py score`: starts or resumes scoring, and waits for it where asked."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandError, CommandParser

from curation.errors import PairwrightError, Refused
from curation.models import Job
from scoring import tasks
from scoring.actions import staging
from scoring.actions.staging import Stage
from scoring.catalogue import CATALOGUE
from scoring.management.following import FollowingCommand, chosen_by, find_project

Scorers = dict[str, dict[str, str]]
# What `--keep` may say, with the kind of number; names as in `Stage`.
BARS = {
    "best": ("best_of_prompt", int),
    "most": ("most", int),
    "at_least": ("at_least", float),
    "at_most": ("at_most", float),
    "spread": ("spread_at_most", float),
}


class Command(FollowingCommand):
    help = (
        "Score the samples of a project. Asks only for what is missing, so running it again resumes. "
        "Without --wait the work is left to the workers that run; with it, a worker is started when none answers."
    )

    done_word = "scored"

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("project", help="the project's address name, as in its URL")
        parser.add_argument(
            "--scorer", action="append", default=[], metavar="NAME", help=f"may be repeated: {', '.join(CATALOGUE)}"
        )
        parser.add_argument(
            "--set",
            action="append",
            default=[],
            metavar="NAME.SETTING=VALUE",
            help="a setting of a scorer; may be repeated",
        )
        parser.add_argument(
            "--then",
            action="append",
            default=[],
            metavar="NAME[,NAME]",
            help="a later stage: these scorers look at what --keep leaves over; may be repeated, each with its --keep",
        )
        parser.add_argument(
            "--keep",
            action="append",
            default=[],
            metavar="NAME.CRITERION:BAR[,BAR]",
            help="what the next --then takes over, such as ocr.ocr_similarity:best=2,at_least=0.3,most=1000; "
            f"bars are {', '.join(BARS)} (best is of each prompt, most is in all)",
        )
        self.add_job_arguments(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            project = find_project(options["project"])
            scorers = with_settings([*options["scorer"], *_then_names(options["then"])], options["set"])
            jobs = staging.start_staged(
                project=project,
                scorers={name: scorers[name] for name in options["scorer"]},
                later=_stages(options["then"], options["keep"], scorers),
                chosen=chosen_by(project, options),
                by=None,
            )
            self.run_jobs(jobs, wait=options["wait"])
            while options["wait"] and (jobs := self._next_stage(jobs)):
                self.run_jobs(jobs, wait=True)
        except PairwrightError as error:
            raise CommandError(str(error)) from error

    def _next_stage(self, jobs: list[Job]) -> list[Job]:
        """The jobs that follow these, begun here where no worker did it yet."""
        for job in jobs:
            tasks.begin_next_stage(job.pk)
        following = staging.following(jobs[0])
        if following:
            number = following[0].params[staging.STAGE]["number"]
            self.stdout.write(f"Stage {number}: {', '.join(job.title for job in following)}")
        return following


def with_settings(names: list[str], given: list[str]) -> Scorers:
    scorers: Scorers = {name: {} for name in names}
    for text in given:
        left, separator, value = text.partition("=")
        name, dot, setting = left.partition(".")
        if not separator or not dot or name not in scorers:
            raise Refused(f"--set {text!r} is not NAME.SETTING=VALUE with a NAME given by --scorer or --then.")
        scorers[name][setting] = value
    return scorers


# -- later stages -----------------------------------------------------------------------------------------------------


def _then_names(then: list[str]) -> list[str]:
    return [name for names in then for name in _names(names)]


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


def _stages(then: list[str], keep: list[str], scorers: Scorers) -> list[Stage]:
    if len(then) != len(keep):
        raise Refused(
            f"Each --then needs a --keep that says what it takes over; there are {len(then)} and {len(keep)}."
        )
    return [_stage(names, bars, scorers) for names, bars in zip(then, keep, strict=True)]


def _stage(names: str, kept: str, scorers: Scorers) -> Stage:
    by, colon, bars = kept.partition(":")
    scorer, dot, criterion = by.partition(".")
    if not colon or not dot:
        raise Refused(f"--keep {kept!r} is not NAME.CRITERION:BAR, such as ocr.ocr_similarity:best=2.")
    stated = dict(_bar(bar.strip(), kept) for bar in bars.split(","))
    return Stage(
        scorer=scorer.strip(), criterion=criterion, scorers={name: scorers[name] for name in _names(names)}, **stated
    )


def _bar(text: str, kept: str) -> tuple[str, Any]:
    name, _equals, value = text.partition("=")
    if name not in BARS:
        raise Refused(
            f"--keep {kept!r}: “{text}” is no bar; a bar is one of {', '.join(f'{one}=NUMBER' for one in BARS)}."
        )
    field, kind = BARS[name]
    try:
        return field, kind(value)
    except ValueError as error:
        raise Refused(f"--keep {kept!r}: “{value}” is not a number for {name}.") from error
