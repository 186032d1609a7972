"""Transforms of numbers against scipy, hand arithmetic and what must hold for any input."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from curation.rewards import numbers

PROMPTS = np.array([7, 3, 7, 7, 3, 9, 7], dtype=np.int64)
VALUES = np.array([1.0, 5.0, 4.0, np.nan, 5.0, 2.0, 4.0])


def _groups(values, prompts):
    for prompt in np.unique(prompts):
        rows = (prompts == prompt) & ~np.isnan(values)
        if rows.any():
            yield rows, values[rows]


def _each(oracle, values, prompts):
    """What an oracle says of each prompt alone, NaN where nothing was said."""
    result = np.full(len(values), np.nan)
    for rows, said in _groups(values, prompts):
        result[rows] = oracle(said)
    return result


@st.composite
def columns(draw):
    size = draw(st.integers(0, 40))
    number = st.one_of(st.just(np.nan), st.integers(-4, 4).map(float), st.floats(-1e6, 1e6, width=32).map(float))
    values = np.array(draw(st.lists(number, min_size=size, max_size=size)), dtype=np.float64)
    prompts = np.array(draw(st.lists(st.integers(1, 6), min_size=size, max_size=size)), dtype=np.int64)
    return values, prompts


# -- against scipy ----------------------------------------------------------------------------------------------------


@given(columns())
def test_ranks_are_those_of_scipy(column):
    assert np.array_equal(numbers.rank_in_prompt(*column), _each(stats.rankdata, *column), equal_nan=True)


@given(columns())
def test_percentiles_are_those_of_scipy(column):
    def oracle(said):
        return [stats.percentileofscore(said, one, kind="mean") / 100 for one in said]

    found = numbers.percentile_in_prompt(*column)

    assert np.allclose(found, _each(oracle, *column), atol=1e-12, equal_nan=True)
    assert ((found > 0) & (found < 1) | np.isnan(found)).all()


@given(columns())
def test_zscores_are_those_of_scipy_and_no_spread_is_zero(column):
    def oracle(said):
        return np.zeros(len(said)) if said.min() == said.max() else stats.zscore(said)

    found, expected = numbers.zscore_in_prompt(*column), _each(oracle, *column)

    assert np.allclose(found, expected, rtol=1e-7, atol=1e-7, equal_nan=True)


def test_a_reference_set_gives_the_zscore_of_scipy():
    reference = np.array([0.1, 0.4, np.nan, 0.25, 0.9])
    mean, deviation = numbers.mean_and_deviation(reference)
    found = numbers.zscore(np.array([0.5, np.nan]), mean=mean, deviation=deviation)

    assert found[0] == pytest.approx(stats.zmap(0.5, reference[~np.isnan(reference)]), abs=1e-12)
    assert np.isnan(found[1])


def test_a_logistic_is_that_of_scipy_and_overflows_nowhere():
    values = np.array([-1e9, -2.0, 3.0, 8.0, 1e9])
    found = numbers.logistic(values, middle=3.0, width=2.5)

    assert np.allclose(found, stats.logistic.cdf(values, loc=3.0, scale=2.5), atol=1e-15)


@pytest.mark.parametrize("reference", [[], [1.0], [2.0, 2.0], [np.nan, 1.0]])
def test_a_reference_without_spread_is_no_reference(reference):
    with pytest.raises(ValueError, match="without any spread"):
        numbers.mean_and_deviation(np.array(reference, dtype=np.float64))


# -- by hand ----------------------------------------------------------------------------------------------------------


def test_centring_by_hand():
    """Prompt 7 says 1, 4, 4 (mean 3), prompt 3 says 5, 5, prompt 9 says 2 alone."""
    assert numbers.centre(VALUES, PROMPTS).tolist()[:3] == [-2.0, 0.0, 1.0]
    assert np.array_equal(numbers.centre(VALUES, PROMPTS)[3:], [np.nan, 0.0, 0.0, 1.0], equal_nan=True)


def test_a_mean_that_is_not_exact_still_leaves_equal_values_at_zero():
    equal = np.full(3, 0.1)

    assert (numbers.centre(equal, np.ones(3, dtype=np.int64)) == 0).all()
    assert (numbers.zscore_in_prompt(equal, np.ones(3, dtype=np.int64)) == 0).all()


def test_the_reference_of_a_prompt_by_hand():
    """Prompt 7 has two references (1 and 4), prompt 3 has none, prompt 9 is a lone reference."""
    is_reference = np.array([True, False, True, True, False, True, False])

    found = numbers.minus_reference(VALUES, PROMPTS, is_reference)

    assert np.array_equal(found, [-1.5, np.nan, 1.5, np.nan, np.nan, 0.0, 1.5], equal_nan=True)
    assert np.isnan(numbers.minus_reference(VALUES, PROMPTS, np.zeros(7, dtype=bool))).all()


def test_a_contrast_by_hand():
    found = numbers.minus_contrast(np.array([0.75, 0.5, np.nan]), np.array([0.25, np.nan, 0.1]))

    assert np.array_equal(found, [0.5, np.nan, np.nan], equal_nan=True)


def test_a_fixed_range_by_hand():
    values = np.array([-1.0, 0.0, 1.0, 4.0, 6.0, np.nan])

    assert np.array_equal(numbers.bounded(values, low=0, high=4, clip=True)[:5], [0, 0, 0.25, 1, 1])
    assert np.array_equal(numbers.bounded(values, low=0, high=4, clip=False)[:5], [-0.25, 0, 0.25, 1, 1.5])
    assert np.array_equal(numbers.bounded(values, low=4, high=0, clip=True)[:5], [1, 1, 0.75, 0, 0])
    assert np.isnan(numbers.bounded(values, low=0, high=4, clip=True)[5])


def test_the_logarithm_by_hand():
    found = numbers.signed_log(np.array([0.0, 2 * (np.e - 1), -2 * (np.e**2 - 1)]), scale=2.0)

    assert np.allclose(found, [0, 1, -2], atol=1e-15)


def test_bars_and_tiers_by_hand():
    values = np.array([0.19, 0.2, 0.5, 0.7, np.nan])

    assert np.array_equal(numbers.passed(values, at_least=0.2), [0, 1, 1, 1, np.nan], equal_nan=True)
    assert np.array_equal(numbers.passed(values, at_most=0.2), [1, 1, 0, 0, np.nan], equal_nan=True)
    cuts = np.array([0.2, 0.7])
    assert np.array_equal(numbers.tiers(values, cuts=cuts), [0, 1, 1, 2, np.nan], equal_nan=True)
    assert np.array_equal(numbers.clipped(values, low=0.3, high=None), [0.3, 0.3, 0.5, 0.7, np.nan], equal_nan=True)
    assert np.array_equal(numbers.clipped(values, low=None, high=0.3), [0.19, 0.2, 0.3, 0.3, np.nan], equal_nan=True)


# -- for any input ----------------------------------------------------------------------------------------------------

IN_PROMPT = [numbers.centre, numbers.zscore_in_prompt, numbers.rank_in_prompt, numbers.percentile_in_prompt]


@pytest.mark.parametrize("transform", IN_PROMPT)
@given(columns(), st.randoms())
def test_the_order_of_the_rows_changes_no_bit(transform, column, random):
    values, prompts = column
    shuffled = list(range(len(values)))
    random.shuffle(shuffled)
    order = np.array(shuffled, dtype=np.int64)

    there = transform(values, prompts)[order]

    assert np.array_equal(there, transform(values[order], prompts[order]), equal_nan=True)


@pytest.mark.parametrize("transform", IN_PROMPT)
@given(columns())
def test_what_was_not_said_stays_unsaid_and_counts_nowhere(transform, column):
    values, prompts = column
    said = ~np.isnan(values)

    found = transform(values, prompts)

    assert np.array_equal(np.isnan(found), ~said)
    assert np.array_equal(found[said], transform(values[said], prompts[said]))


@given(columns())
def test_centred_prompts_have_the_mean_zero_and_keep_their_order(column):
    values, prompts = column
    centred = numbers.centre(values, prompts)
    for rows, said in _groups(values, prompts):
        assert centred[rows].mean() == pytest.approx(0, abs=1e-6 * (1 + np.abs(said).max()))
        assert (np.diff(centred[rows][np.argsort(said)]) >= 0).all()
