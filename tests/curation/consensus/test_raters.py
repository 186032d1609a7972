"""Raters' slopes and biases: recovered from votes, and where scipy finds the peak."""

import numpy as np
import pytest
from scipy import optimize, special

from curation.consensus.bradley_terry import Votes, fit_groups
from curation.consensus.raters import fit_raters
from curation.errors import Refused


def _drawn(seed: int, *, groups: int, items: int, count: int, slope, bias, sd: float = 1.5):
    rng = np.random.default_rng(seed)
    strength = rng.normal(0, sd, (groups, items))
    group, left = rng.integers(0, groups, count), rng.integers(0, items, count)
    right = (left + rng.integers(1, items, count)) % items
    rater = rng.integers(0, len(slope), count)
    chance = special.expit(slope[rater] * (strength[group, left] - strength[group, right]) + bias[rater])
    return Votes.of(group, left, right, (rng.random(count) < chance).astype(float)), rater, strength


@pytest.fixture(scope="module")
def crowd():
    """Three fifths good, a fifth noisy, a fifth spam, all with sides they like; 28 votes a prompt of eight."""
    rng = np.random.default_rng(1)
    slope = np.concatenate([rng.uniform(0.8, 1.2, 120), rng.uniform(0.25, 0.45, 40), np.full(40, 0.05)])
    bias = rng.normal(0, 0.5, 200)
    votes, rater, strength = _drawn(2, groups=4000, items=8, count=112_000, slope=slope, bias=bias)
    fit = fit_raters(
        votes, rater, raters=200, anchors=np.arange(12), groups=4000, items=8, precision=1 / 1.5**2, chunk=1500
    )
    return votes, strength, slope, bias, fit


def test_slopes_and_biases_come_back(crowd) -> None:
    _votes, _strength, slope, bias, fit = crowd

    assert np.corrcoef(np.log(fit.slope), np.log(slope))[0, 1] > 0.95
    assert np.corrcoef(fit.bias, bias)[0, 1] > 0.96
    assert fit.slope[:120].mean() == pytest.approx(1, abs=0.1)


def test_spam_and_noise_are_told_from_good_work(crowd) -> None:
    fit = crowd[4]
    bar = 0.6 * np.median(fit.slope[:12])

    assert (fit.slope[160:] < bar).all()
    assert (fit.slope[120:160] < bar).mean() > 0.85
    assert (fit.slope[:120] > bar).mean() > 0.97


def test_the_scale_is_pinned_to_the_anchors(crowd) -> None:
    votes, _strength, _slope, _bias, fit = crowd

    assert 0.9 < fit.slope[:12].mean() < 1.1
    assert fit.fit.strength.std() > 0.8
    assert len(votes) == 112_000


def test_knowing_the_raters_finds_the_best_sample_more_often(crowd) -> None:
    votes, strength, slope, bias, fit = crowd
    alike = fit_groups(votes, groups=4000, items=8, precision=1 / 1.5**2)
    best = strength.argmax(axis=1)

    shares = [(found.strength.argmax(axis=1) == best).mean() for found in (alike, fit.fit)]

    assert shares[1] > shares[0] + 0.02


def test_given_what_is_known_of_the_strengths_scipy_finds_the_same_raters() -> None:
    """At rest, the best slopes given N(m, v) of each difference are ours times one factor: what pinning takes away.

    scipy maximises the mean log-likelihood by quadrature; ours uses σ(κ z) for the mean of σ, good to 0.02.
    """
    slope, bias = np.array([1.0, 1.2, 0.8, 0.3, 0.1]), np.array([0.5, -0.5, 0.0, 1.0, -1.0])
    votes, rater, _strength = _drawn(3, groups=200, items=4, count=9000, slope=slope, bias=bias)
    anchors = np.array([0, 2])
    ours = fit_raters(
        votes, rater, raters=5, anchors=anchors, groups=200, items=4, precision=1 / 1.5**2, rounds=60, chunk=60
    )
    mean, variance = ours.fit.difference(votes.group, votes.left, votes.right)
    nodes, weights = np.polynomial.hermite_e.hermegauss(31)

    def loss(at, number):
        is_own = rater == number
        d = mean[is_own, None] + np.sqrt(variance[is_own, None]) * nodes
        z, y = np.exp(at[0]) * d + at[1], votes.outcome[is_own, None]
        said = (y * special.log_expit(z) + (1 - y) * special.log_expit(-z)) @ weights / weights.sum()
        return -said.sum() + at[0] ** 2 / (2 * 0.7**2) + at[1] ** 2 / (2 * 0.5**2)

    found = np.array([optimize.minimize(loss, (0, 0), args=(r,), method="BFGS").x for r in range(5)])

    assert ours.moved < 1e-6
    ratio = np.exp(found[:, 0]) / ours.slope
    assert ratio == pytest.approx(np.full(5, ratio[0]), rel=0.03)
    assert ratio[0] == pytest.approx(1, abs=0.1)
    assert ours.bias == pytest.approx(found[:, 1], abs=0.02)
    voted = np.bincount(rater)[anchors]
    assert ours.slope[anchors] @ voted / voted.sum() == pytest.approx(1, abs=1e-12)
    assert np.abs(ours.bias).max() > 0.5


