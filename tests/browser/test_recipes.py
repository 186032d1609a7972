"""The recipe editor in a real browser: mistakes that lead to their line, the funnel on demand, both widths."""

from __future__ import annotations

import pytest
from django.urls import reverse

from tests import factories
from tests.curation.recipes.test_building import VOTES, Scene

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def voted() -> Scene:
    made = Scene(with_pictures=False)
    made.vote_all()
    return made


@pytest.mark.capability("D1")
@pytest.mark.parametrize("width", [1440, 390])
def test_a_mistake_leads_to_its_line_and_mended_shows_the_funnel(open_page, voted, width) -> None:
    page = open_page(factories.member(voted.project, "curator"), width=width)
    page.goto(reverse("recipe_new", args=[voted.project.slug]))
    text = page.get_by_label("Recipe (YAML)")

    text.fill(VOTES.replace("judged_pairs", "juged_pairs"))
    text.press("Control+Enter")
    page.get_by_role("button", name="Line 5, column 17").click()

    assert text.evaluate("field => field.value.slice(field.selectionStart, field.selectionStart + 5)") == "juged"
    assert page.locator(".code-lines .is-wrong").all_inner_texts() == ["5"]

    text.fill(VOTES)
    text.press("Control+Enter")
    page.locator(".step-head b", has_text="decided by votes").wait_for()
    assert page.locator(".verdict-chosen").count() == 4
    assert page.locator(".code-lines .is-wrong").count() == 0
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_escape_lets_the_keyboard_leave_the_field(open_page, voted) -> None:
    page = open_page(factories.member(voted.project, "curator"))
    page.goto(reverse("recipe_new", args=[voted.project.slug]))
    text = page.get_by_label("Recipe (YAML)")
    text.fill("a")

    text.press("Tab")
    assert text.input_value() == "a  "
    text.press("Escape")
    text.press("Tab")

    assert page.evaluate("document.activeElement.textContent").strip() == "Save"


SCORED = """\
recipe: 1
title: Points
filters:
  - {name: sharp, by: {scores: points}, at_least: 0}
pairing:
  rule: best_against_worst
  by: {scores: points}
"""


@pytest.mark.capability("D1")
@pytest.mark.parametrize("width", [1440, 390])
def test_a_slider_moves_its_number_in_the_text_and_can_be_undone(open_page, voted, width) -> None:
    voted.score(**{f"g{g}s{s}": float(s) for g in range(4) for s in range(3)})
    page = open_page(factories.member(voted.project, "curator"), width=width)
    page.goto(reverse("recipe_new", args=[voted.project.slug]))
    text = page.get_by_label("Recipe (YAML)")
    text.fill(SCORED)
    slider = page.get_by_label("at_least sharp")
    slider.wait_for()

    slider.focus()
    slider.press("End")
    page.get_by_text("below the bar").wait_for()
    assert "at_least: 2}" in text.input_value()
    assert page.evaluate("document.activeElement.dataset.name") == "at_least"
    assert page.get_by_text("Not saved yet").is_visible()

    gap = page.get_by_label("min_gap")
    gap.focus()
    gap.press("ArrowRight")
    page.wait_for_function("document.querySelector('#id_text').value.includes('\\n  min_gap: ')")

    page.get_by_role("button", name="Undo").click()
    page.get_by_role("button", name="Undo").click()
    assert text.input_value() == SCORED
    page.get_by_role("button", name="Redo").click()
    assert "at_least: 2}" in text.input_value()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
