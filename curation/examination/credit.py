"""What a machine's verdict is worth beside a person's vote, under each rule for ties. Plain code.

A vote is +1 (the first sample of the pair is better), −1 (the second) or 0 (a tie). A machine's margin is above 0 where
it prefers the first; its size is in the machine's own unit.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from curation.examination.intervals import Floats, Ints

Votes = NDArray[np.int8]

# Prompts, or families of them, are parted into so many; the threshold for the ties of one part is chosen on the others.
PARTS = 5
# Spreads consecutive prompt ids over the parts (the 32-bit golden ratio).
_SCATTER = 2_654_435_761


class Ties(StrEnum):
    """How ties count."""

    LEFT_OUT = "left-out"  # people's ties are not asked about; a machine's tie is worth ½
    HALF = "half"  # ½ wherever one of the two calls a tie and the other does not
    CLASS = "class"  # left, right and tie are three answers; small margins are ties


@dataclass(frozen=True)
class Credited:
    """Credits of a machine.

    Args:
        credit: shape (n,), 0 to 1; NaN where the vote does not count or the machine says nothing.
        ties: votes where the machine's verdict is a tie.
        threshold: margins up to this are ties (the one chosen on all prompts); None where only 0 is.
    """

    credit: Floats
    ties: int
    threshold: float | None


def credits(votes: Votes, margins: Floats, prompts: Ints, rule: Ties) -> Credited:
    """The credit of each vote.

    - `left-out`: over votes that are no ties, 1 where the signs agree, ½ where the margin is 0. This is the accuracy
      on clear pairs that ImageReward, RewardBench and VL-RewardBench report, and "accuracy without ties" of others.
    - `half`: over all votes, 1 − |vote − sign of the margin| / 2.
    - `class`: over all votes, 1 where the three-way answers are the same. Margins up to a threshold are ties; the
      threshold is the one with the most right answers on the other parts of the prompts, so no vote chooses the
      threshold it is counted with. Pooled over votes this is Deutsch's acc_eq with tie calibration ("accuracy with
      ties"), except that theirs chooses the threshold on the very pairs it is counted on.

    Args:
        votes: shape (n,), +1, −1 or 0.
        margins: shape (n,), finite, or NaN where the machine has no verdict.
        prompts: shape (n,), ids of prompts.

    Source: D. Deutsch, G. Foster, M. Freitag (2023), Ties Matter: Meta-Evaluating Modern Metrics with Pairwise
    Accuracy and Tie Calibration, EMNLP.
    """
    if rule == Ties.CLASS:
        return _three_way(votes, margins, prompts)
    signs = np.sign(margins)
    credit = 1 - np.abs(votes - signs) / 2
    if rule == Ties.LEFT_OUT:
        credit = np.where(votes == 0, np.nan, credit)
    return Credited(credit, int(((signs == 0) & ~np.isnan(credit)).sum()), None)


def _three_way(votes: Votes, margins: Floats, prompts: Ints) -> Credited:
    is_said = ~np.isnan(margins)
    verdicts, threshold = np.full(len(votes), np.nan), None
    if is_said.any():
        verdicts[is_said], threshold = _called(votes[is_said], margins[is_said], prompts[is_said])
    credit = np.where(is_said, (verdicts == votes).astype(float), np.nan)
    return Credited(credit, int((verdicts == 0).sum()), threshold)


def _called(votes: Votes, margins: Floats, prompts: Ints) -> tuple[Floats, float]:
    """Verdicts with the thresholds of the other parts, and the threshold of all. One prompt alone has 0."""
    part = parts(prompts)
    verdicts = np.sign(margins)
    if part.max() == 0:
        return verdicts, 0.0
    for number in range(int(part.max()) + 1):
        here = part == number
        threshold = tie_threshold(votes[~here], margins[~here])
        verdicts[here & (np.abs(margins) <= threshold)] = 0
    return verdicts, tie_threshold(votes, margins)


def parts(prompts: Ints) -> Ints:
    """Which part each vote is in, by prompt: the same on every visit, none empty, at most `PARTS`."""
    names, where = np.unique(prompts, return_inverse=True)
    scattered = np.argsort(np.argsort((names.astype(np.uint64) * _SCATTER) % 2**32, kind="stable"), kind="stable")
    return (scattered % PARTS)[where].astype(np.int64)


def tie_threshold(votes: Votes, margins: Floats) -> float:
    """The size of margin up to which calling a tie gives the most right three-way answers; the smallest such one.

    Args:
        votes: shape (n,), +1, −1 or 0.
        margins: shape (n,), finite.

    >>> tie_threshold(np.array([1, 0, 0, 1], np.int8), np.array([3.0, 0.5, -1.0, -2.0]))
    1.0
    """
    size = np.abs(margins)
    order = np.argsort(size, kind="stable")
    size = size[order]
    gained = np.cumsum((votes == 0)[order]) - np.cumsum(((np.sign(margins) == votes) & (votes != 0))[order])
    is_last = np.append(size[1:] > size[:-1], True) if len(size) else np.zeros(0, bool)
    sizes, gains = size[is_last], gained[is_last]
    best = int(np.argmax(gains)) if len(gains) else 0
    return float(sizes[best]) if len(gains) and gains[best] > 0 else 0.0


def of_others(votes: Votes, pairs: Ints, rule: Ties) -> Floats:
    """The credit that the other people on the same pair would have, on average, beside each vote.

    It is what a person scores who is tested as machines are: against single votes, under the same rule for ties.

    Args:
        votes: shape (n,), one a person and pair: +1, −1 or 0.
        pairs: shape (n,), whole numbers from 0.

    Returns:
        shape (n,), 0 to 1; NaN where nobody else voted on the pair or the vote does not count.
    """
    size = int(pairs.max()) + 1 if len(pairs) else 0
    counts = {value: np.bincount(pairs, votes == value, size)[pairs] for value in (-1, 0, 1)}
    same = np.select([votes == value for value in (-1, 0, 1)], [counts[value] for value in (-1, 0, 1)]) - 1
    others = counts[-1] + counts[0] + counts[1] - 1
    half = np.where(votes == 0, (counts[-1] + counts[1]) / 2, counts[0] / 2)
    earned = same if rule == Ties.CLASS else same + half
    credit = np.where(others > 0, earned / np.maximum(others, 1), np.nan)
    return np.where(votes == 0, np.nan, credit) if rule == Ties.LEFT_OUT else credit
