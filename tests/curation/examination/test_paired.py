"""McNemar's test against binomial probabilities written out, and against the example of the paper."""

from math import comb

import numpy as np
import pytest
from scipy.stats import binomtest

from curation.examination.paired import discordant, mcnemar


def test_the_example_of_the_paper() -> None:
    """21 children, 1 and 7 discordant: exact p 2 · (1 + 8) / 2⁸, mid-p less 8 / 2⁸ (Fagerland et al., table 1)."""
    found = mcnemar(1, 7)

    assert found.exact == pytest.approx(18 / 256)
    assert found.mid == pytest.approx(10 / 256)


@pytest.mark.parametrize(("b", "c"), [(0, 1), (3, 9), (12, 5), (0, 10), (40, 61), (250, 301), (4000, 4200)])
def test_exact_p_is_the_binomial_tests(b, c) -> None:
    assert mcnemar(b, c).exact == pytest.approx(binomtest(b, b + c, 0.5).pvalue, rel=1e-9)


@pytest.mark.parametrize(("b", "c"), [(3, 9), (12, 5), (0, 10)])
def test_mid_p_by_probabilities_written_out(b, c) -> None:
    n, fewer = b + c, min(b, c)
    below = sum(comb(n, k) for k in range(fewer)) / 2**n
    here = comb(n, fewer) / 2**n

    assert mcnemar(b, c).mid == pytest.approx(2 * (below + here / 2))


def test_equal_counts() -> None:
    found = mcnemar(3, 3)

    assert found.exact == 1
    assert found.mid == pytest.approx(1 - comb(6, 3) / 2**6 / 2)


def test_machines_that_never_differ() -> None:
    assert (mcnemar(0, 0).exact, mcnemar(0, 0).mid) == (1, 1)


def test_hundreds_of_thousands_of_votes() -> None:
    found = mcnemar(100_451, 145_183)

    assert 0 <= found.mid <= found.exact < 1e-300 or found.exact == 0


def test_a_count_below_zero_is_refused() -> None:
    with pytest.raises(ValueError, match="not below 0"):
        mcnemar(-1, 2)


def test_a_tie_lies_between_right_and_wrong_and_what_one_did_not_say_is_not_compared() -> None:
    first = np.array([1.0, 1.0, 0.5, np.nan, 0.0, 0.5])
    second = np.array([1.0, 0.5, 1.0, 1.0, 1.0, 0.0])

    found = discordant(first, second)

    assert (found.only_first, found.only_second) == (2, 2)
