"""A number about a whole system from many machine labels and few of people's: prediction-powered. Plain code."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from curation.consensus.errors import TooFewVotes

Floats = NDArray[np.float64]

FEWEST_LABELS = 30


@dataclass(frozen=True)
class Estimate:
    """A mean with its interval.

    Args:
        mean: what people would say of all items on average.
        error: standard error.
        low, high: interval.
        people_only: the mean of the few labels of people, and its error: what the machine adds is the difference.
    """

    mean: float
    error: float
    low: float
    high: float
    people_only: tuple[float, float]


def mean_from_few(
    machine: Floats, machine_on_labelled: Floats, people: Floats, *, confidence: float = 0.95
) -> Estimate:
    """The machine's mean over all items, corrected by how far people differ from it where both spoke.

    mean = mean f over the N items + mean (h − f) over the n labelled ones; variance = Var f / N + Var(h − f) / n. It is
    right on average for any machine, good or bad, provided the n items were drawn at random.

    Args:
        machine: shape (N,), the machine on items that nobody labelled.
        machine_on_labelled: shape (n,), the machine on the labelled items.
        people: shape (n,), people on the same items.
        confidence: of the interval.

    Raises:
        TooFewVotes: fewer than 30 labelled items.
        ValueError: shapes that differ, fewer than two other items, or numbers that are not finite.

    Source: A. Angelopoulos et al. (2023), Prediction-powered inference, arXiv 2301.09633, for the mean.
    """
    if machine_on_labelled.shape != people.shape or people.ndim != 1 or machine.ndim != 1 or len(machine) < 2:
        raise ValueError(f"{machine.shape} items, {machine_on_labelled.shape} labelled by the machine, {people.shape}")
    if not all(np.isfinite(values).all() for values in (machine, machine_on_labelled, people)):
        raise ValueError("a label is not a finite number; leave out what was not said")
    if len(people) < FEWEST_LABELS:
        raise TooFewVotes(f"{len(people)} labels of people; take at least {FEWEST_LABELS}, drawn at random.")
    correction = people - machine_on_labelled
    mean = float(machine.mean() + correction.mean())
    error = float(np.sqrt(machine.var() / len(machine) + correction.var() / len(people)))
    reach = float(ndtri((1 + confidence) / 2)) * error
    alone = float(people.mean()), float(np.sqrt(people.var() / len(people)))
    return Estimate(mean, error, mean - reach, mean + reach, alone)
