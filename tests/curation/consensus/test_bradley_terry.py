"""Strengths of many prompts against choix, scikit-learn and scipy, and what must hold exactly."""

import choix
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize, sparse, special
from sklearn.linear_model import LogisticRegression

from curation.consensus.bradley_terry import (
    Fit,
    GaussianTerm,
    Votes,
    fit_groups,
    probability_above,
    vote_probability,
)
from curation.consensus.errors import NotConverged


def _votes(seed: int, *, groups: int, items: int, count: int, is_rich: bool = False) -> Votes:
    """Votes in no order, some groups with few; `is_rich` adds ties, weights, slopes and biases."""
    rng = np.random.default_rng(seed)
    strength = rng.normal(0, 1.5, (groups, items))
    group = rng.integers(0, groups, count)
    left = rng.integers(0, items, count)
    right = (left + rng.integers(1, items, count)) % items
    slope = rng.uniform(0.2, 2.0, count) if is_rich else np.ones(count)
    bias = rng.normal(0, 0.5, count) if is_rich else np.zeros(count)
    chance = special.expit(slope * (strength[group, left] - strength[group, right]) + bias)
    outcome = (rng.random(count) < chance).astype(float)
    if is_rich:
        outcome[rng.random(count) < 0.2] = 0.5
    weight = rng.uniform(0.2, 3.0, count) if is_rich else np.ones(count)
    return Votes(group, left, right, outcome, weight, slope, bias)


def _of_group(votes: Votes, group: int) -> Votes:
    return votes.take(votes.group == group)


def _log_posterior(theta, votes: Votes, precision: float, mean) -> float:
    z = votes.slope * (theta[votes.left] - theta[votes.right]) + votes.bias
    said = votes.outcome * special.log_expit(z) + (1 - votes.outcome) * special.log_expit(-z)
    return float(votes.weight @ said - precision / 2 * ((theta - mean) ** 2).sum())


# -- other implementations --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("precision", [0.2, 1.0, 4.0])
def test_strengths_are_those_of_choix(precision) -> None:
    """choix penalises alpha |θ|² and not alpha |θ|² / 2, whatever its documentation says of the variance."""
    votes = _votes(1, groups=6, items=5, count=150)

    fit = fit_groups(votes, groups=6, items=5, precision=precision)

    for group in range(6):
        own = _of_group(votes, group)
        is_left = own.outcome == 1
        won = np.where(is_left, own.left, own.right)
        lost = np.where(is_left, own.right, own.left)
        pairs = list(zip(won.tolist(), lost.tolist(), strict=True))
        other = choix.opt_pairwise(5, pairs, alpha=precision / 2, tol=1e-12)
        assert fit.strength[group] == pytest.approx(other, abs=1e-6)
        hessian = choix.opt.PairwiseFcts(pairs, precision / 2).hessian(fit.strength[group])
        assert fit.covariance[group] == pytest.approx(np.linalg.inv(hessian), abs=1e-12)


def test_strengths_are_those_of_scikit_learn_in_one_block_diagonal_fit() -> None:
    groups, items = 40, 8
    votes = _votes(2, groups=groups, items=items, count=1200)
    rows = np.arange(len(votes))
    columns = np.stack([votes.group * items + votes.left, votes.group * items + votes.right], axis=1).ravel()
    design = sparse.csr_matrix((np.tile([1.0, -1.0], len(votes)), (np.repeat(rows, 2), columns)))
    model = LogisticRegression(C=1 / 0.5, solver="newton-cg", tol=1e-12, fit_intercept=False, max_iter=1000)

    fit = fit_groups(votes, groups=groups, items=items, precision=0.5, chunk=7)

    assert fit.strength.ravel() == pytest.approx(model.fit(design, votes.outcome).coef_[0], abs=1e-8)


