"""Numbers of a forward pass on their way into the database, by COPY: of whole samples and of parts of them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.db import connection

from curation.models import Judgement

if TYPE_CHECKING:
    from curation.actions.judgements import NewMark


@dataclass(frozen=True)
class PassScore:
    """One number of a forward pass: occasion 0, the sample's own or another prompt."""

    sample_id: int
    prompt_id: int
    criterion_version_id: int
    value: float
    spread: float | None = None


def copy_scores(judgement: Judgement, scores: Sequence[PassScore]) -> int:
    """Writes the numbers that have no living twin. Returns how many."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            CREATE TEMPORARY TABLE IF NOT EXISTS incoming_score (
                position integer, sample_id bigint, prompt_id bigint, criterion_version_id bigint,
                value double precision, spread double precision
            ) ON COMMIT DELETE ROWS
            """
        )
        cursor.execute("TRUNCATE incoming_score")
        with cursor.copy(
            "COPY incoming_score (position, sample_id, prompt_id, criterion_version_id, value, spread) FROM STDIN"
        ) as copy:
            for position, s in enumerate(scores):
                copy.write_row((position, s.sample_id, s.prompt_id, s.criterion_version_id, s.value, s.spread))
        # Only a living twin is passed over; a value outside a constraint still raises.
        cursor.execute(
            """
            INSERT INTO curation_score (judgement_id, position, rater_id, is_retracted, sample_id, prompt_id,
                                        criterion_version_id, context_id, occasion, value, spread)
            SELECT %s, position, %s, false, sample_id, prompt_id, criterion_version_id, %s, 0, value, spread
            FROM incoming_score
            ON CONFLICT DO NOTHING
            """,
            [judgement.pk, judgement.rater_id, judgement.context_id],
        )
        return cursor.rowcount


def copy_marks(judgement: Judgement, marks: Sequence[NewMark]) -> int:
    """Writes the numbers for parts whose whole has got its number from this very judgement. Returns how many.

    A mark has no rule of its own against twins: a part that is delivered twice, or by two jobs, finds the number of the
    whole taken, and leaves its marks out with it.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            """
            CREATE TEMPORARY TABLE IF NOT EXISTS incoming_mark (
                position integer, sample_id bigint, prompt_id bigint, criterion_version_id bigint, target text,
                media_index smallint, input_role text, shape text, start bigint, "end" bigint, points jsonb,
                value double precision, error_type text, text text
            ) ON COMMIT DELETE ROWS
            """
        )
        cursor.execute("TRUNCATE incoming_mark")
        with cursor.copy(
            """
            COPY incoming_mark (position, sample_id, prompt_id, criterion_version_id, target, media_index, input_role,
                                shape, start, "end", points, value, error_type, text) FROM STDIN
            """
        ) as copy:
            for position, mark in enumerate(marks):
                copy.write_row((position, *_row(mark)))
        cursor.execute(
            """
            INSERT INTO curation_mark (judgement_id, position, rater_id, is_retracted, sample_id, prompt_id,
                                       criterion_version_id, target, media_index, input_role, shape, start, "end",
                                       points, value, error_type, text)
            SELECT %(judgement)s, position, %(rater)s, false, sample_id, prompt_id, criterion_version_id, target,
                   media_index, input_role, shape, start, "end", points, value, error_type, text
            FROM incoming_mark
            WHERE (sample_id, prompt_id, criterion_version_id) IN (
                SELECT sample_id, prompt_id, criterion_version_id FROM curation_score WHERE judgement_id = %(judgement)s
            )
            """,
            {"judgement": judgement.pk, "rater": judgement.rater_id},
        )
        return cursor.rowcount


def _row(mark: NewMark) -> tuple[object, ...]:
    points = None if mark.points is None else json.dumps(mark.points, allow_nan=False, separators=(",", ":"))
    return (
        mark.subject.sample_id,
        mark.subject.prompt_id,
        mark.criterion_version_id,
        mark.target,
        mark.media_index,
        mark.input_role,
        mark.shape,
        mark.start,
        mark.end,
        points,
        mark.value,
        mark.error_type,
        mark.text,
    )
