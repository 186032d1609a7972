"""The charts of the page of evidence: drawn under the page's own policy, in the colours of the theme."""

from __future__ import annotations

import pytest
from django.urls import reverse

from tests import factories
from tests.curation.examination.scene import Scene, voted

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def boats() -> Scene:
    return voted()


@pytest.fixture
def reader(boats):
    return factories.member(boats.project, "viewer", "vera")


def _dots(page):
    """The chart of machines: one point for each, with what it says to a screen reader."""
    page.locator("[data-spec=machines-spec] .js-chart-drawn svg path[aria-roledescription=point]").first.wait_for()
    return page.locator("[data-spec=machines-spec] .js-chart-drawn svg path[aria-roledescription=point]")


def test_charts_are_drawn_without_code_from_strings(open_page, boats, reader) -> None:
    page = open_page(reader)
    complaints = []
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))

    page.goto(reverse("evidence", args=[boats.project.slug]))

    # A person and two machines.
    assert _dots(page).count() == 3
    page.locator("[data-spec=slices-spec] .js-chart-drawn svg").wait_for()
    assert complaints == []


def test_a_chart_takes_the_place_that_was_kept_for_it(open_page, boats, reader) -> None:
    page = open_page(reader)
    page.goto(reverse("evidence", args=[boats.project.slug]))
    _dots(page)

    page.locator("[data-spec=slices-spec] .js-chart-drawn svg").wait_for()

    for name in ("machines", "slices"):
        kept = int(page.locator(f"[data-spec={name}-spec]").get_attribute("data-height"))
        figure = page.locator(f"[data-spec={name}-spec]")
        figure.locator("> svg").wait_for(state="detached")
        assert figure.bounding_box()["height"] == pytest.approx(kept, abs=12)
    assert page.evaluate("document.documentElement.scrollWidth") <= page.viewport_size["width"]


def test_a_chart_follows_the_theme(open_page, boats, reader) -> None:
    page = open_page(reader)
    page.goto(reverse("evidence", args=[boats.project.slug]))
    before = _dots(page).last.get_attribute("fill")

    page.evaluate("document.documentElement.dataset.bsTheme = 'dark'")
    page.wait_for_function(
        "before => [...document.querySelectorAll('[data-spec=machines-spec] path[aria-roledescription=point]')]"
        ".every((dot) => dot.getAttribute('fill') !== before)",
        arg=before,
    )

    accent = page.evaluate("getComputedStyle(document.documentElement).getPropertyValue('--pw-accent').trim()")
    assert _dots(page).last.get_attribute("fill") == accent


def test_a_dot_says_what_it_rests_on(open_page, boats, reader) -> None:
    page = open_page(reader)
    page.goto(reverse("evidence", args=[boats.project.slug]))

    _dots(page).last.hover()

    words = page.locator("#vg-tooltip-element.visible")
    words.wait_for()
    assert "7 votes, 2 prompts" in words.inner_text()
    assert "71.4 %" in words.inner_text()
