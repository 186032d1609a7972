"""Long work of every kind: the list, the failures as a table, and what a person may do about a job."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass

from django.contrib import messages
from django.http import HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from curation.access import Right
from curation.errors import Refused
from curation.models import Job, JobFailure, Project, State
from curation.models.jobs import JobQuerySet
from curation.views.doors import PageRequest, is_part, project_page
from curation.views.facets import Facet, facet
from curation.views.paging import Key, keyset
from scoring import tasks, words, workers
from scoring.actions import starting
from scoring.actions.judging import starting as judging
from scoring.forms.judging import BudgetForm

JOBS_A_PAGE = 30


@dataclass(frozen=True)
class Line:
    """One job of the list."""

    job: Job
    progress: str
    tag: str


def visible(request: PageRequest, project: Project) -> JobQuerySet:
    rows: JobQuerySet = Job.objects.visible_to(request.user).filter(project=project)
    return rows


@project_page(Right.VIEW)
@require_safe
def jobs(request: PageRequest, project: Project) -> HttpResponse:
    if is_part(request, "workers"):
        return render(request, "scoring/_workers.html", {"workers": answering_workers()})
    rows = _narrowed(visible(request, project), request)
    page = keyset(rows.select_related("created_by"), [Key("pk", descending=True)], request.GET, JOBS_A_PAGE)
    context = {
        "section": "jobs",
        "page": page,
        "lines": [line_of(job) for job in page],
        "is_live": any(job.is_unfinished for job in page),
        "facets": _facets(request),
        "is_narrowed": bool(request.GET.get("kind") or request.GET.get("state")),
    }
    return render(request, "scoring/_job_list.html" if is_part(request, "list") else "scoring/jobs.html", context)


def answering_workers() -> list[tuple[str, int]]:
    """How many workers answer on each queue. Takes a second."""
    answering = workers.answering()
    return [(queue, len(answering.get(queue, []))) for queue in ("cpu", "gpu")]


def _narrowed(rows: JobQuerySet, request: PageRequest) -> JobQuerySet:
    for name in ("kind", "state"):
        if value := request.GET.get(name):
            rows = rows.filter(**{name: value})
    return rows


def _facets(request: PageRequest) -> list[Facet]:
    return [
        facet(request.GET, "state", _("State"), State.choices),
        facet(request.GET, "kind", _("Kind"), Job.Kind.choices),
    ]


def line_of(job: Job) -> Line:
    return Line(job, words.progress(job) if job.is_unfinished else outcome(job), tag_of(job))


def tag_of(job: Job) -> str:
    """How the state is dressed; its word stands beside."""
    return {State.RUNNING: "live", State.FAILED: "note", State.CANCELLED: ""}.get(State(job.state), "")


def outcome(job: Job) -> str:
    """What came of a job that is over."""
    if job.total is None and not job.processed:
        return job.error
    parts = [_("%(done)s of %(total)s") % {"done": f"{job.done:,}", "total": f"{job.total or job.processed:,}"}]
    parts += words.apart(job)
    if job.started_at and job.finished_at:
        parts.append(_("in %(time)s") % {"time": words.duration((job.finished_at - job.started_at).total_seconds())})
    return " · ".join(parts)


# -- what a person may do ---------------------------------------------------------------------------------------------


@project_page(Right.EDIT)
@require_POST
def job_cancel(request: PageRequest, project: Project, job_id: int) -> HttpResponse:
    stopped = starting.cancel(job=get_object_or_404(visible(request, project), pk=job_id), by=request.user)
    if stopped.is_unfinished:
        messages.info(request, _("It stops at the next batch. What is done stays."))
    return redirect("job", project.slug, job_id)


@project_page(Right.EDIT)
@require_POST
def job_resume(request: PageRequest, project: Project, job_id: int) -> HttpResponse:
    """Takes a stopped job up again, one of a judge perhaps with a larger budget."""
    job = get_object_or_404(visible(request, project), pk=job_id)
    resumed = _with_budget(request, job) if _is_budgeted(request, job) else starting.resume(job=job, by=request.user)
    tasks.ring_after_commit([resumed])
    return redirect("job", project.slug, job_id)


def _is_budgeted(request: PageRequest, job: Job) -> bool:
    return job.kind == Job.Kind.JUDGE and "budget_requests" in request.POST


def _with_budget(request: PageRequest, job: Job) -> Job:
    form = BudgetForm(request.POST)
    if not form.is_valid():
        raise Refused(" ".join(str(error) for errors in form.errors.values() for error in errors))
    return judging.resume(job=job, limits=form.limits(), by=request.user)


@project_page(Right.EDIT)
@require_POST
def job_retry(request: PageRequest, project: Project, job_id: int) -> HttpResponse:
    again = starting.retry_failed(job=get_object_or_404(visible(request, project), pk=job_id), by=request.user)
    tasks.ring_after_commit([again])
    return redirect("job", project.slug, job_id)


@project_page(Right.VIEW)
@require_safe
def job_failures(request: PageRequest, project: Project, job_id: int) -> HttpResponseBase:
    """Every failure as CSV, streamed, so that a million of them need no memory."""
    shown = get_object_or_404(visible(request, project), pk=job_id)
    return StreamingHttpResponse(
        _csv_lines(shown),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="job-{shown.pk}-failures.csv"'},
    )


class _Echo:
    """A file for the csv module that hands each line back."""

    def write(self, line: str) -> str:
        return line


def _csv_lines(job: Job) -> Iterator[str]:
    writer = csv.writer(_Echo())
    yield writer.writerow(["what", "source", "reason", "sample", "prompt"])
    failures = JobFailure.objects.filter(job=job).select_related("sample").order_by("pk")
    for failure in failures.iterator(chunk_size=2000):
        key = failure.sample.key if failure.sample else ""
        row = [failure.what, failure.source, failure.reason, key or failure.sample_id or "", failure.prompt_id or ""]
        yield writer.writerow([_harmless(cell) for cell in row])


def _harmless(cell: object) -> object:
    """A text that a spreadsheet would run as a formula is kept a text."""
    return f"'{cell}" if isinstance(cell, str) and cell[:1] in "=+-@\t\r" and cell else cell
