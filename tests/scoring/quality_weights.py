"""Tiny SigLIPs and ResNet CLIPs with random weights, and other implementations that read them."""

from __future__ import annotations

import json
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

import scoring.torch_setup  # noqa: F401 - before anything that imports torchvision

# isort: split
from timm.layers import GELUTanh
from timm.models.vision_transformer import VisionTransformer
from transformers import SiglipConfig, SiglipImageProcessorPil, SiglipModel

from tests.scoring import seeded
from tests.scoring.vision_weights import spread_out

FIXTURES = Path(__file__).parent / "fixtures"
SIDE = 42
TINY = {
    "hidden_size": 48,
    "intermediate_size": 96,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "image_size": SIDE,
    "patch_size": 14,
}
HEAD_FILE = "aesthetic_predictor_v2_5.pth"


# -- SigLIP and the head of aesthetic v2.5 ----------------------------------------------------------------------------


def make_siglip(folder: Path, *, seed: int = 5, scale: float = 0.3, vision: dict[str, int] | None = None) -> Any:
    """A whole SigLIP with its processor, as google/siglip-so400m-patch14-384 is saved; returns its picture tower."""
    torch.manual_seed(seed)
    vision = vision or TINY
    text = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    config = SiglipConfig(vision_config=vision, text_config={**text, "vocab_size": 20, "projection_size": 48})
    model = spread_out(SiglipModel(config), seed, scale)
    model.save_pretrained(folder)
    siglip_processor(vision["image_size"]).save_pretrained(folder)
    return model.vision_model


def siglip_processor(size: int = SIDE) -> Any:
    return SiglipImageProcessorPil(size={"height": size, "width": size})


def pooled(tower: Any, shown: list[Image.Image], size: int = SIDE) -> torch.Tensor:
    """transformers' pooled output, not normalised, of pictures seen through transformers' own processor."""
    seen = siglip_processor(size)(images=shown, return_tensors="pt")["pixel_values"]
    with torch.inference_mode():
        return tower(pixel_values=seen).pooler_output


def v25_head(width: int) -> torch.nn.Sequential:
    """Linear layers at 0, 2, 4, 6 and 8 with something that does nothing between them; rates about 5."""
    torch.manual_seed(4)
    widths = (width, 1024, 128, 64, 16, 1)
    layers: list[torch.nn.Module] = []
    for given, out in pairwise(widths):
        layers += [torch.nn.Linear(given, out), torch.nn.Dropout(0.5)]
    made = torch.nn.Sequential(*layers[:-1])
    with torch.no_grad():
        for layer in made[::2]:
            layer.weight.mul_(1.8)
        made[-1].bias.fill_(5.0)
    return made.eval()


def save_v25_head(folder: Path, width: int = 48, *, before: str = "scoring_head.", name: str = HEAD_FILE) -> None:
    torch.save({f"{before}{key}": one for key, one in v25_head(width).state_dict().items()}, folder / name)


def timm_tower(folder: Path) -> VisionTransformer:
    """timm's SigLIP with the folder's tensors, whose names are taken apart here."""
    stated = json.loads((folder / "config.json").read_text())["vision_config"]
    model = VisionTransformer(
        img_size=stated["image_size"],
        patch_size=stated["patch_size"],
        embed_dim=stated["hidden_size"],
        depth=stated["num_hidden_layers"],
        num_heads=stated["num_attention_heads"],
        mlp_ratio=stated["intermediate_size"] / stated["hidden_size"],
        class_token=False,
        global_pool="map",
        num_classes=0,
        norm_layer=partial(torch.nn.LayerNorm, eps=1e-6),
        act_layer=GELUTanh,
    )
    state = load_file(folder / "model.safetensors")
    seen = {name.removeprefix("vision_model."): one for name, one in state.items() if name.startswith("vision_model.")}
    model.load_state_dict(timm_names(seen, stated["num_hidden_layers"]), strict=True)
    return model.eval()


OUTSIDE = {
    "embeddings.patch_embedding.": "patch_embed.proj.",
    "post_layernorm.": "norm.",
    "head.attention.out_proj.": "attn_pool.proj.",
    "head.layernorm.": "attn_pool.norm.",
    "head.mlp.": "attn_pool.mlp.",
}
IN_LAYER = {"layer_norm1.": "norm1.", "layer_norm2.": "norm2.", "self_attn.out_proj.": "attn.proj.", "mlp.": "mlp."}


