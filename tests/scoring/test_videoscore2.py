"""`videoscore2`: whole numbers as written, soft ones against the authors' arithmetic on logits, derived again here."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from scoring.catalogue import build
from scoring.judges.base import Question, Reply, Token
from scoring.scorers.base import Item, ItemError, MediaFile, Reading, ScorerUnavailable
from scoring.scorers.videoscore2 import CRITERIA, frames_of
from scoring.weight_sources import places
from tests.scoring import making, written_weights
from tests.scoring.speaking import made, token, words_of

LABELS = ("Visual quality", "Text-to-video alignment", "Physical/common-sense consistency")
# What a model gives for 1 to 5, and for two words that are no digits, before the temperature.
LOGITS = ([0.1, -1.0, 2.0, 2.5, 0.3, 1.0, -2.0], [3.0, 1.0, 0.0, -1.0, -2.0, 0.5, 0.0], [0, 0, 0, 1.0, 4.0, 2.0, 1.0])


@pytest.fixture
def film(tmp_path: Path) -> Item:
    frames = [making.scene(64, 48, seed=number) for number in range(24)]
    return making.item(making.filmed(frames, tmp_path), prompt_text="a red fox runs")


def chances_of(logits: list[float]) -> dict[str, float]:
    """Probabilities as a backend gives them: the model's own, before the temperature."""
    found = torch.tensor(logits, dtype=torch.float64).softmax(dim=0).tolist()
    return dict(zip([" 1", " 2", " 3", " 4", " 5", " good", " bad"], found, strict=True))


def answer(digits: list[int], chances: list[Mapping[str, float]], reasons: str = "It moves well.") -> Reply:
    tokens: list[Token] = [token(f"{reasons}\n")]
    for label, digit, own in zip(LABELS, digits, chances, strict=True):
        tokens += [token(f"{label}:"), token(f" {digit}", own), token("\n")]
    return Reply("".join(one.text for one in tokens), tokens=tuple(tokens))


def soft_of(logits: list[float], temperature: float = 0.7) -> float:
    """As the authors' script reckons: log-softmax of the logits that were drawn from, the five digits renormalised."""
    drawn = torch.tensor(logits, dtype=torch.float64) / temperature
    digits = drawn.log_softmax(dim=0)[:5].exp()
    best = int(digits.argmax())
    return (best + 1) * float(digits[best] / digits.sum())


def reading(scorer: Any, item: Item) -> Reading:
    (said,) = making.outcomes(scorer, [item])
    assert isinstance(said, Reading), said
    return said


def test_the_digits_are_as_written_and_the_soft_ones_as_the_authors_reckon(film: Item) -> None:
    # What is written was drawn, and need not be the likeliest.
    scorer = made("videoscore2", lambda question: answer([3, 1, 5], [chances_of(one) for one in LOGITS]))

    said = reading(scorer, film)

    assert [said.results[key].value for key in CRITERIA] == [3, 1, 5]
    soft = [said.results[f"{key}_soft"].value for key in CRITERIA]
    assert soft == pytest.approx([soft_of(one) for one in LOGITS], abs=1e-9)
    assert {result.spread for result in said.results.values()} == {None}
    assert said.detail["passes"][0]["reply"].startswith("It moves well.\nVisual quality: 3")  # type: ignore[index,call-overload]


@pytest.mark.parity
def test_soft_scores_equal_the_authors_arithmetic_on_logits(film: Item, agreement: Any) -> None:
    random = np.random.RandomState(11)
    drawn = (random.normal(0, 2, (8, 3, 7)).round(3) - [0, 0, 0, 0, 0, 6, 6]).tolist()

    ours = []
    for logits in drawn:
        chances = [chances_of(one) for one in logits]
        said = reading(made("videoscore2", lambda question, own=chances: answer([3, 3, 3], own)), film)
        ours.append([said.results[f"{key}_soft"].value for key in CRITERIA])

    theirs = [[soft_of(one) for one in logits] for logits in drawn]
    agreement("videoscore2", "its authors' arithmetic on logits", "replies", ours, theirs, tolerance=1e-9)


def test_a_soft_score_is_no_expectation() -> None:
    assert soft_of([0.0, 0.0, 0.0, 0.0, 0.1]) < 1.3


