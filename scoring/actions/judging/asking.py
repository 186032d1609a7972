"""Asking a judge many questions at once, within a budget, with every reply kept the moment it comes.

One thread, the worker's own, prepares questions, reserves, and writes; the threads of a pool only wait for the model.
"""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from datetime import datetime
from itertools import islice

from django.utils import timezone

from curation.actions import jobs
from curation.models import Job
from scoring.actions.judging import budgets, calls
from scoring.actions.judging.benches import Bench
from scoring.actions.judging.budgets import BudgetSpent, Reservation
from scoring.actions.judging.subjects import READ_AT_ONCE, Shown, shown
from scoring.judges import parsing, questions
from scoring.judges.base import Passing, Question, Refusal, Reply, Template, Verdict
from scoring.judges.units import Query
from scoring.models import JudgeCall
from scoring.scorers.base import Json, ScorerUnavailable

# While nothing comes back, it is asked this often whether to go on.
SECONDS_BETWEEN_LOOKS = 1.0
# So many refusals in the same words, without one answer between them, are the endpoint's and not the samples'.
MOST_REFUSALS = 8


@dataclass(frozen=True)
class Answered:
    """What came of one question: a verdict, or the fault for which there is none.

    Attributes:
        call: the receipt; None where nothing was asked.
        is_new: the call was made for this question, not found among earlier ones.
    """

    query: Query
    verdict: Verdict | None = None
    fault: str = ""
    call: JudgeCall | None = None
    is_new: bool = False


@dataclass(frozen=True)
class _Ready:
    """A question that can be sent."""

    query: Query
    template: Template
    question: Question
    digest: str


@dataclass(frozen=True)
class _Flight:
    """A question under way."""

    ready: _Ready
    reservation: Reservation
    asked_at: datetime


