"""A batch with drawn pictures, and a person at its page. Used by the tests of the annotate page."""

from __future__ import annotations

import itertools
import uuid
from dataclasses import dataclass
from typing import Any

from django.urls import reverse
from django.utils import timezone
from playwright.sync_api import Page, expect

from annotation.actions import answering, leasing
from annotation.models import Answer, Assignment, Batch, Item
from curation.actions import criteria
from curation.models import Comparison, Project, User
from tests import factories
from tests.curation.media import drawn

_seeds = itertools.count(1)
YES_NO = [{"value": 0, "label": "no"}, {"value": 1, "label": "yes"}]


@dataclass
class Bench:
    """A project, a person who judges in it, and a batch."""

    project: Project
    person: User
    batch: Batch

    @property
    def url(self) -> str:
        return reverse("annotate", args=[self.project.slug, self.batch.pk])

    def open(self, page: Page) -> Page:
        page.goto(self.url)
        ready(page)
        return page


def bench(*questions: dict[str, Any], items: int = 3, samples: int = 2, size=(96, 64), **fields: Any) -> Bench:
    project = factories.project()
    asked = [_question(project, question) for question in questions]
    row = Batch.objects.create(project=project, name="Signs, round 2", seed=11, questions=asked, **fields)
    for _ in range(items):
        pictured_item(row, samples, size)
    return Bench(project, factories.member(project, "annotator"), opened(row))


def opened(row: Batch) -> Batch:
    row.state, row.opened_at = Batch.State.OPEN, timezone.now()
    row.save()
    leasing.add_slots(batch=row)
    return row


def _question(project: Project, question: dict[str, Any]) -> dict[str, Any]:
    if question["kind"] == "check":
        items = [
            {**item, "criterion": criteria.ensure(project=project, key=item["key"]).pk} for item in question["items"]
        ]
        return {**question, "items": items}
    return {"criterion": criteria.ensure(project=project, key=question["key"]).pk, **question}


def pictured_item(row: Batch, samples: int, size: tuple[int, int] = (96, 64), **fields: Any) -> Item:
    prompt = factories.prompt(row.project)
    ids = []
    for number in range(samples):
        sample = factories.sample(prompt, by=f"g{number}")
        factories.place(sample, picture(size))
        ids.append(sample.pk)
    position = Item.objects.filter(batch=row).count()
    return Item.objects.create(batch=row, position=position, prompt=prompt, sample_ids=sorted(ids), **fields)


def picture(size: tuple[int, int] = (96, 64)) -> Any:
    return factories.stored(drawn.encoded(drawn.scene(next(_seeds), size), "PNG"), "drawn.png")


COMPARE = {"key": "overall", "kind": "compare", "text": "Which picture would you rather get for this prompt?"}


def ready(page: Page) -> None:
    """An item is shown, its pictures decoded, and nobody would call a key press now a bounce."""
    page.locator("body:not(.has-no-item) .canvas-scene:not(.is-waiting) .canvas-medium").first.wait_for()
    page.wait_for_timeout(170)


def shown(page: Page) -> str:
    """The prompt of the item that is shown, which is different for every item."""
    return page.locator(".judge-prompt").inner_text()


def addresses(page: Page) -> list[str]:
    """Of the pictures that are shown, from left to right."""
    return page.locator(".canvas-scene:not(.is-waiting) .canvas-view > img.canvas-medium").evaluate_all(
        "all => all.map((one) => new URL(one.src).pathname)"
    )


def press(page: Page, key: str) -> None:
    """A key that ends with another item on the screen."""
    before = shown(page)
    page.keyboard.press(key)
    changed(page, before)


def changed(page: Page, before: str) -> None:
    """Another item is shown, or after an undo the one before; what stands in place of an item is none."""
    page.wait_for_function(
        "before => ![before, ''].includes(document.querySelector('.js-prompt').innerText)", arg=before
    )
    page.wait_for_timeout(170)


def all_sent(page: Page) -> None:
    """Nothing waits in this browser any more."""
    page.wait_for_function("() => Object.keys(localStorage).every((key) => !key.startsWith('pairwright-outbox/'))")


def waiting(page: Page) -> int:
    return page.evaluate("Object.keys(localStorage).filter((key) => key.startsWith('pairwright-outbox/')).length")


def answer(assignment: Assignment, person: User, outcome: str = "left") -> Answer:
    """Stores a comparison past the page, as another device of the person would."""
    return answering.answer(
        batch=assignment.batch,
        user=person,
        assignment_id=assignment.pk,
        client_key=str(uuid.uuid4()),
        payload={"questions": {"overall": {"outcome": outcome}}},
        seconds=3.0,
    ).answer


def answers(batch: Batch) -> list[Answer]:
    return list(Answer.objects.current().filter(assignment__batch=batch).order_by("id"))


def comparisons(batch: Batch) -> list[Comparison]:
    said = Answer.objects.filter(assignment__batch=batch).values("judgements")
    return list(Comparison.objects.filter(judgement__in=said, is_retracted=False).order_by("judgement_id", "position"))


def says(page: Page, text: str) -> None:
    expect(page.locator(".js-live")).to_contain_text(text)
