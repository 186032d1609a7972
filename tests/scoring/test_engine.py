"""The engine: decode once, keep going, refuse bad numbers, stay within its memory."""

from __future__ import annotations

import math
import threading
import weakref
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from scoring import decoding
from scoring.catalogue import build
from scoring.engine import Pace, run
from scoring.scorers.base import (
    Decoded,
    Item,
    ItemError,
    Needs,
    NotApplicable,
    NothingToJudge,
    Outcome,
    Output,
    Reading,
    Result,
    Scorer,
    ScorerFacts,
    ScorerUnavailable,
)
from tests.scoring import making


def facts(name: str = "echo", scope: str = "sample", media: frozenset[str] = frozenset()) -> ScorerFacts:
    return ScorerFacts(
        name=name,
        path="",
        version="1",
        kind="rule",
        queue="cpu",
        title="",
        judges="",
        formula="",
        needs=Needs(media=media),
        outputs=(Output("value", "Value", "", 0, 10),),
        code_licence="",
        weights_licence="",
        source="",
        scope=scope,
    )


class Echo(Scorer[float]):
    """Answers with the number that the prompt's text states; remembers the batches it was given."""

    def __init__(self, card: ScorerFacts | None = None) -> None:
        super().__init__(card or facts())
        self.batches: list[list[int]] = []

    def prepare(self, item: Item, decoded: Decoded) -> float:
        if item.prompt_text == "bad":
            raise ValueError("the item is bad")
        if item.prompt_text == "bug":
            raise KeyError("colour")
        if item.prompt_text == "silent":
            raise NothingToJudge("nothing here")
        return float(item.prompt_text)

    def score(self, items: Sequence[Item], prepared: Sequence[float]) -> list[Outcome]:
        self.batches.append([item.sample_id for item in items])
        if any(value == 7 for value in prepared):
            raise RuntimeError("seven")
        return [Reading({"value": Result(value)}) for value in prepared]


def items(*texts: str, prompts: Sequence[int] | None = None) -> list[Item]:
    prompts = prompts or [1] * len(texts)
    return [
        Item(sample_id=place, prompt_id=prompt, prompt_text=text)
        for place, (text, prompt) in enumerate(zip(texts, prompts, strict=True), start=1)
    ]


def test_every_item_comes_out_once_and_in_order_whatever_the_threads() -> None:
    asked = items(*[str(number % 5) for number in range(50)])
    alone = [(batch.items, batch.outcomes) for batch in run(asked, [Echo()], Pace(batch_size=4, threads=0))]

    for ahead in (0, 1, 7):
        pace = Pace(batch_size=4, threads=4, ahead=ahead)
        assert [(batch.items, batch.outcomes) for batch in run(asked, [Echo()], pace)] == alone
    assert [one for found, _outcomes in alone for one in found] == asked


def test_a_bad_item_becomes_an_error_with_its_reason_and_the_rest_goes_on() -> None:
    said = making.outcomes(Echo(), items("1", "bad", "2", "bug", "silent", "3"))

    assert said == [
        Reading({"value": Result(1.0)}),
        ItemError("the item is bad"),
        Reading({"value": Result(2.0)}),
        ItemError("KeyError: 'colour'"),
        NotApplicable("nothing here"),
        Reading({"value": Result(3.0)}),
    ]


def test_an_item_on_which_a_model_fails_is_found_and_its_neighbours_are_scored() -> None:
    said = making.outcomes(Echo(), items("1", "7", "2"))

    assert said == [Reading({"value": Result(1.0)}), ItemError("RuntimeError: seven"), Reading({"value": Result(2.0)})]


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("nan", "echo gave nan for value, not a number that can be stored"),
        ("inf", "echo gave inf for value, not a number that can be stored"),
        ("11", "echo gave 11 for value, outside its range from 0 to 10"),
        ("-0.5", "echo gave -0.5 for value, outside its range from 0 to 10"),
    ],
)
def test_a_number_that_must_not_be_stored_is_an_error_naming_the_scorer(value: str, words: str) -> None:
    (said,) = making.outcomes(Echo(), items(value))

    assert isinstance(said, ItemError)
    assert words in said.reason


def test_the_ends_of_the_range_are_allowed() -> None:
    assert all(isinstance(said, Reading) for said in making.outcomes(Echo(), items("0", "10")))


class Odd(Echo):
    """Gives back what it is told to, whatever it was asked."""

    def __init__(self, answer: list[Outcome]) -> None:
        super().__init__()
        self.answer = answer

    def score(self, items: Sequence[Item], prepared: Sequence[float]) -> list[Outcome]:
        return self.answer


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ([], "echo gave 0 outcomes for 1 items"),
        ([Reading({})], "without any number"),
        ([Reading({"other": Result(1.0)})], "other, which it does not declare"),
        ([Reading({"value": Result(1.0, math.nan)})], "a spread of nan"),
        ([Reading({"value": Result(1.0, -1.0)})], "a spread of -1.0"),
    ],
)
def test_an_answer_against_the_contract_is_an_error(answer: list[Outcome], words: str) -> None:
    (said,) = making.outcomes(Odd(answer), items("1"))

    assert isinstance(said, ItemError)
    assert words in said.reason


