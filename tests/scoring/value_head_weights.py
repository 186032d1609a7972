"""Folders with tiny chat models and the heads of reward models, from names and seeded numbers."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import yaml
from PIL import Image
from safetensors.torch import save_file

import scoring.torch_setup  # noqa: F401 - before anything that imports torchvision

# isort: split
from transformers import (
    AutoTokenizer,
    CLIPVisionConfig,
    CLIPVisionModel,
    LlavaNextConfig,
    LlavaNextForConditionalGeneration,
    LlavaNextProcessor,
    Phi3Config,
    Phi3Model,
)
from transformers.models.llava_next.image_processing_pil_llava_next import LlavaNextImageProcessorPil

from tests.scoring import language_weights, seeded
from tests.scoring.language_weights import fixture, tensors

RANK = 4


def qwen(folder: Path) -> Path:
    """A tiny Qwen2.5-VL as an older release saved it: tensors, configurations, words and chat template."""
    stated, _scores = fixture("skywork_vl_tiny.npz")
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in stated["files"].items():
        (folder / name).write_text(text, encoding="utf-8")
    save_file(tensors(stated["shapes"]), folder / "model.safetensors", metadata={"format": "pt"})
    return folder


def skywork(folder: Path) -> Path:
    """The released layout: the head in a file of its own beside the model."""
    qwen(folder)
    save_file(tensors(fixture("skywork_vl_tiny.npz")[0]["head"]), folder / "value_head.safetensors")
    return folder


def pictures() -> list[Image.Image]:
    """Those that the script's release takes, as it counted them."""
    return [Image.fromarray(picture) for picture in seeded.pictures() if min(picture.shape[:2]) >= 28] * 2


def adapter(
    folder: Path,
    *,
    layers: dict[str, tuple[int, int]],
    projector: dict[str, tuple[int, ...]],
    width: int,
    **stated: Any,
) -> Path:
    """LLaVA-Reward's layout: `reward_config.yaml`, `lora/`, and everything else that was trained.

    Args:
        layers: the adapted layers under their old names, with their (out, in).
        projector: the trained projector's tensors under the names they had, with their shapes.
        width: of a state.
        stated: what the configuration says beyond the ordinary.
    """
    config = {
        "is_general_preference": False,
        "add_cross_attention": True,
        "value_head_dim": 1,
        "general_preference_tau": 0.1,
        **stated,
    }
    (folder / "lora").mkdir(parents=True, exist_ok=True)
    (folder / "reward_config.yaml").write_text(yaml.safe_dump(config))
    (folder / "lora" / "adapter_config.json").write_text(json.dumps({"r": RANK, "lora_alpha": 2 * RANK}))
    low = {}
    for name, (out, given) in layers.items():
        low[f"base_model.model.{name}.lora_A.weight"] = [RANK, given]
        low[f"base_model.model.{name}.lora_B.weight"] = [out, RANK]
    save_file(tensors(low), folder / "lora" / "adapter_model.safetensors")
    count = config["value_head_dim"] if config["is_general_preference"] else 1
    rest = {"value_head.weight": [count, width], "ca_layernorm.weight": [width], **projector}
    rest |= {f"W_{side}.weight": [width, width] for side in "qkv"}
    torch.save(tensors(rest), folder / "pytorch_model.bin")
    return folder


def on_qwen(folder: Path, **stated: Any) -> dict[str, str]:
    """LLaVA-Reward on the tiny Qwen2.5-VL, as settings of a scorer."""
    qwen(folder / "base")
    layers = {f"model.layers.{n}.self_attn.{side}_proj": (48, 48) for n in range(2) for side in "qo"}
    layers |= {f"model.layers.{n}.mlp.down_proj": (48, 96) for n in range(2)}
    # Under a name of their own, or they would have the numbers of the projector they replace.
    projector = {"trained.visual.merger.ln_q.weight": (32,)}
    for place, shape in {"0": (128, 128), "2": (48, 128)}.items():
        projector[f"trained.visual.merger.mlp.{place}.weight"] = shape
        projector[f"trained.visual.merger.mlp.{place}.bias"] = shape[:1]
    adapter(folder / "trained" / "alignment", layers=layers, projector=projector, width=48, **stated)
    return {"source": str(folder / "trained"), "adapter": "alignment", "base": str(folder / "base")}


