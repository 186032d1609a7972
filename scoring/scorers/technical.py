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
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from curation.media.frames import Frame
from scoring.scorers.base import Decoded, Item, Json, Place, Reading, Result, ScorerOfOne
from scoring.scorers.places import bounded, indices, over_picture

Grey = NDArray[np.uint8]
Colour = NDArray[np.uint8]

LONGER_SIDE = 512
FRAMES = 16
BLANK_WITHIN = 3
WELL_EXPOSED_SIGMA = 0.2
# Cells of the map of sharpness along the longer side; they are about as high as wide.
CELLS = 8
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
        still = decoded.pictures()
        pictures = [*still, *(frame.image for frames in videos for frame in frames)]
        views = [View.of(picture) for picture in pictures]
        measured = [view.measures() for view in views]
        names = {name: None for one in measured for name in one}
        values = {name: [one[name] for one in measured if name in one] for name in names}
        greys = [_greys(frames) for frames in videos]
        values |= _temporal(greys)
        detail: dict[str, Json] = {}
        if len(measured) > 1:
            detail = {"each": measured, "times_us": [[frame.time_us for frame in frames] for frames in videos]}
        return Reading(
            {f"technical_{name}": _mean(found) for name, found in values.items()},
            detail,
            bounded([*_sharp_places(item, views[: len(still)]), *_moving_places(item, videos, greys)]),
        )


@dataclass(frozen=True)
class View:
    """One picture, mode RGB, with what several measures need of it.

    Attributes:
        scaled: (H, W, 3), uint8, the longer side `LONGER_SIDE`.
        grey: (H, W), uint8, luminance of the same.
        edges: (H, W), int16, its Laplacian.
    """

    picture: Image.Image
    scaled: Colour
    grey: Grey
    edges: NDArray[np.int16]

    @classmethod
    def of(cls, picture: Image.Image) -> View:
        scaled = scaled_to(picture, LONGER_SIDE)
        grey = np.asarray(scaled.convert("L"))
        return cls(picture, np.asarray(scaled), grey, laplacian(grey))

    def measures(self) -> dict[str, float]:
        """Every still measure. `noise` is absent below 3 × 3 pixels, which have no interior."""
        width, height = self.picture.size
        measures = {
            "sharpness": float(np.var(self.edges, dtype=np.float64)),
            "exposure": exposure(self.scaled),
            "contrast": contrast(self.grey),
            "colourfulness": colourfulness(self.scaled),
            "blankness": blankness(self.grey),
            "resolution": width * height / 1e6,
            "aspect": width / height,
        }
        if min(width, height) >= 3:
            measures["noise"] = noise(np.asarray(self.picture.convert("L")))
        return measures


def measure_picture(picture: Image.Image) -> dict[str, float]:
    """Every still measure of one picture, mode RGB."""
    return View.of(picture).measures()


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
    return float(np.var(laplacian(grey), dtype=np.float64))


def laplacian(grey: Grey) -> NDArray[np.int16]:
    """L of `sharpness`, shape (H, W), -1020 to 1020."""
    padded = np.pad(grey.astype(np.int16), 1, mode="edge")
    across = padded[1:-1, 2:] + padded[1:-1, :-2]
    down = padded[2:, 1:-1] + padded[:-2, 1:-1]
    return np.asarray(across + down - 4 * padded[1:-1, 1:-1])


def sharpness_map(edges: NDArray[np.int16]) -> list[list[float]]:
    """Where a picture is sharp: the variance of the Laplacian within each cell of a grid over the whole picture.

    The longer side has `CELLS` cells, the shorter one as many as make them about square, at least 1; a cell never has
    less than a pixel. Edges of cells are at whole pixels, the i-th of n at ⌊i · side / n⌋. A cell's variance is about
    the cell's own mean, so the mean over cells is at most about the variance of the whole.

    Args:
        edges: shape (H, W), what `laplacian` gives.

    Returns:
        Rows from top to bottom, in grey levels², 0 to 1020².

    >>> sharpness_map(np.zeros((2, 4), np.int16))
    [[0.0, 0.0, 0.0, 0.0], [0.0, 0.0, 0.0, 0.0]]
    """
    height, width = edges.shape
    longer = max(height, width)
    rows, columns = (min(side, max(1, round(CELLS * side / longer))) for side in (height, width))
    down, across = (
        [side * place // count for place in range(count)] for side, count in ((height, rows), (width, columns))
    )
    values = edges.astype(np.float64)
    sizes = np.outer(np.diff([*down, height]), np.diff([*across, width]))
    mean, square = (
        np.add.reduceat(np.add.reduceat(part, down, axis=0), across, axis=1) / sizes for part in (values, values**2)
    )
    # Sums of whole numbers below 2 to the 53: exact, so that a flat cell is exactly 0.
    return [[float(max(value, 0.0)) for value in row] for row in square - mean**2]


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


def _sharp_places(item: Item, views: Sequence[View]) -> list[Place]:
    return [
        over_picture("technical_sharpness", sharpness_map(view.edges), index)
        for index, view in zip(indices(item, "image"), views, strict=True)
    ]


def _moving_places(item: Item, videos: Sequence[Sequence[Frame]], greys: Sequence[Sequence[Grey]]) -> list[Place]:
    """How much moves from each looked-at frame to the next, between the moments they are shown at."""
    places = []
    for index, frames, seen in zip(indices(item, "video"), videos, greys, strict=True):
        for value, (before, after) in zip(motion(seen), pairwise(frames), strict=True):
            end = min(after.time_us, item.media[index].duration_us)
            if before.time_us < end:
                start = before.time_us
                places.append(Place("technical_motion", value, "interval", media_index=index, start=start, end=end))
    return places


def _greys(frames: Sequence[Frame]) -> list[Grey]:
    return [np.asarray(scaled_to(frame.image, MOTION_SIDE).convert("L")) for frame in frames]


def _different(frames: Sequence[Frame]) -> list[Frame]:
    """The frames without repeats, which a short video gives."""
    return list({frame.time_us: frame for frame in frames}.values())


def _temporal(greys: Sequence[Sequence[Grey]]) -> dict[str, list[float]]:
    """Motion and flicker of all videos of a sample; a measure without any value is left out."""
    found = {
        "motion": [value for frames in greys for value in motion(frames)],
        "flicker": [value for frames in greys for value in flicker(frames)],
    }
    return {name: values for name, values in found.items() if values}


def _mean(values: Sequence[float]) -> Result:
    """The mean, and the population standard deviation where there are several values."""
    spread = float(np.std(values)) if len(values) > 1 else None
    return Result(float(np.mean(values)), spread)
