"""The funnel in words: what each step did, and why things were dropped. For pages, commands and cards."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

STEPS: dict[str, Promise] = {
    "evidence": _("evidence that counts"),
    "candidates": _("candidates"),
    "drawn": _("drawn into pairs"),
    "ranked_by_judge": _("ranked by the pair judge"),
    "sifted_by_points": _("sifted by points"),
    "ranked": _("ranked"),
    "matched": _("matched"),
    "judged": _("decided by votes"),
    "gap": _("gap wide enough"),
    "different": _("told apart"),
    "caps": _("within the cap"),
    "split": _("placed in a split"),
}

UNITS: dict[str, Promise] = {
    "statements": _("verdicts and scores"),
    "samples": _("samples"),
    "prompts": _("prompts"),
    "pairs": _("pairs"),
}

REASONS: dict[str, Promise] = {
    "retracted": _("retracted"),
    "other_purpose": _("made to examine or help a rater, not as a label"),
    "quarantined": _("by a rater in quarantine at the time"),
    "not_in_basis": _("not from those the recipe listens to"),
    "rater_not_selected": _("by a rater the recipe does not select"),
    "contradicted": _("their reasons lead to another verdict, as a listener found"),
    "other_context": _("made under another principle"),
    "other_meaning": _("on an earlier meaning of the criterion"),
    "under_another_prompt": _("judged under another prompt"),
    "media_absent": _("its file is not here"),
    "flagged_broken": _("flagged broken"),
    "flagged_unsafe": _("flagged unsafe"),
    "real_not_asked_for": _("real, and the recipe asks for none"),
    "reference_not_asked_for": _("a reference, and the recipe asks for none"),
    "generated_not_asked_for": _("generated, and the recipe asks for none"),
    "generator_not_selected": _("from a generator that is not selected"),
    "round_not_selected": _("from a round that is not selected"),
    "tag_not_selected": _("not among the selected tags"),
    "no_value": _("nobody said anything of it"),
    "below_the_bar": _("below the bar"),
    "above_the_bar": _("above the bar"),
    "not_among_the_best": _("not among the best of its prompt"),
    "odd_one_out": _("left without a partner"),
    "tie": _("a tie"),
    "both_bad": _("both called bad"),
    "no_verdict": _("no verdict"),
    "judged_bad": _("the winner was called bad elsewhere"),
    "no_points": _("no point score"),
    "nobody_chosen": _("nobody may be chosen"),
    "nobody_rejected": _("nobody may be rejected"),
    "gap_too_small": _("the gap is too small"),
    "too_few_votes": _("too few votes"),
    "share_too_small": _("too small a share of the votes"),
    "may_not_be_chosen": _("of a kind that may not be on that side"),
    "same_content": _("the same picture or text on both sides"),
    "over_the_cap": _("over the cap of its prompt"),
    "between_splits": _("its prompt resembles prompts of different splits"),
    "near_duplicate_elsewhere": _("its prompt resembles one in another split"),
}


def step_name(key: str) -> str:
    """What a step is called; a filter goes by its own name."""
    return key.removeprefix("filter:") if key.startswith("filter:") else str(STEPS.get(key, key))


def unit_name(unit: str) -> str:
    return str(UNITS.get(unit, unit))


def reason_name(code: str) -> str:
    return str(REASONS.get(code, code))


def in_order(splits: Iterable[str]) -> list[str]:
    """Splits as trainers name them, then others by name."""
    usual = ["train", "validation", "test"]
    return sorted(splits, key=lambda name: (usual.index(name) if name in usual else len(usual), name))


def lines(funnel: list[dict[str, Any]]) -> list[str]:
    """The funnel as text, a step a line, its reasons below it: for commands."""
    width = max((len(step_name(step["step"])) for step in funnel), default=0)
    written = []
    for step in funnel:
        share = f"{step['kept'] / step['entered']:.1%}" if step["entered"] else "–"
        name = step_name(step["step"]).ljust(width)
        written.append(f"  {name}  {step['kept']:>10,} of {step['entered']:>10,} {unit_name(step['unit'])} ({share})")
        written += [f"  {'':{width}}    {count:>8,} {reason_name(code)}" for code, count in step["reasons"].items()]
    return written
