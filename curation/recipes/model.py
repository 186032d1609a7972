"""A recipe as the rest of the program sees it: frozen, complete, with every default filled in."""

# ruff: noqa: RUF009  # `later` is `field` with a mark

import hashlib
import json
from dataclasses import dataclass, field, fields, is_dataclass
from typing import Any, Literal

from curation.recipes.place import Place as Place
from curation.rewards.model import RewardRule

Basis = Literal["people", "machines", "both"]

_LATER = "came later"


def later(default: Any) -> Any:
    """A field that this language got after recipes were in use, for any dataclass of this file.

    It is no part of the normal form while it has its default, so that a recipe that does not use it keeps its digest.
    """
    return field(default=default, metadata={_LATER: True})


Source = Literal["scores", "votes", "reward", "consensus", "fact"]


@dataclass(frozen=True)
class Signal:
    """What says how good a sample is, or which of two is better."""

    source: Source
    criterion: str  # of a reward its name; of a fact which one
    # Names, each alone or as `name@first-characters-of-its-revision`; empty: whoever gave evidence.
    raters: tuple[str, ...] = ()
    where: Place = field(default=Place(1, 1), compare=False)
    basis: Basis = later("both")  # whom it listens to, of those whom the recipe lets count
    reward: RewardRule | None = later(None)
    numbers: tuple[str, ...] = later(())  # of a consensus: other criteria whose machines' scores may speak too
    soften: Literal["", "noise"] = later("")  # of votes: those that the rest of the prompt contradicts count for less

    def reads(self) -> tuple["Signal", ...]:
        """The scores and votes it is made of."""
        if self.source == "fact":
            return ()
        if self.source == "consensus":
            scored = (self.criterion, *self.numbers)
            return (
                Signal("votes", self.criterion, where=self.where),
                *(Signal("scores", criterion, where=self.where) for criterion in scored),
            )
        if self.reward is None:
            return (self,)
        return tuple(Signal("scores", one.criterion, one.raters, one.where) for one in self.reward.members)


@dataclass(frozen=True)
class EvidenceRule:
    basis: Basis = "both"
    purposes: tuple[str, ...] = ("label",)
    raters: tuple[str, ...] = ()
    without_raters: tuple[str, ...] = ()
    contexts: tuple[str, ...] = ()  # principles or profiles by name; empty: any, as long as it is one
    # What a vote weighs, by name of its rater or else by the rater's kind; 1 for all others.
    rater_weights: tuple[tuple[str, float], ...] = later(())
    kind_weights: tuple[tuple[str, float], ...] = later(())
    scripted_as_people: bool = later(False)  # demonstrations: what is learnt from people is learnt from scripts


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
    locales: tuple[str, ...] = later(())
    without_locales: tuple[str, ...] = later(())
    # The prompt a sample competes under: its own, or the original that its own is a rewrite of.
    under: Literal["own", "original"] = later("own")


@dataclass(frozen=True)
class Filter:
    """A bar on a signal, or the best few of each prompt by it."""

    name: str
    by: Signal
    at_least: float | None = None
    at_most: float | None = None
    keep_best: int | None = None
    if_missing: Literal["drop", "keep"] = "drop"
    spread_at_most: float | None = later(None)
    outliers_beyond: float | None = later(None)  # robust standard deviations from the median of all samples
    range_in_prompt_above: float | None = later(None)  # highest less lowest value of a prompt; 0: not all equal


@dataclass(frozen=True)
class NearDuplicates:
    """Of samples that look the same, one stays: the best by a signal, or the first by the seed."""

    within: Literal["prompt", "all"] = "prompt"
    distance: float = 0.15  # of `curation.media.fingerprint`
    by: Signal | None = None


@dataclass(frozen=True)
class Band:
    """A band of difficulty: everything below its bound that is in no band before it; the last has none."""

    name: str
    below: float | None = None


@dataclass(frozen=True)
class Difficulty:
    """Puts each prompt, or each sample, into exactly one band."""

    by: Signal
    bands: tuple[Band, ...]
    of: Literal["prompt", "sample"] = "prompt"
    measure: Literal["mean", "variance", "pass_rate"] = "mean"
    pass_at_least: float = 1.0
    keep: tuple[str, ...] = ()  # bands that go on; empty: all


@dataclass(frozen=True)
class Agreement:
    """Keeps the pairs on whose direction enough of some voices agree."""

    name: str
    among: tuple[Signal, ...]
    at_least: float = 1.0  # share of the voices that speak; a tie is half a voice
    voices: int = 1  # how many must speak


@dataclass(frozen=True)
class Strength:
    """Strong, weak and ambiguous pairs, by their gap or by the winner's share of the votes."""

    by: Literal["gap", "vote_share"]
    ambiguous_below: float
    strong_from: float
    drop: tuple[str, ...] = ()


@dataclass(frozen=True)
class Caps:
    """At most so many pairs for each tag of the prompt, and for each generator or couple of generators."""

    per_tag: int | None = None
    per_chosen_generator: int | None = None
    per_rejected_generator: int | None = None
    per_generators: int | None = None


@dataclass(frozen=True)
class Balance:
    """A subset in which values of a property have given shares, or at most so many rows each."""

    by: Literal["tag", "generator", "locale", "bucket", "band", "facet"]
    shares: tuple[tuple[str, float], ...] = ()  # empty: equal shares of all values there are
    at_most: int | None = None
    facet: str = later("")  # with `by: facet`, which: the values are those of tags like `facet:value`


