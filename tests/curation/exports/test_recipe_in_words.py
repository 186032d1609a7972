"""A recipe told in sentences: every rule has words, and none of the numbers is lost."""

from __future__ import annotations

from typing import get_args, get_type_hints

import pytest

from curation.exports.recipe_in_words import words_of
from curation.recipes.model import Pairing
from curation.recipes.parse import parse
from curation.recipes.renaming import raters_named, renamed

RULES = {
    "two_stage": "judge: {scores: overall, raters: [pairjudge]}\n  points: {scores: aesthetics}\n  min_gap: 0.25",
    "best_against_worst": "by: {scores: overall}\n  min_gap: 0.25",
    "top_against_bottom": "by: {scores: overall}\n  k: 3\n  min_gap: 0.25",
    "best_against_rest": "by: {scores: overall}\n  min_gap: 0.25",
    "margin": "by: {scores: overall}\n  min_gap: 0.25",
    "judged_pairs": "by: {votes: overall}\n  min_votes: 4\n  min_share: 0.75",
    "dominance": (
        "by: {scores: overall}\n  min_gap: 0.25\n  certainty: 0.9\n  front: true\n  groups:\n"
        "    - {name: truth, by: {scores: facts}, tolerance: 0.125}\n    - {name: looks, by: {scores: aesthetics}}"
    ),
    "pareto": "groups:\n    - {name: truth, by: {scores: overall}}\n    - {name: looks, by: {scores: aesthetics}}",
    "across_prompts": (
        "by: {scores: overall}\n  passes_at: 0.75\n  fails_at: 0.5\n  within: tag\n  tag_prefix: scene/\n"
        "  pairs_per_sample: 3"
    ),
    "across_rounds": "by: {scores: overall}\n  chosen: so_far\n  rejected: first\n  min_gap: 0.25",
    "by_kind": "chosen_kinds: [real]\n  rejected_kinds: [generated]\n  rejected_rounds: [0]",
    "corrupted": "by: {scores: overall}\n  operators: [cropped]\n  min_gap: 0.25",
    "wrong_prompt": "by: {scores: overall}\n  min_gap: 0.25",
    "none": "",
}
WITHOUT_GAP = {"judged_pairs", "pareto", "across_prompts", "by_kind", "none"}
KINDS = "candidates: {kinds: [generated, real]}\n"


def words(rule: str, more: str = "") -> str:
    return " ".join(words_of(parse(f"recipe: 1\ntitle: T\npairing:\n  rule: {rule}\n  {RULES[rule]}\n{more}")))


def test_every_rule_of_the_model_is_known_here():
    assert set(RULES) == set(get_args(get_type_hints(Pairing)["rule"]))


@pytest.mark.parametrize("rule", sorted(set(RULES) - {"none", "by_kind"}))
def test_a_rule_names_its_criterion_and_its_bar(rule):
    said = words(rule)

    assert "overall" in said
    assert rule in WITHOUT_GAP or "greater than 0.25" in said


@pytest.mark.parametrize(
    ("rule", "parts"),
    [
        ("judged_pairs", ["0.75", "4 votes"]),
        ("dominance", ["truth (score on facts, by more than 0.125)", "probability of at least 0.9", "dominates"]),
        ("pareto", ["no other one dominates", "looks (score on aesthetics)"]),
        ("across_prompts", ["0.75 or better", "0.5 or worse", "a tag beginning with scene/", "at most 3", "one split"]),
        ("across_rounds", ["the best sample of this and all earlier rounds", "the worst of round 0"]),
        ("corrupted", ["made from it on purpose by cropped"]),
        ("wrong_prompt", ["itself under each other prompt"]),
    ],
)
def test_the_numbers_of_a_rule_are_told(rule, parts):
    for part in parts:
        assert part in words(rule)


def test_sides_rounds_and_siblings_are_told():
    assert "Only samples of round 0 could be rejected" in words("by_kind", KINDS)
    assert "nobody was asked" in words("by_kind", KINDS)
    siblings = parse("recipe: 1\ntitle: T\npairing: {rule: margin, by: {scores: q}, siblings: true}")
    assert "Only samples of one parent" in " ".join(words_of(siblings))


def test_pairing_nothing_is_said():
    filters = "filters:\n  - {name: sharp, by: {scores: overall}, at_least: 0.5}\n"

    assert "Pair nothing" in words("none", filters)


