"""Who stands behind a set of judgements: machines by name and revision, people by their number alone."""

from __future__ import annotations

from typing import Any

import polars as pl
from django.db import connection

_HEARD = """
SELECT r.kind, CASE WHEN r.kind IN ('person', 'behaviour') THEN '' ELSE r.name END AS name, r.identity_digest,
       count(DISTINCT r.id), count(*)
FROM curation_judgement j JOIN curation_rater r ON r.id = j.rater_id
WHERE j.id = ANY(%s) GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
"""


def heard_behind(acts: pl.Series) -> list[dict[str, Any]]:
    """Lines of rater_kind, name, revision, raters and judgements, as the manifest of a version has them.

    Args:
        acts: judgement ids, each once. Costs one query.
    """
    names = ("rater_kind", "name", "revision", "raters", "judgements")
    with connection.cursor() as cursor:
        cursor.execute(_HEARD, [acts.to_list()])
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
