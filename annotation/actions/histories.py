"""A person's own answers, newest first, in words. Reads only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.urls import reverse
from django.utils.translation import gettext as _

from annotation import questions
from annotation.actions import answering
from annotation.models import Answer, Assignment, Batch
from annotation.questions import Question
from curation.models import SampleMedia, User

PAGE = 30
_WORDS = 90


def page(*, batch: Batch, user: User, before: int | None) -> dict[str, Any]:
    """One page of answers; `before` is where the next one goes on, null at the end."""
    own = Assignment.objects.of_person(user).filter(batch=batch, state__in=["done", "late"]).order_by("-id")
    if before is not None:
        own = own.filter(pk__lt=before)
    found = list(own.select_related("item__prompt")[: PAGE + 1])
    rows = found[:PAGE]
    for row in rows:
        row.batch = batch
    living = {
        answer.assignment_id: answer
        for answer in Answer.objects.current().filter(assignment__in=[row.pk for row in rows])
    }
    thumbnails = _thumbnails(rows)
    asked = questions.parse(batch.questions)
    return {
        "answers": [_entry(row, living[row.pk], asked, thumbnails) for row in rows if row.pk in living],
        "before": rows[-1].pk if len(found) > PAGE else None,
    }


def _entry(row: Assignment, answer: Answer, asked: Sequence[Question], thumbnails: Mapping[int, str]) -> dict[str, Any]:
    return {
        "assignment": row.pk,
        "answer": answer.pk,
        "at": answer.created_at.isoformat(),
        "prompt": row.item.prompt.text[:_WORDS],
        "summary": summary(asked, answer.payload or {}),
        "revisable": row.state == Assignment.State.DONE and answering.can_revise(row, answer),
        "thumbnails": [thumbnails[sample] for sample in row.presentation["order"] if sample in thumbnails],
    }


def _thumbnails(rows: Sequence[Assignment]) -> dict[int, str]:
    samples = {sample for row in rows for sample in row.presentation["order"]}
    media = SampleMedia.objects.filter(sample__in=samples, role="", asset__isnull=False).order_by("-position")
    return {one.sample_id: reverse("media_thumbnail_of", args=[one.address, 160]) for one in media}


def summary(asked: Sequence[Question], payload: Mapping[str, Any]) -> str:
    """What was said, in a few words: "left, slightly · 4, 5"."""
    said = payload.get("questions", {})
    parts = [_SAID[question.kind](said[question.key]) for question in asked if question.key in said]
    if payload.get("flags"):
        parts.append(_("flagged"))
    return " · ".join(part for part in parts if part)


def _compare(said: Mapping[str, Any]) -> str:
    words = {"left": _("left"), "right": _("right"), "tie": _("tie"), "both-bad": _("both bad")}[said["outcome"]]
    return f"{words} ({said['strength']})" if said.get("strength") else words


def _pick(said: Mapping[str, Any]) -> str:
    return _("none good") if said["best"] is None else _("best: %(place)d") % {"place": said["best"] + 1}


def _rank(said: Mapping[str, Any]) -> str:
    return _("ranks %(ranks)s") % {"ranks": ", ".join("–" if r is None else str(r) for r in said["ranks"])}


def _rate(said: Mapping[str, Any]) -> str:
    return ", ".join(f"{value:g}" for value in said["values"])


def _check(said: Mapping[str, Any]) -> str:
    return _("%(count)d items checked") % {"count": len(said["values"])}


def _mark(said: Mapping[str, Any]) -> str:
    return _("%(count)d marks") % {"count": len(said["marks"])}


def _write(said: Mapping[str, Any]) -> str:
    return (said.get("text") or next((text for text in said.get("texts", []) if text), ""))[:60]


_SAID = {
    "compare": _compare,
    "pick": _pick,
    "rank": _rank,
    "rate": _rate,
    "check": _check,
    "mark": _mark,
    "write": _write,
}
