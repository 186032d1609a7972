"""A judge in this process whose weights are a published model's with an adapter merged in, as PEFT saves adapters.

An adapter is `adapter_config.json` and `adapter_model.safetensors` (LoRA, Hu et al. 2021). It is merged in float32 and
rounded once. Older releases of transformers called the layers otherwise; both names are understood. For workers only.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import torch

from scoring import weights
from scoring.judges.local import LocalBackend
from scoring.scorers.base import Json, ScorerUnavailable
from scoring.scorers.fitted import digest_of_files
from scoring.scorers.lora import Adapter, adapted, apart

CONFIG, TENSORS = "adapter_config.json", "adapter_model.safetensors"
# What PEFT puts before every name, and what layers were called before transformers 4.52.
WRAPPER = "base_model.model."
FORMER = (("model.layers.", "model.language_model.layers."), ("visual.", "model.visual."))
# What would change a layer otherwise than by W + s · B A: its value where it changes nothing.
PLAIN = {"use_dora": False, "bias": "none", "rank_pattern": {}, "alpha_pattern": {}, "modules_to_save": None}


class AdaptedBackend(LocalBackend):
    """As `LocalBackend`, with an adapter merged in."""

    def __init__(self, source: str, adapter: str, *, precision: str = "bfloat16") -> None:
        """
        Args:
            source: of the model that the adapter was trained on.
            adapter: `OWNER/NAME@COMMIT` with all 40 digits, or a folder.
        """
        super().__init__(source, precision=precision)
        self.adapter = adapter

    @cached_property
    def _adapter_folder(self) -> Path:
        return weights.folder_of(self.adapter, (CONFIG, TENSORS))

    @cached_property
    def _adapter_digest(self) -> str:
        return digest_of_files([self._adapter_folder / name for name in (CONFIG, TENSORS)])

    def identity(self) -> dict[str, Json]:
        self._stated  # noqa: B018 - a folder without an adapter is said before gigabytes are read
        return {**super().identity(), "adapter": self.adapter, "adapter_weights": self._adapter_digest}

    @cached_property
    def _stated(self) -> Mapping[str, Any]:
        """The adapter's configuration. Raises ScorerUnavailable for what is no plain LoRA."""
        weights.weights_file(self._adapter_folder, (TENSORS,))
        stated = weights.read_json(self._adapter_folder / CONFIG)
        other = [name for name, plain in PLAIN.items() if (stated.get(name) or plain) != plain]
        if stated.get("peft_type") != "LORA" or other:
            what = other[0] if other else str(stated.get("peft_type"))
            raise ScorerUnavailable(
                f"The adapter {self.adapter} is no plain LoRA ({what}). Merge it into its model and name that."
            )
        return stated

    def _strictly_loaded(self, folder: str) -> Any:
        stated = self._stated
        model = super()._strictly_loaded(folder)
        adapter = Adapter(float(stated["lora_alpha"]), int(stated["r"]), bool(stated.get("use_rslora", False)))
        merge(model, weights.read_tensors(self._adapter_folder / TENSORS), adapter, origin=self.adapter)
        return model


@torch.no_grad()
def merge(model: torch.nn.Module, state: Mapping[str, torch.Tensor], adapter: Adapter, *, origin: str) -> None:
    """Adds an adapter to the layers it names, in place: all of it, or an error.

    Args:
        state: PEFT's tensors by name.
        origin: what complaints call the adapter.

    Raises:
        ScorerUnavailable: it holds something else, names a layer that the model has not, or does not fit one.
    """
    pairs, rest = apart(state)
    if rest or not pairs:
        raise ScorerUnavailable(
            f"The adapter {origin} holds {min(rest, default='no layers')}, which is no side of a LoRA. Merge it into "
            "its model and name that."
        )
    layers = dict(model.named_modules())
    for name, sides in pairs.items():
        layer = _layer(layers, name.removeprefix(WRAPPER), origin)
        weight = getattr(layer, "weight", None)
        whole = adapted(weight, {side: tensor.to(_place(weight)) for side, tensor in sides.items()}, adapter, name)
        layer.weight.copy_(whole)


def _place(weight: torch.Tensor | None) -> torch.device:
    return torch.device("cpu") if weight is None else weight.device


def _layer(layers: Mapping[str, Any], name: str, origin: str) -> Any:
    names = [name, *(new + name.removeprefix(old) for old, new in FORMER if name.startswith(old))]
    found = [layers[one] for one in names if one in layers]
    if len(found) != 1:
        raise ScorerUnavailable(
            f"The adapter {origin} changes the layer {name}, which this model does not have. Name the model that it "
            "was trained on in the setting “source”."
        )
    return found[0]
