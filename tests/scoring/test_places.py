"""Numbers for parts of a sample: what may be kept, and the shapes that several scorers make."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from scoring.answering import checked
from scoring.scorers import places
from scoring.scorers.base import Item, ItemError, MediaFile, Place, Reading, Result
from tests.scoring.test_engine import Echo

PICTURE = MediaFile(Path("a.png"), "image", 40, 30)
VIDEO = MediaFile(Path("a.mp4"), "video", 40, 30, duration_us=1_000_003)
ITEM = Item(
    1, 1, prompt_text="naïve 🐑", media=(PICTURE, VIDEO), roles={"reference": (PICTURE,)}, text="four words of text"
)

BOX = Place("value", 0.5, "box", media_index=0, points=((0, 0), (40, 30)))
SPAN = Place("value", 0.5, "span", "prompt", start=6, end=7)
INTERVAL = Place("value", 0.5, "interval", media_index=1, start=0, end=1_000_003)
HEAT = Place("value", 0.5, "heatmap", media_index=0, grid=((0.0, 1.0), (0.25, 0.75)))


def said(*found: Place) -> Reading | ItemError:
    outcome = checked(Echo(), ITEM, Reading({"value": Result(1.0)}, places=found))
    assert isinstance(outcome, Reading | ItemError)
    return outcome


@pytest.mark.parametrize(
    "place",
    [
        BOX,
        SPAN,
        INTERVAL,
        HEAT,
        Place("value", -7e30, "point", media_index=0, points=((40, 30),)),
        Place("value", 0, "polygon", media_index=1, points=((0, 0), (1, 0), (0, 1)), label="a sheep"),
        replace(BOX, target="input", input_role="reference"),
        replace(SPAN, target="answer", start=0, end=18),
    ],
)
def test_a_place_within_what_is_judged_is_kept(place: Place) -> None:
    assert said(place) == Reading({"value": Result(1.0)}, places=(place,))


@pytest.mark.parametrize(
    ("place", "words"),
    [
        (replace(BOX, criterion="charm"), "a box for charm, of which it gave no number for the whole"),
        (replace(BOX, value=float("nan")), "nan for a box of value, not a number that can be stored"),
        (replace(BOX, shape="ring"), "the unknown shape “ring”"),
        (replace(BOX, target="frame"), "the unknown target “frame”"),
        (replace(BOX, media_index=2), "the file of index 2, of 2"),
        (replace(BOX, media_index=-1), "the file of index -1, of 2"),
        (replace(BOX, media_index=None), "the file of index None, of 2"),
        (replace(BOX, target="input", input_role="mask"), "the file of index 0, of 0"),
        (replace(BOX, points=((0, 0), (40.5, 30))), "at (40.5, 30), outside the 40 × 30 pixels"),
        (replace(BOX, points=((0, float("nan")), (40, 30))), "outside the 40 × 30 pixels"),
        (replace(BOX, points=((9, 9), (9, 12))), "not to the right of and below"),
        (replace(BOX, points=((0, 0),)), "a box of 1 points"),
        (replace(BOX, start=0, end=5), "only spans and intervals have"),
        (replace(BOX, label="x" * 501), "longer than 500 characters"),
        (replace(SPAN, end=8), "from 6 to 8, not within the 7 characters of the prompt"),
        (replace(SPAN, start=7, end=7), "from 7 to 7"),
        (replace(SPAN, start=None), "from None to 7"),
        (replace(SPAN, target="media", media_index=0), "spans are for words"),
        (replace(BOX, target="prompt"), "words have spans"),
        (replace(INTERVAL, end=1_000_004), "not within the 1,000,003 microseconds"),
        (replace(INTERVAL, media_index=0), "an interval of time on a image"),
        (replace(HEAT, grid=()), "0 × 0 cells"),
        (replace(HEAT, grid=((0.5,), (0.5, 0.5))), "not all of one length"),
        (replace(HEAT, grid=((0.5, float("inf")),)), "not a finite number"),
        (replace(HEAT, grid=((0.5,) * 65,)), "1 × 65 cells"),
        (replace(HEAT, value=0.6), "0.6 for a heatmap whose cells have the mean 0.5"),
    ],
)
def test_a_place_that_cannot_be_kept_is_its_items_error(place: Place, words: str) -> None:
    outcome = said(BOX, place)

    assert isinstance(outcome, ItemError)
    assert outcome.reason.startswith("echo gave ")
    assert words in outcome.reason


def test_no_sample_has_parts_without_end() -> None:
    assert isinstance(said(*[SPAN] * 2_000), Reading)
    assert said(*[SPAN] * 2_001) == ItemError("echo gave numbers for 2,001 parts; at most 2,000 are kept of one sample")
    full = places.over_picture("value", [[1.0] * 64] * 64, 0)
    assert isinstance(said(*[full] * 16), Reading)
    assert "heatmaps of 69,632 cells" in str(said(*[full] * 17))


def test_a_single_picture_has_no_parts() -> None:
    assert places.each_shown(replace(ITEM, media=(PICTURE,)), "value", [0.5], 8) == ()


def test_each_picture_and_each_frame_has_its_number() -> None:
    item = replace(ITEM, media=(VIDEO, PICTURE))

    found = places.each_shown(item, "value", [9.0, 1.0, 2.0, 3.0], 3)

    assert found == (
        Place("value", 9.0, "box", media_index=1, points=((0, 0), (40, 30))),
        Place("value", 1.0, "interval", media_index=0, start=0, end=333_334),
        Place("value", 2.0, "interval", media_index=0, start=333_334, end=666_668),
        Place("value", 3.0, "interval", media_index=0, start=666_668, end=1_000_003),
    )
    assert places.fault(item, Reading({"value": Result(1.0)}, places=found)) == ""


def test_frames_that_do_not_add_up_are_refused() -> None:
    with pytest.raises(ValueError, match="3 values for 1 pictures and 1 videos of 3 frames"):
        places.each_shown(ITEM, "value", [1.0, 2.0, 3.0], 3)
