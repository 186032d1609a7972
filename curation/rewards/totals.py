"""The arithmetic of totals: a table of members' numbers in, one number a sample out, never a loop over rows.

Everywhere here: `values` is float64 of shape (n, m), one row a sample, one column a member, already transformed; NaN
stands for a missing member. `weights` is float64 of shape (m,). A row without any member gives NaN. What a missing
member does to a total is the rule of the reward (`missing`), applied before and after these functions: they themselves
leave missing members out and share their weight among the others.
"""

from collections.abc import Sequence

import numpy as np

from curation.rewards.numbers import Bools, Floats, Ints

# 1.1 − 1.0 is a tie within 0.1, although the computer's difference is a hair more.
ALMOST = 1 + 1e-9


def _said(values: Floats) -> Bools:
    return ~np.isnan(values)


def _weights_said(values: Floats, weights: Floats) -> Floats:
    return np.where(_said(values), weights, 0.0)


def _nan_without_members(values: Floats, totals: Floats) -> Floats:
    return np.where(_said(values).any(axis=1), totals, np.nan)


def _share(above: Floats, below: Floats) -> Floats:
    return np.divide(above, below, out=np.full(len(above), np.nan), where=below > 0)


def weighted_mean(values: Floats, weights: Floats) -> Floats:
    """Σ w x / Σ w over the members present. Weights above 0. In the members' common unit."""
    present = _weights_said(values, weights)
    return _share((present * np.nan_to_num(values)).sum(axis=1), present.sum(axis=1))


def weighted_sum(values: Floats, weights: Floats) -> Floats:
    """Σ w x, scaled by Σ |w| of all members over Σ |w| of those present. A negative weight is a penalty."""
    present = _weights_said(values, weights)
    summed = (present * np.nan_to_num(values)).sum(axis=1)
    return summed * _share(np.full(len(values), np.abs(weights).sum()), np.abs(present).sum(axis=1))


def harmonic_mean(values: Floats, weights: Floats) -> Floats:
    """Σ w / Σ (w / x) over the members present: near the smallest of them, 0 when any of them is 0.

    Raises:
        ValueError: a value is negative; the message counts them.
    """
    _refuse_negative(values, "harmonic mean")
    present = _weights_said(values, weights)
    with np.errstate(divide="ignore"):
        inverse = np.where(_said(values), present / np.where(_said(values), values, 1.0), 0.0)
    return _share(present.sum(axis=1), inverse.sum(axis=1))


def geometric_mean(values: Floats, weights: Floats) -> Floats:
    """exp(Σ w ln x / Σ w) over the members present; 0 when any of them is 0.

    Raises:
        ValueError: a value is negative; the message counts them.
    """
    _refuse_negative(values, "geometric mean")
    present = _weights_said(values, weights)
    with np.errstate(divide="ignore"):
        logs = np.where(_said(values), np.log(np.where(_said(values), values, 1.0)), 0.0)
    return np.exp(_share((present * logs).sum(axis=1), present.sum(axis=1)))


def _refuse_negative(values: Floats, what: str) -> None:
    if negative := int((values < 0).sum()):
        raise ValueError(f"{negative} values are negative, and there is no {what} of negative numbers")


def minimum(values: Floats) -> Floats:
    """The worst member present."""
    lowest: Floats = np.fmin.reduce(values, axis=1, initial=np.inf)
    return _nan_without_members(values, lowest)


def product(values: Floats) -> Floats:
    """The members multiplied; NaN when any is missing, since fewer factors are another number."""
    return np.prod(values, axis=1) if values.shape[1] else np.full(len(values), np.nan)


def all_passed(values: Floats, at_least: Floats, at_most: Floats) -> Floats:
    """1 when every member present lies between its bars, else 0. Bars of shape (m,), infinite for none."""
    ok = ~_said(values) | ((values >= at_least) & (values <= at_most))
    return _nan_without_members(values, np.where(ok.all(axis=1), 1.0, 0.0))


