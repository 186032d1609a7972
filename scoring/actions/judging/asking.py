"""Asking a judge many questions at once, within a budget, with every reply kept the moment it comes.

One thread, the worker's own, prepares questions, reserves, and writes; the threads of a pool only wait for the model.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import islice

from django.utils import timezone

from curation.actions import jobs
from curation.errors import Unavailable
from curation.models import Job
from scoring.actions.judging import budgets, calls, looks
from scoring.actions.judging.benches import Bench
from scoring.actions.judging.budgets import BudgetSpent, Reservation
from scoring.actions.judging.subjects import READ_AT_ONCE, Shown, shown
from scoring.judges import parsing, questions
from scoring.judges.base import Passing, Question, Refusal, Reply, Subject, Template, Verdict
from scoring.judges.tools import conversation
from scoring.judges.tools.conversation import Wish
from scoring.judges.units import Query
from scoring.models import JudgeCall, Look
from scoring.scorers.base import ScorerUnavailable

# While nothing comes back, it is asked this often whether to go on.
SECONDS_BETWEEN_LOOKS = 1.0
# So many refusals in the same words, without one answer between them, are the endpoint's and not the samples'.
MOST_REFUSALS = 8

Show = Callable[[Sequence[Query]], Iterator[Shown]]


@dataclass(frozen=True)
class Answered:
    """What came of one question: a verdict, or the fault for which there is none.

    Attributes:
        call: the receipt, of the last turn where there are several; None where nothing was asked.
        is_new: the call was made for this question, not found among earlier ones.
        looks: what the judge looked at before it answered, each with the receipt of its turn.
    """

    query: Query
    verdict: Verdict | None = None
    fault: str = ""
    call: JudgeCall | None = None
    is_new: bool = False
    looks: tuple[Look, ...] = ()

    @property
    def calls(self) -> tuple[JudgeCall, ...]:
        """Every receipt of the answer, in order."""
        return (*(look.call for look in self.looks), *([self.call] if self.call is not None else []))


@dataclass(frozen=True)
class _Ready:
    """A question that can be sent: the first of a conversation, or the next after some looks."""

    query: Query
    template: Template
    subjects: tuple[Subject, ...]
    question: Question
    digest: str
    looks: tuple[Look, ...] = ()


Answer = _Ready | Answered | None


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

    def __init__(self, job: Job, bench: Bench, pulse: jobs.Pulse, show: Show = shown) -> None:
        """Args: `show` finds what each question shows, in the order given; the samples themselves, where left out."""
        self.trouble: Exception | None = None
        self._show = show
        self._job = job
        self._bench = bench
        self._identity = bench.backend.identity()
        self._pulse = pulse
        self._flying: dict[Future[Reply], _Flight] = {}
        # What goes before everything that waits: conversations under way, and what there was no room for.
        self._next: deque[_Ready] = deque()
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
        """Questions with their digests, in slices, their earlier replies looked up; an unanswerable one is answered by
        its fault."""
        found = self._show(queries)
        while some := list(islice(found, READ_AT_ONCE)):
            made = [self._made(one) for one in some]
            digests = [one.digest for one in made if isinstance(one, _Ready)]
            self._paid.update(calls.known(self._job.project, digests))
            yield from made

    def _made(self, one: Shown) -> _Ready | Answered:
        if one.fault:
            return Answered(one.query, fault=one.fault)
        try:
            template = questions.bound(self._bench.template, one.subjects)
            instruction, repeat = self._bench.instruction, one.query.repeat
            question = questions.render(template, one.subjects, instruction, repeat, reasoning=one.reasoning)
            return _Ready(one.query, template, one.subjects, question, question.digest(self._identity))
        except ValueError as error:
            return Answered(one.query, fault=str(error))

    def _advanced(self, ready: Answer) -> Answer:
        """Through every turn that was answered before, at no cost."""
        while isinstance(ready, _Ready) and (call := self._earlier(ready)) is not None:
            budgets.note_cached(self._job, 1)
            ready = self._taken(ready, call, self._read(ready, calls.reply_of(call)))
        return ready

    def _earlier(self, ready: _Ready) -> JudgeCall | None:
        """The reply that stands. Later turns were not looked up in slices: nobody knew them."""
        if ready.looks and ready.digest not in self._paid:
            self._paid.update(calls.known(self._job.project, [ready.digest]))
        return self._paid.get(ready.digest)

    # -- what a reply says --------------------------------------------------------------------------------------------

    def _read(self, ready: _Ready, reply: Reply) -> Verdict | Wish | str:
        """A verdict, what the judge wants to see, or why it is neither."""
        shown_count = len(ready.query.shown)
        try:
            wish = conversation.wish(ready.template, ready.question, reply, shown_count)
            return wish or parsing.parse(ready.template, reply, shown_count)
        except ValueError as error:  # malformed, most of all
            return str(error)

    def _taken(self, ready: _Ready, call: JudgeCall, read: Verdict | Wish | str, *, is_new: bool = False) -> Answer:
        """What follows from a reply that is kept: the answer, or the next question of its conversation."""
        if isinstance(read, Wish):
            return self._shown(ready, call, read)
        if isinstance(read, str):
            return Answered(ready.query, None, read, call, is_new, ready.looks)
        verdict = conversation.with_reasons(read, [look.words for look in ready.looks])
        return Answered(ready.query, verdict, "", call, is_new, ready.looks)

    def _shown(self, ready: _Ready, call: JudgeCall, wish: Wish) -> Answer:
        """Carries out what the judge wants to see. An unreadable file is its sample's fault, not the reply's."""
        try:
            look = looks.kept(
                call=call, wish=wish, template=ready.template, question=ready.question, subjects=ready.subjects
            )
            question = looks.continued(ready.question, look)
        except Unavailable as error:
            self.trouble = self.trouble or error
            return None
        except (OSError, ValueError) as error:
            return Answered(ready.query, fault=str(error) or type(error).__name__)
        return replace(ready, question=question, digest=question.digest(self._identity), looks=(*ready.looks, look))

    # -- sending and receiving ----------------------------------------------------------------------------------------

    def _launch(self, waiting: Iterator[_Ready | Answered], pool: ThreadPoolExecutor) -> Iterator[Answered]:
        """Sends as many as may be under way; what needs no sending is handed on."""
        while self.trouble is None and len(self._flying) < self._room():
            found = self._next.popleft() if self._next else next(waiting, None)
            ready = self._advanced(found)
            if isinstance(ready, Answered):
                yield ready
            elif ready is None or not self._send(ready, pool):
                return

    def _room(self) -> int:
        """One at a time while a cost limit stands and nobody knows what a call costs."""
        return self._bench.backend.at_once if self._is_priced or not self._flying else 1

    def _send(self, ready: _Ready, pool: ThreadPoolExecutor) -> bool:
        if any(flight.ready.digest == ready.digest for flight in self._flying.values()):
            self._next.appendleft(ready)  # two samples with the same content: the reply under way will do for both
            return False
        reservation = budgets.reserve(self._job)
        if reservation is None:
            # A call under way may turn out cheaper than expected and leave room for this one.
            self._next.appendleft(ready)
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

    def _kept(self, flight: _Flight, reply: Reply) -> Answered | None:
        ready = flight.ready
        self._refused_in_a_row = 0
        # As it is kept: whoever goes on from the receipt must write the very same next question.
        reply = replace(reply, text=calls.storable(reply.text))
        read = self._read(ready, reply)
        call = calls.keep(
            job=self._job,
            judge=self._bench.judge,
            digest=ready.digest,
            reply=reply,
            asked_at=flight.asked_at,
            fault=read if isinstance(read, str) else "",
            reservation=flight.reservation,
        )
        self._is_priced = True
        self._paid[ready.digest] = call
        taken = self._taken(ready, call, read, is_new=True)
        if isinstance(taken, _Ready):
            self._next.append(taken)
            return None
        return taken

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
