"""What has to be sent again: work whose message was lost, or whose worker fell silent. Of every kind of job."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from django.utils import timezone

from curation.actions import jobs
from curation.models import Job, JobChunk, State
from scoring.actions import settling
from scoring.actions.probing.working import has_to_wait


@dataclass(frozen=True)
class Due:
    """A job for which somebody should be called, and how many could work at it at once."""

    job: Job
    workers: int = 1


def due() -> list[Due]:
    """Unfinished jobs at which nobody works although somebody could. Ends those that were to stop or are over."""
    return [*_parted_due(), *_others_due()]


def _parted_due() -> Iterator[Due]:
    now = timezone.now()
    for job in Job.objects.unfinished().filter(kind__in=settling.WITH_PARTS).order_by("pk"):
        settling.settle(job.pk)
        _end_deserted(job)
        if job.cancel_requested or has_to_wait(job):
            continue
        waiting = JobChunk.objects.waiting(now).filter(job=job).count()
        if waiting or Job.objects.free().filter(pk=job.pk, total=None).exists() or _is_queued(job):
            yield Due(job, max(waiting, 1))


def _is_queued(job: Job) -> bool:
    return Job.objects.filter(pk=job.pk, state=State.QUEUED).exists()


def _others_due() -> Iterator[Due]:
    for job in Job.objects.free().exclude(kind__in=settling.WITH_PARTS).order_by("pk"):
        _end_deserted(job)
        if not job.cancel_requested:
            yield Due(job)


def _end_deserted(job: Job) -> None:
    """A job that was asked to stop, and whose worker died before it did."""
    if not job.cancel_requested:
        return
    owner = jobs.new_owner()
    if not job.chunks.filter(state=State.RUNNING).exists() and jobs.claim(job, owner):
        jobs.stop_cancelled(job, owner)
