"""What machines are called beside each other."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from curation.models.raters import Rater

REVISION_SHOWN = 8


def labels_of(raters: Iterable[Rater]) -> dict[int, str]:
    """By id: the name, with the beginning of its revision (`name@1a2b3c4d`) where a name stands for several."""
    every = {rater.pk: rater for rater in raters}
    names = Counter(rater.name for rater in every.values())
    return {pk: _label(rater, names[rater.name] > 1) for pk, rater in every.items()}


def _label(rater: Rater, is_shared: bool) -> str:
    return f"{rater.name}@{rater.identity_digest[:REVISION_SHOWN]}" if is_shared else rater.name
