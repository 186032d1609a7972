"""LAION's improved aesthetic predictor: how much people like the look of a picture, whatever it shows.

Source: Schuhmann, improved-aesthetic-predictor, file `sac+logos+ava1-l14-linearMSE.pth`: the unit embedding of OpenAI's
CLIP ViT-L/14, then five linear layers. The older linear head `sa_0_4_vit_l_14_linear` is another model, and so are the
heads for other CLIPs.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

import torch

from scoring import weights
from scoring.embeddings import Vector
from scoring.scorers.base import Item, Json, Outcome, ScorerFacts, ScorerUnavailable
from scoring.scorers.clip_scorer import ClipScorer, Looks, pictures_of, reading
from scoring.scorers.linear_head import HeadKind, placed, rating, read_head

HEADS = (
    "sac+logos+ava1-l14-linearMSE.safetensors",
    "sac+logos+ava1-l14-linearMSE.pth",
    "aesthetic-model.pth",  # the same head as TRL keeps it on the Hub
)
KIND = HeadKind(
    of="the improved aesthetic predictor",
    places=(0, 2, 4, 6, 7),
    prefix="layers.",
    goes_with="OpenAI's CLIP ViT-L/14 alone",
)


class Aesthetic(ClipScorer):
    """Pictures alone; the prompt is not read. The head stays in float32 whatever the encoder's precision."""

    def __init__(self, facts: ScorerFacts, *, source: str, head: str, precision: str) -> None:
        super().__init__(facts, source=source, precision=precision)
        self._head_source = head

    @cached_property
    def _head_path(self) -> Path:
        file = Path(self._head_source).expanduser()
        if file.is_file():
            return file
        try:
            return weights.weights_file(weights.folder_of(self._head_source, HEADS), HEADS)
        except ScorerUnavailable as error:
            raise ScorerUnavailable(
                f"The head of the aesthetic predictor is missing (setting “head”: a file, a folder or "
                f"OWNER/NAME@COMMIT). {error}"
            ) from error

    def load(self) -> None:
        head = self._head_path
        super().load()
        model = self.encoder.model
        layers = read_head(weights.read_tensors(head), KIND, dimensions=model.dimensions, path=head)
        self._head = placed(layers, model.device)

    def identity_parts(self) -> dict[str, Json]:
        return {
            **super().identity_parts(),
            "head": weights.file_digest(self._head_path),
            "scale": "linear layers on the unit embedding, float32",
        }

    def score(self, items: Sequence[Item], prepared: Sequence[Looks]) -> list[Outcome]:
        embedded = self.encoder.embed_looks([look for looks in prepared for look in looks])  # (P, d)
        return [self._reading(rows) for rows in pictures_of(prepared, embedded)]

    def _reading(self, embedded: Vector) -> Outcome:
        unit = torch.from_numpy(embedded).to(self.encoder.model.device)
        scores: list[float] = rating(unit, self._head).cpu().tolist()
        return reading(self.facts, scores, {"scores": scores})


__all__ = ["Aesthetic", "rating"]
