"""Items with a known right answer: what there is, more of them, and answering one as somebody who may."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST

from annotation.actions import gold_items, listing
from annotation.forms.batches import GoldForm, KnownGoldForm
from annotation.forms.questions import ExpectedForm
from annotation.models import Batch, Item
from annotation.views.batches import find, frame, tell
from annotation.views.previews import previews
from curation.access import Right
from curation.models import Project
from curation.views.doors import PageRequest, project_page
from curation.views.paging import Key, keyset

GOLD_A_PAGE = 24


@project_page(Right.EDIT)
def batch_gold(request: PageRequest, project: Project, batch_id: int) -> HttpResponse:
    """The gold of a batch, with forms for more: a list, or what people agree on."""
    batch = find(request, project, batch_id)
    sent = request.POST if request.method == "POST" else None
    listed = GoldForm(sent if sent and "listed" in sent else None, request.FILES if sent else None)
    known = KnownGoldForm(batch, sent if sent and "known" in sent else None)
    if _made(request, project, batch, listed, known):
        return redirect("batch_gold", project.slug, batch.pk)
    gold = batch.items.filter(expected__isnull=False)
    page = keyset(gold, [Key("position")], request.GET, size=GOLD_A_PAGE)
    context = {
        **frame(batch, "batch_gold"),
        "page": page,
        "previews": previews(page.rows),
        "gold_count": gold.count(),
        "next_item": _next_unknown(batch),
        "listed_form": listed,
        "known_form": known,
        "is_draft": batch.state == Batch.State.DRAFT,
        "may_change": batch.state != Batch.State.CLOSED,
    }
    return render(request, "annotation/batches/gold.html", context, status=400 if sent is not None else 200)


def _made(request: PageRequest, project: Project, batch: Batch, listed: GoldForm, known: KnownGoldForm) -> bool:
    """Makes gold of whichever form was sent; False, with the reason on the page, where it cannot."""
    if listed.is_bound and listed.is_valid():
        return tell(request, lambda: _say(request, _from_list(request, project, batch, listed)))
    if known.is_bound and known.is_valid():
        return tell(request, lambda: _say(request, _from_judgements(request, batch, known)))
    return False


def _from_list(request: PageRequest, project: Project, batch: Batch, form: GoldForm) -> int:
    found = listing.find(project=project, text=form.listed_text())
    return gold_items.from_list(batch=batch, found=found, by=request.user)


def _from_judgements(request: PageRequest, batch: Batch, form: KnownGoldForm) -> int:
    said = form.cleaned_data
    return gold_items.from_judgements(
        batch=batch,
        question=said["question"],
        least=said["least"],
        number=said["number"],
        adjudicated=said["source"] == "adjudicated",
        by=request.user,
    )


def _say(request: PageRequest, made: int) -> None:
    words = ngettext("%(number)d item has a right answer now.", "%(number)d items have a right answer now.", made)
    messages.success(request, words % {"number": made})


def _next_unknown(batch: Batch) -> Item | None:
    """The first item that could still become gold."""
    if batch.state != Batch.State.DRAFT:
        return None
    return batch.items.filter(expected__isnull=True).order_by("position").first()


@project_page(Right.EDIT)
def batch_gold_item(request: PageRequest, project: Project, batch_id: int, item_id: int) -> HttpResponse:
    """One item, large, with the questions that can be right or wrong."""
    batch = find(request, project, batch_id)
    item = get_object_or_404(batch.items, pk=item_id)
    form = ExpectedForm(batch.questions, len(item.sample_ids), request.POST or None)
    if form.is_valid() and tell(request, lambda: _answer(request, item, form)):
        return _onwards(request, project, batch)
    context = {
        **frame(batch, "batch_gold"),
        "form": form,
        "item": item,
        "shown": previews([item])[0],
        "said": (item.expected or {}).get("questions", {}),
    }
    return render(request, "annotation/batches/gold_item.html", context, status=400 if form.is_bound else 200)


def _answer(request: PageRequest, item: Item, form: ExpectedForm) -> Item:
    return gold_items.answer(item=item, payload=form.expected(), by=request.user)


def _onwards(request: PageRequest, project: Project, batch: Batch) -> HttpResponse:
    """To the next item without an answer, or back to the list."""
    messages.success(request, _("The right answer is known now."))
    following = _next_unknown(batch)
    if "next" in request.POST and following is not None:
        return redirect("batch_gold_item", project.slug, batch.pk, following.pk)
    return redirect("batch_gold", project.slug, batch.pk)


@project_page(Right.EDIT)
@require_POST
def batch_gold_remove(request: PageRequest, project: Project, batch_id: int, item_id: int) -> HttpResponse:
    batch = find(request, project, batch_id)
    item = get_object_or_404(batch.items, pk=item_id)
    if tell(request, lambda: gold_items.take_back(item=item, by=request.user)):
        messages.success(request, _("It is an ordinary item again."))
    return redirect("batch_gold", project.slug, batch.pk)
