"""CLIP on open_clip's runtime: any plain CLIP saved by open_clip or by transformers, with its own preprocessing.

Shared by every scorer built on CLIP. Preprocessing is Pillow and torch only: a tensor resize, or one without
antialiasing, moves the cosine by more than many real gaps between pictures.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

import scoring.torch_setup  # noqa: F401 - declares the operators without which open_clip cannot be imported

# isort: split
import open_clip
from open_clip.tokenizer import SimpleTokenizer

from scoring import weights
from scoring.scorers.base import ScorerUnavailable

MEAN = (0.48145466, 0.4578275, 0.40821073)
STD = (0.26862954, 0.26130258, 0.27577711)
BICUBIC = 3  # Pillow's number, as processor configurations write it
PATTERNS = ("*config.json", "model.safetensors", "open_clip_model.safetensors")
FILES = ("open_clip_model.safetensors", "model.safetensors", "open_clip_pytorch_model.bin", "pytorch_model.bin")
# A strip is cut to its middle before it is resized: resized whole, 1 × 100,000 pixels would become 224 × 22,400,000.
WIDEST_ASPECT = 8
TEXTS_KEPT = 4096
# A batch of videos has many frames; so many pictures at once keep the memory within bounds.
PICTURES_AT_ONCE = 128
# What is neither a weight nor used by open_clip.
IGNORED = (".embeddings.position_ids",)

Crop = NDArray[np.uint8]


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


class ClipModel:
    """Embeds pictures and texts, L2-normalised; texts are remembered."""

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
        self.image_size = found.image_size
        self.device = device
        self._dtype = dtype
        self._model = model.eval().to(device=device, dtype=dtype)
        self._tokenizer = SimpleTokenizer(context_length=int(found.config["text_cfg"]["context_length"]))
        self._mean = torch.tensor(MEAN, device=device).view(1, 3, 1, 1)
        self._std = torch.tensor(STD, device=device).view(1, 3, 1, 1)
        self._texts: OrderedDict[str, torch.Tensor] = OrderedDict()

    @torch.inference_mode()
    def embed_pictures(self, crops: Sequence[Crop]) -> torch.Tensor:
        """Unit embeddings of preprocessed pictures.

        Args:
            crops: n ≥ 1 arrays of shape (S, S, 3), uint8, S the model's image size.

        Returns:
            (n, d), float32, on the model's device.
        """
        parts = [crops[start : start + PICTURES_AT_ONCE] for start in range(0, len(crops), PICTURES_AT_ONCE)]
        return torch.cat([_unit(self._model.encode_image(self._pixels(part))) for part in parts])

    def _pixels(self, crops: Sequence[Crop]) -> torch.Tensor:
        stacked = torch.from_numpy(np.stack(crops)).to(self.device)  # (n, S, S, 3)
        pixels = stacked.permute(0, 3, 1, 2).float().div(255).sub(self._mean).div(self._std)  # (n, 3, S, S)
        return pixels.to(self._dtype)

    @torch.inference_mode()
    def embed_texts(self, texts: Sequence[str]) -> torch.Tensor:
        """Unit embeddings of texts, each computed once as long as it is remembered; (n, d), float32."""
        new = [text for text in dict.fromkeys(texts) if text not in self._texts]
        if new:
            embedded = _unit(self._model.encode_text(self._tokenizer(new).to(self.device)))
            self._texts.update(zip(new, embedded, strict=True))
        found = torch.stack([self._texts[text] for text in texts])
        while len(self._texts) > TEXTS_KEPT:
            self._texts.popitem(last=False)
        return found

    def token_count(self, text: str) -> int:
        """Tokens of a text with its start and end marks, before any cut."""
        return len(self._tokenizer.encode(text)) + 2

    @property
    def context_length(self) -> int:
        return int(self._tokenizer.context_length)


# -- preprocessing ----------------------------------------------------------------------------------------------------


def crop_for(picture: Image.Image, size: int) -> Crop:
    """CLIP's view of a picture: the shorter side to `size` with antialiased bicubic, then the middle square.

    Equal, byte for byte, to open_clip's own Pillow pipeline up to an aspect of 8; beyond, the middle part is cut out
    of the source first, which is the same up to rounding and bounds the memory. The odd pixel of an uneven margin
    follows torchvision's rule, round-half-even of margin / 2 (transformers rounds down instead).

    Args:
        picture: mode RGB, any size.
        size: side in pixels, at least 1.

    Returns:
        (size, size, 3), uint8.
    """
    width, height = picture.size
    if max(width, height) > WIDEST_ASPECT * min(width, height):
        return _strip_middle(picture, size)
    short, long = min(width, height), max(width, height)
    resized_long = int(size * long / short)
    resized = (size, resized_long) if width <= height else (resized_long, size)
    if resized != picture.size:
        picture = picture.resize(resized, Image.Resampling.BICUBIC)
    left, top = round((resized[0] - size) / 2), round((resized[1] - size) / 2)
    return np.asarray(picture.crop((left, top, left + size, top + size)))


def _strip_middle(picture: Image.Image, size: int) -> Crop:
    width, height = picture.size
    short = min(width, height)
    left, top = (width - short) / 2, (height - short) / 2
    square = picture.resize((size, size), Image.Resampling.BICUBIC, box=(left, top, left + short, top + short))
    return np.asarray(square)


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
        return ClipWeights(path, _open_clip_config(weights.read_json(own), own), is_transformers=False)
    config = folder / "config.json"
    processor = folder / "preprocessor_config.json"
    if processor.is_file():
        _check_processor(weights.read_json(processor), processor)
    return ClipWeights(path, _transformers_config(weights.read_json(config), config), is_transformers=True)


def _open_clip_config(stated: Mapping[str, Any], path: Path) -> dict[str, Any]:
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
}
TEXT_DEFAULTS = {
    "vocab_size": 49408,
    "hidden_size": 512,
    "intermediate_size": 2048,
    "num_hidden_layers": 12,
    "num_attention_heads": 8,
    "max_position_embeddings": 77,
    "hidden_act": "quick_gelu",
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


# -- from transformers' names to open_clip's --------------------------------------------------------------------------

NAMES = {
    "text_model.embeddings.token_embedding.weight": "token_embedding.weight",
    "text_model.embeddings.position_embedding.weight": "positional_embedding",
    "text_model.final_layer_norm": "ln_final",
    "vision_model.embeddings.class_embedding": "visual.class_embedding",
    "vision_model.embeddings.patch_embedding.weight": "visual.conv1.weight",
    "vision_model.embeddings.position_embedding.weight": "visual.positional_embedding",
    "vision_model.pre_layrnorm": "visual.ln_pre",
    "vision_model.post_layernorm": "visual.ln_post",
    "logit_scale": "logit_scale",
}
TOWERS = {"text_model.encoder.layers.": "transformer.", "vision_model.encoder.layers.": "visual.transformer."}
IN_LAYER = {
    "self_attn.out_proj": "attn.out_proj",
    "layer_norm1": "ln_1",
    "layer_norm2": "ln_2",
    "mlp.fc1": "mlp.c_fc",
    "mlp.fc2": "mlp.c_proj",
}


def to_open_clip(state: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Renames the tensors of transformers' `CLIPModel` as open_clip's `CLIP` has them.

    Queries, keys and values are stacked into one tensor; the two projections are transposed.

    Raises:
        KeyError: a tensor that no CLIP has, or a query without its key and value.
    """
    renamed: dict[str, torch.Tensor] = {}
    for name, tensor in state.items():
        if name.endswith(IGNORED):
            continue
        if name == "text_projection.weight":
            renamed["text_projection"] = tensor.T
        elif name == "visual_projection.weight":
            renamed["visual.proj"] = tensor.T
        elif ".self_attn.q_proj." in name:
            parts = [state[name.replace("q_proj", part)] for part in ("q_proj", "k_proj", "v_proj")]
            renamed[_layer_name(name).replace("self_attn.q_proj.", "attn.in_proj_")] = torch.cat(parts)
        elif ".self_attn.k_proj." not in name and ".self_attn.v_proj." not in name:
            renamed[_new_name(name)] = tensor
    return renamed


def _new_name(name: str) -> str:
    if any(name.startswith(tower) for tower in TOWERS):
        return _replaced(_layer_name(name), IN_LAYER.items(), name)
    return _replaced(name, NAMES.items(), name)


def _layer_name(name: str) -> str:
    """`text_model.encoder.layers.3.rest` becomes `transformer.resblocks.3.rest`."""
    for tower, prefix in TOWERS.items():
        if name.startswith(tower):
            return f"{prefix}resblocks.{name.removeprefix(tower)}"
    raise KeyError(f"no CLIP has a tensor {name}")


def _replaced(text: str, pairs: Iterable[tuple[str, str]], original: str) -> str:
    for old, new in pairs:
        if old in text:
            return text.replace(old, new)
    raise KeyError(f"no CLIP has a tensor {original}")


def _unit(embedded: torch.Tensor) -> torch.Tensor:
    """Rows of length 1, computed in float32 whatever the model's precision."""
    return torch.nn.functional.normalize(embedded.float(), dim=-1)
