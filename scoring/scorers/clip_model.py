"""CLIP on open_clip's runtime: any plain CLIP saved by open_clip or by transformers, with its own preprocessing.

Shared by every scorer built on CLIP. Preprocessing is Pillow and torch only: a tensor resize, or one without
antialiasing, moves the cosine by more than many real gaps between pictures.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch

import scoring.torch_setup  # noqa: F401 - declares the operators without which open_clip cannot be imported

# isort: split
import open_clip

from scoring import weights
from scoring.scorers.base import ScorerUnavailable, digest_of
from scoring.scorers.clip_tensors import to_open_clip
from scoring.scorers.clip_views import View
from scoring.scorers.device import bytes_of, memory_watched

MEAN = (0.48145466, 0.4578275, 0.40821073)
STD = (0.26862954, 0.26130258, 0.27577711)
BICUBIC = 3  # Pillow's number, as processor configurations write it
PATTERNS = ("*config.json", "model.safetensors", "open_clip_model.safetensors")
FILES = ("open_clip_model.safetensors", "model.safetensors", "open_clip_pytorch_model.bin", "pytorch_model.bin")
# What every CLIP is published with, and what open_clip has.
LAYER_NORM_EPSILON = 1e-5


@dataclass(frozen=True)
class ClipWeights:
    """Weights on disk with the architecture they belong to.

    Attributes:
        config: arguments of `open_clip.CLIP`: embed_dim, vision_cfg, text_cfg, quick_gelu.
        is_transformers: saved by transformers, so the tensors must be renamed.
    """

    path: Path
    config: dict[str, Any]
    is_transformers: bool

    @property
    def image_size(self) -> int:
        return int(self.config["vision_cfg"]["image_size"])

    @property
    def activation(self) -> str:
        return "quick_gelu" if self.config["quick_gelu"] else "gelu"

    @property
    def file_digest(self) -> str:
        """SHA-256 (hex) of the file; read once a process as long as the file does not change."""
        seen = self.path.stat()
        return _file_digest(self.path, seen.st_size, seen.st_mtime_ns)

    @property
    def digest(self) -> str:
        """SHA-256 (hex) of the weights and of the architecture they are put into."""
        return digest_of({"weights": self.file_digest, "architecture": self.config})


@lru_cache(maxsize=32)
def _file_digest(path: Path, _size: int, _changed_ns: int) -> str:
    return weights.file_digest(path)


class ClipModel:
    """Embeds pictures and tokens, L2-normalised unless asked otherwise.

    Attributes:
        logit_scale: exp of the checkpoint's own logit scale, whatever the precision of the rest; about 100 once
            trained, and never used for a cosine.
    """

    def __init__(self, found: ClipWeights, *, device: torch.device, dtype: torch.dtype) -> None:
        """Builds the architecture, loads every tensor (strictly) and moves it to the device.

        Raises:
            ScorerUnavailable: tensors are missing, left over or of another shape.
        """
        state = weights.read_tensors(found.path)
        model = open_clip.CLIP(**found.config)
        try:
            model.load_state_dict(to_open_clip(state) if found.is_transformers else state, strict=True)
        except (RuntimeError, KeyError) as error:
            raise ScorerUnavailable(f"The weights {found.path} do not fit their configuration: {error}") from error
        self.digest = found.digest
        self.precision = str(dtype).removeprefix("torch.")
        self.image_size = found.image_size
        self.context_length = int(found.config["text_cfg"]["context_length"])
        self.dimensions = int(found.config["embed_dim"])
        self.logit_scale = float(model.logit_scale.detach().exp())
        self.device = device
        self._dtype = dtype
        self._model = model.eval().to(device=device, dtype=dtype)
        self._mean = torch.tensor(MEAN, device=device).view(1, 3, 1, 1)
        self._std = torch.tensor(STD, device=device).view(1, 3, 1, 1)

    @property
    def bytes_held(self) -> int:
        return bytes_of(self._model)

    @torch.inference_mode()
    def embed_pictures(self, views: Sequence[View]) -> torch.Tensor:
        """Unit embeddings of preprocessed pictures.

        Args:
            views: n ≥ 1 arrays of one kind, S the model's image size: (S, S, 3) uint8, or (3, S, S) float32 where
                0 is black and 1 white; neither is normalised yet.

        Returns:
            (n, d), float32, on the model's device.

        Raises:
            OutOfMemory: so many do not fit.
        """
        return _unit(self.picture_features(views))

    @torch.inference_mode()
    def picture_features(self, views: Sequence[View]) -> torch.Tensor:
        """The same before it is brought to length 1, as few models want it: (n, d), float32; raises OutOfMemory."""
        with memory_watched():
            features: torch.Tensor = self._model.encode_image(self.pixels(views)).float()
            return features

    @property
    def visual(self) -> torch.nn.Module:
        """The tower that sees, for models that read it in another way."""
        tower: torch.nn.Module = self._model.visual
        return tower

    def pixels(self, views: Sequence[View]) -> torch.Tensor:
        """The tower's input: (n, 3, H, W), normalised, in the model's precision on its device."""
        stacked = torch.from_numpy(np.stack(views))
        if self.device.type == "cuda":
            stacked = stacked.pin_memory().to(self.device, non_blocking=True)
        if stacked.dtype == torch.uint8:
            stacked = stacked.permute(0, 3, 1, 2).float().div(255)  # (n, 3, S, S)
        return stacked.sub(self._mean).div(self._std).to(self._dtype)

    @torch.inference_mode()
    def embed_tokens(self, ids: torch.Tensor) -> torch.Tensor:
        """Unit embeddings of token sequences.

        Args:
            ids: (n, context length), int64; the embedding is read at the first of the highest, the end mark.

        Returns:
            (n, d), float32, on the model's device.

        Raises:
            OutOfMemory: so many do not fit.
        """
        with memory_watched():
            return _unit(self._model.encode_text(ids.to(self.device)))


# -- weights ----------------------------------------------------------------------------------------------------------


def find_weights(source: str) -> ClipWeights:
    """Locates CLIP weights and reads their configuration, without loading them.

    Raises:
        ScorerUnavailable: not here, no plain CLIP, or made for another preprocessing.
    """
    folder = weights.folder_of(source, PATTERNS)
    path = weights.weights_file(folder, FILES)
    own = folder / "open_clip_config.json"
    if own.is_file() and path.name.startswith("open_clip"):
        return ClipWeights(path, open_clip_config(weights.read_json(own), own), is_transformers=False)
    config = folder / "config.json"
    processor = folder / "preprocessor_config.json"
    if processor.is_file():
        _check_processor(weights.read_json(processor), processor)
    return ClipWeights(path, _transformers_config(weights.read_json(config), config), is_transformers=True)


def open_clip_config(stated: Mapping[str, Any], path: Path) -> dict[str, Any]:
    """The arguments of `open_clip.CLIP` out of what open_clip saves beside its weights.

    Raises:
        ScorerUnavailable: no plain CLIP, or made for another normalisation.
    """
    model = dict(stated.get("model_cfg", stated))
    known = {"embed_dim", "vision_cfg", "text_cfg", "quick_gelu", "init_logit_scale"}
    unknown = sorted(set(model) - known)
    if unknown or "hf_model_name" in model.get("text_cfg", {}) or "timm_model_name" in model.get("vision_cfg", {}):
        raise ScorerUnavailable(f"{path} describes no plain CLIP ({', '.join(unknown) or 'foreign towers'}).")
    preprocessing = stated.get("preprocess_cfg", {})
    if tuple(preprocessing.get("mean", MEAN)) != MEAN or tuple(preprocessing.get("std", STD)) != STD:
        raise ScorerUnavailable(f"{path} asks for another normalisation than CLIP's.")
    text = {"context_length": 77, **model["text_cfg"]}
    vision = {"image_size": 224, **model["vision_cfg"]}
    return {"quick_gelu": False, **model, "text_cfg": text, "vision_cfg": vision}


def _transformers_config(stated: Mapping[str, Any], path: Path) -> dict[str, Any]:
    if stated.get("model_type") != "clip":
        raise ScorerUnavailable(f"{path} describes a model of type “{stated.get('model_type')}”, not clip.")
    vision = {**VISION_DEFAULTS, **stated.get("vision_config", {})}
    text = {**TEXT_DEFAULTS, **stated.get("text_config", {})}
    activations = {vision["hidden_act"], text["hidden_act"]}
    if len(activations) != 1 or not activations <= {"quick_gelu", "gelu"}:
        raise ScorerUnavailable(f"{path} asks for the activation {' and '.join(sorted(activations))}.")
    if {vision["layer_norm_eps"], text["layer_norm_eps"]} != {LAYER_NORM_EPSILON}:
        raise ScorerUnavailable(f"{path} asks for another layer_norm_eps than CLIP's {LAYER_NORM_EPSILON:g}.")
    return {
        "embed_dim": int(stated.get("projection_dim", 512)),
        "quick_gelu": activations == {"quick_gelu"},
        "vision_cfg": {
            "image_size": vision["image_size"],
            "patch_size": vision["patch_size"],
            "width": vision["hidden_size"],
            "layers": vision["num_hidden_layers"],
            "head_width": vision["hidden_size"] // vision["num_attention_heads"],
            "mlp_ratio": vision["intermediate_size"] / vision["hidden_size"],
        },
        "text_cfg": {
            "context_length": text["max_position_embeddings"],
            "vocab_size": text["vocab_size"],
            "width": text["hidden_size"],
            "heads": text["num_attention_heads"],
            "layers": text["num_hidden_layers"],
            "mlp_ratio": text["intermediate_size"] / text["hidden_size"],
        },
    }


# What transformers leaves out of a configuration file because it is the default of its CLIP classes.
VISION_DEFAULTS = {
    "hidden_size": 768,
    "intermediate_size": 3072,
    "num_hidden_layers": 12,
    "num_attention_heads": 12,
    "image_size": 224,
    "patch_size": 32,
    "hidden_act": "quick_gelu",
    "layer_norm_eps": LAYER_NORM_EPSILON,
}
TEXT_DEFAULTS = {
    "vocab_size": 49408,
    "hidden_size": 512,
    "intermediate_size": 2048,
    "num_hidden_layers": 12,
    "num_attention_heads": 8,
    "max_position_embeddings": 77,
    "hidden_act": "quick_gelu",
    "layer_norm_eps": LAYER_NORM_EPSILON,
}


def _check_processor(stated: Mapping[str, Any], path: Path) -> None:
    """Refuses weights whose processor differs from CLIP's, rather than scoring them a little wrong."""
    wrong = [
        name
        for name, wanted in (("image_mean", MEAN), ("image_std", STD), ("resample", BICUBIC), ("do_center_crop", True))
        if name in stated and _plain(stated[name]) != wanted
    ]
    if wrong:
        raise ScorerUnavailable(f"{path} asks for another preprocessing than CLIP's: {', '.join(wrong)}.")


def _plain(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _unit(embedded: torch.Tensor) -> torch.Tensor:
    """Rows of length 1, computed in float32 whatever the model's precision."""
    return torch.nn.functional.normalize(embedded.float(), dim=-1)
