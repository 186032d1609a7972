"""What a worker does for a scoring job: plan it, score a part of it, or try one sample. `parts` has the rest."""

from __future__ import annotations

import importlib
import platform
import socket
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from importlib import metadata
from typing import Any

from django.db import transaction

from curation.actions import jobs
from curation.models import Job, JobChunk
from scoring import resident
from scoring.actions import canaries, parts, planning, recording
from scoring.actions.items import check_storage, items, items_ahead
from scoring.actions.probing import working as probing
from scoring.actions.probing.starting import PROBES
from scoring.actions.settling import settle
from scoring.cutting import Ask, even_batch, runs
from scoring.engine import Batch, Pace, run
from scoring.pacing import pace
from scoring.scorers.base import ItemError, NotApplicable, Reading, Scorer

Scorers = Mapping[str, Scorer[Any]]


def step(job_id: int) -> bool:
    """Does the next thing there is to do in a scoring job. True when there may be more to do.

    Raises:
        Exception: whatever was not foreseen, after it has been written on the row.
    """
    job = Job.objects.filter(pk=job_id).first()
    if job is not None and probing.has_to_wait(job):
        return False
    return parts.step(job_id, STEPS)


def _plan(job: Job, owner: str) -> None:
    if probing.is_probing(job):
        probing.plan(job, owner)
    else:
        planning.plan(job=job, owner=owner)


def _try_one(job: Job, owner: str) -> None:
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


def _score(chunk: JobChunk, owner: str, pulse: jobs.Pulse) -> None:
    """Asks the engine for what is missing and writes what it says every two seconds, outside of which no
    transaction is open."""
    job = chunk.job
    if probing.is_probing(job):
        _probe(chunk, owner, pulse)
        return
    check_storage()
    scorers = {name: resident.scorer(name, settings) for name, settings in job.params["scorers"].items()}
    planning.check_identity(job, scorers)
    here = environment(list(scorers.values()))
    parts.note_environment(job, lambda: here)
    canaries.watch(job, scorers, here)
    asks = remaining(chunk)
    left = sum(len(ask.scorers) for ask in asks)
    parts.recount(chunk, owner, missing=left)
    for batches in parts.in_intervals(_batches(asks, scorers, pace(job.queue)), parts.SECONDS_BETWEEN_WRITES):
        pulse.check()
        recording.save(chunk=chunk, owner=owner, batches=batches)
        left -= sum(len(batch.items) for batch in batches)
        if left:  # the end of the part settles the job as well
            settle(job.pk)
            parts.stop_if_cancelled(job)
    _note_batches(job, scorers)


def _probe(chunk: JobChunk, owner: str, pulse: jobs.Pulse) -> None:
    """A part of a job of probes, on the machine that is noted with any other."""
    asked = chunk.job.params[PROBES]
    scorer = resident.scorer(asked["scorer"], asked["settings"])
    parts.note_environment(chunk.job, lambda: environment([scorer]))
    probing.work(chunk, owner, pulse)


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


def _batches(asks: list[Ask], scorers: Scorers, speed: Pace) -> Iterator[Batch]:
    for one in runs(asks):
        even = replace(speed, batch_size=even_batch(len(one.sample_ids), speed.batch_size))
        read = items_ahead if speed.ahead else items
        yield from run(read(one.sample_ids), [scorers[name] for name in one.scorers], even)


# -- where it ran -----------------------------------------------------------------------------------------------------


LIBRARIES = (
    "numpy",
    "pillow",
    "av",
    "onnxruntime",
    "rapidocr",
    "torch",
    "torchvision",
    "transformers",
    "open_clip_torch",
)


def environment(scorers: list[Scorer[Any]]) -> dict[str, Any]:
    """Library versions and the machine: what a number may depend on without being another rater."""
    versions = {name: _version(name) for name in LIBRARIES}
    return {
        "python": platform.python_version(),
        "machine": platform.machine(),
        "libraries": {name: version for name, version in versions.items() if version},
        "scorers": {scorer.name: scorer.facts.version for scorer in scorers},
        **({"device": _device()} if any(scorer.facts.kind == "model" for scorer in scorers) else {}),
    }


def _device() -> str:
    """Asked of the models' own library, which a worker has loaded by now and the web process never does."""
    return str(importlib.import_module("scoring.scorers.device").described())


def _note_batches(job: Job, scorers: Scorers) -> None:
    """Writes down the batch sizes that were found, where they are news."""
    found = {name: scorer.batch.now for name, scorer in scorers.items() if scorer.batch.now}
    host = socket.gethostname()
    if not found or job.environment.get(host, {}).get("batches") == found:
        return
    with transaction.atomic():
        row = Job.objects.select_for_update(no_key=True).get(pk=job.pk)
        row.environment = {**row.environment, host: {**row.environment.get(host, {}), "batches": found}}
        row.save(update_fields=["environment"])


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


STEPS = parts.Steps(kind=Job.Kind.SCORE, plan=_plan, attempt=_try_one, work=_score)
