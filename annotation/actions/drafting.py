"""A machine's verdicts, marks and words as drafts that people accept or correct.

Which of a batch's items show theirs is drawn when an item is handed out (`control_share` of them are asked without),
so what a draft saves and how far it leads can both be measured: see `annotation.anchoring`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from django.db import transaction
from django.db.models import Exists, OuterRef
from django.utils.translation import gettext as _

from annotation import answers, questions
from annotation.actions import showing
from annotation.drafts import Opinion, Scale, check_values, draft
from annotation.models import Assignment, Batch, Item
from annotation.questions import Question
from curation.actions.judgements import Link
from curation.errors import Refused
from curation.models import Comparison, CriterionVersion, JudgementLink, Mark, Note, Rater, Score, User

_CHUNK = 250
# People may verify what machines and scripts say; a person's opinion shown to another is no draft but a hint.
DRAFTING_KINDS = (*Rater.MACHINES, Rater.Kind.SCRIPTED)


@dataclass(frozen=True)
class Drafted:
    """How many items have a draft now, and how many of those looked at got none because the machine said too little."""

    drafted: int
    without: int


def links_for(assignment: Assignment) -> list[Link]:
    """The links of judgements made with a draft in view: to what the draft was made from."""
    draft_of = assignment.item.draft
    if draft_of is None or not assignment.presentation.get("draft"):
        return []
    return [Link(judgement, JudgementLink.Kind.DRAFTED_FROM) for judgement in draft_of.get("sources", [])]


@transaction.atomic
def add_drafts(*, batch: Batch, rater: Rater, by: User, reads: Mapping[str, int] | None = None) -> Drafted:
    """Fills in the drafts of a batch's items from what a machine said, in place of those they had.

    Items somebody was handed already stay as they are: what one person saw, everybody sees.

    Args:
        rater: a machine, or a scripted rater.
        by: whoever asks for it.
        reads: for a question's key, the criterion (its id) under which the machine's opinions are read; by default
            the question's own, or the only one the machine speaks of in this project.

    Raises:
        Refused: the rater is a person, or says nothing that a question of this batch could use.
    """
    if rater.kind not in DRAFTING_KINDS:
        raise Refused(_("%(rater)s is no machine; people's answers are not shown to others.") % {"rater": rater})
    locked = Batch.objects.select_for_update(of=("self",)).get(pk=batch.pk)
    reader = _Reader(locked, rater, reads or {})
    drafted = without = 0
    for items in _chunks(locked):
        for item in reader.with_drafts(items):
            drafted, without = drafted + (item.draft is not None), without + (item.draft is None)
        Item.objects.bulk_update(items, ["draft", "drafted_from"], batch_size=_CHUNK)
    if not drafted:
        raise Refused(
            _("%(rater)s says nothing about the items of “%(name)s” that its questions could use.")
            % {"rater": rater, "name": locked}
        )
    return Drafted(drafted, without)


def _chunks(batch: Batch) -> Iterator[list[Item]]:
    """The items nobody was handed yet, in the order of the queue."""
    after = -1
    while True:
        fresh = Item.objects.filter(batch=batch, position__gt=after, assignments__isnull=True)
        items = list(fresh.select_related("prompt").order_by("position")[:_CHUNK])
        if not items:
            return
        after = items[-1].position
        yield items


def criteria_of(rater: Rater, batch: Batch) -> list[CriterionVersion]:
    """The criteria of the project under which the rater gave numbers, the newest version of each."""
    given = Score.objects.living().filter(rater=rater, criterion_version=OuterRef("pk"))
    spoken = CriterionVersion.objects.filter(Exists(given), criterion__project=batch.project_id)
    return list(spoken.order_by("criterion_id", "-number").distinct("criterion_id"))


class _Reader:
    """Reads one machine's opinions about the items of a batch, some hundred items at a time."""

    def __init__(self, batch: Batch, rater: Rater, reads: Mapping[str, int]) -> None:
        self.batch = batch
        self.rater = rater
        self.asked = questions.parse(batch.questions)
        self.versions = _versions(batch, self.asked, reads, criteria_of(rater, batch))
        self.scales = {key: self._scale(versions) for key, versions in self.versions.items()}

    def _scale(self, versions: Sequence[CriterionVersion]) -> Scale:
        newest = max(versions, key=lambda version: version.number)
        scale = Scale(
            newest.low, newest.high, tuple(level["value"] for level in newest.levels), newest.higher_is_better
        )
        if scale.levels or (scale.low is not None and scale.high is not None):
            return scale
        ids = {sample for row in Item.objects.filter(batch=self.batch).values_list("sample_ids") for sample in row[0]}
        seen = self._scores(ids, [version.pk for version in versions]).values_list("value", flat=True)
        return replace(scale, seen=np.sort(np.fromiter(seen.iterator(), dtype=float)))

    def _scores(self, sample_ids: Iterable[int], versions: Iterable[int]) -> Any:
        return Score.objects.living().filter(
            rater=self.rater, sample__in=list(sample_ids), criterion_version__in=list(versions)
        )

    def with_drafts(self, items: Sequence[Item]) -> Sequence[Item]:
        """The same items, each with the draft the machine's opinions make, or with none."""
        said = _Said(self, items)
        shapes = _Shapes(self.batch, items) if any(q.kind in ("mark", "write") for q in self.asked) else None
        for item in items:
            found, sources = self._draft(item, said)
            if shapes is not None:
                found = shapes.fitting(item, self.asked, found)
            item.draft, item.drafted_from_id = None, None
            if found:
                kept = sorted({judgement for key in found for judgement in sources[key]})
                item.draft = {"questions": found, "flags": [], "sources": kept}
                item.drafted_from_id = kept[-1]
        return items

    def _draft(self, item: Item, said: _Said) -> tuple[dict[str, Any], dict[str, set[int]]]:
        found: dict[str, Any] = {}
        sources: dict[str, set[int]] = {}
        for question in self.asked:
            made, judgements = said.made(item, question)
            if made is not None and judgements:
                found[question.key], sources[question.key] = made, judgements
        return found, sources


