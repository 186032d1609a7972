"""The catalogue of scorers in a project: what each is, how far it has come here, and a try."""

from __future__ import annotations

from dataclasses import dataclass

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from curation.access import Right
from curation.models import Project, Sample
from curation.views.doors import PageRequest, is_part, project_page
from scoring import cards, tasks
from scoring.actions import arrivals, choosing, estimates, starting
from scoring.catalogue import CATALOGUE
from scoring.forms import ArrivalForm
from scoring.scorers.base import ScorerFacts

# The card shows so many numbers of a scorer; its drawer has all.
OUTPUTS_SHOWN = 3


@dataclass(frozen=True)
class Card:
    """A scorer in words."""

    facts: ScorerFacts
    needs: str
    place: str
    licence: str
    outputs: list[tuple[str, str, str, str]]
    is_on_arrival: bool

    @property
    def first_outputs(self) -> list[tuple[str, str, str, str]]:
        return self.outputs[:OUTPUTS_SHOWN]

    @property
    def more_outputs(self) -> int:
        return max(len(self.outputs) - OUTPUTS_SHOWN, 0)


@project_page(Right.VIEW)
@require_safe
def scorers(request: PageRequest, project: Project) -> HttpResponse:
    if is_part(request, "coverage"):
        return render(
            request, "scoring/_coverage.html", {"coverage": _coverage(project, request.GET.get("scorer", ""))}
        )
    context = {
        "section": "scorers",
        "cards": [_card(facts, project) for facts in CATALOGUE.values()],
        "arrival_form": ArrivalForm(initial={"scorers": project.arrival_scorers}),
        "has_samples": Sample.objects.filter(project=project).exists(),
    }
    return render(request, "scoring/scorers.html", context)


def _card(facts: ScorerFacts, project: Project) -> Card:
    return Card(
        facts=facts,
        needs=cards.needs(facts),
        place=cards.place(facts),
        licence=cards.licence(facts),
        outputs=[
            (output.criterion, _(output.title), cards.span(output), cards.direction(output)) for output in facts.outputs
        ],
        is_on_arrival=facts.name in project.arrival_scorers,
    )


def _coverage(project: Project, name: str) -> estimates.Coverage:
    return estimates.coverage(project, choosing.chosen(project, {}), starting.known(name))


@project_page(Right.EDIT)
@require_POST
def scorer_try(request: PageRequest, project: Project, scorer: str) -> HttpResponse:
    """Scores one sample in a job and leads to it."""
    job = starting.start_trial(project=project, scorer=scorer, by=request.user)
    tasks.ring_after_commit([job])
    return redirect("job", project.slug, job.pk)


@project_page(Right.EDIT)
@require_POST
def arrival_scorers(request: PageRequest, project: Project) -> HttpResponse:
    form = ArrivalForm(request.POST)
    if form.is_valid():
        arrivals.set_arrival_scorers(project=project, scorers=form.cleaned_data["scorers"], by=request.user)
        messages.success(request, _said(form.cleaned_data["scorers"]))
    return redirect("scorers", project.slug)


def _said(names: list[str]) -> str:
    if not names:
        return _("New samples are no longer scored by themselves.")
    return _("Scored within a minute of their arrival by: %(names)s.") % {"names": ", ".join(names)}
