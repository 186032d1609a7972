"""A fitted head: everything its number depends on, and the number. Plain code."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import numpy as np

from scoring.heads.features import Block, Encoder, Scale, Scores, block_as_json, block_from_json
from scoring.heads.fit import Floats, Levels
from scoring.scorers.base import Json, Needs, Output, ScorerFacts, digest_of

VERSION = "1"
PREFIX = "head:"
# The scale of preferences has no end; a number beyond this is a mistake.
MOST_LOGITS = 1000.0
_PATH = "scoring.scorers.head:HeadScorer"


class Form(StrEnum):
    """What a head was fitted on."""

    PAIRS = "pairs"  # preferences: its number is a strength in logits
    RATINGS = "ratings"  # levels: its number is the level to be expected


@dataclass(frozen=True)
class Head:
    """Weights on scaled features.

    Attributes:
        name: as people call it.
        criterion: key under which the labels were given.
        blocks: what it looks at, F features in all.
        weights: (F,), logits a unit of the scaled feature.
        cuts, levels: (K − 1,) and (K,), of ratings; empty for preferences.
        ridge, ties: how it was fitted.
        higher_is_better: of the ratings' criterion; of preferences always.
    """

    name: str
    form: Form
    criterion: str
    blocks: tuple[Block, ...]
    scale: Scale
    weights: Floats
    ridge: float
    ties: str = ""
    tie: float | None = None
    cuts: Floats = field(default_factory=lambda: np.zeros(0))
    levels: Floats = field(default_factory=lambda: np.zeros(0))
    higher_is_better: bool = True

    def values(self, features: Floats) -> Floats:
        """The head's number for each sample.

        Args:
            features: (B, F), unscaled, finite.

        Returns:
            (B,): of preferences a strength, logits, 0 for the mean labelled sample: σ of a difference is how probably
            the first is preferred. Of ratings the expected level, within the levels.
        """
        scaled = self.scale.apply(features)
        if self.form == Form.PAIRS:
            found: Floats = scaled @ self.weights
            return found
        chances = Levels(self.weights, self.cuts).probabilities(scaled)
        return np.clip(chances @ self.levels, self.levels[0], self.levels[-1])

    @property
    def encoders(self) -> list[Encoder]:
        return [block for block in self.blocks if isinstance(block, Encoder)]

    @property
    def output(self) -> Output:
        """The criterion it speaks under: one of its own, since its scale is nobody else's."""
        key = f"head-{self.name}"
        if self.form == Form.PAIRS:
            return Output(key, self.name, "logits", -MOST_LOGITS, MOST_LOGITS)
        low, high = float(self.levels[0]), float(self.levels[-1])
        return Output(key, self.name, "expected level", low, high, self.higher_is_better)

    def as_json(self) -> dict[str, Any]:
        """As it is stored; numbers come back bit by bit."""
        return {
            "version": VERSION,
            "name": self.name,
            "form": str(self.form),
            "criterion": self.criterion,
            "blocks": [block_as_json(block) for block in self.blocks],
            "centre": self.scale.centre.tolist(),
            "size": self.scale.size.tolist(),
            "constant": self.scale.constant,
            "weights": self.weights.tolist(),
            "ridge": self.ridge,
            "ties": self.ties,
            "tie": self.tie,
            "cuts": self.cuts.tolist(),
            "levels": self.levels.tolist(),
            "higher_is_better": self.higher_is_better,
        }


def from_json(said: Mapping[str, Any]) -> Head:
    """The head of a document; ValueError where it was written by another version."""
    if said.get("version") != VERSION:
        raise ValueError(f"a head of version {said.get('version')}; this code reads version {VERSION}. Fit it again.")
    return Head(
        name=said["name"],
        form=Form(said["form"]),
        criterion=said["criterion"],
        blocks=tuple(block_from_json(block) for block in said["blocks"]),
        scale=Scale(np.array(said["centre"], float), np.array(said["size"], float), said["constant"]),
        weights=np.array(said["weights"], float),
        ridge=said["ridge"],
        ties=said["ties"],
        tie=said["tie"],
        cuts=np.array(said["cuts"], float),
        levels=np.array(said["levels"], float),
        higher_is_better=said["higher_is_better"],
    )


# -- who it is --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Seen:
    """What a head was fitted on: ids of the labels' judgements, and of their prompts and all that belong with these,
    ascending."""

    judgements: tuple[int, ...]
    prompts: tuple[int, ...]

    @property
    def digest(self) -> str:
        """SHA-256 (hex) over both lists."""
        return digest_of({"judgements": list(self.judgements), "prompts": list(self.prompts)})


def identity_of(head: Head, seen: Seen) -> dict[str, Json]:
    """What tells this head from any other rater: weights, features, encoders, and the labels it saw.

    `fitted_on` is what examinations, the consensus and the gate read: they leave out what a rater was fitted on.
    """
    document = head.as_json()
    return {
        "scorer": PREFIX + head.name,
        "version": VERSION,
        "weights": digest_of(document),
        "preprocessing": "features less their mean over the labelled samples, by constants kept with the weights",
        "scale": head.output.unit,
        "template": "",
        "decoding": "",
        "precision": "float64",
        "criterion": head.criterion,
        "features": [_feature_words(block) for block in head.blocks],
        "encoder": [block.digest for block in head.encoders],
        "fitted_on": {
            "judgements": list(seen.judgements),
            "prompts": list(seen.prompts),
            "digest": seen.digest,
        },
    }


def _feature_words(block: Block) -> Json:
    if isinstance(block, Scores):
        return [f"{one.name} ({one.rater}) · {one.criterion}" for one in block.columns]
    return f"{block.scorer}: mean embedding of the pictures, and its product with the prompt's"


def card_of(key: str, head: Head, bases: Sequence[ScorerFacts]) -> ScorerFacts:
    """A head as the catalogue tells of scorers.

    Args:
        key: under which jobs name it.
        bases: the cards of the scorers whose encoders it uses.
    """
    return ScorerFacts(
        name=key,
        path=_PATH,
        version=VERSION,
        kind="head",
        queue="gpu" if any(one.queue == "gpu" for one in bases) else "cpu",
        title=head.name,
        judges=f"What was said here under “{head.criterion}”, by a head fitted on those labels.",
        formula="A weighted sum of scaled features.",
        needs=_needs(bases),
        outputs=(head.output,),
        code_licence="MIT",
        weights_licence="",
        source="fitted in this project",
        family=", ".join(sorted({one.family for one in bases if one.family})),
    )


def _needs(bases: Sequence[ScorerFacts]) -> Needs:
    if not bases:
        return Needs()
    media = frozenset.intersection(*(one.needs.media for one in bases))
    return Needs(media=media, prompt_text=any(one.needs.prompt_text for one in bases))
