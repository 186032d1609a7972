"""Pairs over the rounds of a policy: a round's best, or the best so far, against the worst of before."""

import polars as pl

from curation.pairing.rounds import across_rounds
from curation.recipes.funnel import sift, step
from curation.recipes.model import Pairing
from curation.recipes.signals import Heard
from curation.recipes.steps.couples import Paired, all_comparisons, valued, wide_enough, with_scores


def make(rule: Pairing, samples: pl.DataFrame, heard: Heard) -> Paired:
    table = valued(samples, heard).join(samples.select("sample_id", "round"), on="sample_id")
    unvalued = [("no_value", pl.col("value").is_null())]
    table, missing = sift(table, unvalued, key="ranked", unit="samples", ids=["prompt_id", "sample_id"])
    couples = across_rounds(table, chosen=rule.chosen, rejected=rule.rejected)
    lacking = table.select("prompt_id").unique().join(couples, on="prompt_id", how="anti").sort("prompt_id")
    dropped = lacking.select(pl.lit("no_such_round").alias("reason"), "prompt_id")
    met = step("rounds_met", "prompts", kept=couples["prompt_id"].n_unique(), dropped=dropped)
    kept, gap = wide_enough(couples, rule.min_gap)
    return Paired(
        couples=with_scores(kept, heard, heard),
        behind=all_comparisons(kept, heard),
        steps=[missing, met, gap],
        margin_unit=heard.unit,
    )
