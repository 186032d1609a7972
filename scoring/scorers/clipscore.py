"""CLIPScore: how well a picture fits its caption, without a reference.

Source: Hessel, Holtzman, Forbes, Le Bras and Choi, "CLIPScore: A Reference-free Evaluation Metric for Image
Captioning", EMNLP 2021, section 3: CLIP-S(c, v) = w · max(cos(c, v), 0) with w = 2.5, the caption after the words
“A photo depicts”. (Others report the bare cosine or 100 times it; those are other scales under the same name.)
"""

from __future__ import annotations

from scoring.scorers.base import Item, Json, ScorerFacts
from scoring.scorers.clip_scorer import CosineScorer

SCALE = 2.5


class ClipScore(CosineScorer):
    """Any CLIP; the paper's is ViT-B/32 of OpenAI, ours by default its larger sister ViT-L/14."""

    def __init__(self, facts: ScorerFacts, *, source: str, prefix: str, precision: str) -> None:
        super().__init__(facts, source=source, precision=precision)
        self._prefix = prefix

    def identity_parts(self) -> dict[str, Json]:
        return {
            **super().identity_parts(),
            "scale": f"{SCALE} * max(cosine, 0)",
            "template": self._prefix + "{prompt}",
        }

    def text_of(self, item: Item) -> str:
        return self._prefix + item.prompt_text

    def value_of(self, cosine: float) -> float:
        return clip_score(cosine)


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
