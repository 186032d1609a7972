"""Whole architectures with random weights, saved as their scorers read them. Nothing is downloaded."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

SEED = 20_261_121


def clip(folder: Path, architecture: str, seed: int = SEED, file: str = "open_clip_model.safetensors") -> Path:
    """CLIP in open_clip's own layout: open_clip_config.json, open_clip_model.safetensors."""
    import torch

    import scoring.torch_setup  # noqa: F401 - before open_clip

    # isort: split
    import open_clip
    from safetensors.torch import save_file

    folder.mkdir(parents=True)
    torch.manual_seed(seed)
    config = open_clip.get_model_config(architecture)
    state = open_clip.CLIP(**config).state_dict()
    save_file({name: tensor.contiguous() for name, tensor in state.items()}, folder / file)
    (folder / "open_clip_config.json").write_text(json.dumps({"model_cfg": config}))
    return folder


def aesthetic_head(folder: Path, width: int) -> Path:
    """The five linear layers of the LAION head over embeddings of this width."""
    import torch
    from safetensors.torch import save_file

    folder.mkdir(parents=True)
    torch.manual_seed(SEED)
    sizes = [width, 1024, 128, 64, 16, 1]
    # Dropout layers stand between them, so their numbers leave gaps.
    places = (0, 2, 4, 6, 7)
    state: dict[str, Any] = {}
    for place, (before, after) in zip(places, pairwise(sizes), strict=True):
        layer = torch.nn.Linear(before, after)
        state[f"layers.{place}.weight"], state[f"layers.{place}.bias"] = layer.weight.data, layer.bias.data
    save_file(state, folder / "head.safetensors")
    return folder / "head.safetensors"


def classifier(folder: Path) -> Path:
    """A ViT-B/16 that tells two labels apart, as transformers saves it."""
    import torch

    import scoring.torch_setup  # noqa: F401 - before torchvision

    # isort: split
    from transformers import ViTConfig, ViTForImageClassification, ViTImageProcessorPil

    folder.mkdir(parents=True)
    torch.manual_seed(SEED)
    config = ViTConfig(id2label={0: "normal", 1: "nsfw"}, label2id={"normal": 0, "nsfw": 1})
    ViTForImageClassification(config).save_pretrained(folder)
    ViTImageProcessorPil(size={"height": 224, "width": 224}).save_pretrained(folder)
    return folder
