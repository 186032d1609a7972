"""Heads: the list, fitting one, and one with what it is worth, what it weighs and what it saw."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST, require_safe

from curation.access import Right
from curation.errors import Refused
from curation.models import CriterionVersion, Job, Judgement, Project, State
from curation.views.doors import PageRequest, is_part, project_page
from scoring import tasks, words
from scoring.actions.heads import starting
from scoring.actions.probing.collapse import on_evidence
from scoring.catalogue import facts_of
from scoring.forms.heads import VOTERS, HeadForm
from scoring.heads import charts
from scoring.models import FittedHead
from scoring.views import probe_report

APART: dict[str, Promise] = {
    "retracted": gettext_lazy("taken back"),
    "purpose": gettext_lazy("made to examine a rater"),
    "quarantined": gettext_lazy("by raters in quarantine"),
    "two-prompts": gettext_lazy("on two prompts at once"),
    "drafted": gettext_lazy("made from a machine's draft"),
    "principle": gettext_lazy("given under a principle"),
    "both-bad": gettext_lazy("“both bad”, which prefers neither"),
    "other-prompt": gettext_lazy("on a sample under another prompt than its own"),
    "not-counted": gettext_lazy("in quarantine, under a principle, drafted, or made to examine a rater"),
    "not-seen": gettext_lazy("on a sample the encoder could not look at"),
    "no-score": gettext_lazy("on a sample that lacks a score"),
}


@dataclass(frozen=True)
class Share:
    """An accuracy as the page writes it. Heads of before prompts that belong together were known have no families."""

    value: float
    low: float | None
    high: float | None
    votes: int
    prompts: int
    families: int | None = None


@project_page(Right.VIEW)
@require_safe
def heads(request: PageRequest, project: Project) -> HttpResponse:
    rows = list(FittedHead.objects.filter(project=project).newest().select_related("rater"))
    waiting = list(Job.objects.unfinished().filter(project=project, kind=Job.Kind.FIT))
    failed = Job.objects.filter(project=project, kind=Job.Kind.FIT, state=State.FAILED).first()
    context = {
        "section": "scorers",
        "tab": "heads",
        "heads": [(row, _share(row.report["accuracy"])) for row in rows],
        "waiting": [(job, words.progress(job)) for job in waiting],
        # The newest failure is told until something newer went well.
        "failed": failed if failed and all(failed.pk > (row.job_id or 0) for row in rows) else None,
    }
    if is_part(request, "waiting"):
        response = render(request, "scoring/heads/_waiting.html", context)
        if not waiting:
            response.headers["HX-Refresh"] = "true"
        return response
    return render(request, "scoring/heads/list.html", context)


def _share(said: Mapping[str, Any] | None) -> Share | None:
    return Share(**said) if said else None


@dataclass(frozen=True)
class Lead:
    """How far a head is ahead of a single score, in points of accuracy."""

    value: str
    interval: str


def _lead(said: Mapping[str, Any] | None) -> Lead | None:
    """A difference in words; None where nothing was compared."""
    if said is None:
        return None
    interval = ""
    if said["low"] is not None:
        interval = _("%(low)s to %(high)s") % {"low": _points(said["low"]), "high": _points(said["high"])}
    return Lead(_("%(number)s points") % {"number": _points(said["value"])}, interval)


def _points(share: float) -> str:
    return f"{100 * share:+.1f}".replace("-", "−")


# -- fitting one ------------------------------------------------------------------------------------------------------


@project_page(Right.EDIT)
def head_new(request: PageRequest, project: Project) -> HttpResponse:
    form = HeadForm(project, request.POST if request.method == "POST" else None)
    if form.is_valid() and (job := _start(request, project, form)) is not None:
        tasks.ring_after_commit([job])
        return redirect("heads", project.slug)
    context = {"section": "scorers", "tab": "heads", "form": form}
    return render(request, "scoring/heads/new.html", context, status=400 if form.is_bound else 200)


def _start(request: PageRequest, project: Project, form: HeadForm) -> Job | None:
    """The job, or None with the form's errors saying why not."""
    try:
        return starting.start_fit(project=project, wish=form.wish(), by=request.user)
    except Refused as error:
        form.add_error(None, str(error))
        return None


