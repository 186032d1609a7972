"""The answers of a batch as a polars frame, read by COPY: nothing becomes a Python object."""

from __future__ import annotations

import polars as pl

from annotation.labels import ANSWERS
from annotation.models.batches import Batch
from curation.models.evidence_frames import read_frame

# A rater whose newest standing is a quarantine is kept apart from its beginning on.
_ANSWERS = """
SELECT a.id, a.item_id, a.rater_id, a.purpose, a.is_repeat, a.repeats_id, a.state = 'late',
       said.seconds, (extract(epoch FROM said.created_at) * 1000000)::bigint,
       coalesce(standing.state = 'quarantined' AND said.created_at >= standing.since, false),
       a.presentation->>'order', (said.payload->'questions')::text
FROM annotation_assignment a
JOIN annotation_answer said ON said.assignment_id = a.id AND said.replaced_by_id IS NULL
LEFT JOIN (
    SELECT DISTINCT ON (rater_id) rater_id, state, since FROM curation_raterstanding
    WHERE project_id = %(project)s ORDER BY rater_id, id DESC
) standing ON standing.rater_id = a.rater_id
WHERE a.batch_id = %(batch)s AND a.state IN ('done', 'late')
ORDER BY said.created_at, said.id
"""


def read_answers(batch: Batch) -> pl.DataFrame:
    """The living answers of the batch in the order of time, in the columns of `annotation.labels.ANSWERS`.

    Costs one query; a million answers take a few seconds and a few hundred megabytes.
    """
    return read_frame(_ANSWERS, ANSWERS, {"batch": batch.pk, "project": batch.project_id})
