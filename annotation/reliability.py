"""How far the raters of a batch can be relied on: agreement by question, and a line for each rater. Plain code."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import polars as pl

from annotation import gold
from annotation.labels import COUNTED, FIRST, SECOND, Labels, Places, labels_of, places_of, said_over_samples
from annotation.questions import Question
from curation.reliability import patterns, shares, sides
from curation.reliability.alpha import Agreement, agreement
from curation.reliability.patterns import Finding
from curation.reliability.shares import Share
from curation.reliability.sides import SideBias

# Of all alarms of one pattern at most this share is expected to be false.
FALSE_DISCOVERIES = 0.05


@dataclass(frozen=True)
class QuestionAgreement:
    """Alpha of one question, or of one line of a checklist, and how often each value was given."""

    key: str
    name: str
    level: str
    agreement: Agreement
    counts: dict[float, int]


@dataclass(frozen=True)
class Alarm:
    """A suspicious pattern of one rater.

    Args:
        finding: what was seen, and how often honest work shows as much.
        q: the share of false alarms to expect among all alarms at least as strong as this one.
    """

    pattern: str  # too-fast, one-place, long-run, alternation, burst
    finding: Finding
    q: float


@dataclass(frozen=True)
class Follows:
    """How closely a rater follows the others: 1 is as closely as expected, near 0 is noise; with its interval."""

    slope: float
    low: float
    high: float


@dataclass
class RaterLine:
    """One rater of a batch. What cannot be said yet is None."""

    rater: int
    answers: int
    labels: int
    apart: int
    seconds: float | None
    total_seconds: float
    gold: Share | None = None
    alike: Share | None = None
    first_place: Share | None = None
    mirrored: SideBias | None = None
    follows: Follows | None = None
    alarms: list[Alarm] = field(default_factory=list)


@dataclass(frozen=True)
class Report:
    """A batch: agreement by question, raters by the number of their answers, and how many places are shown."""

    questions: list[QuestionAgreement]
    raters: list[RaterLine]
    k: int | None


def report(
    answers: pl.DataFrame,
    asked: Sequence[Question],
    *,
    samples: Mapping[int, Sequence[int]],
    expected: Mapping[int, Mapping[str, Any]],
    rng: np.random.Generator,
) -> Report:
    """Everything about the raters of a batch.

    Args:
        answers: rows of `labels.ANSWERS`.
        asked: the questions of the batch.
        samples: the sample ids of each item that is known or was repeated, in the item's order.
        expected: the right answer of each known item, over these samples.
        rng: draws the resamples of the intervals.
    """
    counted = counted_answers(answers)
    labels = labels_of(counted, asked)
    places = places_of(answers, asked)
    lines = {line["rater"]: RaterLine(**line) for line in _counts(answers).iter_rows(named=True)}
    for rater, share in _gold(answers, asked, samples, expected).items():
        lines[rater].gold = share
    for rater, share in _alike(answers, asked, samples).items():
        lines[rater].alike = share
    if places is not None:
        _say_sides(lines, answers, places)
    _say_follows(lines, counted, asked, labels)
    _say_alarms(lines, answers, places)
    by_number = sorted(lines.values(), key=lambda line: (-line.answers, line.rater))
    return Report([_agreement(one, rng) for one in labels], by_number, places.k if places else None)


def counted_answers(answers: pl.DataFrame) -> pl.DataFrame:
    """The answers that are evidence: no examination, not late, not kept apart.

    In a qualification everybody answers the same known items; there these are what can agree.
    """
    plain = answers.filter(~pl.col("is_repeat") & ~pl.col("is_late") & ~pl.col("is_apart"))
    counted = plain.filter(pl.col("purpose").is_in(COUNTED))
    return counted if len(counted) else plain.filter(pl.col("purpose") == "qualification")


def _agreement(labels: Labels, rng: np.random.Generator) -> QuestionAgreement:
    frame = labels.frame
    found = agreement(frame["unit"].to_numpy(), frame["value"].to_numpy(), level=labels.level, rng=rng)
    counts = frame.group_by("value").len("n").sort("value")
    return QuestionAgreement(labels.key, labels.name, labels.level, found, dict(counts.iter_rows()))


def _counts(answers: pl.DataFrame) -> pl.DataFrame:
    return answers.group_by("rater").agg(
        answers=pl.len(),
        labels=(pl.col("purpose").is_in(COUNTED) & ~pl.col("is_repeat")).sum(),
        apart=pl.col("is_apart").sum(),
        seconds=pl.col("seconds").median(),
        total_seconds=pl.col("seconds").sum(),
    )


# -- right, and alike -------------------------------------------------------------------------------------------------


def _gold(
    answers: pl.DataFrame,
    asked: Sequence[Question],
    samples: Mapping[int, Sequence[int]],
    expected: Mapping[int, Mapping[str, Any]],
) -> dict[int, Share | None]:
    """The share of right answers to known items, for each rater who gave any."""
    verdicts: dict[int, list[bool]] = {}
    known = answers.filter(pl.col("item").is_in(list(expected)) & ~pl.col("is_repeat")).drop_nulls("said")
    for row in known.select("rater", "item", "said", "order").iter_rows(named=True):
        said = said_over_samples(row["said"], asked, row["order"], samples[row["item"]])
        is_right = gold.is_right(asked, expected[row["item"]], said)
        if is_right is not None:
            verdicts.setdefault(row["rater"], []).append(is_right)
    return {rater: shares.wilson(sum(found), len(found)) for rater, found in verdicts.items()}


def _alike(
    answers: pl.DataFrame, asked: Sequence[Question], samples: Mapping[int, Sequence[int]]
) -> dict[int, Share | None]:
    """The share of hidden repeats that came out like the first time: right, had the first answer been the known one."""
    verdicts: dict[int, list[bool]] = {}
    for row in repeated(answers).iter_rows(named=True):
        own = samples[row["item"]]
        before = said_over_samples(row["said_before"], asked, row["order_before"], own)
        is_alike = gold.is_right(asked, before, said_over_samples(row["said"], asked, row["order"], own))
        if is_alike is not None:
            verdicts.setdefault(row["rater"], []).append(is_alike)
    return {rater: shares.wilson(sum(found), len(found)) for rater, found in verdicts.items()}


def repeated(answers: pl.DataFrame) -> pl.DataFrame:
    """Hidden repeats beside the first answers: rater, item, assignment, said and order, the first with `_before`."""
    columns = ["assignment", "said", "order"]
    repeats = answers.filter("is_repeat").select("rater", "item", "repeats", *columns)
    before = answers.filter(~pl.col("is_repeat")).select(columns)
    joined = repeats.join(before, left_on="repeats", right_on="assignment", suffix="_before")
    return joined.rename({"repeats": "assignment_before"}).drop_nulls(["said", "said_before"])


# -- sides ------------------------------------------------------------------------------------------------------------


def _say_sides(lines: Mapping[int, RaterLine], answers: pl.DataFrame, places: Places) -> None:
    """How often the first place wins over all answers, and what the mirrored repeats say of a pair's sides.

    Repeats are left out of the first number: their sides are not drawn but swapped.
    """
    first = answers.filter(~pl.col("is_repeat")).join(places.frame.drop_nulls("place"), on="assignment")
    counted = first.group_by("rater").agg(count=(pl.col("place") == 0).sum(), of=pl.len())
    for rater, count, of in counted.iter_rows():
        lines[rater].first_place = shares.wilson(count, of)
    if places.k != 2:
        return
    twice = (
        repeated(answers)
        .select("rater", "assignment", "assignment_before")
        .join(places.frame, on="assignment")
        .join(places.frame, left_on="assignment_before", right_on="assignment", suffix="_before")
        .filter(pl.col("place") == pl.col("place_before"))
        .group_by("rater")
        .agg(left=(pl.col("place") == 0).sum(), right=(pl.col("place") == 1).sum())
    )
    for rater, left, right in twice.iter_rows():
        lines[rater].mirrored = sides.mirrored_side_bias(left, right)


def _say_follows(
    lines: Mapping[int, RaterLine], counted: pl.DataFrame, asked: Sequence[Question], labels: Sequence[Labels]
) -> None:
    """How closely each rater's verdicts follow what the others said of the same pair."""
    question = next((one for one in asked if one.kind in ("compare", "rank")), None)
    frame = next((one.frame for one in labels if question is not None and one.key == question.key), None)
    if frame is None:
        return
    votes = frame.filter(pl.col("value").is_in([FIRST, SECOND])).join(
        counted.select("assignment", "rater"), on="assignment"
    )
    is_first = pl.col("value") == FIRST
    firsts = is_first.sum().over("unit") - is_first.cast(pl.Int64)
    others = pl.len().over("unit").cast(pl.Int64) - 1
    known = votes.with_columns(firsts=firsts, others=others, is_first=is_first).filter(pl.col("others") > 0)
    raters = known["rater"].unique().sort()
    if raters.is_empty():
        return
    # Half a vote for either side, as if nobody had spoken yet.
    difference = ((known["firsts"] + 0.5) / (known["others"] - known["firsts"] + 0.5)).log().to_numpy()
    places = np.searchsorted(raters.to_numpy(), known["rater"].to_numpy())
    found = sides.slopes(places, difference, known["is_first"].to_numpy(), raters=len(raters))
    for place, rater in enumerate(raters.to_list()):
        own, error = float(found.log_slope[place]), 1.96 * float(found.log_slope_error[place])
        lines[rater].follows = Follows(math.exp(own), math.exp(own - error), math.exp(own + error))


