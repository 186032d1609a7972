"""The answers of several people to one item, side by side: what adjudication reads."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Count, Exists, OuterRef, Q, QuerySet

from annotation import answers, disagreement, questions
from annotation.disagreement import Measured
from annotation.models.answers import Answer, AnswerJudgement
from annotation.models.batches import Batch
from annotation.models.queue import Assignment, Item
from curation.models import Judgement, Rater

# A first answer counts here whichever way its item was asked; hidden repeats are the same person once more.
_PURPOSES = (Judgement.Purpose.LABEL, Judgement.Purpose.CONTROL, Judgement.Purpose.AUDIT)
_CHUNK = 250
# One page, or one offer, looks through no more items than this.
MOST_LOOKED_AT = 2000


@dataclass(frozen=True)
class Voice:
    """One person's living answer to an item, over `Item.sample_ids`."""

    rater: Rater
    answer: Answer
    said: dict[str, Any]


@dataclass(frozen=True)
class Disagreement:
    """An item whose people disagree, the worst question first."""

    item: Item
    voices: Sequence[Voice]
    measured: Sequence[Measured]

    @property
    def worst(self) -> Measured:
        return self.measured[0]


@dataclass(frozen=True)
class Looked:
    """What a walk through the items found: how many it looked at, and where it stopped (None at the end)."""

    found: Sequence[Disagreement]
    looked_at: int
    next_position: int | None


def look(batch: Batch, *, after: int = -1, want: int, most: int = MOST_LOOKED_AT) -> Looked:
    """The next disagreements of a batch in the order of its queue.

    Args:
        after: the place of the item behind which to begin.
        want: stop when so many are found.
        most: stop when so many items were looked through.
    """
    asked = questions.parse(batch.questions)
    found: list[Disagreement] = []
    looked_at = 0
    while True:
        items = list(answered_in_full(batch).filter(position__gt=after).select_related("prompt")[:_CHUNK])
        for item, voices in _with_voices(batch, items, asked):
            looked_at, after = looked_at + 1, item.position
            disagreed = _disagreed(asked, voices)
            if disagreed and len(voices) >= batch.overlap:
                found.append(Disagreement(item, voices, disagreed))
            if len(found) >= want or looked_at >= most:
                return Looked(found, looked_at, after)
        if len(items) < _CHUNK:
            return Looked(found, looked_at, None)


def answered_in_full(batch: Batch) -> QuerySet[Item]:
    """Items that as many people have answered as the batch asks, and at least two, in the order of the queue."""
    filled = Q(assignments__state=Assignment.State.DONE, assignments__is_repeat=False)
    items = Item.objects.filter(batch=batch).exclude(purpose__in=["gold", "qualification"])
    answered = items.annotate(people=Count("assignments", filter=filled))
    return answered.filter(people__gte=max(batch.overlap, 2)).order_by("position")


def _with_voices(
    batch: Batch, items: Sequence[Item], asked: Sequence[questions.Question]
) -> Iterator[tuple[Item, list[Voice]]]:
    voices: dict[int, list[Voice]] = defaultdict(list)
    by_id = {item.pk: item for item in items}
    for answer in heard(batch).filter(assignment__item__in=by_id).order_by("assignment_id"):
        item = by_id[answer.assignment.item_id]
        voices[item.pk].append(Voice(answer.assignment.rater, answer, over_samples(answer, item, asked)))
    for item in items:
        yield item, voices[item.pk]


def over_samples(answer: Answer, item: Item, asked: Sequence[questions.Question]) -> dict[str, Any]:
    """What an answer says, over the item's samples in their stored order."""
    stored = [item.sample_ids.index(sample) for sample in answer.assignment.presentation["order"]]
    return answers.reorder(answer.payload or {"questions": {}}, asked, stored)


def heard(batch: Batch) -> QuerySet[Answer]:
    """Living first answers that are evidence: nothing returned or withdrawn, and nobody in quarantine."""
    standing = Judgement.objects.filter(pk=OuterRef("judgement_id")).living().outside_quarantine()
    acts = AnswerJudgement.objects.filter(Exists(standing), answer=OuterRef("pk"))
    living = Answer.objects.current().filter(
        Exists(acts),
        assignment__batch=batch,
        assignment__state=Assignment.State.DONE,
        assignment__is_repeat=False,
        assignment__purpose__in=_PURPOSES,
        payload__isnull=False,
    )
    return living.select_related("assignment__rater__user")


def _disagreed(asked: Sequence[questions.Question], voices: Sequence[Voice]) -> list[Measured]:
    measured = disagreement.measure(asked, [voice.said for voice in voices])
    return sorted((one for one in measured if one.is_disagreed), key=lambda one: one.bar - one.spread)


def judgements_by_answer(answer_ids: Sequence[int]) -> dict[int, list[int]]:
    """The acts behind each answer: what an adjudicator's judgement will name. Costs one query."""
    found: dict[int, list[int]] = {pk: [] for pk in answer_ids}
    acts = AnswerJudgement.objects.filter(answer__in=answer_ids).order_by("judgement_id")
    for answer_id, judgement_id in acts.values_list("answer_id", "judgement_id"):
        found[answer_id].append(judgement_id)
    return found


def adjudications(batch: Batch) -> QuerySet[Batch]:
    """The batches in which disagreements of this one are decided."""
    return Batch.objects.filter(project=batch.project_id, kind=Batch.Kind.ADJUDICATION, rule__batch=batch.pk)


def queued(batch: Batch) -> set[int]:
    """The judgements of this batch that somebody was asked to decide about already."""
    lists = Item.objects.filter(batch__in=adjudications(batch)).values_list("about", flat=True)
    return {judgement for about in lists for judgement in about}
