"""What a batch may ask, and what it may not."""

from __future__ import annotations

import pytest

from annotation import questions

COMPARE = {"key": "overall", "kind": "compare", "text": "Which one?", "criterion": 1}
RATE = {"key": "quality", "kind": "rate", "text": "How good?", "criterion": 2, "low": 0, "high": 10, "step": 0.5}
CHECK = {
    "key": "list",
    "kind": "check",
    "text": "Look closely",
    "items": [
        {"key": "hands", "criterion": 3, "text": "Are the hands right?", "group": "Anatomy"},
        {
            "key": "face",
            "criterion": 4,
            "text": "The face?",
            "group": "Anatomy",
            "levels": [{"value": -1, "label": "bad"}, {"value": 0}, {"value": 1, "label": "good"}],
        },
    ],
}
MARK = {"key": "spots", "kind": "mark", "text": "Mark it", "shapes": ["box"], "targets": ["media"], "errors": ["blur"]}
WRITE = {"key": "why", "kind": "write", "text": "Why?", "required": False, "stage": 2}


def test_what_was_parsed_is_written_and_parsed_to_the_same():
    parsed = questions.parse([COMPARE, RATE, CHECK, MARK, WRITE])
    assert [question.kind for question in parsed] == ["compare", "rate", "check", "mark", "write"]
    assert parsed[2].items[0].levels == (questions.Level(0, "no"), questions.Level(1, "yes"))
    assert questions.parse(questions.as_json(parsed)) == parsed


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        ([], "at least one question"),
        ("compare", "at least one question"),
        ([{**COMPARE, "kind": "guess"}], "of the kind “guess”"),
        ([{**COMPARE, "levels": []}], "does not know “levels”"),
        ([{**COMPARE, "key": "Over all"}], "small letters"),
        ([{**COMPARE, "text": " "}], "needs its text"),
        ([{**COMPARE, "criterion": None}], "needs a criterion"),
        ([{**COMPARE, "strength": 5}], "has 0 \\(not asked\\), 2 or 3"),
        ([{**COMPARE, "reason": "maybe"}], "reason is “maybe”"),
        ([{**COMPARE, "tie": "yes"}], "true or false"),
        ([COMPARE, COMPARE], "Two questions have the key"),
        ([COMPARE, {**WRITE, "stage": 3}], "count 1, 2, 3"),
        ([{**RATE, "high": 0}], "not below"),
        ([{**RATE, "high": float("nan")}], "not a number"),
        ([{**RATE, "step": 0}], "above zero"),
        ([{"key": "r", "kind": "rate", "text": "?", "criterion": 1}], "levels, or a low and a high"),
        ([{**CHECK, "items": []}], "1 to 200 items"),
        ([{**CHECK, "items": [CHECK["items"][0]] * 2}], "same key"),
        ([{**CHECK, "items": [{"key": "x", "text": "?"}]}], "criterion"),
        ([{**MARK, "shapes": ["circle"]}], "among point, box"),
        ([{**MARK, "targets": []}], "targets are missing"),
        ([{**WRITE, "stage": 1, "per": "word"}], "per sample or per item"),
    ],
)
def test_a_wrong_question_is_named_with_what_is_wrong(raw, words):
    with pytest.raises(ValueError, match=words):
        questions.parse(raw)


def test_how_many_samples_an_item_needs():
    assert questions.samples_asked(questions.parse([COMPARE, {**RATE}])) == (2, 2)
    assert questions.samples_asked(questions.parse([{**COMPARE, "kind": "rank"}])) == (2, None)
    assert questions.samples_asked(questions.parse([RATE])) == (1, None)


def test_a_value_between_the_steps_is_not_on_the_scale():
    (rate,) = questions.parse([RATE])
    assert rate.allows(7.5)
    assert not rate.allows(7.3)
    assert not rate.allows(10.5)
