"""LAION's improved aesthetic predictor: how much people like the look of a picture, whatever it shows.

Source: Schuhmann, improved-aesthetic-predictor, file `sac+logos+ava1-l14-linearMSE.pth`: the unit embedding of OpenAI's
CLIP ViT-L/14, then five linear layers. The older linear head `sa_0_4_vit_l_14_linear` is another model, and so are the
heads for other CLIPs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path

import torch

from scoring import weights
from scoring.embeddings import Vector
from scoring.scorers.base import Item, Json, Outcome, ScorerFacts, ScorerUnavailable
from scoring.scorers.clip_scorer import ClipScorer, Looks, pictures_of, reading

HEADS = (
    "sac+logos+ava1-l14-linearMSE.safetensors",
    "sac+logos+ava1-l14-linearMSE.pth",
    "aesthetic-model.pth",  # the same head as TRL keeps it on the Hub
)
# Places in the reference's list of layers; between them are dropouts, which do nothing once it is trained.
LAYERS = (0, 2, 4, 6, 7)
WIDTHS = (1024, 128, 64, 16, 1)
NAMES = {f"layers.{layer}.{part}" for layer in LAYERS for part in ("weight", "bias")}

Layer = tuple[torch.Tensor, torch.Tensor]


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
        self._head = [
            (weight.to(model.device), bias.to(model.device))
            for weight, bias in read_head(weights.read_tensors(head), model.dimensions, head)
        ]

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


@torch.inference_mode()
def rating(unit: torch.Tensor, head: Sequence[Layer]) -> torch.Tensor:
    """The head's numbers, one after the other layer without anything between them.

    Args:
        unit: (n, d), float32, rows of length 1; other lengths give numbers of another scale.
        head: five times weight (out, in) and bias (out,), float32.

    Returns:
        (n,), float32; about 1 to 10 for photographs and drawings, in principle unbounded.
    """
    for weight, bias in head:
        unit = torch.nn.functional.linear(unit, weight, bias)
    return unit.squeeze(-1)


def read_head(tensors: Mapping[str, torch.Tensor], dimensions: int, path: Path) -> list[Layer]:
    """The five layers out of a file's tensors, in float32.

    Args:
        dimensions: of the embeddings it is going to be given.

    Raises:
        ScorerUnavailable: tensors are missing, left over or of another shape, or the head was made for another CLIP.
    """
    if set(tensors) != NAMES:
        strange = ", ".join(sorted(set(tensors) ^ NAMES)[:3])
        raise ScorerUnavailable(f"{path} is no head of the improved aesthetic predictor: {strange} should not differ.")
    layers = [(tensors[f"layers.{one}.weight"].float(), tensors[f"layers.{one}.bias"].float()) for one in LAYERS]
    widths = (layers[0][0].shape[-1], *WIDTHS)
    shapes = [((out, given), (out,)) for given, out in zip(widths, WIDTHS, strict=False)]
    if [(tuple(weight.shape), tuple(bias.shape)) for weight, bias in layers] != shapes:
        raise ScorerUnavailable(f"{path} is no head of the improved aesthetic predictor: its layers have other sizes.")
    if widths[0] != dimensions:
        raise ScorerUnavailable(
            f"The head {path} was made for embeddings of {widths[0]} numbers, the encoder's have {dimensions}. It goes "
            "with OpenAI's CLIP ViT-L/14 alone."
        )
    return layers
