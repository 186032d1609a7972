"""A tiny CLIP with random weights, made and saved by transformers. It is never trained and never downloaded."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

import scoring.torch_setup  # noqa: F401 - before anything that imports torchvision

# isort: split
from transformers import CLIPConfig, CLIPImageProcessorPil, CLIPModel

SIZE = 64


def make(folder: Path, *, activation: str = "quick_gelu", seed: int = 7) -> Any:
    """Writes config.json, model.safetensors and preprocessor_config.json; returns transformers' own model."""
    torch.manual_seed(seed)
    config = CLIPConfig(
        projection_dim=24,
        vision_config={
            "hidden_size": 48,
            "intermediate_size": 96,
            "num_hidden_layers": 2,
            "num_attention_heads": 4,
            "image_size": SIZE,
            "patch_size": 16,
            "hidden_act": activation,
        },
        text_config={
            "hidden_size": 32,
            "intermediate_size": 80,
            "num_hidden_layers": 3,
            "num_attention_heads": 2,
            "vocab_size": 49408,
            "max_position_embeddings": 77,
            "hidden_act": activation,
            "bos_token_id": 49406,
            "eos_token_id": 49407,
            "pad_token_id": 49407,
        },
    )
    model = CLIPModel(config).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            # The default of 0.02 gives every picture nearly the same embedding; norms and biases vary as well.
            parameter.add_(torch.randn_like(parameter) * (0.3 if parameter.ndim > 1 else 0.1))
    model.save_pretrained(folder)
    processor(SIZE).save_pretrained(folder)
    return model


def processor(size: int) -> Any:
    return CLIPImageProcessorPil(size={"shortest_edge": size}, crop_size={"height": size, "width": size})