def test_everything_at_once_is_where_scipy_finds_the_peak() -> None:
    """Ties, weights, slopes, biases and a prior mean that is not where the votes pull."""
    votes = _votes(3, groups=5, items=6, count=200, is_rich=True)
    mean = np.random.default_rng(4).normal(0, 2, (5, 6))

    fit = fit_groups(votes, groups=5, items=6, precision=0.7, prior_mean=mean)

    for group in range(5):
        found = optimize.minimize(
            lambda theta, g=group: -_log_posterior(theta, _of_group(votes, g), 0.7, mean[g]), np.zeros(6), method="BFGS"
        )
        assert fit.strength[group] == pytest.approx(found.x, abs=1e-5)
        assert np.abs(fit.strength[group] - mean[group]).max() > 0.3


def test_two_items_by_hand() -> None:
    """One win for each of two votes: 2 σ(−2x) = x with x the strength of the winner."""
    fit = fit_groups(Votes.of([0, 0], [0, 1], [1, 0], [1, 0]), groups=1, items=2, precision=1.0)

    x = fit.strength[0, 0]
    assert 2 * special.expit(-2 * x) == pytest.approx(x, abs=1e-12)
    assert fit.strength[0, 1] == pytest.approx(-x, abs=1e-12)
    edge = 2 * special.expit(2 * x) * special.expit(-2 * x)
    assert fit.covariance[0] == pytest.approx(np.linalg.inv([[1 + edge, -edge], [-edge, 1 + edge]]), abs=1e-12)


def test_the_covariance_is_close_to_the_posterior_itself() -> None:
    """P(i is better than j) of three items, against the posterior summed up on a grid."""
    votes = Votes.of([0] * 6, [0, 0, 0, 1, 1, 2], [1, 1, 2, 2, 2, 0], [1, 1, 1, 1, 0, 0])
    fit = fit_groups(votes, groups=1, items=3, precision=1 / 1.5**2)
    axis = np.linspace(-7, 7, 71)
    a, b, c = np.meshgrid(axis, axis, axis, indexing="ij")
    log = -(a**2 + b**2 + c**2) / (2 * 1.5**2)
    for left, right, outcome in zip(votes.left, votes.right, votes.outcome, strict=True):
        d = (a, b, c)[left] - (a, b, c)[right]
        log = log + special.log_expit(d if outcome else -d)
    mass = np.exp(log - log.max())

    for i, j in ((0, 1), (0, 2), (1, 2)):
        first, second = (a, b, c)[i], (a, b, c)[j]
        exact = mass[first > second].sum() + mass[first == second].sum() / 2
        assert fit.exceeds(0, i, j) == pytest.approx(exact / mass.sum(), abs=0.04)


# -- what holds exactly -----------------------------------------------------------------------------------------------


@given(seed=st.integers(0, 10**6), precision=st.floats(0.05, 20))
@settings(max_examples=40, deadline=None)
def test_swapping_sides_shifting_and_relabelling_change_nothing_else(seed, precision) -> None:
    groups, items = 4, 5
    votes = _votes(seed, groups=groups, items=items, count=60, is_rich=True)
    rng = np.random.default_rng(seed)
    mean = rng.normal(0, 1, (groups, items))
    size = {"groups": groups, "items": items, "precision": precision}
    plain = fit_groups(votes, prior_mean=mean, **size)

    swapped = Votes(votes.group, votes.right, votes.left, 1 - votes.outcome, votes.weight, votes.slope, -votes.bias)
    assert fit_groups(swapped, prior_mean=mean, **size).strength == pytest.approx(plain.strength, abs=1e-8)

    shifted = fit_groups(votes, prior_mean=mean + 3.0, **size)
    assert shifted.strength == pytest.approx(plain.strength + 3.0, abs=1e-8)

    item, group, order = rng.permutation(items), rng.permutation(groups), rng.permutation(len(votes))
    moved = votes.take(order)
    moved = Votes(
        group[moved.group], item[moved.left], item[moved.right], moved.outcome, moved.weight, moved.slope, moved.bias
    )
    new_mean = np.empty_like(mean)
    new_mean[group[:, None], item] = mean
    other = fit_groups(moved, prior_mean=new_mean, chunk=3, **size)
    assert other.strength[group[:, None], item] == pytest.approx(plain.strength, abs=1e-8)
    assert other.covariance[group[:, None, None], item[:, None], item] == pytest.approx(plain.covariance, abs=1e-8)


