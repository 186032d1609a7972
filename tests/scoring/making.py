"""Small pictures, videos and items for tests of scorers. No database."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import count
from pathlib import Path
from typing import Any

import av
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from scoring.catalogue import build
from scoring.decoding import DecodedMedia
from scoring.engine import Batch, Pace, run
from scoring.scorers.base import Item, MediaFile, Outcome, Scorer

_ids = count(1)


def noise(width: int, height: int, seed: int = 0) -> Image.Image:
    values = np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)
    return Image.fromarray(values)


def scene(width: int = 320, height: int = 240, seed: int = 0) -> Image.Image:
    """Smooth shapes, unlike for every seed: a picture with a composition of its own."""
    random = np.random.default_rng(seed)
    picture = Image.new("RGB", (width, height), tuple(int(c) for c in random.integers(60, 200, 3)))
    draw = ImageDraw.Draw(picture)
    for _shape in range(9):
        x, y = random.integers(0, width), random.integers(0, height)
        radius = int(random.integers(min(width, height) // 10, min(width, height) // 3))
        draw.ellipse(
            (x - radius, y - radius, x + radius, y + radius), tuple(int(c) for c in random.integers(0, 256, 3))
        )
    return picture


def sign(text: str, width: int = 640, height: int = 320) -> Image.Image:
    picture = Image.new("RGB", (width, height), "white")
    ImageDraw.Draw(picture).multiline_text((40, 60), text, fill="black", font=ImageFont.load_default(64))
    return picture


def saved(picture: Image.Image, folder: Path, name: str = "") -> MediaFile:
    path = folder / (name or f"picture-{next(_ids)}.png")
    picture.save(path)
    return MediaFile(path, "image", *picture.size)


def filmed(frames: Sequence[Image.Image], folder: Path, fps: int = 8) -> MediaFile:
    """A WebM video of the frames."""
    path = folder / f"video-{next(_ids)}.webm"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libvpx", rate=fps)
        stream.width, stream.height = frames[0].size
        stream.pix_fmt = "yuv420p"
        stream.bit_rate = 4_000_000
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_image(frame)))
        container.mux(stream.encode())
    return MediaFile(path, "video", *frames[0].size, duration_us=len(frames) * 1_000_000 // fps)


def item(*media: MediaFile, prompt_id: int = 1, **fields: Any) -> Item:
    return Item(sample_id=next(_ids), prompt_id=prompt_id, media=media, **fields)


def outcomes(scorer: Scorer[Any] | str, items: Sequence[Item], pace: Pace | None = None) -> list[Outcome]:
    """What one scorer says of each item, in order, through the engine."""
    found = run(items, [build(scorer) if isinstance(scorer, str) else scorer], pace or Pace(threads=0))
    return [outcome for batch in found for outcome in batch.outcomes]


def by_scorer(batches: Sequence[Batch]) -> dict[str, list[Outcome]]:
    said: dict[str, list[Outcome]] = {}
    for batch in batches:
        said.setdefault(batch.scorer.name, []).extend(batch.outcomes)
    return said


def counting(calls: list[Path], read: Callable[[Path], Image.Image]) -> Callable[[Path], Image.Image]:
    """The reader itself, with every call written down."""

    def reader(path: Path) -> Image.Image:
        calls.append(path)
        return read(path)

    return reader


def decoded(*media: MediaFile) -> DecodedMedia:
    return DecodedMedia(item(*media))
