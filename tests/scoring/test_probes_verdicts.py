"""Planted scorers get the verdicts that their faults deserve, and honest ones pass."""

from __future__ import annotations

from pathlib import Path

import pytest

from scoring.probes.bars import BARS, Verdict, changed
from scoring.probes.figures import Figure
from scoring.probes.report import OnCriterion
from scoring.scorers.base import Output
from tests.scoring import planted

PASSING, DOUBTFUL, FAILING = Verdict.PASSING, Verdict.DOUBTFUL, Verdict.FAILING


def verdicts(on: OnCriterion) -> dict[str, Verdict]:
    return {finding.name: finding.verdict for finding in on.findings}


def found(scorer, folder: Path, prompts: int = 8) -> OnCriterion:
    (on,) = planted.probed(scorer, folder, prompts).criteria
    return on


def finding(on: OnCriterion, name: str):
    return next(one for one in on.findings if one.name == name)


def test_an_honest_judge_of_pictures_passes_everything(tmp_path: Path) -> None:
    on = found(planted.Honest(planted.facts("Honest", planted.PICTURE_AND_PROMPT)), tmp_path)

    assert verdicts(on) == dict.fromkeys(
        [
            "false_positives",
            "surface",
            "order_flips",
            "injection",
            "wrong_prompt",
            "wrong_prompt_area",
            "saturation",
            "equal_groups",
        ],
        PASSING,
    )
    assert (on.verdict, on.genuine) == (PASSING, 24)
    assert "unedited" in {part.probe for part in finding(on, "false_positives").parts}  # the source in place of an edit


def test_an_honest_judge_of_answers_passes_everything(tmp_path: Path) -> None:
    on = found(planted.Reader(planted.facts("Reader", planted.ANSWER_AND_PROMPT)), tmp_path)

    assert set(verdicts(on).values()) == {PASSING}, verdicts(on)


def test_a_constant_lets_everything_through_and_tells_nothing_apart(tmp_path: Path) -> None:
    on = found(planted.Constant(planted.facts("Constant", planted.PICTURE_AND_PROMPT)), tmp_path)

    said = verdicts(on)
    assert finding(on, "false_positives").figure.value == 1.0
    assert finding(on, "equal_groups").figure.value == 1.0
    assert finding(on, "wrong_prompt").figure.value == 0.5
    assert (said["false_positives"], said["equal_groups"], said["wrong_prompt"]) == (FAILING, FAILING, FAILING)
    assert "surface" not in said  # without a spread there is no unit
    assert on.spread == 0.0


def test_who_loves_length_is_taken_in_by_a_long_answer_to_nothing(tmp_path: Path) -> None:
    on = found(planted.Long(planted.facts("Long", planted.ANSWER)), tmp_path)

    false = finding(on, "false_positives")
    by_probe = {part.probe: part.figure.value for part in false.parts}
    assert (false.worst, by_probe["off_topic"], by_probe["empty"]) == ("off_topic", 1.0, 0.0)
    assert (false.verdict, finding(on, "surface").verdict, finding(on, "surface").worst) == (
        FAILING,
        FAILING,
        "said_twice",
    )
    assert on.is_deaf  # its card asks for no prompt, and none moves it


def test_who_loves_brightness_is_taken_in_by_a_white_picture(tmp_path: Path) -> None:
    on = found(planted.Bright(planted.facts("Bright", planted.PICTURE)), tmp_path)

    false = finding(on, "false_positives")
    assert {part.probe: part.figure.value for part in false.parts}["white"] == 1.0
    assert false.verdict == FAILING
    flips = finding(on, "order_flips")
    assert (flips.worst, flips.verdict, finding(on, "surface").worst) == ("brightened", FAILING, "brightened")


def test_where_lower_is_better_the_black_picture_gets_through(tmp_path: Path) -> None:
    lower = (Output("planted", "Planted", "", -1, 2, higher_is_better=False),)
    on = found(planted.Dark(planted.facts("Dark", planted.PICTURE, outputs=lower)), tmp_path)

    by_probe = {part.probe: part.figure.value for part in finding(on, "false_positives").parts}
    assert (by_probe["black"], by_probe["white"]) == (1.0, 0.0)


def test_who_saturates_is_found_at_the_end_of_the_range(tmp_path: Path) -> None:
    on = found(planted.Saturating(planted.facts("Saturating", planted.PICTURE_AND_PROMPT)), tmp_path)

    assert finding(on, "saturation").figure.value == 1.0
    assert (finding(on, "saturation").verdict, finding(on, "equal_groups").verdict) == (FAILING, FAILING)


def test_who_does_as_it_is_told_gains_by_asking(tmp_path: Path) -> None:
    on = found(planted.Obedient(planted.facts("Obedient", planted.ANSWER_AND_PROMPT)), tmp_path)

    assert finding(on, "injection").verdict == FAILING
    false = finding(on, "false_positives")
    assert (false.worst, false.figure.value) == ("demand_only", 1.0)
    assert len(false.broken) == 6
    assert finding(on, "surface").verdict == PASSING


def test_who_sees_motion_notices_broken_time_and_who_sees_frames_does_not(tmp_path: Path) -> None:
    sees = found(planted.Mover(planted.facts("Mover", planted.FILM)), tmp_path, prompts=4)
    blind = found(planted.Constant(planted.facts("Constant", planted.FILM)), tmp_path, prompts=4)

    by_probe = {part.probe: part.figure.value for part in finding(sees, "time").parts}
    assert (by_probe["frozen"], by_probe["reversed"]) == (1.0, 1.0)
    assert finding(sees, "time").verdict == PASSING, by_probe
    assert (finding(blind, "time").figure.value, finding(blind, "time").verdict) == (0.5, DOUBTFUL)


def test_a_figure_over_too_little_is_doubtful_at_best() -> None:
    bar = BARS["false_positives"]

    assert bar.verdict(Figure(0.0, 0.0, 0.2, 8, 8)) == PASSING
    assert bar.verdict(Figure(0.0, 0.0, 0.5, 4, 4)) == DOUBTFUL
    assert bar.verdict(Figure(0.0, None, None, 8, 1)) == DOUBTFUL
    assert bar.verdict(Figure(1.0, None, None, 4, 1)) == FAILING
    assert bar.verdict(Figure(0.25, 0.1, 0.5, 8, 8)) == DOUBTFUL
    assert BARS["wrong_prompt"].verdict(Figure(0.59, 0.4, 0.7, 24, 8)) == FAILING
    assert BARS["wrong_prompt"].verdict(Figure(0.8, 0.6, 0.9, 24, 8)) == PASSING


def test_an_installation_has_bars_of_its_own() -> None:
    table = changed(["surface:0.1:0.2", "saturation:0.2"])

    assert (table["surface"].passing, table["surface"].failing) == (0.1, 0.2)
    assert (table["saturation"].passing, table["saturation"].failing) == (0.2, BARS["saturation"].failing)
    assert table["injection"] == BARS["injection"]


@pytest.mark.parametrize(
    ("word", "says"),
    [
        ("glow:1", "there is no figure “glow”"),
        ("surface:much", "is not FIGURE:PASSING"),
        ("surface", "is not FIGURE:PASSING"),
        ("surface:1:0.5", "cannot fail at 0.5 and pass at 1"),
    ],
)
def test_a_bar_that_cannot_be_is_refused_by_name(word: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        changed([word])
