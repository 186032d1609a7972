"""Runs scorers over items: decode each file once for all scorers, and keep going past bad items.

Threads decode and prepare (Pillow, PyAV, numpy and onnxruntime release the interpreter lock while they work); the
calling thread runs the models. Only what the scorers kept is held: at most `threads` items as pixels, and
`ahead` and two batches of items as prepared values for each scorer (a group scorer holds one prompt's samples).

The outcome does not depend on timing: items are scored in the order given, in batches that follow from that order.
Knows nothing of Django or Celery.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import islice, repeat
from typing import Any, TypeVar

from scoring.decoding import DecodedMedia
from scoring.scorers.base import (
    Item,
    ItemError,
    NotApplicable,
    NothingToJudge,
    Outcome,
    Reading,
    Scorer,
    ScorerUnavailable,
)

T = TypeVar("T")


@dataclass(frozen=True)
class Pace:
    """How much is done at once; it changes speed and memory, never a number.

    Attributes:
        batch_size: items a scorer is given at once, at least 1.
        threads: threads that decode and prepare; 0 prepares in the calling thread.
        ahead: items prepared while the model runs, so that a GPU never waits. 0 makes preparing and scoring take
            turns: on a processor both want the same cores, and either alone uses them better than both at once.
    """

    batch_size: int = 16
    threads: int = 1
    ahead: int = 0

    def __post_init__(self) -> None:
        if self.batch_size < 1 or self.threads < 0 or self.ahead < 0:
            raise ValueError(f"batch_size is at least 1, threads and ahead at least 0, not {self}")


@dataclass(frozen=True)
class Batch:
    """What one call of one scorer said: one outcome for each item, in order."""

    scorer: Scorer[Any]
    items: tuple[Item, ...]
    outcomes: tuple[Outcome, ...]


def run(items: Iterable[Item], scorers: Sequence[Scorer[Any]], pace: Pace | None = None) -> Iterator[Batch]:
    """Scores every item with every scorer and yields the outcomes as they come.

    Each item appears exactly once for each scorer, as a reading, as not applicable or as an error with its reason.
    Stop early by closing the generator; nothing more is then decoded.

    Args:
        items: read lazily; when a group scorer is among the scorers, samples of one prompt must follow one another.
        scorers: loaded here when they are not yet.

    Raises:
        ScorerUnavailable: a scorer cannot run at all.
        ValueError: a group scorer meets a prompt again after its group was closed.
    """
    pace = pace or Pace()
    for scorer in scorers:
        scorer.ready()
    queues = [_queue_for(scorer, pace) for scorer in scorers]
    for item, parts in _prepared_ahead(items, scorers, pace):
        for queue, part in zip(queues, parts, strict=True):
            yield from queue.add(item, part)
    for queue in queues:
        yield from queue.flush()


# -- preparing ahead --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Ready:
    """What a scorer kept of an item and will be given back in `score`."""

    value: Any


_Part = _Ready | ItemError | NotApplicable
_Prepared = tuple[Item, list[_Part]]


def _prepared_ahead(items: Iterable[Item], scorers: Sequence[Scorer[Any]], pace: Pace) -> Iterator[_Prepared]:
    """Prepares items in order: a batch at a time in turns with the model, or `ahead` of it."""
    if pace.threads == 0:
        yield from (_prepare(item, scorers) for item in items)
        return
    executor = ThreadPoolExecutor(pace.threads, thread_name_prefix="decode")
    waiting: deque[Future[_Prepared]] = deque()
    try:
        if pace.ahead == 0:
            yield from _prepared_in_turns(iter(items), scorers, pace, executor)
            return
        for item in items:
            waiting.append(executor.submit(_prepare, item, scorers))
            if len(waiting) > pace.ahead:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        executor.shutdown(wait=True, cancel_futures=True)


def _prepared_in_turns(
    items: Iterator[Item], scorers: Sequence[Scorer[Any]], pace: Pace, executor: ThreadPoolExecutor
) -> Iterator[_Prepared]:
    """Whole batches: the first of them is handed out when the last one is prepared."""
    while batch := list(islice(items, pace.batch_size)):
        yield from list(executor.map(_prepare, batch, repeat(scorers)))


def _prepare(item: Item, scorers: Sequence[Scorer[Any]]) -> _Prepared:
    """Each scorer's share of one item; the decoded pixels are shared and die with this call."""
    decoded = DecodedMedia(item)
    return item, [_prepare_for(scorer, item, decoded) for scorer in scorers]


def _prepare_for(scorer: Scorer[Any], item: Item, decoded: DecodedMedia) -> _Part:
    missing = scorer.facts.needs.why_not(item)
    if missing:
        return NotApplicable(missing)
    return _isolated(lambda: _Ready(scorer.prepare(item, decoded)))


