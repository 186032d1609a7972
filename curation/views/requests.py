"""Requests: sending what a recipe leaves undecided to people or machines, and what came of it."""

from __future__ import annotations

from dataclasses import dataclass

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import NoReverseMatch, reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from curation.access import Right
from curation.actions import previewing, recipes, requesting
from curation.models import Asking, Project, Recipe, Request
from curation.recipe_words import reason_name, step_name
from curation.views import funnels
from curation.views.doors import PageRequest, project_page
from curation.views.paging import Key, keyset
from curation.views.recipe_preview import sent_text

A_PAGE = 50
SHOWN = 48


@dataclass(frozen=True)
class Answering:
    """What took an asking, as a link; or where it can be taken."""

    label: str
    url: str


@require_POST
@project_page(Right.EDIT)
def recipe_request(request: PageRequest, project: Project) -> HttpResponse:
    """Asks for what a step of the text leaves undecided: `what` is STEP|REASON, `job` an exact preview of the text."""
    text, what = sent_text(request), request.POST.get("what", "")
    step, _bar, reason = what.rpartition("|")
    found = _preview(request, project, text)
    parts = [one for one in found.undecided if (one["step"], one["reason"]) == (step, reason)]
    asking = requesting.create(
        project=project,
        audience=request.POST.get("audience", ""),
        subjects=[tuple(subject) for one in parts for subject in one["subjects"]],
        because=_("%(step)s: %(reason)s") % {"step": step_name(step), "reason": reason_name(reason)},
        by=request.user,
        recipe=Recipe.objects.filter(project=project, text=text).order_by("-pk").first(),
        step=step,
    )
    count = asking.requests.count()
    messages.success(request, _("%(count)s requests wait for %(whom)s.") % _said(asking, count))
    return redirect("asking", project.slug, asking.pk)


def _said(asking: Asking, count: int) -> dict[str, str]:
    return {"count": f"{count:,}", "whom": asking.get_audience_display()}


def _preview(request: PageRequest, project: Project, text: str) -> previewing.Preview:
    """The exact preview of this text if there is one, else the one over some prompts."""
    rule = recipes.check(project=project, text=text)
    given = request.POST.get("job", "")
    if given.isdecimal() and len(given) < 18:
        job = previewing.exact_jobs(project).filter(pk=int(given), params__previewed=text).first()
        found = previewing.exact(job) if job else None
        if found is not None:
            return found
    return previewing.sampled(project=project, rule=rule)


@project_page(Right.VIEW)
@require_safe
def asking_list(request: PageRequest, project: Project) -> HttpResponse:
    rows = Asking.objects.visible_to(request.user).filter(project=project).select_related("recipe", "created_by")
    page = keyset(rows, [Key("pk", descending=True)], request.GET, size=A_PAGE)
    for asking in page.rows:
        requesting.settle(asking=asking)
    return render(request, "curation/requests/list.html", {"section": "recipes", "page": page})


@project_page(Right.VIEW, write=Right.EDIT)
@require_http_methods(["GET", "HEAD", "POST"])
def asking(request: PageRequest, project: Project, asking_id: int) -> HttpResponse:
    """What was asked, why and from where, what came of it, and where it can be taken. Posting takes it back."""
    rows = Asking.objects.visible_to(request.user).filter(project=project).select_related("recipe", "created_by")
    found = get_object_or_404(rows, pk=asking_id)
    if request.method == "POST":
        dropped = requesting.drop(asking=found)
        messages.success(request, _("%(count)d requests were taken back.") % {"count": dropped})
        return redirect("asking", project.slug, found.pk)
    requesting.settle(asking=found)
    context = {
        "section": "recipes",
        "asking": found,
        "because": found.because if request.role in ("admin", "curator") or request.user.is_superuser else "",
        "step": step_name(found.step) if found.step else "",
        "states": _states(found),
        "answering": _answering(project, found),
        "ways": _ways(project, found) if not found.taken_by else [],
        "shown": _shown(found),
        "open": found.requests.open().count(),  # type: ignore[attr-defined]
    }
    return render(request, "curation/requests/detail.html", context)


def _states(asking: Asking) -> list[tuple[str, int]]:
    states = list(asking.requests.values_list("state", flat=True))
    return [(str(state.label), states.count(state.value)) for state in Request.State if state.value in states]


def _shown(asking: Asking) -> list[funnels.Example]:
    """The first of its pairs and samples, with pictures."""
    rows = asking.requests.order_by("pk").values_list("prompt_id", "left_sample_id", "right_sample_id")[:SHOWN]
    told = [
        {"prompt_id": prompt, "a": one, "b": other} if other else {"prompt_id": prompt, "sample_id": one}
        for prompt, one, other in rows
    ]
    return [example for _row, example in funnels.examples(told)]


def _answering(project: Project, asking: Asking) -> Answering | None:
    """The batch or job that took it; None where nothing did, or no room of this site serves such a page."""
    kind, _colon, number = asking.taken_by.partition(":")
    labels = {"batch": _("Batch %(number)s"), "job": _("Job %(number)s")}
    if kind not in labels:
        return None
    url = _address(kind, project.slug, number)
    return Answering(labels[kind] % {"number": number}, url) if url else None


def _ways(project: Project, asking: Asking) -> list[Answering]:
    """Where it can be taken. Pages of other rooms are named, not imported."""
    offered = (
        [("batch_new", _("Make a batch of exactly these"), f"?rule=requests&asking={asking.pk}")]
        if asking.audience == Request.Audience.PEOPLE
        else [
            ("score", _("Score exactly these samples"), f"?asking={asking.pk}"),
            ("judges", _("Ask a judge about exactly these"), f"?asking={asking.pk}"),
        ]
    )
    found = [(label, _address(name, project.slug), query) for name, label, query in offered]
    return [Answering(label, f"{url}{query}") for label, url, query in found if url]


def _address(name: str, *args: object) -> str:
    try:
        return reverse(name, args=args)
    except NoReverseMatch:
        return ""
