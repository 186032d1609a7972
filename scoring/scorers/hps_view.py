"""HPSv2's view of a picture, apart from its model, so that a process that only prepares loads no more than it needs."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image


def square_for(picture: Image.Image, size: int) -> NDArray[np.float32]:
    """HPSv2's view of a picture: the whole of it, its longer side `size`, in the middle of a black square.

    The order matters and is the reference's: first to floats, then resized by an antialiased bicubic whose overshoot is
    kept, then padded with zeros, and only then (by the model) normalised, so that the border is black and not grey.
    Where the longer side is `size` already and the picture no square, the reference forgets to pad and fails later;
    here it is padded. A side that would round to nothing is one pixel.

    Args:
        picture: mode RGB, any size.
        size: side in pixels, at least 1.

    Returns:
        (3, size, size), float32, 0 black and 1 white, up to a tenth beyond at hard edges.

    Source: `ResizeMaxSize` and `image_transform` in hpsv2/src/open_clip/transform.py of hpsv2 1.2.0, which rests on
    torchvision's resize of tensors; since torchvision 0.17 that one is antialiased.
    """
    scale = size / max(picture.size)
    width, height = (max(1, round(side * scale)) for side in picture.size)
    square = np.zeros((3, size, size), np.float32)
    top, left = (size - height) // 2, (size - width) // 2
    for place, channel in enumerate(picture.split()):
        square[place, top : top + height, left : left + width] = _resized(channel, width, height)
    return square


def _resized(channel: Image.Image, width: int, height: int) -> NDArray[np.float32]:
    """(height, width), float32; one channel at a time, because as floats a picture takes four times its memory."""
    grey = torch.from_numpy(np.array(channel)).float().div(255)
    if (width, height) == channel.size:
        return grey.numpy()
    resized = torch.nn.functional.interpolate(
        grey[None, None], size=(height, width), mode="bicubic", align_corners=False, antialias=True
    )
    return resized[0, 0].numpy()
