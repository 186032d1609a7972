"""Applying a reward: a frame with raw members in, the same frame with a total, its parts and what was missing out."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from curation.errors import Refused
from curation.rewards import totals
from curation.rewards.model import Cap, Member, RewardRule
from curation.rewards.numbers import Floats
from curation.rewards.scale import Scale
from curation.rewards.transforms import values_digest

# Rules under which numbers of different units meet in no sum and no comparison with each other.
APART = ("product", "all_of", "ordered")


@dataclass(frozen=True)
class Totalled:
    """What a reward made of a frame.

    Attributes:
        frame: the frame given, its columns as they were, with `value` (Float64, null without a total), `parts` (a
            struct of the members' transformed numbers) and `why_missing` (names of missing members; null for none).
        totals: how many samples have a total.
        missing: how many samples lack each member.
        clipped: how many values a step of a member changed by clipping, by `member: step`.
        rule: the rule with every reference set measured.
    """

    frame: pl.DataFrame
    totals: int
    missing: Mapping[str, int]
    clipped: Mapping[str, int]
    rule: RewardRule

    def digest(self) -> str:
        """SHA-256 over sample, prompt and total, the same in whatever order the rows stand."""
        return values_digest(self.frame, "value")


class Reward:
    """A rule with the scales its members are measured in.

    Args:
        rule: as parsed.
        scales: by member; a member that is not named has a scale that states nothing.

    Raises:
        Refused: members of different units or ranges, or of different directions, would be thrown together.
    """

    def __init__(self, rule: RewardRule, scales: Mapping[str, Scale] | None = None) -> None:
        self.rule = rule
        given = scales or {}
        self.scales = {
            member.name: member.transform.rescale(given.get(member.name, Scale(member.criterion)))
            for member in rule.members
        }
        _check_directions(rule, self.scales)
        _check_units(rule, self.scales)

    def apply(self, frame: pl.DataFrame) -> pl.DataFrame:
        """The frame with `value`, `parts` and `why_missing`; see `Totalled`."""
        return self.total(frame).frame

    def total(self, frame: pl.DataFrame) -> Totalled:
        """The totals of a frame, with what was counted on the way.

        Args:
            frame: `sample_id`, `prompt_id`, a column of raw numbers under the name of each member (null for nothing
                said); `kind` and `contrast:MEMBER` where a transform asks for them.

        Raises:
            Refused: a column is missing; a member is missing under `missing: error`; a mean is asked of negative
                numbers.
        """
        made: dict[str, pl.Series] = {}
        clipped: dict[str, int] = {}
        fitted: list[Member] = []
        for member in self.rule.members:
            own = _own(frame, member)
            transform = member.transform.fit(own) if member.transform.is_open else member.transform
            applied = transform.apply(own)
            made[member.name] = applied.frame["transformed"].alias(member.name)
            clipped |= {f"{member.name}: {step}": count for step, count in applied.clipped.items()}
            fitted.append(replace(member, transform=transform))
        parts = pl.DataFrame(list(made.values())) if made else pl.DataFrame()
        value = pl.Series("value", self._values(frame, parts), dtype=pl.Float64).fill_nan(None)
        result = frame.with_columns(value, parts.to_struct("parts"), _why_missing(parts))
        counts = {name: int(parts[name].null_count()) for name in parts.columns}
        rule = replace(self.rule, members=tuple(fitted))
        return Totalled(result, int(value.is_not_null().sum()), counts, clipped, rule)

    def _values(self, frame: pl.DataFrame, parts: pl.DataFrame) -> Floats:
        values = parts.fill_null(np.nan).to_numpy().astype(np.float64).reshape(frame.height, len(self.rule.members))
        is_short = np.isnan(values).any(axis=1)
        if self.rule.missing == "error" and is_short.any():
            raise Refused(_first_missing(frame, parts, int(is_short.sum())))
        try:
            made = self._by_rule(frame, values)
        except ValueError as error:
            raise Refused(
                f"{self.rule.name}: {error}. Transform the members first, for example with bounded."
            ) from error
        for cap in self.rule.caps:
            made = self._capped(made, values, cap)
        return np.where(is_short, np.nan, made) if self.rule.missing == "drop" else made

    def _by_rule(self, frame: pl.DataFrame, values: Floats) -> Floats:
        rule, weights = self.rule.total, np.array([member.weight for member in self.rule.members])
        match rule.rule:
            case "weighted_mean":
                return totals.weighted_mean(values, weights)
            case "sum":
                return totals.weighted_sum(values, weights)
            case "harmonic_mean":
                return totals.harmonic_mean(values, weights)
            case "geometric_mean":
                return totals.geometric_mean(values, weights)
            case "minimum":
                return totals.minimum(values)
            case "product":
                return totals.product(values)
            case "gated":
                return self._gated(values, weights)
            case "all_of":
                return self._all_of(values)
            case "ordered":
                return self._ordered(frame, values)

    def _places(self, names: tuple[str, ...]) -> list[int]:
        known = [member.name for member in self.rule.members]
        return [known.index(name) for name in names]

    def _gated(self, values: Floats, weights: Floats) -> Floats:
        rule = self.rule.total
        base, bonus = self._places(rule.base), self._places(rule.bonus)
        extra = (np.nan_to_num(values[:, bonus]) * weights[bonus]).sum(axis=1)
        mean = totals.weighted_mean(values[:, base], weights[base])
        return totals.gated(mean, extra, at_least=rule.gate, cap_below=rule.cap_below)

    def _all_of(self, values: Floats) -> Floats:
        bars = [self.rule.total.bars[member.name] for member in self.rule.members]
        low = np.array([-np.inf if bar.at_least is None else bar.at_least for bar in bars])
        high = np.array([np.inf if bar.at_most is None else bar.at_most for bar in bars])
        return totals.all_passed(values, low, high)

    def _ordered(self, frame: pl.DataFrame, values: Floats) -> Floats:
        rule = self.rule.total
        prompts = frame["prompt_id"].to_numpy().astype(np.int64)
        return totals.ordered(
            values[:, self._places(rule.order)], prompts, [rule.within.get(name, 0.0) for name in rule.order]
        )

    def _capped(self, made: Floats, values: Floats, cap: Cap) -> Floats:
        if not cap.when:
            return totals.capped(made, cap.at_most)
        return totals.capped(made, cap.at_most, values[:, self._places((cap.when,))[0]] < cap.below)


def _own(frame: pl.DataFrame, member: Member) -> pl.DataFrame:
    """The frame a member's transform reads."""
    if member.name not in frame.columns:
        raise Refused(f"The frame has no column {member.name!r} for the member of that name.")
    columns = [pl.col("prompt_id"), pl.col(member.name).alias("value").cast(pl.Float64)]
    columns += [pl.col("kind")] if "kind" in frame.columns else []
    contrast = f"contrast:{member.name}"
    columns += [pl.col(contrast).alias("contrast").cast(pl.Float64)] if contrast in frame.columns else []
    return frame.select(columns)


def _why_missing(parts: pl.DataFrame) -> pl.Series:
    named = [pl.when(pl.col(name).is_null()).then(pl.lit(name)) for name in parts.columns]
    said = parts.select(why_missing=pl.concat_str(named, separator=", ", ignore_nulls=True))["why_missing"]
    return said.replace("", None).cast(pl.String)


def _first_missing(frame: pl.DataFrame, parts: pl.DataFrame, count: int) -> str:
    reasons = frame.select("sample_id").with_columns(_why_missing(parts))
    sample, why = reasons.drop_nulls("why_missing").sort("sample_id").row(0)
    return (
        f"{count} of {frame.height} samples lack a member, the first is sample {sample} without {why}. "
        "Score them, or write `missing: drop` or `missing: renormalise`."
    )


def _check_units(rule: RewardRule, scales: Mapping[str, Scale]) -> None:
    if rule.mixes_units or rule.total.rule in APART:
        return
    first, *others = rule.members
    for other in others:
        if not scales[first.name].agrees_with(scales[other.name]):
            raise Refused(
                f"line {other.where.line}: {first.name!r} is measured in {scales[first.name]} and {other.name!r} in "
                f"{scales[other.name]}. Give them transforms that end on one scale (bounded, percentile, zscore), or "
                "write `mixed_units: true`."
            )


def _check_directions(rule: RewardRule, scales: Mapping[str, Scale]) -> None:
    """Every member that is added or ordered says "more is better"; bars and penalties say it themselves."""
    if rule.total.rule == "all_of":
        return
    for member in rule.members:
        is_penalty = rule.total.rule == "sum" and member.weight < 0
        if scales[member.name].higher_is_better == is_penalty:
            remedy = (
                "weigh it above 0"
                if is_penalty
                else "turn it round: `bounded` with low above high, or `linear` with a negative factor"
            )
            word = "higher is better" if is_penalty else "lower is better"
            raise Refused(f"line {member.where.line}: of {member.name!r} {word}; {remedy}.")
