"""Every pattern is found where it is, and honest work raises the alarm no more often than stated."""

import itertools

import numpy as np
import pytest
from scipy import stats

from curation.reliability import patterns
from curation.reliability.bar import pause_probability


def _honest(rng, k: int = 2, n: int = 60):
    return rng.integers(0, k, n)


@pytest.mark.parametrize("test", [patterns.one_place, patterns.long_run, patterns.alternation])
@pytest.mark.parametrize("k", [2, 4])
def test_honest_places_raise_no_more_alarms_than_stated(test, k) -> None:
    rng = np.random.default_rng(1)
    p_values = np.array([test(_honest(rng, k), k).p for _ in range(3000)])

    for rate in (0.01, 0.05, 0.2):
        # Three standard errors above the stated rate.
        assert (p_values <= rate).mean() <= rate + 3 * np.sqrt(rate * (1 - rate) / 3000)


def test_one_side_only_is_the_exact_binomial_of_both_tails() -> None:
    places = np.array([0] * 16 + [1] * 4)

    found = patterns.one_place(places, 2)

    assert found.p == pytest.approx(stats.binomtest(16, 20).pvalue, rel=1e-12)
    assert (found.seen, found.of) == (0.8, 20)


def test_always_the_first_of_four_is_found() -> None:
    places = np.array([0] * 20 + [1, 2, 3] * 7)

    assert patterns.one_place(places, 4).p < 0.01
    assert patterns.one_place(places[20:], 4).p == 1


def test_a_long_run_is_found_among_honest_choices() -> None:
    rng = np.random.default_rng(3)
    places = _honest(rng, n=200)
    clicked_through = np.concatenate([places[:100], np.zeros(25, int), places[100:]])

    assert patterns.long_run(clicked_through, 2).seen >= 25
    assert patterns.long_run(clicked_through, 2).p < 1e-4
    assert patterns.long_run(places, 2).p > 0.01


def test_alternation_is_found_though_the_sides_are_even() -> None:
    places = np.tile([0, 1], 15)

    assert patterns.alternation(places, 2).p < 1e-8
    assert patterns.one_place(places, 2).p == 1


def test_few_answers_are_not_judged() -> None:
    assert patterns.one_place(np.zeros(11, int), 2) is None
    assert patterns.long_run(np.zeros(11, int), 2) is None
    assert patterns.alternation(np.zeros(11, int), 2) is None
    assert patterns.burst(np.ones(19)) is None
    assert patterns.too_fast([np.ones(30)] * 4) == [None] * 4


@pytest.mark.parametrize(("n", "length", "p"), [(8, 3, 0.5), (9, 2, 0.25), (7, 7, 0.5), (5, 1, 0.3), (4, 6, 0.5)])
def test_the_chance_of_a_run_is_that_of_all_sequences(n, length, p) -> None:
    known = sum(
        p ** sum(flags) * (1 - p) ** (n - sum(flags))
        for flags in itertools.product([False, True], repeat=n)
        if patterns.longest_true(np.array(flags)) >= length
    )

    assert patterns.run_probability(n, length, p) == pytest.approx(known, abs=1e-12)


def test_the_longest_stretch_is_counted() -> None:
    assert patterns.longest_true(np.array([], dtype=bool)) == 0
    assert patterns.longest_true(np.array([True, True, False, True])) == 2
    assert patterns.longest_true(np.array([False, True, True, True])) == 3


def test_a_burst_is_found_and_an_even_pace_is_none() -> None:
    rng = np.random.default_rng(4)
    calm = rng.lognormal(2, 0.4, 150)
    hasty = calm.copy()
    hasty[60:85] = 0.7

    assert patterns.burst(hasty).seen >= 25
    assert patterns.burst(hasty).p < 1e-6
    p_values = [patterns.burst(rng.lognormal(2, 0.6, 100)).p for _ in range(500)]
    assert np.mean(np.array(p_values) <= 0.05) <= 0.08


def _people(rng, count: int, between: float = 0.35, within: float = 0.6, n: int = 60):
    return [np.exp(rng.normal(2 + rng.normal(0, between), within, n)) for _ in range(count)]


@pytest.mark.parametrize("count", [5, 8, 20])
def test_honest_paces_raise_no_more_alarms_than_stated(count) -> None:
    rng = np.random.default_rng(5)
    p_values = np.array([found.p for _ in range(400) for found in patterns.too_fast(_people(rng, count))])

    assert (p_values <= 0.05).mean() <= 0.065
    assert (p_values <= 0.01).mean() <= 0.02


def test_hasty_people_are_found_and_do_not_hide_each_other() -> None:
    rng = np.random.default_rng(6)
    people = [*_people(rng, 12), *[np.exp(rng.normal(-0.5, 0.3, 60)) for _ in range(3)]]

    found = patterns.too_fast(people)

    assert all(one.p < 0.005 for one in found[12:])
    assert all(one.p > 0.02 for one in found[:12])
    assert found[-1].seen < 0.2


def test_the_bar_pauses_the_unlucky_as_often_as_it_says() -> None:
    rng = np.random.default_rng(7)
    right = rng.random((20_000, 40)) < 0.85
    windows = np.lib.stride_tricks.sliding_window_view(right, 8, axis=1).mean(axis=2)
    known = (windows < 0.7).any(axis=1).mean()

    assert pause_probability(accuracy=0.85, bar=0.7, window=8, answers=40) == pytest.approx(known, abs=0.011)


def test_the_bar_is_silent_before_its_window_is_full_and_for_the_perfect() -> None:
    assert pause_probability(accuracy=0.0, bar=0.5, window=8, answers=7) == 0
    assert pause_probability(accuracy=0.0, bar=0.5, window=8, answers=8) == 1
    assert pause_probability(accuracy=1.0, bar=1.0, window=8, answers=100) == 0
    assert pause_probability(accuracy=0.9, bar=0.7, window=13, answers=100) is None
