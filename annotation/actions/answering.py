"""Taking answers in. What was acknowledged is stored: answer, judgements and slot change in one transaction.

Sending an answer twice (the same client key) stores it once and is acknowledged again. The person's row in the batch
is locked first, so two tabs of one person come one after the other, and the second is told.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db import connection, transaction
from django.utils.translation import gettext as _

from annotation import answers, questions
from annotation.actions import adjudicating, drafting, leasing, recording, reviewing, showing, standing
from annotation.models import Answer, AnswerJudgement, Assignment, Batch, Participant, Review, Slot
from curation.actions import judgements, raters
from curation.errors import Refused
from curation.models import Judgement, JudgementLink, Request, User

SKIP_REASONS = ("cannot-judge", "broken", "unsafe", "other")
# Longer than anybody looks at one item; a page left open says nothing about the work.
MOST_SECONDS = 6 * 3600.0
LONGEST_KEY = 60


class AnsweredElsewhere(Refused):
    """The item was answered already, under another client key: in another tab, or before a reload."""


@dataclass(frozen=True)
class Answered:
    """The acknowledgement: the stored answer, and where the person stands now."""

    answer: Answer
    is_duplicate: bool
    is_late: bool
    participant: Participant


@transaction.atomic
def answer(
    *,
    batch: Batch,
    user: User,
    assignment_id: int,
    client_key: str,
    payload: Mapping[str, Any],
    seconds: float | None,
    revises: int | None = None,
) -> Answered:
    """Stores one answer of one person.

    An answer whose lease has ended counts as long as nobody took its place. If the item is full by then, the answer
    is kept and paid, and is no evidence (`is_late`).

    Raises:
        Refused: there is no such item in this person's hands, or it can no longer be changed.
        AnsweredElsewhere: it was answered already.
        answers.WrongAnswer: the answer does not fit what was asked.
    """
    _check_key(client_key)
    person = leasing.participant(batch=batch, rater=raters.for_user(user))
    known = Answer.objects.filter(client_key=client_key).select_related("assignment").first()
    if known is not None:
        return _again(known, person)
    assignment = _own(batch, person, assignment_id)
    asked = questions.parse(batch.questions)
    plain = answers.parse(payload, asked, showing.facts(assignment))
    if assignment.state == Assignment.State.DONE:
        row = _revise(assignment, revises, asked, plain, client_key, _seconds(seconds), user)
        return Answered(row, False, False, person)
    if assignment.state == Assignment.State.LATE or not _hold(assignment):
        return Answered(_keep_late(assignment, client_key, plain, _seconds(seconds)), False, True, person)
    row = _store(assignment, asked, plain, client_key, _seconds(seconds))
    _settle(assignment, person)
    _follow_up(assignment, row, person)
    return Answered(row, False, False, person)


def _check_key(client_key: object) -> None:
    if not isinstance(client_key, str) or not 8 <= len(client_key) <= LONGEST_KEY:
        raise Refused(_("An answer carries a key of 8 to %(most)d characters.") % {"most": LONGEST_KEY})


def _seconds(raw: object) -> float | None:
    if isinstance(raw, bool) or not isinstance(raw, (int, float)) or not math.isfinite(raw) or raw < 0:
        return None
    return min(float(raw), MOST_SECONDS)


def _again(known: Answer, person: Participant) -> Answered:
    """The same answer, sent once more: acknowledged as before."""
    if known.assignment.rater_id != person.rater_id or known.assignment.batch_id != person.batch_id:
        raise Refused(_("This answer's key belongs to another answer."))
    return Answered(known, True, known.assignment.state == Assignment.State.LATE, person)


def _own(batch: Batch, person: Participant, assignment_id: int) -> Assignment:
    found = (
        Assignment.objects.select_for_update(of=("self",))
        .select_related("item__prompt", "batch")
        .filter(pk=assignment_id, batch=batch, rater_id=person.rater_id)
        .first()
    )
    if found is None:
        raise Refused(_("This item is not yours to answer. Load the page again."))
    return found


# -- the slot ---------------------------------------------------------------------------------------------------------


def _hold(assignment: Assignment) -> bool:
    """Whether the person holds a place for this answer, taking a free one again where the lease had ended."""
    if assignment.state == Assignment.State.LEASED:
        return True
    twin = Assignment.objects.living().filter(
        item_id=assignment.item_id, rater_id=assignment.rater_id, is_repeat=assignment.is_repeat
    )
    if twin.exclude(pk=assignment.pk).exists():
        raise AnsweredElsewhere(_("You have been given this item again; answer it there."))
    if assignment.slot_id is None:
        return True
    free = Slot.objects.select_for_update(skip_locked=True).filter(item_id=assignment.item_id, state=Slot.State.OPEN)
    slot = free.order_by("number").first()
    if slot is None:
        return False
    slot.state = Slot.State.LEASED
    slot.save(update_fields=["state"])
    assignment.slot = slot
    return True


def _settle(assignment: Assignment, person: Participant) -> None:
    assignment.state = Assignment.State.DONE
    assignment.ended_at = leasing.now()
    assignment.save(update_fields=["state", "ended_at", "slot"])
    if assignment.slot_id is not None:
        Slot.objects.filter(pk=assignment.slot_id).update(state=Slot.State.DONE)
    person.answered += 1
    person.seen_at = assignment.ended_at
    person.save(update_fields=["answered", "seen_at"])


# -- the rows ---------------------------------------------------------------------------------------------------------


def _store(
    assignment: Assignment,
    asked: Sequence[questions.Question],
    plain: dict[str, Any],
    client_key: str,
    seconds: float | None,
    replaces: Answer | None = None,
) -> Answer:
    at = leasing.now()
    links = [*adjudicating.links_for(assignment.item), *drafting.links_for(assignment)]
    named = recording.acts(
        assignment=assignment,
        questions=asked,
        answer=showing.in_rendition(assignment, plain),
        client_key=client_key,
        seconds=seconds,
        at=at,
        links=links,
    )
    row = _answer_row(assignment, client_key, plain, seconds, replaces)
    written = judgements.record(project=assignment.batch.project, acts=[act for _key, act in named])
    AnswerJudgement.objects.bulk_create(
        [
            AnswerJudgement(answer=row, judgement=judgement, question=key)
            for (key, _act), judgement in zip(named, written, strict=True)
        ]
    )
    return row


def _answer_row(
    assignment: Assignment, client_key: str, plain: dict[str, Any], seconds: float | None, replaces: Answer | None
) -> Answer:
    row = Answer(assignment=assignment, client_key=client_key, payload=plain, seconds=seconds, created_at=leasing.now())
    if replaces is not None:
        # The older answer gives way before the new one comes: there is one living answer at every moment.
        row.pk = _next_key()
        Answer.objects.filter(pk=replaces.pk).update(replaced_by_id=row.pk)
    row.save(force_insert=True)
    return row


def _next_key() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT nextval(pg_get_serial_sequence('annotation_answer', 'id'))")
        return int(cursor.fetchone()[0])


def _keep_late(assignment: Assignment, client_key: str, plain: dict[str, Any], seconds: float | None) -> Answer:
    if assignment.state == Assignment.State.LATE:
        raise AnsweredElsewhere(_("You have sent another answer to this item already."))
    assignment.state = Assignment.State.LATE
    assignment.ended_at = leasing.now()
    assignment.save(update_fields=["state", "ended_at"])
    return _answer_row(assignment, client_key, plain, seconds, None)


def _follow_up(assignment: Assignment, row: Answer, person: Participant) -> None:
    """What an answer sets in motion: the gold rule, a review, the request it answers."""
    if assignment.purpose in (Judgement.Purpose.GOLD, Judgement.Purpose.QUALIFICATION):
        standing.after_gold(participant=person)
        return
    reviewing.maybe_queue(row)
    if assignment.item.request_id is not None:
        first = row.acts.order_by("id").first()
        Request.objects.filter(pk=assignment.item.request_id).exclude(state=Request.State.ANSWERED).update(
            state=Request.State.ANSWERED, answered_by=first.judgement_id if first else None
        )


# -- a changed mind ---------------------------------------------------------------------------------------------------


def _revise(
    assignment: Assignment,
    revises: int | None,
    asked: Sequence[questions.Question],
    plain: dict[str, Any],
    client_key: str,
    seconds: float | None,
    user: User,
) -> Answer:
    living = assignment.answers.current().get()
    if revises is None or revises != living.pk:
        raise AnsweredElsewhere(_("You have answered this item already, perhaps in another tab. That answer stands."))
    if not can_revise(assignment, living):
        raise Refused(_("This answer can no longer be changed; the time for that has passed."))
    old = {act.question: act.judgement for act in living.acts.select_related("judgement")}
    judgements.retract(
        judgements=[judgement for judgement in old.values() if judgement.retracted_at is None],
        reason=Judgement.Retraction.SUPERSEDED,
        by=user,
    )
    row = _store(assignment, asked, plain, client_key, seconds, replaces=living)
    _link(row, old)
    if assignment.purpose not in (Judgement.Purpose.GOLD, Judgement.Purpose.QUALIFICATION):
        reviewing.maybe_queue(row)
    return row


def can_revise(assignment: Assignment, living: Answer) -> bool:
    """Within the batch's window, or after a reviewer returned it; gold only while nothing was concluded from it."""
    review = Review.objects.filter(answer=living).first()
    if review is not None and review.outcome == Review.Outcome.RETURNED:
        return True
    if assignment.purpose == Judgement.Purpose.QUALIFICATION or assignment.batch.state == Batch.State.CLOSED:
        return False
    ended = assignment.ended_at
    return ended is not None and leasing.now() - ended <= timedelta(seconds=assignment.batch.undo_seconds)


