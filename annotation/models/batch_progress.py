"""How far a batch is, counted by the database: what came in when, how long it took, what is left."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import connection

from annotation.models.batches import Batch
from annotation.models.queue import Assignment, Slot

# Bins of the last two days are hours; of anything longer, days.
HOURS_SHOWN = 48
DAYS_SHOWN = 60


@dataclass(frozen=True)
class Progress:
    """A batch at a moment.

    Args:
        answers: living answers, late ones and examinations included; `late` of them filled no place.
        places: answers that were wanted, one a person and item; `filled` of them are given, `left` are still open.
        items, items_done: items that people are asked about, and those with as many answers as the batch wants.
        median_seconds, slow_seconds: half, and nine of ten, of the answers took at most so long.
        per_hour: the pace of the last hour in which anybody answered, the last day, or all of it (`pace_of`).
        bins: answers by hour or by day, oldest first, with the start of each; gaps are 0.
    """

    at: datetime
    answers: int
    late: int
    raters: int
    examinations: int
    places: int
    filled: int
    left: int
    items: int
    items_done: int
    median_seconds: float | None
    slow_seconds: float | None
    first_at: datetime | None
    last_at: datetime | None
    per_hour: float
    pace_of: str  # hour, day, all; empty before the first answer
    is_by_hour: bool
    bins: tuple[tuple[datetime, int], ...]

    @property
    def ends_at(self) -> datetime | None:
        """When the last open place will be filled if the pace holds; None without a pace, or with nothing left."""
        if not self.left or not self.per_hour:
            return None
        hours = self.left / self.per_hour
        # Beyond ten years a date says no more than that it will not end.
        return self.at + timedelta(hours=hours) if hours < 87_600 else None


_TOTALS = """
SELECT count(*), count(*) FILTER (WHERE a.state = 'late'), count(DISTINCT a.rater_id),
       count(*) FILTER (WHERE a.is_repeat OR a.purpose IN ('gold', 'qualification')),
       count(*) FILTER (WHERE a.slot_id IS NOT NULL AND a.state = 'done'),
       percentile_cont(0.5) WITHIN GROUP (ORDER BY said.seconds),
       percentile_cont(0.9) WITHIN GROUP (ORDER BY said.seconds),
       min(said.created_at), max(said.created_at),
       count(*) FILTER (WHERE a.slot_id IS NOT NULL AND said.created_at > %(now)s - interval '1 hour'),
       count(*) FILTER (WHERE a.slot_id IS NOT NULL AND said.created_at > %(now)s - interval '1 day')
FROM annotation_assignment a
JOIN annotation_answer said ON said.assignment_id = a.id AND said.replaced_by_id IS NULL
WHERE a.batch_id = %(batch)s AND a.state IN ('done', 'late')
"""

_ITEMS_DONE = """
SELECT count(*) FROM (
    SELECT item_id FROM annotation_assignment
    WHERE batch_id = %(batch)s AND state = 'done' AND slot_id IS NOT NULL
    GROUP BY item_id HAVING count(*) >= %(overlap)s
) full_items
"""

_BINS = """
SELECT date_trunc(%(unit)s, said.created_at, 'UTC') AS bin, count(*)
FROM annotation_assignment a
JOIN annotation_answer said ON said.assignment_id = a.id AND said.replaced_by_id IS NULL
WHERE a.batch_id = %(batch)s AND a.state IN ('done', 'late') AND said.created_at > %(since)s
GROUP BY bin ORDER BY bin
"""


def progress(batch: Batch, now: datetime) -> Progress:
    """Costs six queries; two of them read every answer of the batch."""
    answers, late, raters, examined, filled, median, slow, first, last, hour, day = _one(
        _TOTALS, {"batch": batch.pk, "now": now}
    )
    (items_done,) = _one(_ITEMS_DONE, {"batch": batch.pk, "overlap": batch.overlap})
    held = Assignment.objects.filter(batch=batch, state=Assignment.State.LEASED, slot__isnull=False).count()
    is_by_hour = first is None or now - first <= timedelta(hours=HOURS_SHOWN)
    per_hour, pace_of = _pace(hour, day, filled, first, now)
    return Progress(
        at=now,
        answers=answers,
        late=late,
        raters=raters,
        examinations=examined,
        places=batch.item_count * batch.overlap,
        filled=filled,
        left=Slot.objects.filter(batch=batch, state=Slot.State.OPEN).count() + held,
        items=batch.item_count,
        items_done=items_done,
        median_seconds=median,
        slow_seconds=slow,
        first_at=first,
        last_at=last,
        per_hour=per_hour,
        pace_of=pace_of,
        is_by_hour=is_by_hour,
        bins=_bins(batch, now, first, is_by_hour),
    )


def _one(sql: str, values: dict[str, Any]) -> tuple[Any, ...]:
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        row: tuple[Any, ...] = cursor.fetchone()
    return row


def _pace(hour: int, day: int, filled: int, first: datetime | None, now: datetime) -> tuple[float, str]:
    if first is None or not filled:
        return 0.0, ""
    hours = max((now - first).total_seconds() / 3600, 1 / 60)
    if hour:
        return hour / min(hours, 1.0), "hour"
    if day:
        return day / min(hours, 24.0), "day"
    return filled / hours, "all"


def _bins(batch: Batch, now: datetime, first: datetime | None, is_by_hour: bool) -> tuple[tuple[datetime, int], ...]:
    if first is None:
        return ()
    step = timedelta(hours=1) if is_by_hour else timedelta(days=1)
    since = max(first, now - timedelta(days=DAYS_SHOWN))
    start = since.replace(minute=0, second=0, microsecond=0)
    start = start if is_by_hour else start.replace(hour=0)
    with connection.cursor() as cursor:
        unit = "hour" if is_by_hour else "day"
        cursor.execute(_BINS, {"unit": unit, "batch": batch.pk, "since": start})
        counts = dict(cursor.fetchall())
    number = int((now - start) / step) + 1
    return tuple((start + place * step, counts.get(start + place * step, 0)) for place in range(number))
