"""The report on a batch finds in simulated raters what was put into them."""

from __future__ import annotations

import json
from datetime import datetime, timedelta

import numpy as np
import polars as pl
import pytest

from annotation.labels import ANSWERS
from annotation.reliability import counted_answers, report
from tests.annotation.test_labels import COMPARE, asked, frame

CAREFUL, NOISY, LEANING, LEFT_ONLY, HASTY = 1, 2, 3, 4, 5


def simulated(items: int = 300, seed: int = 1) -> pl.DataFrame:
    """Ten careful raters and four kinds of others; every tenth item is asked again with its sides swapped."""
    rng = np.random.default_rng(seed)
    truth = rng.normal(0, 2, items)
    kinds = [CAREFUL] * 10 + [NOISY, LEANING, LEFT_ONLY, HASTY]
    rows = []
    for rater, kind in enumerate(kinds, 1):
        pace = 0.5 if kind == HASTY else float(np.exp(rng.normal(2, 0.2)))
        first = {}
        for item in range(items):
            for is_repeat in (False, True) if item % 10 == 0 else (False,):
                order = first[item][1][::-1] if is_repeat else list(rng.permutation([2 * item, 2 * item + 1]))
                is_left = _chooses_left(kind, truth[item] * (1 if order[0] == 2 * item else -1), rng)
                rows.append(
                    {
                        "assignment": len(rows) + 1,
                        "item": item,
                        "rater": rater,
                        "purpose": "repeat" if is_repeat else "label",
                        "is_repeat": is_repeat,
                        "repeats": first[item][0] if is_repeat else None,
                        "is_late": False,
                        "seconds": pace * float(np.exp(rng.normal(0, 0.4))),
                        "at": datetime(2026, 5, 1) + timedelta(seconds=len(rows)),
                        "is_apart": False,
                        "order": json.dumps([int(sample) for sample in order]),
                        "said": json.dumps({"overall": {"outcome": "left" if is_left else "right"}}),
                    }
                )
                first.setdefault(item, (len(rows), order))
    return pl.DataFrame(rows, schema=ANSWERS)


def _chooses_left(kind: int, difference: float, rng: np.random.Generator) -> bool:
    if kind == LEFT_ONLY:
        return True
    slope = 0.1 if kind == NOISY else 1.5
    bias = 1.0 if kind == LEANING else 0.0
    return bool(rng.random() < 1 / (1 + np.exp(-(slope * difference + bias))))


@pytest.fixture(scope="module")
def found():
    items = range(300)
    expected = {
        item: {"questions": {"overall": {"outcome": "left"}}} for item in items if item % 7 == 0
    }  # half of them are wrong on purpose: what counts is that each answer is compared with its own item
    samples = {item: [2 * item, 2 * item + 1] for item in items}
    return report(simulated(), asked(COMPARE), samples=samples, expected=expected, rng=np.random.default_rng(1))


def _line(found, rater: int):
    return next(line for line in found.raters if line.rater == rater)


def test_agreement_is_that_of_many_independent_raters(found) -> None:
    (question,) = found.questions

    assert question.agreement.units == 300
    assert question.agreement.values == 300 * 14
    assert 0.3 < question.agreement.low < question.agreement.alpha < question.agreement.high < 0.7
    assert sum(question.counts.values()) == 300 * 14


def test_repeats_answered_alike_tell_the_careful_from_the_noisy(found) -> None:
    careful, noisy, left_only = (_line(found, rater).alike for rater in (1, 11, 13))

    assert careful.of == noisy.of == 30
    assert careful.low > 0.6
    assert noisy.share < 0.75
    assert left_only.share == 0  # the same side is the other sample


def test_sides_tell_who_leans_and_how_far(found) -> None:
    careful, leaning, left_only = (_line(found, rater) for rater in (1, 12, 13))

    assert careful.first_place.low < 0.5 < careful.first_place.high
    assert careful.first_place.of == 300
    assert leaning.first_place.low > 0.5
    assert left_only.first_place.share == 1
    assert left_only.mirrored.same_side.share == 1
    assert left_only.mirrored.low > 0
    assert left_only.mirrored.high == float("inf")


def test_the_noisy_do_not_follow_the_others(found) -> None:
    assert _line(found, 11).follows.high < _line(found, 1).follows.low


def test_alarms_ring_for_those_who_deserve_them_and_for_nobody_else(found) -> None:
    alarms = {line.rater: {alarm.pattern for alarm in line.alarms} for line in found.raters}

    assert {"one-place", "long-run"} <= alarms[13]
    assert "too-fast" in alarms[14]
    assert "one-place" in alarms[12]
    assert not any(alarms[rater] for rater in range(1, 12))


def test_known_answers_are_compared_with_their_own_items(found) -> None:
    left_only = _line(found, 13).gold

    assert left_only.of == 43
    assert 0.2 < left_only.share < 0.8  # the sides are drawn


def test_what_is_late_repeated_or_kept_apart_is_no_evidence() -> None:
    plain = {"said": {"overall": {"outcome": "left"}}}
    rows = frame(
        plain,
        {**plain, "is_late": True},
        {**plain, "is_repeat": True, "purpose": "repeat"},
        {**plain, "is_apart": True},
        {**plain, "purpose": "gold"},
        {**plain, "purpose": "control"},
    )

    assert counted_answers(rows)["assignment"].to_list() == [1, 6]


def test_in_a_qualification_the_known_items_are_what_can_agree() -> None:
    rows = frame({"purpose": "qualification", "said": {"overall": {"outcome": "left"}}})

    assert len(counted_answers(rows)) == 1


def test_a_batch_without_answers_has_a_report_of_nothing() -> None:
    nothing = report(frame(), asked(COMPARE), samples={}, expected={}, rng=np.random.default_rng(1))

    assert nothing.raters == []
    assert nothing.questions[0].agreement.alpha is None
