"""What the scorers built on CLIP have in common: which pictures they look at, what is remembered, how words come in."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from scoring import embeddings
from scoring.embeddings import Vector
from scoring.heads.features import picture_and_product
from scoring.scorers.base import Decoded, Item, Json, Outcome, Reading, Result, Scorer, ScorerFacts, digest_of
from scoring.scorers.clip_encoder import ClipEncoder, cosines, shared_model
from scoring.scorers.clip_model import ClipWeights, find_weights
from scoring.scorers.clip_views import FRAMES, Looks, View, Viewer, crop_for
from scoring.scorers.clip_words import Words, open_clip_words
from scoring.scorers.places import each_shown


class ClipScorer(Scorer[Looks]):
    """Sees the sample's pictures in order, then `FRAMES` frames of each video. Runs on a GPU where there is one.

    Attributes:
        make_view: a picture of mode RGB as the model is given it, before normalisation.
        preprocessing: the same in words, `{size}` standing for the model's image size; two scorers with the same words
            share what they make of a picture.
        encoder_class: what embeds them.
    """

    make_view: ClassVar[Callable[[Image.Image, int], View]] = crop_for
    preprocessing: ClassVar[str] = "on white, Pillow bicubic shorter side {size}, middle {size}, CLIP normalisation"
    encoder_class: ClassVar[type[ClipEncoder]] = ClipEncoder

    def __init__(self, facts: ScorerFacts, *, source: str, precision: str) -> None:
        super().__init__(facts)
        self._source = source
        self._precision = precision

    def words(self) -> Words:
        return open_clip_words()

    def found_weights(self) -> ClipWeights:
        """Where the weights are; raises ScorerUnavailable."""
        return find_weights(self._source)

    @cached_property
    def found(self) -> ClipWeights:
        return self.found_weights()

    @property
    def sees(self) -> str:
        return self.preprocessing.format(size=self.found.image_size)

    def load(self) -> None:
        model = shared_model(self.found, self._precision)
        self.encoder = self.encoder_class(model, sees=self.sees, words=self.words(), is_alone=self.is_alone)
        self.viewer = Viewer(
            self.encoder.digest, self.sees, self.found.image_size, type(self).make_view, embeddings.folder()
        )

    def bytes_held(self) -> int:
        return self.encoder.model.bytes_held if "encoder" in vars(self) else 0

    def identity_parts(self) -> dict[str, Json]:
        return {
            "weights": self.found.file_digest,
            "activation": self.found.activation,
            "preprocessing": self.sees,
            "decoding": f"{FRAMES} evenly spaced frames of a video, mean",
            "precision": self._precision,
        }

    def preparer(self) -> Viewer:
        return self.viewer

    def prepare(self, item: Item, decoded: Decoded) -> Looks:
        return self.viewer.prepare(item, decoded)


class CosineScorer(ClipScorer):
    """A number for the cosine between each picture and the prompt's words; their mean is the sample's."""

    def text_of(self, item: Item) -> str:
        """The words that are embedded."""
        return item.prompt_text

    def value_of(self, cosine: float) -> float:
        """The score of one picture or frame."""
        raise NotImplementedError

    def score(self, items: Sequence[Item], prepared: Sequence[Looks]) -> list[Outcome]:
        texts = [self.text_of(item) for item in items]
        pictures = self.encoder.embed_looks([look for looks in prepared for look in looks])  # (P, d)
        captions = self.encoder.embed_texts(texts)  # (B, d)
        counts = [len(looks) for looks in prepared]
        found = cosines(pictures, np.repeat(captions, counts, axis=0))  # (P,)
        ends = np.cumsum(counts)[:-1]
        parts = np.split(found, ends)
        return [self._reading(item, text, part.tolist()) for item, text, part in zip(items, texts, parts, strict=True)]

    def features(self, items: Sequence[Item], prepared: Sequence[Looks]) -> NDArray[np.float64]:
        """What heads are fitted on, (B, 2 d): the mean of each sample's embeddings, and its product with the words'."""
        pictures = self.encoder.embed_looks([look for looks in prepared for look in looks])  # (P, d)
        words = self.encoder.embed_texts([self.text_of(item) for item in items])  # (B, d)
        return picture_and_product(pictures_of(prepared, pictures), words)

    def encoder_digest(self) -> str:
        """SHA-256 (hex) of what its embeddings depend on, the words put before a prompt among it."""
        return digest_of({"encoder": self.encoder.digest, "text": self.text_of(Item(0, 0, prompt_text="{prompt}"))})

    def _reading(self, item: Item, text: str, found: list[float]) -> Reading:
        tokens, cut = self.encoder.tokens(text)
        detail: dict[str, Json] = {"cosine": found, "tokens": tokens, "tokens_cut": cut}
        return reading(self.facts, [self.value_of(cosine) for cosine in found], detail, item=item)


def reading(
    facts: ScorerFacts, scores: Sequence[float], detail: dict[str, Json], *, item: Item | None = None
) -> Reading:
    """The mean over pictures and frames; their standard deviation is its spread where there are several.

    Args:
        item: the sample, so that each picture and frame has its own number in its place; None for the mean alone.
    """
    spread = float(np.std(scores)) if len(scores) > 1 else None
    criterion = facts.outputs[0].criterion
    places = each_shown(item, criterion, scores, FRAMES) if item else ()
    return Reading({criterion: Result(float(np.mean(scores)), spread)}, detail, places)


def pictures_of(looks: Sequence[Looks], embedded: Vector) -> list[Vector]:
    """The rows of each item, (its pictures, d), out of those of a batch, (P, d)."""
    return np.split(embedded, np.cumsum([len(one) for one in looks])[:-1])
