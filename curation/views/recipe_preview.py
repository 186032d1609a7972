"""What a recipe would do, beside its text: at once over a part of the prompts, then exactly, as parts of the editor."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_POST, require_safe

from curation.access import Right
from curation.actions import previewing, recipes
from curation.actions.previewing import Preview
from curation.errors import Refused
from curation.models import Project
from curation.recipe_words import reason_name, step_name
from curation.recipes import model
from curation.recipes.thresholds import thresholds
from curation.views import funnels
from curation.views.doorbell import ring_for_build
from curation.views.doors import PageRequest, project_page
from curation.views.recipes import findings_in


@dataclass(frozen=True)
class Undecided:
    """What one step left undecided for one reason, as the Request button offers it."""

    name: str
    step: str
    reason: str
    count: int


def sent_text(request: PageRequest) -> str:
    """The recipe's text as a form sent it; browsers send CRLF."""
    return request.POST.get("text", "").replace("\r\n", "\n")


@require_POST
@project_page(Right.EDIT)
def recipe_preview(request: PageRequest, project: Project) -> HttpResponse:
    """The funnel of the text as it stands, over some hundred prompts. What ran for an earlier text is cancelled."""
    previewing.cancel_exact(project=project, by=request.user)
    text = sent_text(request)
    context: dict[str, Any] = {"findings": findings_in(project, text)}
    if not context["findings"]:
        rule = recipes.check(project=project, text=text)
        try:
            context |= told(previewing.sampled(project=project, rule=rule), text, rule)
        except Refused as error:
            context["refusal"] = str(error)
    return render(request, "curation/recipes/_preview.html", context)


@require_POST
@project_page(Right.EDIT)
def recipe_exact(request: PageRequest, project: Project) -> HttpResponse:
    """Has a worker run the text over everything, and says that it does."""
    text = sent_text(request)
    if findings_in(project, text):
        return HttpResponse(status=204)
    job = previewing.order_exact(project=project, text=text, by=request.user)
    ring_for_build(job)
    return render(request, "curation/recipes/_exact.html", {"job": job})


@project_page(Right.EDIT)
@require_safe
def recipe_exact_answer(request: PageRequest, project: Project, preview_id: int) -> HttpResponse:
    """How far that is; the whole funnel once it is there."""
    job = get_object_or_404(previewing.exact_jobs(project), pk=preview_id)
    found = previewing.exact(job)
    if found is None:
        return render(request, "curation/recipes/_exact.html", {"job": job})
    text = job.params["previewed"]
    rule = recipes.check(project=project, text=text)
    answer = render(request, "curation/recipes/_preview.html", {**told(found, text, rule), "job": job})
    answer["HX-Retarget"], answer["HX-Reswap"] = "#preview", "innerHTML"
    return answer


def told(found: Preview, text: str, rule: model.Recipe) -> dict[str, Any]:
    """A preview as its page shows it: counts of a part become estimates for all. Costs eight queries."""
    shown = [_estimated(line, found.factor) for line in funnels.lines(found.funnel, thresholds(text, rule))]
    return {
        "found": found,
        "text": text,
        "lines": shown,
        "kept": [example for _row, example in funnels.examples(found.kept)],
        "pair_count": previewing.about(found.pairs, found.factor) if not found.is_exact else found.pairs,
        "sample_count": previewing.about(found.samples, found.factor) if not found.is_exact else found.samples,
        "pairs_nothing": rule.pairing.rule in ("none", "pareto"),
        "is_about": not found.is_exact,
        "undecided": [
            Undecided(f"{step_name(one['step'])}: {reason_name(one['reason'])}", **_named(one))
            for one in found.undecided
            if one["subjects"]
        ],
    }


def _named(one: dict[str, Any]) -> dict[str, Any]:
    return {"step": one["step"], "reason": one["reason"], "count": len(one["subjects"])}


def _estimated(line: funnels.Line, factor: float) -> funnels.Line:
    if factor <= 1:
        return line
    return replace(
        line,
        entered=previewing.about(line.entered, factor),
        kept=previewing.about(line.kept, factor),
        reasons=[replace(reason, count=previewing.about(reason.count, factor)) for reason in line.reasons],
        bands=[(name, previewing.about(count, factor)) for name, count in line.bands],
        measured_share=line.share,
    )
