"""What a batch asks, as data. Plain code: parsing, and every rule about the form of a question.

A batch keeps its questions as a JSON list. `parse` reads one strictly, so that a batch that was saved can be shown,
answered and read back years later. The kinds:

- `compare`: two samples; left, right, and where allowed tie and both bad; strength and reason where asked;
- `pick`: the best of k, or none;
- `rank`: an order of k, with ties and unranked ones where allowed;
- `rate`: a value of the criterion's scale for each sample;
- `check`: ordinal or yes/no items under headings, each for each sample;
- `mark`: places with an error type;
- `write`: a note for each sample or for the item.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

KINDS = ("compare", "pick", "rank", "rate", "check", "mark", "write")
SHAPES = ("point", "box", "polygon", "span", "interval")
TARGETS = ("media", "prompt", "answer", "input")
REASONS = ("none", "optional", "required")
STRENGTHS = (0, 2, 3)
LONGEST_NOTE = 10_000
MOST_ITEMS = 200
_KEY = re.compile(r"[a-z0-9][a-z0-9_-]{0,59}")


@dataclass(frozen=True)
class Level:
    """One step of an ordered scale."""

    value: float
    label: str = ""


@dataclass(frozen=True)
class CheckItem:
    """One line of a checklist, under a heading."""

    key: str
    text: str
    criterion: int
    levels: tuple[Level, ...]
    group: str = ""


@dataclass(frozen=True)
class Question:
    """One question of a batch. Fields that its kind does not know keep their defaults.

    `criterion` is the id of the criterion version that answers are evidence of; a checklist names one an item, marks
    and notes may do without.
    """

    key: str
    kind: str
    text: str
    name: str = ""
    criterion: int | None = None
    required: bool = True
    stage: int = 1
    # compare
    tie: bool = True
    both_bad: bool = True
    strength: int = 0
    reason: str = "none"
    # pick
    none: bool = True
    # rank
    ties: bool = True
    partial: bool = False
    # rate: levels, or a range with a step
    levels: tuple[Level, ...] = ()
    low: float | None = None
    high: float | None = None
    step: float | None = None
    # check
    items: tuple[CheckItem, ...] = ()
    # mark
    shapes: tuple[str, ...] = ()
    targets: tuple[str, ...] = ()
    errors: tuple[str, ...] = ()
    # write
    per: str = "sample"
    most: int = 2000

    def allows(self, value: float) -> bool:
        """Whether a rating may have this value."""
        if self.levels:
            return any(level.value == value for level in self.levels)
        assert self.low is not None
        assert self.high is not None
        if not self.low <= value <= self.high:
            return False
        steps = (value - self.low) / self.step if self.step else 0.0
        return abs(steps - round(steps)) < 1e-9


@dataclass(frozen=True)
class _Kind:
    """Which fields a kind may have beside the common ones, and its own rules."""

    fields: frozenset[str]
    check: Callable[[Question], None]
    needs_criterion: bool = True


_COMMON = frozenset({"key", "kind", "text", "name", "criterion", "required", "stage"})


def parse(raw: object) -> tuple[Question, ...]:
    """Reads the questions of a batch.

    Raises:
        ValueError: names the question by its place and key, what is wrong, and what may stand there.
    """
    if not isinstance(raw, list) or not raw:
        raise ValueError("A batch asks at least one question; give a list of them.")
    questions = tuple(_question(place, entry) for place, entry in enumerate(raw, 1))
    keys = [question.key for question in questions]
    for key in keys:
        if keys.count(key) > 1:
            raise ValueError(f"Two questions have the key “{key}”; give each its own.")
    stages = sorted({question.stage for question in questions})
    if stages != list(range(1, len(stages) + 1)):
        raise ValueError(f"Stages count 1, 2, 3 without a gap; these are {', '.join(map(str, stages))}.")
    return questions


def as_json(questions: Sequence[Question]) -> list[dict[str, Any]]:
    """The form `parse` reads, with only the fields that each kind knows."""
    entries = []
    for question in questions:
        known = _COMMON | _KINDS[question.kind].fields
        entry = {name: value for name, value in asdict(question).items() if name in known and value is not None}
        entries.append({name: list(value) if isinstance(value, tuple) else value for name, value in entry.items()})
    return entries


def samples_asked(questions: Sequence[Question]) -> tuple[int, int | None]:
    """The fewest and the most samples an item may have for these questions; None where there is no bound."""
    if any(question.kind == "compare" for question in questions):
        return 2, 2
    if any(question.kind in ("pick", "rank") for question in questions):
        return 2, None
    return 1, None


def _question(place: int, raw: object) -> Question:
    if not isinstance(raw, Mapping):
        raise ValueError(f"Question {place} is not an object with a key, a kind and a text.")
    where = f"Question {place} (“{raw.get('key', '')}”)"
    kind = raw.get("kind")
    if kind not in KINDS:
        raise ValueError(f"{where} is of the kind “{kind}”; it is one of {', '.join(KINDS)}.")
    unknown = sorted(set(raw) - _COMMON - _KINDS[kind].fields)
    if unknown:
        raise ValueError(f"{where} of the kind {kind} does not know “{unknown[0]}”.")
    try:
        question = Question(**_values(raw))
        _check_common(question)
        _KINDS[kind].check(question)
    except (TypeError, ValueError, KeyError) as error:
        raise ValueError(f"{where}: {error}") from error
    return question


def _values(raw: Mapping[str, Any]) -> dict[str, Any]:
    values = dict(raw)
    if "levels" in values:
        values["levels"] = _levels(values["levels"])
    if "items" in values:
        values["items"] = tuple(_item(number, entry) for number, entry in enumerate(_list(values["items"]), 1))
    for name in ("shapes", "targets", "errors"):
        if name in values:
            values[name] = tuple(_list(values[name]))
    return values


def _list(value: object) -> list[Any]:
    if not isinstance(value, (list, tuple)):
        raise ValueError(f"{value!r} stands where a list belongs")
    return list(value)


def _levels(raw: object) -> tuple[Level, ...]:
    levels = tuple(Level(_number(entry["value"]), str(entry.get("label", ""))) for entry in _list(raw))
    if len({level.value for level in levels}) != len(levels):
        raise ValueError("two levels have the same value")
    return levels


def _number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise ValueError(f"{value!r} is not a number")
    return value


def _item(number: int, raw: object) -> CheckItem:
    if not isinstance(raw, Mapping):
        raise ValueError(f"item {number} is not an object")
    item = CheckItem(
        key=str(raw.get("key", "")),
        text=str(raw.get("text", "")),
        criterion=raw["criterion"],
        levels=_levels(raw.get("levels", [{"value": 0, "label": "no"}, {"value": 1, "label": "yes"}])),
        group=str(raw.get("group", "")),
    )
    if not _KEY.fullmatch(item.key):
        raise ValueError(f"item {number} has the key “{item.key}”; use small letters, digits, - and _")
    if not isinstance(item.criterion, int) or len(item.levels) < 2:
        raise ValueError(f"item “{item.key}” needs a criterion and at least two levels")
    return item


def _check_common(question: Question) -> None:
    if not isinstance(question.key, str) or not _KEY.fullmatch(question.key):
        raise ValueError(f"the key “{question.key}” must be small letters, digits, - and _, at most 60")
    if not isinstance(question.text, str) or not question.text.strip():
        raise ValueError("a question needs its text")
    if isinstance(question.stage, bool) or not isinstance(question.stage, int) or question.stage < 1:
        raise ValueError(f"the stage is {question.stage!r}; it is a number from 1")
    if question.criterion is not None and not isinstance(question.criterion, int):
        raise ValueError(f"the criterion is {question.criterion!r}; it is the number of a criterion version")
    if _KINDS[question.kind].needs_criterion and question.criterion is None:
        raise ValueError("it needs a criterion, which its answers will be evidence of")
    for name in ("required", "tie", "both_bad", "none", "ties", "partial"):
        if not isinstance(getattr(question, name), bool):
            raise ValueError(f"“{name}” is {getattr(question, name)!r}; it is true or false")


def _check_compare(question: Question) -> None:
    if question.strength not in STRENGTHS:
        raise ValueError(f"the strength has {question.strength!r} levels; it has 0 (not asked), 2 or 3")
    if question.reason not in REASONS:
        raise ValueError(f"the reason is “{question.reason}”; it is one of {', '.join(REASONS)}")


def _check_nothing(question: Question) -> None:
    """Its fields are all true or false."""


def _check_rate(question: Question) -> None:
    if question.levels:
        if len(question.levels) < 2:
            raise ValueError("a scale has at least two levels")
        return
    if question.low is None or question.high is None:
        raise ValueError("a rating needs levels, or a low and a high end")
    if not _number(question.low) < _number(question.high):
        raise ValueError(f"the low end {question.low} is not below the high end {question.high}")
    if question.step is not None and _number(question.step) <= 0:
        raise ValueError(f"the step is {question.step}; it is above zero")


def _check_list(question: Question) -> None:
    if not 1 <= len(question.items) <= MOST_ITEMS:
        raise ValueError(f"a checklist has 1 to {MOST_ITEMS} items, this one has {len(question.items)}")
    keys = [item.key for item in question.items]
    if len(set(keys)) != len(keys):
        raise ValueError("two items have the same key")


def _check_mark(question: Question) -> None:
    _check_choice("shapes", question.shapes, SHAPES)
    _check_choice("targets", question.targets, TARGETS)
    if not all(isinstance(error, str) and 0 < len(error) <= 100 for error in question.errors):
        raise ValueError("an error type is a word or a few, at most 100 characters")


def _check_choice(name: str, chosen: Sequence[str], possible: Sequence[str]) -> None:
    wrong = [value for value in chosen if value not in possible]
    if not chosen or wrong:
        raise ValueError(f"{name} are {', '.join(map(str, chosen)) or 'missing'}; they are among {', '.join(possible)}")


def _check_write(question: Question) -> None:
    if question.per not in ("sample", "item"):
        raise ValueError(f"a note is asked per sample or per item, not per “{question.per}”")
    if not isinstance(question.most, int) or not 1 <= question.most <= LONGEST_NOTE:
        raise ValueError(f"a note has at most {question.most!r} characters; between 1 and {LONGEST_NOTE}")


_KINDS: dict[str, _Kind] = {
    "compare": _Kind(frozenset({"tie", "both_bad", "strength", "reason"}), _check_compare),
    "pick": _Kind(frozenset({"none"}), _check_nothing),
    "rank": _Kind(frozenset({"ties", "partial"}), _check_nothing),
    "rate": _Kind(frozenset({"levels", "low", "high", "step"}), _check_rate),
    "check": _Kind(frozenset({"items"}), _check_list, needs_criterion=False),
    "mark": _Kind(frozenset({"shapes", "targets", "errors"}), _check_mark, needs_criterion=False),
    "write": _Kind(frozenset({"per", "most"}), _check_write, needs_criterion=False),
}
