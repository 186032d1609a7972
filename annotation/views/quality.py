"""How a batch comes along and how far its raters can be relied on. Never open to those who judge."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from time import monotonic
from typing import Any, TypeVar

import numpy as np
from django.contrib import messages
from django.core.cache import cache
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from annotation import questions, reliability
from annotation.actions import standing
from annotation.models import Batch, Item, Participant
from annotation.models.answer_frames import read_answers
from annotation.models.batch_progress import Progress, progress
from annotation.views.batches import find, frame
from annotation.views.quality_words import agreement_lines, progress_words, rater_lines
from curation.access import Right
from curation.errors import PairwrightError
from curation.models import Project, Rater
from curation.reliability.bar import pause_probability
from curation.views.doors import PageRequest, is_part, project_page

Made = TypeVar("Made")

# What took long to count is kept for so many times as long, and the page says of when it is.
KEPT_TIMES = 20
# A page that several people watch counts once in so many seconds.
LEAST_KEPT = 3
# Above this many answers the report comes after the page.
READ_AT_ONCE = 20_000
# The example of the sentence that says how often the bar is wrong.
GOOD, KNOWN_ANSWERS = 0.95, 50


@project_page(Right.VIEW)
@require_safe
def batch_progress(request: PageRequest, project: Project, batch_id: int) -> HttpResponse:
    """The part of other pages that says how far the batch is; it asks again while the batch is open."""
    batch = find(request, project, batch_id)
    return render(request, "annotation/quality/_progress.html", {"batch": batch, **_progress(batch)})


@project_page(Right.VIEW)
@require_safe
def batch_quality(request: PageRequest, project: Project, batch_id: int) -> HttpResponse:
    batch = find(request, project, batch_id)
    if is_part(request, "report"):
        return render(request, "annotation/quality/_report.html", {"batch": batch, **_report(request, batch)})
    shown = _progress(batch)
    is_small = shown["progress"].answers <= READ_AT_ONCE
    context = {
        **frame(batch, "batch_quality"),
        **shown,
        **(_report(request, batch) if is_small else {}),
        "is_report_here": is_small,
    }
    return render(request, "annotation/quality/batch.html", context)


@project_page(Right.MANAGE)
@require_POST
def rater_pause(request: PageRequest, project: Project, batch_id: int, participant_id: int) -> HttpResponse:
    participant = _participant(request, project, batch_id, participant_id)
    try:
        standing.pause(participant=participant, reason=request.POST.get("reason", ""), by=request.user)
    except PairwrightError as error:
        messages.error(request, str(error))
    else:
        messages.success(
            request, _("%(rater)s is paused; what they said is kept apart.") % {"rater": participant.rater}
        )
    return _back(project, batch_id)


@project_page(Right.MANAGE)
@require_POST
def rater_trust(request: PageRequest, project: Project, batch_id: int, participant_id: int) -> HttpResponse:
    participant = _participant(request, project, batch_id, participant_id)
    try:
        standing.reinstate(participant=participant, reason=request.POST.get("reason", ""), by=request.user)
    except PairwrightError as error:
        messages.error(request, str(error))
    else:
        messages.success(
            request, _("%(rater)s goes on, and everything they said counts again.") % {"rater": participant.rater}
        )
    return _back(project, batch_id)


def _participant(request: PageRequest, project: Project, batch_id: int, participant_id: int) -> Participant:
    rows = Participant.objects.visible_to(request.user, Right.MANAGE).filter(batch__project=project, batch=batch_id)
    return get_object_or_404(rows.select_related("rater", "batch"), pk=participant_id)


def _back(project: Project, batch_id: int) -> HttpResponse:
    cache.delete(_report_key(batch_id))
    return redirect("batch_quality", project.slug, batch_id)


# -- what is shown ----------------------------------------------------------------------------------------------------


def _progress(batch: Batch) -> dict[str, Any]:
    def count() -> Progress:
        return progress(batch, timezone.now())

    found, counted_at = kept(f"batch-progress-{batch.pk}", count)
    return {"progress": found, "words": progress_words(found), "counted_at": counted_at}


def _report(request: PageRequest, batch: Batch) -> dict[str, Any]:
    """Agreement and raters in words. Costs seven queries beside the answers, which are read once in a while."""
    found, made_at = kept(_report_key(batch.pk), lambda: make_report(batch))
    participants = {row.rater_id: row for row in Participant.objects.filter(batch=batch)}
    raters = Rater.objects.filter(pk__in=[line.rater for line in found.raters]).select_related("user")
    known = {rater.pk: rater for rater in raters.with_standing_in(batch.project)}  # type: ignore[attr-defined]
    return {
        "agreements": agreement_lines(batch, found),
        "raters": rater_lines(request, found, known, participants),
        "places": found.k,
        "made_at": made_at,
        "mistaken": _mistaken(batch),
    }


def _report_key(batch_id: int) -> str:
    return f"batch-report-{batch_id}"


def make_report(batch: Batch) -> reliability.Report:
    """Reads every answer of the batch and what is known of its items."""
    answers = read_answers(batch)
    looked_up = answers.filter(answers["is_repeat"])["item"].unique().to_list()
    known = Item.objects.filter(batch=batch, expected__isnull=False)
    expected = {pk: answer for pk, answer in known.values_list("pk", "expected") if answer is not None}
    rows = Item.objects.filter(pk__in=[*looked_up, *expected]).values_list("pk", "sample_ids")
    return reliability.report(
        answers,
        questions.parse(batch.questions),
        samples=dict(rows),
        expected=expected,
        # The same answers give the same intervals on every visit.
        rng=np.random.default_rng(batch.pk),
    )


def _mistaken(batch: Batch) -> str:
    """How often the bar pauses somebody good, in a sentence; empty without a bar."""
    if batch.gold_bar is None:
        return ""
    chance = pause_probability(accuracy=GOOD, bar=batch.gold_bar, window=batch.gold_least, answers=KNOWN_ANSWERS)
    if chance is None:
        return ""
    return _(
        "The bar of %(bar)d %% over the last %(window)d known answers pauses somebody who is right %(good)d %% of the "
        "time, by bad luck, within %(answers)d known answers with a probability of %(chance).2g %%."
    ) % {
        "bar": round(100 * batch.gold_bar),
        "window": batch.gold_least,
        "good": round(100 * GOOD),
        "answers": KNOWN_ANSWERS,
        "chance": 100 * chance,
    }


def kept(key: str, make: Callable[[], Made]) -> tuple[Made, datetime]:
    """What `make` makes, and of when it is: from the cache while that is young beside what making it takes."""
    if found := cache.get(key):
        made, made_at = found
        return made, made_at
    started, now = monotonic(), timezone.now()
    made = make()
    cache.set(key, (made, now), timeout=max(LEAST_KEPT, KEPT_TIMES * (monotonic() - started)))
    return made, now
