"""What a worker does for a job of probes: plan it, and put a part of its cases to the scorer."""

from __future__ import annotations

from collections.abc import Sequence

from django.db import transaction
from django.db.models import Count, Q
from django.utils import timezone
from django.utils.translation import gettext as _

from curation.actions import jobs
from curation.errors import Unavailable
from curation.models import Job, JobChunk, State
from scoring import resident
from scoring.actions import parts
from scoring.actions.items import check_storage
from scoring.actions.planning import rater_of
from scoring.actions.probing import originals, running
from scoring.actions.probing.running import Room
from scoring.actions.probing.starting import GIVES_WAY, PROBES
from scoring.actions.settling import WITH_PARTS, settle
from scoring.models import ProbeAnswer, ProbeRun
from scoring.pacing import pace

CASES_A_PART = 48


def is_probing(job: Job) -> bool:
    return PROBES in job.params


def has_to_wait(job: Job) -> bool:
    """Whether a job of probes that gives way has somebody to give way to: other work that waits on its queue."""
    if not job.params.get(GIVES_WAY) or job.cancel_requested:
        return False
    others = Job.objects.unfinished().filter(queue=job.queue, cancel_requested=False).exclude(pk=job.pk)
    others = others.exclude(params__has_key=GIVES_WAY) | others.filter(**{f"params__{GIVES_WAY}": False})
    # A job without parts, a fit or a build, is one worker's from beginning to end: it waits only while it is queued.
    waits = Q(state=State.QUEUED) | Q(total=None, kind__in=WITH_PARTS)
    if others.filter(waits).exists():
        return True
    return JobChunk.objects.waiting(timezone.now()).filter(job__in=others.values("pk")).exists()


def due_on(queue: str) -> list[Job]:
    """Jobs of probes on a queue at which nobody works and whose turn it is."""
    waiting = Job.objects.unfinished().filter(params__has_key=PROBES, queue=queue).order_by("pk")
    return [job for job in waiting if _has_something_free(job) and not has_to_wait(job)]


def _has_something_free(job: Job) -> bool:
    if job.state == State.QUEUED or job.total is None:
        return Job.objects.free().filter(pk=job.pk).exists()
    return JobChunk.objects.waiting(timezone.now()).filter(job=job).exists()


def plan(job: Job, owner: str) -> None:
    """Says who the scorer is, chooses the originals and cuts the cases into parts. Whole or not at all.

    Raises:
        ScorerUnavailable: the scorer cannot run on this worker.
        Lost: another worker took the job over meanwhile.
    """
    asked = job.params[PROBES]
    scorer = resident.scorer(asked["scorer"], asked["settings"])
    run = ProbeRun.objects.get(job=job)
    run.rater = rater_of(scorer)
    run.originals = run.originals or originals.choose(run.project, scorer.facts, run.seed)
    count = len(running.cases_of(run, scorer))
    chunks = [
        JobChunk(
            job=job,
            position=position,
            queue=job.queue,
            total=min(CASES_A_PART, count - first),
            params={"first": first, "last": min(first + CASES_A_PART, count) - 1},
        )
        for position, first in enumerate(range(0, count, CASES_A_PART))
    ]
    with transaction.atomic():
        locked = Job.objects.select_for_update().filter(pk=job.pk, owner=owner, state=State.RUNNING).first()
        if locked is None:
            raise jobs.Lost
        JobChunk.objects.bulk_create(chunks)
        run.save(update_fields=["rater", "originals"])
        locked.total = count
        locked.save(update_fields=["total"])


def work(chunk: JobChunk, owner: str, pulse: jobs.Pulse) -> None:
    """Puts the cases of a part that have no answer yet to the scorer; writes what it says every two seconds."""
    job = chunk.job
    check_storage()
    run = ProbeRun.objects.select_related("rater", "project").get(job=job)
    scorer = resident.scorer(job.params[PROBES]["scorer"], job.params[PROBES]["settings"])
    if rater_of(scorer).pk != run.rater_id:
        raise Unavailable(
            _("This worker's “%(scorer)s” is not the one these probes began with; give all workers the same weights.")
            % {"scorer": scorer.name}
        )
    said = running.answers(run, Room(scorer, pace(job.queue)), missing(run, chunk))
    for answers in parts.in_intervals(said, parts.SECONDS_BETWEEN_WRITES):
        pulse.check()
        _save(chunk, owner, answers)
        settle(job.pk)
        parts.stop_if_cancelled(job)


def missing(run: ProbeRun, chunk: JobChunk) -> list[int]:
    """Positions of a part that have no answer."""
    first, last = chunk.params["first"], chunk.params["last"]
    answered = set(run.answers.filter(position__range=(first, last)).values_list("position", flat=True))
    return [position for position in range(first, last + 1) if position not in answered]


@transaction.atomic
def _save(chunk: JobChunk, owner: str, answers: Sequence[ProbeAnswer]) -> None:
    """Writes answers and counts together; an input without a number is no failure, it is what was asked."""
    locked = parts.locked(chunk, owner)
    ProbeAnswer.objects.bulk_create(answers, ignore_conflicts=True)
    first, last = chunk.params["first"], chunk.params["last"]
    counts = ProbeAnswer.objects.filter(run=answers[0].run_id, position__range=(first, last)).aggregate(
        done=Count("pk", filter=~Q(values={})), skipped=Count("pk", filter=Q(values={}))
    )
    locked.done, locked.skipped, locked.heartbeat_at = counts["done"], counts["skipped"], timezone.now()
    locked.save(update_fields=["done", "skipped", "heartbeat_at"])
