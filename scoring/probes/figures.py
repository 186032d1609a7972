"""Figures of what a scorer says of probes, each with an interval of 95 %. Plain mathematics over arrays.

Inputs of one prompt stand and fall together, so prompts are the units that were drawn, and every interval is clustered
by them. A figure of one prompt has no interval. Worth is the score with its sign turned where lower is better.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t

from curation.examination.intervals import CONFIDENCE, clustered

Floats: TypeAlias = NDArray[np.float64]

# Two scores that differ by less than rounding does are equal; the same bounds as for the groups of an export.
RELATIVE = 1e-9
ABSOLUTE = 1e-12
# A score this near to an end of its range, in shares of the range, lies at the end: float32 has no more digits.
AT_THE_END = 1e-6


@dataclass(frozen=True)
class Figure:
    """A number with its interval.

    Attributes:
        low, high: None where everything is of one prompt.
        count: over how many inputs (pairs, groups) it was taken.
        clusters: of how many prompts they are.
    """

    value: float
    low: float | None
    high: float | None
    count: int
    clusters: int


def equal(a: float, b: float) -> bool:
    """Whether two scores are the same but for rounding."""
    return math.isclose(a, b, rel_tol=RELATIVE, abs_tol=ABSOLUTE)


def credit(better: float, worse: float) -> float:
    """1 where the first is higher, 0 where it is lower, one half where they are equal."""
    return 0.5 if equal(better, worse) else float(better > worse)


def share(credits: Sequence[float], clusters: Sequence[int]) -> Figure | None:
    """A mean of credits, each 0 to 1, with a Wilson interval clustered by prompt (`curation.examination.intervals`).

    Returns:
        None without a credit.
    """
    if not credits:
        return None
    found = clustered(np.array(credits, np.float64), _numbered(clusters))
    assert found is not None
    return Figure(found.value, found.low, found.high, found.votes, found.prompts)


def mean(values: Sequence[float], clusters: Sequence[int]) -> Figure | None:
    """A mean of any numbers with Student's interval, prompts as the units that were drawn.

    With S_g the sum and c_g the count of prompt g, n = Σ c_g and m = Σ S_g / n, the variance of m is
    G / (G − 1) · Σ (S_g − m c_g)² / n², that of a ratio; the quantile has G − 1 degrees of freedom.

    Returns:
        None without a value.

    Source: W. G. Cochran (1977), Sampling Techniques, chapter 6.

    >>> found = mean([1.0, 3.0], [0, 1])
    >>> found.value, round(found.high, 3)
    (2.0, 14.706)
    """
    if not values:
        return None
    where = _numbered(clusters)
    sums = np.bincount(where, np.array(values, np.float64))
    counts = np.bincount(where).astype(np.float64)
    middle, groups = float(np.mean(values)), len(counts)
    if groups == 1:
        return Figure(middle, None, None, len(values), 1)
    error = math.sqrt(groups / (groups - 1) * float(((sums - middle * counts) ** 2).sum())) / len(values)
    half = error * float(t.ppf((1 + CONFIDENCE) / 2, groups - 1))
    return Figure(middle, middle - half, middle + half, len(values), groups)


def area(
    right: Sequence[float], wrong: Sequence[float], right_clusters: Sequence[int], wrong_clusters: Sequence[int]
) -> Figure | None:
    """The area under the curve: how likely a score under the right prompt is above one under a wrong prompt.

    Ties count half. The variance is Obuchowski's for clustered data: with V the placements of each score among those
    of the other kind, summed by cluster, S10, S01 and S11 are their variances and covariance between clusters, and the
    variance of the area is S10 / M + S01 / N + 2 S11 / (M N). With one score a cluster it is DeLong's. The interval is
    symmetric on the logit of the area; where the area is 0 or 1 and nothing varies, it is Wilson's with a cluster as
    one observation.

    Args:
        right, wrong: shapes (M,) and (N,).
        right_clusters, wrong_clusters: which prompt each is of.

    Returns:
        None where one kind is empty.

    Source: N. A. Obuchowski (1997), Nonparametric analysis of clustered ROC curve data, Biometrics 53.
    """
    if not right or not wrong:
        return None
    above, below = np.array(right, np.float64), np.array(wrong, np.float64)
    won = (above[:, None] > below[None, :]) + 0.5 * (above[:, None] == below[None, :])  # (M, N)
    value = float(won.mean())
    names = sorted({*right_clusters, *wrong_clusters})
    if len(names) == 1:
        return Figure(value, None, None, len(right) + len(wrong), 1)
    first = _away(won.mean(axis=1), right_clusters, names, value)
    second = _away(won.mean(axis=0), wrong_clusters, names, value)
    variance = _variance(first, second, len(right), len(wrong))
    low, high = _on_logit(value, variance, len(names))
    return Figure(value, low, high, len(right) + len(wrong), len(names))


def _away(placements: Floats, clusters: Sequence[int], names: Sequence[int], value: float) -> Floats:
    """By cluster: the sum of its placements less what they would be at the area."""
    away = np.zeros(len(names))
    for placement, cluster in zip(placements, clusters, strict=True):
        away[names.index(cluster)] += placement - value
    return away


def _variance(first: Floats, second: Floats, m: int, n: int) -> float:
    clusters = len(first)
    scale = clusters / (clusters - 1)
    own = float((first**2).sum()) / m**2 + float((second**2).sum()) / n**2
    return scale * (own + 2 * float((first * second).sum()) / (m * n))


def _on_logit(value: float, variance: float, clusters: int) -> tuple[float, float]:
    quantile = float(t.ppf((1 + CONFIDENCE) / 2, clusters - 1))
    if value in (0.0, 1.0) or variance <= 0:
        bound = share([value] * clusters, list(range(clusters)))
        assert bound is not None  # there is a cluster
        return bound.low or 0.0, 1.0 if bound.high is None else bound.high
    middle = math.log(value / (1 - value))
    half = quantile * math.sqrt(variance) / (value * (1 - value))
    return _logistic(middle - half), _logistic(middle + half)


def _logistic(x: float) -> float:
    return 1 / (1 + math.exp(-x)) if x > -700 else 0.0


# -- what is true of the samples themselves ---------------------------------------------------------------------------


def spread(values: Sequence[float]) -> float:
    """The standard deviation of the scores of real samples (n − 1), the unit of every change; 0 for fewer than two,
    and where they differ by rounding alone."""
    if len(values) < 2 or equal(min(values), max(values)):
        return 0.0
    return float(np.std(np.array(values, np.float64), ddof=1))


def is_at(end: float, value: float, width: float) -> bool:
    """Whether a score lies at an end of its declared range, which is `width` wide.

    >>> is_at(1.0, 0.9999999, 1.0), is_at(1.0, 0.99, 1.0), is_at(0.0, 3.0, 1e9)
    (True, False, False)
    """
    return math.isclose(value, end, rel_tol=AT_THE_END, abs_tol=AT_THE_END * min(width, 1.0))


def saturation(by_group: Mapping[int, Sequence[float]], low: float, high: float) -> Figure | None:
    """The share of scores at the fuller end of the range: a score of yes and no is at an end always, and tells apart
    as long as both are said."""
    rows = [(value, group) for group, values in by_group.items() for value in values]
    groups = [group for _value, group in rows]
    ends = [share([float(is_at(end, value, high - low)) for value, _group in rows], groups) for end in (low, high)]
    return max((one for one in ends if one is not None), key=lambda one: one.value, default=None)


@dataclass(frozen=True)
class Collapse:
    """How far a scorer tells the samples of one prompt apart.

    Attributes:
        groups: the share of prompts whose samples all have one score; None without a prompt of two.
        pairs: the share of pairs of samples of one prompt with equal scores.
        within: the median over prompts of the standard deviation of their scores (n), in spreads of all scores; None
            where all scores are equal.
    """

    groups: Figure | None
    pairs: Figure | None
    within: float | None


def collapse(by_group: Mapping[int, Sequence[float]]) -> Collapse:
    """Equal scores and spread within prompts; prompts of one sample say nothing and are left out."""
    several = {group: values for group, values in by_group.items() if len(values) > 1}
    flat = share([float(equal(min(values), max(values))) for values in several.values()], list(several))
    pairs = [
        (float(equal(a, b)), group) for group, values in several.items() for a, b in combinations(sorted(values), 2)
    ]
    whole = spread([value for values in by_group.values() for value in values])
    within = [float(np.std(np.array(values, np.float64))) for values in several.values()]
    return Collapse(
        groups=flat,
        pairs=share([one for one, _group in pairs], [group for _one, group in pairs]),
        within=float(np.median(within)) / whole if within and whole else None,
    )


def _numbered(clusters: Sequence[int]) -> NDArray[np.int64]:
    """The clusters numbered from 0 without gaps."""
    _names, where = np.unique(np.array(clusters), return_inverse=True)
    return where.astype(np.int64)
