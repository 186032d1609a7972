"""How CLIPs see: what becomes of a picture before a model is given it, and what of it is remembered already.

Pillow and numpy alone, so that a process that only prepares pictures loads no model library. A tensor resize, or one
without antialiasing, moves the cosine by more than many real gaps between pictures.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from scoring import embeddings
from scoring.embeddings import Vector, frame_key, picture_key
from scoring.scorers.base import Decoded, Item, MediaFile

FRAMES = 8
# A strip is cut to its middle before it is resized: resized whole, 1 × 100,000 pixels would become 224 × 22,400,000.
WIDEST_ASPECT = 8

Crop = NDArray[np.uint8]
# A picture as a model is given it: (S, S, 3) grey levels, or (3, S, S) with 1 for the lightest.
View = NDArray[np.uint8] | NDArray[np.float32]


@dataclass
class Look:
    """One picture or frame as an encoder is going to see it, or has seen it.

    Attributes:
        key: under which its embedding is remembered; empty when it is not.
        view: the preprocessed pixels, until they are embedded.
        embedding: (d,), float32, once it is known; of length 1 unless its encoder says otherwise.
    """

    key: bytes = b""
    view: View | None = None
    embedding: Vector | None = None


Looks = tuple[Look, ...]


@dataclass(frozen=True)
class Viewer:
    """The first half of every scorer built on CLIP: the sample's pictures in order, then `FRAMES` frames of each video.

    Attributes:
        encoder: digest of the encoder, under which embeddings are remembered.
        sees: the preprocessing in words; whoever states the same words must make the same pixels.
        size: the model's image size.
        view: makes the pixels of a picture of mode RGB.
        folder: where embeddings are kept beyond a process; None where they are not.
    """

    encoder: str
    sees: str
    size: int
    view: Callable[[Image.Image, int], View]
    folder: Path | None = None

    def prepare(self, item: Item, decoded: Decoded) -> Looks:
        """The same looks for every scorer with this encoder; pixels only where an embedding is not known yet."""
        return decoded.derived(("CLIP looks", self.encoder), lambda: self._looks(item, decoded))

    def _looks(self, item: Item, decoded: Decoded) -> Looks:
        pictures = [Look(_picture_key(file)) for file in item.media if file.kind == "image"]
        frames = [Look(key) for file in item.media if file.kind == "video" for key in _frame_keys(file)]
        known = self._store().get([look.key for look in (*pictures, *frames) if look.key])
        for look in (*pictures, *frames):
            look.embedding = known.get(look.key)
        if any(look.embedding is None for look in pictures):
            self._fill(pictures, self._views(decoded, "pictures"))
        if any(look.embedding is None for look in frames):
            self._fill(frames, self._views(decoded, "frames"))
        return (*pictures, *frames)

    def _store(self) -> embeddings.Embeddings:
        if embeddings.folder() != self.folder:  # a process that was started to prepare
            embeddings.keep_below(self.folder)
        return embeddings.of(self.encoder)

    def _views(self, decoded: Decoded, kind: str) -> list[View]:
        """Made once for all encoders that see alike, whatever their weights."""
        return decoded.derived(("CLIP views", self.sees, kind), lambda: self._made(decoded, kind))

    def _made(self, decoded: Decoded, kind: str) -> list[View]:
        if kind == "pictures":
            shown = decoded.pictures()
        else:
            shown = [frame.image for frames in decoded.frames(FRAMES) for frame in frames]
        return [self.view(picture, self.size) for picture in shown]

    def _fill(self, looks: Sequence[Look], views: Sequence[View]) -> None:
        for look, view in zip(looks, views, strict=True):
            if look.embedding is None:
                look.view = view


def _picture_key(file: MediaFile) -> bytes:
    return picture_key(file.digest) if file.digest else b""


def _frame_keys(file: MediaFile) -> list[bytes]:
    return [frame_key(file.digest, place, FRAMES) if file.digest else b"" for place in range(FRAMES)]


# -- pixels -----------------------------------------------------------------------------------------------------------


def crop_for(picture: Image.Image, size: int) -> Crop:
    """CLIP's view of a picture: the shorter side to `size` with antialiased bicubic, then the middle square.

    Equal, byte for byte, to open_clip's own Pillow pipeline up to an aspect of 8; beyond, the middle part is cut out
    of the source first, which is the same up to rounding and bounds the memory. The odd pixel of an uneven margin
    follows torchvision's rule, round-half-even of margin / 2 (transformers rounds down instead).

    Args:
        picture: mode RGB, any size.
        size: side in pixels, at least 1.

    Returns:
        (size, size, 3), uint8.
    """
    width, height = picture.size
    if max(width, height) > WIDEST_ASPECT * min(width, height):
        return _strip_middle(picture, size)
    short, long = min(width, height), max(width, height)
    resized_long = int(size * long / short)
    resized = (size, resized_long) if width <= height else (resized_long, size)
    if resized != picture.size:
        picture = picture.resize(resized, Image.Resampling.BICUBIC)
    left, top = round((resized[0] - size) / 2), round((resized[1] - size) / 2)
    return np.asarray(picture.crop((left, top, left + size, top + size)))


def _strip_middle(picture: Image.Image, size: int) -> Crop:
    width, height = picture.size
    short = min(width, height)
    left, top = (width - short) / 2, (height - short) / 2
    square = picture.resize((size, size), Image.Resampling.BICUBIC, box=(left, top, left + short, top + short))
    return np.asarray(square)
