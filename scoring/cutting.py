"""Cutting long work into parts that one worker does alone, and one part into runs of the engine. Plain code."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

# A part should take seconds to half a minute: long enough that claiming it costs nothing beside it, short enough that
# a worker that dies takes little with it.
SECONDS_A_PART = 20.0
# Claiming a part and reading what is missing in it takes some fiftieth of a second; much smaller parts would be mostly
# that. The last parts are this small, so that nobody waits long for whoever works at the last one.
LEAST_SECONDS_A_PART = 1.0
SMALLEST_PART = 8
# A graphics card does thousands of pictures a second and should not wait for a new part every few batches. What
# a worker said is written every two seconds, so a large part loses no more than a small one when its worker dies.
LARGEST_PART = 16_384
# A part is at most this share of what is left for each process that is expected to help. Two leaves room for processes
# of which one is half as fast.
SHARES_A_PROCESS = 2
FEWEST_SHARES = 4
# Before anything is known of the speed, or of who will help.
FIRST_PART = 48
FIRST_SHARES = 16
# How far a part may exceed its size so that samples of one prompt stay together: what a scorer computes of a prompt
# (the embedding of its text) is computed once in a process.
STRETCH = 1.5


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


@dataclass(frozen=True)
class Speed:
    """How fast an earlier job was: samples a second of all that worked at it, and how many processes those were."""

    samples_a_second: float
    processes: int = 1


def part_size(left: int, speed: Speed | None) -> int:
    """How many samples the next part should hold: much at first, little at the end, when all should finish together.

    This is guided self-scheduling (Polychronopoulos and Kuck 1987) with bounds: each part is a share of what is left.

    Args:
        left: samples that are in no part yet, at least 1.
        speed: of an earlier job with the same scorers; None where there was none.
    """
    if speed is None:
        return max(SMALLEST_PART, min(FIRST_PART, -(-left // FIRST_SHARES)))
    alone = speed.samples_a_second / speed.processes
    shared = -(-left // max(SHARES_A_PROCESS * speed.processes, FEWEST_SHARES))
    worthwhile = max(shared, round(alone * LEAST_SECONDS_A_PART))
    # Of a slow model a part may be a single sample: eight would keep one process busy while another has nothing to do.
    smallest = max(1, min(SMALLEST_PART, round(alone * LEAST_SECONDS_A_PART)))
    return max(smallest, min(round(alone * SECONDS_A_PART), worthwhile, LARGEST_PART))


def spans(asks: Sequence[Ask], size: Callable[[int], int], *, whole_prompts: bool = False) -> Iterator[Span]:
    """Cuts asks into spans, between prompts where that is near.

    Args:
        asks: in order of sample id; with `whole_prompts`, in order of prompt id.
        size: how many samples a span should hold, at least 1, by how many are left when it begins.
        whole_prompts: spans are ranges of prompt ids and never part a prompt's samples.

    Raises:
        ValueError: a size is below 1.
    """
    start = 0
    while start < len(asks):
        wanted = size(len(asks) - start)
        if wanted < 1:
            raise ValueError(f"a part holds at least 1 sample, not {wanted}")
        end = _end(asks, start, wanted, None if whole_prompts else int(wanted * STRETCH))
        part = asks[start:end]
        keys = [ask.prompt_id if whole_prompts else ask.sample_id for ask in (part[0], part[-1])]
        yield Span(keys[0], keys[1], sum(len(ask.scorers) for ask in part))
        start = end


def _end(asks: Sequence[Ask], start: int, wanted: int, most: int | None) -> int:
    """Where the part that begins at `start` ends: with a prompt, or as long as wanted where none ends up to `most`."""
    last = len(asks) if most is None else min(start + most, len(asks))
    for end in range(start + wanted, last):
        if asks[end].prompt_id != asks[end - 1].prompt_id:
            return end
    return last if last == len(asks) else start + wanted


def even_batch(count: int, most: int) -> int:
    """The size of the fewest batches of at most `most` that hold `count` samples, none much smaller than another.

    A model takes nearly as long for one picture as for several, so 17 are better 9 and 8 than 16 and 1.

    >>> even_batch(17, 16), even_batch(48, 16), even_batch(3, 16), even_batch(0, 16)
    (9, 16, 3, 1)
    """
    batches = max(1, -(-count // most))
    return max(1, -(-count // batches))


def runs(asks: Iterable[Ask]) -> list[Run]:
    """Asks sorted by which scorers they need, the order of the samples kept.

    In a job just started all asks are alike and there is one run; after a failure there may be several.
    """
    by_scorers: dict[frozenset[str], list[int]] = {}
    for ask in asks:
        if ask.scorers:
            by_scorers.setdefault(ask.scorers, []).append(ask.sample_id)
    return [Run(tuple(sorted(names)), tuple(ids)) for names, ids in by_scorers.items()]