def _versions(
    batch: Batch, asked: Sequence[Question], reads: Mapping[str, int], spoken: Sequence[CriterionVersion]
) -> dict[str, list[CriterionVersion]]:
    """For each question, and each item of a checklist, the criterion versions whose evidence is read."""
    own = {question.key: question.criterion for question in asked if question.criterion is not None}
    own |= {f"{q.key}/{item.key}": item.criterion for q in asked for item in q.items}
    named = CriterionVersion.objects.in_bulk(set(own.values()))
    criteria = {key: named[version].criterion_id for key, version in own.items() if version in named}
    numbered = {version.criterion_id for version in spoken}
    for key, criterion in criteria.items():
        if key in reads:
            criteria[key] = reads[key]
        elif criterion not in numbered and len(numbered) == 1:
            criteria[key] = next(iter(numbered))
    versions: dict[int, list[CriterionVersion]] = defaultdict(list)
    wanted = CriterionVersion.objects.filter(criterion__project=batch.project_id)
    for version in wanted.filter(criterion__in=set(criteria.values())).order_by("number"):
        versions[version.criterion_id].append(version)
    return {key: versions[criterion] for key, criterion in criteria.items() if versions[criterion]}


class _Said:
    """What the machine said of some items, by sample: read in four queries."""

    def __init__(self, reader: _Reader, items: Sequence[Item]) -> None:
        self.reader = reader
        ids = {sample for item in items for sample in item.sample_ids}
        versions = {version.pk for group in reader.versions.values() for version in group}
        self.scores = _by(reader._scores(ids, versions), "sample_id")
        compared = Comparison.objects.living().filter(rater=reader.rater, left_sample__in=ids, right_sample__in=ids)
        self.comparisons = _by(compared.filter(criterion_version__in=versions), "left_sample_id")
        self.marks = _by(Mark.objects.living().said().filter(rater=reader.rater, sample__in=ids), "sample_id")
        prompts = {item.prompt_id for item in items}
        self.notes = _by(Note.objects.living().filter(rater=reader.rater, prompt__in=prompts), "prompt_id")

    def made(self, item: Item, question: Question) -> tuple[dict[str, Any] | None, set[int]]:
        """The draft of one question, and the judgements it comes from."""
        if question.kind == "check":
            return self.checklist(item, question)
        opinion, judgements = self.opinion(item, question)
        return draft(question, opinion), judgements

    def opinion(self, item: Item, question: Question) -> tuple[Opinion, set[int]]:
        """The machine's opinion under a question, and the judgements it stands in."""
        values, sources = self._values(item, question.key)
        verdicts, compared = self._verdicts(item, question.key)
        marks, marked = self._marks(item) if question.kind == "mark" else ([], set())
        notes, noted = self._notes(item, question) if question.kind == "write" else ({}, set())
        scale = self.reader.scales.get(question.key, Scale())
        used = {"mark": marked, "write": noted, "compare": compared or sources}.get(question.kind, sources or compared)
        return Opinion(values, scale, verdicts, marks, notes), used

    def checklist(self, item: Item, question: Question) -> tuple[dict[str, Any] | None, set[int]]:
        """All items of a checklist; one that is missing leaves the whole question without a draft."""
        rows: dict[str, list[float]] = {}
        sources: set[int] = set()
        for each in question.items:
            values, judgements = self._values(item, f"{question.key}/{each.key}")
            row = check_values(each.levels, values)
            if row is None:
                return None, set()
            rows[each.key] = row
            sources |= judgements
        return {"values": rows}, sources

    def _values(self, item: Item, key: str) -> tuple[list[float | None], set[int]]:
        versions = {version.pk for version in self.reader.versions.get(key, ())}
        values: list[float | None] = []
        sources: set[int] = set()
        for sample in item.sample_ids:
            rows = [
                row
                for row in self.scores.get(sample, ())
                if row.criterion_version_id in versions and row.prompt_id == item.prompt_id
            ]
            values.append(sum(row.value for row in rows) / len(rows) if rows else None)
            sources |= {row.judgement_id for row in rows}
        return values, sources

    def _verdicts(self, item: Item, key: str) -> tuple[list[tuple[int, int, str]], set[int]]:
        versions = {version.pk for version in self.reader.versions.get(key, ())}
        places = {sample: place for place, sample in enumerate(item.sample_ids)}
        rows = [
            row
            for sample in item.sample_ids
            for row in self.comparisons.get(sample, ())
            if row.right_sample_id in places and row.criterion_version_id in versions
        ]
        found = [(places[row.left_sample_id], places[row.right_sample_id], row.outcome) for row in rows]
        return found, {row.judgement_id for row in rows}

    def _marks(self, item: Item) -> tuple[list[dict[str, Any]], set[int]]:
        rows = [
            (place, row)
            for place, sample in enumerate(item.sample_ids)
            for row in self.marks.get(sample, ())
            if row.prompt_id == item.prompt_id
        ]
        return [_mark(place, row) for place, row in rows], {row.judgement_id for _place, row in rows}

    def _notes(self, item: Item, question: Question) -> tuple[dict[int | None, str], set[int]]:
        places: dict[int | None, int | None] = {sample: place for place, sample in enumerate(item.sample_ids)}
        versions = {version.pk for version in self.reader.versions.get(question.key, ())}
        rows = [
            row
            for row in self.notes.get(item.prompt_id, ())
            if (row.sample_id is None or row.sample_id in places)
            and (not versions or row.criterion_version_id in versions or row.criterion_version_id is None)
        ]
        # The newest word on a place is the one that holds.
        words = {places.get(row.sample_id): row.text for row in rows}
        return words, {row.judgement_id for row in rows}


