"""Votes on the couple itself: every pair that was compared, as its votes say."""

import polars as pl

from curation.recipes.funnel import sift
from curation.recipes.histograms import histogram
from curation.recipes.model import Pairing
from curation.recipes.signals import EXACT_HALF, Heard
from curation.recipes.steps.couples import BEHIND, COUPLE, Paired


def make(rule: Pairing, samples: pl.DataFrame, heard: Heard) -> Paired:
    sided = samples.select("sample_id", "prompt_id", "may_be_chosen", "may_be_rejected", "judged_bad")
    couples = _only_bad(heard, sided)
    votes = pl.col("votes_low") + pl.col("votes_high") + pl.col("votes_tie")
    low_won = pl.col("share") > 0.5
    turned = couples.with_columns(
        chosen_id=pl.when(low_won).then("low").otherwise("high"),
        rejected_id=pl.when(low_won).then("high").otherwise("low"),
        winning=pl.max_horizontal("share", 1.0 - pl.col("share")),
        votes=votes,
    )
    for side, may, prompt in (("chosen", "may_be_chosen", "of_chosen"), ("rejected", "may_be_rejected", "of_rejected")):
        mine = sided.rename({"sample_id": f"{side}_id", "prompt_id": prompt}).select(f"{side}_id", prompt, may)
        turned = turned.join(mine, on=f"{side}_id")
    turned = turned.join(sided.select(chosen_id="sample_id", bad="judged_bad"), on="chosen_id")
    decided = [
        ("both_bad", pl.col("share").is_null()),
        ("tie", (pl.col("share") - 0.5).abs() <= EXACT_HALF),
        ("too_few_votes", pl.col("votes") < rule.min_votes),
        ("share_too_small", pl.col("winning") < rule.min_share - EXACT_HALF),
        ("judged_bad", pl.col("bad")),
        (
            "not_siblings",
            pl.col("of_chosen") != pl.col("of_rejected"),
        ),  # a comparison is of one prompt, not of one family
        ("may_not_be_chosen", ~pl.col("may_be_chosen") | ~pl.col("may_be_rejected")),
    ]
    kept, counted = sift(turned, decided, key="judged", unit="pairs", ids=[*COUPLE, "votes"])
    counted = counted.with_figures(histogram=histogram(turned["winning"], low=0.5, high=1.0))
    empty = pl.lit(None, dtype=pl.Float64)
    result = kept.select(
        *COUPLE, chosen_score=empty, rejected_score=empty, margin=(2 * pl.col("winning") - 1).round(12)
    )
    return Paired(
        couples=result,
        behind=kept.select(list(BEHIND)),
        steps=[counted],
        margin_unit="vote_share",
    )


def _only_bad(heard: Heard, sided: pl.DataFrame) -> pl.DataFrame:
    """Every compared couple, those only called bad with a null share, and its prompt."""
    bad = heard.bad.join(heard.shares, on=["low", "high"], how="anti")
    couples = pl.concat([heard.shares, bad], how="diagonal")
    return couples.join(sided.select(low="sample_id", prompt_id="prompt_id"), on="low").sort("low", "high")
