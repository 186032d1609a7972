"""Which subject of a pair becomes side A: by a seeded coin that never looks at the winner.

A set whose winner always sits on one side teaches position, and a reader that forgets the label still
seems to work. The coin is thrown over the two subjects in a fixed order, so a verdict that changes
between versions changes the label and leaves the pictures where they were.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Literal, TypeAlias

from curation.exports.rows import ExportPair, ExportSubject, Preference

Side: TypeAlias = Literal["a", "b"]
SidedPreference: TypeAlias = Literal["a", "b", "tie", "both_bad"]


@dataclass(frozen=True)
class Sided:
    """A pair with its sides drawn. `first_side` says where the pair's `first` went."""

    pair: ExportPair
    a: ExportSubject
    b: ExportSubject
    first_side: Side

    def preference(self, said: Preference) -> SidedPreference:
        """The same statement in words of sides."""
        if said == "tie" or said == "both_bad":
            return said
        return self.side_of(said)

    def side_of(self, place: Literal["first", "second"]) -> Side:
        if place == "first":
            return self.first_side
        return "b" if self.first_side == "a" else "a"


def draw_sides(pair: ExportPair, seed: int) -> Sided:
    """Draws the sides of a pair.

    Args:
        seed: of the dataset version; the same seed gives the same sides whoever won and whichever of the
            two subjects is called first.
    """
    low, high = sorted([pair.first, pair.second], key=lambda subject: subject.key)
    words = "\x1f".join([str(seed), *low.key, *high.key])
    coin = hashlib.sha256(words.encode()).digest()[0] & 1
    a, b = (low, high) if coin == 0 else (high, low)
    return Sided(pair, a, b, "a" if a is pair.first else "b")
