"""Runs scorers over items: decode each file once for all scorers, and keep going past bad items.

Threads decode and prepare (Pillow, PyAV, numpy and onnxruntime release the interpreter lock while they work); the
calling thread runs the models. Only what the scorers kept is held: at most `threads` items as pixels, and what is
prepared ahead, and the batches being filled, as prepared values for each scorer (a group scorer holds one prompt's
samples; a scorer that sorts by length holds several batches).

Items are scored in the order given. A fixed batch size makes the batches follow from that order alone; where the
fastest size is looked for, batches depend on timing, which no number depends on beyond the last bits of a matrix
product; a scorer that is asked to score alone leaves not even those. Knows nothing of Django or Celery.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice, repeat
from typing import Any

from scoring import preparing
from scoring.answering import Batch, GroupQueue, Queue, SampleQueue
from scoring.preparing import Prepared
from scoring.scorers.base import Item, Scorer

__all__ = ["Batch", "Pace", "run"]


@dataclass(frozen=True)
class Pace:
    """How much is done at once; it changes speed and memory, never a number.

    Attributes:
        batch_size: items a scorer is given at once, at least 1.
        threads: threads that decode and prepare; 0 prepares in the calling thread.
        processes: processes that do so instead, for scorers that allow it; 0 for none.
        ahead: items prepared while the model runs, so that a GPU never waits; at least two batches are, where it is
            not 0. 0 makes preparing and scoring take turns: on a processor both want the same cores, and either
            alone uses them better than both at once.
        most: up to which batch size the fastest one is looked for; 0 keeps `batch_size`.
    """

    batch_size: int = 16
    threads: int = 1
    ahead: int = 0
    most: int = 0
    processes: int = 0

    def __post_init__(self) -> None:
        if self.batch_size < 1 or min(self.threads, self.ahead, self.most, self.processes) < 0:
            raise ValueError(f"batch_size is at least 1, the other numbers at least 0, not {self}")


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
    for item, parts in _prepared_ahead(items, queues, pace):
        for queue, part in zip(queues, parts, strict=True):
            yield from queue.add(item, part)
    for queue in queues:
        yield from queue.flush()


def _queue_for(scorer: Scorer[Any], pace: Pace) -> Queue:
    if scorer.facts.scope == "group":
        return GroupQueue(scorer)
    return SampleQueue(scorer, batch_size=pace.batch_size, most=pace.most)


# -- preparing ahead --------------------------------------------------------------------------------------------------


def _prepared_ahead(items: Iterable[Item], queues: Sequence[Queue], pace: Pace) -> Iterator[Prepared]:
    """Prepares items in order: a batch at a time in turns with the model, or ahead of it."""
    scorers = [queue.scorer for queue in queues]
    shares = preparing.shares_of(scorers) if pace.processes else None
    if shares is not None:
        yield from preparing.prepared_elsewhere(
            iter(items), shares, processes=pace.processes, ahead=lambda: _ahead(queues, pace)
        )
        return
    if pace.threads == 0:
        yield from (_prepare(item, scorers) for item in items)
        return
    executor = ThreadPoolExecutor(pace.threads, thread_name_prefix="decode")
    try:
        if pace.ahead == 0:
            yield from _prepared_in_turns(iter(items), scorers, pace, executor)
        else:
            yield from _prepared_while_scoring(iter(items), queues, pace, executor)
    finally:
        executor.shutdown(wait=True, cancel_futures=True)


def _prepared_in_turns(
    items: Iterator[Item], scorers: Sequence[Scorer[Any]], pace: Pace, executor: ThreadPoolExecutor
) -> Iterator[Prepared]:
    """Whole batches: the first of them is handed out when the last one is prepared."""
    while batch := list(islice(items, pace.batch_size)):
        yield from list(executor.map(_prepare, batch, repeat(scorers)))


def _prepared_while_scoring(
    items: Iterator[Item], queues: Sequence[Queue], pace: Pace, executor: ThreadPoolExecutor
) -> Iterator[Prepared]:
    """So many in flight that the next batch is ready when the model ends with this one, whatever size was found."""
    scorers = [queue.scorer for queue in queues]
    waiting: deque[Future[Prepared]] = deque()
    for item in items:
        waiting.append(executor.submit(_prepare, item, scorers))
        if len(waiting) > _ahead(queues, pace):
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()


def _ahead(queues: Sequence[Queue], pace: Pace) -> int:
    """As the pace says; where the batch size is looked for, two batches of the size of the moment."""
    return max(pace.ahead, 2 * max(queue.held for queue in queues)) if pace.most else pace.ahead


def _prepare(item: Item, scorers: Sequence[Scorer[Any]]) -> Prepared:
    return preparing.prepare(item, [preparing.Share(scorer.facts.needs, scorer) for scorer in scorers])
