"""Every vote of a batch, and one item with all of its votes. Nothing is merged here: everybody's own words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import QuerySet
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from annotation import questions
from annotation.forms.questions import letter
from annotation.labels import over_samples
from annotation.models import Answer, Assignment, Batch, Item, Participant
from annotation.models.votes import answered, contested, quarantined
from annotation.questions import Question
from annotation.views.answer_words import Texts, Told, told
from annotation.views.batches import find, frame
from annotation.views.previews import previews
from annotation.views.who import who
from curation.access import Right
from curation.models import Judgement, Project
from curation.views.doors import PageRequest, project_page
from curation.views.facets import Facet, facet
from curation.views.paging import Key, Reach, keyset

VOTES_A_PAGE = 30
# Whether others said otherwise is looked up vote by vote; a page looks through no more than this.
MOST_LOOKED_AT = 2_000
MOST_PEOPLE_LISTED = 40
PURPOSES = ("label", "gold", "repeat", "control", "audit", "qualification")


@dataclass(frozen=True)
class Vote:
    """One answer of one person, over the samples in the item's order, and how they stood on the screen."""

    assignment: Assignment
    answer: Answer | None
    who: str
    said: list[Told]
    shown: str
    is_apart: bool

    @property
    def purpose(self) -> str:
        """Named only when the vote is something else than a plain label."""
        is_label = self.assignment.purpose == Judgement.Purpose.LABEL
        return "" if is_label else str(Judgement.Purpose(self.assignment.purpose).label)


@project_page(Right.VIEW)
@require_safe
def batch_votes(request: PageRequest, project: Project, batch_id: int) -> HttpResponse:
    """All votes, the newest first; ten queries, however many there are."""
    batch = find(request, project, batch_id)
    narrowed = _narrowed(answered(batch), request)
    is_contested = request.GET.get("others") == "differ"
    page = keyset(
        contested(narrowed) if is_contested else narrowed,
        [Key("pk", descending=True)],
        request.GET,
        VOTES_A_PAGE,
        reach=Reach(narrowed, ("pk",), MOST_LOOKED_AT) if is_contested else None,
    )
    rows: list[Assignment] = page.rows
    shown = {preview.item.pk: preview for preview in previews({row.item_id: row.item for row in rows}.values())}
    context = {
        **frame(batch, "batch_votes"),
        "page": page,
        "lines": [(shown[vote.assignment.item_id], vote) for vote in votes_of(request, batch, rows)],
        "facets": _facets(request, batch),
        "is_narrowed": any(request.GET.get(name) for name in ("rater", "purpose", "item", "others")),
    }
    return render(request, "annotation/quality/votes.html", context)


def _narrowed(rows: QuerySet[Assignment], request: PageRequest) -> QuerySet[Assignment]:
    params = request.GET
    for name, field in (("rater", "rater_id"), ("item", "item_id")):
        value = params.get(name, "")
        if value.isascii() and value.isdigit() and len(value) < 18:
            rows = rows.filter(**{field: int(value)})
    if params.get("purpose") in PURPOSES:
        rows = rows.filter(purpose=params["purpose"])
    return rows.select_related("item__prompt", "rater__user")


def _facets(request: PageRequest, batch: Batch) -> list[Facet]:
    people = Participant.objects.filter(batch=batch, answered__gt=0).select_related("rater__user").order_by("-answered")
    names = [(str(row.rater_id), who(request, row.rater)) for row in people[:MOST_PEOPLE_LISTED]]
    purposes = [(name, Judgement.Purpose(name).label) for name in PURPOSES]
    return [
        facet(request.GET, "others", _("The others"), [("differ", _("somebody said otherwise"))]),
        facet(request.GET, "purpose", _("Purpose"), purposes),
        facet(request.GET, "rater", _("Who"), names),
    ]


