"""What the numbers of a version look like, for the card's charts and its sentences about agreement. Plain values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Bin:
    """Pairs whose margin lies in [low, high); the last bin holds its upper edge too."""

    low: float
    high: float
    count: int


@dataclass(frozen=True)
class Margins:
    """Margins of one unit. `bins` cover the smallest to the largest; empty for none."""

    unit: str  # score, win_rate, vote_share, or a recipe's own
    bins: tuple[Bin, ...]
    median: float


@dataclass(frozen=True)
class Sides:
    """How often a generator's samples were chosen and rejected."""

    generator: str
    chosen: int
    rejected: int

    @property
    def share(self) -> float:
        """Share chosen, 0 to 1; 0 for one that is in no pair."""
        return self.chosen / (self.chosen + self.rejected) if self.chosen + self.rejected else 0.0


@dataclass(frozen=True)
class Agreement:
    """Pairs by how many votes of exactly these two the recipe read, and how far the votes agree.

    Args:
        votes: votes read on all pairs together.
        by_share: pairs by the words of `actions.export_insight.AGREEMENT`, in that order.
        mean_share: mean share of a pair's votes for the chosen side, ties a half, over pairs with two votes or more;
            None without such a pair.
    """

    votes: int
    by_share: Mapping[str, int] = field(default_factory=dict)
    mean_share: float | None = None
    pairs_with_two: int = 0


@dataclass(frozen=True)
class Insight:
    """All of it; every part may be empty."""

    prompts: int = 0
    margins: tuple[Margins, ...] = ()
    sides: tuple[Sides, ...] = ()
    agreement: Agreement | None = None
    basis: Mapping[str, int] = field(default_factory=dict)


def bins_of(values: list[float], number: int = 20) -> tuple[Bin, ...]:
    """Equal bins from the smallest to the largest value; one bin where all are equal, none without values.

    >>> [one.count for one in bins_of([0.0, 0.1, 1.0], number=2)]
    [2, 1]
    """
    if not values:
        return ()
    low, high = min(values), max(values)
    if low == high:
        return (Bin(low, high, len(values)),)
    width = (high - low) / number
    counts = [0] * number
    for value in values:
        counts[min(int((value - low) / width), number - 1)] += 1
    return tuple(Bin(low + place * width, low + (place + 1) * width, count) for place, count in enumerate(counts))
