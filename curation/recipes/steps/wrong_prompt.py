"""One sample under its own prompt against itself under another prompt."""

import polars as pl

from curation.recipes.funnel import Step, sift
from curation.recipes.model import Pairing
from curation.recipes.signals import EXACT_HALF, Heard
from curation.recipes.steps.couples import BEHIND, COUPLE, Paired, all_comparisons, measured, with_scores


def make(rule: Pairing, answers: pl.DataFrame, heard: Heard) -> Paired:
    """Each sample with each other prompt it was judged under: under its own it is chosen.

    Args:
        answers: samples and, with ids of their own, samples under other prompts (`subjects.with_other_prompts`).
        heard: what is said of all of them.
    """
    own = answers.filter(pl.col("sample_id") == pl.col("real_id"))
    others = answers.filter(pl.col("sample_id") != pl.col("real_id")).select("real_id", rejected_id="sample_id")
    met = others.select(pl.col("real_id").unique()).with_columns(is_judged_elsewhere=True)
    reasons = [
        ("no_other_prompt", pl.col("is_judged_elsewhere").is_null()),
        ("may_not_be_chosen", ~pl.col("may_be_chosen") | ~pl.col("may_be_rejected")),
    ]
    marked = own.join(met, on="real_id", how="left", maintain_order="left")
    kept, line = sift(marked, reasons, key="under_other_prompts", unit="samples", ids=["prompt_id", "sample_id"])
    couples = kept.select("prompt_id", "real_id", chosen_id="sample_id").join(others, on="real_id").select(COUPLE)
    if heard.signal.source == "votes":
        voted, gap = _voted(couples, heard, rule.min_gap)
        return Paired(_unscored(voted), voted.select(list(BEHIND)), [line, gap], "vote_share")
    kept_couples, gap = measured(couples, heard, rule.min_gap)
    return Paired(
        couples=with_scores(kept_couples, heard, heard),
        behind=all_comparisons(kept_couples, heard),
        steps=[line, gap],
        margin_unit=heard.unit,
    )


def _voted(couples: pl.DataFrame, heard: Heard, min_gap: float) -> tuple[pl.DataFrame, Step]:
    """Couples as the votes on exactly the two say, the gap being 2 · share - 1.

    How often each wins over other answers says nothing of the two: those are compared under one prompt each.
    """
    low, high = pl.min_horizontal("chosen_id", "rejected_id"), pl.max_horizontal("chosen_id", "rejected_id")
    both = couples.with_columns(low=low, high=high).join(
        heard.shares.select("low", "high", "share"), on=["low", "high"], how="left", maintain_order="left"
    )
    toward = pl.when(pl.col("chosen_id") == pl.col("low")).then("share").otherwise(1.0 - pl.col("share"))
    both = both.with_columns(gap=(2 * toward - 1).round(12)).sort(COUPLE)
    reasons = [
        ("no_value", pl.col("gap").is_null()),
        ("gap_too_small", (pl.col("gap") <= min_gap) | (pl.col("gap") <= EXACT_HALF)),
    ]
    return sift(both, reasons, key="gap", unit="pairs", ids=[*COUPLE, "gap"])


def _unscored(couples: pl.DataFrame) -> pl.DataFrame:
    nothing = pl.lit(None, dtype=pl.Float64)
    return couples.select(*COUPLE, chosen_score=nothing, rejected_score=nothing, margin="gap")
