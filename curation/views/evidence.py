"""Machines tested against people: the table and charts of a project, and the pairs on which they differ.

Never open to annotators. A small project is examined for every visit; of a large one the kept answer is shown with its
time, or fetched after the page.
"""

from __future__ import annotations

from dataclasses import dataclass

from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from curation.access import Right
from curation.actions import examining
from curation.actions.examining import Choice, Examined, Options
from curation.errors import Conflict, Refused
from curation.examination.report import Apart
from curation.examination.slices import KINDS
from curation.forms.evidence import EvidenceForm
from curation.models import JudgingContext, Project, Prompt, Sample, examination_frames, progress
from curation.views import evidence_words
from curation.views.doors import PageRequest, is_part, project_page
from curation.views.facets import Facet, address, facet
from curation.views.pictures import Picture, first_pictures

# Pairs on a page of differences.
PAGE = 24


@project_page(Right.VIEW)
@require_safe
def evidence(request: PageRequest, project: Project) -> HttpResponse:
    known, form = _form(request, project)
    if not form.is_valid():
        return render(request, "curation/evidence/page.html", _frame(request, project, form, known))
    choice = form.choice(request.GET.get("against", ""))
    is_alone = is_part(request, "results")
    found = _at_hand(request, project, choice, known)
    context = _frame(request, project, form, known) | ({"project": project} if is_alone else {})
    if found is not None:
        context |= _results(request, project, found)
    if is_alone:
        template = "curation/evidence/_waiting.html" if found is None else "curation/evidence/_results.html"
        return render(request, template, context)
    return render(request, "curation/evidence/page.html", context)


def _at_hand(request: PageRequest, project: Project, choice: Choice, known: Options) -> Examined | None:
    """The answer, unless the project is large and nothing is kept: then it is asked for after the page.

    While somebody else has it examined there is none either, and the page asks again.
    """
    is_wanted = is_part(request, "results") or "now" in request.GET or "again" in request.GET
    if not is_wanted and progress.is_large(project):
        return examining.kept(project=project, choice=choice)
    try:
        return examining.examined(project=project, choice=choice, again="again" in request.GET, known=known)
    except Conflict:
        return examining.kept(project=project, choice=choice)


def _form(request: PageRequest, project: Project) -> tuple[Options, EvidenceForm]:
    is_scripted = request.GET.get("whose") == examining.SCRIPTED
    known = examining.options(project, examining.SCRIPTED if is_scripted else examining.PEOPLE)
    form = EvidenceForm(
        request.GET, known=known, criteria=examining.criterion_names(project), principles=_principles(project)
    )
    return known, form


def _principles(project: Project) -> list[str]:
    """Principles and profiles as the votes name them."""
    kinds = (JudgingContext.Kind.PRINCIPLE, JudgingContext.Kind.PROFILE)
    rows = JudgingContext.objects.filter(project=project, kind__in=kinds).order_by("name", "number")
    return list(dict.fromkeys(examination_frames.context_name(row) for row in rows))


def _frame(request: PageRequest, project: Project, form: EvidenceForm, known: Options) -> dict[str, object]:
    """What the page has with or without an answer."""
    return {
        "section": "evidence",
        "form": form,
        "known": known,
        "has_votes": bool(known.criteria),
        "has_machines": bool(known.columns),
        "scripted": "" if known.criteria else _scripted(request, project),
        "part_url": address(request.GET, part="results"),
        "now_url": address(request.GET, now="1"),
        "against": request.GET.get("against", ""),
        "by": request.GET.get("by", ""),
    }


def _scripted(request: PageRequest, project: Project) -> str:
    """Where scripted raters are taken for people, in a demonstration that has no others; empty where they are not."""
    if request.GET.get("whose") == examining.SCRIPTED:
        return ""
    return (
        address(request.GET, whose=examining.SCRIPTED)
        if examining.options(project, examining.SCRIPTED).criteria
        else ""
    )


