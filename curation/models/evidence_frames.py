"""The evidence of a project as polars frames, read by COPY: the database streams, nothing becomes a Python object.

Every table is one SELECT; the rows of a table pass through a temporary file, so the memory needed is that of the
frames and not of the text. All tables are read in one snapshot.
"""

from __future__ import annotations

import tempfile
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import polars as pl
from django.db import connection, transaction
from psycopg import ClientCursor

from curation.models import consensus_frames
from curation.recipes import frames
from curation.recipes.frames import Evidence

# Parts the items of an array in a CSV field: a control character no tag may hold.
_SEPARATOR = "\x1f"

_PROMPTS = """
SELECT p.id, p.identity,
       CASE WHEN p.turns IS NULL THEN p.text ELSE p.text || ' ' || coalesce(
           (SELECT string_agg(turn->>'content', ' ') FROM jsonb_array_elements(p.turns) turn), '') END,
       array_to_string(p.tags, %(separator)s), p.locale
FROM curation_prompt p WHERE p.project_id = %(project)s {only_prompts}
"""

_PROMPT_MEDIA = """
SELECT m.prompt_id, m.role, a.sha256
FROM curation_promptmedia m
JOIN curation_prompt p ON p.id = m.prompt_id JOIN curation_asset a ON a.id = m.asset_id
WHERE p.project_id = %(project)s {only_prompts}
"""

# Of two samples with the same content nobody could prefer one: same files in the same order, same text.
_SAMPLES = """
SELECT s.id, s.prompt_id, s.identity,
       encode(sha256(convert_to(coalesce(files.digests, '') || '|' || coalesce(s.text, ''), 'UTF8')), 'hex'),
       g.name, g.kind, s.round, s.media_state, array_to_string(s.tags, %(separator)s)
FROM curation_sample s
JOIN curation_generator g ON g.id = s.generator_id
LEFT JOIN (
    SELECT m.sample_id, string_agg(coalesce(a.sha256, m.absent_name), ',' ORDER BY m.position) AS digests
    FROM curation_samplemedia m
    JOIN curation_sample s2 ON s2.id = m.sample_id AND s2.project_id = %(project)s
    LEFT JOIN curation_asset a ON a.id = m.asset_id
    WHERE m.role = '' GROUP BY m.sample_id
) files ON files.sample_id = s.id
WHERE s.project_id = %(project)s {only_samples}
"""

_FLAGS = """
SELECT f.judgement_id, f.position, f.sample_id, f.kind
FROM curation_flag f JOIN curation_sample s ON s.id = f.sample_id
WHERE s.project_id = %(project)s AND NOT f.is_retracted
"""

# The newest word on a rater holds; only a quarantine has a beginning that matters here.
_RATERS = """
SELECT r.id, r.name, r.kind, r.identity_digest,
       CASE WHEN standing.state = 'quarantined'
            THEN (extract(epoch FROM standing.since) * 1000000)::bigint END
FROM curation_rater r
LEFT JOIN LATERAL (
    SELECT state, since FROM curation_raterstanding
    WHERE project_id = %(project)s AND rater_id = r.id ORDER BY id DESC LIMIT 1
) standing ON true
WHERE r.id IN (SELECT DISTINCT rater_id FROM curation_judgement WHERE project_id = %(project)s)
"""

_MEMBERS = """
SELECT m.ensemble_id, m.member_id FROM curation_ratermember m
WHERE m.ensemble_id IN (SELECT DISTINCT rater_id FROM curation_judgement WHERE project_id = %(project)s)
"""

_CRITERIA = """
SELECT v.id, c.key, v.number, coalesce(v.meaning_id, v.id), v.higher_is_better
FROM curation_criterionversion v JOIN curation_criterion c ON c.id = v.criterion_id
WHERE c.project_id = %(project)s
"""

# A template is how a judge was asked, not what it was asked for: only principles and profiles part verdicts.
_JUDGEMENTS = """
SELECT j.id, j.rater_id, j.purpose, (extract(epoch FROM j.at) * 1000000)::bigint,
       CASE WHEN x.kind IN ('principle', 'profile') THEN x.name END
FROM curation_judgement j LEFT JOIN curation_judgingcontext x ON x.id = j.context_id
WHERE j.project_id = %(project)s {only_judgements}
"""

