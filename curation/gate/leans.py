"""What the chosen ones have in common besides being better: a side of the screen, brightness, length."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.special import betaincinv
from scipy.stats import t

from curation.gate.found import Found, Idle, counted
from curation.gate.tables import Examined

CONFIDENCE = 0.99
# A lean below these is left alone, however certain it is.
POSITION_BAR = 0.05  # of the share that stood left, from one half
BRIGHTNESS_BAR = 0.02  # of the way from black to white: five grey levels of 255
LENGTH_BAR = math.log(1.1)  # one tenth longer
# Pairs of fewer prompts than this say nothing of the next prompt.
FEWEST_PROMPTS = 10
# Of a lean every pair is a small part; the clearest are shown.
SHOWN = 500

Floats = NDArray[np.float64]


def look(examined: Examined) -> Iterator[Found | Idle]:
    yield from _position(examined)
    yield from _brightness(examined)
    yield from _length(examined)


# -- sides ------------------------------------------------------------------------------------------------------------


def exact_interval(count: int, of: int, confidence: float = CONFIDENCE) -> tuple[float, float]:
    """Clopper and Pearson's interval for a share: never narrower than it promises.

    Args:
        count: successes, 0 to `of`.
        of: trials, at least 1.
        confidence: between 0 and 1.

    Returns:
        Ends between 0 and 1; 0 for no success, 1 for nothing else.

    Source: C. J. Clopper, E. S. Pearson (1934), The use of confidence or fiducial limits, Biometrika 26.

    >>> low, high = exact_interval(9, 10, 0.95)
    >>> round(low, 4), round(high, 4)
    (0.555, 0.9975)
    """
    tail = (1 - confidence) / 2
    low = 0.0 if count == 0 else float(betaincinv(count, of - count + 1, tail))
    high = 1.0 if count == of else float(betaincinv(count + 1, of - count, 1 - tail))
    return low, high


def _position(examined: Examined) -> Iterator[Found | Idle]:
    """For people and for machines apart: machines may lean where people do not, and outnumber them."""
    shown = examined.shown.with_columns(who=pl.when("by_person").then(pl.lit("people")).otherwise(pl.lit("machines")))
    if not shown.height:
        yield Idle("position-bias", "no comparison with two sides stands behind the pairs")
        return
    worst: tuple[float, str, str] | None = None
    for who in ("people", "machines"):
        votes = shown.filter(pl.col("who") == who)
        lean = _lean(votes, who)
        if lean and (worst is None or lean[0] > worst[0]):
            worst = (*lean, who)
    if worst is None:
        return
    measure, words, who = worst
    left = pl.col("chosen_was_left").mean().over("who") > 0.5
    rows = shown.with_columns(leans_left=left).filter(
        pl.col("who") == who, pl.col("chosen_was_left") == pl.col("leans_left")
    )
    rows = (
        rows.join(examined.pairs.select("pair_id").with_row_index("pair"), on="pair").unique("pair_id").sort("pair_id")
    )
    yield Found("position-bias", words, rows.head(SHOWN), count=rows.height, measure=measure)


def _lean(votes: pl.DataFrame, who: str) -> tuple[float, str] | None:
    """How far from one half the share that stood left is, with words, where it is certainly beyond the bar."""
    of, left = votes.height, int(votes["chosen_was_left"].sum())
    if not of:
        return None
    low, high = exact_interval(left, of)
    if low <= 0.5 + POSITION_BAR and high >= 0.5 - POSITION_BAR:
        return None
    side, share = ("left", left / of) if left / of > 0.5 else ("right", 1 - left / of)
    words = f"By {who}, the chosen one stood {side} in {share:.1%} of {counted(of, 'comparison')}"
    ends = (low, high) if side == "left" else (1 - high, 1 - low)
    return share - 0.5, f"{words} ({CONFIDENCE:.0%} interval {ends[0]:.1%} to {ends[1]:.1%}); half would be fair."


# -- means ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Mean:
    """A mean with its interval, clustered by prompt."""

    value: float
    low: float
    high: float


def clustered_mean(values: Floats, prompt: Floats, confidence: float = CONFIDENCE) -> Mean | None:
    """The mean of values with an interval that knows that values of one prompt stand and fall together.

    The variance is G / (G - 1) · Σ_g (Σ_i∈g (x_i - mean))² / n², the quantile Student's with G - 1 degrees of freedom.

    Args:
        values: shape (n,).
        prompt: shape (n,), equal ones are the same prompt.

    Returns:
        None with fewer than two prompts.

    Source: W. G. Cochran (1977), Sampling Techniques, chapter 9 (ratio of two totals over clusters).
    """
    _names, group = np.unique(prompt, return_inverse=True)
    groups = int(group.max(initial=-1)) + 1
    if groups < 2:
        return None
    mean = float(values.mean())
    sums = np.bincount(group, values - mean)
    error = math.sqrt(groups / (groups - 1) * float((sums**2).sum())) / len(values)
    half = error * float(t.ppf((1 + confidence) / 2, groups - 1))
    return Mean(mean, mean - half, mean + half)


def _brightness(examined: Examined) -> Iterator[Found | Idle]:
    looks = examined.looks.filter(pl.col("brightness").is_not_null())
    mean = looks.group_by("sample_id").agg(value=pl.col("brightness").mean())
    both = _sides(examined, mean)
    difference = pl.col("chosen_value") - pl.col("rejected_value")
    yield from _mean_lean("brightness-bias", both.with_columns(x=difference), BRIGHTNESS_BAR, _brightness_words)


def _brightness_words(mean: Mean, pairs: int) -> str:
    word = "brighter" if mean.value > 0 else "darker"
    low, high = sorted((abs(mean.low), abs(mean.high)))
    return (
        f"Chosen pictures are {word} by {abs(mean.value):.1%} of the way from black to white on average over "
        f"{counted(pairs, 'pair')} ({CONFIDENCE:.0%} interval {low:.1%} to {high:.1%})."
    )


def _length(examined: Examined) -> Iterator[Found | Idle]:
    length = examined.samples.select("sample_id", value=(pl.col("length") + 1).log()).drop_nulls()
    both = _sides(examined, length)
    difference = pl.col("chosen_value") - pl.col("rejected_value")
    yield from _mean_lean("length-bias", both.with_columns(x=difference), LENGTH_BAR, _length_words)


def _length_words(mean: Mean, pairs: int) -> str:
    word = "longer" if mean.value > 0 else "shorter"
    low, high = sorted(math.exp(abs(end)) - 1 for end in (mean.low, mean.high))
    if word == "shorter":
        low, high = sorted(1 - math.exp(-abs(end)) for end in (mean.low, mean.high))
    middle = math.exp(mean.value) - 1
    return (
        f"Chosen answers are {word} by {abs(middle):.0%} on average over {counted(pairs, 'pair')} "
        f"({CONFIDENCE:.0%} interval {low:.0%} to {high:.0%})."
    )


def _sides(examined: Examined, values: pl.DataFrame) -> pl.DataFrame:
    both = examined.pairs.select("pair_id", "prompt_id", "chosen_id", "rejected_id")
    for side in ("chosen", "rejected"):
        mine = values.select(pl.col("sample_id").alias(f"{side}_id"), pl.col("value").alias(f"{side}_value"))
        both = both.join(mine, on=f"{side}_id", maintain_order="left")
    return both


def _mean_lean(code: str, both: pl.DataFrame, bar: float, words: Callable[[Mean, int], str]) -> Iterator[Found | Idle]:
    prompts = both["prompt_id"].n_unique()
    if prompts < FEWEST_PROMPTS:
        what = "pictures" if code == "brightness-bias" else "texts"
        why = f"pairs of {what} exist for {counted(prompts, 'prompt')}; it takes {FEWEST_PROMPTS}"
        yield Idle(code, why)
        return
    mean = clustered_mean(both["x"].to_numpy(), both["prompt_id"].to_numpy())
    if mean is None or (mean.low <= bar and mean.high >= -bar):
        return
    leaning = both.filter((pl.col("x") > 0) if mean.value > 0 else (pl.col("x") < 0))
    rows = leaning.sort(pl.col("x").abs(), "pair_id", descending=[True, False]).head(SHOWN)
    yield Found(code, words(mean, both.height), rows.select("pair_id"), count=leaning.height, measure=abs(mean.value))
