"""Means of votes with intervals that know that votes on one prompt stand and fall together. Plain code."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t

Floats: TypeAlias = NDArray[np.float64]
Ints: TypeAlias = NDArray[np.int64]

CONFIDENCE = 0.95
# Of a variance that is zero on paper, rounding leaves this much.
_NOTHING = 1e-15


@dataclass(frozen=True)
class Estimate:
    """A mean credit, 0 to 1, with its interval.

    Args:
        value: the mean over the votes.
        low, high: the interval; None where all votes are on one prompt, which says nothing about other prompts.
        votes: how many were counted.
        prompts: how many prompts they are on.
    """

    value: float
    low: float | None
    high: float | None
    votes: int
    prompts: int


@dataclass(frozen=True)
class Difference:
    """The first mean less the second on the same votes, −1 to 1, with its interval and the p value of no difference."""

    value: float
    low: float | None
    high: float | None
    p: float | None


def clustered(credit: Floats, prompt: Ints, confidence: float = CONFIDENCE) -> Estimate | None:
    """The mean credit of votes with an interval clustered by prompt.

    Args:
        credit: shape (n,), each 0 to 1; NaN for a vote that does not count.
        prompt: shape (n,), whole numbers from 0; equal ones are the same prompt.
        confidence: of the interval, between 0 and 1.

    Returns:
        See `from_sums`; None without a vote that counts.

    >>> found = clustered(np.array([1.0, 1, 1, 0]), np.array([0, 0, 1, 1]))
    >>> found.value, found.votes, found.prompts
    (0.75, 4, 2)
    """
    is_counted = ~np.isnan(credit)
    kept, where = credit[is_counted], prompt[is_counted]
    return from_sums(np.bincount(where, kept).astype(np.float64), np.bincount(where).astype(np.float64), confidence)


def from_sums(sums: Floats, counts: Floats, confidence: float = CONFIDENCE) -> Estimate | None:
    """The mean and its interval from what each prompt adds.

    With S_g the credits of prompt g, c_g its votes, n = Σ c_g and p = Σ S_g / n, the variance of p is
    G / (G − 1) · Σ (S_g − p c_g)² / n², that of a ratio with prompts as the units that were drawn. The interval is
    Wilson's with the number of votes replaced by the effective number p (1 − p) / variance, at most n, and the
    quantile of Student's t with G − 1 degrees of freedom. For p of 0 or 1, where the variance is 0, each prompt counts
    as one vote. Where no prompt has two votes the votes are independent and this is Wilson's own interval.

    Args:
        sums: shape (prompts,), credits added up.
        counts: shape (prompts,), votes; prompts with none are left out.
        confidence: of the interval, between 0 and 1.

    Returns:
        None without a vote; no interval with fewer than two prompts.

    Source: variance: W. G. Cochran (1977), Sampling Techniques, chapter 6 (ratio of two totals); interval: N. Dean,
    M. Pagano (2015), Evaluating confidence interval methods for binomial proportions in clustered surveys, Journal of
    Survey Statistics and Methodology 3.
    """
    is_used = counts > 0
    sums, counts = sums[is_used], counts[is_used]
    groups, votes = len(counts), float(counts.sum())
    if groups == 0:
        return None
    mean = min(max(float(sums.sum() / votes), 0.0), 1.0)
    if groups == 1:
        return Estimate(mean, None, None, int(votes), 1)
    low, high = _wilson(mean, *_effective(mean, sums, counts, confidence))
    return Estimate(mean, low, high, int(votes), groups)


def _effective(mean: float, sums: Floats, counts: Floats, confidence: float) -> tuple[float, float]:
    """How many independent votes these are worth, and the quantile that goes with it."""
    groups, votes = len(counts), float(counts.sum())
    tail = (1 + confidence) / 2
    if counts.max() == 1:
        return votes, float(t.ppf(tail, math.inf))
    quantile = float(t.ppf(tail, groups - 1))
    if mean in (0.0, 1.0):
        return float(groups), quantile
    variance = groups / (groups - 1) * float(((sums - mean * counts) ** 2).sum()) / votes**2
    return (votes if variance < _NOTHING else min(votes, mean * (1 - mean) / variance)), quantile


def _wilson(mean: float, n: float, quantile: float) -> tuple[float, float]:
    square = quantile * quantile
    middle = (mean + square / (2 * n)) / (1 + square / n)
    half = quantile / (1 + square / n) * math.sqrt(mean * (1 - mean) / n + square / (4 * n * n))
    # At the ends the formula is exact on paper and off by a rounding error here.
    low = 0.0 if mean == 0 else max(0.0, middle - half)
    high = 1.0 if mean == 1 else min(1.0, middle + half)
    return low, high


def difference(first: Floats, second: Floats, prompt: Ints, confidence: float = CONFIDENCE) -> Difference | None:
    """The mean of first − second over votes that count for both, clustered by prompt.

    The variance is that of `from_sums` for the differences; interval and p value are Student's with G − 1 degrees of
    freedom, so unlike McNemar's test they do not take votes on one prompt for independent.

    Args:
        first, second: shape (n,), credits of the same votes, 0 to 1; NaN where one does not count.
        prompt: shape (n,), whole numbers from 0.

    Returns:
        None without a common vote; no interval and no p value with fewer than two prompts, or where the two never
        differ in a way that varies (0/0).
    """
    apart = first - second
    is_counted = ~np.isnan(apart)
    kept, where = apart[is_counted], prompt[is_counted]
    if len(kept) == 0:
        return None
    sums, counts = np.bincount(where, kept), np.bincount(where).astype(float)
    sums, counts = sums[counts > 0], counts[counts > 0]
    mean, groups = float(kept.mean()), len(counts)
    if groups == 1:
        return Difference(mean, None, None, None)
    error = math.sqrt(groups / (groups - 1) * float(((sums - mean * counts) ** 2).sum())) / len(kept)
    if error < _NOTHING:
        return Difference(mean, None, None, None)
    half = error * float(t.ppf((1 + confidence) / 2, groups - 1))
    p = 2 * float(t.sf(abs(mean) / error, groups - 1))
    return Difference(mean, max(-1.0, mean - half), min(1.0, mean + half), p)
