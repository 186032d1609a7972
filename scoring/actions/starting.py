"""Starting, trying, stopping and taking up scoring jobs. Nothing here loads a scorer or talks to the queue."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext as _

from curation.actions import jobs
from curation.errors import Conflict, Refused
from curation.models import Job, JobChunk, Project, Sample, State, User
from scoring.actions import choosing, settling
from scoring.actions.heads import naming
from scoring.actions.judging import budgets, calls
from scoring.catalogue import checked_settings, facts_of
from scoring.scorers.base import ScorerFacts, ScorerUnavailable

Settings = Mapping[str, str]


@transaction.atomic
def start_scoring(
    *,
    project: Project,
    scorers: Mapping[str, Settings],
    chosen: Mapping[str, Any] | None = None,
    by: User | None,
    note: Mapping[str, Any] | None = None,
) -> list[Job]:
    """Queues what is needed to score samples: one job for each queue, and one more for scorers of whole groups.

    A job asks for what is still missing, so starting it again is how it is resumed. While an equal job is under way,
    that one is returned instead of a second.

    Args:
        scorers: names with their settings, empty for the defaults.
        chosen: what the samples are narrowed by (`choosing.NARROWED_BY`); nothing means all present samples.
        note: kept with the jobs (an arrival's high-water mark).

    Raises:
        Refused: no scorer is named, one is unknown, or samples are narrowed by something unknown.
    """
    if not scorers:
        raise Refused(_("Name at least one scorer."))
    named = {naming.resolved(project, name): settings for name, settings in scorers.items()}
    narrowed = dict(chosen or {})
    choosing.chosen(project, narrowed)
    # Two clicks at once must find each other's job.
    Project.objects.select_for_update(no_key=True).get(pk=project.pk)
    return [
        _under_way(project, params) or _create(project, queue, params, by)
        for queue, params in _parts(named, narrowed, note or {})
    ]


def _parts(
    scorers: Mapping[str, Settings], chosen: dict[str, Any], note: Mapping[str, Any]
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Scorers that can share a decoded picture, together: the same queue, and samples or groups."""
    parts: dict[tuple[str, str], dict[str, dict[str, str]]] = {}
    for name, settings in sorted(scorers.items()):
        facts = known(name)
        parts.setdefault((facts.queue, facts.scope), {})[name] = checked(name, settings)
    for (queue, scope), own in sorted(parts.items()):
        yield queue, {**note, "scorers": own, "scope": scope, "chosen": chosen}


def known(name: str) -> ScorerFacts:
    """The card of a scorer; Refused names those that exist."""
    try:
        return facts_of(name)
    except ScorerUnavailable as error:
        raise Refused(str(error)) from error


def checked(name: str, settings: Settings) -> dict[str, str]:
    try:
        return checked_settings(name, settings)
    except ScorerUnavailable as error:
        raise Refused(str(error)) from error


def _under_way(project: Project, params: Mapping[str, Any]) -> Job | None:
    equal = {f"params__{name}": params[name] for name in ("scorers", "scope", "chosen")}
    if "stage" in params:  # what follows a stage belongs to what was asked for
        equal["params__stage__later"] = params["stage"]["later"]
    return (
        Job.objects.unfinished()
        .filter(~Q(params__has_key="trial"), project=project, kind=Job.Kind.SCORE, cancel_requested=False, **equal)
        .first()
    )


def _create(project: Project, queue: str, params: dict[str, Any], by: User | None) -> Job:
    return jobs.create(
        project=project, kind=Job.Kind.SCORE, title=", ".join(params["scorers"]), params=params, by=by, queue=queue
    )


def start_trial(
    *, project: Project, scorer: str, settings: Settings | None = None, sample: Sample | None = None, by: User | None
) -> Job:
    """Queues a try: one sample scored by one scorer, shown on the job and kept nowhere else.

    Without a sample named, each try takes the next one that has what the scorer needs.

    Raises:
        Refused: the scorer is unknown, or no sample has what it needs.
    """
    facts = known(scorer)
    tried = sample or _next_to_try(project, facts)
    if tried is None:
        raise Refused(_("No sample of this project has what “%(scorer)s” needs.") % {"scorer": scorer})
    return jobs.create(
        project=project,
        kind=Job.Kind.SCORE,
        title=_("%(scorer)s, tried on %(sample)s") % {"scorer": scorer, "sample": tried},
        params={
            "scorers": {scorer: checked(scorer, settings or {})},
            "scope": facts.scope,
            "chosen": {},
            "trial": tried.pk,
        },
        by=by,
        queue=facts.queue,
    )


def _next_to_try(project: Project, facts: ScorerFacts) -> Sample | None:
    samples = choosing.fitting(choosing.chosen(project, {}), facts.needs)
    last = Job.objects.filter(project=project, params__has_key="trial", params__scorers__has_key=facts.name).first()
    after = samples.filter(pk__gt=last.params["trial"]) if last else samples
    return after.order_by("pk").first() or samples.order_by("pk").first()


def cancel(*, job: Job, by: User | None) -> Job:
    """Asks a job of any kind to stop. One with parts at which nobody works stops at once."""
    jobs.cancel(job=job, by=by)
    if job.kind in settling.WITH_PARTS:
        settling.settle(job.pk)
    return Job.objects.get(pk=job.pk)


@transaction.atomic
def resume(*, job: Job, by: User | None) -> Job:
    """Queues a stopped job of any kind again, with its attempts counted anew.

    Raises:
        Refused: a judging job's budget is spent.
        Conflict: the job is not stopped.
    """
    if job.kind == Job.Kind.JUDGE:
        budgets.check_room(job)
    resumed = jobs.resume(job=job, by=by)
    resumed.chunks.filter(state=State.QUEUED).update(attempts=0)
    _count_from_here(resumed)
    return resumed


@transaction.atomic
def retry_failed(*, job: Job, by: User | None) -> Job:
    """Queues again only what failed in a job of scorers or judges that is over: bad samples, and parts that broke.

    Raises:
        Refused: nothing failed in it.
        Conflict: the job is still under way.
    """
    locked = Job.objects.select_for_update().get(pk=job.pk)
    if locked.kind not in settling.WITH_PARTS:
        raise Refused(
            _("Only jobs of scorers and judges can repeat what failed; start the %(kind)s again.")
            % {"kind": locked.get_kind_display()}
        )
    if locked.is_unfinished:
        raise Conflict(_("The job “%(title)s” is under way; wait for its end or cancel it.") % {"title": locked.title})
    broken = locked.chunks.filter(Q(failed__gt=0) | Q(state=State.FAILED))
    if not broken.exists():
        raise Refused(_("Nothing failed in the job “%(title)s”.") % {"title": locked.title})
    _reopen(locked, list(broken))
    locked.failures.all().delete()
    locked.state, locked.cancel_requested, locked.owner, locked.error = State.QUEUED, False, "", ""
    locked.heartbeat_at = locked.finished_at = None
    locked.failed = 0
    locked.save()
    _count_from_here(locked)
    return locked


def _reopen(job: Job, chunks: Sequence[JobChunk]) -> None:
    """Forgets that the failures were settled, so that the parts ask for them again."""
    if job.kind == Job.Kind.JUDGE:
        calls.forget_failures(chunks)
    else:
        _forget_failures(job, chunks)
    for chunk in chunks:
        chunk.state, chunk.owner, chunk.heartbeat_at = State.QUEUED, "", None
        chunk.failed, chunk.attempts, chunk.error = 0, 0, ""
    JobChunk.objects.bulk_update(
        chunks, ["params", "state", "owner", "heartbeat_at", "failed", "attempts", "error"], batch_size=500
    )


def _forget_failures(job: Job, chunks: Sequence[JobChunk]) -> None:
    key = "prompt_id" if job.params["scope"] == "group" else "sample_id"
    failed: dict[str, set[int]] = {}
    for source, subject in job.failures.values_list("source", key):
        failed.setdefault(source, set()).add(subject)
    for chunk in chunks:
        settled = chunk.params.get("settled", {})
        chunk.params["settled"] = {
            name: [one for one in keys if one not in failed.get(name, ())] for name, keys in settled.items()
        }


def _count_from_here(job: Job) -> None:
    """Speed and time left are those of this stretch: the pause is not counted, nor what was done before it."""
    job.started_at = None
    job.result = {**job.result, "before": job.processed}
    job.save(update_fields=["started_at", "result"])
