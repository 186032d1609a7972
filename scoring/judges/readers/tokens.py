"""Log-probabilities of answered tokens: where a value begins, and which candidates stood there."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from scoring.judges.base import Malformed, Reply, Token
from scoring.judges.readers.base import Option

COVERAGE = Option(
    "number", 0.5, "How much of the probability the counted candidates must hold; below, it is no answer."
)
REMEDY = (
    "the answer carries no log-probabilities; ask an endpoint whose entry says supports_logprobs: true or a model in "
    "this process, or take a template that reads words"
)


@dataclass(frozen=True)
class Place:
    """A token that answers, its position, and the probabilities of what could have stood there, by stripped text."""

    position: int
    token: Token
    chances: Mapping[str, float]


def require_tokens(reply: Reply) -> tuple[Token, ...]:
    """The tokens with their rivals; `Malformed`, with the remedy, where there are none."""
    if not reply.tokens or not any(token.rivals for token in reply.tokens):
        raise Malformed(REMEDY)
    return reply.tokens


def first_place(reply: Reply) -> Place:
    """The first token that is not blank."""
    for position, token in enumerate(require_tokens(reply)):
        if token.text.strip():
            return _place(position, token)
    raise Malformed("the answer is empty")


def place_after(reply: Reply, label: str) -> Place:
    """The token in which the value after the last `label:` begins.

    Raises:
        Malformed: no such label, or nothing after it.
    """
    tokens = require_tokens(reply)
    text = "".join(token.text for token in tokens)
    found = list(re.finditer(rf"{re.escape(label)}\s*(?:\([^)]*\))?\s*:[ \t*]*", text, re.IGNORECASE))
    if not found:
        raise Malformed(f"there is no “{label}: …” in the answer")
    return place_at(reply, found[-1].end(), f"after “{label}:”")


def place_at(reply: Reply, offset: int, where: str) -> Place:
    """The token that holds the character at an offset into the tokens' text."""
    begins = 0
    for position, token in enumerate(reply.tokens):
        ends = begins + len(token.text)
        if ends > offset:
            if token.text[: offset - begins].strip():
                raise Malformed(f"the value {where} does not begin with a token of its own")
            return _place(position, token)
        begins = ends
    raise Malformed(f"there is nothing {where}")


def _place(position: int, token: Token) -> Place:
    candidates = {**token.rivals, token.text: token.logprob}
    chances: dict[str, float] = {}
    for text, logprob in candidates.items():
        name = text.strip()
        chances[name] = chances.get(name, 0.0) + math.exp(min(logprob, 0.0))
    return Place(position, token, chances)


def mass(place: Place, words: Collection[str]) -> float:
    """Probability of any of the words, case and surrounding space aside."""
    wanted = {word.strip().lower() for word in words}
    return sum(chance for text, chance in place.chances.items() if text.lower() in wanted)


def require_coverage(covered: float, least: float, what: str) -> None:
    """`Malformed` when the candidates that count hold too little of the probability to mean anything."""
    if not covered >= max(least, 1e-12):
        raise Malformed(f"{what} hold only {covered:.1%} of the probability, less than {least:.0%}")