def test_several_passes_are_averaged_and_their_deviation_is_the_spread(film: Item) -> None:
    drawn = {42: [3, 1, 5], 43: [4, 1, 4], 44: [5, 4, 3]}

    def speak(question: Question) -> Reply:
        digits = drawn[question.decoding.seed + question.repeat]
        return answer(digits, [{f" {digit}": 1.0} for digit in digits])

    said = reading(made("videoscore2", speak, passes="3"), film)

    for place, key in enumerate(CRITERIA):
        each = [digits[place] for digits in drawn.values()]
        mean = sum(each) / 3
        deviation = math.sqrt(sum((one - mean) ** 2 for one in each) / 3)
        assert said.results[key].value == pytest.approx(mean)
        assert said.results[key].spread == pytest.approx(deviation)
        assert said.results[f"{key}_soft"].value == pytest.approx(mean)
    assert [one["seed"] for one in said.detail["passes"]] == [42, 43, 44]  # type: ignore[index,union-attr]


@pytest.mark.parametrize(("rate", "most", "shown"), [("2", "64", 6), ("1", "64", 4), ("8", "64", 24), ("8", "10", 10)])
def test_frames_follow_the_length_of_the_video(rate: str, most: str, shown: int, film: Item) -> None:
    scorer: Any = made(
        "videoscore2",
        lambda question: answer([3, 3, 3], [{" 3": 1.0}] * 3),
        rate=rate,
        most_frames=most,
    )

    said = reading(scorer, film)

    (asked,) = scorer._backend.asked
    assert asked.pictures.frames == said.detail["frames"] == shown
    assert "a red fox runs" in words_of(asked)


def test_the_number_of_frames_is_even_and_at_least_four() -> None:
    found = [frames_of(int(seconds * 1_000_000), 2.0, 64) for seconds in (0.1, 1.0, 2.4, 2.5, 3.0, 3.49, 5.06, 100)]

    assert found == [4, 4, 4, 4, 6, 6, 10, 64]


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (Reply("I like it."), "carries no log-probabilities"),
        (answer([3, 3, 7], [{" 3": 1.0}, {" 3": 1.0}, {" 7": 0.3, " 4": 0.7}]), "“7” is no whole number from 1 to 5"),
        (answer([3, 3, 3], [{" 3": 1.0}, {" 3": 1.0}, {" 3": 0.2, " x": 0.8}]), "hold"),
        (Reply("Visual quality: 3", tokens=(token("Visual quality:"), token(" 3", {" 3": 1.0}))), "Text-to-video"),
    ],
)
def test_an_answer_that_cannot_be_read_is_the_samples_failure(reply: Reply, words: str, film: Item) -> None:
    (said,) = making.outcomes(made("videoscore2", lambda question: reply), [film])

    assert isinstance(said, ItemError)
    assert "pass 1 of 1 (seed 42)" in said.reason
    assert words in said.reason


def test_two_videos_of_one_sample_are_not_asked_about_as_one(film: Item) -> None:
    both = making.item(*film.media, *film.media, prompt_text="a fox")

    (said,) = making.outcomes(made("videoscore2", lambda question: answer([3, 3, 3], [{" 3": 1.0}] * 3)), [both])

    assert said == ItemError("the sample has 2 media; VideoScore2 is asked about one video")


@pytest.mark.parametrize(
    "changes", [{"rate": "0"}, {"rate": "nan"}, {"rate": "x"}, {"most_frames": "3"}, {"passes": "0"}]
)
def test_a_setting_out_of_range_is_refused_by_name(changes: dict[str, str]) -> None:
    with pytest.raises(ScorerUnavailable, match=f"“{next(iter(changes))}” is a"):
        made("videoscore2", lambda question: "", **changes)


@pytest.mark.parametrize("changes", [{"rate": "1"}, {"most_frames": "8"}, {"passes": "2"}, {"seed": "1"}])
def test_what_a_number_depends_on_makes_another_rater(changes: dict[str, str]) -> None:
    usual, other = (made("videoscore2", lambda question: "", **stated) for stated in ({}, changes))

    assert usual.identity_digest() != other.identity_digest()


def test_a_real_video_is_judged_at_a_real_address(shared: Path, tmp_path: Path, monkeypatch) -> None:
    path = sorted((shared / "data" / "wan22-videos").glob("*.mp4"))[0]
    monkeypatch.setattr(places.here, "endpoints", places.here.endpoints)
    item = making.item(MediaFile(path, "video", 0, 0, duration_us=5_000_000), prompt_text="a cat as a lifeguard")

    said = reading(build("videoscore2", written_weights.served(tmp_path)), item)

    assert said.detail["frames"] == 10
    for key in CRITERIA:
        assert 1 <= said.results[key].value <= 5
        assert 0 < said.results[f"{key}_soft"].value <= said.results[key].value
