"""LLaVA-Reward against PEFT and transformers by hand, one picture at a time, and against mistakes that must be seen."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from PIL import Image
from safetensors.torch import load_file, save_file

import scoring.torch_setup  # noqa: F401 - before anything that imports torchvision

# isort: split
import peft
from transformers import AutoImageProcessor, AutoModelForImageTextToText, AutoProcessor
from transformers.models.qwen2.modeling_qwen2 import Qwen2RMSNorm

from scoring.catalogue import build
from scoring.engine import Pace
from scoring.scorers import llava_reward
from scoring.scorers.base import NotApplicable, Reading, ScorerUnavailable
from tests.scoring import making, value_head_weights

TOLERANCE = 2e-5  # float32, merged against added on the way; measured 2e-6
CAPTIONS = ["a red fox", "Two cats, one dog\nand a cup!", "café, 東京", "x", "a fox, a cat, a dog " * 9]
GENERAL = {"is_general_preference": True, "value_head_dim": 2}


def pictures() -> list[Image.Image]:
    return [making.scene(90 + 20 * seed, 70 + 11 * seed, seed) for seed in range(len(CAPTIONS))]


def asked(folder: Path) -> list[Any]:
    pairs = zip(pictures(), CAPTIONS, strict=True)
    return [making.item(making.saved(picture, folder), prompt_text=caption) for picture, caption in pairs]


def values(scorer: Any, items: list[Any], batch: int = 3) -> np.ndarray:
    said = making.outcomes(scorer, items, Pace(batch_size=batch, threads=0))
    assert all(isinstance(one, Reading) for one in said), said
    return np.array([one.results["llava_reward"].value for one in said])


# -- the other way to the same numbers --------------------------------------------------------------------------------


class ByHand:
    """The chat model with PEFT's own layers around those that were adapted; nothing is merged, batched or padded."""

    def __init__(self, settings: dict[str, str], *, places: dict[str, str], projector: str) -> None:
        self.trained = Path(settings["source"]) / settings.get("adapter", "")
        model = AutoModelForImageTextToText.from_pretrained(settings["base"], dtype=torch.float32)
        self.processor = AutoProcessor.from_pretrained(settings["base"])
        self.processor.image_processor = AutoImageProcessor.from_pretrained(settings["base"], backend="pil")
        low = load_file(self.trained / "lora" / "adapter_model.safetensors")
        renamed = {self._now(name.removeprefix("base_model.model."), places): one for name, one in low.items()}
        layers = sorted({name.rsplit(".lora_", 1)[0] for name in renamed})
        rank = value_head_weights.RANK
        self.model = peft.get_peft_model(
            model, peft.LoraConfig(r=rank, lora_alpha=2 * rank, target_modules=layers, init_lora_weights=False)
        ).eval()
        wrapped = {f"base_model.model.{name}": one for name, one in renamed.items()}
        peft.set_peft_model_state_dict(self.model, wrapped)
        self.rest = torch.load(self.trained / "pytorch_model.bin", weights_only=True)
        part = model.get_submodule(projector)
        last = projector.rsplit(".", 1)[-1]
        part.load_state_dict({n.split(f"{last}.")[1]: one for n, one in self.rest.items() if f"{last}." in n})

    @staticmethod
    def _now(name: str, places: dict[str, str]) -> str:
        for old, new in places.items():
            if name.startswith(old):
                return new + name.removeprefix(old)
        return name

    @torch.no_grad()
    def reward(self, picture: Image.Image, text: str, *, norm: bool) -> list[float]:
        fields = self.processor(text=[text], images=[picture], return_tensors="pt")
        state = self.model(**fields, output_hidden_states=True).hidden_states[-1][0, -1]
        if norm:
            layer = Qwen2RMSNorm(len(state), eps=1e-6)
            layer.weight.copy_(self.rest["ca_layernorm.weight"])
            state = layer(state)
        return [float(value) for value in self.rest["value_head.weight"] @ state]


@pytest.fixture(scope="module")
def on_qwen(tmp_path_factory) -> dict[str, str]:
    return value_head_weights.on_qwen(tmp_path_factory.mktemp("qwen"))


@pytest.fixture(scope="module")
def on_llava(tmp_path_factory) -> dict[str, str]:
    return value_head_weights.on_llava(tmp_path_factory.mktemp("llava"))


def qwen_by_hand(settings: dict[str, str]) -> ByHand:
    made = ByHand(settings, places={"model.layers.": "model.language_model.layers."}, projector="model.visual.merger")
    made.processor.image_processor.size = {"shortest_edge": 256 * 28 * 28, "longest_edge": 1280 * 28 * 28}
    return made


def qwen_text(caption: str) -> str:
    return f"<|im_start|>user\n<|vision_start|><|image_pad|><|vision_end|>{caption}<|im_end|>"


def qwen_rewards(settings: dict[str, str], *, norm: bool = True) -> np.ndarray:
    made = qwen_by_hand(settings)
    pairs = zip(pictures(), CAPTIONS, strict=True)
    return np.array([made.reward(picture, qwen_text(caption), norm=norm) for picture, caption in pairs])


