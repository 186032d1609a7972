"""Whoever gives an opinion: people and machines in one table, and their standing in a project."""

from __future__ import annotations

from datetime import datetime

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, OuterRef, Q, Subquery
from django.utils.translation import gettext_lazy as _

from curation.access import Right
from curation.models.people import Project, User, Visitor


class RaterQuerySet(models.QuerySet["Rater"]):
    def visible_to(self, user: Visitor, right: Right = Right.VIEW) -> RaterQuerySet:
        """Raters of projects the user may view, and machines, whose identity is no secret."""
        projects = Project.objects.visible_to(user, right)
        if not user.is_authenticated:
            return self.none()
        if user.is_superuser:
            return self
        shared = Q(project=None) & ~Q(kind=Rater.Kind.PERSON)
        known = Q(project__in=projects.values("pk")) | Q(
            kind=Rater.Kind.PERSON, user__memberships__project__in=projects.values("pk")
        )
        return self.filter(shared | known).distinct()

    def machines(self) -> RaterQuerySet:
        return self.filter(kind__in=Rater.MACHINES)

    def with_standing_in(self, project: Project) -> RaterQuerySet:
        """Annotates `standing` and `standing_since`: the newest word on each rater in the project."""
        newest = RaterStanding.objects.filter(rater=OuterRef("pk"), project=project).order_by("-id")
        return self.annotate(
            standing=Subquery(newest.values("state")[:1]), standing_since=Subquery(newest.values("since")[:1])
        )


class Rater(models.Model):
    """One opinion-giver. A machine is what it is by its identity: another digest is another rater."""

    class Kind(models.TextChoices):
        PERSON = "person", _("person")
        MODEL = "model", _("model")
        RULE = "rule", _("rule")
        HEAD = "head", _("fitted head")
        ENSEMBLE = "ensemble", _("ensemble")
        BEHAVIOUR = "behaviour", _("behaviour")
        SCRIPTED = "scripted", _("scripted")

    MACHINES = ("model", "rule", "head", "ensemble")

    kind = models.CharField(max_length=16, choices=Kind)
    name = models.CharField(_("name"), max_length=200)
    # Raters of imported files are known by name inside one project; people by their account; machines by identity.
    project = models.ForeignKey(Project, models.CASCADE, null=True, blank=True, related_name="raters")
    user = models.ForeignKey(User, models.SET_NULL, null=True, blank=True, related_name="raters")
    family = models.CharField(max_length=100, blank=True)
    # Models it asks, as `OWNER/NAME` or by a folder's name: a generator called so is judged by itself.
    model_names = ArrayField(models.CharField(max_length=300), default=list, blank=True)
    # `cycle`: it goes back from the output to what was asked, and is no opinion from outside.
    independence = models.CharField(max_length=8, blank=True)
    # Weights, scale, preprocessing, template, decoding, precision: everything a number depends on.
    identity = models.JSONField(default=dict, blank=True)
    identity_digest = models.CharField(max_length=64, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    erased_at = models.DateTimeField(null=True, blank=True)

    objects = RaterQuerySet.as_manager()

    class Meta:
        ordering = ["kind", "name"]
        constraints = [
            models.CheckConstraint(
                condition=Q(kind__in=["person", "model", "rule", "head", "ensemble", "behaviour", "scripted"]),
                name="rater_kind_known",
            ),
            models.CheckConstraint(condition=Q(independence__in=["", "cycle"]), name="rater_independence_known"),
            models.UniqueConstraint(fields=["user"], name="rater_once_a_user", condition=Q(user__isnull=False)),
            models.UniqueConstraint(
                fields=["project", "kind", "name"],
                name="rater_name_once_a_project",
                condition=Q(project__isnull=False, identity_digest="", erased_at=None),
            ),
            # A head is fitted inside one project, so the same digest may live in two.
            models.UniqueConstraint(
                fields=["identity_digest", "project"],
                name="rater_identity_once",
                condition=~Q(identity_digest=""),
                nulls_distinct=False,
            ),
            models.CheckConstraint(
                condition=Q(kind="person") | Q(user__isnull=True), name="rater_only_people_have_accounts"
            ),
            models.CheckConstraint(
                condition=~Q(kind="person") | Q(identity_digest=""), name="rater_people_have_no_weights"
            ),
            # A machine computed here states its identity; one known only from a file belongs to its project.
            models.CheckConstraint(
                condition=~Q(kind__in=["model", "rule", "head", "ensemble"])
                | ~Q(identity_digest="")
                | Q(project__isnull=False),
                name="rater_machine_has_identity",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class RaterMember(models.Model):
    """An ensemble's member. A recipe may select the ensemble or its members, never both."""

    ensemble = models.ForeignKey(Rater, models.CASCADE, related_name="members")
    member = models.ForeignKey(Rater, models.RESTRICT, related_name="ensembles")
    weight = models.FloatField(default=1.0)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["ensemble", "member"], name="rater_member_once"),
            models.CheckConstraint(condition=~Q(ensemble=F("member")), name="rater_member_not_itself"),
        ]

    def __str__(self) -> str:
        return f"{self.member_id} in {self.ensemble_id}"


class RaterStanding(models.Model):
    """A word on a rater in a project from a moment on; the newest one holds, the older remain to be read."""

    class State(models.TextChoices):
        TRUSTED = "trusted", _("trusted")
        QUARANTINED = "quarantined", _("quarantined")

    project = models.ForeignKey(Project, models.CASCADE, related_name="standings")
    rater = models.ForeignKey(Rater, models.CASCADE, related_name="standings")
    state = models.CharField(max_length=16, choices=State)
    since = models.DateTimeField()
    reason = models.TextField(blank=True)
    set_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-id"]
        indexes = [models.Index(fields=["project", "rater", "-id"], name="rater_standing_newest")]

    def __str__(self) -> str:
        return f"{self.rater_id} {self.state} since {self.since}"

    def covers(self, at: datetime) -> bool:
        """Whether an act at this moment falls under a quarantine."""
        return self.state == self.State.QUARANTINED and at >= self.since


class Consent(models.Model):
    """A person's agreement to a text, and its end. Withdrawal retracts and erases; this row is the tombstone."""

    project = models.ForeignKey(Project, models.CASCADE, related_name="consents")
    rater = models.ForeignKey(Rater, models.RESTRICT, related_name="consents")
    text_version = models.CharField(max_length=40)
    given_at = models.DateTimeField()
    withdrawn_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["project", "rater"], name="consent_one_living", condition=Q(withdrawn_at=None)
            ),
            models.CheckConstraint(
                condition=Q(withdrawn_at=None) | Q(withdrawn_at__gte=F("given_at")),
                name="consent_withdrawn_after_given",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.rater_id} consents to {self.text_version}"
