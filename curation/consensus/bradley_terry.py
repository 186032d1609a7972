"""Strengths of the samples of many prompts from comparisons, with their uncertainty: Bradley-Terry. Plain code."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit, ndtr

from curation.consensus.newton import Bools, Edges, Floats, Ints, Prior, climb

CHUNK = 20_000


@dataclass(frozen=True)
class Votes:
    """Comparisons in long form, one entry a vote; `Votes.of` fills in what is usual.

    Args:
        group: shape (V,), the prompt, 0 to G − 1.
        left, right: shape (V,), the two items compared, 0 to n − 1 inside the group, different.
        outcome: shape (V,), 1 where left won, 0 where right won, ½ for a tie; anything between is a soft vote.
        weight: shape (V,), how many votes this one counts for, at least 0.
        slope: shape (V,), how closely the rater follows the strengths, at least 0; 1 is an ordinary rater, 0 noise.
        bias: shape (V,), logits by which the rater leans to the left.

    Raises:
        ValueError: shapes differ, an item is compared with itself, or a number is out of its range or not finite.
    """

    group: Ints
    left: Ints
    right: Ints
    outcome: Floats
    weight: Floats
    slope: Floats
    bias: Floats

    @classmethod
    def of(
        cls,
        group: ArrayLike,
        left: ArrayLike,
        right: ArrayLike,
        outcome: ArrayLike,
        *,
        weight: ArrayLike | None = None,
        slope: ArrayLike | None = None,
        bias: ArrayLike | None = None,
    ) -> Votes:
        """Votes from anything like arrays: weight and slope 1, bias 0 where they are left out."""
        rows = _integers(group, "group")
        return cls(
            rows,
            _integers(left, "left"),
            _integers(right, "right"),
            np.asarray(outcome, dtype=np.float64),
            np.ones(len(rows)) if weight is None else np.asarray(weight, dtype=np.float64),
            np.ones(len(rows)) if slope is None else np.asarray(slope, dtype=np.float64),
            np.zeros(len(rows)) if bias is None else np.asarray(bias, dtype=np.float64),
        )

    def __post_init__(self) -> None:
        columns = (self.group, self.left, self.right, self.outcome, self.weight, self.slope, self.bias)
        if any(column.shape != (len(self.group),) for column in columns):
            raise ValueError(f"columns of shapes {[column.shape for column in columns]}; give one entry for each vote")
        _refuse(self.left == self.right, "compares an item with itself")
        _refuse(~((self.outcome >= 0) & (self.outcome <= 1)), "has an outcome that is not between 0 and 1")
        _refuse(~(np.isfinite(self.weight) & (self.weight >= 0)), "has a weight that is not a number of at least 0")
        _refuse(~(np.isfinite(self.slope) & (self.slope >= 0)), "has a slope that is not a number of at least 0")
        _refuse(~np.isfinite(self.bias), "has a bias that is not a finite number")

    def __len__(self) -> int:
        return len(self.group)

    @property
    def edges(self) -> Edges:
        return Edges(self.group, self.left, self.right)

    def take(self, kept: Bools | Ints | slice) -> Votes:
        """Some of the votes. They were checked already, so this costs only the copy."""
        part = object.__new__(Votes)
        for name in Votes.__dataclass_fields__:
            object.__setattr__(part, name, getattr(self, name)[kept])
        return part

    def check_range(self, *, groups: int, items: int) -> None:
        """Raises ValueError where a vote names a group or item that is not there."""
        _refuse((self.group < 0) | (self.group >= groups), f"names a group that is not 0 to {groups - 1}")
        for side in (self.left, self.right):
            _refuse((side < 0) | (side >= items), f"names an item that is not 0 to {items - 1}")


@dataclass(frozen=True)
class GaussianTerm:
    """Evidence about strengths that is Gaussian: linearᵀ θ − ½ θᵀ precision θ in each group, e.g. ratings.

    Args:
        precision: shape (G, n, n), symmetric and positive semidefinite.
        linear: shape (G, n).
    """

    precision: Floats
    linear: Floats


@dataclass(frozen=True)
class Fit:
    """Strengths in logits and the Gaussian around them.

    Args:
        strength: shape (G, n), the most probable ones; only differences inside a group mean anything to a vote.
        covariance: shape (G, n, n).
    """

    strength: Floats
    covariance: Floats

    def difference(self, group: ArrayLike, i: ArrayLike, j: ArrayLike) -> tuple[Floats, Floats]:
        """Mean and variance of θ_i − θ_j; groups and items broadcast against each other."""
        g, a, b = np.asarray(group), np.asarray(i), np.asarray(j)
        mean = self.strength[g, a] - self.strength[g, b]
        variance = self.covariance[g, a, a] + self.covariance[g, b, b] - 2 * self.covariance[g, a, b]
        return mean, np.maximum(variance, 0.0)

    def exceeds(self, group: ArrayLike, i: ArrayLike, j: ArrayLike, *, by: float = 0.0) -> Floats:
        """P(θ_i − θ_j > by): how sure it is that i is better than j, by more than so many logits."""
        mean, variance = self.difference(group, i, j)
        return probability_above(mean, variance, by=by)

    def probability(self, group: ArrayLike, i: ArrayLike, j: ArrayLike) -> Floats:
        """P(the next vote prefers i to j) of an ordinary rater without bias, the uncertainty included."""
        mean, variance = self.difference(group, i, j)
        return vote_probability(mean, variance)


def probability_above(mean: Floats, variance: Floats, *, by: float = 0.0) -> Floats:
    """P(x > by) for x ~ N(mean, variance); where the variance is 0, 1 above, 0 below and ½ at `by` itself."""
    spread = np.sqrt(variance)
    off = np.asarray(mean - by, dtype=np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        z = np.where(spread > 0, off / spread, np.where(off == 0, 0.0, np.copysign(np.inf, off)))
    found: Floats = ndtr(z)
    return found


def vote_probability(mean: Floats, variance: Floats) -> Floats:
    """The mean of σ(x) for x ~ N(mean, variance), by σ(mean / √(1 + π variance / 8)); off by at most 0.02.

    Source: D. MacKay (1992), The evidence framework applied to classification networks, Neural Computation 4.
    """
    found: Floats = expit(mean / np.sqrt(1 + math.pi * variance / 8))
    return found


def fit_groups(
    votes: Votes,
    *,
    groups: int,
    items: int,
    precision: float | NDArray[np.float64],
    prior_mean: Floats | None = None,
    ratings: GaussianTerm | None = None,
    chunk: int = CHUNK,
    max_steps: int = 30,
) -> Fit:
    """The most probable strengths of every group's items, and how sure they are.

    A vote goes left with probability p = σ(slope (θ_left − θ_right) + bias); a tie is half a vote each way. With
    θ ~ N(prior_mean, 1/precision) this maximises

        Σ weight (outcome log p + (1 − outcome) log(1 − p)) − ½ Σ precision (θ − prior_mean)²  (+ the ratings' term)

    which has one peak whatever the votes say: an item that always won, or was never shown, still has a strength. The
    covariance is the inverse of the negative Hessian at the peak (Laplace): probabilities from it are off by about
    0.02 at a dozen votes a group, on the cautious side.

    Args:
        votes: in any order.
        groups, items: G and n; a group with fewer items leaves the last ones without votes, and they keep the prior.
        precision: 1 / variance of the strengths in logits, above 0: one number, or shape (G, n) or (G, 1).
        prior_mean: shape (G, n), logits; 0 where it is left out.
        ratings: from `curation.consensus.ratings`.
        chunk: groups worked on at once; bounds the memory beside the result.
        max_steps: Newton steps before it gives up.

    Raises:
        ValueError: a vote, shape or precision that makes no sense.
        NotConverged: a group does not come to rest within `max_steps`.

    Source: R. Bradley and M. Terry (1952), Biometrika 39; F. Caron and A. Doucet (2012), Efficient Bayesian inference
    for generalized Bradley-Terry models, for the prior.

    >>> fit = fit_groups(Votes.of([0, 0], [0, 1], [1, 0], [1, 0]), groups=1, items=2, precision=1.0)
    >>> fit.strength.round(4).tolist(), round(float(fit.exceeds(0, 0, 1)), 3)
    ([[0.5213, -0.5213]], 0.837)
    """
    votes.check_range(groups=groups, items=items)
    prior = make_prior(groups=groups, items=items, precision=precision, mean=prior_mean, ratings=ratings)
    strength, covariance = np.empty((groups, items)), np.empty((groups, items, items))
    for rows, part in chunks(votes, groups=groups, chunk=chunk):
        own = prior.take(rows)
        peak = climb(part.edges, Logistic(part), own, start=own.mean, max_steps=max_steps)
        strength[rows], covariance[rows] = peak.strength, np.linalg.inv(peak.information)
    return Fit(strength, covariance)


@dataclass(frozen=True)
class Logistic:
    """P(left) = σ(slope · d + bias)."""

    votes: Votes

    def moments(self, difference: Floats) -> tuple[Floats, Floats]:
        v = self.votes
        p = expit(v.slope * difference + v.bias)
        pull = v.weight * v.slope
        return pull * (v.outcome - p), pull * v.slope * p * (1 - p)

    def steepness(self) -> tuple[Floats, Floats]:
        return self.votes.slope, self.votes.weight * self.votes.slope

    def take(self, kept: Bools | slice) -> Logistic:
        return Logistic(self.votes.take(kept))


def make_prior(
    *,
    groups: int,
    items: int,
    precision: float | NDArray[np.float64],
    mean: Floats | None,
    ratings: GaussianTerm | None = None,
) -> Prior:
    """The prior in full shape.

    Raises:
        ValueError: a shape that does not fit, a precision that is not above 0, or a number that is not finite.
    """
    given = np.asarray(precision, dtype=np.float64)
    if given.ndim == 1 or not (np.isfinite(given) & (given > 0)).all():
        raise ValueError("the precision is one number above 0, or one for each item or group: shape (G, n) or (G, 1)")
    full = np.zeros((groups, items)) if mean is None else np.asarray(mean, dtype=np.float64)
    if full.shape != (groups, items) or not np.isfinite(full).all():
        raise ValueError(f"the prior mean has shape {full.shape} or gaps; give {(groups, items)} finite numbers")
    each = np.broadcast_to(given, (groups, items))
    if ratings is None:
        return Prior(full, each)
    if ratings.linear.shape != (groups, items) or ratings.precision.shape != (groups, items, items):
        raise ValueError(f"ratings of shape {ratings.linear.shape} for {(groups, items)} strengths")
    return Prior(full, each, ratings.linear, ratings.precision)


def chunks(votes: Votes, *, groups: int, chunk: int) -> Iterator[tuple[slice, Votes]]:
    """Runs of groups with their votes, groups numbered from 0 in each."""
    number = votes.group // chunk
    if (np.diff(number) < 0).any():
        order = np.argsort(number, kind="stable")
        votes, number = votes.take(order), number[order]
    ends = np.searchsorted(number, np.arange(-(-groups // chunk) + 1))
    for place, first in enumerate(range(0, groups, chunk)):
        part = votes.take(slice(ends[place], ends[place + 1]))
        object.__setattr__(part, "group", part.group - first)
        yield slice(first, min(first + chunk, groups)), part


def _integers(values: ArrayLike, name: str) -> Ints:
    found = np.asarray(values)
    if found.size and not np.issubdtype(found.dtype, np.integer):
        raise ValueError(f"the column {name} holds {found.dtype} and not whole numbers")
    return found.astype(np.int64, copy=False)


def _refuse(is_wrong: Bools, what: str) -> None:
    if is_wrong.any():
        raise ValueError(
            f"{int(is_wrong.sum())} of {len(is_wrong)} votes; the first, number {is_wrong.argmax()}, {what}"
        )
