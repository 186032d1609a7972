"""Long work of every kind: the list, one job with live progress, its failures, and what a person may do about it."""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from django.contrib import messages
from django.db.models import Count
from django.http import HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from curation.access import Right
from curation.models import Job, JobFailure, Project, Sample, State
from curation.models.jobs import JobQuerySet
from curation.views.doors import PageRequest, is_part, project_page
from curation.views.facets import Facet, facet
from curation.views.paging import Key, keyset
from curation.views.pictures import first_pictures
from scoring import tasks, words, workers
from scoring.actions import starting
from scoring.catalogue import CATALOGUE

JOBS_A_PAGE = 30
FAILURES_A_PAGE = 24
# Beyond these a part is a hair's breadth on the screen; the counts say the same.
PARTS_DRAWN = 400
_DIGEST = re.compile(r"[0-9a-f]{32,}")


@dataclass(frozen=True)
class Line:
    """One job of the list."""

    job: Job
    progress: str
    tag: str


def _visible(request: PageRequest, project: Project) -> JobQuerySet:
    rows: JobQuerySet = Job.objects.visible_to(request.user).filter(project=project)
    return rows


@project_page(Right.VIEW)
@require_safe
def jobs(request: PageRequest, project: Project) -> HttpResponse:
    if is_part(request, "workers"):
        return render(request, "scoring/_workers.html", {"workers": _workers()})
    rows = _narrowed(_visible(request, project), request)
    page = keyset(rows.select_related("created_by"), [Key("pk", descending=True)], request.GET, JOBS_A_PAGE)
    context = {
        "section": "jobs",
        "page": page,
        "lines": [Line(job, words.progress(job) if job.is_unfinished else outcome(job), _tag(job)) for job in page],
        "is_live": any(job.is_unfinished for job in page),
        "facets": _facets(request),
        "is_narrowed": bool(request.GET.get("kind") or request.GET.get("state")),
    }
    return render(request, "scoring/_job_list.html" if is_part(request, "list") else "scoring/jobs.html", context)


def _workers() -> list[tuple[str, int]]:
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


def _tag(job: Job) -> str:
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


# -- one job ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Owner:
    """Who works at a job, and how long ago it was heard."""

    host: str
    process: str
    seconds_silent: float

    @property
    def heard(self) -> str:
        return words.duration(max(self.seconds_silent, 0))

    @property
    def is_silent(self) -> bool:
        return self.seconds_silent > 60


@project_page(Right.VIEW)
@require_safe
def job(request: PageRequest, project: Project, job_id: int) -> HttpResponse:
    shown = get_object_or_404(_visible(request, project).select_related("created_by"), pk=job_id)
    if is_part(request, "progress"):
        response = render(request, "scoring/_progress.html", _progress(shown))
        if not shown.is_unfinished:
            response.headers["HX-Refresh"] = "true"  # the rest of the page changes too: failures, buttons, results
        return response
    failures = keyset(shown.failures.select_related("sample", "prompt"), [Key("pk")], request.GET, FAILURES_A_PAGE)
    pictures = first_pictures([failure.sample_id for failure in failures if failure.sample_id])
    context = {
        "section": "jobs",
        **_progress(shown),
        "page": failures,
        "failures": [(failure, pictures.get(failure.sample_id)) for failure in failures],
        "reasons": _reasons(shown),
        "may_retry": _may_retry(shown),
        "facts": _facts(shown),
        "trial": _trial(shown),
        "result": _plain_results(shown),
    }
    return render(request, "scoring/job.html", context)


def _progress(job: Job) -> dict[str, object]:
    """What changes while a job runs. Costs four queries, however many parts there are."""
    states = dict(job.chunks.order_by().values_list("state").annotate(count=Count("pk")))
    part_count = sum(states.values())
    return {
        "job": job,
        "tag": _tag(job),
        "words": words.progress(job) if job.is_unfinished else outcome(job),
        "rate": words.speed(job.rate) if job.rate else "",
        "left": words.duration(job.seconds_left) if job.seconds_left is not None and job.total != job.processed else "",
        "owners": _owners(job, part_count) if job.is_unfinished else [],
        "parts": job.chunks.order_by("position").values("state") if part_count <= PARTS_DRAWN else [],
        "part_counts": [(State(state).label, states[state]) for state in State.values if state in states],
        "part_count": part_count,
        "troubles": job.chunks.exclude(error="").order_by("error").values_list("error", flat=True).distinct()[:3],
        "waited": _waited(job),
    }


def _owners(job: Job, part_count: int) -> list[Owner]:
    """Who works at the job: the owners of its parts, or its own while it has none."""
    if part_count:
        held = list(job.chunks.filter(state=State.RUNNING).order_by("owner").values_list("owner", "heartbeat_at"))
    else:
        held = [(job.owner, job.heartbeat_at)] if job.state == State.RUNNING else []
    now = timezone.now()
    return [_owner(name, (now - heard).total_seconds()) for name, heard in held if heard]


def _owner(name: str, seconds_silent: float) -> Owner:
    host, _colon, rest = name.partition(":")
    return Owner(host, rest.partition(":")[0], seconds_silent)


