"""The CLIP scorers at the size of their real weights, on random ones, against transformers' model and processor.

Each architecture is made once, answered by transformers, saved and dropped, and then read by our scorers: two copies of
a ViT-H/14 in float32 would not fit into the memory of a small machine.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

import scoring.torch_setup  # noqa: F401 - before anything that imports torchvision

# isort: split
from transformers import CLIPConfig, CLIPModel
from transformers.utils.logging import disable_progress_bar

from scoring import embeddings
from scoring.catalogue import build
from scoring.engine import Pace
from scoring.scorers.base import Reading
from scoring.scorers.clip_model import MEAN, STD
from scoring.scorers.clip_tensors import to_open_clip
from tests.scoring import clip_weights, making
from tests.scoring.test_hpsv2 import reference_square

pytestmark = [pytest.mark.parity, pytest.mark.full_size]

# float32 through 24 or 32 layers in two orders of summation; cosines measured below 2e-7.
COSINE = 1e-6
TEXTS = ["a red fox in the snow", "an open sign &amp; a bakery", "three blue cups", "rain over a harbour at night"]


@dataclass(frozen=True)
class Architecture:
    """Layers, width, heads of both towers; patch and the common width."""

    name: str
    patch: int
    vision: tuple[int, int, int]
    text: tuple[int, int, int]
    projection: int
    activation: str


VIT_B = Architecture("ViT-B/32", 32, (12, 768, 12), (12, 512, 8), 512, "quick_gelu")
VIT_L = Architecture("ViT-L/14", 14, (24, 1024, 16), (12, 768, 12), 768, "quick_gelu")
VIT_H = Architecture("ViT-H/14", 14, (32, 1280, 16), (24, 1024, 16), 1024, "gelu")


@dataclass(frozen=True)
class Answered:
    """Weights on disk, and what transformers made of the pictures and texts with them: not normalised, (n, d)."""

    folder: Path
    size: str
    pictures: torch.Tensor
    squares: torch.Tensor
    open_clip_texts: torch.Tensor
    transformers_texts: torch.Tensor


def shown() -> list[Any]:
    return [making.scene(448, 320, seed) for seed in range(3)] + [making.noise(320, 448, 9)]


def tower(layers: int, width: int, heads: int, activation: str) -> dict[str, Any]:
    return {
        "num_hidden_layers": layers,
        "hidden_size": width,
        "intermediate_size": 4 * width,
        "num_attention_heads": heads,
        "hidden_act": activation,
    }


def random_model(one: Architecture) -> Any:
    torch.manual_seed(11)
    special = {"bos_token_id": 49406, "eos_token_id": 49407, "pad_token_id": 49407}
    config = CLIPConfig(
        projection_dim=one.projection,
        vision_config={**tower(*one.vision, one.activation), "image_size": 224, "patch_size": one.patch},
        text_config={**tower(*one.text, one.activation), "vocab_size": 49408, "max_position_embeddings": 77, **special},
    )
    model = CLIPModel(config).eval()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            # Fresh weights give all pictures nearly one embedding; norms and biases vary as well.
            parameter.add_(torch.randn_like(parameter) * (0.04 if parameter.ndim > 1 else 0.1))
            if name == "logit_scale":
                parameter.fill_(np.log(100))
    return model


def answered(one: Architecture, folder: Path) -> Answered:
    disable_progress_bar()
    model = random_model(one)
    size = f"{one.name}, {sum(parameter.numel() for parameter in model.parameters()) // 1_000_000} M"
    tokenizer = clip_weights.transformers_tokenizer()
    their_ids = tokenizer(TEXTS, padding=True, truncation=True, max_length=77, return_tensors="pt")["input_ids"]
    pictures, words = clip_weights.embedded(model, shown(), clip_weights.open_clip_ids(TEXTS))
    _same, their_words = clip_weights.embedded(model, shown()[:1], their_ids)
    with torch.inference_mode():
        squares = model.get_image_features(pixel_values=squares_of(shown()))
    model.save_pretrained(folder)
    clip_weights.processor(224).save_pretrained(folder)
    squares = getattr(squares, "pooler_output", squares)
    return Answered(folder, size, pictures, squares, words, their_words)


def squares_of(pictures: list[Any]) -> torch.Tensor:
    """HPSv2's preprocessing by torchvision, then CLIP's normalisation."""
    mean, std = (torch.tensor(values).view(1, 3, 1, 1) for values in (MEAN, STD))
    return (torch.from_numpy(np.stack([reference_square(one, 224) for one in pictures])) - mean) / std


@pytest.fixture(autouse=True)
def _nothing_is_remembered() -> Iterator[None]:
    before = embeddings.folder()
    embeddings.keep_below(None)
    yield
    embeddings.keep_below(before)
    gc.collect()


@pytest.fixture(scope="module")
def answers(tmp_path_factory) -> Callable[[Architecture], Answered]:
    made: dict[str, Answered] = {}

    def of(one: Architecture) -> Answered:
        if one.name not in made:
            made[one.name] = answered(one, tmp_path_factory.mktemp("weights"))
            gc.collect()
        return made[one.name]

    return of


def cosines(pictures: torch.Tensor, texts: torch.Tensor) -> np.ndarray:
    """(pictures, texts)"""
    pictures, texts = (torch.nn.functional.normalize(one, dim=-1) for one in (pictures, texts))
    return (pictures @ texts.T).numpy()


def our_scores(name: str, folder: Path, settings: dict[str, str], texts: list[str]) -> np.ndarray:
    made = build(name, {"source": str(folder), **settings})
    items = [
        making.item(file, prompt_text=text)
        for file in [making.saved(picture, folder) for picture in shown()]
        for text in texts
    ]
    said = making.outcomes(made, items, Pace(batch_size=8, threads=2))
    return np.array([one.results[name].value for one in said if isinstance(one, Reading)]).reshape(-1, len(texts))


@pytest.mark.parametrize("one", [VIT_B, VIT_L], ids=lambda one: one.name)
def test_clipscore(one: Architecture, answers: Any, agreement: Any) -> None:
    found = answers(one)

    ours = our_scores("clipscore", found.folder, {"prefix": ""}, TEXTS)

    right = 2.5 * np.maximum(cosines(found.pictures, found.open_clip_texts), 0)
    agreement("clipscore", "transformers", found.size, ours, right, tolerance=2.5 * COSINE)


def test_aesthetic(answers: Any, agreement: Any, tmp_path: Path) -> None:
    found = answers(VIT_L)
    clip_weights.save_head(tmp_path, 768)

    ours = our_scores("aesthetic", found.folder, {"head": str(tmp_path)}, [""])

    with torch.inference_mode():
        right = clip_weights.head(768)(found.pictures / found.pictures.norm(dim=-1, keepdim=True)).numpy()
    oracle = "transformers and the reference's layers"
    agreement("aesthetic", oracle, found.size, ours, right, tolerance=1e-5)


def test_pickscore(answers: Any, agreement: Any) -> None:
    found = answers(VIT_H)

    ours = our_scores("pickscore", found.folder, {}, TEXTS)

    right = 100 * cosines(found.pictures, found.transformers_texts)
    agreement("pickscore", "transformers", found.size, ours, right, tolerance=100 * COSINE)


@pytest.mark.parametrize("name", ["hpsv2", "hpsv21"])
def test_hpsv2(name: str, answers: Any, agreement: Any) -> None:
    found = answers(VIT_H)
    file = {"hpsv2": "HPS_v2_compressed", "hpsv21": "HPS_v2.1_compressed"}[name]
    converted(found.folder, f"{file}.safetensors")

    ours = our_scores(name, found.folder, {}, TEXTS)

    right = cosines(found.squares, found.open_clip_texts)
    agreement(name, "transformers, torchvision", found.size, ours, right, tolerance=COSINE)


def converted(folder: Path, file: str) -> None:
    """The same weights under open_clip's names, as the published file has them; a second version is the same file."""
    done = folder / "converted.safetensors"
    if not done.exists():
        state = to_open_clip(load_file(folder / "model.safetensors"))
        save_file({name: tensor.contiguous() for name, tensor in state.items()}, done)
    (folder / file).hardlink_to(done)
