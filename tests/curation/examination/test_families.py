"""Families of prompts and votes counted by them."""

import numpy as np
import pytest

from curation.examination.families import Clusters, Families
from curation.examination.intervals import clustered

# Prompts 3, 5 and 9 belong together, and 4 and 6; 7 is alone and not named.
KNOWN = Families(np.array([3, 4, 5, 6, 9]), np.array([3, 4, 3, 4, 3]))


def test_a_prompt_has_the_smallest_id_of_its_family_and_one_that_is_not_named_is_alone() -> None:
    assert KNOWN.of(np.array([9, 7, 6, 3, 100])).tolist() == [3, 7, 4, 3, 100]
    assert Families().of(np.array([9, 7])).tolist() == [9, 7]


def test_a_family_is_whole_from_any_of_its_prompts() -> None:
    assert KNOWN.whole([9, 7]) == (3, 5, 7, 9)
    assert KNOWN.whole([]) == ()
    assert Families().whole([7, 2]) == (2, 7)


def test_votes_are_clustered_by_family_and_told_with_their_prompts() -> None:
    """Prompts 3 and 5 stand for one: the same interval as if all of their votes were on one prompt."""
    credit = np.array([1.0, 1, 0, 1, 0, np.nan])
    prompts = np.array([3, 5, 4, 7, 8, 9])

    found = Clusters.of(prompts, KNOWN).estimate(credit)

    together = clustered(credit[:5], np.array([0, 0, 1, 2, 3]))
    assert (found.low, found.high) == (together.low, together.high)
    assert (found.votes, found.prompts, found.families) == (5, 5, 4)


def test_of_votes_on_two_prompts_those_of_both_sides_are_counted() -> None:
    found = Clusters.of(np.array([3, 4, 7]), KNOWN, np.array([7, 9, 8])).estimate(np.array([1.0, 0.0, np.nan]))

    assert (found.votes, found.prompts, found.families) == (2, 4, 3)


@pytest.mark.parametrize("families", [Families(), KNOWN])
def test_nothing_is_no_estimate(families) -> None:
    assert Clusters.of(np.zeros(0, np.int64), families).estimate(np.zeros(0)) is None
