"""What was said, laid out for fitting: prompts with their samples as numbered groups, and every act counting once.

One act counts once: the comparisons that a ranking of k implies weigh 2/k each, and what one rater said of one couple
several times weighs as much as one vote. A tie is half a win each way; "both bad" is no tie and is left out. Plain
code.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import polars as pl
from numpy.typing import NDArray

from curation.consensus.bradley_terry import Fit, Votes
from curation.consensus.ratings import Ratings

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

COMPARISONS = pl.Schema(
    {
        "judgement_id": pl.Int64,
        "position": pl.Int32,
        "rater_id": pl.Int64,
        "is_person": pl.Boolean,
        "is_label": pl.Boolean,
        "is_picked": pl.Boolean,  # asked because it was close or disputed, not drawn at random
        "prompt_id": pl.Int64,
        "left_id": pl.Int64,
        "right_id": pl.Int64,
        "outcome": pl.String,  # left, right, tie or both-bad
        "act_size": pl.Int32,  # samples the act ordered: 2, or k for a ranking
    }
)
# Higher is better. `column` tells the numbers of one machine apart from each other, and people's ratings from them.
SCORES = pl.Schema(
    {
        "rater_id": pl.Int64,
        "is_person": pl.Boolean,
        "column": pl.String,
        "prompt_id": pl.Int64,
        "sample_id": pl.Int64,
        "value": pl.Float64,
    }
)
RELATED = pl.Schema({"rater_id": pl.Int64, "prompt_id": pl.Int64})
SAMPLES = pl.Schema({"sample_id": pl.Int64, "prompt_id": pl.Int64})


def _empty(schema: pl.Schema) -> pl.DataFrame:
    return pl.DataFrame(schema=schema)


@dataclass(frozen=True)
class Told:
    """Everything a consensus on one criterion rests on. Row order means nothing.

    Args:
        comparisons: `COMPARISONS`, both sides under one prompt.
        scores: `SCORES`, people's ratings and machines' numbers.
        related: `RELATED`: machines, and the prompts on which a generator of their family takes part, or whose labels
            they were fitted on.
        samples: `SAMPLES` that are to have strengths though nobody may have said anything of them.
    """

    comparisons: pl.DataFrame = field(default_factory=lambda: _empty(COMPARISONS))
    scores: pl.DataFrame = field(default_factory=lambda: _empty(SCORES))
    related: pl.DataFrame = field(default_factory=lambda: _empty(RELATED))
    samples: pl.DataFrame = field(default_factory=lambda: _empty(SAMPLES))

    def of_prompts(self, prompts: list[int]) -> Told:
        """What was said on these prompts only."""
        wanted = pl.col("prompt_id").is_in(prompts)
        return Told(*(frame.filter(wanted) for frame in (self.comparisons, self.scores, self.related, self.samples)))


# -- prompts and samples as numbers -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Bucket:
    """Prompts of about one size, fitted together.

    Args:
        prompts: shape (B,), places in `Layout.prompt`.
        items: n, at least as many as any of them has samples.
    """

    prompts: Ints
    items: int


@dataclass(frozen=True)
class Layout:
    """Prompts by id, and of each its samples by id.

    Args:
        prompt: shape (G,), ids, rising.
        sample: shape (S,), ids by prompt and then rising.
        group: shape (S,), place of the sample's prompt.
        item: shape (S,), place of the sample inside its prompt.
        size: shape (G,), samples a prompt.
        table: sample_id, prompt_id, row (place in `sample`).
    """

    prompt: Ints
    sample: Ints
    group: Ints
    item: Ints
    size: Ints
    table: pl.DataFrame

    def buckets(self) -> list[Bucket]:
        """By size, rounded up to a power of two from 4: little padding, and few fits."""
        rounded = 2 ** np.ceil(np.log2(np.maximum(self.size, 4))).astype(np.int64)
        return [Bucket(np.flatnonzero(rounded == items), int(items)) for items in np.unique(rounded)]

    def rows(self, samples: pl.DataFrame, name: str) -> Ints:
        """Places of the samples in a column, with their prompt in `prompt_id`, in the order of the frame."""
        keyed = samples.select("prompt_id", sample_id=name)
        found = keyed.join(self.table, on=["prompt_id", "sample_id"], how="left", maintain_order="left")
        return found["row"].to_numpy().astype(np.int64)

    def start(self) -> Ints:
        """Shape (G,), the first row of each prompt."""
        return np.cumsum(self.size) - self.size


def lay_out(told: Told) -> Layout:
    """Every sample that anything was said of under a prompt, and those that were asked for."""
    said = told.comparisons
    parts = [
        said.select("prompt_id", sample_id="left_id"),
        said.select("prompt_id", sample_id="right_id"),
        told.scores.select("prompt_id", "sample_id"),
        told.samples.select("prompt_id", "sample_id"),
    ]
    table = pl.concat(parts).unique().sort("prompt_id", "sample_id").with_row_index("row")
    prompts, first, group, size = np.unique(
        table["prompt_id"].to_numpy(), return_index=True, return_inverse=True, return_counts=True
    )
    item = np.arange(table.height) - first[group]
    return Layout(
        prompt=prompts.astype(np.int64),
        sample=table["sample_id"].to_numpy().astype(np.int64),
        group=group.astype(np.int64),
        item=item.astype(np.int64),
        size=size.astype(np.int64),
        table=table.select("sample_id", "prompt_id", pl.col("row").cast(pl.Int64)),
    )


# -- votes ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Ballot:
    """Comparisons in long form, by prompt, couple and rater.

    Args:
        judgement, position, rater: shape (V,), ids.
        left, right: shape (V,), rows of the layout.
        group: shape (V,), places of the prompts.
        outcome: shape (V,), 1, 0 or ½ for the left.
        weight: shape (V,).
        is_picked: shape (V,).
    """

    judgement: Ints
    position: Ints
    rater: Ints
    group: Ints
    left: Ints
    right: Ints
    outcome: Floats
    weight: Floats
    is_picked: Bools

    def __len__(self) -> int:
        return len(self.rater)

    def take(self, kept: Bools | Ints) -> Ballot:
        return Ballot(*(getattr(self, name)[kept] for name in self.__dataclass_fields__))


def ballot(comparisons: pl.DataFrame, layout: Layout) -> Ballot:
    """The votes of some comparisons, sorted, so that sums are made in one order; without "both bad"."""
    sided = comparisons.filter(pl.col("outcome") != "both-bad").with_columns(
        low=pl.min_horizontal("left_id", "right_id"), high=pl.max_horizontal("left_id", "right_id")
    )
    couple = ["prompt_id", "low", "high", "rater_id"]
    sided = sided.sort(*couple, "judgement_id", "position").with_columns(times=pl.len().over(couple))
    outcome = pl.when(pl.col("outcome") == "tie").then(0.5).otherwise((pl.col("outcome") == "left").cast(pl.Float64))
    sided = sided.with_columns(said=outcome, weight=2.0 / (pl.col("act_size") * pl.col("times")))
    left = layout.rows(sided, "left_id")
    return Ballot(
        judgement=sided["judgement_id"].to_numpy().astype(np.int64),
        position=sided["position"].to_numpy().astype(np.int64),
        rater=sided["rater_id"].to_numpy().astype(np.int64),
        group=layout.group[left],
        left=left,
        right=layout.rows(sided, "right_id"),
        outcome=sided["said"].to_numpy().astype(np.float64),
        weight=sided["weight"].to_numpy().astype(np.float64),
        is_picked=sided["is_picked"].to_numpy().astype(bool),
    )


@dataclass(frozen=True)
class Couples:
    """Couples of samples and what people said of them, each person once.

    Args:
        first, second: shape (P,), rows of the layout, first below second.
        group: shape (P,).
        wins, votes: shape (P,), voices for the first, and voices; a tie is half a one.
    """

    first: Ints
    second: Ints
    group: Ints
    wins: Floats
    votes: Floats


def couples(said: Ballot) -> Couples:
    """Each rater's voice on a couple is the mean of what they said of it."""
    first, second = np.minimum(said.left, said.right), np.maximum(said.left, said.right)
    toward = np.where(said.left == first, said.outcome, 1 - said.outcome)
    # The votes stand by prompt, couple and rater, so that equal ones are neighbours.
    couple = _runs(first, second)
    voice = _runs(couple, said.rater)
    starts = np.flatnonzero(np.diff(voice, prepend=-1))
    mean = np.bincount(voice, toward) / np.maximum(np.bincount(voice), 1)
    heads = np.flatnonzero(np.diff(couple, prepend=-1))
    of = couple[starts]
    wins = np.bincount(of, mean).astype(np.float64)
    return Couples(first[heads], second[heads], said.group[heads], wins, np.bincount(of).astype(np.float64))


