"""PickScore: which picture people would pick for a prompt.

Source: Kirstain, Polyak, Singer, Matiana, Penna and Levy, "Pick-a-Pic: An Open Dataset of User Preferences for
Text-to-Image Generation", NeurIPS 2023, section 4: s(x, y) = E_txt(x) · E_img(y) · T with the learned temperature T;
in code, exp(logit_scale) of the checkpoint times the cosine. The probability that people pick one of two pictures of a
prompt is the logistic function of the difference of their scores; it depends on what else is offered, the score does
not, so the score is what is stored.
"""

from __future__ import annotations

from scoring.scorers.base import Json
from scoring.scorers.clip_scorer import CosineScorer
from scoring.scorers.clip_words import Words, transformers_words


class PickScore(CosineScorer):
    """CLIP ViT-H/14 trained on choices, with the tokenizer it was trained with: transformers', not open_clip's."""

    def words(self) -> Words:
        return transformers_words()

    def identity_parts(self) -> dict[str, Json]:
        return {
            **super().identity_parts(),
            "scale": "exp(logit_scale of the weights) * cosine",
            "template": "{prompt}",
            "words": self.words().name,
        }

    def value_of(self, cosine: float) -> float:
        return pick_score(cosine, self.encoder.model.logit_scale)


def pick_score(cosine: float, scale: float) -> float:
    """scale · cosine.

    Args:
        cosine: of two unit vectors, -1 to 1.
        scale: exp of the checkpoint's logit scale; PickScore v1 has about 100.

    Returns:
        -scale to scale; about 15 to 26 for pictures that have to do with their prompt.

    >>> pick_score(0.22, 100.0)
    22.0
    """
    return scale * cosine
