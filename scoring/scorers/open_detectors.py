"""Detectors that are told in words what to look for: OWL-ViT and OWLv2 of transformers.

The processor of OWLv2 pads to a square and resizes with a filter of its own; it is transformers', as is the tokenizer.
Source: Minderer et al. 2022 (OWL-ViT), 2023 (OWLv2).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
import torch
from PIL import Image

from scoring.scorers import pretrained
from scoring.scorers.base import ScorerUnavailable
from scoring.scorers.detectors import KIN, ClosedDetector, Detector, View, in_pixels
from scoring.scorers.object_rules import Detection
from scoring.scorers.picture_processor import FILE

# isort: split
from transformers import (  # after pretrained, which makes it importable
    AutoTokenizer,
    Owlv2ForObjectDetection,
    Owlv2ImageProcessorPil,
    OwlViTForObjectDetection,
    OwlViTImageProcessorPil,
)

OWLS: dict[str, tuple[Any, Any]] = {
    "owlv2": (Owlv2ForObjectDetection, Owlv2ImageProcessorPil),
    "owlvit": (OwlViTForObjectDetection, OwlViTImageProcessorPil),
}
QUESTION = "a photo of a {}"
PATTERNS = (*pretrained.PATTERNS, "tokenizer*.json", "vocab.json", "merges.txt", "special_tokens_map.json")


class Owl:
    """Looks for whatever classes are named, one picture at a time, for each has its own."""

    def __init__(self, found: pretrained.Folder) -> None:
        self._found = found
        self._model_class, self._processor_class = OWLS[found.model_type]

    @cached_property
    def _processor(self) -> Any:
        try:
            return self._processor_class.from_pretrained(self._found.folder, local_files_only=True)
        except (OSError, ValueError, TypeError) as error:
            raise ScorerUnavailable(f"The folder {self._found.folder} has no usable {FILE} ({error}).") from error

    @cached_property
    def _tokenizer(self) -> Any:
        try:
            return AutoTokenizer.from_pretrained(self._found.folder, local_files_only=True)
        except (OSError, ValueError, TypeError) as error:
            raise ScorerUnavailable(f"The folder {self._found.folder} has no usable tokenizer ({error}).") from error

    @property
    def words(self) -> str:
        size, mean, std = self._processor.size, self._processor.image_mean, self._processor.image_std
        how = f"{self._processor_class.__name__} {size['height']} × {size['width']}"
        return f"on white, {how}, mean {tuple(mean)}, deviation {tuple(std)}; asked “{QUESTION}”"

    def knows(self, name: str) -> bool:
        return True

    def load(self, device: torch.device, dtype: torch.dtype) -> Any:
        _check = self._processor, self._tokenizer
        self._model = pretrained.load(self._found, self._model_class, device=device, dtype=dtype)
        self._device, self._dtype = device, dtype
        return self._model

    def view(self, picture: Image.Image) -> View:
        pixels = self._processor(images=picture, return_tensors="np")["pixel_values"][0]
        return View(np.asarray(pixels, dtype=np.float32), picture.size)

    def detect(self, views: Sequence[View], classes: Sequence[Sequence[str]]) -> list[list[Detection]]:
        return [self._detections(view, names) for view, names in zip(views, classes, strict=True)]

    @torch.inference_mode()
    def _detections(self, view: View, names: Sequence[str]) -> list[Detection]:
        length = int(self._found.stated.get("text_config", {}).get("max_position_embeddings", 16))
        asked = self._tokenizer(
            [QUESTION.format(name) for name in names],
            padding="max_length",
            max_length=length,
            truncation=True,
            return_tensors="pt",
        )
        said = self._model(
            pixel_values=torch.from_numpy(view.pixels)[None].to(self._device, self._dtype),
            input_ids=asked["input_ids"].to(self._device),
            attention_mask=asked["attention_mask"].to(self._device),
        )
        scores, labels = said.logits[0].float().cpu().sigmoid().max(dim=-1)  # (queries,)
        # OWLv2 pads below and to the right, so that shares are of the longer side in both directions.
        width, height = view.size if self._found.model_type == "owlvit" else (max(view.size),) * 2
        corners = in_pixels(said.pred_boxes[0].float().cpu(), width, height).tolist()
        return [
            Detection(names[label], score, tuple(corner))
            for score, label, corner in zip(scores.tolist(), labels.tolist(), corners, strict=True)
        ]


def detector_in(source: str) -> tuple[Detector, pretrained.Folder]:
    """The detector that a source of weights holds, chosen by its configuration; nothing is loaded yet.

    Raises:
        ScorerUnavailable: the weights are not here, or are of a kind that is not known.
    """
    found = pretrained.find(source, patterns=PATTERNS)
    if found.model_type in OWLS:
        return Owl(found), found
    if found.model_type in KIN:
        return ClosedDetector(found), found
    raise ScorerUnavailable(
        f"{found.folder} holds a model of type “{found.model_type}”; the detectors known here are "
        f"{', '.join([*KIN, *OWLS])}."
    )
