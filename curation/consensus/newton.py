"""Newton's method for many small concave problems at once: strengths of the items of each group. Plain code."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from curation.consensus.errors import NotConverged

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

# Strengths are right to about this many logits when the climb ends.
EXACT = 1e-9
# What sums of rounded numbers cannot resolve, as a share of their size.
ROUNDING = 1e-13
# A step that starts far out in a flat tail would overshoot: at first none moves an item by more logits than this.
LONGEST_STEP = 2.0
# Bounded steps are fast and can circle when raters are steep; later steps are of the length that provably arrives.
BOUNDED_STEPS = 10


class Likelihood(Protocol):
    """How probable the votes are, as a concave function of the difference d = θ_left − θ_right of each."""

    def moments(self, difference: Floats) -> tuple[Floats, Floats]:
        """First derivative in d and negated second derivative of the log-likelihood of each vote, shapes (V,)."""
        ...

    def steepness(self) -> tuple[Floats, Floats]:
        """Of each vote: a bound of |third derivative| / second, and of the first derivative. Shapes (V,)."""
        ...

    def take(self, kept: Bools | slice) -> Likelihood: ...


@dataclass(frozen=True)
class Edges:
    """Which two items of which group each vote compares, shapes (V,)."""

    group: Ints
    left: Ints
    right: Ints

    def take(self, kept: Bools | slice) -> Edges:
        return Edges(self.group[kept], self.left[kept], self.right[kept])


@dataclass(frozen=True)
class Prior:
    """What is believed before the votes: θ ~ N(mean, 1 / precision), and Gaussian evidence such as ratings.

    The log density is −½ Σ precision (θ − mean)² + linearᵀ θ − ½ θᵀ quadratic θ.

    Args:
        mean, precision: shape (G, n); precision above 0.
        linear: shape (G, n), or None for none.
        quadratic: shape (G, n, n), positive semidefinite, or None for none.
    """

    mean: Floats
    precision: Floats
    linear: Floats | None = None
    quadratic: Floats | None = None

    def take(self, kept: Bools | slice) -> Prior:
        return Prior(
            self.mean[kept],
            self.precision[kept],
            None if self.linear is None else self.linear[kept],
            None if self.quadratic is None else self.quadratic[kept],
        )

    def gradient(self, strength: Floats) -> Floats:
        found = self.precision * (self.mean - strength)
        if self.linear is not None:
            found += self.linear
        if self.quadratic is not None:
            found -= (self.quadratic @ strength[:, :, None])[:, :, 0]
        return found

    def size(self) -> Floats:
        """Of each group, how large the terms are whose sum the gradient is, shape (G,)."""
        found = (self.precision * (1 + np.abs(self.mean))).max(axis=1)
        if self.linear is not None:
            found += np.abs(self.linear).max(axis=1)
        if self.quadratic is not None:
            found += np.abs(self.quadratic).max(axis=(1, 2))
        return found


@dataclass(frozen=True)
class Peak:
    """Where the log posterior is highest.

    Args:
        strength: shape (G, n).
        information: shape (G, n, n), the negative Hessian there.
    """

    strength: Floats
    information: Floats


def climb(
    edges: Edges, likelihood: Likelihood, prior: Prior, *, start: Floats, max_steps: int, must_arrive: bool = True
) -> Peak:
    """The most probable strengths of every group.

    A group is done when its gradient is below 1e-9 of its smallest prior precision: the function is at least that
    concave, so its strengths are within about 1e-9 of the peak (where the precision is tiny beside the votes, within
    what rounding lets see). The first ten steps are Newton's, no item moving by more than 2 logits; groups that still
    move get Newton steps times ln(1 + m)/m, m the largest third-derivative bound along the step, which always arrive.

    Args:
        edges: V votes on G groups of n items.
        likelihood: of these votes.
        prior: of these groups.
        start: shape (G, n).
        max_steps: how many Newton steps at most.
        must_arrive: False returns wherever `max_steps` led.

    Raises:
        NotConverged: a group still moves after `max_steps`.

    Source: T. Sun and Q. Tran-Dinh (2019), Generalized self-concordant functions, Mathematical Programming 178, for
    the length of the later steps (case ν = 2).
    """
    groups = len(start)
    strength, information = start.copy(), np.empty((*start.shape, start.shape[1]))
    places = np.arange(groups)
    floor, steep = _floor(edges, likelihood, prior), _steepest(edges, likelihood, groups)
    part = _Part(edges, likelihood, prior)
    for step in range(max_steps + 1):
        gradient, part_information = part.derivatives(strength[places])
        is_moving = np.abs(gradient).max(axis=1, initial=0.0) > floor[places]
        information[places] = part_information
        if not is_moving.any() or (step == max_steps and not must_arrive):
            return Peak(strength, information)
        if step == max_steps:
            raise NotConverged(_why(is_moving.sum(), groups, places[is_moving], max_steps))
        if 2 * is_moving.sum() < len(places):
            part, places = part.take(is_moving), places[is_moving]
            gradient, part_information = gradient[is_moving], part_information[is_moving]
        change: Floats = np.linalg.solve(part_information, gradient[:, :, None])[:, :, 0].astype(np.float64, copy=False)
        strength[places] += change * _length(change, steep[places], step)[:, None]
    raise AssertionError("the last step returns or raises")


@dataclass(frozen=True)
class _Part:
    """The groups that still move, and their votes with groups numbered anew."""

    edges: Edges
    likelihood: Likelihood
    prior: Prior

    def derivatives(self, strength: Floats) -> tuple[Floats, Floats]:
        """Gradient (G, n) and negative Hessian (G, n, n) of the log posterior."""
        groups, items = strength.shape
        left, right = self.edges.group * items + self.edges.left, self.edges.group * items + self.edges.right
        flat = strength.ravel()
        slope, curve = self.likelihood.moments(flat[left] - flat[right])
        pair = left * items + self.edges.right
        pushes = _summed(pair, slope, groups, items)
        # A product with ones adds up short rows several times as fast as a sum does.
        ones, diagonal = np.ones(items), np.arange(items)
        gradient = pushes @ ones - pushes.sum(axis=1) + self.prior.gradient(strength)
        bonds = _summed(pair, curve, groups, items)
        information = -(bonds + bonds.transpose(0, 2, 1))
        information[:, diagonal, diagonal] = self.prior.precision - information @ ones
        if self.prior.quadratic is not None:
            information += self.prior.quadratic
        return gradient, information

    def take(self, kept: Bools) -> _Part:
        has_kept = kept[self.edges.group]
        edges = self.edges.take(has_kept)
        numbers = np.cumsum(kept) - 1
        return _Part(
            Edges(numbers[edges.group], edges.left, edges.right),
            self.likelihood.take(has_kept),
            self.prior.take(kept),
        )


def _summed(pair: Ints, values: Floats, groups: int, items: int) -> Floats:
    """Values added up by (left, right) of each group, shape (G, n, n)."""
    found = np.bincount(pair, values, minlength=groups * items * items).astype(np.float64, copy=False)
    return found.reshape(groups, items, items)


def _floor(edges: Edges, likelihood: Likelihood, prior: Prior) -> Floats:
    """Gradients below this count as 0, shape (G,)."""
    _third, first = likelihood.steepness()
    size = prior.size() + np.bincount(edges.group, first, minlength=len(prior.mean))
    return np.maximum(EXACT * prior.precision.min(axis=1), ROUNDING * size)


def _steepest(edges: Edges, likelihood: Likelihood, groups: int) -> Floats:
    third, _first = likelihood.steepness()
    found = np.zeros(groups)
    np.maximum.at(found, edges.group, third)
    return found


def _length(change: Floats, steep: Floats, step: int) -> Floats:
    """By how much each group's Newton step is shortened, shape (G,)."""
    longest = np.abs(change).max(axis=1)
    if step < BOUNDED_STEPS:
        bounded: Floats = np.minimum(1.0, LONGEST_STEP / np.maximum(longest, 1e-300))
        return bounded
    m = steep * (change.max(axis=1) - change.min(axis=1))
    return np.where(m > 0, np.log1p(m) / np.where(m > 0, m, 1.0), 1.0)


def _why(moving: int, groups: int, which: Ints, max_steps: int) -> str:
    return (
        f"{moving} of {groups} groups still move after {max_steps} Newton steps (the first is number {which[0]}): "
        "their strengths are not known. Look for weights or slopes that are out of all proportion, "
        "or allow more steps."
    )
