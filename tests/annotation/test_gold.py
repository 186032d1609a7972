"""When an answer agrees with a known one."""

from __future__ import annotations

import pytest

from annotation import gold, questions

ASKED = questions.parse(
    [
        {"key": "overall", "kind": "compare", "text": "Which?", "criterion": 1},
        {"key": "order", "kind": "rank", "text": "Order?", "criterion": 1, "partial": True},
        {
            "key": "level",
            "kind": "rate",
            "text": "How good?",
            "criterion": 2,
            "levels": [{"value": 1}, {"value": 2}, {"value": 8}, {"value": 9}],
        },
        {"key": "number", "kind": "rate", "text": "How good?", "criterion": 2, "low": 0, "high": 100},
        {"key": "list", "kind": "check", "text": "Check", "items": [{"key": "hands", "criterion": 3, "text": "?"}]},
        {"key": "why", "kind": "write", "text": "Why?"},
    ]
)


@pytest.mark.parametrize(
    ("known", "said", "right"),
    [
        ({"overall": {"outcome": "left"}}, {"overall": {"outcome": "left", "strength": 1}}, True),
        ({"overall": {"outcome": "left"}}, {"overall": {"outcome": "tie"}}, False),
        ({"overall": {"outcome": "left"}}, {}, False),
        # What the known ranking ties may be ordered; what it orders may not be turned round or left out.
        ({"order": {"ranks": [1, 2, 2]}}, {"order": {"ranks": [1, 3, 2]}}, True),
        ({"order": {"ranks": [1, 2, 2]}}, {"order": {"ranks": [2, 1, 3]}}, False),
        ({"order": {"ranks": [1, 2, 2]}}, {"order": {"ranks": [1, None, 2]}}, False),
        ({"order": {"ranks": [1, None, 2]}}, {"order": {"ranks": [1, 3, 2]}}, True),
        # Neighbours on the scale are right, whatever their numbers.
        ({"level": {"values": [2, 9]}}, {"level": {"values": [8, 8]}}, True),
        ({"level": {"values": [2, 9]}}, {"level": {"values": [9, 9]}}, False),
        ({"number": {"values": [50]}}, {"number": {"values": [60]}}, True),
        ({"number": {"values": [50]}}, {"number": {"values": [61]}}, False),
        ({"list": {"values": {"hands": [1, 0]}}}, {"list": {"values": {"hands": [1, 0]}}}, True),
        ({"list": {"values": {"hands": [1, 0]}}}, {"list": {"values": {"hands": [1, 1]}}}, False),
        ({"why": {"text": "x"}}, {"why": {"text": "y"}}, None),
        ({}, {"overall": {"outcome": "left"}}, None),
        (
            {"overall": {"outcome": "left"}, "list": {"values": {"hands": [1]}}},
            {"overall": {"outcome": "left"}, "list": {"values": {"hands": [0]}}},
            False,
        ),
    ],
)
def test_right_or_wrong(known, said, right):
    assert gold.is_right(ASKED, {"questions": known}, {"questions": said}) is right
