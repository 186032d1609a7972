"""Which samples stand nearest to a prompt or a sample: the first answers, the parents, what grew out of it."""

from __future__ import annotations

from django.db import connection

from curation.models.prompts import Sample

# Deep enough for a conversation, few enough for a page.
DEPTH = 40
NODES = 200

_ANCESTORS = """
WITH RECURSIVE up (id, parent_id, depth) AS (
    SELECT id, parent_id, 0 FROM curation_sample WHERE id = %s
    UNION ALL
    SELECT s.id, s.parent_id, up.depth + 1 FROM curation_sample s JOIN up ON s.id = up.parent_id WHERE up.depth < %s
)
SELECT id FROM up WHERE depth > 0 ORDER BY depth DESC
"""

_DESCENDANTS = """
WITH RECURSIVE down (id, path) AS (
    SELECT id, ARRAY[id] FROM curation_sample WHERE id = %s
    UNION ALL
    SELECT s.id, down.path || s.id FROM curation_sample s JOIN down ON s.parent_id = down.id
    WHERE cardinality(down.path) < %s AND s.id <> ALL (down.path)
)
SELECT id, cardinality(path) - 1 FROM down WHERE cardinality(path) > 1 ORDER BY path LIMIT %s
"""


_FIRST = """
SELECT s.id, s.prompt_id FROM unnest(%s::bigint[]) AS p (id)
CROSS JOIN LATERAL (SELECT id, prompt_id FROM curation_sample WHERE prompt_id = p.id ORDER BY id LIMIT %s) s
"""


def first_samples(prompt_ids: list[int], number: int) -> list[tuple[int, int]]:
    """Sample and prompt ids of the first samples of each prompt, however many it has. Costs one query."""
    with connection.cursor() as cursor:
        cursor.execute(_FIRST, [prompt_ids, number])
        return cursor.fetchall()


def ancestors(sample: Sample) -> list[int]:
    """Ids from the root down to the parent. Costs one query."""
    with connection.cursor() as cursor:
        cursor.execute(_ANCESTORS, [sample.pk, DEPTH])
        return [row[0] for row in cursor.fetchall()]


def descendants(sample: Sample) -> list[tuple[int, int]]:
    """Ids with their depth below the sample, each after its own parent, at most `NODES`. Costs one query."""
    with connection.cursor() as cursor:
        cursor.execute(_DESCENDANTS, [sample.pk, DEPTH, NODES])
        return cursor.fetchall()
