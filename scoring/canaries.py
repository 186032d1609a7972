"""Canaries: a few drawn pictures that every worker scores when it loads a model, before anything counts.

The same weights, settings and inputs must give the same numbers tomorrow, on another host, under another driver. Where
they do not, something has drifted that no identity names. Plain code; nothing is read from the network.
"""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from scoring import embeddings
from scoring.engine import Pace, run
from scoring.scorers.base import Item, MediaFile, Reading, Scorer

SIDE = 256
PROMPTS = ("a red circle on a blue ground", "three green stripes", "a grey field of noise", "an open sign, “OPEN”")
# How far a number may move, in deviations of the canaries' own numbers on its criterion: rounding in another order of
# summation stays below a thousandth in float32; sixteen-bit floats keep two to three digits.
TOLERANCE = {"float32": 1e-3, "float64": 1e-6}
TOLERANCE_OF_SHORT_FLOATS = 0.1

Values = Mapping[str, float]


@dataclass(frozen=True)
class Drift:
    """How far one set of numbers is from another.

    Attributes:
        largest: the largest difference in deviations of the first numbers on the same criterion; infinite when a
            number appeared or went missing.
        worst: the number it was found on, as `criterion of canary n`.
        absolute: the same difference in the criterion's own unit.
        same_order: share of the pairs of canaries, over all criteria, that stand in the same order.
    """

    largest: float
    worst: str
    absolute: float
    same_order: float


def measure(scorer: Scorer[Any], folder: Path) -> dict[str, float]:
    """What a loaded scorer says of the canaries, by `criterion of canary n`. Empty when none of them suits it.

    Args:
        folder: where the pictures may be written; emptied by whoever gave it.
    """
    with embeddings.ignored():
        said = [outcome for batch in run(items(folder), [scorer], Pace(threads=0)) for outcome in batch.outcomes]
    return {
        f"{criterion} of canary {number}": result.value
        for number, outcome in enumerate(said, start=1)
        if isinstance(outcome, Reading)
        for criterion, result in outcome.results.items()
    }


def items(folder: Path) -> list[Item]:
    """The canaries, always the same."""
    files = [_saved(pixels, folder / f"canary-{number}.png") for number, pixels in enumerate(drawn(), start=1)]
    return [
        Item(
            sample_id=-number,
            prompt_id=-number,
            prompt_text=text,
            facts={"text": "OPEN", "objects": [{"class": "stop sign", "count": 1}]},
            media=(file,),
            roles={"source": (files[0],), "reference": (files[0],)},
        )
        for number, (text, file) in enumerate(zip(PROMPTS, files, strict=True), start=1)
    ]


def drawn() -> list[NDArray[np.uint8]]:
    """Four pictures of shape (256, 256, 3) by integer arithmetic alone, so that no library can draw them otherwise."""
    y, x = np.mgrid[0:SIDE, 0:SIDE]
    ground = np.broadcast_to(np.array([40, 60, 190], np.uint8), (SIDE, SIDE, 3))
    circle = np.where(((x - 128) ** 2 + (y - 120) ** 2 < 70**2)[..., None], np.array([210, 40, 30], np.uint8), ground)
    stripes = np.where(((x // 32) % 2 == 0)[..., None], np.array([30, 160, 60], np.uint8), np.uint8(235))
    noise = np.repeat(((x * 7919 + y * 104_729 + x * y * 31) % 251).astype(np.uint8)[..., None], 3, axis=2)
    sign = np.full((SIDE, SIDE, 3), 250, np.uint8)
    sign[60:200, 30:226] = (200, 30, 40)
    sign[110:150, 60:196:24] = 255
    return [circle.astype(np.uint8), stripes.astype(np.uint8), noise, sign]


def _saved(pixels: NDArray[np.uint8], path: Path) -> MediaFile:
    Image.fromarray(pixels).save(path)
    return MediaFile(path, "image", SIDE, SIDE)


def drift(first: Values, now: Values) -> Drift:
    """How far the numbers of today are from the first ones.

    >>> before = {"a of canary 1": 1.0, "a of canary 2": 3.0}
    >>> drift(before, {"a of canary 1": 1.0, "a of canary 2": 3.5}).largest
    0.5
    """
    if set(first) != set(now):
        return Drift(float("inf"), sorted(set(first) ^ set(now))[0], float("inf"), 0.0)
    if not first:
        return Drift(0.0, "", 0.0, 1.0)
    by_criterion = _by_criterion(first)
    found = []
    for key, value in first.items():
        deviation = statistics.pstdev(first[other] for other in by_criterion[_criterion(key)])
        absolute = abs(now[key] - value)
        found.append((_in_deviations(absolute, deviation, value), key, absolute))
    largest, worst, absolute = max(found)
    return Drift(largest, worst, absolute, _same_order(first, now, by_criterion))


def _in_deviations(absolute: float, deviation: float, value: float) -> float:
    """Where all canaries have one number there is no deviation; the number itself is the measure then."""
    scale = deviation or abs(value) or 1.0
    return absolute / scale


def _criterion(key: str) -> str:
    return key.rpartition(" of canary ")[0]


def _by_criterion(values: Values) -> dict[str, list[str]]:
    keys: dict[str, list[str]] = {}
    for key in values:
        keys.setdefault(_criterion(key), []).append(key)
    return keys


def _same_order(first: Values, now: Values, by_criterion: Mapping[str, Sequence[str]]) -> float:
    pairs = [pair for keys in by_criterion.values() for pair in combinations(keys, 2)]
    if not pairs:
        return 1.0
    return sum(_sign(first[a] - first[b]) == _sign(now[a] - now[b]) for a, b in pairs) / len(pairs)


def _sign(value: float) -> int:
    return (value > 0) - (value < 0)


def tolerance(precision: str) -> float:
    """How far the numbers of a precision may move before it is called drift, in deviations."""
    return TOLERANCE.get(precision, TOLERANCE_OF_SHORT_FLOATS)
