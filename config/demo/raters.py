"""Scripted raters: they know the mistakes that were drawn, and judge by them with stated noise. Plain code.

They stand in for people in the demonstration and say so: their kind is `scripted` wherever they appear.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np

# How much each mistake takes away, in units of the logistic scale.
COST = {
    "misspelt": 2.2,
    "miscounted": 2.0,
    "miscoloured": 1.3,
    "broken": 1.8,
    "blurred": 1.2,
    "faded": 0.6,
    "grainy": 0.7,
}


@dataclass(frozen=True)
class Drawn:
    """A drawn sample as the raters see it: its key and its mistakes."""

    key: str
    flaws: tuple[str, ...]

    @property
    def worth(self) -> float:
        return -sum(COST[flaw] for flaw in self.flaws)


@dataclass(frozen=True)
class Script:
    """A rater: how sharply differences are seen, how strongly the left side is favoured, how much is judged."""

    name: str
    slope: float
    left_bias: float
    share: float
    seconds: float


SCRIPTS = (
    Script("scripted-careful", slope=1.8, left_bias=0.0, share=0.6, seconds=6.0),
    Script("scripted-quick", slope=0.9, left_bias=0.1, share=0.7, seconds=2.5),
    Script("scripted-leftish", slope=1.2, left_bias=0.8, share=0.4, seconds=4.0),
)


def judge(groups: Sequence[Sequence[Drawn]], seed: int) -> Iterator[dict[str, Any]]:
    """Rows of `judgements.jsonl`: comparisons by every script, and rankings by the first for every third group."""
    random = np.random.default_rng(seed)
    for number, group in enumerate(groups):
        for script in SCRIPTS:
            yield from _comparisons(script, group, random)
        if number % 3 == 0:
            yield _ranking(SCRIPTS[0], group, random)


def _comparisons(script: Script, group: Sequence[Drawn], random: np.random.Generator) -> Iterator[dict[str, Any]]:
    for first, second in combinations(group, 2):
        if random.random() > script.share:
            continue
        left, right = (first, second) if random.random() < 0.5 else (second, first)
        yield {
            "kind": "compare",
            "rater": script.name,
            "rater_kind": "scripted",
            "left": left.key,
            "right": right.key,
            "criterion": "overall",
            "outcome": _outcome(script, left, right, random),
            "seconds": round(float(random.gamma(4.0, script.seconds / 4.0)), 2),
        }


def _outcome(script: Script, left: Drawn, right: Drawn, random: np.random.Generator) -> str:
    if len(left.flaws) >= 3 and len(right.flaws) >= 3:
        return "both-bad"
    gap = script.slope * (left.worth - right.worth) + script.left_bias
    if abs(left.worth - right.worth) < 0.3 and random.random() < 0.5:
        return "tie"
    return "left" if random.random() < 1 / (1 + math.exp(-gap)) else "right"


def _ranking(script: Script, group: Sequence[Drawn], random: np.random.Generator) -> dict[str, Any]:
    seen = [drawn.worth + float(random.normal(0, 0.4)) for drawn in group]
    # Differences below half a unit are called equal.
    levels = [round(value * 2) for value in seen]
    ranks = [1 + sum(other > level for other in levels) for level in levels]
    return {
        "kind": "rank",
        "rater": script.name,
        "rater_kind": "scripted",
        "samples": [drawn.key for drawn in group],
        "ranks": ranks,
        "criterion": "overall",
        "seconds": round(float(random.gamma(4.0, script.seconds)), 2),
    }
