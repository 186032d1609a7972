"""Which of eleven plain colour names a pixel, or the middle of a box, has. A rule without a model.

The eleven are the basic colour words of English (Berlin and Kay 1969), which are those of GenEval and grey. A pixel is
named by its hue, saturation and value (Smith 1978):

    black    value below 0.2                     white   saturation below 0.15, value from 0.8
    grey     saturation below 0.15 otherwise     brown   hue 10° to 45° and value below 0.6
    red      hue from 345° or below 12°          orange  12° to 40°
    yellow   40° to 68°                          green   68° to 165°
    blue     165° to 255°                        purple  255° to 310°
    pink     310° to 345°, and pale reds: hue from 330° or below 20°, saturation below 0.55, value from 0.7

An object's colour is the commonest name in the middle half of its box, width and height, where the background is
least likely; a colour that is spread otherwise (a striped cat) is what this rule cannot see.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

COLOURS = ("red", "orange", "yellow", "green", "blue", "purple", "pink", "brown", "black", "white", "grey")
SAME = {"gray": "grey", "violet": "purple"}
# Of a box as much is looked at, in the middle.
MIDDLE = 0.5


def known_colour(word: str) -> str:
    """The name a word stands for; empty when it is none of them.

    >>> known_colour("Gray"), known_colour("teal")
    ('grey', '')
    """
    plain = SAME.get(word.strip().lower(), word.strip().lower())
    return plain if plain in COLOURS else ""


def colour_of(picture: NDArray[np.uint8], box: tuple[float, float, float, float]) -> str:
    """The colour of an object.

    Args:
        picture: (height, width, 3), uint8, sRGB.
        box: left, top, right, bottom in pixels of `picture`; what lies outside is left out, and a box without any
            pixel of its own counts as the nearest one.

    Returns:
        One of `COLOURS`; of equally common ones the first of them.
    """
    height, width = picture.shape[:2]
    left, right = _middle(box[0], box[2], width)
    top, bottom = _middle(box[1], box[3], height)
    names = names_of(picture[top:bottom, left:right].reshape(-1, 3))
    return COLOURS[int(np.bincount(names, minlength=len(COLOURS)).argmax())]


def _middle(low: float, high: float, size: int) -> tuple[int, int]:
    """First and last-but-one pixel of the middle part of an interval, at least one pixel, within the picture."""
    centre, half = (low + high) / 2, (high - low) / 2 * MIDDLE
    start = min(max(int(np.floor(centre - half)), 0), size - 1)
    return start, min(max(int(np.ceil(centre + half)), start + 1), size)


def names_of(pixels: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Places in `COLOURS` of pixels (n, 3) sRGB; (n,)."""
    hue, saturation, value = _hue_saturation_value(pixels)
    is_plain = saturation < 0.15
    is_pale_red = ((hue >= 330) | (hue < 20)) & (saturation < 0.55) & (value >= 0.7)
    rules = [
        (value < 0.2, "black"),
        (is_plain & (value >= 0.8), "white"),
        (is_plain, "grey"),
        (is_pale_red, "pink"),
        ((hue >= 10) & (hue < 45) & (value < 0.6), "brown"),
        ((hue >= 345) | (hue < 12), "red"),
        (hue < 40, "orange"),
        (hue < 68, "yellow"),
        (hue < 165, "green"),
        (hue < 255, "blue"),
        (hue < 310, "purple"),
        (hue < 345, "pink"),
    ]
    return np.select([where for where, _name in rules], [COLOURS.index(name) for _where, name in rules])


def _hue_saturation_value(
    pixels: NDArray[np.uint8],
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Hue in degrees (0 where there is none), saturation and value in 0 to 1; each (n,)."""
    red, green, blue = (pixels[:, channel] / 255.0 for channel in range(3))
    high, low = np.maximum(np.maximum(red, green), blue), np.minimum(np.minimum(red, green), blue)
    chroma = high - low
    safe = np.where(chroma > 0, chroma, 1.0)
    sixth = np.select(
        [chroma == 0, high == red, high == green],
        [np.zeros_like(chroma), ((green - blue) / safe) % 6, (blue - red) / safe + 2],
        (red - green) / safe + 4,
    )
    return sixth * 60, np.where(high > 0, chroma / np.where(high > 0, high, 1.0), 0.0), high
