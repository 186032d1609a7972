"""Perceptual fingerprints: is one picture the other, re-encoded, resized, brightened or cropped?

A fingerprint is a version byte and, for each view of the medium (one for a picture, three for a video), a grey
miniature of 64 x 64 bytes, the whole frame averaged into a square. A bit hash of the whole frame would not
survive a crop, and bit hashes of a fixed pyramid of windows miss every crop that lies between two windows; the
miniature allows both a pyramid at any density and an exact comparison afterwards. Two pictures are compared
in two steps:

1. *Candidates.* The low 8 x 8 cosine coefficients, without the constant one, of the whole of one picture are
   correlated with those of every window of a pyramid over the other (scales 1 to 0.5 a side, the two axes nearly
   independent, neighbours overlapping by nine tenths). Below `CANDIDATE` the pictures differ.
2. *Fit.* The best three windows are moved until they fit best (Gauss-Newton over the four edges, with gain and
   offset of brightness free), and the correlation of the brightness steps between neighbouring cells
   of a 24 x 24 grid is the similarity. Steps and not levels, because two pictures of one composition share levels.

The distance is 1 - similarity, from 0 (the same) to 1. Mirrored and rotated pictures are different pictures.

`docs/media.md` holds the measurements behind `DUPLICATE`: on real pictures every crop down to half of each side was
found (at most 0.113 apart), and the nearest different pair was 0.223 apart.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image

VERSION = 1
SIDE = 64
# Distance up to which two pictures count as near-duplicates.
DUPLICATE = 0.15
# Correlation of low frequencies below which no fit is tried.
CANDIDATE = 0.7

_CELLS = 16  # a window is averaged into 16 x 16 cells before its cosine transform
_LOW = 8
_SCALES = (0.93, 0.86, 0.79, 0.72, 0.66, 0.6, 0.55, 0.5)
_STEP = 0.09  # of the window's own side
_STRETCH = 0.35  # largest log ratio of the two sides of a window: crops change the aspect only so far
_STARTS = 3
_ROUNDS = 8
_GRID = 24
_SMALLEST_WINDOW = 0.4  # of the side
_OVERHANG = 0.02  # how far an edge may leave the picture while fitting
_FLAT = 0.75  # grey levels: below this standard deviation there is nothing to compare but the level itself
_FLAT_LEVELS = 4.0
_EVEN = 0.25  # grey levels of low-frequency contrast below which a window tells nothing

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class NearDuplicate:
    """Two positions in the sequence that was asked about, first < second, and how far apart they are."""

    first: int
    second: int
    distance: float


def fingerprint(views: Sequence[Image.Image]) -> bytes:
    """The fingerprint of one picture, or of several frames of one video.

    Args:
        views: pictures of any size, mode L or RGB, on white where they were transparent.

    Returns:
        1 + 4096 bytes for each view.
    """
    return bytes([VERSION]) + b"".join(_miniature(view) for view in views)


def distance(a: bytes, b: bytes) -> float:
    """How far two media are apart: 0 the same, 1 nothing alike; for videos the mean over their views.

    Symmetric: each is searched for inside the other and the better fit counts. Two even surfaces (nothing but one
    grey) are the same when their levels differ by at most four of 255, otherwise different. A picture and a
    video, or fingerprints of different versions, are different: distance 1.

    Raises:
        ValueError: a fingerprint of another version or of an impossible length.

    Example:
        >>> grey = fingerprint([Image.linear_gradient("L")])
        >>> distance(grey, grey) < 0.001
        True
    """
    found = near_duplicates([a, b], limit=1.0)
    return found[0].distance if found else 1.0


def near_duplicates(fingerprints: Sequence[bytes], *, limit: float = DUPLICATE) -> list[NearDuplicate]:
    """All pairs whose distance is at most `limit`, nearest first.

    Meant for groups, up to a few thousand: the first step is one matrix product a picture (2,000 windows against
    all pictures), the second costs about 10 ms for each candidate pair. Empty fingerprints match nothing.

    Args:
        fingerprints: as `fingerprint` made them, in any order.
        limit: distance, 0 to 1.
    """
    views: dict[int, dict[int, Floats]] = {}
    for position, data in enumerate(fingerprints):
        miniatures = _miniatures(data)
        if miniatures is not None:
            views.setdefault(len(miniatures), {})[position] = miniatures
    found = [pair for same_count in views.values() for pair in _within(same_count, limit)]
    return sorted(found, key=lambda pair: (pair.distance, pair.first, pair.second))


def _miniature(view: Image.Image) -> bytes:
    return view.convert("L").resize((SIDE, SIDE), Image.Resampling.BOX).tobytes()


def _miniatures(data: bytes) -> Floats | None:  # (views, 64, 64)
    if not data:
        return None
    if data[0] != VERSION or (len(data) - 1) % SIDE**2 or len(data) == 1:
        raise ValueError(
            f"A fingerprint of version {data[0]} and {len(data)} bytes cannot be read; this code reads version"
            f" {VERSION}. Make the renditions again."
        )
    return np.frombuffer(data, np.uint8, offset=1).reshape(-1, SIDE, SIDE).astype(np.float32)


def _within(miniatures: dict[int, Floats], limit: float) -> list[NearDuplicate]:
    positions = sorted(miniatures)
    stacked = np.stack([miniatures[position] for position in positions])  # (n, views, 64, 64)
    found = []
    for i, j, starts in _candidates(stacked[:, 0]):
        apart = _mean_distance(stacked[i], stacked[j], starts)
        if apart <= limit:
            found.append(NearDuplicate(positions[i], positions[j], apart))
    return found


def _mean_distance(a: Floats, b: Floats, starts: list[tuple[bool, int]]) -> float:
    """Mean distance over the views; only the first view's windows are known from the candidate step."""
    distances = [_distance(a[0], b[0], starts)]
    for view_a, view_b in zip(a[1:], b[1:], strict=True):
        pairs = _candidates(np.stack([view_a, view_b]))
        distances.append(_distance(view_a, view_b, pairs[0][2]) if pairs else 1.0)
    return float(np.mean(distances))


