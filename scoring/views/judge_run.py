"""Asking a judge: about what, under what, and within which budget; and what that means before it begins."""

from __future__ import annotations

import secrets

from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST

from curation.access import Right
from curation.actions import requesting
from curation.errors import Refused
from curation.models import Project
from curation.views.doors import PageRequest, is_part, project_page
from scoring import tasks, words
from scoring.actions.judging import starting, templates
from scoring.actions.judging.estimates import estimate
from scoring.actions.probing import judges as probing
from scoring.actions.probing import standing
from scoring.forms.judging import JudgeRunForm, ProbeForm
from scoring.judges.base import Template
from scoring.models import Judge
from scoring.views.jobs import answering_workers


@project_page(Right.EDIT)
def judge_run(request: PageRequest, project: Project, judge_id: int) -> HttpResponse:
    rows = Judge.objects.visible_to(request.user).active().filter(project=project)  # type: ignore[attr-defined]
    judge = get_object_or_404(rows.select_related("template", "project"), pk=judge_id)
    template = templates.of(judge)
    if is_part(request, "workers"):
        return render(request, "scoring/_workers.html", {"workers": answering_workers()})
    if is_part(request, "plan"):
        form = JudgeRunForm(project, judge, template, request.POST)
        return render(request, "scoring/judges/_plan.html", _plan(project, judge, form))
    sent = request.POST if request.method == "POST" else None
    given = {name: request.GET.get(name, "") for name in ("prompts", "asking")}
    form = JudgeRunForm(project, judge, template, sent, initial=given)
    if form.is_valid():
        try:
            job = starting.start_judging(
                project=project, judge=judge, limits=form.limits(), by=request.user, **form.asked()
            )
        except Refused as error:
            form.add_error(None, str(error))
        else:
            if wanted := form.cleaned_data.get("asking"):
                requesting.taken(asking=wanted, by=f"job:{job.pk}")
            tasks.ring_after_commit([job])
            return redirect("job", project.slug, job.pk)
    return render(request, "scoring/judges/run.html", _page(judge, template, form), status=400 if form.errors else 200)


@project_page(Right.EDIT)
@require_POST
def judge_try(request: PageRequest, project: Project, judge_id: int) -> HttpResponse:
    """Asks a judge about the first thing there is, in a job, and leads to it."""
    rows = Judge.objects.visible_to(request.user).active().filter(project=project)  # type: ignore[attr-defined]
    job = starting.start_trial(
        project=project, judge=get_object_or_404(rows.select_related("template"), pk=judge_id), by=request.user
    )
    tasks.ring_after_commit([job])
    return redirect("job", project.slug, job.pk)


@project_page(Right.EDIT)
def judge_probe(request: PageRequest, project: Project, judge_id: int) -> HttpResponse:
    """Says how many questions the probes of a judge are, and asks them once somebody has read that."""
    rows = Judge.objects.visible_to(request.user).active().filter(project=project)  # type: ignore[attr-defined]
    judge = get_object_or_404(rows.select_related("template", "project"), pk=judge_id)
    sent = request.POST if request.method == "POST" else None
    form = ProbeForm(sent, initial={"seed": secrets.randbelow(2**31)})
    if form.is_valid():
        try:
            run = probing.start(
                project=project, judge=judge, seed=form.cleaned_data["seed"], limits=form.limits(), by=request.user
            )
        except Refused as error:
            form.add_error(None, str(error))
        else:
            assert run.job is not None
            tasks.ring_after_commit([run.job])
            return redirect("job", project.slug, run.job.pk)
    status = 400 if form.errors else 200
    return render(request, "scoring/judges/probe.html", _probe_page(project, judge, form), status=status)


def _probe_page(project: Project, judge: Judge, form: ProbeForm) -> dict[str, object]:
    """What would be asked; the reason where nothing can be."""
    page = {"section": "scorers", "tab": "judges", "judge": judge, "form": form, "queue": starting.queue_of(judge)}
    try:
        seed = int(form["seed"].value() or 0)
        found = probing.foresee(project=project, judge=judge, seed=seed)
    except (Refused, ValueError) as error:
        return {**page, "fault": str(error)}
    return {**page, "found": found, "time": words.duration(found.seconds) if found.seconds is not None else ""}


def _page(judge: Judge, template: Template, form: JudgeRunForm) -> dict[str, object]:
    return {
        "section": "scorers",
        "tab": "judges",
        "judge": judge,
        "template": template,
        "form": form,
        "is_planned": False,
    }


def _plan(project: Project, judge: Judge, form: JudgeRunForm) -> dict[str, object]:
    """What would be asked and cost; a fault of the form or the judge in words."""
    if not form.is_valid():
        faults = [error for errors in form.errors.values() for error in errors]
        return {"is_planned": False, "faults": faults, "judge": judge}
    try:
        found = estimate(project=project, judge=judge, **form.asked())
    except Refused as error:
        return {"is_planned": False, "faults": [str(error)], "judge": judge}
    stands = standing.of_judges(project, {judge.pk: newest.rater_id if (newest := judge.raters.first()) else None})
    limits = form.limits()
    is_too_dear = limits.cost is not None and found.cost is not None and found.cost > limits.cost
    return {
        "is_planned": True,
        "judge": judge,
        "found": found,
        "about": form.about,
        "time": words.duration(found.seconds) if found.seconds is not None else "",
        "limits": limits,
        "is_short": is_too_dear or (limits.requests is not None and found.calls > limits.requests),
        "queue": starting.queue_of(judge),
        "probes": stands[judge.pk],
    }
