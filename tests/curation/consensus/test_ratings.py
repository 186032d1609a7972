"""Ratings as Gaussian evidence: against the dense mixed model, and scales recovered from simulated raters."""

import numpy as np
import pytest
from scipy import optimize, special

from curation.consensus.bradley_terry import Votes, fit_groups
from curation.consensus.ratings import Ratings, RatingScale, gaussian_term, rating_scale
from curation.errors import Refused

NONE = np.array([], dtype=int)
NO_VOTES = Votes.of(NONE, NONE, NONE, [])


def _some(seed: int) -> tuple[Ratings, RatingScale]:
    """Three groups of four items and three raters with gaps; some rate one item only."""
    rng = np.random.default_rng(seed)
    group, item, rater = (column.ravel() for column in np.indices((3, 4, 3)))
    kept = rng.random(len(group)) < 0.6
    value = rng.normal(3, 2, len(group))
    scale = RatingScale(np.array([0.8, 1.5, 0.4]), np.array([1.0, 0.7, 2.0]))
    return Ratings.of(group[kept], item[kept], rater[kept], value[kept]), scale


def test_strengths_are_those_of_the_dense_normal_equations() -> None:
    """Each rater and group has a zero of its own, a free parameter next to the strengths."""
    ratings, scale = _some(1)
    precision, mean = 0.6, np.random.default_rng(2).normal(0, 1, (3, 4))
    sheets = {key: place for place, key in enumerate(sorted(set(zip(ratings.group, ratings.rater, strict=True))))}
    design = np.zeros((len(ratings), 12 + len(sheets)))
    for row, (g, i, r) in enumerate(zip(ratings.group, ratings.item, ratings.rater, strict=True)):
        design[row, g * 4 + i] = scale.scale[r]
        design[row, 12 + sheets[g, r]] = 1
    weight = 1 / scale.noise[ratings.rater] ** 2
    prior = np.zeros(12 + len(sheets))
    prior[:12] = precision
    normal = design.T @ (weight[:, None] * design) + np.diag(prior)
    right = design.T @ (weight * ratings.value) + prior * np.append(mean.ravel(), np.zeros(len(sheets)))
    dense, covariance = np.linalg.solve(normal, right), np.linalg.inv(normal)

    term = gaussian_term(ratings, scale, groups=3, items=4)
    fit = fit_groups(NO_VOTES, groups=3, items=4, precision=precision, prior_mean=mean, ratings=term, chunk=2)

    assert fit.strength.ravel() == pytest.approx(dense[:12], abs=1e-10)
    for group in range(3):
        rows = slice(group * 4, group * 4 + 4)
        assert fit.covariance[group] == pytest.approx(covariance[rows, rows], abs=1e-10)
    assert np.abs(fit.strength - mean).max() > 0.3


def test_votes_and_ratings_together_are_where_scipy_finds_the_peak() -> None:
    ratings, scale = _some(3)
    votes = Votes.of([0, 0, 1, 2, 2, 2], [0, 1, 2, 3, 0, 1], [1, 2, 3, 0, 2, 3], [1, 0, 1, 0.5, 1, 1])

    def loss(at):
        theta = at.reshape(3, 4)
        z = theta[votes.group, votes.left] - theta[votes.group, votes.right]
        said = votes.outcome * special.log_expit(z) + (1 - votes.outcome) * special.log_expit(-z)
        found = -said.sum() + 0.5 / 2 * (theta**2).sum()
        for g in range(3):
            for r in range(3):
                own = (ratings.group == g) & (ratings.rater == r)
                off = ratings.value[own] - scale.scale[r] * theta[g, ratings.item[own]]
                # The best zero of the rater is the mean of what is left.
                found += ((off - off.mean()) ** 2).sum() / (2 * scale.noise[r] ** 2) if own.any() else 0.0
        return found

    term = gaussian_term(ratings, scale, groups=3, items=4)
    fit = fit_groups(votes, groups=3, items=4, precision=0.5, ratings=term)

    assert fit.strength.ravel() == pytest.approx(optimize.minimize(loss, np.zeros(12), method="BFGS").x, abs=1e-5)


