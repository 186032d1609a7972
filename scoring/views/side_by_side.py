"""One prompt's samples against everybody who judged them: values, ranks, best and worst, and who agrees with whom.

Never open to annotators: it tells who made what and what others said.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from django.http import HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_safe

from curation.access import Right
from curation.examination.correlations import kendall
from curation.models import Comparison, Judgement, Project, Prompt, Rater, Sample, Score
from curation.models import group as group_reads
from curation.models.group import GroupEvidence
from curation.templatetags.pairwright import score as written
from curation.views import score_table
from curation.views.doors import PageRequest, project_page
from curation.views.facets import address
from curation.views.pictures import Picture, first_pictures

# More columns than these are chosen, not shown at once.
COLUMNS_SHOWN = 12
# Fewer samples in common than these say nothing about agreement.
LEAST_IN_COMMON = 3
# So many of the newest judgements are asked for a prompt to begin with.
JUDGEMENTS_READ = 50


@dataclass(frozen=True)
class Entry:
    """What one column says of one sample: the number, words beside it, and its place in the group."""

    value: float
    words: str
    note: str
    rank: int
    is_shared: bool
    is_best: bool
    is_worst: bool


@dataclass(frozen=True)
class Column:
    """One rater on one criterion, or the votes of people or of a judge; values by sample."""

    key: str
    rater: Rater | None
    title: str
    criterion: str
    under: str
    higher_is_better: bool
    values: Mapping[int, float]
    words: Mapping[int, str]
    notes: Mapping[int, str]

    @property
    def label(self) -> str:
        return f"{self.title} · {self.criterion}"

    def entries(self) -> dict[int, Entry]:
        """Every value with its rank among the group's, 1 the best; equal values share the better rank."""
        goodness = {pk: value if self.higher_is_better else -value for pk, value in self.values.items()}
        best, worst = max(goodness.values()), min(goodness.values())
        shares = Counter(goodness.values())
        return {
            pk: Entry(
                value=self.values[pk],
                words=self.words[pk],
                note=self.notes.get(pk, ""),
                rank=1 + sum(other > good for other in goodness.values()),
                is_shared=shares[good] > 1,
                is_best=good == best and best > worst,
                is_worst=good == worst and best > worst,
            )
            for pk, good in goodness.items()
        }


@dataclass(frozen=True)
class Line:
    """One sample with an entry for each column, None where the column says nothing of it."""

    place: int
    sample: Sample
    picture: Picture | None
    cells: list[Entry | None]


@dataclass(frozen=True)
class Agreement:
    """Kendall's tau-b of two columns over the samples both speak of; None where these are too few or all alike."""

    tau: float | None
    common: int

    @property
    def words(self) -> str:
        return "–" if self.tau is None else f"{self.tau:+.2f}".replace("-", "−")

    @property
    def is_contrary(self) -> bool:
        return self.tau is not None and self.tau < 0


@dataclass
class Votes:
    """Comparisons of one voice on one criterion: how often each sample was preferred, a tie counting half."""

    rater: Rater | None
    criterion: str
    wins: Counter[int] = field(default_factory=Counter)
    totals: Counter[int] = field(default_factory=Counter)


@project_page(Right.VIEW)
@require_safe
def side_by_side(request: PageRequest, project: Project, prompt_id: int) -> HttpResponse:
    prompt = get_object_or_404(Prompt.objects.visible_to(request.user).filter(project=project), pk=prompt_id)
    samples = group_reads.samples(prompt)[: group_reads.SAMPLES]
    evidence = group_reads.evidence(project, prompt, [sample.pk for sample in samples])
    every = list(columns(evidence, samples, prompt.pk))
    shown = _chosen(every, request.GET)
    sorted_by = next((column for column in shown if column.key == request.GET.get("sort")), None)
    is_worst_first = request.GET.get("order") == "worst"
    context = {
        "section": "prompts",
        "prompt": prompt,
        "every": every,
        "columns": [_head(column, request.GET, sorted_by, is_worst_first) for column in shown],
        "lines": _lines(samples, shown, sorted_by, is_worst_first),
        "agreement": _agreement(shown),
        "shown_keys": {column.key for column in shown},
        "sort": request.GET.get("sort", ""),
        **_neighbours(project, prompt),
    }
    return render(request, "scoring/side_by_side.html", context)


@project_page(Right.VIEW)
@require_safe
def somewhere(request: PageRequest, project: Project) -> HttpResponse:
    """The group that a person names by key or number, or the one of which something was said last."""
    name = request.GET.get("prompt", "").strip()
    prompts = Prompt.objects.visible_to(request.user).filter(project=project)
    if name:
        found = prompts.filter(key=name).first()
        if found is None and name.isdecimal() and len(name) < 18:
            found = prompts.filter(pk=int(name)).first()
        return redirect("side_by_side", project.slug, found.pk) if found else _nothing(request, name)
    newest = Judgement.objects.filter(project=project).order_by("-pk").values("pk")[:JUDGEMENTS_READ]
    scores = Score.objects.filter(judgement__in=newest).order_by("-judgement", "position")
    scored = scores.values_list("prompt", flat=True).first()
    first = scored or prompts.filter(samples__isnull=False).order_by("pk").values_list("pk", flat=True).first()
    return redirect("side_by_side", project.slug, first) if first else _nothing(request, "")


def _nothing(request: PageRequest, name: str) -> HttpResponse:
    return render(request, "scoring/no_group.html", {"section": "scorers", "name": name}, status=404 if name else 200)


