"""One scorer: what its number means, who it was here, how far it may be trusted; and the word on a machine."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, time

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from curation.access import Right
from curation.actions import kinship, raters
from curation.actions.examining import accuracy_here
from curation.examination.intervals import Estimate
from curation.models import Generator, Project, Rater, RaterStanding, Sample
from curation.views.doors import PageRequest, is_part, project_page
from scoring import cards
from scoring.actions import checking, choosing, estimates, presence
from scoring.actions.presence import Voice
from scoring.actions.probing import standing
from scoring.actions.probing.collapse import OnEvidence, on_evidence
from scoring.actions.probing.standing import ProbeStanding
from scoring.catalogue import CATALOGUE
from scoring.forms.scorers import StandingForm
from scoring.models import FittedHead, JudgeRater
from scoring.models.heads import of_key
from scoring.scorers.base import ScorerFacts, digest_of
from scoring.views import probe_report
from scoring.views.scorers import STATES

RELATIVES_SHOWN = 20


@dataclass(frozen=True)
class Revision:
    """A rater that the scorer was here: in which parts it differs from the newest one, and what the canaries say."""

    voice: Voice
    probes: ProbeStanding
    identity: list[tuple[str, str]]
    differences: list[tuple[str, str, str]]

    @property
    def rater(self) -> Rater:
        return self.voice.rater

    @property
    def is_quarantined(self) -> bool:
        return getattr(self.rater, "standing", None) == RaterStanding.State.QUARANTINED


@project_page(Right.VIEW)
@require_safe
def scorer(request: PageRequest, project: Project, scorer: str) -> HttpResponse:
    facts = CATALOGUE.get(scorer)
    if facts is None:
        raise Http404(_("There is no such scorer."))
    if is_part(request, "coverage"):
        coverage = estimates.coverage(project, choosing.chosen(project, {}), facts)
        return render(request, "scoring/_coverage.html", {"coverage": coverage})
    if is_part(request, "accuracy"):
        return render(request, "scoring/_accuracy.html", {"accuracies": _accuracies(project, facts)})
    if is_part(request, "collapse"):
        return render(request, "scoring/_collapse.html", {"found": _collapse(project, facts)})
    found = presence.of_all(project)[scorer]
    revisions = _revisions(project, facts)
    context = {
        "section": "scorers",
        "facts": facts,
        "presence": found,
        "state_words": STATES[found.state],
        "needs": cards.needs(facts),
        "place": cards.place(facts),
        "kinds": [cards.kind_words(kind) for kind in cards.kinds(facts)],
        "outputs": [(output, cards.span(output), cards.direction(output)) for output in facts.outputs],
        "settings": list(cards.setting_rows(facts)),
        "independence": cards.independence(facts),
        "relatives": _relatives(project, facts, revisions),
        "revisions": revisions,
        "parity": cards.parity(scorer),
        **_check(facts, revisions),
        "fetches_weights": facts.fetches_weights,
        "standing_form": StandingForm(),
        "is_on_arrival": scorer in project.arrival_scorers,
        "has_samples": Sample.objects.filter(project=project).exists(),
        **probe_report.context(project, facts, revisions[0].rater if revisions else None),
    }
    return render(request, "scoring/scorer.html", context)


def _collapse(project: Project, facts: ScorerFacts) -> list[tuple[Rater, list[OnEvidence]]]:
    """How far each rater tells samples apart here, the newest first."""
    return [(voice.rater, on_evidence(project, voice.rater)) for voice in presence.voices(project, facts.name)]


def _accuracies(project: Project, facts: ScorerFacts) -> list[tuple[Rater, Estimate | None]]:
    raters = [voice.rater for voice in presence.voices(project, facts.name)]
    found = accuracy_here(project, [rater.pk for rater in raters])
    return [(rater, found.get(rater.pk)) for rater in raters]


def _relatives(project: Project, facts: ScorerFacts, revisions: list[Revision]) -> list[Generator]:
    """Generators of this project that share weights or training data with the scorer, or are the model it asks here."""
    kin = {(facts.family, ()), *((one.rater.family, tuple(one.rater.model_names)) for one in revisions)}
    found = {
        generator.pk: generator
        for family, names in sorted(kin)
        for generator in kinship.relatives(project, family=family, model_names=names)
    }
    return list(found.values())[:RELATIVES_SHOWN]


def _revisions(project: Project, facts: ScorerFacts) -> list[Revision]:
    """Every rater that the scorer has been here, the newest first, each held against the newest."""
    voices = presence.voices(project, facts.name)
    newest = voices[0].rater.identity if voices else {}
    probes = standing.of_raters(project, [voice.rater.pk for voice in voices])
    return [
        Revision(
            voice=voice,
            probes=probes[voice.rater.pk],
            identity=cards.identity_rows(voice.rater.identity),
            differences=cards.differences(voice.rater.identity, newest),
        )
        for voice in voices
    ]


def _check(facts: ScorerFacts, revisions: list[Revision]) -> dict[str, object]:
    """The last check against published values, and whether it was of the rater that speaks here now."""
    if not facts.published:
        return {}
    check = checking.latest(facts.name)
    newest = digest_of(revisions[0].rater.identity) if revisions else ""
    return {
        "check": check,
        "checked_at": datetime.fromisoformat(check.at) if check else None,
        "is_of_newest": check is not None and check.digest == newest,
    }


# -- the word on a machine --------------------------------------------------------------------------------------------


@project_page(Right.EDIT)
@require_POST
def machine_standing(request: PageRequest, project: Project, rater_id: int) -> HttpResponse:
    """Trusts a machine or puts it in quarantine, from a day on or from now."""
    rater = get_object_or_404(Rater.objects.machines().visible_to(request.user), pk=rater_id)
    form = StandingForm(request.POST)
    if form.is_valid():
        raters.set_standing(
            project=project,
            rater=rater,
            state=form.cleaned_data["state"],
            since=_moment(form.cleaned_data["since"]),
            reason=form.cleaned_data["reason"],
            by=request.user,
        )
        messages.success(request, _standing_words(rater, form.cleaned_data["state"]))
    else:
        messages.error(request, _("Say why, in a few words; nothing was changed."))
    return redirect(home_of(project, rater))


def _moment(day: object) -> datetime:
    """The first moment of a day; now where none is named."""
    if day is None:
        return timezone.now()
    return timezone.make_aware(datetime.combine(day, time.min))  # type: ignore[arg-type]


def _standing_words(rater: Rater, state: str) -> str:
    if state == RaterStanding.State.QUARANTINED:
        return _("“%(name)s” is in quarantine: recipes leave out what it says.") % {"name": rater.name}
    return _("“%(name)s” is trusted.") % {"name": rater.name}


def page_of(project: Project, name: str) -> str:
    """The page of a scorer, or of a head, by the name under which a job has it; empty for a head of elsewhere."""
    if name in CATALOGUE:
        return reverse("scorer", args=[project.slug, name])
    head = of_key(name)
    return reverse("head", args=[project.slug, head.pk]) if head and head.project_id == project.pk else ""


def home_of(project: Project, rater: Rater) -> str:
    """The page that tells of a machine."""
    head = FittedHead.objects.filter(rater=rater, project=project).values_list("pk", flat=True).first()
    if head is not None:
        return reverse("head", args=[project.slug, head])
    name = rater.identity.get("scorer", "")
    if name in CATALOGUE:
        return reverse("scorer", args=[project.slug, name])
    judge = JudgeRater.objects.filter(rater=rater, judge__project=project).values_list("judge", flat=True).first()
    return reverse("judge", args=[project.slug, judge]) if judge else reverse("scorers", args=[project.slug])
