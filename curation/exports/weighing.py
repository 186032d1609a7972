"""From reward vectors to one number: totals, weights of pairs and levels, recomputed whenever the weights change.

Nothing here asks a scorer: the vectors are in the rows. A signal is measured in its own deviation over the version, so
that a weight means the same for a score from 0 to 1 and one from 0 to 100.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field


@dataclass
class Spread:
    """Mean and deviation of a stream of numbers, one at a time (Welford), with the range seen."""

    count: int = 0
    mean: float = 0.0
    low: float = math.inf
    high: float = -math.inf
    _squares: float = field(default=0.0, repr=False)

    def add(self, value: float) -> None:
        self.count += 1
        away = value - self.mean
        self.mean += away / self.count
        self._squares += away * (value - self.mean)
        self.low, self.high = min(self.low, value), max(self.high, value)

    @property
    def deviation(self) -> float:
        """The root of the mean square distance from the mean; 0 for no or equal numbers."""
        return math.sqrt(self._squares / self.count) if self.count else 0.0


def spreads(vectors: Iterable[Mapping[str, float]]) -> dict[str, Spread]:
    """The spread of every signal over all vectors. Memory: one spread a signal."""
    found: dict[str, Spread] = {}
    for vector in vectors:
        for name, value in vector.items():
            found.setdefault(name, Spread()).add(value)
    return found


def pair_weight(
    chosen: Mapping[str, float],
    rejected: Mapping[str, float],
    deviations: Mapping[str, float],
    weights: Mapping[str, float] | None = None,
) -> float:
    """How surely the chosen vector is the better one, 0 to 1, for a loss that is multiplied by it.

    σ(Σ wₖ (cₖ − rₖ) / sₖ / Σ |wₖ|) over the signals both have: 0.5 where the weighted vectors are level, above it where
    the chosen one is ahead, below where these weights would have chosen the other.

    Args:
        chosen, rejected: value by signal; more is better.
        deviations: sₖ, of each signal over the version; a signal that never differs (0) is not counted.
        weights: wₖ; a signal that is not named weighs 0. None weighs every signal 1.

    Raises:
        ValueError: a weight names a signal that no vector of the version has.
    """
    wanted = dict.fromkeys(deviations, 1.0) if weights is None else weights
    if unknown := sorted(wanted.keys() - deviations.keys()):
        raise ValueError(f"there is no signal {unknown[0]}; there are: {', '.join(sorted(deviations))}")
    shared = [name for name in wanted if name in chosen and name in rejected and deviations[name] and wanted[name]]
    total = sum(abs(wanted[name]) for name in shared)
    if not total:
        return 0.5
    ahead = sum(wanted[name] * (chosen[name] - rejected[name]) / deviations[name] for name in shared) / total
    return _sigmoid(ahead)


def _sigmoid(value: float) -> float:
    """Without overflow on either side."""
    return 1 / (1 + math.exp(-value)) if value >= 0 else math.exp(value) / (1 + math.exp(value))


def level(value: float, low: float, high: float, levels: int) -> int:
    """Which of `levels` equal parts of [low, high] a value lies in, from 0; the last part holds the upper edge."""
    if high <= low:
        return levels - 1
    part = int((value - low) / (high - low) * levels)
    return min(max(part, 0), levels - 1)


def vector_of(names: Sequence[str], values: Sequence[float]) -> dict[str, float]:
    """A vector as a row of an export keeps it, by signal."""
    return dict(zip(names, values, strict=True))
