"""What machines are worth, learnt from people: against scikit-learn, and simulated machines that err together."""

from dataclasses import dataclass

import numpy as np
import pytest
from scipy import special
from sklearn.linear_model import LogisticRegression

from curation.consensus.dawid_skene import fit_labels
from curation.consensus.errors import NotConverged, TooFewVotes
from curation.consensus.logistic import fit_antisymmetric
from curation.consensus.machine_stack import (
    PairVotes,
    capped,
    effective_opinions,
    fit_latent_consensus,
    fit_random_vote,
)


def _calibration(seed: int, *, pairs: int = 400, machines: int = 3):
    rng = np.random.default_rng(seed)
    margins = rng.normal(0, 1, (pairs, machines)) * np.array([1.0, 5.0, 0.2])[:machines]
    margins[:, 1] += 3 * margins[:, 0]
    chance = special.expit(margins @ np.array([0.8, 0.1, 1.5])[:machines])
    pair = np.repeat(np.arange(pairs), 3)
    outcome = (rng.random(len(pair)) < chance[pair]).astype(float)
    outcome[rng.random(len(pair)) < 0.1] = 0.5
    return margins, PairVotes(pair, rng.integers(0, 6, len(pair)), outcome)


def test_weights_for_a_random_vote_are_scikit_learns() -> None:
    margins, votes = _calibration(1)
    size = np.sqrt((margins**2).mean(axis=0))
    features = (margins / size)[votes.pair]
    both = np.concatenate([features, features])
    target = np.repeat([1, 0], len(votes))
    weight = np.concatenate([votes.outcome, 1 - votes.outcome])
    other = LogisticRegression(fit_intercept=False, C=1 / 2.5, tol=1e-12, solver="newton-cg").fit(both, target, weight)

    found = fit_random_vote(margins, votes, ridge=2.5)

    assert found.weights == pytest.approx(other.coef_[0] / size, abs=1e-7)
    assert found.votes == len(votes)


def test_weights_for_the_consensus_are_scikit_learns_given_what_people_agree_on() -> None:
    margins, votes = _calibration(2)
    size = np.sqrt((margins**2).mean(axis=0))

    found = fit_latent_consensus(margins, votes, ridge=1.5)

    both = np.concatenate([margins, margins]) / size
    weight = np.concatenate([found.posterior, 1 - found.posterior])
    other = LogisticRegression(fit_intercept=False, C=1 / 1.5, tol=1e-12, solver="newton-cg")
    other.fit(both, np.repeat([1, 0], 400), weight)
    assert found.stack.weights == pytest.approx(other.coef_[0] / size, abs=1e-6)
    agreement = votes.outcome * found.posterior[votes.pair] + (1 - votes.outcome) * (1 - found.posterior[votes.pair])
    right = np.bincount(votes.rater, agreement)
    assert found.accuracy == pytest.approx((right + 8) / (np.bincount(votes.rater) + 10.5), abs=1e-6)


@pytest.mark.parametrize("fit", [fit_random_vote, lambda m, v: fit_latent_consensus(m, v).stack])
def test_swapping_first_and_second_changes_nothing(fit) -> None:
    margins, votes = _calibration(3)
    flip = np.random.default_rng(4).random(400) < 0.5
    turned = np.where(flip[:, None], -margins, margins)
    outcome = np.where(flip[votes.pair], 1 - votes.outcome, votes.outcome)

    plain, other = fit(margins, votes), fit(turned, PairVotes(votes.pair, votes.rater, outcome))

    assert other.weights == pytest.approx(plain.weights, abs=1e-7)
    assert plain.log_odds(-margins) == pytest.approx(-plain.log_odds(margins), abs=1e-12)


def test_units_of_a_machines_scores_do_not_matter() -> None:
    margins, votes = _calibration(5)

    plain = fit_latent_consensus(margins, votes).stack
    other = fit_latent_consensus(margins * np.array([1000.0, 0.001, 1.0]), votes).stack

    assert other.log_odds(margins * np.array([1000.0, 0.001, 1.0])) == pytest.approx(plain.log_odds(margins), abs=1e-6)


def test_pairs_that_nobody_judged_do_not_pull_the_weights() -> None:
    margins, votes = _calibration(6)
    more = np.concatenate([margins, np.full((300, 3), 0.0)])
    size = np.sqrt((margins**2).mean(axis=0)), np.sqrt((more**2).mean(axis=0))

    plain = fit_latent_consensus(margins, votes, ridge=1e-6).stack
    other = fit_latent_consensus(more, votes, ridge=1e-6 * float((size[1] / size[0])[0] ** 2)).stack

    assert other.weights == pytest.approx(plain.weights, rel=1e-5)


