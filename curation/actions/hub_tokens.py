"""Tokens of the Hub: stored encrypted, used, deleted. What one is, nobody is told again."""

from __future__ import annotations

from dataclasses import dataclass

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from curation.errors import Conflict, NotAllowed, Refused
from curation.hub.remote import Hub
from curation.hub.sealing import Seal, checked_token
from curation.models import HubToken, Publication, User


@transaction.atomic
def store(*, label: str, token: str, by: User, is_shared: bool = False) -> HubToken:
    """Keeps a token, encrypted, for its owner alone or for everybody who may export.

    Raises:
        NotAllowed: only an administrator of the installation shares one.
        Refused: it is no token, or has no name. Conflict: the name is taken.
    """
    if is_shared and not by.is_superuser:
        raise NotAllowed(_("Only an administrator of this installation stores a token for everybody."))
    if not label.strip():
        raise Refused(_("Give the token a name, so that you know it again: it is never shown."))
    owner = None if is_shared else by
    if HubToken.objects.filter(owner=owner, label=label.strip()).exists():
        raise Conflict(_("There is a token called “%(label)s”. Delete it first.") % {"label": label.strip()})
    sealed = _seal().close(checked_token(token))
    return HubToken.objects.create(owner=owner, label=label.strip(), sealed=sealed, created_by=by)


def forget(*, token: HubToken, by: User) -> None:
    """Deletes a token. Publications that wait for it will say that it is gone."""
    if token.owner_id != by.pk and not by.is_superuser:
        raise NotAllowed(_("Only its owner, or an administrator of this installation, deletes a token."))
    token.delete()


@dataclass(frozen=True)
class Choice:
    """A token somebody may publish with: the environment's (None) or a stored one."""

    token: HubToken | None
    label: str


def choices(user: User | None) -> list[Choice]:
    """What somebody may choose from, the environment's first. None is a command's caller: all of the installation."""
    found = [Choice(None, _("of the environment"))] if settings.HUB_TOKEN else []
    stored = HubToken.objects.usable_by(user) if user else HubToken.objects.filter(owner=None)
    return found + [Choice(token, token.label) for token in stored]


def hub_for(publication: Publication) -> Hub:
    """The Hub as this publication speaks to it. Its token goes nowhere but into the client.

    Raises:
        Refused: there is no token, or it was deleted, or cannot be read any more.
    """
    token = publication.token
    if token is None and publication.uses_stored_token:
        raise Refused(_("The token of this publication was deleted. Publish again with another."))
    if token is not None:
        HubToken.objects.filter(pk=token.pk).update(used_at=timezone.now())
        return Hub(settings.HUB_ENDPOINT, _seal().open(token.sealed))
    if not settings.HUB_TOKEN:
        raise Refused(
            _("There is no token for the Hub. Store one under “Hub tokens”, or set PAIRWRIGHT_HUB_TOKEN for workers.")
        )
    return Hub(settings.HUB_ENDPOINT, settings.HUB_TOKEN)


def _seal() -> Seal:
    return Seal(settings.TOKEN_KEY)
