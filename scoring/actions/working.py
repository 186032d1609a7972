"""One step of a scoring job, taken by a worker: plan it, or claim its next part and score that.

A queue message only says "there is something to do in this job". What is done, and by whom, stands in the rows; so
a message may be lost or doubled, and a worker may die at any moment.
"""

from __future__ import annotations

import os
import platform
import socket
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import timedelta
from importlib import metadata
from typing import Any

from django.db import InterfaceError, OperationalError, connection, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from curation.actions import jobs
from curation.errors import Unavailable
from curation.models import Job, JobChunk, State
from scoring import machine, resident
from scoring.actions import planning, recording
from scoring.actions.items import check_storage, items
from scoring.actions.settling import is_planned, settle
from scoring.cutting import Ask, even_batch, runs
from scoring.engine import Batch, Pace, run
from scoring.scorers.base import ItemError, NotApplicable, Reading, Scorer, ScorerUnavailable

# Errors that pass by themselves: a database or a network that was away, a storage not mounted yet.
TEMPORARY = (OperationalError, InterfaceError, ConnectionError, TimeoutError, Unavailable)
# How often a part is begun before it is given up: a part on which a worker dies must not kill every worker in turn.
MOST_ATTEMPTS = 4
FIRST_PAUSE = timedelta(seconds=5)
# Outcomes are written this often: rarely enough to cost nothing, often enough that a person sees it move.
SECONDS_BETWEEN_WRITES = 2.0

Scorers = Mapping[str, Scorer[Any]]


def step(job_id: int) -> bool:
    """Does the next thing there is to do in a job. True when there may be more to do.

    Raises:
        Exception: whatever was not foreseen, after it has been written on the row.
    """
    job = Job.objects.select_related("project").filter(pk=job_id, kind=Job.Kind.SCORE).first()
    if job is None or not job.is_unfinished:
        return False
    owner = jobs.new_owner()
    if job.state == State.QUEUED or not _is_begun(job):
        return _begin(job, owner)
    chunk = claim_next(job, owner)
    if chunk is None:
        settle(job.pk)
        return False
    try:
        _work(chunk, owner)
    finally:
        settle(job.pk)
    return JobChunk.objects.waiting(timezone.now()).filter(job=job.pk).exists()


def _is_begun(job: Job) -> bool:
    return is_planned(job) and not job.params.get("trial")


# -- beginning --------------------------------------------------------------------------------------------------------


def _begin(job: Job, owner: str) -> bool:
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
                return _try_one(claimed, owner)
            if not is_planned(claimed):
                planning.plan(job=claimed, owner=owner)
    except jobs.Lost:
        return False
    except (ScorerUnavailable, Unavailable) as error:
        jobs.fail(claimed, owner, str(error))
        return False
    except Exception as error:
        jobs.fail(claimed, owner, _unexpected(error))
        raise
    settle(job.pk)
    return True


def _try_one(job: Job, owner: str) -> bool:
    """Scores one sample and keeps the answer on the job: a try is no evidence."""
    ((name, settings),) = job.params["scorers"].items()
    scorer = resident.scorer(name, settings)
    check_storage()
    started = time.monotonic()
    (batch,) = run(items([job.params["trial"]]), [scorer], Pace(threads=0))
    outcome = batch.outcomes[0]
    counts = {
        "done": int(isinstance(outcome, Reading)),
        "skipped": int(isinstance(outcome, NotApplicable)),
        "failed": int(isinstance(outcome, ItemError)),
    }
    Job.objects.filter(pk=job.pk, owner=owner).update(
        total=1, environment={socket.gethostname(): environment([scorer])}, **counts
    )
    jobs.finish(job, owner, result={"trial": _in_words(scorer, outcome), "seconds": time.monotonic() - started})
    return False


def _in_words(scorer: Scorer[Any], outcome: Reading | NotApplicable | ItemError) -> dict[str, Any]:
    if not isinstance(outcome, Reading):
        return {"reason": outcome.reason}
    return {
        "values": [
            {"criterion": key, "value": result.value, "spread": result.spread}
            for key, result in outcome.results.items()
        ],
        "detail": dict(outcome.detail),
    }


# -- one part ---------------------------------------------------------------------------------------------------------


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


def _work(chunk: JobChunk, owner: str) -> None:
    if chunk.attempts > MOST_ATTEMPTS:
        _end(chunk, owner, State.FAILED, chunk.error or _worker_died(chunk))
        return
    try:
        with jobs.heartbeat(chunk, owner) as pulse:
            _score(chunk, owner, pulse)
    except jobs.Lost:
        _end_if_cancelled(chunk, owner)
    except TEMPORARY as error:
        _postpone(chunk, owner, error)
    except ScorerUnavailable as error:
        _end(chunk, owner, State.FAILED, str(error))
    except Exception as error:
        _end(chunk, owner, State.FAILED, _unexpected(error))
        raise
    else:
        _end(chunk, owner, State.DONE, "")


