"""Batches written by hand, and people who lease and answer: each helper states only what a test does not care about."""

from __future__ import annotations

import itertools
import uuid
from typing import Any

from django.utils import timezone

from annotation.actions import answering, leasing
from annotation.models import Answer, Assignment, Batch, Item
from curation.models import Project, User
from tests import factories

_numbers = itertools.count(1)


def compare_question(project: Project, **fields: Any) -> dict[str, Any]:
    return {
        "key": "overall",
        "kind": "compare",
        "text": "Which picture would you rather get for this prompt?",
        "criterion": factories.overall(project).pk,
        **fields,
    }


def batch(project: Project, *, items: int = 0, samples: int = 2, opened: bool = True, **fields: Any) -> Batch:
    """An open batch of text answers (`items` of them), which needs no media."""
    fields.setdefault("questions", [compare_question(project)])
    row = Batch.objects.create(
        project=project, name=fields.pop("name", f"batch {next(_numbers)}"), seed=fields.pop("seed", 11), **fields
    )
    for _number in range(items):
        item(row, samples=samples)
    return open_(row) if opened else row


def open_(row: Batch) -> Batch:
    row.state, row.opened_at = Batch.State.OPEN, timezone.now()
    row.save()
    leasing.add_slots(batch=row)
    return row


def item(row: Batch, *, samples: int = 2, **fields: Any) -> Item:
    """One item about new samples of a new prompt."""
    prompt = fields.pop("prompt", None) or factories.prompt(row.project)
    ids = fields.pop("sample_ids", None) or sorted(
        factories.sample(prompt, by=f"g{number}", text=f"answer {number}").pk for number in range(samples)
    )
    last = Item.objects.filter(batch=row).count()
    return Item.objects.create(batch=row, position=last, prompt=prompt, sample_ids=ids, **fields)


def gold_item(row: Batch, outcome: str = "left", purpose: str = "gold") -> Item:
    """An item whose right answer is this outcome, left being the sample with the smaller id."""
    return item(row, purpose=purpose, expected={"questions": {"overall": {"outcome": outcome}}})


def key() -> str:
    return str(uuid.uuid4())


def lease(row: Batch, user: User, want: int = 1) -> list[Assignment]:
    return list(leasing.lease(batch=row, user=user, want=want).assignments)


def verdict(outcome: str = "left", **more: Any) -> dict[str, Any]:
    return {"questions": {"overall": {"outcome": outcome, **more}}, "flags": []}


def answer(assignment: Assignment, user: User, payload: dict[str, Any] | None = None, **fields: Any) -> Answer:
    """Stores an answer of this person; left is better unless a payload says otherwise."""
    return answering.answer(
        batch=assignment.batch,
        user=user,
        assignment_id=assignment.pk,
        client_key=fields.pop("client_key", key()),
        payload=payload or verdict(),
        seconds=fields.pop("seconds", 3.5),
        **fields,
    ).answer


def answer_next(row: Batch, user: User, payload: dict[str, Any] | None = None, **fields: Any) -> Answer:
    """Leases the person's next item and answers it."""
    (assignment,) = lease(row, user)
    return answer(assignment, user, payload, **fields)


def prefer(assignment: Assignment, user: User, place: int, **fields: Any) -> Answer:
    """The person prefers the sample at this place of the stored order, whichever side it is shown on."""
    wanted = assignment.item.sample_ids[place]
    side = "left" if assignment.presentation["order"][0] == wanted else "right"
    return answer(assignment, user, verdict(side), **fields)
