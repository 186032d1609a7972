"""How far a rater tells the samples of a prompt apart in the real evidence: spread, equal scores, saturation."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from django.db.models import Avg, Count, Max, Min, Q, QuerySet, StdDev

from curation.models import CriterionVersion, Project, Rater, Score
from curation.recipes.histograms import histogram
from scoring.probes import figures

# Prompts that are counted, the newest ones.
PROMPTS_READ = 20_000


@dataclass(frozen=True)
class OnEvidence:
    """What a rater's living scores on one criterion look like, each sample once.

    Attributes:
        scores: how many there are of the counted prompts.
        spread: standard deviation of all of them.
        groups: prompts with two scored samples and more.
        equal: how many of these give all their samples one score.
        saturated: scores at the fuller end of the range; None where the range has no ends.
        within: median standard deviation within a prompt, in spreads; None where all scores are equal.
        bars: histogram of the standard deviations within prompts: height of each bar, 0 to 100.
        most: where the histogram ends, in spreads; it begins at 0.
        is_whole: whether every prompt was counted, and not only the newest.
    """

    title: str
    criterion: str
    scores: int
    spread: float
    groups: int
    equal: int
    saturated: int | None
    within: float | None
    bars: tuple[float, ...]
    most: float
    is_whole: bool

    @property
    def share_equal(self) -> float | None:
        return self.equal / self.groups if self.groups else None

    @property
    def share_saturated(self) -> float | None:
        return None if self.saturated is None else self.saturated / self.scores

    @property
    def drawn(self) -> list[tuple[float, float, float, float]]:
        """Each bar as left edge, upper edge, width and height of a drawing of 100 by 100."""
        width = 100 / len(self.bars) if self.bars else 0.0
        return [(place * width, 100 - height, width * 0.9, height) for place, height in enumerate(self.bars)]


def on_evidence(project: Project, rater: Rater) -> list[OnEvidence]:
    """Every criterion the rater has living scores on in the project, by title. Two queries a criterion, and one."""
    spoken = Score.objects.living().filter(judgement__project=project, rater=rater)
    versions = CriterionVersion.objects.filter(pk__in=spoken.order_by().values("criterion_version").distinct())
    found = [_on(version, spoken.filter(criterion_version=version)) for version in versions.select_related("criterion")]
    return sorted((one for one in found if one is not None), key=lambda one: one.title)


def _on(version: CriterionVersion, scores: QuerySet[Score]) -> OnEvidence | None:
    # Contexts and repeats ask for the same thing again; the first answer without a context stands for the sample.
    plain = scores.filter(context=None, occasion=0)
    rows: list[Any] = list(
        plain.order_by()
        .values("prompt")
        .annotate(
            count=Count("value"),
            low=Min("value"),
            high=Max("value"),
            mean=Avg("value"),
            deviation=StdDev("value"),
            at_low=Count("value", filter=_at(version.low, version)),
            at_high=Count("value", filter=_at(version.high, version)),
        )
        .order_by("-prompt")[: PROMPTS_READ + 1]
    )
    if not rows:
        return None
    is_whole = len(rows) <= PROMPTS_READ
    return _summed(version, rows[:PROMPTS_READ], is_whole)


def _at(end: float | None, version: CriterionVersion) -> Q:
    """The same bounds as `figures.is_at`, as a condition on a row; nothing lies beyond an end."""
    if end is None or version.low is None or version.high is None:
        return Q(pk__isnull=True)
    near = figures.AT_THE_END * max(min(version.high - version.low, 1.0), abs(end))
    return Q(value__range=(end - near, end + near))


def _summed(version: CriterionVersion, rows: list[dict[str, Any]], is_whole: bool) -> OnEvidence:
    spread = _spread(rows)
    several = [row for row in rows if row["count"] > 1]
    deviations = [row["deviation"] / spread if spread else 0.0 for row in several]
    drawn: dict[str, Any] = {"counts": [], "high": 0.0}
    if several:
        drawn = histogram(pl.Series(deviations, dtype=pl.Float64), low=0.0)
    top = max(drawn["counts"], default=0) or 1
    has_ends = version.low is not None and version.high is not None
    return OnEvidence(
        title=version.name,
        criterion=version.criterion.key,
        scores=int(sum(row["count"] for row in rows)),
        spread=spread,
        groups=len(several),
        equal=sum(figures.equal(row["low"], row["high"]) for row in several),
        saturated=max(sum(row[end] for row in rows) for end in ("at_low", "at_high")) if has_ends else None,
        within=float(np.median(deviations)) if several and spread else None,
        bars=tuple(100 * count / top for count in drawn["counts"]),
        most=float(drawn["high"]),
        is_whole=is_whole,
    )


def _spread(rows: list[dict[str, Any]]) -> float:
    """The standard deviation (n − 1) of all scores from the means and deviations (n) of the prompts."""
    if figures.equal(min(row["low"] for row in rows), max(row["high"] for row in rows)):
        return 0.0
    count = sum(row["count"] for row in rows)
    middle = sum(row["count"] * row["mean"] for row in rows) / count
    squares = sum(row["count"] * (row["deviation"] ** 2 + (row["mean"] - middle) ** 2) for row in rows)
    return math.sqrt(squares / (count - 1))
