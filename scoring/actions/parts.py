"""The life of a job's parts, alike for every kind of job that has them: begun, claimed, put back, ended.

A queue message only says "there is something to do in this job". What is done, and by whom, stands in the rows; so
a message may be lost or doubled, and a worker may die at any moment.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar

from django.db import InterfaceError, OperationalError, connection, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from curation.actions import jobs
from curation.errors import PairwrightError, Unavailable
from curation.models import Job, JobChunk, State
from scoring.actions.settling import is_planned, settle
from scoring.judges.base import Passing
from scoring.scorers.base import ScorerUnavailable

T = TypeVar("T")

# Errors that pass by themselves: a database or a network that was away, a storage not mounted yet.
TEMPORARY = (OperationalError, InterfaceError, ConnectionError, TimeoutError, Unavailable, Passing)
# How often a part is begun before it is given up: a part on which a worker dies must not kill every worker in turn.
MOST_ATTEMPTS = 4
FIRST_PAUSE = timedelta(seconds=5)
# A server may ask for a pause of its own; not for so long that the job looks stuck.
LONGEST_PAUSE = timedelta(minutes=10)
# Outcomes are written this often: rarely enough to cost nothing, often enough that a person sees it move.
SECONDS_BETWEEN_WRITES = 2.0


@dataclass(frozen=True)
class Steps:
    """What a kind of job does where others do something else.

    Attributes:
        kind: of the job.
        plan: cuts a claimed job into its parts, whole or not at all.
        attempt: does a trial, which has no parts, and finishes the job.
        work: does a claimed part to its end.
    """

    kind: str
    plan: Callable[[Job, str], object]
    attempt: Callable[[Job, str], object]
    work: Callable[[JobChunk, str, jobs.Pulse], None]


def step(job_id: int, steps: Steps) -> bool:
    """Does the next thing there is to do in a job. True when there may be more to do.

    Raises:
        Exception: whatever was not foreseen, after it has been written on the row.
    """
    job = Job.objects.select_related("project").filter(pk=job_id, kind=steps.kind).first()
    if job is None or not job.is_unfinished:
        return False
    owner = jobs.new_owner()
    if job.state == State.QUEUED or not _is_begun(job):
        return _begin(job, owner, steps)
    chunk = claim_next(job, owner)
    if chunk is None:
        settle(job.pk)
        return False
    try:
        work(chunk, owner, steps)
    finally:
        settle(job.pk)
    return JobChunk.objects.waiting(timezone.now()).filter(job=job.pk).exists()


def _is_begun(job: Job) -> bool:
    return is_planned(job) and not job.params.get("trial")


def _begin(job: Job, owner: str, steps: Steps) -> bool:
    """Claims the job and plans it, unless that was done before it was stopped; or runs a trial, which has no parts."""
    claimed = jobs.claim(job, owner)
    if claimed is None:
        return False
    claimed.project = job.project
    if claimed.cancel_requested:
        jobs.stop_cancelled(claimed, owner)
        return False
    try:
        with jobs.heartbeat(claimed, owner):
            if claimed.params.get("trial"):
                steps.attempt(claimed, owner)
                return False
            if not is_planned(claimed):
                steps.plan(claimed, owner)
    except jobs.Lost:
        return False
    except (ScorerUnavailable, PairwrightError, Passing) as error:
        jobs.fail(claimed, owner, str(error))
        return False
    except Exception as error:
        jobs.fail(claimed, owner, in_words(error))
        raise
    settle(job.pk)
    return True


def claim_next(job: Job, owner: str) -> JobChunk | None:
    """Takes the first free part of a job; None when there is none, or the job is to stop."""
    if Job.objects.filter(pk=job.pk, cancel_requested=True).exists():
        return None
    with transaction.atomic():
        free = JobChunk.objects.waiting(timezone.now()).filter(job=job)
        chunk = free.select_for_update(skip_locked=True, no_key=True).order_by("position").first()
        claimed = jobs.claim(chunk, owner) if chunk else None
    if claimed is not None:
        claimed.job = job
    return claimed


def work(chunk: JobChunk, owner: str, steps: Steps) -> None:
    """Does a claimed part, and writes on its row how it ended."""
    if chunk.attempts > MOST_ATTEMPTS:
        _end(chunk, owner, State.FAILED, chunk.error or _worker_died(chunk))
        return
    try:
        with jobs.heartbeat(chunk, owner) as pulse:
            steps.work(chunk, owner, pulse)
    except jobs.Lost:
        _end_if_cancelled(chunk, owner)
    except TEMPORARY as error:
        _postpone(chunk, owner, error)
    except (ScorerUnavailable, PairwrightError) as error:
        _end(chunk, owner, State.FAILED, str(error))
    except Exception as error:
        _end(chunk, owner, State.FAILED, in_words(error))
        raise
    else:
        _end(chunk, owner, State.DONE, "")


def locked(chunk: JobChunk, owner: str) -> JobChunk:
    """The part's row, held until the transaction ends.

    Raises:
        Lost: the part is no longer this owner's; nothing may be written.
    """
    row = JobChunk.objects.select_for_update(no_key=True).filter(pk=chunk.pk, owner=owner, state=State.RUNNING).first()
    if row is None:
        raise jobs.Lost
    return row


def recount(chunk: JobChunk, owner: str, *, missing: int) -> None:
    """What is not missing, settled or failed is done, whoever did it: the last owner may have died meanwhile."""
    done = max(chunk.total - missing - chunk.skipped - chunk.failed, 0)
    JobChunk.objects.filter(pk=chunk.pk, owner=owner, state=State.RUNNING).update(done=done)


def in_intervals(found: Iterable[T], seconds: float) -> Iterator[list[T]]:
    """What comes, gathered for a while, so that a write is one transaction over many of them."""
    gathered: list[T] = []
    since = time.monotonic()
    for one in found:
        gathered.append(one)
        if time.monotonic() - since >= seconds:
            yield gathered
            gathered, since = [], time.monotonic()
    if gathered:
        yield gathered


def stop_if_cancelled(job: Job) -> None:
    """Raises Lost when the job was asked to stop."""
    if Job.objects.filter(pk=job.pk, cancel_requested=True).exists():
        raise jobs.Lost


def note_environment(job: Job, found: Callable[[], Mapping[str, Any]]) -> None:
    """Adds this host to the job once; another worker may add its own at the same time."""
    host = socket.gethostname()
    if host in job.environment:
        return
    with transaction.atomic():
        row = Job.objects.select_for_update(no_key=True).get(pk=job.pk)
        row.environment = {**row.environment, host: dict(found())}
        row.save(update_fields=["environment"])
    job.environment = row.environment


def in_words(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"


# -- ends -------------------------------------------------------------------------------------------------------------


def _end(chunk: JobChunk, owner: str, state: str, error: str) -> None:
    JobChunk.objects.filter(pk=chunk.pk, owner=owner, state=State.RUNNING).update(state=state, error=error)


def _end_if_cancelled(chunk: JobChunk, owner: str) -> None:
    """A part that was taken over is its new owner's; one that was to stop is cancelled."""
    if Job.objects.filter(pk=chunk.job_id, cancel_requested=True).exists():
        _end(chunk, owner, State.CANCELLED, "")


def _postpone(chunk: JobChunk, owner: str, error: Exception) -> None:
    """Puts the part back with a pause that doubles, or gives it up when it has been tried often enough."""
    if isinstance(error, OperationalError | InterfaceError):
        connection.close()
    words = str(error) if isinstance(error, Unavailable | Passing) else in_words(error)
    if chunk.attempts >= MOST_ATTEMPTS:
        _end(chunk, owner, State.FAILED, words)
        return
    pause = FIRST_PAUSE * 2 ** (chunk.attempts - 1)
    if isinstance(error, Passing) and error.retry_after:
        pause = max(pause, min(timedelta(seconds=error.retry_after), LONGEST_PAUSE))
    JobChunk.objects.filter(pk=chunk.pk, owner=owner, state=State.RUNNING).update(
        state=State.QUEUED, owner="", heartbeat_at=timezone.now() + pause, error=words
    )


def _worker_died(chunk: JobChunk) -> str:
    return _(
        "This part was begun %(count)d times and its worker fell silent each time, perhaps killed for want of memory."
    ) % {"count": chunk.attempts - 1}
