"""Where heads are found by name. Whoever keeps them hands its two readers in when it starts. Plain code.

A head is named `head:NAME@REVISION`, the revision being the beginning of its rater's identity digest: the same name on
every machine means the same numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from scoring.heads.features import Column
from scoring.heads.fit import Floats
from scoring.heads.head import PREFIX, Head
from scoring.scorers.base import ScorerUnavailable

Subject = tuple[int, int]


@dataclass(frozen=True)
class Entry:
    """A head, and the identity under which its rater is known."""

    head: Head
    identity: Mapping[str, Any]


def _no_heads(key: str) -> Entry:
    raise ScorerUnavailable(f"There is no head “{key}” here.")


def _no_scores(_columns: Sequence[Column], _subjects: Sequence[Subject]) -> Floats:
    raise ScorerUnavailable("Scores cannot be read from here, and this head needs those of others.")


@dataclass
class Shelf:
    """How heads, and the scores they read, are come by.

    Attributes:
        entry: the head of a name; raises ScorerUnavailable where there is none.
        scores: (B, C) from columns and subjects (sample id, prompt id): the mean of what each rater said of each, NaN
            where it said nothing that counts.
    """

    entry: Callable[[str], Entry] = _no_heads
    scores: Callable[[Sequence[Column], Sequence[Subject]], Floats] = _no_scores


here = Shelf()


def is_head(name: str) -> bool:
    return name.startswith(PREFIX)
