"""A recipe told in sentences, for the card: what a reader must know before they trust the pairs."""

from __future__ import annotations

from collections.abc import Iterator

from curation.recipes.model import CandidateRule, EvidenceRule, Filter, Pairing, Recipe, Signal

_BASIS = {"people": "people", "machines": "machines", "both": "people and machines"}


def words_of(recipe: Recipe) -> tuple[str, ...]:
    """One sentence for each thing the recipe does, in the order it does them."""
    return (
        *_evidence(recipe.evidence),
        *_candidates(recipe.candidates),
        *(_filter(rule) for rule in recipe.filters),
        *_rule(recipe.pairing),
        *_bars(recipe.pairing),
        *_caps(recipe),
        _split(recipe),
    )


def _evidence(rule: EvidenceRule) -> Iterator[str]:
    sentence = f"Count what {_BASIS[rule.basis]} said (purpose: {_and(rule.purposes)})"
    if rule.contexts:
        sentence += f", under {_and(rule.contexts)}"
    yield sentence + "."
    if rule.raters:
        yield f"Only these raters counted: {_and(rule.raters)}."
    if rule.without_raters:
        yield f"These raters did not count: {_and(rule.without_raters)}."


def _candidates(rule: CandidateRule) -> Iterator[str]:
    sentence = f"Samples could take part if they were {_or(rule.kinds)}"
    if rule.generators:
        sentence += f", made by {_or(rule.generators)}"
    if rule.without_generators:
        sentence += f", not made by {_or(rule.without_generators)}"
    if rule.tags:
        sentence += f", tagged {_and(rule.tags)}"
    if rule.without_tags:
        sentence += f", not tagged {_or(rule.without_tags)}"
    sentence += _rounds(rule)
    sentence += ", and not flagged as broken" + (" or unsafe" if rule.unsafe == "exclude" else "")
    yield sentence + "."


def _rounds(rule: CandidateRule) -> str:
    first, last = rule.first_round, rule.last_round
    if first is not None and last is not None:
        return f", of rounds {first} to {last}"
    if first is not None:
        return f", of round {first} or later"
    return f", of round {last} or earlier" if last is not None else ""


def _filter(rule: Filter) -> str:
    bars = []
    if rule.at_least is not None:
        bars.append(f"at least {rule.at_least:g}")
    if rule.at_most is not None:
        bars.append(f"at most {rule.at_most:g}")
    said = f"Keep samples whose {_signal(rule.by)} is {_and(tuple(bars))}" if bars else "Keep samples"
    if rule.keep_best is not None:
        best = f"the best {rule.keep_best} of each prompt by {_signal(rule.by)}"
        said = f"{said}, then {best}" if bars else f"Keep {best}"
    missing = "stay" if rule.if_missing == "keep" else "go"
    return f"{said} ({rule.name}); samples nobody judged so {missing}."


def _rule(rule: Pairing) -> Iterator[str]:
    by = _signal(rule.by) if rule.by else ""
    match rule.rule:
        case "two_stage":
            judge = f"the {_signal(rule.judge)}" if rule.judge else "votes"
            yield f"Draw pairs of each prompt's samples ({rule.draw}); let {judge} decide each. Ties join neither list."
            yield f"Of each prompt, pair the winner with the highest {by} and the loser with the lowest."
        case "best_against_worst":
            yield f"Of each prompt, pair the sample with the highest {by} and the one with the lowest."
        case "top_against_bottom":
            how = "rank by rank" if rule.match == "ranks" else "each with each"
            yield f"Of each prompt, pair the {rule.k} samples with the highest {by} with the {rule.k} lowest, {how}."
        case "best_against_rest":
            yield f"Of each prompt, pair the sample with the highest {by} with every other."
        case "margin":
            yield f"Pair every two samples of a prompt by their {by}."
        case "judged_pairs":
            votes = "one vote" if rule.min_votes == 1 else f"{rule.min_votes} votes"
            share = f"at least {votes} and a share of {rule.min_share:g} or more for the winner"
            yield f"Pair samples that were compared with each other ({by}), with {share}."
        case "none":
            yield "Pair nothing: keep the samples that passed."


def _bars(rule: Pairing) -> Iterator[str]:
    if rule.rule not in ("none", "judged_pairs"):
        yield f"The gap between the two had to be greater than {rule.min_gap:g}."
    for side, kinds in (("chosen", rule.chosen_kinds), ("rejected", rule.rejected_kinds)):
        if kinds:
            yield f"Only {_and(kinds)} samples could be {side}."


def _caps(recipe: Recipe) -> Iterator[str]:
    if recipe.pairs_per_prompt is not None:
        yield f"Keep at most {recipe.pairs_per_prompt} pairs of a prompt, the widest gaps first."


def _split(recipe: Recipe) -> str:
    shares = _and(tuple(f"{name} {share:.0%}" for name, share in recipe.split.shares))
    return (
        f"Split by prompt ({shares}); prompts at least {recipe.split.near_duplicates:.0%} alike or about the same "
        "input stay together."
    )


def _signal(signal: Signal) -> str:
    kind = "score on" if signal.source == "scores" else "votes on"
    by = f" by {_and(signal.raters)}" if signal.raters else ""
    return f"{kind} {signal.criterion}{by}"


def _and(words: tuple[str, ...]) -> str:
    return _joined(words, "and")


def _or(words: tuple[str, ...]) -> str:
    return _joined(words, "or")


def _joined(words: tuple[str, ...], last: str) -> str:
    if len(words) < 2:
        return "".join(words)
    return f"{', '.join(words[:-1])} {last} {words[-1]}"
