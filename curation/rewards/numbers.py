"""The arithmetic of transforms: one array in, one array out, never a loop over rows.

Everywhere here: `values` is float64 of shape (n,), as the rater stated them; NaN stands for "nothing said", stays NaN
and counts in nobody's mean, rank or spread. `prompts` is int64 of shape (n,), the prompt of each value, in any order.
An empty array gives an empty array. Values must be finite or NaN (scores in the database are); an infinity is no
number one can compare with, and `Transform.apply` refuses it.

Sums within a prompt are made in the order of the values, so that the result is the same to the last bit in whatever
order the rows come.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class _Groups:
    """The said values sorted by prompt and value, and where each prompt's begin.

    Attributes:
        rows: place in the original array of each sorted value, shape (m,), NaN left out.
        values: the sorted values, shape (m,).
        starts: shape (g,), the first place of each prompt that has any value.
        sizes: shape (g,), how many values each of them has.
    """

    rows: Ints
    values: Floats
    starts: Ints
    sizes: Ints

    def sums(self, values: Floats) -> Floats:
        """One sum a prompt, shape (g,), added up in the sorted order."""
        return np.add.reduceat(values, self.starts) if len(self.starts) else np.zeros(0)

    def spread_out(self, per_prompt: Floats) -> Floats:
        """Each prompt's number at each of its values, shape (m,)."""
        return np.repeat(per_prompt, self.sizes)

    def back(self, values: Floats, length: int) -> Floats:
        """Sorted values at their original places, NaN elsewhere, shape (length,)."""
        result = np.full(length, np.nan)
        result[self.rows] = values
        return result


def _grouped(values: Floats, prompts: Ints) -> _Groups:
    said = np.flatnonzero(~np.isnan(values))
    order = said[np.lexsort((values[said], prompts[said]))]
    keys = prompts[order]
    starts = np.flatnonzero(np.r_[True, keys[1:] != keys[:-1]]) if len(keys) else np.zeros(0, np.int64)
    sizes = np.diff(np.r_[starts, len(keys)])
    return _Groups(order, values[order], starts, sizes)


def _means(groups: _Groups) -> Floats:
    return groups.sums(groups.values) / groups.sizes


# -- against the other samples of the prompt --------------------------------------------------------------------------


def centre(values: Floats, prompts: Ints) -> Floats:
    """x − mean of the prompt's values. In the value's own unit. A prompt with one value gives 0."""
    groups = _grouped(values, prompts)
    centred = groups.values - groups.spread_out(_means(groups))
    return groups.back(_zero_where_equal(centred, groups), len(values))


def zscore_in_prompt(values: Floats, prompts: Ints) -> Floats:
    """(x − mean) / standard deviation of the prompt's values, population form (divided by n); in standard deviations.

    A prompt with one value, or whose values are all equal, has no spread and gives 0.
    """
    groups = _grouped(values, prompts)
    centred = groups.values - groups.spread_out(_means(groups))
    deviation = np.sqrt(groups.sums(centred**2) / np.maximum(groups.sizes, 1))
    scored = _divide(centred, groups.spread_out(deviation))
    return groups.back(_zero_where_equal(scored, groups), len(values))


def _zero_where_equal(values: Floats, groups: _Groups) -> Floats:
    """A mean of equal values may differ from them in the last bit: what does not differ is exactly 0."""
    if not len(values):
        return values
    lows = groups.values[groups.starts]
    highs = groups.values[groups.starts + groups.sizes - 1]
    return np.where(groups.spread_out(lows == highs), 0.0, values)


def _divide(above: Floats, below: Floats) -> Floats:
    return np.divide(above, below, out=np.zeros_like(above), where=below > 0)


def rank_in_prompt(values: Floats, prompts: Ints) -> Floats:
    """Place among the prompt's values from 1 (lowest) to k (highest); equal values share the mean of their places."""
    groups = _grouped(values, prompts)
    return groups.back(_ranks(groups), len(values))


def percentile_in_prompt(values: Floats, prompts: Ints) -> Floats:
    """(rank − ½) / k: the share of the prompt's values below, half of those equal included; between 0 and 1.

    A single value gives ½, and so do values that are all equal.
    """
    groups = _grouped(values, prompts)
    sizes = groups.spread_out(groups.sizes.astype(np.float64))
    return groups.back(_divide(_ranks(groups) - 0.5, sizes), len(values))


