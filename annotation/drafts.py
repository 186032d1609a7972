"""A machine's opinions as a proposed answer that a person accepts or corrects. Plain code.

Everything is over the stored order of an item's samples, in the plain form of `annotation.answers`. Where a machine
said too little, or contradicts itself, there is no draft: a person is better left alone than led by half an opinion.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from annotation.questions import Level, Question


@dataclass(frozen=True)
class Scale:
    """What the machine's numbers mean on one criterion.

    Args:
        low, high: the ends of its scale, or None where it has none (a reward model's logits).
        levels: the values its scale consists of, if it has levels.
        higher_is_better: the direction; numbers that mean the opposite are turned round.
        seen: its numbers on all samples of the batch, sorted, shape (n,); they make levels where there are no ends.
    """

    low: float | None = None
    high: float | None = None
    levels: tuple[float, ...] = ()
    higher_is_better: bool = True
    seen: NDArray[np.float64] = field(default_factory=lambda: np.empty(0))


@dataclass(frozen=True)
class Opinion:
    """What a machine says about one item under one question.

    Args:
        values: its number for each sample, None where it gave none.
        scale: what these numbers mean.
        verdicts: its comparisons: (place, place, outcome), the outcome as of the first against the second.
        marks: in the form of an answer's marks.
        notes: its words by place; under None what it said of the item.
    """

    values: Sequence[float | None]
    scale: Scale = field(default_factory=Scale)
    verdicts: Sequence[tuple[int, int, str]] = ()
    marks: Sequence[Mapping[str, Any]] = ()
    notes: Mapping[int | None, str] = field(default_factory=dict)


def draft(question: Question, opinion: Opinion) -> dict[str, Any] | None:
    """The proposed answer to a question, or None where the opinion does not make one.

    A checklist is asked item by item: see `check_values`.
    """
    makers = {"compare": _compare, "pick": _pick, "rank": _rank, "rate": _rate, "mark": _mark, "write": _write}
    return makers[question.kind](question, opinion)


def _compare(question: Question, opinion: Opinion) -> dict[str, Any] | None:
    """By its comparisons where it made any, else by the difference of its numbers; exactly equal numbers tie."""
    outcome = _verdict(opinion.verdicts) if opinion.verdicts else _by_difference(opinion)
    allowed = {"left", "right"} | ({"tie"} if question.tie else set()) | ({"both-bad"} if question.both_bad else set())
    return {"outcome": outcome} if outcome in allowed else None


def _verdict(verdicts: Sequence[tuple[int, int, str]]) -> str | None:
    """What the machine says of the first two samples, both orders averaged; a flip between the orders is a tie."""
    turned = {"left": "right", "right": "left"}
    said = {outcome if (i, j) == (0, 1) else turned.get(outcome, outcome) for i, j, outcome in verdicts}
    if len(said) == 1:
        return said.pop()
    return "tie" if said <= {"left", "right", "tie"} else None


def _by_difference(opinion: Opinion) -> str | None:
    better = _better(opinion)
    if better is None:
        return None
    left, right = better
    return "tie" if left == right else "left" if left > right else "right"


def _better(opinion: Opinion) -> list[float] | None:
    """The numbers so that higher is better; None where one is missing."""
    sign = 1.0 if opinion.scale.higher_is_better else -1.0
    values = [sign * value for value in opinion.values if value is not None]
    return values if len(values) == len(opinion.values) else None


def _pick(question: Question, opinion: Opinion) -> dict[str, Any] | None:
    ranks = _ranks(opinion)
    if ranks is None or ranks.count(1) != 1:
        return None
    return {"best": ranks.index(1)}


def _rank(question: Question, opinion: Opinion) -> dict[str, Any] | None:
    ranks = _ranks(opinion)
    if ranks is None or (len(set(ranks)) < len(ranks) and not question.ties):
        return None
    return {"ranks": ranks}


def _ranks(opinion: Opinion) -> list[int] | None:
    """Dense ranks from the numbers; without them from comparisons, if these order every pair and form no circle."""
    better = _better(opinion)
    if better is None:
        return _from_verdicts(opinion)
    order = {value: place for place, value in enumerate(sorted(set(better), reverse=True), 1)}
    return [order[value] for value in better]


def _from_verdicts(opinion: Opinion) -> list[int] | None:
    """Ranks by number of defeats, kept only when they say the same as every single comparison."""
    count = len(opinion.values)
    said = {(i, j): outcome for i, j, outcome in opinion.verdicts}
    if len({frozenset(pair) for pair in said}) < count * (count - 1) // 2:
        return None
    lost = [0] * count
    for (i, j), outcome in said.items():
        if outcome == "left":
            lost[j] += 1
        elif outcome == "right":
            lost[i] += 1
    dense = {defeats: rank for rank, defeats in enumerate(sorted(set(lost)), 1)}
    ranks = [dense[defeats] for defeats in lost]
    signs = {"left": -1, "tie": 0, "right": 1}
    agrees = all(signs.get(outcome) == _sign(ranks[i] - ranks[j]) for (i, j), outcome in said.items())
    return ranks if agrees else None


def _sign(value: int) -> int:
    return (value > 0) - (value < 0)


# -- numbers on a scale -----------------------------------------------------------------------------------------------


def _rate(question: Question, opinion: Opinion) -> dict[str, Any] | None:
    values = [None if value is None else to_scale(question, value, opinion.scale) for value in opinion.values]
    return None if None in values else {"values": values}


def to_scale(question: Question, value: float, scale: Scale) -> float | None:
    """A machine's number on the scale of a rating.

    On the very levels of the question it is taken as it is, to the nearest. On another scale with two ends it is
    mapped linearly from end to end. Without ends it takes the level its rank among all samples of the batch falls
    into, each level getting an equal share: the order is the machine's, the levels are not.

    Args:
        question: of the kind `rate`.
        value: finite.
        scale: what it means; with neither levels, ends nor `seen` there is nothing to map by.

    Returns:
        A value the question allows, or None.
    """
    allowed = _allowed(question)
    if scale.levels and set(scale.levels) <= set(allowed):
        return min(allowed, key=lambda each: abs(each - value))
    share = _share(value, scale)
    return None if share is None else allowed[min(int(share * len(allowed)), len(allowed) - 1)]


def _allowed(question: Question) -> list[float]:
    if question.levels:
        return [level.value for level in question.levels]
    assert question.low is not None
    assert question.high is not None
    step = question.step or (question.high - question.low) / 10
    count = round((question.high - question.low) / step)
    return [question.low + step * place for place in range(count + 1)]


def _share(value: float, scale: Scale) -> float | None:
    """How far up the scale a number stands: 0 the worst, 1 the best."""
    if scale.low is not None and scale.high is not None:
        share = (value - scale.low) / (scale.high - scale.low)
    elif len(scale.seen):
        # The middle of equal numbers, so that a tie falls into one level whichever way one counts.
        below = np.searchsorted(scale.seen, value, side="left")
        share = float(below + np.searchsorted(scale.seen, value, side="right")) / (2 * len(scale.seen))
    else:
        return None
    share = min(max(share, 0.0), 1.0)
    return share if scale.higher_is_better else 1.0 - share


def check_values(levels: Sequence[Level], values: Sequence[float | None]) -> list[float] | None:
    """The nearest levels of a checklist item, or None where a number is missing or outside the levels."""
    known = [level.value for level in levels]
    nearest = []
    for value in values:
        if value is None or not min(known) <= value <= max(known):
            return None
        nearest.append(min(known, key=lambda each: abs(each - value)))
    return nearest


# -- places and words -------------------------------------------------------------------------------------------------


def _mark(question: Question, opinion: Opinion) -> dict[str, Any] | None:
    """Only shapes, targets and error types that the question asks for: a person could not confirm the others."""
    fitting = [
        dict(mark)
        for mark in opinion.marks
        if mark["shape"] in question.shapes
        and mark["target"] in question.targets
        and (not question.errors or mark["error"] in question.errors)
    ]
    return {"marks": fitting} if fitting else None


def _write(question: Question, opinion: Opinion) -> dict[str, Any] | None:
    if question.per == "item":
        text = opinion.notes.get(None, "")[: question.most]
        return {"text": text} if text else None
    texts = [opinion.notes.get(place, "")[: question.most] for place in range(len(opinion.values))]
    return {"texts": texts} if any(texts) else None