def _results(request: PageRequest, project: Project, answer: Examined) -> dict[str, object]:
    by = request.GET.get("by", "")
    by = by if by in KINDS else _most_telling(answer)
    shown = evidence_words.results(answer, by)
    return {
        "project": project,
        "answer": answer,
        "results": shown,
        "rows": [(row, *_urls(request, row.key)) for row in shown.rows],
        "tabs": _tabs(request, by),
        "again_url": address(request.GET, again="1", now=""),
        "rule": answer.choice.ties.value,
    }


def _urls(request: PageRequest, key: str) -> tuple[str, str]:
    """Where a machine becomes the one compared with, and where its differences are listed."""
    return address(request.GET, against=key, again="", now=""), address(request.GET, machine=key, again="", now="")


def _most_telling(answer: Examined) -> str:
    """The first kind of slices that parts the votes at all."""
    return next((kind for kind, parts in answer.found.slices.items() if len(parts.lines) > 1), KINDS[0])


def _tabs(request: PageRequest, by: str) -> Facet:
    params = request.GET.copy()
    params["by"] = by
    return facet(params, "by", _("By"), evidence_words.KINDS.items())


# -- differences ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Side:
    """One sample of a pair: how many people preferred it, and whether the machine does."""

    sample: Sample
    picture: Picture | None
    votes: int
    is_machines: bool


@dataclass(frozen=True)
class Pair:
    """A pair on which a machine and most people differ; the side that people prefer stands first."""

    prompt: Prompt
    sides: tuple[Side, Side]
    ties: int
    is_machine_tie: bool


@project_page(Right.VIEW)
@require_safe
def differences(request: PageRequest, project: Project) -> HttpResponse:
    """The pairs on which one machine goes against people, the clearest first, each one click from its group."""
    known, form = _form(request, project)
    if not form.is_valid():
        raise Refused(_("This address asks for something that is not here any more. Open the evidence again."))
    answer = examining.examined(project=project, choice=form.choice(request.GET.get("against", "")), known=known)
    key = request.GET.get("machine", "")
    one = next((one for one in answer.found.machines if one.column.key == key), None)
    if one is None and key:
        raise Http404(_("There is no such machine in this evidence."))
    one = one or next(iter(answer.found.machines), None)
    apart = answer.found.differences.get(one.column, []) if one else []
    start = _start(request, len(apart))
    context = {
        "section": "evidence",
        "machine": answer.name(one.column) if one else "",
        "tested": evidence_words.shown(one.accuracy) if one else None,
        "pairs": _pairs(apart[start : start + PAGE]),
        "count": len(apart),
        "first": start + 1,
        "last": min(start + PAGE, len(apart)),
        "previous_url": address(request.GET, start=str(max(start - PAGE, 0)) if start > PAGE else "") if start else "",
        "next_url": address(request.GET, start=str(start + PAGE)) if start + PAGE < len(apart) else "",
        "back_url": address(request.GET, machine="", start=""),
    }
    return render(request, "curation/evidence/differences.html", context)


def _start(request: PageRequest, count: int) -> int:
    text = request.GET.get("start", "0")
    start = int(text) if text.isdecimal() and len(text) < 6 else 0
    return start if start < count else 0


def _pairs(apart: list[Apart]) -> list[Pair]:
    """Costs five queries, whatever the number of pairs."""
    samples = Sample.objects.select_related("generator").in_bulk({pk for one in apart for pk in (one.low, one.high)})
    prompts = Prompt.objects.in_bulk({one.prompt_id for one in apart})
    pictures = first_pictures(list(samples))
    return [_pair(one, samples, prompts, pictures) for one in apart if {one.low, one.high} <= set(samples)]


def _pair(one: Apart, samples: dict[int, Sample], prompts: dict[int, Prompt], pictures: dict[int, Picture]) -> Pair:
    low = Side(samples[one.low], pictures.get(one.low), one.low_votes, one.margin > 0)
    high = Side(samples[one.high], pictures.get(one.high), one.high_votes, one.margin < 0)
    sides = (low, high) if one.low_votes > one.high_votes else (high, low)
    return Pair(prompts[one.prompt_id], sides, one.ties, one.margin == 0)
