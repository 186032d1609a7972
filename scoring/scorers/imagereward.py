"""ImageReward v1.0: how much people would like a picture as an answer to its prompt, learnt from ranked pictures.

Source: Xu, Liu, Wu, Tong, Li, Ding, Tang and Dong, "ImageReward: Learning and Evaluating Human Preferences for
Text-to-Image Generation", NeurIPS 2023. The state of the text encoder's first token (CLS, kept as it is), after it has
looked at the picture, goes through five linear layers; the number is then shifted and scaled by the mean and deviation
that the authors measured on their training data.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from scoring import weights
from scoring.scorers.base import Decoded, Item, Json, Outcome, Scorer, ScorerFacts
from scoring.scorers.blip_model import LONGEST, BlipFiles, BlipReward, find_files
from scoring.scorers.clip_views import crop_for
from scoring.scorers.device import bytes_of, device, dtype_of, memory_watched
from scoring.scorers.several import FRAMES_IN_WORDS, Crop, distinct, mean_reading, shown

MEAN, DEVIATION = 0.16717362830052426, 1.0333394966054072


@dataclass(frozen=True)
class Asked:
    """A sample's pictures as the model sees them, and its prompt as numbers."""

    crops: tuple[Crop, ...]
    tokens: tuple[int, ...]
    cut: int


class ImageReward(Scorer[Asked]):
    """Runs on a GPU where there is one, on the CPU otherwise."""

    def __init__(self, facts: ScorerFacts, *, source: str, tokenizer: str, precision: str) -> None:
        super().__init__(facts)
        self._source = source
        self._tokenizer = tokenizer
        self._precision = precision

    @cached_property
    def _files(self) -> BlipFiles:
        return find_files(self._source, self._tokenizer)

    def load(self) -> None:
        self._model = BlipReward(self._files, device=device(), dtype=dtype_of(self._precision))

    def bytes_held(self) -> int:
        return sum(bytes_of(module) for module in self._model.modules)

    @cached_property
    def _digests(self) -> dict[str, Json]:
        files = self._files
        return {
            "weights": weights.file_digest(files.path),
            "configuration": weights.file_digest(files.config),
            "vocabulary": weights.file_digest(files.vocabulary),
        }

    def identity_parts(self) -> dict[str, Json]:
        return {
            **self._digests,
            "preprocessing": "on white, Pillow bicubic shorter side, middle square, CLIP normalisation",
            "scale": f"(head − {MEAN}) / {DEVIATION}",
            "template": "{prompt}" + f", BERT uncased, at most {LONGEST} tokens, CLS kept",
            "decoding": FRAMES_IN_WORDS,
            "precision": self._precision,
        }

    def prepare(self, item: Item, decoded: Decoded) -> Asked:
        tokens, cut = self._model.tokens(item.prompt_text)
        size = self._model.image_size
        return Asked(tuple(crop_for(picture, size) for picture in shown(decoded)), tuple(tokens), cut)

    def score(self, items: Sequence[Item], prepared: Sequence[Asked]) -> list[Outcome]:
        pictures, places = distinct([crop for asked in prepared for crop in asked.crops])
        texts = [asked.tokens for asked in prepared for _crop in asked.crops]
        with memory_watched():
            raw = self._model.rewards(self._model.see(pictures), places, texts).double().cpu()
        values = iter(((raw - MEAN) / DEVIATION).tolist())
        return [
            mean_reading(
                "imagereward",
                [next(values) for _crop in asked.crops],
                {"tokens": len(asked.tokens) + asked.cut, "tokens_cut": asked.cut},
            )
            for asked in prepared
        ]
