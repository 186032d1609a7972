"""Several machines as one block of evidence whose weight is learnt from people's votes alone. Plain code.

A machine's votes never enter the estimate of its own, another machine's or a person's reliability: machines that err
together would confirm each other. People's votes on prompts drawn at random say what the block is worth.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit

from curation.consensus.errors import NotConverged, TooFewVotes
from curation.consensus.logistic import fit_antisymmetric

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

FEWEST_VOTES = 100
RIDGE = 1.0
# What a person is believed to do before the first vote: right about three times in four.
RIGHT_BEFORE, VOTES_BEFORE = 8.0, 10.5
# A machine's opinion never counts for more than so many votes of people.
MOST_VOTES = 3
_ROUNDS = 2000
_SETTLED = 1e-9


@dataclass(frozen=True)
class PairVotes:
    """People's votes on calibration pairs.

    Args:
        pair: shape (V,), 0 to P − 1.
        rater: shape (V,), 0 to R − 1.
        outcome: shape (V,), 1 where the first was preferred, 0 the second, ½ a tie.

    Raises:
        ValueError: shapes differ, a number is below 0, or an outcome is none of the three.
    """

    pair: Ints
    rater: Ints
    outcome: Floats

    def __post_init__(self) -> None:
        if not self.pair.shape == self.rater.shape == self.outcome.shape or self.pair.ndim != 1:
            raise ValueError(f"{self.pair.shape} pairs, {self.rater.shape} raters, {self.outcome.shape} outcomes")
        if ((self.pair < 0) | (self.rater < 0)).any():
            raise ValueError("a pair or rater is below 0")
        if not np.isin(self.outcome, (0.0, 0.5, 1.0)).all():
            raise ValueError("an outcome is neither 1, 0 nor ½")

    def __len__(self) -> int:
        return len(self.pair)


@dataclass(frozen=True)
class Stack:
    """logit P(first is preferred) = x · weights, x the machines' margins.

    Args:
        weights: shape (M,), logits per unit of margin.
        votes: people's votes it was fitted on.
    """

    weights: Floats
    votes: int

    def log_odds(self, margins: Floats) -> Floats:
        """Shape (P,) from margins (P, M)."""
        found: Floats = margins @ self.weights
        return found


@dataclass(frozen=True)
class LatentStack:
    """A stack whose target is what people would agree on, and the people themselves.

    Args:
        stack: of the machines.
        accuracy: shape (R,), how often each person says what all would agree on.
        posterior: shape (P,), P(first is the better one) of the calibration pairs, machines and people together.
        rounds: of expectation and maximisation.
    """

    stack: Stack
    accuracy: Floats
    posterior: Floats
    rounds: int


def fit_random_vote(margins: Floats, votes: PairVotes, *, ridge: float = RIDGE) -> Stack:
    """Weights for the vote of one person drawn at random: plain logistic regression on single votes.

    Args:
        margins: shape (P, M), of each machine on each calibration pair: a difference of scores, or ±1 for a verdict,
            averaged over both orders of presentation.
        votes: people's.
        ridge: on weights of margins brought to a root mean square of 1; above 0.

    Raises:
        TooFewVotes: fewer than 100 votes.
        ValueError: shapes or margins that make no sense.
    """
    size = _size(margins, votes, ridge)
    features = (margins / size)[votes.pair]
    beta = fit_antisymmetric(features, votes.outcome, np.ones(len(votes)), ridge=ridge)
    return Stack(beta / size, len(votes))


def fit_latent_consensus(margins: Floats, votes: PairVotes, *, ridge: float = RIDGE) -> LatentStack:
    """Weights for what people would agree on, by expectation and maximisation with each person's accuracy.

    q_i = σ(x_i β + Σ h logit a) over i's votes (h = 1, −1 or 0 for a tie);
    a_r = (Σ agreement with q + 8) / (votes + 10.5);  β by logistic regression on q, every judged pair once.

    Fitting to posteriors from people alone would shrink β, and fitting each machine alone and adding up would
    exaggerate it.

    Args, Raises: as in `fit_random_vote`, and NotConverged.

    Source: V. Raykar et al. (2010), Learning from crowds, JMLR 11.
    """
    size = _size(margins, votes, ridge)
    judged = np.unique(votes.pair)
    features, ones = (margins / size)[judged], np.ones(len(judged))
    place = np.searchsorted(judged, votes.pair)
    beta, accuracy = np.zeros(margins.shape[1]), np.full(_raters(votes), RIGHT_BEFORE / VOTES_BEFORE)
    for number in range(1, _ROUNDS + 1):
        q = expit(features @ beta + _said(votes, accuracy, place, len(judged)))
        new_beta = fit_antisymmetric(features, q, ones, ridge=ridge)
        accuracy = _accuracy(votes, q[place], len(accuracy))
        moved = np.abs(new_beta - beta).max(initial=0.0)
        beta = new_beta
        if moved < _SETTLED:
            stack = Stack(beta / size, len(votes))
            said = _said(votes, accuracy, votes.pair, len(margins))
            return LatentStack(stack, accuracy, expit(stack.log_odds(margins) + said), number)
    raise NotConverged(f"The weights of the machines still move after {_ROUNDS} rounds; take a larger ridge.")


def _size(margins: Floats, votes: PairVotes, ridge: float) -> Floats:
    """Root mean square of each machine's margins, once everything has been looked at; 1 where all are 0."""
    if margins.ndim != 2 or not np.isfinite(margins).all():
        raise ValueError("margins are finite, one row a pair and one column a machine")
    if not ridge > 0:
        raise ValueError(f"the ridge is {ridge}; it is above 0")
    if len(votes) and votes.pair.max() >= len(margins):
        raise ValueError(f"a vote names pair {votes.pair.max()}; margins are known of {len(margins)}")
    if len(votes) < FEWEST_VOTES:
        raise TooFewVotes(f"{len(votes)} votes of people; what machines are worth takes at least {FEWEST_VOTES}.")
    size = np.sqrt((margins**2).mean(axis=0))
    return np.where(size > 0, size, 1.0)


