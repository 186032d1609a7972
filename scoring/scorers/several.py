"""Samples of several pictures: each different picture is looked at once, and a sample gets the mean over its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from scoring.scorers.base import Decoded, Item, Json, Reading, Result
from scoring.scorers.places import each_shown

FRAMES = 8
FRAMES_IN_WORDS = f"{FRAMES} evenly spaced frames of a video, mean over pictures and frames"
# A batch of videos has many frames; so many pictures at once keep the memory within bounds.
PICTURES_AT_ONCE = 64

Crop = NDArray[np.uint8]


def shown(decoded: Decoded) -> list[Image.Image]:
    """A sample's pictures and the frames of its videos, in order, mode RGB."""
    return [*decoded.pictures(), *(frame.image for frames in decoded.frames(FRAMES) for frame in frames)]


def distinct(crops: Sequence[Crop]) -> tuple[list[Crop], list[int]]:
    """The different pictures among these, and for each of these its place among the different ones.

    >>> black, white = np.zeros((1, 1, 3), np.uint8), np.full((1, 1, 3), 255, np.uint8)
    >>> distinct([white, black, white])[1]
    [0, 1, 0]
    """
    place: dict[bytes, int] = {}
    found: list[Crop] = []
    for crop in crops:
        if place.setdefault(crop.tobytes(), len(place)) == len(found):
            found.append(crop)
    return found, [place[crop.tobytes()] for crop in crops]


def in_parts(count: int, call: Callable[[slice], torch.Tensor]) -> torch.Tensor:
    """`call` of at most `PICTURES_AT_ONCE` at a time, joined along the first axis; count ≥ 1."""
    return torch.cat([call(slice(start, start + PICTURES_AT_ONCE)) for start in range(0, count, PICTURES_AT_ONCE)])


def pixels(crops: Sequence[Crop], *, mean: Sequence[float], std: Sequence[float], device: torch.device) -> torch.Tensor:
    """Normalised input of a model: n arrays (H, W, 3) uint8 become (n, 3, H, W) float32 on the device."""
    stacked = torch.from_numpy(np.stack(crops)).to(device)  # (n, H, W, 3)
    shift = torch.tensor(mean, device=device).view(1, 3, 1, 1)
    scale = torch.tensor(std, device=device).view(1, 3, 1, 1)
    return stacked.permute(0, 3, 1, 2).float().div(255).sub(shift).div(scale)


def mean_reading(
    criterion: str, values: Sequence[float], detail: Mapping[str, Json], *, item: Item | None = None
) -> Reading:
    """The mean over a sample's pictures, their standard deviation where there are several, and each one's value.

    Args:
        values: of the pictures and frames that `shown` gives, in order.
        item: the sample, so that each value has its place; None keeps them in the detail alone.
    """
    spread = float(np.std(values)) if len(values) > 1 else None
    return Reading(
        {criterion: Result(float(np.mean(values)), spread)},
        {"values": list(values), **detail},
        each_shown(item, criterion, values, FRAMES) if item else (),
    )
