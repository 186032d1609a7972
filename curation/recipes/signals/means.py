"""Means that come out the same to the last bit in whatever order the rows come."""

from typing import Literal

import numpy as np
import numpy.typing as npt
import polars as pl

from curation.recipes.frames import in_order


def mean_by(
    frame: pl.DataFrame,
    keys: list[str],
    value: str,
    *,
    weight: str | None = None,
    keep_weight: Literal["no", "mean", "sum"] = "no",
) -> pl.DataFrame:
    """The weighted mean of a column in each group, the same to the last bit in whatever order the rows come.

    Rows are sorted by key, value and weight and summed one after another, so that no thread's pace and no database
    plan shows in a digest.

    Args:
        frame: the columns named; values and weights are finite, weights above zero.
        weight: a column of weights; none means equal weights.
        keep_weight: whether the group's weight is returned too, and as what.

    Returns:
        One row a group, sorted by key: the keys, the mean under the name of the value, and `weight` if asked for.
    """
    by = [*keys, value, *([weight] if weight else [])]
    ordered = in_order(frame.select(by), by)
    starts = _starts(ordered.select(keys))
    sizes = np.diff(starts, append=ordered.height)
    groups = ordered.select(keys) if len(starts) == ordered.height else ordered.select(keys)[starts]
    values = ordered[value].to_numpy().astype(np.float64)
    weights = ordered[weight].to_numpy().astype(np.float64) if weight else np.ones(len(values))
    total = np.add.reduceat(weights, starts) if len(starts) else np.zeros(0)
    summed = np.add.reduceat(values * weights, starts) if len(starts) else np.zeros(0)
    single = sizes == 1
    # A lone value stays itself: 0.1 * w / w need not be 0.1.
    mean = np.where(single, values[starts] if len(starts) else 0.0, summed / np.where(total == 0, 1.0, total))
    result = groups.with_columns(pl.Series(value, mean, dtype=pl.Float64))
    if keep_weight == "no":
        return result
    return result.with_columns(weight=pl.Series(total / sizes if keep_weight == "mean" else total))


def _starts(ordered: pl.DataFrame) -> npt.NDArray[np.int64]:
    """Where each group begins among rows that are sorted by all their columns."""
    is_other = [pl.col(name).ne_missing(pl.col(name).shift(1)) for name in ordered.columns]
    begins = ordered.select(begins=pl.any_horizontal(is_other))["begins"].to_numpy().copy()
    begins[:1] = True
    return np.flatnonzero(begins)
