"""Signing in and out, passwords, and the people of the installation."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import views as auth
from django.contrib.auth.tokens import default_token_generator
from django.core.mail import send_mail
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.template.loader import render_to_string
from django.urls import reverse, reverse_lazy
from django.utils.encoding import force_bytes
from django.utils.http import urlsafe_base64_encode
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from curation.actions import people
from curation.errors import Refused
from curation.forms.accounts import InviteForm, SignInForm
from curation.models import User
from curation.views.doors import PageRequest, superuser_page
from curation.views.paging import Key, keyset


class SignIn(auth.LoginView):
    template_name = "accounts/sign_in.html"
    authentication_form = SignInForm

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(is_first_run=not User.objects.exists(), **kwargs)


class PasswordChange(auth.PasswordChangeView):
    template_name = "accounts/password_change.html"
    success_url = reverse_lazy("projects")

    def form_valid(self, form: Any) -> HttpResponse:
        messages.success(self.request, _("Your password is changed. Other browsers must sign in again."))
        return super().form_valid(form)


class PasswordReset(auth.PasswordResetView):
    template_name = "accounts/password_reset.html"
    email_template_name = "accounts/password_reset_letter.txt"
    subject_template_name = "accounts/password_reset_subject.txt"
    success_url = reverse_lazy("password_reset_sent")


class PasswordResetSent(auth.PasswordResetDoneView):
    template_name = "accounts/password_reset_sent.html"


class PasswordSet(auth.PasswordResetConfirmView):
    """Where the link of a letter leads: of a forgotten password, or of an invitation."""

    template_name = "accounts/password_set.html"
    success_url = reverse_lazy("sign_in")

    def form_valid(self, form: Any) -> HttpResponse:
        messages.success(self.request, _("Your password is set. Sign in with it."))
        return super().form_valid(form)


@superuser_page
def people_list(request: PageRequest) -> HttpResponse:
    """Everybody with an account; a form to invite the next."""
    form = InviteForm(request.POST or None)
    link = None
    if request.method == "POST" and form.is_valid():
        try:
            invited = people.invite(**form.cleaned_data, by=request.user)
        except Refused as error:
            form.add_error(None, str(error))
        else:
            link = _invitation_link(request, invited)
            _send_invitation(invited, link)
            form = InviteForm()
    page = keyset(User.objects.all(), [Key("username")], request.GET, size=100)
    context = {"form": form, "page": page, "link": link, "has_mail": bool(settings.EMAIL_HOST)}
    return render(request, "accounts/people.html", context)


@superuser_page
@require_POST
def deactivate(request: PageRequest, user_id: int) -> HttpResponse:
    user = people.deactivate(user=get_object_or_404(User, pk=user_id), by=request.user)
    messages.success(request, _("%(name)s is deactivated and signed out.") % {"name": user})
    return redirect("people")


@superuser_page
@require_POST
def reactivate(request: PageRequest, user_id: int) -> HttpResponse:
    user = people.reactivate(user=get_object_or_404(User, pk=user_id), by=request.user)
    messages.success(request, _("%(name)s may sign in again.") % {"name": user})
    return redirect("people")


@superuser_page
@require_POST
def invitation(request: PageRequest, user_id: int) -> HttpResponse:
    """A fresh link for somebody who lost the invitation or the way in."""
    user = get_object_or_404(User, pk=user_id, is_active=True)
    link = _invitation_link(request, user)
    return render(request, "accounts/invitation.html", {"person": user, "link": link})


def _invitation_link(request: HttpRequest, user: User) -> str:
    uid = urlsafe_base64_encode(force_bytes(user.pk))
    path = reverse("password_set", kwargs={"uidb64": uid, "token": default_token_generator.make_token(user)})
    return request.build_absolute_uri(path)


def _send_invitation(user: User, link: str) -> None:
    text = render_to_string("accounts/invitation_letter.txt", {"person": user, "link": link})
    send_mail(_("Your account on Pairwright"), text, None, [user.email])
