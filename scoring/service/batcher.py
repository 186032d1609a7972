"""The thread that holds the models: takes what waits, runs the engine over it, and hands each call its outcomes.

Requests of several clients that name the same scorers share batches, up to the size the engine found to be fastest. A
batch that is not full waits a few milliseconds for others. The engine is that of the jobs, and so are the numbers.
"""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from curation.errors import PairwrightError
from curation.identity import rater_identity
from scoring import resident
from scoring.catalogue import build, checked_settings, facts_of
from scoring.engine import Pace, run
from scoring.heads import shelf
from scoring.judges.base import Passing
from scoring.pacing import pace
from scoring.scorers.base import Item, Outcome, Scorer, ScorerFacts, ScorerUnavailable
from scoring.service.calls import Call, Line, Seat
from scoring.service.figures import Figures
from scoring.service.keeping import NO_ROWS, Keeper
from scoring.service.limits import Limits
from scoring.service.refusals import CallRefused

logger = logging.getLogger(__name__)

# Where a GPU has pictures prepared ahead of it, one turn is several batches, or there were nothing to be ahead of.
BATCHES_A_TURN = 4
LONGEST_RETRY_SECONDS = 60
# After so long an address that was away is asked again, where it did not say when.
USUAL_RETRY_SECONDS = 5

Settings = Mapping[str, str]


