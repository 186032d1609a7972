"""First answers to items with a draft: what the report about drafts is made from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from django.db.models import QuerySet

from annotation import answers, gold, questions
from annotation.anchoring import Seen, agrees
from annotation.models.answers import Answer
from annotation.models.batches import Batch
from annotation.models.queue import Assignment


def drafted_answers(batch: Batch) -> QuerySet[Answer]:
    """Each person's first answer to each item that has a draft. What was changed later, the draft did not lead to."""
    first = Answer.objects.filter(
        assignment__batch=batch,
        assignment__item__draft__isnull=False,
        assignment__is_repeat=False,
        assignment__state__in=[Assignment.State.DONE, Assignment.State.LATE],
        replaces=None,
        payload__isnull=False,
    )
    return first.select_related("assignment__item").order_by("id")


def seen(batch: Batch, question: str = "") -> Iterator[Seen]:
    """The answers as the report takes them: all drafted questions together, or one of them by its key."""
    asked = questions.parse(batch.questions)
    for answer in drafted_answers(batch).iterator(chunk_size=1000):
        assignment = answer.assignment
        item = assignment.item
        draft = {key: said for key, said in (item.draft or {})["questions"].items() if question in ("", key)}
        if not draft:
            continue
        stored = [item.sample_ids.index(sample) for sample in assignment.presentation["order"]]
        said = answers.reorder(answer.payload or {"questions": {}}, asked, stored)["questions"]
        yield Seen(
            shown=bool(assignment.presentation["draft"]),
            agrees=agrees(draft, said),
            seconds=answer.seconds,
            is_right=_is_right(asked, item.expected, draft),
        )


def _is_right(
    asked: Sequence[questions.Question], expected: dict[str, Any] | None, draft: dict[str, Any]
) -> bool | None:
    """Whether the draft is right where the right answer is known; what it leaves out, it is not wrong about."""
    if expected is None:
        return None
    known = {key: said for key, said in expected["questions"].items() if key in draft}
    return gold.is_right(asked, {"questions": known}, {"questions": draft})
