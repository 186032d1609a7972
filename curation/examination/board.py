"""People's voices on pairs, and each machine's margin on the same pairs, as columns of numbers. Plain code.

One rater has one voice. A person who voted twice on a pair speaks once, with the verdict of the mean; so does a judge
asked in both orders, whose flip is therefore a tie.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import polars as pl
from numpy.typing import NDArray

from curation.examination.credit import Votes
from curation.examination.frames import Column, Evidence, Fitted
from curation.examination.intervals import Floats, Ints

# Means this close to one half are ties; thirds are not exact in binary. So for scores, relative to their size.
EXACT = 1e-9

_PAIR = ["prompt_id", "low", "high"]


@dataclass(frozen=True)
class Board:
    """Who said what of which pair. A subject is a sample under a prompt.

    Args:
        voices: one row a person and pair: voice, pair, prompt, prompt_id, low, high, rater_id, verdict (+1 for the
            lower sample id, −1, 0; null for both bad), toward (the mean, 1 for low; null for both bad), weight (2/k
            for a ranking of k), strength, context (empty for none). Sorted by pair and rater.
        pairs: prompt_id, low, high; its row number is `pair`.
        subjects: prompt_id, sample_id; its row number is `subject`. All samples of the pairs.
        values: shape (subjects,) for each column: scores or win rates, higher is better; NaN where nothing was said.
        margins: shape (pairs,) for each column, above 0 where the machine prefers the lower id; NaN without a verdict.
        fitted: which voices a column may not be asked about, shape (voices,); columns fitted on nothing are absent.
    """

    voices: pl.DataFrame
    pairs: pl.DataFrame
    subjects: pl.DataFrame
    values: dict[Column, Floats]
    margins: dict[Column, Floats]
    fitted: dict[Column, NDArray[np.bool_]]

    @property
    def columns(self) -> list[Column]:
        return list(self.values)

    @cached_property
    def pair(self) -> Ints:
        return self.voices["pair"].to_numpy().astype(np.int64)

    @cached_property
    def prompt(self) -> Ints:
        """Numbers of prompts from 0, shape (voices,)."""
        return self.voices["prompt"].to_numpy().astype(np.int64)

    @cached_property
    def prompt_id(self) -> Ints:
        return self.voices["prompt_id"].to_numpy().astype(np.int64)

    @cached_property
    def verdict(self) -> Votes:
        """Shape (voices,); 0 for both bad too, so use it with `is_sided`."""
        return self.voices["verdict"].fill_null(0).to_numpy().astype(np.int8)

    @cached_property
    def is_sided(self) -> NDArray[np.bool_]:
        """Voices that are not "both bad"."""
        return self.voices["verdict"].is_not_null().to_numpy()

    @cached_property
    def subject_prompt(self) -> Ints:
        """Numbers of prompts from 0, shape (subjects,)."""
        return _numbered(self.subjects["prompt_id"].to_numpy())

    def under(self, context: str) -> NDArray[np.bool_]:
        """Voices that were given under this principle, empty for none."""
        return (self.voices["context"] == context).to_numpy()

    def margin_of_voices(self, column: Column) -> Floats:
        """The machine's margin beside each voice: NaN where it has no verdict or was fitted on the vote."""
        margins = self.margins[column][self.pair]
        if column in self.fitted:
            margins = np.where(self.fitted[column], np.nan, margins)
        return margins


def board(evidence: Evidence) -> Board:
    """Voices and margins from what was read. Votes that do not count are left out."""
    voices, pairs = _voices(evidence.votes)
    subjects = _subjects(pairs)
    values, margins = _of_scores(evidence, pairs, subjects)
    voted, voted_margins = _of_comparisons(evidence, pairs, subjects)
    values, margins = values | voted, margins | voted_margins
    columns = sorted(values)
    return Board(
        voices=voices,
        pairs=pairs,
        subjects=subjects,
        values={column: values[column] for column in columns},
        margins={column: margins[column] for column in columns},
        fitted=_fitted(evidence, voices, columns),
    )


# -- people -----------------------------------------------------------------------------------------------------------


