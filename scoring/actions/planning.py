"""The first step of a scoring job, done by a worker: who the scorers are as raters, and into which parts it is cut.

A worker does it because only a worker may load a scorer, and a rater's identity is its weights.
"""

from __future__ import annotations

import json
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from curation.actions import criteria, jobs, raters
from curation.errors import Unavailable
from curation.models import CriterionVersion, Job, JobChunk, Project, Rater, State
from scoring import resident
from scoring.actions import choosing
from scoring.actions.choosing import Voice
from scoring.actions.probing import starting as probing
from scoring.cutting import Ask, Speed, part_size, spans
from scoring.heads import shelf
from scoring.models import heads
from scoring.scorers.base import Output, Scorer

Scorers = Mapping[str, Scorer[Any]]


def plan(*, job: Job, owner: str) -> Job:
    """Resolves the raters and criteria of a job and cuts it into parts. Whole or not at all.

    Raises:
        ScorerUnavailable: a scorer cannot run on this worker.
        Lost: another worker took the job over meanwhile.
    """
    scorers = {name: resident.scorer(name, settings) for name, settings in job.params["scorers"].items()}
    job.params["raters"] = {name: rater_of(scorer).pk for name, scorer in scorers.items()}
    job.params["criteria"] = {name: _criteria(job.project, scorer) for name, scorer in scorers.items()}
    # Half a minute for a million samples: the row must not be locked so long, or nobody could cancel.
    chunks = list(_chunks(job))
    with transaction.atomic():
        locked = Job.objects.select_for_update().filter(pk=job.pk, owner=owner, state=State.RUNNING).first()
        if locked is None:
            raise jobs.Lost
        JobChunk.objects.bulk_create(chunks, batch_size=2000)
        locked.params = job.params
        locked.total = sum(chunk.total for chunk in chunks)
        locked.save(update_fields=["params", "total"])
        probing.queue_unprobed(locked)
    return locked


def voices(job: Job) -> dict[str, Voice]:
    """The scorers of a planned job as raters, with every wording of the criteria they speak on. One query."""
    criteria_of = job.params["criteria"]
    own = [pk for keys in criteria_of.values() for pk in keys.values()]
    meanings = CriterionVersion.objects.filter(pk__in=own).values("meaning")
    wordings: dict[str, list[int]] = {}
    for key, pk in CriterionVersion.objects.filter(meaning__in=meanings).values_list("criterion__key", "pk"):
        wordings.setdefault(key, []).append(pk)
    return {
        name: Voice(job.params["raters"][name], [pk for key in keys for pk in wordings.get(key, [])])
        for name, keys in criteria_of.items()
    }


def check_identity(job: Job, scorers: Scorers) -> None:
    """Refuses to write one rater's numbers under another's name.

    Raises:
        Unavailable: this worker's scorer differs from the one the job was planned with.
    """
    known = Rater.objects.in_bulk(job.params["raters"].values())
    for name, scorer in scorers.items():
        planned, here = known[job.params["raters"][name]].identity, _plain(scorer.identity())
        if planned != here:
            parts = sorted(key for key in {*planned, *here} if planned.get(key) != here.get(key))
            raise Unavailable(
                _(
                    "This worker's “%(scorer)s” is not the one this job began with: its %(parts)s differ. "
                    "Give all workers the same weights and version, or start a new job."
                )
                % {"scorer": name, "parts": ", ".join(parts)}
            )


def rater_of(scorer: Scorer[Any]) -> Rater:
    """Who a loaded scorer is; made where it never spoke before."""
    if shelf.is_head(scorer.name):
        return _rater_of_head(scorer)
    kinship = raters.Kinship(scorer.family(), scorer.models(), scorer.facts.independence)
    return raters.machine(kind=scorer.facts.kind, name=scorer.name, identity=_plain(scorer.identity()), kinship=kinship)


