"""Answers in JSON: one object or list, alone or in a fence, read without repair."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import NoReturn

from scoring.judges.base import Malformed, Reply
from scoring.judges.readers.base import spoken
from scoring.scorers.base import Json

_FENCE = re.compile(r"```(?:json)?\s*\n(?P<inside>.*?)\n?\s*```", re.DOTALL | re.IGNORECASE)


@dataclass(frozen=True)
class JsonAnswer:
    """The value, and what was said around it."""

    value: Json
    thought: str


def json_answer(reply: Reply) -> JsonAnswer:
    """The JSON in an answer: the whole of it, what its one fence holds, or from the first bracket to the last.

    Raises:
        Malformed: there is none, it is broken, a key stands twice, a number is not finite, or there are two of them.
    """
    answer = spoken(reply)
    fenced = _FENCE.findall(answer.said)
    if len(fenced) > 1:
        raise Malformed("the answer holds several blocks of JSON")
    text = fenced[0] if fenced else _bracketed(answer.said)
    try:
        value: Json = json.loads(text, object_pairs_hook=_without_doubles, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise Malformed(f"the answer is not JSON ({error})") from error
    return JsonAnswer(value, answer.thought)


def _bracketed(text: str) -> str:
    start = min((place for place in (text.find("{"), text.find("[")) if place >= 0), default=-1)
    end = max(text.rfind("}"), text.rfind("]"))
    if start < 0 or end < start:
        raise Malformed("there is no JSON in the answer")
    return text[start : end + 1]


def _without_doubles(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key stands twice in one object")
    return found


def _refuse_constant(word: str) -> NoReturn:
    raise ValueError(f"{word} is not a number one can compare with")
