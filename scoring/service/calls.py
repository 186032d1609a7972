"""A call on its way, and the lines in which calls wait for the models."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from scoring.scorers.base import Item, Outcome
from scoring.service.refusals import CallRefused


@dataclass(eq=False)
class Call:
    """The samples of one call, scored by the same scorers.

    Attributes:
        names: of the scorers.
        items: in the order in which the outcomes are wanted.
        is_group: one of the scorers looks at the whole group, so that no other call may share its batch.
        overdue: by `time.monotonic`; whoever waits goes away then.
    """

    names: tuple[str, ...]
    items: Sequence[Item]
    is_group: bool
    overdue: float
    arrived: float = field(default_factory=time.monotonic)
    outcomes: dict[str, list[Outcome | None]] = field(init=False)
    fault: CallRefused | None = None
    is_over: threading.Event = field(default_factory=threading.Event)
    _left: int = field(init=False)
    _next: int = 0

    def __post_init__(self) -> None:
        self.outcomes = {name: [None] * len(self.items) for name in self.names}
        self._left = len(self.names) * len(self.items)

    @property
    def waiting(self) -> int:
        """Samples that are in no batch yet."""
        return len(self.items) - self._next

    def take(self) -> int:
        """The place of the next sample."""
        self._next += 1
        return self._next - 1

    def answer(self, name: str, place: int, outcome: Outcome) -> None:
        if self.outcomes[name][place] is None:
            self._left -= 1
        self.outcomes[name][place] = outcome
        if not self._left:
            self.is_over.set()

    def fail(self, fault: CallRefused) -> None:
        """Unless everything was said already: what comes after spoils nothing."""
        if not self.is_over.is_set():
            self.fault = fault
            self.is_over.set()

    def said(self) -> dict[str, list[Outcome]]:
        """What every scorer said, in the order of the items. Raises the call's fault, if it has one."""
        if self.fault is not None:
            raise self.fault
        return {name: [one for one in own if one is not None] for name, own in self.outcomes.items()}


# A sample in a batch: whose it is and at which place.
Seat = tuple[Call, int]


class Line:
    """Calls that wait for the same scorers; they share batches, a sample of each in turn."""

    def __init__(self) -> None:
        self._calls: deque[Call] = deque()

    def add(self, call: Call) -> None:
        self._calls.append(call)

    def leave(self, call: Call) -> None:
        """What of the call is in no batch yet will be in none."""
        if call in self._calls:
            self._calls.remove(call)

    @property
    def waiting(self) -> int:
        return sum(call.waiting for call in self._calls)

    @property
    def since(self) -> float:
        """When the oldest of its calls arrived. The line must not be empty."""
        return min(call.arrived for call in self._calls)

    def is_full(self, size: int) -> bool:
        """Whether a batch need not wait for more: it is full, or a group that nobody may join is first."""
        return self.waiting >= size or any(call.is_group for call in self._calls)

    def __bool__(self) -> bool:
        return bool(self._calls)

    def __iter__(self) -> Iterator[Call]:
        return iter(list(self._calls))

    def take(self, size: int) -> list[Seat]:
        """The samples of the next batches: a group whole and alone, else up to `size` of all calls, in turns."""
        if self._calls and self._calls[0].is_group:
            call = self._calls.popleft()
            return [(call, call.take()) for _item in call.items]
        seats: list[Seat] = []
        while self._calls and len(seats) < size:
            call = self._calls.popleft()
            if call.is_group:
                self._calls.appendleft(call)
                break
            seats.append((call, call.take()))
            if call.waiting:
                self._calls.append(call)
        return seats