def _by(rows: Any, name: str) -> dict[int, list[Any]]:
    found: dict[int, list[Any]] = defaultdict(list)
    for row in rows.order_by("judgement_id", "position"):
        found[getattr(row, name)].append(row)
    return found


def _mark(place: int, row: Mark) -> dict[str, Any]:
    """A mark in the form of an answer."""
    said: dict[str, Any] = {
        "place": place,
        "target": row.target,
        "shape": row.shape,
        "error": row.error_type,
        "text": row.text,
    }
    if row.shape in (Mark.Shape.SPAN, Mark.Shape.INTERVAL):
        said |= {"start": row.start, "end": row.end}
    else:
        said["points"] = row.points
    if row.media_index is not None:
        said["media"] = row.media_index
    if row.input_role:
        said["role"] = row.input_role
    return said


class _Shapes:
    """Whether places and words of a draft lie within what is shown: an answer that does not would be refused."""

    def __init__(self, batch: Batch, items: Sequence[Item]) -> None:
        self.assignments = {
            item.pk: Assignment(item=item, batch=batch, presentation={"order": item.sample_ids}) for item in items
        }
        self.read = showing.content(list(self.assignments.values()))

    def fitting(self, item: Item, asked: Sequence[Question], found: dict[str, Any]) -> dict[str, Any]:
        """The draft without marks that lie outside, and in pixels of what is shown."""
        assignment = self.assignments[item.pk]
        facts = showing.facts_of(assignment, self.read)
        media = showing.shown_media(assignment, self.read)
        fitting = dict(found)
        for question in asked:
            if question.kind == "mark" and question.key in found:
                marks = [_reduced(mark, media) for mark in found[question.key]["marks"]]
                inside = [mark for mark in marks if _is_inside(mark, question, facts)]
                fitting.pop(question.key)
                if inside:
                    fitting[question.key] = {"marks": inside}
        return fitting


def _reduced(mark: dict[str, Any], media: Sequence[Sequence[showing.Medium]]) -> dict[str, Any]:
    """The mark in pixels of what is shown, where the batch shows pictures smaller than their rendition."""
    shown = media[mark["place"]] if mark["target"] == "media" and "points" in mark else []
    if mark.get("media", 0) >= len(shown):
        return mark
    scale = shown[mark.get("media", 0)].scale
    return mark if scale == 1 else {**mark, "points": [[x / scale, y / scale] for x, y in mark["points"]]}


def _is_inside(mark: dict[str, Any], question: Question, facts: answers.Shown) -> bool:
    try:
        answers.parse({"questions": {question.key: {"marks": [mark]}}}, [question], facts, complete=False)
    except answers.WrongAnswer:
        return False
    return True
