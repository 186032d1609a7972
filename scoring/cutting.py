"""Cutting long work into parts that one worker does alone, and one part into runs of the engine. Plain code."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

# A part should take seconds to a minute: long enough that claiming it costs nothing beside it, short enough that a
# worker that dies takes little with it and several workers share a small job.
SECONDS_A_PART = 20.0
# Claiming a part and reading what is missing in it costs queries; much smaller parts would be mostly that, and much
# larger ones would leave workers of a small job without one.
LEAST_SECONDS_A_PART = 1.5
SMALLEST_PART = 8
LARGEST_PART = 1024
# Before anything is known of the speed.
FIRST_PART = 48
PARTS_A_JOB = 16


@dataclass(frozen=True)
class Ask:
    """A sample, and the scorers that still have to say something on it."""

    sample_id: int
    prompt_id: int
    scorers: frozenset[str]


@dataclass(frozen=True)
class Span:
    """One part: ids from `first` to `last`, both included, and how many opinions it asks for."""

    first: int
    last: int
    opinions: int


@dataclass(frozen=True)
class Run:
    """Samples that ask the same scorers, in order, so that each picture is decoded once for all of them."""

    scorers: tuple[str, ...]
    sample_ids: tuple[int, ...]


def part_size(samples: int, samples_a_second: float | None) -> int:
    """How many samples a part should hold.

    Args:
        samples: how many the job asks for.
        samples_a_second: speed of an earlier job with the same scorers; None where there was none.
    """
    shared = -(-samples // PARTS_A_JOB)  # a small job is still cut for several workers
    if samples_a_second is None:
        return max(SMALLEST_PART, min(FIRST_PART, shared, LARGEST_PART))
    worthwhile = max(shared, round(samples_a_second * LEAST_SECONDS_A_PART))
    return max(SMALLEST_PART, min(round(samples_a_second * SECONDS_A_PART), worthwhile, LARGEST_PART))


def spans(asks: Iterable[Ask], size: int, *, whole_prompts: bool = False) -> Iterator[Span]:
    """Cuts asks into spans of about `size` samples.

    Args:
        asks: in order of sample id; with `whole_prompts`, in order of prompt id.
        size: samples a span, at least 1.
        whole_prompts: spans are ranges of prompt ids and never part a prompt's samples.

    Raises:
        ValueError: `size` is below 1.
    """
    if size < 1:
        raise ValueError(f"a part holds at least 1 sample, not {size}")
    first = last = None
    samples = opinions = 0
    for ask in asks:
        key = ask.prompt_id if whole_prompts else ask.sample_id
        if first is not None and last is not None and samples >= size and key != last:
            yield Span(first, last, opinions)
            first, samples, opinions = None, 0, 0
        first = key if first is None else first
        last = key
        samples += 1
        opinions += len(ask.scorers)
    if first is not None and last is not None:
        yield Span(first, last, opinions)


def runs(asks: Iterable[Ask]) -> list[Run]:
    """Asks sorted by which scorers they need, the order of the samples kept.

    In a job just started all asks are alike and there is one run; after a failure there may be several.
    """
    by_scorers: dict[frozenset[str], list[int]] = {}
    for ask in asks:
        if ask.scorers:
            by_scorers.setdefault(ask.scorers, []).append(ask.sample_id)
    return [Run(tuple(sorted(names)), tuple(ids)) for names, ids in by_scorers.items()]
