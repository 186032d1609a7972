"""The few rows that can be in a narrowed list, where an index knows them.

A list in an order of its own is walked along that order, and each row is tested. That is quick while many rows pass,
and endless where few do. So each narrowing that has an index is first asked for its rows, up to `FEW` + 1: a list
that is narrowed by one with no more than `FEW` of them is made from these and is whole. Where all say "more", there
are enough matches for the walk.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from django.db.models import Model, QuerySet
from django.db.models.expressions import RawSQL

from curation.models.evidence import Flag, Score
from curation.models.people import Project
from curation.models.prompts import Generator, Prompt, Sample
from curation.models.score_columns import ScoreColumn
from curation.models.search import TEXT_VECTOR, prefix_query

FEW = 5_000

# Asks an index: ids of all rows that pass, or None where they are too many (or where no index knows).
Probe = Callable[[], list[int] | None]
Row = TypeVar("Row", bound=Model)


def fewest(probes: Iterable[Probe]) -> list[int] | None:
    """The ids of the first narrowing that leaves few rows; None where none does. One to three queries a probe."""
    return next((ids for probe in probes if (ids := probe()) is not None), None)


def among(rows: QuerySet[Row], ids: list[int]) -> QuerySet[Row]:
    """The rows with these ids. They are sent as one array: thousands of parameters take longer than their rows."""
    return rows.filter(pk__in=RawSQL("SELECT unnest(%s::bigint[])", [ids]))  # nothing of a visitor's


def few(rows: QuerySet[Any], field: str = "pk") -> list[int] | None:
    """Ids of these rows; None where there are more than `FEW`. Costs one query that stops there."""
    ids = list(rows.order_by().values_list(field, flat=True)[: FEW + 1])
    return None if len(ids) > FEW else ids


def prompts_saying(project: Project, words: str) -> list[int] | None:
    """Prompts that have every word of the search, or exactly this key."""
    query = prefix_query(words)
    if query is None:
        return None
    texts = few(Prompt.objects.annotate(words=TEXT_VECTOR).filter(project=project, words=query))
    return None if texts is None else [*texts, *_with_key(Prompt.objects.filter(project=project), words)]


def samples_saying(project: Project, words: str) -> list[int] | None:
    """Samples whose prompt or own text has every word of the search, or whose key is exactly this."""
    query = prefix_query(words)
    if query is None:
        return None
    own = Sample.objects.filter(project=project)
    prompts = few(Prompt.objects.annotate(words=TEXT_VECTOR).filter(project=project, words=query))
    asked = None if prompts is None else samples_of(prompts)
    if asked is None:
        return None
    answered = few(own.filter(text__isnull=False).annotate(words=TEXT_VECTOR).filter(words=query))
    return None if answered is None else [*asked, *answered, *_with_key(own, words)]


def _with_key(rows: QuerySet[Any], words: str) -> list[int]:
    return list(rows.filter(key=words.strip()).exclude(key="").values_list("pk", flat=True))


def prompts_tagged(project: Project, tag: str) -> list[int] | None:
    return few(Prompt.objects.filter(project=project, tags__contains=[tag]))


def samples_of(prompts: list[int] | None) -> list[int] | None:
    """The samples of these prompts."""
    if prompts is None:
        return None
    return few(Sample.objects.filter(prompt__in=RawSQL("SELECT unnest(%s::bigint[])", [prompts])))


def samples_tagged(project: Project, tag: str) -> list[int] | None:
    """Samples whose prompt has the tag."""
    return samples_of(prompts_tagged(project, tag))


def samples_made_as(project: Project, kind: str) -> list[int] | None:
    """Samples of the generators of a kind."""
    makers = few(Generator.objects.filter(project=project, kind=kind))
    return None if makers is None else few(Sample.objects.filter(generator__in=makers))


def samples_flagged(kind: str) -> list[int] | None:
    """Samples with a living flag of the kind (`any`: of every kind), of all projects: flags are few."""
    living = Flag.objects.filter(is_retracted=False)
    return few(living if kind == "any" else living.filter(kind=kind), "sample")


def samples_scored_by(columns: Iterable[ScoreColumn], rater: int) -> list[int] | None:
    """Samples with a living score of the rater."""
    criteria = [column.criterion.pk for column in columns if column.rater.pk == rater]
    return few(Score.objects.filter(criterion_version__in=criteria, rater=rater, is_retracted=False), "sample")
