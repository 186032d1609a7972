"""What a worker does for a judging job: plan it, ask a part of it, or try a template. `parts` has the rest."""

from __future__ import annotations

import platform
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from functools import partial
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _

from curation.actions import jobs
from curation.errors import Unavailable
from curation.models import Job, JobChunk, State
from scoring.actions import parts
from scoring.actions.items import check_storage
from scoring.actions.judging import benches, planning, recording, templates, verdicts
from scoring.actions.judging.asking import Answered, Asking
from scoring.actions.judging.benches import Bench
from scoring.actions.judging.budgets import BudgetSpent
from scoring.actions.probing import at_judges as probing
from scoring.actions.probing.starting import PROBES
from scoring.actions.settling import settle
from scoring.judges import units
from scoring.judges.units import Query
from scoring.models import Judge, Spending
from scoring.scorers.base import ScorerUnavailable


def step(job_id: int) -> bool:
    """Does the next thing there is to do in a judging job. True when there may be more to do.

    Raises:
        Exception: whatever was not foreseen, after it has been written on the row.
    """
    return parts.step(job_id, STEPS)


def _plan(job: Job, owner: str) -> None:
    if PROBES in job.params:
        probing.plan(job, owner)
    else:
        planning.plan(job, owner)


def _work(chunk: JobChunk, owner: str, pulse: jobs.Pulse) -> None:
    """Asks what is missing in a part and writes what comes every two seconds; replies are kept as they come."""
    job = chunk.job
    check_storage()
    ready = _reached(job)
    benches.check_identity(job, ready)
    parts.note_environment(job, lambda: environment(ready))
    if PROBES in job.params:
        with probing.opened(chunk) as desk:
            _ask(chunk, owner, Asking(job, ready, pulse, desk.show), desk.queries(), partial(desk.save, owner))
        return
    save = partial(_record, chunk, owner, ready)
    _ask(chunk, owner, Asking(job, ready, pulse), planning.remaining(chunk, ready), save)


def _record(chunk: JobChunk, owner: str, ready: Bench, answered: Sequence[Answered]) -> None:
    recording.save(chunk=chunk, owner=owner, answered=answered, ready=ready)


def _ask(
    chunk: JobChunk,
    owner: str,
    asking: Asking,
    queries: Sequence[Query],
    save: Callable[[Sequence[Answered]], None],
) -> None:
    """Raises what stopped the asking, once all that came is written."""
    job = chunk.job
    parts.recount(chunk, owner, missing=len(queries))
    left = len(queries)
    with closing(asking.batches(queries, parts.SECONDS_BETWEEN_WRITES)) as batches:
        for answered in batches:
            save(answered)
            left -= len(answered)
            if left:  # the end of the part settles the job as well
                settle(job.pk)
                parts.stop_if_cancelled(job)
    if isinstance(asking.trouble, BudgetSpent):
        Spending.objects.filter(job=job).update(is_spent=True)
        raise _stopped(job, _("The budget is spent."))
    if isinstance(asking.trouble, ScorerUnavailable):
        raise _stopped(job, str(asking.trouble))
    if asking.trouble is not None:
        raise asking.trouble


def _reached(job: Job) -> Bench:
    """The judge of a job that is under way: an address that was there when it began may be back in a minute."""
    judge = benches.judge_of(job)
    try:
        return benches.bench(judge, job)
    except ScorerUnavailable as error:
        if judge.backend == Judge.Backend.LOCAL:
            raise
        raise Unavailable(str(error)) from error


def _stopped(job: Job, words: str) -> ScorerUnavailable:
    """Ends every part that nobody works at: each of them would only find the same."""
    job.chunks.filter(state=State.QUEUED).update(state=State.FAILED, error=words)
    return ScorerUnavailable(words)


# -- trying -----------------------------------------------------------------------------------------------------------


def _try(job: Job, owner: str) -> None:
    """Asks about the units of a try and keeps the answers on the job: a try is no evidence, but it is paid for."""
    judge = benches.judge_of(job)
    document = job.params["trial"].get("template")
    wording = templates.with_settings(templates.read(document), judge.settings) if document else None
    ready = benches.bench(judge, job, template=wording)
    voice = benches.voice(judge, ready.template, job)
    found = units.read(job.params["trial"]["units"])
    queries = [query for unit in found for query in voice.queries(unit) if query.repeat == 0]
    check_storage()
    started = time.monotonic()
    asking = Asking(job, ready, jobs.Pulse())
    answered = [one for batch in asking.batches(queries, parts.SECONDS_BETWEEN_WRITES) for one in batch]
    if asking.trouble is not None and not answered:
        raise asking.trouble
    good = sum(one.verdict is not None for one in answered)
    Job.objects.filter(pk=job.pk, owner=owner).update(
        total=len(queries), done=good, failed=len(answered) - good, environment={platform.node(): environment(ready)}
    )
    result = {"trial": [_in_words(one) for one in answered], "seconds": time.monotonic() - started}
    jobs.finish(job, owner, result=result)


def _in_words(one: Answered) -> dict[str, Any]:
    """One answer of a try, as a page shows it."""
    shown = {"prompt": one.query.unit.prompt_id, "samples": list(one.query.shown), "source": one.query.unit.source}
    about = {**shown, "swapped": one.query.is_turned, "repeat": one.query.repeat}
    if one.call is None:
        return {**about, "fault": one.fault}
    return {**about, **verdicts.payload_of(one, is_related=False)}


# -- where it ran -----------------------------------------------------------------------------------------------------


def environment(ready: Bench) -> dict[str, Any]:
    """The machine and the model: what a verdict may depend on without being another rater."""
    return {
        "python": platform.python_version(),
        "machine": platform.machine(),
        "libraries": {},
        "model": ready.backend.identity(),
        "noted_at": timezone.now().isoformat(timespec="seconds"),
    }


STEPS = parts.Steps(kind=Job.Kind.JUDGE, plan=_plan, attempt=_try, work=_work)
