"""Sign-in with a brake, and the invitation of a new person."""

from __future__ import annotations

from typing import Any

from django import forms
from django.conf import settings
from django.contrib.auth.forms import AuthenticationForm
from django.contrib.auth.validators import UnicodeUsernameValidator
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from curation.actions import people
from curation.models import User


class SignInForm(AuthenticationForm):
    """User name or e-mail address, and the password. After too many failures both wait a quarter of an hour."""

    error_messages = {
        "invalid_login": _("This name and password do not go together."),
        "inactive": _("This account is deactivated."),
        "wait": _("Too many failed attempts. Wait a quarter of an hour, or set a new password by e-mail."),
    }

    def __init__(self, request: HttpRequest | None = None, *args: Any, **kwargs: Any) -> None:
        super().__init__(request, *args, **kwargs)
        self.fields["username"].label = _("User name or e-mail")

    def clean(self) -> dict[str, Any]:
        name = self.cleaned_data.get("username")
        if not name or not self.cleaned_data.get("password"):
            return self.cleaned_data
        attempt = {"name": name, "address": client_address(self.request)}
        now = timezone.now()
        if not people.may_try(**attempt, now=now):
            raise forms.ValidationError(self.error_messages["wait"], code="wait")
        self.cleaned_data["username"] = _username_for(name)
        try:
            cleaned = super().clean()
        except forms.ValidationError:
            people.record_failed_attempt(**attempt, now=now)
            raise
        people.forget_failed_attempts(**attempt)
        return cleaned


def _username_for(name: str) -> str:
    """The user name behind an e-mail address; the name itself where it is no known address."""
    if "@" not in name:
        return name
    user = User.objects.filter(email__iexact=name).only("username").first()
    return user.username if user else name


def client_address(request: HttpRequest | None) -> str:
    """The address an attempt comes from. Behind our own proxy it is the last one the proxy wrote down."""
    if request is None:
        return ""
    forwarded = request.META.get("HTTP_X_FORWARDED_FOR", "")
    if settings.SECURE_PROXY_SSL_HEADER and forwarded:
        return forwarded.split(",")[-1].strip()
    return request.META.get("REMOTE_ADDR", "")


class InviteForm(forms.Form):
    username = forms.CharField(
        label=_("User name"), max_length=150, validators=[UnicodeUsernameValidator()], help_text=_("Shown to others.")
    )
    email = forms.EmailField(label=_("E-mail"))
    is_superuser = forms.BooleanField(label=_("Administrator: sees every project and manages accounts"), required=False)
