"""Side bias from mirrored repeats and from all verdicts."""

import math

import numpy as np
import pytest
from scipy.optimize import minimize

from curation.reliability.sides import BIAS_SPREAD, LOG_SLOPE_SPREAD, mirrored_side_bias, slopes


def _sigmoid(x):
    return 1 / (1 + np.exp(-x))


def test_mirrored_repeats_find_the_bias_whatever_the_samples_are() -> None:
    rng = np.random.default_rng(1)
    bias, difference = 0.6, rng.normal(0, 2, 40_000)
    first = rng.random(40_000) < _sigmoid(difference + bias)
    mirrored = rng.random(40_000) < _sigmoid(-difference + bias)

    found = mirrored_side_bias(int((first & mirrored).sum()), int((~first & ~mirrored).sum()))

    assert found.low < bias < found.high
    assert found.logits == pytest.approx(bias, abs=0.05)


def test_without_bias_nineteen_intervals_in_twenty_hold_zero() -> None:
    rng = np.random.default_rng(2)
    held = 0
    for _ in range(500):
        left = int(rng.binomial(20, 0.5))
        found = mirrored_side_bias(left, 20 - left)
        held += found.low <= 0 <= found.high

    assert held / 500 >= 0.93


def test_only_one_side_has_no_upper_end() -> None:
    found = mirrored_side_bias(6, 0)

    assert found.high == math.inf
    assert found.low > 0
    assert found.same_side.share == 1
    assert mirrored_side_bias(0, 6).low == -math.inf
    assert mirrored_side_bias(0, 0) is None


def _verdicts(seed: int):
    rng = np.random.default_rng(seed)
    rater = np.repeat(np.arange(4), 150)
    truth = np.array([[1.0, 0.0], [0.1, 0.0], [1.0, 1.0], [2.0, -0.5]])
    difference = rng.normal(0, 1.5, len(rater))
    is_left = rng.random(len(rater)) < _sigmoid(truth[rater, 0] * difference + truth[rater, 1])
    return rater, difference, is_left


def test_slopes_are_where_a_general_optimiser_finds_them() -> None:
    rater, difference, is_left = _verdicts(3)

    found = slopes(rater, difference, is_left, raters=5)

    for k in range(5):
        own = rater == k

        def loss(x, own=own):
            z = np.exp(x[0]) * difference[own] + x[1]
            likelihood = np.where(is_left[own], np.logaddexp(0, -z), np.logaddexp(0, z)).sum()
            return likelihood + x[0] ** 2 / (2 * LOG_SLOPE_SPREAD**2) + x[1] ** 2 / (2 * BIAS_SPREAD**2)

        best = minimize(loss, [0.0, 0.0], method="L-BFGS-B", options={"ftol": 1e-15, "gtol": 1e-10}).x
        assert (found.log_slope[k], found.bias[k]) == pytest.approx(best, abs=1e-4)


def test_slopes_part_the_careful_from_the_careless_and_the_leaning() -> None:
    found = slopes(*_verdicts(4), raters=5)

    assert found.log_slope[1] < -0.7 < found.log_slope[0] < found.log_slope[3]
    assert found.bias[2] - 3 * found.bias_error[2] > 0
    assert abs(found.bias[0]) < 3 * found.bias_error[0]
    assert (found.log_slope[4], found.bias[4]) == (0, 0)
    assert found.bias_error[4] == pytest.approx(BIAS_SPREAD)


def test_columns_of_different_length_are_refused() -> None:
    with pytest.raises(ValueError, match="verdicts"):
        slopes(np.zeros(2, int), np.zeros(2), np.zeros(3, bool), raters=1)
