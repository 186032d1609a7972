"""What the gate looks at, by COPY into polars frames: the rows that a version names, whatever its project holds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import polars as pl
from django.db import connection

from curation.gate import tables
from curation.gate.looks import brightness_and_coarse
from curation.models.evidence_frames import read_frame
from curation.models.gate import Look
from curation.models.members import SOURCES

# Parts the items of an array in a CSV field: a control character no tag may hold.
_SEPARATOR = "\x1f"
# Samples read at full length at a time, and fingerprints (four kilobytes each) in memory.
DETAILS_AT_ONCE = 50_000
_FINGERPRINTS_AT_ONCE = 2_000

# What is seen, as `evidence_frames` has it.
_DETAILS = """
SELECT s.id, s.prompt_id, s.identity,
       encode(sha256(convert_to(coalesce(files.digests, '') || '|' || coalesce(s.text, ''), 'UTF8')), 'hex'),
       s.media_state, s.text, coalesce(nullif(s.licence, ''), p.licence), s.generator_id, s.key,
       array_to_string(s.tags, %(separator)s), s.settings::text
FROM curation_sample s
JOIN curation_project p ON p.id = s.project_id
LEFT JOIN LATERAL (
    SELECT string_agg(coalesce(a.sha256, m.absent_name), ',' ORDER BY m.position) AS digests
    FROM curation_samplemedia m LEFT JOIN curation_asset a ON a.id = m.asset_id
    WHERE m.sample_id = s.id AND m.role = ''
) files ON true
WHERE s.id = ANY(%(ids)s) ORDER BY s.id
"""

_PROMPTS = """
SELECT p.id, p.identity,
       CASE WHEN p.turns IS NULL THEN p.text ELSE p.text || ' ' || coalesce(
           (SELECT string_agg(turn->>'content', ' ') FROM jsonb_array_elements(p.turns) turn), '') END,
       coalesce(nullif(p.licence, ''), j.licence), p.key, array_to_string(p.tags, %(separator)s), p.facts::text
FROM curation_prompt p JOIN curation_project j ON j.id = p.project_id WHERE p.id = ANY(%(ids)s)
"""

_PROMPT_MEDIA = """
SELECT m.prompt_id, m.role, a.sha256
FROM curation_promptmedia m JOIN curation_asset a ON a.id = m.asset_id WHERE m.prompt_id = ANY(%(ids)s)
"""

_GENERATORS = "SELECT id, name, revision, family, settings::text FROM curation_generator WHERE id = ANY(%(ids)s)"
_RATERS = """
SELECT id, kind, family, name, array_to_string(model_names, %(separator)s), independence
FROM curation_rater WHERE id = ANY(%(ids)s)
"""
# An ensemble was fitted on what its members were, however deep.
_FITTED = f"""
{SOURCES}
SELECT DISTINCT heard.id, seen.prompt::bigint
FROM heard
JOIN curation_rater r ON r.id = heard.source,
    jsonb_path_query(r.identity, '$.fitted_on.prompts[*] ? (@.type() == "number")') seen (prompt)
"""  # noqa: S608  # only constants above
_FLAGS = "SELECT sample_id, kind FROM curation_flag WHERE NOT is_retracted AND sample_id = ANY(%(ids)s)"

_NEWEST = """
JOIN LATERAL (
    SELECT * FROM curation_rendition WHERE asset_id = m.asset_id ORDER BY recipe_version DESC LIMIT 1
) r ON true
"""

_LOOKS = f"""
SELECT m.sample_id, m.position, r.id, l.brightness, translate(encode(l.coarse, 'base64'), E'\\n', '')
FROM curation_samplemedia m {_NEWEST} JOIN curation_look l ON l.rendition_id = r.id
WHERE m.role = '' AND m.sample_id = ANY(%(ids)s)
"""  # noqa: S608  # only constants above

_NOT_LOOKED_AT = f"""
SELECT DISTINCT r.id
FROM curation_samplemedia m {_NEWEST} LEFT JOIN curation_look l ON l.rendition_id = r.id
WHERE m.role = '' AND m.sample_id = ANY(%(ids)s) AND l.rendition_id IS NULL AND length(r.fingerprint) > 0
"""  # noqa: S608  # only constants above

_FILES_OF_SAMPLES = f"""
SELECT m.sample_id, NULL, r.storage_name, r.size FROM curation_samplemedia m {_NEWEST}
WHERE m.role = '' AND m.sample_id = ANY(%(ids)s)
"""  # noqa: S608  # only constants above

_FILES_OF_PROMPTS = f"""
SELECT NULL, m.prompt_id, r.storage_name, r.size FROM curation_promptmedia m {_NEWEST}
WHERE m.prompt_id = ANY(%(ids)s)
"""  # noqa: S608  # only constants above

FILES = pl.Schema([("sample_id", pl.Int64()), ("prompt_id", pl.Int64()), ("name", pl.String()), ("size", pl.Int64())])

# Who said what stands behind the pairs, on the criteria that decide.
_SCORES = """
SELECT e.judgement_id, e.position, e.rater_id
FROM curation_score e
JOIN curation_criterionversion v ON v.id = e.criterion_version_id JOIN curation_criterion c ON c.id = v.criterion_id
WHERE e.judgement_id = ANY(%(ids)s) AND c.key = ANY(%(keys)s)
"""

_COMPARISONS = """
SELECT e.judgement_id, e.position, e.rater_id, e.left_sample_id, e.right_sample_id, e.outcome, e.is_implied,
       r.kind = 'person'
