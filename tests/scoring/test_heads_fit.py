"""The mathematics of heads against scikit-learn, scipy and our own exact solver, and on truths that were planted."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import expit
from sklearn.linear_model import LogisticRegression

from curation.consensus.logistic import fit_antisymmetric
from curation.errors import Refused
from curation.examination.families import Families
from scoring.heads import fitting, validate
from scoring.heads.features import Column, Scores
from scoring.heads.fit import Ties, fit_levels, fit_preferences
from scoring.heads.fitting import Wanted
from scoring.heads.head import Form
from scoring.heads.labels import Labels
from scoring.heads.validate import PairLesson, RatingLesson, held_out

# Both stop where their gradient is about 1e-8 of the labels' number; weights are of the order of 1.
CLOSE = 2e-5


def planted(
    count: int = 940, *, size: int = 12, noise: float = 0.1, each: int = 4, seed: int = 5
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Differences, labels of which a share is wrong, and prompts with `each` labels."""
    rng = np.random.default_rng(seed)
    direction = rng.normal(size=size)
    difference = rng.normal(size=(count, size))
    said = (difference @ direction > 0) ^ (rng.random(count) < noise)
    return difference, said.astype(float), np.arange(count) // each


def lesson(difference: np.ndarray, said: np.ndarray, prompt: np.ndarray, ties: Ties = Ties.HALF) -> PairLesson:
    return PairLesson(difference, said, np.ones(len(said)), prompt, ties)


# -- against answers that are not ours --------------------------------------------------------------------------------


@pytest.mark.parametrize("ridge", [0.05, 1.0, 20.0])
def test_preferences_equal_scikit_learns_logistic_regression_without_intercept(ridge):
    difference, said, _prompt = planted(noise=0.2)
    weight = np.random.default_rng(1).uniform(0.2, 2.0, len(said))

    ours = fit_preferences(difference, said, weight, ridge=ridge)

    theirs = LogisticRegression(C=1 / ridge, fit_intercept=False, tol=1e-10, max_iter=10_000)
    theirs.fit(difference, said, sample_weight=weight)
    assert np.abs(ours.weights - theirs.coef_[0]).max() < CLOSE


def test_a_tie_is_half_a_vote_each_way():
    difference, said, _prompt = planted(300)
    said[::5] = 0.5

    ours = fit_preferences(difference, said, np.ones(300), ridge=0.7)

    is_tie = said == 0.5
    rows = np.concatenate([difference[~is_tie], difference[is_tie], difference[is_tie]])
    votes = np.concatenate([said[~is_tie], np.ones(is_tie.sum()), np.zeros(is_tie.sum())])
    weight = np.concatenate([np.ones((~is_tie).sum()), np.full(2 * is_tie.sum(), 0.5)])
    theirs = LogisticRegression(C=1 / 0.7, fit_intercept=False, tol=1e-10, max_iter=10_000)
    theirs.fit(rows, votes, sample_weight=weight)
    assert np.abs(ours.weights - theirs.coef_[0]).max() < CLOSE
    exact = fit_antisymmetric(difference, said, np.ones(300), ridge=0.7)
    assert np.abs(ours.weights - exact).max() < CLOSE


def test_davidsons_ties_equal_a_search_without_our_gradient():
    difference, said, _prompt = planted(200, size=2, noise=0.25)
    said[::4] = 0.5

    ours = fit_preferences(difference, said, np.ones(200), ridge=0.5, ties=Ties.DAVIDSON)

    def loss(parameters):
        d, nu = difference @ parameters[:2], np.exp(parameters[2])
        total = 2 * np.cosh(d / 2) + nu
        chance = np.select([said == 1, said == 0], [np.exp(d / 2) / total, np.exp(-d / 2) / total], nu / total)
        return -np.log(chance).sum() + 0.25 * (parameters[:2] ** 2).sum()

    theirs = minimize(loss, np.zeros(3), method="Nelder-Mead", options={"xatol": 1e-9, "fatol": 1e-12, "maxiter": 9000})
    assert np.abs(ours.weights - theirs.x[:2]).max() < 1e-4
    assert ours.tie == pytest.approx(np.exp(theirs.x[2]), rel=1e-4)
    assert ours.losses(difference, said).sum() + 0.25 * (ours.weights**2).sum() == pytest.approx(theirs.fun, abs=1e-6)


