"""Links that let people in: made and revoked by admins, followed by anybody who has one."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth import login
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from annotation.actions import invitations
from annotation.forms.people import InvitationForm, JoinForm
from annotation.models import Invitation
from curation.access import Right
from curation.errors import Refused
from curation.models import Project
from curation.views.doors import PageRequest, project_page
from curation.views.paging import Key, keyset


@project_page(Right.MANAGE)
def invitation_list(request: PageRequest, project: Project) -> HttpResponse:
    """Every invitation, and the form for another. A new link is shown on this answer and never again."""
    form = InvitationForm(project, request.POST or None, initial={"batch": request.GET.get("batch")})
    link = ""
    if request.method == "POST" and form.is_valid():
        _row, secret = invitations.make(project=project, by=request.user, **form.facts())
        link = request.build_absolute_uri(reverse("join", args=[secret]))
        form = InvitationForm(project)
    rows = Invitation.objects.visible_to(request.user).filter(project=project).select_related("batch", "created_by")
    page = keyset(rows, [Key("pk", descending=True)], request.GET)
    context = {"section": "batches", "form": form, "link": link, "page": page, "now": timezone.now()}
    return render(request, "annotation/invitations/list.html", context, status=400 if form.is_bound else 200)


@project_page(Right.MANAGE)
@require_POST
def invitation_revoke(request: PageRequest, project: Project, invitation_id: int) -> HttpResponse:
    rows = Invitation.objects.visible_to(request.user).filter(project=project)
    invitations.revoke(invitation=get_object_or_404(rows, pk=invitation_id), by=request.user)
    messages.success(request, _("The link opens nothing any more. Who came in by it stays."))
    return redirect("invitations", project.slug)


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def join(request: HttpRequest, secret: str) -> HttpResponse:
    """Where a link leads: in with the account one is signed in with, or with a new one."""
    invitation = invitations.find(secret=secret)
    if invitation is None and not _is_in_already(request, secret):
        return render(request, "annotation/invitations/over.html", {"text": invitations.over()}, status=404)
    if request.user.is_authenticated:
        return _join_signed_in(request, secret, invitation)
    return _join_as_new(request, secret, invitation)


def _is_in_already(request: HttpRequest, secret: str) -> bool:
    """Somebody who used the last place of a link and follows it again is let through."""
    row = Invitation.objects.filter(digest=invitations.digest(secret)).first()
    return bool(row and request.user.is_authenticated and row.project.role_of(request.user))


def _join_signed_in(request: HttpRequest, secret: str, invitation: Invitation | None) -> HttpResponse:
    if request.method == "POST":
        row = invitations.accept(secret=secret, user=request.user)  # type: ignore[arg-type]
        return redirect("work", row.project.slug)
    return render(request, "annotation/invitations/join.html", {"invitation": invitation})


def _join_as_new(request: HttpRequest, secret: str, invitation: Invitation | None) -> HttpResponse:
    form = JoinForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        said = {name: form.cleaned_data[name] for name in ("username", "email", "password")}
        try:
            user = invitations.accept_as_new(secret=secret, **said)
        except Refused as error:
            form.add_error(None, str(error))
        else:
            login(request, user, backend="django.contrib.auth.backends.ModelBackend")
            return redirect("work", invitation.project.slug if invitation else "")
    context = {"invitation": invitation, "form": form, "sign_in": f"{reverse('sign_in')}?next={request.path}"}
    return render(request, "annotation/invitations/join.html", context, status=400 if form.is_bound else 200)
