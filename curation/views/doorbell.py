"""Calls a worker for a job once its row is committed. A message that is lost is sent again by the sweep."""

from __future__ import annotations

from functools import partial

from django.db import transaction

from curation.models import Job, Project
from curation.tasks import add_up_votes, build_version, count_project


def ring_for_build(job: Job) -> None:
    """For a build or a verification. Where the queue does not answer, the page goes on and the sweep rings."""
    bell = partial(build_version.apply_async, kwargs={"job_id": job.pk}, queue=job.queue)
    transaction.on_commit(bell, robust=True)


def ring_for_counts(project: Project) -> None:
    """For a large project that was never counted. Where the queue does not answer, the timetable counts it."""
    bell = partial(count_project.apply_async, kwargs={"project_id": project.pk}, queue="cpu")
    transaction.on_commit(bell, robust=True)


def ring_for_consensus(project: Project, criterion: str) -> None:
    """For a large project whose votes were not added up yet, or not since new ones came in."""
    kwargs = {"project_id": project.pk, "criterion": criterion}
    transaction.on_commit(partial(add_up_votes.apply_async, kwargs=kwargs, queue="cpu"), robust=True)
