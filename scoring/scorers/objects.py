"""GenEval-style checks: are the objects there that the prompt asks for, so many, in that colour and place?

A detector finds boxes, `object_rules.py` judges them, `colour_names.py` names colours. Source: Ghosh, Hajishirzi and
Schmidt 2023, "GenEval". The paper's detector is a Mask2Former and its colours come from CLIP on the masked object; here
any detector of transformers serves and colours are a rule, so that numbers are not the paper's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from scoring import weights
from scoring.scorers import pretrained
from scoring.scorers.base import (
    Decoded,
    Item,
    Json,
    NothingToJudge,
    Outcome,
    Place,
    Reading,
    Result,
    Scorer,
    ScorerFacts,
    ScorerUnavailable,
)
from scoring.scorers.colour_names import colour_of
from scoring.scorers.detectors import Detector, View
from scoring.scorers.device import bytes_of, device, dtype_of, memory_watched
from scoring.scorers.object_rules import Asked, Box, Detection, Judged, Rules, asked_of, judge, kept
from scoring.scorers.open_detectors import detector_in
from scoring.scorers.places import bounded, indices

# Colours are named on a small copy: a colour does not need more pixels.
SMALL_SIDE = 512

Small = NDArray[np.uint8]


@dataclass(frozen=True)
class Looked:
    """What is asked of an item, and its pictures as the detector and the colour rule see them.

    Attributes:
        smalls: empty where no colour is asked for.
    """

    asked: Asked
    views: tuple[View, ...]
    smalls: tuple[Small, ...]


class ObjectChecks(Scorer[Looked]):
    """Runs on a GPU where there is one, on the CPU otherwise."""

    def __init__(self, facts: ScorerFacts, *, source: str, precision: str, counting: str, **numbers: str) -> None:
        super().__init__(facts)
        self._source = source
        self._precision = precision
        self._rules = Rules(
            threshold=_share(numbers, "threshold"),
            counting_threshold=_share(numbers, "counting_threshold"),
            most=_whole(numbers, "most"),
            margin=_share(numbers, "margin"),
            overlap=_share(numbers, "overlap"),
            counting=counting,
        )

    @cached_property
    def _located(self) -> tuple[Detector, pretrained.Folder]:
        return detector_in(self._source)

    def load(self) -> None:
        self._model = self._located[0].load(device(), dtype_of(self._precision))

    def bytes_held(self) -> int:
        return bytes_of(cast(torch.nn.Module, self._model))

    @cached_property
    def _weights_digest(self) -> str:
        return weights.file_digest(self._located[1].path)

    def identity_parts(self) -> dict[str, Json]:
        detector, found = self._located
        rules = self._rules
        return {
            "weights": self._weights_digest,
            "architecture": found.model_type,
            "preprocessing": detector.words,
            "scale": (
                f"above {rules.threshold}, counted above {rules.counting_threshold}, at most {rules.most}, margin "
                f"{rules.margin}, overlap {rules.overlap}, {rules.counting}"
            ),
            "colours": "commonest of eleven names in the middle half of the box",
            "decoding": "mean over pictures",
            "precision": self._precision,
        }

    def length(self, prepared: Looked) -> int:
        """Pixels of the largest view: pictures of like shape share a batch."""
        return max((view.pixels.size for view in prepared.views), default=0)

    def prepare(self, item: Item, decoded: Decoded) -> Looked:
        asked = asked_of(item.facts)
        detector = self._located[0]
        unknown = [name for name in asked.classes if not detector.knows(name)]
        if unknown:
            raise NothingToJudge(
                f"the detector knows no “{unknown[0]}”; one that is told in words what to look for (OWLv2) would"
            )
        pictures = decoded.pictures()
        has_colour = any(wanted.colour for wanted in asked.objects)
        return Looked(
            asked,
            tuple(detector.view(picture) for picture in pictures),
            tuple(_small(picture) for picture in pictures) if has_colour else (),
        )

    def score(self, items: Sequence[Item], prepared: Sequence[Looked]) -> list[Outcome]:
        views = [view for one in prepared for view in one.views]
        classes = [one.asked.classes for one in prepared for _view in one.views]
        with memory_watched():
            found = iter(self._located[0].detect(views, classes))
        return [
            self._reading(item, one, [next(found) for _view in one.views])
            for item, one in zip(items, prepared, strict=True)
        ]

    def _reading(self, item: Item, looked: Looked, detections: Sequence[Sequence[Detection]]) -> Reading:
        judged: list[Judged] = []
        requirements: list[Json] = []
        boxes: list[Json] = []
        places: list[Place] = []
        for place, (index, found) in enumerate(zip(indices(item, "image"), detections, strict=True)):
            counted = self._counted(looked, place, found)
            judged.append(judge(looked.asked, counted, self._rules))
            requirements += [{"picture": place, **verdict.as_json()} for verdict in judged[-1].verdicts]
            boxes += [_box(place, one) for group in counted.values() for one in group]
            places += [_place(index, one) for group in counted.values() for one in group]
        return Reading(
            {
                "objects_strict": _mean([one.strict for one in judged]),
                "objects_partial": _mean([one.partial for one in judged]),
            },
            {"requirements": requirements, "boxes": boxes},
            bounded([place for place in places if place.points]),
        )

    def _counted(self, looked: Looked, place: int, found: Sequence[Detection]) -> dict[str, list[Detection]]:
        """The detections that count, cut to the picture, with their colours where one is asked for."""
        size = looked.views[place].size
        counted = kept([replace(one, box=_within(one.box, *size)) for one in found], looked.asked, self._rules)
        if not looked.smalls:
            return counted
        small = looked.smalls[place]
        return {
            name: [replace(one, colour=colour_of(small, _scaled(one.box, size, small))) for one in group]
            for name, group in counted.items()
        }


def _small(picture: Image.Image) -> Small:
    scale = min(1.0, SMALL_SIDE / max(picture.size))
    size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
    return np.asarray(picture.resize(size, Image.Resampling.BOX))


def _within(box: Box, width: int, height: int) -> Box:
    left, right = (min(max(value, 0.0), float(width)) for value in (box[0], box[2]))
    top, bottom = (min(max(value, 0.0), float(height)) for value in (box[1], box[3]))
    return left, top, right, bottom


def _scaled(box: Box, size: tuple[int, int], small: Small) -> Box:
    across, down = small.shape[1] / size[0], small.shape[0] / size[1]
    return box[0] * across, box[1] * down, box[2] * across, box[3] * down


def _box(place: int, one: Detection) -> Json:
    corners = [round(value, 2) for value in one.box]
    named: dict[str, Json] = {"picture": place, "class": one.name, "score": round(one.score, 4), "box": corners}
    return {**named, "colour": one.colour} if one.colour else named


def _place(index: int, one: Detection) -> Place:
    """The detector's confidence in an object; without points where nothing of its box is in the picture."""
    (left, top, right, bottom), label = one.box, f"{one.colour} {one.name}".strip()
    corners = ((left, top), (right, bottom)) if left < right and top < bottom else ()
    return Place("objects_partial", one.score, "box", media_index=index, points=corners, label=label)


def _mean(values: Sequence[float]) -> Result:
    return Result(float(np.mean(values)), float(np.std(values)) if len(values) > 1 else None)


def _share(numbers: dict[str, str], name: str) -> float:
    try:
        value = float(numbers[name])
    except ValueError:
        value = -1.0
    if not 0 <= value <= 1:
        raise ScorerUnavailable(f"Setting “{name}” of object_checks is “{numbers[name]}”, not a number from 0 to 1.")
    return value


def _whole(numbers: dict[str, str], name: str) -> int:
    if not numbers[name].isascii() or not numbers[name].isdigit() or not 1 <= int(numbers[name]) <= 10_000:
        raise ScorerUnavailable(f"Setting “{name}” of object_checks is “{numbers[name]}”, not a whole number from 1.")
    return int(numbers[name])
