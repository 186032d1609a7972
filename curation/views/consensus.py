"""What votes add up to: every prompt with its state and its samples' strengths by people, machines and both.

Never open to annotators: it tells what others said and what machines make of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import polars as pl
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from curation.access import Right
from curation.actions import consensus as adding_up
from curation.actions import examining
from curation.actions.consensus import Counted
from curation.models import Project, Prompt, Rater
from curation.views import consensus_words as words
from curation.views.doorbell import ring_for_consensus
from curation.views.doors import PageRequest, is_part, project_page
from curation.views.facets import address

# Prompts on a page.
PAGE = 12


@dataclass(frozen=True)
class Tab:
    label: str | Promise
    url: str
    count: int
    is_on: bool


@dataclass(frozen=True)
class Row:
    """A prompt of the list."""

    prompt: Prompt
    shown: words.Shown


@project_page(Right.VIEW)
@require_safe
def consensus(request: PageRequest, project: Project) -> HttpResponse:
    criterion = adding_up.chosen_criterion(project, request.GET.get("criterion"))
    context: dict[str, Any] = {"section": "evidence", "criterion": criterion}
    if criterion is None:
        return render(request, "curation/consensus/page.html", context)
    found = at_hand(project, criterion)
    context |= {
        "criteria": _criteria(project),
        "part_url": address(request.GET, part="results"),
        "found": found,
        **(_results(request, project, found) if found else {}),
    }
    if is_part(request, "results"):
        template = "curation/consensus/_results.html" if found else "curation/consensus/_waiting.html"
        return render(request, template, context | {"project": project})
    return render(request, "curation/consensus/page.html", context)


def at_hand(project: Project, criterion: str) -> Counted | None:
    """The answer; for a large project what is kept, and a worker is called where it is old or not there."""
    found = adding_up.at_hand(project, criterion)
    if (found is None or found.is_stale) and adding_up.ask(project, criterion):
        ring_for_consensus(project, criterion)
    return found


def _criteria(project: Project) -> list[tuple[str, str]]:
    """The criteria people compare by, with their names."""
    names = examining.criterion_names(project)
    return [(key, names.get(key, key)) for key in sorted(adding_up.criteria(project))]


def _results(request: PageRequest, project: Project, found: Counted) -> dict[str, Any]:
    state = request.GET.get("state", "")
    state = state if state in words.STATES else ""
    states, previous, following = _page(found.states, state, request)
    rows = _rows(project, found, states)
    raters = Rater.objects.in_bulk(words.rater_ids(found))
    return {
        "rows": rows,
        "tabs": _tabs(request, found, state),
        "columns": list(words.COLUMNS.values()),
        "machines": words.machines(found, raters),
        "previous_url": previous,
        "next_url": following,
        "prompts": found.states.height,
        "cycles": len(found.cycles),
        "doubts": len(found.doubts),
        "repair_url": address(request.GET, state=""),
    }


def _tabs(request: PageRequest, found: Counted, state: str) -> list[Tab]:
    counts = found.counts
    every = [Tab(_("all"), address(request.GET, state=""), found.states.height, not state)]
    named = [
        Tab(label, address(request.GET, state=key), counts[key], key == state) for key, label in words.STATES.items()
    ]
    return every + named


def _page(states: pl.DataFrame, state: str, request: PageRequest) -> tuple[pl.DataFrame, str, str]:
    """Some prompts by id, after or before one, and the addresses of the pages beside them."""
    chosen = states.filter(pl.col("state") == state) if state else states
    after, before = _number(request, "after"), _number(request, "before")
    if before is not None:
        page = chosen.filter(pl.col("prompt_id") < before).tail(PAGE)
    else:
        page = chosen.filter(pl.col("prompt_id") > (after if after is not None else -1)).head(PAGE)
    if not page.height:
        return page, "", ""
    first, last = page["prompt_id"][0], page["prompt_id"][-1]
    has_before = chosen.filter(pl.col("prompt_id") < first).height > 0
    has_after = chosen.filter(pl.col("prompt_id") > last).height > 0
    return (
        page,
        address(request.GET, before=str(first)) if has_before else "",
        address(request.GET, after=str(last)) if has_after else "",
    )


def _number(request: PageRequest, name: str) -> int | None:
    text = request.GET.get(name, "")
    return int(text) if text.isdecimal() and len(text) < 19 else None


def _rows(project: Project, found: Counted, states: pl.DataFrame) -> list[Row]:
    """The prompts of a page with their strengths as they are now, by what was learnt from all."""
    ids = states["prompt_id"].to_list()
    texts = Prompt.objects.filter(project=project).in_bulk(ids)
    shown = words.prompts(adding_up.of_prompts(project, found, ids)) if ids else {}
    return [Row(texts[pk], shown[pk]) for pk in ids if pk in texts and pk in shown]


# -- one prompt -------------------------------------------------------------------------------------------------------


@project_page(Right.VIEW)
@require_safe
def of_prompt(request: PageRequest, project: Project, prompt_id: int) -> HttpResponse:
    """The table of one prompt, a part of its group page; a page of its own for those who open its address."""
    shown = get_object_or_404(Prompt.objects.visible_to(request.user).filter(project=project), pk=prompt_id)
    criterion = adding_up.chosen_criterion(project, request.GET.get("criterion"))
    found = at_hand(project, criterion) if criterion else None
    rows = _rows(project, found, found.states.filter(pl.col("prompt_id") == shown.pk)) if found else []
    context = {
        "section": "prompts",
        "project": project,
        "prompt": shown,
        "criterion": criterion,
        "row": rows[0] if rows else None,
        "columns": list(words.COLUMNS.values()),
        "is_waiting": criterion is not None and found is None,
    }
    name = "curation/consensus/_prompt.html" if request.headers.get("HX-Request") else "curation/consensus/prompt.html"
    return render(request, name, context)
