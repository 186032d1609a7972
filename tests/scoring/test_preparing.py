"""Decoding in processes of their own: the same outcomes, in the same order, and a crash costs one item."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence

import pytest

from scoring import preparing
from scoring.engine import Pace, run
from scoring.scorers.base import Decoded, Item, ItemError, Needs, NotApplicable, Outcome, Reading, Result, Scorer
from tests.scoring import fakes, making

ELSEWHERE = Pace(batch_size=4, threads=1, processes=2, ahead=8)


class Widths(Scorer[list[int]]):
    """Sums widths; remembers which processes prepared."""

    def __init__(self, *, travels: bool = True) -> None:
        super().__init__(fakes.facts("widths", needs=Needs(media=frozenset({"image"}))))
        self.travels, self.processes = travels, set()

    def preparer(self) -> fakes.Width | None:
        return fakes.Width() if self.travels else None

    def prepare(self, item: Item, decoded: Decoded) -> list[int]:
        return fakes.Width().prepare(item, decoded)

    def score(self, items: Sequence[Item], prepared: Sequence[list[int]]) -> list[Outcome]:
        self.processes |= {widths[-1] for widths in prepared}
        return [Reading({"widths_value": Result(float(sum(widths[:-1])))}) for widths in prepared]


@pytest.fixture(autouse=True)
def processes() -> Iterator[None]:
    yield
    preparing.close()


def outcomes(asked: list[Item], scorer: Scorer, pace: Pace) -> list[Outcome]:
    batches = list(run(asked, [scorer], pace))
    assert [item for batch in batches for item in batch.items] == asked
    return [outcome for batch in batches for outcome in batch.outcomes]


def pictures(tmp_path, *texts: str) -> list[Item]:
    return [
        making.item(making.saved(making.scene(30 + number, 20, number), tmp_path), prompt_text=text)
        for number, text in enumerate(texts)
    ]


def test_outcomes_and_their_order_are_those_of_threads(tmp_path) -> None:
    asked = [*pictures(tmp_path, *(["fine"] * 21), "bad", "fine"), making.item(prompt_text="no picture")]
    there = Widths()

    elsewhere = outcomes(asked, there, ELSEWHERE)

    assert elsewhere == outcomes(asked, Widths(), Pace(batch_size=4, threads=2))
    assert elsewhere[21:] == [
        ItemError("the item is bad"),
        Reading({"widths_value": Result(52.0)}),
        NotApplicable("the sample has no image"),
    ]
    assert os.getpid() not in there.processes
    assert there.processes


def test_a_file_that_crashes_its_decoder_is_one_error_and_the_rest_goes_on(tmp_path) -> None:
    asked = pictures(tmp_path, *["fine"] * 5, "crash", *["fine"] * 14)

    said = outcomes(asked, Widths(), ELSEWHERE)

    assert said[5] == ItemError("its file crashes the decoder")
    assert [outcome.results["widths_value"].value for outcome in said if isinstance(outcome, Reading)] == [
        float(30 + number) for number in range(20) if number != 5
    ]


def test_beside_a_scorer_that_cannot_travel_threads_prepare(tmp_path) -> None:
    both = [Widths(), Widths(travels=False)]

    list(run(pictures(tmp_path, "fine", "fine"), both, ELSEWHERE))

    assert both[0].processes == {os.getpid()}


def test_whoever_stops_early_leaves_the_processes_usable(tmp_path) -> None:
    asked = pictures(tmp_path, *["fine"] * 40)
    running = run(asked, [Widths()], ELSEWHERE)
    next(running)
    running.close()

    assert len(outcomes(asked, Widths(), ELSEWHERE)) == 40
