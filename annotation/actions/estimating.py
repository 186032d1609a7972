"""How much work a batch is before it starts: items, answers, hours, and what the hours stand on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connection
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from annotation import questions as asked
from annotation.models import Batch
from annotation.questions import Question

# Seconds a question takes where nothing has been measured yet: for the item, and for each of its samples.
ASSUMED = {
    "compare": (7.0, 0.0),
    "pick": (3.0, 2.0),
    "rank": (5.0, 4.0),
    "rate": (1.0, 4.0),
    "check": (1.0, 2.0),  # and so much an item of the list
    "mark": (5.0, 12.0),
    "write": (5.0, 15.0),
}
# Fewer measurements than this say little.
LEAST_MEASURED = 5
# The newest so many are enough for a median.
MOST_MEASURED = 2000

_EARLIER = """
SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY seconds), count(*)
FROM (
    SELECT w.seconds FROM annotation_answer w
    JOIN annotation_assignment a ON a.id = w.assignment_id
    JOIN annotation_item i ON i.id = a.item_id
    JOIN annotation_batch b ON b.id = a.batch_id
    WHERE b.project_id = %(project)s AND b.id <> %(batch)s AND w.seconds IS NOT NULL AND w.replaced_by_id IS NULL
      AND (SELECT array_agg(q->>'kind' ORDER BY q->>'kind') FROM jsonb_array_elements(b.questions) q) = %(kinds)s
      AND cardinality(i.sample_ids) = %(samples)s
    ORDER BY w.id DESC LIMIT %(most)s
) newest
"""


@dataclass(frozen=True)
class Estimate:
    """`answers`: what people send; `judgements`: one for each question of an answer; `source`: what `seconds` (an
    answer) stands on, in words."""

    items: int
    gold: int
    answers: int
    judgements: int
    seconds: float
    source: str
    is_measured: bool

    @property
    def hours(self) -> float:
        return self.answers * self.seconds / 3600

    @property
    def time(self) -> str:
        """The hours in words; minutes where it is little."""
        if self.hours < 1:
            return _("%(number)d min") % {"number": max(round(self.hours * 60), 1)}
        return _("%(number).1f h") % {"number": self.hours}


def of_batch(batch: Batch) -> Estimate:
    """The work of a batch as it is drawn. Costs three queries."""
    sizes = Counter(dict(_sizes(batch, gold=False)))
    gold = sum(number for _size, number in _sizes(batch, gold=True))
    parsed = asked.parse(batch.questions)
    items = sum(sizes.values())
    if batch.kind == Batch.Kind.QUALIFICATION:
        answers, usual = gold, 2
    else:
        beside = batch.gold_share + batch.repeat_share
        answers = round(items * batch.overlap / max(1 - beside, 0.01))
        usual = sizes.most_common(1)[0][0] if sizes else 2
    seconds, source, is_measured = seconds_an_answer(batch, parsed, usual)
    return Estimate(items, gold, answers, answers * len(parsed), seconds, source, is_measured)


def _sizes(batch: Batch, *, gold: bool) -> list[tuple[int, int]]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT cardinality(sample_ids), count(*) FROM annotation_item "
            "WHERE batch_id = %s AND (purpose IN ('gold', 'qualification')) = %s GROUP BY 1",
            [batch.pk, gold],
        )
        return cursor.fetchall()


def seconds_an_answer(batch: Batch, parsed: Sequence[Question], samples: int) -> tuple[float, str, bool]:
    """Seconds one answer takes, what that stands on, and whether it was measured. Costs one query."""
    values: dict[str, Any] = {
        "project": batch.project_id,
        "batch": batch.pk or 0,
        "kinds": sorted(question.kind for question in parsed),
        "samples": samples,
        "most": MOST_MEASURED,
    }
    with connection.cursor() as cursor:
        cursor.execute(_EARLIER, values)
        median, number = cursor.fetchone()
    if number >= LEAST_MEASURED:
        source = ngettext(
            "the median of %(number)d earlier answer to such questions in this project",
            "the median of %(number)d earlier answers to such questions in this project",
            number,
        )
        return float(median), source % {"number": number}, True
    return assumed(parsed, samples), _("an assumption: nothing like it has been measured in this project yet"), False


def assumed(parsed: Sequence[Question], samples: int) -> float:
    """Seconds an answer is taken to need where nothing was measured."""
    total = 0.0
    for question in parsed:
        once, each = ASSUMED[question.kind]
        total += once + each * samples * (len(question.items) or 1)
    return total
