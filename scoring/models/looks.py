"""What judges asked to see while they answered, and what they were shown for it."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from curation.models import Asset
from curation.models.people import ProjectScoped
from scoring.models.judges import JudgeCall


class LookQuerySet(ProjectScoped["Look"]):
    project_path = "call__project"


class Look(models.Model):
    """A tool that was called in one reply, and what came of it: a picture, words, or the reason why nothing did.

    It belongs to the reply, as the receipt does: whoever is answered by the same reply has looked at the same.
    """

    call = models.OneToOneField(JudgeCall, models.CASCADE, related_name="look")
    # Empty where the call could not be read.
    tool = models.CharField(max_length=20, blank=True)
    arguments = models.JSONField(default=dict)
    # What was said before the call.
    words = models.TextField(blank=True)
    # What the looked-at is called in the question, such as “Image 2”, and the SHA-256 of its rendition.
    place = models.CharField(max_length=60, blank=True)
    digest = models.CharField(max_length=64, blank=True)
    # [left, top, right, bottom] in pixels of the rendition; null for the whole of it.
    box = models.JSONField(null=True)
    # The moment of a video.
    time_us = models.BigIntegerField(null=True)
    # What the judge was shown; null for words alone.
    asset = models.ForeignKey(Asset, models.PROTECT, null=True, related_name="+")
    # What it was told, to the letter: it is part of the next question.
    told = models.TextField()
    fault = models.TextField(blank=True)

    objects = LookQuerySet.as_manager()

    class Meta:
        ordering = ["call"]
        constraints = [
            models.CheckConstraint(condition=Q(fault="") | Q(asset__isnull=True), name="look_shows_or_fails"),
            models.CheckConstraint(condition=~Q(told=""), name="look_is_answered"),
            models.CheckConstraint(
                condition=Q(fault="", asset__isnull=False) | Q(digest=""), name="look_names_its_file"
            ),
            models.CheckConstraint(condition=~Q(tool="") | ~Q(fault=""), name="look_names_its_tool"),
            models.CheckConstraint(
                condition=Q(digest="") | Q(digest__regex=r"^[0-9a-f]{64}$"), name="look_digest_is_hex"
            ),
        ]

    def __str__(self) -> str:
        return f"look of call {self.call_id}"
