"""Answers as columns: the same said under swapped sides is the same label, and places are places as shown."""

from __future__ import annotations

import json
from datetime import datetime

import polars as pl
import pytest

from annotation import questions
from annotation.labels import ANSWERS, labels_of, places_of


def asked(*entries):
    common = {"text": "?", "criterion": 1}
    return questions.parse([{**common, **entry} for entry in entries])


COMPARE = {"key": "overall", "kind": "compare"}
PICK = {"key": "best", "kind": "pick"}
RANK = {"key": "order", "kind": "rank", "partial": True}
RATE = {"key": "quality", "kind": "rate", "levels": [{"value": v} for v in (1, 2, 3)]}
SLIDE = {"key": "slide", "kind": "rate", "low": 0, "high": 10}
CHECK = {
    "key": "list",
    "kind": "check",
    "criterion": None,
    "items": [
        {"key": "hands", "text": "Hands right?", "criterion": 1},
        {"key": "style", "text": "Style", "criterion": 2, "levels": [{"value": v} for v in (0, 1, 2)]},
    ],
}


def frame(*rows: dict) -> pl.DataFrame:
    plain = {
        "item": 1,
        "rater": 1,
        "purpose": "label",
        "is_repeat": False,
        "repeats": None,
        "is_late": False,
        "seconds": 4.0,
        "at": datetime(2026, 5, 1),
        "is_apart": False,
        "order": [10, 11],
    }
    full = [{"assignment": number, **plain, **row} for number, row in enumerate(rows, 1)]
    for row in full:
        row["order"], row["said"] = json.dumps(row["order"]), json.dumps(row["said"])
    return pl.DataFrame(full, schema=ANSWERS)


def values(answers: pl.DataFrame, *entries: dict) -> list[list[float]]:
    """For each question the values in the order of the rows."""
    found = labels_of(answers, asked(*entries))
    return [one.frame.sort("assignment", "unit")["value"].to_list() for one in found]


def test_a_verdict_is_the_same_whatever_side_it_stood_on() -> None:
    said = [
        {"order": [10, 11], "said": {"overall": {"outcome": "left"}}},
        {"order": [11, 10], "said": {"overall": {"outcome": "right"}}},
        {"order": [11, 10], "said": {"overall": {"outcome": "left"}}},
        {"said": {"overall": {"outcome": "tie"}}},
        {"said": {"overall": {"outcome": "both-bad"}}},
    ]

    ((ten, also_ten, eleven, tie, bad),) = values(frame(*said), COMPARE)

    assert ten == also_ten != eleven
    assert {ten, eleven} == {0.0, 1.0}
    assert (tie, bad) == (2.0, 3.0)


def test_the_first_of_two_is_not_always_the_one_imported_first() -> None:
    rows = [{"item": n, "order": [2 * n, 2 * n + 1], "said": {"overall": {"outcome": "left"}}} for n in range(1, 41)]

    (found,) = values(frame(*rows), COMPARE)

    assert 10 < sum(found) < 30


def test_a_pick_names_the_sample_and_none_good_is_an_answer() -> None:
    rows = [
        {"order": [10, 11, 12], "said": {"best": {"best": 2}}},
        {"order": [12, 10, 11], "said": {"best": {"best": 0}}},
        {"order": [12, 10, 11], "said": {"best": {"best": 1}}},
        {"order": [12, 10, 11], "said": {"best": {"best": None}}},
        {"order": [12, 10, 11], "said": {}},
    ]

    ((twelve, again, ten, none),) = values(frame(*rows), PICK)

    assert twelve == again != ten
    assert none == -1
    assert {twelve, ten} <= {0.0, 1.0, 2.0}


def test_a_ranking_speaks_of_each_two_it_ranked() -> None:
    rows = [
        {"order": [10, 11, 12], "said": {"order": {"ranks": [1, 2, 2]}}},
        {"order": [12, 11, 10], "said": {"order": {"ranks": [2, 2, 1]}}},
        {"order": [10, 11, 12], "said": {"order": {"ranks": [1, None, 2]}}},
    ]

    (labels,) = labels_of(frame(*rows), asked(RANK))
    said = {
        number: dict(part.select("unit", "value").iter_rows())
        for (number,), part in labels.frame.partition_by("assignment", as_dict=True).items()
    }

    assert said[1] == said[2]
    assert list(said[1].values()).count(2.0) == 1  # 11 and 12 tie
    assert len(said[3]) == 1
    assert said[3].items() <= said[1].items()


def test_ratings_and_checklists_speak_of_each_sample() -> None:
    rows = [
        {
            "order": [11, 10],
            "said": {"quality": {"values": [3, 1]}, "list": {"values": {"hands": [1, 0], "style": [2, 0]}}},
        },
        {"order": [10, 11], "said": {"quality": {"values": [1, 3]}}},
        {"item": 2, "order": [20], "said": {"slide": {"values": [7.25]}}},
    ]

    found = labels_of(frame(*rows), asked(RATE, SLIDE, CHECK))

    assert [(one.key, one.level) for one in found] == [
        ("quality", "ordinal"),
        ("slide", "interval"),
        ("list/hands", "nominal"),
        ("list/style", "ordinal"),
    ]
    quality = found[0].frame
    by_unit = quality.group_by("unit").agg(pl.col("value").unique(), pl.len())
    assert by_unit["len"].to_list() == [2, 2]
    assert sorted(by_unit["value"].to_list()) == [[1.0], [3.0]]
    assert found[1].frame["value"].to_list() == [7.25]
    assert sorted(found[2].frame["value"].to_list()) == [0.0, 1.0]


@pytest.mark.parametrize(
    ("question", "said", "place"),
    [
        (COMPARE, {"overall": {"outcome": "left"}}, 0),
        (COMPARE, {"overall": {"outcome": "right"}}, 1),
        (COMPARE, {"overall": {"outcome": "tie"}}, None),
        (PICK, {"best": {"best": 1}}, 1),
        (PICK, {"best": {"best": None}}, None),
        (RANK, {"order": {"ranks": [2, 1]}}, 1),
        (RANK, {"order": {"ranks": [1, 1]}}, None),
        (RATE, {"quality": {"values": [2, 3]}}, 1),
        (RATE, {"quality": {"values": [3, 3]}}, None),
    ],
)
def test_the_winning_place_is_as_shown(question, said, place) -> None:
    found = places_of(frame({"order": [11, 10], "said": said}), asked(question))

    assert found.k == 2
    assert found.frame["place"].to_list() == [place]


def test_items_of_another_size_are_left_out_of_places() -> None:
    rows = [{"order": [1, 2, 3], "said": {"best": {"best": 0}}} for _ in range(3)]

    found = places_of(frame(*rows, {"order": [1, 2], "said": {"best": {"best": 1}}}), asked(PICK))

    assert (found.k, len(found.frame)) == (3, 3)


def test_without_a_winner_or_two_samples_there_are_no_places() -> None:
    assert places_of(frame({"order": [1], "said": {"quality": {"values": [2]}}}), asked(RATE)) is None
    assert places_of(frame({"said": {}}), asked(CHECK)) is None
    assert places_of(frame(), asked(COMPARE)) is None
    assert labels_of(frame({"said": {}}), asked({"key": "why", "kind": "write", "criterion": None})) == []
