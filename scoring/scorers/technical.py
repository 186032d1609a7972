"""The picture as a signal: formulas that anyone can recompute.

Two views of a picture are used. The *scaled* view has its longer side at exactly 512 pixels (Pillow's antialiased
bicubic filter, up or down, the shorter side rounded and at least 1), so that sharpness, exposure, contrast,
colourfulness and blankness of pictures of different sizes compare. Noise is measured at the picture's own size,
because scaling averages it away. Luminance is Pillow's mode `L`: 0.299 R + 0.587 G + 0.114 B (ITU-R BT.601) of the
encoded values, rounded to a grey level from 0 to 255.

A sample of several pictures, or of a video, gets the mean over pictures or frames; `spread` is their population
standard deviation.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from curation.media.frames import Frame
from scoring.scorers.base import Decoded, Item, Json, Reading, Result, ScorerOfOne

Grey = NDArray[np.uint8]
Colour = NDArray[np.uint8]

LONGER_SIDE = 512
FRAMES = 16
BLANK_WITHIN = 3
WELL_EXPOSED_SIGMA = 0.2
# Motion is measured on frames of this longer side, so that videos of different sizes compare.
MOTION_SIDE = 256


class Technical(ScorerOfOne):
    """Measures everything while the pixels are at hand."""

    def identity_parts(self) -> dict[str, Json]:
        return {
            "preprocessing": f"longer side {LONGER_SIDE}, Pillow bicubic, luma BT.601; noise at own size",
            "decoding": f"{FRAMES} evenly spaced frames; motion at longer side {MOTION_SIDE}",
        }

    def prepare(self, item: Item, decoded: Decoded) -> Reading:
        videos = [_different(frames) for frames in decoded.frames(FRAMES)]
        pictures = [*decoded.pictures(), *(frame.image for frames in videos for frame in frames)]
        measured = [measure_picture(picture) for picture in pictures]
        names = {name: None for one in measured for name in one}
        values = {name: [one[name] for one in measured if name in one] for name in names}
        values |= _temporal([[frame.image for frame in frames] for frames in videos])
        detail: dict[str, Json] = {}
        if len(measured) > 1:
            detail = {"each": measured, "times_us": [[frame.time_us for frame in frames] for frames in videos]}
        return Reading({f"technical_{name}": _mean(found) for name, found in values.items()}, detail)


def measure_picture(picture: Image.Image) -> dict[str, float]:
    """Every still measure of one picture, mode RGB. `noise` is absent below 3 × 3 pixels, which have no interior."""
    scaled = scaled_to(picture, LONGER_SIDE)
    colour = np.asarray(scaled)  # (H, W, 3)
    grey = np.asarray(scaled.convert("L"))  # (H, W)
    width, height = picture.size
    measures = {
        "sharpness": sharpness(grey),
        "exposure": exposure(colour),
        "contrast": contrast(grey),
        "colourfulness": colourfulness(colour),
        "blankness": blankness(grey),
        "resolution": width * height / 1e6,
        "aspect": width / height,
    }
    if min(width, height) >= 3:
        measures["noise"] = noise(np.asarray(picture.convert("L")))
    return measures


def scaled_to(picture: Image.Image, longer_side: int) -> Image.Image:
    """The picture with its longer side at exactly `longer_side` pixels and the shorter one rounded, at least 1."""
    width, height = picture.size
    factor = longer_side / max(width, height)
    size = (max(1, round(width * factor)), max(1, round(height * factor)))
    return picture if size == picture.size else picture.resize(size, Image.Resampling.BICUBIC)


def sharpness(grey: Grey) -> float:
    """Variance of the Laplacian: high where there are edges, zero for a flat picture.

    L(x, y) = I(x+1, y) + I(x−1, y) + I(x, y+1) + I(x, y−1) − 4 I(x, y), the border repeated outwards.

    Args:
        grey: shape (H, W), uint8, grey levels 0..255, any size from 1 × 1.

    Returns:
        Population variance of L over all pixels, in grey levels², 0 to 1020².

    Source: Pech-Pacheco et al., "Diatom autofocusing in brightfield microscopy", ICPR 2000.

    >>> sharpness(np.full((4, 4), 7, np.uint8))
    0.0
    """
    padded = np.pad(grey.astype(np.int16), 1, mode="edge")
    across = padded[1:-1, 2:] + padded[1:-1, :-2]
    down = padded[2:, 1:-1] + padded[:-2, 1:-1]
    return float(np.var(across + down - 4 * padded[1:-1, 1:-1], dtype=np.float64))


def exposure(colour: Colour) -> float:
    """Well-exposedness: how close the three channels are to middle grey, 1 for exactly middle grey everywhere.

    The mean over pixels of the product over channels of exp(−(c − 0.5)² / (2 · 0.2²)), c = value / 255.

    Args:
        colour: shape (H, W, 3), uint8.

    Returns:
        0 to 1; black and white both give exp(−9.375), about 0.00008.

    Source: Mertens, Kautz and Van Reeth, "Exposure Fusion", Pacific Graphics 2007, section 3.1.
    """
    levels = np.arange(256) / 255.0
    closeness = np.exp(-((levels - 0.5) ** 2) / (2 * WELL_EXPOSED_SIGMA**2))
    return float(np.prod(closeness[colour], axis=-1).mean())


def contrast(grey: Grey) -> float:
    """RMS contrast: the population standard deviation of luminance as a share of full scale.

    Args:
        grey: shape (H, W), uint8.

    Returns:
        0 to 0.5; half black and half white gives 0.5.

    Source: Peli, "Contrast in complex images", JOSA A 7, 1990, equation 4.
    """
    return float(np.std(grey, dtype=np.float64) / 255.0)


def colourfulness(colour: Colour) -> float:
    """Hasler and Süsstrunk's M: spread of the opponent colours plus 0.3 of their mean's distance from grey.

    rg = R − G, yb = (R + G) / 2 − B; M = √(σ_rg² + σ_yb²) + 0.3 √(μ_rg² + μ_yb²), population deviations.

    Args:
        colour: shape (H, W, 3), uint8.

    Returns:
        0 for any grey picture; about 15 slightly, 45 averagely, 82 highly colourful, 109 extremely. Below 470.

    Source: Hasler and Süsstrunk, "Measuring colourfulness in natural images", SPIE 5007, 2003, equation 2.
    """
    red, green, blue = (colour[..., channel].astype(np.float64) for channel in range(3))
    red_green = red - green
    yellow_blue = (red + green) / 2 - blue
    deviation = np.hypot(red_green.std(), yellow_blue.std())
    mean = np.hypot(red_green.mean(), yellow_blue.mean())
    return float(deviation + 0.3 * mean)


def noise(grey: Grey) -> float:
    """Immerkær's fast estimate of the standard deviation of additive noise.

    σ = √(π / 2) / (6 (W − 2)(H − 2)) · Σ |I ∗ N| over the interior, N = [1 −2 1; −2 4 −2; 1 −2 1]. Fine texture
    counts as noise.

    Args:
        grey: shape (H, W), uint8, both at least 3.

    Returns:
        Grey levels, 0 to 426.2; zero for any picture that is linear across or down.

    Raises:
        ValueError: smaller than 3 × 3.

    Source: Immerkær, "Fast noise variance estimation", CVIU 64(2), 1996.
    """
    if min(grey.shape) < 3:
        raise ValueError(f"noise needs at least 3 × 3 pixels, not {grey.shape[1]} × {grey.shape[0]}")
    # N is the product of [1 −2 1] down and [1 −2 1] across: two second differences.
    filtered = np.diff(np.diff(grey.astype(np.int16), n=2, axis=0), n=2, axis=1)
    return float(np.sqrt(np.pi / 2) / 6 * np.abs(filtered).mean(dtype=np.float64))


def blankness(grey: Grey) -> float:
    """Share of pixels within 3 grey levels of the most common level (the lowest one when several tie).

    Args:
        grey: shape (H, W), uint8.

    Returns:
        Above 0, up to 1; 1 for a flat picture, about 0.03 where all levels are equally common.

    Source: our own rule, for generations that came out empty.
    """
    counts = np.bincount(grey.ravel(), minlength=256)
    common = int(counts.argmax())
    near = counts[max(0, common - BLANK_WITHIN) : common + BLANK_WITHIN + 1].sum()
    return float(near / grey.size)


def motion(greys: Sequence[Grey]) -> list[float]:
    """Temporal information: the spatial standard deviation of the difference of each two neighbouring frames.

    Args:
        greys: frames of one shape (H, W), uint8, in order of time.

    Returns:
        One value fewer than frames, in grey levels, 0 to 255; empty for fewer than two frames. A still video and a
        video that only grows brighter as a whole give zeros.

    Source: ITU-T P.910, section 5.3.2 (there the maximum over all frames; here the mean over sampled ones).
    """
    signed = [grey.astype(np.int16) for grey in greys]
    return [float(np.std(after - before)) for before, after in pairwise(signed)]


def flicker(greys: Sequence[Grey]) -> list[float]:
    """How far each frame's mean luminance is off the straight line between its two neighbours', doubled.

    |m(t−1) − 2 m(t) + m(t+1)|; a steady fade gives zeros.

    Args:
        greys: frames (H, W), uint8, in order of time.

    Returns:
        Two values fewer than frames, in grey levels, 0 to 510; empty for fewer than three frames.

    Source: our own rule: the second difference, the simplest filter that is blind to a steady fade.
    """
    means = np.array([grey.mean(dtype=np.float64) for grey in greys])
    return [float(value) for value in np.abs(np.diff(means, n=2))]


def _different(frames: Sequence[Frame]) -> list[Frame]:
    """The frames without repeats, which a short video gives."""
    return list({frame.time_us: frame for frame in frames}.values())


def _temporal(videos: Sequence[Sequence[Image.Image]]) -> dict[str, list[float]]:
    """Motion and flicker of all videos of a sample; a measure without any value is left out."""
    greys = [[np.asarray(scaled_to(frame, MOTION_SIDE).convert("L")) for frame in frames] for frames in videos]
    found = {
        "motion": [value for frames in greys for value in motion(frames)],
        "flicker": [value for frames in greys for value in flicker(frames)],
    }
    return {name: values for name, values in found.items() if values}


def _mean(values: Sequence[float]) -> Result:
    """The mean, and the population standard deviation where there are several values."""
    spread = float(np.std(values)) if len(values) > 1 else None
    return Result(float(np.mean(values)), spread)
