"""HPSv2 and HPSv2.1: how people would like a picture for a prompt, trained on their rankings.

Source: Wu, Hao, Sun, Chen, Zhu, Zhao and Li, "Human Preference Score v2: A Solid Benchmark for Evaluating Human
Preferences of Text-to-Image Synthesis", 2023, and the authors' package hpsv2 1.2.0: the cosine of the two embeddings of
a CLIP ViT-H/14, without any logit scale. (Benchmarks made with the package report 100 times it.)
"""

from __future__ import annotations

from typing import ClassVar

import scoring.torch_setup  # noqa: F401 - declares the operators without which open_clip cannot be imported

# isort: split
import open_clip

from scoring import weights
from scoring.scorers.base import Json
from scoring.scorers.clip_model import ClipWeights, open_clip_config
from scoring.scorers.clip_scorer import CosineScorer
from scoring.scorers.hps_view import square_for

ARCHITECTURE = "ViT-H-14"
CONFIG = "open_clip_config.json"


class Hps(CosineScorer):
    """Its whole picture is seen, on black: resized as float tensors with their longer side, then padded.

    Attributes:
        file: the name of the weights as they were published, a PyTorch file; safetensors of that name are taken first.
    """

    file: ClassVar[str]
    make_view = square_for
    preprocessing = (
        "on white, float tensor, antialiased bicubic longer side {size}, not clamped, black around to {size}, "
        "CLIP normalisation"
    )

    def found_weights(self) -> ClipWeights:
        """The published file has no configuration beside it: it is a ViT-H/14 unless one says otherwise."""
        names = (self.file.removesuffix(".pt") + ".safetensors", self.file)
        folder = weights.folder_of(self._source, names)
        path, own = weights.weights_file(folder, names), folder / CONFIG
        stated = weights.read_json(own) if own.is_file() else {"model_cfg": open_clip.get_model_config(ARCHITECTURE)}
        return ClipWeights(path, open_clip_config(stated, own), is_transformers=False)

    def identity_parts(self) -> dict[str, Json]:
        return {**super().identity_parts(), "scale": "cosine", "template": "{prompt}"}

    def value_of(self, cosine: float) -> float:
        return within_one(cosine)


class HpsV2(Hps):
    file = "HPS_v2_compressed.pt"


class HpsV21(Hps):
    file = "HPS_v2.1_compressed.pt"


def within_one(cosine: float) -> float:
    """The cosine of two unit vectors without what float32 rounds beyond -1 and 1; NaN stays NaN.

    >>> within_one(1.0000001), within_one(0.28)
    (1.0, 0.28)
    """
    if cosine != cosine:
        return cosine
    return min(max(cosine, -1.0), 1.0)