def _neighbours(project: Project, prompt: Prompt) -> dict[str, int | None]:
    prompts = Prompt.objects.filter(project=project)
    before = prompts.filter(pk__lt=prompt.pk).order_by("-pk").values_list("pk", flat=True).first()
    after = prompts.filter(pk__gt=prompt.pk).order_by("pk").values_list("pk", flat=True).first()
    return {"previous_id": before, "next_id": after}


# -- columns ----------------------------------------------------------------------------------------------------------


def columns(evidence: GroupEvidence, samples: Sequence[Sample], prompt_id: int) -> Iterator[Column]:
    """Votes first, of all people together and of each judge; then scores, as the group page orders them."""
    for key, votes in sorted(_votes(evidence).items(), key=lambda entry: (entry[1].rater is not None, entry[0])):
        yield _vote_column(key, votes)
    seen: Counter[str] = Counter()
    for row in score_table.table(evidence, samples, prompt_id):
        pair = f"{row.rater.pk}.{row.criterion.pk}"
        seen[pair] += 1
        cells = {sample.pk: cell for sample, cell in zip(samples, row.cells, strict=True) if cell is not None}
        yield Column(
            key=f"{pair}.{seen[pair]}",
            rater=row.rater,
            title=row.rater.name,
            criterion=row.criterion.name,
            under=row.under,
            higher_is_better=row.criterion.higher_is_better,
            values={pk: cell.values[0] for pk, cell in cells.items()},
            words={pk: cell.words for pk, cell in cells.items()},
            notes={},
        )


def _votes(evidence: GroupEvidence) -> dict[str, Votes]:
    found: dict[str, Votes] = {}
    for comparison in evidence.comparisons:
        if comparison.is_retracted:
            continue
        rater = evidence.raters[comparison.rater_id]
        whose = None if rater.kind == Rater.Kind.PERSON else rater
        key = f"v.{whose.pk if whose else 'people'}.{comparison.criterion_version_id}"
        criterion = evidence.criteria[comparison.criterion_version_id]
        _count(found.setdefault(key, Votes(whose, criterion.name)), comparison)
    return found


def _count(votes: Votes, comparison: Comparison) -> None:
    left, right = comparison.left_sample_id, comparison.right_sample_id
    votes.totals.update((left, right))
    halves = {
        Comparison.Outcome.LEFT: {left: 2},
        Comparison.Outcome.RIGHT: {right: 2},
        Comparison.Outcome.TIE: {left: 1, right: 1},
    }
    votes.wins.update(halves.get(Comparison.Outcome(comparison.outcome), {}))


def _vote_column(key: str, votes: Votes) -> Column:
    values = {pk: votes.wins[pk] / 2 / total for pk, total in votes.totals.items()}
    return Column(
        key=key,
        rater=votes.rater,
        title=votes.rater.name if votes.rater else _("people"),
        criterion=votes.criterion,
        under=_("share of votes"),
        higher_is_better=True,
        values=values,
        words={pk: written(value) for pk, value in values.items()},
        notes={pk: ngettext("%(n)d vote", "%(n)d votes", total) % {"n": total} for pk, total in votes.totals.items()},
    )


def _chosen(every: Sequence[Column], params: QueryDict) -> list[Column]:
    """The columns that are asked for, or the first few."""
    wanted = set(params.getlist("column"))
    return [column for column in every if column.key in wanted] or list(every[:COLUMNS_SHOWN])


# -- the table --------------------------------------------------------------------------------------------------------


def _head(column: Column, params: QueryDict, sorted_by: Column | None, is_worst_first: bool) -> dict[str, object]:
    """A column's head: where its link leads, and how the table is sorted by it."""
    is_sorted = column is sorted_by
    is_turned = is_sorted and not is_worst_first
    return {
        "column": column,
        "url": address(params, sort=column.key, order="worst" if is_turned else ""),
        "aria_sort": ("ascending" if is_worst_first else "descending") if is_sorted else "",
        "is_worst_first": is_sorted and is_worst_first,
    }


def _lines(
    samples: Sequence[Sample], shown: Sequence[Column], sorted_by: Column | None, is_worst_first: bool
) -> list[Line]:
    """The samples in the order asked for; those of which the column says nothing come last."""
    entries = [column.entries() for column in shown]
    pictures = first_pictures([sample.pk for sample in samples])
    lines = [
        Line(place, sample, pictures.get(sample.pk), [own.get(sample.pk) for own in entries])
        for place, sample in enumerate(samples, start=1)
    ]
    if sorted_by is None:
        return lines
    at = list(shown).index(sorted_by)

    def place_of(line: Line) -> tuple[bool, int, int]:
        entry = line.cells[at]
        rank = entry.rank if entry else 0
        return entry is None, -rank if is_worst_first else rank, line.place

    return sorted(lines, key=place_of)


# -- who agrees with whom ---------------------------------------------------------------------------------------------


def _agreement(shown: Sequence[Column]) -> list[tuple[Column, list[Agreement | None]]]:
    """For each column its agreement with those before it; None stands for itself and those after it."""
    if len(shown) < 2:
        return []
    return [
        (one, [agreement(one, other) if place < at else None for place, other in enumerate(shown)])
        for at, one in enumerate(shown)
    ]


def agreement(one: Column, other: Column) -> Agreement:
    """Kendall's tau-b over the samples that both columns speak of, their directions taken into account."""
    common = sorted(set(one.values) & set(other.values))
    if len(common) < LEAST_IN_COMMON:
        return Agreement(None, len(common))
    tau = kendall(
        np.array([one.values[pk] for pk in common]) * (1 if one.higher_is_better else -1),
        np.array([other.values[pk] for pk in common]) * (1 if other.higher_is_better else -1),
    )
    return Agreement(None if math.isnan(tau) else tau, len(common))
