"""Totals against scipy, hand arithmetic and what must hold for any input."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from curation.rewards import totals

GAP = np.nan


@st.composite
def tables(draw, members=3):
    rows = st.lists(st.floats(0.01, 100), min_size=members, max_size=members)
    values = np.array(draw(st.lists(rows, max_size=12)), dtype=np.float64).reshape(-1, members)
    weights = np.array(draw(st.lists(st.floats(0.1, 10), min_size=members, max_size=members)))
    return values, weights


@given(tables())
def test_means_are_those_of_scipy(table):
    values, weights = table

    assert np.allclose(totals.weighted_mean(values, weights), [np.average(row, weights=weights) for row in values])
    assert np.allclose(totals.harmonic_mean(values, weights), [stats.hmean(row, weights=weights) for row in values])
    assert np.allclose(totals.geometric_mean(values, weights), [stats.gmean(row, weights=weights) for row in values])


@given(tables())
def test_the_worst_is_never_above_the_means(table):
    values, weights = table
    worst, harmonic = totals.minimum(values), totals.harmonic_mean(values, weights)
    geometric, mean = totals.geometric_mean(values, weights), totals.weighted_mean(values, weights)

    for lower, upper in itertools.pairwise([worst, harmonic, geometric, mean, values.max(axis=1, initial=0)]):
        assert (lower <= upper * (1 + 1e-9)).all()


def test_a_zero_makes_harmonic_and_geometric_means_zero_and_a_negative_is_refused():
    values, weights = np.array([[0.0, 5.0], [2.0, 8.0]]), np.ones(2)

    assert totals.harmonic_mean(values, weights).tolist() == [0.0, 3.2]
    assert totals.geometric_mean(values, weights) == pytest.approx([0.0, 4.0])
    for mean in (totals.harmonic_mean, totals.geometric_mean):
        with pytest.raises(ValueError, match="1 values are negative"):
            mean(np.array([[1.0, -1.0]]), weights)


def test_missing_members_share_their_weight_by_hand():
    values = np.array([[1.0, GAP, 4.0], [GAP, GAP, GAP]])
    weights = np.array([2.0, 5.0, 1.0])

    assert totals.weighted_mean(values, weights)[0] == 2.0  # (2·1 + 1·4) / 3
    assert totals.weighted_sum(values, weights)[0] == 16.0  # (2·1 + 1·4) · 8 / 3
    assert totals.harmonic_mean(values, weights)[0] == pytest.approx(3 / (2 + 0.25))
    assert totals.minimum(values)[0] == 1.0
    assert np.isnan(totals.product(values)).all()
    for one in (totals.weighted_mean, totals.weighted_sum, totals.harmonic_mean, totals.geometric_mean):
        assert np.isnan(one(values, weights)[1])
    assert np.isnan(totals.minimum(values)[1])


def test_a_gate_by_hand():
    base, bonus = np.array([0.2, 0.5, 0.9, GAP]), np.array([1.0, 1.0, 0.0, 1.0])

    shut = totals.gated(base, bonus, at_least=0.5, cap_below=None)
    capped = totals.gated(base, bonus, at_least=0.5, cap_below=0.1)

    assert np.array_equal(shut, [0.0, 1.5, 0.9, GAP], equal_nan=True)
    assert np.array_equal(capped, [0.1, 1.5, 0.9, GAP], equal_nan=True)


def test_all_bars_by_hand():
    values = np.array([[0.5, 10.0], [0.5, 11.0], [0.4, 10.0], [GAP, 10.0]])

    found = totals.all_passed(values, np.array([0.5, -np.inf]), np.array([np.inf, 10.0]))

    assert found.tolist() == [1.0, 0.0, 0.0, 1.0]


# -- order ------------------------------------------------------------------------------------------------------------


def _ordered(rows, tolerances, prompts=None):
    values = np.array(rows, dtype=np.float64)
    keys = np.ones(len(values), dtype=np.int64) if prompts is None else np.array(prompts)
    return totals.ordered(values, keys, tolerances).tolist()


def test_an_order_by_hand():
    """First to 0.1: {1.0, 0.95} and {0.5}; inside the first tier the second member decides."""
    assert _ordered([[1.0, 2.0], [0.95, 3.0], [0.5, 9.0]], [0.1, 0.0]) == [2.0, 1.0, 3.0]
    assert _ordered([[1.0, 2.0], [0.95, 3.0], [0.5, 9.0]], [0.0, 0.0]) == [1.0, 2.0, 3.0]
    assert _ordered([[1.1, 0.0], [1.0, 1.0]], [0.1, 0.0]) == [2.0, 1.0]  # the difference in binary is a hair above 0.1


def test_a_tier_is_as_wide_as_its_leader_says():
    """0.9 leads {0.9, 0.8}; 0.75 is within 0.1 of 0.8 but not of the leader, so it leads the next tier."""
    assert _ordered([[0.9], [0.8], [0.75], [0.6]], [0.1]) == [1.0, 1.0, 3.0, 4.0]


def test_prompts_are_ordered_apart_and_gaps_have_no_rank():
    found = _ordered([[1.0], [2.0], [GAP], [5.0], [5.0]], [0.0], prompts=[1, 1, 1, 2, 2])

    assert np.array_equal(found, [2.0, 1.0, GAP, 1.0, 1.0], equal_nan=True)


def _by_definition(rows, tolerances):
    """The rule spelled out for one prompt, sample by sample."""
    tiers = [list(range(len(rows)))]
    for member, tolerance in enumerate(tolerances):
        finer = []
        for tier in tiers:
            left = sorted(tier, key=lambda one: -rows[one][member])
            while left:
                inside = [one for one in left if rows[left[0]][member] - rows[one][member] <= tolerance * (1 + 1e-9)]
                finer.append(inside)
                left = [one for one in left if one not in inside]
        tiers = finer
    ranks, before = {}, 0
    for tier in tiers:
        ranks |= dict.fromkeys(tier, float(before + 1))
        before += len(tier)
    return [ranks[one] for one in range(len(rows))]


@given(
    st.lists(st.tuples(st.integers(0, 8), st.integers(0, 3)), min_size=1, max_size=9),
    st.integers(0, 3),
    st.integers(0, 2),
)
def test_the_order_is_the_rule_spelled_out(rows, first, second):
    found = _ordered([list(row) for row in rows], [float(first), float(second)])

    assert found == _by_definition(rows, [first, second])


@given(st.lists(st.floats(-100, 100), min_size=1, max_size=9))
def test_without_tolerance_it_is_the_ranking_of_scipy(values):
    assert _ordered([[one] for one in values], [0.0]) == stats.rankdata([-one for one in values], method="min").tolist()
