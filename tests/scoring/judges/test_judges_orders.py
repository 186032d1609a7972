"""Both orders, all pairs of a group, repeats: arithmetic against answers found by hand or another way."""

import doctest
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scoring.judges import orders
from scoring.judges.base import Preference
from scoring.judges.orders import audit, both_orders, mean_of, turned, vote_of, win_rates, win_rates_of_ranks, worst_of
from scoring.scorers.base import Result

OUTCOMES = ("left", "right", "tie", "both-bad")


def test_the_examples_in_the_docstrings_hold():
    assert doctest.testmod(orders).failed == 0


@pytest.mark.capability("F1")
@pytest.mark.parametrize(
    ("first", "swapped", "found", "flipped"),
    [
        ("left", "right", "left", False),  # A, then A again from the other side
        ("right", "left", "right", False),
        ("tie", "tie", "tie", False),
        ("both-bad", "both-bad", "both-bad", False),
        ("left", "left", "tie", True),  # whatever stands first
        ("right", "right", "tie", True),
        ("left", "tie", "tie", True),
        ("tie", "left", "tie", True),
        ("both-bad", "right", "tie", True),
    ],
)
def test_a_verdict_that_changes_with_the_order_is_a_tie(first, swapped, found, flipped):
    preference, is_flipped = both_orders(Preference(first), Preference(swapped))

    assert (preference.outcome, is_flipped) == (found, flipped)


def test_strengths_and_probabilities_of_both_orders_are_averaged():
    agreed, _flip = both_orders(Preference("left", 3, 0.9), Preference("right", 1, 0.3))
    flipped, _flip = both_orders(Preference("left", 3, 0.9), Preference("left", 2, 0.6))

    assert (agreed.strength, agreed.probability) == (2, pytest.approx(0.8))  # (0.9 + (1 − 0.3)) / 2
    assert (flipped.strength, flipped.probability) == (None, pytest.approx(0.65))  # (0.9 + 0.4) / 2


@given(st.sampled_from(OUTCOMES), st.sampled_from(OUTCOMES), st.floats(0, 1), st.floats(0, 1))
def test_asking_the_other_way_round_gives_the_same_verdict_from_the_other_side(one, other, p, q):
    first, swapped = Preference(one, 1, p), Preference(other, 2, q)

    told, flipped = both_orders(first, swapped)
    back, flipped_back = both_orders(swapped, first)

    assert flipped == flipped_back
    assert back.outcome == turned(told).outcome
    assert back.strength == told.strength
    assert back.probability == pytest.approx(1 - told.probability)


# -- groups ------------------------------------------------------------------------------------------------------------


@pytest.mark.capability("C2")
def test_win_rates_of_four_samples_add_up_to_two():
    # By hand. 0 beats 1 and 2, ties with 3: 2.5 of 3. 1 beats 3 only: 1 of 3. 2 beats 1, both bad with 3: 1.5 of 3.
    # 3: half with 0, half with 2, lost to 1: 1 of 3. Together 6 of 6 pairs, over 3: 2.
    verdicts = {
        (0, 1): Preference("left"),
        (0, 2): Preference("left"),
        (0, 3): Preference("tie"),
        (1, 2): Preference("right"),
        (1, 3): Preference("left"),
        (2, 3): Preference("both-bad"),
    }

    rates = win_rates(4, verdicts)

    assert rates == pytest.approx([2.5 / 3, 1 / 3, 1.5 / 3, 1 / 3])
    assert sum(rates) == pytest.approx(4 / 2)


@given(st.integers(2, 8), st.randoms(), st.booleans())
def test_win_rates_always_add_up_to_half_the_samples(count, chance, soft):
    pairs = {
        pair: Preference(chance.choice(OUTCOMES), None, chance.choice([None, chance.random()]))
        for pair in combinations(range(count), 2)
    }

    assert sum(win_rates(count, pairs, soft=soft)) == pytest.approx(count / 2)


