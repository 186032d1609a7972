"""Writing down what scorers said of a part of a job: numbers, failures and counts in one transaction."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from curation.actions import jobs, judgements
from curation.actions.judgements import Act, Link, NewMark, NewScore, PassScore, Subject
from curation.media import heatmaps
from curation.models import Job, JobChunk, JobFailure, Judgement, JudgementLink, Rater, Sample, Score
from scoring.actions import parts
from scoring.engine import Batch
from scoring.scorers.base import Item, ItemError, NotApplicable, Place, Reading


@dataclass
class _Said:
    """What one scorer said in several batches."""

    readings: list[tuple[Item, Reading]] = field(default_factory=list)
    errors: list[tuple[Item, str]] = field(default_factory=list)
    skipped: list[Item] = field(default_factory=list)
    prompts: list[int] = field(default_factory=list)


@transaction.atomic
def save(*, chunk: JobChunk, owner: str, batches: Sequence[Batch]) -> None:
    """Writes outcomes and counts together, so a part that is delivered twice finds nothing missing.

    Raises:
        Lost: the part is no longer this owner's; nothing is written.
    """
    locked = parts.locked(chunk, owner)
    job = chunk.job
    for name, said in sorted(_by_scorer(batches).items()):
        if job.params["scope"] == "group":
            _write_groups(job, name, said)
        else:
            _write_pass(job, name, said)
        _record_failures(job, name, said)
        _count(locked, job, name, said)
    locked.heartbeat_at = timezone.now()
    locked.save(update_fields=["done", "skipped", "failed", "params", "heartbeat_at"])


def _by_scorer(batches: Sequence[Batch]) -> dict[str, _Said]:
    said: dict[str, _Said] = {}
    for batch in batches:
        own = said.setdefault(batch.scorer.name, _Said())
        own.prompts += list(dict.fromkeys(item.prompt_id for item in batch.items))
        for item, outcome in zip(batch.items, batch.outcomes, strict=True):
            match outcome:
                case Reading():
                    own.readings.append((item, outcome))
                case NotApplicable():
                    own.skipped.append(item)
                case ItemError():
                    own.errors.append((item, outcome.reason))
    return said


def _write_pass(job: Job, name: str, said: _Said) -> None:
    """One judgement over all samples; a number that exists already (another job was faster) is left as it is."""
    judgements.record_pass(
        project=job.project,
        rater=Rater(pk=job.params["raters"][name], name=name),
        scores=_numbers(job, name, said),
        job=job,
        payload=_payload(said.readings),
        marks=list(_new_marks(job, name, said.readings)),
    )


def _numbers(job: Job, name: str, said: _Said) -> list[PassScore]:
    """In order of sample, so that two jobs over the same samples wait for each other and never in a circle."""
    keys = job.params["criteria"][name]
    return [
        PassScore(item.sample_id, item.prompt_id, keys[criterion], result.value, result.spread)
        for item, reading in sorted(said.readings, key=lambda pair: pair[0].sample_id)
        for criterion, result in sorted(reading.results.items())
    ]


def _payload(readings: Sequence[tuple[Item, Reading]]) -> dict[str, Any] | None:
    """What explains the numbers, by sample; None where the numbers are all there is."""
    details = {str(item.sample_id): dict(reading.detail) for item, reading in readings if reading.detail}
    return {"detail": details} if details else None


def _write_groups(job: Job, name: str, said: _Said) -> None:
    """One judgement a prompt. It supersedes what the scorer said of the group when it was smaller."""
    groups: dict[int, list[tuple[Item, Reading]]] = {}
    for item, reading in said.readings:
        groups.setdefault(item.prompt_id, []).append((item, reading))
    rater_id = job.params["raters"][name]
    older = _older_judgements(job, name, [item.sample_id for item, _reading in said.readings])
    judgements.retract(
        judgements=[judgement for found in older.values() for judgement in found],
        reason=Judgement.Retraction.SUPERSEDED,
        by=None,
    )
    judgements.record(
        project=job.project,
        acts=[
            Act(
                rater_id=rater_id,
                act=Judgement.Act.PASS,
                job_id=job.pk,
                payload=_payload(group),
                scores=list(_new_scores(job, name, group)),
                marks=list(_new_marks(job, name, group)),
                links=[Link(judgement.pk, JudgementLink.Kind.SUPERSEDES) for judgement in older.get(prompt_id, [])],
            )
            for prompt_id, group in groups.items()
        ],
    )


def _new_scores(job: Job, name: str, group: Sequence[tuple[Item, Reading]]) -> Iterator[NewScore]:
    keys = job.params["criteria"][name]
    for item, reading in group:
        for criterion, result in sorted(reading.results.items()):
            subject = Subject(item.sample_id, item.prompt_id)
            yield NewScore(subject, keys[criterion], result.value, result.spread, occasion=0)


def _new_marks(job: Job, name: str, readings: Sequence[tuple[Item, Reading]]) -> Iterator[NewMark]:
    """Numbers for parts; the engine has looked at each of them already."""
    keys = job.params["criteria"][name]
    for item, reading in readings:
        for place in reading.places:
            yield _mark(item, place, keys[place.criterion])


def _mark(item: Item, place: Place, criterion_version_id: int) -> NewMark:
    points = [[x, y] for x, y in place.points]
    return NewMark(
        Subject(item.sample_id, item.prompt_id),
        place.target,
        place.shape,
        criterion_version_id,
        media_index=_media_index(item, place),
        input_role=place.input_role,
        start=place.start,
        end=place.end,
        points=heatmaps.packed(place.grid, place.points) if place.shape == "heatmap" else points or None,
        text=place.label,
        value=place.value,
    )


def _media_index(item: Item, place: Place) -> int | None:
    """Among all files of the sample or role: scorers are not shown those that nobody can look at."""
    if place.media_index is None:
        return None
    files = item.media if place.target == "media" else item.roles[place.input_role]
    position = files[place.media_index].position
    return place.media_index if position is None else position


def _older_judgements(job: Job, name: str, sample_ids: list[int]) -> dict[int, list[Judgement]]:
    """Living judgements of the scorer on these samples, by prompt. Two queries."""
    rows = Score.objects.living().filter(
        rater=job.params["raters"][name],
        sample__in=sample_ids,
        criterion_version__in=job.params["criteria"][name].values(),
        context=None,
    )
    pairs = set(rows.values_list("prompt_id", "judgement_id"))
    found = Judgement.objects.in_bulk([judgement_id for _prompt_id, judgement_id in pairs])
    older: dict[int, list[Judgement]] = {}
    for prompt_id, judgement_id in sorted(pairs):
        older.setdefault(prompt_id, []).append(found[judgement_id])
    return older


def _record_failures(job: Job, name: str, said: _Said) -> None:
    if not said.errors:
        return
    samples = Sample.objects.in_bulk([item.sample_id for item, _reason in said.errors])
    jobs.record_failures(
        job,
        [
            JobFailure(
                what=what(samples[item.sample_id]),
                reason=reason,
                source=name,
                sample_id=item.sample_id,
                prompt_id=item.prompt_id,
            )
            for item, reason in said.errors
            if item.sample_id in samples
        ],
    )


def what(sample: Sample) -> str:
    """A sample in words that are unique in its project, its sender's key among them."""
    return _("sample %(id)s (%(key)s)") % {"id": sample.pk, "key": sample.key} if sample.key else str(sample)


def _count(chunk: JobChunk, job: Job, name: str, said: _Said) -> None:
    """Counts, and remembers what this job need not ask again: failures and what does not apply, or whole prompts."""
    chunk.done += len(said.readings)
    done_by = chunk.params.setdefault("done_by", {})
    done_by[name] = done_by.get(name, 0) + len(said.readings)
    chunk.skipped += len(said.skipped)
    chunk.failed += len(said.errors)
    if job.params["scope"] == "group":
        keys = said.prompts
    else:
        keys = [item.sample_id for item in said.skipped] + [item.sample_id for item, _reason in said.errors]
    chunk.params.setdefault("settled", {}).setdefault(name, []).extend(keys)
