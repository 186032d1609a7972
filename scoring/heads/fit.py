"""Weights of features from labels: preferences (Bradley-Terry, Davidson's ties) and ratings (cumulative logits).

Both have a ridge, so that there is an answer with fewer labels than features and where features tell the labels apart
exactly. Neither has anything random: the same labels give the same weights, up to rounding. Plain code.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import expit, log_expit, logit

from curation.consensus.errors import NotConverged

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_STEPS = 5000
# How far the last step may still lower the objective, as a share of it: to the last digits, or enough to compare by.
EXACT, CLOSE = 1e-15, 1e-8
# Beyond every threshold between levels, logits: σ of it is 1 to the last bit.
_FAR = 1e6


class Ties(StrEnum):
    """What becomes of a label that says "equally good"."""

    HALF = "half"  # half a vote each way
    DAVIDSON = "davidson"  # an answer of its own, whose share is learnt


@dataclass(frozen=True)
class Preferences:
    """P(left is preferred) = σ(d), d = (x_left − x_right) · weights.

    Attributes:
        weights: (F,), logits a unit of each feature.
        tie: Davidson's ν, above 0: P(tie) = ν / (2 cosh(d/2) + ν); None where ties are half votes.
    """

    weights: Floats
    tie: float | None = None

    def losses(self, difference: Floats, toward: Floats) -> Floats:
        """−log P of each label, natural units; see `fit_preferences` for the arguments."""
        d = difference @ self.weights
        if self.tie is None:
            return -(toward * log_expit(d) + (1 - toward) * log_expit(-d))
        return _log_sum(d, self.tie) - (toward - 0.5) * d - (toward == 0.5) * np.log(self.tie)


@dataclass(frozen=True)
class Levels:
    """P(level ≤ k) = σ(cuts[k] − x · weights).

    Attributes:
        weights: (F,), logits a unit of each feature.
        cuts: (K − 1,), rising.
    """

    weights: Floats
    cuts: Floats

    def probabilities(self, features: Floats) -> Floats:
        """(N, K): how probable each level is; rows add up to 1."""
        below = expit(self.cuts[None, :] - (features @ self.weights)[:, None])
        return np.diff(below, axis=1, prepend=0.0, append=1.0)

    def losses(self, features: Floats, level: Ints) -> Floats:
        """−log P of each rating, natural units; see `fit_levels` for the arguments."""
        upper, lower = _bounds(self.cuts, level, features @ self.weights)
        return -_log_between(upper, lower)


def fit_preferences(
    difference: Floats,
    toward: Floats,
    weight: Floats,
    *,
    ridge: float,
    ties: Ties = Ties.HALF,
    precision: float = EXACT,
) -> Preferences:
    """The weights that maximise Σ w log P(label) − ½ ridge |weights|², without an intercept.

    With no intercept, swapping left and right changes nothing. With `half`, log P of a label t is
    t log σ(d) + (1 − t) log σ(−d). With `davidson`, D = 2 cosh(d/2) + ν: P(left) = e^{d/2}/D, P(tie) = ν/D; ν has no
    ridge and is learnt with the weights. Where no label is a tie, both are the same.

    Args:
        difference: (N, F), features of the left less those of the right, finite.
        toward: (N,), 1 where the left was preferred, 0 the right, ½ for a tie.
        weight: (N,), how much each label counts, at least 0.
        ridge: above 0, in units of 1/weights².
        precision: relative change of the objective at which to stop.

    Raises:
        ValueError: shapes or numbers that make no sense.
        NotConverged: it still moves after 5,000 steps.

    Source: R. Bradley, M. Terry (1952); R. Davidson (1970), On extending the Bradley-Terry model to accommodate ties,
    JASA 65, with ν = 2 v of his.

    >>> found = fit_preferences(np.array([[1.0], [1.0], [1.0]]), np.array([1.0, 1.0, 0.0]), np.ones(3), ridge=1e-9)
    >>> round(float(found.weights[0]), 4)  # log(2 / 1)
    0.6931
    """
    _check(difference, weight, ridge)
    if toward.shape != weight.shape or not np.isin(toward, (0.0, 0.5, 1.0)).all():
        raise ValueError("each label is 1, 0 or ½, one for each row of differences")
    if ties == Ties.DAVIDSON and (toward == 0.5).any():
        return _davidson(difference, toward, weight, ridge, precision)

    def objective(beta: Floats) -> tuple[float, Floats]:
        d = difference @ beta
        loss = -float(weight @ (toward * log_expit(d) + (1 - toward) * log_expit(-d)))
        slope = difference.T @ (weight * (expit(d) - toward))
        return loss + 0.5 * ridge * float(beta @ beta), slope + ridge * beta

    return Preferences(
        _lowest(objective, np.zeros(difference.shape[1]), _steepness(difference, weight, ridge), precision)
    )


def _davidson(difference: Floats, toward: Floats, weight: Floats, ridge: float, precision: float) -> Preferences:
    is_tie = toward == 0.5

    def objective(parameters: Floats) -> tuple[float, Floats]:
        beta, nu = parameters[:-1], float(np.exp(parameters[-1]))
        d = difference @ beta
        total = _log_sum(d, nu)
        loss = float(weight @ (total - (toward - 0.5) * d - is_tie * parameters[-1]))
        up, down = np.exp(d / 2 - total), np.exp(-d / 2 - total)  # P(left), P(right)
        slope = difference.T @ (weight * (0.5 * (up - down) - (toward - 0.5))) + ridge * beta
        of_ties = float(weight @ (nu * np.exp(-total) - is_tie))
        return loss + 0.5 * ridge * float(beta @ beta), np.append(slope, of_ties)

    # Where nothing tells the two apart, P(tie) = ν / (2 + ν).
    share = float(weight[is_tie].sum() / weight.sum())
    start = np.append(np.zeros(difference.shape[1]), np.log(2 * share / max(1 - share, 1e-3)))
    found = _lowest(objective, start, np.append(_steepness(difference, weight, ridge), 1.0), precision)
    return Preferences(found[:-1], float(np.exp(found[-1])))


def _log_sum(d: Floats, nu: float) -> Floats:
    """log(2 cosh(d/2) + ν), without overflow."""
    size = np.abs(d)
    found: Floats = size / 2 + np.log1p(np.exp(-size) + nu * np.exp(-size / 2))
    return found


def fit_levels(
    features: Floats, level: Ints, weight: Floats, *, levels: int, ridge: float, precision: float = EXACT
) -> Levels:
    """Weights and cuts that maximise Σ w log P(level) − ½ ridge |weights|²; the cuts have no ridge.

    Args:
        features: (N, F), finite.
        level: (N,), 0 to K − 1, rising; every level occurs with a weight above 0.
        weight: (N,), at least 0.
        levels: K, at least 2.
        ridge: above 0.
        precision: relative change of the objective at which to stop.

    Raises:
        ValueError: shapes or numbers that make no sense, or a level that never occurs.
        NotConverged: it still moves after 5,000 steps.

    Source: P. McCullagh (1980), Regression models for ordinal data, JRSS B 42 (proportional odds).
    """
    _check(features, weight, ridge)
    if level.shape != weight.shape or levels < 2 or not ((level >= 0) & (level < levels)).all():
        raise ValueError(f"each rating is a level from 0 to {levels - 1}, one for each row of features")
    counted = np.bincount(level, weight, minlength=levels)
    if (counted <= 0).any():
        raise ValueError(f"nobody gave level {int(np.argmin(counted))}; number the levels that occur")
    size = features.shape[1]

    def objective(parameters: Floats) -> tuple[float, Floats]:
        beta, gaps = parameters[:size], np.exp(parameters[size + 1 :])
        cuts = parameters[size] + np.append(0.0, np.cumsum(gaps))
        upper, lower = _bounds(cuts, level, features @ beta)
        said = _log_between(upper, lower)
        loss = -float(weight @ said) + 0.5 * ridge * float(beta @ beta)
        # d log P / dη = σ(upper) + σ(lower) − 1, because (A(1−A) − B(1−B)) / (A − B) = 1 − A − B.
        slope = -features.T @ (weight * (expit(upper) + expit(lower) - 1)) + ridge * beta
        return loss, np.concatenate([slope, _slope_of_cuts(upper, lower, said, level, weight, gaps)])

    shares = np.cumsum(counted)[:-1] / counted.sum()
    start = logit(shares)
    parameters = np.concatenate([np.zeros(size), start[:1], np.log(np.maximum(np.diff(start), 1e-3))])
    steepness = np.append(_steepness(features, weight, ridge), np.ones(levels - 1))
    found = _lowest(objective, parameters, steepness, precision)
    return Levels(found[:size], found[size] + np.append(0.0, np.cumsum(np.exp(found[size + 1 :]))))


def _bounds(cuts: Floats, level: Ints, eta: Floats) -> tuple[Floats, Floats]:
    """Between which two logits each rating lies."""
    edges = np.concatenate([[-_FAR], cuts, [_FAR]])
    return edges[level + 1] - eta, edges[level] - eta


def _log_between(upper: Floats, lower: Floats) -> Floats:
    """log(σ(upper) − σ(lower)) without cancellation; upper above lower."""
    found: Floats = log_expit(upper) + log_expit(-lower) + np.log(-np.expm1(np.minimum(lower - upper, -1e-12)))
    return found


def _slope_of_cuts(upper: Floats, lower: Floats, said: Floats, level: Ints, weight: Floats, gaps: Floats) -> Floats:
    """The objective's slope in the first cut and the logarithms of the gaps."""
    above = weight * np.exp(log_expit(upper) + log_expit(-upper) - said)
    below = weight * np.exp(log_expit(lower) + log_expit(-lower) - said)
    count = len(gaps) + 2
    of_cut = np.bincount(level, below, minlength=count)[1:] - np.bincount(level, above, minlength=count)[:-1]
    # A gap moves every cut above it.
    return np.append(of_cut.sum(), gaps * np.cumsum(of_cut[::-1])[::-1][1:])


