"""Means of votes and their intervals: by hand, against a bootstrap written out, and by how often they are right."""

import math

import numpy as np
import pytest
from scipy import stats

from curation.examination.intervals import clustered, difference, from_sums, variance_of_two
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


# -- votes on two prompts ---------------------------------------------------------------------------------------------


def test_votes_that_share_a_prompt_on_either_side_go_together_by_hand() -> None:
    """Credits 1, 1, 0, 0 on prompts (0, 1), (1, 2), (3, 4), (4, 5): residuals ±½.

    S = ½, 1, ½, −½, −1, −½ with Σ S² = 3; the four couples have Σ D² = 1; G = 6: 6/5 · (3 − 1) / 16 = 0.15. By the
    first prompt alone the votes would be four independent ones, with 4/3 · 1 / 16 = 0.083.
    """
    one, other = np.array([0, 1, 3, 4]), np.array([1, 2, 4, 5])

    found = clustered(np.array([1.0, 1, 0, 0]), one, other=other)

    assert variance_of_two(np.array([0.5, 0.5, -0.5, -0.5]), one, other) == pytest.approx(0.15)
    quantile, n = 2.5705818, 0.25 / 0.15  # Student's t, five degrees of freedom, 97.5 %
    half = quantile / (1 + quantile**2 / n) * math.sqrt(0.25 / n + quantile**2 / (4 * n**2))
    assert (found.value, found.votes, found.prompts) == (0.5, 4, 6)
    assert (found.low, found.high) == (pytest.approx(0.5 - half, abs=1e-6), pytest.approx(0.5 + half, abs=1e-6))


def test_two_votes_on_the_same_two_prompts_are_one_cluster_whichever_side_is_first() -> None:
    """S = 1, 1, −1, −1 and D = 1, −1: 4/3 · (4 − 2) / 16, as if the couples were the prompts of `clustered`."""
    residual = np.array([0.5, 0.5, -0.5, -0.5])

    assert variance_of_two(residual, np.array([0, 1, 2, 3]), np.array([1, 0, 3, 2])) == pytest.approx(1 / 6)


def test_the_variance_is_never_less_than_by_one_side() -> None:
    """A triangle: S = 1, −½, −½ and Σ D² = 3/2 leave 0; by the first side S = 1, −1: 3/2 · 2 / 9."""
    residual = np.array([0.5, 0.5, -1.0])

    assert variance_of_two(residual, np.array([0, 0, 1]), np.array([1, 2, 2])) == pytest.approx(1 / 3)


def test_votes_whose_two_prompts_are_one_are_as_votes_on_one() -> None:
    credit, prompt = np.array([1.0, 1, 0, 1, 0, 0]), np.array([0, 0, 1, 1, 2, 2])

    plain, twice = clustered(credit, prompt), clustered(credit, prompt, other=prompt)

    assert (twice.low, twice.high) == (pytest.approx(plain.low), pytest.approx(plain.high))
    assert (twice.votes, twice.prompts) == (6, 3)


def test_all_right_counts_two_prompts_as_one_vote() -> None:
    """Thirty votes between six prompts rest on no more than three independent ones."""
    one, other = (side.ravel() for side in np.nonzero(~np.eye(6, dtype=bool)))

    found = clustered(np.ones(30), one, other=other)

    quantile = 2.5705818  # Student's t, five degrees of freedom, 97.5 %
    assert found.low == pytest.approx(1 / (1 + quantile**2 / 3), abs=1e-6)
    assert clustered(np.ones(0), np.zeros(0, np.int64), other=np.zeros(0, np.int64)) is None


def _between(rng, prompts: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Six votes a prompt beside any other; each prompt makes its votes easier or harder on whichever side it is."""
    ease = rng.normal(size=prompts)
    one = rng.integers(0, prompts, 6 * prompts)
    other = (one + rng.integers(1, prompts, 6 * prompts)) % prompts
    chance = 1 / (1 + np.exp(-0.5 - ease[one] - ease[other]))
    return (rng.random(len(one)) < chance).astype(float), one, other


def test_intervals_of_votes_on_two_prompts_hold_the_truth_where_those_by_one_do_not() -> None:
    rng = np.random.default_rng(3)
    steps = np.random.default_rng(1).normal(size=(1_000_000, 2)).sum(axis=1)
    truth = (1 / (1 + np.exp(-0.5 - steps))).mean()
    drawn = [_between(rng, 40) for _ in range(1000)]

    both = [clustered(credit, one, other=other) for credit, one, other in drawn]
    single = [clustered(credit, one) for credit, one, _other in drawn]

    held = [np.mean([found.low <= truth <= found.high for found in some]) for some in (both, single)]
    # Standard errors are 0.007 and 0.012.
    assert held[0] > 0.92
    assert held[1] < 0.86


def test_the_difference_of_votes_on_two_prompts_has_their_variance() -> None:
    one, other = np.array([0, 1, 3, 4]), np.array([1, 2, 4, 5])

    found = difference(np.array([1.0, 1, 0.5, 0.5]), np.full(4, 0.25), one, other=other)

    assert found.value == pytest.approx(0.5)
    half = 2.5705818 * math.sqrt(0.15 / 4)  # residuals are half of those by hand above
    assert (found.low, found.high) == (pytest.approx(0.5 - half, abs=1e-6), pytest.approx(0.5 + half, abs=1e-6))