def test_ratings_equal_a_search_without_our_gradient():
    rng = np.random.default_rng(3)
    features = rng.normal(size=(160, 2))
    level = np.digitize(features @ [1.0, -0.5] + rng.logistic(size=160), [-1.0, 0.5, 1.5])
    weight = rng.uniform(0.5, 1.5, 160)

    ours = fit_levels(features, level, weight, levels=4, ridge=0.3)

    def loss(parameters):
        cuts = np.concatenate([[-np.inf], np.sort(parameters[2:]), [np.inf]])
        eta = features @ parameters[:2]
        chance = expit(cuts[level + 1] - eta) - expit(cuts[level] - eta)
        return -(weight * np.log(np.maximum(chance, 1e-300))).sum() + 0.15 * (parameters[:2] ** 2).sum()

    theirs = minimize(
        loss, [0, 0, -1, 0, 1], method="Nelder-Mead", options={"xatol": 1e-9, "fatol": 1e-12, "maxiter": 20_000}
    )
    assert np.abs(ours.weights - theirs.x[:2]).max() < 1e-4
    assert np.abs(ours.cuts - np.sort(theirs.x[2:])).max() < 1e-4
    assert ours.probabilities(features).sum(axis=1) == pytest.approx(np.ones(160))


def test_two_levels_are_a_logistic_regression_with_an_intercept():
    difference, said, _prompt = planted(400, noise=0.2)

    ours = fit_levels(difference, said.astype(int), np.ones(400), levels=2, ridge=1.0)

    theirs = LogisticRegression(C=1.0, tol=1e-10, max_iter=10_000).fit(difference, said)
    assert np.abs(ours.weights - theirs.coef_[0]).max() < CLOSE
    assert -ours.cuts[0] == pytest.approx(theirs.intercept_[0], abs=CLOSE)


def test_turning_the_features_changes_no_answer():
    difference, said, prompt = planted(60, size=200)
    whole = lesson(difference, said, prompt)
    turned, axes = whole.turned()
    rows = prompt % 3 > 0

    first, second = whole.fit(rows, 0.4), turned.fit(rows, 0.4)

    assert turned.difference.shape[1] <= 60
    assert first.weights == pytest.approx(axes @ second.weights, abs=CLOSE)


# -- planted truths ---------------------------------------------------------------------------------------------------


@pytest.mark.capability("C12")
@pytest.mark.parametrize("noise", [0.05, 0.15, 0.3])
def test_held_out_accuracy_is_what_the_planted_noise_leaves(noise):
    """No pair is closer than half a deviation, so that finding the direction nearly is finding the answers."""
    difference, said, prompt = planted(noise=noise)
    direction = np.random.default_rng(5).normal(size=12)
    side = np.sign(difference @ direction)
    difference += 0.5 * side[:, None] * direction / np.linalg.norm(direction)
    right = ((difference @ direction > 0) == (said == 1)).mean()

    found = held_out(lesson(difference, said, prompt))

    assert right == pytest.approx(1 - noise, abs=0.03)
    assert found.accuracy.low <= right <= found.accuracy.high
    assert found.accuracy.votes == 940
    assert found.accuracy.prompts == 235


