"""Aesthetic predictor v2.5: how much people like the look of a picture, drawings and illustrations among them.

Source: discus0434, "Aesthetic Predictor V2.5" (2024): the pooled embedding of SigLIP so400m/14 at 384 pixels, brought
to length 1, then five linear layers. The published package is under the AGPL; nothing of it is used here, in tests
either: the layers are ours, written after a description of the weights' names and sizes.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

import torch

from scoring import embeddings, weights
from scoring.embeddings import Vector
from scoring.scorers.base import Decoded, Item, Json, Outcome, Scorer, ScorerFacts
from scoring.scorers.clip_scorer import pictures_of, reading
from scoring.scorers.clip_views import FRAMES, Looks, Viewer
from scoring.scorers.device import bytes_of, device, dtype_of
from scoring.scorers.linear_head import HeadKind, placed, rating, read_head
from scoring.scorers.siglip_encoder import SiglipEncoder, SiglipFiles, find_files, view_of
from scoring.scorers.unpinned import named

HEADS = ("aesthetic_predictor_v2_5.safetensors", "aesthetic_predictor_v2_5.pth")
KIND = HeadKind(
    of="the aesthetic predictor v2.5",
    places=(0, 2, 4, 6, 8),
    prefix="scoring_head.",
    goes_with="google/siglip-so400m-patch14-384 alone",
)
# Saved as a part of the whole model, the head's tensors have this before their names.
OUTER = "layers."


class Aesthetic25(Scorer[Looks]):
    """Pictures alone; the prompt is not read. The head stays in float32 whatever the encoder's precision."""

    def __init__(self, facts: ScorerFacts, *, source: str, head: str, precision: str) -> None:
        super().__init__(facts)
        self._source = source
        self._head_source = head
        self._precision = precision

    @cached_property
    def _head_path(self) -> Path:
        file = Path(self._head_source).expanduser()
        if self._head_source and file.is_file():
            return file
        source = named(
            self._head_source,
            setting="head",
            whose="the head of aesthetic v2.5",
            where="aesthetic_predictor_v2_5.pth in the GitHub repository discus0434/aesthetic-predictor-v2-5, folder "
            "models; the path of that file will do",
        )
        return weights.weights_file(weights.folder_of(source, HEADS), HEADS)

    @cached_property
    def _files(self) -> SiglipFiles:
        return find_files(self._source)

    @cached_property
    def _weights_digest(self) -> str:
        return weights.file_digest(self._files.path)

    def load(self) -> None:
        head = self._head_path  # a missing one is said before gigabytes are fetched
        self.encoder = SiglipEncoder(
            self._files,
            device=device(),
            dtype=dtype_of(self._precision),
            file_digest=self._weights_digest,
            is_alone=self.is_alone,
        )
        tensors = {name.removeprefix(OUTER): tensor for name, tensor in weights.read_tensors(head).items()}
        layers = read_head(tensors, KIND, dimensions=self.encoder.dimensions, path=head)
        self._head = placed(layers, self.encoder.device)
        files = self._files
        self.viewer = Viewer(
            self.encoder.digest, files.processor.words, files.side, view_of(files.processor), embeddings.folder()
        )

    def bytes_held(self) -> int:
        return bytes_of(self.encoder.model) if "encoder" in vars(self) else 0

    def identity_parts(self) -> dict[str, Json]:
        head, stated = weights.file_digest(self._head_path), self._files.stated
        return {
            "weights": self._weights_digest,
            "head": head,
            "activation": str(stated.get("hidden_act", "gelu_pytorch_tanh")),
            "epsilon": float(stated.get("layer_norm_eps", 1e-6)),
            "preprocessing": self._files.processor.words,
            "scale": "linear layers on the unit embedding, float32",
            "decoding": f"{FRAMES} evenly spaced frames of a video, mean",
            "precision": self._precision,
        }

    def preparer(self) -> Viewer:
        return self.viewer

    def prepare(self, item: Item, decoded: Decoded) -> Looks:
        return self.viewer.prepare(item, decoded)

    def score(self, items: Sequence[Item], prepared: Sequence[Looks]) -> list[Outcome]:
        embedded = self.encoder.embed_looks([look for looks in prepared for look in looks])  # (P, d)
        parts = pictures_of(prepared, embedded)
        return [self._reading(item, rows) for item, rows in zip(items, parts, strict=True)]

    def _reading(self, item: Item, embedded: Vector) -> Outcome:
        unit = torch.from_numpy(embedded).to(self.encoder.device)
        scores: list[float] = rating(unit, self._head).cpu().tolist()
        return reading(self.facts, scores, {"scores": scores}, item=item)
