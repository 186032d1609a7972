"""Reward models that read a special token, at their released widths, against what the references said of the weights.

The references ran once under libraries of their day (`tests/scoring/fixtures/make_reward_tokens.py`,
`make_editreward.py`); weights are made again here from names and frozen random numbers. Every layer is as wide as the
released one; of the language model's 28 layers and the picture tower's 32 there are two, for the whole does not fit
into a test (on a graphics card it does: `tests/gpu/test_reward_tokens_on_a_gpu.py`).
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from scoring.catalogue import build
from scoring.scorers.editreward import CRITERIA
from tests.scoring import language_weights, making, reward_token_weights

pytestmark = [pytest.mark.parity, pytest.mark.full_size]

WIDTHS = "full width, 2 of 28 layers"


def ready(name: str, settings: dict[str, str]) -> Any:
    made = build(name, settings)
    made.ready()
    return made


def parameters(made: Any) -> str:
    return f"{sum(weight.numel() for part in made._model.modules for weight in part.parameters()) / 1e6:.0f} M"


def test_hpsv3_at_its_width(tmp_path: Path, agreement: Any) -> None:
    stated = reward_token_weights.stated_by("hpsv3_full.npz")
    made = ready("hpsv3", reward_token_weights.hpsv3(tmp_path, "hpsv3_full.npz"))
    pictures = [language_weights.pictures()[place] for place in stated["pictures"]]

    ours = []
    for prompt in stated["prompts"]:
        items = [making.item(prompt_text=prompt) for _picture in pictures]
        shown = [reward_token_weights.Shown([picture]) for picture in pictures]
        said = made.score(items, [made.prepare(item, one) for item, one in zip(items, shown, strict=True)])
        results = [one.results["hpsv3"] for one in said]
        ours.append([(result.value, math.log(result.spread)) for result in results])

    size = f"Qwen2-VL-7B, {WIDTHS}, {parameters(made)}"
    reference = reward_token_weights.scores_of("hpsv3_full.npz")
    agreement("hpsv3", "hpsv3 1.0.0, transformers 4.46", size, ours, reference, tolerance=2e-5)


def test_videoreward_at_its_width(tmp_path: Path, agreement: Any) -> None:
    stated = reward_token_weights.stated_by("videoreward_full.npz")
    made = ready("videoreward", reward_token_weights.videoreward(tmp_path, "videoreward_full.npz"))
    (video,) = reward_token_weights.videos(stated)
    items = [making.item(prompt_text=prompt) for prompt in stated["prompts"][:2]]

    said = made.score(items, [made.prepare(item, video) for item in items])

    ours = np.array([one.detail["raw"][0] for one in said])
    size = f"Qwen2-VL-2B with adapters, {WIDTHS}, {parameters(made)}"
    reference = reward_token_weights.scores_of("videoreward_full.npz")
    oracle = "hpsv3 1.0.0 with PEFT 0.13, transformers 4.46"
    agreement("videoreward", oracle, size, ours, reference, tolerance=5e-5)


def test_editreward_at_its_width(tmp_path: Path, agreement: Any) -> None:
    stated = reward_token_weights.stated_by("editreward_full.npz")
    made = ready("editreward", reward_token_weights.editreward(tmp_path, "editreward_full.npz"))
    pictures = language_weights.pictures()
    ((source, edit),) = stated["edits"]
    items = [making.item(prompt_text=prompt) for prompt in stated["prompts"]]
    shown = reward_token_weights.Shown([pictures[edit]], sources=[pictures[source]])

    said = made.score(items, [made.prepare(item, shown) for item in items])

    each = [[one.results[criterion] for criterion in CRITERIA] for one in said]
    ours = np.array([[(result.value, math.log(result.spread)) for result in row] for row in each])
    size = f"Qwen2.5-VL-7B, {WIDTHS}, {parameters(made)}"
    reference = reward_token_weights.scores_of("editreward_full.npz")[:, 0]
    agreement("editreward", "transformers 4.57", size, ours, reference, tolerance=2e-5)
