"""Ensembles against numpy, against voting spelled out, and by hand."""

import itertools
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation.rewards.combining import BOTH_BAD, HIGH, LOW, TIE, combined, combined_verdicts, spread

GAP = np.nan
RULES = ("mean", "median", "worst", "vote")


def _combined(rows, rule, weights=None, *, higher=True):
    table = np.array(rows, dtype=np.float64)
    shares = np.ones(table.shape[1]) if weights is None else np.array(weights, dtype=np.float64)
    return combined(table, shares, rule=rule, higher_is_better=higher).tolist()


@given(st.lists(st.lists(st.floats(-50, 50), min_size=4, max_size=4), min_size=1, max_size=6))
def test_equal_weights_give_the_mean_median_and_least_of_numpy(rows):
    assert np.allclose(_combined(rows, "mean"), np.mean(rows, axis=1))
    assert np.allclose(_combined(rows, "median"), np.median(rows, axis=1))
    assert _combined(rows, "worst") == np.min(rows, axis=1).tolist()
    assert _combined(rows, "worst", higher=False) == np.max(rows, axis=1).tolist()
    assert np.allclose(spread(np.array(rows), np.ones(4)), np.std(rows, axis=1), atol=1e-6)


@given(st.lists(st.integers(0, 3), min_size=3, max_size=3), st.lists(st.integers(1, 4), min_size=3, max_size=3))
def test_whole_weights_are_members_repeated(values, weights):
    repeated = [[float(value) for value, weight in zip(values, weights, strict=True) for _ in range(weight)]]
    row = [[float(value) for value in values]]

    for rule in RULES:
        assert _combined(row, rule, weights) == pytest.approx(_combined(repeated, rule))
    assert spread(np.array(row), np.array(weights, dtype=float)) == pytest.approx(np.std(repeated, axis=1), abs=1e-9)


def test_a_vote_by_hand():
    assert _combined([[1, 1, 0]], "vote") == [1.0]
    assert _combined([[1, 0, GAP]], "vote") == [0.0]  # two of equal weight: the worse
    assert _combined([[1, 0, GAP]], "vote", higher=False) == [1.0]
    assert _combined([[1, 0, 0]], "vote", [3, 1, 1]) == [1.0]


def test_missing_members_are_left_out_and_nobody_is_nothing():
    for rule in RULES:
        found = _combined([[2, GAP, 2], [GAP, GAP, GAP]], rule)
        assert found[0] == 2.0
        assert np.isnan(found[1])
    found = spread(np.array([[0.1, 0.1, GAP], [GAP, 5, GAP], [GAP] * 3]), np.ones(3))
    assert np.array_equal(found, [0, 0, GAP], equal_nan=True)


# -- comparisons ------------------------------------------------------------------------------------------------------

VOICES = [LOW, TIE, HIGH, BOTH_BAD]


def _verdict(voices, rule, weights=None):
    table = np.array([voices], dtype=np.float64)
    shares = np.ones(len(voices)) if weights is None else np.array(weights, dtype=np.float64)
    verdict, share = combined_verdicts(table, shares, rule=rule)
    return verdict[0], round(share[0], 12)


def test_verdicts_by_hand():
    two_to_one = [LOW, LOW, HIGH]
    assert _verdict(two_to_one, "vote") == (LOW, round(2 / 3, 12))
    assert _verdict(two_to_one, "mean") == (LOW, round(2 / 3, 12))
    assert _verdict(two_to_one, "median") == (LOW, round(2 / 3, 12))
    assert _verdict(two_to_one, "worst") == (TIE, 0.0)  # nobody says tie, and not all say low
    assert _verdict(two_to_one, "vote", [1, 1, 3]) == (HIGH, 0.6)
    assert _verdict([LOW, HIGH], "vote") == (TIE, 0.0)
    assert _verdict([LOW, TIE, TIE], "vote") == (TIE, round(2 / 3, 12))
    assert _verdict([LOW, TIE, TIE], "mean") == (LOW, round(1 / 3, 12))
    assert _verdict([LOW, TIE, TIE], "median") == (TIE, round(2 / 3, 12))
    assert _verdict([LOW, GAP, LOW], "worst") == (LOW, 1.0)
    assert _verdict([0.75, 0.25, 0.75], "vote") == (LOW, round(2 / 3, 12))


def test_both_bad_is_a_verdict_of_its_own():
    assert _verdict([BOTH_BAD, BOTH_BAD, LOW], "vote")[0] == BOTH_BAD
    assert _verdict([BOTH_BAD, BOTH_BAD, LOW], "mean")[0] == BOTH_BAD
    assert _verdict([BOTH_BAD, LOW], "mean")[0] == LOW
    assert _verdict([BOTH_BAD, LOW, LOW], "worst")[0] == BOTH_BAD
    assert _verdict([BOTH_BAD, LOW, LOW], "vote")[0] == LOW


@pytest.mark.parametrize("voices", list(itertools.product(VOICES, repeat=3)))
def test_a_vote_is_a_count_of_heads(voices):
    (first, most), *others = Counter(voices).most_common()
    expected = TIE if others and others[0][1] == most else first

    assert _verdict(voices, "vote")[0] == expected


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("voices", list(itertools.product(VOICES, repeat=2)))
def test_turning_the_couple_round_turns_the_verdict_round(rule, voices):
    turn = {LOW: HIGH, HIGH: LOW, TIE: TIE, BOTH_BAD: BOTH_BAD}
    verdict, share = _verdict(voices, rule)

    assert _verdict([turn[one] for one in voices], rule) == (turn[verdict], share)


def test_nobody_judged_the_couple():
    for rule in RULES:
        assert np.isnan(_verdict([GAP, GAP], rule)[0])
