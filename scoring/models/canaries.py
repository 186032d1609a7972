"""What workers saw of the canaries each time they loaded a model."""

from __future__ import annotations

from typing import Any

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from curation.models import Job, Rater


class CanaryQuerySet(models.QuerySet["Canary"]):
    def latest_of(self, rater_ids: list[int]) -> CanaryQuerySet:
        """The newest look of each rater."""
        return self.filter(rater__in=rater_ids).order_by("rater_id", "-pk").distinct("rater_id")


class Canary(models.Model):
    """One look at the canaries: the first of a rater is what all later ones are held against."""

    rater = models.ForeignKey(Rater, models.CASCADE, related_name="canaries")
    job = models.ForeignKey(Job, models.SET_NULL, null=True, related_name="+")
    at = models.DateTimeField(auto_now_add=True)
    host = models.CharField(max_length=200)
    # Library versions and device of the worker.
    environment = models.JSONField(default=dict)
    values: models.JSONField[Any] = models.JSONField()
    is_first = models.BooleanField(default=False)
    # In deviations of the canaries' numbers; null for the first, and when a number went missing (then it drifted).
    drift = models.FloatField(_("drift"), null=True)
    worst = models.CharField(max_length=200, blank=True)
    has_drifted = models.BooleanField(default=False)
    # Of the first look in a shorter precision: how far it is from float32 on the same weights.
    precision: models.JSONField[Any] = models.JSONField(null=True)

    objects = CanaryQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["rater"], name="canary_one_first", condition=Q(is_first=True)),
            models.CheckConstraint(condition=~Q(is_first=True, has_drifted=True), name="canary_first_is_no_drift"),
        ]
        indexes = [models.Index(fields=["rater", "-id"], name="canary_newest")]

    def __str__(self) -> str:
        return f"canaries of {self.rater_id} on {self.host}"
