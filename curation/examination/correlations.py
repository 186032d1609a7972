"""How the numbers of a machine go together with people's, or with another machine's. Plain code.

Spearman and Pearson are numpy here and tested against scipy; Kendall's tau-b is scipy's over all samples and counted
pair by pair within prompts.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.stats import kendalltau, rankdata, t

from curation.examination.intervals import CONFIDENCE, Floats, Ints

# Groups of prompts that the intervals leave out one after another.
JACKKNIFE = 25
# With more samples the coefficient is computed in each group instead of without each group.
WHOLE = 20_000
# Samples of one prompt beyond which pairs within it are not written out.
_WIDE = 64
# A coefficient this close to ±1 is ±1.
_ONE = 1 - 1e-12

Measure: TypeAlias = Callable[[Floats, Floats], float]


@dataclass(frozen=True)
class Coefficient:
    """−1 to 1 with its interval; all None where it is undefined: fewer than two samples, or one side never varies.

    The interval is also None where too few prompts are there to say, or the coefficient is ±1.
    """

    value: float | None
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Correlation:
    """Two sets of numbers about the same samples.

    Args:
        pooled: by name (spearman, pearson, kendall), over all samples.
        within: by name, the mean over prompts of the coefficient within each prompt.
        samples, prompts: what `pooled` rests on.
        prompts_within: prompts in which a coefficient is defined.
    """

    pooled: dict[str, Coefficient]
    within: dict[str, Coefficient]
    samples: int
    prompts: int
    prompts_within: int


def pearson(x: Floats, y: Floats) -> float:
    """Pearson's r of shape (n,) columns; NaN with fewer than two, or where one does not vary."""
    if len(x) < 2:
        return math.nan
    dx, dy = x - x.mean(), y - y.mean()
    scale = math.sqrt(float(dx @ dx) * float(dy @ dy))
    # What is constant on paper varies by rounding.
    is_flat = np.ptp(x) <= 1e-12 * np.abs(x).max() or np.ptp(y) <= 1e-12 * np.abs(y).max()
    return math.nan if is_flat or scale == 0 else min(max(float(dx @ dy) / scale, -1.0), 1.0)


def spearman(x: Floats, y: Floats) -> float:
    """Spearman's rho: Pearson's r of the mid-ranks."""
    return pearson(rankdata(x), rankdata(y)) if len(x) >= 2 else math.nan


def kendall(x: Floats, y: Floats) -> float:
    """Kendall's tau-b: concordant less discordant pairs, over the geometric mean of the pairs each column parts."""
    return float(kendalltau(x, y, variant="b").statistic) if len(x) >= 2 else math.nan


MEASURES: dict[str, Measure] = {"spearman": spearman, "pearson": pearson, "kendall": kendall}


def correlate(
    x: Floats, y: Floats, prompt: Ints, names: Sequence[str] = tuple(MEASURES), *, with_intervals: bool = True
) -> Correlation | None:
    """Coefficients with intervals, over the samples that have both numbers.

    Over all samples (`pooled`) the interval comes from leaving out one of up to 25 groups of prompts at a time: with
    z = artanh of the coefficient, the jackknife's variance (K − 1) / K · Σ (z₋ₖ − mean)², Student's t with K − 1
    degrees of freedom, and back by tanh. Above 20,000 samples the coefficient is computed in each group alone and the
    variance is that of their mean (random groups), which costs no more than one pass.

    Within prompts the coefficients of prompts with three or more samples are averaged, and the interval is Student's
    with the prompts as units. Prompts where one of the two never varies have none.

    Args:
        x, y: shape (n,), NaN where nothing was said.
        prompt: shape (n,), whole numbers from 0.
        names: which of `MEASURES`.
        with_intervals: whether `pooled` has them; without, it costs a twentieth.

    Returns:
        None with fewer than two samples in common.

    Source: K. M. Wolter (2007), Introduction to Variance Estimation, chapters 2 and 4.
    """
    is_both = ~np.isnan(x) & ~np.isnan(y)
    x, y, where = x[is_both], y[is_both], prompt[is_both]
    if len(x) < 2:
        return None
    pooled = {name: _pooled(MEASURES[name], x, y, where, with_intervals) for name in names}
    each = _each_prompt(x, y, where, names)
    within = {name: _mean(each[name]) for name in names}
    defined = int((~np.isnan(each[names[0]])).sum())
    return Correlation(pooled, within, len(x), len(np.unique(where)), defined)


def some_prompts(prompt: Ints, most: int) -> NDArray[np.bool_]:
    """Which samples to look at where about `most` are enough: those of whole prompts, taken by a fixed shuffle.

    Args:
        prompt: shape (n,), numbers of prompts from 0 without a gap.
    """
    if len(prompt) <= most:
        return np.ones(len(prompt), bool)
    sizes = np.bincount(prompt)
    order = np.random.default_rng(len(sizes)).permutation(len(sizes))
    is_taken = np.zeros(len(sizes), bool)
    is_taken[order[np.cumsum(sizes[order]) <= most]] = True
    return np.asarray(is_taken[prompt])


# -- over all samples -------------------------------------------------------------------------------------------------


