"""The scorers that look at pictures alone at the size of their real weights, on random ones.

ViT-B/16 and DINOv2-base against timm's transformers; DETR-ResNet-50 against transformers' own processor and reader of
boxes.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from tests.scoring import making, test_dino, test_objects, test_unsafe, vision_oracle, vision_weights

# isort: split
from transformers import DetrConfig, DetrForObjectDetection, DetrImageProcessorPil

pytestmark = [pytest.mark.parity, pytest.mark.full_size]

# float32 through 12 layers in two orders of summation; measured below 2e-7.
TOLERANCE = 1e-5
BASE = {"hidden_size": 768, "num_hidden_layers": 12, "num_attention_heads": 12, "intermediate_size": 3072}
# Smaller than for tiny models: with more layers the same noise would saturate every probability.
SCALE = 0.03


def pictures() -> list[Image.Image]:
    return [making.scene(448, 320, seed) for seed in range(6)] + [making.noise(320, 448, 9), making.scene(200, 260, 7)]


def millions(model: torch.nn.Module) -> str:
    return f"{sum(parameter.numel() for parameter in model.parameters()) // 1_000_000} M"


def test_vit_b_16(tmp_path: Path, agreement: Any) -> None:
    model = vision_weights.make_classifier(tmp_path, scale=SCALE, image_size=224, **BASE)
    vision_weights.classifier_processor(224).save_pretrained(tmp_path)

    ours = test_unsafe.our_values(test_unsafe.scorer(tmp_path), pictures(), tmp_path)

    theirs = test_unsafe.their_values(tmp_path, pictures(), vision_weights.classifier_processor(224))
    agreement("unsafe", "timm", f"ViT-B/16, {millions(model)}", ours, theirs, tolerance=TOLERANCE)


@pytest.mark.parametrize("pooling", ["cls", "patches"])
def test_dinov2_base(pooling: str, tmp_path: Path, agreement: Any) -> None:
    """Made for 518 pixels and shown 224, as the released weights are."""
    heads = {key: value for key, value in BASE.items() if key != "intermediate_size"}
    model = vision_weights.make_dinov2(tmp_path, scale=SCALE, image_size=518, mlp_ratio=4, **heads)
    processor = vision_weights.dinov2_processor(256, 224)
    processor.save_pretrained(tmp_path)
    references = [making.scene(300, 300, 40), making.scene(260, 400, 41)]
    asks = [test_dino.asked([one], references, tmp_path) for one in pictures()]

    said = making.outcomes(test_dino.scorer(tmp_path, pooling=pooling), asks)

    pixels = [processor(images=one, return_tensors="pt")["pixel_values"] for one in [*pictures(), *references]]
    tokens = vision_oracle.tokens(vision_oracle.read(tmp_path, shape=224), torch.cat(pixels))
    pooled = tokens[:, 0] if pooling == "cls" else tokens[:, 1:].mean(dim=1)
    cosines = torch.nn.functional.cosine_similarity(pooled[:-2, None], pooled[None, -2:], dim=-1).mean(dim=1)
    agreement(
        "dino_similarity",
        "timm",
        f"DINOv2-base, {pooling}, {millions(model)}",
        vision_oracle.values(said, "dino_similarity"),
        cosines.numpy(),
        tolerance=TOLERANCE,
    )


def test_detr_resnet_50(tmp_path: Path, agreement: Any) -> None:
    torch.manual_seed(17)
    labels = {"id2label": {place: f"thing {place}" for place in range(91)}}
    model = vision_weights.spread_out(DetrForObjectDetection(DetrConfig(**labels)), 17, scale=SCALE)
    processor = DetrImageProcessorPil()
    for part in (model, processor):
        part.save_pretrained(tmp_path)
    shown = pictures()[::3]
    theirs = test_objects.theirs_of(model, processor, shown)

    ours = test_objects.ours_of(tmp_path, shown, list(labels["id2label"].values()))

    left, right = (
        np.concatenate([test_objects.numbers_of(one, picture.size) for one, picture in zip(side, shown, strict=True)])
        for side in (ours, theirs)
    )
    agreement("object_checks", "transformers", f"DETR-R50, {millions(model)}", left, right, tolerance=TOLERANCE)
