"""Looking at the canaries whenever a worker has loaded a model, and what follows when its numbers have drifted."""

from __future__ import annotations

import math
import socket
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from weakref import WeakSet

import structlog
from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from curation.actions import raters
from curation.models import Job, Rater, RaterStanding
from scoring import canaries, catalogue
from scoring.canaries import Values
from scoring.models import Canary
from scoring.scorers.base import OutOfMemory, Scorer, ScorerUnavailable

logger = structlog.get_logger(__name__)

FULL = "float32"
# Scorers whose canaries this process has seen: once for each time that weights were loaded.
_seen: WeakSet[Scorer[Any]] = WeakSet()


def watch(job: Job, scorers: Mapping[str, Scorer[Any]], environment: Mapping[str, Any]) -> None:
    """Holds each freshly loaded model against its first numbers; quarantines what follows a drift, and says so.

    Rules have no weights and are left out. Costs a forward pass over four pictures, once a model and process.
    """
    for name, scorer in scorers.items():
        if scorer.facts.kind == "model" and scorer not in _seen:
            look = _look(job, job.params["raters"][name], scorer, job.params["scorers"][name], environment)
            if look.has_drifted:
                _quarantine(job, look, name)
            _seen.add(scorer)


def latest(rater_ids: list[int]) -> dict[int, Canary]:
    """The newest look of each rater. One query."""
    return {look.rater_id: look for look in Canary.objects.latest_of(rater_ids)}


def firsts(rater_ids: list[int]) -> dict[int, Canary]:
    """The first look of each rater, which says how far its precision is from float32. One query."""
    return {look.rater_id: look for look in Canary.objects.filter(rater__in=rater_ids, is_first=True)}


def _look(
    job: Job, rater_id: int, scorer: Scorer[Any], settings: Mapping[str, str], environment: Mapping[str, Any]
) -> Canary:
    values = _measured(scorer)
    look = Canary(rater_id=rater_id, job=job, host=socket.gethostname(), environment=dict(environment), values=values)
    if not Canary.objects.filter(rater=rater_id, is_first=True).exists():
        look.is_first = True
        look.precision = _against_float32(scorer, settings, values)
        try:
            with transaction.atomic():
                look.save()
            return look
        except IntegrityError:  # another worker was first by a moment; this look is held against its own
            look.is_first, look.precision = False, None
    return _compared(look, scorer)


def _compared(look: Canary, scorer: Scorer[Any]) -> Canary:
    first = Canary.objects.get(rater=look.rater_id, is_first=True)
    found = canaries.drift(first.values, look.values)
    look.drift = found.largest if math.isfinite(found.largest) else None
    look.worst = found.worst
    look.has_drifted = found.largest > canaries.tolerance(str(scorer.identity()["precision"]))
    look.save()
    return look


def _measured(scorer: Scorer[Any]) -> dict[str, float]:
    with tempfile.TemporaryDirectory(prefix="pairwright-canaries-") as name:
        return canaries.measure(scorer, Path(name))


def _against_float32(scorer: Scorer[Any], settings: Mapping[str, str], values: Values) -> dict[str, Any] | None:
    """How far a shorter precision is from float32, on the same weights and the same pictures; None for float32."""
    if settings.get("precision", FULL) == FULL:
        return None
    try:
        full = catalogue.build(scorer.name, {**settings, "precision": FULL})
        full.ready()
        found = canaries.drift(_measured(full), values)
    except (ScorerUnavailable, OutOfMemory) as error:
        return {"error": str(error)}
    return {
        "largest": found.largest if math.isfinite(found.largest) else None,
        "absolute": found.absolute if math.isfinite(found.absolute) else None,
        "worst": found.worst,
        "same_order": found.same_order,
    }


@transaction.atomic
def _quarantine(job: Job, look: Canary, name: str) -> None:
    """What this rater says in the project from now on is kept apart until somebody trusts it again."""
    rater = Rater.objects.select_for_update(no_key=True).get(pk=look.rater_id)
    words = _sentence(look, name)
    newest = RaterStanding.objects.filter(project=job.project_id, rater=rater).order_by("-pk").first()
    if newest is None or newest.state != RaterStanding.State.QUARANTINED:
        raters.set_standing(
            project=job.project,
            rater=rater,
            state=RaterStanding.State.QUARANTINED,
            since=timezone.now(),
            reason=words,
            by=None,
        )
    locked = Job.objects.select_for_update(no_key=True).get(pk=job.pk)
    warnings = locked.result.get("warnings", [])
    if words not in warnings:
        Job.objects.filter(pk=job.pk).update(result={**locked.result, "warnings": [*warnings, words]})
    logger.error("canaries have drifted", scorer=name, rater_id=rater.pk, worst=look.worst, drift=look.drift)


def _sentence(look: Canary, name: str) -> str:
    far = (
        _("moved by %(drift).3g deviations") % {"drift": look.drift}
        if look.drift is not None
        else _("appeared or went missing")
    )
    return _(
        "The canaries of “%(name)s” have drifted on %(host)s: %(worst)s %(far)s since this rater first ran. What it "
        "says from now on is in quarantine. Compare drivers and library versions of the two runs on the scorer's "
        "page; when the cause is known, trust it again or start with other settings."
    ) % {"name": name, "host": look.host, "worst": look.worst, "far": far}
