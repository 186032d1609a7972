"""A CLIP with one way to see and one way to read, which embeds each picture and each text once. For workers only.

Scorers that ask for the same weights in the same precision share one model; those that see pictures alike as well share
what the model made of them, within a job and beyond it (`scoring/embeddings.py`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from threading import Lock
from typing import ClassVar, TypeVar
from weakref import WeakValueDictionary

import numpy as np
import torch
from numpy.typing import NDArray

from scoring import embeddings
from scoring.embeddings import Vector, text_key
from scoring.scorers.base import digest_of
from scoring.scorers.clip_model import ClipModel, ClipWeights
from scoring.scorers.clip_views import Look, View
from scoring.scorers.clip_words import Words
from scoring.scorers.device import device, dtype_of

T = TypeVar("T")

# Raised whenever the code could make another embedding of the same content; old ones are then no longer found.
VERSION = "1"
# A batch of videos has many frames; so many at once keep the memory within bounds.
AT_ONCE = 128


class PictureEncoder:
    """Embeds looks, each once as long as it is remembered.

    Args:
        digest: SHA-256 (hex) of whatever an embedding depends on beside the picture.
        at_once: pictures of one forward pass, at most.
    """

    def __init__(self, digest: str, *, at_once: int = AT_ONCE) -> None:
        self.digest = digest
        self.store = embeddings.of(digest)
        self._at_once = at_once

    def of_views(self, views: Sequence[View]) -> torch.Tensor:
        """What the model makes of n ≥ 1 preprocessed pictures: (n, d), float32, on any device."""
        raise NotImplementedError

    def embed_looks(self, looks: Sequence[Look]) -> Vector:
        """(n, d), float32, n ≥ 1, as `of_views` makes them. What had to be computed is noted on the looks and kept."""
        self._recall([look for look in looks if look.embedding is None])
        new: dict[object, list[Look]] = {}
        for look in looks:
            if look.embedding is None:
                new.setdefault(look.key or id(look), []).append(look)
        for part in _parts(list(new.values()), self._at_once):
            made = self.of_views([_view(alike[0]) for alike in part]).cpu().numpy()
            for alike, vector in zip(part, made, strict=True):
                for look in alike:
                    look.embedding, look.view = vector, None
            self.store.put({alike[0].key: vector for alike, vector in zip(part, made, strict=True) if alike[0].key})
        return np.stack([look.embedding for look in looks if look.embedding is not None])

    def _recall(self, looks: Sequence[Look]) -> None:
        """Another scorer may have had them embedded since they were prepared."""
        found = self.store.get([look.key for look in looks if look.key])
        for look in looks:
            look.embedding = found.get(look.key)


class ClipEncoder(PictureEncoder):
    """Embeds looks and texts, each once as long as it is remembered; pictures and texts get vectors of length 1.

    Args:
        model: shared with other encoders.
        sees: the preprocessing in words; whoever states the same words must give the same pixels.
        words: the tokenizer.
        is_alone: one picture and one text in a forward pass, so that no neighbour moves even the last bit.

    Attributes:
        apart: what a kind of encoder does otherwise than CLIP, in words; it is then remembered apart.
    """

    apart: ClassVar[Mapping[str, str]] = {}

    def __init__(self, model: ClipModel, *, sees: str, words: Words, is_alone: bool = False) -> None:
        self.model = model
        digest = digest_of(
            {
                "encoder": "CLIP",
                "version": VERSION,
                "weights": model.digest,
                "preprocessing": sees,
                "words": words.name,
                "precision": model.precision,
                "batching": "alone" if is_alone else "together",
                **self.apart,
            }
        )
        super().__init__(digest, at_once=1 if is_alone else AT_ONCE)
        self._words = words

    def of_views(self, views: Sequence[View]) -> torch.Tensor:
        return self.model.embed_pictures(views)

    def embed_texts(self, texts: Sequence[str]) -> Vector:
        """(n, d), float32, rows of length 1; each text is computed once as long as it is remembered."""
        keys = {text: text_key(text) for text in texts}
        found = self.store.get(list(keys.values()))
        new = [text for text, key in keys.items() if key not in found]
        for part in _parts(new, self._at_once):
            ids = self._words.ids(part, self.model.context_length)
            made = dict(zip((keys[text] for text in part), self.model.embed_tokens(ids).cpu().numpy(), strict=True))
            self.store.put(made)
            found.update(made)
        return np.stack([found[keys[text]] for text in texts])

    def tokens(self, text: str) -> tuple[int, int]:
        """How many tokens a text has with its marks, and how many of them are cut."""
        count = self._words.count(text)
        return count, max(0, count - self.model.context_length)


def _view(look: Look) -> View:
    if look.view is None:
        raise ValueError("a picture without pixels and without an embedding")
    return look.view


def _parts(things: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    for start in range(0, len(things), size):
        yield things[start : start + size]


def cosines(pictures: Vector, texts: Vector) -> NDArray[np.float64]:
    """Row by row, in float64.

    Args:
        pictures, texts: (n, d), rows of length 1.

    Returns:
        (n,), within -1 to 1 up to the rounding of float32 vectors.
    """
    found: NDArray[np.float64] = np.einsum("nd,nd->n", pictures.astype(np.float64), texts.astype(np.float64))
    return found


# -- models of this process -------------------------------------------------------------------------------------------

_models: WeakValueDictionary[tuple[str, str, torch.device], ClipModel] = WeakValueDictionary()
_models_lock = Lock()


def shared_model(found: ClipWeights, precision: str) -> ClipModel:
    """The model with these weights in this precision: the one in memory where a scorer holds it, else a new one.

    It goes when the last scorer that holds it goes.

    Raises:
        ScorerUnavailable: unknown precision, or weights that do not fit their architecture.
    """
    dtype, place = dtype_of(precision), device()
    with _models_lock:
        model = _models.get((found.digest, precision, place))
        if model is None:
            model = ClipModel(found, device=place, dtype=dtype)
            _models[found.digest, precision, place] = model
        return model
