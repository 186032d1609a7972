"""Operators on a picture; each says in which box pixels are others afterwards. Plain code."""

import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFilter

Pixels = npt.NDArray[np.uint8]  # (height, width, 3)
Box = tuple[int, int, int, int]  # left, top, right, bottom in pixels, half-open

SMALLEST = 16  # pixels a side; what is smaller has no part that could go wrong
_SHARE = (0.25, 0.5)  # of each side that a box takes
_PATCHES = 4  # a side of the box
_BLUR = 0.12  # radius, as a share of the box's shorter side
_TINT = 0.45
_QUALITY = 4  # of JPEG, 1 to 95
_KEPT = (0.4, 0.6)  # of each side that a crop keeps


@dataclass(frozen=True)
class PictureNegative:
    """A picture that was made worse.

    Args:
        pixels: of the negative, as large as the original.
        box: exactly around the pixels that are others than before; for a crop, all of it.
        detail: what was done, in whole numbers.
    """

    pixels: Pixels
    box: Box
    detail: dict[str, list[int]]


Change = Callable[[Pixels, Box, np.random.Generator], Pixels]


def apply(operator: str, pixels: Pixels, seed: int) -> PictureNegative | None:
    """The negative an operator makes of a picture; None where it changes nothing, or the picture is too small.

    Args:
        pixels: of the rendition, (height, width, 3).

    Raises:
        KeyError: no operator on pictures has this name.
    """
    random = np.random.Generator(np.random.PCG64(seed))
    if min(pixels.shape[:2]) < SMALLEST:
        return None
    if operator == "cropped":
        return _cropped(pixels, random)
    area = _place(pixels, random, _SHARE)
    changed = pixels.copy()
    left, top, right, bottom = area
    changed[top:bottom, left:right] = CHANGES[operator](pixels, area, random)
    box = _around(pixels, changed)
    return None if box is None else PictureNegative(changed, box, {"area": list(area)})


def _place(pixels: Pixels, random: np.random.Generator, share: tuple[float, float]) -> Box:
    height, width = pixels.shape[:2]
    w, h = (max(_PATCHES, round(side * random.uniform(*share))) for side in (width, height))
    left, top = int(random.integers(width - w + 1)), int(random.integers(height - h + 1))
    return left, top, left + w, top + h


def _around(before: Pixels, after: Pixels) -> Box | None:
    """The smallest box that holds every pixel that differs; None where none does."""
    differs = (before != after).any(axis=2)
    rows, columns = np.flatnonzero(differs.any(axis=1)), np.flatnonzero(differs.any(axis=0))
    if not len(rows):
        return None
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def _inside(pixels: Pixels, area: Box) -> Pixels:
    left, top, right, bottom = area
    return pixels[top:bottom, left:right]


def _erased(pixels: Pixels, area: Box, random: np.random.Generator) -> Pixels:
    left, top, right, bottom = area
    rim = 4
    around = pixels[max(0, top - rim) : bottom + rim, max(0, left - rim) : right + rim].reshape(-1, 3)
    inside = _inside(pixels, area)
    outside = around.sum(axis=0, dtype=np.int64) - inside.reshape(-1, 3).sum(axis=0, dtype=np.int64)
    count = len(around) - inside.shape[0] * inside.shape[1]
    colour = np.rint(outside / count) if count else np.rint(around.mean(axis=0))
    return np.broadcast_to(colour.astype(np.uint8), inside.shape)


def _shuffled(pixels: Pixels, area: Box, random: np.random.Generator) -> Pixels:
    """Whole patches move; what is left over at the right and at the bottom of the box stays."""
    inside = _inside(pixels, area).copy()
    h, w = inside.shape[0] // _PATCHES, inside.shape[1] // _PATCHES
    cut = inside[: h * _PATCHES, : w * _PATCHES]
    patches = cut.reshape(_PATCHES, h, _PATCHES, w, 3).swapaxes(1, 2).reshape(-1, h, w, 3)
    moved = patches[random.permutation(len(patches))].reshape(_PATCHES, _PATCHES, h, w, 3)
    inside[: h * _PATCHES, : w * _PATCHES] = moved.swapaxes(1, 2).reshape(cut.shape)
    return inside


def _blurred(pixels: Pixels, area: Box, random: np.random.Generator) -> Pixels:
    inside = _inside(pixels, area)
    radius = max(2.0, _BLUR * min(inside.shape[:2]))
    return np.asarray(Image.fromarray(inside).filter(ImageFilter.GaussianBlur(radius)))


def _tinted(pixels: Pixels, area: Box, random: np.random.Generator) -> Pixels:
    colour = np.zeros(3)
    colour[int(random.integers(3))] = 255.0
    mixed = _inside(pixels, area) * (1 - _TINT) + colour * _TINT
    return np.rint(mixed).astype(np.uint8)


def _compressed(pixels: Pixels, area: Box, random: np.random.Generator) -> Pixels:
    packed = io.BytesIO()
    Image.fromarray(_inside(pixels, area)).save(packed, "JPEG", quality=_QUALITY, subsampling=2)
    with Image.open(packed) as picture:
        return np.asarray(picture.convert("RGB"))


def _cropped(pixels: Pixels, random: np.random.Generator) -> PictureNegative | None:
    height, width = pixels.shape[:2]
    window = _place(pixels, random, _KEPT)
    enlarged = Image.fromarray(_inside(pixels, window)).resize((width, height), Image.Resampling.BICUBIC)
    changed = np.asarray(enlarged)
    if _around(pixels, changed) is None:
        return None
    return PictureNegative(changed, (0, 0, width, height), {"window": list(window)})


CHANGES: Mapping[str, Change] = {
    "box-erased": _erased,
    "patches-shuffled": _shuffled,
    "box-blurred": _blurred,
    "colour-cast": _tinted,
    "jpeg-noise": _compressed,
}
NAMES = (*CHANGES, "cropped")