# -- patterns ---------------------------------------------------------------------------------------------------------


def _say_alarms(lines: Mapping[int, RaterLine], answers: pl.DataFrame, places: Places | None) -> None:
    """Every pattern is tested on everybody; those remain of which at most one in twenty is expected to be false."""
    first = answers.filter(~pl.col("is_repeat"))
    raters = list(lines)
    seconds = _by_rater(first.drop_nulls("seconds"), "seconds", raters)
    tested: dict[str, list[Finding | None]] = {
        "too-fast": patterns.too_fast(seconds),
        "burst": [patterns.burst(own) for own in seconds],
    }
    if places is not None:
        decided = first.join(places.frame.drop_nulls("place"), on="assignment", maintain_order="left")
        won = _by_rater(decided, "place", raters)
        tested["one-place"] = [patterns.one_place(own, places.k) for own in won]
        tested["long-run"] = [patterns.long_run(own, places.k) for own in won]
        tested["alternation"] = [patterns.alternation(own, places.k) for own in won]
    for name, column in tested.items():
        adjusted = shares.q_values([found.p if found else None for found in column])
        for rater, found, q in zip(raters, column, adjusted, strict=True):
            if found is not None and q is not None and q <= FALSE_DISCOVERIES:
                lines[rater].alarms.append(Alarm(name, found, q))


def _by_rater(rows: pl.DataFrame, column: str, raters: Sequence[int]) -> list[np.ndarray[Any, Any]]:
    """The values of each rater in the order of the rows; an empty array for those who have none."""
    parts = rows.partition_by("rater", as_dict=True, maintain_order=True)
    nothing = rows.clear()
    return [parts.get((rater,), nothing)[column].to_numpy() for rater in raters]
