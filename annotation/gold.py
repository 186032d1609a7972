"""Whether an answer agrees with a known one. Plain code.

Both are in the plain form of `annotation.answers`, over the same order of samples. A known answer may leave
questions out; what it names must be met: verdicts and picks exactly, a ranking in every pair the known one orders,
ratings within one level, checklist items exactly. Marks and notes cannot be right or wrong.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any

from annotation.questions import Question

# One step beside the known level still counts as right: neighbours on a scale are a matter of taste.
STEPS_OFF = 1


def is_right(questions: Sequence[Question], expected: Mapping[str, Any], answer: Mapping[str, Any]) -> bool | None:
    """True or false; None when the known answer names nothing that can be compared."""
    said = answer.get("questions", {})
    verdicts = [
        question.key in said and _JUDGES[question.kind](question, known, said[question.key])
        for question in questions
        if question.kind in _JUDGES and (known := expected.get("questions", {}).get(question.key))
    ]
    return all(verdicts) if verdicts else None


def _compare(question: Question, known: Mapping[str, Any], said: Mapping[str, Any]) -> bool:
    return bool(known["outcome"] == said["outcome"])


def _pick(question: Question, known: Mapping[str, Any], said: Mapping[str, Any]) -> bool:
    return bool(known["best"] == said["best"])


def _rank(question: Question, known: Mapping[str, Any], said: Mapping[str, Any]) -> bool:
    pairs = combinations(range(len(known["ranks"])), 2)
    return all(_keeps(known["ranks"], said["ranks"], i, j) for i, j in pairs)


def _keeps(known: Sequence[int | None], said: Sequence[int | None], i: int, j: int) -> bool:
    """Whether a pair that the known ranking orders strictly is not ordered the other way round."""
    if known[i] is None or known[j] is None or known[i] == known[j]:
        return True
    if said[i] is None or said[j] is None:
        return False
    return (known[i] < known[j]) == (said[i] < said[j])  # type: ignore[operator]


def _rate(question: Question, known: Mapping[str, Any], said: Mapping[str, Any]) -> bool:
    if question.levels:
        order = {level.value: place for place, level in enumerate(question.levels)}
        return all(abs(order[a] - order[b]) <= STEPS_OFF for a, b in zip(known["values"], said["values"], strict=True))
    assert question.high is not None
    assert question.low is not None
    near = question.step or (question.high - question.low) / 10
    return all(abs(a - b) <= near * STEPS_OFF for a, b in zip(known["values"], said["values"], strict=True))


def _check(question: Question, known: Mapping[str, Any], said: Mapping[str, Any]) -> bool:
    return all(said["values"].get(key) == row for key, row in known["values"].items())


_JUDGES = {"compare": _compare, "pick": _pick, "rank": _rank, "rate": _rate, "check": _check}