def test_a_raters_zero_drops_out() -> None:
    ratings, scale = _some(4)
    moved = Ratings(ratings.group, ratings.item, ratings.rater, ratings.value + 10.0 * ratings.rater + ratings.group)

    plain, other = (gaussian_term(one, scale, groups=3, items=4) for one in (ratings, moved))

    assert other.linear == pytest.approx(plain.linear, abs=1e-12)
    assert other.precision == pytest.approx(plain.precision, abs=1e-12)


def test_one_rating_alone_says_nothing() -> None:
    term = gaussian_term(Ratings.of([0], [1], [0], [5.0]), RatingScale(np.ones(1), np.ones(1)), groups=1, items=3)

    assert np.abs(term.precision).max() == 0
    assert np.abs(term.linear).max() == 0


def test_the_order_of_ratings_does_not_matter() -> None:
    ratings, scale = _some(5)
    order = np.random.default_rng(6).permutation(len(ratings))
    mixed = Ratings(*(column[order] for column in (ratings.group, ratings.item, ratings.rater, ratings.value)))

    plain, other = (gaussian_term(one, scale, groups=3, items=4) for one in (ratings, mixed))

    assert other.precision == pytest.approx(plain.precision, abs=1e-12)
    assert other.linear == pytest.approx(plain.linear, abs=1e-12)


# -- scales from the ratings themselves -------------------------------------------------------------------------------


def _panel(seed: int, *, groups: int, items: int, scale, noise, sd: float, each: int = 2):
    """`each` of the raters rate all items of every group."""
    rng = np.random.default_rng(seed)
    strength = rng.normal(0, sd, (groups, items))
    who = rng.permuted(np.tile(np.arange(len(scale)), (groups, 1)), axis=1)[:, :each]
    group = np.repeat(np.arange(groups), items * each)
    item = np.tile(np.tile(np.arange(items), each), groups)
    rater = np.repeat(who, items, axis=1).ravel()
    zero = rng.normal(3, 1, (groups, len(scale)))
    value = zero[group, rater] + np.asarray(scale)[rater] * strength[group, item]
    value += np.asarray(noise)[rater] * rng.standard_normal(len(value))
    return Ratings.of(group, item, rater, value), strength


def test_what_a_star_is_worth_comes_back() -> None:
    ratings, _strength = _panel(7, groups=1500, items=8, scale=[0.7] * 6, noise=[1.1] * 6, sd=1.5)

    found = rating_scale(ratings, raters=6, sd=1.5)

    assert found.scale == pytest.approx(0.7, abs=0.06)
    assert found.noise == pytest.approx(1.1, abs=0.06)


def test_raters_with_many_ratings_have_scales_of_their_own() -> None:
    scale, noise = [0.4, 0.8, 0.8, 1.2], [0.6, 1.0, 1.0, 1.5]
    ratings, _strength = _panel(8, groups=2000, items=8, scale=scale, noise=noise, sd=1.5)

    found = rating_scale(ratings, raters=5, sd=1.5)

    assert found.scale[:4] == pytest.approx(scale, abs=0.08)
    assert found.noise[:4] == pytest.approx(noise, abs=0.12)
    assert found.scale[4] == pytest.approx(0.8, abs=0.08)


def test_raters_who_meet_in_a_chain_have_scales_that_explain_each_two() -> None:
    """Rater 0 meets only 1, 1 meets 2, 2 meets 3: what the two have in common is the product of their scales."""
    scale, groups = np.array([0.4, 1.2, 0.5, 1.1]), 3000
    rng = np.random.default_rng(12)
    strength = rng.normal(0, 1.5, (groups, 6))
    first = np.arange(groups) % 3
    group, item, side = (column.ravel() for column in np.indices((groups, 6, 2)))
    rater = first[group] + side
    value = scale[rater] * strength[group, item] + rng.normal(0, 0.8, len(group))

    found = rating_scale(Ratings.of(group, item, rater, value), raters=4, sd=1.5).scale

    assert found[:-1] * found[1:] == pytest.approx(scale[:-1] * scale[1:], rel=0.1)


