"""Judging in a real browser: every kind of question by keyboard, fair, kept, and never twice."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import expect

from annotation.actions import leasing
from annotation.models import Answer, Assignment, Batch
from curation.models import Flag, Judgement, Note, SampleMedia, Score
from tests import factories
from tests.browser import judging
from tests.browser.judging import COMPARE, YES_NO, bench

pytestmark = pytest.mark.django_db(transaction=True)

AXE = Path(__file__).parent / "vendor" / "axe-core-4.14.1" / "axe.min.js"
FIVE = [{"value": n, "label": word} for n, word in enumerate(["bad", "poor", "fair", "good", "excellent"], 1)]
RATE = {"key": "quality", "kind": "rate", "text": "How good is each?", "levels": FIVE}
CHECK = {
    "key": "list",
    "kind": "check",
    "text": "Does this hold?",
    "items": [
        {"key": "hands", "text": "Are the hands right?", "group": "Anatomy", "levels": YES_NO},
        {"key": "faces", "text": "Are the faces right?", "group": "Anatomy", "levels": YES_NO},
        {"key": "words", "text": "Can the words be read?", "group": "Text", "levels": YES_NO},
    ],
}


def judgement(batch: Batch) -> Judgement:
    (answer,) = judging.answers(batch)
    return answer.judgements.get()


# -- each kind, by keyboard -------------------------------------------------------------------------------------------


@pytest.mark.capability("B1")
def test_twenty_pairs_by_keyboard_keep_the_sides_they_were_shown_on(open_page) -> None:
    work = bench(COMPARE, items=20)
    page = work.open(open_page(work.person))
    keys = {"ArrowLeft": "left", "ArrowRight": "right", "ArrowDown": "tie", "ArrowUp": "both-bad"}
    seen = []

    for number in range(20):
        key = list(keys)[number % 4]
        seen.append((judging.addresses(page), keys[key]))
        if number < 19:
            judging.press(page, key)
    page.keyboard.press(key)
    page.get_by_role("heading", name="All done").wait_for()
    judging.all_sent(page)

    owner = {str(one.address): one.sample_id for one in SampleMedia.objects.all()}
    stored = judging.comparisons(work.batch)
    assert len(stored) == 20
    said = {(row.left_sample_id, row.right_sample_id): row.outcome.replace("_", "-") for row in stored}
    for (left, right), outcome in seen:
        pair = owner[left.strip("/").split("/")[-1]], owner[right.strip("/").split("/")[-1]]
        assert said[pair] == outcome
    orders = [answer.assignment.presentation["order"] for answer in judging.answers(work.batch)]
    assert 0 < sum(order != sorted(order) for order in orders) < 20, "sides are drawn, not fixed"
    assert all(0 < row.judgement.seconds < 60 for row in stored)


def test_a_strength_is_one_more_key_or_shift(open_page) -> None:
    work = bench({**COMPARE, "strength": 3}, items=4)
    page = work.open(open_page(work.person))

    page.keyboard.press("ArrowLeft")
    judging.says(page, "How much better?")
    judging.press(page, "2")
    judging.press(page, "Shift+ArrowRight")
    page.keyboard.press("ArrowLeft")
    judging.press(page, "ArrowLeft")
    page.keyboard.press("ArrowDown")
    judging.all_sent(page)

    said = [answer.payload["questions"]["overall"] for answer in judging.answers(work.batch)]
    assert said == [
        {"outcome": "left", "strength": 2},
        {"outcome": "right", "strength": 3},
        {"outcome": "left", "strength": 1},
        {"outcome": "tie"},
    ]


def test_the_best_of_four_is_its_number_and_zero_is_none(open_page) -> None:
    work = bench({"key": "best", "kind": "pick", "text": "Which is best?"}, items=2, samples=4)
    page = work.open(open_page(work.person))

    judging.press(page, "3")
    page.keyboard.press("0")
    judging.all_sent(page)

    said = [answer.payload["questions"]["best"]["best"] for answer in judging.answers(work.batch)]
    assert said == [2, None]


@pytest.mark.capability("B3")
def test_five_are_ranked_with_a_tie_by_typing_their_numbers(open_page) -> None:
    work = bench({"key": "order", "kind": "rank", "text": "Order them, best first."}, items=1, samples=5)
    page = work.open(open_page(work.person))

    for key in ("3", "1", "5", "t", "2", "4"):
        page.keyboard.press(key)
    expect(page.locator(".tier").first).to_have_text("13")
    page.keyboard.press("Enter")
    judging.all_sent(page)

    assert judging.answers(work.batch)[0].payload["questions"]["order"] == {"ranks": [2, 3, 1, 4, 2]}
    implied = judging.comparisons(work.batch)
    assert len(implied) == 10
    assert sum(row.outcome == "tie" for row in implied) == 1
    assert len({row.judgement_id for row in implied}) == 1, "the comparisons remember they are one act"


@pytest.mark.capability("B3")
def test_a_rank_can_be_dragged(open_page) -> None:
    work = bench({"key": "order", "kind": "rank", "text": "Order them."}, items=1, samples=3)
    page = work.open(open_page(work.person))

    page.locator(".tier-pool .chip-rank").nth(2).drag_to(page.locator(".tier-end"))
    page.locator(".tier-pool .chip-rank").nth(0).drag_to(page.locator(".tier-end"))
    page.locator(".tier-pool .chip-rank").nth(0).drag_to(page.locator(".tier").nth(0))
    page.get_by_role("button", name="Send").click()
    judging.all_sent(page)

    assert judging.answers(work.batch)[0].payload["questions"]["order"] == {"ranks": [2, 1, 1]}


@pytest.mark.capability("B2")
def test_each_sample_is_rated_on_the_criterions_own_levels(open_page) -> None:
    work = bench(RATE, items=1)
    page = work.open(open_page(work.person))

    page.keyboard.press("4")
    judging.says(page, "Next: Right")
    page.keyboard.press("2")
    judging.all_sent(page)

    order = judging.answers(work.batch)[0].assignment.presentation["order"]
    scores = {score.sample_id: score.value for score in Score.objects.filter(judgement=judgement(work.batch))}
    assert scores == {order[0]: 4, order[1]: 2}


@pytest.mark.capability("B4")
def test_a_checklist_of_two_levels_takes_one_key_an_item(open_page) -> None:
    work = bench(CHECK, items=1)
    page = work.open(open_page(work.person))
    expect(page.locator(".check-group")).to_have_text(["Anatomy", "Text"])

    for key in ("1", "0", "y", "n", "y"):
        page.keyboard.press(key)
    expect(page.locator(".check-cell.is-turn")).to_have_attribute("aria-label", "Can the words be read? Right")
    page.keyboard.press("1")
    judging.all_sent(page)

    said = judging.answers(work.batch)[0].payload["questions"]["list"]["values"]
    assert said == {"hands": [1, 0], "faces": [0, 1], "words": [1, 1]}
    assert Score.objects.filter(judgement=judgement(work.batch)).count() == 6


@pytest.mark.capability("B5")
def test_a_note_is_written_left_with_escape_and_sent_with_control_enter(open_page) -> None:
    why = {"key": "why", "kind": "write", "text": "What is wrong?", "per": "sample", "required": True}
    work = bench(COMPARE, why, items=2)
    page = work.open(open_page(work.person))

    page.keyboard.press("ArrowLeft")
    page.keyboard.type("The hand has six fingers.")
    page.keyboard.press("Escape")
    assert page.evaluate("document.activeElement === document.body")
    page.keyboard.press("Enter")
    expect(page.locator(".js-note")).to_have_text("A note is asked for here.")
    page.keyboard.press("e")
    page.keyboard.type("Too dark, p. 7")
    judging.press(page, "Control+Enter")
    judging.all_sent(page)

    order = judging.answers(work.batch)[0].assignment.presentation["order"]
    notes = {note.sample_id: note.text for note in Note.objects.all()}
    assert notes == {order[0]: "The hand has six fingers.", order[1]: "Too dark, p. 7"}


def test_several_criteria_move_on_by_themselves_and_the_last_one_sends(open_page) -> None:
    criteria = [{**COMPARE, "key": key, "name": key.capitalize()} for key in ("overall", "alignment", "fidelity")]
    work = bench(*criteria, items=2)
    page = work.open(open_page(work.person))
    chips = page.locator(".js-chips .chip")

    page.keyboard.press("ArrowLeft")
    expect(chips.nth(1)).to_have_attribute("aria-current", "step")
    expect(chips.nth(0)).to_have_text("✓Overall, answered")
    page.keyboard.press("j")
    page.keyboard.press("ArrowDown")
    expect(chips.nth(1)).to_have_attribute("aria-current", "step")
    judging.press(page, "ArrowRight")
    judging.all_sent(page)

    said = judging.answers(work.batch)[0].payload["questions"]
    assert {key: value["outcome"] for key, value in said.items()} == {
        "overall": "left",
        "alignment": "right",
        "fidelity": "tie",
    }


def test_parts_of_an_item_come_one_after_the_other(open_page) -> None:
    order = {"key": "order", "kind": "rank", "text": "Now order them.", "stage": 2}
    work = bench(RATE, order, items=1)
    page = work.open(open_page(work.person))
    expect(page.locator(".js-stage-words")).to_have_text("Part 1 of 2")

    page.keyboard.press("5")
    page.keyboard.press("3")
    expect(page.locator(".js-stage-words")).to_have_text("Part 2 of 2")
    for key in ("1", "2", "Enter"):
        page.keyboard.press(key)
    judging.all_sent(page)

    assert judging.answers(work.batch)[0].payload["questions"] == {
        "quality": {"values": [5, 3]},
        "order": {"ranks": [1, 2]},
    }


def test_a_draft_is_accepted_with_enter_or_corrected(open_page) -> None:
    work = bench(COMPARE, items=0, control_share=0.0)
    for _ in range(2):
        judging.pictured_item(work.batch, 2, draft={"questions": {"overall": {"outcome": "tie"}}})
    judging.opened(work.batch)
    page = work.open(open_page(work.person))

    expect(page.locator(".js-draft")).to_contain_text("Proposed by a machine")
    expect(page.get_by_role("button", name="Tie")).to_have_attribute("aria-pressed", "true")
    judging.press(page, "Enter")
    page.keyboard.press("ArrowLeft")
    judging.all_sent(page)

    assert [row.outcome for row in judging.comparisons(work.batch)] == ["tie", "left"]


# -- nothing lost, nothing doubled ------------------------------------------------------------------------------------


def test_answers_given_without_network_are_kept_and_sent_once(open_page) -> None:
    work = bench(COMPARE, items=5)
    page = work.open(open_page(work.person))
    page.wait_for_function("() => document.querySelectorAll('.canvas-scene').length === 3")

    page.context.set_offline(True)
    judging.press(page, "ArrowLeft")
    judging.press(page, "ArrowRight")
    page.keyboard.press("ArrowDown")
    expect(page.locator(".js-outbox")).to_have_text("3 answers waiting for the network")
    assert judging.answers(work.batch) == []
    page.context.set_offline(False)
    judging.all_sent(page)

    assert [row.outcome for row in judging.comparisons(work.batch)] == ["left", "right", "tie"]
    judging.ready(page)
    judging.press(page, "ArrowLeft")
    page.keyboard.press("ArrowLeft")
    page.get_by_role("heading", name="All done").wait_for()
    judging.all_sent(page)
    assert len(judging.answers(work.batch)) == 5
    expect(page.locator(".js-outbox")).to_be_hidden()


def test_an_answer_whose_acknowledgement_was_lost_is_stored_once(open_page) -> None:
    work = bench(COMPARE, items=3)
    page = work.open(open_page(work.person))
    sent = []

    def lose_the_first(route) -> None:
        sent.append(route.request.post_data_json["client_key"])
        if len(sent) == 1:
            route.fetch()
            route.abort()
            return
        route.continue_()

    page.route("**/answer/", lose_the_first)
    judging.press(page, "ArrowLeft")
    judging.all_sent(page)

    assert len(sent) == 2
    assert len(set(sent)) == 1
    assert Answer.objects.count() == 1


def test_what_was_kept_survives_a_reload(open_page) -> None:
    work = bench(COMPARE, items=3)
    page = work.open(open_page(work.person))
    page.route("**/answer/", lambda route: route.abort())
    judging.press(page, "ArrowRight")
    assert judging.waiting(page) == 1

    page.unroute("**/answer/")
    page.reload()
    judging.all_sent(page)

    assert [row.outcome for row in judging.comparisons(work.batch)] == ["right"]


def test_signed_out_answers_wait_for_the_person(open_page) -> None:
    work = bench(COMPARE, items=3)
    page = work.open(open_page(work.person))
    cookies = page.context.cookies()

    page.context.clear_cookies(name="sessionid")
    judging.press(page, "ArrowLeft")
    expect(page.locator(".js-banner")).to_contain_text("You are signed out")
    assert judging.waiting(page) == 1
    page.context.add_cookies(cookies)
    page.evaluate("dispatchEvent(new Event('focus'))")
    judging.all_sent(page)

    expect(page.locator(".js-banner")).to_be_hidden()
    assert len(judging.answers(work.batch)) == 1


def test_what_the_server_refuses_stays_readable(open_page) -> None:
    work = bench(COMPARE, items=3)
    page = work.open(open_page(work.person))
    held = Assignment.objects.filter(batch=work.batch).order_by("id").first()
    page.evaluate("window.BroadcastChannel = null")
    judging.answer(held, work.person)

    judging.press(page, "ArrowLeft")
    page.get_by_role("button", name="1 answer was not stored").click()

    panel = page.get_by_role("dialog", name="Answers on their way")
    expect(panel).to_contain_text("You have answered this item already")
    panel.get_by_role("button", name="I have read it").click()
    assert judging.waiting(page) == 0
    assert len(judging.answers(work.batch)) == 1


def test_two_tabs_of_one_person_never_answer_an_item_twice(open_page) -> None:
    work = bench(COMPARE, items=6)
    first = work.open(open_page(work.person))
    second = first.context.new_page()
    work.open(second)
    assert judging.shown(first) == judging.shown(second)

    judging.press(first, "ArrowLeft")
    second.wait_for_function(
        "before => document.querySelector('.js-prompt').innerText === before", arg=judging.shown(first)
    )
    second.wait_for_timeout(170)
    judging.press(second, "ArrowRight")
    first.wait_for_function(
        "before => document.querySelector('.js-prompt').innerText === before", arg=judging.shown(second)
    )
    judging.all_sent(first)
    judging.all_sent(second)

    rows = judging.answers(work.batch)
    assert len(rows) == 2
    assert len({row.assignment_id for row in rows}) == 2


# -- back, aside, and away --------------------------------------------------------------------------------------------


def test_undo_opens_the_answer_before_and_a_change_replaces_it(open_page) -> None:
    work = bench(COMPARE, items=4)
    page = work.open(open_page(work.person))
    first = judging.shown(page)
    judging.press(page, "ArrowLeft")
    second = judging.shown(page)
    judging.all_sent(page)

    judging.press(page, "z")
    assert judging.shown(page) == first
    expect(page.get_by_role("button", name="Left is better")).to_have_attribute("aria-pressed", "true")
    judging.press(page, "ArrowRight")
    assert judging.shown(page) == second
    judging.all_sent(page)

    assert [row.outcome for row in judging.comparisons(work.batch)] == ["right"]
    assert Answer.objects.filter(assignment__batch=work.batch).count() == 2


def test_undo_before_the_first_answer_was_even_sent_changes_that_answer(open_page) -> None:
    work = bench(COMPARE, items=4)
    page = work.open(open_page(work.person))
    page.wait_for_function("() => document.querySelectorAll('.canvas-scene').length === 3")
    page.context.set_offline(True)

    judging.press(page, "ArrowLeft")
    judging.press(page, "Backspace")
    judging.press(page, "ArrowDown")
    assert judging.waiting(page) == 2
    page.context.set_offline(False)
    judging.all_sent(page)

    assert [row.outcome for row in judging.comparisons(work.batch)] == ["tie"]


def test_an_undo_that_changes_nothing_sends_nothing(open_page) -> None:
    work = bench(RATE, items=3)
    page = work.open(open_page(work.person))
    page.keyboard.press("4")
    judging.press(page, "5")
    judging.all_sent(page)
    page.keyboard.press("2")

    judging.press(page, "z")
    judging.press(page, "Escape")

    expect(page.locator(".place").first).to_have_text("Leftpoor")
    assert Answer.objects.count() == 1


def test_history_opens_an_earlier_answer_after_a_reload(open_page) -> None:
    work = bench(COMPARE, items=4)
    page = work.open(open_page(work.person))
    first = judging.shown(page)
    judging.press(page, "ArrowLeft")
    judging.all_sent(page)
    page.reload()
    judging.ready(page)

    page.keyboard.press("h")
    page.get_by_role("dialog", name="What you said").get_by_role("button", name="Change").click()
    page.wait_for_function("first => document.querySelector('.js-prompt').innerText === first", arg=first)
    page.wait_for_timeout(170)
    judging.press(page, "ArrowUp")
    judging.all_sent(page)

    assert [row.outcome.replace("_", "-") for row in judging.comparisons(work.batch)] == ["both-bad"]


def test_a_skip_gives_its_reason_and_the_item_back(open_page) -> None:
    work = bench(COMPARE, items=3)
    page = work.open(open_page(work.person))
    before = judging.shown(page)

    page.keyboard.press("s")
    page.keyboard.press("2")
    judging.changed(page, before)
    judging.all_sent(page)

    skipped = Assignment.objects.get(batch=work.batch, state="skipped")
    assert skipped.skip_reason == "broken"
    assert judging.answers(work.batch) == []


def test_a_flag_travels_with_the_answer(open_page) -> None:
    work = bench(COMPARE, items=3)
    page = work.open(open_page(work.person))

    page.keyboard.press("f")
    page.keyboard.press("3")
    page.keyboard.press("Escape")
    judging.press(page, "Enter")
    judging.all_sent(page)

    (answer,) = judging.answers(work.batch)
    assert answer.payload["flags"] == [{"place": 1, "kind": "unsafe", "text": ""}]
    order = answer.assignment.presentation["order"]
    assert [flag.sample_id for flag in Flag.objects.all()] == [order[1]]


def test_a_pause_stops_the_clock(open_page) -> None:
    work = bench(COMPARE, items=3)
    page = open_page(work.person)
    page.clock.install()
    work.open(page)

    page.clock.run_for(2_000)
    page.keyboard.press("p")
    page.clock.run_for(60_000)
    page.keyboard.press("p")
    page.clock.run_for(1_000)
    judging.press(page, "ArrowLeft")
    judging.all_sent(page)

    assert 2.5 < judging.answers(work.batch)[0].seconds < 20


def test_a_changed_key_works_is_remembered_and_no_key_means_two_things(open_page) -> None:
    work = bench(COMPARE, items=4)
    page = work.open(open_page(work.person))
    panel = page.get_by_role("dialog", name="Keys")

    page.keyboard.press("?")
    panel.get_by_role("button", name=re.compile("“Left is better”")).click()
    page.keyboard.press("p")
    expect(panel.get_by_role("alert")).to_contain_text("P already means “Pause”")
    panel.get_by_role("button", name=re.compile("“Left is better”")).click()
    page.keyboard.press("a")
    page.keyboard.press("Escape")
    judging.press(page, "a")
    page.reload()
    judging.ready(page)
    judging.press(page, "a")
    judging.all_sent(page)

    assert [row.outcome for row in judging.comparisons(work.batch)] == ["left", "left"]


# -- what stands in place of an item ----------------------------------------------------------------------------------


def test_a_paused_batch_says_so_and_keeps_what_was_said(open_page) -> None:
    work = bench(COMPARE, items=3)
    Batch.objects.update(state=Batch.State.PAUSED)
    page = open_page(work.person)

    page.goto(work.url)

    page.get_by_role("heading", name="This batch is paused").wait_for()
    expect(page.locator(".judge-state")).to_contain_text("What you answered is kept")
    expect(page.get_by_role("link", name="Back to your batches", exact=True)).to_be_visible()


def test_who_waits_for_others_goes_on_by_themselves(open_page) -> None:
    work = bench(COMPARE, items=1)
    other = factories.member(work.project, "annotator")
    leasing.lease(batch=work.batch, user=other, want=1)
    page = open_page(work.person)
    page.goto(work.url)
    page.get_by_role("heading", name="All that is left is in other hands").wait_for()
    expect(page.get_by_text("If one comes back, it appears here by itself.")).to_be_visible()


# -- for everybody ----------------------------------------------------------------------------------------------------


def test_a_phone_swipes_towards_the_better_one_and_may_take_it_back(open_page, browser, live_server) -> None:
    work = bench(COMPARE, items=4, size=(96, 96))
    page = open_page(work.person, width=390, height=844)
    work.open(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    box = page.locator(".js-stage").bounding_box()
    before = judging.shown(page)

    touch = page.context.new_cdp_session(page)
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    is_stacked = page.evaluate("document.body.classList.contains('is-stacked')")
    to = (x, y - 140) if is_stacked else (x - 140, y)
    touch.send("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": [{"x": x, "y": y}]})
    for share in (0.3, 0.6, 1):
        point = {"x": x + (to[0] - x) * share, "y": y + (to[1] - y) * share}
        touch.send("Input.dispatchTouchEvent", {"type": "touchMove", "touchPoints": [point]})
    touch.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    judging.changed(page, before)
    judging.all_sent(page)

    assert [row.outcome for row in judging.comparisons(work.batch)] == ["left"]
    page.get_by_role("button", name="Undo").click()
    page.wait_for_function("before => document.querySelector('.js-prompt').innerText === before", arg=before)


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, 390])
def test_axe_finds_nothing_on_any_part_of_the_page(open_page, theme, width) -> None:
    why = {"key": "why", "kind": "write", "text": "What is wrong?", "required": False}
    order = {"key": "order", "kind": "rank", "text": "Order them.", "stage": 2}
    work = bench({**COMPARE, "strength": 2}, RATE, CHECK, why, order, items=2)
    page = work.open(open_page(work.person, width=width, theme=theme))

    for number in range(5):
        assert violations(page) == [], f"question {number}"
        page.keyboard.press("Escape")
        page.keyboard.press("j")
    for key in ("h", "?", "s", "f", "p"):
        page.keyboard.press(key)
        page.locator("dialog[open]").wait_for()
        page.wait_for_timeout(200)
        assert violations(page) == [], key
        page.keyboard.press("Escape")
        expect(page.locator("dialog[open]")).to_have_count(0)


def violations(page) -> list[str]:
    page.evaluate(AXE.read_text(encoding="utf-8")) if not page.evaluate("'axe' in window") else None
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")["violations"]
    return [f"{one['id']}: {node['target']} {node['failureSummary']}" for one in found for node in one["nodes"]]


def test_text_at_twice_its_size_keeps_everything_reachable(open_page) -> None:
    work = bench({**COMPARE, "strength": 2}, RATE, items=2)
    page = work.open(open_page(work.person, width=1280, height=800))

    page.evaluate("document.documentElement.style.fontSize = '200%'")

    for button in page.locator(".judge-foot button:visible, .judge-head button:visible").all():
        button.scroll_into_view_if_needed()
        box = button.bounding_box()
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= 1280.5
        assert button.evaluate("one => one.scrollWidth <= one.clientWidth + 1"), button.inner_text()
    assert page.evaluate("document.documentElement.scrollWidth") <= 1280
    assert page.locator(".js-stage").bounding_box()["height"] >= 200


def test_a_screen_reader_hears_the_item_and_what_was_said(open_page) -> None:
    work = bench(COMPARE, items=3)
    page = work.open(open_page(work.person))

    judging.press(page, "ArrowLeft")

    judging.says(page, "Left is better")
    judging.says(page, "Item 2 of 3")
    judging.says(page, judging.shown(page))
