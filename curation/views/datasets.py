"""Datasets and their versions: the list, a build under way, one version with its pairs, verifying, downloads."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import polars as pl
from django.contrib import messages
from django.db.models import Count, Prefetch, Q, QuerySet
from django.db.models.fields.json import KeyTransform
from django.http import FileResponse, Http404, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from curation.access import Right
from curation.actions import handing_out, verifying, version_files, withdrawals
from curation.errors import Refused
from curation.models import Dataset, DatasetVersion, Job, Project, State
from curation.recipe_words import in_order
from curation.recipe_words import lines as funnel_text
from curation.views import funnels
from curation.views.doorbell import ring_for_build
from curation.views.doors import PageRequest, is_part, project_page
from curation.views.gate_glance import gate_of
from curation.views.overview import words
from curation.views.paging import Key, Page, keyset

PAIRS_A_PAGE = 12
DATASETS_A_PAGE = 12
VERSIONS_SHOWN = 6  # of each dataset in the list of all
BUILDS_SHOWN = 20
DOWNLOADS = ("pairs", "samples", "splits", "evidence", "tombstones")


@project_page(Right.VIEW)
@require_safe
def dataset_list(request: PageRequest, project: Project) -> HttpResponse:
    """The datasets, each with its newest versions, and the builds that run; `?dataset=NAME`: all versions of one."""
    datasets = Dataset.objects.visible_to(request.user).filter(project=project)
    name = request.GET.get("dataset", "")
    page = _all_versions(datasets, name, request) if name else _newest_versions(datasets, request)
    builds = Job.objects.filter(project=project, kind=Job.Kind.BUILD).exclude(params__has_key="ensemble")
    building = builds.unfinished()[:BUILDS_SHOWN]
    context = {
        "section": "datasets",
        "page": page,
        "only": name,
        "building": [{"job": job, "words": words(job)} for job in building],
    }
    return render(request, "curation/datasets/list.html", context)


@dataclass(frozen=True)
class VersionsPanel:
    """A dataset with versions of it, the newest first, and how many older there are."""

    dataset: Dataset
    versions: list[DatasetVersion]
    older: int


def _versions_listed() -> QuerySet[DatasetVersion]:
    """What the list says of a version: of its manifest the counts alone."""
    rows = DatasetVersion.objects.frozen().select_related("recipe", "dataset").defer("manifest", "funnel")
    return rows.annotate(counts=KeyTransform("counts", "manifest")).order_by("-number", "-minor")


def _newest_versions(datasets: QuerySet[Dataset], request: PageRequest) -> Page[VersionsPanel]:
    """A page of datasets by name. Costs two queries, of bounded size but for the counting of versions."""
    listed = Prefetch("versions", _versions_listed()[:VERSIONS_SHOWN], to_attr="newest")
    counted = datasets.annotate(version_count=Count("versions", filter=Q(versions__frozen_at__isnull=False)))
    page = keyset(counted.prefetch_related(listed), [Key("name")], request.GET, DATASETS_A_PAGE)
    return page.with_rows([VersionsPanel(row, row.newest, row.version_count - len(row.newest)) for row in page])


def _all_versions(datasets: QuerySet[Dataset], name: str, request: PageRequest) -> Page[VersionsPanel]:
    """A page of the versions of one dataset; 404 where it has none."""
    rows = _versions_listed().filter(dataset__in=datasets.filter(name=name).values("pk"))
    page = keyset(rows, [Key("number", descending=True), Key("minor", descending=True)], request.GET)
    if not page.rows:
        raise Http404(_("There is no frozen version of a dataset called “%(name)s” here.") % {"name": name})
    return page.with_rows([VersionsPanel(page.rows[0].dataset, page.rows, 0)])


@project_page(Right.VIEW)
@require_safe
def build(request: PageRequest, project: Project, job_id: int) -> HttpResponse:
    """A build under way; once it is done, its version."""
    job: Job = get_object_or_404(Job.objects.visible_to(request.user), project=project, kind=Job.Kind.BUILD, pk=job_id)
    version = DatasetVersion.objects.frozen().filter(job=job).select_related("dataset").first()
    if is_part(request, "progress"):
        if job.is_unfinished:
            return render(request, "curation/datasets/_building.html", {"job": job, "words": words(job)})
        return HttpResponse(headers={"HX-Refresh": "true"})
    if version is not None:
        return redirect("dataset_version", project.slug, version.dataset.name, version.label)
    if job.params.get("verify_version_id"):
        verified = get_object_or_404(
            DatasetVersion.objects.select_related("dataset"), pk=job.params["verify_version_id"]
        )
        return redirect("dataset_version", project.slug, verified.dataset.name, verified.label)
    context = {"section": "datasets", "job": job, "words": words(job), "has_failed": job.state == State.FAILED}
    return render(request, "curation/datasets/build.html", context)


@project_page(Right.VIEW)
@require_safe
def dataset_version(request: PageRequest, project: Project, name: str, label: str) -> HttpResponse:
    """One version: what it holds, how it came about, its pairs."""
    version = version_of(request, project, name, label)
    if is_part(request, "verified"):
        return _verified_part(request, version)
    context = {
        "section": "datasets",
        "version": version,
        "counts": version.manifest["counts"],
        "lines": funnels.lines(version.funnel),
        "shares": _shares(version.manifest["counts"]),
        "verified": _verified(version),
        "downloads": _downloads(version),
        "closed_because": handing_out.closed_tables_because(version),
        "gate": gate_of(version),
        "may_renew": bool(version.withdrawn_count and not version.replaced_by_id),
        "siblings": DatasetVersion.objects.frozen().filter(dataset=version.dataset)[:12],
        **_pairs_context(request, version),
    }
    page = "_pairs.html" if is_part(request, "pairs") else "version.html"
    return render(request, f"curation/datasets/{page}", context)


@dataclass(frozen=True)
class Share:
    """A line of a small table: a name, a count, and its share of the whole in per cent."""

    name: str
    count: int
    share: float


def _shares(counts: dict[str, Any]) -> list[tuple[str, list[Share]]]:
    """Pairs by split and basis; for a version without pairs, its samples by split."""
    words = {
        "people": _("people"),
        "machines": _("machines"),
        "both": _("people and machines"),
        "behaviour": _("behaviour"),
    }
    tables = (
        [(_("Pairs by split"), counts["pairs_by_split"]), (_("Pairs by basis"), counts["pairs_by_basis"])]
        if counts["pairs"]
        else [(_("Samples by split"), counts["samples_by_split"])]
    )
    return [
        (title, [Share(words.get(name, name), table[name], _per_cent(table, name)) for name in in_order(table)])
        for title, table in tables
    ]


def _per_cent(table: dict[str, int], name: str) -> float:
    return 100 * table[name] / max(sum(table.values()), 1)


def _downloads(version: DatasetVersion) -> list[dict[str, Any]]:
    files = version.manifest["files"]
    return [{"table": table, **files[table]} for table in DOWNLOADS if table in files]


# -- the browser of pairs ----------------------------------------


@dataclass(frozen=True)
class ShownPair:
    """One pair of the page: its row, its example with pictures, whether it was withdrawn since."""

    row: dict[str, Any]
    example: funnels.Example | None
    withdrawn: str


def _pairs_context(request: PageRequest, version: DatasetVersion) -> dict[str, Any]:
    """A page of pairs by `split`, `prompt`, `after` and `before`. Reads the rows of the page and no others."""
    split, prompt = request.GET.get("split", ""), request.GET.get("prompt", "")
    wanted = version_files.scan(version, "pairs")
    if split:
        wanted = wanted.filter(pl.col("split") == split)
    if prompt.isdigit():
        wanted = wanted.filter(pl.col("prompt_id") == int(prompt))
    rows, page = _page(wanted, after=request.GET.get("after", ""), before=request.GET.get("before", ""))
    return {
        "pairs": shown_pairs(version, rows),
        "page": page,
        "split": split,
        "prompt_id": prompt if prompt.isdigit() else "",
        "splits": in_order(version.manifest["counts"]["pairs_by_split"]),
    }


@dataclass(frozen=True)
class PairPage:
    """The cursors of the neighbouring pages, empty where there is none."""

    previous_cursor: str
    next_cursor: str


def _page(wanted: pl.LazyFrame, *, after: str, before: str) -> tuple[list[dict[str, Any]], PairPage]:
    """The rows next to a cursor; the file is sorted by pair_id, so whole groups of rows are passed over."""
    if before:
        rows = wanted.filter(pl.col("pair_id") < before).tail(PAIRS_A_PAGE + 1).collect().to_dicts()
        has_more, rows = len(rows) > PAIRS_A_PAGE, rows[-PAIRS_A_PAGE:]
        previous, following = has_more, bool(rows)
    else:
        rows = wanted.filter(pl.col("pair_id") > after).head(PAIRS_A_PAGE + 1).collect().to_dicts()
        has_more, rows = len(rows) > PAIRS_A_PAGE, rows[:PAIRS_A_PAGE]
        previous, following = bool(after and rows), has_more
    first, last = (rows[0]["pair_id"], rows[-1]["pair_id"]) if rows else ("", "")
    return rows, PairPage(first if previous else "", last if following else "")


def shown_pairs(version: DatasetVersion, rows: list[dict[str, Any]]) -> list[ShownPair]:
    """Rows of the version's pairs with their pictures. Costs five queries."""
    found = {row["pair_id"]: example for row, example in funnels.examples(rows)}
    names = [row["pair_id"] for row in rows]
    withdrawn = dict(version.tombstones.filter(pair_id__in=names).values_list("pair_id", "reason"))
    return [ShownPair(row, found.get(row["pair_id"]), withdrawn.get(row["pair_id"], "")) for row in rows]


