"""Folders with tiny or whole reward models that read a special token, from names and seeded numbers."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from safetensors.torch import save_file

from curation.media.frames import Frame
from tests.scoring import language_weights, seeded

FIXTURES = Path(__file__).parent / "fixtures"
QUESTIONS = {"hpsv3": ("hpsv3_template.txt",), "videoreward": ("videoreward_template.txt",)}
QUESTIONS["editreward"] = ("editreward_following_template.txt", "editreward_quality_template.txt")


def stated_by(name: str) -> dict[str, Any]:
    return language_weights.fixture(name)[0]


def scores_of(name: str) -> np.ndarray:
    """The reference's numbers."""
    return language_weights.fixture(name)[1]


def state_of(stated: dict[str, Any]) -> dict[str, torch.Tensor]:
    """The tensors of the released layout, in the precisions that the reference saves them in."""
    state = language_weights.tensors(stated["shapes"])
    exact = set(stated["float32"])
    return {name: tensor if name in exact else tensor.bfloat16() for name, tensor in state.items()}


def base(folder: Path, stated: dict[str, Any]) -> str:
    """Configuration, tokenizer and chat of the model that the reward model was made from."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(stated["config"]))
    (folder / "tokenizer.json").write_bytes((FIXTURES / "qwen_tokenizer.json").read_bytes())
    words = {"tokenizer_class": "PreTrainedTokenizerFast", "pad_token": "<|endoftext|>", "eos_token": "<|im_end|>"}
    (folder / "tokenizer_config.json").write_text(json.dumps(words))
    (folder / "chat_template.json").write_text(json.dumps({"chat_template": stated["chat"]}))
    if "preprocessor" in stated:
        (folder / "preprocessor_config.json").write_text(json.dumps(stated["preprocessor"]))
    return str(folder)


def worded(folder: Path, name: str, wordings: Sequence[str]) -> None:
    for file, words in zip(QUESTIONS[name], wordings, strict=True):
        (folder / file).write_bytes(words.encode())


def hpsv3(folder: Path, fixture: str = "hpsv3_tiny.npz") -> dict[str, str]:
    """MizzenAI/HPSv3's layout, with the base's files in a folder of their own; as settings of a scorer."""
    stated = stated_by(fixture)
    source = folder / "source"
    source.mkdir(parents=True, exist_ok=True)
    save_file(state_of(stated), source / "HPSv3.safetensors")
    worded(source, "hpsv3", [stated["wording"]])
    return {"source": str(source), "base": base(folder / "base", stated), "precision": "float32"}


def videoreward(folder: Path, fixture: str = "videoreward_tiny.npz") -> dict[str, str]:
    """KlingTeam/VideoReward's layout: a table of torch's with base and adapters, as PEFT names them."""
    stated = stated_by(fixture)
    source = folder / "source"
    checkpoint = source / "checkpoint-11352"
    checkpoint.mkdir(parents=True, exist_ok=True)
    torch.save(state_of(stated), checkpoint / "model.pth")
    (source / "model_config.json").write_text(json.dumps(video_configuration(stated)))
    worded(source, "videoreward", [stated["wording"]])
    return {"source": str(source), "base": base(folder / "base", stated), "precision": "float32"}


def video_configuration(stated: dict[str, Any]) -> dict[str, Any]:
    return {
        "data_config": {
            "fps": 2.0,
            "num_frames": None,
            "max_frame_pixels": stated["area"],
            "eval_dim": ["VQ", "MQ", "TA"],
            "sample_type": "uniform",
        },
        "model_config": {"output_dim": 1, "reward_token": "special", "use_special_tokens": True},
        "peft_lora_config": stated["adapters"],
        "inference_config": stated["norms"],
    }


def editreward(folder: Path, fixture: str = "editreward_tiny.npz") -> dict[str, str]:
    """TIGER-Lab's layout."""
    stated = stated_by(fixture)
    source = folder / "source"
    source.mkdir(parents=True, exist_ok=True)
    save_file(state_of(stated), source / "model.safetensors")
    worded(source, "editreward", stated["wordings"])
    return {"source": str(source), "base": base(folder / "base", stated), "precision": "float32"}


def settings_of(name: str, folder: Path) -> dict[str, str]:
    """Tiny weights of a scorer in a folder, as the settings under which it runs."""
    return {"hpsv3": hpsv3, "videoreward": videoreward, "editreward": editreward}[name](folder)


class Shown:
    """A sample's media as it would be decoded, without files: the frames of one video, or pictures with a source."""

    def __init__(
        self,
        pictures: Sequence[Image.Image] = (),
        *,
        frames: Sequence[Image.Image] = (),
        rate: int = 1,
        sources: Sequence[Image.Image] = (),
    ) -> None:
        self._pictures = list(pictures)
        self._frames = list(frames)
        self._rate = Fraction(rate)
        self._sources = list(sources)
        self.numbers: list[int] = []

    def pictures(self) -> list[Image.Image]:
        return self._pictures

    def role_pictures(self, role: str) -> list[Image.Image]:
        return self._sources if role == "source" else []

    def frames(self, count: int) -> list[list[Frame]]:
        return []

    def chosen_frames(self, choose: Callable[[int, Fraction], Sequence[int]]) -> list[list[Frame]]:
        self.numbers = list(choose(len(self._frames), self._rate))
        return [[Frame(number, self._frames[number]) for number in self.numbers]]


def videos(stated: dict[str, Any]) -> list[Shown]:
    """The videos a fixture's numbers are about."""
    return [
        Shown(frames=[Image.fromarray(frame) for frame in seeded.numbered_frames(count, height, width)], rate=rate)
        for count, rate, height, width in stated["videos"]
    ]
