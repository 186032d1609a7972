"""Which scores a project has, and how one of them is spread: reads that stay quick at ten million rows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection

from curation.figures import Histogram
from curation.models.counts import ProjectCounts
from curation.models.criteria import CriterionVersion
from curation.models.people import Project
from curation.models.raters import Rater

# Walks the index (criterion_version, rater, value) from one rater to the next instead of reading the scores between.
_COLUMNS = """
WITH RECURSIVE found (criterion_version_id, rater_id) AS (
    SELECT v.id, (
        SELECT min(s.rater_id) FROM curation_score s WHERE s.criterion_version_id = v.id AND NOT s.is_retracted
    )
    FROM curation_criterionversion v JOIN curation_criterion c ON c.id = v.criterion_id
    WHERE c.project_id = %s
    UNION ALL
    SELECT f.criterion_version_id, (
        SELECT min(s.rater_id) FROM curation_score s
        WHERE s.criterion_version_id = f.criterion_version_id AND s.rater_id > f.rater_id AND NOT s.is_retracted
    )
    FROM found f WHERE f.rater_id IS NOT NULL
)
SELECT criterion_version_id, rater_id FROM found WHERE rater_id IS NOT NULL
"""

_RANGE = """
SELECT
    (SELECT min(value) FROM curation_score
     WHERE criterion_version_id = %(criterion)s AND rater_id = %(rater)s AND NOT is_retracted),
    (SELECT max(value) FROM curation_score
     WHERE criterion_version_id = %(criterion)s AND rater_id = %(rater)s AND NOT is_retracted)
"""

# Reads the column's part of the index on values, never the table.
_BINS = """
SELECT least(width_bucket(value, %(low)s, %(high)s, %(bins)s), %(bins)s) - 1 AS bin, count(*)
FROM curation_score
WHERE criterion_version_id = %(criterion)s AND rater_id = %(rater)s AND NOT is_retracted
GROUP BY bin
"""


@dataclass(frozen=True)
class ScoreColumn:
    """The scores of one rater under one criterion."""

    rater: Rater
    criterion: CriterionVersion

    @property
    def key(self) -> str:
        """How the column is named in an address."""
        return f"{self.rater.pk}.{self.criterion.pk}"

    @property
    def label(self) -> str:
        return f"{self.rater.name} · {self.criterion.name}"


def of_project(project: Project) -> list[ScoreColumn]:
    """Every column with at least one living score, by name. Costs three queries, whatever the number of scores."""
    with connection.cursor() as cursor:
        cursor.execute(_COLUMNS, [project.pk])
        pairs = cursor.fetchall()
    criteria = CriterionVersion.objects.select_related("criterion").in_bulk({criterion for criterion, _ in pairs})
    raters = Rater.objects.in_bulk({rater for _, rater in pairs})
    columns = [ScoreColumn(raters[rater], criteria[criterion]) for criterion, rater in pairs]
    return sorted(columns, key=lambda column: (column.rater.kind, column.label.lower(), column.criterion.number))


@dataclass(frozen=True)
class Spread:
    """How the living values of a column are spread, and when they were counted; None for just now."""

    histogram: Histogram | None
    counted_at: datetime | None


def spread(project: Project, column: ScoreColumn) -> Spread:
    """The kept histogram of a large column, or one that is made now. Costs one query, or three."""
    kept = ProjectCounts.objects.filter(project=project, histograms__has_key=column.key).first()
    if kept is None:
        return Spread(histogram(column), None)
    fields = kept.histograms[column.key]
    return Spread(Histogram(fields["low"], fields["high"], tuple(fields["counts"])), kept.counted_at)


def large_histograms(project: Project, most: int) -> dict[str, dict[str, Any]]:
    """The histograms of all columns with more than this many living values, as they are kept. Reads all of them."""
    columns = of_project(project)
    made = {column.key: histogram(column) for column in columns}
    return {
        key: {"low": one.low, "high": one.high, "counts": one.counts}
        for key, one in made.items()
        if one is not None and one.total > most
    }


def histogram(column: ScoreColumn, bins: int = 40) -> Histogram | None:
    """How the column's living values are spread; None where there are none. Costs two queries."""
    parameters = {"criterion": column.criterion.pk, "rater": column.rater.pk, "bins": bins}
    with connection.cursor() as cursor:
        cursor.execute(_RANGE, parameters)
        low, high = cursor.fetchone()
        if low is None:
            return None
        if low == high:
            low, high = low - 0.5, high + 0.5
        cursor.execute(_BINS, {**parameters, "low": low, "high": high})
        counts = dict(cursor.fetchall())
    return Histogram(low=low, high=high, counts=tuple(counts.get(number, 0) for number in range(bins)))