def settings_of(name: str, folder: Path) -> dict[str, str]:
    if name == "skywork_vl":
        return {"source": str(skywork(folder))}
    return on_qwen(folder, **({"is_general_preference": True, "value_head_dim": 2} if name.endswith("pairs") else {}))


# -- LLaVA-1.6 --------------------------------------------------------------------------------------------------------

# As the released one: an opening sentence, the person's turn with the picture first, the cue for an answer.
LLAVA_TEMPLATE = (
    "{% for turn in messages %}A chat. {{ turn['role'].upper() }}: {% for part in turn['content'] %}"
    "{% if part['type'] == 'image' %}<image>\n{% endif %}{% endfor %}{% for part in turn['content'] %}"
    "{% if part['type'] == 'text' %}{{ part['text'] }}{% endif %}{% endfor %}{% endfor %}"
    "{% if add_generation_prompt %} ASSISTANT:{% endif %}"
)


def llava_next(folder: Path) -> Path:
    """A tiny LLaVA-1.6 on Llama, with the words of the tiny LLaVA."""
    words = AutoTokenizer.from_pretrained(language_weights.chat_model(folder / "words"))
    words.chat_template = LLAVA_TEMPLATE
    vision = {
        "hidden_size": 48,
        "intermediate_size": 96,
        "num_hidden_layers": 3,
        "num_attention_heads": 4,
        "image_size": 56,
        "patch_size": 14,
    }
    text = {
        "model_type": "llama",
        "vocab_size": 320,
        "hidden_size": 32,
        "intermediate_size": 80,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "max_position_embeddings": 1024,
    }
    points = [[56, 112], [112, 56], [112, 112]]
    config = LlavaNextConfig(
        vision_config=CLIPVisionConfig(**vision),
        text_config=text,
        image_token_id=3,
        image_grid_pinpoints=points,
        vision_feature_layer=-2,
    )
    model = LlavaNextForConditionalGeneration(config)
    shapes = {name: list(tensor.shape) for name, tensor in model.state_dict().items()}
    model.load_state_dict(tensors(shapes), strict=True)
    model.save_pretrained(folder)
    seen = LlavaNextImageProcessorPil(
        size={"shortest_edge": 56}, crop_size={"height": 56, "width": 56}, image_grid_pinpoints=points
    )
    LlavaNextProcessor(
        image_processor=seen,
        tokenizer=words,
        patch_size=14,
        vision_feature_select_strategy="default",
        chat_template=LLAVA_TEMPLATE,
        num_additional_image_tokens=1,
    ).save_pretrained(folder)
    return folder


def on_llava(folder: Path, **stated: Any) -> dict[str, str]:
    """LLaVA-Reward on the tiny LLaVA-1.6, as settings of a scorer."""
    llava_next(folder / "base")
    layers = {f"language_model.model.layers.{n}.self_attn.{side}_proj": (32, 32) for n in range(2) for side in "qv"}
    projector = {}
    for name, shape in {"linear_1": (32, 48), "linear_2": (32, 32)}.items():
        projector[f"multi_modal_projector.{name}.weight"] = shape
        projector[f"multi_modal_projector.{name}.bias"] = shape[:1]
    adapter(folder / "trained", layers=layers, projector=projector, width=32, **stated)
    return {"source": str(folder / "trained"), "base": str(folder / "base")}


# -- Phi-3.5-vision ---------------------------------------------------------------------------------------------------

