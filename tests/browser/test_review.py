"""Reviewing by keyboard, and the pages that look over what people said, in a real browser."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.urls import reverse

from annotation.actions import consent, reviewing
from annotation.models import Review
from tests import factories
from tests.annotation import hands
from tests.curation.media import drawn

pytestmark = pytest.mark.django_db(transaction=True)

AXE = Path(__file__).parent / "vendor" / "axe-core-4.14.1" / "axe.min.js"


@pytest.fixture
def project():
    return factories.project()


@pytest.fixture
def person(project):
    return factories.member(project, "annotator")


@pytest.fixture
def curator(project):
    return factories.member(project, "curator")


def _picture(seed: int) -> bytes:
    return drawn.encoded(drawn.scene(seed, (120, 80)), "PNG")


def looked_over(project, *people, items: int = 2, **fields):
    """A batch of pictures that these people have answered, each preferring another sample; a box on what is left."""
    asked = [
        hands.compare_question(project),
        {
            "key": "spots", "kind": "mark", "text": "Where?", "shapes": ["box"], "targets": ["media"],
            "required": False,
        },
    ]  # fmt: skip
    batch = hands.batch(
        project, questions=asked, overlap=len(people), review_share=1.0, undo_seconds=0, opened=False, **fields
    )
    for _number in range(items):
        prompt = factories.prompt(project)
        ids = []
        for _sample in range(2):
            sample = factories.sample(prompt)
            factories.place(sample, factories.stored(_picture(sample.pk), f"{sample.pk}.png"))
            ids.append(sample.pk)
        hands.item(batch, prompt=prompt, sample_ids=ids)
    hands.open_(batch)
    box = {"place": 0, "target": "media", "media": 0, "shape": "box", "points": [[30, 20], [90, 60]], "error": ""}
    for place, one in enumerate(people):
        for assignment in hands.lease(batch, one, want=items):
            wanted = assignment.item.sample_ids[place % 2]
            side = "left" if assignment.presentation["order"][0] == wanted else "right"
            payload = {"questions": {"overall": {"outcome": side}, "spots": {"marks": [box]}}, "flags": []}
            hands.answer(assignment, one, payload)
    return batch


def test_answers_are_accepted_and_returned_by_keyboard(open_page, project, person, curator) -> None:
    batch = looked_over(project, person)
    page = open_page(curator)
    page.goto(reverse("review_next", args=[project.slug, batch.pk]))
    first = page.url

    page.keyboard.press("r")
    page.keyboard.type("Look at the box again.")
    page.keyboard.press("Control+Enter")
    page.wait_for_url(lambda url: url != first)
    page.keyboard.press("a")
    page.wait_for_url(f"**{reverse('batch_reviews', args=[project.slug, batch.pk])}")

    assert "No answer of" in page.locator(".messages").inner_text()
    said = Review.objects.order_by("outcome").values_list("outcome", "note")
    assert list(said) == [("accepted", ""), ("returned", "Look at the box again.")]
    (back,) = reviewing.returned_to(person, project)
    assert back.note == "Look at the box again."


def test_a_box_is_drawn_where_its_author_drew_it(open_page, project, person, curator) -> None:
    batch = looked_over(project, person, items=1)
    page = open_page(curator)

    page.goto(reverse("review_next", args=[project.slug, batch.pk]))
    picture = page.locator(".review-medium img").first
    picture.wait_for()
    page.wait_for_function("document.querySelector('.review-medium img').complete")

    shown, box = picture.bounding_box(), page.locator(".review-marks rect").first.bounding_box()
    # 30 and 90 of 120 pixels across, 20 and 60 of 80 down; the line itself is two pixels wide.
    assert (box["x"] - shown["x"]) / shown["width"] == pytest.approx(0.25, abs=0.01)
    assert (box["y"] - shown["y"]) / shown["height"] == pytest.approx(0.25, abs=0.01)
    assert box["width"] / shown["width"] == pytest.approx(0.5, abs=0.02)


def violations(page) -> list[str]:
    page.evaluate(AXE.read_text(encoding="utf-8"))
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")["violations"]
    return [f"{one['id']}: {node['target']} {node['failureSummary']}" for one in found for node in one["nodes"]]


@pytest.mark.parametrize(("theme", "width"), [("light", 1440), ("dark", 390)])
def test_axe_finds_nothing_and_nothing_hangs_over(open_page, project, person, theme, width) -> None:
    admin, other = factories.member(project, "admin"), factories.member(project, "annotator")
    batch = looked_over(project, person, other)
    text = consent.add_text(project=project, text="We keep your answers.", by=admin)
    consent.agree(project=project, user=admin, number=text.number)
    page = open_page(admin, width=width, theme=theme)
    here = [project.slug, batch.pk]
    addresses = [
        reverse("batch_disagreements", args=here),
        reverse("batch_reviews", args=here),
        reverse("batch_drafts", args=here),
        reverse("review", args=[project.slug, Review.objects.first().pk]),
        reverse("consent_withdraw", args=[project.slug]),
    ]

    for address in addresses:
        page.goto(address)
        assert violations(page) == [], address
        assert page.evaluate("document.documentElement.scrollWidth - window.innerWidth") <= 0, address
