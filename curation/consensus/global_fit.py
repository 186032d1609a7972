"""One ranking of generators, checkpoints or settings over all prompts, with intervals that are honest. Plain code.

Votes of one rater resemble each other, and so do votes on one prompt: counted as independent, they make intervals too
narrow.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse.csgraph import connected_components
from scipy.special import expit, ndtri
from sklearn.linear_model import LogisticRegression

from curation.consensus.bradley_terry import Votes
from curation.consensus.errors import NotConverged
from curation.errors import Refused

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

# On the average gradient: the usual 1e-6 ends far too early on large sparse problems.
_TOLERANCE = 1e-10
_MOST_STEPS = 1000


@dataclass(frozen=True)
class GlobalFit:
    """Strengths of all items on one scale.

    Args:
        strength: shape (n,), logits, mean 0 where the prior has no say.
        covariances: for each way of clustering votes, shape (n, n); only differences mean anything.
    """

    strength: Floats
    covariances: Mapping[str, Floats]

    def difference(self, i: Ints, j: Ints) -> tuple[Floats, Floats]:
        """θ_i − θ_j and its standard error, the larger of those by cluster."""
        variances = [v[i, i] + v[j, j] - 2 * v[i, j] for v in self.covariances.values()]
        error = np.sqrt(np.maximum(np.max(variances, axis=0), 0.0))
        return self.strength[i] - self.strength[j], error

    def interval(self, i: Ints, j: Ints, *, confidence: float = 0.95) -> tuple[Floats, Floats]:
        """Interval of θ_i − θ_j."""
        mean, error = self.difference(i, j)
        reach = ndtri((1 + confidence) / 2) * error
        return mean - reach, mean + reach

    def ranks(self, rng: np.random.Generator, *, draws: int = 4000, confidence: float = 0.95) -> tuple[Ints, Ints]:
        """Best and worst rank of each item (1 is first) in the middle of draws from N(θ, V); the wider by cluster.

        Args:
            rng: draws the strengths.
            draws: how many.
            confidence: the share of draws between best and worst.

        Returns:
            Two arrays of shape (n,).
        """
        tail = (1 - confidence) / 2
        best, worst = [], []
        for covariance in self.covariances.values():
            drawn = _draw(self.strength, covariance, rng, draws)
            place = (-drawn).argsort(axis=1).argsort(axis=1) + 1
            best.append(np.quantile(place, tail, axis=0, method="lower"))
            worst.append(np.quantile(place, 1 - tail, axis=0, method="higher"))
        return np.min(best, axis=0), np.max(worst, axis=0)


def _draw(mean: Floats, covariance: Floats, rng: np.random.Generator, draws: int) -> Floats:
    values, vectors = np.linalg.eigh(covariance)
    root = vectors * np.sqrt(np.maximum(values, 0.0))
    return mean + rng.standard_normal((draws, len(mean))) @ root.T


def fit_global(votes: Votes, *, items: int, clusters: Mapping[str, Ints], precision: float = 0.0) -> GlobalFit:
    """Bradley-Terry over all votes at once, with covariances that let votes of a cluster be dependent.

    Strengths by scikit-learn's Newton-CG on the unique rows (pair, outcome); covariances
    V = H⁻ (Σ u uᵀ) H⁻ C/(C − 1) with u the sum of the score (x_i − x_j) w (y − p) over one of C clusters, and H the
    information of the votes. Ties are half wins.

    Args:
        votes: their groups, slopes and biases are not read; the weight is, e.g. one over the probability with which
            a pair was drawn.
        items: n.
        clusters: for each name (rater, prompt), shape (V,), any integers: whose votes may be dependent. At least one.
        precision: of a normal prior around 0; at 0, there is none.

    Raises:
        Refused: fewer than two clusters; or, without a prior, items that are not linked by wins in both directions,
            so that no finite strengths fit best.
        ValueError: shapes that differ, no clusters, a precision below 0.
        NotConverged: scikit-learn gives up.

    Source: sandwich estimator, K.-Y. Liang and S. Zeger (1986), Biometrika 73; existence, L. Ford (1957), American
    Mathematical Monthly 64; the use for leaderboards, W.-L. Chiang et al. (2024), Chatbot Arena, arXiv 2403.04132.
    """
    votes.check_range(groups=int(votes.group.max(initial=0)) + 1, items=items)
    if not clusters or any(cluster.shape != votes.group.shape for cluster in clusters.values()):
        raise ValueError("give at least one clustering, with one entry for each vote")
    if not precision >= 0:
        raise ValueError(f"the precision is {precision}; it is at least 0")
    if precision == 0:
        _check_linked(votes, items)
    strength = _strengths(votes, items, precision)
    p = expit(strength[votes.left] - strength[votes.right])
    inverse = _inverse(votes, p, items, precision)
    score = votes.weight * (votes.outcome - p)
    return GlobalFit(
        strength,
        {name: _sandwich(votes, score, cluster, inverse, name) for name, cluster in clusters.items()},
    )


def _check_linked(votes: Votes, items: int) -> None:
    is_counted = votes.weight > 0
    won, lost = is_counted & (votes.outcome > 0), is_counted & (votes.outcome < 1)
    winner = np.concatenate([votes.left[won], votes.right[lost]])
    loser = np.concatenate([votes.right[won], votes.left[lost]])
    graph = sparse.csr_matrix((np.ones(len(winner)), (winner, loser)), shape=(items, items))
    parts, _which = connected_components(graph, directed=True, connection="strong")
    if parts > 1:
        raise Refused(
            f"The {items} items fall into {parts} parts of which one never beats, or never loses to, another: "
            "no finite strengths fit best. Give a precision above 0, leave such items out, or get more votes."
        )


def _strengths(votes: Votes, items: int, precision: float) -> Floats:
    pair = votes.left * items + votes.right
    unique, which = np.unique(pair, return_inverse=True)
    wins = np.bincount(which, votes.weight * votes.outcome)
    losses = np.bincount(which, votes.weight * (1 - votes.outcome))
    left, right = np.divmod(unique, items)
    rows = np.arange(len(unique))
    design = sparse.csr_matrix(
        (np.repeat([1.0, -1.0], len(unique)), (np.tile(rows, 2), np.concatenate([left, right]))),
        shape=(len(unique), items),
    )
    model = LogisticRegression(
        C=1 / precision if precision > 0 else np.inf,
        solver="newton-cg",
        tol=_TOLERANCE,
        fit_intercept=False,
        max_iter=_MOST_STEPS,
    )
    outcome = np.repeat([1, 0], len(unique))
    model.fit(sparse.vstack([design, design]), outcome, sample_weight=np.concatenate([wins, losses]))
    if model.n_iter_[0] >= _MOST_STEPS:
        raise NotConverged(
            f"Strengths of {items} items still move after {_MOST_STEPS} steps; give a precision above 0."
        )
    found: Floats = model.coef_[0]
    return found - found.mean() if precision == 0 else found


def _inverse(votes: Votes, p: Floats, items: int, precision: float) -> Floats:
    """Inverse of the information, in the directions the votes (and the prior) know about."""
    curve = votes.weight * p * (1 - p)
    bonds = np.bincount(votes.left * items + votes.right, curve, minlength=items**2).reshape(items, items)
    bonds = bonds + bonds.T
    information = np.diag(bonds.sum(axis=1)) - bonds
    if precision > 0:
        return np.asarray(np.linalg.inv(information + precision * np.eye(items)), dtype=np.float64)
    # All strengths moved alike change nothing: with that direction filled in, the rest is regular.
    level = np.full((items, items), 1 / items)
    return np.asarray(np.linalg.inv(information + level) - level, dtype=np.float64)


def _sandwich(votes: Votes, score: Floats, cluster: Ints, inverse: Floats, name: str) -> Floats:
    names, which = np.unique(cluster, return_inverse=True)
    if len(names) < 2:
        raise Refused(f"All votes belong to one {name}; how far they vary between several cannot be told.")
    places = np.concatenate([votes.left, votes.right])
    sums = sparse.csr_matrix(
        (np.concatenate([score, -score]), (np.tile(which, 2), places)), shape=(len(names), len(inverse))
    )
    meat = (sums.T @ sums).toarray() * len(names) / (len(names) - 1)
    return np.asarray(inverse @ meat @ inverse)
