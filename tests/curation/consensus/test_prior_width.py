"""The spread of strengths: recovered from simulated pairs, and where numerical integration finds it."""

import numpy as np
import pytest
from scipy import integrate, optimize, special, stats

from curation.consensus.errors import TooFewVotes
from curation.consensus.prior_width import prior_width


def _pairs(seed: int, *, sd: float, count: int, votes: int = 3, mean=0.0):
    rng = np.random.default_rng(seed)
    d = mean + rng.normal(0, np.sqrt(2) * sd, count)
    return rng.binomial(votes, special.expit(d)).astype(float), np.full(count, float(votes))


@pytest.mark.parametrize(("sd", "tolerance"), [(0.3, 0.15), (0.75, 0.12), (1.5, 0.12), (3.0, 0.4)])
def test_the_spread_comes_back_from_two_thousand_pairs(sd, tolerance) -> None:
    found = prior_width(*_pairs(1, sd=sd, count=2000))

    assert found.sd == pytest.approx(sd, abs=tolerance)
    assert found.low < found.sd < found.high
    assert found.pairs == 2000
    assert found.precision == pytest.approx(1 / found.sd**2)


def test_it_is_where_numerical_integration_finds_the_peak() -> None:
    wins, votes = _pairs(2, sd=1.2, count=300)
    counts = np.bincount(wins.astype(int), minlength=4)

    def loss(log_sd):
        spread = np.sqrt(2) * np.exp(log_sd)

        def mass(w):
            def at(d):
                return special.expit(d) ** w * special.expit(-d) ** (3 - w) * stats.norm.pdf(d, 0, spread)

            return integrate.quad(at, -12 * spread, 12 * spread, epsabs=1e-12, limit=200)[0]

        return -sum(counts[w] * np.log(mass(w)) for w in range(4))

    best = optimize.minimize_scalar(loss, bounds=(-2, 2), method="bounded", options={"xatol": 1e-8}).x
    found = prior_width(wins, votes)

    assert np.log(found.sd) == pytest.approx(best, abs=1e-4)
    for end in (found.low, found.high):
        assert 2 * (loss(np.log(end)) - loss(best)) == pytest.approx(stats.chi2.ppf(0.95, 1), abs=1e-2)


def test_the_interval_holds_as_often_as_it_says() -> None:
    covered = [(one.low <= 1.0 <= one.high) for one in (prior_width(*_pairs(s, sd=1.0, count=200)) for s in range(200))]

    assert 0.91 < np.mean(covered) < 0.985


def test_swapping_the_sides_of_pairs_changes_nothing() -> None:
    wins, votes = _pairs(3, sd=1.0, count=400)
    mean = np.random.default_rng(4).normal(0, 1, 400).round(1)

    plain = prior_width(wins, votes, prior_difference=mean)
    other = prior_width(votes - wins, votes, prior_difference=-mean)

    assert other.sd == pytest.approx(plain.sd, rel=1e-5)


def test_around_a_machines_opinion_it_is_what_the_machine_leaves_open() -> None:
    rng = np.random.default_rng(5)
    mean = rng.normal(0, 2, 2000)
    wins, votes = _pairs(6, sd=0.75, count=2000, mean=mean)

    known, unknown = prior_width(wins, votes, prior_difference=mean), prior_width(wins, votes)

    assert known.sd == pytest.approx(0.75, abs=0.12)
    assert unknown.sd > 1.3


def test_pairs_judged_once_do_not_count() -> None:
    wins, votes = _pairs(7, sd=1.0, count=300)
    more = prior_width(np.append(wins, np.ones(500)), np.append(votes, np.ones(500)))

    assert more == prior_width(wins, votes)


def test_people_who_answer_by_coin_leave_the_low_end_open() -> None:
    found = prior_width(np.repeat([0.0, 1.0, 2.0, 3.0], [50, 150, 150, 50]), np.full(400, 3.0))

    assert found.sd < 0.05
    assert found.low == pytest.approx(0.01)
    assert found.high < 0.5


def test_too_few_repeated_pairs_are_refused() -> None:
    wins, votes = _pairs(8, sd=1.0, count=99)

    with pytest.raises(TooFewVotes, match="99 pairs with two votes"):
        prior_width(np.append(wins, 1.0), np.append(votes, 1.0))


@pytest.mark.parametrize(
    ("wins", "votes", "mean"),
    [(4.0, 3.0, 0.0), (-1.0, 3.0, 0.0), (np.nan, 3.0, 0.0), (1.0, np.inf, 0.0), (1, 3, np.nan)],
)
def test_numbers_that_make_no_sense_are_refused(wins, votes, mean) -> None:
    columns = [np.full(200, float(value)) for value in (1, 3, 0)]
    for column, value in zip(columns, (wins, votes, mean), strict=True):
        column[5] = value

    with pytest.raises(ValueError, match="between 0 and the votes"):
        prior_width(columns[0], columns[1], prior_difference=columns[2])


def test_columns_of_different_lengths_are_refused() -> None:
    with pytest.raises(ValueError, match="one of each a pair"):
        prior_width(np.zeros(200), np.zeros(199))
