"""Publishing an export: say where to and under which terms, rehearse, watch it go, and see where it stands."""

from __future__ import annotations

from functools import partial
from typing import Any

from django.contrib import messages
from django.db import transaction
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from curation.access import Right
from curation.actions import jobs, publishing
from curation.errors import Conflict, Refused
from curation.forms.publishing import PublishForm
from curation.models import Export, Project, Publication
from curation.tasks import run_publication
from curation.views.doors import PageRequest, is_part, project_page
from curation.views.publishing_lines import publication_line

# The most files a page lists; the manifest of the export names them all.
FILES_SHOWN = 200


@project_page(Right.EDIT, write=Right.EDIT)
def export_publish(request: PageRequest, project: Project, export_id: int) -> HttpResponse:
    """The form of a publication. Two buttons: one rehearses, the other publishes."""
    rows = Export.objects.visible_to(request.user).select_related("version__dataset__project", "job")
    export = get_object_or_404(rows, pk=export_id, version__dataset__project=project)
    form = PublishForm(request.POST or None, export=export, user=request.user)
    if request.method == "POST" and form.is_valid():
        try:
            wish = form.wish(is_rehearsal="rehearse" in request.POST)
            made = publishing.order(export=export, wish=wish, by=request.user)
        except (Refused, Conflict) as error:
            form.add_error(None, str(error))
        else:
            _send(made)
            return redirect("publication", project.slug, made.pk)
    context = {"section": "datasets", "export": export, "version": export.version, "form": form}
    return render(request, "curation/publishing/form.html", context)


@project_page(Right.VIEW)
@require_safe
def publication(request: PageRequest, project: Project, publication_id: int) -> HttpResponse:
    """One publication: its progress, then what stands on the Hub, or what to do. `?part=progress` gives that alone."""
    row = _publication(request, project, publication_id)
    context: dict[str, Any] = {
        "section": "datasets",
        "publication": row,
        "version": row.version,
        "job": row.job,
        "line": publication_line(row),
    }
    if is_part(request, "progress"):
        if row.job and row.job.is_unfinished:
            return render(request, "curation/publishing/_progress.html", context)
        return HttpResponse(headers={"HX-Refresh": "true"})
    files = row.plan.get("files", [])
    context |= {"files": files[:FILES_SHOWN], "more": max(len(files) - FILES_SHOWN, 0), "plan": row.plan}
    return render(request, "curation/publishing/detail.html", context)


@require_POST
@project_page(Right.EDIT)
def publication_go(request: PageRequest, project: Project, publication_id: int) -> HttpResponse:
    """Publishes what was rehearsed."""
    row = publishing.go(publication=_publication(request, project, publication_id), by=request.user)
    _send(row)
    return redirect("publication", project.slug, row.pk)


@require_POST
@project_page(Right.EDIT)
def publication_cancel(request: PageRequest, project: Project, publication_id: int) -> HttpResponse:
    row = _publication(request, project, publication_id)
    if row.job:
        jobs.cancel(job=row.job, by=request.user)
        messages.success(request, _("It stops after the file it is sending. Nothing of this version is visible there."))
    return redirect("publication", project.slug, row.pk)


@require_POST
@project_page(Right.EDIT)
def publication_resume(request: PageRequest, project: Project, publication_id: int) -> HttpResponse:
    """Starts a stopped or failed publication again; what is up is not sent twice."""
    row = _publication(request, project, publication_id)
    if row.job:
        jobs.resume(job=row.job, by=request.user)
        _send(row)
    return redirect("publication", project.slug, row.pk)


def _send(row: Publication) -> None:
    """Rings for a worker once the rows are there. A lost message is sent again by the sweep."""
    queue = row.job.queue if row.job else "cpu"
    ring = partial(run_publication.apply_async, kwargs={"job_id": row.job_id}, queue=queue)
    transaction.on_commit(ring, robust=True)


def _publication(request: PageRequest, project: Project, publication_id: int) -> Publication:
    rows = Publication.objects.visible_to(request.user).select_related(
        "version__dataset__project", "export", "job", "created_by", "token"
    )
    found: Publication = get_object_or_404(rows, pk=publication_id, version__dataset__project=project)
    return found
