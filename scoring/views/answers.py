"""The raw answer behind a verdict of a judge: the question as sent, the reply as it came, what was read in it."""

from __future__ import annotations

from dataclasses import dataclass

from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_safe

from curation.access import Right
from curation.models import Judgement, Project, Rater, Sample
from curation.views.doors import PageRequest, project_page
from curation.views.pictures import Picture
from scoring import words
from scoring.actions.judging import receipts
from scoring.actions.judging.receipts import Receipt, Sent
from scoring.models import JudgeCall
from scoring.views import judge_trial, looks, verdict_words
from scoring.views.judge_trial import Shown


@project_page(Right.VIEW)
@require_safe
def answer(request: PageRequest, project: Project, judgement_id: int) -> HttpResponse:
    rows = Judgement.objects.visible_to(request.user).filter(project=project, rater__kind__in=Rater.MACHINES)
    said = get_object_or_404(rows.select_related("rater", "context", "guideline", "job"), pk=judgement_id)
    found = receipts.receipt(project, said)
    samples, pictures = judge_trial.seen(set(found.shown) | _samples_of(found.source))
    shown = judge_trial.in_order(found.shown, samples, pictures)
    payload = said.payload or {}
    verdict = payload.get("verdict") or {}
    sent = receipts.sent(found)
    context = {
        "section": "scorers",
        "judgement": said,
        "found": found,
        "call": found.call,
        "reply": payload.get("reply", found.call.text if found.call else ""),
        "shown": shown,
        "said": verdict_words.said(verdict, [one.name for one in shown]),
        "items": verdict_words.items(verdict),
        "reasoning": verdict.get("reasoning", ""),
        "detail": verdict.get("detail", {}),
        "weighed": verdict_words.weighed(found.call.tokens if found.call else None),
        "turned_said": _turned(found, samples, pictures),
        "sent": sent,
        "pieces": _pieces(sent, shown),
        "seconds": words.duration(said.seconds) if said.seconds is not None else "",
        "is_related": bool(payload.get("same_family")),
        "steps": looks.steps(project, payload.get("trace") or (), said),
        "cost": payload.get("cost"),
        "prompt_id": next((one.sample.prompt_id for one in shown if one.sample), None),
    }
    return render(request, "scoring/judges/answer.html", context)


def _samples_of(source: Judgement | None) -> set[int]:
    return set((source.presentation or {}).get("order", ())) if source else set()


def _turned(found: Receipt, samples: dict[int, Sample], pictures: dict[int, Picture]) -> list[verdict_words.Said]:
    """What the same judge said in the other order, in the places of that order."""
    if found.turned is None:
        return []
    order = (found.turned.presentation or {}).get("order", ())
    names = [one.name for one in judge_trial.in_order(order, samples, pictures)]
    return verdict_words.said((found.turned.payload or {}).get("verdict") or {}, names)


@dataclass(frozen=True)
class Piece:
    """A piece of the question: words, or a file of a sample or of the prompt."""

    text: str
    kind: str = ""
    shown: Shown | None = None


def _pieces(sent: Sent, shown: list[Shown]) -> list[Piece]:
    if sent.question is None:
        return []
    by_sample = {one.sample.pk: one for one in shown if one.sample}
    found = []
    for part in sent.question.parts:
        if part.media is None:
            found.append(Piece(part.text))
        else:
            found.append(Piece("", part.media.kind, by_sample.get(sent.owners.get(part.media.digest, 0))))
    return found


@project_page(Right.VIEW)
@require_safe
def judge_call(request: PageRequest, project: Project, call_id: int) -> HttpResponse:
    """One reply that was paid for, whatever became of it."""
    rows = JudgeCall.objects.visible_to(request.user).filter(project=project)
    call = get_object_or_404(rows.select_related("judge", "job"), pk=call_id)
    context = {
        "section": "scorers",
        "call": call,
        "seconds": words.duration(call.seconds),
        "weighed": verdict_words.weighed(call.tokens),
        "judgement": _verdict_of(call),
        "steps": looks.steps(project, [{"call": call.pk}]),
    }
    return render(request, "scoring/judges/call.html", context)


def _verdict_of(call: JudgeCall) -> Judgement | None:
    """The verdict that the job of this call read in its reply. One query over the verdicts of one moment."""
    if call.job_id is None or call.fault:
        return None
    same = Judgement.objects.filter(job=call.job_id, at=call.asked_at)
    return next((one for one in same if (one.payload or {}).get("call") == call.pk), None)
