"""LLaVA-Reward's weights: a chat model, an adapter of PEFT merged into it, a projector of its own, and a value head.

Published as a folder for each dimension (alignment, quality, safety): `reward_config.yaml`, `lora/` as PEFT saves it,
and `pytorch_model.bin` with everything else that was trained (Zhou et al. 2025, LLaVA-Reward).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
import yaml
from PIL import Image

from scoring import weights
from scoring.scorers.base import ScorerUnavailable
from scoring.scorers.chat_model import PATTERNS
from scoring.scorers.fitted import digest_of_files, misfit
from scoring.scorers.llava_reward_bodies import Asked, Body, Trained, body_of, digest_of
from scoring.scorers.lora import Adapter, apart
from scoring.scorers.value_head import LinearHead

CONFIG, LORA = "reward_config.yaml", "lora"
TRAINED = ("pytorch_model.safetensors", "pytorch_model.bin")
WRAPPED = "base_model.model."


@dataclass(frozen=True)
class Stated:
    """`reward_config.yaml`.

    Attributes:
        is_general: whether the head gives two numbers that only mean something beside another picture's.
        dimensions: numbers the head gives.
        is_skipping: whether SkipCA was trained.
        temperature: by which a difference is divided before it becomes a probability.
    """

    is_general: bool
    dimensions: int
    is_skipping: bool
    temperature: float


def stated_in(path: Path) -> Stated:
    """Reads `reward_config.yaml`; ScorerUnavailable names what is wrong with it."""
    try:
        found = yaml.safe_load(path.read_text(encoding="utf-8"))
        general = bool(found["is_general_preference"])
        stated = Stated(
            general,
            int(found["value_head_dim"]) if general else 1,
            bool(found["add_cross_attention"]),
            float(found["general_preference_tau"]),
        )
    except (OSError, yaml.YAMLError, KeyError, TypeError, ValueError) as error:
        raise ScorerUnavailable(f"{path} is no configuration of LLaVA-Reward ({error}). Fetch it again.") from error
    if stated.is_general and stated.dimensions != 2:
        raise ScorerUnavailable(f"{path} states {stated.dimensions} numbers a picture; pairs are read off two.")
    if not 0 < stated.temperature < float("inf"):
        raise ScorerUnavailable(f"{path} states the temperature {stated.temperature}, which is no positive number.")
    return stated


class LlavaReward:
    """Rewards of pictures under captions."""

    def __init__(self, source: str, adapter: str, base: str, *, precision: str) -> None:
        """
        Args:
            source: where the trained parts are; `adapter` is the folder among them.
            base: the chat model they were trained on.
        """
        self._source, self._adapter = source, adapter.strip("/")
        self._base, self._precision = base, precision

    @cached_property
    def folder(self) -> Path:
        under = f"{self._adapter}/" if self._adapter else ""
        names = (CONFIG, *TRAINED, f"{LORA}/adapter_config.json", f"{LORA}/adapter_model.safetensors")
        folder = weights.folder_of(self._source, [under + name for name in names]) / self._adapter
        if not (folder / CONFIG).is_file():
            raise ScorerUnavailable(
                f"{folder} holds no {CONFIG}: name the folder of one dimension in the setting “adapter”, such as "
                "alignment/llavareward_phi_alignment."
            )
        return folder

    @cached_property
    def stated(self) -> Stated:
        return stated_in(self.folder / CONFIG)

    @cached_property
    def digest(self) -> str:
        files = [path for path in sorted(self.folder.rglob("*")) if path.is_file()]
        return f"{digest_of_files(files)}+{digest_of(weights.folder_of(self._base, PATTERNS))}"

    def load(self) -> None:
        trained = self._trained()
        self._body: Body = body_of(self._base, trained, precision=self._precision)
        shape = (self.stated.dimensions, self._body.width)
        self._head = LinearHead(trained.tensor("value_head.weight", shape), None)

    @property
    def bytes_held(self) -> int:
        return self._body.bytes_held if "_body" in vars(self) else 0

    def asked(self, picture: Image.Image, caption: str) -> Asked:
        return self._body.asked(picture, caption)

    def rewards(self, asked: Sequence[Any]) -> torch.Tensor:
        """(n, k), float32, k as stated."""
        return self._head(self._body.states(asked))

    def _trained(self) -> Trained:
        stated = weights.read_json(self.folder / LORA / "adapter_config.json")
        path = weights.weights_file(self.folder / LORA, ["adapter_model.safetensors"])
        low = {name.removeprefix(WRAPPED): tensor for name, tensor in weights.read_tensors(path).items()}
        layers, rest = apart(low)
        if not layers or rest:
            raise misfit(path, f"it holds {'no adapter' if not layers else f'more than adapters: {min(rest)}'}")
        try:
            adapter = Adapter(float(stated["lora_alpha"]), int(stated["r"]), bool(stated.get("use_rslora", False)))
        except (KeyError, TypeError, ValueError) as error:
            raise misfit(path, f"adapter_config.json does not say how it is scaled ({error})") from error
        origin = weights.weights_file(self.folder, TRAINED)
        return Trained(layers, adapter, weights.read_tensors(origin), self.stated.is_skipping, origin)
