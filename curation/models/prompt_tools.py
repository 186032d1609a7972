"""What is known of prompts beside their words: what one is of another, what each asks for, and how they are sorted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from curation.models.people import Project, ProjectScoped, User
from curation.models.prompts import Prompt

if TYPE_CHECKING:
    from curation.models.raters import Rater


class PromptLinkQuerySet(ProjectScoped["PromptLink"]):
    def contrasts(self) -> Self:
        return self.filter(relation=PromptLink.Relation.CONTRAST)

    def rewrites(self) -> Self:
        """Everything that asks for the same as its original, in other words."""
        return self.exclude(relation=PromptLink.Relation.CONTRAST)


class PromptLink(models.Model):
    """What a prompt is of another: a rewrite, an expansion or a translation of it, or a contrast to it.

    A prompt is a rewrite of one original at most, so that it is plain which prompt its samples compete under; it may
    contrast with many.
    """

    class Relation(models.TextChoices):
        REWRITE = "rewrite", _("rewrite")
        EXPANSION = "expansion", _("expansion")
        TRANSLATION = "translation", _("translation")
        CONTRAST = "contrast", _("contrast")

    project = models.ForeignKey(Project, models.CASCADE, related_name="prompt_links")
    prompt = models.ForeignKey(Prompt, models.CASCADE, related_name="origin_links")
    origin = models.ForeignKey(Prompt, models.CASCADE, related_name="derived_links")
    relation = models.CharField(max_length=16, choices=Relation)
    # The rule or method that made it: an operator of `prompt_tools.contrasts`, or what a file calls it.
    operator = models.CharField(max_length=80, blank=True)
    # Of a contrast {"edits": [{"start", "end", "before", "after"}]}, code points of the original; else as stated.
    parameters = models.JSONField(default=dict, blank=True)
    # Whose words it is in: a person or a model; null where a rule made it or nobody says.
    author: models.ForeignKey[Rater | None] = models.ForeignKey(
        "curation.Rater", models.SET_NULL, null=True, blank=True, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)

    objects = PromptLinkQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["prompt", "origin"], name="prompt_link_once"),
            models.UniqueConstraint(
                fields=["prompt"], condition=~Q(relation="contrast"), name="prompt_rewrites_one_original"
            ),
            models.CheckConstraint(condition=~Q(prompt=F("origin")), name="prompt_link_to_another"),
            models.CheckConstraint(
                condition=Q(relation__in=["rewrite", "expansion", "translation", "contrast"]),
                name="prompt_link_relation_known",
            ),
            models.CheckConstraint(
                condition=~Q(relation="contrast") | ~Q(operator=""), name="prompt_contrast_names_its_operator"
            ),
        ]
        indexes = [models.Index(fields=["project", "relation", "id"], name="prompt_link_page")]

    def __str__(self) -> str:
        return f"{self.prompt_id} {self.relation} of {self.origin_id}"

    @property
    def edits(self) -> list[dict[str, Any]]:
        """What a contrast changed in its original; empty for others."""
        found = self.parameters.get("edits") if isinstance(self.parameters, dict) else None
        return found if isinstance(found, list) else []


class PromptConstraints(models.Model):
    """The yes/no questions that a prompt comes apart into, as `prompt_tools.constraints` has them."""

    prompt = models.OneToOneField(Prompt, models.CASCADE, related_name="constraint_list")
    items = models.JSONField()
    edition = models.CharField(max_length=64)  # digest of the items: what answers were given to
    source = models.CharField(max_length=100, blank=True)
    changed_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    changed_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [models.CheckConstraint(condition=~Q(items=[]), name="prompt_constraints_not_empty")]

    def __str__(self) -> str:
        return f"constraints of {self.prompt_id}"


class Taxonomy(models.Model):
    """The facets and values a project expects its prompts to cover, in the order of whoever wrote them.

    `facets` is [["theme", [["animals", ["cats"]], ["people", []]]]]: maps would not keep their order in the database.
    """

    project = models.OneToOneField(Project, models.CASCADE, related_name="taxonomy")
    facets = models.JSONField(default=list)
    changed_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    changed_at = models.DateTimeField(auto_now=True)

    class Meta:
        verbose_name_plural = "taxonomies"

    def __str__(self) -> str:
        return f"taxonomy of {self.project_id}"
