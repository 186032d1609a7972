"""Everything said about the samples of one prompt, read in a fixed number of queries."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.db.models import Q

from curation.models.criteria import CriterionVersion
from curation.models.evidence import Comparison, Flag, Mark, Note, Score
from curation.models.judgements import Judgement
from curation.models.people import Project
from curation.models.prompts import Prompt
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


def evidence(project: Project, prompt: Prompt, sample_ids: Sequence[int]) -> GroupEvidence:
    """What was said about these samples of the prompt. Costs eleven queries.

    Living rows come through the indexes on evidence. Retracted rows are not in those indexes (they would make every
    one of them larger); they are found through their judgements, which are few.
    """
    own = Q(sample__in=sample_ids)
    pair = Q(pair_low__in=sample_ids) | Q(left_sample__in=sample_ids)
    retracted = Judgement.objects.filter(project=project, retracted_at__isnull=False).values("pk")
    gone = Q(judgement__in=retracted, is_retracted=True)
    scores = [*Score.objects.filter(own).living()[:ROWS], *Score.objects.filter(own & gone)[:ROWS]]
    comparisons = [
        *Comparison.objects.filter(pair).living()[:ROWS],
        *Comparison.objects.filter(pair & gone)[:ROWS],
    ]
    flags = [*Flag.objects.filter(own).living()[:ROWS], *Flag.objects.filter(own & gone)[:ROWS]]
    marks = list(Mark.objects.filter(own)[:ROWS])
    notes = list(Note.objects.filter(prompt=prompt)[:ROWS])
    rows = [*scores, *comparisons, *marks, *notes, *flags]
    criteria = {row.criterion_version_id for row in rows if not isinstance(row, Flag)}
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
