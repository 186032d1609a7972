"""How far the members of an ensemble are opinions of their own."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from curation.rewards.numbers import Floats

Independence = Literal["independent", "same family", "unknown"]


def independence(rater_family: str, generator_family: str) -> Independence:
    """Whether a rater may pass for an independent judge of what a generator made.

    Two models of one family share weights or training data, and a model favours its own kind. Capitals, spaces,
    dashes and dots make no difference; where either family is not known, neither is the answer.
    """
    one, other = _plain(rater_family), _plain(generator_family)
    if not one or not other:
        return "unknown"
    return "same family" if one == other else "independent"


def is_own_model(model_names: Iterable[str], generator_name: str, revision: str = "") -> bool:
    """Whether one of the models that a rater asks is the generator itself.

    A model is called by the name of its repository, without the owner (copies lie under other owners) and the commit.
    A generator is called by its name, and by its revision where that names a repository.

    >>> is_own_model(["deepseek-ai/Janus-Pro-7B"], "janus_pro_7b"), is_own_model(["Janus-Pro-7B"], "Janus-Pro-1B")
    (True, False)
    """
    names = [generator_name, *([revision] if "/" in revision else [])]
    return bool({_repository(name) for name in names} & {_repository(name) for name in model_names} - {""})


def _repository(name: str) -> str:
    return _plain(name.partition("@")[0].rstrip("/").rpartition("/")[2])


def _plain(name: str) -> str:
    return "".join(letter for letter in name.casefold() if letter.isalnum())


@dataclass(frozen=True)
class Agreement:
    """What the members have in common, over the subjects on which all of them spoke.

    Attributes:
        count: how many such subjects there are.
        correlations: float64 of shape (m, m), symmetric, 1 on the diagonal; NaN beside a member that says the same of
            every subject, since it has no correlation.
        effective: the effective number of opinions, between 1 and the number of members that vary; NaN when nobody
            varies.
        constant: places of members that say the same of every subject.
    """

    count: int
    correlations: Floats
    effective: float
    constant: tuple[int, ...]


class Moments:
    """First and second moments, added up part by part, so that a million subjects need no table of them.

    Args:
        members: how many columns there are.
        origin: None for Pearson's correlation, about the mean of each member. A number for the cosine about it: the
            sides of a couple are arbitrary, and about a tie turning a couple round changes nothing.
    """

    def __init__(self, members: int, origin: float | None = None) -> None:
        self._origin = origin
        self._shift: Floats | None = None if origin is None else np.full(members, origin)
        self.count = 0
        self._sums = np.zeros(members)
        self._products = np.zeros((members, members))

    def add(self, values: Floats) -> None:
        """Adds a part of shape (n, m). A row with any NaN is left out: with all rows complete the matrix of
        correlations is positive semidefinite, and so the sum below is never negative."""
        whole = values[~np.isnan(values).any(axis=1)]
        if not len(whole):
            return
        if self._shift is None:
            self._shift = whole.mean(axis=0)
        shifted = whole - self._shift
        self.count += len(whole)
        self._sums += shifted.sum(axis=0)
        self._products += shifted.T @ shifted

    def agreement(self, weights: Sequence[float]) -> Agreement:
        """The correlations of what was added, and the effective number under these weights (all above 0)."""
        products = self._products
        if self._origin is None and self.count:
            products = products - np.outer(self._sums, self._sums) / self.count
        # What is left of a constant member after the subtraction is rounding, not variance.
        variances = np.where(np.diag(products) > 1e-12 * np.diag(self._products), np.diag(products), 0.0)
        varies = variances > 0
        scale = np.sqrt(np.where(varies, variances, np.nan))
        correlations = np.clip(products / np.outer(scale, scale), -1.0, 1.0)
        np.fill_diagonal(correlations, 1.0)
        kept = np.flatnonzero(varies)
        effective = effective_number(correlations[np.ix_(kept, kept)], np.asarray(weights, dtype=np.float64)[kept])
        return Agreement(self.count, correlations, effective, tuple(int(one) for one in np.flatnonzero(~varies)))


def effective_number(correlations: Floats, weights: Floats | None = None) -> float:
    """How many independent opinions would have as little variance in their mean: (Σ w)² / Σ_ij w_i r_ij w_j.

    With equal weights it is n² / Σ_ij r_ij, and with one correlation ρ for all pairs n / (1 + (n − 1) ρ): Kish's
    design effect for n observations of one cluster (Survey Sampling, 1965, section 5.4) turned round.

    Negative correlations would give more opinions than there are raters; what they promise for the mean is real only
    if the correlations hold elsewhere, so the number stops at n. A sum of 0 or less (opinions that cancel each other;
    below 0 only by rounding or with a matrix that is not positive semidefinite) gives n too. Never below 1.

    Args:
        correlations: float64 of shape (n, n), symmetric, 1 on the diagonal.
        weights: float64 of shape (n,), above 0; equal when left out.

    Returns:
        Between 1 and n; NaN for no rater at all.
    """
    count = len(correlations)
    if count == 0:
        return float("nan")
    shares = np.ones(count) if weights is None else weights
    below = float(shares @ correlations @ shares)
    if below <= 0:
        return float(count)
    return float(min(max(shares.sum() ** 2 / below, 1.0), count))
