"""Who may ask the service of scorers."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from curation.access import Right
from curation.models import Project, User
from curation.models.people import ProjectScoped

SHA256_HEX = r"^[0-9a-f]{64}$"


class ServiceTokenQuerySet(ProjectScoped["ServiceToken"]):
    right = Right.MANAGE

    def living(self) -> ServiceTokenQuerySet:
        return self.filter(revoked_at=None)


class ServiceToken(models.Model):
    """A token with which a program asks for scores in one project, and for nothing else. Only its digest lies here."""

    project = models.ForeignKey(Project, models.CASCADE, related_name="service_tokens")
    name = models.CharField(_("name"), max_length=80)
    # The part that finds the row; it opens nothing by itself.
    key = models.CharField(max_length=16, unique=True)
    digest = models.CharField(max_length=64)
    created_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    used_at = models.DateTimeField(null=True)
    revoked_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    revoked_at = models.DateTimeField(null=True)

    objects = ServiceTokenQuerySet.as_manager()

    class Meta:
        ordering = ["name", "-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["project", "name"], name="service_token_name_once", condition=Q(revoked_at=None)
            ),
            models.CheckConstraint(condition=~Q(name="") & ~Q(key=""), name="service_token_is_named"),
            # Whatever a later change does by mistake, no token lies here as it is.
            models.CheckConstraint(condition=Q(digest__regex=SHA256_HEX), name="service_token_is_hashed"),
        ]

    def __str__(self) -> str:
        return self.name
