"""A table of which machine to ask of which prompts: measured, changed by hand, and made a rater."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from django.http import HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _

from curation.access import Right
from curation.actions import examining, routing
from curation.actions.routing import Measured
from curation.errors import PairwrightError, Refused
from curation.examination.frames import Column
from curation.examination.routing import KINDS, Line
from curation.models import Project
from curation.recipes.problems import RecipeProblems
from curation.views.doors import PageRequest, project_page
from scoring.forms.ensembles import without_lines
from scoring.views.ensembles import speak

# Tags of which nobody has measured anything and that somebody wants to name.
MORE = 3
_HERE = {"section": "scorers", "tab": "ensembles"}


@dataclass(frozen=True)
class Row:
    """One line of the table as the page shows it.

    Attributes:
        picked: key of the machine that is named.
        is_measured: whether that is the one the votes name.
    """

    number: int
    label: str
    line: Line | None
    picked: str
    is_measured: bool

    @property
    def has_own(self) -> bool:
        return self.line is not None and self.line.best != self.line.chosen and self.line.ahead is not None


@project_page(Right.EDIT)
def route(request: PageRequest, project: Project) -> HttpResponse:
    said = (request.POST if request.method == "POST" else request.GET).dict()
    try:
        known = examining.options(project)
        found = _measured(project, said)
    except PairwrightError as error:
        return render(request, "scoring/route.html", {**_HERE, "why_not": str(error)})
    problems: list[str] = []
    if request.method == "POST" and found.routing is not None:
        try:
            plan = _plan(project, found, said)
            return speak(request, project, routing.make(project=project, plan=plan))
        except Refused as error:
            problems = _said(error)
    context = {
        **_HERE,
        "found": found,
        "table": found.routing,
        "criteria": list(known.criteria),
        "kinds": [(kind, _("tag") if kind == "tag" else _("language")) for kind in KINDS],
        "machines": [(column.key, name) for column, name in found.names.items()],
        "rows": list(_rows(found, said)),
        "general": said.get("general") or (found.routing.general.key if found.routing else ""),
        "name": said.get("name", ""),
        "key": said.get("key") or f"routed_{found.choice.criterion}",
        "problems": problems,
    }
    return render(request, "scoring/route.html", context, status=400 if problems else 200)


def _measured(project: Project, said: Mapping[str, str]) -> Measured:
    by = said.get("by", "tag")
    if by not in KINDS:
        raise Refused(_("Prompts are told apart by tag or by language, not by “%(by)s”.") % {"by": by})
    return routing.measured(project=project, by=by, criterion=said.get("criterion") or None, again="again" in said)


def _rows(found: Measured, said: Mapping[str, str]) -> Iterator[Row]:
    if found.routing is None:
        return
    for number, line in enumerate(found.routing.lines):
        picked = said.get(f"machine-{number}") if said.get(f"label-{number}") == line.label else None
        yield Row(number, line.label, line, picked or line.chosen.key, picked in (None, line.chosen.key))
    for number in range(len(found.routing.lines), len(found.routing.lines) + MORE):
        yield Row(number, said.get(f"label-{number}", ""), None, said.get(f"machine-{number}", ""), True)


def _plan(project: Project, found: Measured, said: Mapping[str, str]) -> routing.Plan:
    machines = {column.key: column for column in found.names}
    general = machines.get(said.get("general", ""))
    if general is None:
        raise Refused(_("Choose a machine for every other prompt."))
    if not said.get("name", "").strip():
        raise Refused(_("Give the table a name."))
    return routing.plan_of(
        project=project,
        found=found,
        name=said["name"].strip(),
        criterion=said.get("key", "").strip(),
        routes=[(label, column) for label, column in _named(said, machines) if column != general],
        general=general,
    )


def _named(said: Mapping[str, str], machines: Mapping[str, Column]) -> Iterator[tuple[str, Column]]:
    """Label and machine of each line; those written by hand first, since whoever writes them down means them."""
    lines = []
    for name in said:
        if name.startswith("label-") and said[name].strip():
            number = name.removeprefix("label-")
            column = machines.get(said.get(f"machine-{number}", ""))
            if column is not None:
                lines.append((f"own-{number}" in said, said[name].strip(), column))
    for _is_own, label, column in sorted(lines, key=lambda line: not line[0]):
        yield label, column


def _said(error: Refused) -> list[str]:
    if isinstance(error, RecipeProblems):
        return [f"{one.message} {one.remedy}" for one in error.problems]
    return without_lines([str(error)])
