"""Every step and reason of the funnel has words."""

from curation.recipe_words import REASONS, lines, reason_name, step_name
from curation.recipes import funnel

# Why rows are missing from a minor version: said in its funnel, and no step of a recipe.
WITHDRAWN = {
    "prompt_gone",
    "sample_gone",
    "prompt_taken_down",
    "sample_taken_down",
    "consent_withdrawn",
    "evidence_withdrawn",
    "no_longer_follows",
}


def test_every_reason_has_words_and_no_word_is_left_over():
    assert set(REASONS) - WITHDRAWN == funnel.REASONS


def test_a_filter_and_an_agreement_go_by_their_own_names():
    assert step_name("filter:sharp enough") == "sharp enough"
    assert step_name("agreement:scorers") == "scorers"
    assert step_name("caps:tag") == "within the cap of each tag"
    assert reason_name("tie") == "a tie"


def test_lines_count_kept_dropped_and_why():
    shown = lines([{"step": "gap", "unit": "pairs", "entered": 4, "kept": 3, "reasons": {"gap_too_small": 1}}])

    assert shown[0].split() == ["gap", "wide", "enough", "3", "of", "4", "pairs", "(75.0%)"]
    assert shown[1].split() == ["1", "the", "gap", "is", "too", "small"]
