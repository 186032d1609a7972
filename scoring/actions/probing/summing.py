"""The end of a run: its report, its outcome, and only those pictures kept that the report shows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from curation.models import Job
from scoring.catalogue import facts_of
from scoring.models import ProbeAnswer, ProbeRun
from scoring.probes import report as reports
from scoring.probes.bars import Bar
from scoring.probes.figures import Figure
from scoring.probes.report import Answer, Finding, OnCriterion, Report
from scoring.scorers.base import ScorerFacts


@transaction.atomic
def sum_up(run: ProbeRun, facts: ScorerFacts, *, now: datetime) -> ProbeRun:
    """Works out the report from the answers, and ends the run."""
    answers = [
        Answer(one.position, one.probe, one.group, one.original, one.values, one.reason)
        for one in run.answers.defer("picture", "text", "prompt_text")
    ]
    found = reports.report(answers, facts.outputs, facts.needs, settings.PROBE_BARS)
    run.report = as_json(found)
    run.outcome = found.verdict.value if found.verdict else ProbeRun.Outcome.NONE
    run.ended_at = now
    run.save(update_fields=["report", "outcome", "ended_at"])
    ProbeAnswer.objects.filter(run=run).exclude(position__in=set(_shown(found))).update(picture=None)
    return run


def end(job: Job) -> None:
    """Ends the run of a job whose parts are all done."""
    run = ProbeRun.objects.get(job=job)
    sum_up(run, facts_of(run.scorer), now=timezone.now())


def _shown(found: Report) -> Iterator[int]:
    for criterion in found.criteria:
        for finding in criterion.findings:
            for broken in finding.broken:
                yield broken.position
                yield broken.against


def as_json(found: Report) -> dict[str, Any]:
    """The report as its row keeps it; no NaN can be in it."""
    return {
        "criteria": [_criterion(one) for one in found.criteria],
        "unscored": dict(found.unscored),
        "reason": found.reason,
    }


def _criterion(one: OnCriterion) -> dict[str, Any]:
    return {
        "criterion": one.criterion,
        "verdict": one.verdict.value if one.verdict else "",
        "genuine": one.genuine,
        "spread": one.spread,
        "within": one.within,
        "equal_pairs": _figure(one.equal_pairs),
        "is_deaf": one.is_deaf,
        "findings": [_finding(finding) for finding in one.findings],
    }


def _finding(one: Finding) -> dict[str, Any]:
    return {
        "name": one.name,
        "figure": _figure(one.figure),
        "verdict": one.verdict.value,
        "worst": one.worst,
        "parts": [{"probe": part.probe, "figure": _figure(part.figure)} for part in one.parts],
        "broken": [asdict(broken) for broken in one.broken],
        # The bar it was held against: an installation may change its own later.
        "bar": _bar(settings.PROBE_BARS[one.name]),
    }


def _bar(bar: Bar) -> Mapping[str, float | None]:
    return {"passing": bar.passing, "failing": bar.failing}


def _figure(figure: Figure | None) -> dict[str, Any] | None:
    return asdict(figure) if figure is not None else None
