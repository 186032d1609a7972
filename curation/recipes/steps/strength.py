"""Bands of pairs: strong, weak and ambiguous, by their gap or by the winner's share of the votes."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl

from curation.recipes.funnel import Step, sift
from curation.recipes.model import Strength
from curation.recipes.signals import Heard

BANDS = ("strong", "weak", "ambiguous")
BINS = 20


def into_bands(pairs: pl.DataFrame, rule: Strength, deciding: Sequence[Heard]) -> tuple[pl.DataFrame, Step]:
    """The pairs with `band`, less the bands that are dropped. Where nobody voted, a vote share is ambiguous.

    Args:
        pairs: named pairs with `margin`.
        deciding: the signals that decided; the first of them with shares is the one whose votes count.
    """
    measured = pairs.with_columns(strength="margin") if rule.by == "gap" else _with_share(pairs, deciding)
    banded = measured.with_columns(
        band=pl.when(pl.col("strength") >= rule.strong_from)
        .then(pl.lit("strong"))
        .when(pl.col("strength") >= rule.ambiguous_below)
        .then(pl.lit("weak"))
        .otherwise(pl.lit("ambiguous"))
    )
    reasons = [(f"{band}_band", pl.col("band") == band) for band in rule.drop]
    kept, step = sift(
        banded,
        reasons,
        key="strength",
        unit="pairs",
        ids=["prompt_id", "chosen_id", "rejected_id", "strength"],
    )
    counts = dict(banded.group_by("band").len("n").select("band", "n").iter_rows())
    histogram = _histogram(banded["strength"], rule)
    step = step.with_figures(bands={band: counts.get(band, 0) for band in BANDS}, histogram=histogram)
    return kept.drop("strength"), step


def _with_share(pairs: pl.DataFrame, deciding: Sequence[Heard]) -> pl.DataFrame:
    voted = [heard.shares for heard in deciding if heard.decides_couples][:1]
    if not voted:
        return pairs.with_columns(strength=pl.lit(None, dtype=pl.Float64))
    couple = pairs.with_columns(
        low=pl.min_horizontal("chosen_id", "rejected_id"), high=pl.max_horizontal("chosen_id", "rejected_id")
    )
    couple = couple.join(voted[0].select("low", "high", "share"), on=["low", "high"], how="left", maintain_order="left")
    share = pl.when(pl.col("chosen_id") == pl.col("low")).then("share").otherwise(1.0 - pl.col("share"))
    return couple.with_columns(strength=share.round(12)).drop("low", "high", "share")


def _histogram(strengths: pl.Series, rule: Strength) -> dict[str, Any]:
    """How the strengths are spread: bounds and the counts of equal bins between them, the last one closed."""
    values = strengths.drop_nulls().to_numpy()
    low, high = (0.5, 1.0) if rule.by == "vote_share" else (0.0, 1.0)
    if rule.by == "gap" and len(values):
        low, high = float(values.min()), float(values.max())
    high = high if high > low else low + 1.0
    counts = np.histogram(values, bins=BINS, range=(low, high))[0]
    return {"low": low, "high": high, "counts": [int(count) for count in counts]}
