"""What a signal says: a value for each sample, or a verdict on a couple of samples.

One rater has one voice. A judge asked five times about the same two samples speaks once, with the mean of its answers;
the comparisons a ranking of k implies weigh 2/k each, so that the ranking counts as k - 1 comparisons and not as
k (k - 1) / 2. Where people have voted on a couple, machines do not vote beside them: what a machine's vote is worth
follows from people's votes, and nothing here has measured that.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import polars as pl

from curation.recipes.model import Signal
from curation.recipes.refusals import refuse_mixed_scales, refuse_two_revisions
from curation.recipes.steps.evidence import Read, named

# Shares this close to one half are a tie; sums of 2/k are not exact in binary.
EXACT_HALF = 1e-9


@dataclass(frozen=True)
class Heard:
    """A signal with the statements it rests on.

    Args:
        signal: the recipe's words.
        values: sample_id, value (as stated), rank_value (higher is better); one row a sample that has any.
        shares: low, high (sample ids, low < high), share (of the votes, for low), weight, votes_low, votes_high,
            votes_tie; one row a couple that was compared. Empty for scores.
        bad: low, high of couples somebody called both bad.
        statements: kind, judgement_id, position, is_person, and sample_id (scores) or low and high (comparisons).
    """

    signal: Signal
    values: pl.DataFrame
    shares: pl.DataFrame
    bad: pl.DataFrame
    statements: pl.DataFrame


def hear(signal: Signal, read: Read, samples: pl.DataFrame) -> Heard:
    """What the signal says of these samples (sample_id, prompt_id), each under its own prompt.

    Raises:
        Refused: several raters on different scales, or revisions of one, answer where one was meant.
    """
    return _hear_scores(signal, read, samples) if signal.source == "scores" else _hear_votes(signal, read, samples)


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


def _hear_scores(signal: Signal, read: Read, samples: pl.DataFrame) -> Heard:
    said = _of(signal, read, read.evidence.scores).join(
        samples.select("sample_id", "prompt_id"), on=["sample_id", "prompt_id"]
    )
    if signal.raters:
        refuse_two_revisions(said, signal.raters)
    else:
        refuse_mixed_scales(said, signal.criterion)
    each = mean_by(said, ["sample_id", "rater_id"], "value")
    values = mean_by(each, ["sample_id"], "value")
    # All versions of one meaning share a direction; evidence of other meanings was left out before.
    sign = 1.0 if bool(said.select(pl.col("higher_is_better").all()).item()) else -1.0
    return Heard(
        signal=signal,
        values=values.select("sample_id", "value", rank_value=pl.col("value") * sign),
        shares=pl.DataFrame(schema=SHARES),
        bad=pl.DataFrame(schema={"low": pl.Int64, "high": pl.Int64}),
        statements=said.select(
            pl.lit("score").alias("kind"), "judgement_id", "position", "is_person", "label", "sample_id"
        ),
    )


def _hear_votes(signal: Signal, read: Read, samples: pl.DataFrame) -> Heard:
    said = _of(signal, read, read.comparisons)
    if signal.raters:
        refuse_two_revisions(said, signal.raters)
    said = _between(said, samples)
    decided_by_people = pl.col("is_person").any().over("low", "high")
    said = said.filter(pl.col("is_person") | ~decided_by_people)
    shares = _shares(said)
    return Heard(
        signal=signal,
        values=_win_rates(shares),
        shares=shares,
        bad=said.filter(pl.col("outcome") == "both-bad").select("low", "high").unique(),
        statements=said.select(
            pl.lit("comparison").alias("kind"), "judgement_id", "position", "is_person", "label", "low", "high"
        ),
    )


def _of(signal: Signal, read: Read, statements: pl.DataFrame) -> pl.DataFrame:
    here = read.about(signal.criterion, statements)
    return here.filter(named(signal.raters)) if signal.raters else here


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
    toward = pl.col("toward_low")
    return sided.group_by("low", "high").agg(
        votes_low=(toward == 1).sum(), votes_high=(toward == 0).sum(), votes_tie=(toward == 0.5).sum()
    )


def _win_rates(shares: pl.DataFrame) -> pl.DataFrame:
    """Each sample's mean share over those it was compared with, weighed by how much was said."""
    low = shares.select(sample_id="low", value="share", weight="weight")
    high = shares.select(sample_id="high", value=1.0 - pl.col("share"), weight="weight")
    rates = mean_by(pl.concat([low, high]), ["sample_id"], "value", weight="weight")
    return rates.select("sample_id", pl.col("value").round(12)).with_columns(rank_value=pl.col("value"))


def verdicts(heard: Heard, drawn: pl.DataFrame, *, tie_within: float) -> pl.DataFrame:
    """The signal's verdict on drawn couples (prompt_id, a, b): `a`, `b`, `tie`, `both_bad`, or null.

    Scores are compared as numbers; a difference of at most `tie_within` is a tie.
    """
    if heard.signal.source == "votes":
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


def mean_by(
    frame: pl.DataFrame,
    keys: list[str],
    value: str,
    *,
    weight: str | None = None,
    keep_weight: Literal["no", "mean", "sum"] = "no",
) -> pl.DataFrame:
    """The weighted mean of a column in each group, the same to the last bit in whatever order the rows come.

    Rows are sorted by key, value and weight and summed one after another, so that no thread's pace and no database
    plan shows in a digest.

    Args:
        frame: the columns named; values and weights are finite, weights above zero.
        weight: a column of weights; none means equal weights.
        keep_weight: whether the group's weight is returned too, and as what.

    Returns:
        One row a group, sorted by key: the keys, the mean under the name of the value, and `weight` if asked for.
    """
    ordered = frame.sort([*keys, value, *([weight] if weight else [])])
    groups = ordered.group_by(keys, maintain_order=True).agg(n=pl.len())
    starts = np.concatenate([[0], np.cumsum(groups["n"].to_numpy())])[:-1].astype(np.int64)
    values = ordered[value].to_numpy().astype(np.float64)
    weights = ordered[weight].to_numpy().astype(np.float64) if weight else np.ones(len(values))
    total = np.add.reduceat(weights, starts) if len(starts) else np.zeros(0)
    summed = np.add.reduceat(values * weights, starts) if len(starts) else np.zeros(0)
    single = groups["n"].to_numpy() == 1
    # A lone value stays itself: 0.1 * w / w need not be 0.1.
    mean = np.where(single, values[starts] if len(starts) else 0.0, summed / np.where(total == 0, 1.0, total))
    result = groups.select(keys).with_columns(pl.Series(value, mean, dtype=pl.Float64))
    if keep_weight == "no":
        return result
    return result.with_columns(weight=pl.Series(total / groups["n"].to_numpy() if keep_weight == "mean" else total))
