"""The numbers for parts that scorers of the catalogue give, against answers computed another way."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from scoring.catalogue import CATALOGUE, build
from scoring.engine import Pace
from scoring.scorers import technical
from scoring.scorers.base import Item, Place, Reading
from tests.scoring import clip_weights, detector_weights, making, vision_oracle, vision_weights


def said(scorer: Any, *items: Item, pace: Pace | None = None) -> list[Reading]:
    outcomes = making.outcomes(scorer, items, pace)
    assert all(isinstance(outcome, Reading) for outcome in outcomes), outcomes
    return [outcome for outcome in outcomes if isinstance(outcome, Reading)]


def places(reading: Reading, shape: str) -> list[Place]:
    return [place for place in reading.places if place.shape == shape]


# -- text in a picture ------------------------------------------------------------------------------------------------


def test_each_line_that_is_read_has_its_box_and_confidence(tmp_path: Path) -> None:
    first, second = making.sign("FRESH"), making.sign("OPEN")
    media = [making.saved(one, tmp_path) for one in (first, second)]

    (reading,) = said("ocr", making.item(*media, facts={"text": "open"}))

    boxes = places(reading, "box")
    assert [(box.label, box.media_index) for box in boxes] == [("FRESH", 0), ("OPEN", 1)]
    lines: Any = reading.detail["read"]
    assert [round(box.value, 4) for box in boxes] == [line["confidence"] for line in lines]
    (left, top), (right, bottom) = boxes[1].points
    dark = np.argwhere(np.asarray(second.convert("L")) < 128)
    assert left <= dark[:, 1].min() + 6 < dark[:, 1].max() - 6 <= right
    assert top <= dark[:, 0].min() + 6 < dark[:, 0].max() - 6 <= bottom


def test_each_expected_word_is_told_where_it_stands_in_the_prompt(tmp_path: Path) -> None:
    prompt = "a wall 🐑 with “Fresh BREAD, bread & milk” on it"
    item = making.item(making.saved(making.sign("FRESH\nBREAD"), tmp_path), prompt_text=prompt)

    (reading,) = said("ocr", item)

    spans = places(reading, "span")
    words = [(prompt[span.start : span.end], span.value) for span in spans]
    assert words == [("Fresh", 1.0), ("BREAD,", 1.0), ("bread", 0.0), ("milk", 0.0)]
    assert {span.target for span in spans} == {"prompt"}
    # The parts and the whole say the same.
    assert np.mean([value for _word, value in words]) == reading.results["ocr_word_recall"].value


def test_words_of_a_fact_that_are_not_in_the_prompt_have_no_place(tmp_path: Path) -> None:
    item = making.item(making.saved(making.sign("OPEN"), tmp_path), prompt_text="a shop", facts={"text": "OPEN"})

    (reading,) = said("ocr", item)

    assert places(reading, "span") == []


# -- the picture as a signal ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [(512, 384), (100, 37), (3, 500), (1, 1), (5, 2)])
def test_the_map_of_sharpness_is_the_variance_within_each_cell(size: tuple[int, int]) -> None:
    edges = np.random.default_rng(3).integers(-1020, 1021, size[::-1]).astype(np.int16)

    grid = np.array(technical.sharpness_map(edges))

    rows, columns = grid.shape
    height, width = edges.shape
    longer = max(size)
    assert (rows, columns) == tuple(min(side, max(1, round(8 * side / longer))) for side in (height, width))
    for row in range(rows):
        for column in range(columns):
            cell = edges[
                row * height // rows : (row + 1) * height // rows,
                column * width // columns : (column + 1) * width // columns,
            ]
            assert grid[row, column] == pytest.approx(np.var(cell.astype(np.float64)), rel=1e-9, abs=1e-6)


def test_the_sharp_half_of_a_picture_is_where_the_map_says(tmp_path: Path) -> None:
    picture = Image.new("RGB", (320, 160), "grey")
    picture.paste(making.noise(160, 160), (160, 0))

    (reading,) = said("technical", making.item(making.saved(picture, tmp_path)))

    (heat,) = reading.places
    grid = np.array(heat.grid)
    assert (heat.criterion, heat.shape, heat.media_index, grid.shape) == ("technical_sharpness", "heatmap", 0, (4, 8))
    assert grid[:, :3].max() == 0.0
    assert grid[:, 5:].min() > 100
    assert heat.value == pytest.approx(grid.mean())


def test_motion_is_told_between_the_moments_it_was_measured_at(tmp_path: Path) -> None:
    still, moved = making.scene(128, 96), making.scene(128, 96, seed=5)
    film = making.filmed([still] * 8 + [moved] * 8, tmp_path)

    (reading,) = said("technical", making.item(making.saved(still, tmp_path), film))

    parts = places(reading, "interval")
    assert {(part.criterion, part.media_index) for part in parts} == {("technical_motion", 1)}
    assert len(parts) == technical.FRAMES - 1
    assert np.mean([part.value for part in parts]) == pytest.approx(reading.results["technical_motion"].value)
    assert all(after.start == before.end for before, after in pairwise(parts))
    strongest = max(parts, key=lambda part: part.value)
    assert strongest.start is not None
    assert strongest.end is not None
    assert strongest.start < 1_000_000 <= strongest.end
    assert [place.media_index for place in places(reading, "heatmap")] == [0]


# -- objects ----------------------------------------------------------------------------------------------------------


def test_each_object_that_counts_has_its_box_and_confidence(tmp_path: Path) -> None:
    folder = tmp_path / "detr"
    folder.mkdir()
    detector_weights.make_closed("detr", folder)
    names = list(detector_weights.NAMES.values())
    made = build("object_checks", {"source": str(folder), "threshold": "0", "counting_threshold": "0"})
    media = [making.saved(making.scene(200, 150, seed), tmp_path) for seed in (1, 2)]

    (reading,) = said(
        made, making.item(*media, facts={"objects": [{"class": name, "colour": "red"} for name in names]})
    )

    kept: Any = reading.detail["boxes"]
    assert len(reading.places) == len(kept) > 2
    assert {place.media_index for place in reading.places} == {0, 1}
    for place, box in zip(reading.places, kept, strict=True):
        assert round(place.value, 4) == box["score"]
        assert np.array(place.points).ravel() == pytest.approx(box["box"], abs=0.006)
        assert place.label == f"{box['colour']} {box['class']}"


# -- likeness to a reference ------------------------------------------------------------------------------------------

MAKERS = {
    "dino": (vision_weights.make_dino, vision_weights.dino_processor, None),
    "dinov2": (vision_weights.make_dinov2, vision_weights.dinov2_processor, 56),
}


@pytest.mark.parametrize("kind", MAKERS)
def test_the_heatmap_is_the_largest_cosine_to_the_references_patches(kind: str, tmp_path: Path) -> None:
    make, processor_of, shape = MAKERS[kind]
    folder = tmp_path / kind
    folder.mkdir()
    make(folder)
    shown, given = making.scene(300, 170, 2), [making.scene(120, 90, 11), making.scene(90, 120, 12)]
    roles = {"reference": tuple(making.saved(one, tmp_path) for one in given)}
    made = build("dino_similarity", {"source": str(folder), "heatmap": "patches"})

    (reading,) = said(made, making.item(making.saved(shown, tmp_path), roles=roles))

    processor, model = processor_of(), vision_oracle.read(folder, shape=shape)

    def patches(picture: Image.Image) -> torch.Tensor:
        pixels = processor(images=picture, return_tensors="pt")["pixel_values"]
        return torch.nn.functional.normalize(vision_oracle.tokens(model, pixels)[0, 1:], dim=-1)

    theirs = torch.cat([patches(one) for one in given])
    best = (patches(shown) @ theirs.T).max(dim=1).values.numpy()
    (heat,) = reading.places
    assert np.array(heat.grid).ravel() == pytest.approx(best, abs=2e-6)
    assert heat.value == pytest.approx(best.mean(), abs=2e-6)


def test_a_heatmap_of_the_middle_says_what_it_lies_over(tmp_path: Path) -> None:
    """DINOv2 sees the middle square of a wide picture."""
    vision_weights.make_dinov2(tmp_path)
    made = build("dino_similarity", {"source": str(tmp_path), "heatmap": "patches"})
    roles = {"reference": (making.saved(making.scene(90, 90, 1), tmp_path),)}
    wide = making.item(making.saved(making.scene(300, 100, 2), tmp_path), roles=roles)

    (reading,) = said(made, wide)

    (heat,) = reading.places
    processor = made._processor
    whole = processor.size if isinstance(processor.size, int) else processor.size[0]
    side = 100 * processor.shape[0] / whole
    (left, top), (right, bottom) = heat.points
    assert (right - left, bottom - top) == pytest.approx((side, side), abs=2)
    assert (left + right) / 2 == pytest.approx(150, abs=2)
    assert (top + bottom) / 2 == pytest.approx(50, abs=2)


def test_asking_for_the_heatmap_moves_no_number_and_makes_a_rater_of_its_own(tmp_path: Path) -> None:
    vision_weights.make_dino(tmp_path)
    plain, mapped = (
        build("dino_similarity", {"source": str(tmp_path), "heatmap": choice}) for choice in ("none", "patches")
    )
    roles = {"reference": (making.saved(making.scene(90, 90, 1), tmp_path),)}
    film = making.filmed([making.scene(64, 64, seed) for seed in range(9)], tmp_path)
    item = making.item(making.saved(making.scene(80, 80, 2), tmp_path), film, roles=roles)

    (without,), (with_map,) = said(plain, item), said(mapped, item)

    assert with_map.results["dino_similarity"].value == pytest.approx(
        without.results["dino_similarity"].value, abs=1e-6
    )
    assert without.places == ()
    assert [place.media_index for place in with_map.places] == [0]
    assert plain.identity_digest() != mapped.identity_digest()
    assert "heatmap" not in plain.identity()


# -- pictures and frames ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["hpsv2", "pickscore"])
def test_each_frame_of_a_video_has_its_own_number(name: str, tmp_path: Path) -> None:
    made = build(name, clip_weights.settings_of(name, tmp_path))
    film = making.filmed([making.scene(64, 64, seed) for seed in range(8)], tmp_path)
    picture = making.saved(making.scene(60, 50, 20), tmp_path)

    several, alone = said(
        made, making.item(film, picture, prompt_text="a boat"), making.item(picture, prompt_text="a boat")
    )

    (box,), intervals = places(several, "box"), places(several, "interval")
    assert (box.media_index, box.points) == (1, ((0, 0), (60, 50)))
    assert box.value == pytest.approx(alone.results[CATALOGUE[name].outputs[0].criterion].value, rel=1e-6)
    assert [(part.start, part.end) for part in intervals] == [(n * 125_000, (n + 1) * 125_000) for n in range(8)]
    assert len({round(part.value, 9) for part in intervals}) > 4
    (whole,) = several.results.values()
    assert np.mean([place.value for place in several.places]) == pytest.approx(whole.value, rel=1e-9)
    assert alone.places == ()
