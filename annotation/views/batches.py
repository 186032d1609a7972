"""Batches for those who make them: the list, a new one, its page, its questions, its settings, its end."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.db import transaction
from django.db.models import Count, Q, Sum
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import NoReverseMatch, reverse
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_POST, require_safe

from annotation.actions import asking, batches, choosing, drafting, estimating, listing
from annotation.actions.choosing import Filter, Plan
from annotation.forms.batches import BatchForm, ExtendForm, FilterForm, PlanForm, SettingsForm
from annotation.forms.questions import AddQuestionForm, question_forms
from annotation.models import Batch, Item, Participant
from annotation.presets import PRESETS, with_own_keys
from annotation.views.batch_words import question_lines, rule_facts
from annotation.views.previews import previews
from curation.access import Right
from curation.actions import requesting
from curation.errors import PairwrightError, Refused
from curation.models import Asking, Project, Request
from curation.templatetags.pairwright import number
from curation.views.doors import PageRequest, is_part, project_page
from curation.views.paging import Key, keyset

BATCHES_A_PAGE = 50
PREVIEWED = 3
PREVIEWED_ALONE = 12


@dataclass(frozen=True)
class Line:
    """One batch of the list, with what has come in and what is wanted in all."""

    batch: Batch
    asks: str
    answered: int
    wanted: int


@project_page(Right.VIEW)
@require_safe
def batch_list(request: PageRequest, project: Project) -> HttpResponse:
    rows = Batch.objects.visible_to(request.user).filter(project=project)
    if state := request.GET.get("state"):
        rows = rows.filter(state=state)
    page = keyset(rows, [Key("pk", descending=True)], request.GET, size=BATCHES_A_PAGE)
    context = {
        "section": "batches",
        "page": page,
        "lines": _lines(page.rows),
        "states": Batch.State.choices,
        "state": state,
        "people_urls": _people_urls(project),
    }
    return render(request, "annotation/batches/list.html", context)


def _lines(rows: list[Batch]) -> list[Line]:
    """Costs two queries, whatever the number of batches."""
    ids = [batch.pk for batch in rows]
    answered = Participant.objects.filter(batch__in=ids).values_list("batch_id").annotate(number=Sum("answered"))
    drawn = Item.objects.filter(batch__in=[b.pk for b in rows if b.opened_at is None]).values_list("batch_id")
    counts, items = dict(answered.order_by()), dict(drawn.annotate(number=Count("pk")).order_by())
    return [
        Line(
            batch,
            ", ".join(line.name for line in question_lines(batch)),
            counts.get(batch.pk) or 0,
            (batch.item_count or items.get(batch.pk, 0)) * batch.overlap,
        )
        for batch in rows
    ]


def _people_urls(project: Project) -> list[tuple[str, str, str]]:
    """Pages about people that hang on the list of batches: name, address, label."""
    names = [("guideline", _("Guideline")), ("invitations", _("Invitations")), ("consent_texts", _("Consent"))]
    return [(name, reverse(name, args=[project.slug]), label) for name, label in names]


# -- a new one --------------------------------------------------------------------------------------------------------


@project_page(Right.EDIT)
def batch_new(request: PageRequest, project: Project) -> HttpResponse:
    if is_part(request, "reach"):
        return render(request, "annotation/batches/_reach.html", _reach(project, FilterForm(project, request.GET)))
    form = BatchForm(project, request.POST or None, request.FILES or None, initial=_initial(request, project))
    if request.method == "POST" and form.is_valid():
        batch = _said(form, lambda: _create(request, project, form))
        if batch is not None:
            return redirect("batch", project.slug, batch.pk)
    context = {"section": "batches", "form": form, "shapes": {name: one.shape for name, one in PRESETS.items()}}
    return render(request, "annotation/batches/new.html", context, status=400 if form.is_bound else 200)


def _initial(request: PageRequest, project: Project) -> dict[str, Any]:
    first = asking.offered(project)[:1]
    initial = {"criteria": [str(version.pk) for version in first], "preset": "overall", "overlap": 1}
    plan = Plan(rule=request.GET.get("rule", "random"))
    wanted = requesting.find(project, request.GET.get("asking"), Request.Audience.PEOPLE)
    if wanted is not None:
        shape = "pair" if requesting.pairs_of(wanted) else "single"
        # Exactly these: all of them, whatever was judged or flagged before.
        plan = Plan(rule="requests", shape=shape, limit=None, filter=Filter(without_flagged=False))
        initial |= {"asking": wanted.pk, "name": _("Request %(number)d") % {"number": wanted.pk}}
        initial["preset"] = initial["preset"] if shape == "pair" else "rate"
    return {**BatchForm.initial_of(plan), **initial}


def _reach(project: Project, form: FilterForm) -> dict[str, object]:
    """How many samples of how many prompts pass the filter. Costs one query."""
    if not form.is_valid():
        return {"form": form}
    counts = choosing.samples(project, form.filter()).aggregate(
        samples=Count("pk"), prompts=Count("prompt_id", distinct=True)
    )
    return {"form": form, "counts": counts}


@transaction.atomic
def _create(request: PageRequest, project: Project, form: BatchForm) -> Batch:
    """The draft with its items and the machine's drafts: all of it or nothing."""
    said, plan = form.cleaned_data, form.plan()
    batch, chosen = batches.create(
        project=project,
        name=said["name"],
        kind=said["kind"],
        questions=form.questions(),
        plan=plan,
        listed=_listed(project, form) if plan.rule == "listed" else None,
        settings={"overlap": said["overlap"]},
        by=request.user,
    )
    if plan.asking is not None:
        requesting.taken(asking=said["asking"], by=f"batch:{batch.pk}")
    if said["drafts_from"]:
        drafted = drafting.add_drafts(batch=batch, rater=said["drafts_from"], by=request.user).drafted
        messages.info(request, _("%(number)s items have a draft to verify.") % {"number": number(drafted)})
    for note in chosen.notes:
        messages.info(request, note)
    return batch


