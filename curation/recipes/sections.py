"""The sections between filters and splits: near-duplicates, difficulty, agreement, strength and balance."""

from collections.abc import Iterator
from itertools import pairwise
from math import isclose
from typing import Any

from curation.recipes.document import Document, Path
from curation.recipes.model import Agreement, Balance, Band, Difficulty, NearDuplicates, Strength
from curation.recipes.problems import Problem, problem, suggestion
from curation.recipes.stated import signal_at, signal_paths, tuples

# Sources that say nothing of two samples as such.
NUMBERS = {"scores", "reward"}
UNMEASURED = "unmeasured"  # the band of what nobody measured


def sections(document: Document) -> dict[str, Any]:
    """The fields of `model.Recipe` that these sections fill; those that are not written are left out."""
    value = document.value
    made = {name: build(document) for name, build in _BUILDERS.items() if name in value}
    if "gold" in value:
        made["gold"] = signal_at(document, ("gold",))
    return made


def _near_duplicates(document: Document) -> NearDuplicates:
    value = document.value["near_duplicates"]
    by = signal_at(document, ("near_duplicates", "keep_best_by")) if "keep_best_by" in value else None
    return NearDuplicates(within=value.get("within", "prompt"), distance=float(value.get("distance", 0.15)), by=by)


def _difficulty(document: Document) -> Difficulty:
    value = dict(document.value["difficulty"])
    bands = tuple(Band(band["name"], _number(band.get("below"))) for band in value.pop("bands"))
    plain = tuples({key: inner for key, inner in value.items() if key != "by"})
    return Difficulty(by=signal_at(document, ("difficulty", "by")), bands=bands, **plain)


def _number(value: float | None) -> float | None:
    return None if value is None else float(value)


def _agreement(document: Document) -> tuple[Agreement, ...]:
    return tuple(_agreeing(document, place, rule) for place, rule in enumerate(document.value["agreement"]))


def _agreeing(document: Document, place: int, rule: dict[str, Any]) -> Agreement:
    path: Path = ("agreement", place, "among")
    among = tuple(signal_at(document, (*path, number)) for number in range(len(rule["among"])))
    return Agreement(**{**rule, "among": among, "at_least": float(rule.get("at_least", 1.0))})


def _strength(document: Document) -> Strength:
    return Strength(**tuples(document.value["strength"]))


def _balance(document: Document) -> Balance:
    value = document.value["balance"]
    shares = tuple(sorted(value.get("shares", {}).items()))
    if "values" in value:
        shares = tuple(sorted((name, 1 / len(value["values"])) for name in value["values"]))
    return Balance(by=value["by"], shares=shares, at_most=value.get("at_most"), facet=value.get("facet", ""))


_BUILDERS = {
    "near_duplicates": _near_duplicates,
    "difficulty": _difficulty,
    "agreement": _agreement,
    "strength": _strength,
    "balance": _balance,
}

# -- what a schema cannot say -----------------------------------------------------------------------------------------


def contradictions(document: Document) -> Iterator[Problem]:
    """Values that are each right and together wrong."""
    yield from _bands(document)
    yield from _names(document)
    yield from _strengths(document)
    yield from _subset(document)
    yield from _without_pairs(document)
    yield from _unheard(document)


def _bands(document: Document) -> Iterator[Problem]:
    rule = document.value.get("difficulty")
    if rule is None:
        return
    path: Path = ("difficulty", "bands")
    bands = rule["bands"]
    for place, band in enumerate(bands):
        is_last = place == len(bands) - 1
        if is_last and "below" in band:
            remedy = "Leave `below` out of the last band, so that every item has one."
            yield problem(document.where_key((*path, place, "below")), "The last band has an upper bound.", remedy)
        elif not is_last and "below" not in band:
            yield problem(document.where((*path, place)), f"{band['name']!r} has no bound.", "Add `below: …`.")
    bounds = [band["below"] for band in bands[:-1] if "below" in band]
    if any(later <= earlier for earlier, later in pairwise(bounds)):
        yield problem(document.where(path), "The bounds do not rise.", "Write the band with the lowest bound first.")
    yield from _band_names(document, rule)
    if "pass_at_least" in rule and rule.get("measure") != "pass_rate":
        where = document.where_key(("difficulty", "pass_at_least"))
        yield problem(where, "pass_at_least is for pass rates.", "Add `measure: pass_rate`.")
    if rule.get("of") == "sample" and rule.get("measure", "mean") != "mean":
        where = document.where(("difficulty", "measure"))
        yield problem(where, "A single sample has neither a variance nor a pass rate.", "Leave `measure` out.")


