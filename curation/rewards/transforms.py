"""A transform: named, versioned steps from raw scores to other numbers. The raw value is read and never replaced."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import polars as pl

from curation.errors import Refused
from curation.identity import digest
from curation.rewards import numbers
from curation.rewards.numbers import Bools, Floats
from curation.rewards.scale import Scale
from curation.rewards.steps import KINDS, Column, Option, Options

# Kinds of samples that others are measured against.
ANCHORS = ("real", "reference")


@dataclass(frozen=True)
class Step:
    """One step: its kind and its options, every default filled in."""

    kind: str
    options: Mapping[str, Option]

    @property
    def is_open(self) -> bool:
        """Whether it waits for the mean and deviation of a reference set that is named but not measured yet."""
        return self.kind == "zscore" and self.options["over"] != "prompt" and "deviation" not in self.options

    @property
    def looks_at_prompt(self) -> bool:
        is_prompt_zscore = self.kind == "zscore" and "deviation" not in self.options
        return KINDS[self.kind].looks_at_prompt or is_prompt_zscore

    def compute(self, column: Column) -> Floats:
        return KINDS[self.kind].compute(column, self.options)

    def rescale(self, scale: Scale) -> Scale:
        return KINDS[self.kind].rescale(scale, self.options)

    def as_json(self) -> dict[str, Any]:
        plain = {key: list(value) if isinstance(value, tuple) else value for key, value in self.options.items()}
        return {self.kind: plain}

    def __str__(self) -> str:
        said = ", ".join(f"{key} {_word(value)}" for key, value in self.options.items())
        return f"{self.kind} ({said})" if said else self.kind


def _word(value: Option) -> str:
    if isinstance(value, tuple):
        return " < ".join(f"{one:g}" for one in value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:g}" if isinstance(value, int | float) else value


@dataclass(frozen=True)
class Applied:
    """What a transform made of a frame.

    Attributes:
        frame: the frame given, its columns as they were, with `transformed` (Float64, null where nothing comes out).
        clipped: how many values each step that clips has changed, by the step's words.
        lost: how many raw values have no transformed one (no reference in their prompt, no contrast).
    """

    frame: pl.DataFrame
    clipped: Mapping[str, int]
    lost: int

    def digest(self) -> str:
        """SHA-256 over sample, prompt and transformed value, the same in whatever order the rows stand."""
        return values_digest(self.frame, "transformed")


@dataclass(frozen=True)
class Transform:
    """Steps in order, under a name and a version that a person counts up when they change them.

    The digest covers steps, name and version: two transforms with one name and version and different steps are told
    apart. No steps: the raw value.
    """

    steps: tuple[Step, ...] = ()
    name: str = ""
    version: int = 1

    def as_json(self) -> dict[str, Any]:
        return {"transform": 1, "name": self.name, "version": self.version, "steps": [s.as_json() for s in self.steps]}

    def digest(self) -> str:
        """SHA-256 of the meaning: the same for YAML and JSON, whatever the order of keys and left-out defaults."""
        return digest(self.as_json())

    @property
    def is_open(self) -> bool:
        return any(step.is_open for step in self.steps)

    @property
    def looks_at_prompt(self) -> bool:
        """Whether a sample's number depends on the other samples of its prompt."""
        return any(step.looks_at_prompt for step in self.steps)

    @property
    def contrast(self) -> str:
        """`mean` or `highest` of the values under other prompts where it asks for them, else empty."""
        first = self.steps[0] if self.steps else None
        return str(first.options["take"]) if first is not None and first.kind == "contrast" else ""

    def rescale(self, scale: Scale) -> Scale:
        for step in self.steps:
            scale = step.rescale(scale)
        return scale

    def fit(self, frame: pl.DataFrame) -> "Transform":
        """The transform with the mean and deviation of its reference set written into it, so that they stay.

        Args:
            frame: as for `apply`; `over: all` measures every row, `over: anchors` real and reference samples.

        Raises:
            Refused: the reference set has fewer than two values, or no spread.
        """
        column, fitted = _column(frame), []
        for step in self.steps:
            closed = _closed(step, column) if step.is_open else step
            column = replace(column, values=closed.compute(column))
            fitted.append(closed)
        return replace(self, steps=tuple(fitted))

    def apply(self, frame: pl.DataFrame) -> Applied:
        """Every step over every row; the raw column stays as it is.

        Args:
            frame: `value` (Float64, null for nothing said) and `prompt_id`; `kind` (generated, real or reference)
                for `reference` and `over: anchors`; `contrast` (Float64) for `contrast`.

        Raises:
            Refused: a reference set was never measured, a column is missing, or a value is infinite.
        """
        if self.is_open:
            raise Refused(
                f"The transform {self.name or 'here'!r} names a reference set for its z-score that was not measured. "
                "Fit it first, or write `mean` and `deviation`."
            )
        column, clipped = _column(frame, needs_contrast=bool(self.contrast)), {}
        for step in self.steps:
            before = column.values
            with np.errstate(over="ignore"):  # said below, in words
                column = replace(column, values=step.compute(column))
            if (count := _beyond(step, before)) is not None:
                clipped[str(step)] = count
        _refuse_infinite(column.values, "transformed values")
        made = pl.Series("transformed", column.values, dtype=pl.Float64).fill_nan(None)
        lost = made.null_count() - frame["value"].null_count()
        return Applied(frame.with_columns(made), clipped, lost)


