"""Credits under each rule for ties: by hand, and the choice of a threshold against trying all of them."""

import numpy as np
import pytest

from curation.examination.credit import PARTS, Ties, credits, of_others, parts, tie_threshold

VOTES = np.array([1, 1, 1, -1, 0, 0], np.int8)
MARGINS = np.array([2.0, -1.0, 0.0, -3.0, 0.5, 0.0])
PROMPTS = np.arange(6)


def test_ties_of_people_left_out() -> None:
    """Right, wrong, a tie of the machine, right; people's two ties are not asked about."""
    found = credits(VOTES, MARGINS, PROMPTS, Ties.LEFT_OUT)

    np.testing.assert_array_equal(found.credit, [1, 0, 0.5, 1, np.nan, np.nan])
    assert found.ties == 1
    assert found.threshold is None


def test_half_for_one_tie_and_one_for_two() -> None:
    found = credits(VOTES, MARGINS, PROMPTS, Ties.HALF)

    np.testing.assert_array_equal(found.credit, [1, 0, 0.5, 1, 0.5, 1])
    assert found.ties == 2


def test_three_answers_with_a_threshold_from_other_prompts() -> None:
    """Ties have margins up to 1 and the rest larger ones, in every part: each finds 1 on the others."""
    rng = np.random.default_rng(3)
    votes = rng.choice([-1, 0, 1], 300).astype(np.int8)
    margins = np.where(votes == 0, rng.integers(-2, 3, 300) / 2, votes * rng.uniform(1.2, 3, 300))
    prompts = np.repeat(np.arange(100), 3)

    found = credits(votes, margins, prompts, Ties.CLASS)

    assert found.credit.mean() == 1
    assert found.threshold == 1


def test_no_vote_chooses_the_threshold_it_is_counted_with() -> None:
    """One prompt's ties have margins of 5, the others' none: chosen on all, the threshold would save that prompt."""
    votes = np.array([0] * 10 + [1] * 4, np.int8)
    margins = np.array([5.0] * 10 + [4.0, 6.0, 7.0, 8.0])
    prompts = np.array([1] * 10 + [2, 3, 4, 5])

    found = credits(votes, margins, prompts, Ties.CLASS)

    assert found.threshold == 5
    np.testing.assert_array_equal(found.credit[:10], 0)
    np.testing.assert_array_equal(found.credit[10:], [0, 1, 1, 1])


def test_one_prompt_alone_has_no_threshold() -> None:
    found = credits(np.array([0, 1], np.int8), np.array([0.2, 1.0]), np.array([7, 7]), Ties.CLASS)

    assert found.threshold == 0
    np.testing.assert_array_equal(found.credit, [0, 1])


def test_what_the_machine_does_not_say_is_not_counted() -> None:
    for rule in Ties:
        found = credits(np.array([1, 1], np.int8), np.array([np.nan, 2.0]), np.array([1, 2]), rule)

        np.testing.assert_array_equal(found.credit, [np.nan, 1])


@pytest.mark.parametrize("seed", range(20))
def test_threshold_is_the_smallest_of_the_best(seed) -> None:
    rng = np.random.default_rng(seed)
    votes = rng.choice([-1, 0, 1], 30).astype(np.int8)
    margins = rng.integers(-6, 7, 30) / 2

    def right(threshold: float) -> int:
        verdicts = np.where(np.abs(margins) <= threshold, 0, np.sign(margins))
        return int((verdicts == votes).sum())

    tried = sorted({0.0, *np.abs(margins)})
    best = max(right(one) for one in tried)

    assert tie_threshold(votes, margins) == next(one for one in tried if right(one) == best)


def test_prompts_stay_whole_and_no_part_is_empty() -> None:
    prompts = np.repeat([7, 100, 3, 55, 8, 12], 4)

    found = parts(prompts)

    assert set(found) == set(range(PARTS))
    assert all(len(set(found[prompts == one])) == 1 for one in set(prompts))


def test_a_person_beside_the_others_by_hand() -> None:
    """Pair 0: +1, +1, −1, 0. Beside the first vote the others say +1, −1, 0: (1 + 0 + ½) / 3."""
    votes = np.array([1, 1, -1, 0, 1], np.int8)
    pairs = np.array([0, 0, 0, 0, 1])

    left_out = of_others(votes, pairs, Ties.LEFT_OUT)
    half = of_others(votes, pairs, Ties.HALF)
    three = of_others(votes, pairs, Ties.CLASS)

    np.testing.assert_allclose(left_out, [0.5, 0.5, 0.5 / 3, np.nan, np.nan])
    np.testing.assert_allclose(half, [0.5, 0.5, 0.5 / 3, 0.5, np.nan])
    np.testing.assert_allclose(three, [1 / 3, 1 / 3, 0, 0, np.nan])


@pytest.mark.parametrize("rule", [Ties.LEFT_OUT, Ties.HALF, Ties.CLASS])
def test_a_person_is_credited_as_a_machine_would_be(rule) -> None:
    """The same definition: each other person's verdict put in the machine's place, vote by vote."""
    rng = np.random.default_rng(5)
    votes = rng.choice([-1, 0, 1], 200).astype(np.int8)
    pairs = rng.integers(0, 50, 200)
    expected = np.full(200, np.nan)
    for place in range(200):
        others = [other for other in range(200) if pairs[other] == pairs[place] and other != place]
        if not others:
            continue
        # A margin of one or none, and a single prompt: the threshold for ties stays 0.
        given = [credits(votes[[place]], votes[[o]].astype(float), np.array([1]), rule).credit[0] for o in others]
        expected[place] = np.mean(given)

    np.testing.assert_allclose(of_others(votes, pairs, rule), expected)
