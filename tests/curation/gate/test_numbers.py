"""The intervals of the gate against answers found another way."""

import numpy as np
import pytest
from scipy.stats import binomtest

from curation.gate.leans import clustered_mean, exact_interval


@pytest.mark.parametrize(("count", "of"), [(0, 1), (1, 1), (9, 10), (500, 1000), (0, 40), (40, 40), (551, 1000)])
def test_the_exact_interval_is_scipys(count, of):
    theirs = binomtest(count, of).proportion_ci(0.99, method="exact")

    assert exact_interval(count, of) == pytest.approx((theirs.low, theirs.high), abs=1e-12)


def test_a_mean_with_one_pair_a_prompt_has_students_interval():
    from scipy.stats import t

    values = np.random.default_rng(3).normal(0.3, 1, 40)

    found = clustered_mean(values, np.arange(40))

    low, high = t.interval(0.99, 39, values.mean(), values.std(ddof=1) / np.sqrt(40))
    assert (found.value, found.low, found.high) == pytest.approx((values.mean(), low, high))


def test_repeating_every_pair_of_a_prompt_makes_nothing_more_certain():
    values = np.random.default_rng(4).normal(0.3, 1, 40)

    once, often = (
        clustered_mean(values, np.arange(40)),
        clustered_mean(np.repeat(values, 9), np.repeat(np.arange(40), 9)),
    )

    assert (often.low, often.high) == pytest.approx((once.low, once.high))


def test_the_interval_holds_the_truth_as_often_as_it_says():
    draw = np.random.default_rng(7)
    held = 0
    for _round in range(1_000):
        prompts = np.repeat(np.arange(40), draw.integers(1, 8, 40))
        values = draw.normal(0, 1, 40)[prompts] + draw.normal(0, 0.3, len(prompts))
        found = clustered_mean(values, prompts)
        held += found.low <= 0 <= found.high

    # Binomial: 990 ± 3 · 3.1; clusters of unequal sizes make it a little too narrow.
    assert held >= 970


def test_one_prompt_says_nothing_of_the_next():
    assert clustered_mean(np.array([1.0, 2.0]), np.array([5, 5])) is None
    assert clustered_mean(np.array([]), np.array([])) is None
