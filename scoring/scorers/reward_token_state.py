"""Tensors of published reward models under the names of today: older layouts, prefixes and adapters of PEFT.

Three layouts are about. Up to transformers 4.51 a Qwen-VL model was saved as `visual.*` and `model.*`; since then its
own names are `model.visual.*` and `model.language_model.*`. PEFT puts `base_model.model.` before either, and keeps each
adapted layer as `base_layer`, `lora_A` and `lora_B`, which are merged here: W + s · B A.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch

from scoring.scorers import pretrained
from scoring.scorers.fitted import State, misfit
from scoring.scorers.lora import Adapter, adapted, apart

WRAPPED = "base_model.model."
BODY_PARTS = ("visual.", "language_model.")
# Longest first: the first that fits is taken.
PLACES = {
    "model.language_model.": "language_model.",
    "model.visual.": "visual.",
    "language_model.": "language_model.",
    "visual.": "visual.",
    "model.": "language_model.",
}
# Words that the model would say next: a reward model says none.
UNUSED = ("lm_head.weight",)


@dataclass(frozen=True)
class Parts:
    """A model's tensors: of the body under transformers' present names, and of the head under its own."""

    body: State
    head: State


def parts_of(state: Mapping[str, torch.Tensor], *, head: str, origin: Path, adapter: Adapter | None = None) -> Parts:
    """Sorts the tensors of a published file.

    Args:
        head: how the names of the head begin, such as `rm_head`.
        adapter: the scale of its adapters; None where it should have none.

    Raises:
        ScorerUnavailable: a tensor has no place, or its adapters are not those stated.
    """
    merged = _merged({name.removeprefix(WRAPPED): tensor for name, tensor in state.items()}, adapter, origin)
    body: State = {}
    found: State = {}
    homeless = []
    for name, tensor in merged.items():
        place = next((old for old in PLACES if name.startswith(old)), None)
        if name.startswith(f"{head}."):
            found[name.removeprefix(f"{head}.")] = tensor
        elif place is not None:
            body[PLACES[place] + name.removeprefix(place)] = tensor
        elif name not in UNUSED:
            homeless.append(name)
    if homeless:
        raise misfit(origin, f"nobody wants {', '.join(sorted(homeless)[: pretrained.SHOWN])}")
    return Parts(body, found)


def _merged(state: State, adapter: Adapter | None, origin: Path) -> State:
    """The tensors with their adapters added; what was adapted is float32, so that nothing is rounded twice."""
    pairs, rest = apart(state)
    plain = {name.replace(".base_layer.", "."): tensor for name, tensor in rest.items()}
    if pairs and adapter is None:
        raise misfit(origin, f"it has adapters, such as that of {min(pairs)}, of which its configuration says nothing")
    if adapter is not None and not pairs:
        raise misfit(origin, "its configuration states adapters, and it has none")
    for layer, sides in pairs.items():
        assert adapter is not None
        plain[f"{layer}.weight"] = adapted(plain.get(f"{layer}.weight"), sides, adapter, f"{layer} of {origin}")
    return plain
