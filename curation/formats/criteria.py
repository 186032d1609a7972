"""What the criteria of public sets are called, and the scales their ratings were given on."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class KnownCriterion:
    """A criterion as its publishers describe it; `low` and `high` bound its ratings, where they say so."""

    name: str
    low: float | None = None
    high: float | None = None


KNOWN_CRITERIA: dict[tuple[str, str], KnownCriterion] = {
    ("editreward", "instruction_following"): KnownCriterion("Instruction following", 1, 4),
    ("editreward", "visual_quality"): KnownCriterion("Visual quality", 1, 4),
    ("editreward", "overall"): KnownCriterion("Overall (sum of both dimensions)", 2, 8),
    ("videoalign", "VQ"): KnownCriterion("Visual quality"),
    ("videoalign", "MQ"): KnownCriterion("Motion quality"),
    ("videoalign", "TA"): KnownCriterion("Text alignment"),
}
