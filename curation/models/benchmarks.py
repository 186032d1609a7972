"""Held-out sets that machines are tested on. What stands in one may be in no training data of any project."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from curation.models.assets import SHA256_HEX
from curation.models.datasets import DatasetVersion
from curation.models.jobs import Job
from curation.models.people import Project, ProjectScoped, User
from curation.models.prompts import Prompt


class BenchmarkQuerySet(ProjectScoped["Benchmark"]):
    pass


class Benchmark(models.Model):
    """A frozen version of a held-out set, with the digests of all that stands in it. `NAME@2` like datasets."""

    class Source(models.TextChoices):
        PROJECT = "project", _("a whole project")
        VERSION = "version", _("a version of a dataset")
        TAG = "tag", _("prompts with a tag")
        BATCH = "batch", _("items judged in a batch")
        IMPORT = "import", _("a public benchmark, imported whole")

    # Empty once its project is deleted: what was held out stays held out.
    project = models.ForeignKey(Project, models.SET_NULL, null=True, related_name="benchmarks")
    name = models.SlugField(_("name"), max_length=80)
    number = models.SmallIntegerField()
    description = models.TextField(_("description"), blank=True)
    source = models.CharField(max_length=8, choices=Source)
    # The version, tag, batch or file it was made from, as a person would name it.
    source_name = models.CharField(max_length=500, blank=True)
    version = models.ForeignKey(DatasetVersion, models.SET_NULL, null=True, related_name="benchmarks")
    job = models.ForeignKey(Job, models.SET_NULL, null=True, related_name="+")
    digest = models.CharField(max_length=64)  # over its items
    item_count = models.IntegerField()
    sample_count = models.IntegerField()
    verdict_count = models.IntegerField()
    created_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    objects = BenchmarkQuerySet.as_manager()

    class Meta:
        ordering = ["name", "-number"]
        constraints = [
            models.UniqueConstraint(fields=["name", "number"], name="benchmark_version_once"),
            models.CheckConstraint(condition=Q(number__gte=1), name="benchmark_from_one"),
            models.CheckConstraint(condition=Q(digest__regex=SHA256_HEX), name="benchmark_digest_is_hex"),
            models.CheckConstraint(condition=Q(item_count__gte=1), name="benchmark_holds_something"),
            models.CheckConstraint(
                condition=Q(source__in=["project", "version", "tag", "batch", "import"]), name="benchmark_source_known"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name}@{self.number}"


class BenchmarkItem(models.Model):
    """One prompt of a benchmark with its samples and what people said, by digests that outlive the rows."""

    benchmark = models.ForeignKey(Benchmark, models.CASCADE, related_name="items")
    position = models.IntegerField()
    prompt = models.ForeignKey(Prompt, models.SET_NULL, null=True, related_name="+")
    prompt_identity = models.CharField(max_length=64)
    # The text, or the turns one after another: what near-duplicates are looked for by. Empty once it is taken down.
    prompt_text = models.TextField(blank=True)
    # Digests of its input media, masks left out: many prompts share an empty one.
    inputs = models.JSONField(default=list)
    # [{"identity": ..., "content": ..., "shown": true}]: `shown` where there are media to see.
    samples = models.JSONField(default=list)
    # [{"left": identity, "right": identity, "outcome": ..., "criterion": ..., "votes": 3}]
    verdicts = models.JSONField(default=list)

    class Meta:
        ordering = ["benchmark", "position"]
        constraints = [
            models.UniqueConstraint(fields=["benchmark", "position"], name="benchmark_item_place_once"),
            models.UniqueConstraint(fields=["benchmark", "prompt_identity"], name="benchmark_item_once"),
            models.CheckConstraint(condition=Q(prompt_identity__regex=SHA256_HEX), name="benchmark_item_is_hex"),
        ]

    def __str__(self) -> str:
        return f"{self.benchmark_id}/{self.position}"
