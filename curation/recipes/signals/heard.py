"""A signal with the statements it rests on, and its verdicts on couples."""

from dataclasses import dataclass

import polars as pl
from polars._typing import PolarsDataType

from curation.recipes.model import Signal

# Shares this close to one half are a tie; sums of 2/k are not exact in binary.
EXACT_HALF = 1e-9

SHARES = pl.Schema(
    {
        "low": pl.Int64,
        "high": pl.Int64,
        "share": pl.Float64,
        "weight": pl.Float64,
        "votes_low": pl.Int32,
        "votes_high": pl.Int32,
        "votes_tie": pl.Int32,
    }
)
NO_BAD = pl.Schema({"low": pl.Int64, "high": pl.Int64})

_ACT: dict[str, PolarsDataType] = {
    "judgement_id": pl.Int64,
    "position": pl.Int32,
    "is_person": pl.Boolean,
    "label": pl.Categorical(),  # one of a few, a million times
}
SCORED = pl.Schema({**_ACT, "sample_id": pl.Int64})
COMPARED = pl.Schema({**_ACT, "low": pl.Int64, "high": pl.Int64})


@dataclass(frozen=True)
class Heard:
    """A signal with the statements it rests on.

    Args:
        signal: the recipe's words.
        values: sample_id, value (as stated), rank_value (higher is better); one row a sample that has any.
        shares: low, high (sample ids, low < high), share (of the votes, for low), weight, votes_low, votes_high,
            votes_tie; one row a couple that was compared. Empty for what only gives numbers.
        bad: low, high of couples somebody called both bad.
        about_samples: statements about samples, as `SCORED`; `scored` is the same in the types of the tables.
        about_couples: statements about couples, as `COMPARED`; `compared` likewise.
        unit: what a gap between two values is measured in: score, win_rate, reward, strength or fact.
        members: what the values were computed from, where they are not what was stated itself.
        higher_is_better: whether `rank_value` is `value`; otherwise it is its negative.
    """

    signal: Signal
    values: pl.DataFrame
    shares: pl.DataFrame
    bad: pl.DataFrame
    about_samples: pl.DataFrame
    about_couples: pl.DataFrame
    unit: str = "score"
    members: tuple["Heard", ...] = ()
    higher_is_better: bool = True

    @property
    def scored(self) -> pl.DataFrame:
        """kind, judgement_id, position, is_person, label and sample_id of the statements about samples."""
        return self.about_samples.with_columns(pl.col("label").cast(pl.String), kind=pl.lit("score"))

    @property
    def compared(self) -> pl.DataFrame:
        """kind, judgement_id, position, is_person, label, low and high of the statements about couples."""
        return self.about_couples.with_columns(pl.col("label").cast(pl.String), kind=pl.lit("comparison"))

    @property
    def decides_couples(self) -> bool:
        """Whether a verdict on two samples is what was said of the two, rather than the difference of two numbers."""
        return self.unit in ("win_rate", "strength")

    @property
    def numbers(self) -> tuple["Heard", ...]:
        """The signals whose values are numbers somebody stated, or computed from such: itself and its members."""
        return () if self.unit in ("win_rate", "strength", "fact") else (self, *self.members)


def verdicts(heard: Heard, drawn: pl.DataFrame, *, tie_within: float) -> pl.DataFrame:
    """The signal's verdict on drawn couples (prompt_id, a, b): `a`, `b`, `tie`, `both_bad`, or null.

    Scores are compared as numbers; a difference of at most `tie_within` is a tie.
    """
    if heard.decides_couples:
        return _verdicts_by_votes(heard, drawn)
    value = heard.values.select("sample_id", "rank_value")
    both = drawn.join(value.rename({"sample_id": "a", "rank_value": "value_a"}), on="a", how="left").join(
        value.rename({"sample_id": "b", "rank_value": "value_b"}), on="b", how="left"
    )
    return _verdict(both, pl.col("value_a") - pl.col("value_b"), tie_within)


def _verdicts_by_votes(heard: Heard, drawn: pl.DataFrame) -> pl.DataFrame:
    couple = drawn.with_columns(low=pl.min_horizontal("a", "b"), high=pl.max_horizontal("a", "b"))
    both = couple.join(heard.shares.select("low", "high", "share"), on=["low", "high"], how="left")
    both = both.join(heard.bad.with_columns(is_bad=True), on=["low", "high"], how="left")
    lead = pl.when(pl.col("a") == pl.col("low")).then(pl.col("share")).otherwise(1.0 - pl.col("share")) - 0.5
    only_bad = pl.col("share").is_null() & pl.col("is_bad").fill_null(False)
    found = _verdict(both, lead, EXACT_HALF)
    bad = both.filter(only_bad).select("prompt_id", "a", "b", is_bad=True)
    found = found.join(bad, on=["prompt_id", "a", "b"], how="left")
    verdict = pl.when("is_bad").then(pl.lit("both_bad")).otherwise("verdict")
    return found.select("prompt_id", "a", "b", verdict=verdict).sort("prompt_id", "a", "b")


def _verdict(both: pl.DataFrame, lead: pl.Expr, tie_within: float) -> pl.DataFrame:
    side = pl.when(lead.is_null()).then(None).when(lead.abs() <= tie_within).then(pl.lit("tie"))
    verdict = side.when(lead > 0).then(pl.lit("a")).otherwise(pl.lit("b"))
    return both.select("prompt_id", "a", "b", verdict=verdict).sort("prompt_id", "a", "b")
