"""Whether a person prefers a side of the screen to what stands there. Plain code.

The server draws the sides, so an honest rater's verdicts fall left and right like a fair coin, whatever is shown.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from curation.reliability.shares import CONFIDENCE, Share, jeffreys

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class SideBias:
    """How much further a person leans to the left, in logits: 0 is none, 1 makes an even choice 73 to 27.

    Args:
        same_side: pairs of which the person took the same side in both orders, and how many of these were left.
        low, high: interval; infinite where all, or none, of them were left.
    """

    logits: float
    low: float
    high: float
    same_side: Share


def mirrored_side_bias(left_twice: int, right_twice: int, confidence: float = CONFIDENCE) -> SideBias | None:
    """The side bias of a person from pairs that were shown twice, with their sides swapped.

    Let P(left) = σ(d + b), d the difference of the two samples to this person and b the bias; mirrored it is
    σ(−d + b). Then P(left twice) / P(right twice) = e^{2b}, whatever d is: the pairs answered alike both times say
    nothing about b, and of the others the share s that went left twice gives b = ½ logit(s). This is conditional
    logistic regression with one parameter a pair removed.

    Args:
        left_twice: pairs in which the left one was chosen in both orders.
        right_twice: pairs in which the right one was.
        confidence: of the interval, between 0 and 1.

    Returns:
        The bias with the interval of Jeffreys for s carried over; None when no pair went to the same side twice,
        which says nothing (0/0).

    Raises:
        ValueError: a count below 0.

    Source: D. R. Cox (1958), The regression analysis of binary sequences, section 7 (matched pairs).

    >>> round(mirrored_side_bias(9, 3).logits, 4)
    0.4993
    """
    share = jeffreys(left_twice, left_twice + right_twice, confidence)
    if share is None:
        return None
    # Half a pair on either side keeps the estimate finite; the interval needs no such help.
    logits = 0.5 * math.log((left_twice + 0.5) / (right_twice + 0.5))
    return SideBias(logits, _half_logit(share.low), _half_logit(share.high), share)


def _half_logit(share: float) -> float:
    if share in (0.0, 1.0):
        return math.copysign(math.inf, share - 0.5)
    return 0.5 * math.log(share / (1 - share))


@dataclass(frozen=True)
class Slopes:
    """One entry a rater, shape (raters,).

    Args:
        log_slope: how closely the rater follows what others say; 0 is as closely as expected, far below 0 is noise.
        bias: leaning to the left, in logits.
        log_slope_error, bias_error: standard errors.
    """

    log_slope: Floats
    bias: Floats
    log_slope_error: Floats
    bias_error: Floats


LOG_SLOPE_SPREAD = 0.7
BIAS_SPREAD = 0.5
_STEPS = 50


def slopes(rater: Ints, difference: Floats, is_left: NDArray[np.bool_], *, raters: int) -> Slopes:
    """How closely each rater follows a known difference, and how far they lean to the left, from all their verdicts.

    P(left) = σ(s_k · d + b_k), with log s_k ~ N(0, 0.7²) and b_k ~ N(0, 0.5²): the most probable values by Fisher
    scoring, every rater at once. A rater who works against the others (s below 0) is outside the model and ends near
    s = 0.

    Args:
        rater: shape (n,), 0 to `raters` − 1.
        difference: shape (n,), how much better the left sample is by what others said, in logits.
        is_left: shape (n,), whether the rater chose the left one; ties are left out.
        raters: how many there are; one without a verdict keeps 0 ± the prior.

    Raises:
        ValueError: the shapes differ.

    Source: aggregation after X. Chen et al. (2013), Pairwise ranking aggregation in a crowdsourced setting, WSDM, in
    the slope form; position effect after N. Bugakova et al. (2019), Aggregation of pairwise comparisons with
    reduction of biases.
    """
    if not rater.shape == difference.shape == is_left.shape:
        raise ValueError(f"{rater.shape} raters, {difference.shape} differences, {is_left.shape} verdicts")
    log_slope, bias = np.zeros(raters), np.zeros(raters)
    for _step in range(_STEPS):
        gradient, information = _score(rater, difference, is_left, log_slope, bias)
        step = np.linalg.solve(information, gradient[:, :, None])[:, :, 0]
        # A long step away from noise overshoots; the next one goes on.
        step = np.clip(step, -1.0, 1.0)
        log_slope, bias = log_slope + step[:, 0], bias + step[:, 1]
        if np.abs(step).max(initial=0.0) < 1e-10:
            break
    _gradient, information = _score(rater, difference, is_left, log_slope, bias)
    errors = np.sqrt(np.linalg.inv(information)[:, [0, 1], [0, 1]])
    return Slopes(log_slope, bias, errors[:, 0], errors[:, 1])


def _score(
    rater: Ints, difference: Floats, is_left: NDArray[np.bool_], log_slope: Floats, bias: Floats
) -> tuple[Floats, Floats]:
    """Gradient (raters, 2) and expected information (raters, 2, 2) of the log posterior in (log s, b)."""
    raters = len(log_slope)
    z = np.exp(log_slope)[rater] * difference
    p = 1 / (1 + np.exp(-(z + bias[rater])))
    off, weight = is_left - p, p * (1 - p)

    def total(values: Floats) -> Floats:
        return np.bincount(rater, values, minlength=raters).astype(np.float64)

    gradient = np.stack([total(off * z) - log_slope / LOG_SLOPE_SPREAD**2, total(off) - bias / BIAS_SPREAD**2], axis=1)
    crossed = total(weight * z)
    information = np.stack(
        [
            np.stack([total(weight * z * z) + 1 / LOG_SLOPE_SPREAD**2, crossed], axis=1),
            np.stack([crossed, total(weight) + 1 / BIAS_SPREAD**2], axis=1),
        ],
        axis=1,
    )
    return gradient, information
