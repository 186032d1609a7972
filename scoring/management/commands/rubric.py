"""`manage.py rubric PROJECT`: checklists from people's pairs, proposed by a model, answered by a judge."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from curation.actions import examining
from curation.errors import PairwrightError, Refused
from curation.models import Project
from scoring.actions import rubrics
from scoring.actions.rubrics import Wish
from scoring.management.following import find_project
from scoring.models import Judge, Rubric
from scoring.rubrics.choosing import Induced


class Command(BaseCommand):
    help = "Proposes yes-or-no questions from pairs people compared and keeps those that help (docs/rubrics.md)."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("project", help="the project's address name, as in its URL")
        parser.add_argument("--propose", metavar="NAME", help="make a checklist of candidates of this name")
        parser.add_argument("--judge", metavar="NAME", help="whose model proposes; or, with --learn, who answered")
        parser.add_argument("--criterion", default="overall", help="what people compared by")
        parser.add_argument("--start", default="", metavar="TEMPLATE", help="the checklist one starts from")
        parser.add_argument("--pairs", type=int, default=24, help="how many pairs the model is shown")
        parser.add_argument("--questions", metavar="FILE", help="questions of your own, one a line")
        parser.add_argument("--seed", type=int, default=0, help="of the draw of pairs")
        parser.add_argument("--learn", metavar="NAME", help="learn from people's votes which questions to keep")
        parser.add_argument("--scripted", action="store_true", help="with --learn: scripted raters of a demonstration")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            project = find_project(options["project"])
            if options["propose"]:
                self._propose(project, options)
            elif options["learn"]:
                self._learn(project, options)
            else:
                self._list(project)
        except PairwrightError as error:
            raise CommandError(str(error)) from error

    def _propose(self, project: Project, options: dict[str, Any]) -> None:
        wish = Wish(
            name=options["propose"],
            criterion=options["criterion"],
            start=options["start"],
            pairs=options["pairs"],
            questions=_lines(options["questions"]),
            seed=options["seed"],
        )
        if options["judge"]:
            job = rubrics.run_job(
                job_id=rubrics.order(project=project, judge=_judge(project, options), wish=wish, by=None).pk
            )
            if job is None:
                raise CommandError(f"Questions for “{wish.name}” are being proposed by a worker already.")
            if job.error:
                raise CommandError(job.error)
            made = Rubric.objects.get(project=project, name=wish.name)
        else:
            made = rubrics.write(project=project, wish=wish, questions=wish.questions, by=None)
        for item in made.candidates.document["items"]:
            self.stdout.write(f"{item['key']}: {item['question']}")
        self.stdout.write(
            f"Add a judge that asks by {made.candidates}, let it answer the samples of your pairs, then: "
            f"manage.py rubric {project.slug} --learn {made.name} --judge NAME"
        )

    def _learn(self, project: Project, options: dict[str, Any]) -> None:
        rubric = Rubric.objects.filter(project=project, name=options["learn"]).first()
        if rubric is None:
            known = ", ".join(Rubric.objects.filter(project=project).values_list("name", flat=True)) or "none yet"
            raise Refused(f"There is no checklist “{options['learn']}”. There are: {known}.")
        kind = examining.SCRIPTED if options["scripted"] else examining.PEOPLE
        found = rubrics.learn(rubric=rubric, judge=_judge(project, options), by=None, kind=kind)
        self._say(rubric, found)

    def _say(self, rubric: Rubric, found: Induced) -> None:
        items = rubric.candidates.document["items"]
        for one in sorted(found.questions, key=lambda one: -one.weight):
            if one.weight:
                gain = one.without
                told = f", {100 * gain.value:+.1f} points{_span(gain.low, gain.high, '+.1f')}" if gain else ""
                self.stdout.write(f"{one.weight:.2f}  {items[one.place]['question']}{told}")
        before, after, gain = found.before, found.after, found.gain
        self.stdout.write(
            f"before {100 * before.value:.1f} %{_span(before.low, before.high, '.1f')}, "
            f"after {100 * after.value:.1f} %{_span(after.low, after.high, '.1f')} "
            f"of {found.voices:,} voices on {found.prompts:,} prompts that nothing was learnt from{_together(found)}"
        )
        if gain is not None:
            self.stdout.write(f"gain {100 * gain.value:+.1f} points{_span(gain.low, gain.high, '+.1f')}")
        self.stdout.write(f"saved as {rubric.template}" if rubric.template else "no question is worth keeping")

    def _list(self, project: Project) -> None:
        for rubric in Rubric.objects.filter(project=project).select_related("candidates", "template"):
            state = f"became {rubric.template}" if rubric.template else f"candidates {rubric.candidates}"
            self.stdout.write(f"{rubric.name}: {state}")


def _together(found: Induced) -> str:
    is_told = found.families < found.prompts
    return f", in {found.families:,} families of prompts that belong together" if is_told else ""


def _judge(project: Project, options: dict[str, Any]) -> Judge:
    judge = Judge.objects.active().filter(project=project, name=options["judge"] or "").first()
    if judge is None:
        known = ", ".join(Judge.objects.active().filter(project=project).values_list("name", flat=True)) or "none yet"
        raise Refused(f"Name a judge with --judge; there are: {known}.")
    return judge


def _lines(path: str | None) -> tuple[str, ...]:
    if not path:
        return ()
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise Refused(f"{path} cannot be read: {error}.") from error
    return tuple(line.strip() for line in text.splitlines() if line.strip())


def _span(low: float | None, high: float | None, form: str) -> str:
    return f" ({format(100 * low, form)} to {format(100 * high, form)})" if low is not None and high is not None else ""