@pytest.mark.parity
def test_on_qwen_the_rewards_are_those_by_hand(on_qwen, tmp_path, agreement) -> None:
    ours = values(build("llava_reward", on_qwen), asked(tmp_path))

    theirs = qwen_rewards(on_qwen)[:, 0]
    agreement("llava_reward", "PEFT and Qwen2.5-VL by hand", "tiny", ours, theirs, tolerance=TOLERANCE)


@pytest.mark.parity
def test_on_llava_the_rewards_are_those_by_hand(on_llava, tmp_path, agreement) -> None:
    ours = values(build("llava_reward", on_llava), asked(tmp_path))

    made = ByHand(
        on_llava,
        places={"language_model.model.": "model.language_model."},
        projector="model.multi_modal_projector",
    )
    theirs = [
        made.reward(picture, f"A chat. USER: <image>\n{caption}</s>", norm=False)[0]
        for picture, caption in zip(pictures(), CAPTIONS, strict=True)
    ]
    agreement("llava_reward", "PEFT and LLaVA-1.6 by hand", "tiny", ours, theirs, tolerance=TOLERANCE)


@pytest.mark.parity
def test_pairs_are_read_off_two_numbers(tmp_path, agreement) -> None:
    """Each sample of one prompt against each other, by the formula, term by term."""
    settings = value_head_weights.on_qwen(tmp_path / "weights", **GENERAL)
    caption = CAPTIONS[1]
    items = [making.item(making.saved(picture, tmp_path), prompt_text=caption) for picture in pictures()]

    said = making.outcomes(build("llava_reward_pairs", settings), items)

    made = qwen_by_hand(settings)
    found = [made.reward(picture, qwen_text(caption), norm=True) for picture in pictures()]
    theirs = [
        np.mean(
            [1 / (1 + np.exp(-(c[0] * r[1] - c[1] * r[0]) / 0.1)) for other, r in enumerate(found) if other != place]
        )
        for place, c in enumerate(found)
    ]
    ours = [one.results["llava_reward_pairs"].value for one in said]
    # A tenth of a temperature and two factors of about one: ten to twenty times a reward's error.
    agreement("llava_reward_pairs", "PEFT and Qwen2.5-VL by hand", "tiny", ours, theirs, tolerance=1e-3)


# -- mistakes that must be seen ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("without", ["lora", "projector", "norm"])
def test_what_is_left_out_is_seen(without, on_qwen, tmp_path) -> None:
    ours = values(build("llava_reward", on_qwen), asked(tmp_path))
    made = qwen_by_hand(on_qwen)
    if without == "lora":
        made.model.disable_adapter_layers()
    elif without == "projector":
        fresh = AutoModelForImageTextToText.from_pretrained(on_qwen["base"], dtype=torch.float32)
        merger = made.model.base_model.model.model.visual.merger
        merger.load_state_dict(fresh.model.visual.merger.state_dict())

    pairs = zip(pictures(), CAPTIONS, strict=True)
    theirs = [made.reward(picture, qwen_text(caption), norm=without != "norm")[0] for picture, caption in pairs]

    assert np.abs(ours - theirs).max() > 100 * TOLERANCE


def test_neither_batch_nor_order_moves_a_reward(on_qwen, tmp_path) -> None:
    """The authors' code adds something to the shorter ones of a batch; ours gives what it gives each one alone."""
    scorer, items = build("llava_reward", on_qwen), asked(tmp_path)

    assert np.allclose(values(scorer, items, 5), values(scorer, items, 1), atol=TOLERANCE)
    assert np.allclose(values(scorer, items, 5), values(scorer, items[::-1], 2)[::-1], atol=TOLERANCE)


# -- groups -----------------------------------------------------------------------------------------------------------


def test_the_two_sides_of_a_pair_add_up_and_a_circle_is_possible() -> None:
    """Three heads 120° apart each beat the next: what one number for each could never say."""
    turns = np.deg2rad([0, 120, 240])
    heads = np.stack([np.cos(turns), np.sin(turns)], axis=1)

    beats = llava_reward.probabilities(heads, 0.5)

    assert np.allclose(beats + beats.T, 1)
    assert beats[0, 1] == pytest.approx(1 / (1 + np.exp(-np.sin(np.deg2rad(120)) / 0.5)))
    assert beats[0, 1] == pytest.approx(beats[1, 2]) == pytest.approx(beats[2, 0])


def test_huge_differences_are_certain_and_no_error() -> None:
    assert llava_reward.probabilities(np.array([[900.0], [-900.0]]), 0.1).tolist() == [[0.5, 1.0], [0.0, 0.5]]


