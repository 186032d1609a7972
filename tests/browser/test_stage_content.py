"""What the canvas of the annotate page can show beside pictures: videos, sets, inputs, words, and covers over them."""

from __future__ import annotations

import pytest

from tests.browser.stage_page import StagePage, colour, plain, shows

RED, BLUE = (200, 30, 30), (30, 30, 200)


# -- videos -------------------------------------------------------------------------------------------
def _levels(stage: StagePage) -> list[int]:
    """The brightness in the middle of both videos."""
    shot = stage.shot()
    return [colour(shot, stage.at(place, 80, 48))[1] for place in (0, 1)]


@pytest.mark.capability("B1")
def test_a_pair_of_videos_stepped_frame_by_frame_shows_the_same_frame_on_both_sides(stage) -> None:
    stage.page.emulate_media(reduced_motion="reduce")  # they stand until somebody steps
    steps = list(range(20, 220, 10))
    first = stage.video("a.webm", steps)
    second = stage.video("b.webm", steps, size=(320, 192))
    stage.put({"media": [first]}, {"media": [second]})

    for frame in [1, 2, 3, 4, 3, 2, 12, 19]:
        stage.page.evaluate("frame => stage.player.step(frame - stage.player.frame)", frame)
        shows(lambda: [round((level - 20) / 10) for level in _levels(stage)], [frame, frame])
        assert f"{frame + 1} / 20" in stage.page.locator(".canvas-clock").inner_text()

    stage.press(",", ",")
    stage.page.wait_for_function("() => stage.player.frame === 17 && !stage.player.seeking")
    shows(lambda: [round((level - 20) / 10) for level in _levels(stage)], [17, 17])


def test_a_video_that_falls_behind_catches_up_and_a_pause_leaves_both_on_one_frame(stage) -> None:
    levels = list(range(20, 220, 4))
    stage.put({"media": [stage.video("a.webm", levels)]}, {"media": [stage.video("b.webm", levels)]})
    stage.page.wait_for_function("() => stage.player.isPlaying && stage.player.frame > 2")
    drift = "Math.abs(stage.player.videos[0].element.currentTime - stage.player.videos[1].element.currentTime)"

    stage.page.evaluate("stage.player.videos[1].element.currentTime -= 0.2")
    stage.page.wait_for_function(f"() => {drift} > 0.1")
    stage.page.wait_for_function(f"() => {drift} < 0.06")

    stage.press("k")
    stage.page.wait_for_function("() => !stage.player.isPlaying && !stage.player.seeking")
    frame = stage.page.evaluate("stage.player.frame")
    shows(lambda: [round((level - 20) / 4) for level in _levels(stage)], [frame, frame])


def test_videos_play_again_from_the_first_frame_unless_told_not_to(stage) -> None:
    levels = [40, 80, 120, 160]
    stage.put({"media": [stage.video("a.webm", levels)]}, {"media": [stage.video("b.webm", levels)]})
    stage.page.evaluate(
        "() => { window.turns = 0; let last = 0; stage.player.addEventListener('timechange', ({detail}) => {"
        "if (detail.frame < last) window.turns += 1; last = detail.frame; }); }"
    )
    stage.page.wait_for_function("() => window.turns >= 2")

    stage.press("l")
    stage.page.wait_for_function("() => !stage.player.isPlaying && !stage.player.seeking")

    assert stage.page.evaluate("stage.player.frame") == 3
    shows(lambda: [round(level / 40) * 40 for level in _levels(stage)], [160, 160])


def test_sound_is_off_until_asked_and_then_of_one_video_at_a_time(stage) -> None:
    levels = [40] * 8
    stage.put({"media": [stage.video("a.webm", levels)]}, {"media": [stage.video("b.webm", levels)]})
    muted = "stage.player.videos.map(({element}) => element.muted)"

    said = []
    for _ in range(4):
        said.append(stage.page.evaluate(muted))
        stage.press("m")

    assert said == [[True, True], [False, True], [True, False], [True, True]]


# -- sets, inputs, words, covers ------------------------------------------------------------------------
@pytest.mark.capability("B1")
def test_sets_keep_their_order_and_turn_together(stage) -> None:
    shades = [40, 90, 140, 190]
    stage.put(
        *(
            {
                "media": [
                    stage.picture(f"{side}{n}.png", plain(200, 200, (shade, base, 0))) for n, shade in enumerate(shades)
                ]
            }
            for side, base in (("a", 10), ("b", 200))
        )
    )
    for turn in range(5):
        current = min(turn, 3)
        points = [stage.at(place, 100, 100, media=current) for place in (0, 1)]
        expected = [(shades[current], 10), (shades[current], 200)]
        shows(lambda: [colour(stage.shot(), point)[:2] for point in points], expected)  # noqa: B023
        stage.press("PageDown")

    assert stage.page.evaluate("heard.said.at(-1)") == "Picture 4 of 4"
    assert stage.page.evaluate("stage.panes[0].toClient(0, 1, 1)") is None  # not the one that is shown
    stage.page.get_by_role("group", name="Right", exact=True).get_by_role("button", name="Picture 2").click()
    assert stage.page.evaluate("stage.panes.map(pane => pane.toPixels(0, 0).media)") == [1, 1]


