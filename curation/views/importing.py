"""Importing: choose, look at what would come, start, watch, read what was refused."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from django.contrib import messages
from django.db import transaction
from django.http import FileResponse, Http404, HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from curation import tasks, uploads
from curation.access import Right, may
from curation.actions import importing, jobs
from curation.errors import Refused
from curation.formats import FORMATS
from curation.forms.importing import HowForm, ImportForm
from curation.models import Job, JobFailure, Project, State
from curation.views.doors import PageRequest, is_part, project_page
from curation.views.overview import words

HISTORY = 30
REFUSALS_SHOWN = 100


@project_page(Right.EDIT)
def imports(request: PageRequest, project: Project) -> HttpResponse:
    """The form and the history; a sent form becomes a dry run, so nothing is written before somebody has looked."""
    is_sent = request.method == "POST"
    form = ImportForm(
        request.POST if is_sent else None,
        request.FILES if is_sent else None,
        may_name_path=may(request.role, Right.MANAGE),
        was_too_large=uploads.was_too_large(request.META),
    )
    if is_sent and form.is_valid():
        job = _first_look(request, project, form)
        if job is not None:
            return redirect("import", project.slug, job.pk)
    history = Job.objects.filter(project=project, kind=Job.Kind.IMPORT)[:HISTORY]
    lines = [{"job": job, "words": words(job), "is_dry": job.params.get("is_dry_run")} for job in history]
    return render(request, "curation/importing/choose.html", {"section": "samples", "form": form, "history": lines})


def _first_look(request: PageRequest, project: Project, form: ImportForm) -> Job | None:
    """Queues a dry run of what was given; None, with a message, where its format cannot be told."""
    uploads.sweep()
    named = form.cleaned_data.get("server_path")
    path = named or uploads.keep(form.cleaned_data["upload"])
    try:
        options = importing.for_path(path, is_dry_run=True, is_upload=named is None, **form.chosen())
    except Refused as error:
        if named is None:
            importing.remove(importing.upload_folder(path))
        messages.error(request, str(error))
        return None
    return _queue(request, project, options)


def _queue(request: PageRequest, project: Project, options: importing.Options) -> Job:
    job = importing.create(project=project, options=options, by=request.user)
    _ring(job)
    return job


def _ring(job: Job) -> None:
    """Calls a worker once the row is committed. A queue that does not answer is no harm: the sweep calls later."""
    message = partial(tasks.run_import.apply_async, kwargs={"job_id": job.pk}, queue=job.queue)
    transaction.on_commit(message, robust=True)


def _job(project: Project, import_id: int) -> Job:
    return get_object_or_404(Job, project=project, kind=Job.Kind.IMPORT, pk=import_id)


@require_GET
@project_page(Right.EDIT)
def detail(request: PageRequest, project: Project, import_id: int) -> HttpResponse:
    """A dry run or an import: how far it is, then what came of it."""
    job = _job(project, import_id)
    if is_part(request, "progress"):
        answer = render(request, "curation/importing/_progress.html", {"job": job, "words": words(job)})
        if not job.is_unfinished:
            answer["HX-Refresh"] = "true"
        return answer
    return render(request, "curation/importing/detail.html", {"section": "samples", **_told(project, job)})


def _told(project: Project, job: Job) -> dict[str, Any]:
    options = importing.Options.of(job)
    is_ready = job.state == State.DONE and options.is_dry_run
    how = HowForm(initial={
        "format": options.format_name, "declare_absent": options.declare_absent, "licence": options.licence,
    })  # fmt: skip
    return {
        "job": job,
        "words": words(job),
        "options": options,
        "format": FORMATS[options.format_name],
        "name": Path(options.path).name,
        "counts": job.result.get("counts"),
        "preview": _preview(project, job) if is_ready else [],
        "refusals": job.failures.all()[:REFUSALS_SHOWN],
        "how": how if is_ready and Path(options.path).exists() else None,
        "nothing_came": job.state == State.DONE and importing.nothing_came(job),
    }


def _preview(project: Project, job: Job) -> list[dict[str, Any]]:
    return [
        row
        | {
            "thumbnail": reverse("import_thumbnail", args=[project.slug, job.pk, number])
            if row.get("has_thumbnail")
            else ""
        }
        for number, row in enumerate(job.result.get("preview", []))
    ]


@require_POST
@project_page(Right.EDIT)
def look_again(request: PageRequest, project: Project, import_id: int) -> HttpResponse:
    """Another dry run of the same, in another format or with other rules."""
    return _go_on(request, project, import_id, is_dry_run=True)


@require_POST
@project_page(Right.EDIT)
def start(request: PageRequest, project: Project, import_id: int) -> HttpResponse:
    """The import itself, as the dry run was."""
    return _go_on(request, project, import_id, is_dry_run=False)


def _go_on(request: PageRequest, project: Project, import_id: int, *, is_dry_run: bool) -> HttpResponse:
    dry = _job(project, import_id)
    before = importing.Options.of(dry)
    form = HowForm(request.POST)
    if not before.is_dry_run or dry.is_unfinished or not form.is_valid():
        raise Refused(_("Look at the import again first: this one is not a finished dry run."))
    options = importing.for_path(
        Path(before.path),
        media_root=Path(before.media_root),
        is_dry_run=is_dry_run,
        is_upload=before.is_upload,
        **form.chosen(),
    )
    job = _queue(request, project, options)
    importing.remove(importing.workspace_of(dry))
    return redirect("import", project.slug, job.pk)


@require_POST
@project_page(Right.EDIT)
def cancel(request: PageRequest, project: Project, import_id: int) -> HttpResponse:
    jobs.cancel(job=_job(project, import_id), by=request.user)
    return redirect("import", project.slug, import_id)


@require_POST
@project_page(Right.EDIT)
def resume(request: PageRequest, project: Project, import_id: int) -> HttpResponse:
    job = jobs.resume(job=_job(project, import_id), by=request.user)
    _ring(job)
    return redirect("import", project.slug, import_id)


@require_GET
@project_page(Right.EDIT)
def refusals(request: PageRequest, project: Project, import_id: int) -> StreamingHttpResponse:
    """Every refused row with its reason, as CSV, in constant memory."""
    job = _job(project, import_id)
    rows = JobFailure.objects.filter(job=job).order_by("id").values_list("what", "reason")
    answer = StreamingHttpResponse(_csv(rows.iterator(chunk_size=2000)), content_type="text/csv; charset=utf-8")
    answer["Content-Disposition"] = f'attachment; filename="refused-{job.pk}.csv"'
    return answer


class _Line:
    """A file that hands back what is written to it: what `csv` needs to make one line at a time."""

    def write(self, text: str) -> str:
        return text


def _csv(rows: Iterator[tuple[str, str]]) -> Iterator[str]:
    table = csv.writer(_Line())
    yield table.writerow(["where", "reason"])
    for what, reason in rows:
        yield table.writerow([_tame(what), _tame(reason)])


def _tame(text: str) -> str:
    """Keeps a spreadsheet from running a cell that a stranger wrote as a formula."""
    return f"'{text}" if text[:1] in "=+-@\t\r" else text


@require_GET
@project_page(Right.EDIT)
def thumbnail(request: PageRequest, project: Project, import_id: int, number: int) -> FileResponse:
    """The small picture of one row of a dry run, drawn anew by us: never the stranger's own bytes."""
    path = importing.thumbnail_path(importing.workspace_of(_job(project, import_id)), number)
    if not path.is_file():
        raise Http404
    answer = FileResponse(path.open("rb"), content_type="image/jpeg")
    answer["X-Content-Type-Options"] = "nosniff"
    return answer
