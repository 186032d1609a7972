"""SigLIP's picture tower: what it makes of a picture, pooled and brought to length 1. For workers only.

Source: Zhai, Mustafa, Kolesnikov and Beyer, "Sigmoid Loss for Language Image Pre-Training", ICCV 2023. The tower is
transformers' own `SiglipVisionModel`; its last token is pooled by attention, as the weights were trained.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import torch
from PIL import Image

from scoring import weights
from scoring.scorers import picture_processor, pretrained
from scoring.scorers.base import ScorerUnavailable, digest_of
from scoring.scorers.clip_encoder import AT_ONCE, PictureEncoder
from scoring.scorers.clip_views import View
from scoring.scorers.device import memory_watched
from scoring.scorers.fitted import State, fitted, under
from scoring.scorers.picture_processor import PictureProcessor

# isort: split
from transformers import SiglipVisionConfig, SiglipVisionModel  # after pretrained, which makes it importable

# Raised whenever the code could make another embedding of the same content; old ones are then no longer found.
VERSION = "1"
PATTERNS = pretrained.PATTERNS
# What a whole SigLIP has beside the tower that sees.
OTHERS = ("text_model.", "logit_scale", "logit_bias")
TOWER = "vision_model."
# What transformers leaves out of a configuration because it is the default.
SIDE = 224


@dataclass(frozen=True)
class SiglipFiles:
    """Weights on disk, the tower's configuration and how it sees.

    Attributes:
        stated: of the picture tower alone.
    """

    path: Path
    stated: Mapping[str, Any]
    processor: PictureProcessor

    @property
    def side(self) -> int:
        return self.processor.shape[0]


def find_files(source: str) -> SiglipFiles:
    """Locates a SigLIP, whole or its picture tower alone, without loading it.

    Raises:
        ScorerUnavailable: not here, another model, or made for pictures of another size than its processor's.
    """
    found = pretrained.find(source)
    if found.model_type not in ("siglip", "siglip_vision_model"):
        raise ScorerUnavailable(
            f"{found.folder} holds a model of type “{found.model_type}”; this scorer takes “siglip” and "
            "“siglip_vision_model”."
        )
    stated = found.stated.get("vision_config", {}) if found.model_type == "siglip" else found.stated
    processor = picture_processor.read(found.folder)
    side = int(stated.get("image_size", SIDE))
    if processor.shape != (side, side):
        raise ScorerUnavailable(
            f"The processor in {found.folder} makes {processor.shape} pixels, but the model takes {side}."
        )
    return SiglipFiles(found.path, stated, processor)


class SeesAs(Protocol):
    """A function of a picture and a side in pixels, small enough to travel to another process."""

    def __call__(self, picture: Image.Image, size: int) -> View: ...


def view_of(processor: PictureProcessor) -> SeesAs:
    """The pixels of a picture as the processor makes them; the side is the processor's own."""
    return partial(_seen, processor)


def _seen(processor: PictureProcessor, picture: Image.Image, size: int) -> View:
    return processor.crop_of(picture)


class SiglipEncoder(PictureEncoder):
    """Embeds pictures, each once as long as it is remembered: vectors of length 1."""

    def __init__(
        self, files: SiglipFiles, *, device: torch.device, dtype: torch.dtype, file_digest: str, is_alone: bool = False
    ) -> None:
        """Builds the tower with every tensor of it; of a whole SigLIP the words' side is left out.

        Raises:
            ScorerUnavailable: tensors are missing, left over or of another shape.
        """
        config = SiglipVisionConfig.from_dict(dict(files.stated))
        state = tower_of(weights.read_tensors(files.path))
        self.model: torch.nn.Module = fitted(SiglipVisionModel, config, state, origin=files.path)
        self.model.to(device=device, dtype=dtype)
        self.dimensions = int(config.hidden_size)
        self.device, self._dtype, self._processor = device, dtype, files.processor
        digest = digest_of(
            {
                "encoder": "SigLIP",
                "version": VERSION,
                "weights": file_digest,
                "architecture": str(dict(sorted(files.stated.items()))),
                "preprocessing": files.processor.words,
                "precision": str(dtype),
                "batching": "alone" if is_alone else "together",
            }
        )
        super().__init__(digest, at_once=1 if is_alone else AT_ONCE)

    @torch.inference_mode()
    def of_views(self, views: Sequence[View]) -> torch.Tensor:
        """(n, d), float32, rows of length 1, out of n arrays (S, S, 3) uint8; raises OutOfMemory."""
        with memory_watched():
            pixels = self._processor.pixels(list(views), self.device).to(self._dtype)  # type: ignore[arg-type]
            pooled: torch.Tensor = self.model(pixel_values=pixels).pooler_output
            return torch.nn.functional.normalize(pooled.float(), dim=-1)


def tower_of(state: Mapping[str, torch.Tensor]) -> State:
    """The picture tower's tensors, as transformers' present release names them.

    Whole models and older releases put `vision_model.` before each of them.
    """
    seen = {name: tensor for name, tensor in state.items() if not name.startswith(OTHERS)}
    if any(name.startswith(TOWER) for name in seen):
        strange = {name: tensor for name, tensor in seen.items() if not name.startswith(TOWER)}
        return {**under(seen, TOWER), **strange}  # what has no place is named by whoever fits them
    return seen
