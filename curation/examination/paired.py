"""Two machines on the same votes. Plain code."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from curation.reliability.shares import at_most


@dataclass(frozen=True)
class McNemar:
    """Votes on which one of two machines is right and the other is not, and how rarely chance splits them so unevenly.

    Args:
        only_first, only_second: votes on which the first, or the second, is ahead.
        exact: two-sided p value of the exact conditional test; 1 where the two never differ.
        mid: the mid-p value, which keeps closer to its level and is the one to read.
    """

    only_first: int
    only_second: int
    exact: float
    mid: float


def mcnemar(only_first: int, only_second: int) -> McNemar:
    """McNemar's exact test, with its mid-p value.

    If both machines are right equally often, each of the b + c votes that part them falls to either side like a fair
    coin: exact p = 2 · P(X ≤ min(b, c)) for X ~ Binomial(b + c, ½), at most 1. The mid-p value is the exact one less
    P(X = min(b, c)); for b = c it is 1 − ½ P(X = b).

    The test takes votes for independent. Votes on one prompt are not, so the difference clustered by prompt
    (`intervals.difference`) stands beside it.

    Raises:
        ValueError: a count below 0.

    Source: M. W. Fagerland, S. Lydersen, P. Laake (2013), The McNemar test for binary matched-pairs data: mid-p and
    asymptotic are better than exact conditional, BMC Medical Research Methodology 13:91.

    >>> found = mcnemar(1, 7)
    >>> found.exact, found.mid
    (0.0703125, 0.0390625)
    """
    if min(only_first, only_second) < 0:
        raise ValueError(f"{min(only_first, only_second)} votes; a count is not below 0")
    n, fewer = only_first + only_second, min(only_first, only_second)
    if n == 0:
        return McNemar(0, 0, 1.0, 1.0)
    here = math.exp(math.lgamma(n + 1) - math.lgamma(fewer + 1) - math.lgamma(n - fewer + 1) - n * math.log(2))
    if only_first == only_second:
        return McNemar(only_first, only_second, 1.0, 1 - here / 2)
    exact = min(1.0, 2 * at_most(fewer, n, 0.5))
    return McNemar(only_first, only_second, exact, exact - here)


def discordant(first: NDArray[np.float64], second: NDArray[np.float64]) -> McNemar:
    """McNemar's test from credits of the same votes, shape (n,); NaN where one does not count.

    Where neither machine calls ties, credits are 0 and 1 and this counts the votes that one alone has right. A tie
    called is worth one half: it is ahead of a wrong answer and behind a right one, as it is in the accuracies.
    """
    return mcnemar(int((first > second).sum()), int((first < second).sum()))
