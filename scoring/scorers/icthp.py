"""ICT and HP: what of the prompt a picture contains, and how good it looks to people, whatever it shows.

Source: Ba, Zhang, Bai, Mo, Liang, Su and Wen, "Enhancing Reward Models for High-quality Image Generation: Beyond
Text-Image Alignment", ICCV 2025, and its repository BarretBa/ICTHP. Both are a CLIP ViT-H/14 that was trained further,
each by itself. ICT is the cosine of the two embeddings. HP is a sigmoid over five linear layers on the embedding of the
picture, which is not brought to length 1 first: of LAION's head, which looks the same, the opposite holds.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import torch

import scoring.torch_setup  # noqa: F401 - declares the operators without which open_clip cannot be imported

# isort: split
import open_clip

from scoring import weights
from scoring.embeddings import Vector
from scoring.scorers.base import Item, Json, Outcome
from scoring.scorers.clip_encoder import ClipEncoder
from scoring.scorers.clip_model import ClipWeights, find_weights, open_clip_config
from scoring.scorers.clip_scorer import ClipScorer, CosineScorer, Looks, pictures_of, reading
from scoring.scorers.clip_views import View
from scoring.scorers.hpsv2 import within_one
from scoring.scorers.linear_head import HeadKind, placed, rating, read_head
from scoring.scorers.unpinned import named

ARCHITECTURE = "ViT-H-14"
FILES = ("model.safetensors", "pytorch_model.bin")
BACKBONE = "hp_backbone"
HEADS = ("hp_scorer/mlp_model.safetensors", "hp_scorer/mlp_pytorch_model.bin")
KIND = HeadKind(of="HP", places=(0, 2, 4, 6, 7), prefix="layers.", goes_with="the CLIP of hp_backbone alone")


class Ict(CosineScorer):
    """Words are read as open_clip reads them, as the authors did."""

    def found_weights(self) -> ClipWeights:
        source = named(
            self._source,
            setting="source",
            whose="ICT",
            where="pytorch_model.bin of the repository 8y/ICT on the Hub (MIT)",
        )
        return clip_of(weights.folder_of(source, (*FILES, "config.json")))

    def identity_parts(self) -> dict[str, Json]:
        return {**super().identity_parts(), "scale": "cosine", "template": "{prompt}", "words": self.words().name}

    def value_of(self, cosine: float) -> float:
        return within_one(cosine)


class LengthKept(ClipEncoder):
    """Pictures keep the length that the model gives them."""

    apart = {"length": "kept"}

    def of_views(self, views: Sequence[View]) -> torch.Tensor:
        return self.model.picture_features(views)


class Hp(ClipScorer):
    """Pictures alone; the prompt is not read. The head stays in float32 whatever the backbone's precision."""

    encoder_class = LengthKept

    @property
    def _folder(self) -> Path:
        source = named(
            self._source,
            setting="source",
            whose="HP",
            where="hp_backbone/pytorch_model.bin and hp_scorer/mlp_pytorch_model.bin of the repository 8y/HP on the "
            "Hub (MIT)",
        )
        names = (*FILES, "config.json")
        return weights.folder_of(source, (*(f"{BACKBONE}/{name}" for name in names), *HEADS))

    def found_weights(self) -> ClipWeights:
        return clip_of(self._folder / BACKBONE)

    def load(self) -> None:
        head = weights.weights_file(self._folder, HEADS)
        super().load()
        model = self.encoder.model
        layers = read_head(weights.read_tensors(head), KIND, dimensions=model.dimensions, path=head)
        self._head = placed(layers, model.device)

    def identity_parts(self) -> dict[str, Json]:
        return {
            **super().identity_parts(),
            "head": weights.file_digest(weights.weights_file(self._folder, HEADS)),
            "scale": "sigmoid of linear layers on the embedding at its own length, float32",
        }

    def score(self, items: Sequence[Item], prepared: Sequence[Looks]) -> list[Outcome]:
        embedded = self.encoder.embed_looks([look for looks in prepared for look in looks])  # (P, d)
        parts = pictures_of(prepared, embedded)
        return [self._reading(item, rows) for item, rows in zip(items, parts, strict=True)]

    def _reading(self, item: Item, embedded: Vector) -> Outcome:
        raw: list[float] = rating(torch.from_numpy(embedded).to(self.encoder.model.device), self._head).cpu().tolist()
        return reading(self.facts, [high_preference(value) for value in raw], {"logits": raw}, item=item)


def high_preference(logit: float) -> float:
    """1 / (1 + exp(−logit)), 0 to 1, in float64; NaN stays NaN, so that it is noticed.

    >>> high_preference(0.0)
    0.5
    """
    return 1 / (1 + math.exp(-logit)) if logit > 0 else math.exp(logit) / (1 + math.exp(logit))


def clip_of(folder: Path) -> ClipWeights:
    """A CLIP as transformers saves it; without a configuration beside it, it is a ViT-H/14 with open_clip's sizes.

    Raises:
        ScorerUnavailable: no weights, or a configuration that describes no plain CLIP.
    """
    if (folder / "config.json").is_file():
        return find_weights(str(folder))
    path = weights.weights_file(folder, FILES)
    config = open_clip_config({"model_cfg": open_clip.get_model_config(ARCHITECTURE)}, path)
    return ClipWeights(path, config, is_transformers=True)
