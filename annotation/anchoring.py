"""What drafts save and how far they lead: time, acceptance, anchoring. Plain code.

Every item with a draft is shown with it or, by lot, without it (the blind control), so the two groups differ by chance
alone and their difference is the effect of the draft.

- *Time saved*: median seconds without less median seconds with, and the percentile bootstrap of that difference.
- *Accepted*: the share of answers given with the draft in view that left it as it was, with Wilson's interval.
- *Anchoring*: the share that agrees with the draft when shown, less the share that agrees when blind, with Newcombe's
  interval. Told apart by whether the draft was right, where that is known: pulled towards a right draft is help,
  towards a wrong one harm.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from curation.reliability.shares import CONFIDENCE, Share, wilson

RESAMPLES = 2000
# Resamples drawn at once: bounds the memory for batches of a hundred thousand answers.
_AT_ONCE = 50


@dataclass(frozen=True)
class Seen:
    """One first answer to an item that has a draft.

    Args:
        shown: the draft was in view; otherwise it was withheld on purpose.
        agrees: the answer says what the draft says.
        seconds: how long it took; None where that is not known.
        is_right: whether the draft itself is right; None where nobody knows.
    """

    shown: bool
    agrees: bool
    seconds: float | None = None
    is_right: bool | None = None


@dataclass(frozen=True)
class Difference:
    """A difference and its interval, in the unit of what was compared."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Times:
    """Seconds an item, with the draft and without. `saved` is None where either group is empty."""

    count_with: int
    count_without: int
    median_with: float | None
    median_without: float | None
    saved: Difference | None


@dataclass(frozen=True)
class Anchoring:
    """How often people agree with the draft, in view and blind. `effect` is None where either group is empty."""

    shown: Share | None
    blind: Share | None
    effect: Difference | None


@dataclass(frozen=True)
class Report:
    """Everything about the drafts of one batch. `on_right` and `on_wrong` split `anchoring` by the draft itself."""

    times: Times
    accepted: Share | None
    anchoring: Anchoring
    on_right: Anchoring
    on_wrong: Anchoring


def report(seen: Sequence[Seen], *, seed: int) -> Report:
    """What these answers tell about their drafts.

    Args:
        seen: independent answers, one an item and person.
        seed: of the bootstrap, so that the same answers give the same interval.
    """
    shown = [one for one in seen if one.shown]
    return Report(
        times=times(seen, np.random.default_rng(seed)),
        accepted=wilson(sum(one.agrees for one in shown), len(shown)),
        anchoring=anchoring(seen),
        on_right=anchoring([one for one in seen if one.is_right is True]),
        on_wrong=anchoring([one for one in seen if one.is_right is False]),
    )


def times(seen: Sequence[Seen], generator: np.random.Generator) -> Times:
    """Medians with and without the draft, and what the draft saves."""
    with_draft = np.array([one.seconds for one in seen if one.shown and one.seconds is not None], dtype=float)
    without = np.array([one.seconds for one in seen if not one.shown and one.seconds is not None], dtype=float)
    saved = None
    if len(with_draft) and len(without):
        saved = median_difference(without, with_draft, generator=generator)
    return Times(len(with_draft), len(without), _median(with_draft), _median(without), saved)


def _median(values: NDArray[np.float64]) -> float | None:
    return float(np.median(values)) if len(values) else None


