"""Every vote of a batch: whose it is, and whether others said otherwise."""

from __future__ import annotations

from datetime import datetime

from django.db.models import Case, Exists, F, OuterRef, Q, QuerySet, When

from annotation.models.batches import Batch
from annotation.models.queue import Assignment
from curation.models import Comparison, RaterStanding, Score


def answered(batch: Batch) -> QuerySet[Assignment]:
    """What was answered in the batch, in time or late."""
    return Assignment.objects.filter(batch=batch, state__in=[Assignment.State.DONE, Assignment.State.LATE])


def contested(rows: QuerySet[Assignment]) -> QuerySet[Assignment]:
    """Those with a living verdict or rating that another person, asked the same in this batch, did not share."""
    own = {"judgement__answer_act__answer__assignment": OuterRef("pk"), "is_retracted": False}
    return rows.filter(
        Exists(Comparison.objects.filter(**own).annotate(winner=_WINNER).filter(_other_comparison()))
        | Exists(Score.objects.filter(**own).filter(_other_score()))
    )


# A tie and “both bad” are winners of their own.
_WINNER = Case(
    When(outcome="left", then=F("left_sample_id")),
    When(outcome="right", then=F("right_sample_id")),
    When(outcome="tie", then=0),
    default=-1,
)


def _other_comparison() -> Q:
    others = Comparison.objects.filter(
        pair_low=OuterRef("pair_low"),
        pair_high=OuterRef("pair_high"),
        criterion_version=OuterRef("criterion_version"),
        judgement__batch_key=OuterRef("judgement__batch_key"),
        is_retracted=False,
    )
    return Q(Exists(others.exclude(rater=OuterRef("rater")).annotate(said=_WINNER).exclude(said=OuterRef("winner"))))


def _other_score() -> Q:
    others = Score.objects.filter(
        sample=OuterRef("sample"),
        criterion_version=OuterRef("criterion_version"),
        judgement__batch_key=OuterRef("judgement__batch_key"),
        is_retracted=False,
    )
    return Q(Exists(others.exclude(rater=OuterRef("rater")).exclude(value=OuterRef("value"))))


def quarantined(project_id: int) -> dict[int, datetime]:
    """Since when what each rater in quarantine says is kept apart. Costs one query."""
    newest = RaterStanding.objects.filter(project=project_id).order_by("rater_id", "-id").distinct("rater_id")
    return {row.rater_id: row.since for row in newest if row.state == RaterStanding.State.QUARANTINED}
