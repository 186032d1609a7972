"""The funnel in words: what each step did, and why things were dropped. For pages, commands and cards."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

STEPS: dict[str, Promise] = {
    "evidence": _("evidence that counts"),
    "benchmarks": _("outside frozen benchmarks"),
    "benchmarks:statements": _("said under prompts outside frozen benchmarks"),
    "candidates": _("candidates"),
    "near_duplicates": _("without near-duplicates"),
    "difficulty": _("in a band of difficulty"),
    "drawn": _("drawn into pairs"),
    "ranked_by_judge": _("ranked by the pair judge"),
    "sifted_by_points": _("sifted by points"),
    "ranked": _("ranked"),
    "matched": _("matched"),
    "judged": _("decided by votes"),
    "gap": _("gap wide enough"),
    "siblings": _("with a parent"),
    "dominance": _("worse in no group"),
    "front": _("dominated by nobody"),
    "passed_or_failed": _("passed or failed"),
    "matched_across": _("matched with another prompt"),
    "rounds_met": _("with rounds to compare"),
    "negatives": _("negatives with their original"),
    "under_other_prompts": _("judged under other prompts"),
    "different": _("told apart"),
    "strength": _("in a band of strength"),
    "caps": _("within the cap"),
    "caps:tag": _("within the cap of each tag"),
    "caps:chosen": _("within the cap of each generator that is chosen"),
    "caps:rejected": _("within the cap of each generator that is rejected"),
    "caps:generators": _("within the cap of each two generators"),
    "balance": _("in balance"),
    "split": _("placed in a split"),
    "withdrawn": _("not withdrawn since"),
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
    "fails_known_answers": _("of people who answer known questions wrong more often than right"),
    "contradicted": _("their reasons lead to another verdict, as a listener found"),
    "other_context": _("made under another principle"),
    "other_meaning": _("on an earlier meaning of the criterion"),
    "under_another_prompt": _("judged under another prompt"),
    "frozen_benchmark": _("in a frozen benchmark, or like something in one"),
    "media_absent": _("its file is not here"),
    "flagged_broken": _("flagged broken"),
    "flagged_unsafe": _("flagged unsafe"),
    "real_not_asked_for": _("real, and the recipe asks for none"),
    "reference_not_asked_for": _("a reference, and the recipe asks for none"),
    "generated_not_asked_for": _("generated, and the recipe asks for none"),
    "generator_not_selected": _("from a generator that is not selected"),
    "round_not_selected": _("from a round that is not selected"),
    "tag_not_selected": _("not among the selected tags"),
    "synthetic_not_asked_for": _("corrupted on purpose, and the recipe asks for none"),
    "locale_not_selected": _("in a language that is not selected"),
    "no_value": _("nobody said anything of it"),
    "below_the_bar": _("below the bar"),
    "above_the_bar": _("above the bar"),
    "not_among_the_best": _("not among the best of its prompt"),
    "no_spread": _("nobody said how certain it is"),
    "too_uncertain": _("too uncertain"),
    "outlier": _("far from all others"),
    "prompt_says_nothing": _("of a prompt whose samples are all alike in it"),
    "near_duplicate": _("nearly the same as another answer to its prompt"),
    "near_duplicate_of_other_prompt": _("nearly the same as an answer to another prompt"),
    "other_bucket": _("in a band of difficulty that is not kept"),
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
    "may_not_be_chosen": _("of a kind or round that may not be on that side"),
    "no_parent": _("without a parent"),
    "not_siblings": _("not of one parent"),
    "worse_in_a_group": _("worse in a group of criteria"),
    "not_certain_enough": _("not certain enough in a group of criteria"),
    "better_in_no_group": _("better in no group of criteria"),
    "not_on_the_front": _("another sample of its prompt dominates the better one"),
    "dominated": _("dominated by another sample of its prompt"),
    "between_the_bars": _("neither passed nor failed"),
    "no_such_round": _("no round to compare with"),
    "other_operator": _("made by another operator"),
    "no_original": _("what it was made from is no candidate"),
    "no_other_prompt": _("judged under no other prompt"),
    "same_content": _("the same picture or text on both sides"),
    "too_few_voices": _("too few have a say on it"),
    "no_agreement": _("they do not agree on it"),
    "strong_band": _("strong"),
    "weak_band": _("weak"),
    "ambiguous_band": _("ambiguous"),
    "over_the_cap": _("over the cap of its prompt"),
    "over_the_tag_cap": _("over the cap of one of its tags"),
    "over_the_generator_cap": _("over the cap of its generators"),
    "outside_the_balance": _("has none of the values that are balanced"),
    "over_its_share": _("over the share of its value"),
    "between_splits": _("its prompt resembles prompts of different splits"),
    "near_duplicate_elsewhere": _("its prompt resembles one in another split"),
    "prompts_in_two_splits": _("its two prompts stand in different splits"),
    # of minor versions
    "prompt_gone": _("its prompt was deleted"),
    "sample_gone": _("one of its samples was deleted or replaced"),
    "prompt_taken_down": _("its prompt was taken down"),
    "sample_taken_down": _("one of its samples was taken down"),
    "consent_withdrawn": _("a consent behind it was withdrawn"),
    "evidence_withdrawn": _("what it rests on was withdrawn"),
    "no_longer_follows": _("it no longer follows without what was withdrawn"),
}


def step_name(key: str) -> str:
    """What a step is called; a filter and an agreement go by their own names."""
    kind, _at, name = key.partition(":")
    return name if kind in ("filter", "agreement") else str(STEPS.get(key, key))


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
