"""Marking in a real browser: drawn, typed and touched, kept to the pixel and the code point, shown again exactly."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import datasets
import pytest
from playwright.sync_api import Page, expect

from annotation.models import Item
from curation.actions import criteria, exports, judgements, raters
from curation.actions.judgements import Act, NewScore, Subject
from curation.models import Mark, Rater, Sample
from tests import factories
from tests.browser import judging, stage_page
from tests.browser.judging import COMPARE, Bench, bench
from tests.curation.exports import frozen

pytestmark = pytest.mark.django_db(transaction=True)

AXE = Path(__file__).parent / "vendor" / "axe-core-4.14.1" / "axe.min.js"
# Two emoji of several code points each, and an accent that is a character of its own.
PROMPT = "a 👩🏽‍🚀 in a cafe\u0301 reads two letters 💌 tonight"
ERRORS = ["artifact", "misalignment", "wrong count"]
SPOTS = {
    "key": "spots",
    "kind": "mark",
    "text": "Mark what is wrong.",
    "shapes": ["box", "point", "polygon", "span"],
    "targets": ["media", "prompt"],
    "errors": ERRORS,
}


def marking(
    *, samples: int = 2, size: tuple[int, int] = (96, 64), text: str = PROMPT, items: int = 1, **asked: Any
) -> Bench:
    """A batch that asks for marks on pictures of a prompt with emoji."""
    work = bench({**SPOTS, **asked}, items=0)
    for number in range(items):
        item(work, text if items == 1 else f"{text} {number}", samples, size)
    judging.opened(work.batch)
    return work


def item(work: Bench, text: str, samples: int, size: tuple[int, int], **fields: Any) -> Item:
    prompt = factories.prompt(work.project, text)
    ids = []
    for number in range(samples):
        sample = factories.sample(prompt, by=f"g{number}")
        factories.place(sample, judging.picture(size))
        ids.append(sample.pk)
    position = Item.objects.filter(batch=work.batch).count()
    return Item.objects.create(batch=work.batch, position=position, prompt=prompt, sample_ids=sorted(ids), **fields)


class Desk:
    """What a person does at the page, in pixels of the pictures."""

    def __init__(self, page: Page) -> None:
        self.page = page

    def at(self, place: int, x: float, y: float, size: tuple[int, int] = (96, 64)) -> tuple[float, float]:
        """Where the window shows pixel (x, y) of the picture at this place."""
        picture = self.page.locator(f".canvas-scene:not(.is-waiting) [data-place='{place}'] img.canvas-medium").first
        box = picture.bounding_box()
        assert box
        return box["x"] + box["width"] * x / size[0], box["y"] + box["height"] * y / size[1]

    def drag(self, place: int, start: tuple[float, float], end: tuple[float, float]) -> None:
        self.page.mouse.move(*self.at(place, *start))
        self.page.mouse.down()
        self.page.mouse.move(*self.at(place, *end), steps=5)
        self.page.mouse.up()

    def click(self, place: int, x: float, y: float) -> None:
        self.page.mouse.click(*self.at(place, x, y))

    def word(self, word: str, within: str = ".js-prompt", edge: float = 0.5) -> tuple[float, float]:
        """Where a word stands in the window: its middle, or its left (0) or right (1) edge."""
        return tuple(self.page.evaluate(WHERE, [within, word, edge]))

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)

    def send(self) -> None:
        self.page.keyboard.press("Control+Enter")
        judging.all_sent(self.page)

    @property
    def entries(self) -> list[str]:
        return self.page.locator(".mark-head").all_inner_texts()


WHERE = """([within, word, edge]) => {
  const walker = document.createTreeWalker(document.querySelector(within), NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const at = walker.currentNode.data.indexOf(word);
    if (at < 0) continue;
    const range = document.createRange();
    range.setStart(walker.currentNode, at);
    range.setEnd(walker.currentNode, at + word.length);
    const box = range.getBoundingClientRect();
    return [box.left + box.width * edge, box.top + box.height / 2];
  }
  throw new Error(`no ${word}`);
}"""


def desk(open_page, work: Bench, **options: Any) -> Desk:
    return Desk(work.open(open_page(work.person, **options)))


def said(work: Bench) -> list[dict[str, Any]]:
    """The marks of the one answer."""
    (answer,) = judging.answers(work.batch)
    return answer.payload["questions"]["spots"]["marks"]


def near(points: list[list[float]], *expected: tuple[float, float]) -> bool:
    pairs = zip(points, expected, strict=True)
    return all(abs(one[axis] - other[axis]) < 0.5 for one, other in pairs for axis in (0, 1))


# -- the whole way ----------------------------------------------------------------------------------------------------


@pytest.mark.capability("A6")
def test_a_box_and_a_word_come_back_from_the_canonical_export_as_they_were_drawn(open_page, tmp_path) -> None:
    work = marking()
    at = desk(open_page, work)

    at.drag(1, (10, 8), (42.5, 30))
    at.press("1")
    at.page.mouse.click(*at.word("letters"))
    at.press("2")
    at.send()

    box, span = said(work)
    assert near(box["points"], (10, 8), (42.5, 30))
    assert (box["place"], box["error"], span["place"], span["error"]) == (1, "artifact", 1, "misalignment")
    assert PROMPT[span["start"] : span["end"]] == "letters"
    order = judging.answers(work.batch)[0].assignment.presentation["order"]
    rows = {mark.shape: mark for mark in Mark.objects.all()}
    assert rows["box"].points == box["points"]
    assert {mark.sample_id for mark in rows.values()} == {order[1]}

    exported = canonical(work, tmp_path)

    (side,) = [side for side in ("a", "b") if exported[f"{side}_marks"]]
    marks = {mark["shape"]: mark for mark in exported[f"{side}_marks"]}
    assert marks["box"]["points"] == box["points"]
    assert (marks["box"]["target"], marks["box"]["media_index"], marks["box"]["error_type"]) == ("media", 0, "artifact")
    assert (marks["span"]["start"], marks["span"]["end"]) == (span["start"], span["end"])
    assert exported["prompt"][marks["span"]["start"] : marks["span"]["end"]] == "letters"


def canonical(work: Bench, tmp_path: Path) -> dict[str, Any]:
    """The one pair of the project, read by `datasets` from a canonical export with what people said."""
    scored(work)
    recipe = frozen.RECIPE.replace("{train: 0.5, validation: 0.5}", "{train: 1.0}")
    version = frozen.freeze(work.project, "marked", recipe)
    order = exports.order(
        version=version,
        formats=["canonical"],
        by=None,
        folder=tmp_path / "out",
        options=exports.Options(with_notes=True),
    )
    exports.run_job(job_id=order.job_id)
    loaded = datasets.load_dataset(
        str(tmp_path / "out"), "pairs", split="train", cache_dir=str(tmp_path / "cache")
    ).remove_columns(["a_image", "b_image"])
    return loaded[0]


def scored(work: Bench) -> None:
    """A machine's numbers, by which the recipe pairs the two samples."""
    quality = criteria.ensure(project=work.project, key="quality")
    machine = raters.machine(kind=Rater.Kind.RULE, name="sharpness", identity={"version": 1})
    samples = Sample.objects.filter(project=work.project).order_by("pk")
    scores = [
        NewScore(Subject(row.pk, row.prompt_id), quality.pk, value=place / 2) for place, row in enumerate(samples)
    ]
    judgements.record(project=work.project, acts=[Act(machine.pk, "pass", scores=scores)])


