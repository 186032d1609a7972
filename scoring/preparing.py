"""Decoding and preparing in processes of their own, for a worker whose GPU would wait for its threads.

Sixteen threads that decode beside a model share one interpreter lock with it: measured on an H200, a ViT-B/32 got 875
pictures a second of the 2,196 that the same cores decode alone. Processes share none. They know no weights: what a
scorer sends them is its `preparer`, small enough to travel with every call. Plain code.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from itertools import islice
from typing import Any

from curation.decoding_pool import DecoderDied, DecodingPool
from scoring.answering import Part, Ready, isolated
from scoring.decoding import DecodedMedia
from scoring.scorers.base import Item, ItemError, Needs, NotApplicable, Preparer, Scorer

# Items a call carries: enough that the call costs little beside them.
ITEMS_A_CALL = 8
CALLS_A_PROCESS = 2

Prepared = tuple[Item, list[Part]]


@dataclass(frozen=True)
class Share:
    """What one scorer wants of an item."""

    needs: Needs
    preparer: Preparer[Any]


def shares_of(scorers: Sequence[Scorer[Any]]) -> list[Share] | None:
    """What travels, or None where one of the scorers can prepare only beside its model."""
    found = [(scorer.facts.needs, scorer.preparer()) for scorer in scorers]
    if any(preparer is None for _needs, preparer in found):
        return None
    return [Share(needs, preparer) for needs, preparer in found if preparer is not None]


def prepare(item: Item, shares: Sequence[Share]) -> Prepared:
    """Each scorer's share of one item; the decoded pixels are shared and die with this call."""
    decoded = DecodedMedia(item)
    return item, [_part(share, item, decoded) for share in shares]


def _part(share: Share, item: Item, decoded: DecodedMedia) -> Part:
    missing = share.needs.why_not(item)
    if missing:
        return NotApplicable(missing)
    return isolated(lambda: Ready(share.preparer.prepare(item, decoded)))


def prepare_all(items: Sequence[Item], shares: Sequence[Share]) -> list[list[Part]]:
    """What a process answers: the parts alone, since the caller has the items."""
    return [prepare(item, shares)[1] for item in items]


def prepared_elsewhere(
    items: Iterator[Item], shares: list[Share], *, processes: int, ahead: Callable[[], int]
) -> Iterator[Prepared]:
    """Prepares items in order in other processes: as many ahead as is said, and enough to keep all of them busy.

    A file that crashes its decoder ends that process and nothing else: the call is repeated item by item, and the one
    that crashed again is an error.
    """
    pool = _pool(processes)
    waiting: deque[tuple[list[Item], Future[list[list[Part]]]]] = deque()
    while call := list(islice(items, ITEMS_A_CALL)):
        waiting.append((call, pool.submit(prepare_all, call, shares)))
        if len(waiting) * ITEMS_A_CALL > max(ahead(), CALLS_A_PROCESS * processes * ITEMS_A_CALL):
            yield from _answered(pool, *waiting.popleft(), shares)
    while waiting:
        yield from _answered(pool, *waiting.popleft(), shares)


def _answered(
    pool: DecodingPool, call: list[Item], future: Future[list[list[Part]]], shares: list[Share]
) -> Iterator[Prepared]:
    try:
        yield from zip(call, future.result(), strict=True)
    except DecoderDied:
        for item in call:
            yield item, _alone(pool, item, shares)


def _alone(pool: DecodingPool, item: Item, shares: list[Share]) -> list[Part]:
    try:
        return pool.submit(prepare_all, [item], shares).result()[0]
    except DecoderDied:
        return [ItemError("its file crashes the decoder")] * len(shares)


_pools: dict[int, DecodingPool] = {}


def _pool(processes: int) -> DecodingPool:
    """Kept from part to part: a process takes seconds to start. They end with this one, whatever ends it."""
    if processes not in _pools:
        _pools[processes] = DecodingPool(processes)
    return _pools[processes]


def close() -> None:
    """Ends the processes, for a test or a program that goes on without them."""
    while _pools:
        _pools.popitem()[1].close(wait=False)