_LINKS = """
SELECT l.judgement_id, l.source_id
FROM curation_judgementlink l JOIN curation_judgement j ON j.id = l.judgement_id
WHERE j.project_id = %(project)s AND l.kind = 'derived-from'
"""

_CONTRADICTED = """
SELECT DISTINCT l.source_id
FROM curation_judgementlink l JOIN curation_judgement j ON j.id = l.judgement_id
WHERE j.project_id = %(project)s AND l.kind = 'contradicts' AND j.retracted_at IS NULL
"""

_SCORES = """
SELECT e.judgement_id, e.position, e.criterion_version_id, e.sample_id, e.prompt_id, e.value, e.is_retracted
FROM curation_score e
WHERE e.criterion_version_id IN (
    SELECT v.id FROM curation_criterionversion v JOIN curation_criterion c ON c.id = v.criterion_id
    WHERE c.project_id = %(project)s AND c.key = ANY(%(scored)s)) {only_scores}
"""

_COMPARISONS = """
SELECT e.judgement_id, e.position, e.criterion_version_id, e.left_sample_id, e.right_sample_id, e.left_prompt_id,
       e.right_prompt_id, e.outcome, e.is_implied, e.is_retracted
FROM curation_comparison e
JOIN curation_criterionversion v ON v.id = e.criterion_version_id
JOIN curation_criterion c ON c.id = v.criterion_id
WHERE c.project_id = %(project)s AND (c.key = ANY(%(voted)s) OR e.outcome = 'both-bad') {only_comparisons}
"""

# What a criterion states of its numbers; ordered levels run from the lowest to the highest.
_SCALES = """
SELECT DISTINCT ON (c.id) c.key, v.unit, coalesce(v.low, levels.low), coalesce(v.high, levels.high), v.higher_is_better
FROM curation_criterionversion v JOIN curation_criterion c ON c.id = v.criterion_id
LEFT JOIN LATERAL (
    SELECT min((level->>'value')::float) AS low, max((level->>'value')::float) AS high
    FROM jsonb_array_elements(v.levels) level WHERE jsonb_typeof(level->'value') = 'number'
) levels ON true
WHERE c.project_id = %(project)s ORDER BY c.id, v.number DESC
"""

_SPREADS = f"""
SELECT e.judgement_id, e.position, e.spread
FROM ({_SCORES.replace("e.value, e.is_retracted", "e.spread")}) e WHERE e.spread IS NOT NULL
"""  # noqa: S608  # only constants above

# Sizes are those of what is shown, upright; an asset without a rendition is shown as it is.
_FACTS = """
SELECT s.id, seen.width, seen.height, seen.aspect, seen.duration, seen.fps, seen.frames, seen.media, seen.bytes,
       length(s.text), cardinality(regexp_split_to_array(nullif(btrim(s.text, E' \\t\\r\\n'), ''), '\\s+'))
FROM curation_sample s
LEFT JOIN (
    SELECT m.sample_id, min(coalesce(r.width, a.width)) AS width, min(coalesce(r.height, a.height)) AS height,
           min(coalesce(r.width, a.width)::float / coalesce(r.height, a.height)) AS aspect,
           min(a.duration_us) / 1000000.0 AS duration, min(a.fps) AS fps, min(a.frames) AS frames,
           count(*) AS media, sum(a.size) AS bytes
    FROM curation_samplemedia m
    JOIN curation_sample s ON s.id = m.sample_id AND s.project_id = %(project)s {only_samples}
    JOIN curation_asset a ON a.id = m.asset_id
    LEFT JOIN LATERAL (
        SELECT width, height FROM curation_rendition WHERE asset_id = a.id ORDER BY recipe_version DESC LIMIT 1
    ) r ON true
    WHERE m.role = '' GROUP BY m.sample_id
) seen ON seen.sample_id = s.id
WHERE s.project_id = %(project)s {only_samples}
"""

