"""Two recipes side by side over the same prompts: their steps, and the rows that differ, page by page."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.http import HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from curation.access import Right
from curation.actions import comparing_recipes, recipes
from curation.errors import Refused
from curation.models import Project, Recipe
from curation.views import funnels
from curation.views.doors import PageRequest, project_page
from curation.views.recipe_preview import sent_text
from curation.views.recipes import recipe_of

ROWS_A_PAGE = 24
OFFERED = 60


@dataclass(frozen=True)
class Row:
    """A row that differs, with its pictures."""

    row: dict[str, Any]
    example: funnels.Example | None
    kind: str


@project_page(Right.EDIT)
@require_http_methods(["GET", "HEAD", "POST"])
def recipe_compare(request: PageRequest, project: Project) -> HttpResponse:
    """`first` and `second` are saved versions by id; a text that is sent stands in place of the second."""
    said = request.POST if request.method == "POST" else request.GET
    text = sent_text(request)
    offered = list(
        Recipe.objects.visible_to(request.user).filter(project=project).order_by("name", "-number")[:OFFERED]
    )
    first = _chosen(request, project, said.get("first"), offered[1:] or offered)
    second = None if text else _chosen(request, project, said.get("second"), offered)
    context: dict[str, Any] = {"section": "recipes", "offered": offered, "first": first, "second": second, "text": text}
    if first is not None and (text or second is not None):
        context |= _compared(project, first, text or (second.text if second else ""), said)
    return render(request, "curation/recipes/compare.html", context)


def _chosen(request: PageRequest, project: Project, given: str | None, offered: list[Recipe]) -> Recipe | None:
    if not given:
        return offered[0] if offered else None
    if not given.isdecimal() or len(given) > 17:
        raise Refused(_("“%(given)s” is no recipe.") % {"given": given})
    return recipe_of(request, project, int(given))


def _compared(project: Project, first: Recipe, text: str, said: Any) -> dict[str, Any]:
    rules = [recipes.check(project=project, text=one) for one in (first.text, text)]
    found = comparing_recipes.compare(project=project, first=rules[0], second=rules[1])
    kind = said.get("kind", "")
    kind = kind if found.counts.get(kind) else ""
    table = found.rows.filter(found.rows["kind"] == kind) if kind else found.rows
    given = said.get("from", "0")
    if not given.isdecimal() or len(given) > 9:
        raise Refused(_("“%(given)s” is no place in the list.") % {"given": given})
    start = min(int(given), max(table.height - 1, 0))
    rows = table.slice(start, ROWS_A_PAGE).to_dicts()
    shown = {id(row): example for row, example in funnels.examples(rows)}
    return {
        "found": found,
        "steps": _side_by_side(*(funnels.lines(funnel) for funnel in found.funnels)),
        "kinds": [(key, comparing_recipes.kind_words(key), n) for key, n in found.counts.items() if n],
        "kind": kind,
        "rows": [Row(row, shown.get(id(row)), comparing_recipes.kind_words(row["kind"])) for row in rows],
        "count": table.height,
        "start": start,
        "previous": max(start - ROWS_A_PAGE, 0) if start else None,
        "following": start + ROWS_A_PAGE if start + ROWS_A_PAGE < table.height else None,
    }


def _side_by_side(
    first: list[funnels.Line], second: list[funnels.Line]
) -> list[tuple[str, str, funnels.Line | None, funnels.Line | None]]:
    """Steps of the same key beside each other; those that only one of the two has keep their place among the others."""
    other = {line.key: line for line in second}
    told: list[tuple[str, str, funnels.Line | None, funnels.Line | None]] = []
    waiting = list(second)
    for line in first:
        if line.key in other and any(one.key == line.key for one in waiting):
            while waiting and waiting[0].key != line.key:
                extra = waiting.pop(0)
                told.append((extra.name, extra.unit, None, extra))
            waiting.pop(0)
            told.append((line.name, line.unit, line, other[line.key]))
        else:
            told.append((line.name, line.unit, line, None))
    return told + [(line.name, line.unit, None, line) for line in waiting]
