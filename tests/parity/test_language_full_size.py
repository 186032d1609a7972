"""Whole architectures of the scorers that read picture and words, against what the originals said of the same weights.

The originals ran once under libraries of their own day (`tests/scoring/fixtures/make_*.py`); weights are made again
here from names and frozen random numbers. CLIP-FlanT5's picture tower is whole (CLIP ViT-L/14 at 336 pixels); its
language model is Flan-T5 at its base size, for the released XL and XXL do not fit into a test.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from scoring.catalogue import build
from scoring.engine import Pace
from scoring.scorers.base import Reading, Scorer
from tests.scoring import language_weights, making

pytestmark = [pytest.mark.parity, pytest.mark.full_size]


def our_scores(made: Scorer[Any], prompts: list[str], tmp_path: Path) -> np.ndarray:
    shown = [making.saved(picture, tmp_path) for picture in language_weights.pictures()]
    asked = [making.item(media, prompt_text=prompt) for prompt in prompts for media in shown]
    said = making.outcomes(made, asked, Pace(batch_size=12, threads=0))
    assert [type(one) for one in said] == [Reading] * len(asked), said
    values = [one.results[made.name].value for one in said if isinstance(one, Reading)]
    return np.array(values).reshape(len(prompts), len(shown))


def parameters(made: Any) -> str:
    return f"{sum(weight.numel() for part in made._model.modules for weight in part.parameters()) / 1e6:.1f} M"


def test_imagereward_whole(tmp_path: Path, agreement: Any) -> None:
    stated, original = language_weights.fixture("imagereward_full.npz")
    made = build("imagereward", {"source": str(language_weights.imagereward(tmp_path, "imagereward_full.npz"))})
    made.ready()

    ours = our_scores(made, stated["prompts"], tmp_path)

    size = f"BLIP ViT-L/16, {parameters(made)}"
    agreement("imagereward", "image-reward 1.5, transformers 4.46", size, ours, original, tolerance=1e-5)


def test_vqascore_with_the_whole_picture_tower(tmp_path: Path, agreement: Any) -> None:
    stated, original = language_weights.fixture("vqascore_full.npz")
    made = build("vqascore", language_weights.vqascore(tmp_path, "vqascore_full.npz"))
    made.ready()

    ours = our_scores(made, stated["prompts"], tmp_path)

    size = f"CLIP-L-336, Flan-T5 base, {parameters(made)}"
    agreement("vqascore", "t2v-metrics 3.0, transformers 4.46", size, ours, original, tolerance=5e-6)
