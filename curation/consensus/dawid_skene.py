"""What is true of each item when raters give one of a few labels: Dawid and Skene, with a prior. Plain code.

For categories, defects and yes/no checks. Choices between left and right are no labels: they belong into `raters`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from curation.consensus.errors import NotConverged

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

# What every rater is believed to have said before the first label: a few, and more right ones than wrong ones.
RIGHT_BEFORE, ANY_BEFORE = 2.0, 0.3
_TINY = 1e-300


@dataclass(frozen=True)
class Truth:
    """What the labels add up to.

    Args:
        posterior: shape (I, K), probability of each label being true of each item; rows sum to 1.
        confusion: shape (R, K, K), [r, l, c] = P(rater r says l where c is true); sums to 1 over l.
        share: shape (K,), how often each label is true.
        steps: of expectation and maximisation.
    """

    posterior: Floats
    confusion: Floats
    share: Floats
    steps: int


def fit_labels(
    item: Ints,
    rater: Ints,
    label: Ints,
    *,
    items: int,
    raters: int,
    labels: int,
    known: Ints | None = None,
    before: Floats | None = None,
    tolerance: float = 1e-9,
    max_steps: int = 2000,
) -> Truth:
    """True labels and each rater's confusion by expectation and maximisation, started from the shares of the labels.

    q_ic ∝ share_c Π C_r[l|c] over what was said of i;  C_r[l|c] ∝ before[l, c] + Σ q_ic over where r said l;
    share = mean of q. The pseudo-counts `before` keep raters with few labels from being believed, or disbelieved,
    too much.

    Args:
        item, rater, label: shape (N,), one entry a label given, numbered from 0.
        items, raters, labels: I, R, K.
        known: shape (I,), the true label of a known item and −1 elsewhere; known items stay as they are.
        before: shape (K, K), pseudo-counts of saying l where c is true, at least 0; by default 2 more on the diagonal
            than the 0.3 everywhere. All 0 is the method of 1979.
        tolerance: it ends when no posterior moves by more.
        max_steps: and gives up after so many.

    Returns:
        An item without labels has the shares as its posterior; with `before` 0, what a rater says where c is true is
        even over all labels when nothing tells (0/0).

    Raises:
        ValueError: shapes or numbers that make no sense.
        NotConverged: the posteriors still move after `max_steps`.

    Source: A. Dawid and A. Skene (1979), Maximum likelihood estimation of observer error-rates using the EM algorithm,
    Applied Statistics 28.

    >>> three = np.array([0, 0, 0]), np.array([0, 1, 2]), np.array([1, 1, 0])
    >>> fit_labels(*three, items=1, raters=3, labels=2).posterior.argmax()
    np.int64(1)
    """
    _check(item, rater, label, known, items=items, raters=raters, labels=labels)
    given = _given(before, labels)
    said = sparse.csr_matrix((np.ones(len(item)), (item, rater * labels + label)), shape=(items, raters * labels))
    posterior = _clamp(_shares(item, label, items, labels), known)
    for step in range(1, max_steps + 1):
        share, confusion = posterior.mean(axis=0), _confusion(said, posterior, given, raters)
        moved_to = _clamp(_posterior(said, share, confusion), known)
        moved = np.abs(moved_to - posterior).max(initial=0.0)
        posterior = moved_to
        if moved <= tolerance:
            return Truth(posterior, confusion, share, step)
    raise NotConverged(
        f"Labels still move by {moved:.1e} after {max_steps} steps; allow more steps or a wider tolerance."
    )


def _check(item: Ints, rater: Ints, label: Ints, known: Ints | None, *, items: int, raters: int, labels: int) -> None:
    if not item.shape == rater.shape == label.shape or item.ndim != 1:
        raise ValueError(f"{item.shape} items, {rater.shape} raters, {label.shape} labels; give one of each")
    for name, numbers, most in (("item", item, items), ("rater", rater, raters), ("label", label, labels)):
        if not np.issubdtype(numbers.dtype, np.integer):
            raise ValueError(f"the {name}s are {numbers.dtype} and not whole numbers")
        if ((numbers < 0) | (numbers >= most)).any():
            raise ValueError(f"a {name} is not 0 to {most - 1}")
    if known is not None and (known.shape != (items,) or (known < -1).any() or (known >= labels).any()):
        raise ValueError(f"known labels are one of −1 to {labels - 1} for each of {items} items")


def _given(before: Floats | None, labels: int) -> Floats:
    if before is None:
        return np.full((labels, labels), ANY_BEFORE) + RIGHT_BEFORE * np.eye(labels)
    if before.shape != (labels, labels) or not (np.isfinite(before) & (before >= 0)).all():
        raise ValueError(f"pseudo-counts are numbers of at least 0, shape {(labels, labels)}")
    return before


def _shares(item: Ints, label: Ints, items: int, labels: int) -> Floats:
    """How large a part of each item's labels is each label; even where there are none."""
    count = np.bincount(item * labels + label, minlength=items * labels).reshape(items, labels)
    every = count.sum(axis=1, keepdims=True)
    return np.where(every > 0, count / np.maximum(every, 1), 1 / labels)


def _clamp(posterior: Floats, known: Ints | None) -> Floats:
    if known is not None:
        is_known = known >= 0
        posterior[is_known] = 0.0
        posterior[is_known, known[is_known]] = 1.0
    return posterior


def _confusion(said: sparse.csr_matrix, posterior: Floats, before: Floats, raters: int) -> Floats:
    labels = posterior.shape[1]
    count = np.asarray(said.T @ posterior).reshape(raters, labels, labels) + before
    every = count.sum(axis=1, keepdims=True)
    return np.where(every > 0, count / np.where(every > 0, every, 1.0), 1 / labels)


def _posterior(said: sparse.csr_matrix, share: Floats, confusion: Floats) -> Floats:
    labels = len(share)
    # A label that can not be is as good as impossible; the logarithm of 0 would make "not a number" of it.
    log = np.asarray(said @ np.log(np.maximum(confusion, _TINY)).reshape(-1, labels)) + np.log(np.maximum(share, _TINY))
    odds = np.exp(log - log.max(axis=1, keepdims=True))
    found: Floats = odds / odds.sum(axis=1, keepdims=True)
    return found
