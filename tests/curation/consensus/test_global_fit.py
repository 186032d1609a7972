"""One ranking over all prompts: against choix, the sandwich written out, and votes whose raters have tastes."""

import choix
import numpy as np
import pytest
from scipy import special

from curation.consensus.bradley_terry import Votes
from curation.consensus.global_fit import GlobalFit, fit_global
from curation.errors import Refused


def _drawn(seed: int, *, items: int, count: int, raters: int = 20, taste: float = 0.0):
    rng = np.random.default_rng(seed)
    strength = np.linspace(-1, 1, items)
    left = rng.integers(0, items, count)
    right = (left + rng.integers(1, items, count)) % items
    rater = rng.integers(0, raters, count)
    tastes = rng.normal(0, taste, (raters, items)) if taste else np.zeros((raters, items))
    own = strength + tastes[rater]
    rows = np.arange(count)
    outcome = (rng.random(count) < special.expit(own[rows, left] - own[rows, right])).astype(float)
    return Votes.of(np.zeros(count, int), left, right, outcome), rater, strength


def test_strengths_are_choixs() -> None:
    votes, rater, _strength = _drawn(1, items=12, count=3000)
    won = np.where(votes.outcome == 1, votes.left, votes.right)
    lost = np.where(votes.outcome == 1, votes.right, votes.left)
    other = choix.ilsr_pairwise(12, list(zip(won.tolist(), lost.tolist(), strict=True)), tol=1e-12)

    found = fit_global(votes, items=12, clusters={"rater": rater})

    assert found.strength == pytest.approx(other - other.mean(), abs=1e-6)


def test_with_a_prior_they_are_choixs_too() -> None:
    votes, rater, _strength = _drawn(2, items=6, count=40)
    won = np.where(votes.outcome == 1, votes.left, votes.right)
    lost = np.where(votes.outcome == 1, votes.right, votes.left)
    other = choix.opt_pairwise(6, list(zip(won.tolist(), lost.tolist(), strict=True)), alpha=0.4, tol=1e-12)

    assert fit_global(votes, items=6, clusters={"rater": rater}, precision=0.8).strength == pytest.approx(
        other, abs=1e-6
    )


