"""Reader of checklists: weighted yes/no questions whose total is the weighted sum of the answers, item by item."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from curation.prompt_tools.constraints import circle, void
from scoring.judges.base import Answer, Malformed, Mode, Reply, Template, Verdict
from scoring.judges.readers.base import (
    Option,
    Reader,
    flag_option,
    number_option,
    plain_lines,
    reasoning,
    shortened,
    spoken,
    without,
)
from scoring.judges.readers.probabilities import NO, YES, yes_share
from scoring.judges.readers.tokens import COVERAGE, place_at, require_tokens
from scoring.scorers.base import Json, Result

FORMULA = "sum of weight x yes / sum of weights"
SOFT_FORMULA = "sum of weight x probability of yes / sum of weights"
_LINE = re.compile(r"\(?(?P<number>[0-9]{1,3})\s*[.:)]+\s*(?P<word>yes|no)\b(?P<rest>.*)", re.IGNORECASE)
# "Yes and no" and "no, rather yes" are no answers; a reason after a comma or a dash is welcome.
_REASON = re.compile(r"\s*(?:$|[.,;:!–—(-])")


@dataclass(frozen=True)
class ChecklistItem:
    """One question: its key, weight, the criterion it counts for, and the keys that must be yes for it to count."""

    key: str
    question: str
    weight: float
    criterion: str
    needs: tuple[str, ...] = ()


def items_of(template: Template) -> list[ChecklistItem]:
    """The template's questions in order.

    Raises:
        ValueError: there are none, or one has no question, no positive weight, an unknown criterion, or needs that
            are unknown or run in a circle.
    """
    if not template.items:
        raise ValueError(f"the checklist {template.name} has no items; the prompt's fact “checklist” must bring them")
    known = [criterion.key for criterion in template.criteria]
    found = [_item(item, position, known) for position, item in enumerate(template.items, start=1)]
    if len({item.key for item in found}) < len(found):
        raise ValueError("two items of the checklist have the same key")
    missing = [key for key in known if key not in {item.criterion for item in found}]
    if missing:
        raise ValueError(f"no item of the checklist counts for {missing[0]}")
    _check_needs(found)
    return found


def _check_needs(items: Sequence[ChecklistItem]) -> None:
    needs = {item.key: item.needs for item in items}
    for item in items:
        unknown = [key for key in item.needs if key not in needs]
        if unknown:
            raise ValueError(f"“{item.key}” of the checklist needs “{unknown[0]}”, which is not in it")
    if found := circle(needs):
        raise ValueError(f"the needs of the checklist run in a circle: {' needs '.join(found)}")


def _item(item: Mapping[str, Json], position: int, known: Sequence[str]) -> ChecklistItem:
    unknown = sorted(set(item) - {"key", "question", "weight", "criterion", "needs", "kind"})
    if unknown:
        raise ValueError(f"item {position} of the checklist says “{unknown[0]}”, which is not known")
    question, weight = item.get("question"), item.get("weight", 1)
    if not isinstance(question, str) or not question.strip():
        raise ValueError(f"item {position} of the checklist has no question")
    if isinstance(weight, bool) or not isinstance(weight, int | float) or not 0 < weight < math.inf:
        raise ValueError(f"the weight of item {position} must be a positive number, not {weight}")
    criterion = item.get("criterion", known[0])
    if criterion not in known:
        raise ValueError(f"item {position} counts for “{criterion}”, which is not among {', '.join(known)}")
    key = str(item.get("key", f"item-{position}"))
    return ChecklistItem(
        key, question.strip(), float(weight), str(criterion), _needs(item.get("needs") or (), position)
    )


def _needs(stated: Json, position: int) -> tuple[str, ...]:
    if isinstance(stated, str):
        return (stated,)
    if not isinstance(stated, Sequence) or not all(isinstance(one, str) for one in stated):
        raise ValueError(f"what item {position} of the checklist needs must be a list of keys, not {stated}")
    return tuple(str(one) for one in stated)


def read_checklist(template: Template, reply: Reply, n: int) -> Verdict:
    """A line `3: yes` for each question, in any order, a reason behind it allowed.

    The total of a criterion is Σ w·y / Σ w over its items, y being 1 for yes and 0 for no. An item is void, and in no
    sum, where one it needs is answered no or is void itself; a criterion whose items are all void has no total.
    With the option `probabilities`, y is P(yes) / (P(yes) + P(no)) read at that line's word, and the spread is
    √(Σ w² y (1 − y)) / Σ w (answers taken as independent).

    Raises:
        Malformed: a question without an answer (named), one answered both ways, or an answer to no question.
    """
    answer = spoken(reply)
    items = items_of(template)
    said, taken = _said(answer.said, len(items))
    for number, item in enumerate(items, start=1):
        if number not in said:
            raise Malformed(f"there is no answer to item {number}, “{shortened(item.question)}”")
    chances = _chances(template, reply, len(items)) if flag_option(template, "probabilities", False) else {}
    needs = {item.key: item.needs for item in items}
    away = void(needs, {item.key: said[number] for number, item in enumerate(items, start=1)})
    answers = tuple(
        Answer(item.key, item.question, item.weight, said[number], chances.get(number), item.key in away)
        for number, item in enumerate(items, start=1)
    )
    text = reasoning(answer.thought, without(answer.said, taken))
    detail = _detail(items, answers)
    return Verdict(scores=totals(items, answers), answers=answers, reasoning=text, detail=detail)


def _said(text: str, count: int) -> tuple[dict[int, bool], list[int]]:
    said: dict[int, bool] = {}
    taken = []
    for place, line in enumerate(plain_lines(text)):
        match = _LINE.fullmatch(line)
        if match is None:
            continue
        number, yes = int(match["number"]), match["word"].lower() == "yes"
        if not _REASON.match(match["rest"]):
            raise Malformed(f"“{shortened(line)}” is neither yes nor no")
        if not 1 <= number <= count:
            raise Malformed(f"item {number} is answered, but there are {count}")
        if said.setdefault(number, yes) != yes:
            raise Malformed(f"item {number} is answered both yes and no")
        taken.append(place)
    return said, taken


def _chances(template: Template, reply: Reply, count: int) -> dict[int, float]:
    """Probability of yes by item number, at the word of its line in the answered tokens."""
    text = "".join(token.text for token in require_tokens(reply))
    least = number_option(template, "coverage", 0.5)
    pattern = re.compile(r"^[\s>#*•-]*\(?(?P<number>[0-9]{1,3})\s*[.:)]+[\s*]*(?P<word>yes|no)\b", re.I | re.M)
    found = {int(match["number"]): match.start("word") for match in pattern.finditer(text)}
    missing = [number for number in range(1, count + 1) if number not in found]
    if missing:
        raise Malformed(f"the tokens hold no answer to item {missing[0]}")
    return {
        number: yes_share(place_at(reply, found[number], f"of item {number}"), YES, NO, least)[0]
        for number in range(1, count + 1)
    }


def totals(items: Sequence[ChecklistItem], answers: Sequence[Answer]) -> dict[str, Result]:
    """The weighted share of yes by criterion, 0 to 1, void items left out, with a spread of probabilities."""
    found: dict[str, Result] = {}
    for criterion in dict.fromkeys(item.criterion for item in items):
        both = zip(items, answers, strict=True)
        own = [answer for item, answer in both if item.criterion == criterion and not answer.is_void]
        if not own:
            continue
        weight = sum(answer.weight for answer in own)
        won = sum(answer.weight * _worth(answer) for answer in own)
        found[criterion] = Result(min(won / weight, 1.0), _spread(own, weight))
    return found


def _worth(answer: Answer) -> float:
    return float(answer.yes) if answer.probability is None else answer.probability


def _spread(answers: Sequence[Answer], weight: float) -> float | None:
    chances = [(answer.weight, answer.probability) for answer in answers if answer.probability is not None]
    if not chances:
        return None
    return math.sqrt(sum(one * one * chance * (1 - chance) for one, chance in chances)) / weight


def _detail(items: Sequence[ChecklistItem], answers: Sequence[Answer]) -> dict[str, Json]:
    is_soft = any(answer.probability is not None for answer in answers)
    shares: dict[str, Json] = {item.key: item.criterion for item in items}
    detail: dict[str, Json] = {"formula": SOFT_FORMULA if is_soft else FORMULA, "criteria": shares}
    if any(item.needs for item in items):
        detail |= {"formula": f"{detail['formula']}, of the questions that are not void"}
        detail |= {"void": [answer.key for answer in answers if answer.is_void]}
    return detail


def form_checklist(template: Template, n: int) -> str:
    count = len(template.items)
    return (
        f"Answer every question in a line of its own, in this form, from 1 to {count}, and with nothing but yes or no "
        "after the number:\n1: yes\n2: no"
    )


YES_NO_LINES = Reader(
    "yes-no-lines",
    "a line “3: yes” for each question of a checklist",
    read_checklist,
    form_checklist,
    frozenset({Mode.CHECKLIST}),
    {
        "probabilities": Option("flag", False, "Whether the probability of yes counts in place of the word."),
        "coverage": COVERAGE,
    },
)
