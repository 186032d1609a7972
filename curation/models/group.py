"""Everything said about the samples of one prompt, read in a fixed number of queries."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.db.models import Q

from curation.models.criteria import CriterionVersion
from curation.models.evidence import Comparison, Flag, Mark, Note, Score
from curation.models.judgements import Judgement
from curation.models.people import Project
from curation.models.prompts import Prompt, Sample
from curation.models.raters import Rater

# A page is for reading: what goes beyond is counted, not shown.
ROWS = 5_000


@dataclass(frozen=True)
class GroupEvidence:
    """Living and retracted statements about a group, with the acts, raters and criteria they name."""

    scores: list[Score]
    comparisons: list[Comparison]
    marks: list[Mark]
    notes: list[Note]
    flags: list[Flag]
    judgements: dict[int, Judgement]
    raters: dict[int, Rater]
    criteria: dict[int, CriterionVersion]


# More samples than a person looks at together; the list of samples has them all.
SAMPLES = 120


def samples(prompt: Prompt) -> list[Sample]:
    """The samples of a prompt in the order that numbers them, at most `SAMPLES` + 1. Costs one query."""
    rows = Sample.objects.filter(prompt=prompt).select_related("generator")
    return list(rows.order_by("round", "generator__name", "pk")[: SAMPLES + 1])


def evidence(project: Project, prompt: Prompt, sample_ids: Sequence[int]) -> GroupEvidence:
    """What was said about these samples of the prompt. Costs ten queries.

    What holds and what was retracted are read apart, because each has its own index.
    """
    own = Q(sample__in=sample_ids)
    pair = Q(pair_low__in=sample_ids) | Q(left_sample__in=sample_ids)
    scores = [*Score.objects.filter(own).living()[:ROWS], *Score.objects.filter(own, is_retracted=True)[:ROWS]]
    comparisons = [
        *Comparison.objects.filter(pair).living()[:ROWS],
        *Comparison.objects.filter(pair_low__in=sample_ids, is_retracted=True)[:ROWS],
    ]
    flags = list(Flag.objects.filter(own)[:ROWS])
    marks = list(Mark.objects.filter(own).said()[:ROWS])  # numbers for parts are asked for by themselves
    notes = list(Note.objects.filter(prompt=prompt)[:ROWS])
    rows = [*scores, *comparisons, *marks, *notes, *flags]
    criteria: set[int | None] = {row.criterion_version_id for row in scores}
    criteria |= {row.criterion_version_id for row in comparisons}
    criteria |= {mark.criterion_version_id for mark in marks} | {note.criterion_version_id for note in notes}
    return GroupEvidence(
        scores=scores,
        comparisons=comparisons,
        marks=marks,
        notes=notes,
        flags=flags,
        judgements=Judgement.objects.select_related("context", "guideline", "retracted_by").in_bulk(
            {row.judgement_id for row in rows}
        ),
        raters=Rater.objects.with_standing_in(project).in_bulk({row.rater_id for row in rows}),
        criteria=CriterionVersion.objects.select_related("criterion").in_bulk(criteria - {None}),
    )
