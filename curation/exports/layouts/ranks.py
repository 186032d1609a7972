"""Ranks of a group from its pairs, where they rank it whole."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterable, Sequence
from typing import TypeVar

N = TypeVar("N", bound=Hashable)


def ranks_of(members: Sequence[N], wins: Collection[tuple[N, N]]) -> list[int] | None:
    """Ranks that say exactly what the pairs say, all that follows from them, and nothing else.

    Args:
        members: distinct; none that is in no pair.
        wins: (better, worse) of members.

    Returns:
        One rank a member, 1 is best, equal for two that no chain of pairs tells apart. None where pairs go round in a
        circle, or where ranks would claim more than the pairs: `a` over `b`, and `c` compared with neither.

    >>> ranks_of("abc", [("a", "b"), ("a", "c")])
    [1, 2, 2]
    >>> ranks_of("abc", [("a", "b"), ("c", "b")])
    [1, 2, 1]
    >>> ranks_of("abcd", [("a", "b"), ("c", "d")]) is None
    True
    """
    above = _everything_above(members, wins)
    if any(member in over for member, over in above.items()):
        return None
    ranks = {member: len(over) for member, over in above.items()}
    says_more = any(ranks[one] < ranks[other] and one not in above[other] for one in members for other in members)
    if says_more:
        return None
    levels = {count: place for place, count in enumerate(sorted(set(ranks.values())), 1)}
    return [levels[ranks[member]] for member in members]


def _everything_above(members: Iterable[N], wins: Iterable[tuple[N, N]]) -> dict[N, set[N]]:
    """All that are better than each member, through any chain of pairs."""
    above: dict[N, set[N]] = {member: set() for member in members}
    for better, worse in wins:
        above[worse].add(better)
    for middle in list(above):
        for over in above.values():
            if middle in over:
                over |= above[middle]
    return above
