"""What the browser may send: everything that was asked, and nothing else."""

from __future__ import annotations

from copy import deepcopy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotation import answers, questions
from annotation.answers import MediaShape, Shown, WrongAnswer

ASKED = questions.parse(
    [
        {"key": "overall", "kind": "compare", "text": "Which?", "criterion": 1, "strength": 2, "reason": "optional"},
        {"key": "best", "kind": "pick", "text": "Best?", "criterion": 1, "required": False},
        {"key": "order", "kind": "rank", "text": "Order?", "criterion": 1, "required": False, "partial": False},
        {
            "key": "quality",
            "kind": "rate",
            "text": "How good?",
            "criterion": 2,
            "required": False,
            "levels": [{"value": 1}, {"value": 2}, {"value": 5}],
        },
        {
            "key": "list",
            "kind": "check",
            "text": "Check",
            "required": False,
            "items": [{"key": "hands", "criterion": 3, "text": "Hands?"}],
        },
        {
            "key": "spots",
            "kind": "mark",
            "text": "Mark",
            "required": False,
            "shapes": ["point", "box", "polygon", "span", "interval"],
            "targets": ["media", "prompt", "answer", "input"],
            "errors": ["artifact", "missing"],
        },
        {"key": "why", "kind": "write", "text": "Why?", "required": False, "most": 20},
    ]
)
SHOWN = Shown(
    media=[[MediaShape(640, 480)], [MediaShape(640, 480, duration_us=2_000_000)]],
    texts=["naïve 🙂 answer", None],
    prompt="a red barn",
    inputs={"source": [MediaShape(100, 50)]},
)
WHOLE = {
    "questions": {
        "overall": {"outcome": "left", "strength": 2, "reason": " sharper "},
        "best": {"best": 1},
        "order": {"ranks": [2, 2]},
        "quality": {"values": [5, 1]},
        "list": {"values": {"hands": [1, 0]}},
        "spots": {
            "marks": [
                {
                    "place": 1,
                    "target": "media",
                    "media": 0,
                    "shape": "box",
                    "points": [[110, 220.5], [10, 20]],
                    "error": "artifact",
                },
                {"place": 0, "target": "prompt", "shape": "span", "start": 2, "end": 5, "error": "missing"},
                {"place": 0, "target": "answer", "shape": "span", "start": 6, "end": 7, "error": "missing"},
                {
                    "place": 1,
                    "target": "media",
                    "media": 0,
                    "shape": "interval",
                    "start": 0,
                    "end": 500_000,
                    "error": "artifact",
                },
                {
                    "place": 0,
                    "target": "input",
                    "role": "source",
                    "media": 0,
                    "shape": "point",
                    "points": [[5, 50]],
                    "error": "artifact",
                },
            ]
        },
        "why": {"texts": ["because", ""]},
    },
    "flags": [{"place": 1, "kind": "unsafe", "text": ""}],
}


def said(**changes: object) -> dict:
    payload = deepcopy(WHOLE)
    payload["questions"].update(changes)
    return payload


def marked(**changes: object) -> dict:
    mark = {**WHOLE["questions"]["spots"]["marks"][0], **changes}
    return said(spots={"marks": [mark]})


def test_a_whole_answer_comes_out_plain():
    plain = answers.parse(WHOLE, ASKED, SHOWN)
    assert plain["questions"]["overall"] == {"outcome": "left", "strength": 2, "reason": "sharper"}
    # Ranks count from the best without a gap; a box is its upper left and lower right corner.
    assert plain["questions"]["order"] == {"ranks": [1, 1]}
    assert plain["questions"]["spots"]["marks"][0]["points"] == [[10, 20], [110, 220.5]]
    assert plain["questions"]["spots"]["marks"][2] == {
        "shape": "span",
        "target": "answer",
        "error": "missing",
        "text": "",
        "place": 0,
        "start": 6,
        "end": 7,
    }
    assert answers.parse(plain, ASKED, SHOWN) == plain


