"""The samples of a project: search, narrow, sort by any score; and one sample with all that is known of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet
from django.http import HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from curation.access import Right
from curation.actions import withdrawn_rows
from curation.errors import Refused
from curation.models import Flag, Generator, Project, Prompt, Sample, Score, candidates, score_columns
from curation.models import group as group_reads
from curation.models import parts as part_reads
from curation.models.lineage import ancestors, descendants
from curation.models.score_columns import ScoreColumn
from curation.views import item_by_item, said, score_table
from curation.views.doors import PageRequest, is_part, project_page
from curation.views.facets import Facet, address, facet, newest, tally, tally_each
from curation.views.narrowing import NARROWING, is_walked, narrowed, probes, whole
from curation.views.paging import Key, Page, Reach, keyset
from curation.views.pictures import all_pictures, first_pictures

# Rows that a page of a narrowed list looks at before it says how far it came; fewer where each costs more: its words
# are read, or it is fetched from anywhere because the walk is along a score.
LOOKED_AT = 20_000
LOOKED_AT_CLOSELY = 5_000

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
        return render(request, "components/histogram.html", _histogram(project, request.GET, order))
    page = _page(project, every, order, columns, request.GET)
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


def _page(
    project: Project, every: QuerySet[Sample], order: Order, columns: list[ScoreColumn], params: QueryDict
) -> Page[Sample]:
    """One page of the list. It is whole where it is made from few candidates, and else looks only so far.

    What is walked is only tested; the rows of the page are read afterwards, with all that belongs to them, from those
    that the visitor may see.
    """
    walked = Sample.objects.filter(project=project)
    rows = narrowed(walked, params)
    ids = candidates.fewest(probes(project, columns, params))
    if ids is not None:
        rows = candidates.among(rows, ids)
    found = _found(rows, walked, order, params, is_whole=ids is not None)
    samples = every.select_related("generator", "prompt").in_bulk([row["pk"] for row in found])
    shown = [_filled(samples[row["pk"]], row) for row in found if row["pk"] in samples]
    return found.with_rows(shown)


def _found(
    rows: QuerySet[Sample], walked: QuerySet[Sample], order: Order, params: QueryDict, *, is_whole: bool
) -> Page[dict[str, Any]]:
    """Keys of the rows of the page; `is_whole` where all matches are among few rows, so that no walk need end."""
    if order.column is None:
        reach = _along_arrival(walked, params) if is_walked(params) and not is_whole else None
        return keyset(rows.values("pk"), [Key("pk", descending=order.is_descending)], params, reach=reach)
    scored: QuerySet[Any] = rows.sorted_by_score(order.column.rater, order.column.criterion.pk)  # type: ignore[attr-defined]
    scored = scored.filter(**_bounds("score_value", order)).values("pk", "score_value", "score_sample")
    keys = [Key("score_value", order.is_descending), Key("score_sample", order.is_descending)]
    return keyset(scored, keys, params, reach=None if is_whole else _along_score(order, order.column))


def _filled(sample: Sample, row: dict[str, Any]) -> Sample:
    """The sample with the value by which it is sorted."""
    sample.score_value = row.get("score_value")  # type: ignore[attr-defined]
    return sample


def _along_arrival(walked: QuerySet[Sample], params: QueryDict) -> Reach:
    """A walk over all samples, or over those of one generator where only these are asked for."""
    generator = whole(params.get("generator"))
    most = LOOKED_AT_CLOSELY if params.get("q") else LOOKED_AT
    return Reach(walked.filter(generator=generator) if generator else walked, ("pk",), most)


def _along_score(order: Order, column: ScoreColumn) -> Reach:
    """A walk over the living scores of a column between the bounds."""
    scores = Score.objects.filter(rater=column.rater, criterion_version=column.criterion, is_retracted=False)
    return Reach(scores.filter(**_bounds("value", order)), ("value", "sample_id"), LOOKED_AT_CLOSELY)


def _bounds(field: str, order: Order) -> dict[str, float]:
    bounds = {f"{field}__gte": order.low, f"{field}__lte": order.high}
    return {name: bound for name, bound in bounds.items() if bound is not None}


def _histogram(project: Project, params: QueryDict, order: Order) -> dict[str, object]:
    """The part with the bars, fetched after the page."""
    if order.column is None:
        raise Refused(_("Choose a score first."))
    spread = score_columns.spread(project, order.column)
    return {"order": order, "kept": _kept(params), "histogram": spread.histogram, "counted_at": spread.counted_at}


def _kept(params: QueryDict) -> list[tuple[str, str]]:
    """What a form of the list sends along so that it stays as narrow as it is."""
    return [(name, params.get(name, "")) for name in params if name in NARROWING]


def _facets(every: QuerySet[Sample], project: Project, columns: list[ScoreColumn], params: QueryDict) -> list[Facet]:
    """The ways to narrow the list. Costs three queries of bounded size."""
    generators = {generator.pk: generator for generator in Generator.objects.filter(project=project)[:100]}
    newest_rows, is_all = newest(every, ["generator_id", "round", "media_state"])
    makers = tally(newest_rows, 0)
    by_generator = Counter({str(pk): count for pk, count in makers.items()})
    by_round = Counter({str(number): count for number, count in tally(newest_rows, 1).items()})
    by_media = tally(newest_rows, 2)
    kinds: Counter[str] = Counter()
    for pk, count in makers.items():
        if pk in generators:
            kinds[generators[pk].kind] += count
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
    newest_rows, _is_all = newest(Prompt.objects.filter(project=project), ["tags"])
    frequent = [tag for tag, _count in tally_each(newest_rows, 0).most_common(16)]
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
        "taken_down": withdrawn_rows.shown_as_gone(project, [shown.pk]).get(shown.pk),
        "settings": {**shown.generator.settings, **shown.settings}.items(),
        "extras": shown.meta.items(),
        "flags": [flag for flag in evidence.flags if not flag.is_retracted],
        "raters": {row.rater.pk: row.rater for row in scores}.values(),
        "sums": item_by_item.sums(evidence, shown.pk),
        "has_parts": part_reads.has_any(shown.prompt_id, [shown.pk]),
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
