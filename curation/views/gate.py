"""The gate of a version: what was found before it leaves, the rows of each finding, and the words that accept them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import polars as pl
from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from curation.access import Right
from curation.actions import gating, version_files
from curation.models import DatasetVersion, GateExamination, Project, Prompt, Sample
from curation.views.datasets import ShownPair, shown_pairs, version_of
from curation.views.doorbell import ring_for_build
from curation.views.doors import PageRequest, is_part, project_page
from curation.views.gate_glance import gate_of
from curation.views.pictures import Picture, first_pictures

ROWS_A_PAGE = 24
FEW = 2  # rows that open with a finding


@project_page(Right.VIEW)
@require_safe
def gate(request: PageRequest, project: Project, name: str, label: str) -> HttpResponse:
    """The gate on a page of its own; `?part=gate` is the section alone."""
    version = version_of(request, project, name, label)
    context = {"section": "datasets", "version": version, "gate": gate_of(version)}
    page = "_gate.html" if is_part(request, "gate") else "detail.html"
    return render(request, f"curation/gate/{page}", context)


@require_POST
@project_page(Right.EDIT)
def gate_examine(request: PageRequest, project: Project, name: str, label: str) -> HttpResponse:
    """Orders a look; what it finds appears on the page."""
    version = version_of(request, project, name, label)
    ring_for_build(gating.order(version=version, by=request.user))
    messages.info(request, _("The version is being examined. What is found appears here."))
    return redirect("gate", project.slug, name, label)


@require_POST
@project_page(Right.EDIT)
def gate_waive(request: PageRequest, project: Project, name: str, label: str, code: str) -> HttpResponse:
    """Signs for a finding, with a reason."""
    version = version_of(request, project, name, label)
    gating.waive(version=version, code=code, because=request.POST.get("because", ""), by=request.user)
    messages.success(request, _("Signed. The word travels in the manifest and the card of every export from now on."))
    return redirect("gate", project.slug, name, label)


@require_POST
@project_page(Right.EDIT)
def gate_take_back(request: PageRequest, project: Project, name: str, label: str, code: str) -> HttpResponse:
    """Lets a finding stand open again."""
    version = version_of(request, project, name, label)
    for waiver in gating.waivers_for(version):
        if waiver.code == code:
            gating.take_back(waiver=waiver, by=request.user)
    messages.success(request, _("Taken back. What was exported before keeps the word."))
    return redirect("gate", project.slug, name, label)


# -- the rows of a finding ----------------------------------------


@dataclass(frozen=True)
class ShownSample:
    """A sample with its picture and what is the matter."""

    sample: Sample
    picture: Picture | None
    detail: str


@dataclass(frozen=True)
class ShownPrompt:
    prompt: Prompt
    detail: str


@dataclass(frozen=True)
class FoundPair:
    """A pair of the version and what is the matter with it."""

    pair: ShownPair
    detail: str


@dataclass(frozen=True)
class FoundRows:
    """A page of rows. `gone` counts those that were deleted since; cursors are numbers of rows, empty at the ends."""

    pairs: list[FoundPair] = field(default_factory=list)
    samples: list[ShownSample] = field(default_factory=list)
    prompts: list[ShownPrompt] = field(default_factory=list)
    gone: int = 0
    previous_cursor: str = ""
    next_cursor: str = ""
    looked_at: int = 0


@project_page(Right.VIEW)
@require_safe
def gate_rows(request: PageRequest, project: Project, name: str, label: str, code: str) -> HttpResponse:
    """What a finding concerns, a page at a time; `?part=few` is the first of them, for the finding itself."""
    version = version_of(request, project, name, label)
    shown = gate_of(version)
    finding = shown.report.finding(code) if shown.report else None
    if shown.examination is None or finding is None:
        raise Http404(_("The gate found nothing of this kind in this version."))
    is_few = is_part(request, "few")
    start, size = (0, FEW) if is_few else (_start(request), ROWS_A_PAGE)
    page = _page(version, shown.examination, code, start, size)
    context = {"section": "datasets", "version": version, "finding": finding, "page": page}
    return render(request, f"curation/gate/{'_rows' if is_few else 'rows'}.html", context)


def _start(request: PageRequest) -> int:
    before, after = request.GET.get("before", ""), request.GET.get("after", "")
    if before.isdecimal() and len(before) < 12:
        return max(int(before) - ROWS_A_PAGE, 0)
    return int(after) if after.isdecimal() and len(after) < 12 else 0


def _page(version: DatasetVersion, examination: GateExamination, code: str, start: int, size: int) -> FoundRows:
    rows = gating.rows_of(examination, code).slice(start, size + 1).collect()
    here = rows.head(size)
    pairs = _pairs(version, here.filter(pl.col("pair_id").is_not_null()))
    samples = _samples(here.filter(pl.col("sample_id").is_not_null()))
    prompts = _prompts(here.filter(pl.col("prompt_id").is_not_null()))
    return FoundRows(
        pairs=pairs,
        samples=samples,
        prompts=prompts,
        gone=here.height - len(pairs) - len(samples) - len(prompts),
        previous_cursor=str(start) if start else "",
        next_cursor=str(start + size) if rows.height > size else "",
    )


def _pairs(version: DatasetVersion, rows: pl.DataFrame) -> list[FoundPair]:
    if not rows.height:
        return []
    wanted = version_files.scan(version, "pairs").filter(pl.col("pair_id").is_in(rows["pair_id"].implode()))
    found = {pair.row["pair_id"]: pair for pair in shown_pairs(version, wanted.collect().to_dicts())}
    listed = rows.select("pair_id", "detail").iter_rows()
    return [FoundPair(found[pair_id], detail or "") for pair_id, detail in listed if pair_id in found]


def _samples(rows: pl.DataFrame) -> list[ShownSample]:
    ids = rows["sample_id"].to_list()
    found = Sample.objects.select_related("generator").in_bulk(ids)
    pictures = first_pictures(ids) if ids else {}
    listed: list[tuple[int, Any]] = list(rows.select("sample_id", "detail").iter_rows())
    return [ShownSample(found[pk], pictures.get(pk), detail or "") for pk, detail in listed if pk in found]


def _prompts(rows: pl.DataFrame) -> list[ShownPrompt]:
    found = Prompt.objects.in_bulk(rows["prompt_id"].to_list())
    listed: list[tuple[int, Any]] = list(rows.select("prompt_id", "detail").iter_rows())
    return [ShownPrompt(found[pk], detail or "") for pk, detail in listed if pk in found]
