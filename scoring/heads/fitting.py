"""From labels and features to a head and what is known of it: examined first, then fitted on all labels. Plain code."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np
import polars as pl

from curation.errors import Refused
from curation.examination.intervals import Difference, Estimate
from scoring.heads import labels as labelled
from scoring.heads.features import Block, Encoder, Scale, Scores, scale_of
from scoring.heads.fit import EXACT, Floats, Ints, Levels, Preferences, Ties
from scoring.heads.head import Form, Head
from scoring.heads.labels import Labels
from scoring.heads.validate import (
    HeldOut,
    PairLesson,
    Point,
    RatingLesson,
    ceiling,
    check_enough,
    chosen_ridge,
    held_out,
)

# Single scores that are told beside the head, the best first.
RIVALS_TOLD = 8


@dataclass(frozen=True)
class Wanted:
    """What a head is to be.

    Attributes:
        higher_is_better: of the criterion that people rated under; preferences have none.
    """

    name: str
    form: Form
    criterion: str
    blocks: tuple[Block, ...]
    ties: Ties = Ties.HALF
    higher_is_better: bool = True


@dataclass(frozen=True)
class Rival:
    """A score that exists already: (S,) values of the labelled subjects, NaN where it has none, higher is better."""

    label: str
    values: Floats


@dataclass(frozen=True)
class Compared:
    """A rival on the held-out questions.

    Attributes:
        accuracy: on those it has an answer to.
        less: the head's accuracy less the rival's, where both answer.
    """

    label: str
    accuracy: Estimate
    less: Difference | None


@dataclass(frozen=True)
class Weighed:
    """What one thing that a head looks at weighs.

    Attributes:
        weight: of a column of scores, logits a standard deviation (mean and deviation kept with the head); None for
            the parts of an encoder, which have many.
        spread: standard deviation, logits, of what it adds to the samples it was fitted on.
    """

    label: str
    part: str
    weight: float | None
    spread: float
    mean: float | None = None
    deviation: float | None = None


@dataclass(frozen=True)
class Report:
    """What is known of a head.

    Attributes:
        accuracy: on labels of families that the asked head was not fitted on, by five parts; a tie of the head is ½.
        curve: the same by growing shares of the labels.
        ridge: of the head that is kept; ridges: of the five that were asked.
        rivals: existing scores, the best first. The best of several is flattered by being chosen on these labels.
        others, same: how often labels agree with each other, and raters with themselves; `most`: what a head that knew
            the truth would get, where that can be said.
        counts: labels, ties, raters, prompts, families of prompts that belong together, samples, features, constant.
        apart: labels that were left out, by reason.
        across: whether ratings of different prompts were compared, because no prompt has two.
    """

    accuracy: Estimate
    curve: tuple[Point, ...]
    ridge: float
    ridges: tuple[float, ...]
    rivals: tuple[Compared, ...]
    others: Estimate | None
    same: Estimate | None
    most: float | None
    weighed: tuple[Weighed, ...]
    counts: dict[str, int]
    apart: dict[str, int] = field(default_factory=dict)
    across: bool = False

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class Fitted:
    head: Head
    report: Report


def fit(
    labels: Labels,
    features: Floats,
    wanted: Wanted,
    *,
    rivals: Sequence[Rival] = (),
    again: pl.DataFrame | None = None,
    pulse: Callable[[], None] = lambda: None,
) -> Fitted:
    """Examines a head on held-out prompts, then fits the one that is kept on all labels.

    Args:
        labels: N of them on S subjects.
        features: (S, F), unscaled, finite.
        rivals: scores that exist already.
        again: repeats of raters, as `labels.repeats` finds them.
        pulse: called between fits; may raise to stop.

    Raises:
        Refused: too few labels, nothing in them or in the features to learn from.
        ValueError: features that are not finite or do not fit the subjects.
    """
    if len(features) != len(labels.samples):
        raise ValueError(f"{len(features)} rows of features for {len(labels.samples)} subjects")
    if not len(labels):
        raise Refused("No label is left whose samples have all these features. Choose others, or let them be scored.")
    scale = scale_of(features, wanted.blocks)
    scaled = scale.apply(features)
    levels, place = labelled.levels_of(labels.said)
    lesson, axes = _lesson(labels, scaled, place, wanted).turned()
    check_enough(lesson)
    found = held_out(lesson, pulse=pulse)
    everything = np.ones(len(labels), dtype=bool)
    believed = lesson.believing(everything)
    ridge = chosen_ridge(believed, everything, pulse=pulse)
    fitted = believed.fit(everything, ridge, EXACT)
    head = _head(wanted, scale, replace(fitted, weights=axes @ fitted.weights), levels, ridge)
    beside = _Beside(rivals, again, _weighed(head, scaled), scale, wanted.higher_is_better)
    report = _report(labels, lesson, found, ridge, beside)
    return Fitted(head, report)


def _lesson(labels: Labels, scaled: Floats, level: Ints, wanted: Wanted) -> PairLesson | RatingLesson:
    if wanted.form == Form.PAIRS:
        apart = scaled[labels.first] - scaled[labels.second]
        trust = partial(labelled.slopes_by, labels)
        return PairLesson(apart, labels.said, labels.weight, labels.prompt, wanted.ties, labels.families, trust)
    features, weight = scaled[labels.first], labels.weight
    lesson = RatingLesson.of(features, level, weight, labels.prompt, labels.rater, labels.families)
    return replace(lesson, trust=partial(labelled.rating_weights_by, labels))


def _head(wanted: Wanted, scale: Scale, fitted: Preferences | Levels, levels: Floats, ridge: float) -> Head:
    is_rated = isinstance(fitted, Levels)
    return Head(
        name=wanted.name,
        form=wanted.form,
        criterion=wanted.criterion,
        blocks=wanted.blocks,
        scale=scale,
        weights=fitted.weights,
        ridge=ridge,
        ties="" if is_rated else str(wanted.ties),
        tie=None if isinstance(fitted, Levels) else fitted.tie,
        cuts=fitted.cuts if isinstance(fitted, Levels) else np.zeros(0),
        levels=levels if is_rated else np.zeros(0),
        higher_is_better=wanted.higher_is_better,
    )


# -- the report -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Beside:
    """What a report tells beside the examination."""

    rivals: Sequence[Rival]
    again: pl.DataFrame | None
    weighed: tuple[Weighed, ...]
    scale: Scale
    higher_is_better: bool


def _report(labels: Labels, lesson: PairLesson | RatingLesson, found: HeldOut, ridge: float, beside: _Beside) -> Report:
    is_pairs = isinstance(lesson, PairLesson)
    pairs = labels if is_pairs else labelled.as_preferences(labels)
    again = beside.again if beside.again is not None else labelled.no_repeats()
    agreed = labelled.agreement(pairs, again) if pairs is not None else labelled.Agreement(None, None)
    known = agreed.others or agreed.same
    return Report(
        accuracy=found.accuracy,
        curve=found.curve,
        ridge=ridge,
        ridges=found.ridges,
        rivals=_compared(labels, lesson, found, beside),
        others=agreed.others,
        same=agreed.same,
        most=ceiling(known.value) if known else None,
        weighed=beside.weighed,
        counts={
            "labels": len(labels),
            "ties": int((labels.said == 0.5).sum()) if is_pairs else 0,
            "raters": len(np.unique(labels.rater)),
            "prompts": len(np.unique(labels.prompt)),
            "families": len(np.unique(lesson.family)),
            "samples": len(labels.samples),
            "features": len(beside.scale.centre),
            "constant": beside.scale.constant,
        },
        apart=labels.apart,
        across=isinstance(lesson, RatingLesson) and lesson.is_across,
    )


def _compared(
    labels: Labels, lesson: PairLesson | RatingLesson, found: HeldOut, beside: _Beside
) -> tuple[Compared, ...]:
    """Every rival on the questions that the head was asked, the best first."""
    better, worse = _questions(labels, lesson, beside.higher_is_better)
    clusters = lesson.clusters
    told = []
    for rival in beside.rivals:
        credit = (1 + np.sign(rival.values[better] - rival.values[worse])) / 2
        credit = np.where(np.isnan(found.credit), np.nan, credit)
        accuracy = clusters.estimate(credit)
        if accuracy is not None:
            told.append(Compared(rival.label, accuracy, clusters.difference(found.credit, credit)))
    told.sort(key=lambda one: -one.accuracy.value)
    return tuple(told[:RIVALS_TOLD])


def _questions(labels: Labels, lesson: PairLesson | RatingLesson, higher_is_better: bool) -> tuple[Ints, Ints]:
    """Of each question the subject that was called better, and the other."""
    if isinstance(lesson, PairLesson):
        is_first = labels.said >= 0.5
        return np.where(is_first, labels.first, labels.second), np.where(is_first, labels.second, labels.first)
    higher, lower = labels.first[lesson.higher], labels.first[lesson.lower]
    return (higher, lower) if higher_is_better else (lower, higher)


def _weighed(head: Head, scaled: Floats) -> tuple[Weighed, ...]:
    """Every column of scores and every part of an encoder, in order."""
    told, start = [], 0
    for block in head.blocks:
        for number, size in enumerate(block.sizes):
            own = slice(start, start + size)
            added = float((scaled[:, own] @ head.weights[own]).std())
            told.append(_one(block, number, head, start, added))
            start += size
    return tuple(told)


def _one(block: Block, number: int, head: Head, start: int, added: float) -> Weighed:
    if isinstance(block, Encoder):
        return Weighed(block.scorer, ("pictures", "pictures × words")[number], None, added)
    assert isinstance(block, Scores)
    return Weighed(
        block.columns[number].label,
        "score",
        float(head.weights[start]) if added else 0.0,  # of a feature that never varied, what rounding leaves
        added,
        float(head.scale.centre[start]),
        float(head.scale.size[start]),
    )
