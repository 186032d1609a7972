"""Agreement of two raters, or of a fixed number of them, beyond chance. Plain code."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def cohen(first: NDArray[np.int64], second: NDArray[np.int64]) -> float | None:
    """Cohen's kappa of two raters who judged the same units.

    (observed − expected) / (1 − expected), where expected is what their own shares of each value would give by chance.

    Args:
        first, second: shape (n,), codes of the values, unit by unit.

    Returns:
        At most 1; None without a unit, and where both only ever said one and the same value (0/0).

    Raises:
        ValueError: the shapes differ.

    Source: J. Cohen (1960), A coefficient of agreement for nominal scales, Educational and Psychological
    Measurement 20.

    >>> cohen(np.array([0, 0, 1, 1]), np.array([0, 0, 1, 0]))
    0.5
    """
    if first.shape != second.shape:
        raise ValueError(f"{first.shape} and {second.shape} values; both raters judge the same units")
    if len(first) == 0:
        return None
    names, codes = np.unique(np.concatenate([first, second]), return_inverse=True)
    shares = [np.bincount(part, minlength=len(names)) / len(first) for part in np.split(codes, 2)]
    expected = float(shares[0] @ shares[1])
    observed = float((first == second).mean())
    return None if expected == 1 else (observed - expected) / (1 - expected)


def fleiss(counts: NDArray[np.int64]) -> float | None:
    """Fleiss' kappa of units judged by the same number of raters, not always the same ones.

    Args:
        counts: shape (units, values): how many raters gave each value; every row sums to the same m ≥ 2.

    Returns:
        At most 1; None without a unit, and where only one value was ever given (0/0).

    Raises:
        ValueError: the rows sum to different numbers, or to fewer than two. Use alpha then.

    Source: J. L. Fleiss (1971), Measuring nominal scale agreement among many raters, Psychological Bulletin 76.
    """
    if len(counts) == 0:
        return None
    raters = counts.sum(axis=1)
    if raters.min() != raters.max() or raters[0] < 2:
        raise ValueError(f"units have {raters.min()} to {raters.max()} values; Fleiss' kappa takes one number, ≥ 2")
    m = int(raters[0])
    observed = float(((counts**2).sum(axis=1) - m).mean()) / (m * (m - 1))
    expected = float(((counts.sum(axis=0) / counts.sum()) ** 2).sum())
    return None if expected == 1 else (observed - expected) / (1 - expected)
