"""The funnel of a recipe as a page shows it: steps with their share, reasons in words, dropped things with pictures."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from math import ceil, floor, log10
from typing import Any

from curation.figures import Bar, Histogram
from curation.models import Prompt, Sample
from curation.recipe_words import reason_name, step_name, unit_name
from curation.recipes.thresholds import Threshold
from curation.views.pictures import Picture, first_pictures


@dataclass(frozen=True)
class Side:
    """A sample as one side of an example."""

    sample: Sample
    picture: Picture | None

    @property
    def caption(self) -> str:
        return str(self.sample.generator)


@dataclass(frozen=True)
class Example:
    """Something a step dropped, or a pair that was kept. `sides` holds one or two samples, or none for a prompt."""

    prompt: Prompt | None
    sides: list[Side]
    row: dict[str, Any]

    @property
    def is_decided(self) -> bool:
        """Whether the first side is the chosen one; before a verdict the two are merely two."""
        return "chosen_id" in self.row


@dataclass(frozen=True)
class Reason:
    words: str
    count: int
    examples: list[Example] = field(default_factory=list)
    code: str = ""


@dataclass(frozen=True)
class Slider:
    """A threshold that can be moved along a histogram; `low` and `high` are where it may go, in steps of `step`."""

    threshold: Threshold
    low: float
    high: float
    step: float


@dataclass(frozen=True)
class Shape:
    """A histogram of what a step measured, with the thresholds that stand on it; `of` is its name among the figures."""

    of: str
    low: float
    high: float
    bars: list[Bar]
    sliders: list[Slider]


@dataclass(frozen=True)
class Line:
    """A step: what entered and what was kept, in `unit`; `share` is kept over entered, in per cent."""

    name: str
    unit: str
    entered: int
    kept: int
    reasons: list[Reason]
    key: str = ""
    stayed: list[Example] = field(default_factory=list)
    shapes: list[Shape] = field(default_factory=list)
    bands: list[tuple[str, int]] = field(default_factory=list)
    # Of estimates: the share among what was looked at, which rounding does not touch.
    measured_share: float | None = None

    @property
    def share(self) -> float:
        if self.measured_share is not None:
            return self.measured_share
        return 100 * self.kept / self.entered if self.entered else 0.0

    @property
    def has_examples(self) -> bool:
        return any(reason.examples for reason in self.reasons)


def lines(funnel: Sequence[dict[str, Any]], thresholds: Sequence[Threshold] = ()) -> list[Line]:
    """The steps of a stored or fresh funnel. Costs four queries, whatever its length."""
    shown = examples([row for step in funnel for name in _EXAMPLES for row in step.get(name, [])])
    by_row = {id(row): example for row, example in shown}
    return [_line(step, by_row, thresholds) for step in funnel]


_EXAMPLES = ("examples", "kept_examples")
# Histograms among a step's figures, in the order they are shown; then counts of bands.
_SHAPES = ("histogram", "spread", "distance", "range")
_BANDS = ("buckets", "bands")
# A slider has at least so many places, and at most ten times as many.
_STEPS = 100


def _shapes(step: dict[str, Any], thresholds: Sequence[Threshold]) -> list[Shape]:
    figures = step.get("figures", {})
    shapes = []
    for name in _SHAPES:
        here = [one for one in thresholds if (one.step, one.figure) == (step["step"], name)]
        # Where nothing came in there is nothing to draw, but the number can still be moved.
        if name in figures and (here or sum(figures[name]["counts"])):
            drawn = Histogram(figures[name]["low"], figures[name]["high"], tuple(figures[name]["counts"]))
            shapes.append(_shape(name, drawn, here))
    return shapes


def _shape(name: str, drawn: Histogram, thresholds: Sequence[Threshold]) -> Shape:
    """As long as the numbers reach, or to where a threshold stands beyond them; sliders move in round steps."""
    values = [one.value for one in thresholds]
    low, high = min([drawn.low, *values]), max([drawn.high, *values])
    step = 10.0 ** floor(log10((high - low) / _STEPS))
    low, high = floor(low / step) * step, ceil(high / step) * step
    scale = (drawn.high - drawn.low) / (high - low)
    bars = [
        replace(bar, x=round(100 * (bar.low - low) / (high - low), 3), width=round(bar.width * scale, 3))
        for bar in drawn.bars()
    ]
    sliders = [Slider(one, *(float(f"{number:.12g}") for number in (low, high, step))) for one in thresholds]
    return Shape(name, low, high, bars, sliders)


def _bands(step: dict[str, Any]) -> list[tuple[str, int]]:
    figures = step.get("figures", {})
    return [(name, count) for key in _BANDS for name, count in figures.get(key, {}).items()]


def _line(step: dict[str, Any], by_row: dict[int, Example], thresholds: Sequence[Threshold]) -> Line:
    reasons = []
    for code, count in step["reasons"].items():
        of_reason = [row for row in step.get("examples", []) if row["reason"] == code]
        found = [by_row[id(row)] for row in of_reason if id(row) in by_row]
        reasons.append(Reason(reason_name(code), count, found, code))
    stayed = [by_row[id(row)] for row in step.get("kept_examples", []) if id(row) in by_row]
    return Line(
        step_name(step["step"]),
        unit_name(step["unit"]),
        step["entered"],
        step["kept"],
        reasons,
        key=step["step"],
        stayed=stayed,
        shapes=_shapes(step, thresholds),
        bands=_bands(step),
    )


def examples(rows: Iterable[dict[str, Any]]) -> list[tuple[dict[str, Any], Example]]:
    """Rows of ids with their prompt, samples and pictures; rows that name neither, or what is gone, are left out."""
    rows = list(rows)
    sample_ids = sorted({pk for row in rows for pk in _sample_ids(row)})
    samples = {s.pk: s for s in Sample.objects.filter(pk__in=sample_ids).select_related("generator")}
    prompts = Prompt.objects.in_bulk({row["prompt_id"] for row in rows if row.get("prompt_id")})
    pictures = first_pictures(sample_ids) if sample_ids else {}
    found = []
    for row in rows:
        sides = [Side(samples[pk], pictures.get(pk)) for pk in _sample_ids(row) if pk in samples]
        prompt = prompts.get(row.get("prompt_id"))
        if prompt is not None and len(sides) == len(_sample_ids(row)):
            found.append((row, Example(prompt, sides, row)))
    return found


def _sample_ids(row: dict[str, Any]) -> list[int]:
    for names in (("chosen_id", "rejected_id"), ("a", "b"), ("sample_id",)):
        if names[0] in row:
            return [row[name] for name in names]
    return []