@project_page(Right.EDIT)
@require_POST
def head_again(request: PageRequest, project: Project, head_id: int) -> HttpResponse:
    """Fits it on the labels as they stand now."""
    try:
        job = starting.start_again(head=_head(project, head_id), by=request.user)
    except Refused as error:
        messages.error(request, str(error))
        return redirect("head", project.slug, head_id)
    tasks.ring_after_commit([job])
    return redirect("heads", project.slug)


@project_page(Right.EDIT)
@require_POST
def head_score(request: PageRequest, project: Project, head_id: int) -> HttpResponse:
    """Scores every sample of the project that it has not scored yet."""
    (job,) = starting.score_with(head=_head(project, head_id), by=request.user)
    tasks.ring_after_commit([job])
    return redirect("job", project.slug, job.pk)


# -- one of them ------------------------------------------------------------------------------------------------------


@project_page(Right.VIEW)
@require_safe
def head(request: PageRequest, project: Project, head_id: int) -> HttpResponse:
    row = _head(project, head_id)
    if is_part(request, "collapse"):
        return render(request, "scoring/_collapse.html", {"found": [(row.rater, on_evidence(project, row.rater))]})
    report, seen = row.report, row.rater.identity["fitted_on"]["judgements"]
    context = {
        "section": "scorers",
        "head": row,
        **probe_report.context(project, facts_of(row.key), row.rater),
        "accuracy": _share(report["accuracy"]),
        "curve": [(round(point["labels"]), _share(point["accuracy"])) for point in report["curve"]],
        "chart": _chart(report),
        "rivals": [(one["label"], _share(one["accuracy"]), _lead(one["less"])) for one in report["rivals"]],
        "others": _share(report["others"]),
        "same": _share(report["same"]),
        "is_useful": report["accuracy"]["low"] is not None and report["accuracy"]["low"] > 0.5,
        "apart": [(_apart(reason), count) for reason, count in sorted(report["apart"].items())],
        "voters": dict(VOTERS)[row.asked["voters"]],
        "is_newest": not _others(row).filter(revision__gt=row.revision).exists(),
        "revisions": [(one, _share(one.report["accuracy"])) for one in _others(row)],
        "gone": Judgement.objects.filter(pk__in=seen).exclude(retracted_at=None).count(),
        "scores_address": _scores_address(project, row),
    }
    return render(request, "scoring/heads/head.html", context)


def _head(project: Project, head_id: int) -> FittedHead:
    return get_object_or_404(
        FittedHead.objects.select_related("rater", "job", "created_by"), project=project, pk=head_id
    )


def _others(row: FittedHead) -> Any:
    return FittedHead.objects.filter(project=row.project_id, name=row.name).exclude(pk=row.pk).order_by("-revision")


def _apart(reason: str) -> str:
    return str(APART.get(reason, reason))


def _chart(report: Mapping[str, Any]) -> charts.Chart | None:
    said = charts.Words(
        labels=_("Labels"),
        accuracy=_("Right on held-out prompts, %"),
        interval=_("Interval of 95 %"),
        what=_("Accuracy on held-out prompts by number of labels"),
    )
    best = report["rivals"][0]["accuracy"]["value"] if report["rivals"] else None
    return charts.learning_curve(report["curve"], said, best=best)


def _scores_address(project: Project, row: FittedHead) -> str:
    """The list of samples sorted by its score; empty while it has scored none."""
    output = row.head.output
    criterion = (
        CriterionVersion.objects.filter(criterion__project=project, criterion__key=output.criterion)
        .order_by("-number")
        .first()
    )
    if criterion is None or not Judgement.objects.filter(project=project, rater=row.rater_id).exists():
        return ""
    order = "down" if output.higher_is_better else "up"
    return f"{reverse('samples', args=[project.slug])}?sort={row.rater_id}.{criterion.pk}&order={order}"