@pytest.mark.parametrize(
    ("payload", "words"),
    [
        (None, "no “questions”"),
        ({"questions": []}, "no “questions”"),
        (said(other={"outcome": "left"}), "Nobody asked “other”"),
        (said(overall=None) | {"flags": []}, "not answered yet"),
        (said(overall={"outcome": "A"}), "one of left, right"),
        (said(overall={"outcome": "left", "strength": 3}), "strength 3"),
        (said(best={"best": 2}), "place 2"),
        (said(best={"best": True}), "place True"),
        (said(order={"ranks": [1]}), "each of the 2 samples"),
        (said(order={"ranks": [1, None]}), "without a rank"),
        (said(order={"ranks": [0, 1]}), "count from 1"),
        (said(quality={"values": [3, 1]}), "rated 3"),
        (said(quality={"values": [float("nan"), 1]}), "not a number"),
        (said(list={"values": {}}), "each of its 1 items"),
        (said(list={"values": {"hands": [2, 0]}}), "levels do not have"),
        (said(why={"texts": ["because it is so very sharp", ""]}), "too long"),
        (said() | {"flags": [{"place": 2, "kind": "unsafe"}]}, "place from 0 to 1"),
        (said() | {"flags": [{"place": 0, "kind": "ugly"}]}, "unsafe or broken"),
        (marked(points=[[10, 20], [641, 30]]), "outside the picture of 640 × 480"),
        (marked(points=[[10, 20], [10, 30]]), "a width and a height"),
        (marked(points=[[10, 20]]), "2 to 2 points"),
        (marked(points=[[10, "20"], [11, 30]]), "outside"),
        (marked(media=1), "picture 1"),
        (marked(place=None), "place None"),
        (marked(error="ugly"), "artifact, missing"),
        (marked(shape="circle"), "does not ask for a circle"),
        (marked(shape="interval", place=0, start=0, end=1), "marks a video"),
        (marked(shape="interval", start=0, end=3_000_000), "within 2000000 microseconds"),
        (marked(shape="span", target="prompt", start=5, end=5), "does not lie within 10 characters"),
        (marked(shape="span", target="answer", place=0, start=0, end=99), "within 14 characters"),
        (marked(shape="span", start=0, end=1), "not a picture"),
    ],
)
def test_what_was_not_asked_is_refused_in_words(payload, words):
    with pytest.raises(WrongAnswer, match=words):
        answers.parse(payload, ASKED, SHOWN)


def test_a_flag_says_enough_without_a_verdict():
    plain = answers.parse({"questions": {}, "flags": [{"place": 0, "kind": "broken"}]}, ASKED, SHOWN)
    assert plain == {"questions": {}, "flags": [{"place": 0, "kind": "broken", "text": ""}]}


def test_a_draft_may_leave_questions_out():
    assert answers.parse({"questions": {}}, ASKED, SHOWN, complete=False) == {"questions": {}, "flags": []}


@given(st.permutations([0, 1]))
def test_reordering_there_and_back_changes_nothing(to):
    plain = answers.parse(WHOLE, ASKED, SHOWN)
    back = [to.index(place) for place in range(2)]
    assert answers.reorder(answers.reorder(plain, ASKED, to), ASKED, back) == plain


def test_mirrored_left_becomes_right_and_marks_go_along():
    mirrored = answers.reorder(answers.parse(WHOLE, ASKED, SHOWN), ASKED, [1, 0])
    assert mirrored["questions"]["overall"]["outcome"] == "right"
    assert mirrored["questions"]["best"] == {"best": 0}
    assert mirrored["questions"]["quality"] == {"values": [1, 5]}
    assert mirrored["questions"]["why"] == {"texts": ["", "because"]}
    assert mirrored["questions"]["spots"]["marks"][0]["place"] == 0
    assert mirrored["flags"] == [{"place": 0, "kind": "unsafe", "text": ""}]