def test_the_source_of_an_edit_stands_beside_and_shows_in_place_while_its_key_is_down(stage) -> None:
    source = {**stage.picture("source.png", plain(300, 300, (10, 180, 10))), "role": "source", "position": 0}
    painted_mask = plain(300, 300, (0, 0, 0))
    painted_mask[100:200, 100:200] = 255
    mask = {**stage.picture("mask.png", painted_mask), "role": "mask", "position": 0}
    edits = (
        {"media": [stage.picture("a.png", plain(300, 300, RED))]},
        {"media": [stage.picture("b.png", plain(300, 300, BLUE))]},
    )
    stage.put(*edits, prompt={"media": [mask, source]})

    middles = [stage.at(place, 150, 150) for place in (0, 1)]

    def colours() -> list[tuple[int, ...]]:
        shot = stage.shot()
        return [colour(shot, middle) for middle in middles]

    assert stage.page.evaluate("stage.panes.map(pane => [pane.place, pane.role])") == [
        [None, "source"],
        [0, None],
        [1, None],
    ]
    shows(colours, [RED, BLUE])
    stage.page.keyboard.down("s")
    shows(colours, [(10, 180, 10), (10, 180, 10)])
    stage.page.keyboard.up("s")
    shows(colours, [RED, BLUE])

    stage.press("x")
    shows(lambda: all(seen != bare for seen, bare in zip(colours(), [RED, BLUE], strict=True)), True)
    assert colour(stage.shot(), stage.at(0, 20, 20)) == RED  # where the mask is black nothing is laid over

    stage.press("x", "Shift+S")
    assert not stage.page.get_by_role("group", name="Source", exact=True).is_visible()
    assert stage.page.evaluate("stage.panes[0].toPixels(0, 0).role") == "source"


HOSTILE = """<img src=x onerror="window.hit = 1"><script>window.hit = 2</script>
[link](javascript:window.hit=3) **<b onclick="window.hit=4">bold</b>** `</code><svg onload=window.hit=5>`

- 😀 two
  indented   spaces
"""


@pytest.mark.parametrize("keys", [[], ["Shift+F"]])
def test_a_hostile_text_is_only_text(stage, keys) -> None:
    stage.put({"text": HOSTILE}, {"text": "fine"})
    stage.press(*keys)
    words = stage.page.locator(".canvas-scene:not(.is-waiting) .canvas-words").first

    shown = words.inner_text()

    assert '<img src=x onerror="window.hit = 1"><script>window.hit = 2</script>' in shown
    assert "<svg onload=window.hit=5>" in shown
    assert words.locator("img, script, svg, a, b").count() == 0
    assert stage.page.evaluate("window.hit") is None
    if not keys:
        assert stage.page.evaluate("stage.panes[0].text.element.textContent") == HOSTILE


@pytest.mark.parametrize("formatted", [False, True])
def test_places_in_a_text_are_code_points_formatted_or_not(stage, formatted) -> None:
    text = "# A 😀 title\n\nSome **bold 😀 words** and `code`.\n- a bullet"
    stage.put({"text": text}, {"text": ""})
    stage.page.evaluate("yes => stage.setFormatted(yes)", formatted)
    start = text.index("bold")

    found = stage.page.evaluate(
        """([start, end]) => {
          const {text} = stage.panes[0];
          const ranges = text.rangesOf(start, end);
          const last = ranges.at(-1);
          return [ranges.map(String).join(""), text.offsetOf(ranges[0].startContainer, ranges[0].startOffset),
                  text.offsetOf(last.endContainer, last.endOffset)];
        }""",
        [start, start + len("bold 😀 words")],
    )

    assert found == ["bold 😀 words", start, start + len("bold 😀 words")]


def test_long_texts_scroll_together_only_when_locked(stage) -> None:
    stage.put({"text": "line\n" * 400}, {"text": "line\n" * 200})
    tops = "stage.panes.map(({text: {element}}) => element.scrollTop / (element.scrollHeight - element.clientHeight))"

    stage.page.evaluate("stage.panes[0].text.element.scrollTop = 500; painted()")
    assert stage.page.evaluate(tops)[1] == 0

    stage.press("Shift+L")
    stage.page.evaluate("stage.panes[0].text.element.scrollTop = 1500; painted()")
    shares = stage.page.evaluate(tops)
    assert shares[0] == pytest.approx(shares[1], abs=0.01)
    assert shares[0] > 0.1


def test_the_turns_of_a_prompt_are_text_with_their_speakers(stage) -> None:
    said = stage.page.evaluate(
        """async () => {
          const { Words, turnsView } = await import("/static/js/annotate/stage.js");
          const parts = [{type: "text", text: "yes"}, {type: "image"}];
          const turns = [{role: "user", content: "<b>hi</b>\\nthere"}, {role: "assistant", content: parts}];
          const list = turnsView(turns, new Words(stage.words.texts));
          return [...list.children].map(turn => [...turn.children].map(part => part.textContent));
        }"""
    )

    assert said == [["Person", "<b>hi</b>\nthere"], ["Assistant", "yes\n[image]"]]


def test_what_is_flagged_unsafe_is_covered_until_one_asks_item_by_item(stage) -> None:
    sample = {"media": [stage.picture("a.png", plain(300, 300, RED))], "is_unsafe": True}
    safe = {"media": [stage.picture("b.png", plain(300, 300, BLUE))]}
    stage.put(sample, safe)
    picture = "getComputedStyle(stage.panes[0].view).filter"
    left = stage.page.get_by_role("group", name="Left", exact=True)

    assert "blur" in stage.page.evaluate(picture)
    assert colour(stage.shot(), stage.at(1, 150, 150)) == BLUE

    left.get_by_role("button", name="Show it").click()
    assert stage.page.evaluate(picture) == "none"
    stage.press("Shift+U")
    assert "blur" in stage.page.evaluate(picture)
    stage.press("Shift+U")
    stage.put(sample, safe)
    assert "blur" in stage.page.evaluate(picture)
