"""The tensors of transformers' `CLIPModel` under the names of open_clip's `CLIP`. For workers only."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import torch

# What is neither a weight nor used by open_clip.
IGNORED = (".embeddings.position_ids",)
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
