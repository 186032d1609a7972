"""Unsafe content: the probability that an image classifier gives to the labels that stand for it.

Any folder with a `ViTForImageClassification` of transformers; by default Falconsai/nsfw_image_detection (ViT-B/16 at
224 pixels, labels `normal` and `nsfw`, Apache-2.0).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import numpy as np
import torch

from scoring import weights
from scoring.scorers import picture_processor, pretrained
from scoring.scorers.base import (
    Decoded,
    Item,
    Json,
    Outcome,
    Reading,
    Result,
    Scorer,
    ScorerFacts,
    ScorerUnavailable,
)
from scoring.scorers.device import bytes_of, device, dtype_of, memory_watched
from scoring.scorers.picture_processor import Crop, Looker, PictureProcessor, Seen

# isort: split
from transformers import ViTForImageClassification  # after pretrained, which makes it importable

FRAMES = 16
# A batch of videos has many frames; so many pictures at once keep the memory within bounds.
PICTURES_AT_ONCE = 128


class Unsafe(Scorer[Seen]):
    """Runs on a GPU where there is one, on the CPU otherwise."""

    def __init__(self, facts: ScorerFacts, *, source: str, labels: str, precision: str) -> None:
        super().__init__(facts)
        self._source = source
        self._labels = tuple(dict.fromkeys(label.strip() for label in labels.split(",") if label.strip()))
        self._precision = precision

    @cached_property
    def _found(self) -> pretrained.Folder:
        found = pretrained.find(self._source)
        if found.model_type != "vit":
            raise ScorerUnavailable(
                f"{found.folder} holds a model of type “{found.model_type}”; this scorer takes “vit” "
                "(ViTForImageClassification)."
            )
        return found

    @cached_property
    def _processor(self) -> PictureProcessor:
        processor = picture_processor.read(self._found.folder)
        side = int(self._found.stated.get("image_size", 224))
        if processor.shape != (side, side):
            raise ScorerUnavailable(
                f"The processor in {self._found.folder} makes {processor.shape} pixels, but the model takes {side}."
            )
        return processor

    @cached_property
    def _places(self) -> list[int]:
        """Where the unsafe labels stand among the classes."""
        names = {str(name): int(place) for place, name in self._found.stated.get("id2label", {}).items()}
        unknown = [label for label in self._labels if label not in names]
        if unknown or not self._labels:
            raise ScorerUnavailable(
                f"The model in {self._found.folder} has no label “{', '.join(unknown)}”. It has: "
                f"{', '.join(names) or 'none'}. Name those that stand for unsafe content in the setting “labels”."
            )
        return [names[label] for label in self._labels]

    def load(self) -> None:
        _check = self._places, self._processor
        self._device, self._dtype = device(), dtype_of(self._precision)
        self._model = pretrained.load(
            self._found, ViTForImageClassification, device=self._device, dtype=self._dtype, spare=("vit.pooler.",)
        )

    def bytes_held(self) -> int:
        return bytes_of(self._model)

    @cached_property
    def _weights_digest(self) -> str:
        return weights.file_digest(self._found.path)

    def identity_parts(self) -> dict[str, Json]:
        stated = self._found.stated
        return {
            "weights": self._weights_digest,
            "activation": str(stated.get("hidden_act", "gelu")),
            "epsilon": float(stated.get("layer_norm_eps", 1e-12)),
            "preprocessing": self._processor.words,
            "scale": f"sum of softmax over {', '.join(self._labels)}",
            "decoding": f"{FRAMES} evenly spaced frames of a video, the worst picture or frame",
            "precision": self._precision,
        }

    def preparer(self) -> Looker:
        return Looker(self._processor, FRAMES)

    def prepare(self, item: Item, decoded: Decoded) -> Seen:
        return self.preparer().prepare(item, decoded)

    def score(self, items: Sequence[Item], prepared: Sequence[Seen]) -> list[Outcome]:
        crops = [crop for seen in prepared for crop in seen.crops]
        with memory_watched():
            found = iter(self._probabilities(crops))
        return [_reading(seen, [next(found) for _crop in seen.crops]) for seen in prepared]

    @torch.inference_mode()
    def _probabilities(self, crops: Sequence[Crop]) -> list[float]:
        """Probability of the unsafe labels together, for each view, 0 to 1."""
        parts = [crops[start : start + PICTURES_AT_ONCE] for start in range(0, len(crops), PICTURES_AT_ONCE)]
        logits = [
            self._model(pixel_values=self._processor.pixels(part, self._device).to(self._dtype)).logits
            for part in parts
        ]
        return unsafe_probability(torch.cat(logits), self._places).tolist()


def unsafe_probability(logits: torch.Tensor, places: Sequence[int]) -> torch.Tensor:
    """Softmax over the classes, summed over some of them.

    Args:
        logits: (n, classes), any float type.
        places: columns that stand for unsafe content.

    Returns:
        (n,), float64, 0 to 1 (rounding above 1 is cut); NaN stays NaN.

    >>> unsafe_probability(torch.tensor([[0.0, 0.0, 0.0, 0.0]]), [1, 2])
    tensor([0.5000], dtype=torch.float64)
    """
    return logits.double().softmax(dim=-1)[:, list(places)].sum(dim=-1).clamp(max=1.0).cpu()


def _reading(seen: Seen, probabilities: list[float]) -> Reading:
    worst = int(np.argmax(probabilities))
    spread = float(np.std(probabilities)) if len(probabilities) > 1 else None
    detail: dict[str, Json] = {"probabilities": probabilities, "worst": worst}
    if seen.times_us[worst] is not None:
        detail["worst_time_us"] = seen.times_us[worst]
    return Reading({"unsafe": Result(probabilities[worst], spread)}, detail)