class Batcher:
    """Scorers that stay loaded, and the calls that wait for them.

    Args:
        scorers: names with their settings; checked here, loaded by the thread.
        speed: how much is done at once, by the queue of a scorer.
        on_failure: called in the thread, with the sentence, when a model cannot be loaded at the start and when the
            thread dies later: nothing is answered any more.
        keeper: knows the rows of heads.

    Raises:
        ScorerUnavailable: there is no such scorer, or it has no such setting.
    """

    def __init__(
        self,
        scorers: Mapping[str, Settings],
        limits: Limits,
        *,
        speed: Callable[[str], Pace] = pace,
        on_failure: Callable[[str], None] | None = None,
        keeper: Keeper = NO_ROWS,
    ) -> None:
        self.settings = {name: checked_settings(name, settings) for name, settings in scorers.items()}
        self.facts: dict[str, ScorerFacts] = {name: facts_of(name) for name in scorers}
        # The one project that each head is for; all other scorers are for every project.
        self.owners = {name: keeper.owner(name) for name in scorers if shelf.is_head(name)}
        self.limits = limits
        self.figures = Figures()
        # Loaded once and kept: what is held is what the operator named, and a turn must not wait for weights.
        self.scorers: dict[str, Scorer[Any]] = {}
        self.digests: dict[str, str] = {}
        self.identities: dict[str, dict[str, Any]] = {}
        self.weights: dict[str, int] = {}
        self.is_ready = threading.Event()
        self._speed = speed
        self._on_failure = on_failure
        self._keeper = keeper
        self._calls: set[Call] = set()
        self._lines: dict[tuple[str, ...], Line] = {}
        self._in_hand = 0
        self._is_stopping = False
        # Whether calls that wait would wait in vain.
        self._is_over = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._work, name="models", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self, patience_seconds: float = 0.0) -> None:
        """Takes no more calls, and waits so long for the thread to end with those it has."""
        with self._changed:
            self._is_stopping = True
            self._changed.notify_all()
        self._thread.join(patience_seconds)

    def drop(self) -> None:
        """For a stop that waits for nobody: calls that are in hand are told so, and the thread ends after its batch."""
        with self._changed:
            self._end_calls()
            self._changed.notify_all()

    # -- for those who ask --------------------------------------------------------------------------------------------

    @property
    def serves(self) -> bool:
        """Whether a call would be scored now: the models are loaded, and the thread that holds them lives."""
        return self.is_ready.is_set() and self._thread.is_alive() and not self._is_stopping

    def check_serves(self) -> None:
        """
        Raises:
            CallRefused: 503 while models are loaded, and when it stops.
        """
        if self._is_stopping:
            raise CallRefused(503, "The service is stopping.", retry_after=10)
        if not self.is_ready.is_set():
            raise CallRefused(503, "The models are still being loaded; GET /ready tells when.", retry_after=5)

    def held(self, project_id: int) -> dict[str, ScorerFacts]:
        """The scorers that a project may ask: a head is its own project's alone, as in jobs."""
        return {name: facts for name, facts in self.facts.items() if self.owners.get(name, project_id) == project_id}

    @property
    def in_hand(self) -> int:
        """Samples of all calls that are taken in, wait, or are being scored."""
        return self._in_hand

    @property
    def waiting(self) -> int:
        """Samples that wait for a batch."""
        with self._changed:
            return sum(line.waiting for line in self._lines.values())

    @contextmanager
    def room(self, samples: int) -> Iterator[None]:
        """Keeps room for a call's samples from before they are decoded until the call is answered.

        Raises:
            CallRefused: 503 while models are loaded or it stops; 429 where too many samples are in hand already.
        """
        with self._changed:
            self.check_serves()
            if self._in_hand + samples > self.limits.queued:
                words = f"{self._in_hand} samples are in hand and {self.limits.queued} may be. Send this again later."
                raise CallRefused(429, words, retry_after=self._retry_after())
            self._in_hand += samples
        try:
            yield
        finally:
            with self._changed:
                self._in_hand -= samples

    def _retry_after(self) -> int:
        rate = self.figures.rate()
        seconds = self._in_hand / rate if rate else 1.0
        return min(max(math.ceil(seconds), 1), LONGEST_RETRY_SECONDS)

    def score(
        self, items: Sequence[Item], names: Sequence[str], overdue: float | None = None
    ) -> dict[str, list[Outcome]]:
        """What each scorer says of each item, in order. Waits in line; room must have been kept.

        Args:
            items: each object once. Where a scorer looks at groups, samples of one prompt follow one another.
            overdue: by `time.monotonic`; by default a whole deadline from now.

        Raises:
            CallRefused: 504 when it took too long; 503 when a scorer cannot run, or not now, and when the service
                stops; 500 for what was not foreseen.
        """
        if not items:
            return {name: [] for name in names}
        key = tuple(sorted(names))
        is_group = any(self.facts[name].scope == "group" for name in key)
        overdue = time.monotonic() + self.limits.deadline_seconds if overdue is None else overdue
        call = Call(key, items, is_group, overdue)
        self._join(call)
        try:
            if not call.is_over.wait(max(overdue - time.monotonic(), 0.0)):
                with self._changed:
                    self._lines[key].leave(call)
                words = f"No answer within {self.limits.deadline_seconds:g} seconds."
                raise CallRefused(504, words, retry_after=5)
        finally:
            with self._changed:
                self._calls.discard(call)
        return call.said()

    def _join(self, call: Call) -> None:
        with self._changed:
            if self._is_over:
                self.check_serves()
            self._calls.add(call)
            self._lines.setdefault(call.names, Line()).add(call)
            self._changed.notify_all()

    # -- the thread ---------------------------------------------------------------------------------------------------

    def _work(self) -> None:
        try:
            if self._load():
                while (turn := self._next_turn()) is not None:
                    self._take_turn(*turn)
        except BaseException as error:  # a panic of a library in Rust is no Exception, and ends the thread all the same
            logger.exception("the thread of the models died")
            self._report(f"the thread of the models died: {_in_words(error)}")
        finally:
            with self._changed:
                self._end_calls()

    def _load(self) -> bool:
        for name in self.settings:
            try:
                with self._keeper.around():
                    self._hold(name)
            except Exception as error:  # whatever it is (a full card), the process must end with it in words
                words = _in_words(error)
                logger.error("the scorer %r cannot be loaded: %s", name, words, exc_info=not _is_foreseen(error))
                self._report(words)
                return False
        self.is_ready.set()
        return True

    def _hold(self, name: str) -> None:
        scorer = build(name, self.settings[name])
        scorer.ready()
        identity = scorer.identity()
        is_head = name in self.owners
        self.digests[name] = (
            self._keeper.digest(scorer) if is_head else rater_identity(scorer.facts.kind, name, identity)
        )
        self.identities[name] = identity
        self.weights[name] = scorer.bytes_held()
        self.scorers[name] = scorer
        resident.check_room(self.weights)

    def _report(self, words: str) -> None:
        if self._on_failure is not None:
            self._on_failure(words)

    def _end_calls(self) -> None:
        """No call is answered any more; those in hand hear of it. The lock is held."""
        self._is_stopping = self._is_over = True
        for call in list(self._calls):
            self._lines[call.names].leave(call)
            call.fail(CallRefused(503, "The service is stopping.", retry_after=10))

    def _next_turn(self) -> tuple[tuple[str, ...], list[Seat]] | None:
        """Waits until a line is due; None when it is to stop and nobody waits."""
        with self._changed:
            while True:
                due = self._due(time.monotonic())
                if due is not None:
                    return due, self._lines[due].take(self._size(due))
                held = [line for line in self._lines.values() if line]
                if self._is_over or (self._is_stopping and not held):
                    return None
                oldest = min((line.since for line in held), default=None)
                pause = None if oldest is None else max(oldest + self.limits.wait_seconds - time.monotonic(), 0.0)
                self._changed.wait(pause)

    def _due(self, now: float) -> tuple[str, ...] | None:
        """The line whose oldest call has waited longest, of those that are full or have waited long enough."""
        ready = [
            key
            for key, line in self._lines.items()
            if line and (now - line.since >= self.limits.wait_seconds or line.is_full(self._size(key)))
        ]
        return min(ready, key=lambda key: self._lines[key].since, default=None)

    def _pace(self, names: tuple[str, ...]) -> Pace:
        queues = {self.facts[name].queue for name in names}
        return self._speed("gpu" if "gpu" in queues else "cpu")

    def _size(self, names: tuple[str, ...]) -> int:
        """Samples a turn: the largest batch that was found for one of the scorers, or several where it has to flow."""
        speed = self._pace(names)
        found = [self.scorers[name].batch.now for name in names]
        return max([speed.batch_size, *found]) * (BATCHES_A_TURN if speed.ahead else 1)

    def _take_turn(self, names: tuple[str, ...], seats: list[Seat]) -> None:
        try:
            with self._keeper.around():
                self._score(names, seats)
        except ScorerUnavailable as error:
            self._fail(seats, CallRefused(503, str(error), retry_after=30))
        except Passing as error:  # an address is busy or away; it may say for how long
            self._fail(
                seats, CallRefused(503, str(error), retry_after=math.ceil(error.retry_after or USUAL_RETRY_SECONDS))
            )
        except Exception:  # the top of a turn: the thread must live on, and the calls must hear of it
            logger.exception("a turn of %d samples broke", len(seats))
            self._fail(seats, CallRefused(500, "Something broke while scoring; the log of the service says what."))

    def _score(self, names: tuple[str, ...], seats: list[Seat]) -> None:
        owners = {id(call.items[place]): (call, place) for call, place in seats}
        items = [call.items[place] for call, place in seats]
        for batch in run(items, [self.scorers[name] for name in names], self._pace(names)):
            self.figures.scored(batch.scorer.name, len(batch.items))
            for item, outcome in zip(batch.items, batch.outcomes, strict=True):
                call, place = owners[id(item)]
                call.answer(batch.scorer.name, place, outcome)
            if self._is_over:
                return

    def _fail(self, seats: list[Seat], fault: CallRefused) -> None:
        with self._changed:
            for call in {id(call): call for call, _place in seats}.values():
                self._lines[call.names].leave(call)
                call.fail(fault)


def _is_foreseen(error: BaseException) -> bool:
    return isinstance(error, ScorerUnavailable | PairwrightError)


def _in_words(error: BaseException) -> str:
    """The sentence of an error that was written for people; another is named by its type as well."""
    return str(error) if _is_foreseen(error) else f"{type(error).__name__}: {error}"
