"""Heads and connections as the service of scorers needs them in a thread that never ends."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import close_old_connections

from scoring.actions import planning
from scoring.models import heads
from scoring.scorers.base import Scorer, ScorerUnavailable
from scoring.service.keeping import Keeper


@contextmanager
def fresh_connections() -> Iterator[None]:
    """A connection that broke is replaced before it is used and put away after, as around a page."""
    close_old_connections()
    try:
        yield
    finally:
        close_old_connections()


def _owner(name: str) -> int:
    head = heads.of_key(name)
    if head is None:
        raise ScorerUnavailable(f"There is no head “{name}” here.")
    return head.project_id


def _digest(scorer: Scorer[Any]) -> str:
    """The rater a job would write under, by the job's own rule: another encoder is refused."""
    return planning.rater_of(scorer).identity_digest


ROWS = Keeper(_owner, _digest, fresh_connections)
