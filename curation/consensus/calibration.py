"""From a margin of scores to the probability that a person prefers the first: calibrated on people's votes. Plain code.

Always fitted on single votes and never on majorities, and always antisymmetric: swapping the two sides turns p into
1 − p. One calibration belongs to one scorer and one family of generators.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from scipy import optimize
from scipy.special import expit, xlogy

from curation.consensus.errors import TooFewVotes

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

FEWEST_VOTES = 100
FEWEST_FOR_ISOTONIC = 3000
# Prior of the lapse: log density LAPSE_PRIOR · log(1 − 2 lapse), as if so many votes had been no lapse. In simulations
# of 100 to 3,000 votes, 10 lost more where people lapse and 1 more where they do not.
LAPSE_PRIOR = 3.0
_STEEPEST = 50.0
_LARGEST_LAPSE = 0.49


class Calibration(Protocol):
    def probability(self, margin: Floats) -> Floats:
        """P(a person prefers the first), shape as the margin's."""
        ...


@dataclass(frozen=True)
class Temperature:
    """P(m) = lapse + (1 − 2 lapse) σ(slope · m).

    Args:
        slope: at least 0, per unit of margin; 0 means the margin says nothing.
        lapse: 0 to ½, how often people answer whatever the margin says, each way.
        votes: it was fitted on.
    """

    slope: float
    lapse: float
    votes: float

    def probability(self, margin: Floats) -> Floats:
        found: Floats = self.lapse + (1 - 2 * self.lapse) * expit(self.slope * margin)
        return found

    @property
    def ceiling(self) -> float:
        """The largest log-odds it can give; infinite without a lapse."""
        return math.log((1 - self.lapse) / self.lapse) if self.lapse > 0 else math.inf


@dataclass(frozen=True)
class Isotonic:
    """P never falls with the margin; straight lines between its steps, level outside them.

    Args:
        margin: shape (S,), rising, symmetric around 0.
        value: shape (S,), P there.
        votes: it was fitted on.
    """

    margin: Floats
    value: Floats
    votes: float

    def probability(self, margin: Floats) -> Floats:
        found: Floats = np.interp(margin, self.margin, self.value)
        return found


def fit_temperature(
    margin: Floats, outcome: Floats, *, weight: Floats | None = None, has_lapse: bool = True
) -> Temperature:
    """Slope and lapse by maximum likelihood on single votes (the lapse with a weak prior towards 0).

    Args:
        margin: shape (V,), score of the first less score of the second.
        outcome: shape (V,), 1 where the person preferred the first, 0 the second, ½ a tie.
        weight: shape (V,), how many votes each counts for; 1 where left out.
        has_lapse: False keeps the lapse at 0.

    Returns:
        The slope is at most 50 over the root mean square of the margins, where votes follow the margin without fail.

    Raises:
        TooFewVotes: fewer than 100.
        ValueError: shapes, margins or outcomes that make no sense.

    Source: J. Platt (1999), Probabilistic outputs for support vector machines; C. Guo et al. (2017), On calibration of
    modern neural networks, arXiv 1706.04599; the lapse as in psychometric functions, F. Wichmann and N. Hill (2001).
    """
    counted = _counted(margin, outcome, weight, FEWEST_VOTES)
    size = float(np.sqrt(counted @ margin**2 / counted.sum()))
    if size == 0:
        return Temperature(0.0, 0.0, float(counted.sum()))
    lapses = (0.01, 0.1, 0.25) if has_lapse else (0.0,)
    top = _LARGEST_LAPSE if has_lapse else 0.0
    found = [
        optimize.minimize(
            _loss,
            (1.0, lapse),
            args=(margin / size, outcome, counted),
            jac=True,
            method="L-BFGS-B",
            bounds=((0.0, _STEEPEST), (0.0, top)),
            options={"ftol": 1e-15, "gtol": 1e-9, "maxiter": 1000},
        )
        for lapse in lapses
    ]
    best = min(found, key=lambda one: float(one.fun))
    return Temperature(float(best.x[0]) / size, float(best.x[1]), float(counted.sum()))


def _loss(at: Floats, margin: Floats, outcome: Floats, weight: Floats) -> tuple[float, Floats]:
    """Negative log posterior a vote and its gradient in (slope, lapse)."""
    slope, lapse = at
    s = expit(slope * margin)
    p = np.clip(lapse + (1 - 2 * lapse) * s, 1e-300, 1 - 1e-16)
    pull = weight * (outcome / p - (1 - outcome) / (1 - p))
    loss = -(weight @ (xlogy(outcome, p) + xlogy(1 - outcome, 1 - p))) - LAPSE_PRIOR * math.log(1 - 2 * lapse)
    gradient = -np.array([pull @ ((1 - 2 * lapse) * s * (1 - s) * margin), pull @ (1 - 2 * s)])
    gradient[1] += 2 * LAPSE_PRIOR / (1 - 2 * lapse)
    return float(loss / weight.sum()), gradient / weight.sum()


