"""Tiny vision transformers with random weights, made and saved by transformers. Never trained, never downloaded."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch

import scoring.torch_setup  # noqa: F401 - before anything that imports torchvision

# isort: split
from transformers import (
    BitImageProcessorPil,
    Dinov2Config,
    Dinov2Model,
    ViTConfig,
    ViTForImageClassification,
    ViTImageProcessorPil,
    ViTModel,
)

SIZE = 48
TINY = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 64}
IMAGENET = {"image_mean": [0.485, 0.456, 0.406], "image_std": [0.229, 0.224, 0.225]}


def spread_out(model: Any, seed: int, scale: float = 0.3) -> Any:
    """Weights far enough from their defaults that pictures get numbers far apart."""
    random = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in model.parameters():
            noise = torch.randn(parameter.shape, generator=random)
            parameter.add_(noise * (scale if parameter.ndim > 1 else scale / 3))
    return model.eval()


def make_classifier(
    folder: Path, *, labels: tuple[str, ...] = ("normal", "nsfw"), seed: int = 3, scale: float = 0.3, **changed: Any
) -> Any:
    """A `ViTForImageClassification` with the processor of Falconsai's file, at 48 pixels."""
    torch.manual_seed(seed)
    names = dict(enumerate(labels))
    config = ViTConfig(
        **{**TINY, "image_size": SIZE, "patch_size": 16, **changed},
        id2label=names,
        label2id={name: place for place, name in names.items()},
    )
    model = spread_out(ViTForImageClassification(config), seed, scale)
    model.save_pretrained(folder)
    classifier_processor().save_pretrained(folder)
    return model


def classifier_processor(size: int = SIZE, **changed: Any) -> Any:
    return ViTImageProcessorPil(size={"height": size, "width": size}, **changed)


def make_dino(folder: Path, *, seed: int = 5, **changed: Any) -> Any:
    """A `ViTModel` with the old kind of processor file that facebook/dino-vits16 has."""
    torch.manual_seed(seed)
    config = ViTConfig(**{**TINY, "image_size": SIZE, "patch_size": 16, **changed})
    model = spread_out(ViTModel(config, add_pooling_layer=False), seed)
    model.save_pretrained(folder)
    stated = {"do_normalize": True, "do_resize": True, "feature_extractor_type": "ViTFeatureExtractor", "resample": 3}
    (folder / "preprocessor_config.json").write_text(json.dumps({**stated, "size": SIZE, **IMAGENET}))
    return model


def dino_processor(size: int = SIZE, resample: int = 3) -> Any:
    return ViTImageProcessorPil(size={"height": size, "width": size}, resample=resample, **IMAGENET)


def make_dinov2(folder: Path, *, seed: int = 7, image_size: int = 42, scale: float = 0.3, **changed: Any) -> Any:
    """A `Dinov2Model` whose pictures are larger than those it was made for, as the released ones are smaller."""
    torch.manual_seed(seed)
    config = Dinov2Config(**{**TINY, "mlp_ratio": 2, "image_size": image_size, "patch_size": 14, **changed})
    model = spread_out(Dinov2Model(config), seed, scale)
    model.save_pretrained(folder)
    dinov2_processor().save_pretrained(folder)
    return model


def dinov2_processor(edge: int = 64, crop: int = 56) -> Any:
    return BitImageProcessorPil(size={"shortest_edge": edge}, crop_size={"height": crop, "width": crop}, **IMAGENET)
