"""Heads that were fitted here, each revision a row that is never changed, and how workers come by them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from django.db import InterfaceError, OperationalError, models
from django.db.models import Exists, OuterRef, Q
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from curation.models import Job, Judgement, JudgementLink, Project, Rater, Score, User
from curation.models.people import ProjectScoped
from scoring.heads import head as kept
from scoring.heads import shelf
from scoring.heads.features import Column
from scoring.heads.fit import Floats
from scoring.judges.base import Passing
from scoring.scorers.base import ScorerUnavailable

REVISION_DIGITS = 12
LONGEST_NAME = 40


class FittedHeadQuerySet(ProjectScoped["FittedHead"]):
    def newest(self) -> FittedHeadQuerySet:
        """The last revision of every name, by name."""
        return self.order_by("project_id", "name", "-revision").distinct("project_id", "name")


class FittedHead(models.Model):
    """One revision of a head: its weights, the labels it saw, and what it did on prompts it never saw."""

    class Form(models.TextChoices):
        PAIRS = "pairs", gettext_lazy("preferences")
        RATINGS = "ratings", gettext_lazy("ratings")

    project = models.ForeignKey(Project, models.CASCADE, related_name="heads")
    name = models.CharField(gettext_lazy("name"), max_length=LONGEST_NAME)
    revision = models.IntegerField()
    form = models.CharField(max_length=8, choices=Form)
    # Key of the criterion under which the labels were given.
    criterion = models.CharField(max_length=120)
    rater = models.OneToOneField(Rater, models.RESTRICT, related_name="head")
    job: models.ForeignKey[Job | None] = models.ForeignKey(Job, models.SET_NULL, null=True, related_name="+")
    # What was asked for, enough to ask for it again.
    asked: models.JSONField[Any] = models.JSONField()
    # `heads.head.Head` as JSON.
    document: models.JSONField[Any] = models.JSONField()
    # Ids of the judgements and prompts it was fitted on are in the rater's identity, where everybody reads them.
    labels_digest = models.CharField(max_length=64)
    labels = models.IntegerField()
    prompts = models.IntegerField()
    # Held-out accuracy, learning curve, what it was compared with.
    report: models.JSONField[Any] = models.JSONField()
    created_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    objects = FittedHeadQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["project", "name", "revision"], name="fitted_head_revision_once"),
            models.CheckConstraint(condition=Q(revision__gte=1), name="fitted_head_revision_from_one"),
            models.CheckConstraint(condition=Q(form__in=["pairs", "ratings"]), name="fitted_head_form_known"),
            models.CheckConstraint(condition=Q(labels__gte=1, prompts__gte=1), name="fitted_head_saw_labels"),
        ]

    def __str__(self) -> str:
        return f"{self.name}, revision {self.revision}"

    @property
    def key(self) -> str:
        """How jobs and other scorers name it: the name, and the beginning of its rater's identity."""
        return f"{kept.PREFIX}{self.name}@{self.rater.identity_digest[:REVISION_DIGITS]}"

    @property
    def head(self) -> kept.Head:
        return kept.from_json(self.document)


# -- for workers ------------------------------------------------------------------------------------------------------


def of_key(key: str) -> FittedHead | None:
    """The head that a job names; None where there is none. One query."""
    name, _at, start = key.removeprefix(kept.PREFIX).partition("@")
    if not shelf.is_head(key) or len(start) != REVISION_DIGITS:
        return None
    rows = FittedHead.objects.select_related("rater", "project")
    return rows.filter(name=name, rater__identity_digest__startswith=start).first()


def entry(key: str) -> shelf.Entry:
    """The head of a name, for the shelf; ScorerUnavailable where there is none."""
    row = of_key(key)
    if row is None:
        raise ScorerUnavailable(
            _("There is no fitted head “%(key)s”. Heads are named as their pages say: head:NAME@REVISION.")
            % {"key": key}
        )
    return shelf.Entry(row.head, row.rater.identity)


def scores(columns: Sequence[Column], subjects: Sequence[shelf.Subject]) -> Floats:
    """What others said of samples under prompts, for the shelf: (B, C), the mean of repeats, NaN where nothing counts.

    What was taken back, said in quarantine, under a principle or not as a label is not heard; of answers in several
    orders only what was derived from them is. One query.

    Args:
        columns: C of them.
        subjects: B of (sample id, prompt id); one may come several times.

    Raises:
        Passing: the database is away, which is no sample's fault.
    """
    place = {subject: row for row, subject in enumerate(dict.fromkeys(subjects))}
    versions = {(one.rater, version): number for number, one in enumerate(columns) for version in one.versions}
    total, count = np.zeros((len(place), len(columns))), np.zeros((len(place), len(columns)))
    for rater, version, sample, prompt, value in _heard(columns, [sample for sample, _prompt in place]):
        row, column = place.get((sample, prompt)), versions.get((rater, version))
        if row is not None and column is not None:
            total[row, column] += value
            count[row, column] += 1
    found: Floats = np.where(count > 0, total / np.maximum(count, 1), np.nan)
    return found[[place[subject] for subject in subjects]]


def _heard(columns: Sequence[Column], samples: Sequence[int]) -> Iterator[tuple[int, int, int, int, float]]:
    try:
        yield from _counted(columns, samples).iterator(chunk_size=20_000)
    except (OperationalError, InterfaceError) as error:
        raise Passing(_("The database gave no answer: %(error)s") % {"error": str(error).strip()}) from error


def _counted(columns: Sequence[Column], samples: Sequence[int]) -> Any:
    derived = JudgementLink.objects.filter(
        source=OuterRef("judgement"),
        kind=JudgementLink.Kind.DERIVED_FROM,
        judgement__rater=OuterRef("rater"),
        judgement__retracted_at=None,
    )
    return (
        Score.objects.counted()
        .filter(
            ~Exists(derived),
            Exists(Judgement.objects.outside_quarantine().filter(pk=OuterRef("judgement"))),
            rater__in={one.rater for one in columns},
            criterion_version__in={version for one in columns for version in one.versions},
            sample__in=set(samples),
            context=None,
        )
        .values_list("rater", "criterion_version", "sample", "prompt", "value")
    )


shelf.here.entry = entry
shelf.here.scores = scores
