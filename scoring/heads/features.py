"""What a head looks at, and on which scale: embeddings of an encoder, and scores that others gave. Plain code.

An encoder's features of a sample are the mean of its pictures' (or frames') unit embeddings, and that mean times the
embedding of the prompt's words, number by number: their sum is the cosine, so a head can weigh anew what the encoder
weighs alike. Features that only the prompt has would be the same for both samples of a pair and are none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from curation.errors import Refused
from scoring.heads.fit import Floats

Vectors = NDArray[np.float32]

# Scorers of the catalogue whose encoder sees pictures and reads the prompt in one space.
ENCODERS = ("clipscore", "pickscore", "hpsv2", "hpsv21")
# What is typed for "every score there is".
SCORES = "scores"


@dataclass(frozen=True)
class Encoder:
    """Embeddings of pictures and of the prompt's words by the encoder of a scorer of the catalogue.

    Attributes:
        scorer: its name, with all its settings.
        dimensions: d of one embedding; it gives 2 d features.
        digest: SHA-256 (hex) of what the embeddings depend on: weights, preprocessing, precision.
    """

    scorer: str
    settings: Mapping[str, str]
    dimensions: int
    digest: str

    @property
    def size(self) -> int:
        return 2 * self.dimensions

    @property
    def sizes(self) -> list[int]:
        """Of the parts that are scaled by one constant each: the pictures, and their product with the words."""
        return [self.dimensions, self.dimensions]


@dataclass(frozen=True)
class Column:
    """The scores of one rater under one criterion.

    Attributes:
        rater: its id; name: what it is called.
        criterion: the key; versions: ids of the wordings that mean the same.
    """

    rater: int
    name: str
    criterion: str
    versions: tuple[int, ...]
    higher_is_better: bool = True

    @property
    def label(self) -> str:
        return self.name if self.criterion == self.name else f"{self.name} · {self.criterion}"


@dataclass(frozen=True)
class Scores:
    """Numbers that others gave, one column each."""

    columns: tuple[Column, ...]

    @property
    def size(self) -> int:
        return len(self.columns)

    @property
    def sizes(self) -> list[int]:
        return [1] * len(self.columns)


Block = Encoder | Scores


def block_as_json(block: Block) -> dict[str, Any]:
    """As it stands in a head's document; `block_from_json` reads it back."""
    if isinstance(block, Encoder):
        return {
            "encoder": block.scorer,
            "settings": dict(block.settings),
            "dimensions": block.dimensions,
            "digest": block.digest,
        }
    return {
        "scores": [
            {
                "rater": one.rater,
                "name": one.name,
                "criterion": one.criterion,
                "versions": list(one.versions),
                "higher_is_better": one.higher_is_better,
            }
            for one in block.columns
        ]
    }


def block_from_json(said: Mapping[str, Any]) -> Block:
    if "encoder" in said:
        return Encoder(said["encoder"], said["settings"], said["dimensions"], said["digest"])
    return Scores(tuple(Column(**{**one, "versions": tuple(one["versions"])}) for one in said["scores"]))


def picture_and_product(pictures: Sequence[Vectors], words: Vectors) -> Floats:
    """The features of samples from embeddings.

    Args:
        pictures: one (P, d) a sample, rows of length 1, P ≥ 1.
        words: (B, d), rows of length 1.

    Returns:
        (B, 2 d), float64.
    """
    mean = np.stack([rows.astype(np.float64).mean(axis=0) for rows in pictures])  # (B, d)
    return np.concatenate([mean, mean * words.astype(np.float64)], axis=1)


# -- the scale --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Scale:
    """x ↦ (x − centre) / size, kept with the head: a new sample is never part of its own standard.

    Attributes:
        centre, size: (F,); size above 0.
        constant: how many features never varied; they weigh nothing.
    """

    centre: Floats
    size: Floats
    constant: int = 0

    def apply(self, features: Floats) -> Floats:
        """(B, F) from (B, F)."""
        found: Floats = (features - self.centre) / self.size
        return found


def scale_of(features: Floats, blocks: Sequence[Block]) -> Scale:
    """Mean 0 over the labelled samples; each column of scores, and each part of an encoder as a whole, of variance 1.

    One constant for a whole embedding keeps its geometry: a direction in which pictures hardly differ stays small.

    Args:
        features: (S, F), finite, one row a labelled sample.
        blocks: in the order of the features.

    Raises:
        ValueError: a feature is not finite, or there are not as many as the blocks say.
        Refused: nothing varies.
    """
    sizes = [size for block in blocks for size in block.sizes]
    if features.ndim != 2 or features.shape[1] != sum(sizes) or not np.isfinite(features).all():
        raise ValueError(f"{features.shape} features; give finite ones, {sum(sizes)} of each sample")
    centre, variance = features.mean(axis=0), features.var(axis=0)
    # What rounding leaves of a constant is no variance.
    varies = variance > 1e-20 * np.maximum(1.0, centre**2)
    if not varies.any():
        raise Refused(
            "No feature differs between the labelled samples, so nothing can be learnt from them. Choose others."
        )
    ends = np.cumsum(sizes)
    size = np.ones(len(centre))
    for start, end in zip(ends - sizes, ends, strict=True):
        total = float(np.where(varies, variance, 0.0)[start:end].sum())
        size[start:end] = np.sqrt(total) if total > 0 else 1.0
    return Scale(centre, size, int((~varies).sum()))
