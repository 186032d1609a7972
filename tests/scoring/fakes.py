"""Scorers that are pure functions of the text, for tests of jobs. They keep the contract of the real ones."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from scoring.catalogue import CATALOGUE
from scoring.scorers.base import (
    Decoded,
    Item,
    Needs,
    NothingToJudge,
    Outcome,
    Output,
    Reading,
    Result,
    Scorer,
    ScorerFacts,
    ScorerUnavailable,
)


def facts(name: str, **changes: object) -> ScorerFacts:
    fields = {
        "path": "tests.scoring.fakes:LengthScorer",
        "version": "1",
        "kind": "rule",
        "queue": "cpu",
        "title": name.capitalize(),
        "judges": "How long a text is.",
        "formula": "Code points of the text.",
        "needs": Needs(answer_text=True),
        "outputs": (Output(f"{name}_value", name.capitalize(), "code points", 0, 1000),),
        "code_licence": "Apache-2.0",
        "weights_licence": "",
        "source": "tests",
    }
    return ScorerFacts(name=name, **{**fields, **changes})  # type: ignore[arg-type]


FAKES = {
    "length": facts("length"),
    "vowels": facts("vowels", path="tests.scoring.fakes:VowelScorer"),
    "crowd": facts("crowd", path="tests.scoring.fakes:CrowdScorer", scope="group"),
    "heavy": facts("heavy", path="tests.scoring.fakes:HeavyScorer", queue="gpu"),
}


def add_to_catalogue() -> None:
    """For a worker process of a test; within a test use the fixture `fake_scorers`."""
    CATALOGUE.update(FAKES)  # type: ignore[attr-defined]


class LengthScorer(Scorer[str]):
    """The number of code points. Texts that begin with `bad`, `skip` or `slow` are what they say."""

    def prepare(self, item: Item, decoded: Decoded) -> str:
        text = item.text or ""
        if text.startswith("bad"):
            raise ValueError(f"cannot read {text!r}")
        if text.startswith("skip"):
            raise NothingToJudge("nothing to measure")
        return text

    def score(self, items: Sequence[Item], prepared: Sequence[str]) -> list[Outcome]:
        (output,) = self.facts.outputs
        return [Reading({output.criterion: Result(self.value(text))}) for text in prepared]

    def value(self, text: str) -> float:
        _pause(text)
        return float(len(text))


class VowelScorer(LengthScorer):
    """The number of vowels."""

    def value(self, text: str) -> float:
        return float(sum(letter in "aeiou" for letter in text))


class CrowdScorer(LengthScorer):
    """How many samples the group has: a value that changes when one joins."""

    def score(self, items: Sequence[Item], prepared: Sequence[str]) -> list[Outcome]:
        (output,) = self.facts.outputs
        return [Reading({output.criterion: Result(float(len(items)))}) for _text in prepared]


class HeavyScorer(LengthScorer):
    """Has no weights anywhere."""

    def load(self) -> None:
        raise ScorerUnavailable("The weights of “heavy” are not here; put them into its folder.")


def _pause(text: str) -> None:
    """A slow text leaves a trace that it was begun, and takes its time."""
    if text.startswith("slow"):
        trace = os.environ.get("PAIRWRIGHT_TEST_TRACE")
        if trace:
            with Path(trace).open("a") as file:
                file.write(f"{os.getpid()} {text}\n")
        time.sleep(0.05)


@dataclass(frozen=True)
class Width:
    """Widths of the pictures in pixels; a prompt may ask for trouble."""

    def prepare(self, item: Item, decoded: Decoded) -> list[int]:
        if item.prompt_text == "crash":
            os._exit(11)
        if item.prompt_text == "bad":
            raise ValueError("the item is bad")
        return [*(picture.width for picture in decoded.pictures()), os.getpid()]
