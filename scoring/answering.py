"""Giving prepared items to a scorer in batches, and making one outcome of each whatever the model does. Plain code.

A batch that does not fit into memory is halved; one that fails as a whole is taken apart to find the bad item; a number
that must not be stored becomes an error.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from scoring.judges.base import Passing
from scoring.scorers import places
from scoring.scorers.base import (
    Item,
    ItemError,
    NotApplicable,
    NothingToJudge,
    Outcome,
    OutOfMemory,
    Reading,
    Scorer,
    ScorerUnavailable,
)

T = TypeVar("T")

# Items of unlike length wait for so many batches, and those alike share one.
BATCHES_SORTED = 8


@dataclass(frozen=True)
class Ready:
    """What a scorer kept of an item and will be given back in `score`."""

    value: Any


Part = Ready | ItemError | NotApplicable


@dataclass(frozen=True)
class Batch:
    """What one call of one scorer said: one outcome for each item, in order."""

    scorer: Scorer[Any]
    items: tuple[Item, ...]
    outcomes: tuple[Outcome, ...]


def isolated(call: Callable[[], T]) -> T | ItemError | NotApplicable:
    """Runs code that sees one item, and turns its failure into that item's error.

    Catches everything on purpose: media are untrusted, decoders and scorers are plug-ins, and one sample in a
    million must not end a job. A scorer that cannot work at all says so with ScorerUnavailable, which passes; so do a
    full memory and an address that is away for a while, which are no item's fault.
    """
    try:
        return call()
    except NothingToJudge as error:
        return NotApplicable(str(error))
    except (ScorerUnavailable, OutOfMemory, Passing):
        raise
    except Exception as error:  # noqa: BLE001 - see above
        return ItemError(_reason(error))


def _reason(error: Exception) -> str:
    """The sentence of an expected error; an unexpected one is named by its type as well."""
    sentence = str(error).strip()
    if isinstance(error, OSError | ValueError) and sentence:
        return sentence
    return f"{type(error).__name__}: {sentence}" if sentence else type(error).__name__


# -- items that wait --------------------------------------------------------------------------------------------------


@dataclass
class Queue:
    """Items that wait for a scorer, in order, those without anything to score among them."""

    scorer: Scorer[Any]
    entries: list[tuple[Item, Part]] = field(default_factory=list)

    def add(self, item: Item, part: Part) -> Iterator[Batch]:
        raise NotImplementedError

    @property
    def held(self) -> int:
        """How many items it holds at most before it hands them over."""
        return 1

    def flush(self) -> Iterator[Batch]:
        if self.entries:
            entries, self.entries = self.entries, []
            yield self.scored(entries)

    def scored(self, entries: Sequence[tuple[Item, Part]]) -> Batch:
        """Scores what is ready, and puts the outcomes back at the places of their items."""
        ready = [(item, part.value) for item, part in entries if isinstance(part, Ready)]
        answers = iter(self.answers(ready))
        outcomes = tuple(next(answers) if isinstance(part, Ready) else part for _item, part in entries)
        return Batch(self.scorer, tuple(item for item, _part in entries), outcomes)

    def answers(self, ready: list[tuple[Item, Any]]) -> list[Outcome]:
        return answers(self.scorer, ready)


@dataclass
class SampleQueue(Queue):
    """Gives a scorer as many items at a time as suit it, those of like length together.

    Attributes:
        batch_size: items at once; the first guess where `most` allows more.
        most: up to which size the fastest one is looked for; 0 keeps the batch size as it is.
    """

    batch_size: int = 1
    most: int = 0

    def __post_init__(self) -> None:
        if self.most:
            self.scorer.batch.start(self.batch_size, self.most)

    @property
    def size(self) -> int:
        if self.scorer.is_alone:
            return 1
        return self.scorer.batch.now if self.most else self.scorer.batch.limited(self.batch_size)

    @property
    def held(self) -> int:
        return self.size * (BATCHES_SORTED if self._has_lengths else 1)

    @property
    def _has_lengths(self) -> bool:
        return type(self.scorer).length is not Scorer.length and not self.scorer.is_alone

    def add(self, item: Item, part: Part) -> Iterator[Batch]:
        self.entries.append((item, part))
        if len(self.entries) >= self.held:
            yield from self.flush()

    def answers(self, ready: list[tuple[Item, Any]]) -> list[Outcome]:
        """In batches of the size of the moment, by length where the scorer tells it, in the order of the items."""
        order = list(range(len(ready)))
        if self._has_lengths:
            order.sort(key=lambda place: self.scorer.length(ready[place][1]))
        found: dict[int, Outcome] = {}
        start = 0
        while start < len(order):
            places = order[start : start + self.size]
            found.update(zip(places, self._timed([ready[place] for place in places]), strict=True))
            start += len(places)
        return [found[place] for place in range(len(ready))]

    def _timed(self, ready: list[tuple[Item, Any]]) -> list[Outcome]:
        began = time.perf_counter()
        said = answers(self.scorer, ready)
        self.scorer.batch.timed(len(ready), time.perf_counter() - began)
        return said


@dataclass
class GroupQueue(Queue):
    """Gives a scorer all samples of one prompt at a time."""

    closed: set[int] = field(default_factory=set)

    def add(self, item: Item, part: Part) -> Iterator[Batch]:
        if self.entries and self.entries[0][0].prompt_id != item.prompt_id:
            self.closed.add(self.entries[0][0].prompt_id)
            yield from self.flush()
        if item.prompt_id in self.closed:
            raise ValueError(
                f"prompt {item.prompt_id} comes again after its group was scored by {self.scorer.name}: "
                "give the samples of one prompt one after another"
            )
        self.entries.append((item, part))


# -- one call ---------------------------------------------------------------------------------------------------------


def answers(scorer: Scorer[Any], ready: list[tuple[Item, Any]]) -> list[Outcome]:
    """One outcome for each ready item. A batch that fails as a whole is taken apart until the bad item is found."""
    if not ready:
        return []
    full: str | None = None
    try:
        found = isolated(lambda: _call(scorer, ready))
    except OutOfMemory as error:
        full = str(error)
    if full is not None:  # only here is the error gone, and with it what it held
        return _halved(scorer, ready, full)
    if isinstance(found, list):
        return [checked(scorer, item, outcome) for (item, _value), outcome in zip(ready, found, strict=True)]
    if len(ready) == 1 or scorer.facts.scope == "group":
        return [found] * len(ready)
    return [answers(scorer, [one])[0] for one in ready]


def _halved(scorer: Scorer[Any], ready: list[tuple[Item, Any]], error: str) -> list[Outcome]:
    """The same items in two halves; one item, or one group, that does not fit is an error of its own."""
    if len(ready) == 1 or scorer.facts.scope == "group":
        return [ItemError(f"it does not fit into the memory of this worker ({error})")] * len(ready)
    scorer.batch.too_large(len(ready))
    middle = len(ready) // 2
    return answers(scorer, ready[:middle]) + answers(scorer, ready[middle:])


def _call(scorer: Scorer[Any], ready: list[tuple[Item, Any]]) -> list[Outcome]:
    outcomes = scorer.score([item for item, _value in ready], [value for _item, value in ready])
    if len(outcomes) != len(ready):
        raise ValueError(f"{scorer.name} gave {len(outcomes)} outcomes for {len(ready)} items")
    return outcomes


def checked(scorer: Scorer[Any], item: Item, outcome: Outcome) -> Outcome:
    """The outcome itself, or an error when it holds a number, or a place, that must not be stored."""
    if not isinstance(outcome, Reading):
        return outcome
    if not outcome.results:
        return ItemError(f"{scorer.name} gave an answer without any number")
    faults = [_fault(scorer, criterion, outcome) for criterion in outcome.results]
    if reading_fault := next((fault for fault in faults if fault), ""):
        return ItemError(reading_fault)
    misplaced = places.fault(item, outcome) if outcome.places else ""
    return ItemError(f"{scorer.name} gave {misplaced}") if misplaced else outcome


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
