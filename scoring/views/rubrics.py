"""Checklists from people's pairs: the list, making candidates, and one with what votes made of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from curation.access import Right
from curation.errors import Refused
from curation.models import Job, Project
from curation.views.doors import PageRequest, project_page
from scoring import tasks
from scoring.actions import rubrics as actions
from scoring.forms.rubrics import RubricForm
from scoring.models import Judge, Rubric


@dataclass(frozen=True)
class Line:
    """One question. `gain` is as the report has it: value, low, high."""

    question: str
    is_new: bool
    weight: float | None
    gain: dict[str, Any] | None


@project_page(Right.VIEW)
@require_safe
def rubrics(request: PageRequest, project: Project) -> HttpResponse:
    asked = Job.objects.filter(project=project, kind=Job.Kind.JUDGE, params__has_key="rubric")
    context = {
        "section": "scorers",
        "tab": "rubrics",
        "rubrics": Rubric.objects.filter(project=project).select_related("candidates", "template"),
        "waiting": list(asked.unfinished()),
        "failed": asked.filter(state="failed").first(),
    }
    return render(request, "scoring/rubrics/list.html", context)


@project_page(Right.EDIT)
def rubric_new(request: PageRequest, project: Project) -> HttpResponse:
    form = RubricForm(project, request.POST if request.method == "POST" else None)
    if form.is_valid():
        try:
            return _begin(request, project, form)
        except Refused as error:
            form.add_error(None, str(error))
    context = {"section": "scorers", "tab": "rubrics", "form": form}
    return render(request, "scoring/rubrics/new.html", context, status=400 if form.is_bound else 200)


def _begin(request: PageRequest, project: Project, form: RubricForm) -> HttpResponse:
    wish, judge = form.wish(), form.cleaned_data["judge"]
    if judge is None:
        made = actions.write(project=project, wish=wish, questions=wish.questions, by=request.user)
        return redirect("rubric", project.slug, made.pk)
    job = actions.order(project=project, judge=judge, wish=wish, by=request.user)
    tasks.ring_after_commit([job])
    messages.info(request, _("“%(judge)s” is asked for questions.") % {"judge": judge.name})
    return redirect("rubrics", project.slug)


@project_page(Right.VIEW)
@require_safe
def rubric(request: PageRequest, project: Project, rubric_id: int) -> HttpResponse:
    found = get_object_or_404(Rubric.objects.select_related("candidates", "template"), project=project, pk=rubric_id)
    return render(request, "scoring/rubrics/rubric.html", _context(project, found))


def _context(project: Project, found: Rubric, problem: str = "") -> dict[str, Any]:
    return {
        "section": "scorers",
        "tab": "rubrics",
        "rubric": found,
        "lines": list(_lines(found)),
        "report": found.report,
        "judges": Judge.objects.active().filter(project=project, template=found.candidates),
        "problem": problem,
    }


def _lines(found: Rubric) -> Iterator[Line]:
    """Those that are kept first, by their weight."""
    said = {one["place"]: one for one in (found.report or {}).get("questions", [])}
    lines = [
        Line(
            str(item["question"]),
            place >= found.started_from,
            said[place]["weight"] if place in said else None,
            said[place]["without"] if place in said else None,
        )
        for place, item in enumerate(found.candidates.document["items"])
    ]
    yield from sorted(lines, key=lambda line: -(line.weight or 0))


@project_page(Right.EDIT)
@require_POST
def rubric_learn(request: PageRequest, project: Project, rubric_id: int) -> HttpResponse:
    found = get_object_or_404(Rubric.objects.select_related("candidates", "template"), project=project, pk=rubric_id)
    said = request.POST.get("judge", "")
    judges = Judge.objects.active().filter(project=project)
    judge = judges.filter(pk=said).first() if said.isdecimal() else None
    try:
        if judge is None:
            raise Refused(_("Choose the judge whose answers the questions are weighed by."))
        actions.learn(rubric=found, judge=judge, by=request.user)
    except Refused as error:
        return render(request, "scoring/rubrics/rubric.html", _context(project, found, str(error)), status=400)
    return redirect("rubric", project.slug, found.pk)
