"""A project at a glance: the funnel, what needs a person, what runs."""

from __future__ import annotations

from dataclasses import dataclass

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import NoReverseMatch, reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_safe

from curation.access import Right, may
from curation.figures import Step, funnel
from curation.models import DatasetVersion, Job, Project
from curation.models import progress as progress_counts
from curation.models.progress import Counts, Known, Wants
from curation.templatetags.pairwright import number
from curation.views.doorbell import ring_for_counts
from curation.views.doors import PageRequest, is_part, project_page


@dataclass(frozen=True)
class Want:
    """One thing that waits for a person: how many, what, and where to go. `is_more`: the counting stopped there."""

    count: int
    text: str
    hint: str
    url: str
    label: str
    is_more: bool = False


@project_page(Right.ENTER)
@require_safe
def project(request: PageRequest, project: Project) -> HttpResponse:
    """The overview; for annotators, who must not see who made what, a page about their own work."""
    if not may(request.role, Right.VIEW):
        own_page = _reverse("work", project.slug)
        return redirect(own_page) if own_page else render(request, "projects/annotator.html", {"section": "overview"})
    if is_part(request, "running"):
        return render(request, "projects/_running.html", _running(project))
    known = progress_counts.known(project)
    if is_part(request, "funnel"):
        return render(request, "projects/_funnel.html", _funnel(project, known))
    if known is None:
        ring_for_counts(project)
    context = {
        "section": "overview",
        **_funnel(project, known),
        "wants": _wants(project, progress_counts.wants(project), known.counts if known else None),
        "generator_count": project.generators.count(),
        "criteria_count": project.criteria_set.items.count() if project.criteria_set else 0,
        **_running(project),
    }
    return render(request, "projects/overview.html", context)


def _funnel(project: Project, known: Known | None) -> dict[str, object]:
    """The steps with the time of their counts; `is_counting` while a large project has not been counted yet."""
    if known is None:
        return {"is_counting": True, "steps": []}
    steps = funnel(_steps(project, known.counts, progress_counts.newest_version(project)))
    return {"steps": steps if known.counts.prompts else [], "counted_at": known.counted_at}


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


def _wants(project: Project, wants: Wants, counts: Counts | None) -> list[Want]:
    """Everything that waits, the most urgent first. What the counts know is left out while there are none."""
    wrong = _wrong_samples(project, counts) if counts else []
    listed = [*_open_requests(project, wants), *wrong, *_troubled(project, wants)]
    return [want for want in listed if want.count]


def _want(count: int, text: str, hint: str, url: str) -> Want:
    most = progress_counts.COUNTED
    return Want(min(count, most), text, hint, url, _("Look"), is_more=count > most)


def _open_requests(project: Project, wants: Wants) -> list[Want]:
    text = ngettext("pair asked to be judged", "pairs asked to be judged", wants.requests)
    return [_want(wants.requests, text, _("requests to people that nobody took yet"), _batch_of_requests(project))]


def _batch_of_requests(project: Project) -> str:
    """Where requests become a batch; empty where no room serves that page."""
    address = _reverse("batch_new", project.slug)
    return f"{address}?rule=requests" if address else ""


def _wrong_samples(project: Project, counts: Counts) -> list[Want]:
    samples = reverse("samples", args=[project.slug])
    unsafe, broken, absent = counts.samples_unsafe, counts.samples_broken, counts.samples_absent
    look = _("Look")
    return [
        Want(
            unsafe,
            ngettext("sample flagged unsafe", "samples flagged unsafe", unsafe),
            _("blurred until somebody asks to see them"),
            f"{samples}?flagged=unsafe",
            look,
        ),
        Want(
            broken,
            ngettext("sample flagged broken", "samples flagged broken", broken),
            _("look and decide whether to keep them"),
            f"{samples}?flagged=broken",
            look,
        ),
        Want(
            absent,
            ngettext("sample whose file is not here", "samples whose files are not here", absent),
            _("counted, never exported; import the files to fill them in"),
            f"{samples}?media=absent",
            look,
        ),
    ]


def _troubled(project: Project, wants: Wants) -> list[Want]:
    jobs = _reverse("jobs", project.slug)
    failed, with_failures = wants.failed_jobs, wants.jobs_with_failures
    return [
        _want(
            failed,
            ngettext("job failed", "jobs failed", failed),
            _("its page says why and resumes it"),
            f"{jobs}?state=failed" if jobs else "",
        ),
        _want(
            with_failures,
            ngettext("job refused some rows", "jobs refused some rows", with_failures),
            _("each row with its reason"),
            jobs,
        ),
    ]


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