def test_raters_are_where_the_marginal_likelihood_is_highest() -> None:
    """Two samples a prompt: the strengths can be integrated out by quadrature, and nothing pins the scale but sd."""
    slope, bias = np.array([1.0, 1.3, 0.4]), np.array([0.4, -0.6, 0.0])
    votes, rater, _strength = _drawn(6, groups=1500, items=2, count=13_500, slope=slope, bias=bias)
    side = np.where(votes.left == 0, 1.0, -1.0)
    nodes, weights = np.polynomial.hermite_e.hermegauss(41)
    d = np.sqrt(2) * 1.5 * nodes

    def loss(at):
        z = np.exp(at[:3])[rater, None] * side[:, None] * d + at[3:][rater, None]
        y = votes.outcome[:, None]
        each = np.zeros((1500, len(nodes)))
        np.add.at(each, votes.group, y * special.log_expit(z) + (1 - y) * special.log_expit(-z))
        marginal = special.logsumexp(each, b=weights, axis=1).sum()
        return -marginal + (at[:3] ** 2).sum() / (2 * 0.7**2) + (at[3:] ** 2).sum() / (2 * 0.5**2)

    best = optimize.minimize(loss, np.zeros(6), method="L-BFGS-B").x
    ours = fit_raters(
        votes, rater, raters=3, anchors=np.array([0]), groups=1500, items=2, precision=1 / 1.5**2, rounds=60
    )

    assert ours.slope == pytest.approx(np.exp(best[:3]) / np.exp(best[0]), rel=0.06)
    assert ours.bias == pytest.approx(best[3:], abs=0.05)
    assert np.exp(best[0]) == pytest.approx(1, abs=0.15)


def test_no_vote_confirms_itself() -> None:
    """Raters who are all alike stay alike: nobody is believed more for having pulled the strengths their way."""
    votes, rater, _strength = _drawn(7, groups=1500, items=8, count=42_000, slope=np.ones(40), bias=np.zeros(40))

    ours = fit_raters(
        votes, rater, raters=40, anchors=np.arange(40), groups=1500, items=8, precision=1 / 1.5**2, rounds=30
    )

    assert 0.6 < ours.slope.min() < ours.slope.max() < 1.6
    assert np.abs(ours.bias).max() < 0.4


def test_strengths_are_fitted_with_the_raters_found() -> None:
    slope, bias = np.array([1.0, 0.5, 0.2]), np.array([0.3, -0.3, 0.0])
    votes, rater, _strength = _drawn(4, groups=10, items=3, count=200, slope=slope, bias=bias)
    ours = fit_raters(votes, rater, raters=3, anchors=np.array([0]), groups=10, items=3, precision=0.5)

    again = fit_groups(
        Votes.of(votes.group, votes.left, votes.right, votes.outcome, slope=ours.slope[rater], bias=ours.bias[rater]),
        groups=10,
        items=3,
        precision=0.5,
    )

    assert ours.fit.strength == pytest.approx(again.strength, abs=1e-12)
    assert ours.slope[0] == pytest.approx(1, abs=1e-12)


def test_swapped_sides_turn_biases_round() -> None:
    slope, bias = np.array([1.0, 0.5, 0.2]), np.array([0.6, -0.3, 0.0])
    votes, rater, _strength = _drawn(5, groups=30, items=3, count=600, slope=slope, bias=bias)
    swapped = Votes.of(votes.group, votes.right, votes.left, 1 - votes.outcome)
    size = {"raters": 3, "anchors": np.array([0]), "groups": 30, "items": 3, "precision": 0.5}

    plain, other = fit_raters(votes, rater, **size), fit_raters(swapped, rater, **size)

    assert other.slope == pytest.approx(plain.slope, abs=1e-9)
    assert other.bias == pytest.approx(-plain.bias, abs=1e-9)


def test_a_rater_without_votes_is_taken_for_anybody() -> None:
    votes = Votes.of([0, 0, 0], [0, 0, 1], [1, 1, 0], [1, 1, 0])

    found = fit_raters(
        votes, np.array([0, 0, 0]), raters=2, anchors=np.array([0]), groups=1, items=2, precision=1.0, rounds=1
    )

    assert found.bias[1] == 0
    assert 0.5 < found.slope[1] < 1.5


def test_without_an_anchors_vote_slopes_mean_nothing() -> None:
    with pytest.raises(Refused, match="No anchor has voted"):
        fit_raters(
            Votes.of([0], [0], [1], [1]),
            np.array([0]),
            raters=2,
            anchors=np.array([1]),
            groups=1,
            items=2,
            precision=1.0,
        )


@pytest.mark.parametrize(
    ("rater", "anchors", "words"),
    [([2], [0], "a rater"), ([0], [5], "an anchor|a anchor"), ([0, 0], [0], "one for each vote")],
)
def test_raters_who_are_not_there_are_refused(rater, anchors, words) -> None:
    with pytest.raises(ValueError, match=words):
        fit_raters(
            Votes.of([0], [0], [1], [1]),
            np.array(rater),
            raters=2,
            anchors=np.array(anchors),
            groups=1,
            items=2,
            precision=1.0,
        )