# The number as the rater stated it.
RAW = Transform()


def _closed(step: Step, column: Column) -> Step:
    over = step.options["over"]
    reference = column.values[column.is_reference] if over == "anchors" else column.values
    try:
        mean, deviation = numbers.mean_and_deviation(reference)
    except ValueError as error:
        raise Refused(f"zscore over {over}: {error}. Name another reference set, or the prompt.") from error
    return Step(step.kind, {**step.options, "mean": mean, "deviation": deviation})


def _column(frame: pl.DataFrame, *, needs_contrast: bool = False) -> Column:
    for name in ("value", "prompt_id", *(["contrast"] if needs_contrast else [])):
        if name not in frame.columns:
            raise Refused(f"The frame has no column {name!r}; it has {', '.join(frame.columns)}.")
    values = _floats(frame["value"])
    _refuse_infinite(values, "values")
    return Column(
        values=values,
        prompts=frame["prompt_id"].to_numpy().astype(np.int64),
        is_reference=_anchors(frame),
        contrasts=_floats(frame["contrast"]) if "contrast" in frame.columns else None,
    )


def _refuse_infinite(values: Floats, what: str) -> None:
    if infinite := int(np.isinf(values).sum()):
        raise Refused(f"{infinite} of {len(values)} {what} are infinite, and nothing can be compared with them.")


def _floats(series: pl.Series) -> Floats:
    return series.cast(pl.Float64).fill_null(np.nan).to_numpy().astype(np.float64)


def _anchors(frame: pl.DataFrame) -> Bools:
    if "kind" not in frame.columns:
        return np.zeros(frame.height, dtype=bool)
    return frame["kind"].is_in(ANCHORS).fill_null(False).to_numpy().astype(bool)


def _beyond(step: Step, before: Floats) -> int | None:
    """How many values lay beyond the bounds of a step that clips; None for steps that do not."""
    low, high = _bounds(step.options) if _clips(step) else (None, None)
    if low is None and high is None:
        return None
    below = before < low if low is not None else np.zeros(len(before), dtype=bool)
    above = before > high if high is not None else np.zeros(len(before), dtype=bool)
    return int((below | above).sum())


def _clips(step: Step) -> bool:
    return step.kind == "clip" or (step.kind == "bounded" and bool(step.options["clip"]))


def _bounds(options: Options) -> tuple[float | None, float | None]:
    ends = [value for name in ("low", "high") if isinstance(value := options.get(name), int | float)]
    if len(ends) == 2:
        return float(min(ends)), float(max(ends))
    low, high = options.get("low"), options.get("high")
    return (
        float(low) if isinstance(low, int | float) else None,
        float(high) if isinstance(high, int | float) else None,
    )


def values_digest(frame: pl.DataFrame, column: str) -> str:
    """SHA-256 over (sample_id, prompt_id, value) in order of the ids; 0 and -0 are one number, null is its own."""
    rows = frame.select("sample_id", "prompt_id", column).sort("sample_id", "prompt_id", column)
    values = _floats(rows[column]) + 0.0
    values[np.isnan(values)] = np.nan
    text = hashlib.sha256()
    for name in ("sample_id", "prompt_id"):
        text.update(rows[name].to_numpy().astype("<i8").tobytes())
    text.update(values.astype("<f8").tobytes())
    return text.hexdigest()
