"""VQAScore: the probability that a model answers “Yes” when it is asked whether a picture shows its prompt.

Source: Lin, Pathak, Li, Li, Xia, Neubig, Zhang and Ramanan, "Evaluating Text-to-Visual Generation with Image-to-Text
Generation", ECCV 2024. What their code publishes is exp(−mean cross-entropy) over the answer's tokens and the end of
the sequence, √(P(Yes) · P(end | Yes)) where “Yes” is one token; not P(Yes).

The question that the model was trained on is part of that model. Where it is not beside the weights
(`vqascore_template.txt`), the question is our own wording, and every score says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import torch

from scoring.scorers.base import Decoded, Item, Json, Outcome, Scorer, ScorerFacts, ScorerUnavailable
from scoring.scorers.clip_t5_model import IMAGE, LONGEST, TEMPLATE, ClipT5, ClipT5Files, find_files
from scoring.scorers.device import bytes_of, device, dtype_of, memory_watched
from scoring.scorers.fitted import digest_of_files
from scoring.scorers.several import FRAMES_IN_WORDS, Crop, distinct, mean_reading, shown
from scoring.scorers.yes_token import PROMPT, geometric_mean

OWN_TEMPLATE = 'Look at this picture: <image>\nIs "{prompt}" what it shows? Say yes or no.\n'
ANSWER = "Yes"
OWN, GIVEN, TRAINED = (
    "own wording, not the one the model was trained on",
    "given as a setting",
    "from the folder of the weights",
)


@dataclass(frozen=True)
class Asked:
    """A sample's pictures as the model sees them, and the question about each of them as numbers."""

    crops: tuple[Crop, ...]
    question: tuple[int, ...]
    cut: int


class VqaScore(Scorer[Asked]):
    """Runs on a GPU where there is one, on the CPU otherwise."""

    def __init__(
        self, facts: ScorerFacts, *, source: str, vision: str, tokenizer: str, template: str, precision: str
    ) -> None:
        super().__init__(facts)
        self._source = source
        self._vision = vision
        self._words = tokenizer
        self._given = template
        self._precision = precision

    @cached_property
    def _files(self) -> ClipT5Files:
        return find_files(self._source, vision=self._vision, tokenizer=self._words)

    @cached_property
    def _template(self) -> tuple[str, str]:
        """The question, and where its wording is from."""
        beside = self._files.folder / TEMPLATE
        if self._given:
            template, origin = self._given, GIVEN
        elif beside.is_file():
            template, origin = beside.read_text(encoding="utf-8"), TRAINED
        else:
            template, origin = OWN_TEMPLATE, OWN
        for mark in (IMAGE, PROMPT):
            if template.count(mark) != 1:
                raise ScorerUnavailable(f"The template of VQAScore must hold {mark} once: “{template}”.")
        return template, origin

    def load(self) -> None:
        self._template  # noqa: B018 - a wrong one is said before gigabytes are read
        self._model = ClipT5(self._files, device=device(), dtype=dtype_of(self._precision))
        self._label = self._model.tokens(ANSWER)

    def bytes_held(self) -> int:
        return sum(bytes_of(module) for module in self._model.modules)

    @cached_property
    def _digests(self) -> dict[str, Json]:
        files = self._files
        vision = {name: list(value) if isinstance(value, tuple) else value for name, value in files.vision.items()}
        return {
            "weights": digest_of_files(files.paths),
            "vocabulary": digest_of_files([files.tokenizer]),
            "vision": vision,
        }

    def identity_parts(self) -> dict[str, Json]:
        template, origin = self._template
        return {
            **self._digests,
            "preprocessing": "on white, padded to a square in the mean colour, Pillow bicubic, "
            f"mean {list(self._files.mean)}, deviation {list(self._files.std)}",
            "scale": f"geometric mean of the probabilities of “{ANSWER}” and of the end after it",
            "template": template,
            "template_origin": origin,
            "decoding": FRAMES_IN_WORDS,
            "precision": self._precision,
        }

    def length(self, prepared: Asked) -> int:
        return len(prepared.question)

    def prepare(self, item: Item, decoded: Decoded) -> Asked:
        question, cut = self._model.question(*self._around(item.prompt_text))
        return Asked(tuple(self._model.crop(picture) for picture in shown(decoded)), tuple(question), cut)

    def _around(self, prompt: str) -> tuple[str, str]:
        """The question before and after the picture; cut before the prompt is put in, which may hold any text."""
        before, after = self._template[0].split(IMAGE)
        return before.replace(PROMPT, prompt), after.replace(PROMPT, prompt)

    def score(self, items: Sequence[Item], prepared: Sequence[Asked]) -> list[Outcome]:
        pictures, places = distinct([crop for asked in prepared for crop in asked.crops])
        questions = [asked.question for asked in prepared for _crop in asked.crops]
        with memory_watched():
            found = self._model.answer(self._model.see(pictures), places, questions, self._label)
        rows = iter(found.double().cpu())
        return [
            self._reading(item, asked, torch.stack([next(rows) for _crop in asked.crops]))
            for item, asked in zip(items, prepared, strict=True)
        ]

    def _reading(self, item: Item, asked: Asked, found: torch.Tensor) -> Outcome:
        """Of log-probabilities (pictures, answer tokens)."""
        detail: dict[str, Json] = {
            "probabilities": found.exp().tolist(),
            "template": self._template[1],
            "tokens": len(asked.question) + asked.cut,
            "tokens_cut": asked.cut,
        }
        return mean_reading("vqascore", geometric_mean(found).tolist(), detail, item=item)


__all__ = ["LONGEST", "OWN_TEMPLATE", "VqaScore"]
