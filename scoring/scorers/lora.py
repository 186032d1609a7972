"""Low-rank adapters as PEFT saves them, merged into the weights they were trained on: W + s · B A (Hu et al. 2021)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

import torch

from scoring.scorers.base import ScorerUnavailable

Sides = dict[str, torch.Tensor]
_SIDE = re.compile(r"(?P<layer>.+)\.lora_(?P<side>[AB])(\.default)?\.weight")


@dataclass(frozen=True)
class Adapter:
    """How adapters are scaled: α / r, or α / √r (rank-stabilised)."""

    alpha: float
    rank: int
    is_stabilised: bool = False

    @property
    def scale(self) -> float:
        return self.alpha / (self.rank**0.5 if self.is_stabilised else self.rank)


def apart(state: Mapping[str, torch.Tensor]) -> tuple[dict[str, Sides], dict[str, torch.Tensor]]:
    """The adapters of a table by layer, as their sides A and B, and every other tensor by its name."""
    pairs: dict[str, Sides] = {}
    plain: dict[str, torch.Tensor] = {}
    for name, tensor in state.items():
        fits = _SIDE.fullmatch(name)
        if fits is None:
            plain[name] = tensor
        else:
            pairs.setdefault(fits["layer"], {})[fits["side"]] = tensor
    return pairs, plain


def adapted(
    weight: torch.Tensor | None, sides: Mapping[str, torch.Tensor], adapter: Adapter, origin: str
) -> torch.Tensor:
    """W (out, in) + s · B (out, r) A (r, in), in float32: whoever wants another precision rounds once.

    Raises:
        ScorerUnavailable: a side is missing, or the shapes do not fit the layer or the stated rank.
    """
    if weight is None or set(sides) != {"A", "B"}:
        raise ScorerUnavailable(f"The adapter {origin} is incomplete. Fetch the weights again.")
    down, up = sides["A"].float(), sides["B"].float()
    if down.shape[0] != adapter.rank or (up.shape[0], down.shape[1]) != weight.shape or up.shape[1] != adapter.rank:
        raise ScorerUnavailable(
            f"The adapter {origin} has the shapes {tuple(up.shape)} and {tuple(down.shape)}, which do not fit "
            f"{tuple(weight.shape)} at the stated rank {adapter.rank}."
        )
    return weight.float() + adapter.scale * (up @ down)
