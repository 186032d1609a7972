"""A judge with an adapter merged in answers as PEFT's own merged model does."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from scoring.judges.adapted import AdaptedBackend
from scoring.judges.base import Decoding, Part, Question
from scoring.judges.local import LocalBackend
from scoring.scorers.base import ScorerUnavailable
from tests.scoring.judges import adapters, tiny_vlm

# isort: split
from peft import PeftModel
from transformers import Qwen2VLForConditionalGeneration

ASKED = Question("", (Part(text="What do you see?"),), Decoding(max_tokens=12, top_logprobs=20))


@pytest.fixture(scope="module")
def base(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("base")
    tiny_vlm.make(folder)
    return folder


@pytest.fixture(scope="module")
def adapter(base, tmp_path_factory) -> Path:
    return adapters.made(base, tmp_path_factory.mktemp("adapter"))


def merged_by_peft(base: Path, adapter: Path) -> dict[str, torch.Tensor]:
    model = Qwen2VLForConditionalGeneration.from_pretrained(base, dtype=torch.float32)
    whole: Any = PeftModel.from_pretrained(model, adapter).merge_and_unload()
    return whole.state_dict()


@pytest.mark.parametrize("fields", [{}, {"use_rslora": True}, {"r": 2, "lora_alpha": 5}])
def test_weights_equal_those_that_peft_merges(fields: dict[str, Any], base, tmp_path) -> None:
    folder = adapters.made(base, tmp_path, **fields)
    backend: Any = AdaptedBackend(str(base), str(folder), precision="float32")

    backend.ready()

    ours, theirs = backend._model.state_dict(), merged_by_peft(base, folder)
    plain = Qwen2VLForConditionalGeneration.from_pretrained(base, dtype=torch.float32).state_dict()
    assert max(float((ours[name] - theirs[name]).abs().max()) for name in theirs) < 1e-6
    changed = {name for name in plain if not torch.equal(plain[name], ours[name])}
    assert len(changed) == 2 * len(adapters.TARGETS)  # each in two layers
    assert any("visual" in name for name in changed)


def test_answers_differ_from_those_without_it(base, adapter) -> None:
    alone, adapted = (
        LocalBackend(str(base), precision="float32"),
        AdaptedBackend(str(base), str(adapter), precision="float32"),
    )

    said = [one.ask(ASKED) for one in (alone, adapted)]

    assert said[0].tokens[0].logprob != pytest.approx(said[1].tokens[0].logprob, abs=1e-3)
    assert alone.identity() != adapted.identity()
    assert adapted.identity()["adapter"] == str(adapter)


def test_layers_under_their_former_names_are_found(base, adapter, tmp_path) -> None:
    state = load_file(adapter / "adapter_model.safetensors")
    former = {
        name.replace("model.language_model.layers.", "model.layers.").replace(
            "model.model.visual.", "model.visual."
        ): one
        for name, one in state.items()
    }
    assert set(former) != set(state)
    save_file(former, tmp_path / "adapter_model.safetensors")
    (tmp_path / "adapter_config.json").write_bytes((adapter / "adapter_config.json").read_bytes())
    backends: list[Any] = [AdaptedBackend(str(base), str(one), precision="float32") for one in (adapter, tmp_path)]

    for backend in backends:
        backend.ready()

    first, second = (backend._model.state_dict() for backend in backends)
    assert all(torch.equal(first[name], second[name]) for name in first)


def changed(adapter: Path, folder: Path, **fields: Any) -> Path:
    stated = json.loads((adapter / "adapter_config.json").read_text())
    (folder / "adapter_config.json").write_text(json.dumps({**stated, **fields}))
    (folder / "adapter_model.safetensors").write_bytes((adapter / "adapter_model.safetensors").read_bytes())
    return folder


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"use_dora": True}, "no plain LoRA .use_dora"),
        ({"bias": "all"}, "no plain LoRA .bias"),
        ({"rank_pattern": {"q_proj": 8}}, "no plain LoRA .rank_pattern"),
        ({"modules_to_save": ["lm_head"]}, "no plain LoRA .modules_to_save"),
        ({"peft_type": "IA3"}, "no plain LoRA .IA3"),
        ({"r": 8}, "do not fit .* at the stated rank 8"),
    ],
)
def test_what_is_no_plain_adapter_is_refused(fields: dict[str, Any], words: str, base, adapter, tmp_path) -> None:
    backend = AdaptedBackend(str(base), str(changed(adapter, tmp_path, **fields)), precision="float32")

    with pytest.raises(ScorerUnavailable, match=words):
        backend.ready()


def test_an_adapter_of_another_model_is_refused_whole(base, adapter, tmp_path) -> None:
    state = load_file(adapter / "adapter_model.safetensors")
    foreign = {name.replace("layers.1.", "layers.7."): one for name, one in state.items()}
    changed(adapter, tmp_path)
    save_file(foreign, tmp_path / "adapter_model.safetensors")

    with pytest.raises(ScorerUnavailable, match=r"layers\.7.*which this model does not have"):
        AdaptedBackend(str(base), str(tmp_path), precision="float32").ready()


def test_more_than_sides_is_refused(base, adapter, tmp_path) -> None:
    changed(adapter, tmp_path)
    state = load_file(adapter / "adapter_model.safetensors")
    save_file({**state, "base_model.model.lm_head.weight": torch.zeros(2)}, tmp_path / "adapter_model.safetensors")

    with pytest.raises(ScorerUnavailable, match=r"lm_head\.weight, which is no side of a LoRA"):
        AdaptedBackend(str(base), str(tmp_path), precision="float32").ready()


def test_a_folder_without_an_adapter_is_refused_before_the_model_is_read(base, tmp_path) -> None:
    with pytest.raises(ScorerUnavailable, match=r"adapter_model\.safetensors"):
        AdaptedBackend(str(base), str(tmp_path), precision="float32").identity()