# -- words ------------------------------------------------------------------------------------------------------------


def test_a_click_marks_a_word_and_takes_it_back_and_a_drag_marks_several(open_page) -> None:
    work = marking(errors=[])
    at = desk(open_page, work)

    at.page.mouse.click(*at.word("two"))
    expect(at.page.locator(".mark-head")).to_have_count(1)
    at.page.wait_for_timeout(600)
    at.page.mouse.click(*at.word("two"))
    expect(at.page.locator(".mark-head")).to_have_count(0)
    (left, middle), (right, _) = at.word("reads", edge=0), at.word("letters", edge=1)
    at.page.mouse.move(left - 1, middle)
    at.page.mouse.down()
    at.page.mouse.move(right + 1, middle, steps=6)
    at.page.mouse.up()
    at.page.mouse.click(*at.word("👩🏽‍🚀"))
    at.page.mouse.click(*at.word("cafe\u0301"))
    at.send()

    words = [PROMPT[mark["start"] : mark["end"]] for mark in said(work)]
    assert words == ["reads two letters", "👩🏽‍🚀", "cafe\u0301"]


def test_words_are_marked_by_keyboard_and_stretched_with_shift(open_page) -> None:
    work = marking(shapes=["span"], errors=ERRORS)
    at = desk(open_page, work)

    at.press("ArrowRight", "ArrowRight")
    judging.says(at.page, "👩🏽‍🚀")
    at.press("Enter", "3")
    at.press("ArrowRight", "ArrowRight", "ArrowRight", "Shift+ArrowRight", "Shift+ArrowRight", "Enter")
    at.press("Escape", "Escape")
    at.send()

    assert [(PROMPT[mark["start"] : mark["end"]], mark["error"]) for mark in said(work)] == [
        ("👩🏽‍🚀", "wrong count"),
        ("cafe\u0301 reads two", "wrong count"),
    ]


