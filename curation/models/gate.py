"""What was found before a version left, who accepted what of it, and how its pictures look in a few bytes."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from curation.models.assets import SHA256_HEX, Rendition
from curation.models.datasets import DatasetVersion
from curation.models.people import ProjectScoped, User


class GateExaminationQuerySet(ProjectScoped["GateExamination"]):
    project_path = "version__dataset__project"


class GateExamination(models.Model):
    """One look of the gate at a version. A look that finds the same as the newest one only renews its time."""

    version = models.ForeignKey(DatasetVersion, models.CASCADE, related_name="examinations")
    # With what people wrote, as an export that includes it is examined.
    with_notes = models.BooleanField(default=False)
    report = models.JSONField()  # `curation.gate.report.GateReport`, without waivers
    digest = models.CharField(max_length=64)  # of the report
    rows = models.JSONField()  # the file of the rows it found: name, size, sha256, rows
    seconds = models.FloatField()
    created_at = models.DateTimeField(auto_now_add=True)
    examined_at = models.DateTimeField()

    objects = GateExaminationQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(condition=Q(digest__regex=SHA256_HEX), name="gate_digest_is_hex"),
            models.CheckConstraint(condition=Q(seconds__gte=0), name="gate_seconds_not_negative"),
        ]

    def __str__(self) -> str:
        return f"gate of {self.version_id}"


class WaiverQuerySet(ProjectScoped["Waiver"]):
    project_path = "version__dataset__project"

    def living(self) -> WaiverQuerySet:
        return self.filter(taken_back_at=None)


class Waiver(models.Model):
    """A signed word: this finding is known, and accepted because of something. It covers no larger finding."""

    version = models.ForeignKey(DatasetVersion, models.CASCADE, related_name="waivers")
    # Its rows say what exactly was accepted.
    examination = models.ForeignKey(GateExamination, models.CASCADE, related_name="waivers")
    code = models.CharField(max_length=40)
    because = models.TextField(_("because"))
    finding_digest = models.CharField(max_length=64)
    count = models.IntegerField()
    measure = models.FloatField(null=True)
    # The name as it was when they signed; it travels in manifests and cards.
    signed_as = models.CharField(max_length=150)
    by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    taken_back_at = models.DateTimeField(null=True)
    taken_back_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")

    objects = WaiverQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(condition=~Q(code=""), name="waiver_names_a_check"),
            models.CheckConstraint(condition=~Q(because=""), name="waiver_says_why"),
            models.CheckConstraint(condition=~Q(signed_as=""), name="waiver_is_signed"),
            models.CheckConstraint(condition=Q(finding_digest__regex=SHA256_HEX), name="waiver_digest_is_hex"),
            models.UniqueConstraint(
                fields=["version", "code", "finding_digest"],
                condition=Q(taken_back_at=None),
                name="waiver_once_a_finding",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.code} of {self.version_id}"


class Look(models.Model):
    """Brightness and coarse look of a rendition, read off its fingerprint once: 64 bytes in place of 4,096."""

    rendition = models.OneToOneField(Rendition, models.CASCADE, primary_key=True, related_name="look")
    brightness = models.FloatField()  # 0 is black, 1 is white
    coarse = models.BinaryField()  # 8 x 8 grey levels for each view

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(brightness__gte=0, brightness__lte=1), name="look_brightness_is_share")
        ]

    def __str__(self) -> str:
        return f"look of {self.rendition_id}"
