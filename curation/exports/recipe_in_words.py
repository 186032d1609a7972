"""A recipe told in sentences, for the card: what a reader must know before they trust the pairs."""

from __future__ import annotations

from collections.abc import Iterator

from curation.exports.pairing_in_words import MORE_RULES
from curation.exports.signal_in_words import all_of as _and
from curation.exports.signal_in_words import any_of as _or
from curation.exports.signal_in_words import signal as _signal
from curation.recipes.model import (
    Balance,
    Band,
    CandidateRule,
    Difficulty,
    EvidenceRule,
    Filter,
    Pairing,
    Recipe,
)

_BASIS = {"people": "people", "machines": "machines", "both": "people and machines"}


def words_of(recipe: Recipe) -> tuple[str, ...]:
    """One sentence for each thing the recipe does, in the order it does them."""
    return (
        *_evidence(recipe.evidence),
        *_candidates(recipe.candidates),
        *(_filter(rule) for rule in recipe.filters),
        *_sifted(recipe),
        *_rule(recipe.pairing),
        *_bars(recipe.pairing),
        *_held_against(recipe),
        *_caps(recipe),
        _split(recipe),
        *_balance(recipe.balance),
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
    if rule.scripted_as_people:
        yield "Scripted raters stood in for people: what is learnt from people's votes was learnt from theirs."
    weights = [f"{weight:g} for {name}" for name, weight in (*rule.rater_weights, *rule.kind_weights)]
    if weights:
        yield f"A vote weighed 1, but {_and(tuple(weights))}."


def _candidates(rule: CandidateRule) -> Iterator[str]:
    sentence = f"Samples could take part if they were {_or(rule.kinds)}"
    if rule.generators:
        sentence += f", made by {_or(rule.generators)}"
    if rule.without_generators:
        sentence += f", not made by {_or(rule.without_generators)}"
    if rule.locales:
        sentence += f", in {_or(rule.locales)}"
    if rule.without_locales:
        sentence += f", not in {_or(rule.without_locales)}"
    if rule.tags:
        sentence += f", tagged {_and(rule.tags)}"
    if rule.without_tags:
        sentence += f", not tagged {_or(rule.without_tags)}"
    sentence += _rounds(rule)
    if rule.under == "original":
        sentence += ", those of rewrites under the prompt that was rewritten"
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
    if rule.spread_at_most is not None:
        bars.append(f"uncertain by at most {rule.spread_at_most:g}")
    if rule.outliers_beyond is not None:
        bars.append(f"within {rule.outliers_beyond:g} robust deviations of the median")
    if rule.range_in_prompt_above is not None:
        bars.append(f"spread over more than {rule.range_in_prompt_above:g} within its prompt")
    said = f"Keep samples whose {_signal(rule.by)} is {_and(tuple(bars))}" if bars else "Keep samples"
    if rule.keep_best is not None:
        best = f"the best {rule.keep_best} of each prompt by {_signal(rule.by)}"
        said = f"{said}, then {best}" if bars else f"Keep {best}"
    missing = "stay" if rule.if_missing == "keep" else "go"
    unknown = "samples without it" if rule.by.source == "fact" else "samples nobody judged so"
    return f"{said} ({rule.name}); {unknown} {missing}."


def _sifted(recipe: Recipe) -> Iterator[str]:
    alike, hard = recipe.near_duplicates, recipe.difficulty
    if alike is not None:
        where = "answers to one prompt" if alike.within == "prompt" else "all samples"
        best = f"the best by {_signal(alike.by)}" if alike.by else "the first by the seed"
        yield f"Of {where} that look the same (distance up to {alike.distance:g}), keep {best}."
    if hard is not None:
        bands = _and(tuple(_band(band) for band in hard.bands))
        yield f"Put each {hard.of} into one band by {_measure(hard)}: {bands}."
        if hard.keep:
            yield f"Only {_and(hard.keep)} went on."


def _measure(rule: Difficulty) -> str:
    if rule.of == "sample":
        return f"its {_signal(rule.by)}"
    if rule.measure == "pass_rate":
        return f"the share of its samples whose {_signal(rule.by)} is at least {rule.pass_at_least:g}"
    return f"the {rule.measure} of the {_signal(rule.by)}"


def _band(band: Band) -> str:
    return band.name if band.below is None else f"{band.name} (below {band.below:g})"


def _held_against(recipe: Recipe) -> Iterator[str]:
    for rule in recipe.agreement:
        voices = _and(tuple(_signal(signal) for signal in rule.among))
        yield (
            f"Keep a pair if {rule.at_least:.0%} of these agree with it, at least {rule.voices} speaking: {voices} "
            f"({rule.name})."
        )
    if recipe.gold is not None:
        yield f"Pairs were checked against the {_signal(recipe.gold)}, which decided nothing."
    bands = recipe.strength
    if bands is not None:
        by = "gap" if bands.by == "gap" else "winner's share of the votes"
        strong, ambiguous = f"strong from a {by} of {bands.strong_from:g} on", f"below {bands.ambiguous_below:g}"
        yield f"A pair is {strong}, and ambiguous {ambiguous}."
        if bands.drop:
            yield f"Pairs that are {_or(bands.drop)} were left out."


def _balance(rule: Balance | None) -> Iterator[str]:
    if rule is None:
        return
    shares = _and(tuple(f"{name} {share:.0%}" for name, share in rule.shares))
    by = rule.facet or rule.by
    if rule.at_most is not None:
        of = f" of {_and(tuple(name for name, _share in rule.shares))}" if rule.shares else ""
        yield f"Draw at most {rule.at_most} of each {by}{of} by the seed."
    elif rule.shares:
        yield f"Draw a subset by the seed in which the shares by {by} are: {shares}."
    else:
        yield f"Draw a subset by the seed in which each {by} has an equal share."


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
        case _:
            yield from MORE_RULES[rule.rule](rule)


_WITHOUT_GAP = ("none", "judged_pairs", "pareto", "across_prompts", "by_kind")


def _bars(rule: Pairing) -> Iterator[str]:
    if rule.rule not in _WITHOUT_GAP and (rule.by or rule.groups):
        yield f"The gap between the two had to be greater than {rule.min_gap:g}."
    if rule.siblings:
        yield "Only samples of one parent that left it at the same point were paired."
    for side, rounds in (("chosen", rule.chosen_rounds), ("rejected", rule.rejected_rounds)):
        if rounds:
            yield f"Only samples of round {_or(tuple(str(number) for number in rounds))} could be {side}."
    for side, kinds in (("chosen", rule.chosen_kinds), ("rejected", rule.rejected_kinds)):
        if kinds:
            yield f"Only {_and(kinds)} samples could be {side}."


def _caps(recipe: Recipe) -> Iterator[str]:
    if recipe.pairs_per_prompt is not None:
        yield f"Keep at most {recipe.pairs_per_prompt} pairs of a prompt, the widest gaps first."
    named = {
        "tag": recipe.caps.per_tag,
        "generator that is chosen": recipe.caps.per_chosen_generator,
        "generator that is rejected": recipe.caps.per_rejected_generator,
        "two generators": recipe.caps.per_generators,
    }
    for what, cap in named.items():
        if cap is not None:
            yield f"Keep at most {cap} pairs of each {what}, drawn by the seed."


def _split(recipe: Recipe) -> str:
    shares = _and(tuple(f"{name} {share:.0%}" for name, share in recipe.split.shares))
    return (
        f"Split by prompt ({shares}); prompts at least {recipe.split.near_duplicates:.0%} alike or about the same "
        "input stay together."
    )
