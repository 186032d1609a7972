"""What was taken back: by whom it was asked, what it took, and whether every version has been seen to."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from curation.models.assets import SHA256_HEX
from curation.models.jobs import Job
from curation.models.people import Project, ProjectScoped, User
from curation.models.prompts import Prompt, Sample
from curation.models.raters import Rater


class WithdrawalQuerySet(ProjectScoped["Withdrawal"]):
    def open(self) -> WithdrawalQuerySet:
        """Those after which some version may not have been looked through yet."""
        return self.filter(finished_at=None)


class Withdrawal(models.Model):
    """One withdrawal of consent or one takedown. While it is open, nothing of its project is downloaded."""

    class Kind(models.TextChoices):
        CONSENT = "consent", _("consent withdrawn")
        RATER = "rater", _("judgements of one person")
        SAMPLE = "sample", _("a sample")
        PROMPT = "prompt", _("a prompt with its samples")
        ASSET = "asset", _("a file wherever it stands")

    # What takes things away from samples and prompts; the others retract judgements.
    TAKEDOWNS = (Kind.SAMPLE, Kind.PROMPT, Kind.ASSET)

    project = models.ForeignKey(Project, models.CASCADE, related_name="withdrawals")
    kind = models.CharField(max_length=8, choices=Kind)
    # Why, in the words of whoever did it; a consent needs no reason.
    reason = models.TextField(blank=True)
    rater = models.ForeignKey(Rater, models.SET_NULL, null=True, related_name="+")
    asset_sha256 = models.CharField(max_length=64, blank=True)
    job = models.ForeignKey(Job, models.SET_NULL, null=True, related_name="+")
    # What became of the versions: [{"version": "signs@3", "minor": "signs@3.1", "rows": 2}].
    versions = models.JSONField(default=list)
    created_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True)

    objects = WithdrawalQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(kind__in=["consent", "rater", "sample", "prompt", "asset"]), name="withdrawal_kind_known"
            ),
            models.CheckConstraint(condition=Q(kind="consent") | ~Q(reason=""), name="withdrawal_says_why"),
            models.CheckConstraint(
                condition=(Q(kind="asset") & Q(asset_sha256__regex=SHA256_HEX))
                | (~Q(kind="asset") & Q(asset_sha256="")),
                name="withdrawal_of_an_asset_names_it",
            ),
            # A file that was taken down once stays down.
            models.UniqueConstraint(
                fields=["project", "asset_sha256"], name="withdrawal_of_an_asset_once", condition=~Q(asset_sha256="")
            ),
        ]
        indexes = [
            models.Index(fields=["project"], name="withdrawal_open", condition=Q(finished_at__isnull=True)),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()}, {self.created_at:%Y-%m-%d}"


class TakenDown(models.Model):
    """A sample or a prompt that a takedown emptied. Its row stays, so that it cannot come back by an import."""

    withdrawal = models.ForeignKey(Withdrawal, models.CASCADE, related_name="taken")
    sample = models.OneToOneField(Sample, models.CASCADE, null=True, related_name="taken_down")
    prompt = models.OneToOneField(Prompt, models.CASCADE, null=True, related_name="taken_down")

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(sample__isnull=False, prompt__isnull=True) | Q(sample__isnull=True, prompt__isnull=False),
                name="taken_down_is_one_thing",
            ),
        ]

    def __str__(self) -> str:
        return f"sample {self.sample_id}" if self.sample_id else f"prompt {self.prompt_id}"