def _listed(project: Project, form: Any) -> Any:
    return listing.as_sets(listing.find(project=project, text=form.listed_text()))


def _said(form: Any, act: Callable[[], Any]) -> Any:
    """What the action gives; None, with the refusal on the form, where it refuses."""
    try:
        return act()
    except PairwrightError as error:
        form.add_error(None, str(error))
        return None


# -- one batch --------------------------------------------------------------------------------------------------------


@project_page(Right.VIEW)
@require_safe
def batch_page(request: PageRequest, project: Project, batch_id: int) -> HttpResponse:
    """What it asks, how it was drawn, what it will take or what has come in, and what may be done with it."""
    batch = find(request, project, batch_id)
    is_draft = batch.state == Batch.State.DRAFT
    people = batch.participants.aggregate(
        named=Count("pk", filter=~Q(state=Participant.State.REMOVED)), answered=Sum("answered")
    )
    context = {
        **frame(batch, "batch"),
        "questions": question_lines(batch),
        "rule": rule_facts(batch),
        "asking": _asking(batch),
        "previews": previews(batch.items.all()[:PREVIEWED]),
        "estimate": estimating.of_batch(batch),
        "problems": batches.why_not_open(batch) if is_draft else [],
        "people": people,
        "extend_form": ExtendForm(batch),
        "gold_bar_percent": None if batch.gold_bar is None else round(100 * batch.gold_bar),
        "has_drafts": batch.items.filter(draft__isnull=False).exists(),
        "may_judge": Batch.objects.for_person(request.user).filter(pk=batch.pk).exists(),
        "is_draft": is_draft,
        "is_closed": batch.state == Batch.State.CLOSED,
        "is_live": batch.state in (Batch.State.OPEN, Batch.State.PAUSED),
        "may_extend": batch.kind != Batch.Kind.ADJUDICATION and batch.rule.get("rule"),
        "progress_url": _address("batch_progress", project, batch),
    }
    return render(request, "annotation/batches/detail.html", context)


def _asking(batch: Batch) -> Asking | None:
    """What was asked for together, where the batch was drawn from that. Costs one query, or none."""
    wanted = batch.rule.get("asking")
    return Asking.objects.filter(pk=wanted, project=batch.project_id).first() if wanted else None


def find(request: PageRequest, project: Project, batch_id: int) -> Batch:
    rows = Batch.objects.visible_to(request.user).filter(project=project)
    return get_object_or_404(rows.select_related("project", "guideline", "qualification", "created_by"), pk=batch_id)


@dataclass(frozen=True)
class Tab:
    """One page of a batch."""

    name: str
    label: str | Promise
    url: str
    is_here: bool
    is_to_edit: bool


