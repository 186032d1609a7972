"""What the rewards built on BLIP have in common: how pictures and prompts come in, and one number for each of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

from scoring.scorers.base import Decoded, Item, Json, Outcome, Scorer, ScorerFacts
from scoring.scorers.blip_model import BlipFiles, BlipKind, BlipReward, find_files
from scoring.scorers.clip_views import crop_for
from scoring.scorers.device import bytes_of, device, dtype_of, memory_watched
from scoring.scorers.several import FRAMES_IN_WORDS, Crop, distinct, mean_reading, shown


@dataclass(frozen=True)
class Asked:
    """A sample's pictures as the model sees them, and its prompt as numbers."""

    crops: tuple[Crop, ...]
    tokens: tuple[int, ...]
    cut: int


class BlipScorer(Scorer[Asked]):
    """Runs on a GPU where there is one, on the CPU otherwise.

    Attributes:
        kind: what tells this reward from others on BLIP.
    """

    kind: ClassVar[BlipKind]

    def __init__(self, facts: ScorerFacts, *, source: str, tokenizer: str, precision: str) -> None:
        super().__init__(facts)
        self._source = source
        self._tokenizer = tokenizer
        self._precision = precision

    def source(self) -> str:
        """Where the weights are; raises ScorerUnavailable."""
        return self._source

    def scale(self) -> str:
        """How the score comes of the head's number, in words."""
        raise NotImplementedError

    def value_of(self, raw: float) -> float:
        """The score of one picture or frame, out of the head's number."""
        raise NotImplementedError

    def found_files(self) -> BlipFiles:
        """What it is read from; raises ScorerUnavailable."""
        return find_files(self.source(), self._tokenizer, self.kind)

    @cached_property
    def _files(self) -> BlipFiles:
        return self.found_files()

    def load(self) -> None:
        self._model = BlipReward(self._files, self.kind, device=device(), dtype=dtype_of(self._precision))

    def bytes_held(self) -> int:
        return sum(bytes_of(module) for module in self._model.modules)

    @cached_property
    def _digests(self) -> dict[str, str]:
        return self._files.digests()

    def identity_parts(self) -> dict[str, Json]:
        return {
            **self._digests,
            "preprocessing": "on white, Pillow bicubic shorter side, middle square, CLIP normalisation",
            "scale": self.scale(),
            "template": "{prompt}" + f", BERT uncased, at most {self.kind.longest} tokens, CLS kept",
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
        values = iter([self.value_of(one) for one in raw.tolist()])
        return [
            mean_reading(
                self.facts.outputs[0].criterion,
                [next(values) for _crop in asked.crops],
                {"tokens": len(asked.tokens) + asked.cut, "tokens_cut": asked.cut},
                item=item,
            )
            for item, asked in zip(items, prepared, strict=True)
        ]
