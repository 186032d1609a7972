"""Numbers for parts of samples, read by layer: what one rater said by one criterion in one shape."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.db.models import Count

from curation.models.criteria import CriterionVersion
from curation.models.evidence import Mark, MarkQuerySet
from curation.models.raters import Rater

# A page is for reading: what goes beyond is counted, not shown.
ROWS = 5_000


@dataclass(frozen=True)
class Layer:
    """What one rater said of parts by one criterion in one shape.

    Attributes:
        samples, marks: how many samples have such numbers, and how many numbers there are.
    """

    rater: Rater
    criterion: CriterionVersion
    shape: str
    samples: int
    marks: int

    @property
    def key(self) -> str:
        """Its name in an address."""
        return f"{self.rater.pk}-{self.criterion.pk}-{self.shape}"

    @property
    def is_over_pictures(self) -> bool:
        return self.shape not in (Mark.Shape.SPAN, Mark.Shape.INTERVAL)

    @property
    def is_coloured(self) -> bool:
        """Whether a colour stands for a number; outlines carry theirs in figures alone."""
        return self.shape in (Mark.Shape.HEATMAP, Mark.Shape.SPAN, Mark.Shape.INTERVAL)

    @property
    def title(self) -> str:
        return f"{self.rater.name} · {self.criterion} · {Mark.Shape(self.shape).label}"


def has_any(prompt_id: int, sample_ids: Sequence[int]) -> bool:
    """Whether there is a living number for a part of one of these samples. Costs one query."""
    return _living(prompt_id, sample_ids).exists()


def layers(prompt_id: int, sample_ids: Sequence[int]) -> list[Layer]:
    """All layers of these samples, by rater, criterion and shape. Costs three queries."""
    found = list(
        _living(prompt_id, sample_ids)
        .order_by("rater", "criterion_version", "shape")
        .values_list("rater", "criterion_version", "shape")
        .annotate(samples=Count("sample", distinct=True), marks=Count("position"))
    )
    raters = Rater.objects.in_bulk({row[0] for row in found})
    criteria = CriterionVersion.objects.select_related("criterion").in_bulk({row[1] for row in found})
    made = [Layer(raters[row[0]], criteria[row[1]], row[2], row[3], row[4]) for row in found]
    return sorted(made, key=lambda layer: (layer.title, layer.key))


def rows(prompt_id: int, sample_ids: Sequence[int], layer: Layer) -> list[Mark]:
    """The numbers of a layer in the order they were given, at most `ROWS`. Costs one query."""
    own = _living(prompt_id, sample_ids).filter(rater=layer.rater, criterion_version=layer.criterion, shape=layer.shape)
    return list(own.order_by("judgement_id", "position")[:ROWS])


def _living(prompt_id: int, sample_ids: Sequence[int]) -> MarkQuerySet:
    return Mark.objects.living().measured().filter(prompt=prompt_id, sample__in=sample_ids)
