"""Stars and sliders as evidence about the same strengths as comparisons. Plain code.

n ratings are not n (n − 1) / 2 independent votes: expanding them into pairs claims far more than was said. They enter
as one Gaussian term a rater and group instead, in which the rater's own zero has dropped out.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from curation.consensus.bradley_terry import GaussianTerm
from curation.consensus.errors import NotConverged
from curation.errors import Refused

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

# From so many ratings on, a rater has a scale of their own; before, everybody's.
OWN_SCALE_FROM = 100
_SCALE_ROUNDS = 2000


@dataclass(frozen=True)
class Ratings:
    """Ratings in long form, one entry each: value = own zero + scale · θ + noise.

    Args:
        group, item: shape (N,), as in `Votes`.
        rater: shape (N,), 0 to R − 1.
        value: shape (N,), on any range, higher is better.

    Raises:
        ValueError: shapes differ, a value is not finite, a number is below 0, or a rater rates an item of a group
            twice: keep the last.
    """

    group: Ints
    item: Ints
    rater: Ints
    value: Floats

    @classmethod
    def of(cls, group: ArrayLike, item: ArrayLike, rater: ArrayLike, value: ArrayLike) -> Ratings:
        rows, items, raters = (
            np.asarray(column).astype(np.int64, casting="same_kind") for column in (group, item, rater)
        )
        return cls(rows, items, raters, np.asarray(value, dtype=np.float64))

    def __post_init__(self) -> None:
        columns = (self.group, self.item, self.rater, self.value)
        if any(column.shape != (len(self.group),) for column in columns):
            raise ValueError(
                f"columns of shapes {[column.shape for column in columns]}; give one entry for each rating"
            )
        if not np.isfinite(self.value).all():
            raise ValueError("a rating is not a finite number; leave out what was not said")
        if any((column < 0).any() for column in (self.group, self.item, self.rater)):
            raise ValueError("a group, item or rater is below 0")
        if len(np.unique(_key(self.group, self.item, self.rater))) < len(self.value):
            raise ValueError("a rater rates the same item twice; keep the last of them")

    def __len__(self) -> int:
        return len(self.group)


@dataclass(frozen=True)
class RatingScale:
    """How ratings answer to strengths, of each rater.

    Args:
        scale: shape (R,), rating units per logit.
        noise: shape (R,), standard deviation of a rating around its line, rating units, above 0.
    """

    scale: Floats
    noise: Floats


def gaussian_term(ratings: Ratings, scale: RatingScale, *, groups: int, items: int) -> GaussianTerm:
    """What the ratings add to the log posterior of the strengths of each group.

    A rater with scale c and noise s who rated the k items S of a group adds (c²/s²)(I − 11ᵀ/k) on S to the precision
    and (c/s²)(y − mean of y) to the linear part: the rater's zero is profiled out, so one rating alone adds nothing.

    Args:
        ratings: in any order.
        scale: of the raters.
        groups, items: G and n.

    Returns:
        Precision (G, n, n) in 1/logits², linear (G, n).

    Raises:
        ValueError: a group, item or rater that is not there, or a noise that is not above 0.

    Source: the linear mixed model with a fixed effect for each rater and group.
    """
    if len(ratings) and (ratings.group.max() >= groups or ratings.item.max() >= items):
        raise ValueError(f"a rating names a group or item beyond {(groups, items)}")
    if len(ratings) and ratings.rater.max() >= len(scale.scale):
        raise ValueError(f"a rating names rater {ratings.rater.max()}; scales are known of {len(scale.scale)}")
    if not (np.isfinite(scale.scale) & np.isfinite(scale.noise) & (scale.noise > 0)).all():
        raise ValueError("a scale is not finite or a noise not above 0")
    sheet = _sheets(ratings)
    c, s = scale.scale[sheet.rater], scale.noise[sheet.rater]
    place = ratings.group * items + ratings.item
    linear = _total(place, (c / s**2)[sheet.of] * sheet.centred, groups * items)
    first, second = _couples(sheet.of)
    own = sheet.of[first]
    centring = (first == second) - 1 / sheet.count[own]
    cell = place[first] * items + ratings.item[second]
    precision = _total(cell, (c**2 / s**2)[own] * centring, groups * items * items)
    return GaussianTerm(precision.reshape(groups, items, items), linear.reshape(groups, items))


def rating_scale(ratings: Ratings, *, raters: int, sd: float) -> RatingScale:
    """Scale and noise of the raters by moments, from items that two of them rated in the same group.

    What two raters' deviations from their own means have in common is c² sd²; what is left of a rater's variance is
    s². A rater with 100 ratings and partners gets a scale and noise of their own, drawn to everybody's by
    n / (n + 100); the others get everybody's.

    Args:
        ratings: people's.
        raters: R.
        sd: spread of the strengths in logits, from `prior_width`.

    Raises:
        Refused: no two raters rated the same two items, or they have nothing in common (covariance not above 0).
        ValueError: sd not above 0.

    Source: variance components by the method of moments (C. Henderson 1953, Biometrics 9, method 1).
    """
    if not (np.isfinite(sd) and sd > 0):
        raise ValueError(f"the spread of strengths is {sd}; it is above 0")
    sheet = _sheets(ratings)
    shared = _shared(ratings, sheet)
    if shared.freedom.sum() == 0:
        raise Refused("No two raters rated the same two samples of a prompt, so what a star is worth is not known.")
    common = shared.product.sum() / shared.freedom.sum()
    if common <= 0:
        raise Refused("Raters who rated the same samples have nothing in common: these ratings carry no information.")
    scale = float(np.sqrt(common) / sd)
    variance = (sheet.centred**2).sum() / sheet.freedom().sum()
    noise = np.sqrt(max(variance - common, 0.01 * variance))
    return _own(ratings, sheet, shared, RatingScale(np.full(raters, scale), np.full(raters, noise)), sd)


def _own(ratings: Ratings, sheet: _Sheets, shared: _Shared, pooled: RatingScale, sd: float) -> RatingScale:
    """Raters with enough ratings moved from everybody's scale towards their own."""
    raters = len(pooled.scale)
    freedom = np.bincount(sheet.rater, sheet.freedom(), minlength=raters)
    variance = _total(ratings.rater, sheet.centred**2, raters) / np.maximum(freedom, 1)
    common = _total(shared.rater, shared.product, raters)
    partners = np.bincount(shared.rater, shared.freedom, minlength=raters)
    scale = _own_scale(shared, common, pooled.scale, sd)
    noise = np.sqrt(np.maximum(variance - (scale * sd) ** 2, 0.01 * variance))
    count = np.bincount(ratings.rater, minlength=raters)
    share = np.where((count >= OWN_SCALE_FROM) & (partners > 0) & (noise > 0), count / (count + OWN_SCALE_FROM), 0.0)
    return RatingScale(pooled.scale + share * (scale - pooled.scale), pooled.noise + share * (noise - pooled.noise))