def gated(base: Floats, bonus: Floats, *, at_least: float, cap_below: float | None) -> Floats:
    """base + bonus where base ≥ at_least; below the gate no bonus, and 0 or at most `cap_below`.

    Args:
        base: shape (n,), NaN where the base is missing.
        bonus: shape (n,), 0 where there is none.
        cap_below: None: a base below the gate counts as 0; else it keeps its number, but never more than this.
    """
    below = np.zeros(len(base)) if cap_below is None else np.minimum(base, cap_below)
    return np.where(np.isnan(base), np.nan, np.where(base >= at_least, base + bonus, below))


def capped(totals: Floats, at_most: float, where: Bools | None = None) -> Floats:
    """What exceeds `at_most` becomes it, in the rows of `where` only."""
    lower = np.minimum(totals, at_most)
    return lower if where is None else np.where(where, lower, totals)


def ordered(values: Floats, prompts: Ints, tolerances: Sequence[float]) -> Floats:
    """Ranks within a prompt by the first member, where that is a tie by the second, and so on; 1 is best.

    Higher is better. Samples are a tie on a member when they lie in one tier: the best sample not yet in a tier leads
    the next one, and all that are at most the tolerance below their leader are in it. (Saying "within the tolerance of
    each other" instead would be no order: a ≈ b and b ≈ c do not make a ≈ c.) Tiers of a later member are made anew
    inside each tier of the earlier ones. Equal in all: equal rank, and as many ranks are left out (1, 2, 2, 4).

    Args:
        values: a row with any NaN gets no rank and stands in nobody's way.
        prompts: int64 of shape (n,).
        tolerances: one a member, 0 or more.

    Returns:
        Shape (n,), NaN where a member is missing.
    """
    ranks = np.full(len(values), np.nan)
    rows = np.flatnonzero(_said(values).all(axis=1))
    if not len(rows):
        return ranks
    keys = np.unique(prompts[rows], return_inverse=True)[1].astype(np.int64)
    firsts = keys
    for member, tolerance in enumerate(tolerances):
        firsts = _tiers(firsts, values[rows, member], tolerance)
    ranks[rows] = _standing(keys, firsts)
    return ranks


def _tiers(groups: Ints, values: Floats, tolerance: float) -> Ints:
    """Numbers of tiers that rise through the groups and, in a group, from the best tier to the worst.

    One pass for each place in a group, over all groups at once.
    """
    order = np.lexsort((-values, groups))
    sorted_values, sorted_groups = values[order], groups[order]
    starts = np.flatnonzero(np.r_[True, sorted_groups[1:] != sorted_groups[:-1]])
    sizes = np.diff(np.r_[starts, len(order)])
    begins = np.zeros(len(order), dtype=bool)
    begins[starts] = True
    leader = sorted_values[starts]
    for place in range(1, int(sizes.max())):
        alive = sizes > place
        starts, sizes, leader = starts[alive], sizes[alive], leader[alive]
        here = sorted_values[starts + place]
        is_new = leader - here > tolerance * ALMOST
        begins[starts + place] = is_new
        leader = np.where(is_new, here, leader)
    tiers = np.empty(len(order), dtype=np.int64)
    tiers[order] = np.cumsum(begins)
    return tiers


def _standing(prompts: Ints, tiers: Ints) -> Floats:
    """One more than the number of samples of the prompt in better tiers."""
    order = np.lexsort((tiers, prompts))
    p, t = prompts[order], tiers[order]
    places = np.arange(len(order))
    new_prompt = np.r_[True, p[1:] != p[:-1]]
    new_tier = new_prompt | np.r_[True, t[1:] != t[:-1]]
    first_of_prompt = np.maximum.accumulate(np.where(new_prompt, places, 0))
    first_of_tier = np.maximum.accumulate(np.where(new_tier, places, 0))
    ranks = np.empty(len(order))
    ranks[order] = first_of_tier - first_of_prompt + 1
    return ranks
