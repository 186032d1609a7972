"""Every formula of `technical` against arithmetic done by hand or written another way."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from scoring.scorers import technical
from scoring.scorers.base import Reading
from tests.scoring import making

# A bright pixel on black: every convolution can be read off by eye.
SPOT = np.zeros((5, 5), np.uint8)
SPOT[2, 2] = 10


def flat(level: int, side: int = 8) -> np.ndarray:
    return np.full((side, side), level, np.uint8)


def plain(*colour: int, side: int = 8) -> np.ndarray:
    return np.tile(np.array(colour, np.uint8), (side, side, 1))


def test_sharpness_is_the_variance_of_the_laplacian() -> None:
    # L is -40 at the spot, 10 at its four neighbours, 0 elsewhere: mean 0, variance (1600 + 4 * 100) / 25.
    assert technical.sharpness(SPOT) == pytest.approx(80.0)


def test_sharpness_repeats_the_border() -> None:
    # One row 0 0 8: L = 0, 8, -8 (the border adds nothing): variance 128 / 3.
    assert technical.sharpness(np.array([[0, 0, 8]], np.uint8)) == pytest.approx(128 / 3)


def test_sharpness_reaches_its_stated_bound_and_no_more() -> None:
    checkers = (np.indices((6, 6)).sum(axis=0) % 2 * 255).astype(np.uint8)

    # Inside, every Laplacian is +-1020.
    assert technical.sharpness(checkers) <= 1020**2
    assert technical.sharpness(checkers[1:5, 1:5]) > 0


def test_exposure_is_one_for_middle_grey_and_falls_as_mertens_says() -> None:
    middle = technical.exposure(plain(128, 128, 128))
    one_channel_off = technical.exposure(plain(128, 128, 255))

    assert middle == pytest.approx(1.0, abs=1e-3)
    assert one_channel_off == pytest.approx(middle ** (2 / 3) * math.exp(-0.25 / 0.08), rel=1e-6)
    assert technical.exposure(plain(0, 0, 0)) == pytest.approx(math.exp(-9.375), rel=1e-6)


def test_exposure_is_a_mean_over_pixels() -> None:
    half = np.concatenate([plain(128, 128, 128), plain(0, 0, 0)])

    assert technical.exposure(half) == pytest.approx(
        (technical.exposure(plain(128, 128, 128)) + math.exp(-9.375)) / 2, rel=1e-9
    )


def test_contrast_is_the_deviation_of_luminance() -> None:
    assert technical.contrast(np.array([[0, 255], [255, 0]], np.uint8)) == pytest.approx(0.5)
    # 10, 20, 30, 40: mean 25, squared distances 225 25 25 225, variance 125.
    assert technical.contrast(np.array([[10, 20, 30, 40]], np.uint8)) == pytest.approx(math.sqrt(125) / 255)


def test_colourfulness_of_grey_is_zero_and_of_two_pixels_is_hasler_and_susstrunks() -> None:
    # Red (255, 0, 0): rg 255, yb 127.5. Blue (0, 0, 255): rg 0, yb -255.
    pixels = np.array([[[255, 0, 0], [0, 0, 255]]], np.uint8)
    deviation = math.hypot(127.5, 191.25)
    mean = math.hypot(127.5, -63.75)

    assert technical.colourfulness(plain(90, 90, 90)) == 0.0
    assert technical.colourfulness(pixels) == pytest.approx(deviation + 0.3 * mean)


def test_noise_is_immerkaers_sum() -> None:
    # The kernel over a spot of 10 gives 10 * (1 2 1; 2 4 2; 1 2 1) in absolute values: 160 over 3 * 3 positions.
    assert technical.noise(SPOT) == pytest.approx(math.sqrt(math.pi / 2) * 160 / (6 * 3 * 3))


def test_noise_estimates_the_deviation_of_added_noise() -> None:
    random = np.random.default_rng(3)
    noisy = np.clip(random.normal(128, 6, (400, 400)).round(), 0, 255).astype(np.uint8)

    # The estimate has about 1 % of its own error at this size, rounding to grey levels adds 1/12 of variance.
    assert technical.noise(noisy) == pytest.approx(6.0, rel=0.03)


def test_noise_is_blind_to_a_plane_and_refuses_what_has_no_inside() -> None:
    plane = (np.arange(20)[:, None] * 2 + np.arange(30) * 3).astype(np.uint8)

    assert technical.noise(plane) == 0.0
    with pytest.raises(ValueError, match="at least 3 × 3 pixels, not 2 × 5"):
        technical.noise(np.zeros((5, 2), np.uint8))


def test_blankness_is_the_share_near_the_commonest_grey() -> None:
    row = np.array([[100] * 5 + [103] * 2 + [104] * 2 + [97]], np.uint8)

    assert technical.blankness(row) == pytest.approx(8 / 10)
    assert technical.blankness(flat(7)) == 1.0
    assert technical.blankness(np.arange(256, dtype=np.uint8)[None]) == pytest.approx(4 / 256)


def test_motion_is_the_deviation_of_the_difference() -> None:
    still = flat(50)
    half_moved = still.copy()
    half_moved[:, :4] = 70

    # Half the pixels change by 20, half by 0: deviation 10.
    assert technical.motion([still, still, half_moved]) == [0.0, 10.0]
    assert technical.motion([flat(0), flat(255)]) == [0.0]  # grows brighter as a whole
    assert technical.motion([still]) == []


def test_flicker_is_blind_to_a_fade_and_sees_a_flash() -> None:
    fade = [flat(level) for level in (10, 20, 30, 40)]
    flash = [flat(level) for level in (10, 60, 10)]

    assert technical.flicker(fade) == [0.0, 0.0]
    assert technical.flicker(flash) == [100.0]
    assert technical.flicker(fade[:2]) == []


def test_measures_compare_across_sizes_except_noise(tmp_path: Path) -> None:
    large = making.scene(1024, 768)
    small = large.resize((512, 384), Image.Resampling.BICUBIC)

    first, second = technical.measure_picture(large), technical.measure_picture(small)

    for name in ("contrast", "colourfulness", "exposure", "aspect"):
        assert first[name] == pytest.approx(second[name], rel=0.02)
    assert first["sharpness"] == pytest.approx(second["sharpness"], rel=0.1)
    assert first["resolution"] == pytest.approx(0.786432)


def test_a_blurred_picture_is_less_sharp_than_itself_at_any_size(tmp_path: Path) -> None:
    sharp = making.scene(512, 512)
    blurred = sharp.resize((64, 64), Image.Resampling.BICUBIC).resize((512, 512), Image.Resampling.BICUBIC)

    assert technical.measure_picture(blurred)["sharpness"] < technical.measure_picture(sharp)["sharpness"] / 4


def test_a_sample_of_two_pictures_gets_mean_and_spread(tmp_path: Path) -> None:
    black, white = Image.new("RGB", (8, 8), "black"), Image.new("RGB", (16, 8), "white")
    sample = making.item(making.saved(black, tmp_path), making.saved(white, tmp_path))

    (said,) = making.outcomes("technical", [sample])

    assert isinstance(said, Reading)
    assert said.results["technical_aspect"].value == pytest.approx(1.5)
    assert said.results["technical_aspect"].spread == pytest.approx(0.5)
    assert [one["aspect"] for one in said.detail["each"]] == [1.0, 2.0]  # type: ignore[union-attr,index,call-overload]
    assert "technical_motion" not in said.results


def test_a_video_is_measured_frame_by_frame_with_motion_and_flicker(tmp_path: Path) -> None:
    still = making.scene(128, 96)
    moving = [making.scene(128, 96, seed=seed) for seed in range(16)]
    flashing = [Image.new("RGB", (128, 96), "white" if number % 2 else "black") for number in range(16)]
    films = [making.filmed(frames, tmp_path) for frames in ([still] * 16, moving, flashing)]

    calm, lively, flashy = making.outcomes("technical", [making.item(film) for film in films])

    assert isinstance(calm, Reading)
    assert isinstance(lively, Reading)
    assert isinstance(flashy, Reading)
    assert len(lively.detail["each"]) == technical.FRAMES  # type: ignore[arg-type]
    assert calm.results["technical_motion"].value < 2 < lively.results["technical_motion"].value
    assert calm.results["technical_flicker"].value < 1
    # Black and white alternate by 255, the second difference is 510, less what the codec and studio range lose.
    assert flashy.results["technical_flicker"].value == pytest.approx(510, rel=0.05)
    assert flashy.results["technical_motion"].value < 2


def test_a_video_of_one_frame_has_neither_motion_nor_flicker(tmp_path: Path) -> None:
    (said,) = making.outcomes("technical", [making.item(making.filmed([making.scene(64, 64)], tmp_path))])

    assert isinstance(said, Reading)
    assert {"technical_motion", "technical_flicker"}.isdisjoint(said.results)
    assert "technical_sharpness" in said.results
