"""What a large project's votes add up to, counted by a worker and kept with its time: pages are not kept waiting."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from curation.models.people import Project, ProjectScoped


class KeptConsensusQuerySet(ProjectScoped["KeptConsensus"]):
    pass


class KeptConsensus(models.Model):
    """The consensus of one project on one criterion as it was at one moment. Written by a worker, read by pages.

    It is no source of anything: recipes add up the evidence they read, and whatever is kept here can be counted again.
    """

    project = models.ForeignKey(Project, models.CASCADE, related_name="kept_consensus")
    criterion = models.CharField(_("criterion"), max_length=100)
    # `actions.consensus.Counted` in JSON, and the state of every prompt as Parquet.
    answer = models.JSONField(_("answer"), null=True)
    states = models.BinaryField(null=True)
    # When the counting began: whatever was there then is counted. Null while it never ended.
    counted_at = models.DateTimeField(_("counted at"), null=True)
    seconds = models.FloatField(_("seconds it took"), default=0.0)
    # The newest row of each kind when the counting began; newer ones call for another count.
    marks = models.JSONField(default=list)
    # When somebody last asked for a count that had not been made yet.
    asked_at = models.DateTimeField(null=True)

    objects = KeptConsensusQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["project", "criterion"], name="kept_consensus_once"),
            models.CheckConstraint(condition=Q(seconds__gte=0), name="kept_consensus_takes_time"),
        ]

    def __str__(self) -> str:
        return f"consensus of {self.project_id} on {self.criterion}"
