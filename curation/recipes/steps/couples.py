"""What every pairing rule hands on, and what several of them do: values, margins, and what stands behind a couple."""

from dataclasses import dataclass

import polars as pl

from curation.recipes.funnel import Step, first_reason, sift, step
from curation.recipes.histograms import histogram
from curation.recipes.signals import Heard
from curation.recipes.steps.evidence import Read


@dataclass(frozen=True)
class Said:
    """The candidates, what the rule's signals say of them, and the evidence that counts."""

    samples: pl.DataFrame
    heard: dict[str, Heard]
    read: Read


COUPLE = ["prompt_id", "chosen_id", "rejected_id"]
BEHIND = pl.Schema(
    {"prompt_id": pl.Int64, "chosen_id": pl.Int64, "rejected_id": pl.Int64, "low": pl.Int64, "high": pl.Int64}
)


@dataclass(frozen=True)
class Paired:
    """What a rule made.

    Args:
        couples: prompt_id, chosen_id, rejected_id, margin, chosen_score and rejected_score (null for votes).
        behind: prompt_id, chosen_id, rejected_id, low, high: the comparisons each couple rests on beside scores.
        steps: the rule's lines of the funnel.
        margin_unit: score, win_rate or vote_share.
    """

    couples: pl.DataFrame
    behind: pl.DataFrame
    steps: list[Step]
    margin_unit: str


def valued(samples: pl.DataFrame, heard: Heard) -> pl.DataFrame:
    values = heard.values.select("sample_id", value="rank_value")
    return samples.join(values, on="sample_id", how="left").select(
        "prompt_id", "sample_id", "value", "order", "may_be_chosen", "may_be_rejected", "judged_bad"
    )


def prompts_without(valued: pl.DataFrame, couples: pl.DataFrame) -> Step:
    """Counts the prompts that gave no couple at all, by what they lack."""
    sides = valued.group_by("prompt_id").agg(
        chosen=pl.col("may_be_chosen").any(), rejected=pl.col("may_be_rejected").any(), n=pl.len()
    )
    lacking = sides.join(couples.select("prompt_id").unique(), on="prompt_id", how="anti")
    reason = first_reason(
        [
            ("nobody_chosen", ~pl.col("chosen")),
            ("nobody_rejected", ~pl.col("rejected") | (pl.col("n") < 2)),
            ("gap_too_small", pl.lit(True)),
        ]
    )
    dropped = lacking.select(reason.alias("reason"), "prompt_id").sort("prompt_id")
    return step("matched", "prompts", kept=sides.height - dropped.height, dropped=dropped)


def wide_enough(couples: pl.DataFrame, min_gap: float) -> tuple[pl.DataFrame, Step]:
    kept, line = sift(
        couples,
        [("gap_too_small", pl.col("gap") <= min_gap)],
        key="gap",
        unit="pairs",
        ids=[*COUPLE, "gap"],
    )
    return kept, line.with_figures(histogram=histogram(couples["gap"]))


def measured(couples: pl.DataFrame, heard: Heard, min_gap: float) -> tuple[pl.DataFrame, Step]:
    """Couples a rule named (prompt_id, chosen_id, rejected_id), with their gap by a signal, if it is wide enough."""
    values = heard.values
    chosen = values.select(chosen_id="sample_id", ahead="rank_value")
    rejected = values.select(rejected_id="sample_id", behind="rank_value")
    both = couples.join(chosen, on="chosen_id", how="left").join(rejected, on="rejected_id", how="left")
    both = both.with_columns(gap=pl.col("ahead") - pl.col("behind")).sort(COUPLE)
    reasons = [("no_value", pl.col("gap").is_null()), ("gap_too_small", pl.col("gap") <= min_gap)]
    kept, line = sift(both, reasons, key="gap", unit="pairs", ids=[*COUPLE, "gap"])
    return kept, line.with_figures(histogram=histogram(both["gap"]))


def with_scores(couples: pl.DataFrame, chosen_by: Heard, rejected_by: Heard) -> pl.DataFrame:
    """The couple's margin, and the two values as they were stated."""
    chosen = chosen_by.values.select(chosen_id="sample_id", chosen_score="value")
    rejected = rejected_by.values.select(rejected_id="sample_id", rejected_score="value")
    both = couples.join(chosen, on="chosen_id", how="left").join(rejected, on="rejected_id", how="left")
    return both.select(*COUPLE, "chosen_score", "rejected_score", margin="gap")


def all_comparisons(couples: pl.DataFrame, heard: Heard) -> pl.DataFrame:
    """A win rate rests on every comparison of either side."""
    if not heard.shares.height:
        return pl.DataFrame(schema=BEHIND)
    links = heard.shares.select("low", "high")
    sides = []
    for side in ("chosen_id", "rejected_id"):
        for end in ("low", "high"):
            sides.append(couples.select(*COUPLE, sample=side).join(links.with_columns(sample=end), on="sample"))
    return pl.concat([part.select(list(BEHIND)) for part in sides]).unique()
