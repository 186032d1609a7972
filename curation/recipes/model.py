"""A recipe as the rest of the program sees it: frozen, complete, with every default filled in."""

import hashlib
import json
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

Basis = Literal["people", "machines", "both"]


@dataclass(frozen=True)
class Place:
    """A position in the recipe's text, counted from 1 as editors do."""

    line: int
    column: int


@dataclass(frozen=True)
class Signal:
    """What says how good a sample is, or which of two is better: scores or votes on one criterion."""

    source: Literal["scores", "votes"]
    criterion: str
    # Names, each alone or as `name@first-characters-of-its-revision`; empty: whoever gave evidence.
    raters: tuple[str, ...] = ()
    where: Place = field(default=Place(1, 1), compare=False)


@dataclass(frozen=True)
class EvidenceRule:
    basis: Basis = "both"
    purposes: tuple[str, ...] = ("label",)
    raters: tuple[str, ...] = ()
    without_raters: tuple[str, ...] = ()
    contexts: tuple[str, ...] = ()  # principles or profiles by name; empty: any, as long as it is one


@dataclass(frozen=True)
class CandidateRule:
    kinds: tuple[str, ...] = ("generated",)
    generators: tuple[str, ...] = ()
    without_generators: tuple[str, ...] = ()
    first_round: int | None = None
    last_round: int | None = None
    tags: tuple[str, ...] = ()
    without_tags: tuple[str, ...] = ()
    unsafe: Literal["exclude", "keep"] = "exclude"


@dataclass(frozen=True)
class Filter:
    """A bar on a signal, or the best few of each prompt by it."""

    name: str
    by: Signal
    at_least: float | None = None
    at_most: float | None = None
    keep_best: int | None = None
    if_missing: Literal["drop", "keep"] = "drop"


@dataclass(frozen=True)
class Pairing:
    """One rule and its numbers; what a rule does not use keeps its default."""

    rule: Literal[
        "two_stage",
        "best_against_worst",
        "top_against_bottom",
        "best_against_rest",
        "margin",
        "judged_pairs",
        "none",
    ]
    by: Signal | None = None  # what ranks; the point scorer of `two_stage`
    judge: Signal | None = None  # the pair judge of `two_stage`
    draw: Literal["disjoint", "judged", "all"] = "disjoint"
    min_gap: float = 0.0  # a pair's gap must be greater than this
    tie_within: float = 0.0  # the judge's scores this close are a tie
    k: int = 1
    match: Literal["all", "ranks"] = "all"
    min_votes: int = 1
    min_share: float = 0.5
    chosen_kinds: tuple[str, ...] = ()  # empty: any candidate
    rejected_kinds: tuple[str, ...] = ()


@dataclass(frozen=True)
class Split:
    shares: tuple[tuple[str, float], ...] = (("train", 1.0),)
    near_duplicates: float = 0.8
    seed: int = 0


@dataclass(frozen=True)
class Recipe:
    title: str
    pairing: Pairing
    about: str = ""
    seed: int = 0
    evidence: EvidenceRule = EvidenceRule()
    candidates: CandidateRule = CandidateRule()
    filters: tuple[Filter, ...] = ()
    pairs_per_prompt: int | None = None
    split: Split = Split()

    def pairing_signals(self) -> list[Signal]:
        """The signals that decide who is chosen, without those that only filter."""
        return [signal for signal in (self.pairing.judge, self.pairing.by) if signal is not None]

    def signals(self) -> list[Signal]:
        return [*self.pairing_signals(), *(rule.by for rule in self.filters)]

    def normal_form(self) -> dict[str, Any]:
        """The meaning without comments, spelling or order of keys; JSON values only."""
        form: dict[str, Any] = json.loads(json.dumps(asdict(self), sort_keys=True))
        return _without_places(form)

    def digest(self) -> str:
        """SHA-256 of the normal form: equal for two texts that mean the same."""
        text = json.dumps(self.normal_form(), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        return hashlib.sha256(text.encode()).hexdigest()


def _without_places(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_places(inner) for key, inner in value.items() if key != "where"}
    if isinstance(value, list):
        return [_without_places(inner) for inner in value]
    return value
