"""Which pairs others agree on, and how often a pair's direction is that of gold votes."""

from collections.abc import Sequence

import polars as pl

from curation.recipes.funnel import Step, sift
from curation.recipes.histograms import histogram
from curation.recipes.model import Agreement
from curation.recipes.signals import Heard, verdicts
from curation.recipes.signals.heard import EXACT_HALF

_IDS = ["prompt_id", "chosen_id", "rejected_id"]


def keep(
    pairs: pl.DataFrame, rule: Agreement, voices: Sequence[Heard], gold: Heard | None
) -> tuple[pl.DataFrame, Step]:
    """The pairs on whose direction enough voices agree.

    Args:
        pairs: named pairs.
        voices: what each signal of the rule says; a tie is half a voice, both bad is one against.
        gold: what the pairs are checked against before and after.
    """
    told = pairs
    for number, heard in enumerate(voices):
        said = toward_chosen(pairs, heard).rename({"toward": f"voice_{number}"})
        told = told.join(said, on="pair_id", how="left", maintain_order="left")
    columns = [f"voice_{number}" for number in range(len(voices))]
    told = told.with_columns(
        spoke=pl.sum_horizontal([pl.col(name).is_not_null().cast(pl.Int32) for name in columns]),
        agreeing=pl.mean_horizontal([pl.col(name) for name in columns]),
    )
    reasons = [
        ("too_few_voices", pl.col("spoke") < rule.voices),
        ("no_agreement", pl.col("agreeing") < rule.at_least - EXACT_HALF),
    ]
    kept, step = sift(told, reasons, key=f"agreement:{rule.name}", unit="pairs", ids=[*_IDS, "agreeing"])
    kept = kept.select(pairs.columns)
    step = step.with_figures(histogram=histogram(told["agreeing"], low=0.0, high=1.0))
    if gold is not None:
        step = step.with_figures(gold={"before": accuracy(pairs, gold), "after": accuracy(kept, gold)})
    return kept, step


def toward_chosen(pairs: pl.DataFrame, heard: Heard) -> pl.DataFrame:
    """pair_id, toward: 1 where the signal prefers the chosen one, 0 the rejected one, a half for a tie; or left out."""
    drawn = pairs.select("prompt_id", a="chosen_id", b="rejected_id")
    said = verdicts(heard, drawn, tie_within=0.0)
    verdict = pl.col("verdict")
    toward = pl.when(verdict == "a").then(1.0).when(verdict == "tie").then(0.5).otherwise(0.0)
    said = said.filter(verdict.is_not_null()).select("prompt_id", chosen_id="a", rejected_id="b", toward=toward)
    return pairs.select("pair_id", *_IDS).join(said, on=_IDS).select("pair_id", "toward")


def accuracy(pairs: pl.DataFrame, gold: Heard) -> dict[str, int]:
    """How many pairs gold decides, how many of them it decides the same way, and on how many it is undecided."""
    said = toward_chosen(pairs, gold)
    return {
        "judged": said.filter(pl.col("toward") != 0.5).height,
        "right": said.filter(pl.col("toward") == 1).height,
        "ties": said.filter(pl.col("toward") == 0.5).height,
    }