def _link(row: Answer, old: Mapping[str, Judgement]) -> None:
    JudgementLink.objects.bulk_create(
        [
            JudgementLink(judgement=act.judgement, source=old[act.question], kind=JudgementLink.Kind.SUPERSEDES)
            for act in row.acts.select_related("judgement")
            if act.question in old
        ]
    )


# -- skipping ---------------------------------------------------------------------------------------------------------


@transaction.atomic
def skip(*, batch: Batch, user: User, assignment_id: int, reason: str, text: str = "") -> Assignment:
    """Gives an item back with a reason; somebody else gets it. Skipping twice changes nothing.

    Raises:
        Refused: the reason is unknown, or the item was answered.
    """
    if reason not in SKIP_REASONS:
        raise Refused(
            _("“%(reason)s” is no reason to skip; it is one of %(reasons)s.")
            % {"reason": reason, "reasons": ", ".join(SKIP_REASONS)}
        )
    person = leasing.participant(batch=batch, rater=raters.for_user(user))
    assignment = _own(batch, person, assignment_id)
    if assignment.state == Assignment.State.SKIPPED:
        return assignment
    if assignment.state in (Assignment.State.DONE, Assignment.State.LATE):
        raise AnsweredElsewhere(_("You have answered this item already. That answer stands."))
    was_leased = assignment.state == Assignment.State.LEASED
    assignment.state = Assignment.State.SKIPPED
    assignment.ended_at = leasing.now()
    assignment.skip_reason, assignment.skip_text = reason, str(text)[:2000].replace("\x00", "")
    assignment.save(update_fields=["state", "ended_at", "skip_reason", "skip_text"])
    if was_leased and assignment.slot_id is not None:
        leasing.give_back(slot_ids=[assignment.slot_id])
    if assignment.purpose == Judgement.Purpose.QUALIFICATION:
        standing.after_gold(participant=person)  # it may have been the last one
    return assignment