def _runs(*columns: Ints) -> Ints:
    """Numbers runs of equal rows from 0."""
    is_new = np.zeros(len(columns[0]), dtype=bool)
    for column in columns:
        is_new[1:] |= column[1:] != column[:-1]
    return np.cumsum(is_new)


def in_bucket(said: Ballot, bucket: Bucket, layout: Layout, slope: Floats, bias: Floats) -> Votes:
    """The votes on the prompts of a bucket, groups numbered inside it."""
    place = np.full(len(layout.prompt), -1, dtype=np.int64)
    place[bucket.prompts] = np.arange(len(bucket.prompts))
    mine = place[said.group] >= 0
    part = said.take(mine)
    return Votes.of(
        place[part.group],
        layout.item[part.left],
        layout.item[part.right],
        part.outcome,
        weight=part.weight,
        slope=slope[mine],
        bias=bias[mine],
    )


def ratings(scores: pl.DataFrame, layout: Layout) -> tuple[Ratings, Ints]:
    """People's ratings, the mean where somebody rated a sample twice, and the ids their numbers stand for.

    `group` and `item` are places of the layout; raters are numbered by id.
    """
    people = scores.filter("is_person").sort("prompt_id", "sample_id", "rater_id", "value")
    once = people.group_by("prompt_id", "sample_id", "rater_id", maintain_order=True).agg(pl.col("value").mean())
    row = layout.rows(once, "sample_id")
    ids, rater = np.unique(once["rater_id"].to_numpy().astype(np.int64), return_inverse=True)
    return Ratings.of(layout.group[row], layout.item[row], rater, once["value"].to_numpy()), ids


