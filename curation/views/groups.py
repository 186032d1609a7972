"""The group page: one prompt, all its samples, and everything anybody said about them.

Never open to annotators: it tells who made what and what others said.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace

from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_safe

from curation.access import Right, may
from curation.actions import prompt_constraints, prompt_links
from curation.forms.prompt_tools import WordingForm
from curation.models import Comparison, Flag, Project, Prompt, PromptMedia, Rater, Sample
from curation.models import group as group_reads
from curation.models import parts as part_reads
from curation.models.group import GroupEvidence
from curation.views import mark_overlays, said, score_table
from curation.views.doors import PageRequest, project_page
from curation.views.mark_overlays import Overlay, Part, Shown
from curation.views.pictures import Picture, all_pictures, picture, with_assets
from curation.views.prompt_constraints import nodes
from curation.views.score_table import Cell, Row

LINES = 300
# Characters of an answer in words that a tile has room for.
TEXT = 600


# The order in which records stand, and what they are called.
WHO: dict[str, str | Promise] = {
    "people": _("people"),
    "machines": _("machines"),
    "scripted": _("scripted"),
    "behaviour": _("behaviour"),
}


@dataclass(frozen=True)
class Record:
    """How often a sample was preferred among its comparisons, people and machines and scripts apart."""

    who: str
    wins: int
    ties: int
    total: int

    @property
    def label(self) -> str | Promise:
        return WHO[self.who]


@dataclass(frozen=True)
class Tile:
    """A sample as the group page shows it."""

    place: int
    sample: Sample
    pictures: list[Picture]
    scores: list[tuple[Row, Cell]]
    records: list[Record]
    flags: list[Flag]
    overlay: Overlay | None  # marks on the first picture
    parts: list[Part]  # the answer in words, where words of it are marked

    @property
    def first(self) -> Picture | None:
        return next((picture for picture in self.pictures if picture.kind != "file"), None)

    @property
    def caption(self) -> str:
        """What the picture is, for the full window and for those who do not see it."""
        seed = "" if self.sample.seed is None else f", {_('seed')} {self.sample.seed}"
        return f"{self.place} · {self.sample.generator}{seed}"

    @property
    def settings(self) -> list[tuple[str, str]]:
        """The first few settings that are plain values; the sample's own page has all."""
        both = {**self.sample.generator.settings, **self.sample.settings}
        return [(name, str(value)) for name, value in both.items() if isinstance(value, str | int | float)][:4]

    @property
    def rest(self) -> list[Picture]:
        return [picture for picture in self.pictures if picture is not self.first]


@project_page(Right.VIEW)
@require_safe
def prompt(request: PageRequest, project: Project, prompt_id: int) -> HttpResponse:
    shown = get_object_or_404(Prompt.objects.visible_to(request.user).filter(project=project), pk=prompt_id)
    found = group_reads.samples(shown)
    has_more, samples = len(found) > group_reads.SAMPLES, found[: group_reads.SAMPLES]
    evidence = group_reads.evidence(project, shown, [sample.pk for sample in samples])
    table = score_table.table(evidence, samples, shown.pk)
    marks = mark_overlays.shown(evidence.marks, shown.pk)
    lines = said.lines(evidence, replace(said.names(samples), marks=marks.numbers))
    context = {
        "section": "prompts",
        "prompt": shown,
        "facts": facts(shown),
        "prompt_parts": marks.prompt_parts(shown.text),
        "inputs": mark_overlays.inputs(_inputs(shown), marks),
        "tiles": _tiles(samples, evidence, table, marks),
        "has_more": has_more,
        "table": table,
        "lines": lines[:LINES],
        "more_lines": max(len(lines) - LINES, 0),
        "links": prompt_links.relations(shown),
        "nodes": nodes(prompt_constraints.of(shown)),
        "wording_form": WordingForm(),
        "may_edit": may(request.role, Right.EDIT),
        "generators": len({sample.generator_id for sample in samples}),
        "has_parts": part_reads.has_any(shown.pk, [sample.pk for sample in samples]),
        **_neighbours(project, shown),
    }
    return render(request, "prompts/group.html", context)


def facts(shown: Prompt) -> list[str]:
    """What can be checked in an answer, in words: the text to be read, the things to be counted."""
    words = []
    if text := shown.facts.get("text"):
        words.append(f"{_('says')} “{text}”")
    for thing in shown.facts.get("objects") or []:
        if isinstance(thing, dict) and "class" in thing:
            words.append(
                " ".join(str(part) for part in (thing.get("count"), thing.get("color"), thing["class"]) if part)
            )
    return words


def _inputs(shown: Prompt) -> list[tuple[str, list[Picture]]]:
    """Source, mask, reference and control pictures by role."""
    roles: dict[str, list[Picture]] = defaultdict(list)
    for placement in with_assets(PromptMedia.objects.filter(prompt=shown).order_by("role", "position")):
        roles[placement.role].append(picture(placement))
    order = {"source": 0, "mask": 1, "reference": 2, "control": 3}
    return sorted(roles.items(), key=lambda item: (order.get(item[0], 9), item[0]))


def _tiles(samples: Sequence[Sample], evidence: GroupEvidence, table: Sequence[Row], marks: Shown) -> list[Tile]:
    pictures = all_pictures([sample.pk for sample in samples])
    scores = score_table.under_pictures(table, samples)
    records = _records(evidence)
    flags: dict[int, list[Flag]] = defaultdict(list)
    for flag in evidence.flags:
        if not flag.is_retracted:
            flags[flag.sample_id].append(flag)
    return [
        Tile(
            place,
            sample,
            pictures[sample.pk],
            scores[sample.pk],
            records.get(sample.pk, []),
            flags[sample.pk],
            marks.over_sample(sample.pk, pictures[sample.pk]),
            marks.answer_parts(sample.pk, sample.text, TEXT),
        )
        for place, sample in enumerate(samples, 1)
    ]


def _records(evidence: GroupEvidence) -> dict[int, list[Record]]:
    """Living comparisons of each sample, counted by who made them."""
    wins, ties, totals = Counter[tuple[int, str]](), Counter[tuple[int, str]](), Counter[tuple[int, str]]()
    for comparison in evidence.comparisons:
        if comparison.is_retracted:
            continue
        who = _who(evidence.raters[comparison.rater_id])
        left, right = (comparison.left_sample_id, who), (comparison.right_sample_id, who)
        totals.update((left, right))
        if comparison.outcome == Comparison.Outcome.LEFT:
            wins[left] += 1
        elif comparison.outcome == Comparison.Outcome.RIGHT:
            wins[right] += 1
        elif comparison.outcome == Comparison.Outcome.TIE:
            ties.update((left, right))
    records: dict[int, list[Record]] = defaultdict(list)
    for (sample_id, who), total in sorted(totals.items(), key=lambda item: list(WHO).index(item[0][1])):
        key = (sample_id, who)
        records[sample_id].append(Record(who, wins[key], ties[key], total))
    return records


def _who(rater: Rater) -> str:
    if rater.kind == Rater.Kind.PERSON:
        return "people"
    return rater.kind if rater.kind in WHO else "machines"


def _neighbours(project: Project, shown: Prompt) -> dict[str, int | None]:
    """The prompts before and after, for the keys that page through groups. Costs two queries."""
    prompts = Prompt.objects.filter(project=project)
    before = prompts.filter(pk__lt=shown.pk).order_by("-pk").values_list("pk", flat=True).first()
    after = prompts.filter(pk__gt=shown.pk).order_by("pk").values_list("pk", flat=True).first()
    return {"previous_id": before, "next_id": after}
