"""What the Qwen-VL models are shown: pictures and frames at sizes they can cut into patches, as bytes until they run.

Source: Wang et al. 2024, “Qwen2-VL”. Sizes, filters and the choice of frames are those of the reward models' authors,
who force every picture to one area; another filter or rounding moves a score by more than many real gaps.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

# Bytes are clamped between the passes along both sides, floats only at the end: where light meets dark, they differ by
# a tenth of the range.
PILLOW, FLOATS, BYTES = "Pillow bicubic", "bicubic of floats, antialiased", "bicubic of bytes, antialiased"
WIDEST_ASPECT = 200
# The area, in pixels, that pictures are brought to: 256 tokens.
FORCED_AREA = 256 * 28 * 28
# Bounds of a frame's area where nothing else is stated, and of the number of frames.
SMALLEST_FRAME = 128 * 28 * 28
FEWEST_FRAMES, MOST_FRAMES = 4, 768
FRAMES_IN_A_PATCH = 2

# Of CLIP.
MEAN, STD = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)

Pixels = NDArray[np.uint8]


@dataclass(frozen=True)
class Sight:
    """How a picture becomes patches.

    Attributes:
        patch: side of a patch in pixels.
        merge: so many patches by so many become one token.
        smallest, largest: bounds of the area in pixels; equal where an area is forced.
        resample: PILLOW, FLOATS or BYTES.
        mean, std: of red, green and blue in 0 to 1.
    """

    patch: int = 14
    merge: int = 2
    smallest: int = FORCED_AREA
    largest: int = FORCED_AREA
    resample: str = PILLOW
    mean: tuple[float, ...] = MEAN
    std: tuple[float, ...] = STD

    @property
    def words(self) -> str:
        """All of it in one line, for the identity of a rater."""
        area = f"{self.smallest}" if self.smallest == self.largest else f"{self.smallest} to {self.largest}"
        return (
            f"on white, {self.resample} to {area} pixels, sides multiples of {self.patch * self.merge}, "
            f"mean {self.mean}, deviation {self.std}"
        )

    def picture(self, picture: Image.Image) -> View:
        """A picture, mode RGB, of any size."""
        return self.frames([picture])

    def frames(self, frames: Sequence[Image.Image]) -> View:
        """Frames of one size, mode RGB."""
        shown = [banded(frame) for frame in frames]
        width, height = shown[0].size
        size = smart_size(height, width, factor=self.patch * self.merge, smallest=self.smallest, largest=self.largest)
        return View(np.stack([_resized(frame, size, self.resample) for frame in shown]), self.patch, self.merge)

    def patches(self, view: View, device: torch.device) -> torch.Tensor:
        """A view as the picture tower reads it: (t · h · w, 3 · 2 · patch²) float32, normalised, on the device.

        Patches of a token follow each other. A patch is two frames long: a picture, or the last of an odd number of
        frames, stands twice.
        """
        shown = torch.from_numpy(view.pixels).to(device).permute(0, 3, 1, 2).float().div(255)  # (T, 3, H, W)
        means, stds = (torch.tensor(values, device=device).view(1, 3, 1, 1) for values in (self.mean, self.std))
        shown = shown.sub(means).div(stds)
        if len(shown) % FRAMES_IN_A_PATCH:
            shown = torch.cat([shown, shown[-1:]])
        times, high, wide = view.grid
        merge, patch = self.merge, self.patch
        cut = shown.reshape(times, FRAMES_IN_A_PATCH, 3, high // merge, merge, patch, wide // merge, merge, patch)
        cut = cut.permute(0, 3, 6, 4, 7, 2, 1, 5, 8)
        return cut.reshape(times * high * wide, 3 * FRAMES_IN_A_PATCH * patch * patch)


@dataclass(frozen=True, eq=False)
class View:
    """A picture (T = 1) or the frames of a video: (T, H, W, 3) uint8, both sides multiples of a token's."""

    pixels: Pixels
    patch: int
    merge: int

    @property
    def grid(self) -> tuple[int, int, int]:
        """Patches in time, height and width."""
        frames, height, width, _channels = self.pixels.shape
        return -(-frames // FRAMES_IN_A_PATCH), height // self.patch, width // self.patch

    @property
    def tokens(self) -> int:
        """How many tokens the language model gets of it."""
        return math.prod(self.grid) // self.merge**2

    @property
    def is_video(self) -> bool:
        return len(self.pixels) > 1

    @property
    def key(self) -> tuple[tuple[int, ...], bytes]:
        """Equal for views of equal content alone."""
        return self.pixels.shape, self.pixels.tobytes()


def smart_size(height: int, width: int, *, factor: int, smallest: int, largest: int) -> tuple[int, int]:
    """Sides near the given ones that are multiples of `factor`, with an area between two bounds, in pixels.

    Both sides are rounded to the nearest multiple (halves to the even one). Where that is too large in area, the
    picture is scaled to `largest` and both sides are rounded down; where too small, to `smallest` and up.

    >>> smart_size(768, 1024, factor=28, smallest=200704, largest=200704)
    (364, 504)
    >>> smart_size(100, 100, factor=28, smallest=200704, largest=200704)
    (448, 448)
    """
    high, wide = (max(factor, round(side / factor) * factor) for side in (height, width))
    if high * wide > largest:
        scale = math.sqrt(height * width / largest)
        return max(factor, int(height / scale / factor) * factor), max(factor, int(width / scale / factor) * factor)
    if high * wide < smallest:
        scale = math.sqrt(smallest / (height * width))
        return math.ceil(height * scale / factor) * factor, math.ceil(width * scale / factor) * factor
    return high, wide


def banded(picture: Image.Image) -> Image.Image:
    """The picture, in the middle of a white band where it is over 200 times as long as wide: its models refuse such."""
    narrow = -(-max(picture.size) // WIDEST_ASPECT)
    if min(picture.size) >= narrow:
        return picture
    band = Image.new("RGB", (max(picture.width, narrow), max(picture.height, narrow)), "white")
    band.paste(picture, ((band.width - picture.width) // 2, (band.height - picture.height) // 2))
    return band


def _resized(picture: Image.Image, size: tuple[int, int], resample: str) -> Pixels:
    """(height, width, 3), uint8."""
    if resample == PILLOW:
        return np.asarray(picture.resize(size[::-1], Image.Resampling.BICUBIC))
    whole = torch.from_numpy(np.array(picture)).permute(2, 0, 1)[None]  # (1, 3, H, W)
    whole = whole.float() if resample == FLOATS else whole
    scaled = torch.nn.functional.interpolate(whole, size=size, mode="bicubic", antialias=True, align_corners=False)
    found: Pixels = scaled.clamp(0, 255).round()[0].permute(1, 2, 0).to(torch.uint8).numpy()
    return found


# -- which frames -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class EvenFrames:
    """The rule by which frames are chosen: an even number of them, evenly spread, the first and the last included.

    Attributes:
        per_second: so many for each second of the video, at least 4 and at most 768 or all there are; or
        count: so many of any video.
    """

    per_second: float = 2.0
    count: int | None = None

    @property
    def words(self) -> str:
        many = f"{self.count} frames" if self.count else f"{self.per_second:g} frames a second, 4 to {MOST_FRAMES}"
        return f"{many}, an even number, evenly spread by their numbers, both ends included"

    def __call__(self, frames: int, rate: Fraction) -> list[int]:
        """Numbers of the chosen frames.

        Raises:
            ValueError: the video has fewer than two frames.
        """
        chosen = min(self._even(frames, float(rate)), frames)
        if chosen < FRAMES_IN_A_PATCH:
            raise ValueError(f"the video has too few frames ({frames}): the model looks at two at least")
        spread: list[int] = torch.linspace(0, frames - 1, chosen).round().long().tolist()
        return spread

    def _even(self, frames: int, rate: float) -> int:
        if self.count is not None:
            return round(self.count / 2) * 2
        most = min(MOST_FRAMES, frames) // 2 * 2
        wanted = min(max(frames / rate * self.per_second, FEWEST_FRAMES), most)
        return round(wanted / 2) * 2
