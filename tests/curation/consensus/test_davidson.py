"""Ties as an outcome of their own, against evalica, scipy and plain Bradley-Terry."""

import evalica
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import optimize, special

from curation.consensus.bradley_terry import Votes, fit_groups
from curation.consensus.davidson import Davidson, fit_ties, outcome_probabilities
from curation.errors import Refused


def _drawn(seed: int, *, groups: int, items: int, count: int, nu: float = 0.8, sd: float = 1.0):
    """Votes of which the model is true, and the strengths they came from."""
    rng = np.random.default_rng(seed)
    strength = rng.normal(0, sd, (groups, items))
    group, left = rng.integers(0, groups, count), rng.integers(0, items, count)
    right = (left + rng.integers(1, items, count)) % items
    win, tie, _loss = outcome_probabilities(strength[group, left] - strength[group, right], nu)
    draw = rng.random(count)
    outcome = np.where(draw < win, 1.0, np.where(draw < win + tie, 0.5, 0.0))
    return Votes.of(group, left, right, outcome), strength


@given(difference=st.floats(-2000, 2000), nu=st.floats(0, 50))
def test_the_three_probabilities_are_the_models(difference, nu) -> None:
    win, tie, loss = (float(p) for p in outcome_probabilities(np.float64(difference), nu))

    assert win + tie + loss == pytest.approx(1, abs=1e-12)
    if abs(difference) < 500:
        whole = 2 * np.cosh(difference / 2) + nu
        assert win == pytest.approx(np.exp(difference / 2) / whole, rel=1e-10)
        assert tie == pytest.approx(nu / whole, rel=1e-10)
    other = outcome_probabilities(np.float64(-difference), nu)
    assert (float(other[2]), float(other[1]), float(other[0])) == (win, tie, loss)


def test_derivatives_are_those_of_the_log_likelihood() -> None:
    difference, step = np.linspace(-6, 6, 25), 1e-4
    for outcome in (0.0, 0.5, 1.0):
        count = len(difference)
        votes = Votes(
            np.zeros(count, int), np.zeros(count, int), np.ones(count, int), np.full(count, outcome),
            np.full(count, 1.7), np.full(count, 0.6), np.full(count, 0.3),
        )  # fmt: skip

        def log(d, outcome=outcome):
            win, tie, loss = outcome_probabilities(0.6 * d + 0.3, 0.9)
            return 1.7 * np.log({0.0: loss, 0.5: tie, 1.0: win}[outcome])

        first, second = Davidson(votes, 0.9).moments(difference)

        assert first == pytest.approx((log(difference + step) - log(difference - step)) / (2 * step), abs=1e-6)
        curve = (log(difference + step) - 2 * log(difference) + log(difference - step)) / step**2
        assert second == pytest.approx(-curve, abs=1e-6)


def test_strengths_and_ties_are_evalicas() -> None:
    """evalica knows no prior, so ours is next to nothing; without one, strengths are known up to a constant."""
    votes, _truth = _drawn(1, groups=1, items=8, count=1500)
    winners = {1.0: evalica.Winner.X, 0.0: evalica.Winner.Y, 0.5: evalica.Winner.Draw}
    found = evalica.newman(
        pd.Series(votes.left).map("{:02d}".format),
        pd.Series(votes.right).map("{:02d}".format),
        [winners[outcome] for outcome in votes.outcome],
        tolerance=1e-13,
        limit=100_000,
    )
    other = np.log(found.scores.sort_index().to_numpy())

    ours = fit_ties(votes, groups=1, items=8, precision=1e-9)

    strength = ours.fit.strength[0]
    assert strength - strength.mean() == pytest.approx(other - other.mean(), abs=1e-8)
    assert ours.nu == pytest.approx(2 * found.v, abs=1e-6)
    assert ours.nu > 0.5


