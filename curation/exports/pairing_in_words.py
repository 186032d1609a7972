"""Pairing rules in words: those over groups, prompts and rounds, and such as follow from how samples were made."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from curation.exports.signal_in_words import all_of, any_of, signal
from curation.recipes.model import CriteriaGroup, Pairing

_BEST = {
    "round": "the best sample of the round",
    "so_far": "the best sample of this and all earlier rounds",
    "earlier": "the best sample of the earlier rounds",
}
_WORST = {
    "round": "the worst of the round",
    "previous": "the worst of the round before",
    "first": "the worst of round 0",
    "earlier": "the worst of all earlier rounds",
}


def _dominance(rule: Pairing) -> Iterator[str]:
    groups = all_of(tuple(_group(group) for group in rule.groups))
    if rule.rule == "pareto":
        yield f"Pair nothing: keep the samples of each prompt that no other one dominates in {groups}."
        return
    yield f"Pair every two samples of a prompt of which one is worse in none of these groups: {groups}."
    if rule.certainty is not None:
        yield f"In each group it had to be not worse with a probability of at least {rule.certainty:g}."
    if rule.front:
        yield "Only samples that no other one of their prompt dominates could be chosen."
    led = f"by the {signal(rule.by)}" if rule.by else "by the share of groups in which one is ahead, less behind"
    yield f"The gap was measured {led}."


def _group(group: CriteriaGroup) -> str:
    tolerance = f", by more than {group.tolerance:g}" if group.tolerance else ""
    return f"{group.name} ({signal(group.by)}{tolerance})"


def _across(rule: Pairing) -> Iterator[str]:
    measured = _by(rule)
    where = {
        "anywhere": "",
        "locale": " of the same language",
        "tag": f" that share a tag{f' beginning with {rule.tag_prefix}' if rule.tag_prefix else ''}",
    }[rule.within]
    yield (
        f"Pair what passed ({measured}: {rule.passes_at:g} or better) with what failed ({rule.fails_at:g} or worse) on "
        f"another prompt{where}, both in one split."
    )
    yield f"A sample is in at most {rule.pairs_per_sample} such pairs on either side."


def _by(rule: Pairing) -> str:
    return signal(rule.by) if rule.by else ""


def _across_rounds(rule: Pairing) -> Iterator[str]:
    yield f"Of each prompt and round, pair {_BEST[rule.chosen]} with {_WORST[rule.rejected]}, by their {_by(rule)}."


def _by_kind(rule: Pairing) -> Iterator[str]:
    yield (
        "Pair each sample of the kinds that may be chosen with each one of its prompt that may be rejected; nobody was "
        "asked which is better."
    )


def _corrupted(rule: Pairing) -> Iterator[str]:
    made = f" by {any_of(rule.operators)}" if rule.operators else ""
    yield f"Pair each sample with the negatives that were made from it on purpose{made}."
    if rule.by:
        yield f"Both were held against their {signal(rule.by)}."


def _wrong_prompt(rule: Pairing) -> Iterator[str]:
    which = "contrast prompt" if rule.prompts == "contrasts" else "other prompt"
    under = f"under each {which} it was judged under"
    yield f"Pair each sample under its own prompt with itself {under}, by the {_by(rule)}."


MORE_RULES: Mapping[str, Callable[[Pairing], Iterator[str]]] = {
    "dominance": _dominance,
    "pareto": _dominance,
    "across_prompts": _across,
    "across_rounds": _across_rounds,
    "by_kind": _by_kind,
    "corrupted": _corrupted,
    "wrong_prompt": _wrong_prompt,
}
