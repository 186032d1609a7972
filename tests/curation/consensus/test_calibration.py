"""From margins to probabilities: against scikit-learn, the true link, and what must hold exactly."""

import numpy as np
import pytest
from scipy import optimize, special
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression

from curation.consensus.calibration import Temperature, fit_isotonic, fit_temperature, reliability
from curation.consensus.errors import TooFewVotes

GRID = np.linspace(-3, 3, 2001)
GRID_WEIGHT = np.exp(-(GRID**2) / 2)


def _logistic(m):
    return special.expit(1.3 * m)


def _ceiling(m):
    return 0.1 + 0.8 * special.expit(3.0 * m)


def _votes(link, count: int, seed: int):
    rng = np.random.default_rng(seed)
    margin = rng.normal(0, 1, count)
    return margin, (rng.random(count) < link(margin)).astype(float)


def _excess(found, link) -> float:
    """Log-loss over that of the true link, on margins ~ N(0, 1)."""
    p, q = np.clip(found.probability(GRID), 1e-9, 1 - 1e-9), link(GRID)
    gap = special.rel_entr(q, p) + special.rel_entr(1 - q, 1 - p)
    return float(gap @ GRID_WEIGHT / GRID_WEIGHT.sum())


@pytest.mark.parametrize("count", [100, 1000])
def test_without_a_lapse_it_is_scikit_learns_logistic_regression(count) -> None:
    margin, outcome = _votes(_logistic, count, 1)
    other = LogisticRegression(fit_intercept=False, C=1e9, tol=1e-10).fit(margin[:, None] * 7, outcome).coef_[0, 0]

    found = fit_temperature(margin * 7, outcome, has_lapse=False)

    assert found.slope == pytest.approx(other, abs=1e-4)
    assert found.lapse == 0


def test_slope_and_lapse_are_where_a_search_without_derivatives_finds_the_peak() -> None:
    margin, outcome = _votes(_ceiling, 800, 2)

    def loss(at):
        slope, lapse = np.exp(at[0]), special.expit(at[1]) / 2
        p = lapse + (1 - 2 * lapse) * special.expit(slope * margin)
        return -special.xlogy(outcome, p).sum() - special.xlogy(1 - outcome, 1 - p).sum() - 3 * np.log(1 - 2 * lapse)

    options = {"xatol": 1e-9, "fatol": 1e-12, "maxiter": 4000}
    best = optimize.minimize(loss, (0.5, -2.0), method="Nelder-Mead", options=options).x
    found = fit_temperature(margin, outcome)

    assert (found.slope, found.lapse) == pytest.approx((np.exp(best[0]), special.expit(best[1]) / 2), abs=1e-4)
    assert found.lapse > 0.05


def test_a_ceiling_comes_back_from_many_votes() -> None:
    found = fit_temperature(*_votes(_ceiling, 100_000, 3))

    assert (found.slope, found.lapse) == pytest.approx((3.0, 0.1), abs=0.1)
    assert found.ceiling == pytest.approx(np.log(0.9 / 0.1), abs=0.15)


def test_where_people_lapse_the_lapse_pays_and_where_they_do_not_it_costs_little() -> None:
    costs = {}
    for name, link in (("ceiling", _ceiling), ("logistic", _logistic)):
        for has_lapse in (True, False):
            fits = [fit_temperature(*_votes(link, 500, seed), has_lapse=has_lapse) for seed in range(20)]
            costs[name, has_lapse] = np.mean([_excess(fit, link) for fit in fits])

    assert costs["ceiling", True] < 0.4 * costs["ceiling", False]
    assert costs["logistic", True] < costs["logistic", False] + 0.001


def test_weights_are_votes_said_more_than_once() -> None:
    margin, outcome = _votes(_ceiling, 300, 4)
    times = np.random.default_rng(5).integers(0, 4, 300)

    heavy = fit_temperature(margin, outcome, weight=times.astype(float))
    said = fit_temperature(np.repeat(margin, times), np.repeat(outcome, times))

    assert (heavy.slope, heavy.lapse) == pytest.approx((said.slope, said.lapse), abs=1e-5)


@pytest.mark.parametrize("fit", [fit_temperature, fit_isotonic])
def test_swapping_the_sides_turns_the_probability_round(fit) -> None:
    margin, outcome = _votes(_ceiling, 4000, 6)
    flip = np.random.default_rng(7).random(4000) < 0.5

    found = fit(margin, outcome)
    other = fit(np.where(flip, -margin, margin), np.where(flip, 1 - outcome, outcome))

    assert found.probability(GRID) + found.probability(-GRID) == pytest.approx(1, abs=1e-9)
    assert other.probability(GRID) == pytest.approx(found.probability(GRID), abs=1e-4)


def test_a_margin_that_votes_contradict_says_nothing() -> None:
    margin, outcome = _votes(_logistic, 500, 8)

    found = fit_temperature(-margin, outcome)

    assert found.slope == 0
    assert found.probability(np.array([-9.0, 9.0])).tolist() == [0.5, 0.5]


def test_votes_that_always_follow_the_margin_have_a_finite_slope() -> None:
    margin = np.random.default_rng(9).normal(0, 1, 300)

    found = fit_temperature(margin, (margin > 0).astype(float))

    assert 5 < found.slope <= 51
    assert found.lapse < 0.01


