"""Sizes, patches and frames of the reward models that read a special token, against the libraries they come from."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
import torch
from PIL import Image
from transformers.models.qwen2_vl import image_processing_pil_qwen2_vl as processors

from scoring.scorers.reward_token_views import BYTES, FLOATS, FORCED_AREA, EvenFrames, Sight, banded, smart_size
from tests.scoring import making

CPU = torch.device("cpu")


@pytest.mark.parametrize(("smallest", "largest"), [(FORCED_AREA, FORCED_AREA), (100_352, 200_704), (3136, 12_845_056)])
def test_sizes_equal_those_of_transformers(smallest, largest) -> None:
    random = np.random.default_rng(5)

    for height, width in random.integers(30, 3000, (300, 2)).tolist():
        theirs = processors.smart_resize(height, width, factor=28, min_pixels=smallest, max_pixels=largest)
        assert smart_size(height, width, factor=28, smallest=smallest, largest=largest) == theirs


def test_the_forced_area_is_not_exceeded_from_above_and_reached_from_below() -> None:
    for height, width in ((1000, 700), (3000, 210), (448, 448)):
        high, wide = smart_size(height, width, factor=28, smallest=FORCED_AREA, largest=FORCED_AREA)
        assert high * wide <= FORCED_AREA
    for height, width in ((100, 70), (20, 21)):
        high, wide = smart_size(height, width, factor=28, smallest=FORCED_AREA, largest=FORCED_AREA)
        assert high * wide >= FORCED_AREA
        assert high % 28 == wide % 28 == 0


@pytest.mark.parametrize("size", [(320, 240), (97, 333), (1024, 768), (2, 3)])
def test_patches_of_a_picture_equal_those_of_transformers(size) -> None:
    picture = making.noise(*size)
    theirs = processors.Qwen2VLImageProcessorPil(min_pixels=FORCED_AREA, max_pixels=FORCED_AREA)(
        images=[picture], return_tensors="pt"
    )

    view = Sight().picture(picture)

    assert [list(view.grid)] == theirs["image_grid_thw"].tolist()
    np.testing.assert_allclose(Sight().patches(view, CPU), theirs["pixel_values"], atol=2e-6)


def test_two_equal_frames_make_the_patches_of_one_picture() -> None:
    frame = making.noise(60, 40)

    one, two, three = (Sight().frames([frame] * count) for count in (1, 2, 3))

    assert one.grid == two.grid
    assert torch.equal(Sight().patches(one, CPU), Sight().patches(two, CPU))
    assert three.grid[0] == 2
    assert torch.equal(Sight().patches(three, CPU)[: len(Sight().patches(one, CPU))], Sight().patches(one, CPU))
    assert three.tokens == 2 * one.tokens


@pytest.mark.parametrize("resample", [FLOATS, BYTES])
def test_tensors_are_resized_as_torchvision_resizes_them(resample) -> None:
    torchvision = pytest.importorskip("torchvision.transforms")
    frame = making.noise(120, 90)
    sight = Sight(smallest=3136, largest=5000, resample=resample)
    whole = torch.from_numpy(np.array(frame)).permute(2, 0, 1)[None]
    bicubic = torchvision.InterpolationMode.BICUBIC
    size = smart_size(90, 120, factor=28, smallest=3136, largest=5000)
    resize = torchvision.functional if resample == FLOATS else torchvision.v2.functional

    theirs = resize.resize(whole, list(size), interpolation=bicubic, antialias=True)[0].permute(1, 2, 0).numpy()

    np.testing.assert_array_equal(sight.frames([frame]).pixels[0], theirs)


def test_the_three_resizes_differ_so_that_a_wrong_one_is_seen() -> None:
    frame = making.noise(120, 90)

    found = [
        Sight(resample=resample).frames([frame]).pixels.astype(int) for resample in (Sight.resample, FLOATS, BYTES)
    ]

    assert np.abs(found[1] - found[2]).max() > 5
    assert np.abs(found[0] - found[1]).max() > 5


@pytest.mark.parametrize("size", [(1, 5000), (5000, 2), (1, 1), (401, 2)])
def test_strips_stand_on_a_white_band(size) -> None:
    band = banded(Image.new("RGB", size, "red"))

    assert max(band.size) <= 200 * min(band.size)
    assert band.getpixel((band.width // 2, band.height // 2)) == (255, 0, 0)


def test_a_picture_up_to_200_times_as_long_as_wide_is_left_as_it_is() -> None:
    picture = Image.new("RGB", (400, 2))

    assert banded(picture) is picture


# -- which frames -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("frames", "rate", "chosen"),
    [
        (48, 24, 4),  # two seconds
        (30, 24, 4),  # 2.5 wanted, four at least
        (120, 24, 10),
        (66, 12, 12),  # 11 wanted: halves go to the even number of pairs
        (54, 12, 8),  # 9 wanted: 4.5 pairs are 4
        (5, 30, 4),
        (3, 30, 2),
        (2, 30, 2),
        (24_000, 24, 768),
    ],
)
def test_how_many_frames_are_looked_at(frames, rate, chosen) -> None:
    found = EvenFrames(2.0)(frames, Fraction(rate))

    assert len(found) == chosen
    assert (found[0], found[-1]) == (0, frames - 1)
    gaps = np.diff(found)
    assert gaps.max() - gaps.min() <= 1


def test_a_stated_number_of_frames_is_made_even_and_no_more_than_there_are() -> None:
    assert EvenFrames(count=3)(100, Fraction(24)) == [0, 33, 66, 99]
    assert EvenFrames(count=8)(5, Fraction(24)) == [0, 1, 2, 3, 4]


def test_a_video_of_one_frame_is_refused() -> None:
    with pytest.raises(ValueError, match=r"too few frames \(1\)"):
        EvenFrames(2.0)(1, Fraction(24))


def test_equal_rules_are_one_rule() -> None:
    assert {EvenFrames(2.0), EvenFrames(2.0), EvenFrames(1.0)} == {EvenFrames(1.0), EvenFrames(2.0)}