# Name, label, and whether it is only for those who may change things. A page appears when its address exists.
TABS = [
    ("batch", gettext_lazy("Overview"), False),
    ("batch_questions", gettext_lazy("Questions"), False),
    ("batch_settings", gettext_lazy("Settings"), True),
    ("batch_gold", gettext_lazy("Gold"), True),
    ("batch_preview", gettext_lazy("Preview"), False),
    ("batch_quality", gettext_lazy("Quality"), False),
    ("batch_votes", gettext_lazy("Votes"), False),
    ("batch_disagreements", gettext_lazy("Disagreements"), False),
    ("batch_reviews", gettext_lazy("Review"), False),
    ("batch_drafts", gettext_lazy("Drafts"), False),
]


def frame(batch: Batch, here: str) -> dict[str, object]:
    """What every page of a batch shows above its own content: its name, its state, the way to its other pages."""
    every = [(name, label, _address(name, batch.project, batch), to_edit) for name, label, to_edit in TABS]
    tabs = [Tab(name, label, url, name == here, to_edit) for name, label, url, to_edit in every if url]
    return {"section": "batches", "batch": batch, "tabs": tabs}


def _address(name: str, project: Project, batch: Batch) -> str:
    try:
        return reverse(name, args=[project.slug, batch.pk])
    except NoReverseMatch:
        return ""  # that page is not installed


@project_page(Right.VIEW)
@require_safe
def batch_preview(request: PageRequest, project: Project, batch_id: int) -> HttpResponse:
    """Some items as people will meet them: samples side by side, without who made them."""
    batch = find(request, project, batch_id)
    page = keyset(batch.items.select_related("prompt"), [Key("position")], request.GET, size=PREVIEWED_ALONE)
    context = {
        **frame(batch, "batch_preview"),
        "page": page,
        "previews": previews(page.rows),
        "questions": question_lines(batch),
    }
    return render(request, "annotation/batches/preview.html", context)


@project_page(Right.EDIT)
def batch_redraw(request: PageRequest, project: Project, batch_id: int) -> HttpResponse:
    """Other items for a draft, by another filter or rule."""
    batch = find(request, project, batch_id)
    plan = Plan.from_json(batch.rule)
    form = PlanForm(project, request.POST or None, request.FILES or None, initial=PlanForm.initial_of(plan))
    if request.method == "POST" and form.is_valid() and _said(form, lambda: _redraw(request, project, batch, form)):
        messages.success(request, _("The items are drawn anew."))
        return redirect("batch", project.slug, batch.pk)
    context = {**frame(batch, "batch"), "form": form}
    return render(request, "annotation/batches/redraw.html", context, status=400 if form.is_bound else 200)


def _redraw(request: PageRequest, project: Project, batch: Batch, form: PlanForm) -> bool:
    plan = form.plan()
    listed = _listed(project, form) if plan.rule == "listed" else None
    for note in batches.redraw(batch=batch, plan=plan, listed=listed, by=request.user).notes:
        messages.info(request, note)
    return True


# -- questions and settings -------------------------------------------------------------------------------------------


@project_page(Right.VIEW, write=Right.EDIT)
def batch_questions(request: PageRequest, project: Project, batch_id: int) -> HttpResponse:
    """A form for each question of a draft; what is asked of an open batch is for reading."""
    batch = find(request, project, batch_id)
    sent = request.POST if request.method == "POST" else None
    forms = question_forms(project, batch.questions, sent if sent and "save" in sent else None)
    adding = AddQuestionForm(asking.offered(project), sent if sent and "add" in sent else None)
    if sent is not None:
        changed = _changed_questions(project, batch, sent, forms, adding)
        if changed is not None and tell(request, lambda: _change_questions(request, batch, changed)):
            return redirect("batch_questions", project.slug, batch.pk)
    context = {
        **frame(batch, "batch_questions"),
        "forms": forms,
        "adding": adding,
        "may_change": batch.state == Batch.State.DRAFT,
        "lines": question_lines(batch),
    }
    return render(request, "annotation/batches/questions.html", context, status=400 if sent is not None else 200)


def _changed_questions(
    project: Project, batch: Batch, sent: Any, forms: list[Any], adding: AddQuestionForm
) -> list[dict[str, Any]] | None:
    """The questions after what the sent button asks for; None where a form has errors."""
    questions = list(batch.questions)
    keys = [question["key"] for question in questions]
    if "add" in sent:
        return [*questions, adding.question(project)] if adding.is_valid() else None
    if "save" in sent:
        return [form.as_question() for form in forms] if _all_valid(forms) else None
    for name in ("remove", "up"):
        if sent.get(name) in keys:
            place = keys.index(sent[name])
            moved = questions.pop(place)
            if name == "up":
                questions.insert(max(place - 1, 0), moved)
    return questions