def test_the_last_turn_of_a_conversation_is_the_text_whose_words_are_marked(open_page) -> None:
    work = bench({**SPOTS, "shapes": ["span"], "errors": []}, items=0)
    made = item(work, "now make it blue 🌊", 1, (96, 64))
    turns = [{"role": "user", "content": "draw a blue sea"}, {"role": "user", "content": made.prompt.text}]
    type(made.prompt).objects.filter(pk=made.prompt_id).update(turns=turns)
    judging.opened(work.batch)
    at = desk(open_page, work)

    at.page.mouse.click(*at.word("blue", ".canvas-turn:first-child"))
    expect(at.page.locator(".mark-head")).to_have_count(0)
    at.page.mouse.click(*at.word("🌊"))
    at.send()

    (mark,) = said(work)
    assert made.prompt.text[mark["start"] : mark["end"]] == "🌊"


def test_words_of_text_answers_are_marked_where_they_stand_formatted_or_not(open_page) -> None:
    work = bench({**SPOTS, "shapes": ["span"], "targets": ["answer"], "errors": []}, items=0)
    prompt = factories.prompt(work.project, "Name two fish.")
    texts = ["**Cod** 🐟 and eel", "# Fish\n\ncarp 🐠 and *pike*"]
    samples = [factories.sample(prompt, by=f"g{number}", text=text) for number, text in enumerate(texts)]
    Item.objects.create(batch=work.batch, position=0, prompt=prompt, sample_ids=sorted(one.pk for one in samples))
    judging.opened(work.batch)
    page = open_page(work.person)
    page.goto(work.url)
    page.locator("body:not(.has-no-item) .canvas-words").first.wait_for()
    page.wait_for_timeout(200)
    at = Desk(page)

    at.page.mouse.click(*at.word("eel", ".js-stage"))
    at.press("Shift+F")
    at.page.mouse.click(*at.word("pike", ".js-stage"))
    expect(at.page.locator(".mark-span")).to_have_count(2)
    at.send()

    order = judging.answers(work.batch)[0].assignment.presentation["order"]
    by_sample = {sample.pk: sample.text for sample in samples}
    marked = [by_sample[order[mark["place"]]][mark["start"] : mark["end"]] for mark in said(work)]
    assert marked == ["eel", "pike"]


# -- pictures ---------------------------------------------------------------------------------------------------------


def test_points_boxes_and_outlines_are_placed_by_keyboard(open_page) -> None:
    work = marking(samples=1)
    at = desk(open_page, work)

    at.press("o", "ArrowRight", "Shift+ArrowRight", "Shift+ArrowDown", "Enter", "1")
    at.press("r", "ArrowRight", "Enter", "ArrowRight", "ArrowDown", "ArrowDown", "Enter")
    at.press("a", "ArrowLeft", "Enter", "ArrowLeft", "Enter", "ArrowUp", "Enter", "Enter")
    expect(at.page.locator(".mark-head")).to_have_count(3)
    at.send()

    point, box, outline = said(work)
    assert point["points"] == [[49, 33]]
    assert [mark["error"] for mark in (point, box, outline)] == ["artifact"] * 3
    (left, top), (right, bottom) = box["points"]
    assert (left, top) == (48, 32)
    assert abs((bottom - top) - 2 * (right - left)) < 0.05
    assert len(outline["points"]) == 3


