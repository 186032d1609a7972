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
        families: how many families of prompts that belong together these are; None where nobody looked.
    """

    value: float
    low: float | None
    high: float | None
    votes: int
    prompts: int
    families: int | None = None


@dataclass(frozen=True)
class Difference:
    """The first mean less the second on the same votes, −1 to 1, with its interval and the p value of no difference."""

    value: float
    low: float | None
    high: float | None
    p: float | None


def clustered(
    credit: Floats, prompt: Ints, confidence: float = CONFIDENCE, *, other: Ints | None = None
) -> Estimate | None:
    """The mean credit of votes with an interval clustered by prompt.

    Args:
        credit: shape (n,), each 0 to 1; NaN for a vote that does not count.
        prompt: shape (n,), whole numbers from 0; equal ones are the same prompt.
        confidence: of the interval, between 0 and 1.
        other: shape (n,), the second prompt of votes that compare two and so hang on both; the interval is then that
            of `_of_two`, and prompts of either side are counted.

    Returns:
        See `from_sums`; None without a vote that counts.

    >>> found = clustered(np.array([1.0, 1, 1, 0]), np.array([0, 0, 1, 1]))
    >>> found.value, found.votes, found.prompts
    (0.75, 4, 2)
    """
    is_counted = ~np.isnan(credit)
    kept, where = credit[is_counted], prompt[is_counted]
    if other is not None:
        return _of_two(kept, where, other[is_counted], confidence)
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


# -- votes on two prompts ---------------------------------------------------------------------------------------------


def _of_two(credit: Floats, one: Ints, other: Ints, confidence: float) -> Estimate | None:
    """As `from_sums`, for votes that hang on two prompts each, with the variance of `variance_of_two`.

    For means of 0 or 1 each two prompts count as one vote, since no vote rests on fewer.
    """
    votes = len(credit)
    if not votes:
        return None
    groups = _touched(one, other)
    mean = min(max(float(credit.mean()), 0.0), 1.0)
    if groups == 1:
        return Estimate(mean, None, None, votes, 1)
    variance = variance_of_two(credit - mean, one, other)
    if mean in (0.0, 1.0):
        n = groups * votes / (votes + int((one != other).sum()))
    else:
        n = votes if variance < _NOTHING else min(votes, mean * (1 - mean) / variance)
    low, high = _wilson(mean, n, float(t.ppf((1 + confidence) / 2, groups - 1)))
    return Estimate(mean, low, high, votes, groups)


def variance_of_two(residual: Floats, one: Ints, other: Ints) -> float:
    """The variance of a mean of votes that hang on two prompts each: any two that share a prompt go together.

    With S_g the residuals of the votes that touch prompt g, added up, and D_c those on the same two prompts, it is
    G / (G − 1) · (Σ S_g² − Σ D_c²) / n²: what is on the same two prompts stands in two of the S_g and counts once. It
    is never taken to be less than with the prompts of either side alone.

    Args:
        residual: shape (n,), credits less their mean.
        one, other: shape (n,), whole numbers from 0; the two may be the same.

    >>> variance_of_two(np.array([0.5, 0.5, -0.5, -0.5]), np.array([0, 1, 3, 4]), np.array([1, 2, 4, 5]))
    0.15

    Source: P. M. Aronow, C. Samii, V. A. Assenova (2015), Cluster-robust variance estimation for dyadic data,
    Political Analysis 23; the factor is that of `from_sums`.
    """
    is_apart, size = one != other, int(max(one.max(), other.max())) + 1
    sides = [np.bincount(one, residual, size), np.bincount(other, residual, size)]
    touching = sides[0] + np.bincount(other[is_apart], residual[is_apart], size)
    low, high = np.minimum(one, other)[is_apart], np.maximum(one, other)[is_apart]
    couple = np.unique(low * size + high, return_inverse=True)[1]
    both = np.bincount(couple, residual[is_apart])
    squares = max(float((touching**2).sum() - (both**2).sum()), *(float((side**2).sum()) for side in sides))
    groups = _touched(one, other)
    return groups / (groups - 1) * squares / len(residual) ** 2


def _touched(one: Ints, other: Ints) -> int:
    """How many prompts any vote is on."""
    size = int(max(one.max(), other.max())) + 1
    return int(np.count_nonzero(np.bincount(one, minlength=size) + np.bincount(other, minlength=size)))


# -- two on the same votes --------------------------------------------------------------------------------------------


def difference(
    first: Floats, second: Floats, prompt: Ints, confidence: float = CONFIDENCE, *, other: Ints | None = None
) -> Difference | None:
    """The mean of first − second over votes that count for both, clustered by prompt.

    The variance is that of `from_sums` for the differences; interval and p value are Student's with G − 1 degrees of
    freedom, so unlike McNemar's test they do not take votes on one prompt for independent.

    Args:
        first, second: shape (n,), credits of the same votes, 0 to 1; NaN where one does not count.
        prompt: shape (n,), whole numbers from 0.
        other: as `clustered` takes it; the variance is then that of `variance_of_two`.

    Returns:
        None without a common vote; no interval and no p value with fewer than two prompts, or where the two never
        differ in a way that varies (0/0).
    """
    apart = first - second
    is_counted = ~np.isnan(apart)
    kept, where = apart[is_counted], prompt[is_counted]
    if len(kept) == 0:
        return None
    mean = float(kept.mean())
    ends = where if other is None else other[is_counted]
    groups = _touched(where, ends)
    if groups == 1:
        return Difference(mean, None, None, None)
    error = math.sqrt(variance_of_two(kept - mean, where, ends))
    if error < _NOTHING:
        return Difference(mean, None, None, None)
    half = error * float(t.ppf((1 + confidence) / 2, groups - 1))
    p = 2 * float(t.sf(abs(mean) / error, groups - 1))
    return Difference(mean, max(-1.0, mean - half), min(1.0, mean + half), p)
