"""Detectors of transformers behind one face: DETR and its kin, which know a fixed list of classes.

Preprocessing (Pillow) and the reading of boxes are done here; the network is transformers'. Detectors that are told
in words what to look for are in `open_detectors.py`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from scoring import weights
from scoring.scorers import pretrained
from scoring.scorers.base import ScorerUnavailable
from scoring.scorers.object_rules import Detection
from scoring.scorers.picture_processor import FILE, Crop, normalised, number, triple

# isort: split
from transformers import (  # after pretrained, which makes it importable
    ConditionalDetrForObjectDetection,
    DeformableDetrForObjectDetection,
    DetrForObjectDetection,
    RTDetrForObjectDetection,
    YolosForObjectDetection,
)

PICTURES_AT_ONCE = 8
# No side becomes smaller, for the networks halve it five times; it matters beyond an aspect of forty.
SMALLEST = 32
IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
# GenEval's names of classes that COCO, and so most detectors, call otherwise.
OTHERWISE = {"computer keyboard": "keyboard", "computer mouse": "mouse", "tv remote": "remote"}


@dataclass(frozen=True)
class View:
    """What a detector keeps of a picture.

    Attributes:
        pixels: (height, width, 3) uint8 before normalisation, or (3, height, width) float32 after it.
        size: width and height of the picture itself.
    """

    pixels: NDArray[Any]
    size: tuple[int, int]


class Detector(Protocol):
    """Finds objects. Made without loading anything but configurations."""

    @property
    def words(self) -> str:
        """The preprocessing in one line, for the identity of a rater."""

    def knows(self, name: str) -> bool:
        """Whether it can find objects of a class at all."""

    def load(self, device: torch.device, dtype: torch.dtype) -> Any:
        """Reads the weights and returns the network. Raises ScorerUnavailable."""

    def view(self, picture: Image.Image) -> View:
        """Its input from a picture, mode RGB; for threads."""

    def detect(self, views: Sequence[View], classes: Sequence[Sequence[str]]) -> list[list[Detection]]:
        """What it finds of the named classes in each picture, at any confidence, in pixels of the picture."""


# -- preprocessing ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class DetectorProcessor:
    """How a picture becomes a detector's input: scaled as a whole, never cut.

    Attributes:
        shortest, longest: the shorter side becomes the first, unless the longer one would exceed the second.
        exact: (height, width) whatever the aspect; None where the two above rule.
        multiple: both sides are cut down to a multiple of it.
    """

    shortest: int
    longest: int
    exact: tuple[int, int] | None
    multiple: int
    resample: Image.Resampling
    mean: tuple[float, ...]
    std: tuple[float, ...]

    @property
    def words(self) -> str:
        size = f"{self.exact[0]} × {self.exact[1]}" if self.exact else f"shorter side {self.shortest} ≤ {self.longest}"
        multiple = f" in multiples of {self.multiple}" if self.multiple > 1 else ""
        return f"on white, Pillow {self.resample.name.lower()} {size}{multiple}, mean {self.mean}, deviation {self.std}"

    def view(self, picture: Image.Image) -> View:
        resized = picture.resize(self.fitted(*picture.size), self.resample)
        return View(np.asarray(resized), picture.size)

    def fitted(self, width: int, height: int) -> tuple[int, int]:
        """Width and height after scaling, as transformers' processor rounds them."""
        if self.exact:
            return self.exact[1], self.exact[0]
        short, long = min(width, height), max(width, height)
        scaled: float = self.shortest
        if long / short * self.shortest > self.longest:
            scaled = self.longest * short / long
        sides = round(scaled), int(scaled * long / short)
        if round(scaled) == short:
            sides = short, long
        least = max(SMALLEST, self.multiple)
        short, long = (max(side - side % self.multiple, least) for side in sides)
        return (short, long) if width <= height else (long, short)


def read_processor(folder: Path, *, multiple: int, is_exact: bool) -> DetectorProcessor:
    """The preprocessing a folder states; `is_exact`: where it is silent, 640 × 640 without normalisation (RT-DETR).

    Raises:
        ScorerUnavailable: there is no statement, or it asks for something that is not done here.
    """
    path = folder / FILE
    if not path.is_file():
        raise ScorerUnavailable(f"The folder {folder} has no {FILE}, so nobody knows how its model sees a picture.")
    stated = weights.read_json(path)
    try:
        return _processor(stated, multiple, is_exact)
    except (KeyError, TypeError, ValueError) as error:
        raise ScorerUnavailable(f"{path} asks for a preprocessing that is not known here: {error}.") from error


def _processor(stated: Mapping[str, object], multiple: int, is_exact: bool) -> DetectorProcessor:
    for name in ("do_resize", "do_rescale"):
        if stated.get(name, True) is not True:
            raise ValueError(f"{name} is {stated[name]}")
    if abs(number(stated.get("rescale_factor", 1 / 255)) - 1 / 255) > 1e-6:
        raise ValueError(f"rescale_factor is {stated['rescale_factor']}")
    shortest, longest, exact = _size(stated, is_exact)
    is_plain = not stated.get("do_normalize", not is_exact)
    return DetectorProcessor(
        shortest=shortest,
        longest=longest,
        exact=exact,
        multiple=multiple,
        resample=Image.Resampling(int(number(stated.get("resample", 2)))),
        mean=(0.0, 0.0, 0.0) if is_plain else triple(stated.get("image_mean", IMAGENET[0])),
        std=(1.0, 1.0, 1.0) if is_plain else triple(stated.get("image_std", IMAGENET[1])),
    )