def test_without_noise_scales_are_exact() -> None:
    """Everybody rates everything: what two have in common is c c′ times the variance, and one solution explains all."""
    scale, groups = np.array([0.3, 0.9, 1.5]), 600
    strength = np.random.default_rng(13).normal(0, 1.5, (groups, 8))
    sd = np.sqrt(strength.var(axis=1, ddof=1).mean())
    group, item, rater = (column.ravel() for column in np.indices((groups, 8, 3)))

    found = rating_scale(Ratings.of(group, item, rater, scale[rater] * strength[group, item]), raters=3, sd=sd).scale

    everybodys = np.sqrt((0.3 * 0.9 + 0.3 * 1.5 + 0.9 * 1.5) / 3)
    own_share = 4800 / 4900
    assert found == pytest.approx(everybodys + own_share * (scale - everybodys), abs=1e-6)


def test_raters_with_few_ratings_have_everybodys() -> None:
    ratings, _strength = _panel(9, groups=20, items=4, scale=[0.4, 1.2], noise=[1.0, 1.0], sd=1.5)

    found = rating_scale(ratings, raters=2, sd=1.5)

    assert found.scale[0] == found.scale[1]
    assert found.noise[0] == found.noise[1]


def test_ratings_are_as_sure_as_they_are_right() -> None:
    ratings, strength = _panel(10, groups=1500, items=8, scale=[0.7] * 6, noise=[1.1] * 6, sd=1.5)
    term = gaussian_term(ratings, rating_scale(ratings, raters=6, sd=1.5), groups=1500, items=8)

    fit = fit_groups(NO_VOTES, groups=1500, items=8, precision=1 / 1.5**2, ratings=term)

    i, j = np.triu_indices(8, 1)
    said = fit.exceeds(np.arange(1500)[:, None], i, j)
    is_sure = (said > 0.8) & (said < 0.99)
    assert (strength[:, i] > strength[:, j])[is_sure].mean() == pytest.approx(said[is_sure].mean(), abs=0.02)


def test_raters_who_never_meet_tell_nothing_about_a_star() -> None:
    with pytest.raises(Refused, match="No two raters rated the same two samples"):
        rating_scale(Ratings.of([0, 0, 1, 1], [0, 1, 0, 1], [0, 0, 1, 1], [1, 2, 2, 1]), raters=2, sd=1.0)


def test_raters_who_contradict_each_other_carry_no_information() -> None:
    with pytest.raises(Refused, match="nothing in common"):
        rating_scale(Ratings.of([0] * 4, [0, 1, 0, 1], [0, 0, 1, 1], [1, 2, 2, 1]), raters=2, sd=1.0)


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        (([0], [0], [0], [np.nan]), "not a finite number"),
        (([0, 0], [0], [0], [1]), "shapes"),
        (([-1], [0], [0], [1]), "below 0"),
        (([0, 0], [1, 1], [2, 2], [1, 2]), "the same item twice"),
    ],
)
def test_ratings_that_make_no_sense_are_refused(columns, words) -> None:
    with pytest.raises(ValueError, match=words):
        Ratings.of(*columns)


@pytest.mark.parametrize(
    ("place", "scale", "words"),
    [
        (([2], [0], [0]), ([1.0], [1.0]), "beyond"),
        (([0], [0], [1]), ([1.0], [1.0]), "names rater 1"),
        (([0], [0], [0]), ([1.0], [0.0]), "noise"),
        (([0], [0], [0]), ([np.nan], [1.0]), "scale"),
    ],
)
def test_a_term_of_what_is_not_there_is_refused(place, scale, words) -> None:
    with pytest.raises(ValueError, match=words):
        gaussian_term(Ratings.of(*place, [1.0]), RatingScale(np.array(scale[0]), np.array(scale[1])), groups=1, items=2)
