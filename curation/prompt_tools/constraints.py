"""What a prompt asks for, in atomic yes/no questions of which some make no sense unless others are answered yes.

"Is the cat black?" is void where there is no cat: counting it as another failure would punish one mistake twice, and
counting it as met would reward it. So a void question is in no total.

Source: the dependency of questions is that of Davidsonian Scene Graph (Cho et al. 2024, arXiv:2310.18235), which counts
a void question as a no; here it does not count at all, so that the total is a share of what could be answered.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from curation.identity import digest

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"

KINDS = ("object", "count", "colour", "attribute", "relation", "action", "text", "scene", "style", "other")
# About thirty describe a long prompt; beyond this a list is a mistake.
MOST = 100
LONGEST_QUESTION = 500
_KEY = re.compile(r"[a-z0-9][a-z0-9_-]{0,59}")
_FIELDS = ("key", "question", "kind", "weight", "needs")


class ConstraintsRefused(ValueError):
    """A list that cannot be used; the message says which constraint and what to do."""


@dataclass(frozen=True)
class Constraint:
    """One question.

    Args:
        key: unique in its list; small letters, digits, - and _.
        question: yes means that the answer does what the prompt asks.
        kind: one of `KINDS`.
        weight: above 0; what a yes counts in the total.
        needs: keys of the questions that must be answered yes for this one to make sense.
    """

    key: str
    question: str
    kind: str = "other"
    weight: float = 1.0
    needs: tuple[str, ...] = ()


@dataclass(frozen=True)
class Outcome:
    """What answers to a list come to.

    Args:
        total: Σ weight · worth / Σ weight over the questions that are not void, 0 to 1; None where all are void.
        void: keys of questions that do not count, in the order of the list.
        weight: Σ weight of the questions that count.
    """

    total: float | None
    void: tuple[str, ...]
    weight: float


def parse(raw: object) -> tuple[Constraint, ...]:
    """Reads a list of constraints strictly.

    Args:
        raw: a list whose entries are questions as text, or maps with `question` and any of `key` (default
            `item-1`, …), `kind`, `weight` and `needs` (keys, or one key).

    Raises:
        ConstraintsRefused: names the constraint, what is wrong and what may stand there; a circle of needs is shown
            by its keys.
    """
    if not isinstance(raw, Sequence) or isinstance(raw, str | bytes) or not raw:
        raise ConstraintsRefused("A list of constraints holds at least one question.")
    if len(raw) > MOST:
        raise ConstraintsRefused(f"There are {len(raw)} constraints; a list holds at most {MOST}.")
    found = tuple(_constraint(place, entry) for place, entry in enumerate(raw, 1))
    check(found)
    return found


def check(constraints: Sequence[Constraint]) -> None:
    """Refuses what is wrong with a list as a whole: keys that are doubled, needs that are unknown or run in a circle.

    Raises:
        ConstraintsRefused: names the keys.
    """
    keys = [one.key for one in constraints]
    doubled = next((key for key in keys if keys.count(key) > 1), None)
    if doubled is not None:
        raise ConstraintsRefused(f"Two constraints have the key “{doubled}”; give each its own.")
    for one in constraints:
        unknown = next((key for key in one.needs if key not in keys), None)
        if unknown is not None:
            raise ConstraintsRefused(f"“{one.key}” needs “{unknown}”, which is not in the list.")
    if found := circle({one.key: one.needs for one in constraints}):
        said = " needs ".join(f"“{key}”" for key in found)
        raise ConstraintsRefused(f"The needs run in a circle: {said}. Take one of them away.")


def circle(needs: Mapping[str, Iterable[str]]) -> list[str]:
    """Keys that need each other in a circle, the first repeated at the end; empty where there is none."""
    done: set[str] = set()
    for start in needs:
        # A walk along the needs, with what is left to try of each key on the way.
        way, left = [start], [list(needs[start])]
        while way:
            if way[-1] in done or not left[-1]:
                done.add(way.pop())
                left.pop()
                continue
            following = left[-1].pop()
            if following in way:
                return [*way[way.index(following) :], following]
            way.append(following)
            left.append(list(needs.get(following, ())))
    return []


def void(needs: Mapping[str, Sequence[str]], answers: Mapping[str, bool]) -> set[str]:
    """Keys of questions that make no sense: one they need is answered no, or is void itself.

    Args:
        needs: by key, in any order and without a circle.
        answers: yes or no by key. A question without an answer fails nobody.
    """
    found: set[str] = set()
    waiting = list(needs)
    while waiting:
        before = len(found)
        for key in waiting:
            if any(parent in found or answers.get(parent) is False for parent in needs[key]):
                found.add(key)
        waiting = [key for key in waiting if key not in found]
        if len(found) == before:
            break
    return found


def outcome(
    constraints: Sequence[Constraint], answers: Mapping[str, bool], worth: Mapping[str, float] | None = None
) -> Outcome:
    """The total of a list that was answered.

    Args:
        answers: yes or no for each key; void questions may be left out, whatever is said of them does not count.
        worth: by key, what an answer counts in place of 1 for yes and 0 for no, such as the probability of yes.

    Raises:
        ConstraintsRefused: a question that is not void has no answer, or an answer has no question.

    Example:
        >>> cat = Constraint("cat", "Is there a cat?")
        >>> black = Constraint("black", "Is the cat black?", needs=("cat",))
        >>> tree = Constraint("tree", "Is there a tree?")
        >>> outcome([cat, black, tree], {"cat": False, "tree": True})
        Outcome(total=0.5, void=('black',), weight=2.0)
    """
    known = {one.key for one in constraints}
    strange = next((key for key in answers if key not in known), None)
    if strange is not None:
        raise ConstraintsRefused(f"“{strange}” is answered, but the list has no such question.")
    away = void({one.key: one.needs for one in constraints}, answers)
    counted = [one for one in constraints if one.key not in away]
    silent = next((one for one in counted if one.key not in answers), None)
    if silent is not None:
        raise ConstraintsRefused(f"There is no answer to “{silent.question}” ({silent.key}).")
    weight = sum(one.weight for one in counted)
    won = sum(one.weight * (worth or {}).get(one.key, float(answers[one.key])) for one in counted)
    voided = tuple(one.key for one in constraints if one.key in away)
    return Outcome(min(won / weight, 1.0) if counted else None, voided, float(weight))


def as_json(constraints: Sequence[Constraint]) -> list[Json]:
    """The form `parse` reads, with everything said."""
    return [
        {"key": one.key, "question": one.question, "kind": one.kind, "weight": one.weight, "needs": list(one.needs)}
        for one in constraints
    ]


def edition(constraints: Sequence[Constraint]) -> str:
    """SHA-256 of a list: the same for the same questions, weights and needs in the same order."""
    return digest(as_json(constraints))


# -- one constraint ---------------------------------------------------------------------------------------------------


def _constraint(place: int, raw: object) -> Constraint:
    entry = {"question": raw} if isinstance(raw, str) else raw
    if not isinstance(entry, Mapping):
        raise ConstraintsRefused(f"Constraint {place} is neither a question nor a map with one.")
    unknown = next((name for name in entry if name not in _FIELDS), None)
    if unknown is not None:
        raise ConstraintsRefused(f"Constraint {place} says “{unknown}”; it may say {', '.join(_FIELDS)}.")
    question, key = entry.get("question"), str(entry.get("key") or f"item-{place}")
    if not isinstance(question, str) or not question.strip() or len(question) > LONGEST_QUESTION:
        raise ConstraintsRefused(f"Constraint {place} needs a question of at most {LONGEST_QUESTION} characters.")
    if not _KEY.fullmatch(key):
        raise ConstraintsRefused(f"Constraint {place} has the key “{key}”; use small letters, digits, - and _.")
    kind = entry.get("kind", "other")
    if kind not in KINDS:
        raise ConstraintsRefused(f"“{key}” is of the kind “{kind}”; it is one of {', '.join(KINDS)}.")
    return Constraint(key, question.strip(), str(kind), _weight(key, entry.get("weight", 1)), _needs(key, entry))


def _weight(key: str, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < math.inf:
        raise ConstraintsRefused(f"The weight of “{key}” is {value!r}; it is a number above 0.")
    return float(value)


def _needs(key: str, entry: Mapping[str, object]) -> tuple[str, ...]:
    raw = entry.get("needs") or []
    needs = [raw] if isinstance(raw, str) else raw
    if not isinstance(needs, Sequence) or not all(isinstance(one, str) for one in needs):
        raise ConstraintsRefused(f"What “{key}” needs is {raw!r}; it is a list of keys.")
    return tuple(dict.fromkeys(str(one) for one in needs))
