"""Third step: bars on a signal and on its uncertainty, the best few of each prompt, and what lies far off."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import polars as pl

from curation.pairing import keep_best
from curation.recipes.frames import in_order
from curation.recipes.funnel import Step, sift
from curation.recipes.histograms import histogram
from curation.recipes.model import Filter
from curation.recipes.signals import Heard

# A median absolute deviation, or failing that a mean one, times this estimates a standard deviation.
_OF_MEDIAN = 1.4826
_OF_MEAN = 1.2533
_RELATIVE, _ABSOLUTE = 1e-9, 1e-12


def apply(
    samples: pl.DataFrame, rule: Filter, heard: Heard, spread: pl.DataFrame | None = None
) -> tuple[pl.DataFrame, Step]:
    """The samples that pass one filter.

    Args:
        heard: what the filter's signal says of exactly these samples.
        spread: how uncertain it is of each: sample_id, spread; asked for by `spread_at_most`.
    """
    asked = samples.select("sample_id", "prompt_id", "order")  # a few columns of many
    marked = _marked(asked.join(heard.values, on="sample_id", how="left"), rule, spread)
    kept, step = sift(
        marked, list(_rules(rule)), key=f"filter:{rule.name}", unit="samples", ids=["prompt_id", "sample_id", "value"]
    )
    staying = samples.join(kept.select("sample_id"), on="sample_id", how="semi", maintain_order="left")
    return in_order(staying, ["sample_id"]), step.with_figures(**_figures(marked))


def _figures(marked: pl.DataFrame) -> dict[str, Any]:
    """Histograms of all that came in: the values, and the spreads and distances where a bar stands on them."""
    figures = {"histogram": histogram(marked["value"])}
    if "spread" in marked.columns:
        figures["spread"] = histogram(marked["spread"], low=0.0)
    if "far" in marked.columns:
        figures["distance"] = histogram(marked["far"], low=0.0)
    if "range" in marked.columns:
        figures["range"] = histogram(marked["range"], low=0.0)
    return figures


def _marked(valued: pl.DataFrame, rule: Filter, spread: pl.DataFrame | None) -> pl.DataFrame:
    if rule.keep_best is not None:
        best = keep_best(valued.drop("value").rename({"rank_value": "value"}), rule.keep_best)
        valued = valued.with_columns(is_best=pl.col("sample_id").is_in(best["sample_id"].implode()))
    if rule.outliers_beyond is not None:
        valued = valued.with_columns(far=robust_distance(valued["value"]))
    if rule.range_in_prompt_above is not None:
        highest, lowest = pl.col("value").max().over("prompt_id"), pl.col("value").min().over("prompt_id")
        valued = valued.with_columns(range=highest - lowest, size=pl.max_horizontal(highest.abs(), lowest.abs()))
    if spread is not None:
        valued = valued.join(spread, on="sample_id", how="left", maintain_order="left")
    return valued


def _rules(rule: Filter) -> Iterator[tuple[str, pl.Expr]]:
    """Bars are on the value as stated; "best" minds whether high or low is better."""
    if rule.if_missing == "drop":
        yield "no_value", pl.col("value").is_null()
    if rule.at_least is not None:
        yield "below_the_bar", pl.col("value") < rule.at_least
    if rule.at_most is not None:
        yield "above_the_bar", pl.col("value") > rule.at_most
    if rule.spread_at_most is not None:
        if rule.if_missing == "drop":
            yield "no_spread", pl.col("spread").is_null()
        yield "too_uncertain", pl.col("spread") > rule.spread_at_most
    if rule.outliers_beyond is not None:
        yield "outlier", pl.col("far") > rule.outliers_beyond
    if rule.range_in_prompt_above is not None:
        # Values that differ by rounding alone are equal; the same bounds as for the groups of an export.
        rounding = pl.max_horizontal(pl.col("size") * _RELATIVE, pl.lit(_ABSOLUTE))
        is_flat = pl.col("range") <= rule.range_in_prompt_above + rounding
        yield "prompt_says_nothing", is_flat & pl.col("value").is_not_null()
    if rule.keep_best is not None:
        yield "not_among_the_best", ~pl.col("is_best") & pl.col("value").is_not_null()


def robust_distance(values: pl.Series) -> pl.Series:
    """How far each value lies from the median of all, in robust standard deviations; null stays null.

    |x - median| / (1.4826 MAD), MAD the median absolute deviation from the median. Where more than half of the
    values are equal MAD is 0, and 1.2533 times the mean absolute deviation takes its place; where all are, so is
    every distance.

    Source: Iglewicz, Hoaglin, "How to detect and handle outliers", 1993.
    """
    stated = values.cast(pl.Float64)
    numbers = np.sort(stated.drop_nulls().to_numpy())
    if not len(numbers):
        return stated
    middle = float(np.median(numbers))
    apart = np.sort(np.abs(numbers - middle))
    scale = _OF_MEDIAN * float(np.median(apart)) or _OF_MEAN * float(np.mean(apart))
    distances = (stated - middle).abs()
    return distances / scale if scale > 0 else distances * 0.0