def _waited(job: Job) -> str:
    """How long a job has been waiting, once that is worth a word."""
    seconds = (timezone.now() - job.created_at).total_seconds()
    return words.duration(seconds) if job.state == State.QUEUED and seconds > 15 else ""


def _reasons(job: Job) -> list[tuple[str, int]]:
    """Reasons that several failures share, names of files left out. One query of bounded size."""
    rows = job.failures.order_by("pk").values_list("reason", flat=True)[:2000]
    common = Counter(_DIGEST.sub("…", reason) for reason in rows).most_common(4)
    return [(reason, count) for reason, count in common if count > 1]


def _may_retry(job: Job) -> bool:
    return (
        job.kind == Job.Kind.SCORE
        and not job.is_unfinished
        and not job.params.get("trial")
        and (job.failed > 0 or job.chunks.filter(state=State.FAILED).exists())
    )


def _facts(job: Job) -> list[tuple[str, str]]:
    """What the job was asked, and when and where it ran."""
    facts = [
        (_("Kind"), job.get_kind_display()),
        (_("Started by"), str(job.created_by) if job.created_by else _("a command or the timetable")),
        (_("Queue"), job.queue),
    ]
    for name, settings in job.params.get("scorers", {}).items():
        chosen = ", ".join(f"{key} = {value}" for key, value in settings.items())
        facts.append((_("Scorer"), f"{name} ({chosen})" if chosen else name))
    if job.kind == Job.Kind.SCORE:
        facts.append((_("Samples"), _chosen_words(job.params)))
    for host, seen in job.environment.items():
        libraries = seen.get("libraries", {}) if isinstance(seen, dict) else {}
        facts.append((host, ", ".join(f"{name} {version}" for name, version in libraries.items())))
    return facts


def _chosen_words(params: dict) -> str:
    if params.get("trial"):
        return _("one, as a try")
    if params.get("arrival"):
        return _("those that arrived since the last time")
    chosen = params.get("chosen") or {}
    if not chosen:
        return _("all of the project that lacked a score")
    return ", ".join(f"{name}: {len(value) if isinstance(value, list) else value}" for name, value in chosen.items())


def _trial(job: Job) -> dict[str, object] | None:
    """What a try found, with its sample."""
    if not job.params.get("trial"):
        return None
    sample = Sample.objects.select_related("prompt", "generator").filter(pk=job.params["trial"]).first()
    (name,) = job.params["scorers"]
    found = job.result.get("trial") or {}
    outputs = {output.criterion: output for output in CATALOGUE[name].outputs} if name in CATALOGUE else {}
    return {
        "scorer": name,
        "sample": sample,
        "picture": first_pictures([sample.pk]).get(sample.pk) if sample else None,
        "values": [{**value, "output": outputs.get(value["criterion"])} for value in found.get("values", [])],
        "detail": [(key, _spoken(value)) for key, value in found.get("detail", {}).items() if _spoken(value)],
        "reason": found.get("reason", ""),
        "seconds": words.duration(job.result["seconds"]) if "seconds" in job.result else "",
    }


def _spoken(value: object) -> str:
    """A value of a scorer's detail for reading: the texts of a list, whole numbers without a point, no brackets."""
    if isinstance(value, dict):
        return (
            str(value["text"]) if "text" in value else ", ".join(f"{key} {_spoken(one)}" for key, one in value.items())
        )
    if isinstance(value, list):
        return " · ".join(_spoken(one) for one in value)
    if isinstance(value, float):
        return f"{value:.4g}"
    return "" if value is None else str(value)


def _plain_results(job: Job) -> list[tuple[str, object]]:
    """What other kinds of work leave on their job, where it is a plain number or word."""
    if job.kind == Job.Kind.SCORE:
        return []
    return [
        (name.replace("_", " "), value) for name, value in job.result.items() if isinstance(value, str | int | float)
    ]


# -- what a person may do ---------------------------------------------------------------------------------------------


@project_page(Right.EDIT)
@require_POST
def job_cancel(request: PageRequest, project: Project, job_id: int) -> HttpResponse:
    stopped = starting.cancel(job=get_object_or_404(_visible(request, project), pk=job_id), by=request.user)
    if stopped.is_unfinished:
        messages.info(request, _("It stops at the next batch. What is done stays."))
    return redirect("job", project.slug, job_id)


@project_page(Right.EDIT)
@require_POST
def job_resume(request: PageRequest, project: Project, job_id: int) -> HttpResponse:
    resumed = starting.resume(job=get_object_or_404(_visible(request, project), pk=job_id), by=request.user)
    tasks.ring_after_commit([resumed])
    return redirect("job", project.slug, job_id)


@project_page(Right.EDIT)
@require_POST
def job_retry(request: PageRequest, project: Project, job_id: int) -> HttpResponse:
    again = starting.retry_failed(job=get_object_or_404(_visible(request, project), pk=job_id), by=request.user)
    tasks.ring_after_commit([again])
    return redirect("job", project.slug, job_id)


@project_page(Right.VIEW)
@require_safe
def job_failures(request: PageRequest, project: Project, job_id: int) -> HttpResponseBase:
    """Every failure as CSV, streamed, so that a million of them need no memory."""
    shown = get_object_or_404(_visible(request, project), pk=job_id)
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
