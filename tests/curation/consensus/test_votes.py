"""One act counts once, and everything has its place whatever the sizes of prompts."""

import numpy as np
import pytest

from curation.consensus.adding_up import Learnt, add_up, learn
from curation.consensus.votes import Told, ballot, couples, lay_out
from curation.consensus.written import as_json, from_json
from tests.curation.consensus.crowd import Crowd


def said(made: Crowd):
    told = made.told()
    layout = lay_out(told)
    return ballot(told.comparisons, layout), layout


def test_a_ranking_of_k_weighs_k_minus_one():
    made = Crowd(1, 5)
    for left in range(5):
        for right in range(left + 1, 5):
            made.vote(0, left, right, "left", act_size=5, judgement_id=1)

    found, _layout = said(made)

    assert found.weight.tolist() == [0.4] * 10
    assert found.weight.sum() == pytest.approx(4)


def test_what_one_rater_says_twice_counts_once():
    made = Crowd(1, 2)
    for outcome in ("left", "left", "right"):
        made.vote(0, 0, 1, outcome, rater=1)
    made.vote(0, 1, 0, "left", rater=2)

    found, _layout = said(made)
    pairs = couples(found)

    assert found.weight.sum() == pytest.approx(2)
    assert pairs.votes.tolist() == [2]
    assert pairs.wins.tolist() == [pytest.approx(2 / 3)]


def test_a_tie_is_half_a_win_and_both_bad_is_none():
    made = Crowd(1, 3)
    made.vote(0, 0, 1, "tie")
    made.vote(0, 1, 2, "both-bad")

    found, _layout = said(made)

    assert found.outcome.tolist() == [0.5]


def test_repeats_of_one_person_are_no_second_opinion():
    """Nine votes of one person do not decide, however one-sided; and count as one voice."""
    made = Crowd(1, 2)
    for _ in range(9):
        made.vote(0, 0, 1, "left", rater=1)
    row = add_up(made.told(), Learnt()).states().row(0, named=True)

    assert (row["votes"], row["people"], row["state"]) == (1, 1, "open")


def test_prompts_of_all_sizes_are_fitted_as_if_alone():
    made = Crowd(9, 9, seed=4)
    made.people(12, raters=4)
    told = made.told()
    small = told.comparisons.filter(~((told.comparisons["prompt_id"] == 3) & (told.comparisons["right_id"] > 23)))
    told = Told(small, told.scores, told.related, told.samples.filter(told.samples["sample_id"] % 9 < 7))

    whole = add_up(told, Learnt())

    for prompt in range(1, 10):
        alone = add_up(told.of_prompts([prompt]), Learnt())
        mine = whole.layout.prompt[whole.layout.group] == prompt
        for mixed, single in zip(whole.columns["people"].values(), alone.columns["people"].values(), strict=True):
            np.testing.assert_allclose(mixed[mine], single, atol=1e-9)


def test_a_page_adds_up_what_was_learnt_from_all():
    """What was learnt survives its way through JSON, and a few prompts under it are what they are among all."""
    made = Crowd(150, 5, seed=5)
    made.people(6, repeats=2)
    made.machine(101, like=1.0)
    for group in range(150):
        for person in (1, 2, 3):
            for item in range(5):
                made.score(person, group, item, round(made.theta[group, item] + made.rng.normal()), person=True)
    told = made.told()
    learnt = learn(told)
    whole = add_up(told, learnt)

    page = add_up(told.of_prompts([7, 70]), from_json(as_json(learnt)))

    assert learnt.scale
    assert learnt.block.is_heard
    mine = np.isin(whole.layout.prompt[whole.layout.group], [7, 70])
    for basis in ("people", "machines", "both"):
        for all_of, few in zip(whole.columns[basis].values(), page.columns[basis].values(), strict=True):
            np.testing.assert_allclose(all_of[mine], few, atol=1e-9)


def test_nothing_said_is_nothing_known():
    found = add_up(Told(), learn(Told()))

    assert found.states().height == 0
