"""What a judging job would have to do and cost, before it is started."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.db.models import Avg, Count

from curation.models import GuidelineVersion, JudgingContext, Project
from scoring.actions.judging import asks, planning, templates
from scoring.actions.judging.asks import Ask, Voice
from scoring.models import Judge, JudgeCall

# So many of the judge's last calls say what the next ones will be like.
CALLS_LOOKED_AT = 1000


@dataclass(frozen=True)
class Estimate:
    """Before a launch.

    Attributes:
        units: samples, pairs, groups or verdicts there are.
        questions: all of them, with orders and repeats.
        answered: questions that were answered before and are not asked again.
        tokens, cost, seconds: of the questions that are left, from the judge's past calls and its last job; None where
            nothing is known yet.
    """

    units: int
    questions: int
    answered: int
    tokens: float | None
    cost: float | None
    seconds: float | None

    @property
    def calls(self) -> int:
        """Questions left to ask. Replies kept from tries and from other judges with the same model may spare some."""
        return self.questions - self.answered


def estimate(
    *,
    project: Project,
    judge: Judge,
    ask: Ask | None = None,
    chosen: Mapping[str, Any] | None = None,
    context: JudgingContext | None = None,
    guideline: GuidelineVersion | None = None,
) -> Estimate:
    """Counts what a job would ask; the arguments are those of `start_judging`. Some seconds for 100,000 pairs.

    Raises:
        Refused: the judge cannot be asked about that.
    """
    template = templates.of(judge)
    found = asks.find(project, template, asks.fitting_ask(template, ask), dict(chosen or {}))
    newest = judge.raters.first()
    voice = Voice(
        rater_id=newest.rater_id if newest else None,
        mode=template.mode,
        both_orders=judge.orders == Judge.Orders.BOTH,
        repeats=judge.repeats,
        context_id=context.pk if context else None,
        guideline_id=guideline.pk if guideline else None,
    )
    questions = len(found) * sum(1 for _query in voice.queries(found[0])) if found else 0
    left = sum(len(queries) for queries in asks.missing(project, voice, found))
    return Estimate(len(found), questions, questions - left, *price(judge, left))


def price(judge: Judge, calls: int) -> tuple[float | None, float | None, float | None]:
    """Tokens, cost and seconds of so many further questions, each with as many turns as past ones had."""
    recent = JudgeCall.objects.filter(judge=judge).order_by("-pk").values("pk")[:CALLS_LOOKED_AT]
    mean = JudgeCall.objects.filter(pk__in=recent).aggregate(
        count=Count("pk"),
        asides=Count("look"),
        prompt=Avg("prompt_tokens"),
        answer=Avg("answer_tokens"),
        cost=Avg("cost"),
    )
    if not mean["count"]:
        return None, None, None
    job = planning.past_job(judge)
    seconds = calls / job.rate if job and job.rate else None
    turns = calls * mean["count"] / max(mean["count"] - mean["asides"], 1)
    return turns * (mean["prompt"] + mean["answer"]), turns * float(mean["cost"]), seconds
