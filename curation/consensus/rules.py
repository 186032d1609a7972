"""What machines may and may not do to a consensus: the rules that weigh them against people. Plain code.

1. A machine's weight follows from people's votes alone: `teachers` refuses anything else.
2. No machine speaks on a prompt in which a generator of its own family takes part: `is_kin`.
3. Where held-out votes do not show, with 95 % confidence, that the machine is better than a constant ½, it weighs
   nothing: `verdict_on`.
4. Its log-odds never exceed what calibration has seen nor three votes of people: `most_log_odds`.
5. Machines alone decide nothing: `states` says *decided* only where people have voted, and enough of them.

Source: the simulations and proposals behind docs/consensus.md (section "Machines beside people").
"""

from __future__ import annotations

import math
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from curation.consensus.calibration import Reliability
from curation.consensus.machine_stack import MOST_VOTES, RIGHT_BEFORE, VOTES_BEFORE

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]
Words = NDArray[np.object_]

# A prompt is decided when P(best − worst > DELTA logits) is at least SURE.
DELTA, SURE = 0.5, 0.95
# It is indistinguishable when P(best − worst < LARGEST_TIE logits) is at least SURE_OF_TIE.
LARGEST_TIE, SURE_OF_TIE = 1.0, 0.9
# Of people, touching the best or the worst.
FEWEST_VOTES, FEWEST_PEOPLE = 3, 2
# Only this purpose is fitted on: audits would no longer be audits, and the rest examines or helps raters.
PURPOSE = "label"
# A person who has fewer than half of the known answers right works against the others, which no slope describes.
FEWEST_RIGHT, FEWEST_KNOWN = 0.5, 8
# How far apart strengths are taken to be until 100 pairs have been judged twice: narrow, so that nobody is sure early.
USUAL_WIDTH = 1.0
# How often a person says what all would agree on, until pairs judged twice tell.
USUAL_ACCURACY = RIGHT_BEFORE / VOTES_BEFORE
FOLDS = 5


class State(StrEnum):
    """What is known of a prompt's best and worst sample."""

    DECIDED = "decided"
    PROVISIONAL = "provisional"
    OPEN = "open"
    INDISTINGUISHABLE = "indistinguishable"


class Verdict(StrEnum):
    """Why a machine weighs what it weighs."""

    WEIGHED = "weighed"
    TOO_FEW_VOTES = "too-few-votes"
    NOT_BETTER = "not-better-than-even"
    SILENT = "silent"


def teachers(is_person: Bools, is_label: Bools) -> None:
    """Raises ValueError where anything but a label of a person would teach what a rater or machine is worth."""
    if not (is_person & is_label).all():
        wrong = int((~(is_person & is_label)).sum())
        raise ValueError(f"{wrong} of {len(is_person)} votes are no labels of people; nothing is learnt from those")


def is_kin(machine: str, generator: str) -> bool:
    """Whether two families are one; an empty one is nobody's."""
    return bool(machine.strip()) and machine.strip().casefold() == generator.strip().casefold()


def is_against_the_others(right: float, known: float) -> bool:
    """Whether a person's answers to known questions say that they are to be left out; too few of them say nothing."""
    return known >= FEWEST_KNOWN and right / known < FEWEST_RIGHT


def fold(prompt: Ints) -> Ints:
    """Shape as the prompts' ids: which of five parts a prompt is in, the same one for all its votes, for ever."""
    mixed = prompt.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    return ((mixed >> np.uint64(33)) % np.uint64(FOLDS)).astype(np.int64)


def lot(prompt: Ints) -> Floats:
    """Shape as the prompts' ids: a number from 0 to 1 that each prompt draws, the same one for ever."""
    mixed = (prompt.astype(np.uint64) + np.uint64(1)) * np.uint64(0xD1B54A32D192ED03)
    return (mixed >> np.uint64(11)).astype(np.float64) / 2.0**53


def verdict_on(found: Reliability | None) -> Verdict:
    """What held-out votes say: a machine is heard only where it is surely better than a constant ½."""
    if found is None:
        return Verdict.TOO_FEW_VOTES
    return Verdict.WEIGHED if found.is_better_than_even else Verdict.NOT_BETTER


def most_log_odds(*, ceiling: float, accuracy: float) -> float:
    """What machines may say at most of two samples, logits: the calibrated ceiling, or three votes of people."""
    return min(ceiling, MOST_VOTES * math.log(accuracy / (1 - accuracy)))


def states(*, above: Floats, below: Floats, votes: Ints, people: Ints, has_machines: Bools) -> Words:
    """The state of each prompt, from its best and its worst sample by the combined strengths.

    Args:
        above: shape (G,), P(best − worst > DELTA).
        below: shape (G,), P(best − worst < LARGEST_TIE).
        votes, people: shape (G,), acts of people that touch one of the two, and how many people they are of.
        has_machines: shape (G,), whether machines speak there.
    """
    is_heard = (votes >= FEWEST_VOTES) & (people >= FEWEST_PEOPLE)
    is_sure = above >= SURE
    found = np.full(len(above), State.OPEN.value, dtype=object)
    found[is_sure | (has_machines & (votes == 0))] = State.PROVISIONAL.value
    found[is_heard & is_sure] = State.DECIDED.value
    found[is_heard & (below >= SURE_OF_TIE)] = State.INDISTINGUISHABLE.value
    return found
