"""Logistic regression without an intercept, on soft targets, with a ridge: swapping the two sides changes nothing."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from curation.consensus.errors import NotConverged

Floats = NDArray[np.float64]

_STEPS = 200


def fit_antisymmetric(features: Floats, target: Floats, weight: Floats, *, ridge: float) -> Floats:
    """β that maximises Σ w (t log σ(xβ) + (1 − t) log(1 − σ(xβ))) − ½ ridge |β|².

    With no intercept, σ(−xβ) = 1 − σ(xβ): whichever of the two comes first gets the same verdict. Newton's steps are
    shortened to ln(1 + m)/m, m the largest change of any xβ, which always arrives.

    Args:
        features: shape (N, F), finite.
        target: shape (N,), 0 to 1.
        weight: shape (N,), at least 0.
        ridge: above 0.

    Returns:
        Shape (F,); the gradient there is below 1e-10 of the sizes it is made of.

    Raises:
        NotConverged: it still moves after 200 steps (a ridge near 0 and features that tell the targets apart exactly).
    """
    beta = np.zeros(features.shape[1])
    size = weight @ np.abs(features) + ridge
    for _step in range(_STEPS):
        p = expit(features @ beta)
        gradient = features.T @ (weight * (target - p)) - ridge * beta
        if (np.abs(gradient) <= 1e-10 * size).all():
            return beta
        information = (features.T * (weight * p * (1 - p))) @ features + ridge * np.eye(len(beta))
        change = np.linalg.solve(information, gradient)
        m = float(np.abs(features @ change).max(initial=0.0))
        beta = beta + change * (np.log1p(m) / m if m > 0 else 1.0)
    raise NotConverged(f"{len(beta)} weights still move after {_STEPS} steps; take a larger ridge.")