def _distance(a: Floats, b: Floats, starts: list[tuple[bool, int]]) -> float:
    if _is_flat(a) or _is_flat(b):
        alike = _is_flat(a) and _is_flat(b) and abs(float(a.mean() - b.mean())) <= _FLAT_LEVELS
        return 0.0 if alike else 1.0
    fits = [_fit(a, b, window) if a_holds_b else _fit(b, a, window) for a_holds_b, window in starts]
    return float(np.clip(1.0 - max(fits), 0.0, 1.0))


def _is_flat(miniature: Floats) -> bool:
    return float(miniature.std()) < _FLAT


# -- candidates ------------------------------------------------------------------------------


def _candidates(miniatures: Floats) -> list[tuple[int, int, list[tuple[bool, int]]]]:
    """Pairs worth a fit: positions i < j, and where to start, as (i holds j, number of the window).

    Args:
        miniatures: (n, 64, 64), grey levels 0 to 255.
    """
    count = len(miniatures)
    wholes = np.stack([_window_features(miniature, only_whole=True)[0] for miniature in miniatures])  # (n, 63)
    flat = np.array([_is_flat(miniature) for miniature in miniatures])
    starts: dict[tuple[int, int], list[tuple[float, bool, int]]] = {}
    for i in range(count):
        alike = _window_features(miniatures[i]) @ wholes.T  # (windows, n)
        # An even surface has no features; it is a candidate for the other even ones only.
        for j in np.flatnonzero((alike.max(axis=0) >= CANDIDATE) | (flat & flat[i])):
            if j != i:
                best = np.argpartition(-alike[:, j], _STARTS)[:_STARTS]
                pair = (min(i, int(j)), max(i, int(j)))
                starts.setdefault(pair, []).extend((float(alike[w, j]), bool(i < j), int(w)) for w in best)
    return [
        (i, j, [(holds, window) for _, holds, window in sorted(found, reverse=True)[:_STARTS]])
        for (i, j), found in sorted(starts.items())
    ]


def _window_features(miniature: Floats, *, only_whole: bool = False) -> Floats:
    """Normalised low cosine coefficients of every window of the pyramid; the first window is the whole.

    Returns:
        (windows, 63), each row of length 1, or 0 for an even window.
    """
    transforms, rows, columns = _pyramid()
    if only_whole:
        transforms, rows, columns = transforms[:1], rows[:1], columns[:1]
    flat = transforms.reshape(-1, SIDE)  # (intervals * 8, 64)
    all_pairs = (flat @ miniature @ flat.T).reshape(len(transforms), _LOW, len(transforms), _LOW)
    features = all_pairs[rows, :, columns, :].reshape(len(rows), -1)[:, 1:]
    lengths = np.linalg.norm(features, axis=1, keepdims=True)
    return np.where(lengths > _EVEN, features / np.maximum(lengths, _EVEN), 0.0).astype(np.float32)


@cache
def _intervals() -> tuple[tuple[float, float], ...]:
    """The stretches of one axis that windows are made of, as parts of the side; the first is the whole."""
    intervals = [(0.0, 1.0)]
    for scale in _SCALES:
        count = max(2, 1 + round((1 - scale) / (_STEP * scale)))
        intervals += [(float(low), float(low) + scale) for low in np.linspace(0, 1 - scale, count)]
    return tuple(intervals)


@cache
def _pyramid() -> tuple[Floats, NDArray[np.intp], NDArray[np.intp]]:
    """For each interval its transform (intervals, 8, 64); and for each window its row and column interval."""
    # The orthonormal cosine transform, written out: importing scipy's takes as long as decoding fifty pictures.
    transform = np.cos(np.pi / _CELLS * np.outer(np.arange(_LOW), np.arange(_CELLS) + 0.5)) * np.sqrt(2 / _CELLS)
    transform[0] /= np.sqrt(2)
    transform /= np.sqrt(_CELLS)  # so that lengths are in grey levels, whatever the number of cells
    transforms = np.stack([transform @ _averaging(low, high) for low, high in _intervals()]).astype(np.float32)
    scale = np.array([high - low for low, high in _intervals()])
    stretch = np.abs(np.log(scale[:, None] / scale[None, :]))
    rows, columns = np.nonzero(stretch <= _STRETCH)
    return transforms, rows, columns


