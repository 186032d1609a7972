"""Scorers that stay in a worker's memory from one part of a job to the next. For workers only. Plain code."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from scoring import catalogue
from scoring.scorers.base import Scorer

# Beyond these the one unused for longest is dropped, and its memory with it.
KEPT = 4


def scorer(name: str, settings: Mapping[str, str]) -> Scorer[Any]:
    """The scorer with these settings, its weights in memory; loaded once a process.

    Raises:
        ScorerUnavailable: there is no such scorer, or its weights are not here.
    """
    found = _made(name, tuple(sorted(catalogue.checked_settings(name, settings).items())))
    found.ready()
    return found


def forget() -> None:
    """Drops every scorer, so that the next one is loaded anew (tests, changed weights)."""
    _made.cache_clear()


@lru_cache(maxsize=KEPT)
def _made(name: str, settings: tuple[tuple[str, str], ...]) -> Scorer[Any]:
    return catalogue.build(name, dict(settings))