def test_a_scorer_that_cannot_run_at_all_stops_the_run() -> None:
    class Broken(Echo):
        def score(self, items: Sequence[Item], prepared: Sequence[float]) -> list[Outcome]:
            raise ScorerUnavailable("the device is gone")

    with pytest.raises(ScorerUnavailable, match="the device is gone"):
        making.outcomes(Broken(), items("1"))


def test_batches_hold_what_the_pace_says() -> None:
    scorer = Echo()

    list(run(items(*"12345"), [scorer], Pace(batch_size=2, threads=1)))

    assert scorer.batches == [[1, 2], [3, 4], [5]]


def test_a_group_scorer_is_given_whole_prompts() -> None:
    scorer = Echo(facts(scope="group"))

    list(run(items(*"12345", prompts=[1, 1, 1, 2, 2]), [scorer], Pace(batch_size=2)))

    assert scorer.batches == [[1, 2, 3], [4, 5]]


def test_a_group_scorer_refuses_a_prompt_that_comes_back() -> None:
    with pytest.raises(ValueError, match="prompt 1 comes again after its group was scored by echo"):
        list(run(items(*"123", prompts=[1, 2, 1]), [Echo(facts(scope="group"))]))


def test_what_an_item_lacks_is_not_applicable_and_nothing_is_decoded(monkeypatch) -> None:
    monkeypatch.setattr(decoding, "read_picture", None)

    (said,) = making.outcomes(Echo(facts(media=frozenset({"image"}))), items("1"))

    assert said == NotApplicable("the sample has no image")


@pytest.mark.capability("C14")
def test_several_scorers_over_one_set_decode_each_picture_once(tmp_path: Path, monkeypatch) -> None:
    calls: list[Path] = []
    monkeypatch.setattr(decoding, "read_picture", making.counting(calls, decoding.read_picture))
    asked = [making.item(making.saved(making.scene(seed=seed), tmp_path), facts={"text": "OPEN"}) for seed in range(5)]
    scorers = [build("technical"), build("near_duplicate"), build("ocr"), build("technical")]

    batches = list(run(asked, scorers, Pace(batch_size=2, threads=2, ahead=4)))

    assert sum(isinstance(said, Reading) for batch in batches for said in batch.outcomes) == 4 * 5
    assert sorted(calls) == sorted(one.media[0].path for one in asked)


def test_a_picture_that_cannot_be_decoded_is_tried_once_for_all_scorers(tmp_path: Path, monkeypatch) -> None:
    calls: list[Path] = []
    monkeypatch.setattr(decoding, "read_picture", making.counting(calls, decoding.read_picture))
    media = making.saved(making.scene(), tmp_path)
    media.path.write_bytes(media.path.read_bytes()[:400])

    said = [
        one
        for batch in run([making.item(media)], [build("technical"), build("near_duplicate")])
        for one in batch.outcomes
    ]

    assert [type(one) for one in said] == [ItemError, ItemError]
    assert len(calls) == 1


@pytest.mark.parametrize("ahead", [0, 20])
def test_pictures_do_not_pile_up_however_slow_the_model(ahead: int, tmp_path: Path, monkeypatch) -> None:
    alive: set[int] = set()
    most = 0
    lock = threading.Lock()
    read = decoding.read_picture

    def watched(path: Path):
        nonlocal most
        picture = read(path)
        with lock:
            alive.add(id(picture))
            most = max(most, len(alive))
        weakref.finalize(picture, alive.discard, id(picture))
        return picture

    monkeypatch.setattr(decoding, "read_picture", watched)
    media = making.saved(making.scene(), tmp_path)

    pace = Pace(threads=3, ahead=ahead)
    batches = list(run([making.item(media) for _number in range(60)], [build("technical")], pace))

    assert sum(len(batch.outcomes) for batch in batches) == 60
    assert most <= 3 + 1  # one for each thread, one that is just being let go


@pytest.mark.parametrize("ahead", [0, 8])
def test_items_are_read_no_further_ahead_than_the_pace_allows(ahead: int) -> None:
    taken: list[int] = []

    def source() -> Iterator[Item]:
        for one in items(*["1"] * 100):
            taken.append(one.sample_id)
            yield one

    running = run(source(), [Echo()], Pace(batch_size=5, threads=2, ahead=ahead))
    next(running)
    read_so_far = len(taken)
    running.close()

    assert read_so_far <= 5 + ahead
    assert len(taken) == read_so_far


def test_an_impossible_pace_is_refused() -> None:
    with pytest.raises(ValueError, match="batch_size is at least 1"):
        Pace(batch_size=0)
