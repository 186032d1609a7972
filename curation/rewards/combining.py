"""Making one opinion of several: the arithmetic of ensembles, one row a subject, one column a member.

`values` is float64 of shape (n, m), NaN where a member said nothing; `weights` float64 of shape (m,), above 0. A row
without any member gives NaN.
"""

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from curation.rewards import totals
from curation.rewards.numbers import Bools, Floats

Rule = Literal["mean", "median", "worst", "vote", "route"]

# Shares this close to one half are a tie; sums of weights are not exact in binary.
EXACT_HALF = 1e-9


def combined(values: Floats, weights: Floats, *, rule: Rule, higher_is_better: bool) -> Floats:
    """The ensemble's number.

    mean: Σ w x / Σ w. median: the value at which half of the weight is reached, the middle of two where it is reached
    exactly between them. worst: the lowest, or the highest where low is good. vote: the value with the most weight
    behind it; of several, the worst of them. route: that of the one member who was asked.
    """
    match rule:
        case "mean" | "route":
            return totals.weighted_mean(values, weights)
        case "median":
            return weighted_median(values, weights)
        case "worst":
            return totals.minimum(values) if higher_is_better else -totals.minimum(-values)
        case "vote":
            return voted(values, weights) if higher_is_better else -voted(-values, weights)


def weighted_median(values: Floats, weights: Floats) -> Floats:
    """The median under weights; with equal weights the ordinary one. Shape (n,)."""
    sorted_values, shares, total = _sorted(values, weights)
    half, rows = total / 2, np.arange(len(values))
    reached = np.cumsum(shares, axis=1)
    slack = EXACT_HALF * total[:, None]
    lower = _first(reached >= half[:, None] - slack)
    upper = _first(reached > half[:, None] + slack)
    middle = (sorted_values[rows, lower] + sorted_values[rows, upper]) / 2
    return np.where(total > 0, middle, np.nan)


def voted(values: Floats, weights: Floats) -> Floats:
    """The value with the most weight behind it, the lowest of several such. Shape (n,)."""
    sorted_values, shares, total = _sorted(values, weights)
    members = values.shape[1]
    # Weight of all members that say what member j says; m is small, so m² comparisons a subject are cheap.
    behind = np.zeros_like(sorted_values)
    for member in range(members):
        behind += np.where(sorted_values == sorted_values[:, [member]], shares[:, [member]], 0.0)
    most = behind.max(axis=1, initial=0.0)
    first = _first(behind >= most[:, None] - EXACT_HALF * total[:, None])
    return np.where(total > 0, sorted_values[np.arange(len(values)), first], np.nan)


def _sorted(values: Floats, weights: Floats) -> tuple[Floats, Floats, Floats]:
    """Each row in rising order with its weights, missing members last and without weight; and the sum of weights."""
    order = np.argsort(values, axis=1, kind="stable")
    sorted_values = np.take_along_axis(values, order, axis=1)
    shares = np.where(np.isnan(sorted_values), 0.0, np.broadcast_to(weights, values.shape)[_rows(values), order])
    return sorted_values, shares, shares.sum(axis=1)


def _rows(values: Floats) -> NDArray[np.int64]:
    return np.arange(len(values))[:, None]


def _first(is_there: Bools) -> NDArray[np.int64]:
    """The first place of each row that is true, 0 where none is. Shape (n,)."""
    return np.argmax(is_there, axis=1) if is_there.shape[1] else np.zeros(len(is_there), dtype=np.int64)


def spread(values: Floats, weights: Floats) -> Floats:
    """√(Σ w (x − x̄)² / Σ w): the standard deviation across the members present, population form. Shape (n,).

    0 when they agree or only one spoke; in the members' common unit, whatever the rule of the ensemble.
    """
    mean = totals.weighted_mean(values, weights)
    variance = totals.weighted_mean((values - mean[:, None]) ** 2, weights)
    lows, highs = np.fmin.reduce(values, axis=1, initial=np.inf), np.fmax.reduce(values, axis=1, initial=-np.inf)
    return np.where(lows == highs, 0.0, np.sqrt(variance))


# -- comparisons ------------------------------------------------------------------------------------------------------

LOW, TIE, HIGH, BOTH_BAD = 1.0, 0.5, 0.0, -1.0


def combined_verdicts(voices: Floats, weights: Floats, *, rule: Rule) -> tuple[Floats, Floats]:
    """The ensemble's verdict on couples, and how much of the weight stands behind it.

    A voice lies between 0 (for the higher id) and 1 (for the lower one), ½ is a tie, −1 both bad.

    vote: the side, tie or both-bad with the most weight; where two have the most, a tie. mean: both bad where more
    than half of the weight says so, else the side of the weighted mean of the other voices. median: the same with the
    weighted median. worst: a side only where every member names it; both bad where anybody says so; else a tie.

    Args:
        voices: shape (n, m), NaN where a member did not judge the couple.

    Returns:
        verdicts (LOW, HIGH, TIE or BOTH_BAD, NaN without any member) and shares of the weight (0 to 1), shape (n,).
    """
    said = ~np.isnan(voices)
    verdicts = np.where(
        said,
        np.select([voices < 0, voices > TIE + EXACT_HALF, voices < TIE - EXACT_HALF], [BOTH_BAD, LOW, HIGH], TIE),
        np.nan,
    )
    shares = np.where(said, weights, 0.0)
    total = shares.sum(axis=1)
    behind = {
        side: _divided(np.where(verdicts == side, shares, 0.0).sum(axis=1), total)
        for side in (LOW, HIGH, TIE, BOTH_BAD)
    }
    made = _verdicts(voices, weights, behind, rule)
    share = np.select([made == side for side in behind], list(behind.values()), 0.0)
    return np.where(total > 0, made, np.nan), share


def _divided(above: Floats, below: Floats) -> Floats:
    return np.divide(above, below, out=np.zeros_like(above), where=below > 0)


def _verdicts(voices: Floats, weights: Floats, behind: dict[float, Floats], rule: Rule) -> Floats:
    if rule == "vote":
        return _most_behind(behind)
    if rule == "worst":
        unanimous = [behind[side] > 1 - EXACT_HALF for side in (LOW, HIGH)]
        return np.select([behind[BOTH_BAD] > 0, *unanimous], [BOTH_BAD, LOW, HIGH], TIE)
    sided = np.where(voices < 0, np.nan, voices)
    middle = weighted_median(sided, weights) if rule == "median" else totals.weighted_mean(sided, weights)
    conditions = [behind[BOTH_BAD] > 0.5 + EXACT_HALF, middle > TIE + EXACT_HALF, middle < TIE - EXACT_HALF]
    return np.select(conditions, [BOTH_BAD, LOW, HIGH], TIE)


def _most_behind(behind: dict[float, Floats]) -> Floats:
    table = np.stack(list(behind.values()), axis=1)
    leaders = table >= table.max(axis=1, keepdims=True) - EXACT_HALF
    alone = leaders.sum(axis=1) == 1
    return np.where(alone, np.array(list(behind))[_first(leaders)], TIE)