# -- machines that err together ---------------------------------------------------------------------------------------


@dataclass
class World:
    truth: np.ndarray  # ±1
    machines: np.ndarray  # (P, 5), ±1
    votes: PairVotes  # on the first tenth of the pairs
    calibration: np.ndarray  # bool, half of these


@pytest.fixture(scope="module")
def world() -> World:
    """20,000 pairs, five judges right 88 % of the time except on a quarter where nine in ten take the same wrong cue;
    people are right 78 % of the time, three of them on a tenth of the pairs."""
    rng = np.random.default_rng(7)
    pairs = 20_000
    truth = rng.choice([-1.0, 1.0], pairs)
    is_trap = rng.random(pairs) < 0.25
    right = np.where(is_trap[:, None], rng.random((pairs, 5)) > 0.9, rng.random((pairs, 5)) < 0.88)
    machines = np.where(right, truth[:, None], -truth[:, None])
    pair = np.repeat(np.arange(2000), 3)
    is_right = rng.random(len(pair)) < 0.78
    outcome = (np.where(is_right, truth[pair], -truth[pair]) + 1) / 2
    rater = np.concatenate([rng.permutation(12)[:3] for _pair in range(2000)])
    return World(truth, machines, PairVotes(pair, rater, outcome), np.arange(2000) < 1000)


def _scores(log_odds, truth) -> tuple[float, float, float]:
    """Accuracy, expected calibration error and log-loss."""
    p, is_first = special.expit(log_odds), truth > 0
    sure = np.maximum(p, 1 - p)
    is_right = (p > 0.5) == is_first
    place = np.minimum(((sure - 0.5) * 20).astype(int), 9)
    error = sum(abs(sure[place == b].mean() - is_right[place == b].mean()) * (place == b).mean() for b in set(place))
    return is_right.mean(), error, -np.log(np.where(is_first, p, 1 - p)).mean()


def _calibrated(world: World):
    kept = world.calibration[world.votes.pair]
    votes = PairVotes(world.votes.pair[kept], world.votes.rater[kept], world.votes.outcome[kept])
    return fit_latent_consensus(world.machines, votes)


def test_where_nobody_voted_the_block_is_as_sure_as_it_is_right(world) -> None:
    found = _calibrated(world)

    accuracy, error, loss = _scores(found.stack.log_odds(world.machines[2000:]), world.truth[2000:])

    assert accuracy == pytest.approx(0.74, abs=0.02)
    assert error < 0.10
    assert loss < 0.62


def test_as_a_prior_under_peoples_votes_it_helps_and_does_not_harm(world) -> None:
    found = _calibrated(world)
    held = ~world.calibration[world.votes.pair]
    pair, rater = world.votes.pair[held], world.votes.rater[held]
    each = (2 * world.votes.outcome[held] - 1) * special.logit(found.accuracy)[rater]
    people = np.bincount(pair, each, minlength=2000)[1000:]

    alone = _scores(people, world.truth[1000:2000])
    together = _scores(people + found.stack.log_odds(world.machines[1000:2000]), world.truth[1000:2000])

    assert found.accuracy == pytest.approx(0.78, abs=0.06)
    assert together[0] > 0.86
    assert together[0] > alone[0] - 0.015
    assert together[1] < 0.05
    assert together[2] < alone[2] - 0.01
    assert together[2] < 0.30


def test_machines_that_vote_in_their_own_evaluation_are_believed_for_agreeing(world) -> None:
    """Why the block is learnt from people: Dawid and Skene over everybody trusts the machines more than the people."""
    machine_pair, machine = (column.ravel() for column in np.indices(world.machines.shape))
    item = np.concatenate([machine_pair, world.votes.pair])
    rater = np.concatenate([machine, 5 + world.votes.rater])
    label = np.concatenate([(world.machines.ravel() > 0).astype(int), world.votes.outcome.astype(int)])

    mixed = fit_labels(item, rater, label, items=20_000, raters=17, labels=2, tolerance=1e-6)

    believed = np.einsum("rcc,c->r", mixed.confusion, mixed.share)
    truly = (world.machines == world.truth[:, None]).mean()
    assert believed[:5].mean() > truly + 0.1
    assert believed[5:].mean() < 0.7
    said = np.log(mixed.posterior[2000:, 1] / mixed.posterior[2000:, 0])
    assert _scores(np.clip(said, -30, 30), world.truth[2000:])[2] > 1.5


