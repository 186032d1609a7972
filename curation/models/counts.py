"""Counts of a project too large to be counted while somebody waits: kept with the time they were made."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from curation.models.people import Project, ProjectScoped


class ProjectCountsQuerySet(ProjectScoped["ProjectCounts"]):
    pass


class ProjectCounts(models.Model):
    """The counts of one project as they were at one moment. Written by the timetable, read by the overview."""

    project = models.OneToOneField(Project, models.CASCADE, primary_key=True, related_name="kept_counts")
    counts = models.JSONField(_("counts"))
    # How the values of each large column of scores are spread: {"17.3": {"low": 0.0, "high": 1.0, "counts": [...]}}.
    histograms = models.JSONField(default=dict)
    # When the counting began: whatever was there then is counted.
    counted_at = models.DateTimeField(_("counted at"))
    seconds = models.FloatField(_("seconds it took"))
    # The newest row of each kind when the counting began; newer ones call for another count.
    marks = models.JSONField()

    objects = ProjectCountsQuerySet.as_manager()

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(seconds__gte=0), name="project_counts_take_time")]

    def __str__(self) -> str:
        return f"counts of {self.project_id} at {self.counted_at:%Y-%m-%d %H:%M:%S}"
