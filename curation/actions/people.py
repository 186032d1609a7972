"""Accounts: invitations, deactivation, and the count of failed attempts to sign in."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import transaction
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext as _

from curation.errors import NotAllowed, Refused
from curation.models import User
from curation.models.sign_in import SignInFailure


@transaction.atomic
def invite(*, username: str, email: str, by: User, is_superuser: bool = False) -> User:
    """An account without a password; its owner sets one through the link of the invitation."""
    _require_superuser(by)
    if User.objects.filter(username__iexact=username).exists():
        raise Refused(_("The name “%(name)s” is taken. Choose another.") % {"name": username})
    if User.objects.filter(email__iexact=email).exists():
        raise Refused(_("Somebody already uses the address %(email)s.") % {"email": email})
    user = User(username=username, email=email, is_superuser=is_superuser, is_staff=is_superuser)
    user.set_unusable_password()
    user.save()
    return user


@transaction.atomic
def deactivate(*, user: User, by: User) -> User:
    """Shut the account. What its owner said stays; every session of theirs ends with the next click."""
    _require_superuser(by)
    if user.pk == by.pk:
        raise Refused(_("You cannot deactivate your own account. Ask another administrator."))
    return _set_active(user, False)


@transaction.atomic
def reactivate(*, user: User, by: User) -> User:
    """Open a shut account again, with the password it had."""
    _require_superuser(by)
    return _set_active(user, True)


def _set_active(user: User, is_active: bool) -> User:
    user = User.objects.select_for_update().get(pk=user.pk)
    user.is_active = is_active
    user.save(update_fields=["is_active"])
    return user


def _require_superuser(by: User) -> None:
    if not by.is_superuser or not by.is_active:
        raise NotAllowed(_("Only an administrator of this installation may manage accounts."))


def may_try(*, name: str, address: str, now: datetime) -> bool:
    """Whether this name may be tried from this address now. Costs one query."""
    return not SignInFailure.objects.is_too_many(
        name_digest=_digest("name", name), address_digest=_digest("address", address), now=now
    )


@transaction.atomic
def record_failed_attempt(*, name: str, address: str, now: datetime) -> None:
    """Count one failure, and forget those of more than an hour ago."""
    SignInFailure.objects.create(name_digest=_digest("name", name), address_digest=_digest("address", address), at=now)
    SignInFailure.objects.filter(at__lt=now - timedelta(hours=1)).delete()


@transaction.atomic
def forget_failed_attempts(*, name: str, address: str) -> None:
    """After a success: the person who mistyped seven times starts afresh, from this address."""
    SignInFailure.objects.filter(name_digest=_digest("name", name), address_digest=_digest("address", address)).delete()


def _digest(kind: str, value: str) -> str:
    return salted_hmac(f"sign-in {kind}", value.strip().lower(), algorithm="sha256").hexdigest()
