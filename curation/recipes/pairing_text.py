"""The pairing of a recipe's text: what contradicts itself, and the rule with its signals."""

from collections.abc import Callable, Iterator
from typing import Any

from curation.negatives.operators import OPERATORS
from curation.recipes.document import Document, Path
from curation.recipes.model import CriteriaGroup, Pairing
from curation.recipes.problems import Problem, problem, suggestion
from curation.recipes.stated import signal_at, tuples

_SIGNALS = {"judge": "judge", "points": "by", "by": "by"}


def contradictions(document: Document) -> Iterator[Problem]:
    """Values of the pairing that are each right and together wrong."""
    yield from _rounds(document)
    yield from _gap_of_nothing(document)
    for rule, check in _CHECKS.items():
        if document.value["pairing"]["rule"] in rule:
            yield from check(document, document.value["pairing"])


def _rounds(document: Document) -> Iterator[Problem]:
    candidates = document.value.get("candidates", {})
    first, last = candidates.get("first_round", 0), candidates.get("last_round")
    for side in ("chosen_rounds", "rejected_rounds"):
        for position, number in enumerate(document.value["pairing"].get(side, [])):
            if number < first or (last is not None and number > last):
                where = document.where(("pairing", side, position))
                remedy = "Widen candidates: first_round and last_round, or take it out here."
                yield problem(where, f"Samples of round {number} are not candidates.", remedy)


def _gap_of_nothing(document: Document) -> Iterator[Problem]:
    rule = document.value["pairing"]
    if "min_gap" in rule and not {"by", "points"} & set(rule):
        where = document.where_key(("pairing", "min_gap"))
        yield problem(where, "min_gap is set, but nothing measures the gap.", "Add `by`, or leave min_gap out.")


def _group_names(document: Document, rule: dict[str, Any]) -> Iterator[Problem]:
    seen: dict[str, int] = {}
    for position, group in enumerate(rule["groups"]):
        path: Path = ("pairing", "groups", position)
        if group["name"] in seen:
            said = f"{group['name']!r} is also the group on line {seen[group['name']]}."
            yield problem(document.where((*path, "name")), said, "Give each group its own name.")
        seen[group["name"]] = document.where(path).line


def _bars(document: Document, rule: dict[str, Any]) -> Iterator[Problem]:
    if rule["passes_at"] == rule["fails_at"]:
        where = document.where(("pairing", "fails_at"))
        yield problem(where, "passes_at and fails_at are the same, so an item would pass and fail.", "Part the two.")
    if "tag_prefix" in rule and rule.get("within") != "tag":
        where = document.where_key(("pairing", "tag_prefix"))
        yield problem(where, "tag_prefix chooses among tags, but pairs are not made within one.", "Add `within: tag`.")


def _sides_of_rounds(document: Document, rule: dict[str, Any]) -> Iterator[Problem]:
    if rule.get("chosen", "round") == rule.get("rejected", "previous") == "round":
        where = document.where(("pairing", "rejected"))
        remedy = "Write `rejected: previous`, or use best_against_worst for pairs within a round."
        yield problem(where, "Both sides are of the same round, so no pair crosses rounds.", remedy)


def _kinds(document: Document, rule: dict[str, Any]) -> Iterator[Problem]:
    for position, kind in enumerate(rule["rejected_kinds"]):
        if kind in rule["chosen_kinds"]:
            where = document.where(("pairing", "rejected_kinds", position))
            said = f"{kind!r} samples would be chosen and rejected, and nothing says which is better."
            yield problem(where, said, "Name different kinds on the two sides, or use a rule with `by`.")


def _operators(document: Document, rule: dict[str, Any]) -> Iterator[Problem]:
    for position, name in enumerate(rule.get("operators", [])):
        if name not in OPERATORS:
            where = document.where(("pairing", "operators", position))
            yield problem(where, f"There is no operator {name!r}.", suggestion(name, OPERATORS))


_CHECKS: dict[tuple[str, ...], Callable[[Document, dict[str, Any]], Iterator[Problem]]] = {
    ("dominance", "pareto"): _group_names,
    ("across_prompts",): _bars,
    ("across_rounds",): _sides_of_rounds,
    ("by_kind",): _kinds,
    ("corrupted",): _operators,
}


def build(document: Document) -> Pairing:
    """The rule with its signals, of a document without mistakes."""
    value = document.value["pairing"]
    plain = tuples({key: inner for key, inner in value.items() if key not in _SIGNALS})
    signals = {name: signal_at(document, ("pairing", key)) for key, name in _SIGNALS.items() if key in value}
    if "groups" in plain:
        plain["groups"] = tuple(_group(document, number) for number in range(len(value["groups"])))
    return Pairing(**{**plain, **signals})


def _group(document: Document, number: int) -> CriteriaGroup:
    stated = document.value["pairing"]["groups"][number]
    by = signal_at(document, ("pairing", "groups", number, "by"))
    return CriteriaGroup(name=stated["name"], by=by, tolerance=float(stated.get("tolerance", 0.0)))
