"""A second person's word on answers: drawn by seed, accepted, or returned to the author with a note."""

from __future__ import annotations

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from annotation import drawing
from annotation.models import Answer, Assignment, Review
from annotation.models import reviews as reads
from curation.actions import judgements, raters
from curation.errors import Conflict, Refused
from curation.models import Judgement, Project, User

LONGEST_NOTE = 4000


def maybe_queue(answer: Answer) -> Review | None:
    """Puts an answer before a reviewer, if chance chose its item or an earlier version of it was being reviewed.

    Called in the transaction that stores the answer, with its assignment locked. Hidden repeats are never reviewed: a
    note on one would tell that it was one.
    """
    assignment = answer.assignment
    if assignment.is_repeat:
        return None
    earlier = Review.objects.filter(answer__replaced_by=answer).first()
    if earlier is not None and earlier.outcome == Review.Outcome.WAITING:
        earlier.delete()  # its answer is no longer the living one
    if earlier is None and not is_drawn(assignment):
        return None
    return Review.objects.create(answer=answer)


def is_drawn(assignment: Assignment) -> bool:
    """Whether chance chose this person's answer to this item for a review."""
    batch = assignment.batch
    return drawing.share(batch.seed, "review", assignment.item_id, assignment.rater_id) < batch.review_share


@transaction.atomic
def accept(*, review: Review, by: User, note: str = "") -> Review:
    """Lets an answer stand.

    Raises:
        Conflict: somebody decided first, or the author has changed the answer meanwhile.
        Refused: the answer is the reviewer's own.
    """
    return _decide(_locked(review, by), Review.Outcome.ACCEPTED, note, by)


@transaction.atomic
def send_back(*, review: Review, by: User, note: str) -> Review:
    """Returns an answer to its author: its judgements are retracted, and the author is asked again with the note.

    Raises:
        Conflict: somebody decided first, or the author has changed the answer meanwhile.
        Refused: the answer is the reviewer's own, or there is no note.
    """
    if not note.strip():
        raise Refused(_("Write a note: the author reads it and answers again."))
    locked = _locked(review, by)
    acts = Judgement.objects.living().filter(answer_act__answer=locked.answer_id)
    judgements.retract(judgements=list(acts), reason=Judgement.Retraction.RETRACTED, by=by)
    return _decide(locked, Review.Outcome.RETURNED, note, by)


def _locked(review: Review, by: User) -> Review:
    """The review, locked after its assignment: in the same order as an answer that is changed, so neither waits long.

    Two reviewers who decide at once come one after the other, and the second is told.
    """
    Assignment.objects.select_for_update(of=("self",)).filter(answers__review=review.pk).first()
    locked = (
        Review.objects.select_for_update(of=("self",))
        .select_related("answer__assignment__rater", "reviewer")
        .filter(pk=review.pk)
        .first()
    )
    if locked is None or locked.answer.replaced_by_id is not None:
        raise Conflict(_("The author has changed this answer meanwhile; the new one comes to review by itself."))
    if locked.outcome != Review.Outcome.WAITING:
        raise Conflict(
            _("%(reviewer)s was first: this answer is %(outcome)s.")
            % {"reviewer": locked.reviewer, "outcome": locked.get_outcome_display()}
        )
    if locked.answer.assignment.rater.user_id == by.pk:
        raise Refused(_("This answer is your own; somebody else reviews it."))
    return locked


def _decide(review: Review, outcome: str, note: str, by: User) -> Review:
    review.outcome = outcome
    review.note = note.strip().replace("\x00", "")[:LONGEST_NOTE]
    review.reviewer = raters.for_user(by)
    review.decided_at = timezone.now()
    review.save(update_fields=["outcome", "note", "reviewer", "decided_at"])
    return review


def returned_to(user: User, project: Project) -> list[Review]:
    """What came back to this person and waits for another answer, the oldest first. Costs one query."""
    return list(reads.returned_to(user, project))


def waiting_for(user: User, project: Project) -> int:
    """How many answers this person could review here now. Costs one query."""
    return reads.waiting_for(user, project).count()
