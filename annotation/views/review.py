"""Reviewing answers: one after the other, as their authors saw the items, accepted or returned with a note."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from annotation import drawing, questions
from annotation.actions import reviewing, showing
from annotation.forms.questions import letter
from annotation.forms.review import ReviewForm
from annotation.models import Review
from annotation.models import reviews as reads
from annotation.views.answer_words import Texts, told
from annotation.views.batches import find, frame
from annotation.views.who import who
from curation.access import Right, may
from curation.errors import Conflict, Refused
from curation.models import Project
from curation.views.doors import PageRequest, project_page

DECIDED_SHOWN = 30
# Reviewers who walk the queue at once start at different places among so many.
AHEAD = 50


@dataclass(frozen=True)
class Line:
    """One decided review in a list."""

    review: Review
    author: str
    reviewer: str


@project_page(Right.VIEW)
@require_safe
def batch_reviews(request: PageRequest, project: Project, batch_id: int) -> HttpResponse:
    """How many answers of a batch wait for a reviewer, and what was decided last."""
    batch = find(request, project, batch_id)
    mine = reads.of_project(project).filter(answer__assignment__batch=batch)
    decided = mine.exclude(outcome=Review.Outcome.WAITING).order_by("-decided_at")[:DECIDED_SHOWN]
    every = Review.objects.filter(answer__assignment__batch=batch).order_by()
    counts = Counter(every.values_list("outcome", flat=True))
    context = {
        **frame(batch, "batch_reviews"),
        "counts": {outcome.value: counts[outcome.value] for outcome in Review.Outcome},
        "returned": reads.returned(project).filter(answer__assignment__batch=batch).count(),
        "for_me": reads.waiting_for(request.user, project).filter(answer__assignment__batch=batch).count(),
        "lines": [_line(request, review) for review in decided],
        "share": f"{100 * batch.review_share:.3g} %",
        "may_review": may(request.role, Right.EDIT),
    }
    return render(request, "annotation/review/batch.html", context)


def _line(request: PageRequest, review: Review) -> Line:
    author = who(request, review.answer.assignment.rater)
    return Line(review, author, who(request, review.reviewer) if review.reviewer else "")


@project_page(Right.EDIT)
@require_safe
def review_next(request: PageRequest, project: Project, batch_id: int) -> HttpResponse:
    """Leads to the next answer of the batch that this person may review."""
    batch = find(request, project, batch_id)
    waiting = reads.waiting_for(request.user, project).filter(answer__assignment__batch=batch)
    ahead = list(waiting.filter(pk__gt=_number(request.GET.get("after"))).values_list("pk", flat=True)[:AHEAD])
    if not ahead:
        messages.success(request, _("No answer of “%(name)s” waits for you.") % {"name": batch.name})
        return redirect("batch_reviews", project.slug, batch.pk)
    # By lot, so that two reviewers seldom meet at the same answer; one after the other once the queue is walked.
    first = ahead[0] if request.GET.get("after") else min(ahead, key=lambda pk: drawing.share(request.user.pk, pk))
    return redirect("review", project.slug, first)


def _number(typed: str | None) -> int:
    return int(typed) if typed and typed.isascii() and typed.isdigit() and len(typed) < 18 else 0


@project_page(Right.EDIT)
def review(request: PageRequest, project: Project, review_id: int) -> HttpResponse:
    """One answer with its item as its author saw it; a sent form decides and leads to the next one."""
    row = get_object_or_404(reads.every(project), pk=review_id)
    form = ReviewForm(request.POST if request.method == "POST" else None)
    batch_id = row.answer.assignment.batch_id
    if request.method == "POST" and form.is_valid() and _decide(request, row, form):
        return redirect("review_next", project.slug, batch_id)
    row.refresh_from_db(fields=["outcome", "note", "reviewer", "decided_at"])
    context = {"section": "batches", "batch": row.answer.assignment.batch, **_shown(request, row), "form": form}
    return render(request, "annotation/review/one.html", context, status=400 if form.is_bound else 200)


def _decide(request: PageRequest, row: Review, form: ReviewForm) -> bool:
    """Whether this review is over, by us or by somebody who was first."""
    decide = reviewing.send_back if request.POST.get("decision") == "return" else reviewing.accept
    try:
        decide(review=row, by=request.user, note=form.cleaned_data["note"])
    except Conflict as error:
        messages.warning(request, str(error))
    except Refused as error:
        form.add_error("note", str(error))
        return False
    return True


# -- what is shown ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Outline:
    """One mark on a picture, as numbers of an SVG in the picture's own pixels."""

    number: int
    shape: str
    points: str
    x: float
    y: float
    width: float = 0.0
    height: float = 0.0


@dataclass(frozen=True)
class Shown:
    """One sample by its letter, with its media and the marks on each of them."""

    letter: str
    text: str | None
    is_unsafe: bool
    media: list[tuple[Mapping[str, Any], list[Outline]]] = field(default_factory=list)


def _shown(request: PageRequest, row: Review) -> dict[str, Any]:
    assignment = row.answer.assignment
    asked = questions.parse(assignment.batch.questions)
    (view,) = showing.item_views([assignment])
    texts = Texts(view["prompt"]["text"], [sample["text"] for sample in view["samples"]])
    payload = row.answer.payload or {"questions": {}}
    return {
        "review": row,
        "view": view,
        "samples": _samples(view["samples"], _marks(payload)),
        "told": told(asked, payload, texts),
        "draft": told(asked, view["draft"], texts) if view["draft"] else [],
        "author": who(request, assignment.rater),
        "reviewer": who(request, row.reviewer) if row.reviewer else "",
        "is_own": assignment.rater.user_id == request.user.pk,
        "is_waiting": row.outcome == Review.Outcome.WAITING and row.answer.replaced_by_id is None,
        "earlier": reads.earlier(row.answer),
    }


def _marks(payload: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [mark for said in payload["questions"].values() for mark in said.get("marks", [])]


def _samples(samples: Sequence[Mapping[str, Any]], marks: Sequence[Mapping[str, Any]]) -> list[Shown]:
    return [
        Shown(
            letter(sample["place"]),
            sample["text"],
            sample["is_unsafe"],
            [(medium, _outlines(marks, sample["place"], index)) for index, medium in enumerate(sample["media"])],
        )
        for sample in samples
    ]


def _outlines(marks: Sequence[Mapping[str, Any]], place: int, index: int) -> list[Outline]:
    """The marks on one picture, numbered as they stand in the answer."""
    return [
        _outline(number, mark)
        for number, mark in enumerate(marks, 1)
        if mark["target"] == "media" and mark["place"] == place and mark.get("media") == index and mark.get("points")
    ]


def _outline(number: int, mark: Mapping[str, Any]) -> Outline:
    points = mark["points"]
    x, y = points[0]
    if mark["shape"] == "box":
        right, bottom = points[1]
        return Outline(number, "box", "", x, y, right - x, bottom - y)
    return Outline(number, mark["shape"], " ".join(f"{px:g},{py:g}" for px, py in points), x, y)
