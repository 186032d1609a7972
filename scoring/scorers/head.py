"""Heads fitted here, as scorers: features of a sample by encoders and by others' scores, and their weighted sum."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any, Protocol

import numpy as np

from scoring import catalogue
from scoring.heads import shelf
from scoring.heads.features import Encoder, Scores
from scoring.heads.fit import Floats
from scoring.heads.shelf import Entry
from scoring.scorers.base import (
    Decoded,
    Item,
    Json,
    NotApplicable,
    Outcome,
    Output,
    Reading,
    Result,
    Scorer,
    ScorerFacts,
    ScorerUnavailable,
)

# Of a reading that is made for its features alone, the number says how many there are.
_COUNT = Output("features", "features", "features", 0, 1e9)


class Sees(Protocol):
    """What a scorer has whose encoder heads may use."""

    def features(self, items: Sequence[Item], prepared: Sequence[Any]) -> Floats:
        """(B, 2 d): the mean picture, and its product with the prompt's words."""
        ...

    def encoder_digest(self) -> str:
        """SHA-256 (hex) of what the embeddings depend on; once it is loaded."""
        ...


def sees_of(scorer: Scorer[Any]) -> Sees:
    """The scorer as an encoder; ScorerUnavailable where it has none that heads may use."""
    if not (hasattr(scorer, "features") and hasattr(scorer, "encoder_digest")):
        raise ScorerUnavailable(f"“{scorer.name}” has no encoder that a head could use.")
    return scorer


class FeatureReader(Scorer[Any]):
    """Has an encoder look at samples, for whoever fits a head; the features stay with it.

    Attributes:
        found: (2 d,) by sample id.
    """

    def __init__(self, base: Scorer[Any]) -> None:
        super().__init__(replace(base.facts, outputs=(_COUNT,)))
        self.base = base
        self.found: dict[int, Floats] = {}

    def load(self) -> None:
        self.base.ready()

    def encoder_digest(self) -> str:
        """SHA-256 (hex) of what the features depend on; once it is loaded."""
        return sees_of(self.base).encoder_digest()

    def preparer(self) -> Any:
        return self.base.preparer()

    def prepare(self, item: Item, decoded: Decoded) -> Any:
        return self.base.prepare(item, decoded)

    def score(self, items: Sequence[Item], prepared: Sequence[Any]) -> list[Outcome]:
        rows = sees_of(self.base).features(items, prepared)
        self.found.update((item.sample_id, row) for item, row in zip(items, rows, strict=True))
        return [Reading({_COUNT.criterion: Result(float(rows.shape[1]))}) for _item in items]


class HeadScorer(Scorer[tuple[Any, ...]]):
    """A head by its name on the shelf. Its encoders are those of the catalogue, shared with their own scorers."""

    def __init__(self, facts: ScorerFacts) -> None:
        super().__init__(facts)
        self._entry: Entry = shelf.here.entry(facts.name)
        self._head = self._entry.head

    @cached_property
    def _bases(self) -> dict[str, Scorer[Any]]:
        return {block.scorer: catalogue.build(block.scorer, block.settings) for block in self._head.encoders}

    def load(self) -> None:
        for base in self._bases.values():
            base.ready()

    def bytes_held(self) -> int:
        return sum(base.bytes_held() for base in self._bases.values())

    def identity_parts(self) -> dict[str, Json]:
        """As it was fitted, but for the encoders, which are those that this worker has."""
        here = [sees_of(base).encoder_digest() for base in self._bases.values()]
        return {**self._entry.identity, "encoder": here}

    def prepare(self, item: Item, decoded: Decoded) -> tuple[Any, ...]:
        return tuple(base.prepare(item, decoded) for base in self._bases.values())

    def score(self, items: Sequence[Item], prepared: Sequence[tuple[Any, ...]]) -> list[Outcome]:
        features = np.concatenate(list(self._features(items, prepared)), axis=1)  # (B, F)
        known = np.isfinite(features).all(axis=1)
        values = iter(self._head.values(features[known]).tolist())
        return [
            self._reading(next(values)) if is_known else NotApplicable(self._missing(row))
            for row, is_known in zip(features, known, strict=True)
        ]

    def _features(self, items: Sequence[Item], prepared: Sequence[tuple[Any, ...]]) -> list[Floats]:
        places = {name: place for place, name in enumerate(self._bases)}
        subjects = [(item.sample_id, item.prompt_id) for item in items]
        return [
            self._seen(block, items, [parts[places[block.scorer]] for parts in prepared])
            if isinstance(block, Encoder)
            else shelf.here.scores(block.columns, subjects)
            for block in self._head.blocks
        ]

    def _seen(self, block: Encoder, items: Sequence[Item], prepared: Sequence[Any]) -> Floats:
        found = sees_of(self._bases[block.scorer]).features(items, prepared)
        if found.shape[1] != block.size:
            raise ScorerUnavailable(
                f"“{self.name}” was fitted on embeddings of {block.dimensions} numbers; those of “{block.scorer}” here "
                f"have {found.shape[1] // 2}. Give this worker the weights it was fitted with, or fit it again."
            )
        return found

    def _reading(self, value: float) -> Reading:
        return Reading({self._head.output.criterion: Result(value)})

    def _missing(self, row: Floats) -> str:
        """Which scores a sample lacks: nothing is put in their place."""
        start, lacking = 0, []
        for block in self._head.blocks:
            if isinstance(block, Scores):
                own = row[start : start + block.size]
                lacking += [one.label for one, value in zip(block.columns, own, strict=True) if not np.isfinite(value)]
            start += block.size
        return f"the sample lacks a score this head reads: {', '.join(lacking)}"
