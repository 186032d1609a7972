"""How people come in: links that invite, and the text they agree to."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from annotation.models.batches import Batch
from curation.models import Project, User
from curation.models.people import ProjectScoped


class InvitationQuerySet(ProjectScoped["Invitation"]):
    pass


class Invitation(models.Model):
    """A link that makes whoever follows it an annotator of the project, and a participant of a batch.

    Only a digest of the link's secret is kept; the link is shown once.
    """

    project = models.ForeignKey(Project, models.CASCADE, related_name="invitations")
    batch = models.ForeignKey(Batch, models.CASCADE, null=True, blank=True, related_name="invitations")
    digest = models.CharField(max_length=64, unique=True)
    label = models.CharField(_("for whom"), max_length=200, blank=True)
    most = models.IntegerField(_("how many people may use it"), default=1)
    used = models.IntegerField(default=0)
    expires_at = models.DateTimeField(_("valid until"))
    revoked_at = models.DateTimeField(null=True)
    created_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    objects = InvitationQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(condition=Q(used__lte=F("most")) & Q(most__gte=1), name="invitation_not_overused"),
        ]

    def __str__(self) -> str:
        return self.label or f"invitation {self.pk}"


class ConsentTextQuerySet(ProjectScoped["ConsentText"]):
    pass


class ConsentText(models.Model):
    """What people agree to before they judge, in versions. A project without one asks for no consent."""

    project = models.ForeignKey(Project, models.CASCADE, related_name="consent_texts")
    number = models.SmallIntegerField()
    text = models.TextField(_("text"))
    created_at = models.DateTimeField(auto_now_add=True)

    objects = ConsentTextQuerySet.as_manager()

    class Meta:
        ordering = ["-number"]
        constraints = [
            models.UniqueConstraint(fields=["project", "number"], name="consent_text_once"),
            models.CheckConstraint(condition=Q(number__gte=1), name="consent_text_from_one"),
        ]

    def __str__(self) -> str:
        return f"consent v{self.number}"
