"""Links that let people in: made, shown once, used so many times, revoked."""

from __future__ import annotations

import hashlib
import secrets
from datetime import datetime

from django.db import transaction
from django.db.models import F
from django.utils import timezone
from django.utils.translation import gettext as _

from annotation.models import Batch, Invitation, Participant
from curation.access import Right
from curation.actions import raters
from curation.errors import NotAllowed, Refused
from curation.models import Membership, Project, User

_SECRET_BYTES = 24


def digest(secret: str) -> str:
    """What is kept of a link's secret. It is random, so one fast hash is enough."""
    return hashlib.sha256(secret.encode()).hexdigest()


@transaction.atomic
def make(
    *, project: Project, batch: Batch | None, label: str, most: int, expires_at: datetime, by: User
) -> tuple[Invitation, str]:
    """An invitation and its secret, which nobody can read again."""
    _require_manager(project, by)
    if expires_at <= timezone.now():
        raise Refused(_("An invitation ends in the future; %(time)s has passed.") % {"time": expires_at})
    secret = secrets.token_urlsafe(_SECRET_BYTES)
    invitation = Invitation.objects.create(
        project=project,
        batch=batch,
        digest=digest(secret),
        label=label,
        most=most,
        expires_at=expires_at,
        created_by=by,
    )
    return invitation, secret


@transaction.atomic
def revoke(*, invitation: Invitation, by: User) -> None:
    """Ends a link. Who came in by it stays."""
    _require_manager(invitation.project, by)
    Invitation.objects.filter(pk=invitation.pk, revoked_at=None).update(revoked_at=timezone.now())


def find(*, secret: str) -> Invitation | None:
    """The living invitation behind a secret; None when there is none, or it is spent, over or revoked."""
    rows = Invitation.objects.filter(digest=digest(secret), revoked_at=None, expires_at__gt=timezone.now())
    return rows.filter(used__lt=F("most")).select_related("project", "batch").first()


@transaction.atomic
def accept(*, secret: str, user: User) -> Invitation:
    """Makes the person an annotator of the project and a participant of the batch. Coming again costs no use.

    Raises:
        Refused: the link is spent, over, revoked, or was never made.
    """
    # The row's lock makes the last use one person's.
    row = Invitation.objects.select_for_update(of=("self",)).filter(digest=digest(secret)).first()
    if row is None or row.revoked_at or row.expires_at <= timezone.now():
        raise Refused(over())
    is_new = _let_in(row, user)
    if not is_new:
        return row
    if row.used >= row.most or row.project.archived_at:
        raise Refused(over())  # takes back what was written above
    row.used += 1
    row.save(update_fields=["used"])
    return row


@transaction.atomic
def accept_as_new(*, secret: str, username: str, email: str, password: str) -> User:
    """Makes an account and lets its owner in; neither happens without the other.

    Raises:
        Refused: the link opens nothing, or the name or address is taken.
    """
    if User.objects.filter(username__iexact=username).exists():
        raise Refused(_("The name “%(name)s” is taken. Choose another.") % {"name": username})
    if User.objects.filter(email__iexact=email).exists():
        raise Refused(_("Somebody already uses the address %(email)s. If it is yours, sign in.") % {"email": email})
    user = User.objects.create_user(username=username, email=email, password=password)
    accept(secret=secret, user=user)
    return user


def over() -> str:
    """What is said of any link that opens nothing, whatever the reason."""
    return _("This invitation is used up, over or revoked. Ask whoever sent it for a new one.")


def _let_in(row: Invitation, user: User) -> bool:
    """Whether the person was not in yet, in the project or in the batch. A role they have stays."""
    _member, is_member_new = Membership.objects.get_or_create(
        project=row.project, user=user, defaults={"role": Membership.Roles.ANNOTATOR}
    )
    if row.batch_id is None:
        return is_member_new
    _person, is_person_new = Participant.objects.get_or_create(
        batch_id=row.batch_id, rater=raters.for_user(user), defaults={"state": Participant.State.INVITED}
    )
    return is_member_new or is_person_new


def _require_manager(project: Project, by: User) -> None:
    if not project.allows(by, Right.MANAGE):
        raise NotAllowed(_("Only an admin of “%(project)s” may do this.") % {"project": project.name})