def test_evidence_candidates_filters_caps_and_splits_are_told():
    more = """
evidence: {basis: people, without_raters: [robot]}
candidates: {kinds: [generated, real], first_round: 2, without_tags: [draft]}
filters:
  - {name: sharp enough, by: {scores: sharpness}, at_least: 0.4, if_missing: keep}
caps: {pairs_per_prompt: 5}
split: {shares: {train: 0.9, validation: 0.1}, near_duplicates: 0.7}
"""

    said = words("margin", more)

    for part in (
        "Count what people said",
        "robot",
        "generated or real, not tagged draft, of round 2 or later",
        "whose score on sharpness is at least 0.4 (sharp enough); samples nobody judged so stay",
        "at most 5 pairs of a prompt",
        "train 90% and validation 10%",
        "at least 70% alike",
    ):
        assert part in said


def test_what_narrows_pairs_is_told_too():
    more = """
evidence: {weights: {raters: {robot: 0.5}}}
candidates: {locales: [de]}
filters:
  - {name: sure, by: {scores: sharpness}, spread_at_most: 0.1, outliers_beyond: 3.5}
  - {name: apart, by: {scores: sharpness}, range_in_prompt_above: 0}
  - {name: large, by: {fact: width}, at_least: 512}
near_duplicates: {within: all, keep_best_by: {scores: sharpness}}
difficulty:
  by: {scores: exact}
  measure: pass_rate
  bands: [{name: hard, below: 0.5}, {name: easy}]
  keep: [hard]
agreement: [{name: together, among: [{votes: overall, basis: people}, {scores: style}], at_least: 0.5, voices: 2}]
gold: {votes: gold}
strength: {by: gap, ambiguous_below: 0.1, strong_from: 0.5, drop: [ambiguous]}
caps: {pairs_per_tag: 7, pairs_per_generators: 9}
balance: {by: tag, shares: {signs: 0.25, animals: 0.75}}
"""

    said = words("margin", more)

    for part in (
        "A vote weighed 1, but 0.5 for robot.",
        "in de",
        "uncertain by at most 0.1 and within 3.5 robust deviations of the median (sure)",
        "spread over more than 0 within its prompt (apart)",
        "Keep samples whose width is at least 512 (large); samples without it go.",
        "Of all samples that look the same (distance up to 0.15), keep the best by score on sharpness.",
        "by the share of its samples whose score on exact is at least 1: hard (below 0.5) and easy.",
        "Only hard went on.",
        "if 50% of these agree with it, at least 2 speaking: votes on overall (people only) and score on style",
        "checked against the votes on gold",
        "strong from a gap of 0.5 on, and ambiguous below 0.1",
        "that are ambiguous were left out",
        "at most 7 pairs of each tag",
        "at most 9 pairs of each two generators",
        "the shares by tag are: animals 75% and signs 25%",
    ):
        assert part in said


def test_a_reward_is_told_by_its_name_and_what_it_is_made_of():
    rule = "by: {reward: {name: total, version: 3, members: [{scores: a}, {scores: b}], total: {rule: minimum}}}"
    text = f"recipe: 1\ntitle: T\npairing:\n  rule: margin\n  {rule}\n"

    assert "reward “total” (version 3, of a and b)" in " ".join(words_of(parse(text)))


def test_raters_are_renamed_wherever_they_are_named():
    text = """
recipe: 1
title: T
evidence: {raters: [Ann, bot], weights: {raters: {Ann: 2}}}
difficulty: {by: {scores: q, raters: [Ann]}, bands: [{name: a, below: 1}, {name: b}]}
agreement: [{name: x, among: [{votes: v, raters: [Ann]}]}]
gold: {votes: v, raters: [Ann]}
near_duplicates: {keep_best_by: {scores: q, raters: [Ann]}}
filters: [{name: f, by: {scores: q, raters: [Ann]}, at_least: 1}]
pairing:
  rule: margin
  by: {reward: {name: total, members: [{scores: q, raters: [Ann]}], total: {rule: sum}}}
"""
    recipe = parse(text)

    assert raters_named(recipe) == {"Ann", "bot"}
    assert raters_named(renamed(recipe, {"Ann": "person 1"})) == {"person 1", "bot"}
    assert "Ann" not in " ".join(words_of(renamed(recipe, {"Ann": "person 1"})))
