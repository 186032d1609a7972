"""The life of a job: queued, claimed, heard from, finished. Every step names the owner it expects."""

from __future__ import annotations

import os
import socket
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from django.db import connection, transaction
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext as _

from curation.errors import Conflict, Refused
from curation.models import Job, JobChunk, JobFailure, Project, State, User

Work = TypeVar("Work", Job, JobChunk)

# A silent owner counts as dead after `SILENCE` (60 s); four missed beats.
HEARTBEAT_SECONDS = 15.0


def new_owner() -> str:
    """A name for this attempt: unique, so a revived process cannot pass for the one that replaced it."""
    return f"{socket.gethostname()}:{os.getpid()}:{uuid.uuid4().hex[:8]}"


def process_of(owner: str) -> str:
    """The process that an owner's name belongs to, as host and process id; it makes a new name for each attempt."""
    return owner.rpartition(":")[0]


def create(
    *,
    project: Project,
    kind: str,
    title: str,
    params: dict[str, Any],
    by: User | None,
    queue: str = "cpu",
    total: int | None = None,
) -> Job:
    """Writes the row; the caller rings the doorbell after the commit."""
    return Job.objects.create(
        project=project, kind=kind, title=title[:200], params=params, queue=queue, total=total, created_by=by
    )


def claim(work: Work, owner: str) -> Work | None:
    """Takes a free job or chunk; None when somebody else has it, or it is finished."""
    now = timezone.now()
    fields: dict[str, Any] = {
        "state": State.RUNNING,
        "owner": owner,
        "heartbeat_at": now,
        "attempts": F("attempts") + 1,
    }
    model = type(work)
    taken = model.objects.free().filter(pk=work.pk).update(**fields)
    if not taken:
        return None
    if model is Job:
        Job.objects.filter(pk=work.pk, started_at=None).update(started_at=now)
    return model.objects.get(pk=work.pk)


def beat(work: Job | JobChunk, owner: str) -> bool:
    """Says the owner lives. False when the work was taken from it or cancelled: it must stop."""
    owned = type(work).objects.filter(pk=work.pk, owner=owner, state=State.RUNNING)
    if not owned.update(heartbeat_at=timezone.now()):
        return False
    job_id = work.pk if isinstance(work, Job) else work.job_id
    return not Job.objects.filter(pk=job_id).filter(Q(cancel_requested=True) | Q(state=State.CANCELLED)).exists()


def advance(work: Job | JobChunk, owner: str, *, done: int = 0, skipped: int = 0, failed: int = 0) -> bool:
    """Adds to the counts and beats. False when the work is no longer the owner's."""
    return bool(
        type(work)
        .objects.filter(pk=work.pk, owner=owner, state=State.RUNNING)
        .update(
            done=F("done") + done,
            skipped=F("skipped") + skipped,
            failed=F("failed") + failed,
            heartbeat_at=timezone.now(),
        )
    )


def finish(job: Job, owner: str, *, result: dict[str, Any] | None = None) -> bool:
    """Marks the job done. False when it is no longer the owner's."""
    fields: dict[str, Any] = {"state": State.DONE, "finished_at": timezone.now()}
    if result is not None:
        fields["result"] = result
    return bool(Job.objects.filter(pk=job.pk, owner=owner, state=State.RUNNING).update(**fields))


def fail(job: Job, owner: str, error: str) -> bool:
    """Marks the job failed with its message. False when it is no longer the owner's."""
    return bool(
        Job.objects.filter(pk=job.pk, owner=owner, state=State.RUNNING).update(
            state=State.FAILED, finished_at=timezone.now(), error=error
        )
    )


def stop_cancelled(job: Job, owner: str) -> bool:
    """The owner's answer to a cancel request: what is done stays, the job ends."""
    return bool(
        Job.objects.filter(pk=job.pk, owner=owner, state=State.RUNNING, cancel_requested=True).update(
            state=State.CANCELLED, finished_at=timezone.now()
        )
    )


@transaction.atomic
def cancel(*, job: Job, by: User | None) -> Job:
    """Asks a running job to stop, or ends a queued one at once. What is already written stays."""
    locked = Job.objects.select_for_update().get(pk=job.pk)
    if not locked.is_unfinished:
        raise Refused(_("The job “%(title)s” is %(state)s already.") % _words(locked))
    locked.cancel_requested = True
    running_chunk = locked.chunks.filter(state=State.RUNNING).exists()
    locked.chunks.filter(state=State.QUEUED).update(state=State.CANCELLED)
    if locked.state == State.QUEUED and not running_chunk:
        locked.state = State.CANCELLED
        locked.finished_at = timezone.now()
    locked.save(update_fields=["cancel_requested", "state", "finished_at"])
    return locked


@transaction.atomic
def resume(*, job: Job, by: User | None) -> Job:
    """Queues a cancelled or failed job again. It asks for what is still missing, so nothing is done twice."""
    locked = Job.objects.select_for_update().get(pk=job.pk)
    if locked.state not in (State.CANCELLED, State.FAILED):
        raise Conflict(_("The job “%(title)s” is %(state)s; only a stopped job is resumed.") % _words(locked))
    locked.state = State.QUEUED
    locked.cancel_requested = False
    locked.finished_at = None
    locked.error = ""
    locked.owner = ""
    locked.heartbeat_at = None
    locked.save()
    locked.chunks.filter(state__in=[State.CANCELLED, State.FAILED]).update(
        state=State.QUEUED, owner="", heartbeat_at=None, error=""
    )
    return locked


def record_failures(job: Job, failures: list[JobFailure]) -> int:
    """Writes failures once, however often they are reported."""
    for failure in failures:
        failure.job = job
    JobFailure.objects.bulk_create(failures, ignore_conflicts=True)
    return len(failures)


def _words(job: Job) -> dict[str, str]:
    return {"title": job.title, "state": job.get_state_display()}


class Lost(Exception):
    """The work was taken over or cancelled; whoever catches this stops without writing."""


class Pulse:
    """Tells, between two batches, whether to go on."""

    def __init__(self) -> None:
        self._stop = threading.Event()
        self.alive = True

    def check(self) -> None:
        """Raises Lost when the owner must stop."""
        if not self.alive:
            raise Lost


@contextmanager
def heartbeat(work: Job | JobChunk, owner: str) -> Iterator[Pulse]:
    """Beats from a thread of its own while the body runs, so a long forward pass does not look like death."""
    pulse = Pulse()

    def beating() -> None:
        try:
            while not pulse._stop.wait(HEARTBEAT_SECONDS):
                pulse.alive = beat(work, owner)
                if not pulse.alive:
                    return
        finally:
            connection.close()

    thread = threading.Thread(target=beating, name=f"heartbeat-{work.pk}", daemon=True)
    thread.start()
    try:
        yield pulse
    finally:
        pulse._stop.set()
        thread.join()
