"""Starting to score: which scorers, which samples, and what that means before it begins."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import ngettext

from curation.access import Right
from curation.models import Job, Project
from curation.views.doors import PageRequest, is_part, project_page
from scoring import cards, tasks, words
from scoring.actions import choosing, estimates
from scoring.actions.starting import start_scoring
from scoring.catalogue import CATALOGUE
from scoring.forms import LaunchForm


@project_page(Right.EDIT)
def launch(request: PageRequest, project: Project) -> HttpResponse:
    if is_part(request, "plan"):
        return render(request, "scoring/_plan.html", _plan(project, LaunchForm(project, request.GET)))
    sent = request.POST if request.method == "POST" else None
    form = LaunchForm(project, sent, initial={"scorers": request.GET.getlist("scorer")})
    if form.is_valid():
        return _start(request, project, form)
    context = {"section": "scorers", "form": form, "choices": _choices(form), **_plan(project, form)}
    return render(request, "scoring/launch.html", context, status=400 if form.is_bound else 200)


def _start(request: PageRequest, project: Project, form: LaunchForm) -> HttpResponse:
    jobs = start_scoring(project=project, scorers=form.chosen_scorers(), chosen=form.chosen_samples(), by=request.user)
    tasks.ring_after_commit(jobs)
    if len(jobs) == 1:
        return redirect("job", project.slug, jobs[0].pk)
    messages.success(request, _started(jobs))
    return redirect("jobs", project.slug)


def _started(jobs: list[Job]) -> str:
    titles = "; ".join(job.title for job in jobs)
    return ngettext("%(count)d job: %(titles)s.", "%(count)d jobs: %(titles)s.", len(jobs)) % {
        "count": len(jobs),
        "titles": titles,
    }


def _choices(form: LaunchForm) -> list[dict[str, object]]:
    """Each scorer with its box and its settings."""
    picked = form["scorers"].value() or []
    return [
        {
            "facts": facts,
            "needs": cards.needs(facts),
            "is_picked": name in picked,
            "settings": list(form.settings_of(facts)),
        }
        for name, facts in CATALOGUE.items()
    ]


def _plan(project: Project, form: LaunchForm) -> dict[str, object]:
    """What would run, on how many samples, and for how long."""
    if not form.is_bound or not form.is_valid():
        return {"covered": [], "is_planned": False}
    samples = choosing.chosen(project, form.chosen_samples())
    covered = [estimates.coverage(project, samples, CATALOGUE[name]) for name in form.cleaned_data["scorers"]]
    seconds = estimates.seconds_together(project, covered)
    return {
        "covered": covered,
        "is_planned": True,
        "missing": sum(one.missing for one in covered),
        "time": words.duration(seconds) if seconds is not None else "",
        "is_gpu": any(one.facts.queue == "gpu" for one in covered),
    }
