"""Heatmaps as they are kept with a mark: a small grid of numbers over a whole picture, packed into plain JSON.

    {"rows": 2, "columns": 3, "low": 0.0, "high": 1.0, "cells": "AAAAgP//..."}

Cells run from left to right and from top to bottom. Each is a 16-bit number, little end first, that divides the range
from `low` to `high` into 65,535 steps; base64 makes them text. Extremes are kept exactly, any other cell to half a step
(a 131,070th of the range), and order is kept but for cells closer than a step. JSON knows neither NaN nor infinity, so
that a kept heatmap is finite whoever wrote it. One that does not lie over the whole picture has its corners as `box`,
`[[left, top], [right, bottom]]` in pixels of the rendition.
"""

from __future__ import annotations

import base64
import binascii
import math
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

Corners = Sequence[tuple[float, float]]
Packed = dict[str, int | float | str | list[list[float]]]

# Models look at patches: 37 × 37 of them is what the largest make of a picture.
LONGEST_SIDE = 64
STEPS = 65_535
_KEYS = {"rows", "columns", "low", "high", "cells"}


def packed(grid: Sequence[Sequence[float]], box: Corners = ()) -> Packed:
    """A heatmap as it is kept.

    Args:
        grid: rows from top to bottom, each of the same number of cells from left to right; 1 to `LONGEST_SIDE` either
            way; finite.
        box: two corners where the grid lies over a part of the picture; empty for all of it.

    Raises:
        ValueError: says what is wrong with the grid.

    >>> packed([[0.0, 1.0]])
    {'rows': 1, 'columns': 2, 'low': 0.0, 'high': 1.0, 'cells': 'AAD//w=='}
    """
    if fault := fault_of(grid):
        raise ValueError(fault)
    values = np.array(grid, dtype=np.float64)  # (rows, columns)
    low, high = float(values.min()), float(values.max())
    # Halves, so that a range of almost all numbers does not overflow.
    span = high / 2 - low / 2
    shares = (values / 2 - low / 2) / span if span > 0 else np.zeros_like(values)
    cells = np.rint(shares * STEPS).astype("<u2")
    words = base64.b64encode(cells.tobytes()).decode("ascii")
    kept: Packed = {"rows": values.shape[0], "columns": values.shape[1], "low": low, "high": high, "cells": words}
    return {**kept, "box": [[x, y] for x, y in box]} if box else kept


def unpacked(kept: Mapping[str, object]) -> NDArray[np.float64]:
    """The cells of a kept heatmap, shape (rows, columns).

    Raises:
        ValueError: it is not what `packed` makes.

    >>> unpacked(packed([[0.0, 1.0], [0.5, 0.25]])).round(4).tolist()
    [[0.0, 1.0], [0.5, 0.25]]
    """
    try:
        rows, columns, low, high, words = (kept[name] for name in ("rows", "columns", "low", "high", "cells"))
    except KeyError as error:
        raise ValueError(f"the heatmap has no {error}") from error
    if not (isinstance(rows, int) and isinstance(columns, int) and isinstance(words, str)):
        raise ValueError("the heatmap's rows and columns are no whole numbers, or its cells no text")
    if not (1 <= rows <= LONGEST_SIDE and 1 <= columns <= LONGEST_SIDE):
        raise ValueError(f"the heatmap has {rows} × {columns} cells, not 1 to {LONGEST_SIDE} either way")
    if not (isinstance(low, int | float) and isinstance(high, int | float) and -math.inf < low <= high < math.inf):
        raise ValueError("the heatmap's low and high are no range")
    try:
        cells = np.frombuffer(base64.b64decode(words, validate=True), dtype="<u2")
        shares = cells.reshape(rows, columns).astype(np.float64) / STEPS
    except (binascii.Error, ValueError) as error:
        raise ValueError(f"the heatmap's cells are not {rows} × {columns} numbers of 16 bits") from error
    return np.asarray(low * (1 - shares) + high * shares)


def box_of(kept: Mapping[str, object]) -> list[tuple[float, float]]:
    """The two corners of a kept heatmap; empty where it lies over the whole picture."""
    box = kept.get("box")
    return [(float(x), float(y)) for x, y in box] if isinstance(box, Sequence) and len(box) == 2 else []


def is_packed(kept: object) -> bool:
    """Whether this is a heatmap with its cells, and not one that names a picture (`{"asset": SHA-256}`)."""
    return isinstance(kept, Mapping) and kept.keys() >= _KEYS


def fault_of(grid: Sequence[Sequence[float]]) -> str:
    """What keeps a grid from being kept, in words; empty when nothing does."""
    sides = (len(grid), len(grid[0]) if grid else 0)
    if not all(1 <= side <= LONGEST_SIDE for side in sides):
        return f"a heatmap of {sides[0]} × {sides[1]} cells; it has 1 to {LONGEST_SIDE} either way"
    if any(len(row) != sides[1] for row in grid):
        return "a heatmap whose rows are not all of one length"
    if not all(math.isfinite(cell) for row in grid for cell in row):
        return "a heatmap with a cell that is not a finite number"
    return ""