@pytest.mark.capability("C12")
def test_at_940_labels_a_head_on_embeddings_is_clearly_better_than_guessing_and_grows_with_labels():
    """Embeddings have a few strong directions and many weak ones; taste is planted in all of them alike."""
    rng = np.random.default_rng(11)
    spread = 1 / np.sqrt(np.arange(1, 1537))
    difference = rng.normal(size=(940, 1536)) * spread
    truth = rng.normal(size=1536)
    logits = difference @ truth
    said = (rng.random(940) < expit(3 * logits / logits.std())).astype(float)

    found = held_out(lesson(difference, said, np.arange(940) // 4).turned()[0])

    shares = [point.accuracy.value for point in found.curve]
    assert found.accuracy.low > 0.6
    assert shares[-1] > shares[0] + 0.05
    assert [point.labels for point in found.curve] == [96, 188, 376, 752]  # whole prompts of four labels


def test_shuffled_labels_teach_nothing():
    difference, said, prompt = planted(noise=0.05)
    shuffled = np.random.default_rng(2).permutation(said)

    found = held_out(lesson(difference, shuffled, prompt))

    assert found.accuracy.low < 0.5 < found.accuracy.high


def test_labels_of_one_prompt_never_teach_about_it():
    """Each prompt has its own direction, the same for all its labels: only by peeking could a head know it."""
    rng = np.random.default_rng(8)
    prompt = np.arange(800) // 8
    own = rng.normal(size=(100, 40))
    difference = np.concatenate([rng.normal(size=(800, 2)), own[prompt]], axis=1)
    said = (rng.random(100)[prompt] > 0.5).astype(float)

    found = held_out(lesson(difference, said, prompt))

    assert found.accuracy.value < 0.55
    peeking = fit_preferences(difference, said, np.ones(800), ridge=0.01)
    assert ((difference @ peeking.weights > 0) == (said == 1)).mean() > 0.7


def sourced(sources: int = 60, edits: int = 3, each: int = 3) -> tuple[PairLesson, Families]:
    """Edits of one picture look alike and are judged alike, and of one source nothing can be learnt about another."""
    rng = np.random.default_rng(7)
    source = np.repeat(np.arange(sources), edits * each)
    own, taste = rng.normal(size=(sources, 40)), rng.choice([-1.0, 1.0], sources)
    difference = own[source] + 0.3 * rng.normal(size=(len(source), 40))
    said = ((rng.random(len(source)) < 0.95) == (taste[source] > 0)).astype(float)
    prompts = np.arange(sources * edits)
    return lesson(difference, said, np.arange(len(source)) // each), Families(prompts, prompts // edits * edits)


@pytest.mark.capability("C12")
def test_what_prompts_that_belong_together_share_is_no_answer_about_prompts_not_seen():
    alone, families = sourced()
    known = replace(alone, families=families)

    found = held_out(known, fractions=(1.0,))

    assert held_out(alone, fractions=(1.0,)).accuracy.low > 0.7  # a head that has seen the other edits knows this one
    assert found.accuracy.low < 0.5 < found.accuracy.high
    assert (found.accuracy.prompts, found.accuracy.families) == (180, 60)


def test_prompts_of_too_few_families_are_refused_in_words():
    alone, _families = sourced(4, 10)

    with pytest.raises(Refused, match="120 labels on 40 prompts, which are 4 where those that belong together count"):
        held_out(replace(alone, families=Families(np.arange(40), np.arange(40) // 10 * 10)))


def test_ratings_are_put_in_order_as_the_planted_noise_allows():
    rng = np.random.default_rng(4)
    features = rng.normal(size=(600, 5))
    level = np.digitize(features @ [2, -1, 0, 0, 1] + rng.logistic(size=600), [-2.0, 0.0, 2.0])
    prompt, rater = np.arange(600) // 4, np.zeros(600, dtype=int)

    found = held_out(RatingLesson.of(features, level, np.ones(600), prompt, rater))
    shuffled = held_out(RatingLesson.of(features, rng.permutation(level), np.ones(600), prompt, rater))

    assert found.accuracy.low > 0.75
    assert shuffled.accuracy.low < 0.5 < shuffled.accuracy.high


def test_ratings_of_prompts_with_one_sample_are_compared_across_prompts():
    rng = np.random.default_rng(4)
    features = rng.normal(size=(200, 3))
    level = np.digitize(features[:, 0] + 0.3 * rng.normal(size=200), [-0.5, 0.5])

    made = RatingLesson.of(features, level, np.ones(200), np.arange(200), np.zeros(200, dtype=int))

    part = validate.parts(np.arange(200), validate.PARTS)
    assert made.is_across
    assert (part[made.higher] == part[made.lower]).all()
    found = held_out(made)
    assert found.accuracy.low > 0.8
    assert found.accuracy.prompts == 200  # of both sides; no lowest rating is the higher one of two


def test_ratings_across_prompts_are_compared_inside_the_parts_of_families():
    rng = np.random.default_rng(4)
    features = rng.normal(size=(200, 3))
    level = np.digitize(features[:, 0] + 0.3 * rng.normal(size=200), [-0.5, 0.5])
    families = Families(np.arange(200), np.arange(200) // 4 * 4)

    made = RatingLesson.of(features, level, np.ones(200), np.arange(200), np.zeros(200, dtype=int), families)

    part = validate.parts(families.of(np.arange(200)), validate.PARTS)
    assert (part[made.higher] == part[made.lower]).all()
    assert (part.reshape(-1, 4) == part[::4, None]).all()
    assert held_out(made, fractions=(1.0,)).accuracy.families == 50


# -- what cannot be fitted --------------------------------------------------------------------------------------------


def test_nothing_but_ties_is_refused_in_words():
    difference, said, prompt = planted(100)

    with pytest.raises(Refused, match="All 100 labels say the same"):
        held_out(lesson(difference, np.full_like(said, 0.5), prompt))


def test_one_prompt_is_refused_in_words():
    difference, said, _prompt = planted(100)

    with pytest.raises(Refused, match="100 labels on 1 prompts are too few"):
        held_out(lesson(difference, said, np.zeros(100, dtype=int)))


def test_fewer_labels_than_features_have_an_answer():
    difference, said, prompt = planted(40, size=500)

    found = held_out(lesson(difference, said, prompt).turned()[0])

    assert np.isfinite(found.credit).all()


def test_labels_that_contradict_each_other_are_worth_a_coin():
    difference, said, prompt = planted(200, noise=0)
    both = np.concatenate([said, 1 - said])

    found = held_out(lesson(np.tile(difference, (2, 1)), both, np.tile(prompt, 2)))

    assert found.accuracy.value == pytest.approx(0.5)


def test_features_that_are_no_numbers_are_refused():
    difference, said, _prompt = planted(30)
    difference[3, 2] = np.nan

    with pytest.raises(ValueError, match="finite"):
        fit_preferences(difference, said, np.ones(30), ridge=1.0)


@pytest.mark.parametrize("ridge", [0.0, -1.0])
def test_a_ridge_is_above_nothing(ridge):
    difference, said, _prompt = planted(30)

    with pytest.raises(ValueError, match="above 0"):
        fit_preferences(difference, said, np.ones(30), ridge=ridge)


def test_labels_told_apart_exactly_have_finite_weights():
    difference, said, _prompt = planted(50, noise=0)

    found = fit_preferences(difference, said, np.ones(50), ridge=0.001)

    assert np.isfinite(found.weights).all()
    assert ((difference @ found.weights > 0) == (said == 1)).all()


def test_a_level_that_nobody_gave_is_refused():
    with pytest.raises(ValueError, match="nobody gave level 1"):
        fit_levels(np.ones((3, 1)), np.array([0, 2, 2]), np.ones(3), levels=3, ridge=1.0)


@pytest.mark.parametrize("seen", [(0, 1), (1, 2), (0, 2)])
def test_a_level_that_no_label_is_on_leaves_the_others_their_shares(seen):
    """Five ratings on the lower seen level and three on the upper, of samples that do not differ; one on the third."""
    (unseen,) = {0, 1, 2} - set(seen)
    level = np.array([seen[0]] * 5 + [seen[1]] * 3 + [unseen])
    rows = np.arange(9) < 8
    made = RatingLesson.of(np.zeros((9, 1)), level, np.ones(9), np.arange(9), np.zeros(9, dtype=int))

    found = made.fit(rows, 1.0)

    shares = found.probabilities(np.zeros((8, 1))).mean(axis=0)
    assert shares[[*seen, unseen]] == pytest.approx([5 / 8, 3 / 8, 0], abs=1e-5)
    assert made.loss(found, rows) == pytest.approx(-5 * np.log(5 / 8) - 3 * np.log(3 / 8), abs=1e-4)
    assert (np.diff(found.cuts) > 0).all()
    assert made.loss(found, ~rows) < 30  # one label never outweighs all others


def test_several_levels_that_no_label_is_on_stay_in_order():
    level = np.array([2] * 5 + [4] * 3 + [0, 1, 3, 5, 6])
    made = RatingLesson.of(np.zeros((13, 1)), level, np.ones(13), np.arange(13), np.zeros(13, dtype=int))

    found = made.fit(np.arange(13) < 8, 1.0)

    assert len(found.cuts) == 6
    assert (np.diff(found.cuts) > 0).all()
    shares = found.probabilities(np.zeros((1, 1)))[0]
    assert shares == pytest.approx([0, 0, 5 / 8, 0, 3 / 8, 0, 0], abs=1e-5)


def _voices(form: Form) -> Labels:
    """Forty prompts with four samples each and three raters who say what they like."""
    rng = np.random.default_rng(3)
    prompt = np.repeat(np.arange(40), 12)
    rater = np.tile(np.repeat(np.arange(3), 4), 40)
    first = 4 * prompt + np.tile(np.arange(4), 120)
    second = 4 * prompt + np.tile([1, 2, 3, 0], 120) if form == Form.PAIRS else first
    said = rng.integers(0, 2, 480).astype(float)
    none = np.zeros(0, dtype=np.int64)
    subjects = np.arange(160)
    return Labels(subjects, subjects // 4, first, second, said, np.ones(480), rater, prompt, none, none)


def test_believing_everybody_alike_leaves_every_label_its_weight():
    weight = np.array([0.5, 2.0, 1.0])
    made = RatingLesson.of(np.zeros((3, 1)), np.arange(3), weight, np.arange(3), np.zeros(3, dtype=int))
    doubled = replace(made, trust=lambda rows: 2.0 * rows)

    assert made.believing(np.ones(3, dtype=bool)).weight == pytest.approx(weight)
    assert doubled.believing(np.ones(3, dtype=bool)).weight == pytest.approx(2 * weight)


@pytest.mark.parametrize("form", [Form.PAIRS, Form.RATINGS])
def test_what_was_said_on_a_prompt_tells_nothing_to_the_head_that_is_asked_about_it(form, monkeypatch):
    """Not even how far its raters are to be believed: one of them is turned round on the prompts that are held out."""
    labels = _voices(form)
    held = validate.parts(labels.prompt, validate.PARTS) == 0
    turned = np.where(held & (labels.rater == 2), 1 - labels.said, labels.said)
    wanted = Wanted("taste", form, "overall", (Scores((Column(1, "sharp", "sharp", (1,)),)),))
    features = np.random.default_rng(4).normal(size=(160, 1))

    before = _first_heads(labels, features, wanted, monkeypatch)
    after = _first_heads(replace(labels, said=turned), features, wanted, monkeypatch)

    assert after == before


class _Enough(Exception):
    """The first part of the prompts was asked about."""


def _first_heads(labels, features, wanted, monkeypatch) -> list[list[float]]:
    """Weights of the heads for the first part: nine ridges on three inner parts, and the one that is asked."""
    heads: list[list[float]] = []

    def noting(fit, *args, **kwargs):
        if len(heads) == 28:
            raise _Enough
        found = fit(*args, **kwargs)
        heads.append(found.weights.tolist())
        return found

    with monkeypatch.context() as patched:
        for name in ("fit_preferences", "fit_levels"):
            patched.setattr(validate, name, partial(noting, getattr(validate, name)))
        with pytest.raises(_Enough):
            fitting.fit(labels, features, wanted)
    return heads


def test_the_ceiling_of_noisy_labels():
    assert validate.ceiling(1.0) == 1.0
    assert validate.ceiling(0.5) == 0.5
    assert validate.ceiling(0.9**2 + 0.1**2) == pytest.approx(0.9)
    assert validate.ceiling(0.4) is None
