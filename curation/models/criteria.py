"""What is judged by: criteria in versions, sets of them in versions, and the instructions people were given."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from curation.models.assets import Placement, either_bytes_or_a_name, not_itself
from curation.models.people import Project, ProjectScoped


class CriterionQuerySet(ProjectScoped["Criterion"]):
    pass


class Criterion(models.Model):
    """A stable key such as `alignment`; what it says lives in its versions."""

    project = models.ForeignKey(Project, models.CASCADE, related_name="criteria")
    key = models.CharField(_("key"), max_length=120)

    objects = CriterionQuerySet.as_manager()

    class Meta:
        ordering = ["key"]
        constraints = [models.UniqueConstraint(fields=["project", "key"], name="criterion_once")]

    def __str__(self) -> str:
        return self.key


class CriterionVersionQuerySet(ProjectScoped["CriterionVersion"]):
    project_path = "criterion__project"

    def meaning_same_as(self, version: CriterionVersion) -> CriterionVersionQuerySet:
        """Every version that says the same in other words: evidence under any of them may be pooled."""
        return self.filter(meaning_id=version.meaning_id)


class CriterionVersion(models.Model):
    """One wording of a criterion, with its ordered levels and direction. Evidence points here."""

    class Scale(models.TextChoices):
        COMPARE = "compare", _("Comparison only")
        YES_NO = "yes-no", _("Yes or no")
        ORDINAL = "ordinal", _("Ordered levels")
        INTERVAL = "interval", _("Number")

    criterion = models.ForeignKey(Criterion, models.CASCADE, related_name="versions")
    number = models.SmallIntegerField()
    name = models.CharField(_("name"), max_length=200)
    question = models.TextField(_("question"), blank=True)
    scale = models.CharField(max_length=16, choices=Scale, default=Scale.COMPARE)
    # Ordered from worst to best unless `higher_is_better` is false: [{"value": 1, "label": "poor"}].
    levels = models.JSONField(default=list, blank=True)
    low = models.FloatField(null=True, blank=True)
    high = models.FloatField(null=True, blank=True)
    unit = models.CharField(max_length=60, blank=True)
    higher_is_better = models.BooleanField(default=True)
    # The first version of the chain of mere rewordings this one belongs to; itself when it changed the meaning.
    meaning: models.ForeignKey[CriterionVersion | None] = models.ForeignKey(
        "self", models.RESTRICT, null=True, related_name="wordings"
    )
    created_at = models.DateTimeField(auto_now_add=True)

    objects = CriterionVersionQuerySet.as_manager()

    class Meta:
        ordering = ["criterion", "number"]
        constraints = [
            models.UniqueConstraint(fields=["criterion", "number"], name="criterion_version_once"),
            models.CheckConstraint(condition=Q(number__gte=1), name="criterion_version_from_one"),
            models.CheckConstraint(
                condition=Q(low__isnull=True) | Q(high__isnull=True) | Q(low__lt=F("high")),
                name="criterion_version_range_not_empty",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} v{self.number}"


class CriteriaSetQuerySet(ProjectScoped["CriteriaSet"]):
    pass


class CriteriaSet(models.Model):
    """A named set of criterion versions, itself in versions: old labels keep the old one."""

    project = models.ForeignKey(Project, models.CASCADE, related_name="criteria_sets")
    name = models.CharField(_("name"), max_length=200)
    number = models.SmallIntegerField()
    created_at = models.DateTimeField(auto_now_add=True)

    objects = CriteriaSetQuerySet.as_manager()

    class Meta:
        ordering = ["name", "-number"]
        constraints = [
            models.UniqueConstraint(fields=["project", "name", "number"], name="criteria_set_once"),
            models.CheckConstraint(condition=Q(number__gte=1), name="criteria_set_from_one"),
        ]

    def __str__(self) -> str:
        return f"{self.name} v{self.number}"


class CriteriaSetItem(models.Model):
    """A criterion's place in a set: under which parent, with what weight."""

    criteria_set = models.ForeignKey(CriteriaSet, models.CASCADE, related_name="items")
    criterion_version = models.ForeignKey(CriterionVersion, models.RESTRICT, related_name="+")
    parent: models.ForeignKey[CriteriaSetItem | None] = models.ForeignKey(
        "self", models.CASCADE, null=True, related_name="children"
    )
    weight = models.FloatField(default=1.0)
    position = models.SmallIntegerField(default=0)

    class Meta:
        ordering = ["position", "id"]
        constraints = [
            models.UniqueConstraint(fields=["criteria_set", "criterion_version"], name="criteria_set_item_once"),
            not_itself("parent", "criteria_set_item_not_its_own_parent"),
        ]

    def __str__(self) -> str:
        return f"{self.criteria_set_id}: {self.criterion_version_id}"


class GuidelineVersionQuerySet(ProjectScoped["GuidelineVersion"]):
    pass


class GuidelineVersion(models.Model):
    """The instructions people were given; every judgement of a person is bound to one."""

    project = models.ForeignKey(Project, models.CASCADE, related_name="guidelines")
    number = models.SmallIntegerField()
    text = models.TextField(_("text"))
    created_at = models.DateTimeField(auto_now_add=True)

    objects = GuidelineVersionQuerySet.as_manager()

    class Meta:
        ordering = ["-number"]
        constraints = [
            models.UniqueConstraint(fields=["project", "number"], name="guideline_once"),
            models.CheckConstraint(condition=Q(number__gte=1), name="guideline_from_one"),
        ]

    def __str__(self) -> str:
        return f"guideline v{self.number}"


class GuidelinePictureQuerySet(ProjectScoped["GuidelinePicture"]):
    project_path = "guideline__project"


class GuidelinePicture(Placement):
    """An example in the instructions: what is good, what is bad, and why, in words below the picture."""

    guideline = models.ForeignKey(GuidelineVersion, models.CASCADE, related_name="pictures")
    is_good = models.BooleanField(_("an example of what is good"), default=True)
    caption = models.TextField(_("caption"), blank=True)

    objects = GuidelinePictureQuerySet.as_manager()

    class Meta:
        ordering = ["position", "id"]
        constraints = [
            models.UniqueConstraint(fields=["guideline", "position"], name="guideline_picture_place_once"),
            either_bytes_or_a_name("guideline_picture_here_or_named"),
        ]
