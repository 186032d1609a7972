"""How likely a chat model thinks the prompt's words are, once it has seen the picture: from the output back to the ask.

The model is asked what the picture shows, and the prompt's text is put into its mouth. Nothing is written and nothing
drawn: one pass gives the log-probability of every token of the text, given the picture and the words before it. Of a
sample the number is their mean, so a long prompt is not worse for being long.

Rare words are unlikely whatever the picture shows, and a model that knows a famous sentence goes on by heart. With the
contrast, the same text is also asked of an even grey of the same size, and the difference of the two says what the
picture itself adds: the pointwise mutual information of picture and text, a token.

The end of the turn is no part of the text and does not count.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np
import torch
from PIL import Image

from scoring.scorers.base import (
    Decoded,
    Item,
    Json,
    NothingToJudge,
    Outcome,
    Place,
    Reading,
    Result,
    Scorer,
    ScorerFacts,
    ScorerUnavailable,
)
from scoring.scorers.device import memory_watched
from scoring.scorers.kinship import family_of, name_of
from scoring.scorers.places import bounded, each_shown
from scoring.scorers.plain_words import Span, summed
from scoring.scorers.several import FRAMES, FRAMES_IN_WORDS, shown
from scoring.scorers.value_head import Backbone
from scoring.scorers.yes_token import PATCH, PROMPT, side_of, smaller

LIKELIHOOD, CONTRAST = "caption_likelihood", "caption_contrast"
NONE, GREY = "none", "grey"
GREY_LEVEL = 127


@dataclass(frozen=True)
class Asked:
    """A sample's pictures and the text whose likelihood is asked, as tokens; `spans` are in the prompt's own text."""

    pictures: tuple[Image.Image, ...]
    tokens: tuple[int, ...]
    spans: tuple[Span, ...] | None
    cut: int


class CaptionLikelihood(Scorer[Asked]):
    """Runs on a GPU where there is one, on the CPU otherwise."""

    def __init__(
        self,
        facts: ScorerFacts,
        *,
        source: str,
        question: str,
        contrast: str,
        most_tokens: str,
        longest_side: str,
        precision: str,
    ) -> None:
        super().__init__(facts)
        if contrast not in (NONE, GREY):
            raise ScorerUnavailable(f"The contrast “{contrast}” is unknown; there are {NONE}, {GREY}.")
        if not question.strip() or PROMPT in question:
            raise ScorerUnavailable(
                f"The question asks what the picture shows, without {PROMPT}: the model would only repeat the prompt."
            )
        if not source:
            raise ScorerUnavailable("Name a model in the setting “source”: OWNER/NAME@COMMIT on the Hub, or a folder.")
        self._source = source
        self._question = question
        self._contrast = contrast
        self._most = _most(most_tokens)
        self._side = side_of(longest_side)
        self._precision = precision
        self._backbone = Backbone(source, precision=precision)

    def load(self) -> None:
        self._model = self._backbone.model
        self._asking = len(self._model.tokens(self._question))

    def bytes_held(self) -> int:
        return self._backbone.bytes_held

    def family(self) -> str:
        return family_of(self._backbone.folder, self.facts.family)

    def models(self) -> tuple[str, ...]:
        return (name_of(self._source),)

    def identity_parts(self) -> dict[str, Json]:
        side = f"longer side at most {self._side}, " if self._side else ""
        return {
            "weights": self._backbone.digest,
            "preprocessing": f"on white, {side}{type(self._backbone.processor.image_processor).__name__}",
            "scale": "mean log-probability of a token, nats",
            "contrast": self._contrast if self._contrast == NONE else f"{self._contrast} {GREY_LEVEL}, the same size",
            "most_tokens": self._most,
            "template": self._question,
            "decoding": FRAMES_IN_WORDS,
            "precision": self._precision,
        }

    def length(self, prepared: Asked) -> int:
        largest = max((picture.width * picture.height for picture in prepared.pictures), default=0)
        return len(prepared.tokens) + largest // PATCH**2

    def prepare(self, item: Item, decoded: Decoded) -> Asked:
        text = item.prompt_text.strip()
        words = self._model.plain(text)
        if not words.tokens:
            raise NothingToJudge("the prompt has no word that the model knows")
        kept = words.tokens[: self._most]
        if self._asking + len(kept) > self._model.longest:
            raise ValueError(
                f"question and prompt have {self._asking + len(kept)} tokens, more than the {self._model.longest} the "
                "model reads"
            )
        shift = len(item.prompt_text) - len(item.prompt_text.lstrip())
        spans = words.spans and tuple((start + shift, end + shift) for start, end in words.spans[: self._most])
        pictures = tuple(smaller(picture, self._side) for picture in shown(decoded))
        return Asked(pictures, kept, spans, len(words.tokens) - len(kept))

    def score(self, items: Sequence[Item], prepared: Sequence[Asked]) -> list[Outcome]:
        pictures = [picture for asked in prepared for picture in asked.pictures]
        texts = [asked.tokens for asked in prepared for _picture in asked.pictures]
        with memory_watched():
            seen = iter(self._said(pictures, texts))
            unseen = iter(self._said_of_grey(pictures, texts) if self._contrast == GREY else ())
        return [
            self._reading(
                item, asked, list(islice(seen, len(asked.pictures))), list(islice(unseen, len(asked.pictures)))
            )
            for item, asked in zip(items, prepared, strict=True)
        ]

    def _said(self, pictures: Sequence[Image.Image], texts: Sequence[Sequence[int]]) -> list[torch.Tensor]:
        """Log-probabilities of each text's tokens, (T_i,), once its picture is seen."""
        return self._model.answers(pictures, [self._question] * len(pictures), texts) if pictures else []

    def _said_of_grey(self, pictures: Sequence[Image.Image], texts: Sequence[tuple[int, ...]]) -> list[torch.Tensor]:
        """The same of a grey of each picture's size; what is alike is asked once."""
        wanted = [(text, picture.size) for text, picture in zip(texts, pictures, strict=True)]
        different = list(dict.fromkeys(wanted))
        greys = [Image.new("RGB", size, (GREY_LEVEL,) * 3) for _text, size in different]
        said = dict(zip(different, self._said(greys, [text for text, _size in different]), strict=True))
        return [said[one] for one in wanted]

    def _reading(
        self, item: Item, asked: Asked, seen: Sequence[torch.Tensor], unseen: Sequence[torch.Tensor]
    ) -> Reading:
        found = {LIKELIHOOD: torch.stack(list(seen))}  # (pictures, T)
        if unseen:
            found[CONTRAST] = found[LIKELIHOOD] - torch.stack(list(unseen))
        means = {criterion: each.mean(dim=-1).tolist() for criterion, each in found.items()}
        detail: dict[str, Json] = {
            "values": means[LIKELIHOOD],
            **({"contrast": means[CONTRAST]} if unseen else {}),
            "tokens": len(asked.tokens) + asked.cut,
            "tokens_cut": asked.cut,
        }
        places = [place for criterion, each in found.items() for place in _of_words(criterion, each, asked.spans)]
        for criterion, values in means.items():
            places += each_shown(item, criterion, values, FRAMES)
        return Reading({criterion: _result(values) for criterion, values in means.items()}, detail, bounded(places))


def _result(values: Sequence[float]) -> Result:
    return Result(float(np.mean(values)), float(np.std(values)) if len(values) > 1 else None)


def _of_words(criterion: str, each: torch.Tensor, spans: tuple[Span, ...] | None) -> list[Place]:
    """A span of the prompt for each token, (pictures, T), with the mean over the pictures; none without spans."""
    if spans is None:
        return []
    return [
        Place(criterion, value, "span", target="prompt", start=start, end=end)
        for (start, end), value in summed(each.mean(dim=0).tolist(), spans)
    ]


def _most(stated: str) -> int:
    if not stated.isdecimal() or not int(stated):
        raise ScorerUnavailable(f"The setting “most_tokens” is a number of tokens, at least 1; not “{stated}”.")
    return int(stated)
