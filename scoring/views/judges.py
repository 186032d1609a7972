"""Judges of a project: who they are, what they cost, how far they may be trusted; making one and putting it away."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field

from django.conf import settings
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from curation.access import Right
from curation.actions import kinship
from curation.actions.examining import accuracy_here
from curation.errors import Refused
from curation.examination.intervals import Estimate
from curation.models import Generator, Job, JudgingContext, Project, Rater, RaterStanding, Sample
from curation.views.doors import PageRequest, is_part, project_page
from scoring import cards
from scoring.actions.judging import benches, judges, templates
from scoring.actions.probing import standing as standings
from scoring.actions.probing.collapse import on_evidence
from scoring.actions.probing.standing import ProbeStanding
from scoring.forms.judging import JudgeForm, PrincipleForm, contexts
from scoring.forms.scorers import StandingForm
from scoring.judges.base import Template
from scoring.judges.endpoints import Endpoint
from scoring.models import Judge, JudgeRater, judged
from scoring.models.judged import CallCounts, JudgedOrders
from scoring.scorers.kinship import name_of
from scoring.views import probe_report
from scoring.views.jobs import Line, line_of

JOBS_SHOWN = 6
FLIPS_SHOWN = 20
RELATIVES_SHOWN = 20


@dataclass(frozen=True)
class Row:
    """One judge of the list."""

    judge: Judge
    title: str
    counts: CallCounts
    audits: list[JudgedOrders]
    accuracy: Estimate | None
    is_quarantined: bool
    probes: ProbeStanding


@dataclass(frozen=True)
class Voice:
    """A rater that a judge has been, and in which parts it differs from the newest."""

    rater: Rater
    identity: list[tuple[str, str]]
    differences: list[tuple[str, str, str]]
    probes: ProbeStanding
    audits: list[JudgedOrders] = field(default_factory=list)

    @property
    def is_quarantined(self) -> bool:
        return getattr(self.rater, "standing", None) == RaterStanding.State.QUARANTINED


@project_page(Right.VIEW)
@require_safe
def judges_list(request: PageRequest, project: Project) -> HttpResponse:
    is_whole = is_part(request, "table")
    context = {
        "section": "scorers",
        "tab": "judges",
        "rows": _rows(project, is_whole=is_whole),
        "is_whole": is_whole,
        "archived": list(Judge.objects.filter(project=project).exclude(archived_at=None)),
    }
    return render(request, "scoring/judges/_table.html" if is_whole else "scoring/judges/list.html", context)


def _rows(project: Project, *, is_whole: bool) -> list[Row]:
    """Every active judge. Thirteen queries; with accuracies what these cost as well."""
    active = list(Judge.objects.active().filter(project=project).select_related("template"))
    raters = _raters_of(active)
    ids = [pk for own in raters.values() for pk in own]
    audits: dict[int, list[JudgedOrders]] = defaultdict(list)
    for one in judged.order_audits(project_id=project.pk, rater_ids=ids):
        audits[one.rater_id].append(one)
    counts = judged.counts_by_judge(project_id=project.pk)
    accuracies = accuracy_here(project, ids) if is_whole and ids else {}
    standing = {rater.pk: rater.standing for rater in Rater.objects.filter(pk__in=ids).with_standing_in(project)}  # type: ignore[attr-defined]
    titles = {one.name: one.template.title for one in templates.listed(project)}
    newest = {judge.pk: next(iter(raters[judge.pk]), 0) for judge in active}
    probes = standings.of_judges(project, {judge: rater or None for judge, rater in newest.items()})
    return [
        Row(
            judge=judge,
            title=titles.get(judge.template_name, ""),
            counts=counts.get(judge.pk, CallCounts()),
            audits=audits[newest[judge.pk]],
            accuracy=accuracies.get(newest[judge.pk]),
            is_quarantined=standing.get(newest[judge.pk]) == RaterStanding.State.QUARANTINED,
            probes=probes[judge.pk],
        )
        for judge in active
    ]


def _raters_of(every: list[Judge]) -> dict[int, list[int]]:
    """The raters of each judge, the newest first. One query."""
    found: dict[int, list[int]] = {judge.pk: [] for judge in every}
    for judge_id, rater_id in JudgeRater.objects.filter(judge__in=every).order_by("-pk").values_list("judge", "rater"):
        found[judge_id].append(rater_id)
    return found


# -- one judge --------------------------------------------------------------------------------------------------------


@project_page(Right.VIEW)
@require_safe
def judge(request: PageRequest, project: Project, judge_id: int) -> HttpResponse:
    rows = Judge.objects.visible_to(request.user).filter(project=project)
    shown = get_object_or_404(rows.select_related("template", "project", "created_by"), pk=judge_id)
    voices = _voices(project, shown)
    if is_part(request, "accuracy"):
        accuracies = accuracy_here(project, [voice.rater.pk for voice in voices])
        found = [(voice.rater, accuracies.get(voice.rater.pk)) for voice in voices]
        return render(request, "scoring/_accuracy.html", {"accuracies": found})
    if is_part(request, "collapse"):
        apart = [(voice.rater, on_evidence(project, voice.rater)) for voice in voices]
        return render(request, "scoring/_collapse.html", {"found": apart})
    newest = voices[0].rater if voices else None
    template, fault = _template(shown)
    context = {
        "section": "scorers",
        "tab": "judges",
        "judge": shown,
        "template": template,
        "fault": fault,
        "counts": judged.counts_by_judge(project_id=project.pk).get(shown.pk, CallCounts()),
        "voices": voices,
        "principles": judged.under_contexts(project_id=project.pk, rater_id=newest.pk) if newest else [],
        "listened": _listened(project, {voice.rater.pk for voice in voices}),
        "flips": _flips(project, newest) if newest else [],
        "lines": _jobs(project, shown),
        "relatives": _relatives(project, shown),
        "standing_form": StandingForm(),
        **probe_report.context_of_judge(project, shown, template, newest),
    }
    return render(request, "scoring/judges/detail.html", context)


def _template(shown: Judge) -> tuple[Template | None, str]:
    """The judge's template with its own settings, or why it cannot be had any more."""
    try:
        return templates.of(shown), ""
    except Refused as error:
        return None, str(error)


