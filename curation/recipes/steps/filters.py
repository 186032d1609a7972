"""Third step: bars on a signal, and the best few of each prompt."""

from collections.abc import Iterator

import polars as pl

from curation.pairing import keep_best
from curation.recipes.funnel import Step, sift
from curation.recipes.model import Filter
from curation.recipes.signals import Heard


def apply(samples: pl.DataFrame, rule: Filter, heard: Heard) -> tuple[pl.DataFrame, Step]:
    """The samples that pass one filter; `heard` is what its signal says of exactly these samples."""
    valued = samples.join(heard.values, on="sample_id", how="left")
    best = _best(valued, rule)
    marked = (
        valued.with_columns(is_best=pl.col("sample_id").is_in(best["sample_id"].implode()))
        if best is not None
        else valued
    )
    kept, step = sift(
        marked, list(_rules(rule)), key=f"filter:{rule.name}", unit="samples", ids=["prompt_id", "sample_id", "value"]
    )
    return kept.select(samples.columns).sort("sample_id"), step


def _best(valued: pl.DataFrame, rule: Filter) -> pl.DataFrame | None:
    if rule.keep_best is None:
        return None
    return keep_best(valued.drop("value").rename({"rank_value": "value"}), rule.keep_best)


def _rules(rule: Filter) -> Iterator[tuple[str, pl.Expr]]:
    """Bars are on the value as stated; "best" minds whether high or low is better."""
    if rule.if_missing == "drop":
        yield "no_value", pl.col("value").is_null()
    if rule.at_least is not None:
        yield "below_the_bar", pl.col("value") < rule.at_least
    if rule.at_most is not None:
        yield "above_the_bar", pl.col("value") > rule.at_most
    if rule.keep_best is not None:
        yield "not_among_the_best", ~pl.col("is_best") & pl.col("value").is_not_null()
