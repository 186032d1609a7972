"""The canvas of the annotate page, in a real browser: what stands where, to the pixel."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from annotation.views.stage_texts import STAGE_TEXTS
from tests.browser.stage_page import STATIC, StagePage, colour, item, noise, plain, shows

AXE = Path(__file__).parent / "vendor" / "axe-core-4.14.1" / "axe.min.js"
SCRIPTS = STATIC / "js" / "annotate" / "stage"
RED, BLUE = (200, 30, 30), (30, 30, 200)


def _pair(stage: StagePage, size: int = 400) -> tuple[np.ndarray, np.ndarray]:
    one, other = noise(size, size, 1), noise(size, size, 2)
    stage.put({"media": [stage.picture("one.png", one)]}, {"media": [stage.picture("other.png", other)]})
    return one, other


# -- zoom and pan -----------------------------------------------------------------------------------
@pytest.mark.capability("B1")
def test_at_100_percent_every_pixel_of_a_picture_is_one_of_the_screen(stage) -> None:
    pictures = _pair(stage, 1200)
    stage.press("1")

    shot = stage.shot()

    for place, pixels in enumerate(pictures):
        left, top = (round(value) for value in stage.at(place, 400, 400))
        assert np.array_equal(shot[top : top + 300, left : left + 300], pixels[400:700, 400:700])


def test_at_400_percent_every_pixel_is_a_square_of_four(stage) -> None:
    pictures = _pair(stage, 1200)
    stage.page.evaluate("stage.zoomBy(400 / stage.percent)")

    shot = stage.shot()

    for place, pixels in enumerate(pictures):
        left, top = (round(value) for value in stage.at(place, 600, 600))
        square = np.repeat(np.repeat(pixels[600:620, 600:620], 4, axis=0), 4, axis=1)
        assert np.array_equal(shot[top : top + 80, left : left + 80], square)


@pytest.mark.parametrize("zoom", [1, 1.7, 5.3, 40])
def test_places_are_found_again_at_any_zoom_and_are_the_same_in_both(stage, zoom) -> None:
    _pair(stage)
    stage.page.evaluate("zoom => { stage.zoomBy(zoom, {x: 100, y: 60}); stage.moveBy(-31, 17); }", zoom)

    for x, y in [(0, 0), (12.5, 399), (400, 201.25)]:
        points = [stage.at(place, x, y) for place in (0, 1)]
        for place in (0, 1):
            assert stage.pixel(place, points[place]) == pytest.approx((x, y), abs=1e-6)
        panes = stage.page.evaluate("stage.panes.map(pane => pane.view.getBoundingClientRect().left)")
        assert points[0][0] - panes[0] == pytest.approx(points[1][0] - panes[1], abs=1e-6)
        assert points[0][1] == points[1][1]


def test_the_drawing_layer_follows_the_picture(stage) -> None:
    _pair(stage)
    stage.page.evaluate("stage.zoomBy(3.3, {x: 300, y: 200})")

    seen = stage.page.evaluate(
        """() => {
          const [pane] = stage.panes;
          const dot = document.createElementNS("http://www.w3.org/2000/svg", "rect");
          const at = {x: 210, y: 140, width: 10, height: 20};
          for (const [name, value] of Object.entries(at)) dot.setAttribute(name, value);
          pane.overlay.append(dot);
          const box = dot.getBoundingClientRect();
          return [box.left, box.top, box.right, box.bottom];
        }"""
    )

    assert seen == pytest.approx([*stage.at(0, 210, 140), *stage.at(0, 220, 160)], abs=0.02)


def test_the_wheel_keeps_the_pixel_under_the_pointer(stage) -> None:
    _pair(stage)
    pointer = stage.at(1, 130, 222)
    stage.page.mouse.move(*pointer)

    stage.page.mouse.wheel(0, -700)
    stage.page.wait_for_function("() => stage.view.zoom > 2")

    # The corner stands on a whole pixel of the screen.
    assert stage.pixel(1, pointer) == pytest.approx((130, 222), abs=0.5)
    assert stage.page.evaluate("stage.panes[0].at.scale") == stage.page.evaluate("stage.panes[1].at.scale")


def test_a_drag_moves_both_and_never_beyond_the_edge(stage) -> None:
    _pair(stage)
    stage.press("1", "+", "+", "+", "+")
    before = [stage.at(place, 200, 200) for place in (0, 1)]
    x, y = before[0]

    stage.page.mouse.move(x, y)
    stage.page.mouse.down()
    stage.page.mouse.move(x - 40, y - 25, steps=4)
    stage.page.mouse.up()

    for place in (0, 1):
        assert stage.at(place, 200, 200) == pytest.approx((before[place][0] - 40, before[place][1] - 25), abs=1)
    stage.page.evaluate("stage.moveBy(-1e5, -1e5)")
    assert stage.page.evaluate("stage.panes.map(pane => pane.at.x + 400 * pane.at.scale - pane.cell.width)") == (
        pytest.approx([0, 0], abs=1)
    )


def test_a_double_click_looks_closely_at_that_place_and_back(stage) -> None:
    _pair(stage, 1600)
    pointer = tuple(round(value) for value in stage.at(0, 300, 900))
    there = stage.pixel(0, pointer)

    stage.page.mouse.dblclick(*pointer)
    assert stage.page.evaluate("stage.percent") == pytest.approx(100)
    assert stage.pixel(0, pointer) == pytest.approx(there, abs=1)

    stage.page.mouse.dblclick(*pointer)
    assert stage.page.evaluate("stage.isFit")


def test_keys_zoom_and_move_and_say_so(stage) -> None:
    _pair(stage)
    stage.press("+", "Alt+ArrowRight")
    assert stage.page.evaluate("stage.view.zoom") == pytest.approx(1.25)
    assert stage.page.evaluate("stage.view.u") > 0.5
    assert stage.page.evaluate("heard.said.at(-1)").startswith("Zoom")

    stage.press("-", "0")
    assert stage.page.evaluate("stage.isFit")


def test_pictures_of_other_sizes_are_shown_at_the_same_size(stage) -> None:
    stage.put(
        {"media": [stage.picture("large.png", plain(1024, 1024, RED))]},
        {"media": [stage.picture("small.png", plain(256, 256, BLUE))]},
    )

    boxes = stage.page.evaluate("stage.panes.map(pane => pane.medium.element.getBoundingClientRect().toJSON())")
    assert boxes[0]["width"] == pytest.approx(boxes[1]["width"], abs=0.01)
    assert stage.pixel(0, stage.at(0, 512, 768)) == pytest.approx((512, 768))
    assert stage.page.evaluate("stage.panes.map(pane => pane.medium.element.alt)") == [
        "Left picture, 1024 by 1024",
        "Right picture, 256 by 256",
    ]


def test_a_small_picture_is_smooth_at_fit_and_shows_its_pixels_when_looked_at_closely(stage) -> None:
    stage.put(
        {"media": [stage.picture("large.png", noise(1024, 1024, 1))]},
        {"media": [stage.picture("small.png", noise(64, 64, 2))]},
    )
    manner = "stage.panes.map(pane => getComputedStyle(pane.medium.element).imageRendering)"

    assert stage.page.evaluate(manner) == ["auto", "auto"]
    stage.page.evaluate("stage.zoomBy(150 / stage.percent)")
    assert stage.page.evaluate(manner) == ["auto", "auto"]
    stage.page.evaluate("stage.zoomBy(250 / stage.percent)")
    assert stage.page.evaluate(manner) == ["pixelated", "pixelated"]


def test_five_samples_stand_in_equal_cells_with_numbers(stage) -> None:
    stage.put(*({"media": [stage.picture(f"{n}.png", noise(64, 64, n))]} for n in range(5)))

    boxes = stage.page.evaluate("stage.panes.map(pane => pane.view.getBoundingClientRect().toJSON())")
    assert len({(box["width"], box["height"]) for box in boxes}) == 1
    assert [text.strip() for text in stage.page.locator(".canvas-badge").all_inner_texts()] == [
        f"Sample {n}" for n in range(1, 6)
    ]
    for n, other in enumerate(boxes[1:], start=1):
        assert (other["top"], other["left"]) > (boxes[n - 1]["top"], boxes[n - 1]["left"])


# -- modes --------------------------------------------------------------------------------------------
def test_a_wipe_shows_one_sample_on_each_side_of_its_edge(stage) -> None:
    stage.put(
        {"media": [stage.picture("a.png", plain(300, 300, RED))]},
        {"media": [stage.picture("b.png", plain(300, 300, BLUE))]},
    )
    stage.press("w")

    def sides() -> list[tuple[int, ...]]:
        shot = stage.shot()
        return [colour(shot, stage.at(0, x, 40)) for x in (20, 110, 190, 280)]

    shows(sides, [RED, RED, BLUE, BLUE])

    edge = stage.page.get_by_role("slider", name="Edge of the wipe")
    edge.focus()
    for _ in range(6):
        edge.press("ArrowLeft")
    assert edge.get_attribute("aria-valuenow") == "20"
    shows(sides, [RED, BLUE, BLUE, BLUE])

    stage.page.mouse.move(*stage.at(0, 100, 250))
    stage.page.mouse.down()
    stage.page.mouse.move(*stage.at(0, 240, 250), steps=3)
    stage.page.mouse.up()
    shows(sides, [RED, RED, RED, BLUE])

    stage.press("b")
    points = [stage.at(place, 150, 40) for place in (0, 1)]
    shows(lambda: [colour(stage.shot(), point) for point in points], [RED, BLUE])


def test_the_difference_of_the_same_picture_twice_is_black(stage) -> None:
    pixels = noise(300, 300, 3)
    stage.put({"media": [stage.picture("a.png", pixels)]}, {"media": [stage.picture("b.png", pixels)]})
    stage.press("d")
    stage.page.evaluate("stage.modes.setGain(16)")

    box = stage.page.evaluate("stage.root.getBoundingClientRect().toJSON()")
    shot = stage.shot()[int(box["top"]) :]

    left = round(stage.at(0, 0, 0)[0])
    right = round(stage.at(0, 300, 0)[0])
    assert shot[:, left:right].max() == 0


@pytest.mark.parametrize("gain", [1, 4])
def test_a_difference_is_the_absolute_one_times_its_gain(stage, gain) -> None:
    one, other = (noise(300, 300, seed) // 4 for seed in (4, 5))
    stage.put({"media": [stage.picture("a.png", one)]}, {"media": [stage.picture("b.png", other)]})
    stage.press("d", "1")
    stage.page.evaluate("gain => stage.modes.setGain(gain)", gain)

    left, top = (round(value) for value in stage.at(0, 0, 0))
    seen = stage.shot()[top : top + 300, left : left + 300].astype(int)

    expected = np.minimum(np.abs(one.astype(int) - other.astype(int)) * gain, 255)
    assert np.abs(seen - expected).max() <= 1  # rounding in the compositor


def test_a_flicker_alternates_by_itself_and_each_says_which_it_is(stage) -> None:
    stage.put(
        {"media": [stage.picture("a.png", plain(300, 300, RED))]},
        {"media": [stage.picture("b.png", plain(300, 300, BLUE))]},
    )
    stage.press("f")

    def wait_until_the_right_one_is(visibility: str) -> None:
        stage.page.wait_for_function(
            "visibility => getComputedStyle(stage.panes[1].element).visibility === visibility", arg=visibility
        )

    for visibility in ("hidden", "visible", "hidden"):
        wait_until_the_right_one_is(visibility)

    stage.press("f")
    assert stage.page.evaluate("stage.mode") == "pair"


def test_where_motion_is_to_be_reduced_a_flicker_moves_only_by_its_key(stage) -> None:
    stage.page.emulate_media(reduced_motion="reduce")
    stage.put(
        {"media": [stage.picture("a.png", plain(300, 300, RED))]},
        {"media": [stage.picture("b.png", plain(300, 300, BLUE))]},
    )
    stage.press("f")

    def seen() -> tuple[int, ...]:
        return colour(stage.shot(), (720, 470))

    watch = """() => {
      window.swaps = 0;
      const {element} = stage.panes[1];
      const watcher = new MutationObserver(() => { window.swaps += 1 });
      watcher.observe(element, {attributes: true, attributeFilter: ["class"]});
    }"""
    stage.page.evaluate(watch)
    # Three times as long as it would wait to alternate.
    stage.page.wait_for_timeout(1500)
    assert stage.page.evaluate("window.swaps") == 0
    shows(seen, RED)
    stage.press("f")
    shows(seen, BLUE)
    assert stage.page.evaluate("heard.said.at(-1)") == "Right"
    stage.press("f")
    shows(seen, RED)


# -- one item after the other -----------------------------------------------------------------------------
def test_the_next_item_is_shown_without_asking_the_server_and_without_a_jump(stage) -> None:
    def pair(turn: int) -> dict:
        return item(
            *(
                {"media": [stage.picture(f"{turn}{side}.png", noise(500, 500, turn * 2 + n))]}
                for n, side in enumerate("ab")
            )
        )

    items = [pair(turn) for turn in range(3)]
    stage.page.evaluate(
        "async items => { window.ahead = await Promise.all(items.map(item => stage.prepare(item))) }", items
    )
    asked = len(stage.asked)
    places = []

    for turn in range(3):
        stage.page.evaluate("turn => { stage.show(ahead[turn]); return painted() }", turn)
        shot = stage.shot()
        corner = tuple(round(value) for value in stage.at(0, 0, 0))
        places.append(corner)
        expected = noise(500, 500, turn * 2)
        # The fitted picture is scaled; its mean over a large patch is what the picture's is.
        patch = shot[corner[1] + 50 : corner[1] + 350, corner[0] + 50 : corner[0] + 350].mean()
        assert patch == pytest.approx(expected.mean(), abs=2)

    assert len(stage.asked) == asked
    assert len(set(places)) == 1
    assert stage.page.evaluate("heard.shifts") == 0


def test_a_released_item_leaves_nothing_behind(stage) -> None:
    stage.put({"media": [stage.video("a.webm", [40] * 8)]}, {"media": [stage.picture("b.png", noise(64, 64, 1))]})
    address = stage.page.evaluate("stage.panes[0].medium.element.src")
    assert address.startswith("blob:")

    stage.page.evaluate("stage.release(stage.scene)")

    assert stage.page.locator(".canvas-scene").count() == 0
    gone = """address => new Promise((done) => {
      const video = Object.assign(document.createElement("video"), {src: address});
      video.addEventListener("error", () => done(true));
      video.addEventListener("loadeddata", () => done(false));
    })"""
    assert stage.page.evaluate(gone, address) is True
    assert stage.page.evaluate("stage.player") is None
    assert not stage.page.locator(".canvas-transport").is_visible()


def test_a_file_that_cannot_be_read_says_so_and_the_other_is_shown(stage) -> None:
    broken = {**stage.picture("gone.png", plain(300, 300, RED)), "url": "/nowhere.png"}
    stage.put({"media": [broken]}, {"media": [stage.picture("b.png", plain(300, 300, BLUE))]})

    assert stage.page.evaluate("stage.scene.failures") == [0]
    seen = stage.page.get_by_text("This file could not be read").filter(visible=True)
    assert seen.count() == 1
    assert colour(stage.shot(), stage.at(1, 150, 150)) == BLUE


def test_enter_on_a_focused_sample_picks_it_and_a_drag_does_not(stage) -> None:
    _pair(stage)
    stage.page.get_by_role("group", name="Right", exact=True).focus()
    stage.page.keyboard.press("Enter")
    assert stage.page.evaluate("heard.picked") == [1]

    x, y = stage.at(0, 200, 200)
    stage.page.mouse.move(x, y)
    stage.page.mouse.down()
    stage.page.mouse.move(x + 60, y, steps=4)
    stage.page.mouse.up()
    assert stage.page.evaluate("heard.picked") == [1]
    stage.page.mouse.click(x, y)
    assert stage.page.evaluate("heard.picked") == [1, 0]


# -- phone ------------------------------------------------------------------------------------------------
def _pinch(stage: StagePage, middle: tuple[float, float], *, from_span: float, to_span: float) -> None:
    session = stage.page.context.new_cdp_session(stage.page)

    def send(kind: str, span: float) -> None:
        points = [{"x": middle[0] + side * span / 2, "y": middle[1], "id": n} for n, side in enumerate((-1, 1))]
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [] if kind == "touchEnd" else points})

    send("touchStart", from_span)
    for step in range(1, 9):
        send("touchMove", from_span + (to_span - from_span) * step / 8)
    send("touchEnd", to_span)


def test_on_a_phone_a_pinch_zooms_both_about_the_fingers_and_a_tap_picks(phone) -> None:
    _pair(phone)
    middle = phone.at(0, 150, 220)
    page_scale = phone.page.evaluate("visualViewport.scale")

    _pinch(phone, middle, from_span=60, to_span=180)
    phone.page.evaluate("painted()")

    assert phone.page.evaluate("stage.view.zoom") == pytest.approx(3, rel=0.05)
    assert phone.pixel(0, middle) == pytest.approx((150, 220), abs=4)
    assert phone.page.evaluate("stage.panes[0].at.scale === stage.panes[1].at.scale")
    assert phone.page.evaluate("visualViewport.scale") == page_scale
    assert phone.page.evaluate("[heard.picked, stage.ownsDrag]") == [[], True]

    phone.press("0")
    phone.page.touchscreen.tap(*phone.at(1, 200, 200))
    assert phone.page.evaluate("[heard.picked, stage.ownsDrag]") == [[1], False]


def test_on_a_phone_a_pair_stands_one_above_the_other_and_is_called_so(phone) -> None:
    _pair(phone)
    names = "stage.panes.map(pane => stage.placeName(pane.place))"
    boxes = phone.page.evaluate("stage.panes.map(pane => pane.view.getBoundingClientRect().toJSON())")

    assert boxes[0]["left"] == boxes[1]["left"]
    assert boxes[1]["top"] >= boxes[0]["bottom"]
    assert phone.page.evaluate(names) == ["Upper", "Lower"]

    # A tall pair would fit better side by side; what "upper" means must not change between two items.
    phone.put(*({"media": [phone.picture(f"tall{n}.png", noise(200, 600, n))]} for n in range(2)))
    assert phone.page.evaluate(names) == ["Upper", "Lower"]


# -- accessible ---------------------------------------------------------------------------------------------
def test_axe_finds_nothing_to_object_to_in_any_kind_of_item(stage) -> None:
    source = {**stage.picture("source.png", noise(200, 200, 5)), "role": "source", "position": 0}
    pictures = [stage.picture(f"{n}.png", noise(200, 200, n)) for n in range(4)]
    video = stage.video("a.webm", [40] * 8)
    items = [
        ([{"media": pictures[:2]}, {"media": pictures[2:]}], "w"),
        ([{"media": pictures[:1], "is_unsafe": True}, {"media": pictures[1:2], "text": "words\n" * 99}], "d"),
        ([{"media": [video]}, {"media": [video]}], "k"),
        ([{"text": "words\n" * 99}, {"text": "**more**"}], "Shift+F"),
    ]

    for samples, key in items:
        stage.put(*samples, prompt={"media": [source]})
        stage.press(key)
        # As a test tool would put it: the policy of the page lets no other script in.
        stage.page.evaluate(AXE.read_text(encoding="utf-8"))
        found = stage.page.evaluate("axe.run(document, {rules: {'page-has-heading-one': {enabled: false}}})")
        assert [(rule["id"], [node["html"] for node in rule["nodes"]]) for rule in found["violations"]] == []


# -- texts ------------------------------------------------------------------------------------------------
def test_every_text_the_stage_asks_for_by_name_is_there_and_none_is_left_over() -> None:
    source = "\n".join(path.read_text(encoding="utf-8") for path in sorted(SCRIPTS.glob("*.js")))
    asked = set(re.findall(r'say\("(\w+)"', source)) | set(re.findall(r'"((?:mode|sound|role|turn)_\w+)"', source))
    actions = set(re.findall(r'^\s*(?:action(?:\([^"]*\))?|within\("\w+"\))\("(\w+)"', source, re.M))
    asked |= {f"action_{name}" for name in actions}
    built = ("action_", "short_", "mode_", "role_", "turn_")

    assert len(actions) > 30
    assert asked - set(STAGE_TEXTS) == set()
    left_over = {key for key in STAGE_TEXTS if key not in asked and f'"{key}"' not in source}
    assert {key for key in left_over if not key.startswith(built)} == set()
    assert {key for key in left_over if key.startswith("action_")} == set()
