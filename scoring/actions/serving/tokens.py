"""Tokens of the service: made, shown once, looked up, revoked."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from datetime import timedelta

from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _

from curation.access import Right
from curation.errors import Conflict, NotAllowed, Refused
from curation.models import Project, User
from scoring.models import ServiceToken

# So that scanners of code and logs know one when they see it.
PREFIX = "pws"
SECRET_BYTES = 32
KEY_BYTES = 6
LONGEST_NAME = 80
# A use is written down no more often than this: thousands of calls a minute are one row each.
BETWEEN_NOTES = timedelta(minutes=1)
# What an unknown token is compared with, so that it takes as long as a known one.
_NOBODYS = hashlib.sha256(secrets.token_bytes(SECRET_BYTES)).hexdigest()


@dataclass(frozen=True)
class Made:
    """A new token, in the only moment in which its text is known."""

    token: ServiceToken
    text: str


@transaction.atomic
def make(*, project: Project, name: str, by: User | None) -> Made:
    """Makes a token for the scoring of one project. None for `by` is a command's caller.

    Raises:
        NotAllowed: only an admin of the project makes one.
        Refused: it has no name, or too long a one. Conflict: the name is in use.
    """
    _check_right(project, by)
    name = name.strip()
    if not name or len(name) > LONGEST_NAME:
        raise Refused(_("Name the token in at most %(count)d characters, so that you know it again.") % {"count": 80})
    Project.objects.select_for_update(no_key=True).get(pk=project.pk)
    if ServiceToken.objects.living().filter(project=project, name=name).exists():
        raise Conflict(_("There is a token called “%(name)s”. Revoke it first, or take another name.") % {"name": name})
    key, secret = secrets.token_hex(KEY_BYTES), secrets.token_urlsafe(SECRET_BYTES)
    token = ServiceToken.objects.create(project=project, name=name, key=key, digest=_digest(secret), created_by=by)
    return Made(token, f"{PREFIX}_{key}_{secret}")


@transaction.atomic
def revoke(*, token: ServiceToken, by: User | None) -> ServiceToken:
    """Ends a token, from the next call on. Revoking it again changes nothing."""
    _check_right(token.project, by)
    locked = ServiceToken.objects.select_for_update().get(pk=token.pk)
    if locked.revoked_at is None:
        locked.revoked_at, locked.revoked_by = timezone.now(), by
        locked.save(update_fields=["revoked_at", "revoked_by"])
    return locked


def living(text: str) -> ServiceToken | None:
    """The token of this text, with its project; None where it is unknown or revoked. Notes that it was used.

    Costs one query, and one more each minute. The secret is compared in constant time, whether the key is known or not.
    """
    prefix, _one, rest = text.partition("_")
    key, _two, secret = rest.partition("_")
    known = key if len(key) == 2 * KEY_BYTES and key.isascii() and key.isalnum() else ""
    found = ServiceToken.objects.living().select_related("project").filter(key=known).first()
    is_right = hmac.compare_digest(_digest(secret), found.digest if found is not None else _NOBODYS)
    if found is None or not is_right or prefix != PREFIX:
        return None
    _note_use(found)
    return found


def _note_use(token: ServiceToken) -> None:
    now = timezone.now()
    if token.used_at is None or now - token.used_at >= BETWEEN_NOTES:
        stale = Q(used_at=None) | Q(used_at__lte=now - BETWEEN_NOTES)
        ServiceToken.objects.filter(stale, pk=token.pk).update(used_at=now)


def _digest(secret: str) -> str:
    """SHA-256: 32 random bytes are guessed by nobody, so a slow hash would only slow the calls."""
    return hashlib.sha256(secret.encode()).hexdigest()


def _check_right(project: Project, by: User | None) -> None:
    if by is not None and not project.allows(by, Right.MANAGE):
        raise NotAllowed(_("Only admins of “%(project)s” make and revoke its tokens.") % {"project": project.name})