def _isolated(call: Callable[[], T]) -> T | ItemError | NotApplicable:
    """Runs code that sees one item, and turns its failure into that item's error.

    Catches everything on purpose: media are untrusted, decoders and scorers are plug-ins, and one sample in a
    million must not end a job. A scorer that cannot work at all says so with ScorerUnavailable, which passes.
    """
    try:
        return call()
    except NothingToJudge as error:
        return NotApplicable(str(error))
    except ScorerUnavailable:
        raise
    except Exception as error:  # noqa: BLE001 - see above
        return ItemError(_reason(error))


def _reason(error: Exception) -> str:
    """The sentence of an expected error; an unexpected one is named by its type as well."""
    sentence = str(error).strip()
    if isinstance(error, OSError | ValueError) and sentence:
        return sentence
    return f"{type(error).__name__}: {sentence}" if sentence else type(error).__name__


# -- scoring in batches -----------------------------------------------------------------------------------------------


@dataclass
class _Queue:
    """Items that wait for a scorer, in order, those without anything to score among them."""

    scorer: Scorer[Any]
    entries: list[tuple[Item, _Part]] = field(default_factory=list)

    def add(self, item: Item, part: _Part) -> Iterator[Batch]:
        raise NotImplementedError

    def flush(self) -> Iterator[Batch]:
        if self.entries:
            entries, self.entries = self.entries, []
            yield _scored(self.scorer, entries)


@dataclass
class _SampleQueue(_Queue):
    """Gives a scorer `batch_size` items at a time."""

    batch_size: int = 1

    def add(self, item: Item, part: _Part) -> Iterator[Batch]:
        self.entries.append((item, part))
        if len(self.entries) >= self.batch_size:
            yield from self.flush()


@dataclass
class _GroupQueue(_Queue):
    """Gives a scorer all samples of one prompt at a time."""

    closed: set[int] = field(default_factory=set)

    def add(self, item: Item, part: _Part) -> Iterator[Batch]:
        if self.entries and self.entries[0][0].prompt_id != item.prompt_id:
            self.closed.add(self.entries[0][0].prompt_id)
            yield from self.flush()
        if item.prompt_id in self.closed:
            raise ValueError(
                f"prompt {item.prompt_id} comes again after its group was scored by {self.scorer.name}: "
                "give the samples of one prompt one after another"
            )
        self.entries.append((item, part))


def _queue_for(scorer: Scorer[Any], pace: Pace) -> _Queue:
    if scorer.facts.scope == "group":
        return _GroupQueue(scorer)
    return _SampleQueue(scorer, batch_size=pace.batch_size)


def _scored(scorer: Scorer[Any], entries: Sequence[tuple[Item, _Part]]) -> Batch:
    """Scores what is ready, and puts the outcomes back at the places of their items."""
    ready = [(item, part.value) for item, part in entries if isinstance(part, _Ready)]
    answers = iter(_answers(scorer, ready))
    outcomes = tuple(next(answers) if isinstance(part, _Ready) else part for _item, part in entries)
    return Batch(scorer, tuple(item for item, _part in entries), outcomes)


def _answers(scorer: Scorer[Any], ready: list[tuple[Item, Any]]) -> list[Outcome]:
    """One outcome for each ready item. When a batch fails as a whole, each item is tried alone to find the bad one."""
    if not ready:
        return []
    found = _isolated(lambda: _call(scorer, ready))
    if isinstance(found, list):
        return [_checked(scorer, outcome) for outcome in found]
    if len(ready) == 1 or scorer.facts.scope == "group":
        return [found] * len(ready)
    return [_answers(scorer, [one])[0] for one in ready]


def _call(scorer: Scorer[Any], ready: list[tuple[Item, Any]]) -> list[Outcome]:
    outcomes = scorer.score([item for item, _value in ready], [value for _item, value in ready])
    if len(outcomes) != len(ready):
        raise ValueError(f"{scorer.name} gave {len(outcomes)} outcomes for {len(ready)} items")
    return outcomes


def _checked(scorer: Scorer[Any], outcome: Outcome) -> Outcome:
    """The outcome itself, or an error when it holds a number that must not be stored."""
    if not isinstance(outcome, Reading):
        return outcome
    if not outcome.results:
        return ItemError(f"{scorer.name} gave an answer without any number")
    faults = [_fault(scorer, criterion, outcome) for criterion in outcome.results]
    return next((ItemError(fault) for fault in faults if fault), outcome)


def _fault(scorer: Scorer[Any], criterion: str, reading: Reading) -> str:
    """What is wrong with one number, naming the scorer, the criterion and the value; empty when nothing is."""
    known = {output.criterion: output for output in scorer.facts.outputs}
    result = reading.results[criterion]
    if criterion not in known:
        return f"{scorer.name} gave a value for {criterion}, which it does not declare"
    if not math.isfinite(result.value):
        return f"{scorer.name} gave {result.value} for {criterion}, not a number that can be stored"
    low, high = known[criterion].low, known[criterion].high
    if not low <= result.value <= high:
        return f"{scorer.name} gave {result.value:g} for {criterion}, outside its range from {low:g} to {high:g}"
    if result.spread is not None and not (math.isfinite(result.spread) and result.spread >= 0):
        return f"{scorer.name} gave a spread of {result.spread} for {criterion}"
    return ""
