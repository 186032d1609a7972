"""The prompts of a project: search, narrow, page through."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from functools import partial

from django.db.models import Count, Exists, OuterRef, QuerySet
from django.http import HttpResponse, QueryDict
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from curation.access import Right
from curation.models import Comparison, Project, Prompt, Sample, candidates
from curation.models.candidates import Probe
from curation.models.lineage import first_samples
from curation.views.doors import PageRequest, project_page
from curation.views.facets import Facet, address, facet, newest, tally, tally_each
from curation.views.paging import Key, Page, Reach, keyset
from curation.views.pictures import Picture, first_pictures

SIZE = 40
THUMBNAILS = 5
# Rows that a page of a narrowed list looks at before it says how far it came: reading words, or the comparisons of all
# samples of a prompt, takes up to 20 microseconds a row.
LOOKED_AT = 5_000


@project_page(Right.VIEW)
@require_safe
def prompts(request: PageRequest, project: Project) -> HttpResponse:
    every = Prompt.objects.visible_to(request.user).filter(project=project)
    is_oldest_first = request.GET.get("order") == "old"
    page = _page(project, every, [Key("pk", descending=not is_oldest_first)], request.GET)
    pictures, counts = _pictures(page.rows), _sample_counts(page.rows)
    context = {
        "section": "prompts",
        "page": page,
        "rows": [(prompt, counts.get(prompt.pk, 0), pictures[prompt.pk]) for prompt in page.rows],
        "facets": _facets(every, request.GET),
        "is_oldest_first": is_oldest_first,
        "is_narrowed": _is_narrowed(request.GET),
        "order_url": address(request.GET, order="" if is_oldest_first else "old"),
    }
    return render(request, "prompts/list.html", context)


def _page(project: Project, every: QuerySet[Prompt], keys: list[Key], params: QueryDict) -> Page[Prompt]:
    """One page of the list. It is whole where it is made from few candidates, and else looks only so far."""
    rows = _narrowed(every, params)
    ids = candidates.fewest(_probes(project, params))
    if ids is not None:
        return keyset(candidates.among(rows, ids), keys, params, size=SIZE)
    reach = Reach(every, ("pk",), LOOKED_AT) if _is_narrowed(params) else None
    return keyset(rows, keys, params, size=SIZE, reach=reach)


def _is_narrowed(params: QueryDict) -> bool:
    return any(params.get(name) for name in ("q", "tag", "locale", "samples", "judged"))


def _probes(project: Project, params: QueryDict) -> Iterator[Probe]:
    """The questions to indexes that may leave few prompts; there is none for the other narrowings."""
    if tag := params.get("tag"):
        yield partial(candidates.prompts_tagged, project, tag)
    if words := params.get("q", "").strip():
        yield partial(candidates.prompts_saying, project, words)


def _narrowed(rows: QuerySet[Prompt], params: QueryDict) -> QuerySet[Prompt]:
    if words := params.get("q", "").strip():
        rows = rows.search(words)  # type: ignore[attr-defined]
    if tag := params.get("tag"):
        rows = rows.tagged(tag)  # type: ignore[attr-defined]
    if locale := params.get("locale"):
        rows = rows.filter(locale=locale)
    has_samples, is_judged = Exists(Sample.objects.filter(prompt=OuterRef("pk"))), _is_judged()
    rows = _either(rows, params.get("samples"), "some", "none", has_samples)
    return _either(rows, params.get("judged"), "yes", "no", is_judged)


def _either(rows: QuerySet[Prompt], value: str | None, yes: str, no: str, condition: Exists) -> QuerySet[Prompt]:
    if value == yes:
        return rows.filter(condition)
    return rows.filter(~condition) if value == no else rows


def _is_judged() -> Exists:
    """Whether a living comparison names one of the prompt's samples on its lower side."""
    compared = Comparison.objects.filter(pair_low=OuterRef("pk"), is_retracted=False)
    return Exists(Sample.objects.filter(Exists(compared), prompt=OuterRef("pk")))


def _facets(every: QuerySet[Prompt], params: QueryDict) -> list[Facet]:
    newest_rows, is_all = newest(every, ["tags", "locale"])
    tags, locales = tally_each(newest_rows, 0), tally(newest_rows, 1)
    facets = [
        facet(params, "samples", _("Samples"), [("some", _("with samples")), ("none", _("without a sample"))]),
        facet(params, "judged", _("Compared"), [("yes", _("compared")), ("no", _("never compared"))]),
    ]
    if tags:
        options = _with_chosen([tag for tag, _count in tags.most_common(24)], params.get("tag"))
        facets.append(facet(params, "tag", _("Tag"), options, tags if is_all else None))
    if len(locales) > 1 or params.get("locale"):
        options = _with_chosen([locale for locale, _count in locales.most_common(12)], params.get("locale"))
        facets.append(facet(params, "locale", _("Language"), options, locales if is_all else None))
    return facets


def _with_chosen(values: list[str], chosen: str | None) -> list[tuple[str, str]]:
    """The options, and the chosen one even where it is not among the frequent."""
    if chosen and chosen not in values:
        values = [chosen, *values]
    return [(value, value) for value in values]


def _sample_counts(page: Sequence[Prompt]) -> dict[int, int]:
    ids = [prompt.pk for prompt in page]
    counted = Sample.objects.filter(prompt__in=ids).values_list("prompt_id").annotate(number=Count("pk"))
    return dict(counted.order_by())


def _pictures(page: Sequence[Prompt]) -> dict[int, list[Picture]]:
    """The first picture of each prompt's first samples. Costs four queries."""
    shown: dict[int, list[Picture]] = defaultdict(list)
    samples = dict(first_samples([prompt.pk for prompt in page], THUMBNAILS))
    for sample_id, placement in first_pictures(list(samples)).items():
        shown[samples[sample_id]].append(placement)
    return shown
