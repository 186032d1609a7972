"""What one press of a Request button asked for: its pairs or samples together, why, from where, and what came of it."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from curation.models.datasets import Recipe
from curation.models.evidence import Request
from curation.models.people import Project, ProjectScoped, User


class AskingQuerySet(ProjectScoped["Asking"]):
    pass


class Asking(models.Model):
    """Requests that were made together; a batch or a job takes exactly these."""

    project = models.ForeignKey(Project, models.CASCADE, related_name="askings")
    audience = models.CharField(_("of whom"), max_length=8, choices=Request.Audience)
    because = models.TextField(_("because"))
    # Where it was asked from: a recipe, if one was saved by then, and the step of its funnel.
    recipe = models.ForeignKey(Recipe, models.SET_NULL, null=True, related_name="+")
    step = models.CharField(_("step"), max_length=250, blank=True)
    # What took it, in the words of the room that did: "batch:12" or "job:34".
    taken_by = models.CharField(_("taken by"), max_length=100, blank=True)
    created_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    objects = AskingQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(condition=~Q(because=""), name="asking_says_why"),
            models.CheckConstraint(condition=Q(audience__in=["people", "machines"]), name="asking_audience_known"),
        ]
        indexes = [models.Index(fields=["project", "-id"], name="asking_newest")]

    def __str__(self) -> str:
        return self.because[:80]