_FINGERPRINTS = """
SELECT s.id, m.position, translate(encode(r.fingerprint, 'base64'), E'\\n', '')
FROM curation_samplemedia m
JOIN curation_sample s ON s.id = m.sample_id
JOIN LATERAL (
    SELECT fingerprint FROM curation_rendition WHERE asset_id = m.asset_id ORDER BY recipe_version DESC LIMIT 1
) r ON length(r.fingerprint) > 0
WHERE m.role = '' AND s.project_id = %(project)s {only_samples}
"""

_ASSIGNED = "SELECT a.prompt_id, a.split FROM curation_splitassignment a WHERE a.dataset_id = %(dataset)s"


_BRANCHES = """
SELECT s.id, s.prompt_id, s.parent_id, s.branch
FROM curation_sample s WHERE s.project_id = %(project)s AND s.parent_id IS NOT NULL {only_samples}
"""

_PROMPT_LINKS = """
SELECT l.id, l.prompt_id, l.origin_id, l.relation FROM curation_promptlink l WHERE l.project_id = %(project)s
"""

_MORE = {
    "branches": (_BRANCHES, frames.BRANCHES),
    "prompt_links": (_PROMPT_LINKS, frames.PROMPT_LINKS),
    "scales": (_SCALES, frames.SCALES),
    "spreads": (_SPREADS, frames.SPREADS),
    "facts": (_FACTS, frames.FACTS),
    "fingerprints": (_FINGERPRINTS, frames.FINGERPRINTS),
    "related": (consensus_frames.RELATED, frames.RELATED),
}
# Frames that another room fills.
_ASKED = {"picked": consensus_frames.picked, "failing": consensus_frames.failing}

# A preview looks at some prompts. Their identities are digests, so the smallest are as good as drawn by lot.
_SOME = "(SELECT id FROM curation_prompt WHERE project_id = %(project)s ORDER BY identity LIMIT %(most_prompts)s)"
_OF_SOME = f"(SELECT id FROM curation_sample WHERE prompt_id IN {_SOME})"  # noqa: S608  # only constants above
_NARROWED = {
    "only_prompts": f"AND p.id IN {_SOME}",
    "only_samples": f"AND s.prompt_id IN {_SOME}",
    "only_scores": f"AND e.sample_id IN {_OF_SOME}",
    "only_comparisons": f"AND e.left_sample_id IN {_OF_SOME}",
    "only_judgements": "",
}
# A page asks about prompts it names; what was said of their samples is found by index.
_OF_NAMED = "(SELECT id FROM curation_sample WHERE prompt_id = ANY(%(prompts)s))"
_NAMED = {
    "only_prompts": "AND p.id = ANY(%(prompts)s)",
    "only_samples": "AND s.prompt_id = ANY(%(prompts)s)",
    "only_scores": f"AND e.sample_id IN {_OF_NAMED}",
    "only_comparisons": f"AND e.pair_low IN {_OF_NAMED}",
    "only_judgements": f"""AND j.id IN (
        SELECT judgement_id FROM curation_comparison WHERE pair_low IN {_OF_NAMED}
        UNION SELECT judgement_id FROM curation_score WHERE sample_id IN {_OF_NAMED})""",  # noqa: S608
}


