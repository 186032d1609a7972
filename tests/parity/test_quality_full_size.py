"""Aesthetic v2.5, CLIP-IQA, ICT, HP, MPS and CycleReward at the size of their real weights, on random ones.

ICT and HP are a ViT-H/14, which test_clip_full_size.py compares layer by layer; here they are read as they are
published, and HP with its head. Of MPS everything above CLIP is whole, and CLIP has a ViT-H/14's widths but few layers.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from scoring import embeddings
from scoring.catalogue import build
from scoring.engine import Pace
from scoring.scorers.base import Reading
from tests.parity.test_clip_full_size import VIT_B, cosines, random_model
from tests.scoring import clip_weights, language_weights, making, preference_weights, quality_weights, seeded

pytestmark = [pytest.mark.parity, pytest.mark.full_size]

SO400M = {
    "hidden_size": 1152,
    "intermediate_size": 4304,
    "num_hidden_layers": 27,
    "num_attention_heads": 16,
    "image_size": 384,
    "patch_size": 14,
}


@pytest.fixture(autouse=True)
def _nothing_is_remembered() -> Iterator[None]:
    before = embeddings.folder()
    embeddings.keep_below(None)
    yield
    embeddings.keep_below(before)
    gc.collect()


def shown(count: int) -> list[Image.Image]:
    return [Image.fromarray(picture) for picture in seeded.pictures()][:count]


def our_scores(name: str, settings: dict[str, str], pictures: list[Image.Image], prompts: list[str]) -> np.ndarray:
    """(prompts, pictures), of the scorer's first criterion."""
    made = build(name, settings)
    folder = Path(settings["source"])
    files = [making.saved(picture, folder) for picture in pictures]
    items = [making.item(file, prompt_text=prompt) for prompt in prompts for file in files]
    said = making.outcomes(made, items, Pace(batch_size=4, threads=0))
    assert [type(one) for one in said] == [Reading] * len(items), said
    key = made.facts.outputs[0].criterion
    values = [one.results[key].value for one in said if isinstance(one, Reading)]
    return np.array(values).reshape(len(prompts), len(pictures))


def test_aesthetic25(tmp_path: Path, agreement: Any) -> None:
    tower = quality_weights.make_siglip(tmp_path, scale=0.02, vision=SO400M)
    size = f"SigLIP so400m/14, {sum(one.numel() for one in tower.parameters()) // 1_000_000} M"
    quality_weights.save_v25_head(tmp_path, 1152)
    del tower
    gc.collect()
    right = rated_by_timm(tmp_path, shown(2))

    ours = our_scores("aesthetic25", {"source": str(tmp_path), "head": str(tmp_path)}, shown(2), [""])[0]

    agreement("aesthetic25", "timm and the described layers", size, ours, right, tolerance=1e-5)


def rated_by_timm(folder: Path, pictures: list[Image.Image]) -> np.ndarray:
    model = quality_weights.timm_tower(folder)
    seen = quality_weights.siglip_processor(384)(images=pictures, return_tensors="pt")["pixel_values"]
    with torch.inference_mode():
        features = model(seen)
        unit = features / features.norm(dim=-1, keepdim=True)
        return quality_weights.v25_head(1152)(unit).squeeze(-1).numpy()


def test_clip_iqa(tmp_path: Path, agreement: Any) -> None:
    stated, theirs = quality_weights.resnet_fixture("clip_iqa_full.npz")
    quality_weights.save_resnet(tmp_path, "clip_iqa_full.npz")
    size = f"RN50, {sum(int(np.prod(shape)) for shape in stated['shapes'].values()) // 1_000_000} M"
    pictures = [picture for picture in shown(6) if min(picture.size) >= 32]

    for place, (pair, oracle) in enumerate([("quality", "piq 0.8.0"), ("sharpness", "torchmetrics 1.9.0")]):
        ours = our_scores("clip_iqa", {"source": str(tmp_path), "pairs": pair}, pictures, [""])[0]
        right = theirs["piq"] if pair == "quality" else theirs["torchmetrics"][:, place]
        agreement("clip_iqa", oracle, size, ours, right, tolerance=2e-5)


def test_ict_and_hp(tmp_path: Path, agreement: Any) -> None:
    """Both as they are published, a pickled table for each, in the architecture of a ViT-B/32."""
    model = random_model(VIT_B)
    size = f"ViT-B/32, {sum(one.numel() for one in model.parameters()) // 1_000_000} M"
    prompts = ["a red fox in the snow", "an open sign &amp; a bakery"]
    pictures, words = clip_weights.embedded(model, shown(4), clip_weights.open_clip_ids(prompts))
    backbone, head = tmp_path / "hp_backbone", tmp_path / "hp_scorer"
    head.mkdir()
    model.save_pretrained(backbone)
    preference_weights.pickled(model, backbone)
    torch.save(
        {f"layers.{key}": one for key, one in preference_weights.hp_head(512).state_dict().items()},
        head / "mlp_pytorch_model.bin",
    )

    ict = our_scores("ict", {"source": str(backbone)}, shown(4), prompts)
    hp = our_scores("hp", {"source": str(tmp_path)}, shown(4), [""])[0]

    agreement("ict", "transformers", size, ict, cosines(pictures, words).T, tolerance=1e-6)
    with torch.inference_mode():
        right = preference_weights.hp_head(512)(pictures).sigmoid().squeeze(-1).numpy()
    agreement("hp", "transformers and the described layers", size, hp, right, tolerance=5e-6)


def test_mps(tmp_path: Path, agreement: Any) -> None:
    stated, theirs = preference_weights.mps_fixture("mps_wide.npz")
    preference_weights.make_mps(tmp_path, "mps_wide.npz")
    millions = sum(int(np.prod(shape)) for shape in stated["shapes"].values()) // 1_000_000
    size = f"few layers of ViT-H/14, whole fusion, {millions} M"

    for threshold in ("0.3", "0.01"):
        settings = {"source": str(tmp_path), "condition": stated["condition"], "threshold": threshold}
        ours = our_scores("mps", settings, shown(3), stated["prompts"])
        right = theirs[f"scores {threshold}"]
        agreement("mps", f"imscore 0.0.11, threshold {threshold}", size, ours, right, tolerance=2e-4)


def test_cyclereward(tmp_path: Path, agreement: Any) -> None:
    stated, right = language_weights.fixture("cyclereward_full.npz")
    preference_weights.make_cyclereward(tmp_path, "cyclereward_full.npz")
    size = f"{sum(int(np.prod(shape)) for shape in stated['shapes'].values()) // 1_000_000} M"

    ours = our_scores("cyclereward", {"source": str(tmp_path)}, language_weights.pictures(), stated["prompts"])

    oracle = "cyclereward 0.1.7, transformers 4.46"
    agreement("cyclereward", oracle, size, ours, right, tolerance=5e-7)
