"""Condition re-extraction for edge maps: the edges of a picture that was made to a map, held against the map.

The map's pixels and the found edges are two sets of points. A point agrees where the other set has one within the
tolerance; points are not matched one to one, so an edge that is drawn twice side by side is not punished for it.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from scoring.scorers.base import (
    Decoded,
    Item,
    Json,
    NothingToJudge,
    Reading,
    Result,
    ScorerFacts,
    ScorerOfOne,
    ScorerUnavailable,
)

ROLE = KIND_FACT = "control"
EDGES = "edges"
PICTURE = "picture"
LOW, HIGH = 100, 200
# A pixel of a map from here on is part of a line.
LIGHT = 128
LONGEST_SIDE = 1024
FARTHEST = 32

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Agreement:
    """Shares from 0 to 1."""

    precision: float
    recall: float

    @property
    def both(self) -> float:
        """Their harmonic mean; 0 where both are 0."""
        total = self.precision + self.recall
        return 2 * self.precision * self.recall / total if total else 0.0


class ControlEdges(ScorerOfOne):
    def __init__(self, facts: ScorerFacts, *, tolerance: str, map: str) -> None:
        super().__init__(facts)
        if not tolerance.isdecimal() or int(tolerance) > FARTHEST:
            raise ScorerUnavailable(f"The setting “tolerance” is 0 to {FARTHEST} pixels, not “{tolerance}”.")
        self._tolerance = int(tolerance)
        self._map = map

    def identity_parts(self) -> dict[str, Json]:
        return {
            "preprocessing": f"luminance, the size of the control picture, at most {LONGEST_SIDE} pixels long, bicubic",
            "scale": f"harmonic mean of precision and recall within {self._tolerance} pixels",
            "edges": f"Canny, {LOW} and {HIGH}, 3 × 3",
            "map": self._map,
        }

    def prepare(self, item: Item, decoded: Decoded) -> Reading:
        kind = item.facts.get(KIND_FACT, EDGES)
        if kind != EDGES:
            raise NothingToJudge(f"the prompt's control picture is of the kind “{kind}”, not “{EDGES}”")
        controls = decoded.role_pictures(ROLE)
        if len(controls) != 1:
            raise NothingToJudge(f"the prompt has {len(controls)} control pictures; edges are held against one")
        control = _small(controls[0].convert("L"))
        wanted = edges_of(control) if self._map == PICTURE else np.asarray(control) >= LIGHT
        found = [agreement(_edges_at(picture, control.size), wanted, self._tolerance) for picture in decoded.pictures()]
        return Reading(
            {
                "control_edges": _mean([one.both for one in found]),
                "control_edges_precision": _mean([one.precision for one in found]),
                "control_edges_recall": _mean([one.recall for one in found]),
            },
            {"edge_pixels_wanted": int(wanted.sum()), "values": [one.both for one in found]},
        )


def agreement(found: Mask, wanted: Mask, tolerance: int) -> Agreement:
    """How far two edge maps of one size (H, W) agree; two empty ones agree wholly, an empty and another not at all.

    >>> line = np.eye(5, dtype=bool)
    >>> agreement(line, np.roll(line, 1, axis=0), tolerance=1)
    Agreement(precision=1.0, recall=1.0)
    """
    if not found.any() or not wanted.any():
        same = float(found.any() == wanted.any())
        return Agreement(same, same)
    return Agreement(_share_near(found, wanted, tolerance), _share_near(wanted, found, tolerance))


def _share_near(points: Mask, others: Mask, tolerance: int) -> float:
    """The share of points with another within the tolerance, by Euclidean distance between pixels."""
    distance = cv2.distanceTransform((~others).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    # Distances are roots of whole numbers in float32; half a thousandth is below any step between them.
    return float((distance[points] <= tolerance + 5e-4).mean())


def edges_of(grey: Image.Image) -> Mask:
    """Canny's edges of a picture of mode L: (H, W)."""
    return np.asarray(cv2.Canny(np.asarray(grey), LOW, HIGH, apertureSize=3, L2gradient=False)) > 0


def _edges_at(picture: Image.Image, size: tuple[int, int]) -> Mask:
    grey = picture.convert("L")
    return edges_of(grey if grey.size == size else grey.resize(size, Image.Resampling.BICUBIC))


def _small(picture: Image.Image) -> Image.Image:
    longest = max(picture.size)
    if longest <= LONGEST_SIDE:
        return picture
    width, height = (max(1, round(side * LONGEST_SIDE / longest)) for side in picture.size)
    return picture.resize((width, height), Image.Resampling.BICUBIC)


def _mean(values: list[float]) -> Result:
    return Result(float(np.mean(values)), float(np.std(values)) if len(values) > 1 else None)
