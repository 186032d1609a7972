"""Starting to score: which scorers, which samples, in which stages, and what that means before it begins."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from django.contrib import messages
from django.http import HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from curation.access import Right
from curation.actions import requesting
from curation.errors import Refused
from curation.models import Job, Project, Prompt
from curation.models.prompts import SampleQuerySet
from curation.views.doors import PageRequest, is_part, project_page
from curation.views.facets import newest, tally_each
from scoring import cards, tasks, words
from scoring.actions import choosing, estimates
from scoring.actions.estimates import Coverage
from scoring.actions.probing import standing
from scoring.actions.probing.standing import ProbeStanding
from scoring.actions.staging import Stage, start_staged
from scoring.forms.launch import LaunchForm
from scoring.scorers.base import ScorerFacts
from scoring.views.jobs import answering_workers
from scoring.views.scorer import page_of

TAGS_OFFERED = 40
# The button that adds or takes away a stage, and starts nothing.
RESTAGE = "restage"


@dataclass(frozen=True)
class Choice:
    """A scorer with its box, its settings, and the words by which the page finds it."""

    facts: ScorerFacts
    needs: str
    kinds: str
    is_picked: bool
    settings: list[object]
    probes: ProbeStanding
    independence: str


@dataclass(frozen=True)
class StagePlan:
    """What a later stage would look at, as far as that can be said before the first one has run."""

    number: int
    titles: list[str]
    by: str
    bars: list[str]
    most: int


@project_page(Right.EDIT)
def launch(request: PageRequest, project: Project) -> HttpResponse:
    if is_part(request, "workers"):
        return render(request, "scoring/_workers.html", {"workers": answering_workers()})
    # The whole form is sent for its parts as well: with a field for every setting, no address could hold it.
    if is_part(request, "plan"):
        return render(request, "scoring/_plan.html", _plan(project, LaunchForm(project, request.POST)))
    if is_part(request, "stages"):
        form = LaunchForm(project, initial=_restaged(request))
        return render(request, "scoring/_stages.html", {"form": form, "project": project})
    if RESTAGE in request.POST:
        form = LaunchForm(project, initial=_restaged(request))
    elif request.method == "POST":
        form = LaunchForm(project, request.POST)
        if form.is_valid() and (response := _start(request, project, form)):
            return response
    else:
        form = LaunchForm(project, initial=request.GET)
    context = {
        "section": "scorers",
        "form": form,
        "choices": _choices(form, standing.of_scorers(project)),
        "kinds": [(kind, cards.kind_words(kind)) for kind in cards.KINDS],
        "tags": _tags(project),
        **_plan(project, form),
    }
    return render(request, "scoring/launch.html", context, status=400 if form.is_bound else 200)


def _restaged(request: PageRequest) -> QueryDict:
    """What was said, with as many stages as its button asks for."""
    said = request.POST.copy()
    said["stages"] = said.get(RESTAGE, "")
    return said


def _start(request: PageRequest, project: Project, form: LaunchForm) -> HttpResponse | None:
    """Starts, and leads to what was started; None when it was refused, and the form then says why."""
    try:
        jobs = start_staged(
            project=project,
            scorers=form.chosen_scorers(),
            later=form.later(),
            chosen=form.chosen_samples(),
            by=request.user,
        )
    except Refused as error:
        form.add_error(None, str(error))
        return None
    if wanted := form.cleaned_data.get("asking"):
        requesting.taken(asking=wanted, by=f"job:{jobs[0].pk}")
    tasks.ring_after_commit(jobs)
    if len(jobs) == 1:
        return redirect("job", project.slug, jobs[0].pk)
    messages.success(request, _started(jobs))
    return redirect("jobs", project.slug)


def _started(jobs: list[Job]) -> str:
    titles = "; ".join(job.title for job in jobs)
    return ngettext("%(count)d job: %(titles)s.", "%(count)d jobs: %(titles)s.", len(jobs)) % {
        "count": len(jobs),
        "titles": titles,
    }


def _choices(form: LaunchForm, probes: Mapping[str, ProbeStanding]) -> list[Choice]:
    picked = form["scorers"].value() or []
    return [
        Choice(
            facts=facts,
            needs=cards.needs(facts),
            kinds=" ".join(cards.kinds(facts)),
            is_picked=name in picked,
            settings=list(form.settings_of(facts)),
            probes=probes[name],
            independence=cards.independence(facts),
        )
        for name, facts in form.offered.items()
    ]


def _tags(project: Project) -> list[str]:
    """Frequent tags of prompts, for the field to offer. One query of bounded size."""
    rows, _is_all = newest(Prompt.objects.filter(project=project), ["tags"])
    return [tag for tag, _count in tally_each(rows, 0).most_common(TAGS_OFFERED)]


# -- what would run ---------------------------------------------------------------------------------------------------


def _plan(project: Project, form: LaunchForm) -> dict[str, object]:
    """What would run, on how many samples, and for how long."""
    if not form.is_bound or not form.is_valid():
        errors = [*form.non_field_errors(), *form.errors.get("prompts", [])] if form.is_bound else []
        return {"covered": [], "is_planned": False, "plan_errors": errors}
    samples = choosing.chosen(project, form.chosen_samples())
    covered = [estimates.coverage(project, samples, form.offered[name]) for name in form.cleaned_data["scorers"]]
    seconds = estimates.seconds_together(project, covered)
    later = form.later()
    queues = {one.facts.queue for one in covered} | {
        form.offered[name].queue for stage in later for name in stage.scorers
    }
    return {
        "covered": covered,
        "is_planned": True,
        "missing": sum(one.missing for one in covered),
        "time": words.duration(seconds) if seconds is not None else "",
        "later": _stages(form, samples, covered, later),
        "queues": sorted(queues),
        "samples": samples.count(),
        "unproven": _unproven(project, form, covered, later),
    }


def _unproven(
    project: Project, form: LaunchForm, covered: list[Coverage], later: list[Stage]
) -> list[tuple[ScorerFacts, ProbeStanding, str]]:
    """Scorers that would run, have not passed the probes, and nobody has read that here, with their pages."""
    names = dict.fromkeys([one.facts.name for one in covered] + [name for stage in later for name in stage.scorers])
    stands = standing.of_scorers(project)
    return [(form.offered[name], stands[name], page_of(project, name)) for name in names if stands[name].warns]


def _stages(form: LaunchForm, samples: SampleQuerySet, covered: list[Coverage], later: list[Stage]) -> list[StagePlan]:
    """Later stages with the most samples they can get; a bound on a score lets through nobody knows how many."""
    reach = max((one.fitting for one in covered), default=0)
    is_by_prompt = any(stage.best_of_prompt for stage in later)
    prompts = samples.order_by().values("prompt").distinct().count() if is_by_prompt else 0
    plans = []
    for number, stage in enumerate(later, start=2):
        limits = [stage.most, stage.best_of_prompt * prompts if stage.best_of_prompt else None]
        reach = min([reach, *(limit for limit in limits if limit is not None)])
        plans.append(
            StagePlan(
                number=number,
                titles=[_(form.offered[name].title) for name in stage.scorers],
                by=_(form.offered[stage.scorer].output(stage.criterion).title),
                bars=words.bars(
                    at_least=stage.at_least,
                    at_most=stage.at_most,
                    spread=stage.spread_at_most,
                    best=stage.best_of_prompt,
                    most=stage.most,
                ),
                most=reach,
            )
        )
    return plans
