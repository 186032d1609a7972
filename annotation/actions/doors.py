"""Whether a person may judge in a batch at this moment, and if not, why, in words."""

from __future__ import annotations

from dataclasses import dataclass

from django.db import connection
from django.urls import reverse
from django.utils.translation import gettext as _

from annotation.actions import standing
from annotation.models import Batch, ConsentText, Participant
from curation.models import Consent, Rater, User


@dataclass(frozen=True)
class Shut:
    """A closed door: the state the page shows, the words for it, and where the person can go on."""

    state: str
    message: str
    url: str = ""


def shut(*, batch: Batch, user: User) -> Shut | None:
    """The first reason why this person may not take items of the batch now; None when the door is open."""
    return (
        _batch_is_shut(batch)
        or _is_set_aside(batch, user)
        or _needs_consent(batch, user)
        or _needs_qualification(batch, user)
    )


def _batch_is_shut(batch: Batch) -> Shut | None:
    if batch.state == Batch.State.PAUSED:
        return Shut("paused", _("This batch is paused. What you answered is kept; come back later."))
    if batch.state != Batch.State.OPEN:
        return Shut("closed", _("This batch is closed. Thank you; what you answered is kept."))
    if batch.deadline is not None and _is_past(batch):
        return Shut("closed", _("The deadline of this batch has passed. What you answered is kept."))
    return None


def _is_past(batch: Batch) -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp() > %s", [batch.deadline])
        return bool(cursor.fetchone()[0])


def _is_set_aside(batch: Batch, user: User) -> Shut | None:
    """Whoever was paused in one batch of a project would work in vain in the others: it would be kept apart."""
    rater = Rater.objects.filter(user=user).first()
    if rater is None or not standing.is_quarantined(project_id=batch.project_id, rater=rater):
        return None
    return Shut(
        "rater-paused",
        _("You are paused in this project for now. What you answered is kept; an admin of the project can let you on."),
    )


def _needs_consent(batch: Batch, user: User) -> Shut | None:
    text = ConsentText.objects.filter(project=batch.project_id).order_by("-number").first()
    if text is None:
        return None
    given = Consent.objects.filter(
        project=batch.project_id, rater__user=user, withdrawn_at=None, text_version=f"v{text.number}"
    )
    if given.exists():
        return None
    return Shut(
        "needs-consent",
        _("Before you judge, please read what happens with your answers and agree to it."),
        reverse("consent", args=[batch.project.slug]),
    )


def _needs_qualification(batch: Batch, user: User) -> Shut | None:
    first = batch.qualification
    if first is None:
        return None
    passed = Participant.objects.filter(batch=first, rater__user=user, state=Participant.State.PASSED)
    if passed.exists():
        return None
    return Shut(
        "needs-qualification",
        _("“%(name)s” comes first: a few items that show you how to judge here.") % {"name": first.name},
        reverse("annotate", args=[batch.project.slug, first.pk]),
    )