def test_a_mark_is_selected_moved_resized_and_deleted(open_page) -> None:
    work = marking(samples=1, errors=["artifact"])
    at = desk(open_page, work)

    at.drag(0, (10, 10), (30, 30))
    at.drag(0, (20, 10), (30, 15))
    assert near(marks_of(at)[0], (20, 15), (40, 35))
    at.drag(0, (40, 35), (60, 50))
    assert near(marks_of(at)[0], (20, 15), (60, 50))
    at.press("o")
    at.click(0, 80, 10)
    at.click(0, 60, 30)
    at.press("Delete")
    expect(at.page.locator(".mark-head")).to_have_count(1)
    at.press("Control+z")
    expect(at.page.locator(".mark-head")).to_have_count(2)
    at.press("Control+z", "Control+z")
    assert near(marks_of(at)[0], (20, 15), (40, 35))
    at.press("Control+Shift+z", "Control+y")
    at.send()

    box, point = said(work)
    assert near(box["points"], (20, 15), (60, 50))
    assert near(point["points"], (80, 10))


MARKS = """() => [...document.querySelectorAll(".mark-layer rect.mark-line")].map((one) => {
  const [x, y, width, height] = ["x", "y", "width", "height"].map((name) => Number(one.getAttribute(name)));
  return [[x, y], [x + width, y + height]];
})"""


def marks_of(at: Desk) -> list[list[list[float]]]:
    """The boxes as they are drawn, in pixels of the picture."""
    return at.page.evaluate(MARKS)


def test_marks_follow_zoom_and_pan_and_zoom_makes_them_finer(open_page) -> None:
    work = marking(samples=1, errors=[])
    at = desk(open_page, work)
    at.drag(0, (20, 20), (40, 40))

    at.page.mouse.move(*at.at(0, 40, 40))
    for _ in range(6):
        at.page.mouse.wheel(0, -200)
    at.press("Alt+ArrowRight")
    at.page.wait_for_timeout(100)

    line = at.page.locator(".mark-layer rect.mark-line").bounding_box()
    right, bottom = at.at(0, 40, 40)
    assert abs(line["x"] + line["width"] - right) < 3
    assert abs(line["y"] + line["height"] - bottom) < 3
    at.drag(0, (40, 40), (41, 40.5))
    at.send()
    assert near(said(work)[0]["points"], (20, 20), (41, 40.5))
    assert said(work)[0]["points"][1] != [40, 40]


def test_an_outline_is_clicked_and_closed_on_its_first_corner(open_page) -> None:
    work = marking(samples=1, shapes=["polygon"], errors=[])
    at = desk(open_page, work)

    for corner in ((20, 10), (70, 12), (50, 50), (30, 45)):
        at.click(0, *corner)
    at.press("Backspace")
    at.click(0, 25, 40)
    at.click(0, 20, 10)
    at.send()

    assert near(said(work)[0]["points"], (20, 10), (70, 12), (50, 50), (25, 40))


def test_on_a_phone_a_finger_draws_and_two_zoom(open_page) -> None:
    work = marking(samples=1, errors=ERRORS)
    at = desk(open_page, work, width=390, height=844)
    touch = at.page.context.new_cdp_session(at.page)

    def fingers(kind: str, *points: tuple[float, float]) -> None:
        touch.send(
            "Input.dispatchTouchEvent",
            {"type": kind, "touchPoints": [{"x": x, "y": y, "id": n} for n, (x, y) in enumerate(points)]},
        )

    fingers("touchStart", at.at(0, 10, 10))
    fingers("touchMove", at.at(0, 30, 25))
    fingers("touchMove", at.at(0, 40, 30))
    fingers("touchEnd")
    expect(at.page.locator(".mark-head")).to_have_count(1)
    first, second = at.at(0, 40, 32), at.at(0, 56, 32)
    fingers("touchStart", first)
    fingers("touchStart", first, second)
    fingers("touchMove", (first[0] - 40, first[1]), (second[0] + 40, second[1]))
    fingers("touchEnd")
    expect(at.page.locator(".mark-head")).to_have_count(1)
    assert at.page.locator(".canvas-percent").inner_text() != "100 %"
    fingers("touchStart", at.word("letters"))
    fingers("touchEnd")
    expect(at.page.locator(".mark-head")).to_have_count(2)
    at.page.locator(".mark-head").first.click()
    at.page.get_by_role("button", name="wrong count").click()
    at.page.locator(".mark-head").last.click()
    at.page.get_by_role("button", name="artifact").click()
    at.page.get_by_role("button", name="Send").click()
    judging.all_sent(at.page)

    box, word = said(work)
    assert near(box["points"], (10, 10), (40, 30))
    assert (box["error"], word["error"]) == ("wrong count", "artifact")
    assert PROMPT[word["start"] : word["end"]] == "letters"
    assert at.page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_a_mark_on_the_second_picture_of_a_set_is_found_again_from_the_list(open_page) -> None:
    work = bench({**SPOTS, "shapes": ["box"], "targets": ["media"], "errors": []}, items=0)
    made = item(work, "two views", 1, (96, 64))
    sample = Sample.objects.get(prompt=made.prompt)
    factories.place(sample, judging.picture((60, 60)), position=1)
    judging.opened(work.batch)
    at = desk(open_page, work)

    at.drag(0, (10, 10), (30, 30))
    at.press("PageDown")
    expect(at.page.locator(".mark-layer:visible rect.mark-line")).to_have_count(0)
    second = at.page.locator("[data-place='0'] img.canvas-medium").nth(1).bounding_box()
    at.page.mouse.move(second["x"] + second["width"] / 4, second["y"] + second["height"] / 4)
    at.page.mouse.down()
    at.page.mouse.move(second["x"] + second["width"] / 2, second["y"] + second["height"] / 2, steps=4)
    at.page.mouse.up()
    at.page.locator(".mark-head").first.click()
    expect(at.page.locator(".canvas-film-frame").first).to_have_attribute("aria-pressed", "true")
    at.send()

    first, other = said(work)
    assert (first["media"], other["media"]) == (0, 1)
    assert near(first["points"], (10, 10), (30, 30))
    assert near(other["points"], (15, 15), (30, 30))


