"""Heads of five linear layers, … → 1024 → 128 → 64 → 16 → 1, that turn an embedding into one number.

The improved aesthetic predictor, aesthetic v2.5, HP and others have the same layers with nothing but dropouts between
them, which do nothing once a head is trained. What differs is where the layers stand in the published list, which
encoder they were made for, and whether the embedding is first brought to length 1: that is the scorer's business.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from scoring.scorers.base import ScorerUnavailable

WIDTHS = (1024, 128, 64, 16, 1)

Layer = tuple[torch.Tensor, torch.Tensor]


@dataclass(frozen=True)
class HeadKind:
    """A head as its authors published it.

    Attributes:
        of: whose head it is, in words.
        places: where the linear layers stand in the published list.
        prefix: what the tensors' names begin with, before the place.
        goes_with: the encoder it was made for, in words.
    """

    of: str
    places: tuple[int, ...]
    prefix: str
    goes_with: str

    @property
    def names(self) -> set[str]:
        return {f"{self.prefix}{place}.{part}" for place in self.places for part in ("weight", "bias")}


@torch.inference_mode()
def rating(embedded: torch.Tensor, head: Sequence[Layer]) -> torch.Tensor:
    """The head's numbers, one layer after the other without anything between them.

    Args:
        embedded: (n, d), float32; of the length the head was trained with, for others give numbers of another scale.
        head: five times weight (out, in) and bias (out,), float32.

    Returns:
        (n,), float32, in principle unbounded.
    """
    for weight, bias in head:
        embedded = torch.nn.functional.linear(embedded, weight, bias)
    return embedded.squeeze(-1)


def read_head(tensors: Mapping[str, torch.Tensor], kind: HeadKind, *, dimensions: int, path: Path) -> list[Layer]:
    """The five layers out of a file's tensors, in float32.

    Args:
        dimensions: of the embeddings it is going to be given.

    Raises:
        ScorerUnavailable: tensors are missing, left over or of another shape, or the head was made for another encoder.
    """
    if set(tensors) != kind.names:
        strange = ", ".join(sorted(set(tensors) ^ kind.names)[:3])
        raise ScorerUnavailable(f"{path} is no head of {kind.of}: {strange} should not differ.")
    layers = [
        (tensors[f"{kind.prefix}{place}.weight"].float(), tensors[f"{kind.prefix}{place}.bias"].float())
        for place in kind.places
    ]
    widths = (layers[0][0].shape[-1], *WIDTHS)
    shapes = [((out, given), (out,)) for given, out in zip(widths, WIDTHS, strict=False)]
    if [(tuple(weight.shape), tuple(bias.shape)) for weight, bias in layers] != shapes:
        raise ScorerUnavailable(f"{path} is no head of {kind.of}: its layers have other sizes.")
    if widths[0] != dimensions:
        raise ScorerUnavailable(
            f"The head {path} was made for embeddings of {widths[0]} numbers, the encoder's have {dimensions}. It goes "
            f"with {kind.goes_with}."
        )
    return layers


def placed(layers: Sequence[Layer], device: torch.device) -> list[Layer]:
    """The same layers on a device; they stay in float32 whatever the encoder's precision."""
    return [(weight.to(device), bias.to(device)) for weight, bias in layers]