def fit_isotonic(margin: Floats, outcome: Floats, *, weight: Floats | None = None) -> Isotonic:
    """The rising curve closest to the votes, made symmetric by counting every vote from both sides.

    Args:
        margin, outcome, weight: as in `fit_temperature`.

    Raises:
        TooFewVotes: fewer than 3,000; below that it is worse than a temperature whatever the truth is.
        ValueError: shapes, margins or outcomes that make no sense.

    Source: B. Zadrozny and C. Elkan (2002), Transforming classifier scores into accurate multiclass probability
    estimates, KDD.
    """
    counted = _counted(margin, outcome, weight, FEWEST_FOR_ISOTONIC)
    both = np.concatenate([margin, -margin])
    at, which = np.unique(both, return_inverse=True)
    mass = np.bincount(which, np.concatenate([counted, counted]))
    mean = np.bincount(which, np.concatenate([counted * outcome, counted * (1 - outcome)])) / np.maximum(mass, 1e-300)
    value = optimize.isotonic_regression(mean[mass > 0], weights=mass[mass > 0]).x
    return Isotonic(at[mass > 0], value, float(counted.sum()))


def _counted(margin: Floats, outcome: Floats, weight: Floats | None, fewest: int) -> Floats:
    """The weights, once everything has been looked at."""
    counted = np.ones(len(margin)) if weight is None else weight
    if not margin.shape == outcome.shape == counted.shape or margin.ndim != 1:
        raise ValueError(
            f"{margin.shape} margins, {outcome.shape} outcomes, {counted.shape} weights; one of each a vote"
        )
    if not (np.isfinite(margin) & np.isfinite(counted) & (counted >= 0)).all():
        raise ValueError("a margin is not finite or a weight not a number of at least 0")
    if not ((outcome >= 0) & (outcome <= 1)).all():
        raise ValueError("an outcome is not between 0 and 1")
    if counted.sum() < fewest:
        raise TooFewVotes(f"{counted.sum():g} votes of people; this calibration takes at least {fewest:,}.")
    return counted


# -- how good it is ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Bin:
    """Votes whose probability lies in a range: what was said on average, and what came."""

    said: float
    came: float
    votes: float


@dataclass(frozen=True)
class Reliability:
    """How well probabilities kept their word on votes they were not fitted on.

    Args:
        bins: with votes only, from 0.5 upwards: every vote is turned to the side that was thought better.
        log_loss: nats a vote; ln 2 is what a constant ½ gives.
        brier: mean squared error, 0 to 1; ¼ is what a constant ½ gives.
        error: mean |said − came| over the bins, weighted by votes.
        gain: ln 2 less the log-loss.
        gain_low: one-sided 95 % lower bound of the gain, votes of one prompt taken together. Minus infinity from
            fewer than two prompts.
    """

    bins: tuple[Bin, ...]
    log_loss: float
    brier: float
    error: float
    gain: float
    gain_low: float

    @property
    def is_better_than_even(self) -> bool:
        """Where this is False, a machine's weight is 0."""
        return self.gain_low > 0


def reliability(probability: Floats, outcome: Floats, *, prompt: Ints, bins: int = 10) -> Reliability:
    """Compares probabilities with votes that were kept apart, by prompt, from those they were fitted on.

    Args:
        probability: shape (V,), P(the first is preferred).
        outcome: shape (V,), 1, 0 or ½.
        prompt: shape (V,), any integers; votes of a prompt stand and fall together.
        bins: of equal width between ½ and 1.

    Raises:
        ValueError: no vote, shapes that differ, or a number outside 0 to 1.
    """
    if not probability.shape == outcome.shape == prompt.shape or len(probability) == 0:
        raise ValueError(f"{probability.shape} probabilities, {outcome.shape} outcomes, {prompt.shape} prompts")
    if not ((probability >= 0) & (probability <= 1) & (outcome >= 0) & (outcome <= 1)).all():
        raise ValueError("a probability or outcome is not between 0 and 1")
    safe = np.clip(probability, 1e-12, 1 - 1e-12)
    loss = -(outcome * np.log(safe) + (1 - outcome) * np.log(1 - safe))
    found = _bins(probability, outcome, bins)
    error = sum(abs(one.said - one.came) * one.votes for one in found) / len(outcome)
    gain = math.log(2) - loss
    brier = float(((probability - outcome) ** 2).mean())
    low = float(gain.mean()) - 1.6448536269514722 * _clustered_error(gain, prompt)
    return Reliability(found, float(loss.mean()), brier, error, float(gain.mean()), low)


def _bins(probability: Floats, outcome: Floats, bins: int) -> tuple[Bin, ...]:
    said = np.maximum(probability, 1 - probability)
    came = np.where(probability >= 0.5, outcome, 1 - outcome)
    place = np.minimum(((said - 0.5) * 2 * bins).astype(np.int64), bins - 1)
    count = np.bincount(place, minlength=bins)
    sums = [np.bincount(place, values, minlength=bins) for values in (said, came)]
    return tuple(
        Bin(float(sums[0][b] / count[b]), float(sums[1][b] / count[b]), float(count[b]))
        for b in range(bins)
        if count[b]
    )


def _clustered_error(values: Floats, cluster: Ints) -> float:
    """Standard error of the mean when values of a cluster are dependent; infinite from fewer than two clusters."""
    names, which = np.unique(cluster, return_inverse=True)
    if len(names) < 2:
        return math.inf
    totals = np.bincount(which, values - values.mean())
    return float(np.sqrt((totals**2).sum() * len(names) / (len(names) - 1)) / len(values))