def _averaging(low: float, high: float) -> NDArray[np.float64]:
    """Mean over 16 equal cells of the stretch from `low` to `high` of 64 pixels: (16, 64), rows sum to 1."""
    edges = np.linspace(low * SIDE, high * SIDE, _CELLS + 1)
    pixels = np.arange(SIDE)
    overlap = np.minimum(edges[1:, None], pixels + 1) - np.maximum(edges[:-1, None], pixels)
    weights = np.clip(overlap, 0, None)
    return np.asarray(weights / weights.sum(axis=1, keepdims=True), dtype=np.float64)


# -- fit -------------------------------------------------------------------------------------


def _fit(holder: Floats, held: Floats, window: int) -> float:
    """How well `held` fits into `holder`, searching from one window of the pyramid: -1 to 1."""
    _, rows, columns = _pyramid()
    edges = np.array([*_intervals()[columns[window]], *_intervals()[rows[window]]])  # left, right, top, bottom
    target = _grid(held, np.array([0.0, 1.0, 0.0, 1.0]))
    best = -1.0
    for _ in range(_ROUNDS):
        patch = _grid(holder, edges)
        best = max(best, _step_correlation(patch, target))
        moved = np.clip(edges + _improvement(holder, edges, patch, target), -_OVERHANG, 1 + _OVERHANG)
        if min(moved[1] - moved[0], moved[3] - moved[2]) < _SMALLEST_WINDOW or np.allclose(moved, edges, atol=1e-4):
            break
        edges = moved
    return best


def _grid(miniature: Floats, edges: NDArray[np.float64]) -> Floats:
    """Bilinear samples at the centres of 24 x 24 cells of a window: (24, 24)."""
    centres = (np.arange(_GRID) + 0.5) / _GRID
    x, x_part = _between(edges[0] + (edges[1] - edges[0]) * centres)
    y, y_part = _between(edges[2] + (edges[3] - edges[2]) * centres)
    across = miniature[y] * (1 - y_part)[:, None] + miniature[y + 1] * y_part[:, None]  # (24, 64)
    return np.asarray(across[:, x] * (1 - x_part) + across[:, x + 1] * x_part, dtype=np.float32)


def _between(part: NDArray[np.float64]) -> tuple[NDArray[np.intp], Floats]:
    position = np.clip(part * SIDE - 0.5, 0, SIDE - 1.001)
    below = position.astype(np.intp)
    return below, (position - below).astype(np.float32)


def _step_correlation(a: Floats, b: Floats) -> float:
    """Correlation of the steps between neighbours, down and across; 0 where either has none."""
    steps_a, steps_b = _steps(a), _steps(b)
    scale = float(np.linalg.norm(steps_a) * np.linalg.norm(steps_b))
    return float(steps_a @ steps_b) / scale if scale > 0 else 0.0


def _steps(patch: Floats) -> Floats:
    steps = np.concatenate([np.diff(patch, axis=0).ravel(), np.diff(patch, axis=1).ravel()])
    return np.asarray(steps - steps.mean(), dtype=np.float32)


def _improvement(holder: Floats, edges: NDArray[np.float64], patch: Floats, target: Floats) -> NDArray[np.float64]:
    """One Gauss-Newton step for target ≈ gain * patch(edges) + offset: what to add to the four edges.

    At most a twentieth of the side at once; nothing where the pictures run against each other (gain below 0.01).
    """
    far = (np.arange(_GRID) + 0.5) / _GRID  # how much a cell follows the right or lower edge
    across, down = _slope(holder, edges, slice(0, 2)), _slope(holder, edges, slice(2, 4))
    by_edge = (across * (1 - far), across * far, down * (1 - far)[:, None], down * far[:, None])
    design = np.stack((*by_edge, patch, np.ones_like(patch)), axis=-1).reshape(-1, 6).astype(np.float64)  # (576, 6)
    normal = design.T @ design
    normal[np.arange(4), np.arange(4)] *= 1.01
    solution = np.linalg.solve(normal + 1e-6 * np.eye(6), design.T @ target.ravel())
    gain = solution[4]
    if gain < 0.01:
        return np.zeros(4)
    return np.asarray(np.clip(solution[:4] / gain, -0.05, 0.05), dtype=np.float64)


def _slope(holder: Floats, edges: NDArray[np.float64], axis: slice) -> Floats:
    """Change of the sampled patch when the window moves along one axis, per side of the picture."""
    shift = np.zeros(4)
    shift[axis] = 0.5 / SIDE
    return (_grid(holder, edges + shift) - _grid(holder, edges - shift)) * SIDE