def _size(stated: Mapping[str, object], is_exact: bool) -> tuple[int, int, tuple[int, int] | None]:
    default: object = {"height": 640, "width": 640} if is_exact else {"shortest_edge": 800, "longest_edge": 1333}
    size = stated.get("size", default)
    if not isinstance(size, Mapping):
        return int(number(size)), int(number(stated.get("max_size", 1333))), None
    if set(size) == {"height", "width"}:
        return 0, 0, (int(number(size["height"])), int(number(size["width"])))
    if set(size) != {"shortest_edge", "longest_edge"}:
        raise ValueError(f"the size is {dict(size)}")
    return int(number(size["shortest_edge"])), int(number(size["longest_edge"])), None


# -- DETR and its kin -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Kin:
    """A family of detectors.

    Attributes:
        has_nothing: the last class means “no object” and a softmax decides; else each class has a sigmoid of its own.
        top: with sigmoids, so many pairs of box and class are looked at, the likeliest ones; 0 for as many as boxes.
    """

    model_class: Any
    has_nothing: bool
    top: int = 0
    multiple: int = 1
    is_exact: bool = False


KIN = {
    "detr": Kin(DetrForObjectDetection, has_nothing=True),
    "yolos": Kin(YolosForObjectDetection, has_nothing=True, multiple=16),
    "conditional_detr": Kin(ConditionalDetrForObjectDetection, has_nothing=False, top=100),
    "deformable_detr": Kin(DeformableDetrForObjectDetection, has_nothing=False, top=100),
    "rt_detr": Kin(RTDetrForObjectDetection, has_nothing=False, is_exact=True),
}


class ClosedDetector:
    """A detector of the classes in its configuration."""

    def __init__(self, found: pretrained.Folder) -> None:
        self._found = found
        self._kin = KIN[found.model_type]

    @cached_property
    def _processor(self) -> DetectorProcessor:
        return read_processor(self._found.folder, multiple=self._kin.multiple, is_exact=self._kin.is_exact)

    @cached_property
    def _names(self) -> dict[int, str]:
        stated = self._found.stated.get("id2label", {})
        return {int(place): str(name).lower() for place, name in stated.items()}

    @property
    def words(self) -> str:
        return self._processor.words

    def knows(self, name: str) -> bool:
        return OTHERWISE.get(name, name) in self._names.values() or name in self._names.values()

    def load(self, device: torch.device, dtype: torch.dtype) -> Any:
        _check = self._processor
        # The backbone's own weights are in the file; nothing may be fetched for it.
        stated = {**self._found.stated, "use_pretrained_backbone": False}
        found = pretrained.Folder(self._found.folder, stated, self._found.path)
        self._model = pretrained.load(found, self._kin.model_class, device=device, dtype=dtype)
        self._device, self._dtype = device, dtype
        return self._model

    def view(self, picture: Image.Image) -> View:
        return self._processor.view(picture)

    def detect(self, views: Sequence[View], classes: Sequence[Sequence[str]]) -> list[list[Detection]]:
        """Only pictures of equal shape share a batch: beside a larger one a picture is padded, and its numbers move."""
        found: dict[int, list[Detection]] = {}
        shapes = [view.pixels.shape for view in views]
        for shape in dict.fromkeys(shapes):
            places = [place for place, one in enumerate(shapes) if one == shape]
            for start in range(0, len(places), PICTURES_AT_ONCE):
                part = places[start : start + PICTURES_AT_ONCE]
                found.update(zip(part, self._found_in([views[place] for place in part]), strict=True))
        return [_asked_for(found[place], names) for place, names in enumerate(classes)]

    @torch.inference_mode()
    def _found_in(self, views: Sequence[View]) -> list[list[Detection]]:
        crops: list[Crop] = [view.pixels for view in views]
        pixels = normalised(crops, mean=self._processor.mean, std=self._processor.std, device=self._device)
        said = self._model(pixel_values=pixels.to(self._dtype))
        logits, boxes = said.logits.float().cpu(), said.pred_boxes.float().cpu()
        return [self._detections(*one) for one in zip(logits, boxes, views, strict=True)]

    def _detections(self, logits: torch.Tensor, boxes: torch.Tensor, view: View) -> list[Detection]:
        scores, queries, labels = likeliest(logits, self._kin)
        corners = in_pixels(boxes[queries], *view.size).tolist()
        return [
            Detection(self._names.get(label, ""), score, tuple(corner))
            for score, label, corner in zip(scores.tolist(), labels.tolist(), corners, strict=True)
        ]


def _asked_for(detections: Sequence[Detection], names: Sequence[str]) -> list[Detection]:
    """Only the classes asked for, under the names they were asked by."""
    present = {one.name for one in detections}
    own = {(name if name in present else OTHERWISE.get(name, name)): name for name in names}
    return [Detection(own[one.name], one.score, one.box) for one in detections if one.name in own]


def likeliest(logits: torch.Tensor, kin: Kin) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Confidences with the box and the class each belongs to.

    Args:
        logits: (queries, classes), with “no object” as the last class where the family has it.

    Returns:
        scores (k,) in 0 to 1, queries (k,), classes (k,).
    """
    if kin.has_nothing:
        scores, labels = logits.softmax(dim=-1)[:, :-1].max(dim=-1)
        return scores, torch.arange(len(scores)), labels
    flat = logits.sigmoid().flatten()
    scores, places = flat.topk(min(kin.top or len(logits), len(flat)))
    return scores, places // logits.shape[1], places % logits.shape[1]


def in_pixels(boxes: torch.Tensor, width: float, height: float) -> torch.Tensor:
    """Boxes from (centre x, centre y, width, height) in shares of the picture to corners in pixels; (n, 4) each."""
    centres, halves = boxes[:, :2], boxes[:, 2:] / 2
    corners = torch.cat([centres - halves, centres + halves], dim=-1)
    return corners * torch.tensor([width, height, width, height])
