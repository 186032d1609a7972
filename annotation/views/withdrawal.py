"""The end of a consent: what it does, one's own data to take along, the last question, and what was done."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from django.contrib import messages
from django.core.serializers.json import DjangoJSONEncoder
from django.http import HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_safe

from annotation.actions import withdrawing
from annotation.actions.withdrawing import Withdrawn
from annotation.forms.review import WithdrawForm
from annotation.models import Answer, ConsentText
from annotation.views.who import who
from curation.access import Right
from curation.models import Judgement, Project, Rater
from curation.views.doors import PageRequest, project_page


@project_page(Right.ENTER, archived=True)
def withdrawal(request: PageRequest, project: Project) -> HttpResponse:
    """One's own consent in this project."""
    return _page(request, project, Rater.objects.filter(user=request.user).first())


@project_page(Right.MANAGE, archived=True)
def rater_withdrawal(request: PageRequest, project: Project, rater_id: int) -> HttpResponse:
    """Somebody else's consent, for whoever was asked by letter to end it."""
    return _page(request, project, _rater(request, project, rater_id))


def _rater(request: PageRequest, project: Project, rater_id: int) -> Rater:
    people = Rater.objects.visible_to(request.user, Right.MANAGE).filter(kind=Rater.Kind.PERSON)
    return get_object_or_404(people.filter(consents__project=project).distinct(), pk=rater_id)


def _page(request: PageRequest, project: Project, rater: Rater | None) -> HttpResponse:
    consent = withdrawing.consent_of(project, rater) if rater else None
    form = WithdrawForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and rater is not None and form.is_valid():
        _tell(request, withdrawing.withdraw(project=project, rater=rater, by=request.user))
        return redirect("project", project.slug)
    context = {
        "form": form,
        "rater": rater,
        "consent": consent,
        "is_own": rater is None or rater.user_id == request.user.pk,
        "who": who(request, rater) if rater else "",
        "counts": _counts(project, rater) if rater else {},
        "text": _text(project, consent.text_version) if consent else None,
    }
    return render(request, "annotation/withdrawal/page.html", context, status=400 if form.is_bound else 200)


def _counts(project: Project, rater: Rater) -> dict[str, int]:
    return {
        "judgements": Judgement.objects.living().filter(project=project, rater=rater).count(),
        "answers": Answer.objects.filter(assignment__batch__project=project, assignment__rater=rater).count(),
    }


def _text(project: Project, version: str) -> ConsentText | None:
    """The text the person agreed to, where the agreement names one that is here."""
    number = version.removeprefix("v")
    return ConsentText.objects.filter(project=project, number=number).first() if number.isdigit() else None


def _tell(request: PageRequest, done: Withdrawn) -> None:
    words = ngettext(
        "The consent is withdrawn: %(count)d judgement no longer counts, and its words are erased.",
        "The consent is withdrawn: %(count)d judgements no longer count, and their words are erased.",
        done.judgements,
    )
    messages.success(request, words % {"count": done.judgements})
    if done.minors:
        messages.info(request, _("Made without these rows: %(minors)s.") % {"minors": ", ".join(done.minors)})
    if not done.is_seen_to:
        messages.warning(
            request,
            _(
                "The dataset versions could not be looked through just now; the job of the withdrawal says why. Until "
                "it has been resumed, no version of this project can be downloaded."
            ),
        )


# -- one's own data ---------------------------------------------------------------------------------------------------


@project_page(Right.ENTER)
@require_safe
def withdrawal_data(request: PageRequest, project: Project) -> StreamingHttpResponse:
    """All that is kept about oneself in this project, as JSON Lines."""
    return _data(project, Rater.objects.filter(user=request.user).first())


@project_page(Right.MANAGE)
@require_safe
def rater_data(request: PageRequest, project: Project, rater_id: int) -> StreamingHttpResponse:
    """All that is kept about a person in this project, for whoever was asked for it by letter."""
    return _data(project, _rater(request, project, rater_id))


def _data(project: Project, rater: Rater | None) -> StreamingHttpResponse:
    records = withdrawing.own_data(project, rater) if rater else iter(())
    answer = StreamingHttpResponse(_lines(records), content_type="application/x-ndjson; charset=utf-8")
    answer["Content-Disposition"] = f'attachment; filename="my-data-{project.slug}.jsonl"'
    return answer


def _lines(records: Iterator[tuple[str, dict[str, Any]]]) -> Iterator[str]:
    for kind, record in records:
        yield json.dumps({"list": kind, **record}, cls=DjangoJSONEncoder, ensure_ascii=False) + "\n"
