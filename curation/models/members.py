"""Whom a rater consists of: itself, its members, and theirs. A panel may hear a head that hears a judge."""

from __future__ import annotations

from collections.abc import Iterable

from django.db import connection

# Each of the raters with itself and everybody it consists of. UNION meets nobody twice, so a ring ends.
SOURCES = """
WITH RECURSIVE heard (id, source) AS (
    SELECT id, id FROM curation_rater WHERE id = ANY(%(ids)s)
    UNION
    SELECT heard.id, m.member_id FROM heard JOIN curation_ratermember m ON m.ensemble_id = heard.source
)
"""


def sources(rater_ids: Iterable[int]) -> dict[int, frozenset[int]]:
    """Ids of each of these raters and of everybody it consists of. Costs one query."""
    found: dict[int, set[int]] = {rater: {rater} for rater in rater_ids}
    with connection.cursor() as cursor:
        cursor.execute(f"{SOURCES} SELECT id, source FROM heard", {"ids": list(found)})  # noqa: S608  # only constants
        for rater, source in cursor.fetchall():
            found[rater].add(source)
    return {rater: frozenset(those) for rater, those in found.items()}
