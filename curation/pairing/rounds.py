"""Pairs over the rounds in which a policy answered: a round's best against what came before. Plain code in columns."""

from typing import Literal

import polars as pl

Chosen = Literal["round", "so_far", "earlier"]
Rejected = Literal["round", "previous", "first", "earlier"]


def across_rounds(candidates: pl.DataFrame, *, chosen: Chosen, rejected: Rejected) -> pl.DataFrame:
    """For each prompt and each of its rounds r, one couple: a best against a worst.

    Args:
        candidates: the usual columns, and `round` (0 or above).
        chosen: the best of round r (`round`), of rounds up to r (`so_far`), or of rounds before r (`earlier`).
        rejected: the worst of round r (`round`), of r - 1 (`previous`), of 0 (`first`), or of any before (`earlier`).

    Returns:
        prompt_id, at_round, chosen_id, rejected_id, gap; each couple once, under its first round. No couple where a
        side has nobody with a value, or both sides would be the same sample. The gap may be zero or below.
    """
    valued = candidates.filter(pl.col("value").is_not_null())
    rounds = valued.select("prompt_id", at_round="round").unique()
    best = _first(_pool(rounds, valued.filter("may_be_chosen"), chosen), descending=True)
    worst = _first(_pool(rounds, valued.filter("may_be_rejected"), rejected), descending=False)
    left = best.select("prompt_id", "at_round", chosen_id="sample_id", chosen_value="value")
    right = worst.select("prompt_id", "at_round", rejected_id="sample_id", rejected_value="value")
    couples = left.join(right, on=["prompt_id", "at_round"]).filter(pl.col("chosen_id") != pl.col("rejected_id"))
    couples = couples.sort("prompt_id", "at_round").unique(
        ["prompt_id", "chosen_id", "rejected_id"], keep="first", maintain_order=True
    )
    gap = pl.col("chosen_value") - pl.col("rejected_value")
    return couples.select("prompt_id", "at_round", "chosen_id", "rejected_id", gap=gap)


def _pool(rounds: pl.DataFrame, samples: pl.DataFrame, which: str) -> pl.DataFrame:
    """The samples that stand for a side at each round."""
    here, at = pl.col("round"), pl.col("at_round")
    conditions = {
        "round": here == at,
        "so_far": here <= at,
        "earlier": here < at,
        "previous": here == at - 1,
        "first": (here == 0) & (at > 0),
    }
    return rounds.join(samples, on="prompt_id").filter(conditions[which])


def _first(pool: pl.DataFrame, *, descending: bool) -> pl.DataFrame:
    """The first of each prompt and round by value, ties by seeded order."""
    order = ["prompt_id", "at_round", "value", "order", "sample_id"]
    lined_up = pool.sort(order, descending=[False, False, descending, False, False])
    return lined_up.unique(["prompt_id", "at_round"], keep="first", maintain_order=True)
