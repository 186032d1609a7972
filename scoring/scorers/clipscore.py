"""CLIPScore: how well a picture fits its caption, without a reference.

Source: Hessel, Holtzman, Forbes, Le Bras and Choi, "CLIPScore: A Reference-free Evaluation Metric for Image
Captioning", EMNLP 2021, section 3: CLIP-S(c, v) = w · max(cos(c, v), 0) with w = 2.5, the caption after the words
“A photo depicts”. (Others report the bare cosine or 100 times it; those are other scales under the same name.)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch

from scoring import weights
from scoring.scorers.base import (
    Decoded,
    Item,
    Json,
    Outcome,
    Reading,
    Result,
    Scorer,
    ScorerFacts,
    ScorerUnavailable,
)
from scoring.scorers.clip_model import ClipModel, ClipWeights, Crop, crop_for, find_weights

SCALE = 2.5
FRAMES = 8
PRECISIONS = {"float32": torch.float32, "bfloat16": torch.bfloat16}


@dataclass(frozen=True)
class Seen:
    """CLIP's view of each of a sample's pictures and frames, in order."""

    crops: tuple[Crop, ...]


class ClipScore(Scorer[Seen]):
    """Runs on a GPU where there is one, on the CPU otherwise."""

    def __init__(self, facts: ScorerFacts, *, source: str, prefix: str, precision: str) -> None:
        super().__init__(facts)
        if precision not in PRECISIONS:
            raise ScorerUnavailable(f"Precision “{precision}” is unknown; there are {', '.join(PRECISIONS)}.")
        self._source = source
        self._prefix = prefix
        self._precision = precision

    @cached_property
    def _found(self) -> ClipWeights:
        return find_weights(self._source)

    def load(self) -> None:
        # TensorFloat-32 would make float32 mean something else on a GPU than on a CPU.
        torch.backends.cudnn.allow_tf32 = False
        torch.backends.cuda.matmul.allow_tf32 = False
        device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self._model = ClipModel(self._found, device=device, dtype=PRECISIONS[self._precision])

    @cached_property
    def _weights_digest(self) -> str:
        return weights.file_digest(self._found.path)

    def identity_parts(self) -> dict[str, Json]:
        size = self._found.image_size
        return {
            "weights": self._weights_digest,
            "activation": self._found.activation,
            "preprocessing": f"on white, Pillow bicubic shorter side {size}, middle {size}, CLIP normalisation",
            "scale": f"{SCALE} * max(cosine, 0)",
            "template": self._prefix + "{prompt}",
            "decoding": f"{FRAMES} evenly spaced frames of a video, mean",
            "precision": self._precision,
        }

    def prepare(self, item: Item, decoded: Decoded) -> Seen:
        frames = [frame.image for frames in decoded.frames(FRAMES) for frame in frames]
        size = self._found.image_size
        return Seen(tuple(crop_for(picture, size) for picture in [*decoded.pictures(), *frames]))

    def score(self, items: Sequence[Item], prepared: Sequence[Seen]) -> list[Outcome]:
        texts = [self._prefix + item.prompt_text for item in items]
        pictures = self._model.embed_pictures([crop for seen in prepared for crop in seen.crops])  # (P, d)
        captions = self._model.embed_texts(texts)  # (B, d)
        counts = [len(seen.crops) for seen in prepared]
        owner = torch.repeat_interleave(torch.arange(len(items)), torch.tensor(counts)).to(captions.device)
        cosines = (pictures * captions[owner]).sum(dim=-1).cpu().split(counts)  # B tensors
        return [self._reading(text, cosine.tolist()) for text, cosine in zip(texts, cosines, strict=True)]

    def _reading(self, text: str, cosines: list[float]) -> Reading:
        scores = [clip_score(cosine) for cosine in cosines]
        spread = float(np.std(scores)) if len(scores) > 1 else None
        tokens = self._model.token_count(text)
        cut = max(0, tokens - self._model.context_length)
        return Reading(
            {"clipscore": Result(float(np.mean(scores)), spread)},
            {"cosine": cosines, "tokens": tokens, "tokens_cut": cut},
        )


def clip_score(cosine: float) -> float:
    """2.5 · max(cosine, 0).

    Args:
        cosine: of two unit vectors; rounding may carry it beyond 1 by a few units in the last place of float32.

    Returns:
        0 to 2.5; NaN stays NaN, so that it is noticed.

    >>> clip_score(0.3), clip_score(-0.2)
    (0.75, 0.0)
    """
    if cosine != cosine:
        return cosine
    return SCALE * min(max(cosine, 0.0), 1.0)
