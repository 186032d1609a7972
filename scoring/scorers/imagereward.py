"""ImageReward v1.0: how much people would like a picture as an answer to its prompt, learnt from ranked pictures.

Source: Xu, Liu, Wu, Tong, Li, Ding, Tang and Dong, "ImageReward: Learning and Evaluating Human Preferences for
Text-to-Image Generation", NeurIPS 2023. The state of the text encoder's first token (CLS, kept as it is), after it has
looked at the picture, goes through five linear layers; the number is then shifted and scaled by the mean and deviation
that the authors measured on their training data.
"""

from __future__ import annotations

from scoring.scorers.blip_model import BlipKind
from scoring.scorers.blip_scorer import BlipScorer

MEAN, DEVIATION = 0.16717362830052426, 1.0333394966054072


class ImageReward(BlipScorer):
    """The head's number, shifted and scaled."""

    kind = BlipKind(
        of="ImageReward",
        files=("ImageReward.safetensors", "model.safetensors", "ImageReward.pt"),
        places=(0, 2, 4, 6, 7),
        is_bent=False,
        longest=35,
        has_config=True,
    )

    def scale(self) -> str:
        return f"(head − {MEAN}) / {DEVIATION}"

    def value_of(self, raw: float) -> float:
        return (raw - MEAN) / DEVIATION
