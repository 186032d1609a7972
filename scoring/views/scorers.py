"""The catalogue of scorers in a project: searched and narrowed, with how far each has come, and a try."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from django.contrib import messages
from django.http import HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST, require_safe

from curation.access import Right
from curation.models import Project, Sample
from curation.views.doors import PageRequest, is_part, project_page
from curation.views.facets import Facet, facet
from scoring import cards, tasks
from scoring.actions import arrivals, choosing, estimates, presence, starting
from scoring.actions.presence import Presence
from scoring.actions.probing import standing
from scoring.actions.probing.standing import ProbeStanding
from scoring.catalogue import CATALOGUE
from scoring.forms.scorers import ArrivalForm
from scoring.scorers.base import ScorerFacts

STATES: dict[str, str | Promise] = {
    "ready": gettext_lazy("ready"),
    "fetch": gettext_lazy("weights not loaded yet"),
    "name": gettext_lazy("name its weights"),
    "trouble": gettext_lazy("its last job failed"),
}


@dataclass(frozen=True)
class Card:
    """A scorer in the words of the list."""

    facts: ScorerFacts
    kinds: list[str]
    presence: Presence
    probes: ProbeStanding
    is_on_arrival: bool

    @property
    def state_words(self) -> str | Promise:
        return STATES[self.presence.state]

    @property
    def licence(self) -> str:
        return cards.weights_licence(self.facts)


# What a facet reads of a card: every value under which the card is found.
Reader = Callable[[Card], Sequence[str]]
READERS: dict[str, Reader] = {
    "judges": lambda card: card.kinds,
    "reference": lambda card: ["yes" if cards.needs_reference(card.facts) else "no"],
    "queue": lambda card: [card.facts.queue],
    "state": lambda card: [card.presence.state],
    "licence": lambda card: [card.licence],
}


@project_page(Right.VIEW)
@require_safe
def scorers(request: PageRequest, project: Project) -> HttpResponse:
    if is_part(request, "coverage"):
        return render(
            request, "scoring/_coverage.html", {"coverage": _coverage(project, request.GET.get("scorer", ""))}
        )
    every = _cards(project)
    context = {
        "section": "scorers",
        "tab": "scorers",
        "cards": [card for card in every if _is_wanted(card, request.GET)],
        "every": every,
        "facets": _facets(every, request.GET),
        "is_narrowed": any(request.GET.get(name) for name in ("q", *READERS)),
        "arrival_form": ArrivalForm(initial={"scorers": project.arrival_scorers}),
        "has_samples": Sample.objects.filter(project=project).exists(),
    }
    return render(request, "scoring/scorers.html", context)


def _cards(project: Project) -> list[Card]:
    found = presence.of_all(project)
    probes = standing.of_scorers(project)
    return [
        Card(
            facts=facts,
            kinds=cards.kinds(facts),
            presence=found[name],
            probes=probes[name],
            is_on_arrival=name in project.arrival_scorers,
        )
        for name, facts in CATALOGUE.items()
    ]


def _is_wanted(card: Card, params: QueryDict) -> bool:
    chosen = {name: params.get(name) for name in READERS if params.get(name)}
    if any(value not in READERS[name](card) for name, value in chosen.items()):
        return False
    said = _said_of(card.facts)
    return all(word in said for word in params.get("q", "").casefold().split())


def _said_of(facts: ScorerFacts) -> str:
    """All words by which a scorer is found."""
    outputs = [word for output in facts.outputs for word in (output.criterion, _(output.title))]
    words = [facts.name, _(facts.title), _(facts.judges), _(facts.formula), facts.source, facts.family, *outputs]
    return " ".join(words).casefold()


def _facets(every: Sequence[Card], params: QueryDict) -> list[Facet]:
    titles: Mapping[str, str] = {
        "judges": _("Judges"),
        "reference": _("Needs a reference"),
        "queue": _("Runs on"),
        "state": _("Installed"),
        "licence": _("Licence of the weights"),
    }
    labels: Mapping[str, Mapping[str, str | Promise]] = {
        "judges": {kind: cards.kind_words(kind) for kind in cards.KINDS},
        "reference": {"yes": _("yes"), "no": _("no")},
        "queue": {"cpu": _("processor"), "gpu": _("GPU worker")},
        "state": STATES,
    }
    return [
        facet(params, name, titles[name], _options(labels.get(name), counts, params.get(name)), counts)
        for name, counts in ((name, _counted(every, read)) for name, read in READERS.items())
    ]


def _counted(every: Iterable[Card], read: Reader) -> Counter[str]:
    return Counter(value for card in every for value in read(card))


def _options(
    labels: Mapping[str, str | Promise] | None, counts: Counter[str], chosen: str | None
) -> list[tuple[str, str | Promise]]:
    """The choices that lead anywhere, those of fixed labels in their order."""
    if labels is None:
        return [(value, value) for value in sorted(counts)]
    return [(value, label) for value, label in labels.items() if counts[value] or value == chosen]


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
