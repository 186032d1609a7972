"""Grids of numbers as they are kept with a mark."""

from __future__ import annotations

import base64
import json
import struct

import numpy as np
import pytest

from curation.media import heatmaps


def test_a_grid_comes_back_within_half_a_step_with_its_extremes() -> None:
    grid = np.random.default_rng(5).normal(100, 40, (7, 9))

    back = heatmaps.unpacked(json.loads(json.dumps(heatmaps.packed(grid.tolist()), allow_nan=False)))

    half = (grid.max() - grid.min()) / 65_535 / 2
    assert back.shape == (7, 9)
    assert np.abs(back - grid).max() <= half * 1.0001
    assert (back.min(), back.max()) == (grid.min(), grid.max())


def test_cells_run_in_rows_and_are_sixteen_bits_little_end_first() -> None:
    kept = heatmaps.packed([[0.0, 10.0], [5.0, 2.5]])

    assert (kept["rows"], kept["columns"], kept["low"], kept["high"]) == (2, 2, 0.0, 10.0)
    assert struct.unpack("<4H", base64.b64decode(str(kept["cells"]))) == (0, 65535, 32768, 16384)


@pytest.mark.parametrize("value", [0.0, -3.25, 1e308, 1e-320])
def test_a_grid_of_one_value_keeps_it(value: float) -> None:
    assert heatmaps.unpacked(heatmaps.packed([[value] * 3] * 2)).tolist() == [[value] * 3] * 2


def test_the_widest_range_does_not_overflow() -> None:
    widest = [[-1.7e308, 1.7e308]]

    assert heatmaps.unpacked(heatmaps.packed(widest)).tolist() == widest


@pytest.mark.parametrize(
    ("grid", "words"),
    [
        ([], "0 × 0 cells"),
        ([[]], "1 × 0 cells"),
        ([[1.0] * 65], "1 × 65 cells"),
        ([[1.0], [1.0, 2.0]], "not all of one length"),
        ([[1.0, float("nan")]], "not a finite number"),
    ],
)
def test_a_grid_that_cannot_be_kept_is_refused(grid: list[list[float]], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        heatmaps.packed(grid)


@pytest.mark.parametrize(
    "change",
    [{"cells": "AAAA"}, {"cells": "%%"}, {"rows": 3}, {"rows": "2"}, {"low": 5.0}, {"low": None}, {"rows": -1}],
)
def test_what_is_no_kept_grid_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="heatmap"):
        heatmaps.unpacked({**heatmaps.packed([[0.0, 1.0], [2.0, 3.0]]), **change})
