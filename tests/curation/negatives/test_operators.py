"""Each operator changes what it says, where it says, and the same way each time."""

from __future__ import annotations

import numpy as np
import pytest

from curation.negatives import pictures, texts
from curation.negatives.operators import OPERATORS, seed_of
from tests.curation.media.drawn import scene

TEXT = (
    "The bridge was built in 1932 by John Bradfield and Dorman Long. It is 134 metres high; eight lanes can cross it.\n"
    "First take 3 of 12.\nThen multiply by 4.\nSo the answer is 12."
)


def test_every_operator_is_written_once():
    assert set(OPERATORS) == set(texts.CHANGES) | set(pictures.NAMES)
    for name, operator in OPERATORS.items():
        assert operator.name == name
        assert (operator.applies_to == "text") == (name in texts.CHANGES)


# -- pictures ---------------------------------------------------------------------------------------------------------


def picture(seed: int = 3, size=(120, 90)) -> np.ndarray:
    return np.asarray(scene(seed, size))


@pytest.mark.capability("D8")
@pytest.mark.parametrize("name", pictures.NAMES)
@pytest.mark.parametrize("seed", range(12))
def test_the_box_holds_exactly_the_pixels_that_changed(name, seed):
    before = picture(seed)

    made = pictures.apply(name, before, seed)

    assert made is not None
    assert made.pixels.shape == before.shape
    assert made.pixels.dtype == np.uint8
    left, top, right, bottom = made.box
    differs = (made.pixels != before).any(axis=2)
    assert differs.any()
    assert not differs[:top].any()
    assert not differs[bottom:].any()
    assert not differs[:, :left].any()
    assert not differs[:, right:].any()
    if name != "cropped":  # a crop concerns all of the picture
        assert differs[top].any()
        assert differs[bottom - 1].any()
        assert differs[:, left].any()
        assert differs[:, right - 1].any()


@pytest.mark.parametrize("name", pictures.NAMES)
def test_a_picture_changes_the_same_way_each_time_and_another_way_with_another_seed(name):
    before = picture()

    once, again, other = (pictures.apply(name, before, seed) for seed in (5, 5, 6))

    assert np.array_equal(once.pixels, again.pixels)
    assert once.box == again.box
    assert not np.array_equal(once.pixels, other.pixels)
    assert np.array_equal(before, picture())  # the original is left alone


def test_shuffled_patches_are_the_same_pixels_in_other_places():
    before = picture()

    made = pictures.apply("patches-shuffled", before, 1)

    left, top, right, bottom = made.detail["area"]
    assert np.array_equal(
        np.sort(made.pixels[top:bottom, left:right].reshape(-1, 3), axis=0),
        np.sort(before[top:bottom, left:right].reshape(-1, 3), axis=0),
    )


@pytest.mark.parametrize("size", [(8, 200), (15, 15)])
def test_a_picture_too_small_is_left_alone(size):
    assert all(pictures.apply(name, picture(1, size), 1) is None for name in pictures.NAMES)


@pytest.mark.parametrize("name", ["patches-shuffled", "box-blurred", "box-erased", "cropped"])
def test_a_picture_of_one_colour_has_nothing_to_change(name):
    assert pictures.apply(name, np.full((60, 60, 3), 90, dtype=np.uint8), 1) is None


# -- texts ------------------------------------------------------------------------------------------------------------


def undone(made: texts.TextNegative) -> str:
    return made.text[: made.start] + made.detail["before"] + made.text[made.end :]


@pytest.mark.capability("D8")
@pytest.mark.parametrize("name", ["number-changed", "negation-inserted", "entity-swapped", "steps-swapped"])
@pytest.mark.parametrize("seed", range(12))
def test_the_span_holds_exactly_what_was_changed(name, seed):
    made = texts.apply(name, "Ünïcödé 🙂 first. " + TEXT, seed)

    assert made is not None
    assert made.text[made.start : made.end] == made.detail["after"]
    assert undone(made) == "Ünïcödé 🙂 first. " + TEXT


@pytest.mark.capability("D8")
@pytest.mark.parametrize("seed", range(12))
def test_a_dropped_sentence_is_missing_where_the_span_says(seed):
    made = texts.apply("sentence-dropped", TEXT, seed)

    gone = made.detail["before"]
    assert gone not in made.text
    assert gone in TEXT
    assert made.end == made.start + 1 <= len(made.text)
    assert TEXT.startswith(made.text[: made.start].rstrip())


@pytest.mark.parametrize("name", ["blank-answer", "punctuation-only", "opener-only", "instruction-to-judge"])
def test_a_fooling_answer_is_marked_where_it_fools(name):
    made = texts.apply(name, TEXT, 4)

    assert (made.start, made.text[made.start : made.end]) == (0, made.detail["after"])
    assert made.text == made.detail["after"] + (TEXT if name == "instruction-to-judge" else "")


@pytest.mark.parametrize("name", texts.CHANGES)
def test_a_text_changes_the_same_way_each_time(name):
    assert texts.apply(name, TEXT, 9) == texts.apply(name, TEXT, 9)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("number-changed", "no number here, version v2 and 3.5 are none to touch"),
        ("negation-inserted", "Rain. It is not."),
        ("entity-swapped", "London is London, and London it stays."),
        ("sentence-dropped", "One sentence only."),
        ("steps-swapped", "one line"),
        ("blank-answer", " "),
    ],
)
def test_an_operator_that_finds_nothing_makes_nothing(name, text):
    assert all(texts.apply(name, text, seed) is None for seed in range(5))


def test_the_seed_of_a_negative_is_its_own():
    seeds = {seed_of(s, o, i) for s in (0, 1) for o in ("cropped", "box-blurred") for i in ("aa", "bb")}

    assert len(seeds) == 8
    assert seed_of(0, "cropped", "aa") == seed_of(0, "cropped", "aa")
