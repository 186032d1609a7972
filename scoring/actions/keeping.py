"""Which samples survive a stage of scoring: cheap scorers look at all, dear ones only at what these leave over."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import F, Window
from django.db.models.functions import RowNumber
from django.utils.translation import gettext as _

from curation.errors import Refused
from curation.models import Score
from curation.models.evidence import EvidenceQuerySet
from curation.models.prompts import SampleQuerySet


@dataclass(frozen=True)
class Kept:
    """A bar on the scores of one rater on one criterion.

    Attributes:
        rater: id of the rater.
        criterion_versions: the wordings of the criterion that count.
        higher_is_better: which end is the good one.
        at_least, at_most: bounds on the value, both included; None for none.
        spread_at_most: how uncertain a score may be, in its own unit; one without a spread does not pass.
        best_of_prompt: so many best samples of each prompt; None for all.
        most: so many best samples in all, the budget of the next stage; None for all.
    """

    rater: int
    criterion_versions: list[int]
    higher_is_better: bool = True
    at_least: float | None = None
    at_most: float | None = None
    spread_at_most: float | None = None
    best_of_prompt: int | None = None
    most: int | None = None

    def __post_init__(self) -> None:
        bars = (self.at_least, self.at_most, self.spread_at_most, self.best_of_prompt, self.most)
        if all(bar is None for bar in bars):
            raise Refused(
                _("A later stage needs a bar: at least, at most, a spread, the best of a prompt, or how many in all.")
            )
        for count in (self.best_of_prompt, self.most):
            if count is not None and count < 1:
                raise Refused(_("A stage keeps at least 1 sample, not %(count)s.") % {"count": count})


def kept(samples: SampleQuerySet, bar: Kept) -> SampleQuerySet:
    """The samples that pass the bar; equal values are told apart by the sample's id. One subquery over the scores."""
    scores: EvidenceQuerySet[Score] = Score.objects.living().filter(
        rater=bar.rater,
        criterion_version__in=bar.criterion_versions,
        context=None,
        occasion=0,
        prompt=F("sample__prompt"),
        sample__in=samples.values("pk"),
    )
    if bar.at_least is not None:
        scores = scores.filter(value__gte=bar.at_least)
    if bar.at_most is not None:
        scores = scores.filter(value__lte=bar.at_most)
    best_first = [F("value").desc() if bar.higher_is_better else F("value").asc(), F("sample_id").asc()]
    if bar.spread_at_most is not None:
        scores = scores.filter(spread__lte=bar.spread_at_most)
    if bar.best_of_prompt is not None:
        place = Window(RowNumber(), partition_by=[F("prompt_id")], order_by=best_first)
        scores = scores.annotate(place=place).filter(place__lte=bar.best_of_prompt)
    if bar.most is not None:
        scores = scores.order_by(*best_first)[: bar.most]
    return samples.filter(pk__in=scores.values("sample_id"))
