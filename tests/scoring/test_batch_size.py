"""The batch size that finds itself, and what happens when memory is full."""

from __future__ import annotations

import weakref
from collections.abc import Sequence

import pytest

from scoring.batch_size import BatchSize
from scoring.engine import Pace, run
from scoring.scorers.base import Item, ItemError, Outcome, OutOfMemory, Reading, Result
from scoring.scorers.device import memory_watched
from tests.scoring.test_engine import Echo, facts, items


def grown(rate_of: dict[int, float], start: int = 8, most: int = 128) -> BatchSize:
    """A size after a hundred batches of a model that does so many items a second at each size."""
    size = BatchSize()
    size.start(start, most)
    for _batch in range(100):
        size.timed(size.now, size.now / rate_of[size.now])
    return size


def test_it_doubles_while_that_is_faster_and_returns_to_the_best() -> None:
    size = grown({8: 100, 16: 190, 32: 300, 64: 303, 128: 900})

    assert size.now == 32
    assert size.is_settled


def test_it_ends_at_the_largest_that_is_allowed() -> None:
    assert grown({8: 100, 16: 200, 32: 400, 64: 800, 128: 1600}, most=32).now == 32


def test_the_first_batch_of_a_size_does_not_count() -> None:
    """It pays for kernels and memory that the others find ready."""
    size = BatchSize()
    size.start(8, 16)
    for seconds in (50.0, 1.0, 1.0, 1.0):
        size.timed(8, seconds)
    for seconds in (50.0, 1.0, 1.0, 1.0):
        size.timed(16, seconds)

    assert size.now == 16


def test_a_size_that_did_not_fit_is_never_tried_again() -> None:
    size = BatchSize()
    size.start(64, 512)
    size.too_large(64)
    for _batch in range(50):
        size.timed(size.now, 0.001)

    assert size.now == 32
    assert size.limited(64) == 32


class Small(Echo):
    """A model whose device holds so many items at once."""

    def __init__(self, room: int) -> None:
        super().__init__()
        self.room = room

    def score(self, asked: Sequence[Item], prepared: Sequence[float]) -> list[Outcome]:
        self.batches.append([item.sample_id for item in asked])
        if len(asked) > self.room:
            raise OutOfMemory("CUDA out of memory. Tried to allocate 2 GiB")
        return [Reading({"value": Result(value)}) for value in prepared]


@pytest.mark.parametrize("most", [0, 64])
def test_a_full_memory_halves_the_batch_and_every_item_is_scored_once(most: int) -> None:
    model = Small(room=3)
    asked = items(*[str(number % 9) for number in range(60)])

    batches = list(run(asked, [model], Pace(batch_size=16, threads=0, most=most)))

    said = [outcome for batch in batches for outcome in batch.outcomes]
    assert said == [Reading({"value": Result(float(number % 9))}) for number in range(60)]
    sizes = [len(batch) for batch in model.batches]
    assert sizes[0] == 16
    assert max(sizes[-10:]) <= 3  # it has learnt, and no longer tries what does not fit


def test_an_item_that_does_not_fit_alone_is_an_error_and_the_others_go_on() -> None:
    model = Small(room=0)

    (batch,) = run(items("1"), [model], Pace(threads=0))

    assert batch.outcomes == (
        ItemError("it does not fit into the memory of this worker (CUDA out of memory. Tried to allocate 2 GiB)"),
    )


class Activation:
    """Stands for what a forward pass keeps on the device."""


class Heavy(Echo):
    """Its pass over more than two items fails deep inside; a smaller one finds room once the first is given back."""

    def __init__(self) -> None:
        super().__init__()
        self.held: list[weakref.ref[Activation]] = []

    def score(self, asked: Sequence[Item], prepared: Sequence[float]) -> list[Outcome]:
        with memory_watched():
            self._forward(len(asked))
        return [Reading({"value": Result(value)}) for value in prepared]

    def _forward(self, count: int) -> None:
        if any(one() is not None for one in self.held):
            raise RuntimeError("can't allocate memory: the last pass still holds it")
        activation = Activation()
        self.held.append(weakref.ref(activation))
        if count > 2:
            raise RuntimeError("can't allocate memory")


def test_what_a_failed_pass_held_is_given_back_before_the_half_is_tried() -> None:
    """The error's traceback leads to every tensor of the pass; as long as it lives, nothing smaller fits either."""
    batches = list(run(items(*"12345689"), [Heavy()], Pace(batch_size=8, threads=0)))

    said = [outcome for batch in batches for outcome in batch.outcomes]
    assert said == [Reading({"value": Result(float(number))}) for number in "12345689"]


class Long(Echo):
    """A model whose items are as long as their number says."""

    def length(self, prepared: float) -> int:
        return int(prepared)


def test_items_of_like_length_share_a_batch_and_outcomes_keep_their_order() -> None:
    model = Long()
    texts = [str(number) for number in (1, 6, 2, 6, 1, 6, 2, 6)]

    said = [
        outcome for batch in run(items(*texts), [model], Pace(batch_size=4, threads=0)) for outcome in batch.outcomes
    ]

    assert said == [Reading({"value": Result(float(text))}) for text in texts]
    by_batch = [sorted(float(texts[place - 1]) for place in batch) for batch in model.batches]
    assert by_batch == [[1, 1, 2, 2], [6, 6, 6, 6]]


def test_a_scorer_that_is_to_score_alone_gets_one_item_at_a_time() -> None:
    model = Echo(facts())
    model.is_alone = True

    list(run(items("1", "2", "3"), [model], Pace(batch_size=16, threads=0, most=64)))

    assert model.batches == [[1], [2], [3]]
    assert model.identity()["batching"] == "alone"
    assert "batching" not in Echo().identity()
