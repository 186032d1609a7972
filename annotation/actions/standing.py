"""What known answers say of a person: paused below the batch's bar, passed or failed in a qualification.

A paused person's answers since the first wrong one are kept apart (quarantined), never deleted, and count again when
an admin trusts the person again.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from annotation import gold, questions
from annotation.labels import over_samples
from annotation.models import Answer, Assignment, Batch, Participant
from annotation.models.answers import AnswerQuerySet
from curation.actions import raters
from curation.errors import Refused
from curation.models import Judgement, Rater, RaterStanding, User


@dataclass(frozen=True)
class Known:
    """One answer to an item whose right answer is known."""

    answer: Answer
    is_right: bool


@transaction.atomic
def after_gold(*, participant: Participant) -> Participant:
    """Draws the conclusion from the newest known answer. The caller holds the participant's row.

    In a batch of labels the last `gold_least` known answers are looked at, once there are as many since the person
    was last trusted again; below the bar the person pauses. A qualification ends when nothing of it is left.
    """
    if participant.state != Participant.State.ACTIVE:
        return participant
    if participant.batch.kind == Batch.Kind.QUALIFICATION:
        return _qualify(participant)
    if participant.batch.gold_bar is None:
        return participant
    known = _newest_known(participant, participant.batch.gold_least)
    if len(known) < participant.batch.gold_least or _share(known) >= participant.batch.gold_bar:
        return participant
    _pause(participant, since=_first_wrong(known), why=_examined(known), by=None)
    return participant


def _newest_known(participant: Participant, most: int) -> list[Known]:
    """The newest known answers of a person in a batch since they were last trusted again. Costs two queries."""
    rows = _known(participant)
    standing = _newest_standing(participant.batch.project_id, participant.rater_id)
    if standing is not None and standing.state == RaterStanding.State.TRUSTED:
        rows = rows.filter(created_at__gt=standing.created_at)
    return _examine(rows.order_by("-created_at", "-pk")[:most], participant.batch)


def _known(participant: Participant) -> AnswerQuerySet:
    return Answer.objects.known().filter(assignment__batch=participant.batch, assignment__rater_id=participant.rater_id)


def _examine(rows: Iterable[Answer], batch: Batch) -> list[Known]:
    """Those answers that can be right or wrong, with which they are."""
    asked = questions.parse(batch.questions)
    verdicts = ((row, _verdict(row, asked)) for row in rows)
    return [Known(row, verdict) for row, verdict in verdicts if verdict is not None]


def _verdict(row: Answer, asked: Sequence[questions.Question]) -> bool | None:
    item = row.assignment.item
    assert item.expected is not None
    assert row.payload is not None
    said = over_samples(row.payload, asked, row.assignment.presentation["order"], item.sample_ids)
    return gold.is_right(asked, item.expected, said)


def _share(known: Sequence[Known]) -> float:
    return sum(one.is_right for one in known) / len(known)


def _first_wrong(known: Sequence[Known]) -> datetime:
    """When the earliest wrong one was said. Its judgements carry the moment that recipes compare with."""
    wrong = [one.answer for one in known if not one.is_right]
    acts = Judgement.objects.filter(answer_act__answer__in=wrong)
    return min([row.created_at for row in wrong] + list(acts.values_list("at", flat=True)))


def _examined(known: Sequence[Known]) -> str:
    return _("%(right)d of the last %(of)d answers that were checked beforehand came out as expected.") % {
        "right": sum(one.is_right for one in known),
        "of": len(known),
    }


def _newest_standing(project_id: int, rater_id: int) -> RaterStanding | None:
    return RaterStanding.objects.filter(project_id=project_id, rater_id=rater_id).order_by("-id").first()


# -- pausing and coming back ------------------------------------------------------------------------------------------


def _kindly() -> str:
    """What a paused person reads. It neither blames nor tells which items were known."""
    return _(
        "Let us take a break here. Some of your recent answers differ from what we expected, which happens to careful "
        "people too: the guideline may be unclear, or the day long. Nothing you did is lost, and it is paid like "
        "everything else. Somebody will look at it and get back to you; reading the guideline again helps."
    )


def _pause(participant: Participant, *, since: datetime, why: str, by: User | None) -> None:
    """Pauses the person in every batch of the project: what is kept apart in one would be in all of them."""
    project, rater = participant.batch.project, participant.rater
    before = _newest_standing(project.pk, rater.pk)
    if before is not None and before.state == RaterStanding.State.QUARANTINED:
        since = min(since, before.since)
    raters.set_standing(
        project=project, rater=rater, state=RaterStanding.State.QUARANTINED, since=since, reason=why, by=by
    )
    participant.state, participant.reason = Participant.State.PAUSED, _kindly()
    participant.save(update_fields=["state", "reason"])
    # A row that another request of the same person holds is left to that one: waiting for it could wait for ever.
    others = (
        Participant.objects.select_for_update(skip_locked=True, of=("self",))
        .filter(batch__project=project, rater=rater, state=Participant.State.ACTIVE)
        .exclude(batch__kind=Batch.Kind.QUALIFICATION)
    )
    for other in others:
        other.state, other.reason = Participant.State.PAUSED, _kindly()
        other.save(update_fields=["state", "reason"])


@transaction.atomic
def pause(*, participant: Participant, since: datetime | None = None, reason: str, by: User) -> Participant:
    """Pauses a person on an admin's word and keeps apart what they said since then (or: since they joined).

    Raises:
        Refused: no reason is given.
    """
    if not reason.strip():
        raise Refused(_("Say why: whoever looks at this later wants to know."))
    locked = _locked(participant)
    _pause(locked, since=since or locked.joined_at, why=reason.strip(), by=by)
    return locked


@transaction.atomic
def reinstate(*, participant: Participant, reason: str = "", by: User) -> Participant:
    """Trusts a paused person again: they go on, and what was kept apart counts again.

    Known answers given before this moment no longer count against them.

    Raises:
        Refused: the person is not paused.
    """
    locked = _locked(participant)
    if locked.state != Participant.State.PAUSED:
        raise Refused(_("This person is not paused here, so there is nothing to take back."))
    raters.set_standing(
        project=locked.batch.project,
        rater=locked.rater,
        state=RaterStanding.State.TRUSTED,
        since=timezone.now(),
        reason=reason.strip(),
        by=by,
    )
    paused = Participant.objects.filter(
        batch__project_id=locked.batch.project_id, rater_id=locked.rater_id, state=Participant.State.PAUSED
    )
    paused.update(state=Participant.State.ACTIVE, reason="")
    locked.state, locked.reason = Participant.State.ACTIVE, ""
    return locked


def is_quarantined(*, project_id: int, rater: Rater) -> bool:
    """Whether what the rater says in the project now would be kept apart. Costs one query."""
    newest = _newest_standing(project_id, rater.pk)
    return newest is not None and newest.covers(timezone.now())


def _locked(participant: Participant) -> Participant:
    rows = Participant.objects.select_for_update(of=("self",)).select_related("batch__project", "rater")
    return rows.get(pk=participant.pk)


# -- qualification ----------------------------------------------------------------------------------------------------


def _qualify(participant: Participant) -> Participant:
    """Passed or failed, once every item was answered or skipped; a skipped one was not right."""
    batch = participant.batch
    asked = batch.items.filter(expected__isnull=False).count()
    skipped = Assignment.objects.filter(
        batch=batch, rater_id=participant.rater_id, state=Assignment.State.SKIPPED, is_repeat=False
    ).count()
    answered = list(_known(participant))
    if not asked or len(answered) + skipped < asked:
        return participant
    known = _examine(answered, batch)
    right, of = sum(one.is_right for one in known), len(known) + skipped
    has_passed = of > 0 and right / of >= batch.pass_bar
    participant.state = Participant.State.PASSED if has_passed else Participant.State.FAILED
    participant.reason = _outcome(has_passed, right, of, batch.pass_bar)
    participant.save(update_fields=["state", "reason"])
    return participant


def _outcome(has_passed: bool, right: int, of: int, bar: float) -> str:
    words = {"right": right, "of": of, "bar": round(100 * bar)}
    if has_passed:
        return _("You have passed: %(right)d of %(of)d as expected. Welcome!") % words
    return (
        _(
            "Thank you for your time. %(right)d of %(of)d came out as expected, and this work asks for %(bar)d %%. "
            "The guideline tells what matters; whoever invited you can let you try again."
        )
        % words
    )