def _band_names(document: Document, rule: dict[str, Any]) -> Iterator[Problem]:
    names = [band["name"] for band in rule["bands"]]
    for place, name in enumerate(names):
        if name in names[:place] or name == UNMEASURED:
            where = document.where(("difficulty", "bands", place, "name"))
            yield problem(where, f"{name!r} is taken.", "Give each band a name of its own.")
    for place, name in enumerate(rule.get("keep", [])):
        if name not in (*names, UNMEASURED):
            where = document.where(("difficulty", "keep", place))
            yield problem(where, f"There is no band {name!r}.", suggestion(name, [*names, UNMEASURED]))


def _names(document: Document) -> Iterator[Problem]:
    seen: dict[str, int] = {}
    for place, rule in enumerate(document.value.get("agreement", [])):
        path: Path = ("agreement", place)
        if rule["name"] in seen:
            said = f"{rule['name']!r} is also the agreement on line {seen[rule['name']]}."
            yield problem(document.where((*path, "name")), said, "The funnel counts by name: give each its own.")
        seen[rule["name"]] = document.where(path).line
        if rule.get("voices", 1) > len(rule["among"]):
            said = f"{rule['voices']} voices must speak, and {len(rule['among'])} are named."
            yield problem(document.where((*path, "voices")), said, "Name more, or write a smaller number.")


def _strengths(document: Document) -> Iterator[Problem]:
    rule = document.value.get("strength")
    if rule is None:
        return
    if rule["ambiguous_below"] > rule["strong_from"]:
        where = document.where(("strength", "strong_from"))
        yield problem(where, "strong_from is below ambiguous_below.", "Exchange the two.")
    if rule["by"] == "vote_share" and not 0.5 <= rule["ambiguous_below"] <= rule["strong_from"] <= 1:
        where = document.where(("strength", "ambiguous_below"))
        yield problem(where, "The winner's share lies between 0.5 and 1.", "Write both bounds within that.")
    judging = [signal for path, signal in signal_paths(document.value["pairing"]) if path]
    if rule["by"] == "vote_share" and all(NUMBERS & set(signal) for signal in judging):
        where = document.where(("strength", "by"))
        yield problem(where, "The pairing rule reads numbers, and nobody votes.", "Write `by: gap`.")


def _subset(document: Document) -> Iterator[Problem]:
    rule = document.value.get("balance")
    if rule is None:
        return
    if "values" in rule and "shares" in rule:
        where = document.where_key(("balance", "values"))
        yield problem(where, "balance names values and shares.", "Name one: `values` means equal shares.")
    shares = rule.get("shares")
    if shares and not isclose(sum(shares.values()), 1.0, abs_tol=1e-9):
        where = document.where_key(("balance", "shares"))
        yield problem(where, f"The shares add up to {sum(shares.values()):g}.", "Make them add up to 1.")
    if rule["by"] == "tag" and not {"values", "shares", "at_most"} & set(rule):
        remedy = "Add `values: [TAG, TAG]`, `shares` or `at_most`: all tags in equal shares are as few as the rarest."
        yield problem(document.where(("balance", "by")), "Which tags?", remedy)
    if (rule["by"] == "facet") != ("facet" in rule):
        remedy = "Write `by: facet` together with `facet: NAME`, such as theme."
        yield problem(document.where(("balance", "by")), "`by: facet` and `facet` belong together.", remedy)
    if "at_most" in rule and shares:
        where = document.where_key(("balance", "at_most"))
        yield problem(where, "balance sets shares and a number.", "Write `values` with `at_most`, or shares alone.")
    for section, by in (("difficulty", "bucket"), ("strength", "band")):
        if rule["by"] == by and section not in document.value:
            where = document.where(("balance", "by"))
            yield problem(where, f"There are no {by}s to balance.", f"Add the section `{section}`.")


def _without_pairs(document: Document) -> Iterator[Problem]:
    """What only means something where pairs are made."""
    rule = document.value["pairing"].get("rule")
    if rule not in ("none", "pareto"):
        return
    caps = [key for key in document.value.get("caps", {}) if key != "pairs_per_prompt"]
    # `none` has always taken kinds of sides without asking what for.
    sides = ["chosen_rounds", "rejected_rounds", *(["chosen_kinds", "rejected_kinds"] if rule == "pareto" else [])]
    paths = [("agreement",), ("gold",), ("strength",), *(("caps", key) for key in caps)]
    for path in [*paths, *(("pairing", key) for key in sides)]:
        if path[-1] in (document.value[path[0]] if len(path) > 1 else document.value):
            said = f"{path[-1]} is about pairs, and this recipe makes none."
            yield problem(document.where_key(path), said, "Take it out, or choose a pairing rule.")


def _unheard(document: Document) -> Iterator[Problem]:
    """Signals that listen to those whom the recipe does not let count."""
    counting = document.value.get("evidence", {}).get("basis", "both")
    for path, signal in signal_paths(document.value):
        wanted = signal.get("basis", "both")
        if "both" not in (wanted, counting) and wanted != counting:
            where = document.where((*path, "basis"))
            said = f"This signal listens to {wanted}, and evidence: basis lets only {counting} count."
            yield problem(where, said, "Write evidence: basis: both.")
