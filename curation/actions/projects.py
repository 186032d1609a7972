"""Projects and their members."""

from __future__ import annotations

from django.db import connection, transaction
from django.utils import timezone
from django.utils.text import slugify
from django.utils.translation import gettext as _

from curation.access import Right
from curation.actions import criteria
from curation.errors import NotAllowed, Refused
from curation.models import Membership, Project, Task, User


@transaction.atomic
def create(
    *, name: str, task: str = Task.TEXT_TO_IMAGE, by: User | None, description: str = "", slug: str = ""
) -> Project:
    """A project with the criterion `overall`; whoever makes it is its admin."""
    if task not in Task.values:
        raise Refused(
            _("“%(task)s” is no task; it is one of %(tasks)s.")
            % {
                "task": task,
                "tasks": ", ".join(Task.values),
            }
        )
    project = Project.objects.create(
        name=name, slug=slug or free_slug(name), task=task, description=description, created_by=by
    )
    overall = criteria.add_version(
        project=project,
        key="overall",
        wording=criteria.Wording(name=_("Overall"), question=_("Which would you rather get for this prompt?")),
    )
    criteria.add_set(project=project, name=_("Standard"), places=[criteria.Place(overall)])
    if by is not None:
        Membership.objects.create(project=project, user=by, role=Membership.Roles.ADMIN)
    return project


def free_slug(name: str) -> str:
    """An address from the name, with a number behind it when taken."""
    base = slugify(name)[:70] or "project"
    slug, number = base, 2
    while Project.objects.filter(slug=slug).exists():
        slug, number = f"{base}-{number}", number + 1
    return slug


def archive(*, project: Project, by: User) -> None:
    Project.objects.filter(pk=project.pk, archived_at=None).update(archived_at=timezone.now())


def unarchive(*, project: Project, by: User) -> None:
    Project.objects.filter(pk=project.pk).update(archived_at=None)


@transaction.atomic
def change_settings(*, project: Project, name: str, description: str, licence: str, by: User) -> Project:
    """Changes what a project is called and what its imports are licensed under; its task and its address stay."""
    _require_manager(project, by)
    project.name, project.description, project.licence = name, description, licence
    project.save(update_fields=["name", "description", "licence"])
    return project


@transaction.atomic
def set_member(*, project: Project, user: User, role: str, by: User) -> Membership:
    """Adds a member or changes the role; the last admin stays one."""
    _require_manager(project, by)
    if role != Membership.Roles.ADMIN:
        _keep_an_admin(project, user)
    membership, _created = Membership.objects.update_or_create(project=project, user=user, defaults={"role": role})
    return membership


@transaction.atomic
def remove_member(*, project: Project, user: User, by: User) -> None:
    """Takes a member out; what they judged stays."""
    _require_manager(project, by)
    _keep_an_admin(project, user)
    Membership.objects.filter(project=project, user=user).delete()


def _require_manager(project: Project, by: User) -> None:
    if not project.allows(by, Right.MANAGE):
        raise NotAllowed(_("Only an admin of “%(project)s” may do this.") % {"project": project.name})


def _keep_an_admin(project: Project, leaving: User) -> None:
    admins = Membership.objects.select_for_update().filter(project=project, role=Membership.Roles.ADMIN)
    if {member.user_id for member in admins} == {leaving.pk}:
        raise Refused(
            _("%(user)s is the only admin of “%(project)s”; make somebody else one first.")
            % {"user": leaving, "project": project.name}
        )


# Children before what they refer to. Evidence goes by its judgement, so ten million rows are one statement each.
_OF_JUDGEMENTS = ("score", "comparison", "mark", "note", "flag")


@transaction.atomic
def delete(*, project: Project, by: User) -> None:
    """Deletes a project with everything that hangs on it. Stored bytes that nobody else uses go by the next clean-up.

    Evidence is deleted by statement, because loading ten million rows to delete them would not end.
    """
    _require_manager(project, by)
    with connection.cursor() as cursor:
        # Frozen versions and their tombstones go only with their project; see migration 0006.
        cursor.execute("SET LOCAL pairwright.deleting_project = 'yes'")
        for table in _OF_JUDGEMENTS:
            cursor.execute(
                f"DELETE FROM curation_{table} row USING curation_judgement j "  # noqa: S608
                "WHERE row.judgement_id = j.id AND j.project_id = %s",
                [project.pk],
            )
    project.refresh_from_db()
    project.delete()
