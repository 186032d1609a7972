"""Frozen benchmarks: those of all projects, those of one with the form that freezes another, and one with its items."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from curation.access import Right
from curation.actions import benchmarks
from curation.actions.benchmarks import Selection
from curation.errors import PairwrightError, Refused
from curation.forms.benchmarks import BenchmarkForm
from curation.models import Benchmark, BenchmarkItem, DatasetVersion, Project, Sample
from curation.views.doors import PageRequest, project_page, signed_in_page
from curation.views.paging import Key, Page, keyset
from curation.views.pictures import Picture, first_pictures

ITEMS_A_PAGE = 24
# Samples of an item that are shown.
SHOWN = 4


@signed_in_page
@require_safe
def every_benchmark(request: PageRequest) -> HttpResponse:
    """The benchmarks of all projects that one may look into."""
    rows = Benchmark.objects.visible_to(request.user).select_related("project")
    page = keyset(rows, [Key("name"), Key("number", descending=True)], request.GET)
    return render(request, "curation/benchmarks/every.html", {"page": page})


@project_page(Right.VIEW, write=Right.EDIT)
def benchmark_list(request: PageRequest, project: Project) -> HttpResponse:
    """The benchmarks of a project and, for those who may, the form that freezes one."""
    form = BenchmarkForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        try:
            made = _freeze(request, project, form.cleaned_data)
        except PairwrightError as error:
            form.add_error(None, str(error))
        else:
            messages.success(request, _("%(benchmark)s is frozen.") % {"benchmark": made})
            return redirect("benchmark", project.slug, made.name, made.number)
    rows = Benchmark.objects.visible_to(request.user).filter(project=project)
    page = keyset(rows, [Key("name"), Key("number", descending=True)], request.GET)
    context = {"section": "benchmarks", "page": page, "form": form}
    return render(request, "curation/benchmarks/list.html", context, status=400 if form.is_bound else 200)


def _freeze(request: PageRequest, project: Project, given: dict[str, Any]) -> Benchmark:
    return benchmarks.freeze(
        project=project,
        name=given["name"],
        selection=_selection(request, project, given),
        description=given["description"],
        by=request.user,
    )


def _selection(request: PageRequest, project: Project, given: dict[str, Any]) -> Selection:
    what = given["what"].strip()
    if given["source"] == Benchmark.Source.VERSION:
        name, _space, split = what.partition(" ")
        versions = DatasetVersion.objects.visible_to(request.user).filter(dataset__project=project)
        return benchmarks.of_version(versions.named(name), split.strip())
    if given["source"] == Benchmark.Source.TAG:
        return benchmarks.of_tag(project, what)
    if given["source"] == Benchmark.Source.BATCH:
        if not what.isdigit():
            raise Refused(_("“%(what)s” is no number of a batch; its address ends with it.") % {"what": what})
        return benchmarks.of_batch(what, least_votes=given["least_votes"] or 1, least_share=given["least_share"] or 0.0)
    return benchmarks.of_project(project)


# -- one benchmark ----------------------------------------


@dataclass(frozen=True)
class Shown:
    """An item with the samples that are still here."""

    item: BenchmarkItem
    sides: list[tuple[Sample, Picture | None]]
    more: int


@project_page(Right.VIEW)
@require_safe
def benchmark(request: PageRequest, project: Project, benchmark: str, benchmark_number: int) -> HttpResponse:
    """One benchmark: what it holds, its digest, its items page by page."""
    rows = Benchmark.objects.visible_to(request.user).filter(project=project).select_related("version__dataset")
    row: Benchmark = get_object_or_404(rows, name=benchmark, number=benchmark_number)
    page = keyset(row.items.select_related("prompt"), [Key("position")], request.GET, ITEMS_A_PAGE)
    siblings = Benchmark.objects.visible_to(request.user).filter(name=benchmark).exclude(pk=row.pk)
    context = {"section": "benchmarks", "benchmark": row, "page": _shown(project, page), "siblings": siblings}
    return render(request, "curation/benchmarks/detail.html", context)


def _shown(project: Project, page: Page[BenchmarkItem]) -> Page[Shown]:
    wanted = {item.pk: [line["identity"] for line in item.samples[:SHOWN]] for item in page.rows}
    identities = [identity for found in wanted.values() for identity in found]
    samples = {
        sample.identity: sample
        for sample in Sample.objects.filter(project=project, identity__in=identities).select_related("generator")
    }
    pictures = first_pictures([sample.pk for sample in samples.values()])
    rows = []
    for item in page.rows:
        here = [samples[identity] for identity in wanted[item.pk] if identity in samples]
        sides = [(sample, pictures.get(sample.pk)) for sample in here]
        rows.append(Shown(item, sides, len(item.samples) - len(here)))
    return page.with_rows(rows)
