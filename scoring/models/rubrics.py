"""Checklists that were induced from people's pairs: where their questions came from, and what they are worth."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from curation.models import Project, User
from curation.models.people import ProjectScoped
from scoring.models.judges import JudgeTemplate


class RubricQuerySet(ProjectScoped["Rubric"]):
    pass


class Rubric(models.Model):
    """Candidate questions, and the checklist that votes made of them."""

    project = models.ForeignKey(Project, models.CASCADE, related_name="rubrics")
    name = models.CharField(_("name"), max_length=100)
    # What people compared by.
    criterion = models.CharField(max_length=120)
    # All questions, those of the checklist one started from first; how many these are.
    candidates = models.ForeignKey(JudgeTemplate, models.RESTRICT, related_name="+")
    started_from = models.SmallIntegerField(default=0)
    # Prompts whose verdicts the proposing model was shown: nothing is measured on them.
    shown_prompts = models.JSONField(default=list)
    # Which judge proposed; empty where people wrote all questions.
    proposed_by = models.CharField(max_length=100, blank=True)
    # What was learnt, as `scoring.rubrics.choosing.Induced` says it, and the template it became.
    report = models.JSONField(null=True)
    template = models.ForeignKey(JudgeTemplate, models.RESTRICT, null=True, related_name="+")
    created_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    learnt_at = models.DateTimeField(null=True)

    objects = RubricQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["project", "name"], name="rubric_name_once"),
            models.CheckConstraint(condition=Q(started_from__gte=0), name="rubric_start_not_negative"),
            models.CheckConstraint(
                condition=Q(report__isnull=True, learnt_at__isnull=True)
                | Q(report__isnull=False, learnt_at__isnull=False),
                name="rubric_learnt_has_report",
            ),
        ]

    def __str__(self) -> str:
        return self.name