def _voices(votes: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    counted = votes.filter(pl.col("left_out").is_null())
    said = _oriented(counted).with_columns(weight=2.0 / _act_size(), context=pl.col("context").fill_null(""))
    voices = said.group_by(*_PAIR, "rater_id", "context").agg(
        toward=pl.col("toward").mean(), weight=pl.col("weight").mean(), strength=pl.col("strength").mean()
    )
    voices = voices.sort(*_PAIR, "rater_id", "context").with_columns(
        verdict=_verdict(),
        pair=pl.struct(*_PAIR).rle_id(),
        prompt=pl.col("prompt_id").rle_id(),
    )
    pairs = voices.select(*_PAIR).unique(maintain_order=True)
    return voices.with_row_index("voice"), pairs


def _oriented(said: pl.DataFrame) -> pl.DataFrame:
    """Adds the unordered pair and `toward`: 1 for the lower id, 0 for the higher, ½ for a tie, null for both bad."""
    left_is_low = pl.col("left_id") < pl.col("right_id")
    left = pl.when(left_is_low).then(1.0).otherwise(0.0)
    outcome = pl.col("outcome")
    sided = pl.when(outcome == "left").then(left).when(outcome == "right").then(1.0 - left)
    return said.with_columns(
        low=pl.min_horizontal("left_id", "right_id"),
        high=pl.max_horizontal("left_id", "right_id"),
        toward=sided.when(outcome == "tie").then(0.5),
    )


def _act_size() -> pl.Expr:
    """How many samples the act ordered: a ranking of k implies k (k − 1) / 2 comparisons."""
    implied = pl.col("is_implied").sum().over("judgement_id").cast(pl.Float64)
    return pl.when("is_implied").then(((1 + (1 + 8 * implied).sqrt()) / 2).round()).otherwise(2.0)


def _verdict() -> pl.Expr:
    lead = pl.col("toward") - 0.5
    side = pl.when(lead.is_null()).then(None).when(lead.abs() <= EXACT).then(0)
    return side.when(lead > 0).then(1).otherwise(-1).cast(pl.Int8)


def _subjects(pairs: pl.DataFrame) -> pl.DataFrame:
    both = [pairs.select("prompt_id", sample_id=side) for side in ("low", "high")]
    return pl.concat(both).unique().sort("prompt_id", "sample_id")


def _numbered(ids: NDArray[np.int64]) -> Ints:
    return np.unique(ids, return_inverse=True)[1].astype(np.int64)


# -- machines ---------------------------------------------------------------------------------------------------------

_COLUMN = ["rater_id", "criterion", "context"]


def _of_scores(
    evidence: Evidence, pairs: pl.DataFrame, subjects: pl.DataFrame
) -> tuple[dict[Column, Floats], dict[Column, Floats]]:
    """Mean scores of each subject, and their differences on each pair."""
    scores = _with_criterion(evidence.scores, evidence.criteria)
    sign = pl.when("higher_is_better").then(1.0).otherwise(-1.0)
    # Repeats of one machine are one voice: their mean, with the criterion's direction turned upwards.
    means = scores.group_by(*_COLUMN, "prompt_id", "sample_id").agg(value=(pl.col("value") * sign).mean())
    low, high = _places(pairs, subjects)
    values, margins = {}, {}
    for column, frame in _by_column(means, "scores"):
        found = subjects.join(frame, on=["prompt_id", "sample_id"], how="left", maintain_order="left")
        value = found["value"].fill_null(np.nan).to_numpy()
        values[column], margins[column] = value, _apart(value[low], value[high])
    return values, margins


def _apart(first: Floats, second: Floats) -> Floats:
    """first − second, exactly 0 where they differ by rounding alone."""
    margin = first - second
    scale = np.maximum(np.abs(first), np.abs(second))
    # A mean of repeats that are all the same may be a last bit off.
    return np.where(np.abs(margin) <= EXACT * 1e-3 * scale, 0.0, margin)


def _of_comparisons(
    evidence: Evidence, pairs: pl.DataFrame, subjects: pl.DataFrame
) -> tuple[dict[Column, Floats], dict[Column, Floats]]:
    """Win rates of each subject over all a machine compared, and its mean verdict on each pair, −½ to ½."""
    said = _oriented(_with_criterion(evidence.said, evidence.criteria))
    means = said.group_by(*_COLUMN, *_PAIR).agg(toward=pl.col("toward").mean())
    values, margins = {}, {}
    for column, frame in _by_column(means, "votes"):
        found = pairs.join(frame, on=_PAIR, how="left", maintain_order="left")
        lead = found["toward"].fill_null(np.nan).to_numpy() - 0.5
        margins[column] = np.where(np.abs(lead) <= EXACT, 0.0, lead)
        values[column] = win_rates(frame.with_columns(weight=1.0), subjects)
    return values, margins


def win_rates(said: pl.DataFrame, subjects: pl.DataFrame) -> Floats:
    """The weighted mean of what was said of each subject beside another: 1 for a win, ½ for a tie.

    Args:
        said: prompt_id, low, high, toward (null for both bad, which counts for neither), weight.

    Returns:
        shape (subjects,), 0 to 1; NaN for a subject that was not compared.
    """
    low = said.select("prompt_id", "weight", sample_id="low", won="toward")
    high = said.select("prompt_id", "weight", sample_id="high", won=1.0 - pl.col("toward"))
    won = pl.concat([low, high], how="diagonal").filter(pl.col("won").is_not_null())
    rates = won.group_by("prompt_id", "sample_id").agg(
        rate=((pl.col("won") * pl.col("weight")).sum() / pl.col("weight").sum()).round(12)
    )
    found = subjects.join(rates, on=["prompt_id", "sample_id"], how="left", maintain_order="left")
    return found["rate"].fill_null(np.nan).to_numpy()


def _with_criterion(said: pl.DataFrame, criteria: pl.DataFrame) -> pl.DataFrame:
    return said.join(criteria, on="criterion_id").with_columns(context=pl.col("context").fill_null(""))


def _by_column(frame: pl.DataFrame, source: str) -> list[tuple[Column, pl.DataFrame]]:
    parts = frame.partition_by(_COLUMN, as_dict=True, include_key=False)
    return [
        (Column(int(rater), str(criterion), source, str(context)), part)
        for (rater, criterion, context), part in parts.items()
    ]


def _places(pairs: pl.DataFrame, subjects: pl.DataFrame) -> tuple[Ints, Ints]:
    """The subject numbers of the two sides of each pair."""
    numbered = subjects.with_row_index("subject")
    sides = []
    for side in ("low", "high"):
        found = pairs.join(
            numbered,
            left_on=["prompt_id", side],
            right_on=["prompt_id", "sample_id"],
            how="left",
            maintain_order="left",
        )
        sides.append(found["subject"].to_numpy().astype(np.int64))
    return sides[0], sides[1]


def _fitted(evidence: Evidence, voices: pl.DataFrame, columns: list[Column]) -> dict[Column, NDArray[np.bool_]]:
    masks = {
        rater: _fitted_voices(fitted, evidence.votes, voices) for rater, fitted in evidence.fitted.items() if fitted
    }
    return {column: masks[column.rater_id] for column in columns if column.rater_id in masks}


def _fitted_voices(fitted: Fitted, votes: pl.DataFrame, voices: pl.DataFrame) -> NDArray[np.bool_]:
    """Voices of which any vote was fitted on, or whose prompt was; all of them where nobody knows."""
    if fitted.is_unnamed:
        return np.ones(len(voices), bool)
    # A voice is fitted on with its pair: another person's vote on it has the same answer.
    seen = _oriented(votes.filter(pl.col("judgement_id").is_in(list(fitted.judgements)))).select(_PAIR).unique()
    of_pair = voices.join(seen.with_columns(is_seen=True), on=_PAIR, how="left", maintain_order="left")["is_seen"]
    of_prompt = voices["prompt_id"].is_in(list(fitted.prompts))
    return (of_pair.fill_null(False) | of_prompt).to_numpy()
