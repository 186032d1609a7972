"""What a ranking says about each two of its samples. Plain code."""

import math
from collections.abc import Iterator, Sequence
from itertools import combinations
from typing import Literal

Outcome = Literal["left", "right", "tie"]


def implied_pairs(ranks: Sequence[float]) -> Iterator[tuple[int, int, Outcome]]:
    """Yields the k(k-1)/2 comparisons a ranking of k implies, as positions (i, j) with i < j and the outcome.

    Lower ranks are better; equal ranks tie; ranks need not be dense (1, 2, 5 says the same as 1, 2, 3).

    Raises:
        ValueError: fewer than two ranks, or one that is not a finite number.

    >>> list(implied_pairs([1, 2, 2]))
    [(0, 1, 'left'), (0, 2, 'left'), (1, 2, 'tie')]
    """
    if len(ranks) < 2:
        raise ValueError(f"a ranking needs at least two samples, this one has {len(ranks)}")
    for rank in ranks:
        if not math.isfinite(rank):
            raise ValueError(f"rank {rank} is not a number one can order by")
    for i, j in combinations(range(len(ranks)), 2):
        if ranks[i] == ranks[j]:
            yield i, j, "tie"
        else:
            yield i, j, "left" if ranks[i] < ranks[j] else "right"
