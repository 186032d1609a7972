"""Asking for a run over a judge. Every input is a question, and perhaps paid for: it is only asked for by hand, after
it was said how many questions it is, and it keeps to a budget as every job of a judge does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from curation.actions import jobs
from curation.models import Job, Project, State, User
from scoring.actions.judging import budgets, estimates
from scoring.actions.judging import starting as judging
from scoring.actions.judging.budgets import Limits
from scoring.actions.probing import cards, originals
from scoring.actions.probing.cards import JUDGE, Card
from scoring.actions.probing.starting import PROBES
from scoring.models import Judge, ProbeRun
from scoring.probes import pairs, suite
from scoring.probes.kinds import SUITE
from scoring.probes.pairs import Comparison
from scoring.probes.suite import Case
from scoring.scorers.base import Item


@dataclass(frozen=True)
class Foreseen:
    """What a run would ask, before it begins.

    Attributes:
        inputs: cases or comparisons.
        questions: the most it sends, without the looks of a judge that uses tools. Inputs that cannot be shown (an
            empty answer) and questions that were answered before are not sent.
        tokens, cost, seconds: from the judge's past calls; None where nothing is known yet.
    """

    inputs: int
    questions: int
    prompts: int
    is_drawn: bool
    tokens: float | None
    cost: float | None
    seconds: float | None


def foresee(*, project: Project, judge: Judge, seed: int) -> Foreseen:
    """Counts what a run with this seed would ask. About a dozen queries.

    Raises:
        Refused: the judge is put away, cannot be asked, or is a listener.
    """
    judging.check_judge(project, judge)
    card = cards.of_judge(judge)
    chosen = _chosen(project, card, seed)
    groups = originals.outline(chosen)
    inputs = len(asked(cases(groups, card, seed)))
    questions = inputs * card.orders
    price = estimates.price(judge, questions)
    return Foreseen(inputs, questions, len(groups), chosen["source"] == "drawn", *price)


def _chosen(project: Project, card: Card, seed: int) -> dict[str, Any]:
    return originals.choose(project, card, seed, fewest_samples=card.fewest_samples)


def cases(groups: Sequence[Sequence[Item]], card: Card, seed: int) -> Sequence[Case]:
    """Every row that a run over these originals has."""
    if card.compares:
        return pairs.comparisons(groups, card.needs, seed)
    return suite.cases(groups, card.needs)


def asked(every: Sequence[Case]) -> list[Case]:
    """Those that are asked; the others are the same seen from their other side."""
    return [case for case in every if not (isinstance(case, Comparison) and case.mirrors is not None)]


@transaction.atomic
def start(*, project: Project, judge: Judge, seed: int, limits: Limits | None = None, by: User | None) -> ProbeRun:
    """Queues a run over a judge; where one is under way, that one is returned, with its own budget.

    Args:
        seed: of the choice of originals, as it was foreseen.

    Raises:
        Refused: as `foresee`, or the budget is nothing.
    """
    judging.check_judge(project, judge)
    card = cards.of_judge(judge)
    wanted = limits or Limits()
    budgets.check(wanted)
    # Two clicks at once must find each other's run.
    Project.objects.select_for_update(no_key=True).get(pk=project.pk)
    under_way = ProbeRun.objects.filter(
        settings={JUDGE: judge.pk}, ended_at=None, job__state__in=[State.QUEUED, State.RUNNING]
    ).first()
    if under_way is not None:
        return under_way
    newest = judge.raters.first()
    return ProbeRun.objects.create(
        rater=newest.rater if newest else None,
        scorer=judge.name,
        settings={JUDGE: judge.pk},
        project=project,
        job=_job(project, judge, wanted, by),
        suite=SUITE,
        seed=seed,
        originals=_chosen(project, card, seed),
        created_by=by,
    )


def _job(project: Project, judge: Judge, limits: Limits, by: User | None) -> Job:
    job = jobs.create(
        project=project,
        kind=Job.Kind.JUDGE,
        title=_("%(judge)s, probes") % {"judge": judge.name},
        params={"judge": judge.pk, "context": None, "guideline": None, PROBES: {"scorer": judge.name}},
        by=by,
        queue=judging.queue_of(judge),
    )
    budgets.open_for(job, judge, limits)
    return job
