"""Doorbells of this room. A message names a job; what is to be done stands in its row."""

from __future__ import annotations

from typing import Any

from celery import shared_task

from curation.actions import (
    consensus,
    counting,
    datasets,
    ensembles,
    exports,
    gating,
    importing,
    previewing,
    publishing,
    verifying,
    withdrawals,
)
from curation.models import Job, Project


@shared_task
def build_version(*, job_id: int, **_later: Any) -> None:
    """Builds the version a job asks for, renews or previews others, or lets an ensemble speak; twice is once."""
    if verifying.is_asked_for(job_id):
        verifying.run_job(job_id=job_id)
    elif gating.is_asked_for(job_id):
        gating.run_job(job_id=job_id)
    elif withdrawals.is_asked_for(job_id):
        withdrawals.run_job(job_id=job_id)
    elif previewing.is_asked_for(job_id):
        previewing.run_job(job_id=job_id)
    elif ensembles.is_asked_for(job_id):
        ensembles.run_job(job_id=job_id)
    else:
        version = datasets.run_job(job_id=job_id)
        if version is not None:
            # At once, so that whoever opens the new version sees what stands in its way.
            gating.examine(version=version)


@shared_task
def run_import(*, job_id: int, **_later: Any) -> None:
    """Does an import, or what is left of it; delivered twice, each row is written once."""
    importing.run(job=Job.objects.get(pk=job_id))


@shared_task
def run_export(*, job_id: int, **_later: Any) -> None:
    """Writes an export and reads it back; delivered twice, it is done once."""
    exports.run_job(job_id=job_id)


@shared_task
def run_publication(*, job_id: int, **_later: Any) -> None:
    """Rehearses a publication or sends it to the Hub; delivered twice, it is done once."""
    publishing.run_job(job_id=job_id)


@shared_task
def count_project(*, project_id: int, **_later: Any) -> None:
    """Counts one large project at once: somebody waits for its first counts."""
    project = Project.objects.filter(pk=project_id).first()
    if project is not None:
        counting.refresh(project=project)


@shared_task
def add_up_votes(*, project_id: int, criterion: str, **_later: Any) -> None:
    """Adds up the votes of one large project on one criterion and keeps the answer; delivered twice, it is the same."""
    project = Project.objects.filter(pk=project_id).first()
    if project is not None:
        consensus.refresh(project=project, criterion=criterion)


@shared_task
def count_projects(**_later: Any) -> None:
    """Each minute: counts the large projects that changed since they were counted last."""
    for project in counting.due():
        counting.refresh(project=project)
