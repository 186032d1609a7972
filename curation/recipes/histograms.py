"""How what a step measured is spread: equal bins between two bounds, as JSON values for the funnel's figures."""

from typing import Any

import numpy as np
import polars as pl

BINS = 24


def histogram(values: pl.Series, *, low: float | None = None, high: float | None = None) -> dict[str, Any]:
    """Bounds and counts of equal bins between them, the last one closed.

    Args:
        values: numbers in the unit of whatever is measured; nulls are left out, so are values beyond given bounds.
        low, high: the bounds, in the same unit; the least and the greatest value where they are not given.
    """
    numbers = values.cast(pl.Float64).drop_nulls().to_numpy()
    numbers = numbers[np.isfinite(numbers)]
    least = float(numbers.min()) if low is None and len(numbers) else (low or 0.0)
    most = float(numbers.max()) if high is None and len(numbers) else (1.0 if high is None else high)
    # Bins narrower than the numbers can be told apart, or wider than a number can be, are none.
    width = (most / BINS - least / BINS) if most > least else 0.0
    if width <= abs(least) * 1e-12 or width < 1e-300:
        most = least + max(1.0, abs(least) * 1e-6)
        width = (most - least) / BINS
    within = numbers[(numbers >= least) & (numbers <= most)]
    places = np.clip(np.floor(within / width - least / width), 0, BINS - 1).astype(np.int64)
    counts = np.bincount(places, minlength=BINS)
    return {"low": least, "high": most, "counts": [int(count) for count in counts]}
