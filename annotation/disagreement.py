"""How far the answers of several people to one item lie apart. Plain code.

Every answer is in the plain form of `annotation.answers`, over the same order of samples. `spread` is 0 where all said
the same and 1 where they could not lie further apart; `bar` is what it must exceed before the item counts as disagreed
upon. What each kind of question measures:

| kind | spread | bar |
|---|---|---|
| compare | mean over the pairs of people: 1 for different winners, or both bad against anything else; ½ for a tie against a winner | ½ |
| pick | share of the pairs of people who picked differently | ½ |
| rank | mean over the pairs of people of the Kendall distance with ties | ⅓ |
| rate | the largest distance between two values for one sample, as a share of the scale | ¼, and never less than one level |
| check | share of the boxes (item and sample) where two people lie more than one level apart, or differ on yes and no | 0.2 |

Marks and notes have no measure: nobody contradicts another by noticing something else.
"""  # noqa: E501  # a table

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

from annotation.questions import Level, Question

Said = Mapping[str, Any]

_LEVELS_BAR = 0.25


@dataclass(frozen=True)
class Measured:
    """One question of one item: how far the answers lie apart, and from where on that counts."""

    question: Question
    spread: float
    bar: float

    @property
    def is_disagreed(self) -> bool:
        return self.spread > self.bar + 1e-12


def measure(questions: Sequence[Question], answers: Sequence[Mapping[str, Any]]) -> list[Measured]:
    """What the people of one item disagree about, question by question.

    Args:
        questions: of the batch.
        answers: one a person, each over the same order of samples.

    Returns:
        One entry for each question that has a measure and at least two answers, in the order of the questions.
    """
    found = []
    for question in questions:
        said = [answer["questions"][question.key] for answer in answers if question.key in answer["questions"]]
        if question.kind in _SPREADS and len(said) >= 2:
            found.append(Measured(question, _SPREADS[question.kind](question, said), bar(question)))
    return found


def bar(question: Question) -> float:
    """The spread above which a question counts as disagreed upon.

    For a rating it is a quarter of the scale, and at least one level: neighbours on a scale are a matter of taste. A
    scale of two levels has no neighbours, so any difference counts.
    """
    if question.kind == "rate" and question.levels:
        return 0.0 if len(question.levels) == 2 else max(_LEVELS_BAR, 1 / (len(question.levels) - 1))
    return {"compare": 0.5, "pick": 0.5, "rank": 1 / 3, "rate": _LEVELS_BAR, "check": 0.2}[question.kind]


def _mean_over_pairs(said: Sequence[Said], distance: Callable[[Said, Said], float]) -> float:
    distances = [distance(one, other) for one, other in combinations(said, 2)]
    return sum(distances) / len(distances)


# -- each kind --------------------------------------------------------------------------------------------------------


def _compare(question: Question, said: Sequence[Said]) -> float:
    return _mean_over_pairs(said, lambda one, other: verdicts_apart(one["outcome"], other["outcome"]))


def verdicts_apart(one: str, other: str) -> float:
    """0 for the same verdict, ½ for a tie against a winner, 1 for anything else.

    >>> verdicts_apart("left", "tie"), verdicts_apart("left", "right"), verdicts_apart("tie", "both-bad")
    (0.5, 1.0, 1.0)
    """
    if one == other:
        return 0.0
    return 0.5 if {one, other} in ({"left", "tie"}, {"right", "tie"}) else 1.0


def _pick(question: Question, said: Sequence[Said]) -> float:
    return _mean_over_pairs(said, lambda one, other: float(one["best"] != other["best"]))


def _rank(question: Question, said: Sequence[Said]) -> float:
    return _mean_over_pairs(said, lambda one, other: kendall_distance(one["ranks"], other["ranks"]))


def kendall_distance(one: Sequence[int | None], other: Sequence[int | None]) -> float:
    """The Kendall distance of two rankings with ties, as a share of the pairs that both of them rank.

    A pair ordered one way here and the other way there costs 1; a pair tied in exactly one of the two costs ½; all
    others cost nothing. Pairs with a sample that either left unranked are not counted.

    Args:
        one, other: a rank from 1 (best) for each sample, None for unranked; of the same length.

    Returns:
        0 to 1; 0 where no pair is ranked by both.

    Source: R. Fagin, R. Kumar, M. Mahdian, D. Sivakumar, E. Vee (2004), Comparing and aggregating rankings with ties,
    PODS 2004: the distance K^(p) with p = ½.

    >>> kendall_distance([1, 2, 3], [1, 3, 2]) == 1 / 3
    True
    >>> kendall_distance([1, 1], [1, 2])
    0.5
    """
    costs = []
    for i, j in combinations(range(len(one)), 2):
        mine, theirs = _order(one[i], one[j]), _order(other[i], other[j])
        if mine is not None and theirs is not None:
            costs.append(abs(mine - theirs) / 2)
    return sum(costs) / len(costs) if costs else 0.0


def _order(a: int | None, b: int | None) -> int | None:
    """-1 where the first is better, 1 where the second is, 0 for a tie, None where one is unranked."""
    if a is None or b is None:
        return None
    return (a > b) - (a < b)


def _rate(question: Question, said: Sequence[Said]) -> float:
    if question.levels:
        return max(_levels_apart(question.levels, row) for row in _by_sample([each["values"] for each in said]))
    assert question.low is not None
    assert question.high is not None
    rows = _by_sample([each["values"] for each in said])
    return max((max(row) - min(row)) / (question.high - question.low) for row in rows)


def _levels_apart(levels: Sequence[Level], values: Sequence[float]) -> float:
    """How many levels lie between the lowest and the highest value, as a share of the scale."""
    places = _places(levels, values)
    return (max(places) - min(places)) / (len(levels) - 1)


def _places(levels: Sequence[Level], values: Sequence[float]) -> list[int]:
    order = [level.value for level in levels]
    return [order.index(value) for value in values]


def _by_sample(values: Sequence[Sequence[float]]) -> list[tuple[float, ...]]:
    """From a list a person to a list a sample."""
    return list(zip(*values, strict=True))


def _check(question: Question, said: Sequence[Said]) -> float:
    conflicts = []
    for item in question.items:
        for row in _by_sample([each["values"][item.key] for each in said]):
            places = _places(item.levels, row)
            conflicts.append(max(places) - min(places) > (0 if len(item.levels) == 2 else 1))
    return sum(conflicts) / len(conflicts)


_SPREADS = {"compare": _compare, "pick": _pick, "rank": _rank, "rate": _rate, "check": _check}
