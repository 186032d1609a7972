"""Doorbells of this room. A message names a job; what is to be done stands in its row."""

from __future__ import annotations

from typing import Any

from celery import shared_task

from curation.actions import counting, datasets, ensembles, exports, importing, verifying
from curation.models import Job, Project


@shared_task
def build_version(*, job_id: int, **_later: Any) -> None:
    """Builds the version a job asks for, rebuilds one to verify it, or lets an ensemble speak; twice is once."""
    if verifying.is_asked_for(job_id):
        verifying.run_job(job_id=job_id)
    elif ensembles.is_asked_for(job_id):
        ensembles.run_job(job_id=job_id)
    else:
        datasets.run_job(job_id=job_id)


@shared_task
def run_import(*, job_id: int, **_later: Any) -> None:
    """Does an import, or what is left of it; delivered twice, each row is written once."""
    importing.run(job=Job.objects.get(pk=job_id))


@shared_task
def run_export(*, job_id: int, **_later: Any) -> None:
    """Writes an export and reads it back; delivered twice, it is done once."""
    exports.run_job(job_id=job_id)


@shared_task
def count_project(*, project_id: int, **_later: Any) -> None:
    """Counts one large project at once: somebody waits for its first counts."""
    project = Project.objects.filter(pk=project_id).first()
    if project is not None:
        counting.refresh(project=project)


@shared_task
def count_projects(**_later: Any) -> None:
    """Each minute: counts the large projects that changed since they were counted last."""
    for project in counting.due():
        counting.refresh(project=project)