def test_inputs_are_marked_for_the_sample_that_got_them_wrong(open_page) -> None:
    work = bench({**SPOTS, "shapes": ["point"], "targets": ["input"], "errors": []}, items=0)
    made = item(work, "make it night", 2, (96, 64))
    factories.place(made.prompt, judging.picture((80, 40)), role="source", position=0)
    judging.opened(work.batch)
    at = desk(open_page, work)

    at.press("q")
    box = at.page.locator("[data-place='input'] img.canvas-medium").first.bounding_box()
    at.page.mouse.click(box["x"] + box["width"] * 0.25, box["y"] + box["height"] * 0.5)
    at.send()

    (mark,) = said(work)
    assert (mark["target"], mark["role"], mark["media"], mark["place"]) == ("input", "source", 0, 1)
    assert near(mark["points"], (20, 20))


def test_an_interval_is_cut_at_the_frames_that_are_shown(open_page) -> None:
    work = bench({**SPOTS, "shapes": ["interval"], "targets": ["media"], "errors": ["flicker"]}, items=0)
    prompt = factories.prompt(work.project, "waves")
    ids = []
    for number in range(2):
        sample = factories.sample(prompt, by=f"g{number}")
        film = stage_page.webm([40 + 20 * n + number for n in range(10)], fps=10, size=(160, 96))
        factories.place(sample, factories.stored(film, "waves.webm"))
        ids.append(sample.pk)
    Item.objects.create(batch=work.batch, position=0, prompt=prompt, sample_ids=ids)
    judging.opened(work.batch)
    page = open_page(work.person)
    page.emulate_media(reduced_motion="reduce")
    at = Desk(work.open(page))

    def step(times: int) -> None:
        for _ in range(times):
            before = page.locator(".canvas-clock").inner_text()
            at.press(".")
            expect(page.locator(".canvas-clock")).not_to_have_text(before)

    step(2)
    at.press("q", "t")
    step(3)
    at.press("t")
    expect(page.locator(".mark-head")).to_contain_text("0.20 to 0.60 s")
    expect(page.locator(".mark-bar")).to_have_count(1)
    at.send()

    (mark,) = said(work)
    assert (mark["place"], mark["start"], mark["end"], mark["error"]) == (1, 200_000, 600_000, "flicker")


# -- shown again ------------------------------------------------------------------------------------------------------


