"""What people agree to: the page that asks them, and the texts in their versions."""

from __future__ import annotations

from django.contrib import messages
from django.db.models import Count
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _

from annotation.actions import consent as actions
from annotation.forms.people import ConsentTextForm
from annotation.models import ConsentText
from curation.access import Right
from curation.errors import Refused
from curation.models import Consent, Project
from curation.views.doors import PageRequest, project_page

MOST_PEOPLE = 500


@project_page(Right.ENTER)
def consent(request: PageRequest, project: Project) -> HttpResponse:
    """The newest text, and one's answer to it."""
    text = ConsentText.objects.filter(project=project).order_by("-number").first()
    if request.method == "POST":
        actions.agree(project=project, user=request.user, number=_number(request))
        messages.success(request, _("Thank you. You agreed to version %(number)d.") % {"number": _number(request)})
        return redirect("work", project.slug)
    own = Consent.objects.filter(project=project, rater__user=request.user).order_by("-given_at")
    context = {
        "section": "work",
        "text": text,
        "is_needed": actions.needed(project=project, user=request.user) is not None,
        "history": own,
    }
    return render(request, "annotation/consent/agree.html", context)


def _number(request: PageRequest) -> int:
    sent = request.POST.get("number", "")
    if not sent.isdecimal() or len(sent) > 6:
        raise Refused(_("Read the text and agree to it on its page."))
    return int(sent)


@project_page(Right.MANAGE)
def consent_texts(request: PageRequest, project: Project) -> HttpResponse:
    """The texts in their versions, with how many people stand by each, and the form for the next."""
    rows = list(ConsentText.objects.visible_to(request.user).filter(project=project))
    form = ConsentTextForm(request.POST or None, initial={"text": rows[0].text if rows else ""})
    if request.method == "POST" and form.is_valid():
        made = actions.add_text(project=project, text=form.cleaned_data["text"], by=request.user)
        messages.success(request, _("Version %(number)d is asked from now on.") % {"number": made.number})
        return redirect("consent_texts", project.slug)
    living = Consent.objects.filter(project=project, withdrawn_at=None)
    counts = dict(living.values_list("text_version").annotate(number=Count("pk")).order_by())
    context = {
        "section": "batches",
        "form": form,
        "people": living.select_related("rater__user").order_by("-given_at")[:MOST_PEOPLE],
        "texts": [(row, counts.get(actions.version_name(row), 0)) for row in rows],
    }
    return render(request, "annotation/consent/texts.html", context, status=400 if form.is_bound else 200)
