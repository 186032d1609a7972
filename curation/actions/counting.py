"""Counting large projects ahead of whoever opens their pages."""

from __future__ import annotations

from time import monotonic

from django.db import connection, transaction
from django.utils import timezone

from curation.models import Project, ProjectCounts, progress, score_columns

# The first half of the advisory lock's key; the second is the project. Any number that nothing else here uses.
_LOCK = 20_261


@transaction.atomic
def refresh(*, project: Project) -> ProjectCounts | None:
    """Counts the project and keeps the result; None while somebody else is counting it.

    The marks are read before the rows, so what comes in meanwhile calls for the next count and is never missed.
    """
    if not _lock(project):
        return None
    started, now, marks = monotonic(), timezone.now(), progress.marks(project)
    counted = progress.counts(project).as_json()
    histograms = score_columns.large_histograms(project, progress.SMALL)
    fields = {
        "counts": counted,
        "histograms": histograms,
        "counted_at": now,
        "seconds": monotonic() - started,
        "marks": marks,
    }
    return ProjectCounts.objects.update_or_create(project=project, defaults=fields)[0]


def due() -> list[Project]:
    """Projects whose kept counts are out of date, archived ones left out. Costs a few small queries a project."""
    now = timezone.now()
    return [project for project in Project.objects.active().order_by("pk") if progress.is_due(project, now)]


def _lock(project: Project) -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s, %s)", [_LOCK, project.pk % 2**31])
        return bool(cursor.fetchone()[0])