def _voices(project: Project, shown: Judge) -> list[Voice]:
    ids = _raters_of([shown])[shown.pk]
    raters = Rater.objects.filter(pk__in=ids).with_standing_in(project).in_bulk()
    audits: dict[int, list[JudgedOrders]] = defaultdict(list)
    for one in judged.order_audits(project_id=project.pk, rater_ids=ids):
        audits[one.rater_id].append(one)
    newest = raters[ids[0]].identity if ids else {}
    probes = standings.of_raters(project, ids)
    return [
        Voice(
            raters[pk],
            cards.identity_rows(raters[pk].identity),
            cards.differences(raters[pk].identity, newest),
            probes[pk],
            audits[pk],
        )
        for pk in ids
    ]


def _listened(project: Project, rater_ids: set[int]) -> list[tuple[judged.Listened, Rater]]:
    """What listeners found of this judge's reasons, with who listened."""
    found = [one for one in judged.listened_to(project_id=project.pk) if one.rater_id in rater_ids]
    listeners = Rater.objects.in_bulk([one.listener_id for one in found])
    return [(one, listeners[one.listener_id]) for one in found]


def _flips(project: Project, rater: Rater) -> list[tuple[judged.PairVerdict, int]]:
    """Pairs on which the judge changed its mind with the order, and the prompt they belong to."""
    found = judged.pair_verdicts(project_id=project.pk, rater_id=rater.pk, only_flipped=True, most=FLIPS_SHOWN)
    prompts = dict(Sample.objects.filter(pk__in=[one.low for one in found]).values_list("pk", "prompt_id"))
    return [(one, prompts[one.low]) for one in found]


def _jobs(project: Project, shown: Judge) -> list[Line]:
    rows = Job.objects.filter(project=project, kind=Job.Kind.JUDGE, params__judge=shown.pk)
    return [line_of(job) for job in rows.select_related("created_by").order_by("-pk")[:JOBS_SHOWN]]


def _relatives(project: Project, shown: Judge) -> list[Generator]:
    found = kinship.relatives(project, family=shown.family, model_names=[name_of(shown.model)])
    return found[:RELATIVES_SHOWN]


# -- making one, putting it away --------------------------------------------------------------------------------------


@project_page(Right.EDIT)
def judge_new(request: PageRequest, project: Project) -> HttpResponse:
    known, trouble = endpoints_here()
    listed = templates.listed(project)
    initial = {"template": request.GET.get("template", "")}
    form = JudgeForm(listed, known, request.POST if request.method == "POST" else None, initial=initial)
    if form.is_valid():
        try:
            made = judges.add(project=project, judge=form.judge(), by=request.user)
        except Refused as error:
            form.add_error(None, str(error))
        else:
            return redirect("judge", project.slug, made.pk)
    context = {
        "section": "scorers",
        "tab": "judges",
        "form": form,
        "endpoints": known.values(),
        "trouble": trouble,
        "endpoints_file": settings.ENDPOINTS_FILE,
        "abouts": [(one.name, one.template.about) for one in listed],
    }
    return render(request, "scoring/judges/new.html", context, status=400 if form.errors else 200)


def endpoints_here() -> tuple[Mapping[str, Endpoint], str]:
    """The addresses that may be asked, or why there are none."""
    try:
        return benches.offered(), ""
    except Refused as error:
        return {}, str(error)


@project_page(Right.EDIT)
@require_POST
def judge_archive(request: PageRequest, project: Project, judge_id: int) -> HttpResponse:
    shown = get_object_or_404(Judge.objects.visible_to(request.user).filter(project=project), pk=judge_id)
    judges.archive(judge=shown, by=request.user)
    messages.success(request, _("“%(name)s” is put away. Its verdicts stay.") % {"name": shown.name})
    return redirect("judges", project.slug)


# -- principles -------------------------------------------------------------------------------------------------------


@project_page(Right.VIEW, write=Right.EDIT)
def principles(request: PageRequest, project: Project) -> HttpResponse:
    form = PrincipleForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        try:
            made = judges.ensure_context(project=project, **form.cleaned_data)
        except Refused as error:
            form.add_error(None, str(error))
        else:
            messages.success(request, _("“%(name)s” can be judged under.") % {"name": made})
            return redirect("principles", project.slug)
    newest = contexts(project)
    kinds = (JudgingContext.Kind.PRINCIPLE, JudgingContext.Kind.PROFILE)
    older = JudgingContext.objects.filter(project=project, kind__in=kinds).exclude(pk__in=newest.values("pk"))
    versions: dict[tuple[str, str], list[JudgingContext]] = defaultdict(list)
    for one in older.order_by("-number"):
        versions[one.kind, one.name].append(one)
    context = {
        "section": "scorers",
        "tab": "principles",
        "form": form,
        "principles": [(one, versions[one.kind, one.name]) for one in newest],
    }
    return render(request, "scoring/judges/principles.html", context, status=400 if form.errors else 200)
