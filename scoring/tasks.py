"""Doorbells. A message names a job; what is to be done stands in the rows."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

import structlog
from celery import current_app, shared_task
from django.db import transaction
from kombu.exceptions import ChannelError, OperationalError

from curation import tasks as curation_tasks
from curation.models import Job
from scoring.actions import arrivals, rubrics, staging, sweeping, working
from scoring.actions.heads import working as fitting
from scoring.actions.judging import working as judging
from scoring.actions.probing import working as probing

logger = structlog.get_logger(__name__)

# At most so many messages for one job: each calls one worker, which calls the next when there is more to do.
MOST_BELLS = 32
# So long one message keeps a worker at its job before the messages of other jobs have their turn.
SECONDS_A_MESSAGE = 5.0
# A queue that holds this many messages is not empty because they were lost.
MANY_MESSAGES = 256


@shared_task
def score_chunk(*, job_id: int, **_later: Any) -> None:
    """Takes a step of a scoring job, or several short ones, and rings again while there is more to do."""
    _take(job_id, working.step)


@shared_task
def judge_chunk(*, job_id: int, **_later: Any) -> None:
    """The same for a judging job; a checklist's questions are proposed at one go."""
    if rubrics.is_asked_for(job_id):
        rubrics.run_job(job_id=job_id)
    else:
        _take(job_id, judging.step)


@shared_task
def fit_head(*, job_id: int, **_later: Any) -> None:
    """Fits a head; delivered twice, it is fitted once."""
    fitting.run_job(job_id=job_id)
    call_probes(job_id)


def _take(job_id: int, step: Callable[[int], bool]) -> None:
    structlog.contextvars.bind_contextvars(job_id=job_id)
    was_planned = Job.objects.filter(pk=job_id, total__isnull=False, state="running").exists()
    is_more = False
    try:
        is_more = _steps(job_id, step) if was_planned else step(job_id)
    except Exception:
        is_more = was_planned  # this part broke and says so; the others must not wait for the sweep
        raise
    finally:
        if is_more:
            call_workers(job_id, 1 if was_planned else MOST_BELLS)
        else:
            begin_next_stage(job_id)
            call_probes(job_id)
        structlog.contextvars.unbind_contextvars("job_id")


def begin_next_stage(job_id: int) -> None:
    """Rings for what follows a job that is done, where something does."""
    for job in staging.advance(job_id):
        ring(job)


def call_probes(job_id: int) -> None:
    """Rings for probes that waited for a job to end; while anything else waits on its queue, none is due."""
    job = Job.objects.filter(pk=job_id).first()
    if job is not None and not job.is_unfinished:
        for waiting in probing.due_on(job.queue):
            ring(waiting)


def _steps(job_id: int, step: Callable[[int], bool]) -> bool:
    """Takes parts until some seconds have passed: a message between short parts would cost more than claiming them."""
    since = time.monotonic()
    while is_more := step(job_id):
        if time.monotonic() - since >= SECONDS_A_MESSAGE:
            break
    return is_more


@shared_task
def sweep(**_later: Any) -> None:
    """Each minute: scores what arrived, and sends again what was lost. A lost message is a delay, not a loss."""
    for job in arrivals.start_due():
        ring(job)
    for job in staging.due():
        begin_next_stage(job.pk)
    for due in sweeping.due():
        waiting = messages_in(due.job.queue)
        bells = min(due.workers, MOST_BELLS) if not waiting else 1
        if waiting < MANY_MESSAGES:
            for _bell in range(bells):
                ring(due.job)


def call_workers(job_id: int, most: int) -> None:
    """Rings for as many parts as wait, at most `most` times."""
    job = Job.objects.filter(pk=job_id).first()
    if job is None or not job.is_unfinished:
        return
    for _bell in range(min(max(job.chunks.filter(state="queued").count(), 1), most)):
        ring(job)


# Who is called for which kind of job.
TASKS = {
    Job.Kind.SCORE: score_chunk,
    Job.Kind.JUDGE: judge_chunk,
    Job.Kind.IMPORT: curation_tasks.run_import,
    Job.Kind.BUILD: curation_tasks.build_version,
    Job.Kind.EXPORT: curation_tasks.run_export,
    Job.Kind.PUBLISH: curation_tasks.run_publication,
    Job.Kind.FIT: fit_head,
}


def ring(job: Job) -> bool:
    """Sends one message for a job of any kind. False when the queue does not answer: the sweep will send it."""
    try:
        TASKS[Job.Kind(job.kind)].apply_async(kwargs={"job_id": job.pk}, queue=job.queue)
    except OperationalError as error:
        logger.warning("queue does not answer; the sweep sends this later", job_id=job.pk, error=str(error))
        return False
    return True


def ring_after_commit(jobs: Iterable[Job]) -> None:
    """Calls a worker for each job once its row can be seen."""
    for job in jobs:
        transaction.on_commit(partial(ring, job))


def messages_in(queue: str) -> int:
    """How many messages wait in a queue; 0 when the queue does not exist yet."""
    with current_app.connection_for_read() as connection:
        try:
            declared = connection.channel().queue_declare(queue=queue, passive=True)  # type: ignore[attr-defined]
            return int(declared.message_count)
        except ChannelError:
            return 0
