"""The end of a run: its report, its outcome, and only those pictures kept that the report shows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from curation.models import Job
from scoring.actions.probing import cards
from scoring.actions.probing.cards import Card
from scoring.models import ProbeAnswer, ProbeRun
from scoring.probes import pair_report
from scoring.probes import report as reports
from scoring.probes.bars import Bar
from scoring.probes.figures import Figure
from scoring.probes.pair_report import Compared, Said
from scoring.probes.report import Answer, Finding, OnCriterion, Report


@transaction.atomic
def sum_up(run: ProbeRun, card: Card, *, now: datetime) -> ProbeRun:
    """Works out the report from the answers, and ends the run."""
    rows = list(run.answers.defer("picture", "text", "prompt_text"))
    found = _of_pairs(rows, card) if card.compares else _of_numbers(rows, card)
    run.report = as_json(found)
    run.outcome = found.verdict.value if found.verdict else ProbeRun.Outcome.NONE
    run.ended_at = now
    run.save(update_fields=["report", "outcome", "ended_at"])
    ProbeAnswer.objects.filter(run=run).exclude(position__in=set(_shown(found))).update(picture=None)
    return run


def _of_numbers(rows: Sequence[ProbeAnswer], card: Card) -> Report:
    answers = [Answer(one.position, one.probe, one.group, one.original, one.values, one.reason) for one in rows]
    return reports.report(answers, card.outputs, card.needs, settings.PROBE_BARS)


def _of_pairs(rows: Sequence[ProbeAnswer], card: Card) -> Report:
    answers = [
        Compared(one.position, one.probe, one.group, one.original, said_of(one.values), one.reason) for one in rows
    ]
    return pair_report.report(answers, card.outputs, settings.PROBE_BARS)


def said_of(values: Mapping[str, Any]) -> dict[str, tuple[Said, Said]]:
    """The two answers on each criterion of a comparison, as its row keeps them."""
    return {key: (Said(first), Said(second)) for key, (first, second) in values.items()}


def end(job: Job) -> None:
    """Ends the run of a job whose parts are all done."""
    run = ProbeRun.objects.get(job=job)
    sum_up(run, cards.of_run(run), now=timezone.now())


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
