"""Runs of the probes over a rater, what it said of each input, and who has read the warning that goes with it."""

from __future__ import annotations

from typing import Any

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from curation.models import Job, Project, Rater, Sample, User
from curation.models.people import ProjectScoped


class ProbeRunQuerySet(models.QuerySet["ProbeRun"]):
    def ended(self) -> ProbeRunQuerySet:
        return self.filter(ended_at__isnull=False)

    def latest_of(self, rater_ids: list[int]) -> ProbeRunQuerySet:
        """The newest run of each rater that came to its end."""
        return self.ended().filter(rater__in=rater_ids).order_by("rater_id", "-pk").distinct("rater_id")


class ProbeRun(models.Model):
    """One suite over one rater. What it said there is no evidence and stands nowhere else."""

    class Outcome(models.TextChoices):
        PASSING = "passing", _("passing")
        DOUBTFUL = "doubtful", _("doubtful")
        FAILING = "failing", _("failing")
        # Nothing genuine could be scored, so there is nothing to hold an input against.
        NONE = "none", _("nothing to say")

    # Null until a worker has loaded the scorer: only then it is known who it is.
    rater = models.ForeignKey(Rater, models.CASCADE, null=True, related_name="probe_runs")
    scorer = models.CharField(max_length=100)
    settings: models.JSONField[Any] = models.JSONField(default=dict)
    # Whose samples are the originals; null for a run without a project.
    project = models.ForeignKey(Project, models.CASCADE, null=True, related_name="probe_runs")
    # Null for a run by the command, which needs no worker.
    job = models.OneToOneField(Job, models.SET_NULL, null=True, related_name="probe_run")
    suite = models.SmallIntegerField()
    seed = models.BigIntegerField(default=0)
    # {"source": "project", "groups": [[sample ids], …]} or {"source": "drawn", "kind": "image"}.
    originals: models.JSONField[Any] = models.JSONField(default=dict)
    # Of the whole run, once it has ended (`scoring.probes.report`).
    report: models.JSONField[Any] = models.JSONField(null=True)
    outcome = models.CharField(max_length=10, choices=Outcome, blank=True)
    created_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    ended_at = models.DateTimeField(null=True)

    objects = ProbeRunQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(ended_at=None, outcome="", report__isnull=True)
                | Q(
                    ended_at__isnull=False, outcome__in=["passing", "doubtful", "failing", "none"], rater__isnull=False
                ),
                name="probe_run_ended_says_how",
            ),
        ]
        indexes = [models.Index(fields=["rater", "-id"], name="probe_run_newest")]

    def __str__(self) -> str:
        return f"probes of {self.scorer}"

    @property
    def is_drawn(self) -> bool:
        """Whether its originals are the drawings every installation has."""
        return self.originals.get("source") == "drawn"


class ProbeAnswer(models.Model):
    """What a rater said of one input of a run."""

    run = models.ForeignKey(ProbeRun, models.CASCADE, related_name="answers")
    position = models.IntegerField()
    probe = models.CharField(max_length=40)
    group = models.SmallIntegerField()
    original = models.SmallIntegerField()
    # The project's sample it is made of; null for a drawing. Where the sample goes, so does what was made of it.
    sample = models.ForeignKey(Sample, models.CASCADE, null=True, related_name="+")
    # By criterion; empty where it gave no number, and `reason` then says why.
    values: models.JSONField[Any] = models.JSONField(default=dict)
    reason = models.TextField(blank=True)
    prompt_text = models.TextField(blank=True)
    text = models.TextField(null=True)  # noqa: DJ001 (no text is not an empty one)
    # A small WebP; kept only of the inputs that the report shows.
    picture = models.BinaryField(null=True)

    class Meta:
        ordering = ["position"]
        constraints = [
            # A part that is delivered twice answers once.
            models.UniqueConstraint(fields=["run", "position"], name="probe_answer_once"),
            models.CheckConstraint(condition=~Q(values={}) | ~Q(reason=""), name="probe_answer_says_why_not"),
        ]

    def __str__(self) -> str:
        return f"{self.run_id}/{self.position} {self.probe}"


class ProbeReadingQuerySet(ProjectScoped["ProbeReading"]):
    pass


class ProbeReading(models.Model):
    """Somebody has read what the probes say of a rater, or that they say nothing yet, and goes on."""

    project = models.ForeignKey(Project, models.CASCADE, related_name="+")
    rater = models.ForeignKey(Rater, models.CASCADE, related_name="+")
    # The run that was read; null where there was none.
    run = models.ForeignKey(ProbeRun, models.CASCADE, null=True, related_name="readings")
    by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    at = models.DateTimeField(auto_now_add=True)

    objects = ProbeReadingQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        indexes = [models.Index(fields=["project", "rater", "-id"], name="probe_reading_newest")]

    def __str__(self) -> str:
        return f"{self.rater_id} read by {self.by_id}"
