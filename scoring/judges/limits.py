"""How fast an address may be asked, and how long to wait before asking again."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

MINUTE = 60.0
LONGEST_BACKOFF = 30.0


class RequestsAMinute:
    """Lets at most so many requests begin within any 60 seconds; the others wait their turn. Thread-safe."""

    def __init__(
        self,
        limit: int,
        *,
        clock: Callable[[], float] = time.monotonic,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        """`limit` 0 lets everything pass."""
        self._limit = limit
        self._clock = clock
        self._pause = pause
        self._begun: deque[float] = deque()
        self._lock = threading.Lock()

    def wait(self) -> None:
        """Returns when one more request may begin, and counts it."""
        while (delay := self._delay()) > 0:
            self._pause(delay)

    def _delay(self) -> float:
        """0 when a request may begin now (it is then counted), else the seconds until the oldest is a minute old."""
        if not self._limit:
            return 0.0
        with self._lock:
            now = self._clock()
            while self._begun and now - self._begun[0] >= MINUTE:
                self._begun.popleft()
            if len(self._begun) < self._limit:
                self._begun.append(now)
                return 0.0
            return max(self._begun[0] + MINUTE - now, 0.001)


def backoff(attempt: int, chance: float, *, stated: float | None) -> float:
    """Seconds before the next attempt: 1, 2, 4, … 30, of which a random half is taken off, so that many who were
    refused together do not come back together. Where the server stated a time it is kept, with a little more.

    Args:
        attempt: how many have failed, from 1.
        chance: uniform on [0, 1).
        stated: seconds the server asked for, or None.

    >>> backoff(3, 0.5, stated=None)
    3.0
    >>> backoff(1, 0.5, stated=10)
    10.125
    """
    if stated is not None:
        return stated + chance / 4
    return float(min(2.0 ** (attempt - 1), LONGEST_BACKOFF)) * (0.5 + chance / 2)


def retry_after(header: str | None, now: datetime | None = None) -> float | None:
    """The seconds that a `Retry-After` header asks for: a number, or a date; None when it says neither.

    Source: RFC 9110, section 10.2.3.
    """
    text = (header or "").strip()
    try:
        return max(float(text), 0.0) if text.replace(".", "", 1).isdigit() else _until(text, now)
    except (ValueError, TypeError, OverflowError):
        return None


def _until(text: str, now: datetime | None) -> float:
    moment = parsedate_to_datetime(text)
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return max((moment - (now or datetime.now(UTC))).total_seconds(), 0.0)
