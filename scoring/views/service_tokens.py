"""Tokens with which programs ask the service of scorers: made, shown once, revoked."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_http_methods, require_POST

from curation.access import Right
from curation.errors import Conflict, Refused
from curation.models import Project
from curation.views.doors import PageRequest, project_page
from scoring.actions.serving import tokens
from scoring.forms.service_tokens import ServiceTokenForm
from scoring.models import ServiceToken

# Revoked ones stay to be read; a page shows so many of them.
REVOKED_SHOWN = 20


@project_page(Right.MANAGE)
@require_http_methods(["GET", "HEAD", "POST"])
@sensitive_variables("made")
def service_tokens(request: PageRequest, project: Project) -> HttpResponse:
    """The project's tokens. A new one is shown by the answer that made it: a redirect would have to keep its text."""
    form = ServiceTokenForm(request.POST or None)
    made: tokens.Made | None = None
    if request.method == "POST" and form.is_valid():
        try:
            made = tokens.make(project=project, name=form.cleaned_data["name"], by=request.user)
            form = ServiceTokenForm()
        except (Refused, Conflict) as error:
            form.add_error("name", str(error))
    rows = ServiceToken.objects.visible_to(request.user).filter(project=project).select_related("created_by")
    context = {
        "section": "scorers",
        "tab": "service",
        "form": form,
        "made": made,
        "living": rows.living(),
        "revoked": rows.exclude(revoked_at=None).select_related("revoked_by").order_by("-revoked_at")[:REVOKED_SHOWN],
    }
    return render(request, "scoring/service_tokens.html", context)


@project_page(Right.MANAGE, archived=True)
@require_POST
def service_token_revoke(request: PageRequest, project: Project, service_token_id: int) -> HttpResponse:
    """Possible in an archived project too: a token that was lost must not wait."""
    token = get_object_or_404(ServiceToken.objects.visible_to(request.user), project=project, pk=service_token_id)
    tokens.revoke(token=token, by=request.user)
    messages.success(request, _("“%(name)s” opens nothing from now on.") % {"name": token.name})
    return redirect("service_tokens", project.slug)
