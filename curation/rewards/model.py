"""A reward as the rest of the program sees it: frozen, complete, with every default filled in."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from curation.identity import digest
from curation.recipes.place import Place
from curation.rewards.transforms import RAW, Transform

RuleName = Literal[
    "weighted_mean",
    "sum",
    "harmonic_mean",
    "geometric_mean",
    "minimum",
    "product",
    "gated",
    "all_of",
    "ordered",
]
Missing = Literal["drop", "renormalise", "error"]


@dataclass(frozen=True)
class Member:
    """One raw score that goes into a total.

    Attributes:
        name: what the rule calls it.
        criterion, raters: whose scores on what, as in a recipe's signal.
        weight: its share; negative only as a penalty in a sum.
        transform: what is made of the raw number first.
    """

    name: str
    criterion: str
    raters: tuple[str, ...] = ()
    weight: float = 1.0
    transform: Transform = RAW
    where: Place = field(default=Place(1, 1), compare=False)

    def as_json(self) -> dict[str, Any]:
        steps = [step.as_json() for step in self.transform.steps]
        return {
            "name": self.name,
            "scores": self.criterion,
            "raters": list(self.raters),
            "weight": self.weight,
            "transform": steps,
        }


@dataclass(frozen=True)
class Bar:
    """What a member must reach in `all_of`; None leaves a side open."""

    at_least: float | None = None
    at_most: float | None = None


@dataclass(frozen=True)
class Cap:
    """A total is at most this, always or where a member is below a bar."""

    at_most: float
    when: str = ""
    below: float = 0.0


@dataclass(frozen=True)
class Total:
    """The rule and its own options; what a rule does not use keeps its default.

    Attributes:
        base, bonus, gate, cap_below: `gated`: members of the base and of the bonus, the bar, and what is left below
            it (None: nothing).
        bars: `all_of`: by member.
        order, within: `ordered`: members from the most important on, and their tolerances.
    """

    rule: RuleName
    base: tuple[str, ...] = ()
    bonus: tuple[str, ...] = ()
    gate: float = 0.0
    cap_below: float | None = None
    bars: Mapping[str, Bar] = field(default_factory=dict)
    order: tuple[str, ...] = ()
    within: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class RewardRule:
    """A named, versioned way from raw scores to one total a sample.

    Attributes:
        missing: what becomes of a sample that lacks a member: no total, a total of the others, or an error.
        mixes_units: somebody said that members of different units or ranges may be thrown together.
    """

    name: str
    members: tuple[Member, ...]
    total: Total
    version: int = 1
    about: str = ""
    caps: tuple[Cap, ...] = ()
    missing: Missing = "drop"
    mixes_units: bool = False

    def as_json(self) -> dict[str, Any]:
        total = {
            "rule": self.total.rule,
            "base": list(self.total.base),
            "bonus": list(self.total.bonus),
            "gate": self.total.gate,
            "cap_below": self.total.cap_below,
            "bars": {name: [bar.at_least, bar.at_most] for name, bar in self.total.bars.items()},
            "order": list(self.total.order),
            "within": dict(self.total.within),
        }
        return {
            "reward": 1,
            "name": self.name,
            "version": self.version,
            "members": [member.as_json() for member in self.members],
            "total": total,
            "caps": [[cap.at_most, cap.when, cap.below] for cap in self.caps],
            "missing": self.missing,
            "mixed_units": self.mixes_units,
        }

    def digest(self) -> str:
        """SHA-256 of the meaning; `about`, comments and spelling left out."""
        return digest(self.as_json())

    @property
    def higher_is_better(self) -> bool:
        """False for ranks, of which 1 is best."""
        return self.total.rule != "ordered"
