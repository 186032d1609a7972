"""Answers as columns: who said what of which unit, whatever was shown on which side. Plain code."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from annotation.answers import reorder
from annotation.questions import CheckItem, Question
from curation.reliability.alpha import Level

# One living answer a row, in the order of time.
ANSWERS = pl.Schema(
    {
        "assignment": pl.Int64(),
        "item": pl.Int64(),
        "rater": pl.Int64(),
        "purpose": pl.String(),
        "is_repeat": pl.Boolean(),
        "repeats": pl.Int64(),  # for a repeat: the assignment that was asked again
        "is_late": pl.Boolean(),  # sent when the item was full: kept and paid, no evidence
        "seconds": pl.Float64(),
        "at": pl.Datetime("us"),
        "is_apart": pl.Boolean(),  # said by a quarantined rater since the quarantine began
        "order": pl.String(),  # JSON: sample ids as shown
        "said": pl.String(),  # JSON: the answers by question; null after consent was withdrawn
    }
)

# What raters are compared by: everything that is said of an item for its own sake.
COUNTED = ("label", "control", "audit")

_SAID: dict[str, pl.DataType] = {
    "compare": pl.Struct({"outcome": pl.String}),
    "pick": pl.Struct({"best": pl.Int64}),
    "rank": pl.Struct({"ranks": pl.List(pl.Int64)}),
    "rate": pl.Struct({"values": pl.List(pl.Float64)}),
}

FIRST, SECOND, TIE, BOTH_BAD = 0.0, 1.0, 2.0, 3.0
NONE_GOOD = -1.0


@dataclass(frozen=True)
class Labels:
    """What a question, or one line of a checklist, was answered with.

    Args:
        key: of the question; `question/item` for a line of a checklist.
        level: what differences between values mean.
        frame: assignment, unit, value; one row a statement. Units are numbered anew for each question.
    """

    key: str
    name: str
    level: Level
    frame: pl.DataFrame


def over_samples(
    payload: Mapping[str, Any], asked: Sequence[Question], shown: Sequence[int], samples: Sequence[int]
) -> dict[str, Any]:
    """An answer by places as shown, as the same answer by places in `samples`.

    Args:
        payload: in the plain form of `annotation.answers`.
        asked: the questions of the batch.
        shown: sample ids as shown.
        samples: the same ids in the order of the item.
    """
    places = {sample: place for place, sample in enumerate(samples)}
    return reorder(payload, asked, [places[sample] for sample in shown])


def said_over_samples(said: str, asked: Sequence[Question], shown: str, samples: Sequence[int]) -> dict[str, Any]:
    """As `over_samples`, from the JSON texts of a row of `ANSWERS`."""
    return over_samples({"questions": json.loads(said)}, asked, json.loads(shown), samples)


def labels_of(answers: pl.DataFrame, asked: Sequence[Question]) -> list[Labels]:
    """The statements of every question that can agree or disagree; marks and notes cannot.

    A comparison and a pick speak of the item, a ranking of each two of its samples, a rating and a line of a checklist
    of each sample. The two samples of a pair are told apart by a scrambled id: were they told apart by the order of
    import, one generator would always come first, and its being better would look like agreement by chance.

    Args:
        answers: rows of `ANSWERS`.
    """
    decoded = _decoded(answers, asked)
    found = []
    for question in asked:
        if question.kind == "check":
            found += [_check(decoded, question, item) for item in question.items]
        elif question.kind in _READERS:
            frame = _READERS[question.kind](decoded, question.key)
            found.append(Labels(question.key, question.name or question.text, _level(question), frame))
    return found


def _level(question: Question) -> Level:
    if question.kind != "rate":
        return "nominal"
    return "ordinal" if question.levels else "interval"


def _decoded(answers: pl.DataFrame, asked: Sequence[Question]) -> pl.DataFrame:
    """assignment, item, order (list of ids), and a column a question with its answer."""
    said = pl.Struct({question.key: _type(question) for question in asked if _type(question) is not None})
    if not said.fields:
        return answers.select("assignment", "item")
    return answers.drop_nulls("said").select(
        "assignment",
        "item",
        order=pl.col("order").str.json_decode(pl.List(pl.Int64)),
        said=pl.col("said").str.json_decode(said),
    )


def _type(question: Question) -> Any:
    if question.kind == "check":
        return pl.Struct({"values": pl.Struct({item.key: pl.List(pl.Float64) for item in question.items})})
    return _SAID.get(question.kind)


def _answered(decoded: pl.DataFrame, key: str, field: str, name: str) -> pl.DataFrame:
    answer = pl.col("said").struct.field(key)
    answered = decoded.filter(answer.is_not_null())
    return answered.select("assignment", "item", "order", answer.struct.field(field).alias(name))


def _scrambled(sample: pl.Expr) -> pl.Expr:
    """Another number for each id, whose order has nothing to do with the order of ids (Fibonacci hashing)."""
    return sample.cast(pl.UInt64) * pl.lit(0x9E3779B97F4A7C15, dtype=pl.UInt64)


def _compare(decoded: pl.DataFrame, key: str) -> pl.DataFrame:
    left, right = (_scrambled(pl.col("order").list.get(place)) for place in (0, 1))
    is_left = pl.col("outcome") == "left"
    value = (
        pl.when(pl.col("outcome") == "tie")
        .then(TIE)
        .when(pl.col("outcome") == "both-bad")
        .then(BOTH_BAD)
        .when(is_left == (left < right))
        .then(FIRST)
        .otherwise(SECOND)
    )
    rows = _answered(decoded, key, "outcome", "outcome").drop_nulls("outcome")
    return rows.select("assignment", unit="item", value=value)


def _pick(decoded: pl.DataFrame, key: str) -> pl.DataFrame:
    picked = _scrambled(pl.col("order").list.get(pl.col("best")))
    rows = _answered(decoded, key, "best", "best").with_columns(picked=picked)
    before = (
        rows.select("assignment", "picked", "order")
        .explode("order")
        .group_by("assignment", maintain_order=True)
        .agg(value=(_scrambled(pl.col("order")) < pl.col("picked")).sum())
    )
    value = pl.when(pl.col("picked").is_null()).then(NONE_GOOD).otherwise(pl.col("value").cast(pl.Float64))
    return rows.join(before, on="assignment", how="left").select("assignment", unit="item", value=value)


def _rank(decoded: pl.DataFrame, key: str) -> pl.DataFrame:
    rows = _answered(decoded, key, "ranks", "rank").explode("order", "rank").drop_nulls("rank")
    rows = rows.select("assignment", "item", "rank", sample=_scrambled(pl.col("order")))
    both = rows.join(rows, on=["assignment", "item"], suffix="_other").filter(pl.col("sample") < pl.col("sample_other"))
    value = (
        pl.when(pl.col("rank") == pl.col("rank_other"))
        .then(TIE)
        .when(pl.col("rank") < pl.col("rank_other"))
        .then(FIRST)
        .otherwise(SECOND)
    )
    return both.select("assignment", unit=_number("item", "sample", "sample_other"), value=value)


def _rate(decoded: pl.DataFrame, key: str) -> pl.DataFrame:
    rows = _answered(decoded, key, "values", "value").explode("order", "value").drop_nulls("value")
    return rows.select("assignment", "value", unit=_number("item", "order")).select("assignment", "unit", "value")


def _check(decoded: pl.DataFrame, question: Question, item: CheckItem) -> Labels:
    value = pl.col("said").struct.field(question.key).struct.field("values").struct.field(item.key)
    rows = decoded.select("assignment", "item", "order", value=value).drop_nulls("value").explode("order", "value")
    frame = rows.select("assignment", _number("item", "order").alias("unit"), "value")
    level: Level = "ordinal" if len(item.levels) > 2 else "nominal"
    return Labels(f"{question.key}/{item.key}", item.text or item.key, level, frame)


def _number(*columns: str) -> pl.Expr:
    """One whole number for each combination: a hash of 64 bits, which a million combinations do not fill."""
    return pl.struct(columns).hash(seed=0).reinterpret(signed=True)


_READERS = {"compare": _compare, "pick": _pick, "rank": _rank, "rate": _rate}


# -- places as shown --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Places:
    """Which place on the screen won, by the first question that has winners.

    Args:
        k: how many samples most items show; the others are left out.
        frame: assignment, place (0 to k − 1; null for ties and the like), in the order of time.
    """

    key: str
    kind: str
    k: int
    frame: pl.DataFrame


def places_of(answers: pl.DataFrame, asked: Sequence[Question]) -> Places | None:
    """None where no question has a winner, or no item shows two samples."""
    question = next((one for one in asked if one.kind in _SAID), None)
    if question is None or answers.is_empty():
        return None
    decoded = _decoded(answers, asked).with_columns(k=pl.col("order").list.len())
    usual = decoded.filter(pl.col("k") >= 2)["k"].mode()
    if usual.is_empty():
        return None
    k = int(usual.min())  # type: ignore[arg-type]  # a column of whole numbers
    answer = pl.col("said").struct.field(question.key)
    rows = decoded.filter((pl.col("k") == k) & answer.is_not_null())
    frame = rows.select("assignment", place=_winner(question.kind, answer).cast(pl.Int64))
    return Places(question.key, question.kind, k, frame)


def _winner(kind: str, answer: pl.Expr) -> pl.Expr:
    if kind == "compare":
        outcome = answer.struct.field("outcome")
        return pl.when(outcome == "left").then(0).when(outcome == "right").then(1)
    if kind == "pick":
        return answer.struct.field("best")
    if kind == "rank":
        ranks = answer.struct.field("ranks")
        return pl.when(ranks.list.count_matches(1) == 1).then(ranks.list.arg_min())
    values = answer.struct.field("values")
    is_alone = values.list.eval((pl.element() == pl.element().max()).sum()).list.first() == 1
    return pl.when(is_alone).then(values.list.arg_max())
