"""What several verdicts about the same samples come to: both orders of a pair, all pairs of a group, repeats.

Plain arithmetic on what `parsing.parse` gives; who bears which id is not known here.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from curation.reliability.shares import Share, wilson
from curation.reliability.sides import SideBias, mirrored_side_bias
from scoring.judges.base import Preference
from scoring.scorers.base import Result

LEFT, RIGHT, TIE = "left", "right", "tie"
_TURNED = {LEFT: RIGHT, RIGHT: LEFT}


# -- both orders of a pair --------------------------------------------------------------------------------------------


def turned(preference: Preference) -> Preference:
    """The same verdict about the same two samples, told from the other side.

    >>> turned(Preference("left", 2.0, 0.9))
    Preference(outcome='right', strength=2.0, probability=0.09999999999999998)
    """
    chance = None if preference.probability is None else 1.0 - preference.probability
    return Preference(_TURNED.get(preference.outcome, preference.outcome), preference.strength, chance)


def both_orders(first: Preference, swapped: Preference) -> tuple[Preference, bool]:
    """What two verdicts on one pair come to, asked as (A, B) and as (B, A).

    Args:
        first: on (A, B), `left` being A.
        swapped: on (B, A), `left` being B, as it was answered.

    Returns:
        The verdict on (A, B), and whether the two differ. Where they do, it is a tie: what changes with the order is
        no preference. The strength is the mean where they agree, none where not; the probability of A is the mean of
        both where both have one, else the one that is there.

    >>> both_orders(Preference("left"), Preference("left"))  # the first one, whichever it was
    (Preference(outcome='tie', strength=None, probability=None), True)
    """
    other = turned(swapped)
    chance = _mean_or_none([first.probability, other.probability])
    if first.outcome != other.outcome:
        return Preference(TIE, None, chance), True
    return Preference(first.outcome, _mean_or_none([first.strength, other.strength]), chance), False


def _mean_or_none(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None


@dataclass(frozen=True)
class OrderAudit:
    """How much a judge goes by position, from pairs it was asked about in both orders.

    Attributes:
        pairs: how many pairs.
        first: share of verdicts for whatever stood first, among all that chose a side; 0.5 without bias. The two
            verdicts of a pair are not independent, so its interval is rather too wide.
        flips: share of pairs whose verdict changed with the order, ties among them.
        leaning: the bias in logits, from the pairs in which the same place won twice; None where there are none.
    """

    pairs: int
    first: Share | None
    flips: Share | None
    leaning: SideBias | None


def audit(verdicts: Iterable[tuple[str, str]]) -> OrderAudit:
    """The order audit of a judge.

    Args:
        verdicts: for each pair the outcomes as they were answered, on (A, B) and on (B, A): `left` is what stood
            first in either.

    Returns:
        Shares with Wilson intervals of 95 %; None where nothing was counted.

    >>> found = audit([("left", "left"), ("left", "right"), ("right", "left"), ("tie", "tie")])
    >>> found.first.count, found.first.of, found.flips.count, found.flips.of
    (4, 6, 1, 4)
    """
    counted = Counter(verdicts)
    pairs = counted.total()
    sides = Counter(side for (one, other), times in counted.items() for side in [one, other] * times)
    same = sum(times for (one, other), times in counted.items() if one == _TURNED.get(other, other))
    return OrderAudit(
        pairs=pairs,
        first=wilson(sides[LEFT], sides[LEFT] + sides[RIGHT]),
        flips=wilson(pairs - same, pairs),
        leaning=mirrored_side_bias(counted[LEFT, LEFT], counted[RIGHT, RIGHT]),
    )


# -- all pairs of a group ---------------------------------------------------------------------------------------------


def win_rates(count: int, verdicts: Mapping[tuple[int, int], Preference], *, soft: bool = False) -> list[float]:
    """How often each sample of a group is the better one, over all its pairs.

    A win counts 1, a loss 0, a tie (and both bad) one half to each. With `soft`, the probability of the left one
    counts where it is known. The rates of n samples add up to n / 2.

    Args:
        count: n ≥ 2 samples, numbered 0 to n − 1.
        verdicts: for every pair (i, j), i < j, the verdict with i on the left.

    Returns:
        n rates from 0 to 1.

    Raises:
        ValueError: a pair is missing; a rate over fewer pairs could not be compared with the others.

    >>> win_rates(3, {(0, 1): Preference("left"), (0, 2): Preference("tie"), (1, 2): Preference("right")})
    [0.75, 0.0, 0.75]
    """
    if count < 2:
        raise ValueError(f"{count} samples have no pairs")
    won = [0.0] * count
    for one, other in combinations(range(count), 2):
        if (one, other) not in verdicts:
            raise ValueError(f"the pair of samples {one} and {other} has no verdict")
        share = _share(verdicts[one, other], soft)
        won[one] += share
        won[other] += 1.0 - share
    return [value / (count - 1) for value in won]


def _share(preference: Preference, soft: bool) -> float:
    if soft and preference.probability is not None:
        return preference.probability
    return {LEFT: 1.0, RIGHT: 0.0}.get(preference.outcome, 0.5)


def win_rates_of_ranks(ranks: Sequence[float]) -> list[float]:
    """The same rates from one order of a whole group: 1 is best, equal ranks are ties.

    >>> win_rates_of_ranks([2, 1, 2])
    [0.25, 1.0, 0.25]
    """
    pairs = {
        (one, other): Preference(TIE if ranks[one] == ranks[other] else LEFT if ranks[one] < ranks[other] else RIGHT)
        for one, other in combinations(range(len(ranks)), 2)
    }
    return win_rates(len(ranks), pairs)


# -- repeats, and several judges --------------------------------------------------------------------------------------


def mean_of(results: Sequence[Result]) -> Result:
    """The mean of several numbers on the same thing, with the spread of a single one.

    Spread: √(s² + mean of the numbers' own spreads²), s the standard deviation between them (n − 1); their own spreads
    count as 0 where unknown. None for one number without a spread.

    Raises:
        ValueError: there is none.

    >>> mean_of([Result(1.0), Result(3.0)])
    Result(value=2.0, spread=1.4142135623730951)
    """
    if not results:
        raise ValueError("the mean of no numbers is asked for")
    mean = sum(result.value for result in results) / len(results)
    inside = sum((result.spread or 0.0) ** 2 for result in results) / len(results)
    if len(results) == 1:
        return Result(mean, results[0].spread)
    between = sum((result.value - mean) ** 2 for result in results) / (len(results) - 1)
    return Result(mean, math.sqrt(between + inside))


def worst_of(results: Sequence[Result]) -> Result:
    """The lowest of several numbers, with the spread that `mean_of` gives all of them: a worst-case score."""
    spread = mean_of(results).spread
    return Result(min(result.value for result in results), spread)


@dataclass(frozen=True)
class Vote:
    """What several verdicts on one pair come to.

    Attributes:
        preference: the outcome with more votes than any other, else a tie; its probability is the share of votes for
            the left one, a tie counting half.
        counts: votes by outcome.
        agreement: share of votes for the commonest outcome.
    """

    preference: Preference
    counts: Mapping[str, int]
    agreement: float


def vote_of(preferences: Sequence[Preference]) -> Vote:
    """The vote of several verdicts, all told in the same order of samples. Raises ValueError when there is none.

    >>> vote_of([Preference("left"), Preference("left"), Preference("right")]).preference
    Preference(outcome='left', strength=None, probability=0.6666666666666666)
    """
    if not preferences:
        raise ValueError("the vote of no verdicts is asked for")
    counts = Counter(preference.outcome for preference in preferences)
    (best, most), *others = counts.most_common()
    outcome = TIE if others and others[0][1] == most else best
    chance = sum(_share(preference, False) for preference in preferences) / len(preferences)
    strengths = [preference.strength for preference in preferences if preference.outcome == outcome]
    found = Preference(outcome, _mean_or_none(strengths) if outcome != TIE else None, chance)
    return Vote(found, dict(counts), most / len(preferences))
