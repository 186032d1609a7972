"""What the service did so far, in numbers: for whoever watches it. Safe to use from several threads."""

from __future__ import annotations

import threading
import time
from collections import Counter, deque
from collections.abc import Container

from scoring.scorers.base import Json

# Throughput and batches are those of the last minute, or of what came since the start.
WINDOW_SECONDS = 60.0


class Figures:
    """Counts since the start, and a minute's memory of batches."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._since = time.monotonic()
        self._batches: deque[tuple[float, str, int]] = deque()
        self._outcomes: Counter[str] = Counter()
        self._answers: Counter[int] = Counter()

    def scored(self, scorer: str, size: int) -> None:
        """One batch of a scorer."""
        with self._lock:
            self._batches.append((time.monotonic(), scorer, size))
            self._outcomes[scorer] += size
            self._forget_old()

    def answered(self, status: int) -> None:
        """One call of any kind."""
        with self._lock:
            self._answers[status] += 1

    def rate(self) -> float:
        """Opinions a second (a sample under two scorers is two) over the last minute; 0 before the first batch."""
        with self._lock:
            self._forget_old()
            seconds = min(time.monotonic() - self._since, WINDOW_SECONDS)
            return sum(size for _at, _scorer, size in self._batches) / seconds if seconds > 0 else 0.0

    def as_json(self, names: Container[str]) -> dict[str, Json]:
        """Batches of the scorers of these names; the rate is that of all."""
        rate = self.rate()
        with self._lock:
            sizes: dict[str, Counter[int]] = {}
            for _at, scorer, size in self._batches:
                if scorer in names:
                    sizes.setdefault(scorer, Counter())[size] += 1
            return {
                "opinions_a_second": round(rate, 3),
                "opinions": {name: count for name, count in self._outcomes.items() if name in names},
                "batch_sizes": {name: {str(size): n for size, n in sorted(own.items())} for name, own in sizes.items()},
                "answers": {str(status): count for status, count in sorted(self._answers.items())},
            }

    def _forget_old(self) -> None:
        oldest = time.monotonic() - WINDOW_SECONDS
        while self._batches and self._batches[0][0] < oldest:
            self._batches.popleft()
