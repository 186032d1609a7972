"""Exports of a version: choose formats, watch one being written, look at what was found, take it along."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

from django.contrib import messages
from django.core.files.storage import default_storage
from django.db import transaction
from django.http import FileResponse, Http404, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.template.defaultfilters import filesizeformat
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST, require_safe

from curation.access import Right
from curation.actions import exports, gating, handing_out, jobs
from curation.errors import Refused
from curation.exports.card.charts import FOLDER as CHARTS
from curation.exports.preview import preview
from curation.exports.zipping import zip_stream
from curation.forms.exports import ExportForm
from curation.models import DatasetVersion, Export, Job, Project, State
from curation.tasks import run_export
from curation.views.doors import PageRequest, is_part, project_page
from curation.views.gate_glance import gate_of
from curation.views.publishing_lines import publication_lines


@dataclass(frozen=True)
class Line:
    """One export of the history. `tag` dresses the word beside it."""

    export: Export
    word: str
    tag: str
    size: str


@project_page(Right.VIEW, write=Right.EDIT)
def version_exports(request: PageRequest, project: Project, name: str, label: str) -> HttpResponse:
    """The exports of a version and, for those who may, the form of a new one. `?part=exports` gives the part alone."""
    version = _version(request, project, name, label)
    form = ExportForm(request.POST or None, task=project.task)
    if request.method == "POST" and form.is_valid():
        made = exports.order(version=version, formats=form.ordered_formats(), options=form.options(), by=request.user)
        _send(made)
        return redirect("export", project.slug, made.pk)
    context = {
        "section": "datasets",
        "version": version,
        "form": form,
        "lines": _history(request, version),
        "closed_because": handing_out.closed_because(version),
    }
    if is_part(request, "exports"):
        return render(request, "curation/exports/_exports.html", context)
    return render(request, "curation/exports/list.html", {**context, "gate": gate_of(version)})


@project_page(Right.VIEW)
@require_safe
def export(request: PageRequest, project: Project, export_id: int) -> HttpResponse:
    """One export: its progress while it runs, then what was written and what reading it back found."""
    row = _export(request, project, export_id)
    context: dict[str, Any] = {"section": "datasets", "export": row, "job": row.job, "version": row.version}
    context["line"] = _line(row)
    if is_part(request, "progress"):
        return _progress_part(request, row, context)
    if row.finished_at:
        card = exports.card_of(row)
        context |= {
            "configs": _configs(row),
            "left_out": _left_out(row),
            "gate": gating.written_with(row),
            "card": preview(card, _pictures(row)) if card else None,
            "withdrawn": exports.withdrawn_since(row),
            "is_downloadable": exports.is_downloadable(row),
            "publications": publication_lines(row.publications.select_related("job", "created_by")),
            "closed_because": exports.closed_because(row),
        }
    return render(request, "curation/exports/detail.html", context)


def _progress_part(request: PageRequest, row: Export, context: dict[str, Any]) -> HttpResponse:
    """The part asks again every two seconds; when the job is over, the whole page is fetched anew."""
    if row.job and row.job.is_unfinished:
        return render(request, "curation/exports/_progress.html", context)
    return HttpResponse(headers={"HX-Refresh": "true"})


@project_page(Right.VIEW)
@require_safe
def export_download(request: PageRequest, project: Project, export_id: int) -> HttpResponseBase:
    """The export as a zip, written while it is sent."""
    row = _export(request, project, export_id)
    if not exports.is_downloadable(row):
        because = exports.closed_because(row)
        raise Refused(because or _("This export cannot be downloaded. Its page says why; a new one can."))
    name = f"{exports.download_name(row)}.zip"
    return StreamingHttpResponse(
        zip_stream(exports.parts_of(row)),
        content_type="application/zip",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


@project_page(Right.VIEW)
@require_safe
def export_picture(request: PageRequest, project: Project, export_id: int, picture: str) -> HttpResponseBase:
    """A chart of the card, as it lies in the export."""
    row = _export(request, project, export_id)
    sha256 = row.manifest.get("files", {}).get(f"{CHARTS}/{picture}.png")
    if not sha256 or row.place:
        raise Http404
    stream = default_storage.open(exports.stored_name(sha256))
    return FileResponse(stream, content_type="image/png", headers={"Cache-Control": "private, max-age=86400"})


def _pictures(row: Export) -> dict[str, str]:
    """Addresses of the charts of an export, by their path in it."""
    slug = row.version.dataset.project.slug
    return {
        path: reverse("export_picture", args=[slug, row.pk, path.removeprefix(f"{CHARTS}/").removesuffix(".png")])
        for path in row.manifest.get("files", {})
        if path.startswith(f"{CHARTS}/") and path.endswith(".png")
    }


@require_POST
@project_page(Right.EDIT)
def export_cancel(request: PageRequest, project: Project, export_id: int) -> HttpResponse:
    row = _export(request, project, export_id)
    if row.job:
        jobs.cancel(job=row.job, by=request.user)
        messages.success(request, _("The export stops. Nothing of it stays."))
    return redirect("export", project.slug, row.pk)


@require_POST
@project_page(Right.EDIT)
def export_resume(request: PageRequest, project: Project, export_id: int) -> HttpResponse:
    """Starts a stopped or failed export again, from the beginning."""
    row = _export(request, project, export_id)
    if row.job:
        jobs.resume(job=row.job, by=request.user)
        _send(row)
    return redirect("export", project.slug, row.pk)


@require_POST
@project_page(Right.EDIT)
def export_delete(request: PageRequest, project: Project, export_id: int) -> HttpResponse:
    """Deletes an export and those of its files that nothing else holds."""
    row = _export(request, project, export_id)
    version = row.version
    exports.delete(export=row, by=request.user)
    messages.success(request, _("The export is deleted. The version stays, and can be exported again."))
    return redirect("version_exports", project.slug, version.dataset.name, version.label)


def _send(row: Export) -> None:
    """Rings for a worker once the rows are there. A lost message is sent again by the sweep."""
    ring = partial(run_export.apply_async, kwargs={"job_id": row.job_id}, queue=row.job.queue if row.job else "cpu")
    transaction.on_commit(ring, robust=True)


def _version(request: PageRequest, project: Project, name: str, label: str) -> DatasetVersion:
    number, _dot, minor = label.partition(".")
    if not (number.isdigit() and (minor or "0").isdigit()):
        raise Http404
    rows = DatasetVersion.objects.visible_to(request.user).frozen().select_related("dataset__project", "recipe")
    found: DatasetVersion = get_object_or_404(
        rows, dataset__project=project, dataset__name=name, number=int(number), minor=int(minor or 0)
    )
    return found


def _export(request: PageRequest, project: Project, export_id: int) -> Export:
    rows = Export.objects.visible_to(request.user).select_related("version__dataset__project", "job", "created_by")
    found: Export = get_object_or_404(rows, pk=export_id, version__dataset__project=project)
    return found


def _history(request: PageRequest, version: DatasetVersion) -> list[Line]:
    rows = Export.objects.visible_to(request.user).filter(version=version).select_related("job", "created_by")
    return [_line(row) for row in rows[:50]]


def _line(row: Export) -> Line:
    if row.finished_at:
        count = len(row.readback.get("findings", []))
        word = (
            _("read back, nothing wrong")
            if not count
            else ngettext("%d mistake found", "%d mistakes found", count) % count
        )
        return Line(row, word, "" if not count else "note", filesizeformat(_bytes(row)))
    job = row.job
    if job is None:
        return Line(row, _("unknown: its job was deleted"), "note", "")
    tag = {State.RUNNING: "live", State.FAILED: "note"}.get(State(job.state), "")
    return Line(row, str(job.get_state_display()), tag, _progress_words(job))


def _progress_words(job: Job) -> str:
    if job.state != State.RUNNING or not job.total:
        return ""
    stage = _("reading back") if job.processed * 2 >= job.total else _("writing")
    words = _("%(stage)s, %(share)d %%") % {"stage": stage, "share": round(100 * (job.share or 0))}
    return (
        words
        if not job.seconds_left
        else _("%(words)s · about %(seconds)d s left")
        % {
            "words": words,
            "seconds": max(round(job.seconds_left), 1),
        }
    )


def _bytes(row: Export) -> int:
    files = (
        file for config in row.manifest["configs"].values() for split in config.values() for file in split["files"]
    )
    return sum(file["bytes"] for file in files)


def _configs(row: Export) -> list[dict[str, Any]]:
    """A line for each config and split: rows, size, number of files."""
    return [
        {
            "config": config,
            "split": split,
            "rows": written["rows"],
            "size": filesizeformat(sum(file["bytes"] for file in written["files"])),
            "files": len(written["files"]),
        }
        for config, splits in row.manifest["configs"].items()
        for split, written in splits.items()
    ]


def _left_out(row: Export) -> list[tuple[str, str, int]]:
    """Format (empty for all), reason, pairs."""
    return [
        ("" if where == "everywhere" else where, reason, count)
        for where, reasons in row.manifest["left_out"].items()
        for reason, count in reasons.items()
    ]
