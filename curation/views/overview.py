"""A project at a glance: the funnel, what needs a person, what runs."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from time import monotonic

from django.core.cache import cache
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import NoReverseMatch, reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_safe

from curation.access import Right, may
from curation.figures import Step, funnel
from curation.models import DatasetVersion, Job, Project
from curation.models import progress as progress_counts
from curation.models.progress import Counts, Wants
from curation.templatetags.pairwright import number
from curation.views.doors import PageRequest, is_part, project_page


@dataclass(frozen=True)
class Want:
    """One thing that waits for a person: how many, what, and where to go."""

    count: int
    text: str
    hint: str
    url: str
    label: str


@project_page(Right.ENTER)
@require_safe
def project(request: PageRequest, project: Project) -> HttpResponse:
    """The overview; for annotators, who must not see who made what, a page about their own work."""
    if not may(request.role, Right.VIEW):
        return render(request, "projects/annotator.html", {"section": "overview"})
    if is_part(request, "running"):
        return render(request, "projects/_running.html", _running(project))
    counts, counted_at = _counts(project)
    wants = progress_counts.wants(project, counts.samples_absent)
    context = {
        "section": "overview",
        "steps": funnel(_steps(project, counts, progress_counts.newest_version(project))),
        "counts": counts,
        "counted_at": counted_at,
        "wants": _wants(project, wants),
        "generator_count": project.generators.count(),
        "criteria_count": project.criteria_set.items.count() if project.criteria_set else 0,
        **_running(project),
    }
    return render(request, "projects/overview.html", context)


# Counting a small project takes milliseconds and is done for every visit. Counting a million samples takes seconds;
# the result is kept for this many times as long, and the page says of when it is.
KEPT_TIMES = 20


def _counts(project: Project) -> tuple[Counts, datetime | None]:
    """The counts of the funnel, and when they were made where that was not just now."""
    key = f"overview-counts-{project.pk}"
    if kept := cache.get(key):
        return kept
    started = monotonic()
    counts = progress_counts.counts(project)
    seconds = monotonic() - started
    if seconds > 1:
        cache.set(key, (counts, timezone.now()), timeout=KEPT_TIMES * seconds)
    return counts, None


def _steps(project: Project, counts: Counts, version: DatasetVersion | None) -> list[Step]:
    prompts, samples = reverse("prompts", args=[project.slug]), reverse("samples", args=[project.slug])
    return [
        Step(_("prompts"), counts.prompts, 1.0, _bare(counts), prompts, f"{prompts}?samples=none"),
        Step(
            _("samples"),
            counts.samples,
            _share(counts.prompts_with_samples, counts.prompts),
            _a_prompt(counts.samples, counts.prompts),
            samples,
        ),
        Step(
            _("samples scored"),
            counts.samples_scored,
            _share(counts.samples_scored, counts.samples),
            _of(counts.samples_scored, counts.samples),
            f"{samples}?scored=any",
        ),
        Step(
            _("pairs judged"),
            counts.pairs_judged,
            _share(counts.prompts_judged, counts.prompts),
            _judged_by(counts),
            f"{prompts}?judged=yes",
        ),
        _version_step(project, counts, version),
    ]


def _version_step(project: Project, counts: Counts, version: DatasetVersion | None) -> Step:
    url = _reverse("datasets", project.slug)
    if version is None:
        return Step(_("pairs in a version"), 0, 0.0, _("no version yet"), url)
    pairs = (version.pair_count or 0) - version.withdrawn_count
    name = _("pairs in %(version)s") % {"version": version}
    return Step(name, pairs, _share(pairs, counts.prompts), _a_prompt(pairs, counts.prompts), url)


def _share(part: int, whole: int) -> float:
    return min(part / whole, 1.0) if whole else 0.0


def _of(part: int, whole: int) -> str:
    return _("%(share)d %% of %(whole)s") % {"share": int(100 * part / whole), "whole": number(whole)} if whole else ""


def _a_prompt(part: int, prompts: int) -> str:
    return _("%(mean).1f a prompt") % {"mean": part / prompts} if prompts else ""


def _bare(counts: Counts) -> str:
    bare = counts.prompts - counts.prompts_with_samples
    return _("%(number)s without a sample") % {"number": number(bare)} if bare else ""


def _judged_by(counts: Counts) -> str:
    if not counts.pairs_judged:
        return _("nobody has compared yet")
    people = _("%(share)d %% by people") % {"share": round(100 * counts.pairs_judged_by_people / counts.pairs_judged)}
    if not counts.pairs_judged_by_scripts:
        return people
    scripts = _("%(share)d %% scripted") % {"share": round(100 * counts.pairs_judged_by_scripts / counts.pairs_judged)}
    return f"{people} · {scripts}"


def _wants(project: Project, wants: Wants) -> list[Want]:
    samples, jobs = reverse("samples", args=[project.slug]), _reverse("jobs", project.slug)
    look = _("Look")
    listed = [
        Want(
            wants.requests,
            ngettext("pair asked to be judged", "pairs asked to be judged", wants.requests),
            _("requests to people that nobody took yet"),
            "",
            look,
        ),
        Want(
            wants.unsafe,
            ngettext("sample flagged unsafe", "samples flagged unsafe", wants.unsafe),
            _("blurred until somebody asks to see them"),
            f"{samples}?flagged=unsafe",
            look,
        ),
        Want(
            wants.broken,
            ngettext("sample flagged broken", "samples flagged broken", wants.broken),
            _("look and decide whether to keep them"),
            f"{samples}?flagged=broken",
            look,
        ),
        Want(
            wants.absent,
            ngettext("sample whose file is not here", "samples whose files are not here", wants.absent),
            _("counted, never exported; import the files to fill them in"),
            f"{samples}?media=absent",
            look,
        ),
        Want(
            wants.failed_jobs,
            ngettext("job failed", "jobs failed", wants.failed_jobs),
            _("its page says why and resumes it"),
            f"{jobs}?state=failed" if jobs else "",
            look,
        ),
        Want(
            wants.jobs_with_failures,
            ngettext("job refused some rows", "jobs refused some rows", wants.jobs_with_failures),
            _("each row with its reason"),
            jobs,
            look,
        ),
    ]
    return [want for want in listed if want.count]


def _running(project: Project) -> dict[str, object]:
    """Unfinished jobs, and the last finished one. Costs two queries."""
    running = list(Job.objects.filter(project=project).unfinished().order_by("-pk")[:8])
    last = Job.objects.filter(project=project).exclude(finished_at=None).order_by("-pk").first()
    lines = [{"job": job, "words": words(job), "url": _reverse("job", project.slug, job.pk)} for job in running]
    return {"running": lines, "last_job": last, "last_url": _reverse("job", project.slug, last.pk) if last else ""}


def words(job: Job) -> str:
    """How far a job is, in words: "6,204 of 9,640 · 212/s · 16 s left"."""
    if job.state == "queued":
        return _("waits for a worker")
    if job.total is None:
        return _("%(done)s so far") % {"done": number(job.processed)}
    parts = [_("%(done)s of %(total)s") % {"done": number(job.processed), "total": number(job.total)}]
    if job.rate:
        parts.append(_("%(rate).3g/s") % {"rate": job.rate})
    if job.seconds_left is not None:
        parts.append(_("%(time)s left") % {"time": _time(job.seconds_left)})
    if job.failed:
        parts.append(_("%(number)s failed") % {"number": number(job.failed)})
    return " · ".join(parts)


def _time(seconds: float) -> str:
    if seconds < 90:
        return _("%d s") % round(seconds)
    if seconds < 5400:
        return _("%d min") % round(seconds / 60)
    return _("%.1f h") % (seconds / 3600)


def _reverse(name: str, *args: object) -> str:
    """An address of a room that may not be installed; empty then."""
    try:
        return reverse(name, args=args)
    except NoReverseMatch:
        return ""
