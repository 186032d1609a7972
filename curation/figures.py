"""Geometry of the small figures on the pages: numbers in, coordinates out. No Django."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Bar:
    """One bin as a rectangle in a field 100 wide and 100 high, and the values it stands for, [low, high)."""

    x: float
    y: float
    width: float
    height: float
    low: float
    high: float
    count: int


@dataclass(frozen=True)
class Histogram:
    """Counts in bins of equal width from `low` to `high`, both in the unit of the score; the last bin is closed."""

    low: float
    high: float
    counts: tuple[int, ...]

    @property
    def total(self) -> int:
        return sum(self.counts)

    def bars(self) -> Iterator[Bar]:
        """The bins as rectangles; the highest bin is 100 high, an occupied one never lower than 2."""
        width, top = 100 / len(self.counts), max(self.counts) or 1
        step = (self.high - self.low) / len(self.counts)
        for place, count in enumerate(self.counts):
            height = max(100 * count / top, 2) if count else 0
            low = self.low + place * step
            yield Bar(
                x=round(place * width, 3),
                y=round(100 - height, 2),
                width=round(width * 0.86, 3),
                height=round(height, 2),
                low=low,
                high=low + step,
                count=count,
            )


@dataclass(frozen=True)
class Interval:
    """A value with its error as places on a line from 0 to 100; `zero` is None where the axis does not hold it."""

    dot: float
    low: float
    high: float
    zero: float | None


def interval(value: float, spread: float | None, axis_low: float, axis_high: float) -> Interval:
    """Places a value and value ± spread on the axis, clipped to it.

    An axis without length (every value the same) puts the dot in the middle.
    """
    length = axis_high - axis_low

    def place(number: float) -> float:
        share = 0.5 if length <= 0 else (number - axis_low) / length
        return round(min(max(share, 0.0), 1.0) * 100, 2)

    error = spread or 0.0
    has_zero = axis_low < 0 < axis_high
    return Interval(place(value), place(value - error), place(value + error), place(0.0) if has_zero else None)


@dataclass(frozen=True)
class Step:
    """One step of a funnel: a count, its name, and the words under it. `share` is 0 to 1 of what it could be."""

    name: str
    count: int
    share: float
    note: str = ""
    url: str = ""
    note_url: str = ""
    points: str = ""


def funnel(steps: Sequence[Step]) -> list[Step]:
    """The same steps with their outlines: each starts at the height of the one before and ends at its own share.

    A funnel does not widen: a step whose share is of something else (of samples, not of prompts) is drawn no higher
    than the one before.

    Coordinates are in a field 100 wide and 100 high. A step never vanishes: the lowest height is 6.
    """
    drawn, before = [], 1.0
    for step in steps:
        share = min(before, step.share)
        left, right = _height(before), _height(share)
        points = (
            f"0,{_round(50 - left / 2)} 100,{_round(50 - right / 2)} "
            f"100,{_round(50 + right / 2)} 0,{_round(50 + left / 2)}"
        )
        drawn.append(Step(step.name, step.count, step.share, step.note, step.url, step.note_url, points))
        before = share
    return drawn


def _height(share: float) -> float:
    return max(100 * min(max(share, 0.0), 1.0), 6.0)


def _round(number: float) -> str:
    return f"{number:.2f}".rstrip("0").rstrip(".")
