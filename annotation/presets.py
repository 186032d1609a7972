"""Ready-made questions, in the form of `annotation.questions`. Plain code.

Each preset takes criteria as `Criterion` and gives a list of questions; `PRESETS` says what it is called, what shape
of items it is about and whether it wants more than one criterion.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Raw = dict[str, Any]
_NOT_IN_KEY = re.compile(r"[^a-z0-9_-]+")

ERRORS = ("artifact", "misalignment", "anatomy", "text", "other")


@dataclass(frozen=True)
class Criterion:
    """What a question needs to know of a criterion version. `levels` or `low` and `high` are its own scale."""

    id: int
    key: str
    name: str
    question: str = ""
    group: str = ""
    levels: Sequence[Mapping[str, Any]] = ()
    low: float | None = None
    high: float | None = None

    @property
    def has_scale(self) -> bool:
        return len(self.levels) > 1 or (self.low is not None and self.high is not None)


def compare(criterion: Criterion, **options: Any) -> Raw:
    return {**_common(criterion, "compare", f"Which is better: {criterion.name}?"), **options}


def rank(criterion: Criterion, **options: Any) -> Raw:
    return {**_common(criterion, "rank", f"Put them in order: {criterion.name}"), **options}


def pick(criterion: Criterion, **options: Any) -> Raw:
    return {**_common(criterion, "pick", f"Which is best: {criterion.name}?"), **options}


def rate(criterion: Criterion, **options: Any) -> Raw:
    """A rating on the criterion's own scale, which it must have."""
    scale: Raw = {"levels": [dict(level) for level in criterion.levels]}
    if not criterion.levels:
        scale = {"low": criterion.low, "high": criterion.high}
    return {**_common(criterion, "rate", f"How good is it: {criterion.name}?"), **scale, **options}


def check(criteria: Sequence[Criterion], **options: Any) -> Raw:
    """One checklist of all criteria, under the names of their parents."""
    items = [
        {
            "key": key_of(criterion.key),
            "criterion": criterion.id,
            "text": criterion.question or criterion.name,
            "group": criterion.group,
            **({"levels": [dict(level) for level in criterion.levels]} if criterion.levels else {}),
        }
        for criterion in criteria
    ]
    return {"key": "checklist", "kind": "check", "name": "Checklist", "text": "What holds?", "items": items, **options}


def mark(criterion: Criterion | None, **options: Any) -> Raw:
    question = {
        "key": "marks",
        "kind": "mark",
        "name": "Problems",
        "text": "Mark what is wrong",
        "criterion": criterion.id if criterion else None,
        "required": False,
        "shapes": ["point", "box", "polygon", "span"],
        "targets": ["media", "prompt"],
        "errors": list(ERRORS),
    }
    return {**question, **options}


def write(criterion: Criterion | None, **options: Any) -> Raw:
    name = criterion.name if criterion else "Note"
    question = {
        "key": key_of(f"note-{criterion.key}" if criterion else "note"),
        "kind": "write",
        "name": name,
        "text": f"What is good or bad about it: {name}",
        "criterion": criterion.id if criterion else None,
        "per": "sample",
        "most": 2000,
    }
    return {**question, **options}


def _common(criterion: Criterion, kind: str, text: str) -> Raw:
    return {
        "key": key_of(criterion.key),
        "kind": kind,
        "name": criterion.name,
        "text": criterion.question or text,
        "criterion": criterion.id,
    }


def key_of(text: str) -> str:
    """A key for a question from any words: small letters, digits, - and _."""
    return _NOT_IN_KEY.sub("-", text.lower()).strip("-_")[:60] or "question"


def with_own_keys(questions: Sequence[Raw]) -> list[Raw]:
    """The questions with a number behind each key that stands there already."""
    seen: set[str] = set()
    kept = []
    for question in questions:
        key, number = question["key"], 2
        while key in seen:
            key, number = f"{question['key'][:56]}-{number}", number + 1
        seen.add(key)
        kept.append({**question, "key": key})
    return kept


@dataclass(frozen=True)
class Preset:
    """`shape`: what its items are, as `annotation.actions.choosing.SHAPES` has it."""

    build: Callable[[Sequence[Criterion]], list[Raw]]
    shape: str
    needs_scale: bool = False


def _rate_then_rank(criteria: Sequence[Criterion]) -> list[Raw]:
    ratings = [rate(one, stage=1, key=key_of(f"rate-{one.key}")) for one in criteria]
    return [*ratings, rank(criteria[0], stage=2, key="order")]


PRESETS: dict[str, Preset] = {
    "overall": Preset(lambda criteria: [compare(criteria[0])], "pair"),
    "per-criterion": Preset(lambda criteria: [compare(one) for one in criteria], "pair"),
    "strength": Preset(lambda criteria: [compare(criteria[0], strength=3, reason="optional")], "pair"),
    "pick": Preset(lambda criteria: [pick(criteria[0])], "group"),
    "rank": Preset(lambda criteria: [rank(criteria[0])], "group"),
    "rate": Preset(lambda criteria: [rate(one) for one in criteria], "single", needs_scale=True),
    "rate-rank": Preset(_rate_then_rank, "group", needs_scale=True),
    "checklist": Preset(lambda criteria: [check(criteria)], "single"),
    "marks": Preset(lambda criteria: [mark(criteria[0])], "single"),
    "critique": Preset(lambda criteria: [write(one) for one in criteria], "single"),
    "verify": Preset(lambda criteria: [compare(one) for one in criteria], "pair"),
}
