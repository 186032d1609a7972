"""Starting, trying, stopping and taking up judging jobs. Nothing here loads a model or talks to the queue."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext as _

from curation.actions import jobs
from curation.errors import Refused
from curation.models import GuidelineVersion, Job, JudgingContext, Project, User
from scoring.actions import choosing
from scoring.actions import starting as scoring_starting
from scoring.actions.judging import asks, benches, budgets, templates
from scoring.actions.judging.asks import Ask
from scoring.actions.judging.budgets import Limits
from scoring.judges import questions, units
from scoring.judges.base import Template
from scoring.judges.units import Unit
from scoring.models import Judge

# A try is for reading, and each answer of it costs a call.
MOST_TRIED = 12


@transaction.atomic
def start_judging(
    *,
    project: Project,
    judge: Judge,
    ask: Ask | None = None,
    chosen: Mapping[str, Any] | None = None,
    context: JudgingContext | None = None,
    guideline: GuidelineVersion | None = None,
    limits: Limits | None = None,
    by: User | None,
) -> Job:
    """Queues what is needed to ask a judge about samples, pairs, groups or verdicts.

    A job asks for what is still missing, so starting it again is how it goes on. While an equal job is under way, that
    one is returned instead of a second, with its own budget.

    Args:
        ask: what about; nothing means what is usual for the template (disjoint pairs for a judge of pairs).
        chosen: what the samples are narrowed by (`choosing.NARROWED_BY`); nothing means all present samples.
        context: the principle or profile it judges under.
        guideline: the instructions it is shown.
        limits: when to stop; nothing means when it is through.

    Raises:
        Refused: the judge is archived or of another project, its template cannot be asked about that, samples are
            narrowed by something unknown, or the budget is nothing.
    """
    template = check_judge(project, judge, context, guideline)
    narrowed = dict(chosen or {})
    choosing.chosen(project, narrowed)
    whole = asks.fitting_ask(template, ask)
    _check_sources(project, judge, whole)
    wanted = limits or Limits()
    budgets.check(wanted)
    # Two clicks at once must find each other's job.
    Project.objects.select_for_update(no_key=True).get(pk=project.pk)
    params = {**_params(judge, context, guideline), "ask": whole.plain(), "chosen": narrowed}
    return _under_way(project, params) or _create(project, judge, params, wanted, by)


def check_judge(
    project: Project, judge: Judge, context: JudgingContext | None = None, guideline: GuidelineVersion | None = None
) -> Template:
    """Raises Refused where a judge may not be asked here, or not in this way."""
    if judge.archived_at is not None:
        raise Refused(_("“%(name)s” is archived and is asked nothing more.") % {"name": judge.name})
    strangers = [row for row in (judge, context, guideline) if row is not None and row.project_id != project.pk]
    if strangers:
        raise Refused(_("“%(row)s” belongs to another project.") % {"row": strangers[0]})
    template = templates.of(judge)
    benches.check(judge, template)
    _check_places(template, context, guideline)
    return template


def _check_places(template: Template, context: JudgingContext | None, guideline: GuidelineVersion | None) -> None:
    """What is set must be said to the judge, so the template needs a place for it."""
    named = questions.named_in(template)
    for name, is_set in (("principle", context is not None), ("guideline", guideline is not None)):
        if is_set and name not in named:
            raise Refused(
                _("The template “%(template)s” has no place for a %(name)s. Add {%(name)s} to its body or leave it.")
                % {"template": template.name, "name": name}
            )


def _check_sources(project: Project, judge: Judge, ask: Ask) -> None:
    """A listener reads the reasons of other judges of the project."""
    if ask.about != asks.VERDICTS:
        return
    if not ask.of:
        raise Refused(_("“%(name)s” reads the reasons of other judges. Name at least one.") % {"name": judge.name})
    known = Judge.objects.filter(project=project, pk__in=ask.of).exclude(pk=judge.pk).count()
    if known != len(set(ask.of)):
        raise Refused(_("A listener reads the reasons of other judges of the same project."))


def _params(judge: Judge, context: JudgingContext | None, guideline: GuidelineVersion | None) -> dict[str, Any]:
    return {
        "judge": judge.pk,
        "context": context.pk if context else None,
        "guideline": guideline.pk if guideline else None,
    }


def _under_way(project: Project, params: Mapping[str, Any]) -> Job | None:
    equal = {f"params__{name}": value for name, value in params.items()}
    return (
        Job.objects.unfinished()
        .filter(~Q(params__has_key="trial"), project=project, kind=Job.Kind.JUDGE, cancel_requested=False, **equal)
        .first()
    )


def _create(project: Project, judge: Judge, params: dict[str, Any], limits: Limits, by: User | None) -> Job:
    job = jobs.create(
        project=project, kind=Job.Kind.JUDGE, title=judge.name, params=params, by=by, queue=queue_of(judge)
    )
    budgets.open_for(job, judge, limits)
    return job


def queue_of(judge: Judge) -> str:
    """Waiting for an address needs no graphics card."""
    return "cpu" if judge.backend == Judge.Backend.ENDPOINT else "gpu"


# -- trying -----------------------------------------------------------------------------------------------------------


@transaction.atomic
def start_trial(
    *,
    project: Project,
    judge: Judge,
    ask: Ask | None = None,
    samples: Sequence[int] = (),
    document: Mapping[str, Any] | None = None,
    context: JudgingContext | None = None,
    guideline: GuidelineVersion | None = None,
    by: User | None,
) -> Job:
    """Queues a try: a few questions whose answers are shown on the job. No evidence; the calls are kept as receipts.

    Args:
        ask: listed pairs, or nothing for the first ones there are.
        samples: narrows what is asked about to these.
        document: a template that is not saved yet, asked in place of the judge's own.

    Raises:
        Refused: the template cannot be read or asked about that, nothing fits it, or it is too much for a try.
    """
    template = check_judge(project, judge, context, guideline)
    if document is not None:
        template = templates.with_settings(templates.read(document), judge.settings)
        _check_places(template, context, guideline)
    whole = asks.fitting_ask(template, ask)
    narrowed = {"samples": list(samples)} if samples else {}
    found = asks.find(project, template, whole, narrowed)
    if not found:
        raise Refused(_("Nothing in this project can be shown to “%(name)s”.") % {"name": template.name})
    if (samples or (ask and ask.pairs)) and len(found) > MOST_TRIED:
        raise Refused(
            _("A try asks about at most %(most)d, not %(count)d.") % {"most": MOST_TRIED, "count": len(found)}
        )
    tried = found if samples or (ask and ask.pairs) else found[:1]
    return _create_trial(project, judge, tried, document, {**_params(judge, context, guideline)}, by)


def _create_trial(
    project: Project,
    judge: Judge,
    tried: Sequence[Unit],
    document: Mapping[str, Any] | None,
    params: dict[str, Any],
    by: User | None,
) -> Job:
    trial: dict[str, Any] = {"units": units.written(tried)}
    if document is not None:
        trial["template"] = dict(document)
    job = jobs.create(
        project=project,
        kind=Job.Kind.JUDGE,
        title=_("%(judge)s, tried") % {"judge": judge.name},
        params={**params, "trial": trial},
        by=by,
        queue=queue_of(judge),
    )
    budgets.open_for(job, judge, Limits())
    return job


# -- going on ---------------------------------------------------------------------------------------------------------


@transaction.atomic
def resume(*, job: Job, limits: Limits | None = None, by: User | None) -> Job:
    """Queues a stopped judging job again, with a larger budget where its own is spent.

    Raises:
        Refused: the budget leaves no room beyond what is spent already.
        Conflict: the job is not stopped.
    """
    if limits is not None:
        budgets.raise_limits(job, limits)
    return scoring_starting.resume(job=job, by=by)