# -- strengths of all prompts -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Strengths:
    """Fits of all buckets, asked by rows of the layout.

    Args:
        layout: of the rows.
        fits: one a bucket.
        bucket, place: shape (G,), of each prompt: its bucket and its group in that bucket's fit.
    """

    layout: Layout
    fits: list[Fit]
    bucket: Ints
    place: Ints

    @classmethod
    def of(cls, layout: Layout, buckets: list[Bucket], fits: list[Fit]) -> Strengths:
        bucket, place = np.zeros(len(layout.prompt), dtype=np.int64), np.zeros(len(layout.prompt), dtype=np.int64)
        for number, one in enumerate(buckets):
            bucket[one.prompts] = number
            place[one.prompts] = np.arange(len(one.prompts))
        return cls(layout, fits, bucket, place)

    def values(self) -> tuple[Floats, Floats]:
        """Strength and variance of every row; the level of a prompt is the prior's."""
        rows = np.arange(len(self.layout.sample))
        strength, variance = np.zeros(len(rows)), np.zeros(len(rows))
        for fit, mine in self._parts(self.layout.group[rows]):
            g, i = self.place[self.layout.group[mine]], self.layout.item[mine]
            strength[mine], variance[mine] = fit.strength[g, i], fit.covariance[g, i, i]
        return strength, variance

    def difference(self, first: Ints, second: Ints) -> tuple[Floats, Floats]:
        """Mean and variance of θ_first − θ_second for rows of one prompt each."""
        mean, variance = np.zeros(len(first)), np.zeros(len(first))
        for fit, mine in self._parts(self.layout.group[first]):
            a, b = first[mine], second[mine]
            g = self.place[self.layout.group[a]]
            mean[mine], variance[mine] = fit.difference(g, self.layout.item[a], self.layout.item[b])
        return mean, variance

    def _parts(self, group: Ints) -> list[tuple[Fit, Ints]]:
        number = self.bucket[group]
        return [(fit, np.flatnonzero(number == place)) for place, fit in enumerate(self.fits)]
