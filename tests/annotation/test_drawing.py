"""What chance decides: fair, told again from the seed, and blind to who made what."""

from __future__ import annotations

from itertools import pairwise

from scipy.stats import binomtest, chisquare

from annotation import drawing


def test_every_order_is_equally_likely():
    counts: dict[tuple[int, ...], int] = {}
    for item in range(3000):
        order = tuple(drawing.order(7, item, 5, [11, 12, 13]))
        counts[order] = counts.get(order, 0) + 1
    assert len(counts) == 6
    assert chisquare(list(counts.values())).pvalue > 1e-3


def test_neighbours_of_one_person_are_drawn_apart():
    first = [drawing.order(7, item, 5, [1, 2])[0] for item in range(2000)]
    same_as_before = sum(a == b for a, b in pairwise(first))
    assert binomtest(same_as_before, 1999, 0.5).pvalue > 1e-3


def test_the_seed_tells_the_draw_again_and_another_seed_draws_anew():
    drawn = [drawing.order(7, item, 5, [1, 2, 3, 4]) for item in range(50)]
    assert drawn == [drawing.order(7, item, 5, [4, 3, 2, 1]) for item in range(50)]
    assert drawn != [drawing.order(8, item, 5, [1, 2, 3, 4]) for item in range(50)]


def test_a_repeat_swaps_the_sides():
    assert drawing.mirrored([4, 9]) == [9, 4]


def test_turns_come_in_the_shares_asked_for():
    turns = [drawing.turn(1, 2, number, gold_share=0.1, repeat_share=0.2) for number in range(5000)]
    assert binomtest(turns.count("gold"), 5000, 0.1).pvalue > 1e-3
    assert binomtest(turns.count("repeat"), 5000, 0.2).pvalue > 1e-3


def test_the_blind_share_is_kept():
    blind = sum(drawing.is_blind(3, item, 4, 0.25) for item in range(4000))
    assert binomtest(blind, 4000, 0.25).pvalue > 1e-3
    assert not drawing.is_blind(3, 1, 4, 0.0)
