"""What a worker does for a head: reads labels, has encoders look, fits, and writes it down, whole or not at all."""

from __future__ import annotations

import importlib
import socket
import time
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from django.db import transaction
from django.utils.translation import gettext as _

from curation.actions import jobs, raters
from curation.errors import PairwrightError, Refused
from curation.models import Job, JobFailure, Project, Rater, RaterMember, Sample
from curation.models.prompt_families import families
from scoring import resident
from scoring.actions import recording, working
from scoring.actions.heads import reading
from scoring.actions.heads.starting import Wish, wish_of
from scoring.actions.items import check_storage, items, items_ahead
from scoring.actions.parts import SECONDS_BETWEEN_WRITES, in_intervals, in_words
from scoring.catalogue import facts_of
from scoring.engine import run
from scoring.heads import fitting
from scoring.heads.features import Block, Encoder, Scores
from scoring.heads.fit import Floats
from scoring.heads.fitting import Fitted, Rival, Wanted
from scoring.heads.head import Seen, identity_of
from scoring.heads.labels import Labels
from scoring.models import FittedHead
from scoring.models.heads import scores as scores_of
from scoring.pacing import pace
from scoring.scorers.base import ItemError, ScorerUnavailable

# Between two fits the row is asked whether to stop this often.
SECONDS_BETWEEN_LOOKS = 1.0


def run_job(*, job_id: int) -> Job | None:
    """Claims a job that fits a head and does it; None when somebody else has it or it is over. Done twice, the labels
    being the same, it finds the same head and makes no second one."""
    job = Job.objects.select_related("project").filter(pk=job_id, kind=Job.Kind.FIT).first()
    owner = jobs.new_owner()
    claimed = jobs.claim(job, owner) if job else None
    if claimed is None:
        return None
    try:
        with jobs.heartbeat(claimed, owner) as pulse:
            result = _Fitting(claimed, owner, pulse).run()
    except jobs.Lost:
        jobs.stop_cancelled(claimed, owner)
        return None
    except (PairwrightError, ScorerUnavailable) as error:
        jobs.fail(claimed, owner, str(error))
        return Job.objects.get(pk=claimed.pk)
    except Exception as error:
        jobs.fail(claimed, owner, in_words(error))
        raise
    jobs.finish(claimed, owner, result=result)
    return Job.objects.get(pk=claimed.pk)


@dataclass
class _Seen:
    """What encoders and raters say of the labelled subjects."""

    block: Block
    features: Floats
    reason: str


