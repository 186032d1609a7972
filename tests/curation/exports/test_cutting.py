"""Borders of shards and row groups: of the usual size, never too far apart, and unmoved by a row that goes."""

from __future__ import annotations

import hashlib

from curation.exports.cutting import Cutter


def pieces(names: list[str], size: int = 10, usual: int = 1_000) -> list[list[str]]:
    cutter, found = Cutter(usual), []
    for name in names:
        if cutter.cuts_before(name, size) or not found:
            found.append([])
        found[-1].append(name)
    return found


NAMES = [hashlib.sha256(str(number).encode()).hexdigest() for number in range(20_000)]


def test_pieces_have_the_usual_size_and_at_most_twice_that():
    sizes = [10 * len(piece) for piece in pieces(NAMES)]

    # Borders drawn with one chance in a hundred and cut at 200 rows: 86.6 rows on average.
    assert 750 < sum(sizes) / len(sizes) < 1_000
    assert max(sizes) <= 2_000


def test_a_row_that_goes_changes_few_pieces():
    before = {tuple(piece) for piece in pieces(NAMES)}
    after = {tuple(piece) for piece in pieces(NAMES[:5_000] + NAMES[5_001:])}

    assert len(after - before) <= 3


def test_one_row_larger_than_a_piece_stands_alone():
    assert [len(piece) for piece in pieces(["a", "b", "c"], size=5_000)] == [1, 1, 1]
