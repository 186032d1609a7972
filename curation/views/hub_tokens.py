"""Tokens of the Hub: who stored which, when, and when it was used last. What a token is, no page shows."""

from __future__ import annotations

from django.conf import settings
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST

from curation.actions import hub_tokens as actions
from curation.errors import Conflict, Refused
from curation.forms.publishing import TokenForm
from curation.models import HubToken
from curation.views.doors import PageRequest, signed_in_page


@sensitive_post_parameters("token")
@signed_in_page
def hub_tokens(request: PageRequest) -> HttpResponse:
    """One's own tokens and those of the installation, and the form of a new one."""
    form = TokenForm(request.POST or None, user=request.user)
    if request.method == "POST" and form.is_valid():
        try:
            said = form.cleaned_data
            actions.store(
                label=said["label"], token=said["token"], by=request.user, is_shared=said.get("is_shared", False)
            )
        except (Refused, Conflict) as error:
            form.add_error(None, str(error))
        else:
            messages.success(request, _("The token is stored, encrypted. It is not shown again."))
            return redirect("hub_tokens")
    rows = HubToken.objects.usable_by(request.user).select_related("owner", "created_by")
    context = {"tokens": rows, "form": form, "has_environment": bool(settings.HUB_TOKEN)}
    return render(request, "curation/publishing/tokens.html", context)


@require_POST
@signed_in_page
def hub_token_delete(request: PageRequest, token_id: int) -> HttpResponse:
    """Forgets a token. On the Hub it stays valid until it is revoked there."""
    token = get_object_or_404(HubToken.objects.usable_by(request.user), pk=token_id)
    actions.forget(token=token, by=request.user)
    messages.success(request, _("The token is deleted here. Revoke it on the Hub as well if nobody needs it."))
    return redirect("hub_tokens")
