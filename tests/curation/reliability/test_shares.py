"""Shares, tests and adjusted p values against scipy."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from curation.reliability.kappa import cohen, fleiss
from curation.reliability.shares import at_least, at_most, jeffreys, q_values, wilson

COUNTS = [(0, 1), (1, 1), (0, 7), (7, 7), (1, 10), (9, 10), (50, 100), (3, 100_000), (99_998, 100_000)]


@pytest.mark.parametrize(("count", "of"), COUNTS)
@pytest.mark.parametrize("confidence", [0.9, 0.95, 0.999])
def test_wilson_is_scipys(count, of, confidence) -> None:
    known = stats.binomtest(count, of).proportion_ci(confidence, method="wilson")

    found = wilson(count, of, confidence)

    assert (found.low, found.high) == pytest.approx((known.low, known.high), abs=1e-12)
    assert found.share == count / of


@pytest.mark.parametrize(("count", "of"), COUNTS)
def test_jeffreys_has_equal_tails_of_its_beta(count, of) -> None:
    found = jeffreys(count, of)
    beta = stats.beta(count + 0.5, of - count + 0.5)

    assert found.low == (0.0 if count == 0 else pytest.approx(beta.ppf(0.025), rel=1e-9))
    assert found.high == (1.0 if count == of else pytest.approx(beta.ppf(0.975), rel=1e-9))


@given(st.integers(1, 400).flatmap(lambda of: st.tuples(st.integers(0, of), st.just(of))))
def test_an_interval_holds_its_share_and_lies_within_one(counts) -> None:
    for interval in (wilson, jeffreys):
        found = interval(*counts)
        assert 0 <= found.low <= found.share <= found.high <= 1


def test_nothing_of_nothing_is_no_share() -> None:
    assert wilson(0, 0) is None
    assert jeffreys(0, 0) is None


def test_a_count_beyond_the_whole_is_refused() -> None:
    with pytest.raises(ValueError, match="11 of 10"):
        wilson(11, 10)
    with pytest.raises(ValueError, match="confidence 1"):
        wilson(1, 10, 1)


@pytest.mark.parametrize(("count", "of", "p"), [(0, 5, 0.5), (5, 5, 0.5), (3, 9, 0.2), (60, 100, 0.5), (0, 0, 0.5)])
def test_tails_are_scipys(count, of, p) -> None:
    assert at_least(count, of, p) == pytest.approx(stats.binom.sf(count - 1, of, p), rel=1e-12)
    assert at_most(count, of, p) == pytest.approx(stats.binom.cdf(count, of, p), rel=1e-12)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=40))
def test_adjusted_p_values_are_scipys(p_values) -> None:
    assert q_values(p_values) == pytest.approx(list(stats.false_discovery_control(p_values)), rel=1e-12)


def test_what_was_not_tested_stays_untested() -> None:
    assert q_values([None, 0.04, None]) == [None, 0.04, None]
    assert q_values([]) == []
    with pytest.raises(ValueError, match="is no p value"):
        q_values([0.2, 1.2])


def test_cohens_kappa_by_hand() -> None:
    """20 yes-yes, 5 yes-no, 10 no-yes, 15 no-no: observed .7, expected .5, kappa .4."""
    first = np.repeat([1, 1, 0, 0], [20, 5, 10, 15])
    second = np.repeat([1, 0, 1, 0], [20, 5, 10, 15])

    assert cohen(first, second) == pytest.approx(0.4, abs=1e-15)
    assert cohen(first[:0], second[:0]) is None
    assert cohen(np.ones(3, int), np.ones(3, int)) is None
    with pytest.raises(ValueError, match="same units"):
        cohen(first, second[:5])


def test_fleiss_kappa_of_the_example_of_1971() -> None:
    """Fourteen raters, ten patients, five diagnoses: kappa .210."""
    counts = np.array(
        [
            [0, 0, 0, 0, 14],
            [0, 2, 6, 4, 2],
            [0, 0, 3, 5, 6],
            [0, 3, 9, 2, 0],
            [2, 2, 8, 1, 1],
            [7, 7, 0, 0, 0],
            [3, 2, 6, 3, 0],
            [2, 5, 3, 2, 2],
            [6, 5, 2, 1, 0],
            [0, 2, 2, 3, 7],
        ]
    )

    assert fleiss(counts) == pytest.approx(0.210, abs=5e-4)
    assert fleiss(counts[:0]) is None
    with pytest.raises(ValueError, match="2 to 14"):
        fleiss(np.array([[14, 0], [1, 1]]))
