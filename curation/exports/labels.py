"""Single answers called good or bad: the label of a candidate, and what a trainer of KTO needs of it."""

from __future__ import annotations

from curation.exports.formats import Option
from curation.exports.rows import ExportCandidate

UNANIMOUS, MAJORITY = "unanimous", "majority"
LABELS = Option(
    "labels",
    (UNANIMOUS, MAJORITY),
    "unanimous: answers that won every pair they are in are good, those that lost every one are bad, the others are "
    "left out. majority: more than half of the pairs decide; as many won as lost is left out.",
)


def share_of(candidate: ExportCandidate) -> float | None:
    """The share of its pairs that the candidate won, 0 to 1; None where it is in no pair."""
    times = candidate.times_chosen + candidate.times_rejected
    return candidate.times_chosen / times if times else None


def is_good(candidate: ExportCandidate, rule: str) -> bool | None:
    """The label by a rule of `LABELS`, or None where it gives none."""
    share = share_of(candidate)
    if share is None or share == 0.5 or (rule == UNANIMOUS and 0 < share < 1):
        return None
    return share > 0.5


def label_obstacle(candidate: ExportCandidate, rule: str) -> str | None:
    """Why a candidate has no label, or None."""
    if is_good(candidate, rule) is not None:
        return None
    if share_of(candidate) is None:
        return "a sample in no pair"
    return "a sample that won and lost" if rule == UNANIMOUS else "a sample that won as often as it lost"