PHI_TEMPLATE = (
    "{% for turn in messages %}<|{{ turn['role'] }}|>\n{{ turn['content'] }}<|end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>\n{% endif %}"
)
PHI = {
    "model_type": "phi3_v",
    "vocab_size": 320,
    "hidden_size": 48,
    "intermediate_size": 80,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 4,
    "max_position_embeddings": 512,
    "original_max_position_embeddings": 80,
    "rms_norm_eps": 1e-5,
    "rope_theta": 10000.0,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "rope_scaling": {
        "type": "su",
        "short_factor": [1.0, 1.05, 1.1, 1.2, 1.3, 1.4],
        "long_factor": [1.0, 1.5, 2.0, 3.0, 4.0, 6.0],
    },
}
PHI_TOWER = {"hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 3, "image_size": 56, "patch_size": 14}


@dataclass(frozen=True)
class Phi:
    """Sizes of a Phi-3.5-vision: its configuration and its tower's, and how wide the adapted layers are."""

    config: dict[str, Any]
    tower: dict[str, int]

    @property
    def own(self) -> dict[str, Any]:
        """What transformers' Phi-3 is told, without the scaling of positions."""
        return {name: one for name, one in self.config.items() if name not in ("model_type", "rope_scaling")}

    def shapes(self) -> dict[str, list[int]]:
        """The tensors under their published names."""
        with torch.device("meta"):
            tower = CLIPVisionModel(CLIPVisionConfig(num_attention_heads=1, **self.tower))
            language = Phi3Model(Phi3Config(**self.own))
        place, width, joined = "model.vision_embed_tokens.", self.config["hidden_size"], 4 * self.tower["hidden_size"]
        words = [self.config["vocab_size"], width]
        return {
            **{f"model.{name}": list(one.shape) for name, one in language.state_dict().items()},
            **{f"{place}img_processor.vision_model.{n}": list(one.shape) for n, one in tower.state_dict().items()},
            f"{place}sub_GN": [1, 1, 1, joined],
            f"{place}glb_GN": [1, 1, joined],
            **{f"{place}img_projection.{name}": list(shape) for name, shape in self.projection().items()},
            f"{place}wte.weight": words,
            "lm_head.weight": words,
        }

    def projection(self) -> dict[str, tuple[int, ...]]:
        width = self.config["hidden_size"]
        joined = 4 * self.tower["hidden_size"]
        return {"0.weight": (width, joined), "0.bias": (width,), "2.weight": (width, width), "2.bias": (width,)}

    def layers(self) -> dict[str, tuple[int, int]]:
        """Some of the adapted layers, (out, in)."""
        width, inner = self.config["hidden_size"], self.config["intermediate_size"]
        seen = self.tower["hidden_size"]
        tower = "model.vision_embed_tokens.img_processor.vision_model."
        return {
            "model.layers.0.self_attn.qkv_proj": (3 * width, width),
            "model.layers.1.self_attn.qkv_proj": (3 * width, width),
            "model.layers.1.mlp.gate_up_proj": (2 * inner, width),
            f"{tower}encoder.layers.0.self_attn.q_proj": (seen, seen),
        }


TINY_PHI = Phi(PHI, PHI_TOWER)


def phi(folder: Path, size: Phi = TINY_PHI) -> Path:
    words = AutoTokenizer.from_pretrained(language_weights.chat_model(folder / "words"))
    words.chat_template = PHI_TEMPLATE
    words.add_special_tokens({"additional_special_tokens": ["<|user|>", "<|end|>", "<|assistant|>"]})
    words.save_pretrained(folder)
    (folder / "config.json").write_text(json.dumps(size.config))
    save_file(tensors(size.shapes()), folder / "model.safetensors")
    return folder


def on_phi(folder: Path, size: Phi = TINY_PHI, **stated: Any) -> dict[str, str]:
    """LLaVA-Reward on a Phi-3.5-vision, as settings of a scorer."""
    phi(folder / "base", size)
    projector = {f"trained.img_projection.{name}": shape for name, shape in size.projection().items()}
    width = size.config["hidden_size"]
    adapter(folder / "trained", layers=size.layers(), projector=projector, width=width, **stated)
    return {"source": str(folder / "trained"), "base": str(folder / "base")}