def read_evidence(
    *,
    project_id: int,
    dataset_id: int | None,
    scored: Iterable[str],
    voted: Iterable[str],
    most_prompts: int | None = None,
    prompts: Collection[int] | None = None,
    more: Collection[str] = (),
) -> Evidence:
    """Everything a recipe may look at. Costs one query a table, whatever the number of rows.

    Args:
        dataset_id: the dataset whose earlier splits hold, or None for a new one.
        scored: keys of the criteria whose scores are read.
        voted: keys of the criteria whose comparisons are read; those that call both bad are read under all.
        most_prompts: look at no more prompts than this, the same ones each time.
        prompts: look at these prompts only, by id.
        more: names of frames that are left empty unless they are asked for: see `recipes.model.Recipe.more_frames`.
    """
    values = {
        "project": project_id,
        "dataset": dataset_id or 0,
        "scored": sorted(scored),
        "voted": sorted(voted),
        "separator": _SEPARATOR,
        "most_prompts": most_prompts or 0,
        "prompts": sorted(prompts or ()),
    }
    parts = _NARROWED if most_prompts else dict.fromkeys(_NARROWED, "")
    if prompts is not None:
        parts = _NAMED

    def read(select: str, schema: pl.Schema) -> pl.DataFrame:
        return read_frame(select.format(**parts), schema, values)

    with snapshot():
        return Evidence(
            prompts=read(_PROMPTS, frames.PROMPTS),
            prompt_media=read(_PROMPT_MEDIA, frames.PROMPT_MEDIA),
            samples=read(_SAMPLES, frames.SAMPLES),
            flags=read(_FLAGS, frames.FLAGS),
            raters=read(_RATERS, frames.RATERS),
            members=read(_MEMBERS, frames.MEMBERS),
            criteria=read(_CRITERIA, frames.CRITERIA),
            judgements=read(_JUDGEMENTS, frames.JUDGEMENTS),
            links=read(_LINKS, frames.LINKS),
            contradicted=read(_CONTRADICTED, frames.CONTRADICTED),
            scores=read(_SCORES, frames.SCORES),
            comparisons=read(_COMPARISONS, frames.COMPARISONS),
            assigned=read(_ASSIGNED, frames.ASSIGNED),
            **{name: read(_MORE[name][0], _MORE[name][1]) for name in sorted(more) if name in _MORE},
            **{name: _ASKED[name](project_id) for name in sorted(more) if name in _ASKED},
        )


def read_prompts(project_id: int) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    """Prompts, their media and their links, as the evidence has them. Three queries."""
    values = {"project": project_id, "separator": _SEPARATOR}
    tables = [(_PROMPTS, frames.PROMPTS), (_PROMPT_MEDIA, frames.PROMPT_MEDIA), (_PROMPT_LINKS, frames.PROMPT_LINKS)]
    with snapshot():
        prompts, media, links = (
            read_frame(select.format(only_prompts=""), schema, values) for select, schema in tables
        )
    return prompts, media, links


@contextmanager
def snapshot() -> Iterator[None]:
    """One state of the database for all tables; inside a transaction that is already open, that one's."""
    is_outermost = not connection.in_atomic_block
    with transaction.atomic():
        if is_outermost:
            with connection.cursor() as cursor:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        yield


def read_frame(select: str, schema: pl.Schema, values: dict[str, Any]) -> pl.DataFrame:
    """The rows of a SELECT whose columns stand in the order of the schema."""
    with tempfile.TemporaryFile() as file:
        with connection.cursor() as cursor:
            # COPY takes no parameters, so they are written into the text, quoted by the driver.
            stated = ClientCursor(cursor.connection).mogrify(select, values)
            with cursor.copy(f"COPY ({stated}) TO STDOUT (FORMAT csv, FORCE_QUOTE *)") as copy:
                for block in copy:
                    file.write(block)
        if file.tell() == 0:
            return pl.DataFrame(schema=schema)
        file.seek(0)
        text = pl.read_csv(
            file,
            has_header=False,
            new_columns=list(schema),
            schema_overrides=_written(schema),
        )
    return text.select([_as_stated(name, dtype) for name, dtype in schema.items()])


def _written(schema: pl.Schema) -> list[Any]:
    """The types as CSV has them: times as microseconds, lists as one text, yes and no as t and f, bytes in base 64."""
    written = {pl.Boolean: pl.String, pl.Datetime: pl.Int64, pl.List: pl.String, pl.Binary: pl.String}
    return [written.get(dtype.base_type(), dtype) for dtype in schema.values()]


def _as_stated(name: str, dtype: Any) -> pl.Expr:
    column = pl.col(name)
    if dtype == pl.Binary:
        return column.str.decode("base64").alias(name)
    if dtype == pl.Boolean:
        return (column == "t").alias(name)
    if isinstance(dtype, pl.List):
        return pl.when(column == "").then(pl.lit([], dtype=dtype)).otherwise(column.str.split(_SEPARATOR)).alias(name)
    if isinstance(dtype, pl.Datetime):
        return column.cast(dtype).alias(name)
    return column