def _ranks(groups: _Groups) -> Floats:
    """Mean place of each sorted value in its prompt, from 1."""
    count = len(groups.values)
    if not count:
        return np.zeros(0)
    begins = np.zeros(count, dtype=bool)
    begins[groups.starts] = True
    begins[1:] |= groups.values[1:] != groups.values[:-1]
    first = np.flatnonzero(begins)
    lengths = np.diff(np.r_[first, count])
    place_of_first = first - np.repeat(groups.starts, groups.sizes)[first]
    return np.repeat(place_of_first + (lengths + 1) / 2, lengths)


def minus_reference(values: Floats, prompts: Ints, is_reference: Bools) -> Floats:
    """x − mean of the prompt's reference (or real) samples, in the value's own unit.

    A prompt without a reference that has a value gives NaN. A lone reference itself gives 0.
    """
    anchors = _grouped(np.where(is_reference, values, np.nan), prompts)
    if not len(anchors.starts):
        return np.full(len(values), np.nan)
    keys = prompts[anchors.rows][anchors.starts]
    place = np.minimum(np.searchsorted(keys, prompts), len(keys) - 1)
    return np.where(keys[place] == prompts, values - _means(anchors)[place], np.nan)


def minus_contrast(values: Floats, contrasts: Floats) -> Floats:
    """x − the same sample's value under another prompt, in the value's own unit; NaN where either is missing."""
    return values - contrasts


# -- against stated numbers -------------------------------------------------------------------------------------------


def mean_and_deviation(reference: Floats) -> tuple[float, float]:
    """Mean and standard deviation (population form) of a reference set, in the order of its values; NaN left out.

    Raises:
        ValueError: fewer than two values, or no spread among them.
    """
    said = np.sort(reference[~np.isnan(reference)])
    if len(said) < 2 or said[0] == said[-1]:
        raise ValueError(f"{len(said)} values without any spread cannot be a reference for a z-score")
    mean = float(said.sum() / len(said))
    return mean, float(np.sqrt(((said - mean) ** 2).sum() / len(said)))


def zscore(values: Floats, *, mean: float, deviation: float) -> Floats:
    """(x − mean) / deviation with the stated numbers of a reference set; in standard deviations. Deviation above 0."""
    return (values - mean) / deviation


def linear(values: Floats, *, times: float, plus: float) -> Floats:
    """times · x + plus. A negative `times` turns the direction round."""
    return times * values + plus


def bounded(values: Floats, *, low: float, high: float, clip: bool) -> Floats:
    """(x − low) / (high − low) against a fixed range: `low` becomes 0, `high` becomes 1.

    `low` above `high` turns the direction round. With `clip`, what lies beyond becomes 0 or 1; without, it goes on.
    """
    scaled = (values - low) / (high - low)
    return np.clip(scaled, 0.0, 1.0) if clip else scaled


def logistic(values: Floats, *, middle: float, width: float) -> Floats:
    """1 / (1 + exp(−(x − middle) / width)), between 0 and 1; `middle` becomes ½. Width above 0."""
    return np.asarray(expit((values - middle) / width), dtype=np.float64)


def signed_log(values: Floats, *, scale: float) -> Floats:
    """sign(x) · ln(1 + |x| / scale): near 0 a straight line, far out a logarithm, odd. Scale above 0, in x's unit."""
    return np.sign(values) * np.log1p(np.abs(values) / scale)


def clipped(values: Floats, *, low: float | None, high: float | None) -> Floats:
    """What lies below `low` or above `high` becomes that bound; None leaves a side open."""
    result = values if low is None else np.maximum(values, low)
    return result if high is None else np.minimum(result, high)


def passed(values: Floats, *, at_least: float | None = None, at_most: float | None = None) -> Floats:
    """1 where at_least ≤ x ≤ at_most, else 0; a bar that is None is not asked."""
    ok = np.ones(len(values), dtype=bool)
    if at_least is not None:
        ok &= values >= at_least
    if at_most is not None:
        ok &= values <= at_most
    return np.where(np.isnan(values), np.nan, ok.astype(np.float64))


def tiers(values: Floats, *, cuts: Floats) -> Floats:
    """How many of the rising cut points are ≤ x: 0 below the first one, k from the last one on. Cuts of shape (k,)."""
    return np.where(np.isnan(values), np.nan, np.searchsorted(cuts, values, side="right").astype(np.float64))
