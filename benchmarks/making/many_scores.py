"""A project whose samples all have scores, written by COPY: prompts of words, eight pictures each, one number a scorer.

Prompts are drawn from words as frequent as in a language (Zipf), and one in fifty is another one with a word changed,
so that looking for near-duplicates finds some among much that resembles. The pictures are rows alone, without bytes.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from django.db import connection, transaction  # connects when it is first used, after the benchmark's settings

SAMPLES_A_PROMPT = 8
SCORES_A_PASS = 8192
GENERATORS = 4
WORDS, EXPONENT = 30_000, 1.05
SHORTEST, LONGEST = 6, 30
REPEATED_ONE_IN = 50
# How much of a number is the sample's quality, the rest being the scorer's own.
SHARED = 0.7
ROWS_AT_ONCE = 100_000


@dataclass(frozen=True)
class Made:
    project: Any
    criteria: list[str]


def make(samples: int, scores: int, slug: str) -> Made:
    """Writes a project with this many samples, and so many scores of each, each on a criterion of its own."""
    from curation.actions import criteria, projects, raters
    from curation.models import Generator

    project = projects.create(name=slug, slug=slug, task="text-to-image", by=None)
    keys = [f"quality_{number + 1}" for number in range(scores)]
    versions = [criteria.ensure(project=project, key=key).pk for key in keys]
    machines = [
        raters.machine(kind="model", name=f"model of {key} in {slug}", identity={"of": slug, "on": key}).pk
        for key in keys
    ]
    makers = [Generator.objects.create(project=project, name=f"painter {number}").pk for number in range(GENERATORS)]
    random = np.random.default_rng(samples)
    with transaction.atomic(), connection.cursor() as cursor:
        # Foreign keys are not checked row by row, as in a restore.
        cursor.execute("SET LOCAL session_replication_role = replica")
        first_prompt = _prompts(cursor, project.pk, -(-samples // SAMPLES_A_PROMPT), random)
        first_sample = _samples(cursor, project.pk, samples, first_prompt, makers)
        quality = random.normal(size=samples)
        for machine, criterion in zip(machines, versions, strict=True):
            values = SHARED * quality + (1 - SHARED**2) ** 0.5 * random.normal(size=samples)
            _scores(cursor, project.pk, machine, criterion, values, first_prompt, first_sample)
    with connection.cursor() as cursor:  # what the server does by itself within minutes
        cursor.execute("VACUUM (ANALYZE)")
    return Made(project, keys)


def _prompts(cursor: Any, project: int, number: int, random: np.random.Generator) -> int:
    first = _next_id(cursor, "prompt")
    texts = _texts(number, random)
    for start in range(0, number, ROWS_AT_ONCE):
        here = texts[start : start + ROWS_AT_ONCE]
        table = pl.DataFrame({"id": _from(first + start, len(here)), "text": here})
        table = table.with_columns(identity=_digests("prompt", project, start, len(here)))
        _copy(cursor, "prompt", table, project_id=project, locale="en", tags="{}", **_EMPTY, **_NOTHING, facts="{}")
    return first


def _texts(number: int, random: np.random.Generator) -> list[str]:
    vocabulary = np.array([f"word{place}" for place in range(WORDS)], dtype=object)
    share = 1 / np.arange(1, WORDS + 1) ** EXPONENT
    lengths = random.integers(SHORTEST, LONGEST + 1, number)
    drawn = random.choice(WORDS, size=int(lengths.sum()), p=share / share.sum())
    texts = [" ".join(vocabulary[words]) for words in np.split(drawn, np.cumsum(lengths)[:-1])]
    for place in range(REPEATED_ONE_IN - 1, number, REPEATED_ONE_IN):
        texts[place] = f"{texts[place - int(random.integers(1, REPEATED_ONE_IN))]} again"
    return texts


def _samples(cursor: Any, project: int, number: int, first_prompt: int, makers: Sequence[int]) -> int:
    first, first_asset = _next_id(cursor, "sample"), _next_id(cursor, "asset")
    for start in range(0, number, ROWS_AT_ONCE):
        rows = min(ROWS_AT_ONCE, number - start)
        place = _from(start, rows)
        samples = pl.DataFrame({"id": place + first, "prompt_id": place // SAMPLES_A_PROMPT + first_prompt})
        samples = samples.with_columns(
            pl.Series("generator_id", np.array(makers)[place.to_numpy() % len(makers)]),
            identity=_digests("sample", project, start, rows),
        )
        _copy(
            cursor, "sample", samples,
            project_id=project, media_state="present", settings="{}", round=0, tags="{}", **_EMPTY, **_NOTHING,
        )  # fmt: skip
        assets = pl.DataFrame({"id": place + first_asset}).with_columns(
            sha256=_digests("asset", project, start, rows), storage_name=pl.format("assets/{}", "id")
        )
        _copy(cursor, "asset", assets, kind="image", mime="image/webp", size=100_000, width=1024, height=1024, **_NOW)
        shown = pl.DataFrame({"sample_id": place + first, "asset_id": place + first_asset})
        addresses = [f"{project:08x}-0000-0000-0000-{one:012x}" for one in place.to_list()]
        shown = shown.with_columns(pl.Series("address", addresses))
        _copy(cursor, "samplemedia", shown, role="", position=0, absent_name="")
    return first


def _scores(
    cursor: Any, project: int, rater: int, criterion: int, values: np.ndarray, first_prompt: int, first_sample: int
) -> None:
    """A rater's passes over all samples."""
    first, number = _next_id(cursor, "judgement"), len(values)
    passes = pl.DataFrame({"id": _from(first, -(-number // SCORES_A_PASS))})
    keys = {"client_key": "", "batch_key": "", "retraction": "", "at": "2026-01-01"}
    _copy(cursor, "judgement", passes, project_id=project, rater_id=rater, act="pass", purpose="label", **keys, **_NOW)
    for start in range(0, number, ROWS_AT_ONCE):
        here = values[start : start + ROWS_AT_ONCE]
        place = _from(start, len(here))
        table = pl.DataFrame(
            {
                "judgement_id": place // SCORES_A_PASS + first,
                "position": place % SCORES_A_PASS,
                "sample_id": place + first_sample,
                "prompt_id": place // SAMPLES_A_PROMPT + first_prompt,
                "value": here,
            }
        )
        _copy(
            cursor, "score", table,
            rater_id=rater, criterion_version_id=criterion, is_retracted=False, occasion=0,
        )  # fmt: skip


# -- rows --------------------------------------------------------------------------------------------------------------

_NOW = {"created_at": "2026-01-01"}
_EMPTY = {"key": "", "licence": ""}
_NOTHING = {"meta": "{}", **_NOW}


def _copy(cursor: Any, table: str, rows: pl.DataFrame, **same: object) -> None:
    """Rows for a table of the application; `same` are the columns that are alike in all of them."""
    whole = rows.with_columns(pl.lit(value).alias(name) for name, value in same.items())
    text = io.BytesIO()
    whole.write_csv(text, include_header=False, quote_style="always")
    names = ", ".join(f'"{name}"' for name in whole.columns)
    with cursor.copy(f"COPY curation_{table} ({names}) FROM STDIN (FORMAT csv)") as copy:
        copy.write(text.getvalue())


def _next_id(cursor: Any, table: str) -> int:
    cursor.execute(f"SELECT coalesce(max(id), 0) + 1 FROM curation_{table}")
    return int(cursor.fetchone()[0])


def _from(first: int, number: int) -> pl.Series:
    return pl.int_range(first, first + number, eager=True)


def _digests(kind: str, project: int, start: int, number: int) -> pl.Series:
    made = [hashlib.sha256(f"{kind} {project} {start + n}".encode()).hexdigest() for n in range(number)]
    return pl.Series(made)
