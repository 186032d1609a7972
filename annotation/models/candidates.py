"""What a rule for choosing may look at, read by COPY into frames: samples, earlier sets, scores, verdicts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import polars as pl
from django.db import connection
from psycopg import ClientCursor

from annotation.pair_rules import CANDIDATES, EARLIER
from curation.media.pictures import RECIPE_VERSION
from curation.models import Project
from curation.models.evidence_frames import read_frame
from curation.models.prompts import SampleQuerySet

# What people see decides whether two samples are twins: the renditions in their order, and the text.
_CANDIDATES = """
SELECT s.id, s.prompt_id, s.generator_id,
       md5(coalesce(files.digests, '') || '|' || coalesce(s.text, '') || '|' || (s.text IS NULL)::text)
FROM curation_sample s
JOIN ({chosen}) chosen (id) ON chosen.id = s.id
LEFT JOIN (
    SELECT m.sample_id, string_agg(coalesce(r.sha256, a.sha256, m.absent_name), ',' ORDER BY m.position) AS digests
    FROM curation_samplemedia m
    JOIN ({chosen}) own (id) ON own.id = m.sample_id
    LEFT JOIN curation_asset a ON a.id = m.asset_id
    LEFT JOIN curation_rendition r ON r.asset_id = a.id AND r.recipe_version = %(recipe)s
    WHERE m.role = '' GROUP BY m.sample_id
) files ON files.sample_id = s.id
"""

_JUDGED_PAIRS = """
SELECT DISTINCT c.left_prompt_id, c.pair_low::text || ' ' || c.pair_high::text
FROM curation_comparison c
JOIN curation_judgement j ON j.id = c.judgement_id AND j.project_id = %(project)s
JOIN curation_rater r ON r.id = c.rater_id AND r.kind = 'person'
WHERE NOT c.is_retracted AND c.left_prompt_id = c.right_prompt_id
"""

_ITEMS = """
SELECT i.prompt_id, array_to_string(i.sample_ids, ' ') FROM annotation_item i WHERE i.batch_id = %(batch)s
"""

# What was answered in a batch under a guideline.
_ANSWERED = """
SELECT DISTINCT i.prompt_id, array_to_string(i.sample_ids, ' ')
FROM annotation_item i
JOIN annotation_batch b ON b.id = i.batch_id AND b.project_id = %(project)s
WHERE b.guideline_id = ANY(%(guidelines)s) AND (%(batch)s = 0 OR b.id = %(batch)s) AND i.purpose = 'label'
  AND EXISTS (SELECT 1 FROM annotation_assignment a WHERE a.item_id = i.id AND a.state = 'done')
"""

_VALUES = """
SELECT e.sample_id, CASE WHEN v.higher_is_better THEN e.value ELSE -e.value END
FROM curation_score e
JOIN curation_criterionversion v ON v.id = e.criterion_version_id
JOIN curation_sample s ON s.id = e.sample_id AND s.prompt_id = e.prompt_id
WHERE e.criterion_version_id = %(criterion)s AND e.rater_id = %(rater)s AND NOT e.is_retracted AND e.occasion = 0
  AND e.context_id IS NULL AND s.project_id = %(project)s
"""

_LEANS = """
SELECT c.pair_low, c.pair_high, c.rater_id,
       avg(CASE c.outcome WHEN 'left' THEN 1.0 WHEN 'right' THEN -1.0 ELSE 0.0 END
           * CASE WHEN c.left_sample_id = c.pair_low THEN 1 ELSE -1 END)::float8
FROM curation_comparison c JOIN curation_judgement j ON j.id = c.judgement_id AND j.project_id = %(project)s
WHERE c.rater_id = ANY(%(judges)s) AND NOT c.is_retracted AND c.outcome <> 'both-bad'
GROUP BY 1, 2, 3
"""

_NAMED_SETS = pl.Schema({"prompt": pl.Int64, "named": pl.String})


def candidates(samples: SampleQuerySet) -> pl.DataFrame:
    """These samples as `CANDIDATES`. Costs one query."""
    return read_frame(_CANDIDATES.format(chosen=_stated(samples)), CANDIDATES, {"recipe": RECIPE_VERSION})


def judged_pairs(project: Project) -> pl.DataFrame:
    """Pairs that some person compared, as `EARLIER`. Costs one query."""
    return _sets(_JUDGED_PAIRS, {"project": project.pk})


def item_sets(batch_id: int) -> pl.DataFrame:
    """What a batch asks about already, as `EARLIER`. Costs one query."""
    return _sets(_ITEMS, {"batch": batch_id})


def answered_sets(project: Project, guideline_ids: Sequence[int], batch_id: int | None) -> pl.DataFrame:
    """What was answered under these guidelines, in one batch or in all, as `EARLIER`. Costs one query."""
    values = {"project": project.pk, "guidelines": list(guideline_ids), "batch": batch_id or 0}
    return _sets(_ANSWERED, values)


def values(project: Project, rater_id: int, criterion_version_id: int) -> pl.DataFrame:
    """One column of scores, turned so that higher is better: `sample`, `value`. Costs one query."""
    schema = pl.Schema({"sample": pl.Int64, "value": pl.Float64})
    found = read_frame(_VALUES, schema, {"project": project.pk, "rater": rater_id, "criterion": criterion_version_id})
    return found.unique("sample", keep="first", maintain_order=True)


def leans(project: Project, judge_ids: Sequence[int]) -> pl.DataFrame:
    """What machine judges said of pairs: `low`, `high`, `judge`, `lean` from -1 (high) to 1 (low). One query."""
    schema = pl.Schema({"low": pl.Int64, "high": pl.Int64, "judge": pl.Int64, "lean": pl.Float64})
    return read_frame(_LEANS, schema, {"project": project.pk, "judges": list(judge_ids)})


def _sets(select: str, parameters: dict[str, Any]) -> pl.DataFrame:
    found = read_frame(select, _NAMED_SETS, parameters)
    ids = pl.col("named").str.split(" ").cast(pl.List(pl.Int64)).list.sort()
    return found.select("prompt", ids.alias("samples")).cast(dict(EARLIER))  # type: ignore[arg-type]


def _stated(samples: SampleQuerySet) -> str:
    """The ids of these samples as a SELECT with its values written in, quoted by the driver."""
    query, parameters = samples.order_by().values("pk").query.sql_with_params()
    with connection.cursor() as cursor:
        stated = ClientCursor(cursor.connection).mogrify(query, parameters)
    # It becomes part of a statement that takes parameters of its own.
    return stated.replace("%", "%%")
