"""Phi-3.5-vision under LLaVA-Reward, against the published arithmetic written out token by token."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

import scoring.torch_setup  # noqa: F401 - before anything that imports torchvision

# isort: split
from torchvision.transforms import functional
from transformers import AutoTokenizer, CLIPVisionConfig, CLIPVisionModel, Phi3Config, Phi3Model

from scoring.catalogue import build
from scoring.engine import Pace
from scoring.scorers import phi3_vision
from scoring.scorers.base import ItemError, Reading, ScorerUnavailable
from tests.scoring import making, value_head_weights
from tests.scoring.value_head_weights import PHI, TINY_PHI, Phi

TOLERANCE = 2e-5
CAPTIONS = ["a red fox", "Two cats, one dog\nand a cup!", "café, 東京", "x", "a fox, a cat, a dog " * 9]
SIZES = [(120, 120), (150, 60), (60, 190), (33, 30), (210, 70)]


@pytest.fixture(scope="module")
def given(tmp_path_factory) -> dict[str, str]:
    return value_head_weights.on_phi(tmp_path_factory.mktemp("phi"))


def pictures() -> list[Image.Image]:
    return [making.scene(*size, seed) for seed, size in enumerate(SIZES)]


def asked(folder: Path) -> list[Any]:
    pairs = zip(pictures(), CAPTIONS, strict=True)
    return [making.item(making.saved(picture, folder), prompt_text=caption) for picture, caption in pairs]


def values(scorer: Any, items: list[Any], batch: int = 3) -> np.ndarray:
    said = making.outcomes(scorer, items, Pace(batch_size=batch, threads=0))
    assert all(isinstance(one, Reading) for one in said), said
    return np.array([one.results["llava_reward"].value for one in said])


# -- written out ------------------------------------------------------------------------------------------------------


class ByHand:
    """One picture and caption at a time; torchvision scales and pads, and every token is put in its place by itself."""

    def __init__(self, given: dict[str, str], size: Phi = TINY_PHI) -> None:
        base, trained = Path(given["base"]), Path(given["source"])
        self.side, self.width = size.tower["image_size"], size.config["hidden_size"]
        state = load_file(base / "model.safetensors")
        low = load_file(trained / "lora" / "adapter_model.safetensors")
        for name in low:
            if "lora_A" in name:
                layer = name.removeprefix("base_model.model.").removesuffix(".lora_A.weight")
                state[f"{layer}.weight"] += 2 * low[name.replace("lora_A", "lora_B")] @ low[name]
        self.rest = torch.load(trained / "pytorch_model.bin", weights_only=True)
        for name, one in self.rest.items():
            if "img_projection" in name:
                state[f"model.vision_embed_tokens.{name.removeprefix('trained.')}"] = one
        self.state, self.words = state, AutoTokenizer.from_pretrained(base)
        scaling = {**size.config["rope_scaling"], "rope_type": "longrope", "rope_theta": size.config["rope_theta"]}
        scaling["original_max_position_embeddings"] = size.config["original_max_position_embeddings"]
        self.language = self._filled(Phi3Model(Phi3Config(**size.own, rope_scaling=scaling)), "model.")
        heads = size.tower["hidden_size"] // 64
        tower = CLIPVisionModel(CLIPVisionConfig(num_attention_heads=heads, hidden_act="quick_gelu", **size.tower))
        self.tower = self._filled(tower, "model.vision_embed_tokens.img_processor.vision_model.")

    def _filled(self, module: Any, prefix: str) -> Any:
        found = {n.removeprefix(prefix): one for n, one in self.state.items() if n.startswith(prefix)}
        module.load_state_dict({n: found[n] for n in module.state_dict()}, strict=True)
        return module.eval()

    def scaled(self, picture: Image.Image) -> Image.Image:
        high = picture.width < picture.height
        if high:
            picture = picture.transpose(Image.Transpose.TRANSPOSE)
        ratio, scale = picture.width / picture.height, 1
        while scale * np.ceil(scale / ratio) <= 16:
            scale += 1
        width = (scale - 1) * self.side
        found = functional.resize(picture, [int(width / ratio), width])
        missing = int(np.ceil(found.height / self.side) * self.side) - found.height
        above = int(missing / 2)
        found = functional.pad(found, [0, above, 0, missing - above], fill=[255, 255, 255])
        return found.transpose(Image.Transpose.TRANSPOSE) if high else found

    def joined(self, square: torch.Tensor) -> list[list[torch.Tensor]]:
        """Rows of joined patches of one normalised square (3, S, S)."""
        states = self.tower(pixel_values=square[None], output_hidden_states=True).hidden_states[-2][0, 1:]
        count = math.isqrt(len(states))
        at = lambda row, column: states[row * count + column]  # noqa: E731
        return [
            [
                torch.cat([at(row, column), at(row, column + 1), at(row + 1, column), at(row + 1, column + 1)])
                for column in range(0, count, 2)
            ]
            for row in range(0, count, 2)
        ]

    def picture(self, picture: Image.Image) -> torch.Tensor:
        place = "model.vision_embed_tokens."
        whole = functional.normalize(
            functional.to_tensor(self.scaled(picture)), list(phi3_vision.MEAN), list(phi3_vision.STD)
        )
        end, parting = self.state[f"{place}sub_GN"].flatten(), self.state[f"{place}glb_GN"].flatten()
        tokens = []
        for top in range(0, whole.shape[1], self.side):
            squares = [
                self.joined(whole[:, top : top + self.side, left : left + self.side])
                for left in range(0, whole.shape[2], self.side)
            ]
            for row in range(len(squares[0])):
                tokens += [patch for square in squares for patch in square[row]] + [end]
        tokens.append(parting)
        glance = torch.nn.functional.interpolate(whole[None], size=(self.side, self.side), mode="bicubic")[0]
        for row in self.joined(glance):
            tokens += [*row, end]
        first, second = (
            (self.state[f"{place}img_projection.{n}.weight"], self.state[f"{place}img_projection.{n}.bias"])
            for n in (0, 2)
        )
        carried = torch.nn.functional.gelu(torch.nn.functional.linear(torch.stack(tokens), *first))
        return torch.nn.functional.linear(carried, *second)

    @torch.no_grad()
    def reward(self, picture: Image.Image, caption: str, *, skips: bool = True) -> float:
        before, after = (self.words(text)["input_ids"] for text in ("<|user|>\n", f"\n{caption}</s>"))
        look_up = self.state["model.embed_tokens.weight"]
        row = torch.cat([look_up[before], self.picture(picture), look_up[after]])
        states = self.language(inputs_embeds=row[None]).last_hidden_state[0]
        last = states[-1]
        if skips:
            query, key, value = (self.rest[f"W_{side}.weight"] for side in "qkv")
            weights = torch.softmax((states @ key.T) @ (query @ last) / self.width**0.5, 0)
            last = last + weights @ (states @ value.T)
            last = last / (last.pow(2).mean() + 1e-5).sqrt() * self.rest["ca_layernorm.weight"]
        return float(self.rest["value_head.weight"][0] @ last)


@pytest.mark.parity
def test_rewards_are_those_of_the_arithmetic_written_out(given, tmp_path, agreement) -> None:
    """Among them short and long ones, whose positions are counted in different ways, in batches of all."""
    ours = values(build("llava_reward", given), asked(tmp_path), batch=5)

    made = ByHand(given)
    theirs = [made.reward(picture, caption) for picture, caption in zip(pictures(), CAPTIONS, strict=True)]
    agreement("llava_reward", "Phi-3.5-vision written out", "tiny", ours, theirs, tolerance=TOLERANCE)


def test_both_ways_to_count_positions_are_among_them(given) -> None:
    scorer = build("llava_reward", given)
    scorer.ready()
    body = scorer._model._body

    tokens = [body.asked(picture, caption).tokens for picture, caption in zip(pictures(), CAPTIONS, strict=True)]

    assert min(tokens) <= PHI["original_max_position_embeddings"] < max(tokens)


def test_without_skipca_the_last_state_is_read_as_it_is(tmp_path) -> None:
    given = value_head_weights.on_phi(tmp_path, add_cross_attention=False)

    ours = values(build("llava_reward", given), asked(tmp_path))

    made = ByHand(given)
    pairs = zip(pictures(), CAPTIONS, strict=True)
    assert ours == pytest.approx([made.reward(*pair, skips=False) for pair in pairs], abs=TOLERANCE)


@pytest.mark.parametrize(
    ("name", "wrong"), [("MOST_SQUARES", 9), ("LAYER", -1), ("MEAN", (0.5, 0.5, 0.5)), ("UNUSED", None)]
)
def test_a_mistake_in_the_layout_is_seen(name, wrong, given, tmp_path, monkeypatch) -> None:
    """Fewer squares, another layer of the tower, another normalisation; the last: a smoother glance at the whole."""
    made = ByHand(given)
    theirs = [made.reward(picture, caption) for picture, caption in zip(pictures(), CAPTIONS, strict=True)]
    own = torch.nn.functional.interpolate

    with monkeypatch.context() as patched:
        if wrong is None:
            patched.setattr(torch.nn.functional, "interpolate", lambda *a, **k: own(*a, **{**k, "mode": "bilinear"}))
        else:
            patched.setattr(phi3_vision, name, wrong)
        ours = values(build("llava_reward", given), asked(tmp_path))

    assert np.abs(ours - theirs).max() > 20 * TOLERANCE


# -- pictures and words -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ((100, 100), (4, 4)),  # 4 · 4 = 16
        ((300, 100), (2, 6)),  # 6 · ceil(6 / 3) = 12, 7 · 3 = 21
        ((100, 300), (6, 2)),
        ((1600, 100), (1, 16)),
        ((3000, 2), (1, 16)),
    ],
)
def test_a_picture_covers_as_many_squares_as_fit(size, expected) -> None:
    found = phi3_vision.squared(making.noise(*size, 1), side=56, most=16)

    assert (found.shape[0] // 56, found.shape[1] // 56) == expected
    assert found.shape[0] % 56 == found.shape[1] % 56 == 0


def test_what_is_added_is_white_on_both_sides() -> None:
    found = phi3_vision.squared(Image.new("RGB", (300, 90), "black"), side=56, most=16)

    rows = found[:, 0, 0]
    assert rows[0] == rows[-1] == 255
    assert abs(int((rows == 255).argmin()) - int((rows[::-1] == 255).argmin())) <= 1


def test_a_caption_that_spells_a_mark_is_words(given) -> None:
    scorer = build("llava_reward", given)
    scorer.ready()
    body = scorer._model._body

    seen = body.asked(pictures()[0], "good</s><|end|>")

    ends = [body._model._words.convert_tokens_to_ids(mark) for mark in ("</s>", "<|end|>")]
    assert [seen.after.count(end) for end in ends] == [1, 0]


def test_an_endless_caption_is_that_items_error(given, tmp_path) -> None:
    file = making.saved(pictures()[0], tmp_path)

    (said,) = making.outcomes(build("llava_reward", given), [making.item(file, prompt_text="a dog " * 400)])

    assert isinstance(said, ItemError)
    assert "more than the 512 the model reads" in said.reason


# -- weights ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("model.layers.1.self_attn.o_proj.weight", "o_proj"),
        ("model.vision_embed_tokens.sub_GN", "sub_GN is missing"),
        ("model.vision_embed_tokens.img_processor.vision_model.encoder.layers.0.mlp.fc1.weight", "fc1"),
    ],
)
def test_a_missing_tensor_is_named(name, reason, tmp_path) -> None:
    given = value_head_weights.on_phi(tmp_path)
    path = tmp_path / "base" / "model.safetensors"
    save_file({own: one for own, one in load_file(path).items() if own != name}, path)

    with pytest.raises(ScorerUnavailable, match=reason):
        build("llava_reward", given).ready()


def test_a_tensor_that_nobody_wants_is_named(tmp_path) -> None:
    given = value_head_weights.on_phi(tmp_path)
    path = tmp_path / "base" / "model.safetensors"
    save_file({**load_file(path), "another.weight": torch.zeros(2)}, path)

    with pytest.raises(ScorerUnavailable, match="nobody wants another"):
        build("llava_reward", given).ready()
