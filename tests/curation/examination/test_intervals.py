"""Means of votes and their intervals: by hand, against a bootstrap written out, and by how often they are right."""

import math

import numpy as np
import pytest
from scipy import stats

from curation.examination.intervals import clustered, difference, from_sums
from curation.reliability.shares import wilson


def test_two_prompts_by_hand() -> None:
    """S = (2, 1), c = (2, 2), p = 3/4: variance 2/1 · (0.5² + 0.5²) / 16 = 1/16; n_eff = (3/16) / (1/16) = 3."""
    found = clustered(np.array([1.0, 1, 1, 0]), np.array([0, 0, 1, 1]))

    quantile = 12.706204736  # Student's t, one degree of freedom, 97.5 %
    middle = (0.75 + quantile**2 / 6) / (1 + quantile**2 / 3)
    half = quantile / (1 + quantile**2 / 3) * math.sqrt(0.75 * 0.25 / 3 + quantile**2 / 36)
    assert (found.value, found.votes, found.prompts) == (0.75, 4, 2)
    assert found.low == pytest.approx(middle - half, abs=1e-9)
    assert found.high == pytest.approx(middle + half, abs=1e-9)


def test_one_vote_a_prompt_is_wilsons_interval() -> None:
    found = clustered(np.array([1.0] * 9 + [0.0]), np.arange(10))

    share = wilson(9, 10)
    assert (found.low, found.high) == (pytest.approx(share.low), pytest.approx(share.high))


def test_votes_that_do_not_count_are_left_out() -> None:
    found = clustered(np.array([1.0, np.nan, 0.0, np.nan]), np.array([0, 0, 1, 2]))

    assert (found.value, found.votes, found.prompts) == (0.5, 2, 2)


def test_one_prompt_says_nothing_about_others() -> None:
    found = clustered(np.array([1.0, 0.0, 1.0]), np.zeros(3, np.int64))

    assert found.value == pytest.approx(2 / 3)
    assert found.low is None
    assert found.high is None


def test_no_vote_is_no_estimate() -> None:
    assert clustered(np.zeros(0), np.zeros(0, np.int64)) is None
    assert clustered(np.array([np.nan]), np.array([0])) is None


def test_all_right_counts_each_prompt_as_one_vote() -> None:
    """Five prompts with a hundred votes each, all right: not the certainty of 500 votes."""
    found = clustered(np.ones(500), np.repeat(np.arange(5), 100))

    quantile = 2.7764451  # Student's t, four degrees of freedom, 97.5 %
    assert found.value == 1
    assert found.high == 1
    assert found.low == pytest.approx(1 / (1 + quantile**2 / 5), abs=1e-6)


def _drawn(rng, prompts: int) -> tuple[np.ndarray, np.ndarray]:
    """Votes whose probability of being right differs from prompt to prompt: mean 0.7."""
    chance = rng.beta(7, 3, prompts)
    sizes = rng.integers(1, 12, prompts)
    prompt = np.repeat(np.arange(prompts), sizes)
    return (rng.random(len(prompt)) < chance[prompt]).astype(float), prompt


def test_width_is_that_of_a_bootstrap_over_prompts() -> None:
    rng = np.random.default_rng(7)
    credit, prompt = _drawn(rng, 200)
    of_prompt = [np.flatnonzero(prompt == number) for number in range(200)]
    means = []
    for _ in range(2000):
        rows = np.concatenate([of_prompt[number] for number in rng.integers(0, 200, 200)])
        means.append(credit[rows].mean())

    found = clustered(credit, prompt)

    # 2,000 resamples tell a standard error to about 1.6 %.
    assert (found.high - found.low) / (2 * 1.96) == pytest.approx(np.std(means), rel=0.06)
    independent = wilson(int(credit.sum()), len(credit))
    assert found.high - found.low > 1.2 * (independent.high - independent.low)


def test_intervals_hold_the_truth_as_often_as_they_say() -> None:
    rng = np.random.default_rng(11)
    drawn = [clustered(*_drawn(rng, 40)) for _ in range(2000)]

    share = np.mean([one.low <= 0.7 <= one.high for one in drawn])

    # Its standard error is 0.005.
    assert 0.935 <= share <= 0.97


def test_prompts_without_a_vote_change_nothing() -> None:
    assert from_sums(np.array([2.0, 0, 1]), np.array([2.0, 0, 2])) == from_sums(np.array([2.0, 1]), np.array([2.0, 2]))


def test_difference_with_equal_prompts_is_the_t_test_of_their_means() -> None:
    """Twelve prompts of two votes, on which the first machine is ahead by ½, ½ and −½ in turn."""
    first = np.tile([1.0, 1, 1, 0, 0, 1], 4)
    second = np.tile([0.0, 1, 0, 0, 1, 1], 4)
    known = stats.ttest_1samp(np.tile([0.5, 0.5, -0.5], 4), 0)

    found = difference(first, second, np.repeat(np.arange(12), 2))

    interval = known.confidence_interval(0.95)
    assert found.value == pytest.approx(1 / 6)
    assert (found.low, found.high) == (pytest.approx(interval.low), pytest.approx(interval.high))
    assert found.p == pytest.approx(known.pvalue)


def test_machines_that_never_differ_have_no_p_value() -> None:
    found = difference(np.array([1.0, 0]), np.array([1.0, 0]), np.array([0, 1]))

    assert (found.value, found.p) == (0, None)
