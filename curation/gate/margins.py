"""Margins near zero, or all the same: a loss with a margin would learn nothing from them, or the wrong thing."""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl

from curation.gate.found import Found, Idle, told
from curation.gate.tables import Examined

CODE = "collapsed-margins"
# A margin below this share of the spread of what it is a difference of is near zero; shares and rates spread over 1.
NEAR_ZERO = 0.01
_MEASURED = ("score", "reward", "fact")
# From this share of such pairs on it is said: a few close calls are no collapse.
SHARE = 0.05
# Fewer margins than this may be equal by accident.
FEWEST = 10


def look(examined: Examined) -> Iterator[Found | Idle]:
    """Within each unit and criterion, because only those margins are compared with each other."""
    pairs = examined.pairs.filter(pl.col("margin").is_not_null())
    if not pairs.height:
        yield Idle(CODE, "no pair has a margin")
        return
    group = ["margin_unit", "criterion"]
    scores = pl.concat_list("chosen_score", "rejected_score").explode().drop_nulls()
    facts = pairs.group_by(group).agg(
        spread=scores.std(), lowest=pl.col("margin").min(), highest=pl.col("margin").max(), pairs=pl.len()
    )
    is_equal = (pl.col("lowest") == pl.col("highest")) & (pl.col("pairs") >= FEWEST)
    bar = (
        pl.when(pl.col("margin_unit").cast(pl.String).is_in(_MEASURED))
        .then(pl.col("spread"))
        .otherwise(1.0)
        .fill_null(0.0)
        * NEAR_ZERO
    )
    judged = pairs.join(facts.with_columns(is_equal=is_equal, bar=bar), on=group).sort("pair_id")
    is_near = pl.col("margin").abs() <= pl.col("bar")
    judged = judged.with_columns(is_near=is_near & (is_near.mean().over(group) >= SHARE))
    yield from _said(judged)


def _said(judged: pl.DataFrame) -> Iterator[Found]:
    rows = judged.filter(pl.col("is_equal") | pl.col("is_near"))
    if not rows.height:
        return
    equal, near = rows.filter("is_equal").height, rows.filter(~pl.col("is_equal")).height
    parts = []
    if near:
        parts.append(told(near, "pair", "has", "have") + " a margin near zero")
    if equal:
        parts.append(told(equal, "pair", "has", "have") + " the same margin as all others of the kind")
    detail = pl.when("is_equal").then(pl.lit("the same margin as all")).otherwise(pl.format("margin {}", "margin"))
    yield Found(CODE, "; ".join(parts) + ".", rows.select("pair_id", detail=detail))
