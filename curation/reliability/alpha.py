"""Krippendorff's alpha with a bootstrap interval, in columns. Plain code.

Alpha compares how often raters differ about the same unit with how often any two of their values differ: 1 is perfect
agreement, 0 is what chance gives, below 0 they disagree on purpose. It takes any number of raters a unit and does not
ask who gave a value.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

Level: TypeAlias = Literal["nominal", "ordinal", "interval"]
Floats: TypeAlias = NDArray[np.float64]
Ints: TypeAlias = NDArray[np.int64]

RESAMPLES = 1000
# Numbers held at once while resampling.
_BLOCK = 4_000_000


@dataclass(frozen=True)
class Agreement:
    """Alpha and what it rests on.

    Args:
        alpha: at most 1; None where it is undefined: no unit has two values, or all values are the same (0/0).
        low, high: percentile interval from resampled units; None where alpha is, or with fewer than two units.
        units: units with at least two values; the others say nothing about agreement.
        values: values of these units.
    """

    alpha: float | None
    low: float | None
    high: float | None
    units: int
    values: int


def agreement(
    units: Ints,
    values: Floats,
    *,
    level: Level,
    rng: np.random.Generator,
    resamples: int = RESAMPLES,
    confidence: float = 0.95,
) -> Agreement:
    """Krippendorff's alpha of values in long form.

    With c the counts of each value in a unit (m of them, m ≥ 2), the coincidences are
    O = Σ (c cᵀ − diag c) / (m − 1), their margins n, their sum N, the coincidences by chance
    E = (n nᵀ − diag n) / (N − 1), and alpha = 1 − Σ O δ² / Σ E δ². The difference δ² of two values is 1 or 0
    (nominal), the squared difference of the values (interval), or the squared difference of their mid-ranks among all
    values (ordinal), which resampled units change too.

    The interval resamples units, not single values: what was said of one unit stands or falls together. Raters are
    taken as given, so it tells how alpha would vary over other units and not over other raters.

    Args:
        units: shape (n,), any integers; equal ones belong to the same unit.
        values: shape (n,), finite; codes where the level is nominal.
        level: what differences mean.
        rng: draws the resamples.
        resamples: how many; 0 leaves the interval out.
        confidence: of the interval, between 0 and 1.

    Raises:
        ValueError: the shapes differ, or a value is not finite.

    Source: K. Krippendorff (2018), Content Analysis, 4th edition, chapter 12.

    >>> found = agreement(
    ...     np.array([1, 1, 2, 2, 3, 3]), np.array([0.0, 0, 1, 1, 0, 1]), level="nominal", rng=np.random.default_rng(1)
    ... )
    >>> round(found.alpha, 4), found.units
    (0.4444, 3)
    """
    if units.shape != values.shape or units.ndim != 1:
        raise ValueError(f"{units.shape} units and {values.shape} values; give one unit for each value")
    if not np.isfinite(values).all():
        raise ValueError("a value is not finite; leave out what was not said")
    rows, kept = _pairable(units, values)
    if len(kept) == 0:
        return Agreement(None, None, None, 0, 0)
    sums = _moments(rows, kept) if level == "interval" else _coincidences(rows, kept, level)
    unit_count = int(rows[-1]) + 1
    alpha = sums.alpha(sums.times[None, :])[0]
    if np.isnan(alpha):
        return Agreement(None, None, None, unit_count, len(kept))
    low, high = _interval(sums, unit_count, rng, resamples, confidence)
    return Agreement(float(alpha), low, high, unit_count, len(kept))


def _pairable(units: Ints, values: Floats) -> tuple[Ints, Floats]:
    """Values of units that have at least two, with their units numbered from 0 in order."""
    _names, rows, counts = np.unique(units, return_inverse=True, return_counts=True)
    is_kept = counts[rows] >= 2
    _again, dense = np.unique(rows[is_kept], return_inverse=True)
    order = np.argsort(dense, kind="stable")
    return dense[order].astype(np.int64), values[is_kept][order].astype(np.float64)


@dataclass(frozen=True)
class _Moments:
    """Units by their number of values, sum, sum of squares and disagreement; equal rows are one with `times`."""

    rows: Floats  # (patterns, 4)
    times: Ints  # (patterns,)

    def alpha(self, times: Ints) -> Floats:
        """Alpha for each row of `times`, shape (resamples, patterns); NaN where undefined."""
        count, first, second, observed = (times @ self.rows).T
        expected = 2 * (count * second - first**2) / (count - 1)
        return _one_minus(observed, expected)


def _moments(rows: Ints, values: Floats) -> _Moments:
    # Differences do not change when all values are moved; squares of large numbers would lose digits.
    moved = values - values.mean()
    count = np.bincount(rows).astype(float)
    first, second = np.bincount(rows, moved), np.bincount(rows, moved**2)
    observed = 2 * (count * second - first**2) / (count - 1)
    patterns, times = np.unique(np.stack([count, first, second, observed], axis=1), axis=0, return_counts=True)
    return _Moments(patterns, times)


@dataclass(frozen=True)
class _Coincidences:
    """Units by how often each value was given; equal rows are one with `times`."""

    counts: Floats  # (patterns, V)
    times: Ints  # (patterns,)
    is_ordinal: bool

    def alpha(self, times: Ints) -> Floats:
        """Alpha for each row of `times`, shape (resamples, patterns); NaN where undefined."""
        found = self._coincidences(times)  # (resamples, V, V)
        margins = found.sum(axis=2)  # (resamples, V)
        total = margins.sum(axis=1)[:, None, None]
        chance = margins[:, :, None] * margins[:, None, :]
        chance[:, np.arange(margins.shape[1]), np.arange(margins.shape[1])] -= margins
        apart = self._difference(margins)
        return _one_minus((found * apart).sum(axis=(1, 2)), (chance / (total - 1) * apart).sum(axis=(1, 2)))

    def _coincidences(self, times: Ints) -> Floats:
        size = self.counts.shape[1]
        found = np.zeros((len(times), size * size))
        for part in _slices(len(self.counts), max(1, _BLOCK // (size * size))):
            c = self.counts[part]
            both = c[:, :, None] * c[:, None, :]
            both[:, np.arange(size), np.arange(size)] -= c
            weighed = both.reshape(len(c), -1) / (c.sum(axis=1, keepdims=True) - 1)
            found += times[:, part] @ weighed
        return found.reshape(len(times), size, size)

    def _difference(self, margins: Floats) -> Floats:
        """δ² between each two values, for each resample: shape (resamples or 1, V, V)."""
        size = margins.shape[1]
        if not self.is_ordinal:
            return (1 - np.eye(size))[None]
        middle = np.cumsum(margins, axis=1) - margins / 2
        return (middle[:, :, None] - middle[:, None, :]) ** 2


def _coincidences(rows: Ints, values: Floats, level: Level) -> _Coincidences:
    names, codes = np.unique(values, return_inverse=True)
    table = np.bincount(rows * len(names) + codes, minlength=(int(rows[-1]) + 1) * len(names))
    patterns, times = np.unique(table.reshape(-1, len(names)).astype(np.int32), axis=0, return_counts=True)
    return _Coincidences(patterns.astype(np.float64), times, level == "ordinal")


def _one_minus(observed: Floats, expected: Floats) -> Floats:
    # Rounding leaves a little of what is zero on paper; no true value is that small beside one disagreement.
    is_defined = expected > 1e-12 * np.maximum(1.0, np.abs(observed))
    return np.where(is_defined, 1 - observed / np.where(is_defined, expected, 1.0), np.nan)


def _interval(
    sums: _Moments | _Coincidences, unit_count: int, rng: np.random.Generator, resamples: int, confidence: float
) -> tuple[float | None, float | None]:
    """Percentiles over resampled units.

    Units with equal counts are interchangeable, so a resample of a million units is one draw from a multinomial over
    the few kinds of units there are.
    """
    if resamples == 0 or unit_count < 2:
        return None, None
    probabilities = sums.times / unit_count
    drawn = [
        sums.alpha(rng.multinomial(unit_count, probabilities, size=part.stop - part.start))
        for part in _slices(resamples, max(1, _BLOCK // len(sums.times)))
    ]
    alphas = np.concatenate(drawn)
    # A resample in which everybody said the same has no alpha; leaving it out keeps the others as they are.
    alphas = alphas[~np.isnan(alphas)]
    if len(alphas) == 0:
        return None, None
    tail = (1 - confidence) / 2
    low, high = np.quantile(alphas, [tail, 1 - tail])
    return float(low), float(high)


def _slices(length: int, size: int) -> Iterator[slice]:
    for start in range(0, length, size):
        yield slice(start, min(start + size, length))
