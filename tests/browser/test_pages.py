"""What only a browser can tell: keys, themes, widths, dragging."""

from __future__ import annotations

import pytest
from django.urls import reverse

from curation.models import Flag, Judgement
from tests import factories
from tests.curation.pages.scene import Scene, scene

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def boats() -> Scene:
    return scene(with_pictures=True)


@pytest.fixture
def reader(boats):
    return factories.member(boats.project, "curator", "cora")


def _group(made: Scene) -> str:
    return reverse("prompt", args=[made.project.slug, made.prompt.pk])


def _focused(page) -> str:
    return page.evaluate("document.activeElement.closest('.js-frame')?.id ?? ''")


def _ground(page) -> str:
    return page.evaluate("getComputedStyle(document.body).backgroundColor")


def test_somebody_signs_in_and_out(open_page) -> None:
    factories.user("rosa")
    page = open_page()

    page.goto("/")
    page.get_by_label("User name or e-mail").fill("rosa")
    page.get_by_label("Password").fill("correct horse battery")
    page.get_by_role("button", name="Sign in").click()

    page.get_by_role("heading", name="Projects", exact=True).wait_for()
    page.get_by_label("Your account").click()
    page.get_by_role("button", name="Sign out").click()
    page.get_by_role("heading", name="Sign in").wait_for()


def test_the_theme_follows_the_system_until_somebody_chooses_and_then_stays(open_page, boats, reader) -> None:
    page = open_page(reader, theme="dark")
    page.goto("/")
    assert _ground(page) == "rgb(23, 23, 22)"

    page.get_by_label("Your account").click()
    page.get_by_role("button", name="Light").click()
    assert _ground(page) == "rgb(247, 246, 244)"

    # The stored choice holds before the first paint: the document never carries the other theme.
    page.add_init_script(
        "addEventListener('DOMContentLoaded', () => { window.first = document.documentElement.dataset.bsTheme })"
    )
    page.goto(_group(boats))
    assert page.evaluate("window.first") == "light"
    assert _ground(page) == "rgb(247, 246, 244)"


@pytest.mark.capability("A1")
def test_the_group_page_shows_eight_samples_of_three_generators_with_their_pictures(open_page, boats, reader) -> None:
    page = open_page(reader)
    page.goto(_group(boats))

    tiles = page.locator(".tile[id^=sample-]")
    assert tiles.count() == 8
    assert {text.split()[0] for text in page.locator(".tile-head a").all_inner_texts()} == {"flux-dev", "sdxl", "sd15"}
    for sample in boats.samples:
        tile = page.locator(f"#sample-{sample.pk}")
        tile.scroll_into_view_if_needed()
        page.wait_for_function("tile => tile.querySelector('img').naturalWidth > 0", arg=tile.element_handle())
        for fact in (f"seed {sample.seed}", f"round {sample.round}", "guidance 4.5", sample.key):
            assert fact in tile.inner_text()


def test_keys_walk_through_the_samples_and_look_closely(open_page, boats, reader) -> None:
    page = open_page(reader)
    page.goto(_group(boats))
    order = page.evaluate("[...document.querySelectorAll('.tile.js-frame')].map(tile => tile.id)")

    page.keyboard.press("j")
    assert _focused(page) == order[0]
    page.keyboard.press("ArrowRight")
    page.keyboard.press("j")
    assert _focused(page) == order[2]
    page.keyboard.press("k")
    assert _focused(page) == order[1]
    page.keyboard.press("ArrowDown")
    assert _focused(page) == order[5]  # four tiles a row at this width

    page.keyboard.press("Enter")
    box = page.locator(".js-lightbox")
    assert box.is_visible()
    assert box.locator(".js-lightbox-caption").inner_text().startswith("6 ·")
    page.keyboard.press("ArrowRight")
    assert box.locator(".js-lightbox-caption").inner_text().startswith("7 ·")
    page.wait_for_function("() => document.querySelector('.js-lightbox-stage img').naturalWidth > 0")
    page.keyboard.press("Escape")
    assert not box.is_visible()
    # The browser tells of the closing a moment after it; the focus follows then.
    page.wait_for_function("id => document.activeElement.closest('.js-frame')?.id === id", arg=order[6])


def test_a_slash_goes_to_the_search_and_letters_typed_there_are_letters(open_page, boats, reader) -> None:
    page = open_page(reader)
    page.goto(reverse("samples", args=[boats.project.slug]))

    page.keyboard.press("/")
    page.keyboard.type("jk/")

    assert page.locator(".js-search").input_value() == "jk/"
    assert _focused(page) == ""


def test_dragging_over_the_histogram_filters_the_samples(open_page, boats, reader) -> None:
    page = open_page(reader)
    page.goto(reverse("samples", args=[boats.project.slug]) + f"?sort={boats.scorer.pk}.{boats.sharpness.pk}")
    page.wait_for_selector(".js-brush .bin")  # scored 0, 10, ... 70
    bars = page.locator(".js-brush").bounding_box()
    assert bars

    page.mouse.move(bars["x"] + bars["width"] * 0.52, bars["y"] + 20)
    page.mouse.down()
    page.mouse.move(bars["x"] + bars["width"] * 0.99, bars["y"] + 20, steps=5)
    with page.expect_navigation():
        page.mouse.up()

    assert page.locator(".tile").count() == 4
    assert float(page.locator("#low").input_value()) == pytest.approx(35, abs=2)


def test_an_unsafe_picture_is_blurred_until_one_asks(open_page, boats, reader) -> None:
    sample = boats.samples[0]
    act = Judgement.objects.create(project=boats.project, rater=boats.person, act="flag", at=boats.prompt.created_at)
    Flag.objects.create(judgement=act, position=0, rater=boats.person, sample=sample, kind="unsafe")
    page = open_page(reader)
    page.goto(_group(boats))
    picture = page.locator(f"#sample-{sample.pk} img")

    assert "blur" in picture.evaluate("image => getComputedStyle(image).filter")
    page.get_by_role("button", name="Flagged unsafe: show it").click()

    assert picture.evaluate("image => getComputedStyle(image).filter") == "none"


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1440])
def test_no_page_is_wider_than_the_window(open_page, boats, reader, width, theme) -> None:
    admin = factories.user("boss", is_superuser=True)
    page = open_page(admin, width=width, theme=theme)
    slug = boats.project.slug
    addresses = [
        "/",
        reverse("people"),
        reverse("project_new"),
        *(reverse(name, args=[slug]) for name in ("project", "prompts", "samples", "members", "project_settings")),
        reverse("samples", args=[slug]) + f"?sort={boats.scorer.pk}.{boats.sharpness.pk}",
        reverse("sample", args=[slug, boats.samples[0].pk]),
        _group(boats),
    ]

    for address in addresses:
        page.goto(address)
        over = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert over <= 0, f"{address} is {over} px wider than a window of {width} px"


def test_the_menu_of_a_phone_leads_through_the_project(open_page, boats, reader) -> None:
    page = open_page(reader, width=390, height=844)
    page.goto(reverse("project", args=[boats.project.slug]))

    page.get_by_text("Menu", exact=True).click()
    page.locator(".phone-menu").get_by_role("link", name="Samples").click()

    page.get_by_role("heading", name="Samples").wait_for()


def test_the_first_stop_of_the_tabulator_skips_to_the_content(open_page, boats, reader) -> None:
    page = open_page(reader)
    page.goto("/")

    page.keyboard.press("Tab")

    assert page.evaluate("document.activeElement.textContent") == "Skip to the content"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "content"