class Asking:
    """One part's worth of asking.

    After `batches` is through, `trouble` says why it stopped early, or is None: the budget is spent, the backend is
    away, the job was cancelled, or an error nobody foresaw.
    """

    def __init__(self, job: Job, bench: Bench, pulse: jobs.Pulse) -> None:
        self.trouble: Exception | None = None
        self._job = job
        self._bench = bench
        self._pulse = pulse
        self._flying: dict[Future[Reply], _Flight] = {}
        self._held: _Ready | None = None
        self._is_priced = False
        # Replies of this part by the digest of their question.
        self._paid: dict[str, JudgeCall] = {}
        self._refused_in_a_row = 0
        self._last_refusal = ""

    def batches(self, queries: Sequence[Query], seconds: float) -> Generator[list[Answered]]:
        """Everything that is answered, gathered for some seconds so that it can be written in one transaction.

        Closing it early waits for the calls under way and keeps their replies.
        """
        gathered: list[Answered] = []
        since = time.monotonic()
        for answered in self._answers(queries):
            gathered += [answered] if answered is not None else []
            if gathered and time.monotonic() - since >= seconds:
                yield gathered
                gathered, since = [], time.monotonic()
        if gathered:
            yield gathered

    def _answers(self, queries: Sequence[Query]) -> Iterator[Answered | None]:
        """Answers as they come, and None now and then while nothing does."""
        waiting = self._prepared(queries)
        with ThreadPoolExecutor(self._bench.backend.at_once, thread_name_prefix="judge") as pool:
            try:
                while True:
                    yield from self._launch(waiting, pool)
                    if not self._flying:
                        return
                    done, _open = wait(self._flying, timeout=SECONDS_BETWEEN_LOOKS, return_when=FIRST_COMPLETED)
                    for future in done:
                        yield self._land(future)
                    if not self._pulse.alive:
                        self.trouble = self.trouble or jobs.Lost()
                    yield None
            finally:
                for future in wait(self._flying).done:
                    self._land(future)

    # -- before a question is sent ------------------------------------------------------------------------------------

    def _prepared(self, queries: Sequence[Query]) -> Iterator[_Ready | Answered]:
        """Questions with their digests and earlier replies, in slices; an unanswerable one is answered by its fault."""
        found = shown(queries)
        identity = self._bench.backend.identity()
        while some := list(islice(found, READ_AT_ONCE)):
            made = [self._made(one, identity) for one in some]
            digests = [one.digest for one in made if isinstance(one, _Ready)]
            known = calls.known(self._job.project, digests)
            for one in made:
                if isinstance(one, _Ready) and one.digest in known:
                    yield self._from_earlier(one, known[one.digest])
                else:
                    yield one

    def _made(self, one: Shown, identity: Mapping[str, Json]) -> _Ready | Answered:
        if one.fault:
            return Answered(one.query, fault=one.fault)
        try:
            template = questions.bound(self._bench.template, one.subjects)
            instruction, repeat = self._bench.instruction, one.query.repeat
            question = questions.render(template, one.subjects, instruction, repeat, reasoning=one.reasoning)
            return _Ready(one.query, template, question, question.digest(identity))
        except ValueError as error:
            return Answered(one.query, fault=str(error))

    def _from_earlier(self, ready: _Ready, call: JudgeCall) -> Answered:
        try:
            verdict = parsing.parse(ready.template, calls.reply_of(call), len(ready.query.shown))
        except ValueError as error:
            return Answered(ready.query, fault=str(error), call=call)
        return Answered(ready.query, verdict, call=call)

    # -- sending and receiving ----------------------------------------------------------------------------------------

    def _launch(self, waiting: Iterator[_Ready | Answered], pool: ThreadPoolExecutor) -> Iterator[Answered]:
        """Sends as many as may be under way; what needs no sending is handed on."""
        while self.trouble is None and len(self._flying) < self._room():
            ready = self._held or next(waiting, None)
            self._held = None
            if ready is None:
                return
            if isinstance(ready, _Ready) and ready.digest in self._paid:
                ready = self._from_earlier(ready, self._paid[ready.digest])
            if isinstance(ready, Answered):
                if ready.call is not None:
                    budgets.note_cached(self._job, 1)
                yield ready
            elif not self._send(ready, pool):
                return

    def _room(self) -> int:
        """One at a time while a cost limit stands and nobody knows what a call costs."""
        return self._bench.backend.at_once if self._is_priced or not self._flying else 1

    def _send(self, ready: _Ready, pool: ThreadPoolExecutor) -> bool:
        if any(flight.ready.digest == ready.digest for flight in self._flying.values()):
            self._held = ready  # two samples with the same content: the reply under way will do for both
            return False
        reservation = budgets.reserve(self._job)
        if reservation is None:
            # A call under way may turn out cheaper than expected and leave room for this one.
            self._held = ready
            if not self._flying:
                self.trouble = BudgetSpent()
            return False
        self._is_priced = reservation.is_priced
        future = pool.submit(self._bench.backend.ask, ready.question)
        self._flying[future] = _Flight(ready, reservation, timezone.now())
        return True

    def _land(self, future: Future[Reply]) -> Answered | None:
        """Keeps a reply, or says why there is none; a passing trouble ends the asking and blames no sample."""
        flight = self._flying.pop(future)
        try:
            reply = future.result()
        except Refusal as error:
            return self._refused(flight, error)
        except (Passing, ConnectionError, TimeoutError) as error:
            self._stop(flight, error)
            return None
        except (OSError, ValueError) as error:
            budgets.release(self._job, flight.reservation)
            return Answered(flight.ready.query, fault=str(error) or type(error).__name__)
        except Exception as error:  # noqa: BLE001 - raised again by whoever asked, once all replies are kept
            self._stop(flight, error)
            return None
        return self._kept(flight, reply)

    def _kept(self, flight: _Flight, reply: Reply) -> Answered:
        ready, verdict, fault = flight.ready, None, ""
        self._refused_in_a_row = 0
        try:
            verdict = parsing.parse(ready.template, reply, len(ready.query.shown))
        except ValueError as error:  # malformed, most of all
            fault = str(error)
        call = calls.keep(
            job=self._job,
            judge=self._bench.judge,
            digest=ready.digest,
            reply=reply,
            asked_at=flight.asked_at,
            fault=fault,
            reservation=flight.reservation,
        )
        self._is_priced = True
        self._paid[ready.digest] = call
        return Answered(ready.query, verdict, fault, call, is_new=True)

    def _refused(self, flight: _Flight, error: Refusal) -> Answered:
        budgets.release(self._job, flight.reservation)
        # What a file or a picture is refused for names it; only the endpoint's own refusal is the same for all.
        self._refused_in_a_row = self._refused_in_a_row + 1 if str(error) == self._last_refusal else 1
        self._last_refusal = str(error)
        if self._refused_in_a_row >= MOST_REFUSALS:
            self.trouble = self.trouble or ScorerUnavailable(str(error))
        return Answered(flight.ready.query, fault=str(error))

    def _stop(self, flight: _Flight, error: Exception) -> None:
        budgets.release(self._job, flight.reservation)
        self.trouble = self.trouble or error