def votes_of(request: PageRequest, batch: Batch, rows: Sequence[Assignment]) -> list[Vote]:
    """The votes of these assignments in words. Costs three queries."""
    asked = questions.parse(batch.questions)
    living = {row.assignment_id: row for row in Answer.objects.current().filter(assignment__in=[r.pk for r in rows])}
    since = quarantined(batch.project_id)
    return [
        Vote(
            assignment=row,
            answer=living.get(row.pk),
            who=who(request, row.rater),
            said=_said(row, living.get(row.pk), asked),
            shown=_shown(row),
            is_apart=_is_apart(living.get(row.pk), since.get(row.rater_id)),
        )
        for row in rows
    ]


def _is_apart(answer: Answer | None, since: datetime | None) -> bool:
    return answer is not None and since is not None and answer.created_at >= since


def _said(row: Assignment, answer: Answer | None, asked: Sequence[Question]) -> list[Told]:
    if answer is None or not answer.payload:
        return []
    stored = over_samples(answer.payload, asked, row.presentation["order"], row.item.sample_ids)
    return told(asked, stored, Texts(prompt=row.item.prompt.text))


def _shown(row: Assignment) -> str:
    """The samples as they stood on the screen: "B A"."""
    places = {sample: place for place, sample in enumerate(row.item.sample_ids)}
    return " ".join(letter(places[sample]) for sample in row.presentation["order"])


# -- one item ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Distribution:
    """What was said to one question, and by how many."""

    name: str
    parts: list[tuple[str, int, float]]


@project_page(Right.VIEW)
@require_safe
def batch_item(request: PageRequest, project: Project, batch_id: int, item_id: int) -> HttpResponse:
    batch = find(request, project, batch_id)
    item = get_object_or_404(Item.objects.visible_to(request.user).filter(batch=batch), pk=item_id)
    rows = answered(batch).filter(item=item).select_related("item__prompt", "rater__user").order_by("pk")
    votes = votes_of(request, batch, list(rows))
    (preview,) = previews([item])
    context = {
        **frame(batch, "batch_votes"),
        "preview": preview,
        "votes": votes,
        "distributions": distributions(votes, questions.parse(batch.questions)),
        "expected": told(questions.parse(batch.questions), item.expected) if item.expected else [],
        "skips": _skips(request, item),
    }
    return render(request, "annotation/quality/item.html", context)


def distributions(votes: Sequence[Vote], asked: Sequence[Question]) -> list[Distribution]:
    """How many people said what, by question; each person's first answer, in time and in good standing, counts once."""
    kinds = {question.key: question.kind for question in asked}
    said: dict[str, list[list[str]]] = {}
    names: dict[str, str] = {}
    for vote in votes:
        is_counted = vote.assignment.state == Assignment.State.DONE and not vote.assignment.is_repeat
        for question in vote.said if is_counted and not vote.is_apart else []:
            if kinds.get(question.key) in _PARTS:
                said.setdefault(question.key, []).append(_PARTS[kinds[question.key]](question.lines))
                names[question.key] = question.name
    return [_distribution(names[key], parts) for key, parts in said.items()]


def _distribution(name: str, said: Sequence[Sequence[str]]) -> Distribution:
    counts = Counter(part for parts in said for part in parts)
    ordered = sorted(counts.items(), key=lambda item: (item[0].partition(": ")[0], -item[1], item[0]))
    return Distribution(name, [(words, count, 100 * count / len(said)) for words, count in ordered])


# A rating is counted sample by sample, a checklist line by line; reasons, marks and notes are everybody's own.
_PARTS: dict[str, Callable[[list[str]], list[str]]] = {
    "compare": lambda lines: lines[:1],
    "pick": lambda lines: lines[:1],
    "rank": lambda lines: lines[:1],
    "rate": lambda lines: lines[0].split(" · "),
    "check": lambda lines: lines,
}


def _skips(request: PageRequest, item: Item) -> list[tuple[str, str, str]]:
    """Who gave the item back, and why."""
    rows = Assignment.objects.filter(item=item, state=Assignment.State.SKIPPED).select_related("rater__user")
    return [(who(request, row.rater), row.skip_reason, row.skip_text) for row in rows]