def median_difference(
    one: NDArray[np.float64],
    other: NDArray[np.float64],
    *,
    generator: np.random.Generator,
    resamples: int = RESAMPLES,
    confidence: float = CONFIDENCE,
) -> Difference:
    """The median of one group less the median of another, with a bootstrap interval.

    Percentile bootstrap: each group is drawn anew with replacement and the ends are quantiles of the differences. The
    median of answering times is used because a single pause would move a mean.

    Args:
        one, other: seconds, shape (n,) and (m,), neither empty.
        generator: draws the resamples.
        resamples: how many; 2,000 leave the ends uncertain by about a fiftieth of the interval.
        confidence: between 0 and 1.

    Returns:
        The difference in seconds and its interval.

    Raises:
        ValueError: a group is empty.

    Source: B. Efron, R. Tibshirani (1993), An Introduction to the Bootstrap, chapter 13.
    """
    if not len(one) or not len(other):
        raise ValueError("a median needs at least one value in each group")
    differences = _medians(one, resamples, generator) - _medians(other, resamples, generator)
    low, high = np.quantile(differences, [(1 - confidence) / 2, (1 + confidence) / 2])
    return Difference(float(np.median(one) - np.median(other)), float(low), float(high))


def _medians(values: NDArray[np.float64], resamples: int, generator: np.random.Generator) -> NDArray[np.float64]:
    drawn = []
    for start in range(0, resamples, _AT_ONCE):
        rows = min(_AT_ONCE, resamples - start)
        places = generator.integers(0, len(values), size=(rows, len(values)))  # (rows, n)
        drawn.append(np.median(values[places], axis=1))
    return np.concatenate(drawn)


def anchoring(seen: Sequence[Seen]) -> Anchoring:
    """How much more often people agree with a draft that they see."""
    shown = [one.agrees for one in seen if one.shown]
    blind = [one.agrees for one in seen if not one.shown]
    effect = None
    if shown and blind:
        effect = share_difference(sum(shown), len(shown), sum(blind), len(blind))
    return Anchoring(wilson(sum(shown), len(shown)), wilson(sum(blind), len(blind)), effect)


def share_difference(
    count: int, of: int, other_count: int, other_of: int, confidence: float = CONFIDENCE
) -> Difference:
    """The difference of two independent shares with Newcombe's hybrid score interval.

    It combines the two Wilson intervals, so it never leaves [-1, 1] and keeps a width where both shares are 0 or 1:
    low = d - sqrt((p - l)² + (u' - p')²), high = d + sqrt((u - p)² + (p' - l')²), with d = p - p'.

    Args:
        count, of: successes and trials of the first group.
        other_count, other_of: of the second group.
        confidence: between 0 and 1.

    Returns:
        The first share less the second, between -1 and 1, and its interval.

    Raises:
        ValueError: a group has no trial, or a count lies outside it.

    Source: R. G. Newcombe (1998), Interval estimation for the difference between independent proportions: comparison
    of eleven methods, Statistics in Medicine 17, method 10.

    >>> found = share_difference(56, 70, 48, 80)
    >>> round(found.value, 4), round(found.low, 4), round(found.high, 4)
    (0.2, 0.0524, 0.3339)
    """
    one, other = wilson(count, of, confidence), wilson(other_count, other_of, confidence)
    if one is None or other is None:
        raise ValueError("a share needs at least one trial in each group")
    value = one.share - other.share
    below = np.hypot(one.share - one.low, other.high - other.share)
    above = np.hypot(one.high - one.share, other.share - other.low)
    return Difference(value, float(value - below), float(value + above))


# -- does an answer say what the draft says ----------------------------------------------------------------------------


def agrees(draft: dict[str, object], answer: dict[str, object]) -> bool:
    """Whether an answer leaves everything the draft proposes as it was.

    Both are the `questions` of the plain form of `annotation.answers`, over the same order of samples. What the answer
    adds (a strength, a reason, a question without a draft) does not count as a correction.
    """
    return all(key in answer and _same(said, answer[key]) for key, said in draft.items())


def _same(drafted: object, said: object) -> bool:
    if isinstance(drafted, dict) and isinstance(said, dict):
        return all(name in said and _same(value, said[name]) for name, value in drafted.items())
    if isinstance(drafted, list) and isinstance(said, list):
        return len(drafted) == len(said) and all(_same(a, b) for a, b in zip(drafted, said, strict=True))
    return drafted == said
