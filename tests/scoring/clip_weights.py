"""A tiny CLIP with random weights, made and saved by transformers. It is never trained and never downloaded."""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

import scoring.torch_setup  # noqa: F401 - before anything that imports torchvision

# isort: split
from open_clip.tokenizer import SimpleTokenizer
from transformers import CLIPConfig, CLIPImageProcessorPil, CLIPModel, CLIPTokenizer

from tests.scoring import making

SIZE = 64
PROMPTS = [
    "",
    "a red fox in the snow",
    "Ein Straßenschild mit “Ausfahrt”, 東京タワー 🦊",
    "rock &amp; roll",
    "one more word " * 60,
]


def pictures() -> list[Image.Image]:
    """Margins even, where transformers' crop and open_clip's agree; the last two are wide and of one pixel's height."""
    return [
        making.scene(100, 100, 1),
        making.scene(300, 170, 2),
        making.noise(170, 300, 3),
        making.scene(64, 64, 4),
        making.noise(40, 50, 5),  # smaller than the model's input
        making.scene(480, 64, 6),
        making.noise(6, 1, 7),
    ]


def make(folder: Path, *, activation: str = "quick_gelu", seed: int = 7, logit_scale: float | None = None) -> Any:
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
        if logit_scale is not None:
            model.logit_scale.fill_(logit_scale)
    model.save_pretrained(folder)
    processor(SIZE).save_pretrained(folder)
    return model


def by_name(shapes: Mapping[str, Sequence[int]]) -> dict[str, torch.Tensor]:
    """Weights that follow from names and shapes, for a fixture that another environment wrote: numpy's `RandomState`
    is frozen for good. Deviations as `make` has them; weights of norms lie about 1."""
    return {name: _by_name(name, tuple(shape)) for name, shape in shapes.items()}


def _by_name(name: str, shape: tuple[int, ...]) -> torch.Tensor:
    uniform = (np.random.RandomState(zlib.crc32(name.encode())).random_sample(shape) - 0.5) * 12**0.5
    is_norm = len(shape) == 1 and name.endswith("weight")
    return torch.tensor(is_norm + (0.3 if len(shape) > 1 else 0.1) * uniform, dtype=torch.float32)


def processor(size: int) -> Any:
    return CLIPImageProcessorPil(size={"shortest_edge": size}, crop_size={"height": size, "width": size})


# -- released layouts -------------------------------------------------------------------------------------------------


def save_hpsv2(
    folder: Path, shapes: Mapping[str, Sequence[int]], config: str, file: str = "HPS_v2_compressed.pt"
) -> None:
    """As the authors published it, a table under `state_dict`; a configuration beside it, because it is no ViT-H/14."""
    torch.save({"epoch": 0, "state_dict": by_name(shapes)}, folder / file)
    (folder / "open_clip_config.json").write_text(f'{{"model_cfg": {config}}}')


def head(width: int) -> torch.nn.Sequential:
    """The aesthetic head as the reference lists its layers, dropouts among them; random weights that rate about 5."""
    torch.manual_seed(3)
    layers = torch.nn.Sequential(
        torch.nn.Linear(width, 1024),
        torch.nn.Dropout(0.2),
        torch.nn.Linear(1024, 128),
        torch.nn.Dropout(0.2),
        torch.nn.Linear(128, 64),
        torch.nn.Dropout(0.1),
        torch.nn.Linear(64, 16),
        torch.nn.Linear(16, 1),
    )
    with torch.no_grad():
        for layer in layers:
            if isinstance(layer, torch.nn.Linear):
                # Fresh layers shrink what they are given; these keep it, so that pictures are told apart.
                layer.weight.mul_(1.8)
        layers[-1].bias.fill_(5.0)
    return layers.eval()


def save_head(folder: Path, width: int = 24, name: str = "sac+logos+ava1-l14-linearMSE.pth") -> None:
    torch.save({f"layers.{key}": one for key, one in head(width).state_dict().items()}, folder / name)


def settings_of(name: str, folder: Path) -> dict[str, str]:
    """Settings under which a scorer of this family runs on tiny weights, made below the folder."""
    place = folder / name
    place.mkdir()
    if name.startswith("hpsv2"):
        file = {"hpsv2": "HPS_v2_compressed.pt", "hpsv21": "HPS_v2.1_compressed.pt"}[name]
        with np.load(Path(__file__).with_name("fixtures") / "hpsv2.npz") as found:
            save_hpsv2(place, json.loads(str(found["shapes"])), str(found["config"]), file)
        return {"source": str(place)}
    make(place, activation="gelu" if name == "pickscore" else "quick_gelu")
    if name != "aesthetic":
        return {"source": str(place)}
    save_head(place)
    return {"source": str(place), "head": str(place)}


# -- transformers' own answers ----------------------------------------------------------------------------------------


def open_clip_ids(texts: Sequence[str]) -> torch.Tensor:
    """Tokens as open_clip makes them, which is how CLIP's own code does it."""
    return SimpleTokenizer(context_length=77)(list(texts))


def transformers_tokenizer() -> Any:
    """transformers' CLIP tokenizer on CLIP's table of tokens, which open_clip's wheel brings."""
    table = SimpleTokenizer()
    special = {"<|startoftext|>": table.sot_token_id, "<|endoftext|>": table.eot_token_id}
    return CLIPTokenizer(vocab=table.encoder | special, merges=list(table.bpe_ranks))


def embedded(model: Any, shown: Sequence[Image.Image], ids: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Embeddings of pictures and tokens by transformers' model and processor, not normalised."""
    size = model.config.vision_config.image_size
    seen = processor(size)(images=list(shown), return_tensors="pt")["pixel_values"]
    with torch.inference_mode():
        # 5.x returns an object with the projected vector as pooler_output.
        images = model.get_image_features(pixel_values=seen)
        words = model.get_text_features(input_ids=ids, attention_mask=torch.ones_like(ids))
    images, words = (getattr(found, "pooler_output", found) for found in (images, words))
    return images, words


def cosines(model: Any, shown: Sequence[Image.Image], ids: torch.Tensor) -> np.ndarray:
    """Of the first picture and the first text, of the second ones, and so on."""
    return torch.nn.functional.cosine_similarity(*embedded(model, shown, ids)).numpy()


def cosine_table(model: Any, shown: Sequence[Image.Image], ids: torch.Tensor) -> np.ndarray:
    """(pictures, texts), of every picture with every text."""
    images, words = (torch.nn.functional.normalize(one, dim=-1) for one in embedded(model, shown, ids))
    return (images @ words.T).numpy()
