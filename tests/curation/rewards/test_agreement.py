"""Correlations against numpy, the effective number of opinions by hand and by simulation."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation.rewards.agreement import Moments, effective_number, independence


def _agreement(values, weights=None, origin=None, parts=1):
    table = np.array(values, dtype=np.float64)
    moments = Moments(table.shape[1], origin)
    for part in np.array_split(table, parts):
        moments.add(part)
    return moments.agreement(np.ones(table.shape[1]) if weights is None else weights)


# -- correlations -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("parts", [1, 3, 40])
def test_correlations_are_those_of_numpy_however_the_rows_are_cut(parts):
    rng = np.random.default_rng(4)
    table = rng.normal(1000, 1, (40, 3)) + rng.normal(0, 2, (40, 1))
    gappy = table.copy()
    gappy[5, 1] = np.nan

    assert np.allclose(_agreement(table, parts=parts).correlations, np.corrcoef(table.T), atol=1e-9)
    found = _agreement(gappy, parts=parts)
    assert found.count == 39
    assert np.allclose(found.correlations, np.corrcoef(np.delete(table, 5, axis=0).T), atol=1e-9)


def test_a_member_that_never_varies_has_no_correlation_and_is_no_opinion():
    found = _agreement([[1, 0.1, 5], [2, 0.1, 4], [3, 0.1, 9]])

    assert found.constant == (1,)
    assert np.isnan(found.correlations[0, 1])
    assert found.correlations[1, 1] == 1
    assert 1 <= found.effective <= 2


def test_nobody_varies_and_nothing_was_said():
    assert np.isnan(_agreement([[1, 2], [1, 2]]).effective)
    empty = Moments(2).agreement([1, 1])
    assert (empty.count, empty.constant) == (0, (0, 1))
    assert np.isnan(empty.effective)


@given(st.lists(st.tuples(*[st.sampled_from([0.0, 0.5, 1.0])] * 3), min_size=2, max_size=12), st.data())
def test_turning_a_couple_round_changes_no_correlation_of_votes(votes, data):
    turned = data.draw(st.lists(st.booleans(), min_size=len(votes), max_size=len(votes)))
    other = [[1 - one for one in row] if turn else row for row, turn in zip(votes, turned, strict=True)]

    assert np.allclose(
        _agreement(votes, origin=0.5).correlations, _agreement(other, origin=0.5).correlations, equal_nan=True
    )


# -- effective number -------------------------------------------------------------------------------------------------


def _alike(count: int, rho: float) -> np.ndarray:
    return np.full((count, count), rho) + (1 - rho) * np.eye(count)


@pytest.mark.parametrize(("count", "rho"), [(2, 0.5), (5, 0.43), (10, 0.63)])
def test_one_correlation_for_all_is_the_design_effect(count, rho):
    assert effective_number(_alike(count, rho)) == pytest.approx(count / (1 + (count - 1) * rho))


def test_the_ends_by_hand():
    assert effective_number(np.eye(4)) == 4
    assert effective_number(np.ones((4, 4))) == 1
    assert effective_number(_alike(2, -0.5)) == 2  # would be 4
    assert effective_number(_alike(2, -1.0)) == 2  # their sum never varies
    assert effective_number(_alike(3, -0.9)) == 3  # no correlation matrix at all: its sum is negative
    assert effective_number(np.eye(1)) == 1
    assert np.isnan(effective_number(np.zeros((0, 0))))


def test_weights_by_hand():
    """(3 + 1)² / (9 + 1 + 2·3·1·0.5) = 16 / 13."""
    assert effective_number(_alike(2, 0.5), np.array([3.0, 1.0])) == pytest.approx(16 / 13)


def test_it_is_the_variance_that_the_mean_really_has():
    """100,000 subjects drawn with stated correlations: a mean of k independent ones would vary with 1 / k."""
    correlations = np.array([[1, 0.6, 0.1], [0.6, 1, 0.3], [0.1, 0.3, 1]])
    weights = np.array([2.0, 1.0, 1.0])
    drawn = np.random.default_rng(0).multivariate_normal(np.zeros(3), correlations, 100_000)

    found = _agreement(drawn, weights).effective

    assert found == pytest.approx(1 / np.average(drawn, axis=1, weights=weights).var(), rel=0.02)
    assert found == pytest.approx(effective_number(correlations, weights), rel=0.02)


@given(st.integers(2, 5), st.integers(0, 10_000))
def test_it_lies_between_one_and_all(members, seed):
    table = np.random.default_rng(seed).normal(size=(6, members))

    assert 1 <= _agreement(table).effective <= members


# -- independence -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rater", "generator", "answer"),
    [
        ("Qwen2.5-VL", "qwen2.5 vl", "same family"),
        ("qwen", "flux", "independent"),
        ("", "flux", "unknown"),
        ("qwen", "", "unknown"),
        ("-", "-", "unknown"),
    ],
)
def test_a_judge_of_the_same_family_is_not_independent(rater, generator, answer):
    assert independence(rater, generator) == answer
