"""Learning a checklist: planted questions are found, luck is not, and the arithmetic is another solver's."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize
from sklearn.linear_model import LogisticRegression

from curation.examination.families import Families
from scoring.rubrics import choosing
from scoring.rubrics.choosing import TooFew, induce


def planted(pairs: int, *, useful: dict[int, float], questions: int = 12, seed: int = 0, noise: float = 0.0):
    """Random answers; people go by the useful questions (place: weight), and by a coin with a chance of `noise`."""
    random = np.random.default_rng(seed)
    first, second = (random.random((pairs, questions)) < 0.5 for _side in range(2))
    differences = first.astype(float) - second
    margin = sum(weight * differences[:, place] for place, weight in useful.items()) + random.normal(0, 0.2, pairs)
    votes = np.where(margin > 0, 1, -1)
    votes = np.where(random.random(pairs) < noise, random.choice([-1, 1], pairs), votes).astype(np.int8)
    return differences, votes, np.repeat(np.arange(pairs // 2), 2)[:pairs]


@pytest.mark.capability("C16")
def test_from_a_hundred_pairs_the_useful_questions_are_kept_and_the_gain_has_an_interval() -> None:
    differences, votes, prompt = planted(100, useful={2: 1.0, 7: 1.0}, noise=0.1)
    start = np.zeros(12)
    start[0] = 1.0  # what one began with says nothing of what people want

    found = induce(differences, votes, prompt, start)

    kept = {one.place for one in found.questions if one.weight > 0}
    assert {2, 7} <= kept
    assert len(kept) <= 5
    assert found.gain.low > 0
    assert found.after.value - found.before.value == pytest.approx(found.gain.value)
    assert abs(found.before.value - 0.5) < 0.15
    weights = {one.place: one.weight for one in found.questions}
    assert max(weights, key=weights.get) in (2, 7)
    for place in (2, 7):
        assert found.questions[place].without.value > 0


def test_votes_by_a_coin_keep_nothing_that_helps() -> None:
    """Over many draws accuracy on other prompts stays at one half."""
    after = []
    for seed in range(12):
        differences, votes, prompt = planted(100, useful={}, noise=1.0, seed=seed)
        after.append(induce(differences, votes, prompt).after.value)

    assert abs(np.mean(after) - 0.5) < 0.04


def test_a_question_that_points_the_wrong_way_gets_no_weight() -> None:
    differences, votes, prompt = planted(200, useful={1: 1.0, 4: -1.0})

    found = induce(differences, votes, prompt)

    assert found.questions[1].weight == 1.0
    assert found.questions[4].weight == 0.0


def test_the_weights_minimise_what_is_stated() -> None:
    """Against another method, and against scikit-learn's own l1 penalty where no weight wants to be negative."""
    differences, votes, _prompt = planted(300, useful={0: 1.0, 1: 0.6, 2: 0.3}, questions=3, noise=0.3)
    signed = differences * votes[:, None]
    penalty = 0.02

    ours = choosing.fitted(signed, penalty)

    def loss(weights):
        return np.logaddexp(0, -(signed @ weights)).mean() + penalty * np.abs(weights).sum()

    other = minimize(loss, np.full(3, 0.5), method="Nelder-Mead", options={"xatol": 1e-8, "fatol": 1e-12})
    assert ours == pytest.approx(other.x, abs=1e-4)
    both = np.vstack([signed, -signed])
    strength = 1 / (2 * penalty * len(signed))
    model = LogisticRegression(C=strength, l1_ratio=1.0, solver="liblinear", fit_intercept=False, tol=1e-10)
    model.fit(both, np.repeat([1, 0], len(signed)))
    assert ours == pytest.approx(model.coef_[0], abs=1e-3)


def test_what_is_told_is_of_prompts_nothing_was_learnt_from(monkeypatch) -> None:
    """No vote is ever judged by weights that its own prompt had a part in."""
    differences, votes, prompt = planted(60, useful={0: 1.0}, questions=4)
    own, seen = choosing._learnt, []

    def watched(table, some_votes, some_prompts):
        seen.append(set(some_prompts.tolist()))
        return own(table, some_votes, some_prompts)

    monkeypatch.setattr(choosing, "_learnt", watched)
    choosing._credit(differences, votes, prompt)

    part = choosing.parts(prompt)
    assert [set(prompt[part != number].tolist()) for number in np.unique(part)] == seen


def test_what_only_prompts_that_belong_together_share_gains_nothing() -> None:
    """Each family has a question of its own that says how it is judged; of another family it says nothing."""
    prompt = np.arange(30)
    family = prompt // 3 * 3
    votes = np.ones(30, np.int8)
    differences = (family[:, None] == 3 * np.arange(10)).astype(float)

    alone = induce(differences, votes, prompt)
    together = induce(differences, votes, prompt, families=Families(prompt, family))

    assert alone.after.value > 0.9
    assert together.after.value == 0.5
    assert (together.prompts, together.families, together.after.families) == (30, 10, 10)


def test_an_answer_that_is_missing_is_no_difference() -> None:
    differences, votes, prompt = planted(120, useful={0: 1.0}, questions=3)
    holes = differences.copy()
    holes[::7, 1] = np.nan

    found = induce(holes, votes, prompt)

    assert found.questions[0].weight == 1.0


def test_too_little_is_said() -> None:
    differences, votes, prompt = planted(12, useful={0: 1.0}, questions=2)

    with pytest.raises(TooFew, match="votes on 6 prompts are too few"):
        induce(differences, votes, prompt)
    with pytest.raises(TooFew, match="on 40 prompts, which are 4 where those that belong together count once, are too"):
        induce(
            np.ones((40, 3)), np.ones(40, np.int8), np.arange(40), families=Families(np.arange(40), np.arange(40) % 4)
        )
    with pytest.raises(TooFew, match="the same for both samples"):
        induce(np.zeros((40, 3)), np.ones(40, np.int8), np.arange(40))
