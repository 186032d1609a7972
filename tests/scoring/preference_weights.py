"""Tiny models of the scorers learnt from preferences: ICT, HP, MPS, CycleReward; random weights, released layouts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save_file

from tests.scoring import clip_weights, language_weights, seeded

WIDTH = 24


# -- ICT and HP -------------------------------------------------------------------------------------------------------


def make_ict(folder: Path) -> Any:
    """transformers' CLIP as 8y/ICT has it, a pickled table with its configuration; returns the model."""
    folder.mkdir(parents=True, exist_ok=True)
    model = clip_weights.make(folder, activation="gelu", seed=8)
    pickled(model, folder)
    return model


def make_hp(folder: Path) -> Any:
    """The two folders of 8y/HP; returns the backbone."""
    backbone, scorer = folder / "hp_backbone", folder / "hp_scorer"
    for one in (backbone, scorer):
        one.mkdir(parents=True)
    model = clip_weights.make(backbone, activation="gelu", seed=9)
    pickled(model, backbone)
    torch.save({f"layers.{key}": one for key, one in hp_head().state_dict().items()}, scorer / "mlp_pytorch_model.bin")
    return model


def pickled(model: Any, folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    torch.save(model.state_dict(), folder / "pytorch_model.bin")


def hp_head(width: int = WIDTH) -> torch.nn.Sequential:
    """LAION's layers with a smaller last bias, so that the sigmoid is neither 0 nor 1."""
    head = clip_weights.head(width)
    with torch.no_grad():
        head[-1].weight.mul_(0.3)
        head[-1].bias.fill_(-0.2)
    return head


# -- MPS --------------------------------------------------------------------------------------------------------------


def mps_fixture(name: str) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """What `fixtures/make_mps.py` wrote: everything stated, and the port's scores, (prompts, pictures)."""
    with np.load(language_weights.FIXTURES / name) as found:
        return json.loads(str(found["stated"])), {one: found[one] for one in found.files if one != "stated"}


def mps_tensors(shapes: dict[str, list[int]]) -> dict[str, torch.Tensor]:
    """The port's table, with `mps.` before every name; rates of rotation and counters as it saves them."""
    seeds = {name: shape for name, shape in shapes.items() if shape and not name.endswith(("inv_freq", "position_ids"))}
    state = {name: torch.from_numpy(array) for name, array in seeded.arrays(seeds, gain=1.5).items()}
    state["mps.model.text_model.embeddings.token_embedding.weight"] *= 8
    state["mps.model.text_model.embeddings.position_embedding.weight"] *= 0.1
    for name, shape in shapes.items():
        if name.endswith("inv_freq"):
            state[name] = 10_000 ** (-torch.arange(shape[0]) / shape[0])
        if name.endswith("position_ids"):
            state[name] = torch.arange(shape[-1])[None]
    return {**state, "mps.model.logit_scale": torch.tensor(100.0).log()}


def make_mps(folder: Path, name: str = "mps_tiny.npz") -> Path:
    """The port's layout, with a configuration beside it, because it is no ViT-H/14."""
    stated, _scores = mps_fixture(name)
    folder.mkdir(parents=True, exist_ok=True)
    save_file(mps_tensors(stated["shapes"]), folder / "model.safetensors")
    (folder / "config.json").write_text(json.dumps({"model_type": "clip", **stated["config"]}))
    return folder


# -- CycleReward ------------------------------------------------------------------------------------------------------


def make_cyclereward(folder: Path, name: str = "cyclereward_tiny.npz", file: str = "model.safetensors") -> Path:
    """The released table of tensors, with the words of BERT and the configuration beside it."""
    stated, _scores = language_weights.fixture(name)
    folder.mkdir(parents=True, exist_ok=True)
    counters = [one for one in stated["shapes"] if one.endswith("position_ids")]
    state = language_weights.tensors({one: shape for one, shape in stated["shapes"].items() if one not in counters})
    state.update({one: torch.arange(stated["shapes"][one][-1])[None] for one in counters})
    if file.endswith(".pth"):
        torch.save(state, folder / file)
    else:
        save_file(state, folder / file)
    (folder / "med_config.json").write_text(json.dumps(stated["config"]))
    words = seeded.vocabulary(stated["words"], stated["config"]["vocab_size"] - 2)
    (folder / "vocab.txt").write_text("\n".join(words) + "\n", encoding="utf-8")
    return folder


# -- settings ---------------------------------------------------------------------------------------------------------


def settings_of(name: str, folder: Path) -> dict[str, str]:
    """Settings under which a scorer of this family runs on tiny weights, made below the folder."""
    {"ict": make_ict, "hp": make_hp, "mps": make_mps, "cyclereward": make_cyclereward}[name](folder)
    return {"source": str(folder)}
