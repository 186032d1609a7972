"""The end of a person's consent in a project: what they said no longer counts, and nothing personal is left of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext as _

from annotation.actions import leasing
from annotation.models import Answer, Assignment, Participant, Review
from curation.access import Right
from curation.actions import raters, withdrawals
from curation.errors import NotAllowed, PairwrightError
from curation.models import Consent, Judgement, Project, Rater, User

# What stands where a reviewer's words stood; a returned answer must keep some note.
ERASED = "–"


@dataclass(frozen=True)
class Withdrawn:
    """What a withdrawal did.

    Attributes:
        judgements: acts of this person that no longer count; their rows stay as tombstones.
        rows: rows of frozen versions that rest on them, by version.
        minors: the minor versions that take their place.
        is_seen_to: whether all versions could be looked through; else the job of the withdrawal is to be resumed.
    """

    judgements: int
    rows: dict[str, int] = field(default_factory=dict)
    minors: list[str] = field(default_factory=list)
    is_seen_to: bool = True


def withdraw(*, project: Project, rater: Rater, by: User) -> Withdrawn:
    """Withdraws a person's consent in a project, then makes minor versions without the rows that rest on it.

    The first part is one transaction. The second reads files, so it comes after; where it cannot, its job says why and
    nothing of the first part is undone.

    Raises:
        NotAllowed: it is neither the person nor an admin of the project who asks.
        Refused: there is no living consent to withdraw.
    """
    if rater.user_id != by.pk and not project.allows(by, Right.MANAGE):
        raise NotAllowed(_("Only the person, or an admin of this project, may withdraw a consent."))
    job_id, count = _withdraw(project, rater, by)
    try:
        done = withdrawals.run_job(job_id=job_id)
    except (PairwrightError, OSError):
        # Written on its job, which can be resumed; until then nothing of the project is handed out.
        return Withdrawn(count, is_seen_to=False)
    versions = done.versions if done else []
    return Withdrawn(count, {line["version"]: line["rows"] for line in versions}, [line["minor"] for line in versions])


@transaction.atomic
def _withdraw(project: Project, rater: Rater, by: User) -> tuple[int, int]:
    """The job that sees to the versions, and how many acts were withdrawn."""
    # The person's rows in the batches come first, as for every answer: one that is being sent is stored before, or
    # finds its author gone.
    people = list(Participant.objects.select_for_update().filter(batch__project=project, rater=rater).order_by("id"))
    _end_leases(project, rater)
    _erase_words(project, rater)
    Participant.objects.filter(pk__in=[person.pk for person in people]).update(
        state=Participant.State.REMOVED, reason=""
    )
    acts = Judgement.objects.filter(project=project, rater=rater)
    # Who retracted an act is told beside it. Here that would name the person again.
    other = None if rater.user_id == by.pk else by
    raters.withdraw_consent(project=project, rater=rater, by=other)
    acts.filter(retracted_by_id=rater.user_id).update(retracted_by=None)
    withdrawal = withdrawals.for_consent(project=project, rater=rater, by=other)
    assert withdrawal.job is not None  # made with it
    return withdrawal.job.pk, acts.count()


def _end_leases(project: Project, rater: Rater) -> None:
    """What the person holds goes back to the queue."""
    held = Assignment.objects.select_for_update().filter(
        batch__project=project, rater=rater, state=Assignment.State.LEASED
    )
    slots = [slot for slot in held.values_list("slot_id", flat=True) if slot is not None]
    held.update(state=Assignment.State.EXPIRED, ended_at=leasing.now())
    leasing.give_back(slot_ids=slots)


def _erase_words(project: Project, rater: Rater) -> None:
    """Answers as they were sent, reasons for skipping, and what reviewers wrote about the person's answers."""
    own = Assignment.objects.filter(batch__project=project, rater=rater)
    own.exclude(skip_text="").update(skip_text="")
    Answer.objects.filter(assignment__in=own).update(payload=None)
    about = Review.objects.filter(answer__assignment__in=own)
    about.filter(outcome=Review.Outcome.WAITING).delete()
    by_them = Review.objects.filter(answer__assignment__batch__project=project, reviewer=rater)
    for reviews in (about, by_them):
        reviews.exclude(note="").update(note=ERASED)


# -- one's own data ---------------------------------------------------------------------------------------------------


def consent_of(project: Project, rater: Rater) -> Consent | None:
    """The living consent of a person here."""
    return Consent.objects.filter(project=project, rater=rater, withdrawn_at=None).first()


def own_data(project: Project, rater: Rater) -> Iterator[tuple[str, dict[str, Any]]]:
    """Everything kept about a person in a project, one record at a time, each under the name of its list."""
    for consent in Consent.objects.filter(project=project, rater=rater).order_by("id"):
        yield "consents", _plain(consent, "text_version", "given_at", "withdrawn_at")
    for person in (
        Participant.objects.filter(batch__project=project, rater=rater).select_related("batch").order_by("id")
    ):
        yield "batches", {"batch": person.batch.name, **_plain(person, "state", "reason", "answered", "joined_at")}
    yield from _assignments(project, rater)
    yield from _judgements(project, rater)
    reviewed = Review.objects.filter(Q(reviewer=rater) | Q(answer__assignment__rater=rater))
    for review in reviewed.filter(answer__assignment__batch__project=project).order_by("id").iterator():
        yield "reviews", _plain(review, "id", "answer_id", "outcome", "note", "decided_at")


def _assignments(project: Project, rater: Rater) -> Iterator[tuple[str, dict[str, Any]]]:
    own = Assignment.objects.filter(batch__project=project, rater=rater).select_related("batch", "item__prompt")
    for one in own.order_by("id").iterator(chunk_size=500):
        yield (
            "items",
            {
                "batch": one.batch.name,
                "prompt": one.item.prompt.text,
                **_plain(one, "id", "state", "leased_at", "ended_at", "skip_reason", "skip_text"),
            },
        )
    answers = Answer.objects.filter(assignment__batch__project=project, assignment__rater=rater)
    for answer in answers.order_by("id").iterator(chunk_size=500):
        yield "answers", _plain(answer, "id", "assignment_id", "payload", "seconds", "created_at")


def _judgements(project: Project, rater: Rater) -> Iterator[tuple[str, dict[str, Any]]]:
    acts = Judgement.objects.filter(project=project, rater=rater)
    for act in acts.order_by("id").iterator(chunk_size=500):
        yield (
            "judgements",
            _plain(act, "id", "act", "purpose", "at", "seconds", "payload", "retracted_at", "retraction"),
        )


def _plain(row: Any, *names: str) -> dict[str, Any]:
    return {name: getattr(row, name) for name in names}