def _own_scale(shared: _Shared, common: Floats, scale: Floats, sd: float) -> Floats:
    """Scales c of which c_r c_q sd² is nearest to what r and q have in common, summed over the partners q of r."""
    for _round in range(_SCALE_ROUNDS):
        expected = _total(shared.rater, shared.freedom * scale[shared.partner], len(scale)) * sd**2
        found = np.where(expected > 0, np.maximum(common, 0) / np.where(expected > 0, expected, 1.0), scale)
        # Without the mean with the last one, scales that are all too large would be all too small next, for ever.
        new = np.maximum(np.sqrt(scale * found), 1e-6 * scale.max())
        moved, scale = np.abs(new - scale).max(initial=0.0), new
        if moved <= 1e-9 * scale.max(initial=0.0):
            return scale
    raise NotConverged(
        f"The scales of {len(scale)} raters still move after {_SCALE_ROUNDS} rounds; look for odd ratings."
    )


# -- what one rater said of one group ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Sheets:
    """The ratings of one rater in one group, Q of them.

    Args:
        of: shape (N,), the sheet of each rating.
        rater, count: shape (Q,).
        centred: shape (N,), value less the mean of its sheet.
    """

    of: Ints
    rater: Ints
    count: Ints
    centred: Floats

    def freedom(self) -> Ints:
        return self.count - 1


def _sheets(ratings: Ratings) -> _Sheets:
    _keys, first, of, count = np.unique(
        _key(ratings.group, ratings.rater), return_index=True, return_inverse=True, return_counts=True
    )
    mean = _total(of, ratings.value, len(count)) / np.maximum(count, 1)
    return _Sheets(of, ratings.rater[first], count, ratings.value - mean[of])


def _couples(of: Ints) -> tuple[Ints, Ints]:
    """All ordered couples of positions with the same number in `of`, each position with itself too."""
    order = np.argsort(of, kind="stable")
    count = np.bincount(of)
    start = np.cumsum(count) - count
    first = np.repeat(order, count[of[order]])
    within = np.arange(len(first)) - np.repeat(np.cumsum(count[of[order]]) - count[of[order]], count[of[order]])
    return first, order[np.repeat(start[of[order]], count[of[order]]) + within]


@dataclass(frozen=True)
class _Shared:
    """For each rater and partner, what they have in common on the items both rated, over all groups.

    Args:
        rater, partner: shape (C,); each two raters are here both ways.
        product: shape (C,), Σ of the products of their deviations from their means over the shared items.
        freedom: shape (C,), shared items less one.
    """

    rater: Ints
    partner: Ints
    product: Floats
    freedom: Floats


def _shared(ratings: Ratings, sheet: _Sheets) -> _Shared:
    first, second = _couples(np.unique(_key(ratings.group, ratings.item), return_inverse=True)[1])
    is_other = ratings.rater[first] != ratings.rater[second]
    first, second = first[is_other], second[is_other]
    _keys, one, which, count = np.unique(
        _key(sheet.of[first], sheet.of[second]), return_index=True, return_inverse=True, return_counts=True
    )
    a, b = sheet.centred[first], sheet.centred[second]
    both, left, right = (_total(which, values, len(count)) for values in (a * b, a, b))
    product = both - left * right / np.maximum(count, 1)
    rater, partner = ratings.rater[first[one]], ratings.rater[second[one]]
    _keys, one, which = np.unique(_key(rater, partner), return_index=True, return_inverse=True)
    freedom = _total(which, (count - 1).astype(np.float64), len(one))
    return _Shared(rater[one], partner[one], _total(which, product, len(one)), freedom)


def _key(*columns: Ints) -> Ints:
    """One number for each row of some columns of small numbers, equal where the rows are."""
    key = np.zeros(len(columns[0]), dtype=np.int64)
    for column in columns:
        key = key * (int(column.max(initial=0)) + 1) + column
    return key


def _total(place: Ints, values: Floats, places: int) -> Floats:
    return np.bincount(place, values, minlength=places).astype(np.float64)
