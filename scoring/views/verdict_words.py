"""A judge's verdict in words: what it said by criterion, item by item, and what tokens it weighed."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from django.utils.translation import gettext as _

from curation.templatetags.pairwright import score as written


@dataclass(frozen=True)
class Said:
    """What a verdict says on one criterion."""

    criterion: str
    words: str
    detail: str = ""


@dataclass(frozen=True)
class Item:
    """One answered item of a checklist, and what it adds to the total."""

    question: str
    weight: float
    yes: bool
    probability: float | None
    is_void: bool = False  # what it depends on was answered no

    @property
    def added(self) -> float:
        return self.weight if self.yes and not self.is_void else 0.0


def said(verdict: Mapping[str, Any], shown: Sequence[str]) -> list[Said]:
    """A stored verdict by criterion.

    Args:
        verdict: as `verdicts.payload_of` keeps it; empty where the reply could not be read.
        shown: what the samples are called, in the order in which they were shown.
    """
    return [
        *_scores(verdict.get("scores") or {}),
        *_preferences(verdict.get("preferences") or {}, shown),
        *_ranks(verdict.get("ranks") or {}, shown),
    ]


def _scores(scores: Mapping[str, Any]) -> Iterator[Said]:
    for key, result in scores.items():
        spread = result.get("spread")
        words = written(result["value"])
        yield Said(key, f"{words} ± {written(spread)}" if spread is not None else words)


def _preferences(preferences: Mapping[str, Any], shown: Sequence[str]) -> Iterator[Said]:
    names = list(shown) if len(shown) == 2 else [_("the first"), _("the second")]
    for key, one in preferences.items():
        sides = {"left": names[0], "right": names[1]}
        outcome = one["outcome"]
        words = _("%(name)s is better") % {"name": sides[outcome]} if outcome in sides else _neither(outcome)
        yield Said(key, words, ", ".join(_beside(one, names[0])))


def _neither(outcome: str) -> str:
    return _("a tie") if outcome == "tie" else _("both are bad")


def _beside(one: Mapping[str, Any], first: str) -> Iterator[str]:
    if one.get("strength") is not None:
        yield _("strength %(strength)g") % {"strength": one["strength"]}
    if one.get("probability") is not None:
        yield _("probability %(probability).3f of %(name)s") % {"probability": one["probability"], "name": first}


def _ranks(ranks: Mapping[str, Sequence[float]], shown: Sequence[str]) -> Iterator[Said]:
    for key, own in ranks.items():
        names = list(shown) if len(shown) == len(own) else [str(place) for place in range(1, len(own) + 1)]
        ordered = sorted(zip(own, names, strict=True), key=lambda pair: pair[0])
        levels = [" = ".join(name for _rank, name in level) for _rank, level in groupby(ordered, lambda pair: pair[0])]
        yield Said(key, " > ".join(levels))


def items(verdict: Mapping[str, Any]) -> list[Item]:
    """The answers of a checklist."""
    return [
        Item(
            str(one["question"]),
            float(one["weight"]),
            bool(one["yes"]),
            one.get("probability"),
            bool(one.get("is_void")),
        )
        for one in verdict.get("answers") or ()
    ]


def weighed(tokens: Sequence[Any] | None, most: int = 12) -> list[tuple[str, list[tuple[str, float]]]]:
    """The answered tokens that were not sure, with the probability of each candidate.

    Args:
        tokens: `[[text, log-probability, {rival: log-probability}], ...]`, as a receipt keeps them.
        most: so many tokens are shown.
    """
    unsure = [(text, logprob, rivals) for text, logprob, rivals in tokens or () if rivals and logprob < math.log(0.999)]
    return [(text, _chances(text, logprob, rivals)) for text, logprob, rivals in unsure[:most]]


def _chances(text: str, logprob: float, rivals: Mapping[str, float]) -> list[tuple[str, float]]:
    every = {**rivals, text: logprob}
    return sorted(((name, math.exp(value)) for name, value in every.items()), key=lambda pair: -pair[1])[:6]
