"""Geometry of the figures, against numbers worked out by hand."""

import pytest

from curation.figures import Histogram, Step, funnel, interval


def test_bins_stand_on_the_ground_and_the_fullest_fills_the_field() -> None:
    bars = list(Histogram(low=0.0, high=4.0, counts=(1, 4, 0, 2)).bars())

    assert [(bar.low, bar.high) for bar in bars] == [(0, 1), (1, 2), (2, 3), (3, 4)]
    assert [bar.height for bar in bars] == [25, 100, 0, 50]
    assert all(bar.y + bar.height == pytest.approx(100) for bar in bars)


def test_a_lonely_score_among_many_can_still_be_seen() -> None:
    bars = list(Histogram(low=0.0, high=1.0, counts=(100_000, 1)).bars())

    assert bars[1].height == 2


def test_an_interval_is_placed_on_its_axis_and_clipped_to_it() -> None:
    placed = interval(value=1.0, spread=2.0, axis_low=-2.0, axis_high=2.0)

    assert (placed.dot, placed.low, placed.high, placed.zero) == (75.0, 25.0, 100.0, 50.0)


def test_an_axis_without_length_puts_the_dot_in_the_middle() -> None:
    assert interval(value=3.0, spread=None, axis_low=3.0, axis_high=3.0).dot == 50.0


def test_a_funnel_ends_each_step_at_its_share_and_never_widens() -> None:
    steps = funnel([Step("prompts", 10, 1.0), Step("samples", 20, 0.5), Step("scored", 20, 1.0)])

    assert [step.points for step in steps] == [
        "0,0 100,0 100,100 0,100",
        "0,0 100,25 100,75 0,100",
        "0,25 100,25 100,75 0,75",
    ]


def test_an_empty_step_keeps_a_line_to_follow() -> None:
    [step] = funnel([Step("pairs", 0, 0.0)])

    assert step.points == "0,0 100,47 100,53 0,100"
