"""Lists of items that somebody wrote: which samples are judged together and, for gold, what the right answer is.

Plain code. A line is either

- the ids or keys of samples, parted by spaces, commas, semicolons or tabs: `s1 s2`; or
- a JSON object as in `judgements.jsonl`: `{"left": "s1", "right": "s2", "outcome": "left", "criterion": "overall"}`,
  `{"samples": ["s1", "s2", "s3"], "ranks": [1, 2, 2]}`, `{"samples": [...], "best": "s2"}`,
  `{"sample": "s1", "value": 4, "criterion": "alignment"}`, `{"samples": [...], "values": [4, 2]}`.

Empty lines and lines that begin with `#` are passed over.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from annotation.questions import Question

_PARTS = re.compile(r"[\s,;]+")
_SIDES = {"left": "right", "right": "left"}
OUTCOMES = ("left", "right", "tie", "both-bad")


@dataclass(frozen=True)
class Listed:
    """One line: the samples as they are named, in the order of the list, and what is said of them."""

    line: int
    names: tuple[str, ...]
    said: Mapping[str, Any] = field(default_factory=dict)


def read(text: str) -> list[Listed]:
    """Every line of a list.

    Raises:
        ValueError: names the line and what is wrong with it.
    """
    lines = [(number, line.strip()) for number, line in enumerate(text.splitlines(), 1)]
    return [_line(number, line) for number, line in lines if line and not line.startswith("#")]


def _line(number: int, line: str) -> Listed:
    listed = _object(number, line) if line.startswith("{") else Listed(number, tuple(filter(None, _PARTS.split(line))))
    if len(set(listed.names)) != len(listed.names):
        raise ValueError(f"Line {number} names a sample twice.")
    return listed


def _object(number: int, line: str) -> Listed:
    try:
        row = json.loads(line)
    except ValueError as error:
        raise ValueError(f"Line {number} is no JSON object: {error}.") from None
    names = _names(row)
    if not names:
        raise ValueError(f"Line {number} names no sample: give “left” and “right”, “samples”, or “sample”.")
    if "outcome" in row and row["outcome"] not in OUTCOMES:
        raise ValueError(f"Line {number} has the outcome “{row['outcome']}”; it is one of {', '.join(OUTCOMES)}.")
    said = {name: row[name] for name in ("outcome", "ranks", "best", "value", "values", "criterion") if name in row}
    return Listed(number, names, said)


def _names(row: Mapping[str, Any]) -> tuple[str, ...]:
    if "left" in row and "right" in row:
        return (str(row["left"]), str(row["right"]))
    if isinstance(row.get("samples"), list):
        return tuple(str(name) for name in row["samples"])
    return (str(row["sample"]),) if "sample" in row else ()


def expected(
    listed: Listed, sample_ids: Sequence[int], questions: Sequence[Question], criteria: Mapping[int, str]
) -> dict[str, Any] | None:
    """The right answer a line states, over the samples in ascending order of their ids; None where it states none.

    Args:
        listed: the line.
        sample_ids: its samples, in the order of the line.
        questions: of the batch; the first of the fitting kind is meant, or the first with the named criterion.
        criteria: key of each criterion version.

    Raises:
        ValueError: the batch asks nothing that this answers.
    """
    said = listed.said
    kind = next((kind for name, kind in _KIND_OF.items() if name in said), None)
    if kind is None:
        return None
    key = said.get("criterion")
    fitting = [q for q in questions if q.kind == kind and (key is None or criteria.get(q.criterion or 0) == key)]
    if not fitting:
        about = f" under “{key}”" if key else ""
        raise ValueError(f"Line {listed.line} states a right answer of the kind {kind}{about}, which nobody asks here.")
    order = sorted(range(len(sample_ids)), key=lambda place: sample_ids[place])
    try:
        answer = _STORED[kind](listed, order)
    except (TypeError, IndexError, ValueError):
        raise ValueError(f"Line {listed.line} states a right answer that does not fit its samples.") from None
    return {"questions": {fitting[0].key: answer}}


_KIND_OF = {"outcome": "compare", "ranks": "rank", "best": "pick", "value": "rate", "values": "rate"}


def _outcome(listed: Listed, order: Sequence[int]) -> dict[str, Any]:
    if len(order) != 2:
        raise ValueError
    outcome = listed.said["outcome"]
    return {"outcome": outcome if list(order) == [0, 1] else _SIDES.get(outcome, outcome)}


def _ranks(listed: Listed, order: Sequence[int]) -> dict[str, Any]:
    ranks = listed.said["ranks"]
    if len(ranks) != len(order):
        raise ValueError
    return {"ranks": [ranks[place] for place in order]}


def _best(listed: Listed, order: Sequence[int]) -> dict[str, Any]:
    best = listed.said["best"]
    return {"best": None if best is None else list(order).index(listed.names.index(str(best)))}


def _values(listed: Listed, order: Sequence[int]) -> dict[str, Any]:
    values = listed.said["values"] if "values" in listed.said else [listed.said["value"]]
    if len(values) != len(order):
        raise ValueError
    return {"values": [values[place] for place in order]}


_STORED = {"compare": _outcome, "rank": _ranks, "pick": _best, "rate": _values}