def _rater_of_head(scorer: Scorer[Any]) -> Rater:
    """The rater that a head became when it was fitted; its encoder must be the one of then."""
    head = heads.of_key(scorer.name)
    if head is None or head.rater.identity != _plain(scorer.identity()):
        raise Unavailable(
            _(
                "This worker's encoder is not the one “%(head)s” was fitted with, so its numbers would be others. "
                "Give it the same weights and version, or fit the head again."
            )
            % {"head": scorer.name}
        )
    return head.rater


def _plain(identity: Mapping[str, Any]) -> dict[str, Any]:
    """The identity as the database gives it back: lists for tuples, text keys."""
    plain: dict[str, Any] = json.loads(json.dumps(identity, allow_nan=False))
    return plain


def _criteria(project: Project, scorer: Scorer[Any]) -> dict[str, int]:
    return {output.criterion: ensure_criterion(project, output).pk for output in scorer.facts.outputs}


def ensure_criterion(project: Project, output: Output) -> CriterionVersion:
    """The project's criterion for a scorer's output, made when it is new here or its scale changed."""
    return criteria.ensure_scale(
        project=project,
        key=output.criterion,
        wording=criteria.Wording(
            name=str(_(output.title)),
            scale=CriterionVersion.Scale.INTERVAL,
            low=output.low,
            high=output.high,
            unit=output.unit,
            higher_is_better=output.higher_is_better,
        ),
    )


def _chunks(job: Job) -> Iterator[JobChunk]:
    is_group = job.params["scope"] == "group"
    asked = list(asks(job))
    speed = past_speed(job.project, list(job.params["scorers"]))
    sized = partial(part_size, speed=speed)
    by_name = choosing.KEPT in job.params["chosen"] and not is_group
    ids = [ask.sample_id for ask in asked] if by_name else []
    for position, span in enumerate(spans(asked, sized, whole_prompts=is_group)):
        params: dict[str, Any] = {"first": span.first, "last": span.last}
        if by_name:
            # Who survived is asked once: a bar over all scores must not be worked out again for every part.
            params["samples"] = ids[bisect_left(ids, span.first) : bisect_right(ids, span.last)]
        yield JobChunk(job=job, position=position, queue=job.queue, total=span.opinions, params=params)


def asks(job: Job, chunk: JobChunk | None = None) -> Iterator[Ask]:
    """What is still missing in the whole job, or in one of its parts."""
    if chunk is not None and "samples" in chunk.params:
        return choosing.asks(choosing.chosen(job.project, {"samples": chunk.params["samples"]}), voices(job))
    samples = choosing.chosen(job.project, job.params["chosen"])
    if job.params["scope"] == "group":
        if chunk is not None:
            samples = samples.filter(prompt__gte=chunk.params["first"], prompt__lte=chunk.params["last"])
        return choosing.group_asks(job.project, samples, voices(job))
    if chunk is not None:
        samples = samples.filter(pk__range=(chunk.params["first"], chunk.params["last"]))
    return choosing.asks(samples, voices(job))


def past_rate(project: Project, scorers: list[str]) -> float | None:
    """Samples a second of the last finished job with exactly these scorers, here or elsewhere; None without one."""
    job = _past_job(project, scorers)
    return job.rate / len(scorers) if job and job.rate else None


def past_speed(project: Project, scorers: list[str]) -> Speed | None:
    """The same with the number of processes that worked at that job."""
    job = _past_job(project, scorers)
    if job is None or not job.rate:
        return None
    owners = job.chunks.exclude(owner="").values_list("owner", flat=True)
    return Speed(job.rate / len(scorers), max(len({jobs.process_of(owner) for owner in owners}), 1))


def _past_job(project: Project, scorers: list[str]) -> Job | None:
    done = Job.objects.filter(
        kind=Job.Kind.SCORE, state=State.DONE, total__gt=0, params__scorers__has_keys=scorers
    ).order_by("-id")
    for job in [*done.filter(project=project)[:3], *done[:3]]:
        if set(job.params["scorers"]) == set(scorers) and job.rate:
            return job
    return None
