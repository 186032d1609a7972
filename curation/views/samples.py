"""The samples of a project: search, narrow, sort by any score; and one sample with all that is known of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from django.db.models import Exists, OuterRef, QuerySet
from django.http import HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from curation.access import Right
from curation.errors import Refused
from curation.models import Flag, Generator, Project, Prompt, Sample, Score, score_columns
from curation.models import group as group_reads
from curation.models.lineage import ancestors, descendants
from curation.models.score_columns import ScoreColumn
from curation.views import said, score_table
from curation.views.doors import PageRequest, is_part, project_page
from curation.views.facets import Facet, address, facet, newest
from curation.views.paging import Key, Page, keyset
from curation.views.pictures import all_pictures, first_pictures

NARROWING = ("q", "generator", "kind", "round", "media", "tag", "scored", "flagged", "prompt", "low", "high")


# Values and what they are called.
Choices = Sequence[tuple[str, str | Promise]]


@dataclass(frozen=True)
class Order:
    """How the list is sorted: by arrival, or by one score."""

    column: ScoreColumn | None
    is_descending: bool
    low: float | None
    high: float | None


@project_page(Right.VIEW)
@require_safe
def samples(request: PageRequest, project: Project) -> HttpResponse:
    every = Sample.objects.visible_to(request.user).filter(project=project)
    columns = score_columns.of_project(project)
    order = _order(request.GET, columns)
    if is_part(request, "histogram"):
        return render(request, "components/histogram.html", _histogram(request, order))
    page = _page(_narrowed(every, request.GET), order, request.GET)
    pictures = first_pictures([sample.pk for sample in page.rows])
    context = {
        "section": "samples",
        "page": page,
        "tiles": [(sample, pictures.get(sample.pk)) for sample in page.rows],
        "columns": columns,
        "order": order,
        "facets": _facets(every, project, columns, request.GET),
        "is_narrowed": any(request.GET.get(name) for name in NARROWING),
        "turned_url": address(request.GET, order="up" if order.is_descending else "down"),
        "kept": _kept(request.GET),
    }
    return render(request, "samples/list.html", context)


def _order(params: QueryDict, columns: list[ScoreColumn]) -> Order:
    wanted = params.get("sort", "")
    column = next((column for column in columns if column.key == wanted), None)
    if wanted and column is None:
        raise Refused(_("There is no such score here (any more). Open the list again and choose another."))
    is_descending = params.get("order", "down") != "up"
    return Order(column, is_descending, _number(params.get("low")), _number(params.get("high")))


def _number(text: str | None) -> float | None:
    if not text or not text.strip():
        return None
    try:
        value = float(text.replace("−", "-"))
    except ValueError:
        raise Refused(_("“%(text)s” is no number.") % {"text": text}) from None
    if value != value or value in (float("inf"), float("-inf")):
        raise Refused(_("“%(text)s” is no number.") % {"text": text})
    return value


def _page(rows: QuerySet[Sample], order: Order, params: QueryDict) -> Page[Sample]:
    rows = rows.select_related("generator", "prompt")
    if order.column is None:
        return keyset(rows, [Key("pk", descending=order.is_descending)], params)
    rows = rows.sorted_by_score(order.column.rater, order.column.criterion.pk)  # type: ignore[attr-defined]
    bounds = {"score_value__gte": order.low, "score_value__lte": order.high}
    rows = rows.filter(**{name: bound for name, bound in bounds.items() if bound is not None})
    return keyset(rows, [Key("score_value", order.is_descending), Key("score_sample", order.is_descending)], params)


def _histogram(request: PageRequest, order: Order) -> dict[str, object]:
    """The part with the bars. It is fetched after the page, because counting a million scores takes its time."""
    if order.column is None:
        raise Refused(_("Choose a score first."))
    return {"order": order, "kept": _kept(request.GET), "histogram": score_columns.histogram(order.column)}


def _kept(params: QueryDict) -> list[tuple[str, str]]:
    """What a form of the list sends along so that it stays as narrow as it is."""
    return [(name, params.get(name, "")) for name in params if name in NARROWING]


def _narrowed(rows: QuerySet[Sample], params: QueryDict) -> QuerySet[Sample]:
    if words := params.get("q", "").strip():
        rows = rows.search(words)  # type: ignore[attr-defined]
    if generator := _whole(params.get("generator")):
        rows = rows.filter(generator=generator)
    if kind := params.get("kind"):
        rows = rows.filter(generator__kind=kind)
    if (number := _whole(params.get("round"))) is not None:
        rows = rows.filter(round=number)
    if media := params.get("media"):
        rows = rows.filter(media_state=media)
    if tag := params.get("tag"):
        rows = rows.filter(prompt__tags__contains=[tag])
    if prompt := _whole(params.get("prompt")):
        rows = rows.filter(prompt=prompt)
    return _flagged(_scored(rows, params.get("scored", "")), params.get("flagged", ""))


def _whole(text: str | None) -> int | None:
    """A whole number from an address that may have been typed by hand."""
    if not text:
        return None
    if not text.isdecimal() or len(text) > 18:
        raise Refused(_("“%(text)s” is no whole number.") % {"text": text})
    return int(text)


def _scored(rows: QuerySet[Sample], by: str) -> QuerySet[Sample]:
    living = Score.objects.filter(sample=OuterRef("pk"), is_retracted=False)
    if by == "any":
        return rows.filter(Exists(living))
    if by == "none":
        return rows.filter(~Exists(living))
    rater = _whole(by)
    return rows if rater is None else rows.filter(Exists(living.filter(rater=rater)))


def _flagged(rows: QuerySet[Sample], kind: str) -> QuerySet[Sample]:
    living = Flag.objects.filter(sample=OuterRef("pk"), is_retracted=False)
    if kind == "any":
        return rows.filter(Exists(living))
    return rows.filter(Exists(living.filter(kind=kind))) if kind else rows


def _facets(every: QuerySet[Sample], project: Project, columns: list[ScoreColumn], params: QueryDict) -> list[Facet]:
    """The ways to narrow the list. Costs three queries of bounded size."""
    generators = {generator.pk: generator for generator in Generator.objects.filter(project=project)[:100]}
    rows, is_all = newest(every, ["generator_id", "round", "media_state"])
    by_generator = Counter(str(row[0]) for row in rows)
    by_round = Counter(str(row[1]) for row in rows)
    by_media = Counter(row[2] for row in rows)
    kinds = Counter(generators[row[0]].kind for row in rows if row[0] in generators)
    raters = {str(column.rater.pk): column.rater.name for column in columns}

    def counted(counts: Counter[str]) -> Counter[str] | None:
        return counts if is_all else None

    facets = [
        facet(params, "generator", _("Generator"), _generators(generators), counted(by_generator)),
        facet(params, "kind", _("Made as"), _seen(Generator.Kind.choices, kinds, params.get("kind")), counted(kinds)),
        facet(params, "round", _("Round"), [(r, r) for r in sorted(by_round, key=int)], counted(by_round)),
        facet(
            params,
            "media",
            _("Media"),
            _seen(Sample.MediaState.choices, by_media, params.get("media")),
            counted(by_media),
        ),
        facet(params, "tag", _("Tag of the prompt"), _tags(project, params.get("tag"))),
        facet(params, "scored", _("Scored by"), [*raters.items(), ("any", _("anybody")), ("none", _("nobody yet"))]),
        facet(params, "flagged", _("Flagged"), Flag.Kind.choices),
    ]
    return [shown for shown in facets if len(shown.choices) > 1 or any(choice.is_on for choice in shown.choices)]


def _generators(generators: dict[int, Generator]) -> list[tuple[str, str]]:
    return [(str(pk), str(generator)) for pk, generator in generators.items()]


def _seen(choices: Choices, counts: Counter[str], chosen: str | None) -> Choices:
    return [(value, label) for value, label in choices if counts[value] or value == chosen]


def _tags(project: Project, chosen: str | None) -> list[tuple[str, str]]:
    rows, _is_all = newest(Prompt.objects.filter(project=project), ["tags"])
    frequent = [tag for tag, _count in Counter(tag for (own,) in rows for tag in own).most_common(16)]
    if chosen and chosen not in frequent:
        frequent.insert(0, chosen)
    return [(tag, tag) for tag in frequent]


@project_page(Right.VIEW)
@require_safe
def sample(request: PageRequest, project: Project, sample_id: int) -> HttpResponse:
    """One sample: its media, facts, family, and all scores with who gave them."""
    rows = Sample.objects.visible_to(request.user).filter(project=project).select_related("generator", "prompt")
    shown = get_object_or_404(rows.select_related("imported_by"), pk=sample_id)
    evidence = group_reads.evidence(project, shown.prompt, [shown.pk])
    group_page = reverse("prompt", args=[project.slug, shown.prompt_id])
    names = said.names(group_reads.samples(shown.prompt), group_page)
    # Notes are read by prompt; those on its other samples stay on the group page.
    evidence.notes[:] = [note for note in evidence.notes if note.sample_id in (None, shown.pk)]
    scores = score_table.table(evidence, [shown], shown.prompt_id)
    context = {
        "section": "samples",
        "sample": shown,
        "pictures": all_pictures([shown.pk])[shown.pk],
        "scores": [(row, row.cells[0]) for row in scores],
        "lines": [line for line in said.lines(evidence, names) if line.parts],
        "family": _family(shown),
        "settings": {**shown.generator.settings, **shown.settings}.items(),
        "extras": shown.meta.items(),
        "flags": [flag for flag in evidence.flags if not flag.is_retracted],
        "raters": {row.rater.pk: row.rater for row in scores}.values(),
    }
    return render(request, "samples/detail.html", context)


@dataclass(frozen=True)
class Relative:
    """A sample in the tree: how deep it stands, and whether it is the one the page is about."""

    sample: Sample
    depth: int
    is_this: bool

    @property
    def indent(self) -> str:
        return "   " * (self.depth - 1) + "└─ " if self.depth else ""


def _family(shown: Sample) -> list[Relative]:
    """Ancestors, the sample and its descendants as a tree in reading order; empty when it stands alone."""
    above, below = ancestors(shown), descendants(shown)
    if not above and not below:
        return []
    rows = Sample.objects.select_related("generator").in_bulk([*above, *(pk for pk, _depth in below)])
    line = [Relative(rows[pk], depth, False) for depth, pk in enumerate(above)]
    line.append(Relative(shown, len(above), True))
    return line + [Relative(rows[pk], len(above) + depth, False) for pk, depth in below]