FROM curation_comparison e
JOIN curation_rater r ON r.id = e.rater_id
JOIN curation_criterionversion v ON v.id = e.criterion_version_id JOIN curation_criterion c ON c.id = v.criterion_id
WHERE e.judgement_id = ANY(%(ids)s) AND c.key = ANY(%(keys)s)
"""

SCORES = pl.Schema([("judgement_id", pl.Int64()), ("position", pl.Int32()), ("rater_id", pl.Int64())])
COMPARISONS = pl.Schema(
    [
        *SCORES.items(),
        ("left_id", pl.Int64()),
        ("right_id", pl.Int64()),
        ("outcome", pl.String()),
        ("is_implied", pl.Boolean()),
        ("by_person", pl.Boolean()),
    ]
)

_NOTES = """
SELECT n.sample_id, CASE WHEN n.sample_id IS NULL THEN n.prompt_id END, n.text
FROM curation_note n WHERE NOT n.is_retracted
    AND (n.sample_id = ANY(%(ids)s) OR (n.sample_id IS NULL AND n.prompt_id = ANY(%(prompts)s)))
UNION ALL
SELECT k.sample_id, NULL, k.text FROM curation_mark k
WHERE NOT k.is_retracted AND k.text <> '' AND k.sample_id = ANY(%(ids)s)
"""


def details(sample_ids: Sequence[int]) -> Iterator[pl.DataFrame]:
    """The samples at full length, in the order of their ids, some ten thousand at a time. Costs a query each."""
    ordered = sorted(sample_ids)
    for start in range(0, len(ordered), DETAILS_AT_ONCE):
        part = ordered[start : start + DETAILS_AT_ONCE]
        yield read_frame(_DETAILS, tables.DETAILS, {"ids": part, "separator": _SEPARATOR}).sort("sample_id")


def prompts(ids: Sequence[int]) -> pl.DataFrame:
    return read_frame(_PROMPTS, tables.PROMPTS, {"ids": list(ids), "separator": _SEPARATOR})


def prompt_media(ids: Sequence[int]) -> pl.DataFrame:
    return read_frame(_PROMPT_MEDIA, tables.PROMPT_MEDIA, {"ids": list(ids)})


def generators(ids: Sequence[int]) -> pl.DataFrame:
    return read_frame(_GENERATORS, tables.GENERATORS, {"ids": list(ids)})


def raters(ids: Sequence[int]) -> pl.DataFrame:
    return read_frame(_RATERS, tables.RATERS, {"ids": list(ids), "separator": _SEPARATOR})


def fitted(rater_ids: Sequence[int]) -> pl.DataFrame:
    return read_frame(_FITTED, tables.FITTED, {"ids": list(rater_ids)})


def flags(sample_ids: Sequence[int]) -> pl.DataFrame:
    return read_frame(_FLAGS, tables.FLAGS, {"ids": list(sample_ids)})


def files(sample_ids: Sequence[int], prompt_ids: Sequence[int]) -> pl.DataFrame:
    """Every file that is shown with these, by name and size: FILES."""
    of_samples = read_frame(_FILES_OF_SAMPLES, FILES, {"ids": list(sample_ids)})
    return pl.concat([of_samples, read_frame(_FILES_OF_PROMPTS, FILES, {"ids": list(prompt_ids)})])


def scores(judgement_ids: Sequence[int], criteria: Iterable[str]) -> pl.DataFrame:
    return read_frame(_SCORES, SCORES, {"ids": list(judgement_ids), "keys": sorted(criteria)})


def comparisons(judgement_ids: Sequence[int], criteria: Iterable[str]) -> pl.DataFrame:
    return read_frame(_COMPARISONS, COMPARISONS, {"ids": list(judgement_ids), "keys": sorted(criteria)})


def notes(sample_ids: Sequence[int], prompt_ids: Sequence[int]) -> pl.DataFrame:
    """What people and judges wrote of these samples, and of couples under these prompts."""
    return read_frame(_NOTES, tables.NOTES, {"ids": list(sample_ids), "prompts": list(prompt_ids)})


# -- looks ------------------------------------------------------------------------------------------------------------


def looks(sample_ids: Sequence[int]) -> pl.DataFrame:
    """How the samples' pictures look. Those that were never looked at are looked at first, and kept."""
    ids = list(sample_ids)
    for part in _parts(_rows(_NOT_LOOKED_AT, {"ids": ids}), _FINGERPRINTS_AT_ONCE):
        found = [(pk, brightness_and_coarse(data)) for pk, data in fingerprints(part).items()]
        Look.objects.bulk_create(
            (Look(rendition_id=pk, brightness=one[0], coarse=one[1]) for pk, one in found if one is not None),
            ignore_conflicts=True,
        )
    return read_frame(_LOOKS, tables.LOOKS, {"ids": ids})


def fingerprints(rendition_ids: Sequence[int]) -> Mapping[int, bytes]:
    """The fingerprints of renditions by id; for a few thousand at a time."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT id, fingerprint FROM curation_rendition WHERE id = ANY(%s)", [list(rendition_ids)])
        return {pk: bytes(data) for pk, data in cursor.fetchall()}


def _rows(select: str, values: dict[str, Any]) -> list[int]:
    with connection.cursor() as cursor:
        cursor.execute(select, values)
        return [pk for (pk,) in cursor.fetchall()]


def _parts(ids: Sequence[int], size: int) -> Iterator[Sequence[int]]:
    for start in range(0, len(ids), size):
        yield ids[start : start + size]
