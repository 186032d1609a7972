"""`manage.py examine PROJECT`: how often each machine agrees with people's single votes, as on the page of evidence."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from curation.actions import examining
from curation.actions.examining import Choice, Examined
from curation.errors import PairwrightError
from curation.examination import written
from curation.examination.best_of import BestOf
from curation.examination.correlations import Coefficient, Correlation
from curation.examination.credit import Ties
from curation.examination.intervals import Estimate
from curation.examination.report import Tested
from curation.examination.slices import KINDS, Slices
from curation.models import Project

# How the ways to part votes are called here and in docs/evidence.md.
_BY = (*KINDS, "context")


class Command(BaseCommand):
    help = "Tests machines against people's single votes: accuracy, best of n, correlations, with intervals."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("project", help="the project's address, such as signs-and-scenes")
        parser.add_argument("--criterion", help="what people compared by; overall unless they never did")
        parser.add_argument(
            "--rater", nargs="+", action="extend", default=[], metavar="NAME", help="only these machines"
        )
        parser.add_argument("--by", nargs="+", action="extend", default=[], choices=_BY, help="slices to print")
        parser.add_argument("--ties", default=Ties.LEFT_OUT.value, choices=[rule.value for rule in Ties])
        parser.add_argument("--under", metavar="PRINCIPLE", help="votes that people gave under this principle")
        parser.add_argument("--against", metavar="NAME", help="the machine the others are compared with")
        parser.add_argument(
            "--scripted", action="store_true", help="scripted raters of a demonstration instead of people"
        )
        parser.add_argument("--format", default="table", choices=["table", "json", "csv"])

    def handle(self, *args: Any, **options: Any) -> None:
        project = Project.objects.filter(slug=options["project"]).first()
        if project is None:
            known = ", ".join(Project.objects.order_by("slug").values_list("slug", flat=True)[:10]) or "none yet"
            raise CommandError(f"There is no project {options['project']!r}. Projects here: {known}.")
        try:
            answer = examining.make(project=project, choice=_choice(project, options))
        except PairwrightError as error:
            raise CommandError(str(error)) from error
        self.stdout.write({"json": _json, "csv": _csv, "table": _table}[options["format"]](answer, options["by"]))


def _choice(project: Project, options: dict[str, Any]) -> Choice:
    kind = examining.SCRIPTED if options["scripted"] else examining.PEOPLE
    choice = Choice(
        criterion=options["criterion"],
        kind=kind,
        ties=Ties(options["ties"]),
        context=options["under"],
        by=tuple(kind for kind in KINDS if kind in options["by"]),
    )
    return examining.choose_by_name(project=project, choice=choice, raters=options["rater"], against=options["against"])


# -- formats ----------------------------------------------------------------------------------------------------------


def _json(answer: Examined, by: list[str]) -> str:
    said = {"criterion": answer.choice.criterion, "kind": answer.choice.kind, "rule_for_ties": answer.choice.ties.value}
    return json.dumps({**said, **written.as_json(answer.found, answer.name)}, ensure_ascii=False, indent=2)


def _csv(answer: Examined, by: list[str]) -> str:
    file = io.StringIO()
    writer = csv.DictWriter(file, fieldnames=written.ROW, lineterminator="\n")
    writer.writeheader()
    writer.writerows(written.rows(answer.found, answer.name))
    return file.getvalue().rstrip("\n")


def _table(answer: Examined, by: list[str]) -> str:
    found = answer.found
    parts = [_who(answer), _accuracies(answer), _numbers(answer)]
    parts += [_sliced(answer, found.slices[kind]) for kind in by if kind in found.slices]
    if "context" in by or found.principles:
        parts.append(_principles(answer))
    return "\n\n".join(part for part in parts if part)


def _who(answer: Examined) -> str:
    people = answer.found.people
    raters = "scripted raters" if answer.choice.kind == examining.SCRIPTED else "people"
    under = f" under “{answer.found.context}”" if answer.found.context else ""
    lines = [
        f"{people.votes:,} votes of {people.persons:,} {raters} by “{answer.choice.criterion}”{under}, on "
        f"{people.pairs:,} pairs of {people.prompts:,} prompts; {people.ties:,} ties ({answer.choice.ties.value}), "
        f"{people.both_bad:,} both bad (not asked about)"
    ]
    if people.left_out:
        reasons = ", ".join(f"{count:,} {reason}" for reason, count in people.left_out.items())
        lines.append(f"left out: {reasons}")
    return "\n".join(lines)


def _accuracies(answer: Examined) -> str:
    found = answer.found
    against = "" if found.against is None else f"against {answer.name(found.against)}"
    head = ["machine", "accuracy", "votes", "prompts", "people there", "best of n", "by chance", against, "mid-p"]
    lines = [[written.PEOPLE, *_three(found.human), "", *_first(found.human_best_of), "", ""]]
    lines += [[answer.name(one.column), *_three(one.accuracy), *_machine(one)] for one in found.machines]
    lines += [[answer.name(column), "says nothing of these samples"] for column in found.silent]
    return _columns(head, lines)


def _machine(one: Tested) -> list[str]:
    cells = [_percent(one.people), *_first(one.best_of)]
    if one.is_unnamed:
        return [*cells, "fitted on votes it does not name"]
    if one.versus is None:
        return cells
    apart = one.versus.difference
    interval = "" if apart.low is None or apart.high is None else f" [{100 * apart.low:+.1f}, {100 * apart.high:+.1f}]"
    return [*cells, f"{100 * apart.value:+.1f}{interval}", f"{one.versus.mcnemar.mid:.2g}"]


def _first(found: BestOf | None) -> list[str]:
    return ["–", "–"] if found is None else [_percent(found.hits), f"{100 * found.chance:.1f} %"]


def _three(found: Estimate | None) -> list[str]:
    return ["–", "0", "0"] if found is None else [_percent(found), f"{found.votes:,}", f"{found.prompts:,}"]


def _percent(found: Estimate | None) -> str:
    if found is None:
        return "–"
    if found.low is None or found.high is None:
        return f"{100 * found.value:.1f} %"
    return f"{100 * found.value:.1f} % [{100 * found.low:.1f}, {100 * found.high:.1f}]"


def _numbers(answer: Examined) -> str:
    """Correlations over all samples, and within prompts."""
    head = ["correlation with", "machine", "Spearman", "Pearson", "Kendall", "within: Spearman", "samples"]
    lines = []
    for one in answer.found.machines:
        for what, found in (("win rates", one.win_rates), ("ratings", one.ratings)):
            if found is not None:
                lines.append([what, answer.name(one.column), *_coefficients(found), f"{found.samples:,}"])
    return _columns(head, lines) if lines else ""


def _coefficients(found: Correlation) -> list[str]:
    pooled = [_coefficient(found.pooled[name]) for name in ("spearman", "pearson", "kendall")]
    return [*pooled, _coefficient(found.within["spearman"])]


def _coefficient(found: Coefficient) -> str:
    if found.value is None:
        return "–"
    interval = "" if found.low is None or found.high is None else f" [{found.low:.2f}, {found.high:.2f}]"
    return f"{found.value:.3f}{interval}"


def _sliced(answer: Examined, parts: Slices) -> str:
    columns = [one.column for one in answer.found.machines]
    head = [f"by {parts.kind}", "votes", "prompts", "people", *(answer.name(column) for column in columns)]
    lines = [
        [
            line.label or "(none)",
            f"{line.votes:,}",
            f"{line.prompts:,}",
            _percent(line.people),
            *(_percent(line.machines.get(column)) for column in columns),
        ]
        for line in parts.lines
    ]
    means = [parts.mean(column) for column in columns]
    lines.append(["mean of these", "", "", "", *("–" if one is None else f"{100 * one:.1f} %" for one in means)])
    more = f"\nand {parts.more} smaller ones" if parts.more else ""
    return _columns(head, lines) + more if len(lines) > 1 else f"by {parts.kind}: no votes"


def _principles(answer: Examined) -> str:
    head = ["machine", "people voted under", "accuracy", "votes", "prompts", "people there"]
    lines = [
        [answer.name(one.column), one.people_under or "none", *_three(one.accuracy), _percent(one.people)]
        for one in answer.found.principles
    ]
    return _columns(head, lines) if lines else "Nobody voted, and no machine was asked, under a principle."


def _columns(head: list[str], lines: list[list[str]]) -> str:
    """A table for the terminal: columns as wide as their widest cell, two spaces between."""
    rows = [head, *lines]
    widths = [max((len(row[place]) for row in rows if place < len(row) - 1), default=0) for place in range(len(head))]
    return "\n".join("  ".join(cell.ljust(widths[place]) for place, cell in enumerate(row)).rstrip() for row in rows)
