"""A recipe told in sentences: every rule has words, and none of the numbers is lost."""

from __future__ import annotations

from typing import get_args, get_type_hints

import pytest

from curation.exports.recipe_in_words import words_of
from curation.recipes.model import Pairing
from curation.recipes.parse import parse

RULES = {
    "two_stage": "judge: {scores: overall, raters: [pairjudge]}\n  points: {scores: aesthetics}\n  min_gap: 0.25",
    "best_against_worst": "by: {scores: overall}\n  min_gap: 0.25",
    "top_against_bottom": "by: {scores: overall}\n  k: 3\n  min_gap: 0.25",
    "best_against_rest": "by: {scores: overall}\n  min_gap: 0.25",
    "margin": "by: {scores: overall}\n  min_gap: 0.25",
    "judged_pairs": "by: {votes: overall}\n  min_votes: 4\n  min_share: 0.75",
    "none": "",
}


def words(rule: str, more: str = "") -> str:
    return " ".join(words_of(parse(f"recipe: 1\ntitle: T\npairing:\n  rule: {rule}\n  {RULES[rule]}\n{more}")))


def test_every_rule_of_the_model_is_known_here():
    assert set(RULES) == set(get_args(get_type_hints(Pairing)["rule"]))


@pytest.mark.parametrize("rule", sorted(set(RULES) - {"none"}))
def test_a_rule_names_its_criterion_and_its_bar(rule):
    said = words(rule)

    assert "overall" in said
    assert ("0.75" if rule == "judged_pairs" else "greater than 0.25") in said


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
