"""Which questions of a checklist to keep, and how much each weighs, learnt from people's votes on pairs.

Each question is answered yes or no of every sample, so a pair has a difference of −1, 0 or 1 under each. A logistic
model of the votes on those differences, with weights that cannot be negative and a penalty on their sum, sets most
weights to nothing: what is left is the checklist (Tibshirani 1996 for the penalty; weights below 0 would reward a "no",
which a checklist cannot say). How severe the penalty is, is found on votes of other prompts, and so is everything that
is told; prompts that belong together, a family, are never parted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from curation.examination.credit import parts
from curation.examination.families import ALONE, Clusters, Families
from curation.examination.intervals import Difference, Estimate, Floats, Ints

# Penalties that are tried, from the one under which nothing is left to a hundredth of it.
PENALTIES = 12
SMALLEST = 0.01
# Weights below this share of the largest are nothing.
NEGLIGIBLE = 0.02
LEAST_PROMPTS = 10


class TooFew(ValueError):
    """There is too little to learn from. The sentence says what is missing."""


@dataclass(frozen=True)
class Chosen:
    """One question after learning.

    Args:
        weight: 0 where it is left out; the largest is 1.
        without: accuracy with it less accuracy without it, on votes of other prompts; None where it is left out.
    """

    place: int
    weight: float
    without: Difference | None


@dataclass(frozen=True)
class Induced:
    """A checklist and its worth, on votes of families that neither weights nor penalty were learnt from.

    Args:
        before: accuracy of the checklist one started from (its own weights); of guessing where there was none.
        after: accuracy of what is learnt; gain: the difference of the two.
        voices, prompts: what it was learnt from; families: how many of prompts that belong together these are.
    """

    questions: list[Chosen]
    before: Estimate
    after: Estimate
    gain: Difference | None
    voices: int
    prompts: int
    families: int


def induce(
    differences: Floats,
    votes: NDArray[np.int8],
    prompt: Ints,
    start: Sequence[float] = (),
    families: Families = ALONE,
) -> Induced:
    """Learns a checklist.

    Args:
        differences: (n, k), the answers of the first sample of a pair less those of the second, −1 to 1; NaN where one
            of them has none, which counts as no difference.
        votes: (n,), +1 where the first sample is preferred, −1 the second; no ties.
        prompt: (n,), ids.
        start: (k,), weights of the checklist one starts from, 0 for what is new; empty for none.
        families: which prompts belong together.

    Raises:
        TooFew: fewer than 10 families, or no question on which any pair differs.
    """
    table = np.nan_to_num(differences)
    clusters = Clusters.of(prompt, families)
    family = clusters.one
    count = _counted(clusters)
    if not table.any():
        raise TooFew("the answers to every question are the same for both samples of every pair")
    weights = _learnt(table, votes, family)
    found = _credit(table, votes, family)
    before = _agreement(table @ np.asarray(start, float) if len(start) else np.zeros(len(votes)), votes)
    kept = np.flatnonzero(weights)
    lost = {int(place): _without(table, votes, family, int(place)) for place in kept}
    questions = [
        Chosen(
            place,
            float(weight),
            clusters.difference(found, lost[place]) if place in lost else None,
        )
        for place, weight in enumerate(weights)
    ]
    told = (clusters.estimate(before), clusters.estimate(found))
    assert told[0] is not None
    assert told[1] is not None
    return Induced(questions, told[0], told[1], clusters.difference(found, before), len(votes), *count)


def _counted(clusters: Clusters) -> tuple[int, int]:
    """How many prompts and families there are; TooFew where nothing can be held out."""
    prompts, families = len(np.unique(clusters.prompt)), len(np.unique(clusters.one))
    if families < LEAST_PROMPTS:
        together = f", which are {families} where those that belong together count once," if families < prompts else ""
        raise TooFew(
            f"votes on {prompts} prompts{together} are too few to learn from: at least {LEAST_PROMPTS} are needed"
        )
    return prompts, families


def _without(table: Floats, votes: NDArray[np.int8], family: Ints, place: int) -> Floats:
    """Credits on votes of other families when one question does not exist."""
    rest = table.copy()
    rest[:, place] = 0.0
    return _credit(rest, votes, family)


def _credit(table: Floats, votes: NDArray[np.int8], family: Ints) -> Floats:
    """Each vote's credit, 0 to 1, by a checklist learnt from families of the other parts."""
    found = np.full(len(votes), np.nan)
    part = parts(family)
    for number in np.unique(part):
        here = part == number
        found[here] = _agreement(table[here] @ _learnt(table[~here], votes[~here], family[~here]), votes[here])
    return found


def _agreement(margin: Floats, votes: NDArray[np.int8]) -> Floats:
    """1 where the margin is on the vote's side, ½ where it is on none, else 0."""
    side = np.sign(np.where(np.abs(margin) < 1e-9, 0.0, margin))
    return np.where(side == 0, 0.5, (side == votes).astype(float))


# -- the model --------------------------------------------------------------------------------------------------------


def _learnt(table: Floats, votes: NDArray[np.int8], family: Ints) -> Floats:
    """Weights (k,) from all of these votes, the largest 1, at the penalty that other families prefer."""
    signed = table * votes[:, None]
    penalties = _penalties(signed)
    if penalties is None:
        return np.zeros(table.shape[1])
    part = parts(family)
    losses = np.array([_losses(signed, part, family, penalty) for penalty in penalties])  # (penalties, families)
    mean, error = losses.mean(axis=1), losses.std(axis=1, ddof=1) / np.sqrt(losses.shape[1])
    best = int(np.argmin(mean))
    # The severest penalty that is not surely worse than the best one.
    chosen = int(np.flatnonzero(mean <= mean[best] + error[best])[0])
    weights = fitted(signed, penalties[chosen])
    largest = weights.max(initial=0.0)
    return np.where(weights > NEGLIGIBLE * largest, weights / largest, 0.0) if largest > 0 else weights


def _penalties(signed: Floats) -> Floats | None:
    """From the penalty under which every weight is 0, downwards; None where no question points the right way."""
    most = float(signed.mean(axis=0).max(initial=0.0)) / 2
    return most * np.geomspace(1.0, SMALLEST, PENALTIES) if most > 0 else None


def _losses(signed: Floats, part: Ints, family: Ints, penalty: float) -> Floats:
    """The mean loss of each family under weights learnt from the other parts."""
    loss = np.empty(len(signed))
    for number in np.unique(part):
        here = part == number
        loss[here] = np.logaddexp(0.0, -(signed[here] @ fitted(signed[~here], penalty)))
    _names, where = np.unique(family, return_inverse=True)
    found: Floats = np.bincount(where, loss) / np.bincount(where)
    return found


def fitted(signed: Floats, penalty: float) -> Floats:
    """The weights w ≥ 0 that minimise mean(log(1 + exp(−x·w))) + penalty · Σ w; unique where the columns are.

    Args:
        signed: (n, k), differences turned so that the preferred sample comes first.
        penalty: above 0.
    """
    count = len(signed)

    def loss(weights: Floats) -> tuple[float, Floats]:
        margin = signed @ weights
        slope = -0.5 * (1.0 - np.tanh(margin / 2))  # of log(1 + exp(−m)), without an overflow
        return (
            float(np.logaddexp(0.0, -margin).mean() + penalty * weights.sum()),
            signed.T @ slope / count + penalty,
        )

    zero = np.zeros(signed.shape[1])
    found = minimize(loss, zero, jac=True, method="L-BFGS-B", bounds=[(0.0, None)] * len(zero))
    return np.asarray(found.x, float)
