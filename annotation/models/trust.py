"""What this room tells a consensus: which answers were picked rather than drawn, and who fails known answers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from django.db import connection

from annotation import gold, questions
from annotation.labels import over_samples
from annotation.models.answers import Answer
from curation.consensus import rules
from curation.models.consensus_frames import asking

# Rules by which a batch asks about what is hard; a list of one's own or open requests may be anything.
PICKING = ("adjacent", "disagreement", "listed", "requests")

# The key of a batch's judgements is the batch and the item, parted by a stroke.
_PICKED = """
SELECT j.id FROM annotation_batch b
JOIN curation_judgement j ON j.project_id = b.project_id AND split_part(j.batch_key, '/', 1) = b.id::text
WHERE b.project_id = %s AND b.rule->>'rule' = ANY(%s)
"""


def picked(project_id: int) -> list[int]:
    """Judgements that answer items of batches whose rule picks what is close or disputed. Costs one query."""
    with connection.cursor() as cursor:
        cursor.execute(_PICKED, [project_id, list(PICKING)])
        return [row[0] for row in cursor.fetchall()]


def failing(project_id: int) -> list[int]:
    """People whose living answers to known questions in a project are wrong more often than right.

    Costs two queries; known answers are few.
    """
    right, known = Counter[int](), Counter[int]()
    for rater, is_right in _verdicts(project_id):
        known[rater] += 1
        right[rater] += is_right
    return sorted(rater for rater, count in known.items() if rules.is_against_the_others(right[rater], count))


def _verdicts(project_id: int) -> Iterator[tuple[int, bool]]:
    rows = Answer.objects.known().filter(assignment__batch__project=project_id)
    asked: dict[int, list[Any]] = {}
    for row in rows.select_related("assignment__item", "assignment__batch"):
        batch, item = row.assignment.batch, row.assignment.item
        here = asked.setdefault(batch.pk, list(questions.parse(batch.questions)))
        if item.expected is None or row.payload is None:
            continue
        said = over_samples(row.payload, here, row.assignment.presentation["order"], item.sample_ids)
        is_right = gold.is_right(here, item.expected, said)
        if is_right is not None:
            yield row.assignment.rater_id, is_right


asking.picked, asking.failing = picked, failing
