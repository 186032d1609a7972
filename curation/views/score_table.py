"""The scores of a group as a table, and the few that fit under a picture."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from django.utils.translation import gettext as _

from curation.figures import Interval, interval
from curation.models import CriterionVersion, Rater, Sample, Score
from curation.models.group import GroupEvidence
from curation.templatetags.pairwright import score as written

# Under a picture there is room for these; the table has all.
LINES_UNDER_A_PICTURE = 4


@dataclass(frozen=True)
class Cell:
    """What one rater gave one sample: every living value, the first with its place on the row's axis."""

    values: tuple[float, ...]
    spread: float | None
    is_best: bool
    line: Interval | None

    @property
    def words(self) -> str:
        text = " · ".join(written(value) for value in self.values[:4])
        return f"{text} ± {written(self.spread)}" if self.spread is not None and len(self.values) == 1 else text


@dataclass(frozen=True)
class Row:
    """The scores of one rater under one criterion and, where there is one, another prompt or a principle."""

    rater: Rater
    criterion: CriterionVersion
    under: str
    cells: list[Cell | None]

    @property
    def label(self) -> str:
        return f"{self.rater.name} · {self.criterion.name}"


def table(evidence: GroupEvidence, samples: Sequence[Sample], prompt_id: int) -> list[Row]:
    """One row a rater, criterion and circumstance; one cell a sample, in the order of the samples."""
    rows: dict[tuple[int, int, int, int | None], dict[int, list[Score]]] = defaultdict(lambda: defaultdict(list))
    for score in evidence.scores:
        if not score.is_retracted:
            key = (score.rater_id, score.criterion_version_id, score.prompt_id, score.context_id)
            rows[key][score.sample_id].append(score)
    drawn = [
        Row(
            evidence.raters[rater],
            evidence.criteria[criterion],
            _under(prompt != prompt_id, evidence, cells),
            _cells(cells, samples, evidence.criteria[criterion]),
        )
        for (rater, criterion, prompt, _context), cells in rows.items()
    ]
    return sorted(drawn, key=lambda row: (row.rater.kind != Rater.Kind.PERSON, row.rater.kind, row.label, row.under))


def _under(is_other_prompt: bool, evidence: GroupEvidence, cells: dict[int, list[Score]]) -> str:
    any_score = next(iter(cells.values()))[0]
    context = evidence.judgements[any_score.judgement_id].context
    words = [str(context)] if context else []
    return ", ".join([*words, _("another prompt")] if is_other_prompt else words)


def _cells(cells: dict[int, list[Score]], samples: Sequence[Sample], criterion: CriterionVersion) -> list[Cell | None]:
    firsts = {pk: min(scores, key=lambda s: s.occasion) for pk, scores in cells.items()}
    values = [score.value for score in firsts.values()]
    low, high = min(values), max(values)
    best = (high if criterion.higher_is_better else low) if low != high else None
    drawn: list[Cell | None] = []
    for sample in samples:
        first = firsts.get(sample.pk)
        if first is None:
            drawn.append(None)
            continue
        every = tuple(score.value for score in sorted(cells[sample.pk], key=lambda s: s.occasion))
        drawn.append(Cell(every, first.spread, first.value == best, interval(first.value, first.spread, low, high)))
    return drawn


def under_pictures(rows: Sequence[Row], samples: Sequence[Sample]) -> dict[int, list[tuple[Row, Cell]]]:
    """For each sample the first few of its scores, machines' whole-sample numbers before the rest of the table."""
    shown: dict[int, list[tuple[Row, Cell]]] = {sample.pk: [] for sample in samples}
    for row in rows:
        for sample, cell in zip(samples, row.cells, strict=True):
            if cell is not None and len(shown[sample.pk]) < LINES_UNDER_A_PICTURE:
                shown[sample.pk].append((row, cell))
    return shown
