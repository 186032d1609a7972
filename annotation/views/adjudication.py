"""Where people disagree: the items with everybody's answers, and the queue for those who decide."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import ngettext

from annotation import questions
from annotation.actions import adjudicating
from annotation.forms.review import AdjudicationForm
from annotation.models import Answer, Batch, Item
from annotation.models import disagreements as reads
from annotation.models.disagreements import Disagreement
from annotation.questions import Question
from annotation.views.answer_words import Texts, Told, told
from annotation.views.batches import find, frame
from annotation.views.previews import Preview, previews
from annotation.views.who import who
from curation.access import Right
from curation.errors import PairwrightError
from curation.models import Project
from curation.views.doors import PageRequest, project_page

ITEMS_A_PAGE = 12


@dataclass(frozen=True)
class Voice:
    """One person's answer in words."""

    who: str
    said: list[Told]


@dataclass(frozen=True)
class Line:
    """One item: what is shown of it, what was said, how far that lies apart, and what was decided."""

    preview: Preview
    disagreement: Disagreement
    voices: list[Voice]
    is_queued: bool
    decisions: list[Voice]


@project_page(Right.VIEW, write=Right.EDIT)
def batch_disagreements(request: PageRequest, project: Project, batch_id: int) -> HttpResponse:
    """The disagreements of a batch, and the form that puts them before somebody else."""
    batch = find(request, project, batch_id)
    form = AdjudicationForm(batch, request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        made = _open(request, batch, form)
        if made is not None:
            return redirect("batch", project.slug, made.pk)
    looked = reads.look(batch, after=_after(request), want=ITEMS_A_PAGE)
    context = {
        **frame(batch, "batch_disagreements"),
        "form": form,
        "lines": _lines(request, batch, looked.found),
        "looked": looked,
        "offered": adjudicating.offered(batch),
        "queues": reads.adjudications(batch),
        "is_first": _after(request) == -1,
    }
    return render(request, "annotation/adjudication/batch.html", context, status=400 if form.is_bound else 200)


def _after(request: PageRequest) -> int:
    typed = request.GET.get("after", "")
    return int(typed) if typed.isascii() and typed.isdigit() and len(typed) < 10 else -1


def _open(request: PageRequest, batch: Batch, form: AdjudicationForm) -> Batch | None:
    said = form.cleaned_data
    try:
        queued = adjudicating.open_queue(batch=batch, people=said["people"], name=said["name"], by=request.user)
    except PairwrightError as error:
        form.add_error(None, str(error))
        return None
    words = ngettext("%(count)d item waits to be decided.", "%(count)d items wait to be decided.", queued.items)
    messages.success(request, words % {"count": queued.items})
    if queued.left_out:
        left = ngettext(
            "%(count)d item was left out: everybody you chose had judged it.",
            "%(count)d items were left out: everybody you chose had judged them.",
            queued.left_out,
        )
        messages.info(request, left % {"count": queued.left_out})
    return queued.batch


def _lines(request: PageRequest, batch: Batch, found: Sequence[Disagreement]) -> list[Line]:
    """Costs eight queries, however many items."""
    asked = questions.parse(batch.questions)
    acts = reads.judgements_by_answer([voice.answer.pk for one in found for voice in one.voices])
    decided = _decided(request, batch, [pk for pks in acts.values() for pk in pks], asked)
    lines = []
    for one, preview in zip(found, previews([one.item for one in found]), strict=True):
        about = {pk for voice in one.voices for pk in acts[voice.answer.pk]}
        queued = [pk for pk in decided if pk in about]
        lines.append(
            Line(
                preview,
                one,
                [Voice(who(request, voice.rater), told(asked, voice.said, _texts(preview))) for voice in one.voices],
                bool(queued),
                next((decided[pk] for pk in queued if decided[pk]), []),
            )
        )
    return lines


def _texts(preview: Preview) -> Texts:
    return Texts(preview.prompt.text, [sample.text for sample in preview.samples])


def _decided(
    request: PageRequest, batch: Batch, judgements: Sequence[int], asked: Sequence[Question]
) -> dict[int, list[Voice]]:
    """What adjudicators said, under each judgement they decided about; an empty list while it waits."""
    items = Item.objects.filter(batch__in=reads.adjudications(batch), about__overlap=list(judgements))
    given: dict[int, list[Voice]] = defaultdict(list)
    answers = Answer.objects.current().filter(assignment__item__in=items, payload__isnull=False)
    for answer in answers.select_related("assignment__rater", "assignment__item"):
        said = reads.over_samples(answer, answer.assignment.item, asked)
        given[answer.assignment.item_id].append(Voice(who(request, answer.assignment.rater), told(asked, said)))
    return {judgement: given[item.pk] for item in items for judgement in item.about}