def test_margins_that_are_all_nothing_say_nothing() -> None:
    found = fit_temperature(np.zeros(200), np.tile([0.0, 1.0], 100))

    assert found.probability(np.zeros(1)).tolist() == [0.5]


def test_symmetric_isotonic_is_scikit_learns_on_both_sides_of_every_vote() -> None:
    margin, outcome = _votes(_ceiling, 3000, 10)
    margin = margin.round(2)
    weight = np.random.default_rng(11).uniform(0.8, 2, 3000)
    other = IsotonicRegression(out_of_bounds="clip").fit(
        np.append(margin, -margin), np.append(outcome, 1 - outcome), np.append(weight, weight)
    )

    found = fit_isotonic(margin, outcome, weight=weight)

    assert found.probability(GRID) == pytest.approx(other.predict(GRID), abs=1e-9)
    assert (np.diff(found.probability(GRID)) >= 0).all()
    assert found.probability(np.zeros(1))[0] == pytest.approx(0.5, abs=1e-9)


@pytest.mark.parametrize(("fit", "fewest"), [(fit_temperature, 100), (fit_isotonic, 3000)])
def test_too_few_votes_are_refused(fit, fewest) -> None:
    margin, outcome = _votes(_logistic, fewest, 12)

    fit(margin, outcome)
    with pytest.raises(TooFewVotes, match=f"at least {fewest:,}"):
        fit(margin[1:], outcome[1:])


@pytest.mark.parametrize(
    ("margin", "outcome", "weight", "words"),
    [
        (np.nan, 1.0, 1.0, "margin is not finite"),
        (1.0, 1.1, 1.0, "outcome"),
        (1.0, np.nan, 1.0, "outcome"),
        (1.0, 1.0, -1.0, "weight"),
    ],
)
def test_numbers_that_make_no_sense_are_refused(margin, outcome, weight, words) -> None:
    columns = [np.full(5000, value) for value in (0.5, 1.0, 1.0)]
    for column, value in zip(columns, (margin, outcome, weight), strict=True):
        column[7] = value

    for fit in (fit_temperature, fit_isotonic):
        with pytest.raises(ValueError, match=words):
            fit(columns[0], columns[1], weight=columns[2])


def test_columns_of_different_lengths_are_refused() -> None:
    with pytest.raises(ValueError, match="one of each a vote"):
        fit_temperature(np.zeros(200), np.zeros(199))


# -- how good it is ---------------------------------------------------------------------------------------------------


def test_reliability_by_hand() -> None:
    found = reliability(np.array([0.8, 0.8, 0.2, 0.6]), np.array([1.0, 0.0, 0.0, 1.0]), prompt=np.arange(4), bins=5)

    assert [(one.said, one.came, one.votes) for one in found.bins] == [
        (pytest.approx(0.6), 1.0, 1.0),
        (pytest.approx(0.8), pytest.approx(2 / 3), 3.0),
    ]
    assert found.log_loss == pytest.approx(-(2 * np.log(0.8) + np.log(0.2) + np.log(0.6)) / 4)
    assert found.brier == pytest.approx((0.04 + 0.64 + 0.04 + 0.16) / 4)
    assert found.error == pytest.approx((0.4 * 1 + (0.8 - 2 / 3) * 3) / 4)
    assert found.gain == pytest.approx(np.log(2) - found.log_loss)


def test_only_a_gain_that_is_sure_counts() -> None:
    margin, outcome = _votes(_logistic, 4000, 13)
    right, wrong = Temperature(1.3, 0.0, 100), Temperature(0.0001, 0.0, 100)

    sure = reliability(right.probability(margin), outcome, prompt=np.arange(4000))
    nothing = reliability(wrong.probability(margin), outcome, prompt=np.arange(4000))
    upside_down = reliability(right.probability(-margin), outcome, prompt=np.arange(4000))
    one_prompt = reliability(right.probability(margin), outcome, prompt=np.zeros(4000, int))

    assert sure.is_better_than_even
    assert sure.error < 0.03
    assert 0 < sure.gain_low < sure.gain
    assert nothing.gain < 1e-3
    assert not upside_down.is_better_than_even
    assert not one_prompt.is_better_than_even


def test_votes_of_one_prompt_count_together() -> None:
    margin, outcome = _votes(_logistic, 200, 14)
    p = Temperature(1.3, 0.0, 100).probability(margin)

    single = reliability(p, outcome, prompt=np.arange(200))
    repeated = reliability(np.tile(p, 9), np.tile(outcome, 9), prompt=np.tile(np.arange(200), 9))

    assert repeated.gain_low == pytest.approx(single.gain_low, abs=1e-12)


def test_the_bound_holds_as_often_as_it_says() -> None:
    """Of machines that say nothing, about one in twenty is taken for better than a coin."""
    rng = np.random.default_rng(15)
    passed = 0
    for _draw in range(600):
        p = special.expit(rng.normal(0, 0.1, 400))
        passed += reliability(p, (rng.random(400) < 0.5).astype(float), prompt=np.arange(400)).is_better_than_even

    assert passed / 600 < 0.08


@pytest.mark.parametrize(("p", "y"), [([1.2], [1.0]), ([0.5], [2.0]), ([], []), ([0.5], [1.0, 0.0])])
def test_reliability_of_nonsense_is_refused(p, y) -> None:
    with pytest.raises(ValueError):
        reliability(np.array(p), np.array(y), prompt=np.zeros(len(p), int))
