"""Patterns that honest work seldom shows, each with the chance that honest work shows it all the same. Plain code.

Every test states its null hypothesis; the p value it returns is the probability that an honest rater shows at least
this much of the pattern: its false-alarm rate. Where many people are looked at, `shares.q_values` keeps the share of
false alarms among all alarms.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtr

from curation.reliability.shares import at_least

# Fewer than these say nothing reliable; the tests answer None then.
LEAST_CHOICES = 12
LEAST_ANSWERS = 20
LEAST_PEERS = 4


@dataclass(frozen=True)
class Finding:
    """What was looked for in how much, what was seen, and how often honest work shows as much.

    Args:
        seen: the statistic, in the unit the function names.
        of: answers looked at.
        p: false-alarm rate, 0 to 1.
    """

    seen: float
    of: int
    p: float


def one_place(places: NDArray[np.int64], k: int) -> Finding | None:
    """Whether one place on the screen wins too often: always left, always the first.

    Null hypothesis: the server's random order makes each of k places win with probability 1/k. The test is exact for
    two places (both tails of the binomial) and, with the bound of Bonferroni over places, at most as alarming as it
    says for more.

    Args:
        places: shape (n,), the winning place of each answer that had one, 0 to k − 1.
        k: places shown, at least 2.

    Returns:
        `seen` is the largest share of one place; None with fewer than 12 answers.

    >>> round(one_place(np.zeros(20, dtype=np.int64), 2).p, 8)
    1.91e-06
    """
    if len(places) < LEAST_CHOICES:
        return None
    most = int(np.bincount(places, minlength=k).max())
    return Finding(most / len(places), len(places), min(1.0, k * at_least(most, len(places), 1 / k)))


def long_run(places: NDArray[np.int64], k: int) -> Finding | None:
    """Whether the same place wins too many times in a row.

    Null hypothesis: as `one_place`, independently from answer to answer. A run of r equal places is a run of r − 1
    answers that repeat the place before, each with probability 1/k; its distribution is exact.

    Args:
        places: as `one_place`, in the order of time.

    Returns:
        `seen` is the length of the longest run; None with fewer than 12 answers.
    """
    if len(places) < LEAST_CHOICES:
        return None
    longest = longest_true(np.diff(places) == 0) + 1
    return Finding(longest, len(places), run_probability(len(places) - 1, longest - 1, 1 / k))


def alternation(places: NDArray[np.int64], k: int) -> Finding | None:
    """Whether the winning place changes too often: left, right, left, right.

    Null hypothesis: as `long_run`; then the number of changes is Binomial(n − 1, 1 − 1/k), exactly.

    Returns:
        `seen` is the share of answers whose place differs from the one before; None with fewer than 12 answers.
    """
    if len(places) < LEAST_CHOICES:
        return None
    changes = int((np.diff(places) != 0).sum())
    return Finding(changes / (len(places) - 1), len(places), at_least(changes, len(places) - 1, 1 - 1 / k))


def burst(seconds: NDArray[np.float64]) -> Finding | None:
    """Whether quick answers come in one stretch: somebody clicked through for a while.

    An answer is quick when it took less than half of the person's own median. Null hypothesis: the quick ones lie
    anywhere in the sequence. Taken as independent, which makes long stretches a little likelier than they are, so the
    alarm is not rung too often.

    Args:
        seconds: shape (n,), the time of each answer in the order they were given, at least 0.

    Returns:
        `seen` is the longest stretch of quick answers; None with fewer than 20 answers.
    """
    if len(seconds) < LEAST_ANSWERS:
        return None
    is_quick = seconds < np.median(seconds) / 2
    longest = longest_true(is_quick)
    return Finding(longest, len(seconds), run_probability(len(seconds), longest, float(is_quick.mean())))


def too_fast(seconds: Sequence[NDArray[np.float64]]) -> list[Finding | None]:
    """Whether somebody answers faster than their peers in the same batch.

    Each person is the median of the logarithm of their seconds. Null hypothesis: the person is one more draw from
    where the peers come from, normal on that scale. The peers' place is their median and their spread 1.4826 times
    their median absolute deviation, so that several hasty people do not hide each other. The distance is judged by
    Student's t: the median of n has the variance π/2 · σ²/n, and a median absolute deviation tells as much about σ as
    a standard deviation of 0.37 times as many values, which gives the degrees of freedom.

    Args:
        seconds: for each person the times of their answers, above 0.

    Returns:
        For each person, `seen` is the median time over the peers' median time (0.2: five times as fast); None for
        those with fewer than 20 answers, and where fewer than 4 peers have as many.

    Source: P. J. Rousseeuw, C. Croux (1993), Alternatives to the median absolute deviation, JASA 88 (efficiency,
    table 2).
    """
    medians = np.array([_log_median(times) for times in seconds])
    found: list[Finding | None] = []
    for place, own in enumerate(medians):
        peers = np.delete(medians, place)
        peers = peers[~np.isnan(peers)]
        if np.isnan(own) or len(peers) < LEAST_PEERS:
            found.append(None)
            continue
        found.append(_distance(own, peers, len(seconds[place])))
    return found


# Nobody's pace is known better than to a tenth, however alike the peers happen to be.
_LEAST_SPREAD = 0.1
_EFFICIENCY = 0.37


def _log_median(seconds: NDArray[np.float64]) -> float:
    return float(np.median(np.log(np.maximum(seconds, 0.01)))) if len(seconds) >= LEAST_ANSWERS else np.nan


def _distance(own: float, peers: NDArray[np.float64], of: int) -> Finding:
    middle = float(np.median(peers))
    spread = max(1.4826 * float(np.median(np.abs(peers - middle))) * _small_sample(len(peers)), _LEAST_SPREAD)
    t = (own - middle) / (spread * np.sqrt(1 + np.pi / (2 * len(peers))))
    freedom = max(1.0, _EFFICIENCY * (len(peers) - 1))
    return Finding(float(np.exp(own - middle)), of, float(stdtr(freedom, t)))


def _small_sample(n: int) -> float:
    """Makes the median absolute deviation of n values unbiased for normal ones (Croux and Rousseeuw 1992)."""
    return {4: 1.363, 5: 1.206, 6: 1.200, 7: 1.140, 8: 1.129, 9: 1.107}.get(n, n / (n - 0.8))


def longest_true(flags: NDArray[np.bool_]) -> int:
    """The length of the longest stretch of True; 0 where there is none."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], flags, [False]]).astype(np.int8)))
    return int((edges[1::2] - edges[::2]).max(initial=0))


def run_probability(n: int, length: int, probability: float) -> float:
    """The chance that n independent trials hold at least `length` successes in a row.

    With q the chance that there is no such run among the first i: q_i = q_{i−1} − (1 − p) pᴸ q_{i−L−1}, from
    q_i = 1 for i < L and q_L = 1 − pᴸ.

    Args:
        n: trials, at least 0.
        length: L, at least 0; 0 is certain.
        probability: p of a success, 0 to 1.

    Source: W. Feller (1968), An Introduction to Probability Theory, volume 1, XIII.7.

    >>> run_probability(3, 2, 0.5)
    0.375
    """
    if length <= 0:
        return 1.0
    if length > n:
        return 0.0
    at_once = probability**length
    step = (1 - probability) * at_once
    without = np.ones(n + 1)
    without[length] = 1 - at_once
    for i in range(length + 1, n + 1):
        without[i] = without[i - 1] - step * without[i - length - 1]
    return float(min(1.0, max(0.0, 1 - without[n])))
