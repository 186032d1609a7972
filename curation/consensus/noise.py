"""How likely it is that a vote is wrong, from everything else that people said of its prompt. Plain code.

Nothing is flipped: a doubtful vote is shown to a person, or counts for less as a soft label; what was said stays.
Machines have no part in it, since none may say what a person's vote is worth.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from curation.consensus.adding_up import Consensus
from curation.consensus.bradley_terry import probability_above

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

# From so much on a vote is worth a second look; below it, most votes that look odd are honest ones on close calls.
DOUBTFUL = 0.7


@dataclass(frozen=True)
class Noise:
    """What is thought of every vote of people.

    Args:
        judgement, position: shape (V,), ids.
        prompt: shape (V,), ids.
        preferred, other: shape (V,), sample ids, the preferred one first; for a tie in either order.
        wrong: shape (V,), P(the other one is better) by all that was said but this vote; ½ where that is nothing.
            0 for ties.
        kept: shape (V,), the soft label of the preferred one: P(it is better) by all votes, this one too, and at least
            ½, so that softening never turns a vote round. ½ for ties.
    """

    judgement: Ints
    position: Ints
    prompt: Ints
    preferred: Ints
    other: Ints
    wrong: Floats
    kept: Floats

    def __len__(self) -> int:
        return len(self.judgement)

    def doubtful(self, at_least: float = DOUBTFUL) -> Ints:
        """Places of the votes that are worth a second look, the most doubtful first."""
        order = np.lexsort((self.position, self.judgement, -self.wrong.round(9)))
        found: Ints = order[self.wrong[order].round(9) >= at_least]
        return found


def noise(found: Consensus) -> Noise:
    """What all votes of people say of each of them.

    Leaving a vote out of the Gaussian N(m, v) of its difference gives 1/v' = 1/v − h and m' = m − v' g, with g and h
    the vote's own gradient and curvature at m, and P(wrong) = Φ(−m'/√v').

    Source: cavity distributions, M. Opper and O. Winther (2000), Gaussian processes for classification, Neural
    Computation 12.
    """
    said, layout = found.said, found.layout
    is_right = said.outcome == 0
    preferred, other = np.where(is_right, said.right, said.left), np.where(is_right, said.left, said.right)
    is_tie = said.outcome == 0.5
    mean, variance = found.columns["people"].difference(preferred, other)
    without, spread = _without(found, preferred, mean, variance)
    wrong = np.where(is_tie, 0.0, probability_above(-without, spread))
    kept = np.where(is_tie, 0.5, np.maximum(probability_above(mean, variance), 0.5))
    ids = layout.sample
    return Noise(
        judgement=said.judgement,
        position=said.position,
        prompt=layout.prompt[said.group],
        preferred=ids[preferred],
        other=ids[other],
        wrong=wrong,
        kept=kept,
    )


def _without(found: Consensus, preferred: Ints, mean: Floats, variance: Floats) -> tuple[Floats, Floats]:
    """Mean and variance of each vote's difference as they would be without the vote."""
    said, raters = found.said, found.learnt.raters
    slope = np.array([raters[int(pk)].slope if int(pk) in raters else 1.0 for pk in said.rater])
    bias = np.array([raters[int(pk)].bias if int(pk) in raters else 0.0 for pk in said.rater])
    p = expit(slope * mean + np.where(preferred == said.left, bias, -bias))
    gradient, curvature = said.weight * slope * (1 - p), said.weight * slope**2 * p * (1 - p)
    # Nobody knows less of a difference than the prior.
    least = 1 / (2 * found.learnt.sd**2)
    spread = 1 / np.maximum(1 / np.maximum(variance, 1e-12) - curvature, least)
    return mean - spread * gradient, spread