# -- verifying ----------------------------------------


@require_POST
@project_page(Right.EDIT)
def dataset_verify(request: PageRequest, project: Project, name: str, label: str) -> HttpResponse:
    """Orders a rebuild; its answer appears on the version's page."""
    version = version_of(request, project, name, label)
    job = verifying.order(version=version, by=request.user)
    ring_for_build(job)
    messages.info(request, _("The rebuild has begun. Its answer appears here."))
    return redirect("dataset_version", project.slug, name, label)


def _verified(version: DatasetVersion) -> Job | None:
    """The newest rebuild of this version."""
    found: Job | None = Job.objects.filter(
        project=version.dataset.project, kind=Job.Kind.BUILD, params__verify_version_id=version.pk
    ).first()
    return found


def _verified_part(request: PageRequest, version: DatasetVersion) -> HttpResponse:
    context = {"version": version, "verified": _verified(version)}
    return render(request, "curation/datasets/_verified.html", context)


@require_POST
@project_page(Right.EDIT)
def dataset_minor(request: PageRequest, project: Project, name: str, label: str) -> HttpResponse:
    """Makes the minor version without the rows that were found withdrawn."""
    minor = withdrawals.make_minor(version=version_of(request, project, name, label), by=request.user)
    messages.success(request, _("%(minor)s is frozen.") % {"minor": minor})
    return redirect("dataset_version", project.slug, name, minor.label)