def test_probabilities_count_where_soft_rates_are_asked_for():
    assert win_rates(2, {(0, 1): Preference("left", None, 0.7)}, soft=True) == pytest.approx([0.7, 0.3])


def test_a_group_with_a_pair_missing_has_no_rates():
    with pytest.raises(ValueError, match="samples 1 and 2 has no verdict"):
        win_rates(3, {(0, 1): Preference("left"), (0, 2): Preference("left")})
    with pytest.raises(ValueError, match="1 samples have no pairs"):
        win_rates(1, {})


@given(st.lists(st.integers(1, 4), min_size=2, max_size=8))
def test_rates_of_one_order_are_those_of_its_pairs(ranks):
    array = np.array(ranks)
    wins = (array[:, None] < array).sum(axis=1) + 0.5 * ((array[:, None] == array).sum(axis=1) - 1)

    assert win_rates_of_ranks(ranks) == pytest.approx(wins / (len(ranks) - 1))


# -- bias --------------------------------------------------------------------------------------------------------------


@pytest.mark.capability("F1")
def test_the_rate_of_bias_counts_what_stood_first():
    # Ten pairs: 4 steady, 5 where the first won twice, 1 where the second did. Verdicts for the first: 4 + 10 of 20.
    verdicts = [("left", "right")] * 2 + [("right", "left")] * 2 + [("left", "left")] * 5 + [("right", "right")]

    found = audit(verdicts)

    assert found.pairs == 10
    assert (found.first.count, found.first.of) == (14, 20)
    assert (found.first.low, found.first.high) == pytest.approx((0.4810, 0.8545), abs=1e-4)  # by hand
    assert (found.flips.count, found.flips.of) == (6, 10)
    assert (found.leaning.same_side.count, found.leaning.same_side.of) == (5, 6)


def test_ties_have_no_side_but_may_flip():
    found = audit([("tie", "tie"), ("tie", "left"), ("both-bad", "both-bad")])

    assert (found.first.count, found.first.of) == (1, 1)
    assert (found.flips.count, found.flips.of) == (1, 3)
    assert found.leaning is None


def test_nothing_asked_in_both_orders_says_nothing():
    found = audit([])

    assert (found.pairs, found.first, found.flips, found.leaning) == (0, None, None, None)


# -- repeats -----------------------------------------------------------------------------------------------------------


def test_repeats_have_a_mean_and_a_spread():
    values = [3.0, 4.0, 4.0, 5.0, 2.5]

    found = mean_of([Result(value) for value in values])

    assert found.value == pytest.approx(np.mean(values))
    assert found.spread == pytest.approx(np.std(values, ddof=1))


def test_what_each_number_is_unsure_of_adds_to_the_spread_between_them():
    found = mean_of([Result(1.0, 0.5), Result(1.0, 0.5)])

    assert found.spread == pytest.approx(0.5)
    assert mean_of([Result(1.0, 0.25)]).spread == 0.25
    assert mean_of([Result(1.0)]).spread is None


def test_the_worst_case_keeps_the_disagreement():
    found = worst_of([Result(2.0), Result(4.0)])

    assert (found.value, found.spread) == (2.0, pytest.approx(2**0.5))


def test_a_vote_without_a_majority_is_a_tie_and_says_how_it_was_split():
    found = vote_of([Preference("left", 2), Preference("right", 1), Preference("tie"), Preference("left", 3)])
    split = vote_of([Preference("left"), Preference("right")])

    assert (found.preference.outcome, found.preference.strength) == ("left", 2.5)
    assert found.preference.probability == pytest.approx(2.5 / 4)
    assert found.counts == {"left": 2, "right": 1, "tie": 1}
    assert found.agreement == 0.5
    assert split.preference.outcome == "tie"


@pytest.mark.parametrize("of", [mean_of, worst_of, vote_of])
def test_nothing_repeated_is_refused(of):
    with pytest.raises(ValueError, match="is asked for"):
        of([])