def _all_valid(forms: list[Any]) -> bool:
    """Every form is looked at, so that each shows its errors."""
    return not [form for form in forms if not form.is_valid()]


def _change_questions(request: PageRequest, batch: Batch, questions: list[dict[str, Any]]) -> None:
    batches.change_questions(batch=batch, questions=with_own_keys(questions), by=request.user)
    messages.success(request, _("The questions are saved."))


def tell(request: PageRequest, act: Callable[[], object]) -> bool:
    """Does it and says True; a refusal becomes a message on the page."""
    try:
        act()
    except PairwrightError as error:
        messages.error(request, str(error))
        return False
    return True


@project_page(Right.EDIT)
def batch_settings(request: PageRequest, project: Project, batch_id: int) -> HttpResponse:
    batch = find(request, project, batch_id)
    named = batch.participants.exclude(state=Participant.State.REMOVED).filter(rater__user__isnull=False)
    people = list(named.values_list("rater__user_id", flat=True))
    form = SettingsForm(batch, request.POST or None, initial=SettingsForm.initial_of(batch, people))
    if request.method == "POST" and form.is_valid() and _said(form, lambda: _save_settings(request, batch, form)):
        messages.success(request, _("The settings are saved."))
        return redirect("batch", project.slug, batch.pk)
    context = {**frame(batch, "batch_settings"), "form": form, "is_draft": batch.state == Batch.State.DRAFT}
    return render(request, "annotation/batches/settings.html", context, status=400 if form.is_bound else 200)


def _save_settings(request: PageRequest, batch: Batch, form: SettingsForm) -> bool:
    batches.change_settings(batch=batch, settings=form.settings(), by=request.user)
    batches.set_people(batch=batch, users=form.cleaned_data["people"], by=request.user)
    return True


# -- what becomes of it -----------------------------------------------------------------------------------------------

STEPS = {
    "open": (batches.open_batch, gettext_lazy("It is open. People find it on their page.")),
    "pause": (
        batches.pause,
        gettext_lazy("It is paused: nobody gets anything new, and what is in hand may still be sent."),
    ),
    "resume": (batches.resume, gettext_lazy("It goes on.")),
    "close": (batches.close, gettext_lazy("It is closed. What was answered stays.")),
}


@project_page(Right.EDIT)
@require_POST
def batch_step(request: PageRequest, project: Project, batch_id: int, step: str) -> HttpResponse:
    """Opens, pauses, resumes or closes."""
    batch = find(request, project, batch_id)
    if step not in STEPS:
        raise Refused(_("“%(step)s” is nothing a batch can do.") % {"step": step})
    act, words = STEPS[step]
    if tell(request, lambda: act(batch=batch, by=request.user)):
        messages.success(request, str(words))
    return redirect("batch", project.slug, batch.pk)


@project_page(Right.EDIT)
@require_POST
def batch_delete(request: PageRequest, project: Project, batch_id: int) -> HttpResponse:
    batch = find(request, project, batch_id)
    if not tell(request, lambda: batches.delete(batch=batch, by=request.user)):
        return redirect("batch", project.slug, batch.pk)
    messages.success(request, _("The draft “%(name)s” is deleted.") % {"name": batch.name})
    return redirect("batches", project.slug)


@project_page(Right.EDIT)
@require_POST
def batch_extend(request: PageRequest, project: Project, batch_id: int) -> HttpResponse:
    batch = find(request, project, batch_id)
    form = ExtendForm(batch, request.POST, request.FILES)
    if not form.is_valid():
        for errors in form.errors.values():
            messages.error(request, " ".join(str(error) for error in errors))
    else:
        tell(request, lambda: _extend(request, project, batch, form))
    return redirect("batch", project.slug, batch.pk)


def _extend(request: PageRequest, project: Project, batch: Batch, form: ExtendForm) -> None:
    said = form.cleaned_data
    if said.get("overlap"):
        batches.extend_overlap(batch=batch, overlap=said["overlap"], by=request.user)
        messages.success(request, _("Each item is asked of %(number)d people now.") % {"number": said["overlap"]})
    if said.get("more"):
        listed = _listed(project, form) if "listed" in form.fields else None
        found = batches.extend_items(batch=batch, more=said["more"], by=request.user, listed=listed)
        words = ngettext("%(number)d more item.", "%(number)d more items.", found)
        messages.success(request, words % {"number": found})
