"""The first step of a judging job, done by a worker: who the judge is as a rater, and into which parts it is cut.

A worker does it because only a worker reaches a model, and a rater's identity is its model. Units are cut explicitly: a
part says which pairs it asks about, and asks only for those that are still missing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from django.db import transaction

from curation.actions import jobs, raters
from curation.models import Job, JobChunk, Rater, State
from scoring.actions.judging import asks, benches
from scoring.actions.judging.asks import Ask
from scoring.actions.judging.benches import Bench
from scoring.actions.judging.criteria import ensure_criteria
from scoring.cutting import Speed, part_size
from scoring.judges import units
from scoring.judges.units import Query
from scoring.models import Judge, JudgeRater
from scoring.scorers.kinship import name_of


def plan(job: Job, owner: str) -> Job:
    """Resolves the rater and criteria of a job and cuts it into parts. Whole or not at all.

    Raises:
        ScorerUnavailable: the model cannot be had on this worker.
        Refused: the judge's template or endpoint no longer exists, or a criterion is on another scale here.
        Lost: another worker took the job over meanwhile.
    """
    judge = benches.judge_of(job)
    ready = benches.bench(judge, job)
    job.params["rater"] = rater(ready).pk
    job.params["criteria"] = ensure_criteria(job.project, ready.template)
    # Some seconds for a hundred thousand pairs: the row must not be locked so long, or nobody could cancel.
    chunks = list(_chunks(job, ready))
    with transaction.atomic():
        locked = Job.objects.select_for_update().filter(pk=job.pk, owner=owner, state=State.RUNNING).first()
        if locked is None:
            raise jobs.Lost
        JobChunk.objects.bulk_create(chunks, batch_size=2000)
        locked.params = job.params
        locked.total = sum(chunk.total for chunk in chunks)
        locked.save(update_fields=["params", "total"])
    return locked


def rater(ready: Bench) -> Rater:
    """The rater that this judge is now, noted with the judge."""
    found = raters.machine(
        kind=Rater.Kind.MODEL,
        name=ready.judge.name,
        identity=ready.identity(),
        kinship=raters.Kinship(ready.judge.family, (name_of(ready.judge.model),)),
    )
    JudgeRater.objects.get_or_create(judge=ready.judge, rater=found)
    return found


def _chunks(job: Job, ready: Bench) -> Iterator[JobChunk]:
    ask = Ask.read(job.params["ask"])
    found = asks.find(job.project, ready.template, ask, job.params["chosen"])
    voice = benches.voice(ready.judge, ready.template, job)
    left = list(asks.missing(job.project, voice, found))
    speed = past_speed(ready.judge)
    for position, part in enumerate(_parts(left, speed)):
        yield JobChunk(
            job=job,
            position=position,
            queue=job.queue,
            total=sum(len(queries) for queries in part),
            params={"units": units.written([queries[0].unit for queries in part])},
        )


def _parts(left: Sequence[Sequence[Query]], speed: Speed | None) -> Iterator[Sequence[Sequence[Query]]]:
    """Units with their open questions, cut so that a part takes some seconds and the last ones end together."""
    open_questions = sum(len(queries) for queries in left)
    start = 0
    while start < len(left):
        size = part_size(open_questions, speed)
        end, taken = start, 0
        while end < len(left) and taken < size:
            taken += len(left[end])
            end += 1
        yield left[start:end]
        start, open_questions = end, open_questions - taken


def past_job(judge: Judge) -> Job | None:
    """The last job of a judge that was finished at some speed."""
    done = Job.objects.filter(kind=Job.Kind.JUDGE, state=State.DONE, total__gt=0, params__judge=judge.pk)
    return next((job for job in done.order_by("-id")[:3] if job.rate), None)


def past_speed(judge: Judge) -> Speed | None:
    """Questions a second of that job, and how many processes worked at it."""
    job = past_job(judge)
    if job is None or not job.rate:
        return None
    owners = job.chunks.exclude(owner="").values_list("owner", flat=True)
    return Speed(job.rate, max(len({jobs.process_of(owner) for owner in owners}), 1))


def remaining(chunk: JobChunk, ready: Bench) -> list[Query]:
    """What is missing in a part, without the failures that this job has settled."""
    voice = benches.voice(ready.judge, ready.template, chunk.job)
    settled: set[str] = set(chunk.params.get("settled", ()))
    found = units.read(chunk.params["units"])
    open_questions = asks.missing(chunk.job.project, voice, found)
    return [query for queries in open_questions for query in queries if voice.key(query) not in settled]


def settled_key(chunk: JobChunk, ready: Bench, query: Query) -> str:
    """How a failure is remembered, so that the job does not ask again until it is told to."""
    return benches.voice(ready.judge, ready.template, chunk.job).key(query)
