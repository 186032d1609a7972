"""The numbers said of a sample, one a signal, and which of them is its reward.

A signal is a criterion as one machine scores it, or as people do together: numbers of two machines are on two scales,
so they are never averaged with each other. Every number of one signal on a sample (other occasions, other people) is.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from curation.exports.gathered import ExportGroup
from curation.exports.rows import ExportOpinion, ExportSubject

PEOPLE = "people"
WIN_RATE = "win_rate"


@dataclass(frozen=True)
class Signal:
    """One dimension of a reward vector. `name` is `criterion/rater`, with `people` for all people together."""

    name: str
    criterion: str
    value: float
    was_read: bool
    kind: str
    low: float | None = None
    high: float | None = None
    is_higher_better: bool = True

    @property
    def worth(self) -> float:
        """The value where more is better, its negative where less is."""
        return self.value if self.is_higher_better else -self.value


def signals_of(subject: ExportSubject) -> dict[str, Signal]:
    """The subject's signals by name, in the order of names."""
    gathered = defaultdict(list)
    for score in subject.scores:
        rater = PEOPLE if score.rater.kind == "person" else score.rater.id
        gathered[f"{score.criterion}/{rater}"].append(score)
    return {
        name: Signal(
            name=name,
            criterion=scores[0].criterion,
            value=fmean(score.value for score in scores),
            was_read=any(score.was_read for score in scores),
            kind=scores[0].rater.kind,
            low=scores[0].low,
            high=scores[0].high,
            is_higher_better=scores[0].is_higher_better,
        )
        for name, scores in sorted(gathered.items())
    }


def reward_name(vectors: Iterable[Mapping[str, Signal]]) -> str | None:
    """The signal that is the reward of a group; None where nobody scored any of it.

    What the recipe read comes first, then totals of ensembles, then whatever most samples have, then the name.
    """
    counts: Counter[str] = Counter()
    best: dict[str, tuple[bool, bool]] = {}
    for vector in vectors:
        for name, signal in vector.items():
            counts[name] += 1
            was_read, is_total = best.get(name, (False, False))
            best[name] = (was_read or signal.was_read, is_total or signal.kind == "ensemble")
    if not counts:
        return None
    return min(counts, key=lambda name: (not best[name][0], not best[name][1], -counts[name], name))


@dataclass(frozen=True)
class Reward:
    """What the samples of a group are worth.

    Args:
        name: a signal's name, or `win_rate` where nobody scored them.
        by_place: value by the candidate's place in the group; without those that have none.
    """

    name: str
    by_place: Mapping[int, float]


def reward_of(group: ExportGroup) -> Reward:
    """The reward of a group's samples: one signal, or their win rates where there are no scores."""
    vectors = [signals_of(candidate.subject) for candidate in group.candidates]
    name = reward_name(vectors)
    if name is not None:
        return Reward(name, {place: vector[name].worth for place, vector in enumerate(vectors) if name in vector})
    rates = win_rates(group)
    return Reward(WIN_RATE, {place: rate for place, (rate, count) in enumerate(rates) if count})


def win_rates(group: ExportGroup) -> list[tuple[float, int]]:
    """For each candidate the share of its comparisons within the group that it won, and how many there are.

    A tie counts half. Both bad counts for neither, and what a rater in quarantine said is not read. Only the criterion
    that most comparisons of the group are on is counted. Without comparisons the rate is 0.5.
    """
    counted = [one for one in group.opinions if not one.is_apart and one.outcome != "both_bad"]
    criterion = _main_criterion(counted)
    won: Counter[tuple[str, str]] = Counter()
    seen: Counter[tuple[str, str]] = Counter()
    for one in counted:
        if one.criterion == criterion:
            for side, key in (("left", one.left), ("right", one.right)):
                seen[key] += 1
                won[key] += 2 if one.outcome == side else 1 if one.outcome == "tie" else 0
    keys = [candidate.subject.key for candidate in group.candidates]
    return [(won[key] / (2 * seen[key]) if seen[key] else 0.5, seen[key]) for key in keys]


def _main_criterion(opinions: Sequence[ExportOpinion]) -> str:
    counts = Counter(one.criterion for one in opinions)
    return min(counts, key=lambda name: (-counts[name], name)) if counts else ""


def are_equal(values: Sequence[float]) -> bool:
    """Whether the rewards of a group are all the same but for rounding: such a group says nothing of its samples.

    >>> are_equal([0.1 + 0.2, 0.3]), are_equal([0.5, 0.5001])
    (True, False)
    """
    return math.isclose(min(values), max(values), rel_tol=1e-9, abs_tol=1e-12)


def ranks(values: Sequence[float]) -> list[int]:
    """Ranks of values, 1 for the greatest; equal values share a rank and the next one skips."""
    return [1 + sum(other > value for other in values) for value in values]
