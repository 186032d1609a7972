"""How many items a model is given at once: found while it works, lowered where its memory is full. Plain code."""

from __future__ import annotations

from statistics import median

# A doubled batch must be this much faster to be worth its memory.
WORTHWHILE = 1.05
# Rates of so many batches decide; the one before them pays for memory and kernels that the new size needs first.
BATCHES_TIMED = 3


class BatchSize:
    """The batch size of one scorer in one process.

    It doubles as long as that makes the model faster, and goes back to the best size when it does not. A size that did
    not fit is never tried again.

    >>> size = BatchSize()
    >>> size.start(16, 64)
    >>> for seconds in (9.0, 1.0, 1.0, 1.0):
    ...     size.timed(16, seconds)
    >>> size.now
    32
    """

    def __init__(self) -> None:
        self.now = 0
        self._most = 0
        self._best = 0
        self._best_rate = 0.0
        self._rates: list[float] = []
        self.is_settled = False

    def start(self, size: int, most: int) -> None:
        """Says where to begin and where to end, unless that was said before. Both at least 1."""
        if not self.now:
            self.now, self._most = size, max(size, most)

    def timed(self, count: int, seconds: float) -> None:
        """Hears how long a whole batch took; changes the size when enough is known."""
        if self.is_settled or count != self.now or seconds <= 0:
            return
        self._rates.append(count / seconds)
        if len(self._rates) <= BATCHES_TIMED:
            return
        self._decide(median(self._rates[1:]))
        self._rates = []

    def _decide(self, rate: float) -> None:
        if rate <= self._best_rate * WORTHWHILE:
            self.now, self.is_settled = self._best, True
            return
        self._best, self._best_rate = self.now, rate
        if self.now * 2 > self._most:
            self.is_settled = True
        else:
            self.now *= 2

    def too_large(self, count: int) -> None:
        """Hears that a batch of this many did not fit: half of it is the most from here on."""
        self._most = max(1, count // 2)
        if not self.now or self.now > self._most:
            self.now = self._most
        self._best = min(self._best or self.now, self._most)
        self._rates = []
        self.is_settled = True

    def limited(self, size: int) -> int:
        """A size that somebody else chose, within what is known to fit."""
        return min(size, self._most) if self.is_settled and self._most else size