# -- downloads ----------------------------------------


@project_page(Right.VIEW)
@require_safe
def dataset_download(request: PageRequest, project: Project, name: str, label: str, table: str) -> HttpResponseBase:
    """A table of the version as Parquet; `manifest` is JSON, `funnel` and `recipe` are text."""
    version = version_of(request, project, name, label)
    if table in DOWNLOADS:
        if because := handing_out.closed_tables_because(version):
            raise Refused(because)
        if table not in version.manifest["files"]:
            raise Http404
        file = version_files.path_of(version, table).open("rb")
        return FileResponse(file, as_attachment=True, filename=f"{name}-{label}-{table}.parquet")
    texts = {
        "manifest": ("json", lambda: json.dumps(version.manifest, indent=2, ensure_ascii=False)),
        "funnel": ("txt", lambda: "\n".join(funnel_text(version.funnel)) + "\n"),
        "recipe": ("yaml", lambda: version.recipe.text),
    }
    if table not in texts:
        raise Http404
    ending, text = texts[table]
    return HttpResponse(
        text(),
        content_type="application/json" if ending == "json" else "text/plain; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}-{label}-{table}.{ending}"'},
    )


def version_of(request: PageRequest, project: Project, name: str, label: str) -> DatasetVersion:
    """The frozen version at an address, or 404."""
    number, _dot, minor = label.partition(".")
    if not (number.isdigit() and (minor or "0").isdigit()):
        raise Http404
    rows = DatasetVersion.objects.visible_to(request.user).frozen().select_related("dataset__project", "recipe", "job")
    found: DatasetVersion = get_object_or_404(
        rows, dataset__project=project, dataset__name=name, number=int(number), minor=int(minor or 0)
    )
    return found
