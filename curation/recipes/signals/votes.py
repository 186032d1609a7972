"""Comparisons: a couple's share of the votes, and a sample's share of wins."""

import polars as pl

from curation.recipes.model import Signal
from curation.recipes.refusals import refuse_two_revisions
from curation.recipes.signals import consensus
from curation.recipes.signals.heard import COMPARED, SCORED, SHARES, Heard
from curation.recipes.signals.means import mean_by
from curation.recipes.signals.selecting import statements_of
from curation.recipes.steps.evidence import Read


def hear(signal: Signal, read: Read, samples: pl.DataFrame) -> Heard:
    """The comparisons of two of these samples (sample_id, prompt_id), each under its own prompt."""
    said = statements_of(signal, read, read.comparisons)
    if signal.raters:
        refuse_two_revisions(said, signal.raters)
    said = _between(said, samples)
    decided_by_people = pl.col("is_person").any().over("low", "high")
    said = said.filter(pl.col("is_person") | ~decided_by_people)
    if signal.soften:
        said = _softened(said, consensus.softened(signal, read, samples))
    shares = _shares(said)
    return Heard(
        signal=signal,
        values=_win_rates(shares),
        shares=shares,
        bad=said.filter(pl.col("outcome") == "both-bad").select("low", "high").unique(),
        about_samples=pl.DataFrame(schema=SCORED),
        about_couples=said.select(COMPARED.names()).cast(COMPARED),
        unit="win_rate",
    )


def _between(said: pl.DataFrame, samples: pl.DataFrame) -> pl.DataFrame:
    """Comparisons of two of the samples under their own prompt, with the couple as (low, high)."""
    mine = samples.select("sample_id", "prompt_id")
    said = said.join(mine, left_on=["left_id", "left_prompt_id"], right_on=["sample_id", "prompt_id"], how="semi")
    said = said.join(mine, left_on=["right_id", "right_prompt_id"], right_on=["sample_id", "prompt_id"], how="semi")
    said = said.filter(pl.col("left_prompt_id") == pl.col("right_prompt_id"))
    return said.with_columns(
        low=pl.min_horizontal("left_id", "right_id"),
        high=pl.max_horizontal("left_id", "right_id"),
        toward_low=_toward_low(),
        weight=2.0 / pl.col("act_size"),
    )


def _softened(said: pl.DataFrame, kept: pl.DataFrame) -> pl.DataFrame:
    """Votes of people as soft labels: each still says what it said, and doubtful ones hardly."""
    told = said.join(kept, on=["judgement_id", "position"], how="left", maintain_order="left")
    own = pl.when(pl.col("toward_low") > 0.5).then("kept").otherwise(1.0 - pl.col("kept"))
    is_soft = pl.col("kept").is_not_null() & (pl.col("toward_low") != 0.5)
    return told.with_columns(toward_low=pl.when(is_soft).then(own).otherwise("toward_low"), stated="toward_low").drop(
        "kept"
    )


def _toward_low() -> pl.Expr:
    """1 for low, 0 for high, a half for a tie, null for both bad."""
    left_is_low = pl.col("left_id") < pl.col("right_id")
    left = pl.when(left_is_low).then(1.0).otherwise(0.0)
    outcome = pl.col("outcome")
    return (
        pl.when(outcome == "left").then(left).when(outcome == "right").then(1.0 - left).when(outcome == "tie").then(0.5)
    )


def _shares(said: pl.DataFrame) -> pl.DataFrame:
    """The share of the voices for the lower id of each couple. A couple that was only judged bad has none."""
    sided = said.filter(pl.col("toward_low").is_not_null())
    voices = mean_by(sided, ["low", "high", "rater_id"], "toward_low", weight="weight", keep_weight="mean")
    loudness = sided.select("rater_id", "voice").unique()
    voices = voices.join(loudness, on="rater_id").with_columns(weight=pl.col("weight") * pl.col("voice"))
    shares = mean_by(voices, ["low", "high"], "toward_low", weight="weight", keep_weight="sum")
    return (
        shares.join(_tally(sided), on=["low", "high"])
        .select(
            "low",
            "high",
            pl.col("toward_low").round(12).alias("share"),
            "weight",
            "votes_low",
            "votes_high",
            "votes_tie",
        )
        .cast(SHARES)
    )  # type: ignore[arg-type]  # a schema is a mapping of names to types


def _tally(sided: pl.DataFrame) -> pl.DataFrame:
    toward = pl.col("stated" if "stated" in sided.columns else "toward_low")
    return sided.group_by("low", "high").agg(
        votes_low=(toward == 1).sum(), votes_high=(toward == 0).sum(), votes_tie=(toward == 0.5).sum()
    )


def _win_rates(shares: pl.DataFrame) -> pl.DataFrame:
    """Each sample's mean share over those it was compared with, weighed by how much was said."""
    low = shares.select(sample_id="low", value="share", weight="weight")
    high = shares.select(sample_id="high", value=1.0 - pl.col("share"), weight="weight")
    rates = mean_by(pl.concat([low, high]), ["sample_id"], "value", weight="weight")
    return rates.select("sample_id", pl.col("value").round(12)).with_columns(rank_value=pl.col("value"))
