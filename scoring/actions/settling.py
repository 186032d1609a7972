"""Bringing a job that has parts in line with them: its counts, and its end."""

from __future__ import annotations

from django.db import transaction
from django.db.models import Sum
from django.utils import timezone
from django.utils.translation import ngettext

from curation.actions import jobs
from curation.models import Job, State
from scoring.actions.judging import budgets, summing
from scoring.actions.probing import summing as probing
from scoring.actions.probing.starting import PROBES

# Kinds of job that are cut into parts, which several workers do at once.
WITH_PARTS = (Job.Kind.SCORE, Job.Kind.JUDGE)


def is_planned(job: Job) -> bool:
    """Whether the job has been cut into its parts; until then its total is unknown."""
    return job.total is not None


def settle(job_id: int) -> None:
    """Brings the job's counts in line with its parts, and ends it when none of them is open."""
    with transaction.atomic():
        job = Job.objects.select_for_update(no_key=True).filter(pk=job_id, state=State.RUNNING).first()
        if job is None or not is_planned(job):
            return
        if job.cancel_requested:
            _cancel_deserted(job)
        # Asked before the counts are read: a part that ends between the two is then counted, and its own worker
        # settles next. The other way round it would end the job and be missing in its counts.
        is_open = job.chunks.filter(state__in=[State.QUEUED, State.RUNNING]).exists()
        parts = job.chunks.aggregate(done=Sum("done"), skipped=Sum("skipped"), failed=Sum("failed"))
        counts = {name: count or 0 for name, count in parts.items()}
        Job.objects.filter(pk=job_id).update(heartbeat_at=timezone.now(), **counts)
        if not is_open:
            job.refresh_from_db()
            _conclude(job)


def _cancel_deserted(job: Job) -> None:
    """Parts nobody will take up again once the job is to stop."""
    job.chunks.free().update(state=State.CANCELLED)


def _conclude(job: Job) -> None:
    if job.kind == Job.Kind.JUDGE:
        summing.sum_up(job)
    broken = job.chunks.filter(state=State.FAILED)
    if job.cancel_requested:
        jobs.stop_cancelled(job, job.owner)
        return
    count = broken.count()
    if not count and PROBES in job.params:
        probing.end(job)
    if not count:
        jobs.finish(job, job.owner)
        return
    if job.kind == Job.Kind.JUDGE and (spending := budgets.spent_out(job)):
        jobs.fail(job, job.owner, budgets.stop_words(job, spending))
        return
    first = broken.order_by("position").values_list("error", flat=True)[0]
    words = ngettext("%(count)d part failed: %(error)s", "%(count)d parts failed, the first with: %(error)s", count)
    jobs.fail(job, job.owner, words % {"count": count, "error": first})
