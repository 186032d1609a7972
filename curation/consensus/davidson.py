"""Comparisons in which a tie is an outcome of its own: Davidson's model. Plain code.

Ranking and selection count a tie as half a win each way (`bradley_terry`), which orders samples just as well; this
model is for where the probabilities of win, tie and loss are shown. "Both bad" is no tie: it says nothing of the
difference.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from curation.consensus.bradley_terry import CHUNK, Fit, Votes, chunks, make_prior
from curation.consensus.errors import NotConverged
from curation.consensus.newton import Bools, Floats, Prior, climb
from curation.errors import Refused

_ROUNDS = 200
_STEPS = 100
_SETTLED = 1e-10


@dataclass(frozen=True)
class DavidsonFit:
    """Strengths and how often equals tie.

    Args:
        fit: strengths in logits and the Gaussian around them, ν taken as known.
        nu: at least 0; equals tie with probability ν / (2 + ν).
    """

    fit: Fit
    nu: float


def outcome_probabilities(difference: Floats, nu: float) -> tuple[Floats, Floats, Floats]:
    """P(win), P(tie) and P(loss) of the one that is better by `difference` logits; they sum to 1.

    With D = 2 cosh(d/2) + ν they are e^{d/2} / D, ν / D and e^{−d/2} / D.

    Args:
        difference: any shape, logits.
        nu: at least 0, finite.

    Raises:
        ValueError: ν below 0 or not finite.

    Source: R. Davidson (1970), On extending the Bradley-Terry model to accommodate ties, JASA 65.

    >>> [round(float(p), 3) for p in outcome_probabilities(np.float64(0.0), 0.5)]
    [0.4, 0.2, 0.4]
    """
    if not (np.isfinite(nu) and nu >= 0):
        raise ValueError(f"ν is {nu}; it is a number of at least 0")
    near = np.exp(-np.abs(difference) / 2)
    whole = 1 + near**2 + nu * near
    better, tie, worse = 1 / whole, nu * near / whole, near**2 / whole
    return np.where(difference >= 0, better, worse), tie, np.where(difference >= 0, worse, better)


def fit_ties(
    votes: Votes,
    *,
    groups: int,
    items: int,
    precision: float | NDArray[np.float64],
    prior_mean: Floats | None = None,
    nu: float | None = None,
    chunk: int = CHUNK,
    max_steps: int = 30,
) -> DavidsonFit:
    """The most probable strengths where ties have a probability of their own, and ν of all groups together.

    Strengths given ν by Newton, and ν given strengths from Σ ties = Σ P(tie), in turn until both rest. With few votes
    a group, ν comes out too small (0.73 for 0.80 at 28 votes on 8 items): estimate it where pairs are judged often, or
    over few items, and hand it in.

    Args:
        votes: outcomes 1, 0 and ½ (a tie) only; slope and bias of the rater act on the difference.
        groups, items, precision, prior_mean, chunk, max_steps: as in `bradley_terry.fit_groups`.
        nu: known, or None to estimate it.

    Raises:
        Refused: ν is to be estimated and every vote is a tie.
        ValueError: soft outcomes, ν below 0, or anything `fit_groups` refuses.
        NotConverged: strengths or ν do not come to rest.

    Source: R. Davidson (1970), as above; derivatives worked out by hand and tested against differences.
    """
    votes.check_range(groups=groups, items=items)
    is_tie = votes.outcome == 0.5
    if not (is_tie | (votes.outcome == 0) | (votes.outcome == 1)).all():
        raise ValueError("an outcome is neither 1, 0 nor ½; Davidson's model knows wins, losses and ties")
    prior = make_prior(groups=groups, items=items, precision=precision, mean=prior_mean)
    task = _Task(votes, prior, chunk, max_steps)
    if nu is not None:
        outcome_probabilities(np.zeros(1), nu)
        return DavidsonFit(task.fit(nu), nu)
    found = _settle(task, is_tie)
    return DavidsonFit(task.fit(found), found)


def _settle(task: _Task, is_tie: Bools) -> float:
    """ν, with strengths and ν taking turns."""
    weight = task.votes.weight
    ties, all_of_them = float(weight[is_tie].sum()), float(weight.sum())
    if ties == 0:
        return 0.0
    if ties == all_of_them:
        raise Refused("Every vote is a tie, so there is no telling how readily people tie; hand in ν or more votes.")
    log_nu, strength = np.log(2 * ties / (all_of_them - ties)), task.prior.mean
    for _round in range(_ROUNDS):
        strength = task.climb(float(np.exp(log_nu)), start=strength)
        moved = _log_nu(task.leaning(strength), weight, ties, start=float(log_nu)) - log_nu
        log_nu += moved
        if abs(moved) < _SETTLED:
            return float(np.exp(log_nu))
    raise NotConverged(f"ν still moves after {_ROUNDS} rounds; hand in a known ν.")


def _log_nu(leaning: Floats, weight: Floats, ties: float, *, start: float) -> float:
    """log ν at which as many ties are expected as were seen: Σ w P(tie) = ties.

    P(tie) = σ(log ν − log 2 cosh(z/2)) as a function of log ν is a logistic curve, so its Newton steps times
    ln(1 + m)/m, m their length, always arrive.
    """
    offset = np.logaddexp(leaning / 2, -leaning / 2)
    log_nu = start
    for _step in range(_STEPS):
        tie = 1 / (1 + np.exp(offset - log_nu))
        step = (ties - float(weight @ tie)) / float(weight @ (tie * (1 - tie)))
        if abs(step) < 1e-13:
            return log_nu
        log_nu += step * np.log1p(abs(step)) / abs(step)
    return log_nu


@dataclass(frozen=True)
class _Task:
    votes: Votes
    prior: Prior
    chunk: int
    max_steps: int

    def climb(self, nu: float, *, start: Floats) -> Floats:
        """Strengths given ν."""
        found = np.empty_like(start)
        for rows, part in chunks(self.votes, groups=len(start), chunk=self.chunk):
            likelihood = Davidson(part, nu)
            peak = climb(part.edges, likelihood, self.prior.take(rows), start=start[rows], max_steps=self.max_steps)
            found[rows] = peak.strength
        return found

    def fit(self, nu: float) -> Fit:
        groups, items = self.prior.mean.shape
        strength, covariance = np.empty((groups, items)), np.empty((groups, items, items))
        for rows, part in chunks(self.votes, groups=groups, chunk=self.chunk):
            own = self.prior.take(rows)
            peak = climb(part.edges, Davidson(part, nu), own, start=own.mean, max_steps=self.max_steps)
            strength[rows], covariance[rows] = peak.strength, np.linalg.inv(peak.information)
        return Fit(strength, covariance)

    def leaning(self, strength: Floats) -> Floats:
        v = self.votes
        return v.slope * (strength[v.group, v.left] - strength[v.group, v.right]) + v.bias


@dataclass(frozen=True)
class Davidson:
    """Win, tie and loss as in `outcome_probabilities`, of z = slope · d + bias.

    The outcome (1, ½, 0) is the only thing z multiplies in the log-likelihood, so the derivative in z is outcome less
    its mean, the negated second one its variance, and the third one at most as large (a range of 1).
    """

    votes: Votes
    nu: float

    def moments(self, difference: Floats) -> tuple[Floats, Floats]:
        v = self.votes
        z = v.slope * difference + v.bias
        win, tie, loss = outcome_probabilities(z, self.nu)
        pull = v.weight * v.slope
        # Variance of 1, ½ and 0 with these probabilities, without the difference of two nearly equal numbers.
        variance = win * loss + tie * (win + loss) / 4
        return pull * (v.outcome - win - tie / 2), pull * v.slope * variance

    def steepness(self) -> tuple[Floats, Floats]:
        return self.votes.slope, self.votes.weight * self.votes.slope

    def take(self, kept: Bools | slice) -> Davidson:
        return Davidson(self.votes.take(kept), self.nu)