def _pooled(measure: Measure, x: Floats, y: Floats, prompt: Ints, with_intervals: bool) -> Coefficient:
    value = measure(x, y)
    if math.isnan(value):
        return Coefficient(None)
    if not with_intervals:
        return Coefficient(value)
    groups = _groups(prompt)
    count = int(groups.max()) + 1
    if count < 3 or abs(value) >= _ONE:
        return Coefficient(value)
    is_whole = len(x) <= WHOLE
    parts = [groups != number if is_whole else groups == number for number in range(count)]
    found = np.array([measure(x[part], y[part]) for part in parts])
    if np.isnan(found).any() or (np.abs(found) >= _ONE).any():
        return Coefficient(value)
    z = np.arctanh(found)
    spread = float(((z - z.mean()) ** 2).sum())
    variance = (count - 1) / count * spread if is_whole else spread / (count * (count - 1))
    half = math.sqrt(variance) * float(t.ppf((1 + CONFIDENCE) / 2, count - 1))
    middle = math.atanh(value)
    return Coefficient(value, math.tanh(middle - half), math.tanh(middle + half))


def _groups(prompt: Ints) -> Ints:
    """Groups of whole prompts, numbered from 0, dealt out by a fixed shuffle: the order of import means nothing."""
    names, where = np.unique(prompt, return_inverse=True)
    dealt = np.random.default_rng(len(names)).permutation(len(names)) % JACKKNIFE
    return dealt[where].astype(np.int64)


# -- within prompts ---------------------------------------------------------------------------------------------------


def _mean(each: Floats) -> Coefficient:
    found = each[~np.isnan(each)]
    if len(found) == 0:
        return Coefficient(None)
    mean = float(found.mean())
    if len(found) < 2 or float(found.std()) < 1e-12:
        return Coefficient(mean)
    half = float(found.std(ddof=1)) / math.sqrt(len(found)) * float(t.ppf((1 + CONFIDENCE) / 2, len(found) - 1))
    return Coefficient(mean, max(-1.0, mean - half), min(1.0, mean + half))


def _each_prompt(x: Floats, y: Floats, prompt: Ints, names: Sequence[str]) -> dict[str, Floats]:
    """The coefficient within each prompt that has three or more samples; NaN where it is undefined."""
    frame = pl.DataFrame({"prompt": prompt, "x": x, "y": y})
    frame = frame.filter(pl.len().over("prompt") >= 3)
    if frame.is_empty():
        return {name: np.zeros(0) for name in names}
    ways = {"pearson": _grouped_r, "spearman": _grouped_rho, "kendall": _grouped_tau}
    return {name: ways[name](frame) for name in names}


def _grouped_rho(frame: pl.DataFrame) -> Floats:
    return _grouped_r(frame.with_columns(x=pl.col("x").rank().over("prompt"), y=pl.col("y").rank().over("prompt")))


def _grouped_r(frame: pl.DataFrame) -> Floats:
    dx, dy = (pl.col(c) - pl.col(c).mean().over("prompt") for c in ("x", "y"))
    parts = frame.with_columns(dx=dx, dy=dy).group_by("prompt", maintain_order=True)
    sums = parts.agg(
        xy=(pl.col("dx") * pl.col("dy")).sum(),
        is_flat=(pl.col("x").max() == pl.col("x").min()) | (pl.col("y").max() == pl.col("y").min()),
        scale=(pl.col("dx").pow(2).sum() * pl.col("dy").pow(2).sum()).sqrt(),
    )
    r = pl.when(pl.col("is_flat") | (pl.col("scale") == 0)).then(None).otherwise(pl.col("xy") / pl.col("scale"))
    return sums.select(r.clip(-1.0, 1.0).fill_null(np.nan)).to_series().to_numpy()


def _grouped_tau(frame: pl.DataFrame) -> Floats:
    """Tau-b of each prompt: its pairs written out, except in prompts with very many samples."""
    size = pl.len().over("prompt")
    narrow, wide = frame.filter(size <= _WIDE), frame.filter(size > _WIDE)
    found = [_tau_by_pairs(narrow)] if len(narrow) else []
    found += [kendall(part["x"].to_numpy(), part["y"].to_numpy()) for part in wide.partition_by("prompt")]  # type: ignore[misc]
    return np.concatenate([np.atleast_1d(part) for part in found])


def _tau_by_pairs(frame: pl.DataFrame) -> Floats:
    numbered = frame.with_row_index("row")
    pairs = numbered.join(numbered, on="prompt", suffix="_2").filter(pl.col("row") < pl.col("row_2"))
    sx, sy = (pl.col(f"{c}_2") - pl.col(c) for c in ("x", "y"))
    counted = (
        pairs.with_columns(sx=sx.sign(), sy=sy.sign())
        .group_by("prompt")
        .agg(
            net=(pl.col("sx") * pl.col("sy")).sum(),
            parted_x=(pl.col("sx") != 0).sum().cast(pl.Float64),
            parted_y=(pl.col("sy") != 0).sum().cast(pl.Float64),
        )
    )
    scale = (pl.col("parted_x") * pl.col("parted_y")).sqrt()
    tau = pl.when(scale == 0).then(None).otherwise(pl.col("net") / scale).fill_null(np.nan)
    return counted.select(tau).to_series().to_numpy()