def timm_names(state: dict[str, torch.Tensor], depth: int) -> dict[str, torch.Tensor]:
    state = dict(state)
    found = {
        "pos_embed": state.pop("embeddings.position_embedding.weight")[None],
        "attn_pool.latent": state.pop("head.probe"),
    }
    for end in ("weight", "bias"):
        joined = state.pop(f"head.attention.in_proj_{end}")
        width = joined.shape[0] // 3
        found[f"attn_pool.q.{end}"], found[f"attn_pool.kv.{end}"] = joined[:width], joined[width:]
        for place in range(depth):
            layer = f"encoder.layers.{place}."
            parts = [state.pop(f"{layer}self_attn.{part}_proj.{end}") for part in "qkv"]
            found[f"blocks.{place}.attn.qkv.{end}"] = torch.cat(parts)
    for name, tensor in state.items():
        if name.startswith("encoder.layers."):
            place, rest = name.removeprefix("encoder.layers.").split(".", 1)
            found[f"blocks.{place}.{_renamed(rest, IN_LAYER)}"] = tensor
        else:
            found[_renamed(name, OUTSIDE)] = tensor
    return found


def _renamed(name: str, table: dict[str, str]) -> str:
    (old,) = [one for one in table if name.startswith(one)]
    return table[old] + name.removeprefix(old)


# -- ResNet CLIPs -----------------------------------------------------------------------------------------------------


def resnet_tensors(shapes: dict[str, list[int]]) -> dict[str, torch.Tensor]:
    """Seeded tensors of a ResNet CLIP by OpenAI's names; variances are positive, and the logit scale is ln 100."""
    floats = {f"clip.{name}": shape for name, shape in shapes.items() if shape}
    made = seeded.arrays(floats, gain=1.5)
    state = {name.removeprefix("clip."): torch.from_numpy(array) for name, array in made.items()}
    for name, tensor in state.items():
        if name.endswith("running_var"):
            tensor.add_(1)
    state["visual.attnpool.q_proj.weight"] *= 0.2  # so that the pool looks at more than one place
    state["ln_final.bias"] += 4  # texts with much in common, as words about photos have: no share is 0 or 1
    state |= {name: torch.tensor(0) for name in shapes if name.endswith("num_batches_tracked")}
    return {**state, "logit_scale": torch.tensor(100.0).log()}


def resnet_fixture(name: str) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """What `fixtures/make_clip_iqa.py` wrote: everything stated, and the numbers of piq and torchmetrics."""
    with np.load(FIXTURES / name) as found:
        return json.loads(str(found["stated"])), {one: found[one] for one in ("piq", "torchmetrics")}


def save_resnet(folder: Path, name: str = "clip_iqa_tiny.npz") -> Path:
    """open_clip's layout, as timm/resnet50_clip.openai has it."""
    stated, _numbers = resnet_fixture(name)
    folder.mkdir(parents=True, exist_ok=True)
    sizes = stated["sizes"]
    config = {
        "embed_dim": sizes["embed"],
        "quick_gelu": True,
        "vision_cfg": {"image_size": 224, "layers": sizes["layers"], "width": sizes["width"], "patch_size": None},
        "text_cfg": {
            "context_length": 77,
            "vocab_size": 49408,
            "width": sizes["text"],
            "heads": sizes["text"] // 64,
            "layers": sizes["text_layers"],
        },
    }
    (folder / "open_clip_config.json").write_text(json.dumps({"model_cfg": config, "preprocess_cfg": {}}))
    state = {one: tensor.contiguous() for one, tensor in resnet_tensors(stated["shapes"]).items()}
    save_file(state, folder / "open_clip_model.safetensors")
    return folder


# -- settings ---------------------------------------------------------------------------------------------------------


def settings_of(name: str, folder: Path) -> dict[str, str]:
    """Settings under which a scorer of this family runs on tiny weights, made below the folder."""
    if name == "clip_iqa":
        return {"source": str(save_resnet(folder)), "pairs": "quality, sharpness", "tiles": "2"}
    make_siglip(folder)
    save_v25_head(folder)
    return {"source": str(folder), "head": str(folder)}