def test_with_a_prior_it_is_where_scipy_finds_the_peak() -> None:
    votes, _truth = _drawn(2, groups=3, items=4, count=90)
    rng = np.random.default_rng(3)
    weight, slope, bias = rng.uniform(0.5, 2, 90), rng.uniform(0.3, 2, 90), rng.normal(0, 0.4, 90)
    votes = Votes(votes.group, votes.left, votes.right, votes.outcome, weight, slope, bias)

    def loss(at):
        theta, nu = at[:-1].reshape(3, 4), np.exp(at[-1])
        z = votes.slope * (theta[votes.group, votes.left] - theta[votes.group, votes.right]) + votes.bias
        win, tie, lost = outcome_probabilities(z, nu)
        said = np.where(votes.outcome == 1, win, np.where(votes.outcome == 0, lost, tie))
        return -(votes.weight @ np.log(said)) + 0.6 / 2 * (theta**2).sum()

    found = optimize.minimize(loss, np.zeros(13), method="BFGS", options={"gtol": 1e-7})
    ours = fit_ties(votes, groups=3, items=4, precision=0.6, chunk=2)

    assert ours.fit.strength.ravel() == pytest.approx(found.x[:-1], abs=1e-5)
    assert ours.nu == pytest.approx(np.exp(found.x[-1]), abs=1e-5)
    assert np.exp(found.x[-1]) > 0.3


def test_without_ties_it_is_bradley_terry() -> None:
    votes, _truth = _drawn(4, groups=4, items=4, count=80, nu=0.0)

    ours = fit_ties(votes, groups=4, items=4, precision=1.0)
    plain = fit_groups(votes, groups=4, items=4, precision=1.0)

    assert ours.nu == 0
    assert ours.fit.strength == pytest.approx(plain.strength, abs=1e-9)
    assert ours.fit.covariance == pytest.approx(plain.covariance, abs=1e-9)


def test_ties_order_samples_like_half_wins_but_do_not_squeeze_them() -> None:
    votes, truth = _drawn(5, groups=1, items=6, count=40_000)

    ours = fit_ties(votes, groups=1, items=6, precision=1e-3)
    halves = fit_groups(votes, groups=1, items=6, precision=1e-3)

    assert np.argsort(ours.fit.strength[0]).tolist() == np.argsort(halves.strength[0]).tolist()
    middle = truth[0] - truth[0].mean()
    slopes = [float(found @ middle / (middle @ middle)) for found in (ours.fit.strength[0], halves.strength[0])]
    assert slopes[0] == pytest.approx(1, abs=0.05)
    assert slopes[1] < 0.85
    assert ours.nu == pytest.approx(0.8, abs=0.05)


def test_a_known_nu_is_taken_as_it_is() -> None:
    votes, _truth = _drawn(6, groups=2, items=3, count=40)

    found = fit_ties(votes, groups=2, items=3, precision=1.0, nu=0.4)

    assert found.nu == 0.4
    assert not np.allclose(found.fit.strength, fit_ties(votes, groups=2, items=3, precision=1.0, nu=2.0).fit.strength)


def test_only_ties_say_nothing_about_how_readily_people_tie() -> None:
    with pytest.raises(Refused, match="Every vote is a tie"):
        fit_ties(Votes.of([0, 0], [0, 1], [1, 0], [0.5, 0.5]), groups=1, items=2, precision=1.0)


@pytest.mark.parametrize("nu", [-0.1, np.nan, np.inf])
def test_a_nu_that_makes_no_sense_is_refused(nu) -> None:
    with pytest.raises(ValueError, match="ν is"):
        fit_ties(Votes.of([0], [0], [1], [1]), groups=1, items=2, precision=1.0, nu=nu)


def test_soft_votes_are_refused() -> None:
    with pytest.raises(ValueError, match="neither 1, 0 nor ½"):
        fit_ties(Votes.of([0], [0], [1], [0.7]), groups=1, items=2, precision=1.0)


def test_the_variance_of_an_outcome_is_taken_without_cancelling() -> None:
    votes = Votes.of([0], [0], [1], [1])

    _first, second = Davidson(votes, 0.5).moments(np.array([60.0]))

    assert second[0] == pytest.approx(0.25 * 0.5 * np.exp(-30), rel=1e-6)
    assert special.expit(60.0) == 1.0