def test_groups_do_not_hear_of_each_other() -> None:
    votes = _votes(6, groups=9, items=4, count=90)

    fit = fit_groups(votes, groups=9, items=4, precision=1.0)

    for group in range(9):
        own = _of_group(votes, group)
        alone = fit_groups(Votes.of(own.group * 0, own.left, own.right, own.outcome), groups=1, items=4, precision=1.0)
        assert fit.strength[group] == pytest.approx(alone.strength[0], abs=1e-9)


def test_a_weight_of_two_is_the_vote_said_twice() -> None:
    votes = _votes(7, groups=3, items=4, count=40)
    twice = votes.take(np.repeat(np.arange(40), 2))
    heavy = Votes.of(votes.group, votes.left, votes.right, votes.outcome, weight=np.full(40, 2.0))

    fits = [fit_groups(one, groups=3, items=4, precision=1.0) for one in (twice, heavy)]

    assert fits[0].strength == pytest.approx(fits[1].strength, abs=1e-9)
    assert fits[0].covariance == pytest.approx(fits[1].covariance, abs=1e-9)


def test_a_tie_is_half_a_vote_each_way() -> None:
    tie = Votes.of([0, 0], [0, 0], [1, 2], [0.5, 1.0])
    halves = Votes.of([0, 0, 0], [0, 0, 0], [1, 1, 2], [1, 0, 1], weight=[0.5, 0.5, 1])

    fits = [fit_groups(one, groups=1, items=3, precision=0.5) for one in (tie, halves)]

    assert fits[0].strength == pytest.approx(fits[1].strength, abs=1e-9)


def test_items_and_groups_without_votes_keep_the_prior() -> None:
    mean = np.array([[0.0, 1.0, 2.0], [3.0, 4.0, 5.0]])

    fit = fit_groups(Votes.of([0], [0], [1], [1]), groups=2, items=3, precision=4.0, prior_mean=mean)

    assert fit.strength[0, 2] == 2.0
    assert fit.strength[1].tolist() == [3.0, 4.0, 5.0]
    assert fit.covariance[1] == pytest.approx(np.eye(3) / 4, abs=1e-15)


def test_no_votes_at_all_is_the_prior() -> None:
    none = np.array([], dtype=int)

    fit = fit_groups(Votes.of(none, none, none, []), groups=2, items=2, precision=1.0)

    assert fit.strength.tolist() == [[0, 0], [0, 0]]


def test_each_item_may_have_a_precision_of_its_own() -> None:
    votes = Votes.of([0, 1], [0, 0], [1, 1], [1, 1])
    precision = np.array([[1.0, 1.0], [1e6, 1.0]])

    fit = fit_groups(votes, groups=2, items=2, precision=precision)

    assert abs(fit.strength[1, 0]) < 1e-5 < 0.3 < -fit.strength[1, 1]
    assert fit.covariance[1, 0, 0] == pytest.approx(1e-6, rel=1e-3)


def test_an_item_that_always_won_has_a_finite_strength() -> None:
    votes = Votes.of([0] * 20, [0] * 20, [1] * 20, [1] * 20)

    fit = fit_groups(votes, groups=1, items=2, precision=0.01)

    assert 2 < fit.strength[0, 0] < 10
    assert np.isfinite(fit.covariance).all()


