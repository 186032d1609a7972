"""The same accuracy on parts of the votes: by tag, generator, pair of generators, language, strength. Plain code."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from curation.examination.board import Board
from curation.examination.frames import Column, Evidence
from curation.examination.intervals import Estimate, Floats, from_sums

KINDS = ("tag", "generator", "generators", "locale", "strength")
# The largest parts that are told; the rest are counted.
MOST = 40
# Up to so many different strengths each is a part of its own; above it they are cut in thirds.
FEW_STRENGTHS = 6


@dataclass(frozen=True)
class Line:
    """One part of the votes.

    Args:
        label: the tag, the generator, two generators with " · " between, the language or the strength; empty for
            votes that have none.
        votes, prompts: people's voices in it that count under the rule for ties.
        people: what a person scores beside the others there.
        machines: by column; None where a machine says nothing of it.
    """

    label: str
    votes: int
    prompts: int
    people: Estimate | None
    machines: dict[Column, Estimate | None]


@dataclass(frozen=True)
class Slices:
    """All parts of one kind, the largest first; `more` were left out."""

    kind: str
    lines: list[Line]
    more: int

    def mean(self, column: Column) -> float | None:
        """The mean over the parts, each weighing the same (VL-RewardBench's macro average)."""
        values = [found.value for line in self.lines if (found := line.machines.get(column))]
        return float(np.mean(values)) if values else None


def slices(
    board: Board, evidence: Evidence, kind: str, *, credit: dict[Column, Floats], people: Floats, is_counted: Floats
) -> Slices:
    """Accuracies on each part. A prompt with two tags is in two parts; so is a pair of two generators.

    Args:
        kind: one of `KINDS`.
        credit: by column, shape (voices,); NaN where a voice does not count.
        people: shape (voices,), the credit of the other people.
        is_counted: shape (voices,), 1 or NaN.

    Raises:
        ValueError: there is no such kind.
    """
    parted = labelled(board, evidence, kind)
    columns = list(credit)
    table = pl.DataFrame(
        {
            "voice": np.arange(len(board.voices), dtype=np.uint32),
            "prompt": board.prompt,
            "counted": is_counted,
            "people": people,
            **{f"m{number}": credit[column] for number, column in enumerate(columns)},
        }
    ).fill_nan(None)
    sums = _sums(parted.join(table.filter(pl.col("counted").is_not_null()), on="voice"), len(columns))
    sizes = (
        sums.group_by("label").agg(pl.col("counted_n").sum().alias("n")).sort(["n", "label"], descending=[True, False])
    )
    labels = sizes["label"].to_list()
    parts = {str(key[0]): part for key, part in sums.partition_by("label", as_dict=True).items()}
    lines = [_line(label, parts[label], columns) for label in labels[:MOST]]
    return Slices(kind, lines, max(len(labels) - MOST, 0))


def _sums(joined: pl.DataFrame, columns: int) -> pl.DataFrame:
    """Sums and counts of every credit by part and prompt."""
    names = ["counted", "people", *(f"m{number}" for number in range(columns))]
    return joined.group_by("label", "prompt").agg(
        *(pl.col(name).sum().alias(f"{name}_s") for name in names),
        *(pl.col(name).count().alias(f"{name}_n") for name in names),
    )


def _line(label: str, part: pl.DataFrame, columns: list[Column]) -> Line:
    # Summed in one order, so that the last bits are the same on every visit.
    ordered = part.sort("prompt")

    def estimate(name: str) -> Estimate | None:
        return from_sums(ordered[f"{name}_s"].to_numpy().astype(float), ordered[f"{name}_n"].to_numpy().astype(float))

    return Line(
        label=label,
        votes=int(ordered["counted_n"].sum()),
        prompts=int((ordered["counted_n"] > 0).sum()),
        people=estimate("people"),
        machines={column: estimate(f"m{number}") for number, column in enumerate(columns)},
    )


# -- which part a voice is in -----------------------------------------------------------------------------------------


def labelled(board: Board, evidence: Evidence, kind: str) -> pl.DataFrame:
    """voice, label: once for each part a voice is in; an empty label for those that have none."""
    voices = board.voices
    if kind == "tag":
        tags = evidence.prompts.select("prompt_id", label="tags").explode("label")
        return _cleaned(voices.select("voice", "prompt_id").join(tags, on="prompt_id", how="left"))
    if kind == "locale":
        locales = evidence.prompts.select("prompt_id", label="locale")
        return _cleaned(voices.select("voice", "prompt_id").join(locales, on="prompt_id", how="left"))
    if kind == "generator":
        made = _makers(voices, evidence)
        each = [made.select("voice", label=side) for side in ("low_by", "high_by")]
        return _cleaned(pl.concat(each).unique())
    if kind == "generators":
        made = _makers(voices, evidence)
        first, second = pl.min_horizontal("low_by", "high_by"), pl.max_horizontal("low_by", "high_by")
        return _cleaned(made.select("voice", label=pl.concat_str(first, second, separator=" · ")))
    if kind == "strength":
        return _cleaned(voices.select("voice", label=_strengths(voices["strength"])))
    raise ValueError(f"{kind!r} is no way to part votes; choose one of {', '.join(KINDS)}")


def _cleaned(labelled: pl.DataFrame) -> pl.DataFrame:
    return labelled.select("voice", pl.col("label").fill_null(""))


def _makers(voices: pl.DataFrame, evidence: Evidence) -> pl.DataFrame:
    made = evidence.samples.select("sample_id", "generator")
    low = voices.select("voice", "low", "high").join(made, left_on="low", right_on="sample_id", how="left")
    both = low.rename({"generator": "low_by"}).join(made, left_on="high", right_on="sample_id", how="left")
    return both.rename({"generator": "high_by"})


def _strengths(strength: pl.Series) -> pl.Series:
    """How strong a vote is, in words of its own scale; null where it does not say."""
    known = strength.drop_nulls()
    values = known.unique().sort()
    if len(values) <= FEW_STRENGTHS:
        written = {one: f"{one:g}" for one in values}
        return strength.replace_strict(written, default=None, return_dtype=pl.String)
    first, second = float(known.quantile(1 / 3) or 0), float(known.quantile(2 / 3) or 0)
    names = [f"up to {first:g}", f"{first:g} to {second:g}", f"above {second:g}"]
    place = (strength > first).cast(pl.Int8) + (strength > second).cast(pl.Int8)
    return place.replace_strict(dict(enumerate(names)), default=None, return_dtype=pl.String)
