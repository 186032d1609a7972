"""How far apart the strengths of samples are, from pairs judged by several people. Plain code.

The spread decides how sure a few votes can make anybody. It is estimated from pairs drawn at random and judged again by
other people, and never from the evidence that the model assigns to itself, which is far off with few votes a prompt.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import optimize
from scipy.special import log_expit, logsumexp

from curation.consensus.errors import TooFewVotes

Floats = NDArray[np.float64]

FEWEST_PAIRS = 100
NARROWEST, WIDEST = 0.01, 20.0
_POINTS = 61
# Half the 95 % point of chi-squared with one degree of freedom.
_DROP = 1.9207294103470


@dataclass(frozen=True)
class Width:
    """Standard deviation of strengths around the prior mean, logits.

    Args:
        sd: 0.01 to 20; at an end, the data only say that it lies beyond.
        low, high: 95 % interval by likelihood ratio; an end of the range where it is open.
        pairs: judged at least twice.
    """

    sd: float
    low: float
    high: float
    pairs: int

    @property
    def precision(self) -> float:
        """For `bradley_terry.fit_groups`."""
        return 1 / self.sd**2


def prior_width(wins: Floats, votes: Floats, *, prior_difference: Floats | None = None) -> Width:
    """The spread under which the pairs' repeated votes are most probable.

    With d ~ N(m, 2 sd²) the difference of a pair and p = σ(d), a pair with w wins of v votes has probability
    ∝ ∫ p^w (1 − p)^(v − w) N(d; m, 2 sd²) dd, taken by Gauss-Hermite quadrature on 61 points.

    Args:
        wins: shape (P,), votes for the first; a tie is half a one.
        votes: shape (P,), of different people; pairs with fewer than two votes are left out.
        prior_difference: shape (P,), m in logits, e.g. a machine's calibrated log-odds; the width is then that of what
            the machine leaves open. 0 where left out.

    Raises:
        TooFewVotes: fewer than 100 pairs with two votes (500 give about ±10 % from 0.75 logits upwards).
        ValueError: shapes that differ, wins outside 0 to votes, or numbers that are not finite.

    Source: marginal likelihood of a logistic-normal model; Gauss-Hermite as in M. Abramowitz and I. Stegun, 25.4.46.
    """
    mean = np.zeros(len(wins)) if prior_difference is None else prior_difference
    if not wins.shape == votes.shape == mean.shape or wins.ndim != 1:
        raise ValueError(f"{wins.shape} wins, {votes.shape} votes, {mean.shape} prior differences; one of each a pair")
    if not (np.isfinite(mean) & (wins >= 0) & (wins <= votes) & np.isfinite(votes)).all():
        raise ValueError("wins are between 0 and the votes, and every number is finite")
    is_repeated = votes >= 2
    pairs = int(is_repeated.sum())
    if pairs < FEWEST_PAIRS:
        raise TooFewVotes(f"{pairs} pairs with two votes; the spread of strengths takes at least {FEWEST_PAIRS}.")
    return _widest_likely(_likelihood(wins[is_repeated], votes[is_repeated], mean[is_repeated]), pairs)


def _likelihood(wins: Floats, votes: Floats, mean: Floats) -> Callable[[float], float]:
    """Log-likelihood as a function of log sd; equal pairs are computed once."""
    rows, times = np.unique(np.stack([wins, votes, mean], axis=1), axis=0, return_counts=True)
    nodes, weights = np.polynomial.hermite_e.hermegauss(_POINTS)
    w, v, m = (rows[:, column, None] for column in range(3))

    def at(log_sd: float) -> float:
        d = m + math.sqrt(2) * math.exp(log_sd) * nodes
        each = logsumexp(w * log_expit(d) + (v - w) * log_expit(-d), b=weights, axis=1)
        return float(times @ each)

    return at


def _widest_likely(likelihood: Callable[[float], float], pairs: int) -> Width:
    ends = math.log(NARROWEST), math.log(WIDEST)
    found = optimize.minimize_scalar(lambda x: -likelihood(x), bounds=ends, method="bounded", options={"xatol": 1e-8})
    best, top = float(found.x), -float(found.fun)

    def below(log_sd: float) -> float:
        return likelihood(log_sd) - top + _DROP

    low, high = (optimize.brentq(below, *sorted((end, best)), xtol=1e-6) if below(end) < 0 else end for end in ends)
    return Width(math.exp(best), math.exp(low), math.exp(high), pairs)