@pytest.mark.parametrize("slope", [0.0, 1.0, 30.0, 300.0])
def test_steep_raters_who_contradict_each_other_do_not_make_it_circle(slope) -> None:
    """From far apart, half the votes each way, steps of two logits jump over the peak and back for ever."""
    count = 200
    votes = Votes.of([0] * count, [0] * count, [1] * count, [0, 1] * (count // 2), slope=np.full(count, slope))
    mean = np.array([[1.0, -1.0]])

    fit = fit_groups(votes, groups=1, items=2, precision=1.0, prior_mean=mean, max_steps=100)

    gradient = -slope * count * (special.expit(slope * 2 * fit.strength[0, 0]) - 0.5) + (1 - fit.strength[0, 0])
    assert gradient == pytest.approx(0, abs=1e-7)


def test_strengths_that_generated_the_votes_come_back() -> None:
    rng = np.random.default_rng(8)
    truth = rng.normal(0, 1, (50, 4))
    group, left = np.repeat(np.arange(50), 2000), rng.integers(0, 4, 100_000)
    right = (left + rng.integers(1, 4, 100_000)) % 4
    outcome = (rng.random(100_000) < special.expit(truth[group, left] - truth[group, right])).astype(float)

    fit = fit_groups(Votes.of(group, left, right, outcome), groups=50, items=4, precision=1.0)

    i, j = np.triu_indices(4, 1)
    mean, variance = fit.difference(np.arange(50)[:, None], i, j)
    z = (mean - (truth[:, i] - truth[:, j])) / np.sqrt(variance)
    assert np.abs(z).max() < 4.5
    assert (np.abs(z) < 1.96).mean() == pytest.approx(0.95, abs=0.04)


def test_probabilities_are_as_often_right_as_they_say() -> None:
    """Strengths drawn from the prior, each pair of eight judged once: what is 90 to 99 % sure comes that often.

    The normal approximation errs on the cautious side, by 0.02 or so.
    """
    rng = np.random.default_rng(9)
    groups, items = 1500, 8
    truth = rng.normal(0, 1.5, (groups, items))
    i, j = np.triu_indices(items, 1)
    group, left, right = np.repeat(np.arange(groups), 28), np.tile(i, groups), np.tile(j, groups)
    outcome = (rng.random(len(group)) < special.expit(truth[group, left] - truth[group, right])).astype(float)

    fit = fit_groups(Votes.of(group, left, right, outcome), groups=groups, items=items, precision=1 / 1.5**2)

    said = fit.exceeds(np.arange(groups)[:, None], i, j)
    is_right = truth[:, i] > truth[:, j]
    is_sure = (said > 0.9) & (said < 0.99)
    assert -0.005 < is_right[is_sure].mean() - said[is_sure].mean() < 0.03
    is_new = rng.random(said.shape) < special.expit(truth[:, i] - truth[:, j])
    vote = fit.probability(np.arange(groups)[:, None], i, j)
    is_sure = (vote > 0.8) & (vote < 0.9)
    assert -0.005 < is_new[is_sure].mean() - vote[is_sure].mean() < 0.03


# -- probabilities ----------------------------------------------------------------------------------------------------


def test_the_chance_to_exceed_a_gap_is_the_normal_tail() -> None:
    fit = Fit(np.array([[1.0, 0.25]]), np.array([[[0.5, 0.1], [0.1, 0.3]]]))

    mean, variance = fit.difference(0, 0, 1)

    assert (float(mean), float(variance)) == pytest.approx((0.75, 0.6))
    assert fit.exceeds(0, 0, 1, by=0.5) == pytest.approx(special.ndtr(0.25 / np.sqrt(0.6)), abs=1e-12)
    assert fit.exceeds(0, 1, 0) == pytest.approx(1 - fit.exceeds(0, 0, 1), abs=1e-12)
    assert fit.exceeds(0, [0, 1], [1, 0]).shape == (2,)


def test_without_variance_it_is_sure() -> None:
    found = probability_above(np.array([1.0, 0.0, -1.0]), np.zeros(3))

    assert found.tolist() == [1.0, 0.5, 0.0]


def test_the_chance_of_a_vote_is_the_mean_over_what_is_not_known() -> None:
    nodes, weights = np.polynomial.hermite_e.hermegauss(81)
    for mean in (-3.0, 0.0, 0.7, 2.0):
        for variance in (0.1, 1.0, 4.0):
            exact = special.expit(mean + np.sqrt(variance) * nodes) @ weights / weights.sum()
            assert vote_probability(np.float64(mean), np.float64(variance)) == pytest.approx(exact, abs=0.02)


# -- Gaussian evidence ------------------------------------------------------------------------------------------------


def test_gaussian_evidence_alone_solves_the_normal_equations() -> None:
    rng = np.random.default_rng(10)
    root = rng.normal(0, 1, (2, 3, 3))
    term = GaussianTerm(root @ root.transpose(0, 2, 1), rng.normal(0, 1, (2, 3)))
    none = np.array([], dtype=int)
    mean = rng.normal(0, 1, (2, 3))

    fit = fit_groups(Votes.of(none, none, none, []), groups=2, items=3, precision=0.5, prior_mean=mean, ratings=term)

    for group in range(2):
        left = term.precision[group] + 0.5 * np.eye(3)
        assert fit.strength[group] == pytest.approx(
            np.linalg.solve(left, term.linear[group] + 0.5 * mean[group]), abs=1e-10
        )
        assert fit.covariance[group] == pytest.approx(np.linalg.inv(left), abs=1e-12)


# -- refusals ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("columns", "options", "words"),
    [
        (([0], [1], [1], [1]), {}, "compares an item with itself"),
        (([0], [0], [1], [1.5]), {}, "outcome"),
        (([0], [0], [1], [np.nan]), {}, "outcome"),
        (([0], [0], [1], [1]), {"weight": [-1]}, "weight"),
        (([0], [0], [1], [1]), {"weight": [np.inf]}, "weight"),
        (([0], [0], [1], [1]), {"slope": [-0.1]}, "slope"),
        (([0], [0], [1], [1]), {"slope": [np.nan]}, "slope"),
        (([0], [0], [1], [1]), {"bias": [np.inf]}, "bias"),
        (([0.5], [0], [1], [1]), {}, "whole numbers"),
        (([0, 0], [0], [1], [1]), {}, "shapes"),
    ],
)
def test_votes_that_make_no_sense_are_refused(columns, options, words) -> None:
    with pytest.raises(ValueError, match=words):
        Votes.of(*columns, **options)


@pytest.mark.parametrize(
    ("columns", "words"),
    [(([2], [0], [1], [1]), "group"), (([-1], [0], [1], [1]), "group"), (([0], [0], [3], [1]), "item")],
)
def test_votes_on_what_is_not_there_are_refused(columns, words) -> None:
    with pytest.raises(ValueError, match=f"number 0, names an? {words}"):
        fit_groups(Votes.of(*columns), groups=2, items=3, precision=1.0)


@pytest.mark.parametrize("precision", [0.0, -1.0, np.nan, np.inf, np.array([1.0, 2.0]), np.array([[1.0], [0.0]])])
def test_a_precision_that_makes_no_sense_is_refused(precision) -> None:
    with pytest.raises(ValueError, match="precision"):
        fit_groups(Votes.of([0], [0], [1], [1]), groups=2, items=2, precision=precision)


@pytest.mark.parametrize("mean", [np.zeros((2, 3)), np.full((2, 2), np.nan)])
def test_a_prior_mean_that_makes_no_sense_is_refused(mean) -> None:
    with pytest.raises(ValueError, match="prior mean"):
        fit_groups(Votes.of([0], [0], [1], [1]), groups=2, items=2, precision=1.0, prior_mean=mean)


def test_it_says_which_group_does_not_come_to_rest() -> None:
    votes = _votes(11, groups=3, items=4, count=60)

    with pytest.raises(NotConverged, match="3 of 3 groups still move after 1 Newton steps"):
        fit_groups(votes, groups=3, items=4, precision=1.0, max_steps=1)
