"""Every step and reason of the funnel has words."""

from curation.recipe_words import REASONS, lines, reason_name, step_name
from curation.recipes import funnel


def test_every_reason_has_words_and_no_word_is_left_over():
    assert set(REASONS) == funnel.REASONS


def test_a_filter_goes_by_its_own_name():
    assert step_name("filter:sharp enough") == "sharp enough"
    assert reason_name("tie") == "a tie"


def test_lines_count_kept_dropped_and_why():
    shown = lines([{"step": "gap", "unit": "pairs", "entered": 4, "kept": 3, "reasons": {"gap_too_small": 1}}])

    assert shown[0].split() == ["gap", "wide", "enough", "3", "of", "4", "pairs", "(75.0%)"]
    assert shown[1].split() == ["1", "the", "gap", "is", "too", "small"]
