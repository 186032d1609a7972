"""Vision transformers of timm with the weights of a folder that transformers saved: another implementation.

The names that transformers writes are taken apart here, not read by it.
"""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file

import scoring.torch_setup  # noqa: F401 - before anything that imports torchvision

# isort: split
from timm.models.vision_transformer import VisionTransformer

IN_BLOCK = {
    "attention.output.dense": "attn.proj",
    "intermediate.dense": "mlp.fc1",
    "output.dense": "mlp.fc2",
    "layernorm_before": "norm1",
    "layernorm_after": "norm2",
    "layer_scale1.lambda1": "ls1.gamma",
    "layer_scale2.lambda1": "ls2.gamma",
}
OUTSIDE = {
    "embeddings.cls_token": "cls_token",
    "embeddings.position_embeddings": "pos_embed",
    "embeddings.patch_embeddings.projection": "patch_embed.proj",
    "classifier": "head",
}


def read(folder: Path, *, shape: int | None = None) -> VisionTransformer:
    """The folder's model in timm, in float32, for pictures of `shape` pixels (default: those it was made for)."""
    stated = json.loads((folder / "config.json").read_text())
    state = renamed(load_file(folder / "model.safetensors"), stated["num_hidden_layers"])
    size = shape or stated["image_size"]
    grid = size // stated["patch_size"]
    state["pos_embed"] = resized_positions(state["pos_embed"], grid)
    is_v2 = stated["model_type"] == "dinov2"
    model = VisionTransformer(
        img_size=size,
        patch_size=stated["patch_size"],
        embed_dim=stated["hidden_size"],
        depth=stated["num_hidden_layers"],
        num_heads=stated["num_attention_heads"],
        mlp_ratio=stated["mlp_ratio"] if is_v2 else stated["intermediate_size"] / stated["hidden_size"],
        num_classes=len(state["head.bias"]) if "head.bias" in state else 0,
        init_values=1.0 if is_v2 else None,
        norm_layer=partial(torch.nn.LayerNorm, eps=stated["layer_norm_eps"]),
    )
    model.load_state_dict(state, strict=True)
    return model.eval()


def renamed(state: dict[str, torch.Tensor], depth: int) -> dict[str, torch.Tensor]:
    state = {name.removeprefix("vit."): tensor for name, tensor in state.items() if "mask_token" not in name}
    found: dict[str, torch.Tensor] = {}
    for place in range(depth):
        layer = f"encoder.layer.{place}."
        for end in ("weight", "bias"):
            parts = [state.pop(f"{layer}attention.attention.{part}.{end}") for part in ("query", "key", "value")]
            found[f"blocks.{place}.attn.qkv.{end}"] = torch.cat(parts)
        for name in [name for name in state if name.startswith(layer)]:
            found[f"blocks.{place}." + _one(name.removeprefix(layer), IN_BLOCK)] = state.pop(name)
    for name, tensor in state.items():
        found[_one(name, OUTSIDE).replace("layernorm", "norm")] = tensor
    return found


def _one(name: str, table: dict[str, str]) -> str:
    for old, new in table.items():
        if name.startswith(old):
            return new + name.removeprefix(old)
    return name


def resized_positions(positions: torch.Tensor, grid: int) -> torch.Tensor:
    """Position embeddings (1, 1 + g², d) for a grid of another side, bicubic without antialiasing."""
    cls, patches = positions[:, :1], positions[:, 1:]
    side = int(patches.shape[1] ** 0.5)
    if side == grid:
        return positions
    square = patches.reshape(1, side, side, -1).permute(0, 3, 1, 2)
    larger = torch.nn.functional.interpolate(square, size=(grid, grid), mode="bicubic", align_corners=False)
    return torch.cat([cls, larger.permute(0, 2, 3, 1).reshape(1, grid * grid, -1)], dim=1)


@torch.inference_mode()
def unsafe(model: VisionTransformer, pixels: torch.Tensor, column: int) -> list[float]:
    """Softmax of timm's logits, one column."""
    return [float(value) for value in model(pixels).softmax(dim=-1)[:, column]]


@torch.inference_mode()
def tokens(model: VisionTransformer, pixels: torch.Tensor) -> torch.Tensor:
    """(n, 1 + patches, d) after the last norm."""
    return model.forward_features(pixels)


def values(said: list[Any], key: str) -> list[float]:
    return [one.results[key].value for one in said]
