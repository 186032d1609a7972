"""A tiny adapter with random sides, as PEFT itself saves it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

import scoring.torch_setup  # noqa: F401 - before anything that imports torchvision

# isort: split
from peft import LoraConfig, get_peft_model
from transformers import Qwen2VLForConditionalGeneration

TARGETS = ["q_proj", "v_proj", "o_proj", "down_proj", "qkv"]


def made(base: Path, folder: Path, **fields: Any) -> Path:
    """An adapter with random sides, by PEFT itself."""
    model = Qwen2VLForConditionalGeneration.from_pretrained(base, dtype=torch.float32)
    torch.manual_seed(3)
    stated = {"r": 4, "lora_alpha": 12, "target_modules": TARGETS, **fields}
    adapted = get_peft_model(model, LoraConfig(**stated))
    with torch.no_grad():
        for name, parameter in adapted.named_parameters():
            if "lora_" in name:
                parameter.copy_(torch.randn_like(parameter) * 0.2)
    adapted.save_pretrained(folder)
    return folder
