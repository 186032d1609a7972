"""Long work as rows. The queue message is only a doorbell: what must be done, and by whom, is written here."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from curation.models.people import Project, ProjectScoped, User
from curation.models.prompts import Prompt, Sample

# An owner that has been silent for this long is taken for dead, and its work for free.
SILENCE = timedelta(seconds=60)


class State(models.TextChoices):
    QUEUED = "queued", _("queued")
    RUNNING = "running", _("running")
    DONE = "done", _("done")
    FAILED = "failed", _("failed")
    CANCELLED = "cancelled", _("cancelled")


UNFINISHED = (State.QUEUED, State.RUNNING)


class JobQuerySet(ProjectScoped["Job"]):
    def unfinished(self) -> JobQuerySet:
        return self.filter(state__in=UNFINISHED)

    def free(self) -> JobQuerySet:
        """Queued, or running under an owner that fell silent."""
        silent = timezone.now() - SILENCE
        return self.filter(Q(state=State.QUEUED) | Q(state=State.RUNNING, heartbeat_at__lt=silent))


class Job(models.Model):
    """One long work: its state, who owns it, when the owner was last heard, how far it is."""

    class Kind(models.TextChoices):
        IMPORT = "import", _("import")
        SCORE = "score", _("scoring")
        JUDGE = "judge", _("judging")
        BUILD = "build", _("build")
        EXPORT = "export", _("export")
        PUBLISH = "publish", _("publication")
        FIT = "fit", _("fitting")

    project = models.ForeignKey(Project, models.CASCADE, related_name="jobs")
    kind = models.CharField(max_length=8, choices=Kind)
    title = models.CharField(max_length=200)
    state = models.CharField(max_length=10, choices=State, default=State.QUEUED)
    queue = models.CharField(max_length=20, default="cpu")
    owner = models.CharField(max_length=100, blank=True)
    heartbeat_at = models.DateTimeField(null=True)
    # `total` is null until it is known. Skipped is "nothing to do here", told apart from failed.
    total = models.BigIntegerField(null=True)
    done = models.BigIntegerField(default=0)
    skipped = models.BigIntegerField(default=0)
    failed = models.BigIntegerField(default=0)
    cancel_requested = models.BooleanField(default=False)
    # What is to be done, enough to do it again; then what came of it.
    params = models.JSONField(default=dict)
    result = models.JSONField(default=dict)
    error = models.TextField(blank=True)
    # Library versions, device, host: what a number may depend on without being another rater.
    environment = models.JSONField(default=dict)
    attempts = models.SmallIntegerField(default=0)
    created_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)

    objects = JobQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(condition=Q(state__in=State.values), name="job_state_known"),
            models.CheckConstraint(
                condition=~Q(state="running") | (~Q(owner="") & Q(heartbeat_at__isnull=False)),
                name="job_running_has_owner",
            ),
            models.CheckConstraint(
                condition=Q(state__in=["queued", "running"], finished_at__isnull=True)
                | Q(state__in=["done", "failed", "cancelled"], finished_at__isnull=False),
                name="job_finished_with_time",
            ),
            models.CheckConstraint(
                condition=Q(done__gte=0, skipped__gte=0, failed__gte=0), name="job_counts_not_negative"
            ),
        ]
        indexes = [
            models.Index(fields=["project", "-id"], name="job_newest"),
            models.Index(
                fields=["state", "heartbeat_at"], name="job_unfinished", condition=Q(state__in=["queued", "running"])
            ),
        ]

    def __str__(self) -> str:
        return self.title

    @property
    def is_unfinished(self) -> bool:
        return self.state in UNFINISHED

    @property
    def processed(self) -> int:
        return self.done + self.skipped + self.failed

    @property
    def share(self) -> float | None:
        """Share done, 0 to 1; None while the total is unknown."""
        if self.total is None:
            return None
        return min(self.processed / self.total, 1.0) if self.total else 1.0

    @property
    def rate(self) -> float | None:
        """Items a second since the start, or since it was taken up again; None before there is something to divide."""
        items = self.processed - int(self.result.get("before", 0))
        if self.started_at is None or items <= 0:
            return None
        seconds = ((self.finished_at or timezone.now()) - self.started_at).total_seconds()
        return items / seconds if seconds > 0 else None

    @property
    def seconds_left(self) -> float | None:
        if self.total is None or not self.rate or not self.is_unfinished:
            return None
        return max(self.total - self.processed, 0) / self.rate


class JobChunkQuerySet(ProjectScoped["JobChunk"]):
    project_path = "job__project"

    def free(self) -> JobChunkQuerySet:
        silent = timezone.now() - SILENCE
        return self.filter(Q(state=State.QUEUED) | Q(state=State.RUNNING, heartbeat_at__lt=silent))

    def waiting(self, now: datetime) -> JobChunkQuerySet:
        """Free parts whose time has come: one put back after a passing error rests until its heartbeat."""
        return self.free().filter(Q(heartbeat_at=None) | Q(heartbeat_at__lte=now))


class JobChunk(models.Model):
    """A part of a job that one worker does alone. Its range says where to look, never what is still missing."""

    job = models.ForeignKey(Job, models.CASCADE, related_name="chunks")
    position = models.IntegerField()
    queue = models.CharField(max_length=20, default="cpu")
    state = models.CharField(max_length=10, choices=State, default=State.QUEUED)
    owner = models.CharField(max_length=100, blank=True)
    heartbeat_at = models.DateTimeField(null=True)
    attempts = models.SmallIntegerField(default=0)
    params = models.JSONField(default=dict)
    total = models.IntegerField(default=0)
    done = models.IntegerField(default=0)
    skipped = models.IntegerField(default=0)
    failed = models.IntegerField(default=0)
    error = models.TextField(blank=True)

    objects = JobChunkQuerySet.as_manager()

    class Meta:
        ordering = ["position"]
        constraints = [
            models.UniqueConstraint(fields=["job", "position"], name="job_chunk_once"),
            models.CheckConstraint(condition=Q(state__in=State.values), name="job_chunk_state_known"),
            models.CheckConstraint(
                condition=~Q(state="running") | (~Q(owner="") & Q(heartbeat_at__isnull=False)),
                name="job_chunk_running_has_owner",
            ),
        ]
        indexes = [
            models.Index(
                fields=["state", "heartbeat_at"],
                name="job_chunk_unfinished",
                condition=Q(state__in=["queued", "running"]),
            )
        ]

    def __str__(self) -> str:
        return f"{self.job_id}/{self.position}"


class JobFailureQuerySet(ProjectScoped["JobFailure"]):
    project_path = "job__project"


class JobFailure(models.Model):
    """One thing a job could not do, with the reason; a refused row of an import, a sample a scorer choked on."""

    job = models.ForeignKey(Job, models.CASCADE, related_name="failures")
    # "samples.jsonl:12", "sample dragon-3": names the thing in its sender's words.
    what = models.CharField(max_length=500)
    reason = models.TextField()
    sample = models.ForeignKey(Sample, models.CASCADE, null=True, related_name="+")
    prompt = models.ForeignKey(Prompt, models.CASCADE, null=True, related_name="+")
    # The scorer, format or step that refused.
    source = models.CharField(max_length=100, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = JobFailureQuerySet.as_manager()

    class Meta:
        ordering = ["id"]
        constraints = [
            # A chunk delivered twice reports a failure once.
            models.UniqueConstraint(fields=["job", "source", "what"], name="job_failure_once"),
            models.CheckConstraint(condition=~Q(reason=""), name="job_failure_says_why"),
        ]

    def __str__(self) -> str:
        return f"{self.what}: {self.reason}"