def _raters(votes: PairVotes) -> int:
    return int(votes.rater.max()) + 1


def _said(votes: PairVotes, accuracy: Floats, place: Ints, pairs: int) -> Floats:
    """Log-odds of the people's votes on each pair."""
    each = (2 * votes.outcome - 1) * logit(accuracy)[votes.rater]
    return np.bincount(place, each, minlength=pairs).astype(np.float64)


def _accuracy(votes: PairVotes, q: Floats, raters: int) -> Floats:
    agreement = votes.outcome * q + (1 - votes.outcome) * (1 - q)
    right = np.bincount(votes.rater, agreement, minlength=raters)
    return (right + RIGHT_BEFORE) / (np.bincount(votes.rater, minlength=raters) + VOTES_BEFORE)


def capped(log_odds: Floats, *, ceiling: float, accuracy: float) -> Floats:
    """A machine's log-odds, cut at what calibration has seen and at three votes of people.

    Args:
        log_odds: any shape.
        ceiling: `Temperature.ceiling`; infinite where none is known.
        accuracy: of an ordinary person, above ½ and below 1; three votes of theirs are 3 logit(accuracy).

    Raises:
        ValueError: an accuracy that is not above ½, or a ceiling below 0.
    """
    if not 0.5 < accuracy < 1 or not ceiling >= 0:
        raise ValueError(f"accuracy {accuracy} and ceiling {ceiling}; people are right more often than not")
    most = min(ceiling, MOST_VOTES * float(logit(accuracy)))
    return np.clip(log_odds, -most, most)


@dataclass(frozen=True)
class Opinions:
    """How many independent opinions some machines are.

    Args:
        correlation: mean correlation of the machines' errors against people; None from fewer than two machines whose
            errors vary.
        effective: M / (1 + (M − 1) correlation), at most M.
        machines: M.
    """

    correlation: float | None
    effective: float
    machines: int


def effective_opinions(errors: Floats) -> Opinions:
    """The number of independent machines that would err as little together as these do.

    Args:
        errors: shape (P, M), each machine's opinion less people's on the same pairs, on one scale for each machine.

    Returns:
        A negative mean correlation counts as 0. Machines whose error never varies take no part in the correlation;
        where fewer than two are left, nothing says that they differ and they count as one.

    Raises:
        ValueError: fewer than three pairs, no machine, or an error that is not finite.

    Source: design effect of equally correlated values, L. Kish (1965), Survey Sampling.

    >>> effective_opinions(np.array([[1.0, 1.0], [0.0, 0.0], [-1.0, -1.0]])).effective
    1.0
    """
    if errors.ndim != 2 or errors.shape[0] < 3 or errors.shape[1] < 1 or not np.isfinite(errors).all():
        raise ValueError(f"errors of shape {errors.shape}; give finite ones, at least three pairs and one machine")
    machines = errors.shape[1]
    varied = errors[:, np.ptp(errors, axis=0) > 0]
    if varied.shape[1] < 2:
        return Opinions(None, 1.0, machines)
    table: Floats = np.asarray(np.corrcoef(varied, rowvar=False))
    correlation = float(table[np.triu_indices(len(table), 1)].mean())
    return Opinions(correlation, machines / (1 + (machines - 1) * max(correlation, 0.0)), machines)
