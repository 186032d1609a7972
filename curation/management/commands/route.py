"""`manage.py route PROJECT`: which machine to ask of which prompts, as people's votes say, and a rater that does so."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from curation.actions import ensembles, examining, routing
from curation.actions.routing import Measured
from curation.errors import PairwrightError
from curation.examination.frames import Column
from curation.examination.intervals import Estimate
from curation.examination.routing import KINDS
from curation.management.commands.reward import find_project
from curation.models import Project


class Command(BaseCommand):
    help = (
        "Measures which machine agrees best with people's votes on each tag or language and prints the table. With "
        "--make it becomes a rater that asks one machine a prompt (docs/routing.md)."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("project", help="the project's address, such as signs-and-scenes")
        parser.add_argument("--by", choices=KINDS, default="tag", help="what prompts are told apart by")
        parser.add_argument("--criterion", help="what people compared by; overall unless they never did")
        parser.add_argument(
            "--set", nargs="+", action="extend", default=[], metavar="LABEL=NAME", help="a machine chosen by hand"
        )
        parser.add_argument("--make", metavar="NAME", help="make the rater of this name and let it speak")
        parser.add_argument("--key", metavar="KEY", help="the criterion it speaks under; by default routed_CRITERION")
        parser.add_argument("--scripted", action="store_true", help="scripted raters of a demonstration, not people")

    def handle(self, *args: Any, **options: Any) -> None:
        project = find_project(options["project"])
        kind = examining.SCRIPTED if options["scripted"] else examining.PEOPLE
        try:
            found = routing.measured(project=project, by=options["by"], criterion=options["criterion"], kind=kind)
            if found.routing is None:
                raise CommandError("Nobody voted here, or no machine judged what was voted on.")
            by_hand = dict(_by_hand(found, one) for one in options["set"])
            self._print(found, by_hand)
            if options["make"]:
                self._make(project, found, by_hand, options)
        except PairwrightError as error:
            raise CommandError(str(error)) from error

    def _print(self, found: Measured, by_hand: dict[str, Column | None]) -> None:
        table = found.routing
        assert table is not None
        self.stdout.write(f"elsewhere: {found.names[table.general]}")
        for line in table.lines:
            column = by_hand.get(line.label, line.chosen) or table.general
            note = " (by hand)" if line.label in by_hand else ""
            self.stdout.write(
                f"{line.label}: {found.names[column]}{note}; best {found.names[line.best]} {_share(line.accuracy)}, "
                f"{found.names[table.general]} {_share(line.general)}, {line.prompts:,} prompts"
            )
        if table.routed and table.single and table.gain:
            self.stdout.write(
                f"on votes the table was not made of: {_share(table.routed)} routed, {_share(table.single)} by the one "
                f"most accurate machine, {_points(table.gain.value, table.gain.low, table.gain.high)}"
            )

    def _make(
        self, project: Project, found: Measured, by_hand: dict[str, Column | None], options: dict[str, Any]
    ) -> None:
        assert found.routing is not None
        plan = routing.plan_of(
            project=project,
            found=found,
            name=options["make"],
            criterion=options["key"] or f"routed_{found.choice.criterion}",
            routes=routing.chosen(found, by_hand),
            general=found.routing.general,
        )
        job = ensembles.order(project=project, rater=routing.make(project=project, plan=plan), by=None)
        done = ensembles.run_job(job_id=job.pk)
        subjects = done.result["subjects"] if done else 0
        self.stdout.write(f"{plan.name} speaks of {subjects:,} under {plan.criterion}")


def _by_hand(found: Measured, text: str) -> tuple[str, Column | None]:
    label, separator, name = text.partition("=")
    known = {one: column for column, one in found.names.items()}
    if not separator or name not in known:
        raise CommandError(f"--set takes LABEL=NAME with one of: {', '.join(known)}; not {text!r}.")
    return label, known[name]


def _share(estimate: Estimate | None) -> str:
    if estimate is None:
        return "–"
    low, high = estimate.low, estimate.high
    interval = f" ({100 * low:.0f} to {100 * high:.0f})" if low is not None and high is not None else ""
    return f"{100 * estimate.value:.1f} %{interval}"


def _points(value: float, low: float | None, high: float | None) -> str:
    interval = f" ({100 * low:+.1f} to {100 * high:+.1f})" if low is not None and high is not None else ""
    return f"{100 * value:+.1f} points{interval}"
