"""Folders with tiny or whole models of the scorers that read picture and words, from names and seeded numbers."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from safetensors.torch import save_file

import scoring.torch_setup  # noqa: F401 - before anything that imports torchvision

# isort: split
from transformers import PreTrainedTokenizerFast, Qwen2VLConfig, Qwen2VLForConditionalGeneration, Qwen2VLProcessor
from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil
from transformers.models.qwen2_vl.video_processing_qwen2_vl import Qwen2VLVideoProcessor

from tests.scoring import seeded

FIXTURES = Path(__file__).parent / "fixtures"


@cache
def fixture(name: str) -> tuple[dict[str, Any], np.ndarray]:
    """What a script in `fixtures/` wrote: everything stated, and the original's scores, (prompts, pictures)."""
    with np.load(FIXTURES / name) as found:
        return json.loads(str(found["stated"])), found["scores"]


def tensors(shapes: Mapping[str, Sequence[int]]) -> dict[str, torch.Tensor]:
    return {name: torch.from_numpy(array) for name, array in seeded.arrays(shapes).items()}


def pictures() -> list[Image.Image]:
    return [Image.fromarray(picture) for picture in seeded.pictures()]


def imagereward(folder: Path, name: str = "imagereward_tiny.npz") -> Path:
    """ImageReward's released layout: a table of tensors, med_config.json, vocab.txt."""
    stated, _scores = fixture(name)
    folder.mkdir(parents=True, exist_ok=True)
    counters = [one for one in stated["shapes"] if one.endswith("position_ids")]
    state = tensors({one: shape for one, shape in stated["shapes"].items() if one not in counters})
    state.update({one: torch.arange(stated["shapes"][one][-1])[None] for one in counters})
    save_file(state, folder / "ImageReward.safetensors")
    (folder / "med_config.json").write_text(json.dumps(stated["config"]))
    words = seeded.vocabulary(stated["words"], stated["config"]["vocab_size"] - 2)
    (folder / "vocab.txt").write_text("\n".join(words) + "\n", encoding="utf-8")
    return folder


def vqascore(folder: Path, name: str = "vqascore_tiny.npz") -> dict[str, str]:
    """CLIP-FlanT5's released layout, its picture tower's configuration and Flan-T5's words; as settings of a scorer."""
    stated, _scores = fixture(name)
    source, vision = folder / "source", folder / "vision"
    source.mkdir(parents=True, exist_ok=True)
    vision.mkdir(exist_ok=True)
    embedded = [one for one in stated["shapes"] if "embed_tokens" in one]
    state = tensors({one: shape for one, shape in stated["shapes"].items() if one not in embedded})
    for row, factor in stated["rows"].items():
        state["lm_head.weight"][int(row)] *= factor
    state.update({one: state["shared.weight"].clone() for one in embedded})
    save_file(state, source / "model.safetensors")
    projector = {"mm_projector_type": "mlp2x_gelu", "mm_vision_select_layer": -2, "mm_vision_select_feature": "patch"}
    (source / "config.json").write_text(json.dumps({"model_type": "clip_t5", **stated["language"], **projector}))
    (source / "tokenizer.json").write_bytes((FIXTURES / "t5_tokenizer.json").read_bytes())
    whole = {"model_type": "clip", "vision_config": {**stated["vision"], "hidden_act": "quick_gelu"}}
    (vision / "config.json").write_text(json.dumps(whole))
    (vision / "preprocessor_config.json").write_text(json.dumps(processor(stated["vision"]["image_size"])))
    return {"source": str(source), "vision": str(vision), "template": stated["question"]}


def processor(side: int) -> dict[str, Any]:
    """What transformers writes for CLIP's processor."""
    return {
        "image_processor_type": "CLIPImageProcessor",
        "size": {"shortest_edge": side},
        "crop_size": {"height": side, "width": side},
        "do_center_crop": True,
        "resample": 3,
        "image_mean": [0.48145466, 0.4578275, 0.40821073],
        "image_std": [0.26862954, 0.26130258, 0.27577711],
    }


def chat_model(folder: Path) -> Path:
    """A tiny LLaVA as an older release saved it: tensors, configurations, words and chat template."""
    stated, _scores = fixture("yes_token_tiny.npz")
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in stated["files"].items():
        (folder / name).write_text(text, encoding="utf-8")
    save_file(tensors(stated["shapes"]), folder / "model.safetensors", metadata={"format": "pt"})
    return folder


def qwen(folder: Path) -> tuple[Path, Any, Any]:
    """A tiny Qwen2-VL: pictures of any size, positions in three directions. With transformers' own model beside it."""
    stated, _scores = fixture("yes_token_tiny.npz")
    (folder / "words.json").write_text(stated["files"]["tokenizer.json"])
    words = PreTrainedTokenizerFast(tokenizer_file=str(folder / "words.json"), pad_token="<pad>", eos_token="</s>")
    (folder / "words.json").unlink()
    marks = ["<|vision_start|>", "<|vision_end|>", "<|image_pad|>", "<|video_pad|>"]
    words.add_special_tokens({"extra_special_tokens": marks})
    start, end, image, video = words.convert_tokens_to_ids(marks)
    template = (
        "{% for turn in messages %}{% for part in turn['content'] %}{% if part['type'] == 'image' %}<|vision_start|>"
        "<|image_pad|><|vision_end|>{% else %}{{ part['text'] }}{% endif %}{% endfor %}{% endfor %} answer:"
    )
    processor = Qwen2VLProcessor(
        image_processor=Qwen2VLImageProcessorPil(min_pixels=28 * 28, max_pixels=16 * 28 * 28),
        tokenizer=words,
        video_processor=Qwen2VLVideoProcessor(),
        chat_template=template,
    )
    config = Qwen2VLConfig(
        text_config={
            "vocab_size": 320,
            "hidden_size": 32,
            "intermediate_size": 64,
            "num_hidden_layers": 2,
            "num_attention_heads": 4,
            "num_key_value_heads": 2,
            "max_position_embeddings": 2048,
            "rope_parameters": {"rope_type": "default", "mrope_section": [1, 1, 2], "rope_theta": 10000.0},
            "bos_token_id": None,
            "eos_token_id": 2,
        },
        vision_config={"depth": 2, "embed_dim": 32, "hidden_size": 32, "num_heads": 2, "mlp_ratio": 2},
        image_token_id=image,
        video_token_id=video,
        vision_start_token_id=start,
        vision_end_token_id=end,
    )
    model = Qwen2VLForConditionalGeneration(config).eval()
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn(parameter.shape, generator=generator) * (0.3 if parameter.ndim > 1 else 0.1))
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder, model, processor


def settings_of(name: str, folder: Path) -> dict[str, str]:
    """Tiny weights of a scorer in a folder, as the settings under which it runs."""
    if name == "vqascore":
        return vqascore(folder)
    makers = {"imagereward": imagereward, "yes_token": chat_model, "caption_likelihood": chat_model}
    return {"source": str(makers[name](folder))}
