"""A recipe's text to a frozen `Recipe`; every mistake is found at once and points at its line."""

from collections.abc import Iterator
from math import isclose
from typing import Any

from curation.recipes import pairing_text
from curation.recipes.document import Document, Path, read
from curation.recipes.explain import schema_problems
from curation.recipes.model import (
    CandidateRule,
    Caps,
    EvidenceRule,
    Filter,
    Recipe,
    Split,
)
from curation.recipes.problems import Problem, RecipeProblems, problem
from curation.recipes.sections import contradictions, sections
from curation.recipes.stated import signal_at, signal_paths, tuples
from curation.rewards.parse import inline


def parse(text: str) -> Recipe:
    """The recipe written in a YAML text.

    Raises:
        RecipeProblems: with every mistake, its line, its column and its remedy.
    """
    document = read(text)
    problems = list(schema_problems(document)) or list(_contradictions(document))
    if problems:
        raise RecipeProblems(problems)
    return _build(document)


def _contradictions(document: Document) -> Iterator[Problem]:
    """What a schema cannot say: values that are each right and together wrong."""
    yield from _shares(document)
    yield from _rounds(document)
    yield from _filters(document)
    yield from _sides(document)
    yield from _behaviour(document)
    yield from _rewards(document)
    yield from _unheard_weights(document)
    yield from contradictions(document)
    yield from pairing_text.contradictions(document)


def _rewards(document: Document) -> Iterator[Problem]:
    for path, signal in signal_paths(document.value):
        if "reward" in signal:
            _plan, problems = inline(document, (*path, "reward"))
            yield from problems


def _unheard_weights(document: Document) -> Iterator[Problem]:
    """A consensus learns what each voice is worth, so weights written by hand would say nothing there."""
    sources = {source for _path, signal in signal_paths(document.value) for source in signal}
    if "weights" in document.value.get("evidence", {}) and "consensus" in sources and "votes" not in sources:
        where = document.where_key(("evidence", "weights"))
        remedy = "Leave the weights out, or count `votes` instead."
        yield problem(where, "A consensus learns by itself what each rater's vote is worth.", remedy)


def _shares(document: Document) -> Iterator[Problem]:
    shares = document.value.get("split", {}).get("shares")
    if shares is None or isclose(sum(shares.values()), 1.0, abs_tol=1e-9):
        return
    where = document.where_key(("split", "shares"))
    yield problem(where, f"The shares add up to {sum(shares.values()):g}.", "Make them add up to 1.")


def _rounds(document: Document) -> Iterator[Problem]:
    rule = document.value.get("candidates", {})
    first, last = rule.get("first_round"), rule.get("last_round")
    if first is not None and last is not None and first > last:
        where = document.where(("candidates", "last_round"))
        yield problem(where, f"last_round is {last}, before first_round {first}.", "Exchange the two.")


_SAYS_SPREAD = "Write `by: {scores: CRITERION}` or `by: {consensus: CRITERION}`."


def _filters(document: Document) -> Iterator[Problem]:
    seen: dict[str, int] = {}
    for position, rule in enumerate(document.value.get("filters", [])):
        path: Path = ("filters", position)
        if rule["name"] in seen:
            where = document.where((*path, "name"))
            remedy = "The funnel counts by name: give each filter its own."
            yield problem(where, f"{rule['name']!r} is also the filter on line {seen[rule['name']]}.", remedy)
        seen[rule["name"]] = document.where(path).line
        if rule.get("at_least", float("-inf")) > rule.get("at_most", float("inf")):
            where = document.where((*path, "at_most"))
            yield problem(where, "at_most is below at_least, so nothing passes.", "Exchange the two.")
        if "spread_at_most" in rule and not {"scores", "consensus"} & set(rule["by"]):
            where = document.where_key((*path, "spread_at_most"))
            yield problem(where, "Only scores and a consensus say how uncertain they are.", _SAYS_SPREAD)
        if "keep_best" in rule and ("at_least" in rule or "at_most" in rule):
            where = document.where_key((*path, "keep_best"))
            yield problem(
                where, "One filter keeps the best and sets a bar.", "Write two filters, in the order you mean."
            )


def _sides(document: Document) -> Iterator[Problem]:
    kinds = document.value.get("candidates", {}).get("kinds", ["generated"])
    for side in ("chosen_kinds", "rejected_kinds"):
        for position, kind in enumerate(document.value["pairing"].get(side, [])):
            if kind not in kinds:
                where = document.where(("pairing", side, position))
                remedy = f"Add {kind!r} to candidates: kinds, or take it out here."
                yield problem(where, f"{kind!r} samples are not candidates.", remedy)


def _behaviour(document: Document) -> Iterator[Problem]:
    rule = document.value.get("evidence", {})
    if "behaviour" in rule.get("purposes", []) and rule.get("basis") == "people":
        where = document.where(("evidence", "purposes"))
        yield problem(where, "Clicks are not votes of people.", "Leave `behaviour` out, or write basis: both.")


def _build(document: Document) -> Recipe:
    value = document.value
    caps = value.get("caps", {})
    return Recipe(
        title=value["title"],
        about=value.get("about", ""),
        seed=value.get("seed", 0),
        evidence=_evidence(value.get("evidence", {})),
        candidates=CandidateRule(**tuples(value.get("candidates", {}))),
        filters=tuple(_filter(document, number) for number in range(len(value.get("filters", [])))),
        pairing=pairing_text.build(document),
        pairs_per_prompt=caps.get("pairs_per_prompt"),
        split=_split(value.get("split", {})),
        caps=Caps(**{key.removeprefix("pairs_"): cap for key, cap in caps.items() if key != "pairs_per_prompt"}),
        **sections(document),
    )


def _evidence(value: dict[str, Any]) -> EvidenceRule:
    weights = value.get("weights", {})
    return EvidenceRule(
        **tuples({key: inner for key, inner in value.items() if key != "weights"}),
        rater_weights=_weights(weights.get("raters", {})),
        kind_weights=_weights(weights.get("kinds", {})),
    )


def _weights(value: dict[str, float]) -> tuple[tuple[str, float], ...]:
    return tuple(sorted((name, float(weight)) for name, weight in value.items()))


def _filter(document: Document, number: int) -> Filter:
    value = dict(document.value["filters"][number])
    return Filter(**{**value, "by": signal_at(document, ("filters", number, "by"))})


def _split(value: dict[str, Any]) -> Split:
    shares = tuple(sorted(value["shares"].items())) if "shares" in value else (("train", 1.0),)
    return Split(shares=shares, near_duplicates=value.get("near_duplicates", 0.8), seed=value.get("seed", 0))
