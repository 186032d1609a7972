"""A score taken apart: what each question of a checklist added, as its scorer wrote it into the judgement's payload.

    {"detail": {"17": {"items": [{"question": …, "answer": 1, "weight": 0.2, "contribution": 0.2}], "intercept": 0.1}}}

The keys are samples. `alignment` is one more member of the same form, which another model measured.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from curation.models import Judgement, Rater
from curation.models.group import GroupEvidence


@dataclass(frozen=True)
class Item:
    """One question: the answer (1 for yes, −1 for no), its weight, and what it added.

    Attributes:
        masked_by: the number of the question whose answer silenced it; None where none did.
    """

    question: str
    answer: float
    weight: float
    contribution: float
    masked_by: int | None = None

    @property
    def words(self) -> str:
        """Yes or no where it is one of them, else the number."""
        return {1.0: _("yes"), -1.0: _("no")}.get(self.answer, "")


@dataclass(frozen=True)
class Sum:
    """What a rater's questions amount to on one sample.

    Attributes:
        intercept: what is added to the items; 0 for nothing.
    """

    rater: Rater
    judgement: Judgement
    items: list[Item]
    intercept: float

    @property
    def total(self) -> float:
        return math.fsum([*(item.contribution for item in self.items), self.intercept])


def sums(evidence: GroupEvidence, sample_id: int) -> list[Sum]:
    """For each living judgement on a sample that says what its items added. No query."""
    ids = dict.fromkeys(score.judgement_id for score in evidence.scores if not score.is_retracted)
    found = (_sum(evidence, evidence.judgements[pk], str(sample_id)) for pk in ids)
    return [one for one in found if one is not None]


def _sum(evidence: GroupEvidence, judgement: Judgement, key: str) -> Sum | None:
    payload = judgement.payload if isinstance(judgement.payload, Mapping) else {}
    by_sample = payload.get("detail")
    detail = by_sample.get(key) if isinstance(by_sample, Mapping) else None
    if not isinstance(detail, Mapping):
        return None
    items = list(_items(detail))
    if not items:
        return None
    return Sum(evidence.raters[judgement.rater_id], judgement, items, float(detail.get("intercept") or 0))


def _items(detail: Mapping[str, Any]) -> Iterator[Item]:
    stated = detail.get("items")
    member = detail.get("alignment")
    for one in [*(stated if isinstance(stated, list) else []), *([member] if isinstance(member, Mapping) else [])]:
        if isinstance(one, Mapping) and {"question", "answer", "weight", "contribution"} <= set(one):
            yield Item(
                str(one["question"]),
                float(one["answer"]),
                float(one["weight"]),
                float(one["contribution"]),
                one.get("masked_by"),
            )