def test_ties_and_weights_are_half_wins_and_repeats() -> None:
    votes, rater, _strength = _drawn(3, items=5, count=400)
    outcome, weight = votes.outcome.copy(), np.random.default_rng(4).integers(1, 4, 400)
    outcome[::7] = 0.5
    heavy = Votes.of(votes.group, votes.left, votes.right, outcome, weight=weight.astype(float))
    rows = np.repeat(np.arange(400), 2 * weight)
    half = np.tile([1.0, 0.0], len(rows) // 2)
    said = np.where(outcome[rows] == 0.5, half, outcome[rows])
    spelled = Votes.of(votes.group[rows], votes.left[rows], votes.right[rows], said, weight=np.full(len(rows), 0.5))

    plain = fit_global(heavy, items=5, clusters={"rater": rater})
    other = fit_global(spelled, items=5, clusters={"rater": rater[rows]})

    assert other.strength == pytest.approx(plain.strength, abs=1e-8)
    assert other.covariances["rater"] == pytest.approx(plain.covariances["rater"], abs=1e-8)


def test_the_covariance_is_the_sandwich_written_out() -> None:
    votes, rater, _strength = _drawn(5, items=4, count=200, raters=9)
    found = fit_global(votes, items=4, clusters={"rater": rater})

    design = np.zeros((200, 4))
    design[np.arange(200), votes.left], design[np.arange(200), votes.right] = 1, -1
    p = special.expit(design @ found.strength)
    bread = np.linalg.pinv(design.T @ ((p * (1 - p))[:, None] * design))
    meat = np.zeros((4, 4))
    for one in range(9):
        u = design[rater == one].T @ (votes.outcome - p)[rater == one]
        meat += np.outer(u, u)

    assert found.covariances["rater"] == pytest.approx(bread @ meat @ bread * 9 / 8, abs=1e-9)


def test_intervals_by_rater_hold_where_raters_have_tastes() -> None:
    """Counting votes as independent is too sure; the spread over repeated crowds is what clustering says."""
    differences, clustered, naive = [], [], []
    for seed in range(150):
        votes, rater, _strength = _drawn(seed, items=4, count=1500, raters=25, taste=0.6)
        found = fit_global(votes, items=4, clusters={"rater": rater})
        mean, error = found.difference(np.array([3]), np.array([0]))
        differences.append(mean[0])
        clustered.append(error[0])
        single = fit_global(votes, items=4, clusters={"vote": np.arange(1500)})
        naive.append(single.difference(np.array([3]), np.array([0]))[1][0])

    spread = np.std(differences, ddof=1)
    assert np.mean(clustered) == pytest.approx(spread, rel=0.2)
    assert np.mean(naive) < 0.8 * spread


def test_of_two_clusterings_the_wider_interval_is_shown() -> None:
    votes, rater, _strength = _drawn(7, items=4, count=1500, raters=15, taste=1.0)
    single = {"rater": rater, "vote": np.arange(1500)}

    both = fit_global(votes, items=4, clusters=single)
    errors = [
        fit_global(votes, items=4, clusters={name: single[name]}).difference(np.array([1]), np.array([2]))[1]
        for name in single
    ]

    assert both.difference(np.array([1]), np.array([2]))[1] == max(errors)
    low, high = both.interval(np.array([1]), np.array([2]))
    assert high - low == pytest.approx(2 * 1.959964 * max(errors), rel=1e-6)


def test_ranks_say_what_is_open() -> None:
    """Two items far above, two that nobody can tell apart."""
    variance = np.diag([1e-4, 1e-4, 0.04, 0.04])
    fit = GlobalFit(np.array([3.0, 2.0, 0.05, 0.0]), {"rater": variance})

    best, worst = fit.ranks(np.random.default_rng(8))

    assert best.tolist() == [1, 2, 3, 3]
    assert worst.tolist() == [1, 2, 4, 4]


def test_items_renumbered_are_ranked_alike() -> None:
    votes, rater, _strength = _drawn(9, items=6, count=900)
    order = np.random.default_rng(10).permutation(6)
    moved = Votes.of(votes.group, order[votes.left], order[votes.right], votes.outcome)

    plain, other = (fit_global(one, items=6, clusters={"rater": rater}) for one in (votes, moved))

    assert other.strength[order] == pytest.approx(plain.strength, abs=1e-8)


def test_a_winless_item_has_no_finite_strength_without_a_prior() -> None:
    votes = Votes.of([0] * 5, [0, 1, 0, 1, 0], [1, 0, 2, 2, 2], [1, 1, 1, 1, 1])
    cluster = {"rater": np.arange(5)}

    with pytest.raises(Refused, match="fall into 2 parts"):
        fit_global(votes, items=3, clusters=cluster)
    assert fit_global(votes, items=3, clusters=cluster, precision=0.1).strength.argmin() == 2


def test_one_rater_alone_gives_no_interval() -> None:
    votes, rater, _strength = _drawn(11, items=3, count=100)

    with pytest.raises(Refused, match="belong to one rater"):
        fit_global(votes, items=3, clusters={"rater": rater * 0})


@pytest.mark.parametrize("clusters", [{}, {"rater": np.arange(99)}])
def test_clusters_that_do_not_fit_are_refused(clusters) -> None:
    votes, _rater, _strength = _drawn(12, items=3, count=100)

    with pytest.raises(ValueError, match="clustering"):
        fit_global(votes, items=3, clusters=clusters)


def test_a_precision_below_nothing_is_refused() -> None:
    votes, rater, _strength = _drawn(13, items=3, count=100)

    with pytest.raises(ValueError, match="precision"):
        fit_global(votes, items=3, clusters={"rater": rater}, precision=-1.0)
