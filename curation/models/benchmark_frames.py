"""What stands in frozen benchmarks, as frames: read by one statement each."""

from __future__ import annotations

import polars as pl

from curation.models.evidence_frames import read_frame
from curation.recipes.frames import BARRED

# Whoever asks for the same in other words is barred too, through as many rewrites as it takes.
_BARRED = """
WITH RECURSIVE kin(id) AS (
    SELECT p.id
    FROM (SELECT prompt_id AS id FROM curation_promptlink UNION SELECT origin_id FROM curation_promptlink) linked
    JOIN curation_prompt p ON p.id = linked.id JOIN curation_benchmarkitem i ON i.prompt_identity = p.identity
    UNION
    SELECT CASE WHEN l.prompt_id = kin.id THEN l.origin_id ELSE l.prompt_id END
    FROM kin JOIN curation_promptlink l ON kin.id IN (l.prompt_id, l.origin_id) AND l.relation <> 'contrast'
)
SELECT 'prompt', i.prompt_identity, nullif(i.prompt_text, '') FROM curation_benchmarkitem i
UNION SELECT 'prompt', p.identity, nullif(p.text, '') FROM kin JOIN curation_prompt p ON p.id = kin.id
UNION SELECT 'sample', s->>'identity', NULL FROM curation_benchmarkitem i, jsonb_array_elements(i.samples) s
UNION SELECT 'content', s->>'content', NULL FROM curation_benchmarkitem i, jsonb_array_elements(i.samples) s
      WHERE (s->>'shown')::boolean
UNION SELECT 'media', m, NULL FROM curation_benchmarkitem i, jsonb_array_elements_text(i.inputs) m
"""

VERDICTS = pl.Schema(
    {
        "low_id": pl.Int64,  # the sample with the smaller id
        "high_id": pl.Int64,
        "prompt_id": pl.Int64,  # the one the first was judged under
        "criterion": pl.String,
        "low_votes": pl.Int64,
        "high_votes": pl.Int64,
        "ties": pl.Int64,
        "both_bad": pl.Int64,
        "in_batch": pl.Boolean,  # whether one of the votes was cast in the batch asked about
    }
)

# One vote a person and couple: repeats of the same question are no further votes.
_VERDICTS = """
SELECT e.pair_low, e.pair_high, min(e.left_prompt_id), c.key,
       count(*) FILTER (WHERE e.outcome = 'left' AND e.left_sample_id = e.pair_low
                           OR e.outcome = 'right' AND e.right_sample_id = e.pair_low),
       count(*) FILTER (WHERE e.outcome = 'left' AND e.left_sample_id = e.pair_high
                           OR e.outcome = 'right' AND e.right_sample_id = e.pair_high),
       count(*) FILTER (WHERE e.outcome = 'tie'), count(*) FILTER (WHERE e.outcome = 'both-bad'),
       bool_or(j.batch_key LIKE %(batch)s)
FROM curation_comparison e
JOIN curation_judgement j ON j.id = e.judgement_id
JOIN curation_rater r ON r.id = e.rater_id
JOIN curation_criterionversion v ON v.id = e.criterion_version_id
JOIN curation_criterion c ON c.id = v.criterion_id
WHERE j.project_id = %(project)s AND NOT e.is_retracted AND e.occasion = 0 AND e.context_id IS NULL
  AND j.purpose = ANY(%(purposes)s) AND r.kind = 'person' AND e.left_prompt_id = e.right_prompt_id
GROUP BY e.pair_low, e.pair_high, c.key
"""


def read_barred() -> pl.DataFrame:
    """`recipes.frames.BARRED`: everything that stands in a benchmark of any project, old versions included."""
    return read_frame(_BARRED, BARRED, {})


def read_verdicts(*, project_id: int, purposes: list[str], batch: str = "") -> pl.DataFrame:
    """`VERDICTS`: what people said of each couple, counted.

    Args:
        batch: the id of a batch that `in_batch` asks about; empty for none.
    """
    values = {"project": project_id, "purposes": purposes, "batch": f"{batch}/%" if batch else ""}
    return read_frame(_VERDICTS, VERDICTS, values)
