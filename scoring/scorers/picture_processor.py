"""What a model's `preprocessor_config.json` asks for, done with Pillow alone: resize, middle crop, normalisation.

Reads the configurations of the ViT, DeiT, Bit, CLIP and SigLIP processors of transformers. A tensor resize, another
filter or other constants move a score by more than many real gaps between pictures, so that what is not understood is
refused.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from scoring import weights
from scoring.scorers.base import Decoded, Item, ScorerUnavailable

FILE = "preprocessor_config.json"
# A strip is cut to its middle before it is resized: resized whole, 1 × 100,000 pixels would become 256 × 25,600,000.
WIDEST_ASPECT = 8
ONE_LEVEL = 1 / 255

Crop = NDArray[np.uint8]


@dataclass(frozen=True)
class Defaults:
    """What a kind of processor does where its file is silent.

    Attributes:
        is_square: a size of one number means both sides, not the shorter one.
        resample: Pillow's number of the filter.
    """

    is_square: bool
    is_cropped: bool
    resample: int
    mean: tuple[float, ...]
    std: tuple[float, ...]


_HALF = (0.5, 0.5, 0.5)
_CLIP_MEAN, _CLIP_STD = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)
_IMAGENET_MEAN, _IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
KINDS = {
    "ViT": Defaults(is_square=True, is_cropped=False, resample=2, mean=_HALF, std=_HALF),
    "DeiT": Defaults(is_square=True, is_cropped=True, resample=3, mean=_IMAGENET_MEAN, std=_IMAGENET_STD),
    "Bit": Defaults(is_square=False, is_cropped=True, resample=3, mean=_CLIP_MEAN, std=_CLIP_STD),
    "CLIP": Defaults(is_square=False, is_cropped=True, resample=3, mean=_CLIP_MEAN, std=_CLIP_STD),
    "Siglip": Defaults(is_square=True, is_cropped=False, resample=3, mean=_HALF, std=_HALF),
}


@dataclass(frozen=True)
class PictureProcessor:
    """How a picture becomes a model's input.

    Attributes:
        size: (height, width) in pixels, or one number for the shorter side.
        crop: (height, width) cut from the middle afterwards; None keeps the whole.
        resample: Pillow's filter.
        mean, std: of red, green and blue in 0 to 1.
    """

    size: tuple[int, int] | int
    crop: tuple[int, int] | None
    resample: Image.Resampling
    mean: tuple[float, ...]
    std: tuple[float, ...]

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width of what the model is given."""
        if self.crop is not None:
            return self.crop
        assert isinstance(self.size, tuple)  # `read` refuses a shorter side without a crop
        return self.size

    @property
    def words(self) -> str:
        """All of it in one line, for the identity of a rater."""
        size = f"shorter side {self.size}" if isinstance(self.size, int) else f"{self.size[0]} × {self.size[1]}"
        crop = f", middle {self.crop[0]} × {self.crop[1]}" if self.crop else ""
        return f"on white, Pillow {self.resample.name.lower()} {size}{crop}, mean {self.mean}, deviation {self.std}"

    def crop_of(self, picture: Image.Image) -> Crop:
        """The model's view of a picture, before normalisation.

        Equal, byte for byte, to transformers' processor on Pillow; where the shorter side is scaled, up to an aspect
        of 8, beyond which the middle is cut out of the source first, equal up to rounding and bounded in memory.

        Args:
            picture: mode RGB, any size.

        Returns:
            (height, width, 3), uint8.
        """
        if isinstance(self.size, tuple):
            return _middle(picture.resize(self.size[::-1], self.resample), self.shape)
        width, height = picture.size
        short, long = min(width, height), max(width, height)
        if long > WIDEST_ASPECT * short:
            return self._strip_middle(picture, self.size / short)
        long = int(self.size * long / short)
        resized = (self.size, long) if width <= height else (long, self.size)
        return _middle(picture.resize(resized, self.resample), self.shape)

    def seen_of(self, size: tuple[int, int]) -> tuple[float, float, float, float]:
        """What of a picture of this width and height is in its crop: left, top, right, bottom in its pixels."""
        width, height = size
        short, long = min(size), max(size)
        if isinstance(self.size, tuple):
            resized = self.size[::-1]
        elif long > WIDEST_ASPECT * short:
            return self._strip(size, self.size / short)
        else:
            longer = int(self.size * long / short)
            resized = (self.size, longer) if width <= height else (longer, self.size)
        left, top = _margins(resized, self.shape)
        across, down = width / resized[0], height / resized[1]
        right, bottom = left + self.shape[1], top + self.shape[0]
        return left * across, top * down, right * across, bottom * down

    def _strip_middle(self, picture: Image.Image, scale: float) -> Crop:
        height, width = self.shape
        return np.asarray(picture.resize((width, height), self.resample, box=self._strip(picture.size, scale)))

    def _strip(self, size: tuple[int, int], scale: float) -> tuple[float, float, float, float]:
        height, width = self.shape
        middle = (size[0] / 2, size[1] / 2)
        across, down = width / scale / 2, height / scale / 2
        return middle[0] - across, middle[1] - down, middle[0] + across, middle[1] + down

    def pixels(self, crops: Sequence[Crop], device: torch.device) -> torch.Tensor:
        """Normalised input of a model: n arrays (H, W, 3) uint8 become (n, 3, H, W) float32 on the device."""
        return normalised(crops, mean=self.mean, std=self.std, device=device)


