"""Random weights that any machine and any version of a library makes alike: fixtures hold their names, not them.

numpy's `RandomState` is frozen for good, and only uniform numbers are drawn, whose arithmetic is exact everywhere.
Imported by the tests and by the scripts in `fixtures/`, which run under other libraries; it needs numpy and Pillow.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence

import numpy as np
from PIL import Image

# Deviation of a uniform number between −½ and ½ is 1/√12.
UNIFORM = 12**0.5
# What enters a picture tower is so small that the epsilon of its first norm can be told from another.
SMALL = 0.1
# T5 divides no attention score, and a choice among many words must be decided.
SHARPNESS = {"q": 0.3, "lm_head": 1.0}


def arrays(shapes: Mapping[str, Sequence[int]], gain: float = 1.0) -> dict[str, np.ndarray]:
    """A table of float32 arrays by name.

    Matrices have the deviation gain / √(inputs), so that signals neither die nor explode; weights of norms lie about
    1; everything else of one dimension has the deviation 0.1. A name has the same numbers in every table.
    """
    return {name: _array(name, tuple(shape), gain) for name, shape in shapes.items()}


def _array(name: str, shape: tuple[int, ...], gain: float) -> np.ndarray:
    random = np.random.RandomState(zlib.crc32(name.encode()))
    uniform = (random.random_sample(shape) - 0.5) * UNIFORM
    if len(shape) == 1 and name.endswith("weight"):
        return (1 + 0.1 * uniform).astype(np.float32)
    if len(shape) <= 1:
        return (0.1 * uniform).astype(np.float32)
    return (_scale(name, shape, gain) * uniform).astype(np.float32)


def _scale(name: str, shape: tuple[int, ...], gain: float) -> float:
    fan_in = float(np.prod(shape[1:]))
    if any(part in name for part in ("patch_embed.", "pos_embed", "cls_token")):
        return SMALL / fan_in**0.5 if len(shape) == 4 else SMALL
    if any(part in name for part in ("position_embedding", "word_embeddings", "embed_tokens", "shared")):
        return 0.5  # looked up, not multiplied
    return SHARPNESS.get(name.rsplit(".", 2)[-2], 1.0) * gain / fan_in**0.5


def pictures() -> list[np.ndarray]:
    """Pictures with structure and noise of several shapes, (height, width, 3), uint8."""
    return [_picture(height, width, seed) for seed, (height, width) in enumerate(SIZES)]


# Square, wide, high, larger than any tiny model's input, smaller than it; margins even, where crops agree everywhere.
SIZES = ((64, 64), (60, 100), (120, 80), (200, 320), (20, 24), (96, 64))


def frames(count: int, size: tuple[int, int]) -> list[Image.Image]:
    """Pictures of one size (height, width), as frames of a video are."""
    return [Image.fromarray(_picture(*size, seed)) for seed in range(count)]


def numbered_frames(count: int, height: int, width: int) -> list[np.ndarray]:
    """Frames of a video in which a square wanders; the red of the first pixel of each is its number, up to 255."""
    random = np.random.RandomState(count)
    ground = random.randint(0, 256, (height, width, 3)).astype(np.uint8) // 4
    shown = []
    for number in range(count):
        frame = ground + np.uint8(2 * number)
        left, top = (number * width // (count + 1), number * height // (count + 1))
        frame[top : top + height // 3, left : left + width // 3] = (200, 40 + number, 90)
        frame[0, 0] = number
        shown.append(frame)
    return shown


def _picture(height: int, width: int, seed: int) -> np.ndarray:
    random = np.random.RandomState(seed)
    down, across = np.mgrid[0:height, 0:width]
    bands = (down * random.randint(1, 9) + across * random.randint(1, 9) + 40 * seed)[..., None]
    grey = (bands * (1 + random.randint(0, 5, 3)) % 256).astype(np.int64)
    return np.clip(grey + random.randint(-30, 31, (height, width, 3)), 0, 255).astype(np.uint8)


def vocabulary(words: Sequence[str], size: int) -> list[str]:
    """BERT's marks, single letters, the words given, and as many made-up ones as are missing."""
    letters = [chr(code) for code in range(ord("a"), ord("z") + 1)]
    known = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *"0123456789.,!?", *letters]
    known = list(dict.fromkeys([*known, *(f"##{letter}" for letter in letters), *words]))
    return known + [f"filler{number}" for number in range(size - len(known))]
