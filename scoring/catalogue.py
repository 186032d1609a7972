"""The dictionary of scorers: what each one is, and where a worker finds its code.

The web process reads this file; nothing here imports a model library. A new scorer is one file in
`scoring/scorers/` and one card in `scoring/facts/`. Titles and descriptions are marked for translation there and
translated where they are shown (`{% translate facts.title %}`).
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any

from scoring.facts import (
    clip,
    cycles,
    faces,
    language,
    preference,
    quality,
    reward_tokens,
    rules,
    value_heads,
    vision,
    written,
)
from scoring.heads import shelf
from scoring.heads.head import card_of
from scoring.scorers.base import ALONE, BATCHING, Scorer, ScorerFacts, ScorerUnavailable, settings_of

CATALOGUE: Mapping[str, ScorerFacts] = {
    facts.name: facts
    for module in (
        rules,
        clip,
        language,
        vision,
        quality,
        preference,
        reward_tokens,
        value_heads,
        written,
        faces,
        cycles,
    )
    for facts in module.CARDS
}


def facts_of(name: str) -> ScorerFacts:
    """The card of a scorer, or of a head that was fitted here; ScorerUnavailable names those that exist."""
    if shelf.is_head(name):
        head = shelf.here.entry(name).head
        return card_of(name, head, [facts_of(block.scorer) for block in head.encoders])
    if name not in CATALOGUE:
        raise ScorerUnavailable(f"There is no scorer “{name}”. There are: {', '.join(sorted(CATALOGUE))}.")
    return CATALOGUE[name]


def checked_settings(name: str, settings: Mapping[str, str]) -> dict[str, str]:
    """Every setting of the scorer, the given ones over the defaults; an unknown name or choice is refused."""
    known = {setting.name: setting for setting in settings_of(facts_of(name))}
    unknown = sorted(set(settings) - set(known))
    if unknown:
        raise ScorerUnavailable(
            f"Scorer “{name}” has no setting “{unknown[0]}”. It has: {', '.join(sorted(known)) or 'none'}."
        )
    for key, value in settings.items():
        if known[key].choices and value not in known[key].choices:
            raise ScorerUnavailable(
                f"Setting “{key}” of scorer “{name}” cannot be “{value}”; it is one of {', '.join(known[key].choices)}."
            )
    return {**{key: setting.default for key, setting in known.items()}, **settings}


def build(name: str, settings: Mapping[str, str] | None = None) -> Scorer[Any]:
    """Imports the scorer's code and makes it, without loading weights. For workers: model libraries come with it."""
    facts = facts_of(name)
    module, _separator, class_name = facts.path.partition(":")
    scorer_class = getattr(importlib.import_module(module), class_name)
    own = checked_settings(name, settings or {})
    batching = own.pop(BATCHING.name, "")
    scorer: Scorer[Any] = scorer_class(facts, **own)
    scorer.is_alone = batching == ALONE
    return scorer