@dataclass(frozen=True)
class Seen:
    """The model's view of each of a sample's pictures and frames, in order; `times_us` only of frames."""

    crops: tuple[Crop, ...]
    times_us: tuple[int | None, ...]


@dataclass(frozen=True)
class Looker:
    """The first half of a scorer that looks at every picture and at some frames of every video."""

    processor: PictureProcessor
    frames: int

    def prepare(self, item: Item, decoded: Decoded) -> Seen:
        frames = [frame for frames in decoded.frames(self.frames) for frame in frames]
        pictures = [*decoded.pictures(), *(frame.image for frame in frames)]
        times = [*[None] * (len(pictures) - len(frames)), *(frame.time_us for frame in frames)]
        return Seen(tuple(self.processor.crop_of(picture) for picture in pictures), tuple(times))


def normalised(
    crops: Sequence[Crop], *, mean: Sequence[float], std: Sequence[float], device: torch.device
) -> torch.Tensor:
    """(value / 255 - mean) / std for each channel: n arrays (H, W, 3) uint8 become (n, 3, H, W) float32."""
    stacked = torch.from_numpy(np.stack(crops)).to(device)  # (n, H, W, 3)
    means, stds = (torch.tensor(values, device=device).view(1, 3, 1, 1) for values in (mean, std))
    return stacked.permute(0, 3, 1, 2).float().div(255).sub(means).div(stds)


def _middle(picture: Image.Image, shape: tuple[int, int]) -> Crop:
    """The middle of a picture; of an odd margin the smaller half is left and above, as transformers has it."""
    left, top = _margins(picture.size, shape)
    return np.asarray(picture.crop((left, top, left + shape[1], top + shape[0])))


def _margins(size: tuple[int, int], shape: tuple[int, int]) -> tuple[int, int]:
    """Left and above, of a width and height around a height and width."""
    return (size[0] - shape[1]) // 2, (size[1] - shape[0]) // 2


# -- reading the configuration ----------------------------------------------------------------------------------------


def read(folder: Path) -> PictureProcessor:
    """The preprocessing that a folder of weights states.

    Raises:
        ScorerUnavailable: there is no statement, or it asks for something that is not done here.
    """
    path = folder / FILE
    if not path.is_file():
        raise ScorerUnavailable(f"The folder {folder} has no {FILE}, so nobody knows how its model sees a picture.")
    stated = weights.read_json(path)
    try:
        return _processor(stated)
    except (KeyError, TypeError, ValueError) as error:
        raise ScorerUnavailable(f"{path} asks for a preprocessing that is not known here: {error}.") from error


def _processor(stated: Mapping[str, object]) -> PictureProcessor:
    kind = KINDS[_kind(stated)]
    for name in ("do_resize", "do_rescale", "do_normalize"):
        if stated.get(name, True) is not True:
            raise ValueError(f"{name} is {stated[name]}")
    if abs(number(stated.get("rescale_factor", ONE_LEVEL)) - ONE_LEVEL) > 1e-6:
        raise ValueError(f"rescale_factor is {stated['rescale_factor']}")
    size = _size(stated.get("size", 224), is_square=kind.is_square)
    is_cropped = stated.get("do_center_crop", kind.is_cropped)
    crop = _both_sides(stated.get("crop_size", 224)) if is_cropped else None
    return PictureProcessor(
        size=_fitting(size, crop),
        crop=crop,
        resample=Image.Resampling(int(number(stated.get("resample", kind.resample)))),
        mean=triple(stated.get("image_mean", kind.mean)),
        std=triple(stated.get("image_std", kind.std)),
    )


def _kind(stated: Mapping[str, object]) -> str:
    name = str(stated.get("image_processor_type") or stated.get("feature_extractor_type") or "")
    for kind in KINDS:
        if name.removesuffix("Fast") in (f"{kind}ImageProcessor", f"{kind}FeatureExtractor"):
            return kind
    raise ValueError(f"the processor is “{name}”, and not one of {', '.join(KINDS)}")


def _size(stated: object, *, is_square: bool) -> tuple[int, int] | int:
    if isinstance(stated, Mapping) and set(stated) == {"shortest_edge"}:
        return int(number(stated["shortest_edge"]))
    if isinstance(stated, Mapping) or is_square:
        return _both_sides(stated)
    return int(number(stated))


def _both_sides(stated: object) -> tuple[int, int]:
    if isinstance(stated, Mapping):
        if set(stated) != {"height", "width"}:
            raise ValueError(f"the size is {dict(stated)}")
        return int(number(stated["height"])), int(number(stated["width"]))
    return int(number(stated)), int(number(stated))


def _fitting(size: tuple[int, int] | int, crop: tuple[int, int] | None) -> tuple[int, int] | int:
    sides = size if isinstance(size, tuple) else (size, size)
    if isinstance(size, int) and crop is None:
        raise ValueError("the shorter side is scaled and nothing is cut, so that no two inputs are alike")
    if min(sides) < 1 or (crop is not None and (crop[0] > sides[0] or crop[1] > sides[1] or min(crop) < 1)):
        raise ValueError(f"the size {size} does not hold the crop {crop}")
    return size


def triple(stated: object) -> tuple[float, ...]:
    """Three numbers of a configuration; ValueError when they are not."""
    if not isinstance(stated, Sequence) or len(stated) != 3:
        raise ValueError(f"{stated} is not three numbers")
    return tuple(number(value) for value in stated)


def number(stated: object) -> float:
    """A number of a configuration; TypeError when it is none."""
    if isinstance(stated, bool) or not isinstance(stated, int | float):
        raise TypeError(f"“{stated}” is no number")
    return float(stated)
