"""Ranks from pairs: they say all that the pairs say, and nothing else."""

from __future__ import annotations

from itertools import permutations, product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curation.exports.layouts.ranks import ranks_of

MEMBERS = "abcd"
PAIRS = list(permutations(MEMBERS, 2))


@pytest.mark.parametrize(
    ("wins", "ranks"),
    [
        ("ab bc cd", [1, 2, 3, 4]),
        ("ab cd ac bd ad bc", [1, 2, 3, 4]),
        ("ac ad bc bd", [1, 1, 2, 2]),
        ("ab ac ad", [1, 2, 2, 2]),
        ("ab cd", None),
        ("ab bc ca ad", None),
    ],
)
def test_ranks_of_four(wins, ranks):
    assert ranks_of(MEMBERS, [tuple(win) for win in wins.split()]) == ranks


@settings(deadline=None)
@given(st.sets(st.sampled_from(PAIRS), min_size=1))
def test_ranks_are_the_only_ones_that_say_what_the_pairs_say(wins):
    members = sorted({end for win in wins for end in win})

    found = ranks_of(members, wins)

    assert (found is None) == (not fitting(members, wins))
    if found is not None:
        assert tuple(found) in fitting(members, wins)


def fitting(members, wins) -> list[tuple[int, ...]]:
    """Every dense ranking whose strict order is exactly what follows from the pairs, by trying them all."""
    follows = set(wins)
    while more := {(a, d) for a, b in follows for c, d in follows if b == c} - follows:
        follows |= more
    return [
        ranks
        for ranks in product(range(1, len(members) + 1), repeat=len(members))
        if set(ranks) == set(range(1, max(ranks) + 1))
        and {(a, b) for a, i in zip(members, ranks, strict=True) for b, j in zip(members, ranks, strict=True) if i < j}
        == follows
    ]
