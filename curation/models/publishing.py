"""What went to the Hub: publications of exports, and the tokens they were made with."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from curation.models.datasets import DatasetVersion, Export
from curation.models.jobs import Job
from curation.models.people import Project, ProjectScoped, User, Visitor

COMMIT_HEX = r"^[0-9a-f]{40}$"
# How whatever Fernet closed begins: its version, then a moment of this century.
SEALED = "gAAAA"


class HubTokenQuerySet(models.QuerySet["HubToken"]):
    def usable_by(self, user: Visitor) -> HubTokenQuerySet:
        """Their own, and those of the installation."""
        return self.filter(Q(owner=None) | Q(owner_id=user.pk)) if user.is_authenticated else self.none()


class HubToken(models.Model):
    """A token of the Hub, encrypted. Nobody is shown it again; it is used, or deleted."""

    # None: of the installation, for every curator; only a superuser stores one.
    owner = models.ForeignKey(User, models.CASCADE, null=True, blank=True, related_name="hub_tokens")
    label = models.CharField(_("name"), max_length=80)
    sealed = models.TextField()
    created_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    used_at = models.DateTimeField(null=True)

    objects = HubTokenQuerySet.as_manager()

    class Meta:
        ordering = ["label"]
        constraints = [
            models.UniqueConstraint(fields=["owner", "label"], name="hub_token_label_once", nulls_distinct=False),
            models.CheckConstraint(condition=~Q(label="") & ~Q(sealed=""), name="hub_token_is_whole"),
            # Whatever a later change does by mistake, no token lies here as it is.
            models.CheckConstraint(condition=Q(sealed__startswith=SEALED), name="hub_token_is_sealed"),
        ]

    def __str__(self) -> str:
        return self.label


class PublicationQuerySet(ProjectScoped["Publication"]):
    project_path = "version__dataset__project"

    def published(self) -> PublicationQuerySet:
        return self.exclude(published_at=None)


class Publication(models.Model):
    """One export on its way to one repository of the Hub, or there. Rehearsed first, if somebody wants to look."""

    version = models.ForeignKey(DatasetVersion, models.CASCADE, related_name="publications")
    # A publication outlives the files it was made from.
    export: models.ForeignKey[Export | None] = models.ForeignKey(
        Export, models.SET_NULL, null=True, related_name="publications"
    )
    repository = models.CharField(_("repository"), max_length=200)
    tag = models.CharField(max_length=40)
    formats = models.JSONField(default=list)
    licence = models.CharField(_("licence"), max_length=100)
    licence_link = models.URLField(_("where its text stands"), max_length=300, blank=True)
    is_private = models.BooleanField(_("private"), default=True)
    may_move_tag = models.BooleanField(default=False)
    is_rehearsal = models.BooleanField(default=False)
    # None: the token of the environment.
    token: models.ForeignKey[HubToken | None] = models.ForeignKey(
        HubToken, models.SET_NULL, null=True, related_name="+"
    )
    uses_stored_token = models.BooleanField(default=False)
    job = models.ForeignKey(Job, models.SET_NULL, null=True, related_name="publications")
    # What it would send: {"files": [{"path", "bytes", "sha256", "change"}], "gone": [...], "parent": ...}.
    plan = models.JSONField(default=dict)
    commit = models.CharField(max_length=40, blank=True)
    published_at = models.DateTimeField(null=True)
    created_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    objects = PublicationQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(condition=~Q(licence="") & ~Q(repository=""), name="publication_says_terms"),
            models.CheckConstraint(
                condition=Q(published_at__isnull=True, commit="")
                | Q(published_at__isnull=False, commit__regex=COMMIT_HEX, is_rehearsal=False),
                name="publication_is_whole",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.repository}@{self.tag}"

    @property
    def project(self) -> Project:
        return self.version.dataset.project
