"""Two versions side by side: in words, and the rows that differ, page by page."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.http import HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from curation.access import Right
from curation.actions import comparing_versions
from curation.errors import Refused
from curation.models import DatasetVersion, Project
from curation.views import funnels
from curation.views.datasets import version_of
from curation.views.doors import PageRequest, project_page

ROWS_A_PAGE = 24
# Versions to compare with that the page offers.
OFFERED = 40


@dataclass(frozen=True)
class Row:
    """A row that differs: what it is, its example with pictures, why, and where its lineage is told."""

    row: dict[str, Any]
    example: funnels.Example | None
    kind: str
    why: str


@project_page(Right.VIEW)
@require_safe
def compare(request: PageRequest, project: Project, name: str, label: str) -> HttpResponse:
    """This version beside `?with=NAME@1`, without it beside the one before; `kind` and `from` say which rows."""
    second = version_of(request, project, name, label)
    offered = _offered(request, project, second)
    first = _first(request, project, second, offered)
    context: dict[str, Any] = {"section": "datasets", "second": second, "first": first, "offered": offered}
    if first is not None:
        found = comparing_versions.compare(first=first, second=second)
        kind = request.GET.get("kind", "")
        kind = kind if found.counts.get(kind) else ""
        context |= {
            "found": found,
            "sentences": comparing_versions.sentences(first, second, found),
            "kinds": [(key, comparing_versions.kind_words(key), n) for key, n in found.counts.items() if n],
            "whys": [(comparing_versions.why_words(key), n) for key, n in found.why.items()],
            "kind": kind,
            **_page(request, first, second, kind, sum(found.counts.values()) if not kind else found.counts[kind]),
        }
    return render(request, "curation/datasets/compare.html", context)


def _offered(request: PageRequest, project: Project, second: DatasetVersion) -> list[DatasetVersion]:
    """The other frozen versions of the project, those of the same dataset first."""
    rows = DatasetVersion.objects.visible_to(request.user).frozen().filter(dataset__project=project)
    rows = rows.exclude(pk=second.pk).select_related("dataset", "recipe").defer("funnel")
    own = list(rows.filter(dataset=second.dataset_id)[:OFFERED])
    return own + list(rows.exclude(dataset=second.dataset_id)[: OFFERED - len(own)])


def _first(
    request: PageRequest, project: Project, second: DatasetVersion, offered: list[DatasetVersion]
) -> DatasetVersion | None:
    """The version asked for; else the newest that is older than this one."""
    wanted = request.GET.get("with", "")
    if wanted:
        versions = DatasetVersion.objects.visible_to(request.user).filter(dataset__project=project)
        return versions.named(wanted)
    place = (second.number, second.minor)
    older = [row for row in offered if row.dataset_id == second.dataset_id and (row.number, row.minor) < place]
    return older[0] if older else None


def _page(request: PageRequest, first: DatasetVersion, second: DatasetVersion, kind: str, count: int) -> dict[str, Any]:
    """The rows from `from` on. The table is sorted and never changes, so a place in it is a cursor."""
    given = request.GET.get("from", "0")
    if not given.isdigit():
        raise Refused(_("“%(given)s” is no place in the list.") % {"given": given})
    start = min(int(given), max(count - 1, 0))
    rows = comparing_versions.rows(first, second, kind=kind).slice(start, ROWS_A_PAGE).collect().to_dicts()
    shown = {id(row): example for row, example in funnels.examples(rows)}
    return {
        "rows": [
            Row(
                row,
                shown.get(id(row)),
                comparing_versions.kind_words(row["kind"]),
                "; ".join(comparing_versions.why_words(key) for key in row["why"]),
            )
            for row in rows
        ],
        "count": count,
        "start": start,
        "previous": max(start - ROWS_A_PAGE, 0) if start else None,
        "following": start + ROWS_A_PAGE if start + ROWS_A_PAGE < count else None,
    }
