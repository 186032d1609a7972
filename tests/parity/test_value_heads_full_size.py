"""LLaVA-Reward's main backbone at the width of its real weights, on random ones and with few layers of language.

The tower is whole: CLIP ViT-L/14 at 336 pixels. Two of Phi-3.5's 32 layers are enough to see a wrong shape or a wrong
order, and fit into the memory of an ordinary machine.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from scoring.catalogue import build
from tests.scoring import making, test_phi3_vision, value_head_weights
from tests.scoring.value_head_weights import PHI, Phi

pytestmark = [pytest.mark.parity, pytest.mark.full_size]

# float32 in two orders of summation; measured below 2e-5.
TOLERANCE = 1e-3
FACTORS = 48
WIDE = Phi(
    {
        **PHI,
        "hidden_size": 3072,
        "intermediate_size": 8192,
        "num_attention_heads": 32,
        "num_key_value_heads": 32,
        "max_position_embeddings": 131072,
        "original_max_position_embeddings": 2400,
        "rope_scaling": {
            "type": "su",
            "short_factor": [1 + place / FACTORS for place in range(FACTORS)],
            "long_factor": [1 + place for place in range(FACTORS)],
        },
    },
    {"hidden_size": 1024, "intermediate_size": 4096, "num_hidden_layers": 24, "image_size": 336, "patch_size": 14},
)
CAPTIONS = ["a red fox", "Two cats, one dog and a cup!"]
SIZES = [(900, 300), (120, 190)]


def test_phi_3_5_vision(tmp_path: Path, agreement: Any) -> None:
    given = value_head_weights.on_phi(tmp_path, WIDE)
    pictures = [making.scene(*size, seed) for seed, size in enumerate(SIZES)]
    items = [
        making.item(making.saved(picture, tmp_path), prompt_text=caption)
        for picture, caption in zip(pictures, CAPTIONS, strict=True)
    ]

    ours = test_phi3_vision.values(build("llava_reward", given), items)

    made = test_phi3_vision.ByHand(given, WIDE)
    theirs = [made.reward(picture, caption) for picture, caption in zip(pictures, CAPTIONS, strict=True)]
    size = "2 of 32 layers, CLIP ViT-L/14 whole"
    agreement("llava_reward", "Phi-3.5-vision written out", size, ours, theirs, tolerance=TOLERANCE)
