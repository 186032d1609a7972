"""Strong, weak and ambiguous: how sure it is that the better of two is better. Plain code."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

STRONG, WEAK, AMBIGUOUS = "strong", "weak", "ambiguous"
# Of the probability that a person prefers the better one. A weak pair is of use with a soft label, an ambiguous one
# teaches mostly noise.
STRONG_FROM, AMBIGUOUS_BELOW = 0.9, 0.75


def band(probability: Floats) -> NDArray[np.object_]:
    """The band of each couple, from P(the first is preferred), whichever of the two it favours.

    >>> band(np.array([0.95, 0.2, 0.5])).tolist()
    ['strong', 'weak', 'ambiguous']
    """
    sure = np.maximum(probability, 1 - probability)
    found = np.full(sure.shape, WEAK, dtype=object)
    found[sure >= STRONG_FROM] = STRONG
    found[sure < AMBIGUOUS_BELOW] = AMBIGUOUS
    return found