def _score(chunk: JobChunk, owner: str, pulse: jobs.Pulse) -> None:
    """Asks the engine for what is missing and writes what it says every two seconds, outside of which no
    transaction is open."""
    job = chunk.job
    check_storage()
    scorers = {name: resident.scorer(name, settings) for name, settings in job.params["scorers"].items()}
    planning.check_identity(job, scorers)
    _note_environment(job, scorers)
    asks = remaining(chunk)
    _recount(chunk, owner, asks)
    left = sum(len(ask.scorers) for ask in asks)
    for batches in _in_intervals(_batches(asks, scorers, pace(job.queue)), SECONDS_BETWEEN_WRITES):
        pulse.check()
        recording.save(chunk=chunk, owner=owner, batches=batches)
        left -= sum(len(batch.items) for batch in batches)
        if left:  # the end of the part settles the job as well
            settle(job.pk)
            _stop_if_cancelled(job)


def remaining(chunk: JobChunk) -> list[Ask]:
    """What is missing in a part, without what this job has settled: failures and what does not apply."""
    settled = {name: set(keys) for name, keys in chunk.params.get("settled", {}).items()}
    is_group = chunk.job.params["scope"] == "group"
    asks = []
    for ask in planning.asks(chunk.job, chunk):
        key = ask.prompt_id if is_group else ask.sample_id
        names = frozenset(name for name in ask.scorers if key not in settled.get(name, ()))
        if names:
            asks.append(Ask(ask.sample_id, ask.prompt_id, names))
    return asks


def _recount(chunk: JobChunk, owner: str, asks: list[Ask]) -> None:
    """What is not missing, settled or failed is done, whoever did it: the last owner may have died meanwhile."""
    missing = sum(len(ask.scorers) for ask in asks)
    done = max(chunk.total - missing - chunk.skipped - chunk.failed, 0)
    JobChunk.objects.filter(pk=chunk.pk, owner=owner, state=State.RUNNING).update(done=done)


def _batches(asks: list[Ask], scorers: Scorers, speed: Pace) -> Iterator[Batch]:
    for one in runs(asks):
        even = replace(speed, batch_size=even_batch(len(one.sample_ids), speed.batch_size))
        yield from run(items(one.sample_ids), [scorers[name] for name in one.scorers], even)


def pace(queue: str) -> Pace:
    """On a processor decoding and the model take turns with this process's cores; a GPU has pictures decoded ahead."""
    if queue == "gpu" and machine.has_gpu():
        return Pace(batch_size=64, threads=max(2, machine.cores() - 1), ahead=128)
    # What the worker's start gave each of its processes (config/celery.py).
    return Pace(batch_size=16, threads=int(os.environ.get("OMP_NUM_THREADS", machine.cores())))


def _in_intervals(batches: Iterator[Batch], seconds: float) -> Iterator[list[Batch]]:
    """Batches gathered for a while, so that a write is one transaction over many samples."""
    gathered: list[Batch] = []
    since = time.monotonic()
    for batch in batches:
        gathered.append(batch)
        if time.monotonic() - since >= seconds:
            yield gathered
            gathered, since = [], time.monotonic()
    if gathered:
        yield gathered


def _stop_if_cancelled(job: Job) -> None:
    if Job.objects.filter(pk=job.pk, cancel_requested=True).exists():
        raise jobs.Lost


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
    words = str(error) if isinstance(error, Unavailable) else _unexpected(error)
    if chunk.attempts >= MOST_ATTEMPTS:
        _end(chunk, owner, State.FAILED, words)
        return
    pause = FIRST_PAUSE * 2 ** (chunk.attempts - 1)
    JobChunk.objects.filter(pk=chunk.pk, owner=owner, state=State.RUNNING).update(
        state=State.QUEUED, owner="", heartbeat_at=timezone.now() + pause, error=words
    )


def _unexpected(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"


def _worker_died(chunk: JobChunk) -> str:
    return _(
        "This part was begun %(count)d times and its worker fell silent each time, perhaps killed for want of memory."
    ) % {"count": chunk.attempts - 1}


# -- where it ran -----------------------------------------------------------------------------------------------------


LIBRARIES = ("numpy", "pillow", "av", "onnxruntime", "rapidocr", "torch", "open_clip_torch")


def environment(scorers: list[Scorer[Any]]) -> dict[str, Any]:
    """Library versions and the machine: what a number may depend on without being another rater."""
    versions = {name: _version(name) for name in LIBRARIES}
    return {
        "python": platform.python_version(),
        "machine": platform.machine(),
        "libraries": {name: version for name, version in versions.items() if version},
        "scorers": {scorer.name: scorer.facts.version for scorer in scorers},
    }


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _note_environment(job: Job, scorers: Scorers) -> None:
    """Adds this host to the job once; another worker may add its own at the same time."""
    host = socket.gethostname()
    if host in job.environment:
        return
    with transaction.atomic():
        locked = Job.objects.select_for_update(no_key=True).get(pk=job.pk)
        locked.environment = {**locked.environment, host: environment(list(scorers.values()))}
        locked.save(update_fields=["environment"])
    job.environment = locked.environment
