"""Ensembles: the list, making one with a look at what it would say, and one with its members and their agreement."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from curation.access import Right
from curation.actions import ensemble_making, ensembles
from curation.errors import Refused
from curation.models import CriterionVersion, Job, Project, Rater
from curation.recipes.problems import RecipeProblems
from curation.rewards.plan import Plan
from curation.views.doors import PageRequest, is_part, project_page
from scoring import tasks, words
from scoring.forms.ensembles import MISSING, ROUTE, ROUTE_WORDS, RULES, EnsembleForm, without_lines

_RULES, _MISSING = {**dict(RULES), ROUTE: ROUTE_WORDS}, dict(MISSING)


@dataclass(frozen=True)
class Opinion:
    """One member, or one repeat of a member, as the page shows it.

    Attributes:
        correlations: with each member in order, None where there is none.
        related: generators of its family, whose samples it does not judge independently.
        is_cycle: it goes back from the output to the prompt.
    """

    name: str
    weight: float
    transform: str
    silent: int
    correlations: Sequence[float | None]
    related: Sequence[str]
    is_cycle: bool


@dataclass(frozen=True)
class Line:
    """One ensemble of the list."""

    rater: Rater
    rule: str
    members: Sequence[str]
    job: Job | None

    @property
    def result(self) -> Mapping[str, Any]:
        return self.job.result if self.job else {}


@project_page(Right.VIEW)
@require_safe
def ensemble_list(request: PageRequest, project: Project) -> HttpResponse:
    runs = ensembles.last_runs(project)
    lines = [_line(rater, runs.get(rater.pk)) for rater in ensembles.of_project(project)]
    return render(request, "scoring/ensembles.html", {"section": "scorers", "tab": "ensembles", "lines": lines})


def _line(rater: Rater, job: Job | None) -> Line:
    plan = ensembles.plan_of(rater)
    return Line(rater, str(_RULES[plan.rule]), ensembles.member_names(plan), job)


# -- making one -------------------------------------------------------------------------------------------------------


@project_page(Right.EDIT)
def ensemble_new(request: PageRequest, project: Project) -> HttpResponse:
    if is_part(request, "look"):
        form = EnsembleForm(project, request.POST)
        return render(request, "scoring/_ensemble_look.html", _look(project, form))
    form = EnsembleForm(project, request.POST if request.method == "POST" else None)
    if form.is_valid() and (rater := _make(project, form)) is not None:
        return speak(request, project, rater)
    context = {"section": "scorers", "tab": "ensembles", "form": form}
    return render(request, "scoring/ensemble_new.html", context, status=400 if form.is_bound else 200)


def _make(project: Project, form: EnsembleForm) -> Rater | None:
    """The rater, or None with the form's errors saying why not."""
    try:
        return ensemble_making.make(project=project, plan=form.plan())
    except Refused as error:
        for message in _said(error):
            form.add_error(None, message)
        return None


def _look(project: Project, form: EnsembleForm) -> dict[str, object]:
    """What it would say, or what is still wrong."""
    if not form.is_valid():
        return {"problems": [], "is_ready": False}
    try:
        found = ensembles.preview(project=project, plan=form.plan())
    except Refused as error:
        return {"problems": _said(error), "is_ready": False}
    opinions = _opinions(form.plan(), ensembles.as_result(found), {})
    return {"problems": [], "is_ready": True, "found": found, "opinions": opinions, "effective": _number(found)}


def _number(found: ensembles.Preview) -> float | None:
    number = found.agreement.effective
    return None if number != number else number


def _said(error: Refused) -> list[str]:
    """What is wrong, without places in a text that nobody saw."""
    if isinstance(error, RecipeProblems):
        return [f"{one.message} {one.remedy}" for one in error.problems]
    return without_lines([str(error)])


# -- letting it speak -------------------------------------------------------------------------------------------------


def speak(request: PageRequest, project: Project, rater: Rater) -> HttpResponse:
    """A small project is done at once; a large one by a worker, and the page says how far it is."""
    job = ensembles.order(project=project, rater=rater, by=request.user)
    if ensembles.is_small(project):
        ensembles.run_job(job_id=job.pk)
        messages.success(request, _("“%(name)s” has spoken.") % {"name": rater.name})
    else:
        tasks.ring_after_commit([job])
    return redirect("ensemble", project.slug, rater.pk)


@project_page(Right.EDIT)
@require_POST
def ensemble_run(request: PageRequest, project: Project, ensemble_id: int) -> HttpResponse:
    """Lets it speak of what is new, and again where its members changed their minds."""
    return speak(request, project, _ensemble(project, ensemble_id))


def _ensemble(project: Project, ensemble_id: int) -> Rater:
    return get_object_or_404(Rater, project=project, kind=Rater.Kind.ENSEMBLE, identity__ensemble=1, pk=ensemble_id)


# -- one of them ------------------------------------------------------------------------------------------------------


@project_page(Right.VIEW)
@require_safe
def ensemble(request: PageRequest, project: Project, ensemble_id: int) -> HttpResponse:
    rater = _ensemble(project, ensemble_id)
    plan, job = ensembles.plan_of(rater), ensembles.last_run(project, rater)
    if is_part(request, "progress") and job is not None:
        response = render(
            request, "scoring/_ensemble_progress.html", {"job": job, "words": words.progress(job), "rater": rater}
        )
        if not job.is_unfinished:
            response.headers["HX-Refresh"] = "true"
        return response
    result = job.result if job else {}
    context = {
        "section": "scorers",
        "tab": "ensembles",
        "rater": rater,
        "plan": plan,
        "rule": _RULES[plan.rule],
        "missing": _MISSING[plan.missing],
        "job": job,
        "words": words.progress(job) if job else "",
        "result": result,
        "opinions": _opinions(plan, result, ensembles.related_generators(project, rater), ensembles.cycles(rater)),
        "routes": _routes(plan),
        "samples_address": _samples_address(project, rater, plan),
    }
    return render(request, "scoring/ensemble.html", context)


def _opinions(
    plan: Plan, result: Mapping[str, Any], related: Mapping[int, Sequence[str]], cycles: Set[int] = frozenset()
) -> list[Opinion]:
    names = ensembles.member_names(plan)
    silent = result.get("silent") or [0] * len(names)
    correlations = result.get("correlations") or [[None] * len(names)] * len(names)
    made = []
    for place, name in enumerate(names):
        member = plan.members[0 if plan.repeats else place]
        steps = " → ".join(str(step) for step in member.transform.steps)
        own = 0 if plan.repeats else place
        weight = 1.0 if plan.repeats else member.weight
        made.append(
            Opinion(name, weight, steps, silent[place], correlations[place], related.get(own, ()), own in cycles)
        )
    return made


def _routes(plan: Plan) -> list[tuple[str, str]]:
    """Of an ensemble that asks one member a prompt: of which prompts, and whom."""
    names = ensembles.member_names(plan)
    return [(", ".join(route.of), names[route.to]) for route in plan.routes]


def _samples_address(project: Project, rater: Rater, plan: Plan) -> str:
    """The list of samples sorted by its score; none for votes, or while it has not spoken."""
    criterion = (
        CriterionVersion.objects.filter(
            criterion__project=project, criterion__key=plan.criterion, meaning=rater.identity["meaning"]
        )
        .order_by("-number")
        .first()
    )
    if plan.form != "scores" or criterion is None:
        return ""
    order = "down" if criterion.higher_is_better else "up"
    return f"{reverse('samples', args=[project.slug])}?sort={rater.pk}.{criterion.pk}&order={order}"
