"""Shares with intervals, exact binomial tests, and false discoveries among many tests. Plain code."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import bdtr, bdtrc, betaincinv, ndtri

CONFIDENCE = 0.95


@dataclass(frozen=True)
class Share:
    """`count` of `of` and what is known of the probability behind them, each between 0 and 1.

    Args:
        share: count / of.
        low, high: an interval for the probability.
    """

    count: int
    of: int
    share: float
    low: float
    high: float


def wilson(count: int, of: int, confidence: float = CONFIDENCE) -> Share | None:
    """A share with Wilson's score interval.

    The interval never leaves [0, 1] and stays honest for few trials and for shares of 0 or 1, where the textbook
    interval (share ± z · standard error) has no width at all.

    Args:
        count: successes, 0 to `of`.
        of: independent trials.
        confidence: the share of such intervals that hold the true probability, between 0 and 1.

    Returns:
        The share, or None without a trial: 0/0 says nothing.

    Raises:
        ValueError: `count` is not between 0 and `of`, or the confidence not between 0 and 1.

    Source: E. B. Wilson (1927), Probable inference, the law of succession, and statistical inference, JASA 22.

    >>> found = wilson(9, 10)
    >>> round(found.low, 3), round(found.high, 3)
    (0.596, 0.982)
    """
    _check(count, of, confidence)
    if of == 0:
        return None
    z = float(ndtri((1 + confidence) / 2))
    share = count / of
    middle = (share + z * z / (2 * of)) / (1 + z * z / of)
    half = z / (1 + z * z / of) * float(np.sqrt(share * (1 - share) / of + z * z / (4 * of * of)))
    # At the ends the formula is exact on paper and off by a rounding error here.
    low = 0.0 if count == 0 else max(0.0, middle - half)
    high = 1.0 if count == of else min(1.0, middle + half)
    return Share(count, of, share, low, high)


def jeffreys(count: int, of: int, confidence: float = CONFIDENCE) -> Share | None:
    """A share with the interval of Jeffreys: equal tails of Beta(count + ½, of − count + ½).

    Narrower than Wilson's for small shares; its ends are 0 and 1 where nothing, or everything, was seen.
    Arguments, result and errors as `wilson`.

    Source: L. D. Brown, T. T. Cai, A. DasGupta (2001), Interval estimation for a binomial proportion, Statistical
    Science 16, section 4.1.2.
    """
    _check(count, of, confidence)
    if of == 0:
        return None
    tail = (1 - confidence) / 2
    low = 0.0 if count == 0 else float(betaincinv(count + 0.5, of - count + 0.5, tail))
    high = 1.0 if count == of else float(betaincinv(count + 0.5, of - count + 0.5, 1 - tail))
    return Share(count, of, count / of, low, high)


def _check(count: int, of: int, confidence: float) -> None:
    if not 0 <= count <= of:
        raise ValueError(f"{count} of {of} is no share; the count lies between 0 and the whole")
    if not 0 < confidence < 1:
        raise ValueError(f"the confidence {confidence} does not lie between 0 and 1")


def at_least(count: int, of: int, probability: float) -> float:
    """P(X ≥ count) for X ~ Binomial(of, probability); 1 for a count of 0 and for no trial."""
    return 1.0 if count <= 0 else float(bdtrc(count - 1, of, probability))


def at_most(count: int, of: int, probability: float) -> float:
    """P(X ≤ count) for X ~ Binomial(of, probability); 1 for a count of `of` and for no trial."""
    return 1.0 if count >= of else float(bdtr(count, of, probability))


def q_values(p_values: Sequence[float | None]) -> list[float | None]:
    """Benjamini and Hochberg's adjusted p values.

    Whoever raises an alarm for every q ≤ a raises at most a share `a` of false ones, on average, when the tests are
    independent or positively dependent.

    Args:
        p_values: one a test, 0 to 1; None where there was too little to test, which stays None and does not count.

    Raises:
        ValueError: a p value outside 0 to 1.

    Source: Y. Benjamini, Y. Hochberg (1995), Controlling the false discovery rate, JRSS B 57.

    >>> q_values([0.01, 0.02, None, 0.9])
    [0.03, 0.03, None, 0.9]
    """
    tested = [place for place, p in enumerate(p_values) if p is not None]
    p = np.array([p_values[place] for place in tested], dtype=float)
    if ((p < 0) | (p > 1)).any():
        raise ValueError(f"{p[(p < 0) | (p > 1)][0]} is no p value; it lies between 0 and 1")
    adjusted: list[float | None] = [None] * len(p_values)
    for place, value in zip(tested, _stepped_up(p), strict=True):
        adjusted[place] = float(value)
    return adjusted


def _stepped_up(p: NDArray[np.float64]) -> NDArray[np.float64]:
    """The smallest p · n / rank at or above each rank, in the order given."""
    order = np.argsort(p)
    scaled = p[order] * len(p) / np.arange(1, len(p) + 1)
    lowest = np.minimum(np.minimum.accumulate(scaled[::-1])[::-1], 1.0)
    adjusted = np.empty_like(lowest)
    adjusted[order] = lowest
    return adjusted
