"""A model that says what a test tells it to, in the place of weights or an address."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from threading import Lock
from typing import Any

from scoring.catalogue import build
from scoring.judges.base import Question, Reply, Token
from scoring.scorers.base import Json, Scorer

Words = Callable[[Question], str | Reply | Exception]


class Speaking:
    """Answers each question as `words` says, and remembers what it was asked."""

    def __init__(self, words: Words, at_once: int = 1) -> None:
        self.at_once = at_once
        self.asked: list[Question] = []
        self._words = words
        self._lock = Lock()

    def identity(self) -> dict[str, Json]:
        return {"backend": "test", "model": "speaking"}

    def ready(self) -> None:
        """There is nothing to load."""

    def ask(self, question: Question) -> Reply:
        with self._lock:
            self.asked.append(question)
        said = self._words(question)
        if isinstance(said, Exception):
            raise said
        return said if isinstance(said, Reply) else Reply(said)


def made(name: str, words: Words, at_once: int = 1, **settings: str) -> Scorer[Any]:
    """A scorer of the catalogue that asks this model."""
    scorer: Any = build(name, settings)
    scorer._backend = Speaking(words, at_once)
    scorer.ready()
    return scorer


def words_of(question: Question) -> str:
    """All words of a question."""
    return "\n".join(part.text for part in question.parts if part.media is None)


def shown_in(question: Question) -> list[str]:
    """The names of the files that a question shows, in order."""
    return [part.media.path.name for part in question.parts if part.media is not None]


def token(text: str, chances: Mapping[str, float] | None = None) -> Token:
    """A token with its rivals, by probability."""
    rivals = {word: math.log(chance) for word, chance in (chances or {}).items()}
    return Token(text, rivals.get(text, -0.01), rivals or {text: -0.01})
