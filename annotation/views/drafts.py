"""What drafts did in a batch: time, acceptance, anchoring; and the form that asks a machine for them."""

from __future__ import annotations

from dataclasses import dataclass

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from annotation import questions
from annotation.actions import drafting
from annotation.anchoring import Anchoring, Difference, Report, report
from annotation.forms.review import DraftForm
from annotation.models import Batch, Item
from annotation.models import drafts as reads
from annotation.views.batches import find, frame
from curation.access import Right
from curation.errors import PairwrightError
from curation.figures import Interval
from curation.models import Project, Rater
from curation.reliability.shares import Share
from curation.views.doors import PageRequest, project_page


@dataclass(frozen=True)
class Figure:
    """A number in words, with its interval as a dot on a line where there is one."""

    label: str
    words: str
    line: Interval | None = None


@dataclass(frozen=True)
class Part:
    """What drafts did to all questions, or to one of them."""

    name: str
    figures: list[Figure]


@project_page(Right.VIEW, write=Right.EDIT)
def batch_drafts(request: PageRequest, project: Project, batch_id: int) -> HttpResponse:
    """The report; a sent form fills in drafts for the items nobody was handed yet."""
    batch = find(request, project, batch_id)
    form = DraftForm(batch, request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid() and _add(request, batch, form):
        return redirect("batch_drafts", project.slug, batch.pk)
    items = Item.objects.filter(batch=batch)
    context = {
        **frame(batch, "batch_drafts"),
        "form": form,
        "parts": _parts(batch),
        "drafted": items.filter(draft__isnull=False).count(),
        "items": items.count(),
        "untouched": items.filter(assignments__isnull=True).count(),
        "share": f"{100 * batch.control_share:.3g} %",
        "by": Rater.objects.filter(judgements__in=items.values("drafted_from")).distinct(),
    }
    return render(request, "annotation/drafts/batch.html", context, status=400 if form.is_bound else 200)


def _add(request: PageRequest, batch: Batch, form: DraftForm) -> bool:
    try:
        drafted = drafting.add_drafts(
            batch=batch, rater=form.cleaned_data["rater"], by=request.user, reads=form.reads()
        )
    except PairwrightError as error:
        form.add_error(None, str(error))
        return False
    words = ngettext("%(count)d item has a draft.", "%(count)d items have a draft.", drafted.drafted)
    messages.success(request, words % {"count": drafted.drafted})
    if drafted.without:
        words = ngettext(
            "%(count)d item got none: the machine said too little of it.",
            "%(count)d items got none: the machine said too little of them.",
            drafted.without,
        )
        messages.info(request, words % {"count": drafted.without})
    return True


# -- the report in words ----------------------------------------------------------------------------------------------


def _parts(batch: Batch) -> list[Part]:
    """All questions together, then each by itself where there are several."""
    asked = questions.parse(batch.questions)
    parts = [_part(_("All questions together"), batch, "", with_times=True)]
    if len(asked) > 1:
        parts += [_part(question.name or question.text, batch, question.key, with_times=False) for question in asked]
    return [part for part in parts if part.figures]


def _part(name: str, batch: Batch, question: str, *, with_times: bool) -> Part:
    seen = list(reads.seen(batch, question))
    if not seen:
        return Part(name, [])
    found = report(seen, seed=batch.seed)
    times = _times(found) if with_times else []
    accepted = Figure(_("Accepted: agree with the draft that is shown"), *_share(found.accepted))
    return Part(name, [*times, accepted, *_anchoring(found)])


def _times(found: Report) -> list[Figure]:
    times = found.times
    figures = [
        Figure(_("Median time with the draft"), _seconds(times.median_with, times.count_with)),
        Figure(_("Median time without"), _seconds(times.median_without, times.count_without)),
    ]
    if times.saved is not None:
        bounds = min(times.saved.low, 0.0), max(times.saved.high, 0.0)
        words = _("%(value)+.1f s (%(low)+.1f to %(high)+.1f)") % vars(times.saved)
        figures.append(Figure(_("Saved per item"), words, _line(times.saved, *bounds)))
    return figures


def _seconds(median: float | None, count: int) -> str:
    if median is None:
        return _("no answer yet")
    words = ngettext("%(median).1f s · %(count)d answer", "%(median).1f s · %(count)d answers", count)
    return words % {"median": median, "count": count}


def _anchoring(found: Report) -> list[Figure]:
    return [
        Figure(_("Agree with the draft that is withheld"), *_share(found.anchoring.blind)),
        *_effect(_("Anchoring: the difference"), found.anchoring),
        *_effect(_("… where the draft was right"), found.on_right),
        *_effect(_("… where the draft was wrong"), found.on_wrong),
    ]


def _effect(label: str, found: Anchoring) -> list[Figure]:
    if found.effect is None:
        return []
    points = Difference(100 * found.effect.value, 100 * found.effect.low, 100 * found.effect.high)
    words = _("%(value)+.0f points (%(low)+.0f to %(high)+.0f)") % vars(points)
    return [Figure(label, words, _line(found.effect, -1.0, 1.0))]


def _share(share: Share | None) -> tuple[str, Interval | None]:
    if share is None:
        return _("no answer yet"), None
    words = _("%(share).0f %% (%(low).0f to %(high).0f) · %(count)d of %(of)d") % {
        "share": 100 * share.share,
        "low": 100 * share.low,
        "high": 100 * share.high,
        "count": share.count,
        "of": share.of,
    }
    return words, _line(Difference(share.share, share.low, share.high), 0.0, 1.0)


def _line(value: Difference, low: float, high: float) -> Interval:
    """The value and its interval on an axis from `low` to `high`."""

    def place(number: float) -> float:
        share = 0.5 if high <= low else (number - low) / (high - low)
        return round(100 * min(max(share, 0.0), 1.0), 2)

    return Interval(place(value.value), place(value.low), place(value.high), place(0.0) if low < 0 < high else None)