def test_undo_and_history_show_the_marks_exactly_and_an_unchanged_answer_is_not_sent(open_page) -> None:
    work = marking(items=3, errors=ERRORS)
    at = desk(open_page, work)
    at.press("1")
    at.drag(0, (10, 8), (42, 30))
    at.page.mouse.click(*at.word("letters"))
    at.press("2", "c")
    at.page.keyboard.type("there are three")
    at.press("Enter")
    first = at.entries
    judging.press(at.page, "Control+Enter")
    judging.all_sent(at.page)
    stored = said(work)
    assert stored[1]["text"] == "there are three"

    judging.press(at.page, "z")
    assert at.entries == first
    expect(at.page.locator(".mark-layer .mark-line")).to_have_count(1)
    expect(at.page.locator(".mark-span")).to_have_count(1)
    judging.press(at.page, "Control+Enter")
    assert len(judging.answers(work.batch)) == 1
    assert said(work) == stored

    at.page.reload()
    judging.ready(at.page)
    judging.press(at.page, "z")
    assert at.entries == first
    at.press("Shift+N", "Delete")
    judging.press(at.page, "Control+Enter")
    judging.all_sent(at.page)
    assert said(work) == stored[:1]


def test_a_machines_marks_are_shown_and_corrected(open_page) -> None:
    work = bench(SPOTS, items=0, control_share=0.0)
    mark = {"place": 0, "target": "media", "media": 0, "shape": "box", "points": [[10, 10], [30, 30]]}
    draft = {"questions": {"spots": {"marks": [{**mark, "error": "artifact", "text": "six fingers"}]}}}
    item(work, PROMPT, 1, (96, 64), draft=draft)
    judging.opened(work.batch)
    at = desk(open_page, work)

    expect(at.page.locator(".mark-head")).to_contain_text("six fingers")
    assert near(marks_of(at)[0], (10, 10), (30, 30))
    at.drag(0, (30, 20), (40, 20))
    at.send()

    assert near(said(work)[0]["points"], (20, 10), (40, 30))
    assert said(work)[0]["text"] == "six fingers"


def test_a_mark_without_its_type_is_asked_for_and_never_lost(open_page) -> None:
    work = marking(required=False, samples=1)
    at = desk(open_page, work)

    at.drag(0, (10, 10), (30, 30))
    at.press("Control+Enter")
    expect(at.page.locator(".js-note")).to_have_text("Mark 1 has no error type yet.")
    at.press("3")
    at.send()

    assert said(work)[0]["error"] == "wrong count"


def test_marks_stand_beside_a_comparison_and_leave_the_pictures_free_for_it(open_page) -> None:
    work = bench(COMPARE, {**SPOTS, "required": False}, items=0)
    item(work, PROMPT, 2, (96, 64))
    judging.opened(work.batch)
    at = desk(open_page, work)

    at.press("j", "1")
    at.drag(0, (10, 10), (30, 30))
    at.press("k")
    expect(at.page.locator(".mark-layer.is-resting .mark-line")).to_have_count(1)
    at.drag(0, (50, 10), (60, 30))
    at.press("ArrowLeft")
    expect(at.page.locator(".mark-head")).to_have_count(1)
    at.send()

    (answer,) = judging.answers(work.batch)
    assert answer.payload["questions"]["overall"] == {"outcome": "left"}
    assert len(said(work)) == 1


# -- for everybody ----------------------------------------------------------------------------------------------------


def test_a_mark_is_moved_and_resized_from_the_list_and_every_step_is_said(open_page) -> None:
    work = marking(samples=1, errors=["artifact"])
    at = desk(open_page, work)
    at.drag(0, (10, 10), (30, 30))

    at.press("Escape", "n")
    judging.says(at.page, "1: Box: artifact, 10, 10 to 30, 30")
    at.press("Shift+ArrowRight", "Shift+ArrowDown")
    judging.says(at.page, "11, 11 to 31, 31")
    at.press("v", "v", "v")
    judging.says(at.page, "Corner 3: 31, 31")
    at.press("Shift+ArrowRight", "Shift+ArrowRight")
    judging.says(at.page, "11, 11 to 33, 31")


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, 390])
def test_the_page_with_marks_is_accessible(open_page, theme, width) -> None:
    work = marking(items=2)
    at = desk(open_page, work, theme=theme, width=width, height=844 if width == 390 else 900)
    at.press("1")
    at.drag(0, (10, 10), (30, 30))
    at.page.mouse.click(*at.word("letters"))
    at.press("2")
    at.page.evaluate(AXE.read_text(encoding="utf-8"))

    found = at.page.evaluate("axe.run(document, {resultTypes: ['violations']})")["violations"]

    assert [(one["id"], [node["html"] for node in one["nodes"]]) for one in found] == []
    assert at.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
