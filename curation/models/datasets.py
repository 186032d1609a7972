"""What becomes of evidence: recipes, frozen versions of datasets, and where they were written."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from curation.errors import Refused
from curation.models.assets import SHA256_HEX
from curation.models.jobs import Job
from curation.models.people import Project, ProjectScoped, User
from curation.models.prompts import Prompt


class RecipeQuerySet(ProjectScoped["Recipe"]):
    pass


class Recipe(models.Model):
    """A declarative rule set in versions: evidence, filters, pairing, balance, split."""

    project = models.ForeignKey(Project, models.CASCADE, related_name="recipes")
    name = models.CharField(_("name"), max_length=200)
    number = models.SmallIntegerField()
    text = models.TextField(_("YAML"))
    digest = models.CharField(max_length=64)
    created_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    objects = RecipeQuerySet.as_manager()

    class Meta:
        ordering = ["name", "-number"]
        constraints = [
            models.UniqueConstraint(fields=["project", "name", "number"], name="recipe_once"),
            models.CheckConstraint(condition=Q(number__gte=1), name="recipe_from_one"),
            models.CheckConstraint(condition=Q(digest__regex=SHA256_HEX), name="recipe_digest_is_hex"),
        ]

    def __str__(self) -> str:
        return f"{self.name} v{self.number}"


class DatasetQuerySet(ProjectScoped["Dataset"]):
    pass


class Dataset(models.Model):
    """A name under which versions are frozen. Unique everywhere, because `NAME@3` must mean one thing."""

    project = models.ForeignKey(Project, models.CASCADE, related_name="datasets")
    name = models.SlugField(_("name"), max_length=80, unique=True)
    description = models.TextField(_("description"), blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = DatasetQuerySet.as_manager()

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class DatasetVersionQuerySet(ProjectScoped["DatasetVersion"]):
    project_path = "dataset__project"

    def frozen(self) -> DatasetVersionQuerySet:
        return self.exclude(frozen_at=None)

    def named(self, name: str) -> DatasetVersion:
        """The frozen version called `NAME@3` or `NAME@3.1`; without a number, the newest.

        Raises:
            Refused: there is none; says which there are.
        """
        dataset, _at, label = name.partition("@")
        versions = list(self.frozen().filter(dataset__name=dataset).select_related("dataset__project", "recipe"))
        found = [version for version in versions if not label or version.label == label]
        if found:
            return found[0]
        if not versions:
            raise Refused(gettext("There is no frozen version of a dataset called “%(name)s”.") % {"name": dataset})
        listed = ", ".join(str(version) for version in versions[:10])
        raise Refused(gettext("There is no %(name)s. Frozen versions: %(known)s.") % {"name": name, "known": listed})


class DatasetVersion(models.Model):
    """An immutable result of a recipe. Pairs and the evidence read are Parquet files named by their digest."""

    dataset = models.ForeignKey(Dataset, models.CASCADE, related_name="versions")
    number = models.IntegerField()
    # `NAME@3.1`: version 3 less what was withdrawn since.
    minor = models.SmallIntegerField(default=0)
    recipe = models.ForeignKey(Recipe, models.RESTRICT, related_name="dataset_versions")
    job = models.ForeignKey(Job, models.SET_NULL, null=True, related_name="dataset_versions")
    seed = models.BigIntegerField()
    code_version = models.CharField(max_length=100, blank=True)
    # Everything below is empty while the version is being built, and never changes once it is frozen.
    frozen_at = models.DateTimeField(null=True)
    digest = models.CharField(max_length=64, blank=True)  # over the canonical rows
    pair_count = models.IntegerField(null=True)
    pairs_name = models.CharField(max_length=200, blank=True)  # Parquet in storage
    evidence_name = models.CharField(max_length=200, blank=True)  # ids and digests of all evidence read
    funnel = models.JSONField(default=list)
    manifest = models.JSONField(default=dict)
    # Rows that must not be used any more: counted here, named by the tombstones.
    withdrawn_count = models.IntegerField(default=0)
    # What a minor version lost and why, in words; empty for one that a recipe built.
    note = models.TextField(blank=True)
    # The minor version that holds the same rows without what was withdrawn; from then on this one is not handed out.
    replaced_by: models.ForeignKey[DatasetVersion | None] = models.ForeignKey(
        "self", models.SET_NULL, null=True, related_name="+"
    )
    created_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    objects = DatasetVersionQuerySet.as_manager()

    class Meta:
        ordering = ["dataset", "-number", "-minor"]
        constraints = [
            models.UniqueConstraint(fields=["dataset", "number", "minor"], name="dataset_version_once"),
            models.CheckConstraint(condition=Q(number__gte=1, minor__gte=0), name="dataset_version_from_one"),
            models.CheckConstraint(
                condition=Q(frozen_at__isnull=True)
                | (Q(digest__regex=SHA256_HEX, pair_count__isnull=False) & ~Q(pairs_name="") & ~Q(evidence_name="")),
                name="dataset_version_frozen_is_whole",
            ),
            models.CheckConstraint(condition=Q(minor=0) | ~Q(note=""), name="dataset_version_minor_says_why"),
        ]

    def __str__(self) -> str:
        return f"{self.dataset}@{self.label}"

    @property
    def label(self) -> str:
        return f"{self.number}.{self.minor}" if self.minor else str(self.number)


class VersionTombstone(models.Model):
    """A row of a frozen version that was withdrawn since, and why. The row itself stays as it was."""

    version = models.ForeignKey(DatasetVersion, models.CASCADE, related_name="tombstones")
    pair_id = models.CharField(max_length=64)
    reason = models.CharField(max_length=200)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["version", "pair_id"], name="tombstone_once"),
            models.CheckConstraint(condition=~Q(reason=""), name="tombstone_says_why"),
        ]

    def __str__(self) -> str:
        return f"{self.version_id} without {self.pair_id[:12]}"


class SplitAssignment(models.Model):
    """The split a prompt was put in by the first version that used it; it stays there in every later one."""

    dataset = models.ForeignKey(Dataset, models.CASCADE, related_name="splits")
    prompt = models.ForeignKey(Prompt, models.CASCADE, related_name="splits")
    split = models.CharField(max_length=40)
    since = models.ForeignKey(DatasetVersion, models.CASCADE, related_name="+")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["dataset", "prompt"], name="split_once_a_prompt")]

    def __str__(self) -> str:
        return f"{self.prompt_id} in {self.split}"


class ExportQuerySet(ProjectScoped["Export"]):
    project_path = "version__dataset__project"


class Export(models.Model):
    """One version written in one or more formats to one place."""

    version = models.ForeignKey(DatasetVersion, models.CASCADE, related_name="exports")
    formats = models.JSONField(default=list)
    place = models.CharField(max_length=500)
    options = models.JSONField(default=dict)
    job = models.ForeignKey(Job, models.SET_NULL, null=True, related_name="exports")
    # Files with sizes and digests, then what reading them back found.
    manifest = models.JSONField(default=dict)
    readback = models.JSONField(default=dict)
    created_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True)

    objects = ExportQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"{self.version} as {', '.join(self.formats)}"
