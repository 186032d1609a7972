"""Drawn pictures with the detail of photographs, and the rows that import them."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

SAMPLES_A_PROMPT = 4
DRAWN = 8  # different drawings; the other pictures are these, shifted


@dataclass(frozen=True)
class Kind:
    """One kind of picture files."""

    name: str
    side: int
    suffix: str
    options: dict[str, Any] = field(default_factory=dict)


JPEG = Kind("jpeg", 512, ".jpg", {"quality": 90})
PNG = Kind("png", 1024, ".png", {"compress_level": 3})


def draw(folder: Path, kind: Kind, count: int, seed: int) -> list[Path]:
    """Writes `count` pictures that no other seed writes; what is remembered of others is of no use for them."""
    folder.mkdir(parents=True)
    random = np.random.default_rng(seed)
    drawings = [_drawing(random, kind.side) for _number in range(min(DRAWN, count))]
    paths = [folder / f"{number:05}{kind.suffix}" for number in range(count)]
    for number, path in enumerate(paths):
        shift = tuple(int(steps) for steps in random.integers(0, kind.side, 2))
        shifted = np.roll(drawings[number % len(drawings)], shift, axis=(0, 1))
        Image.fromarray(shifted).save(path, **kind.options)
    return paths


def _drawing(random: np.random.Generator, side: int) -> np.ndarray:
    frequency = np.hypot(np.fft.fftfreq(side)[:, None], np.fft.rfftfreq(side)[None, :])
    frequency[0, 0] = np.inf
    # Amplitudes that fall with the frequency are what photographs have in common.
    noise = np.fft.irfft2(np.fft.rfft2(random.normal(size=(3, side, side))) / frequency**1.1)
    noise = np.moveaxis(noise / noise.std(axis=(1, 2), keepdims=True), 0, -1)
    grey = noise.mean(axis=-1, keepdims=True)
    picture = Image.fromarray(np.clip(128 + 45 * grey + 15 * noise, 0, 255).astype(np.uint8))
    pen = ImageDraw.Draw(picture)
    for _ring in range(9):
        x, y, radius = (int(value) for value in random.integers(side // 50, side // 2, 3))
        pen.ellipse(
            [x - radius, y - radius, x + radius, y + radius], outline=tuple(random.integers(0, 256, 3)), width=7
        )
    return np.asarray(picture)


def prompts_for(paths: list[Path], name: str) -> list[tuple[str, str]]:
    """Each picture with its prompt, four to a prompt that no other measurement has."""
    return [
        (str(path), f"a drawn picture with rings on a ground, number {number // SAMPLES_A_PROMPT} of {name}")
        for number, path in enumerate(paths)
    ]


def write_rows(pictures: list[tuple[str, str]], path: Path) -> Path:
    """The rows that import them."""
    rows = [
        {"prompt": prompt, "generator": f"g{number % SAMPLES_A_PROMPT}", "media": [Path(picture).name]}
        for number, (picture, prompt) in enumerate(pictures)
    ]
    path.write_text("\n".join(json.dumps(row) for row in rows))
    return path
