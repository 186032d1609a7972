"""`manage.py fit_head`: fits a light scorer on a project's own labels, and tells what it is worth."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandError, CommandParser

from curation.errors import PairwrightError
from curation.models import Job, State
from scoring.actions.heads import starting
from scoring.actions.heads.reading import VOTERS
from scoring.actions.heads.starting import Wish
from scoring.heads.features import ENCODERS
from scoring.heads.fit import Ties
from scoring.heads.head import Form
from scoring.management.commands.score import with_settings
from scoring.management.following import FollowingCommand, find_project
from scoring.models import FittedHead


class Command(FollowingCommand):
    help = (
        "Fit a head: a light scorer on the project's own labels. It is examined on prompts it has not seen and becomes "
        "a rater of its own; `manage.py score PROJECT --scorer head:NAME` scores with it."
    )
    done_word = "steps"

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("project", help="the project's address name, as in its URL")
        parser.add_argument("--name", required=True, help="what the head is called; the same name is a new revision")
        parser.add_argument("--criterion", default="overall", help="under which the labels were given")
        parser.add_argument(
            "--features",
            action="append",
            required=True,
            metavar="NAME[,NAME]",
            help=f"what it looks at: an encoder ({', '.join(ENCODERS)}), `scores` for every score there is, or single "
            "scores as RATER.CRITERION; may be repeated",
        )
        parser.add_argument("--voters", choices=list(VOTERS), default="people", help="whose labels")
        parser.add_argument("--form", choices=[str(form) for form in Form], default="pairs", help="of the labels")
        parser.add_argument(
            "--ties",
            choices=[str(ties) for ties in Ties],
            default="half",
            help="half: half a vote each way; davidson: an answer of its own",
        )
        parser.add_argument(
            "--set", action="append", default=[], metavar="NAME.SETTING=VALUE", help="a setting of an encoder"
        )
        parser.add_argument("--wait", action="store_true", help="show progress until it is over")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            project = find_project(options["project"])
            job = starting.start_fit(project=project, wish=_wish(options), by=None)
            self.run_jobs([job], wait=options["wait"])
        except PairwrightError as error:
            raise CommandError(str(error)) from error
        if options["wait"]:
            self._tell(Job.objects.get(pk=job.pk))

    def _tell(self, job: Job) -> None:
        if job.state != State.DONE:
            return
        head = FittedHead.objects.select_related("rater").get(pk=job.result["head"])
        report = head.report
        unchanged = "" if job.result["is_new"] else "; nothing has changed since it was made"
        self.stdout.write(
            f"{head} ({head.key}): {head.labels} labels on {head.prompts} prompts{_together(report['counts'])}, "
            f"{job.result['fitting']} s to fit{unchanged}."
        )
        self.stdout.write(f"Right on held-out prompts: {_share(report['accuracy'])}; guessing gets 50 %.")
        for point in report["curve"][:-1]:
            if point["accuracy"]:
                self.stdout.write(f"  with {point['labels']:.0f} labels: {_share(point['accuracy'])}")
        if report["rivals"]:
            best = report["rivals"][0]
            self.stdout.write(f"The best single score, {best['label']}: {_share(best['accuracy'])}.")


def _together(counts: dict[str, int]) -> str:
    is_told = counts.get("families", counts["prompts"]) < counts["prompts"]
    return f" in {counts['families']} families that belong together" if is_told else ""


def _wish(options: dict[str, Any]) -> Wish:
    features = [name.strip() for given in options["features"] for name in given.split(",") if name.strip()]
    return Wish(
        name=options["name"],
        criterion=options["criterion"],
        features=tuple(dict.fromkeys(features)),
        voters=options["voters"],
        form=Form(options["form"]),
        ties=Ties(options["ties"]),
        settings=with_settings([name for name in features if name in ENCODERS], options["set"]),
    )


def _share(said: dict[str, Any]) -> str:
    """An accuracy with its interval and what it rests on."""
    interval = f" ({100 * said['low']:.1f} – {100 * said['high']:.1f})" if said["low"] is not None else ""
    return f"{100 * said['value']:.1f} %{interval} of {said['votes']} on {said['prompts']} prompts"