# -- common to both ---------------------------------------------------------------------------------------------------


def _check(features: Floats, weight: Floats, ridge: float) -> None:
    if features.ndim != 2 or not np.isfinite(features).all():
        raise ValueError("features are finite, one row a label")
    if weight.shape != features.shape[:1] or not (np.isfinite(weight) & (weight >= 0)).all():
        raise ValueError("weights are at least 0, one a label")
    if not weight.sum() > 0:
        raise ValueError("no label counts")
    if not ridge > 0:
        raise ValueError(f"the ridge is {ridge}; it is above 0")


def _steepness(features: Floats, weight: Floats, ridge: float) -> Floats:
    """(F,): the root of about what the objective curves by along each weight. Measured in these units all directions
    are alike, where features do not go together, and the search takes tens of steps instead of hundreds."""
    found: Floats = np.sqrt(0.25 * (weight @ features**2) + ridge)
    return found


def _lowest(
    objective: Callable[[Floats], tuple[float, Floats]], start: Floats, steepness: Floats, precision: float
) -> Floats:
    """Where a smooth function with a gradient is lowest, by L-BFGS: it never forms a table of F × F numbers."""

    def measured(steps: Floats) -> tuple[float, Floats]:
        value, slope = objective(steps / steepness)
        return value, slope / steepness

    found = minimize(
        measured,
        start * steepness,
        jac=True,
        method="L-BFGS-B",
        options={"maxiter": _STEPS, "maxfun": 2 * _STEPS, "ftol": precision, "gtol": 1e-9, "maxcor": 20},
    )
    # At the end of what rounding resolves the line search gives up, which is no failure.
    if not found.success and found.nit >= _STEPS:
        raise NotConverged(f"{len(start)} weights still move after {_STEPS} steps; take a larger ridge.")
    if not np.isfinite(found.x).all():
        raise NotConverged("the weights grow without end; take a larger ridge.")
    weights: Floats = np.asarray(found.x, dtype=np.float64) / steepness
    return weights