@dataclass(frozen=True)
class CriteriaGroup:
    """Criteria that stand together in one value, such as all that is said of looks; a winner may not be worse in it."""

    name: str
    by: Signal
    tolerance: float = 0.0  # behind by up to this, in the unit of the signal, is not worse


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
        "dominance",
        "pareto",
        "across_prompts",
        "across_rounds",
        "by_kind",
        "corrupted",
        "wrong_prompt",
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
    chosen_rounds: tuple[int, ...] = later(())  # empty: any round
    rejected_rounds: tuple[int, ...] = later(())
    siblings: bool = later(False)  # only samples of one parent that left it at one point meet
    groups: tuple[CriteriaGroup, ...] = later(())  # of `dominance` and `pareto`
    certainty: float | None = later(None)  # soft dominance; None: the hard rule
    front: bool = later(False)  # `dominance`: only what nobody of its prompt dominates is chosen
    passes_at: float | None = later(None)  # `across_prompts`: as the number was stated; this or better has passed
    fails_at: float | None = later(None)  # this or worse has failed
    within: Literal["anywhere", "locale", "tag"] = later("anywhere")
    tag_prefix: str = later("")  # with `within: tag`, the tags that count
    pairs_per_sample: int = later(1)  # `across_prompts`, on either side
    chosen: Literal["round", "so_far", "earlier"] = later("round")  # of `across_rounds`
    rejected: Literal["round", "previous", "first", "earlier"] = later("previous")
    operators: tuple[str, ...] = later(())  # of `corrupted`; empty: all
    prompts: Literal["any", "contrasts"] = later("any")  # of `wrong_prompt`: which other prompts are wrong ones

    def signals(self) -> list[Signal]:
        """What decides who is chosen."""
        named = [signal for signal in (self.judge, self.by) if signal is not None]
        return [*named, *(group.by for group in self.groups)]

    def more_frames(self) -> frozenset[str]:
        """Frames of the evidence that only this rule reads; see `Recipe.more_frames`."""
        wanted = {
            "branches": self.siblings or self.rule == "corrupted",
            "prompt_links": self.prompts == "contrasts",
            "spreads": self.certainty is not None,
        }
        return frozenset(name for name, is_wanted in wanted.items() if is_wanted)


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
    near_duplicates: NearDuplicates | None = later(None)
    difficulty: Difficulty | None = later(None)
    agreement: tuple[Agreement, ...] = later(())
    gold: Signal | None = later(None)  # what pairs are checked against; decides nothing
    strength: Strength | None = later(None)
    caps: Caps = later(Caps())
    balance: Balance | None = later(None)

    def pairing_signals(self) -> list[Signal]:
        """The signals that decide who is chosen, without those that only filter."""
        return self.pairing.signals()

    def stated_signals(self) -> list[Signal]:
        """All signals as they stand in the recipe, those of the pairing first."""
        single = [
            self.near_duplicates.by if self.near_duplicates else None,
            self.difficulty.by if self.difficulty else None,
            *(signal for rule in self.agreement for signal in rule.among),
            self.gold,
        ]
        filters = [rule.by for rule in self.filters]
        return [*self.pairing_signals(), *filters, *(signal for signal in single if signal is not None)]

    def signals(self) -> list[Signal]:
        """The scores and votes the recipe reads: those of a reward in place of the reward."""
        return [read for signal in self.stated_signals() for read in signal.reads()]

    def more_frames(self) -> frozenset[str]:
        """The frames of `frames.Evidence` that only some recipes read: those that cost much or change digests."""
        wanted = {
            "scales": any(signal.reward is not None for signal in self.stated_signals()),
            "spreads": any(rule.spread_at_most is not None for rule in self.filters),
            "facts": any(signal.source == "fact" for signal in self.stated_signals()),
            **dict.fromkeys(("related", "picked", "failing"), any(map(_adds_up, self.stated_signals()))),
            "fingerprints": self.near_duplicates is not None,
            "prompt_links": self.candidates.under == "original",
        }
        return frozenset(name for name, is_wanted in wanted.items() if is_wanted) | self.pairing.more_frames()

    @property
    def learns(self) -> bool:
        """Whether numbers of one prompt rest on what was said under others: what raters are worth, how far apart
        strengths lie."""
        return any(map(_adds_up, self.stated_signals()))

    def normal_form(self) -> dict[str, Any]:
        """The meaning without comments, spelling or order of keys; JSON values only."""
        form: dict[str, Any] = json.loads(json.dumps(_plain(self), sort_keys=True))
        return form

    def digest(self) -> str:
        """SHA-256 of the normal form: equal for two texts that mean the same."""
        text = json.dumps(self.normal_form(), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        return hashlib.sha256(text.encode()).hexdigest()


def _adds_up(signal: Signal) -> bool:
    """Whether it asks what all votes of a prompt add up to."""
    return signal.source == "consensus" or bool(signal.soften)


def _plain(value: Any) -> Any:
    """Maps, lists and values, without places and without later fields that are left at their default."""
    if isinstance(value, RewardRule):
        return value.as_json()
    if is_dataclass(value):
        told = [f for f in fields(value) if f.compare]
        told = [f for f in told if not (f.metadata.get(_LATER) and getattr(value, f.name) == f.default)]
        return {f.name: _plain(getattr(value, f.name)) for f in told}
    if isinstance(value, tuple | list):
        return [_plain(inner) for inner in value]
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    return value