def test_one_number_a_picture_serves_for_pairs_too(on_qwen, tmp_path) -> None:
    items = [making.item(making.saved(picture, tmp_path), prompt_text="a fox") for picture in pictures()[:3]]
    rewards = values(build("llava_reward", on_qwen), items)

    said = making.outcomes(build("llava_reward_pairs", on_qwen), items)

    expected = [
        np.mean([1 / (1 + np.exp(-(a - b) / 0.1)) for b in np.delete(rewards, i)]) for i, a in enumerate(rewards)
    ]
    assert [one.results["llava_reward_pairs"].value for one in said] == pytest.approx(expected, abs=1e-3)
    assert set(said[0].detail["beats"]) == {str(item.sample_id) for item in items[1:]}


def test_a_sample_alone_has_nothing_to_compare_with(on_qwen, tmp_path) -> None:
    item = making.item(making.saved(pictures()[0], tmp_path), prompt_text="a fox")

    said = making.outcomes(build("llava_reward_pairs", on_qwen), [item])

    assert said == [NotApplicable("the prompt has no other sample to compare with")]


def test_a_sample_of_several_pictures_gets_their_mean(on_qwen, tmp_path) -> None:
    files = [making.saved(picture, tmp_path) for picture in pictures()[:2]]
    alone = values(build("llava_reward", on_qwen), [making.item(file, prompt_text="a fox") for file in files])

    (said,) = making.outcomes(build("llava_reward", on_qwen), [making.item(*files, prompt_text="a fox")])

    assert said.results["llava_reward"].value == pytest.approx(alone.mean(), abs=TOLERANCE)
    assert said.results["llava_reward"].spread == pytest.approx(alone.std(), abs=TOLERANCE)


# -- weights that do not fit ------------------------------------------------------------------------------------------


def test_a_head_for_pairs_has_no_number_for_one(tmp_path) -> None:
    settings = value_head_weights.on_qwen(tmp_path, **GENERAL)

    with pytest.raises(ScorerUnavailable, match="llava_reward_pairs"):
        build("llava_reward", settings).ready()


def test_without_weights_it_says_where_they_are(on_qwen) -> None:
    with pytest.raises(ScorerUnavailable, match="smz8599/LLaVA-Reward"):
        build("llava_reward").ready()
    with pytest.raises(ScorerUnavailable, match="chat model of LLaVA-Reward"):
        build("llava_reward", {"source": on_qwen["source"]}).ready()
    with pytest.raises(ScorerUnavailable, match="setting “adapter”"):
        build("llava_reward", {**on_qwen, "adapter": ""}).ready()


def test_a_chat_model_of_another_kind_is_refused(on_qwen, tmp_path) -> None:
    base = value_head_weights.language_weights.chat_model(tmp_path)

    with pytest.raises(ScorerUnavailable, match="of the type “llava”"):
        build("llava_reward", {**on_qwen, "base": str(base)}).ready()


@pytest.mark.parametrize("fault", ["rank", "layer", "head", "projector", "config", "temperature", "norm"])
def test_parts_that_do_not_fit_are_refused_by_name(fault, tmp_path) -> None:
    settings = value_head_weights.on_qwen(tmp_path)
    folder = tmp_path / "trained" / "alignment"
    lora, rest = folder / "lora" / "adapter_model.safetensors", folder / "pytorch_model.bin"
    low, trained = load_file(lora), torch.load(rest, weights_only=True)
    stated = yaml.safe_load((folder / "reward_config.yaml").read_text())
    wrong = {
        "rank": lambda: (folder / "lora" / "adapter_config.json").write_text('{"r": 8, "lora_alpha": 8}'),
        "layer": lambda: save_file({n.replace("layers.1.", "layers.7."): one for n, one in low.items()}, lora),
        "head": lambda: torch.save({**trained, "value_head.weight": torch.zeros(2, 48)}, rest),
        "projector": lambda: torch.save({n: one for n, one in trained.items() if "ln_q" not in n}, rest),
        "config": lambda: (folder / "reward_config.yaml").write_text("- nothing"),
        "temperature": lambda: (folder / "reward_config.yaml").write_text(
            yaml.safe_dump({**stated, "general_preference_tau": 0})
        ),
        "norm": lambda: torch.save({n: one for n, one in trained.items() if "ca_layernorm" not in n}, rest),
    }
    wrong[fault]()
    says = {
        "rank": "stated rank 8",
        "layer": "no layer model.layers.7",
        "head": "value_head.weight is missing or has another shape",
        "projector": "merger has other tensors",
        "config": "no configuration of LLaVA-Reward",
        "temperature": "no positive number",
        "norm": "ca_layernorm.weight is missing",
    }

    with pytest.raises(ScorerUnavailable, match=says[fault]):
        build("llava_reward", settings).ready()


def test_another_adapter_makes_another_rater(on_qwen, tmp_path) -> None:
    settings = value_head_weights.on_qwen(tmp_path)
    path = tmp_path / "trained" / "alignment" / "lora" / "adapter_model.safetensors"
    low = load_file(path)
    first = next(iter(low))

    save_file({**low, first: low[first] * 2}, path)

    assert build("llava_reward", settings).identity_digest() != build("llava_reward", on_qwen).identity_digest()