def test_each_machine_alone_and_added_up_would_claim_too_much(world) -> None:
    kept = world.calibration[world.votes.pair]
    votes = PairVotes(world.votes.pair[kept], world.votes.rater[kept], world.votes.outcome[kept])

    block = fit_latent_consensus(world.machines, votes).stack.weights.sum()
    alone = sum(fit_latent_consensus(world.machines[:, [m]], votes).stack.weights[0] for m in range(5))
    soft = fit_random_vote(world.machines, votes).weights.sum()

    assert alone > 1.7 * block
    assert soft < 0.9 * block


def test_five_machines_that_err_together_are_few_opinions(world) -> None:
    found = effective_opinions(world.machines - world.truth[:, None])

    assert found.machines == 5
    assert found.effective < 2.2
    assert found.correlation > 0.3


# -- opinions and caps ------------------------------------------------------------------------------------------------


def test_independent_errors_are_as_many_opinions_as_machines() -> None:
    errors = np.random.default_rng(8).normal(0, 1, (50_000, 4))

    assert effective_opinions(errors).effective == pytest.approx(4, abs=0.1)


def test_opinions_by_hand() -> None:
    """Shared bias and own noise of equal variance: correlation ½, so 4 machines are 4 / 2.5 opinions."""
    rng = np.random.default_rng(9)
    errors = rng.normal(0, 1, (50_000, 1)) + rng.normal(0, 1, (50_000, 4))

    assert effective_opinions(errors).effective == pytest.approx(1.6, abs=0.03)


def test_errors_that_never_vary_tell_nothing() -> None:
    found = effective_opinions(np.array([[1.0, 0.5], [1.0, 0.2], [1.0, 0.1]]))

    assert found.correlation is None
    assert found.effective == 1


@pytest.mark.parametrize("errors", [np.zeros((2, 2)), np.zeros((5, 0)), np.zeros(5), np.full((5, 2), np.nan)])
def test_errors_that_make_no_sense_are_refused(errors) -> None:
    with pytest.raises(ValueError, match="errors of shape"):
        effective_opinions(errors)


def test_a_machine_never_counts_for_more_than_three_people_or_than_was_seen() -> None:
    log_odds = np.array([-9.0, -1.0, 0.0, 2.0, 9.0])

    by_people = capped(log_odds, ceiling=np.inf, accuracy=0.75)
    by_ceiling = capped(log_odds, ceiling=1.5, accuracy=0.75)

    assert by_people == pytest.approx([-3 * np.log(3), -1, 0, 2, 3 * np.log(3)])
    assert by_ceiling == pytest.approx([-1.5, -1, 0, 1.5, 1.5])


@pytest.mark.parametrize(("ceiling", "accuracy"), [(1.0, 0.5), (1.0, 1.0), (-1.0, 0.8), (np.nan, 0.8)])
def test_caps_that_make_no_sense_are_refused(ceiling, accuracy) -> None:
    with pytest.raises(ValueError, match="accuracy"):
        capped(np.zeros(1), ceiling=ceiling, accuracy=accuracy)


# -- refusals ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fit", [fit_random_vote, fit_latent_consensus])
def test_too_few_votes_and_margins_that_make_no_sense_are_refused(fit) -> None:
    margins, votes = _calibration(10)
    few = PairVotes(votes.pair[:99], votes.rater[:99], votes.outcome[:99])

    with pytest.raises(TooFewVotes, match="99 votes of people"):
        fit(margins, few)
    with pytest.raises(ValueError, match="finite"):
        fit(np.where(margins > 2, np.nan, margins), votes)
    with pytest.raises(ValueError, match="names pair 399"):
        fit(margins[:300], votes)
    with pytest.raises(ValueError, match="ridge"):
        fit(margins, votes, ridge=0.0)


@pytest.mark.parametrize(
    ("pair", "rater", "outcome"), [([0], [0, 1], [1.0]), ([-1], [0], [1.0]), ([0], [-1], [1.0]), ([0], [0], [0.7])]
)
def test_votes_that_make_no_sense_are_refused(pair, rater, outcome) -> None:
    with pytest.raises(ValueError):
        PairVotes(np.array(pair), np.array(rater), np.array(outcome))


def test_targets_told_apart_exactly_have_finite_weights() -> None:
    features = np.linspace(-2, 2, 40)[:, None]
    target = (features[:, 0] > 0).astype(float)

    found = fit_antisymmetric(features, target, np.ones(40), ridge=0.1)

    p = special.expit(features[:, 0] * found[0])
    assert features[:, 0] @ (target - p) == pytest.approx(0.1 * found[0], abs=1e-8)


def test_weights_that_do_not_come_to_rest_are_named(monkeypatch) -> None:
    monkeypatch.setattr("curation.consensus.logistic._STEPS", 2)

    with pytest.raises(NotConverged, match="2 steps; take a larger ridge"):
        fit_random_vote(*_calibration(11))
