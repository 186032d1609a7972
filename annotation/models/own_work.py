"""One person's own work in a project: batches open to them, how far along, how it goes. Never anybody else's.

Nothing here tells gold from the rest. Agreement with oneself is told of earlier days only and over many repeats, so
that nobody can find out which item was one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from statistics import median

from django.db import connection
from django.db.models import Sum

from annotation import answers as plain
from annotation import gold, questions
from annotation.models.answers import Answer
from annotation.models.batches import Batch, Participant
from annotation.models.queue import Assignment
from curation.models import Project, Rater, User

# Fewer repeats than this say little, and might say which they were.
LEAST_REPEATS = 10
# The newest answers of a batch that are looked at; a person may have given hundreds of thousands.
NEWEST = 500
REPEATS_LOOKED_AT = 200


@dataclass(frozen=True)
class OwnBatch:
    """A batch and the person's place in it; `qualification` is what must be passed before, None where nothing must."""

    batch: Batch
    person: Participant | None
    qualification: Batch | None

    @property
    def answered(self) -> int:
        return self.person.answered if self.person else 0

    @property
    def state(self) -> str:
        """`go`, `paused` (the batch), `stopped` (the person), `passed`, `failed`, `over` (the deadline), `done`."""
        if self.person and self.person.state in ("passed", "failed"):
            return self.person.state
        if self.person and self.person.state == Participant.State.PAUSED:
            return "stopped"
        if self.batch.state == Batch.State.PAUSED:
            return "paused"
        if self.batch.item_count and self.answered >= self.batch.item_count:
            return "done"
        return "go"


@dataclass(frozen=True)
class Pace:
    """`today` and `median_seconds` are of the newest answers, so `today` may be cut off at `NEWEST` a batch."""

    answered: int
    today: int
    median_seconds: float | None
    repeats: int
    consistent: int


def batches(user: User, project: Project) -> list[OwnBatch]:
    """Open and paused batches that this person may judge in, the most urgent first. Costs three queries."""
    rows = list(
        Batch.objects.for_person(user)
        .filter(project=project, state__in=[Batch.State.OPEN, Batch.State.PAUSED])
        .select_related("qualification")
    )
    people = {row.batch_id: row for row in Participant.objects.filter(batch__in=rows, rater__user=user)}
    firsts = [row.qualification_id for row in rows if row.qualification_id]
    passed = Participant.objects.filter(batch__in=firsts, rater__user=user, state=Participant.State.PASSED)
    is_passed = set(passed.values_list("batch_id", flat=True))
    own = [
        OwnBatch(row, people.get(row.pk), None if row.qualification_id in is_passed else row.qualification)
        for row in rows
    ]
    shown = [one for one in own if one.person is None or one.person.state != Participant.State.REMOVED]
    return sorted(shown, key=_urgency)


def _urgency(own: OwnBatch) -> tuple[bool, bool, float, int]:
    """What can be done now first, then by deadline; the older batch before the newer."""
    deadline = own.batch.deadline.timestamp() if own.batch.deadline else float("inf")
    return (own.state != "go", own.qualification is not None, deadline, own.batch.pk)


def pace(user: User, project: Project, since: datetime) -> Pace:
    """How much, how fast, and how much in agreement with oneself. Costs at most five queries of bounded size.

    Args:
        since: the beginning of the person's day.
    """
    rater = Rater.objects.filter(user=user).first()
    if rater is None:
        return Pace(0, 0, None, 0, 0)
    places = Participant.objects.filter(rater=rater, batch__project=project)
    answered = places.aggregate(number=Sum("answered"))["number"] or 0
    if not answered:
        return Pace(0, 0, None, 0, 0)
    newest = _newest(rater, project)
    seconds = [seconds for _at, seconds in newest if seconds is not None]
    repeats, consistent = _consistency(rater, project, since)
    return Pace(
        answered=answered,
        today=sum(at >= since for at, _seconds in newest),
        median_seconds=median(seconds) if seconds else None,
        repeats=repeats,
        consistent=consistent,
    )


_NEWEST = """
SELECT own.ended_at, w.seconds
FROM annotation_batch b
CROSS JOIN LATERAL (
    SELECT a.id, a.ended_at FROM annotation_assignment a
    WHERE a.batch_id = b.id AND a.rater_id = %(rater)s AND a.state IN ('done', 'late') ORDER BY a.id DESC LIMIT %(most)s
) own
JOIN annotation_answer w ON w.assignment_id = own.id AND w.replaced_by_id IS NULL
WHERE b.project_id = %(project)s AND own.ended_at IS NOT NULL
"""


def _newest(rater: Rater, project: Project) -> list[tuple[datetime, float | None]]:
    with connection.cursor() as cursor:
        cursor.execute(_NEWEST, {"rater": rater.pk, "project": project.pk, "most": NEWEST})
        return cursor.fetchall()


def _consistency(rater: Rater, project: Project, before: datetime) -> tuple[int, int]:
    """How many hidden repeats of earlier days there were, and in how many the person said the same again."""
    repeats = list(
        Assignment.objects.filter(
            rater=rater, batch__project=project, is_repeat=True, state=Assignment.State.DONE, ended_at__lt=before
        )
        .select_related("batch", "repeats", "item")
        .order_by("-id")[:REPEATS_LOOKED_AT]
    )
    if len(repeats) < LEAST_REPEATS:
        return 0, 0
    ids = {pk for one in repeats for pk in (one.pk, one.repeats_id)}
    said = {row.assignment_id: row for row in Answer.objects.current().filter(assignment__in=ids)}
    verdicts = [_says_the_same(one, said) for one in repeats]
    known = [verdict for verdict in verdicts if verdict is not None]
    return (len(known), sum(known)) if len(known) >= LEAST_REPEATS else (0, 0)


def _says_the_same(repeat: Assignment, said: dict[int, Answer]) -> bool | None:
    """None where one of the two was erased or nothing in them can be compared."""
    first, again = said.get(repeat.repeats_id or 0), said.get(repeat.pk)
    if repeat.repeats is None or first is None or again is None or not first.payload or not again.payload:
        return None
    parsed = questions.parse(repeat.batch.questions)
    stored = repeat.item.sample_ids
    earlier = _over(first, repeat.repeats.presentation["order"], stored, parsed)
    later = _over(again, repeat.presentation["order"], stored, parsed)
    return gold.is_right(parsed, earlier, later)


def _over(answer: Answer, shown: Sequence[int], stored: Sequence[int], parsed: tuple[questions.Question, ...]) -> dict:  # type: ignore[type-arg]
    """The answer over the samples in stored order."""
    return plain.reorder(answer.payload or {"questions": {}}, parsed, [list(stored).index(pk) for pk in shown])
