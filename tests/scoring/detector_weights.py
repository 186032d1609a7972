"""Tiny detectors with random weights, made and saved by transformers. Never trained, never downloaded."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

import scoring.torch_setup  # noqa: F401 - before anything that imports torchvision

# isort: split
from open_clip.tokenizer import SimpleTokenizer
from transformers import (
    CLIPTokenizer,
    ConditionalDetrConfig,
    ConditionalDetrForObjectDetection,
    ConditionalDetrImageProcessorPil,
    DeformableDetrConfig,
    DeformableDetrForObjectDetection,
    DeformableDetrImageProcessorPil,
    DetrConfig,
    DetrForObjectDetection,
    DetrImageProcessorPil,
    Owlv2Config,
    Owlv2ForObjectDetection,
    Owlv2ImageProcessorPil,
    OwlViTConfig,
    OwlViTForObjectDetection,
    OwlViTImageProcessorPil,
    ResNetConfig,
    RTDetrConfig,
    RTDetrForObjectDetection,
    RTDetrImageProcessorPil,
    RTDetrResNetConfig,
    YolosConfig,
    YolosForObjectDetection,
    YolosImageProcessorPil,
)

from tests.scoring.vision_weights import make_classifier, make_dino, spread_out

NAMES = {0: "cat", 1: "dog", 2: "keyboard"}
LABELS: dict[str, Any] = {"id2label": NAMES, "label2id": {name: place for place, name in NAMES.items()}}
EDGES = {"size": {"shortest_edge": 96, "longest_edge": 160}}
HEADS = {
    "d_model": 32,
    "decoder_layers": 2,
    "encoder_attention_heads": 4,
    "decoder_attention_heads": 4,
    "encoder_ffn_dim": 32,
    "decoder_ffn_dim": 32,
    "encoder_layers": 1,
}


def _resnet(*stages: str, kind: Any = ResNetConfig) -> Any:
    return kind(
        embedding_size=8,
        hidden_sizes=[8, 16, 16, 16],
        depths=[1, 1, 1, 1],
        layer_type="basic",
        out_features=list(stages),
    )


def _detr() -> Any:
    config = DetrConfig(
        **HEADS, **LABELS, num_queries=12, use_timm_backbone=False, backbone=None, backbone_config=_resnet("stage4")
    )
    return DetrForObjectDetection(config), DetrImageProcessorPil(**EDGES)


def _conditional_detr() -> Any:
    config = ConditionalDetrConfig(
        **HEADS, **LABELS, num_queries=40, use_timm_backbone=False, backbone=None, backbone_config=_resnet("stage4")
    )
    return ConditionalDetrForObjectDetection(config), ConditionalDetrImageProcessorPil(**EDGES)


def _deformable_detr() -> Any:
    backbone = _resnet("stage2", "stage3", "stage4")
    config = DeformableDetrConfig(
        **HEADS, **LABELS, num_queries=40, use_timm_backbone=False, backbone=None, backbone_config=backbone
    )
    return DeformableDetrForObjectDetection(config), DeformableDetrImageProcessorPil(**EDGES)


def _yolos() -> Any:
    config = YolosConfig(
        **LABELS,
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=32,
        image_size=[96, 160],
        num_detection_tokens=12,
    )
    return YolosForObjectDetection(config), YolosImageProcessorPil(**EDGES)


def _rt_detr() -> Any:
    config = RTDetrConfig(
        **LABELS,
        **{key: value for key, value in HEADS.items() if key != "d_model"},
        d_model=32,
        num_queries=12,
        backbone_config=_resnet("stage2", "stage3", "stage4", kind=RTDetrResNetConfig),
        encoder_hidden_dim=32,
        encoder_in_channels=[16, 16, 16],
        decoder_in_channels=[32, 32, 32],
    )
    return RTDetrForObjectDetection(config), RTDetrImageProcessorPil(size={"height": 96, "width": 96})


CLOSED: dict[str, Callable[[], Any]] = {
    "detr": _detr,
    "conditional_detr": _conditional_detr,
    "deformable_detr": _deformable_detr,
    "yolos": _yolos,
    "rt_detr": _rt_detr,
}


def make_closed(kind: str, folder: Path, seed: int = 11) -> tuple[Any, Any]:
    """A tiny detector of cats, dogs and keyboards; returns transformers' model and processor."""
    torch.manual_seed(seed)
    model, processor = CLOSED[kind]()
    spread_out(model, seed)
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    return model, processor


def make_open(kind: str, folder: Path, seed: int = 13) -> tuple[Any, Any, Any]:
    """A tiny OWL; returns transformers' model, processor and tokenizer."""
    torch.manual_seed(seed)
    config_class, model_class, processor_class = {
        "owlv2": (Owlv2Config, Owlv2ForObjectDetection, Owlv2ImageProcessorPil),
        "owlvit": (OwlViTConfig, OwlViTForObjectDetection, OwlViTImageProcessorPil),
    }[kind]
    layers = {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4}
    config = config_class(
        text_config={**layers, "vocab_size": 49408, "max_position_embeddings": 16},
        vision_config={**layers, "image_size": 96, "patch_size": 16},
        projection_dim=32,
    )
    model = spread_out(model_class(config), seed, scale=0.1)
    processor = processor_class(size={"height": 96, "width": 96})
    for part in (model, processor, _tokenizer()):
        part.save_pretrained(folder)
    return model, processor, _tokenizer()


def _tokenizer() -> Any:
    ours = SimpleTokenizer(context_length=16)
    names = {"<|startoftext|>": ours.sot_token_id, "<|endoftext|>": ours.eot_token_id}
    own = {name: place for name, place in ours.encoder.items() if place not in names.values()}
    return CLIPTokenizer(vocab=own | names, merges=list(ours.bpe_ranks), pad_token="!")


def settings_of(name: str, folder: Path) -> dict[str, str]:
    """Settings under which a scorer of this family runs on tiny weights, which are made below the folder."""
    place = folder / name
    if name == "object_checks":
        make_closed("detr", place)
    else:
        {"unsafe": make_classifier, "dino_similarity": make_dino}[name](place)
    return {"source": str(place)}
