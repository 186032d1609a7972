"""Users, projects and who may do what in them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self, TypeAlias, TypeVar

from django.contrib.auth.models import AbstractUser, AnonymousUser
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower
from django.utils.translation import gettext_lazy as _

from curation.access import ROLES_WITH, Right, Role, may

if TYPE_CHECKING:
    from curation.models.criteria import CriteriaSet, GuidelineVersion


class User(AbstractUser):
    """Somebody who signs in. The address is unique whatever its case, so a password reset reaches one person."""

    class Meta:
        constraints = [
            models.UniqueConstraint(Lower("email"), name="user_email_once", condition=~Q(email="")),
        ]

    def __str__(self) -> str:
        return self.get_full_name() or self.username


Visitor: TypeAlias = User | AnonymousUser


class Task(models.TextChoices):
    TEXT_TO_IMAGE = "text-to-image", _("Text to image")
    IMAGE_EDITING = "image-editing", _("Image editing")
    INPAINTING = "inpainting", _("Inpainting")
    SUBJECT_DRIVEN = "subject-driven", _("Subject-driven images")
    TEXT_TO_VIDEO = "text-to-video", _("Text to video")
    IMAGE_TO_VIDEO = "image-to-video", _("Image to video")
    IMAGE_SETS = "image-sets", _("Image sets and views")
    UNDERSTANDING = "understanding", _("Understanding (questions about media)")
    TEXT = "text", _("Text")


class ProjectQuerySet(models.QuerySet["Project"]):
    def visible_to(self, user: Visitor, right: Right = Right.ENTER) -> ProjectQuerySet:
        """Projects in which the user holds the right. A superuser holds every right everywhere."""
        if not user.is_authenticated or not user.is_active:
            return self.none()
        if user.is_superuser:
            return self
        members = Membership.objects.filter(user_id=user.pk, role__in=[r.value for r in ROLES_WITH[right]])
        return self.filter(pk__in=members.values("project_id"))

    def active(self) -> ProjectQuerySet:
        return self.filter(archived_at=None)


class Project(models.Model):
    """One task with its criteria, guideline and members."""

    name = models.CharField(_("name"), max_length=200)
    slug = models.SlugField(_("address"), max_length=80, unique=True)
    task = models.CharField(_("task"), max_length=32, choices=Task)
    description = models.TextField(_("description"), blank=True)
    licence = models.CharField(_("licence of what is imported"), max_length=100, blank=True)
    criteria_set: models.ForeignKey[CriteriaSet | None] = models.ForeignKey(
        "curation.CriteriaSet", models.SET_NULL, null=True, blank=True, related_name="+"
    )
    guideline: models.ForeignKey[GuidelineVersion | None] = models.ForeignKey(
        "curation.GuidelineVersion", models.SET_NULL, null=True, blank=True, related_name="+"
    )
    # Names of scorers that run on every new sample without being asked.
    arrival_scorers = ArrayField(models.CharField(max_length=80), default=list, blank=True)
    archived_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    created_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    members = models.ManyToManyField(User, through="Membership", related_name="projects")

    objects = ProjectQuerySet.as_manager()

    class Meta:
        ordering = ["name"]
        constraints = [models.CheckConstraint(condition=Q(task__in=Task.values), name="project_task_known")]

    def __str__(self) -> str:
        return self.name

    def role_of(self, user: Visitor) -> str | None:
        """The user's role here, `admin` for a superuser, None for a stranger. Costs one query."""
        if not user.is_authenticated or not user.is_active:
            return None
        if user.is_superuser:
            return Role.ADMIN
        membership = Membership.objects.filter(project=self, user_id=user.pk).first()
        return membership.role if membership else None

    def allows(self, user: Visitor, right: Right) -> bool:
        """Whether the user holds the right here. Costs one query."""
        return may(self.role_of(user), right)


class Membership(models.Model):
    class Roles(models.TextChoices):
        ADMIN = Role.ADMIN.value, _("Admin")
        CURATOR = Role.CURATOR.value, _("Curator")
        ANNOTATOR = Role.ANNOTATOR.value, _("Annotator")
        VIEWER = Role.VIEWER.value, _("Viewer")

    project = models.ForeignKey(Project, models.CASCADE, related_name="memberships")
    user = models.ForeignKey(User, models.CASCADE, related_name="memberships")
    role = models.CharField(_("role"), max_length=16, choices=Roles)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["user__username"]
        constraints = [
            models.UniqueConstraint(fields=["project", "user"], name="membership_once"),
            models.CheckConstraint(condition=Q(role__in=[r.value for r in Role]), name="membership_role_known"),
        ]

    def __str__(self) -> str:
        return f"{self.user_id} in {self.project_id} as {self.role}"


_Row = TypeVar("_Row", bound=models.Model, covariant=True)


class ProjectScoped(models.QuerySet[_Row]):
    """A queryset of rows that belong to a project, reached through the lookup `project_path`."""

    project_path = "project"
    # Seeing such rows would unblind an annotator, so entering the project is not enough.
    right = Right.VIEW

    def visible_to(self, user: Visitor, right: Right | None = None) -> Self:
        """Rows of projects in which the user holds the right (`VIEW` unless another is named)."""
        if user.is_authenticated and user.is_active and user.is_superuser:
            return self
        projects = Project.objects.visible_to(user, right or self.right)
        return self.filter(**{f"{self.project_path}__in": projects.values("pk")})
