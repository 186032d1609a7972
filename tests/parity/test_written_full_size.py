"""VideoScore at its released width against what the authors' own class said of the same weights.

The original ran once under libraries of its own day (`tests/scoring/fixtures/make_videoscore.py --full`): one layer of
Mistral 7B, two of SigLIP at 980 pixels, the whole resampler but for its depth. The other scorers of this family are
words and arithmetic around a model that answers; they have no architecture of their own.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from scoring.catalogue import build
from tests.scoring import language_weights, written_weights

pytestmark = [pytest.mark.parity, pytest.mark.full_size]

FULL = "videoscore_full.npz"


def test_videoscore_at_its_width(tmp_path: Path, agreement: Any) -> None:
    stated, original = language_weights.fixture(FULL)
    made: Any = build("videoscore", {"source": str(written_weights.videoscore(tmp_path, FULL))})
    made.ready()

    ours = [
        [made._model.numbers(made._asked(prompt, len(frames)), frames) for frames in written_weights.videos(FULL)]
        for prompt in stated["prompts"]
    ]

    weights = sum(weight.numel() for module in made._model.modules for weight in module.parameters())
    size = f"Idefics2 at full width, few layers, {weights / 1e6:.1f} M"
    agreement("videoscore", "mantis-vl 0.0.5, transformers 4.46", size, np.array(ours), original, tolerance=2e-5)