class _Fitting:
    """One fit under way: progress is samples looked at, and one step more for the fitting itself."""

    def __init__(self, job: Job, owner: str, pulse: jobs.Pulse) -> None:
        self._job, self._owner, self._pulse = job, owner, pulse
        self._wish = wish_of(job.params["fit"])
        self._looked_at = 0.0

    def run(self) -> dict[str, Any]:
        began = time.monotonic()
        taught = reading.taught(
            project=self._project, criterion=self._wish.criterion, voters=self._wish.voters, form=self._wish.form
        )
        self._progress(total=len(self._wish.encoders) * len(taught.labels.samples) + 1)
        seen = list(self._seen(taught))
        labels, features = _together(replace(taught.labels, families=families(self._project.pk)), seen)
        looked = time.monotonic()
        wanted = Wanted(
            name=self._wish.name,
            form=self._wish.form,
            criterion=self._wish.criterion,
            blocks=tuple(one.block for one in seen),
            ties=self._wish.ties,
            higher_is_better=taught.higher_is_better,
        )
        fitted = fitting.fit(
            labels,
            features,
            wanted,
            rivals=_rivals(self._project, labels, taught.givers),
            again=taught.again,
            pulse=self._look,
        )
        seconds = {"looking": round(looked - began, 2), "fitting": round(time.monotonic() - looked, 2)}
        head, is_new = _write(self._job, self._wish, fitted, labels, seconds)
        self._advance(1)
        return {"head": head.pk, "revision": head.revision, "is_new": is_new, **seconds}

    @property
    def _project(self) -> Project:
        return self._job.project

    # -- looking ------------------------------------------------------------------------------------------------------

    def _seen(self, taught: reading.Taught) -> Iterator[_Seen]:
        """Every block in the order in which it was wished for, scores last."""
        for name in self._wish.encoders:
            yield self._by_encoder(name, taught.labels)
        if self._wish.scores:
            columns = reading.named_columns(self._project, self._wish.scores, taught.givers)
            yield _Seen(Scores(tuple(columns)), scores_of(columns, taught.labels.subjects), "no-score")

    def _by_encoder(self, name: str, labels: Labels) -> _Seen:
        """The encoder's features of the labelled samples; NaN where it could not look."""
        check_storage()
        base = resident.scorer(name, self._wish.settings[name])
        reader = importlib.import_module("scoring.scorers.head").FeatureReader(base)
        sample_ids = labels.samples.tolist()
        speed = pace(self._job.queue)
        read = items_ahead if speed.ahead else items
        for batches in in_intervals(run(read(sample_ids), [reader], speed), SECONDS_BETWEEN_WRITES):
            self._look()
            self._note_errors(name, batches)
            self._advance(sum(len(batch.items) for batch in batches))
        self._note_environment(base)
        size = next((len(row) for row in reader.found.values()), 0)
        if not size:
            raise Refused(
                _("“%(name)s” could look at none of the labelled samples. It needs pictures or videos, and a prompt.")
                % {"name": name}
            )
        missing = np.full(size, np.nan)
        features = np.stack([reader.found.get(sample, missing) for sample in sample_ids])
        block = Encoder(name, dict(self._wish.settings[name]), size // 2, reader.encoder_digest())
        return _Seen(block, features, "not-seen")

    def _note_errors(self, name: str, batches: Sequence[Any]) -> None:
        failed = {
            item.sample_id: outcome.reason
            for batch in batches
            for item, outcome in zip(batch.items, batch.outcomes, strict=True)
            if isinstance(outcome, ItemError)
        }
        rows = Sample.objects.in_bulk(failed)
        jobs.record_failures(
            self._job,
            [
                JobFailure(
                    what=recording.what(row), reason=failed[pk], source=name, sample_id=pk, prompt_id=row.prompt_id
                )
                for pk, row in rows.items()
            ],
        )

    def _note_environment(self, base: Any) -> None:
        found = {**self._job.environment, socket.gethostname(): working.environment([base])}
        Job.objects.filter(pk=self._job.pk, owner=self._owner).update(environment=found)

    # -- progress -----------------------------------------------------------------------------------------------------

    def _progress(self, *, total: int) -> None:
        Job.objects.filter(pk=self._job.pk, owner=self._owner).update(total=total, done=0, skipped=0, failed=0)
        self._job.failures.all().delete()

    def _advance(self, done: int) -> None:
        if not jobs.advance(self._job, self._owner, done=done):
            raise jobs.Lost

    def _look(self) -> None:
        """Raises Lost where the job was taken or is to stop; asks the row once a second at most."""
        self._pulse.check()
        now = time.monotonic()
        if now - self._looked_at < SECONDS_BETWEEN_LOOKS:
            return
        self._looked_at = now
        if not jobs.beat(self._job, self._owner):
            raise jobs.Lost


def _together(labels: Labels, seen: Sequence[_Seen]) -> tuple[Labels, Floats]:
    """Labels whose samples have every feature, and these; whatever is left out is counted under the first it lacks."""
    alive = np.arange(len(labels.samples))
    for one in seen:
        known = np.atleast_1d(np.isfinite(one.features[alive]).all(axis=1))
        labels, alive = labels.about(known, one.reason), alive[known]
    return labels, np.concatenate([one.features[alive] for one in seen], axis=1)


def _rivals(project: Project, labels: Labels, givers: Collection[int]) -> list[Rival]:
    """Every score that exists of the labelled samples and could be a feature, turned so that higher is better."""
    columns = [one.column for one in reading.columns(project, givers)]
    if not columns:
        return []
    values = scores_of(columns, labels.subjects)
    signs = np.array([1.0 if one.higher_is_better else -1.0 for one in columns])
    return [Rival(one.label, column) for one, column in zip(columns, (values * signs).T, strict=True)]


# -- writing it down --------------------------------------------------------------------------------------------------


@transaction.atomic
def _write(job: Job, wish: Wish, fitted: Fitted, labels: Labels, seconds: dict[str, float]) -> tuple[FittedHead, bool]:
    """The head as a new revision and a rater of its own; the one that stands, where nothing has changed since.

    Raises:
        Lost: the job was taken over or cancelled meanwhile; nothing is written.
    """
    if not Job.objects.select_for_update().filter(pk=job.pk, owner=job.owner, cancel_requested=False).exists():
        raise jobs.Lost
    # What it learnt of a prompt it knows of all that belong with it.
    seen = Seen(labels.judgements, labels.families.whole(labels.prompts))
    Project.objects.select_for_update(no_key=True).get(pk=job.project_id)
    rater = raters.machine(
        kind=Rater.Kind.HEAD,
        name=f"head:{wish.name}",
        identity=identity_of(fitted.head, seen),
        kinship=raters.Kinship(family=_family(fitted)),
        project=job.project,
    )
    known = FittedHead.objects.select_related("rater").filter(rater=rater).first()
    if known is not None:
        return known, False
    _write_members(rater, fitted)
    last = FittedHead.objects.filter(project=job.project, name=wish.name).order_by("-revision").first()
    return (
        FittedHead.objects.create(
            project=job.project,
            name=wish.name,
            revision=last.revision + 1 if last else 1,
            form=wish.form,
            criterion=wish.criterion,
            rater=rater,
            job=job,
            asked=wish.as_json(),
            document=fitted.head.as_json(),
            labels_digest=seen.digest,
            labels=len(labels),
            prompts=len(labels.prompts),
            report={**fitted.report.as_json(), "seconds": seconds},
            created_by=job.created_by,
        ),
        True,
    )


def _family(fitted: Fitted) -> str:
    """That of its encoder, where it has one: generators of that family are judged by a relative."""
    families = {facts_of(block.scorer).family for block in fitted.head.encoders} - {""}
    return families.pop() if len(families) == 1 else ""


def _write_members(rater: Rater, fitted: Fitted) -> None:
    """The raters whose scores it reads: a recipe hears them or the head, never both."""
    weights: dict[int, float] = {}
    columns = [(block, one) for block in fitted.head.blocks if isinstance(block, Scores) for one in block.columns]
    for (_block, column), weighed in zip(
        columns, [one for one in fitted.report.weighed if one.weight is not None], strict=True
    ):
        weights[column.rater] = weights.get(column.rater, 0.0) + (weighed.weight or 0.0)
    RaterMember.objects.bulk_create(
        [RaterMember(ensemble=rater, member_id=member, weight=weight) for member, weight in weights.items()],
        ignore_conflicts=True,
    )
