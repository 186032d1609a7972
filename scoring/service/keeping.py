"""What the thread of the models asks of whoever keeps the rows. Plain code."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

from scoring.scorers.base import Scorer, ScorerUnavailable


def _no_owner(name: str) -> int:
    raise ScorerUnavailable(f"There is no head “{name}” here.")


def _no_digest(scorer: Scorer[Any]) -> str:
    raise ScorerUnavailable(f"There is no head “{scorer.name}” here.")


@dataclass(frozen=True)
class Keeper:
    """
    Attributes:
        owner: id of the project a head was fitted in, by its name.
        digest: of the rater that a loaded head became when it was fitted; raises where its encoder is not the one of
            then, for its numbers would be others.
        around: goes around whatever may ask the database in the thread: it lives for weeks, a connection does not.
    """

    owner: Callable[[str], int] = _no_owner
    digest: Callable[[Scorer[Any]], str] = _no_digest
    around: Callable[[], AbstractContextManager[None]] = nullcontext


NO_ROWS = Keeper()
