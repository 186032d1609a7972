"""The rules that weigh machines against people, each of them once, on simulated crowds."""

import numpy as np
import pytest
from scipy.special import expit

from curation.consensus import rules
from curation.consensus.adding_up import BASES, add_up, learn
from curation.consensus.rules import State, Verdict
from tests.curation.consensus.crowd import Crowd


def crowd(*, prompts=120, like=1.0, **fields) -> Crowd:
    made = Crowd(prompts, 4, **fields)
    made.people(6, repeats=2, groups=range(prompts * 3 // 4))
    if like is not None:
        made.machine(101, like=like)
    return made


def weight_of(learnt, rater: int):
    return next(one for one in learnt.block.weights if one.column.rater_id == rater)


def test_only_labels_of_people_teach():
    yes, no = np.array([True, True]), np.array([True, False])
    rules.teachers(yes, yes)
    for is_person, is_label in ((no, yes), (yes, no)):
        with pytest.raises(ValueError, match="1 of 2 votes are no labels of people"):
            rules.teachers(is_person, is_label)


def test_votes_of_machines_teach_nothing_about_anybody():
    """A machine that votes ten times on every couple changes neither people nor the spread nor another machine."""
    alone, crowded = crowd(), crowd()
    for group in range(120):
        for left, right in crowded.couples(6):
            for machine in range(102, 112):
                crowded.vote(group, left, right, "left", rater=machine, person=False)

    before, after = learn(alone.told()), learn(crowded.told())

    assert after.raters == before.raters
    assert (after.width, after.accuracy, after.votes) == (before.width, before.accuracy, before.votes)
    assert weight_of(after, 101).tested == weight_of(before, 101).tested
    assert {weight_of(after, pk).verdict for pk in range(102, 112)} == {Verdict.NOT_BETTER}
    people = [
        add_up(made.told(), learnt).columns["people"].values()[0]
        for made, learnt in ((alone, before), (crowded, after))
    ]
    np.testing.assert_array_equal(*people)


def test_a_machine_that_is_not_surely_better_than_a_coin_weighs_nothing():
    made = crowd(like=0.0)
    found = learn(made.told())

    assert weight_of(found, 101).verdict == Verdict.NOT_BETTER
    assert weight_of(found, 101).weight == 0
    assert not found.block.is_heard
    both = add_up(made.told(), found)
    np.testing.assert_array_equal(both.columns["both"].values()[0], both.columns["people"].values()[0])


def test_without_a_hundred_votes_a_machine_weighs_nothing():
    made = Crowd(12, 4)
    made.people(4, repeats=2)  # 96 votes
    made.machine(101, like=3.0)

    assert weight_of(learn(made.told()), 101).verdict == Verdict.TOO_FEW_VOTES


def test_picked_votes_do_not_calibrate():
    made = crowd()
    for row in made.comparisons:
        row["is_picked"] = True

    found = learn(made.told())

    assert weight_of(found, 101).verdict == Verdict.TOO_FEW_VOTES
    assert found.width is None
    assert found.votes == 1080


def test_no_machine_speaks_where_its_family_takes_part():
    made = crowd()
    made.related = [{"rater_id": 101, "prompt_id": prompt} for prompt in range(1, 61)]

    learnt = learn(made.told())
    found = add_up(made.told(), learnt)

    theirs = found.layout.prompt[found.layout.group] <= 60
    assert not found.known["machines"][theirs].any()
    assert found.known["machines"][~theirs].all()
    assert weight_of(learnt, 101).kin_prompts == 60
    # Of the 90 prompts with votes, 30 may teach what it is worth.
    assert weight_of(learnt, 101).votes == 30 * 12
    assert rules.is_kin(" Flux", "flux ")
    assert not rules.is_kin("", "")


def test_a_machine_never_says_more_than_three_votes_of_people():
    made = crowd(like=40.0, sd=3.0)
    found = learn(made.told())

    assert found.block.most <= 3 * np.log(found.accuracy / (1 - found.accuracy)) + 1e-12
    strength = add_up(made.told(), found).columns["machines"].values()[0].reshape(120, 4)
    assert np.ptp(strength, axis=1).max() == pytest.approx(found.block.most, rel=1e-6)


def test_machines_alone_decide_nothing():
    made = crowd(like=20.0, sd=4.0)
    found = add_up(made.told(), learn(made.told())).states()

    silent = found.filter(votes=0)
    assert silent.height >= 30
    assert set(silent["state"]) == {State.PROVISIONAL}
    decided = found.filter(state=State.DECIDED.value)
    assert decided.height > 30
    assert (decided["votes"] >= 3).all()
    assert (decided["people"] >= 2).all()


@pytest.mark.parametrize(
    ("above", "below", "votes", "people", "machines", "state"),
    [
        (0.95, 0.0, 3, 2, False, State.DECIDED),
        (0.949, 0.0, 3, 2, True, State.OPEN),
        (0.99, 0.0, 2, 2, True, State.PROVISIONAL),
        (0.99, 0.0, 9, 1, True, State.PROVISIONAL),
        (0.5, 0.0, 0, 0, True, State.PROVISIONAL),
        (0.5, 0.0, 0, 0, False, State.OPEN),
        (0.0, 0.9, 3, 2, False, State.INDISTINGUISHABLE),
        (0.0, 0.9, 0, 0, True, State.PROVISIONAL),
    ],
)
def test_the_state_of_a_prompt(above, below, votes, people, machines, state):
    found = rules.states(
        above=np.array([above]),
        below=np.array([below]),
        votes=np.array([votes]),
        people=np.array([people]),
        has_machines=np.array([machines]),
    )

    assert found.tolist() == [state.value]


def test_few_known_answers_say_nothing_of_a_person():
    assert not rules.is_against_the_others(0, 7)
    assert rules.is_against_the_others(3, 8)
    assert not rules.is_against_the_others(4, 8)


def test_people_who_are_left_out_count_nowhere():
    made = crowd(like=None)
    for group in range(90):
        for left, right in made.couples(6):
            better = "left" if made.theta[group, left] < made.theta[group, right] else "right"
            made.vote(group, left, right, better, rater=9)
    without = crowd(like=None)

    found = add_up(made.told(), learn(made.told(), left_out=(9,)))

    expected = add_up(without.told(), learn(without.told()))
    np.testing.assert_array_equal(found.columns["people"].values()[0], expected.columns["people"].values()[0])
    assert 9 not in found.learnt.raters


def test_two_machines_that_err_together_are_little_more_than_one():
    made = Crowd(300, 4, seed=3)
    made.people(6, repeats=2)
    shared = made.rng.normal(0, 1, made.theta.shape)
    made.machine(101, like=1.0, shared=shared)
    made.machine(102, like=1.0, shared=shared + made.rng.normal(0, 0.1, made.theta.shape))
    apart = Crowd(300, 4, seed=3)
    apart.people(6, repeats=2)
    apart.machine(101, like=1.0)
    apart.machine(102, like=1.0)

    together, alone = (learn(one.told()).block.opinions for one in (made, apart))

    assert together.effective < 1.2
    assert alone.effective > together.effective + 0.2


def test_the_combined_column_is_nearer_to_the_truth_than_either():
    made = Crowd(400, 6, seed=2)
    made.people(6, repeats=2)
    made.machine(101, like=0.7)
    found = add_up(made.told(), learn(made.told()))

    def closeness(basis: str) -> float:
        strength = found.columns[basis].values()[0].reshape(made.theta.shape)
        centred = [values - values.mean(axis=1, keepdims=True) for values in (strength, made.theta)]
        return float(np.corrcoef(centred[0].ravel(), centred[1].ravel())[0, 1])

    said = {basis: closeness(basis) for basis in BASES}
    assert said["both"] > max(said["people"], said["machines"]) + 0.03


def test_decided_prompts_are_right():
    made = Crowd(400, 6, seed=2)
    made.people(6, repeats=2)
    made.machine(101, like=0.7)
    found = add_up(made.told(), learn(made.told()))

    decided = found.states().filter(state=State.DECIDED.value)
    truth = made.theta.ravel()
    wrong = truth[decided["best_id"].to_numpy() - 1] < truth[decided["worst_id"].to_numpy() - 1]
    assert decided.height > 100
    assert wrong.mean() <= 1 - rules.SURE


def test_probabilities_of_the_next_vote_keep_their_word():
    made = Crowd(400, 4, seed=6)
    made.people(4, repeats=2)
    found = add_up(made.told(), learn(made.told()))
    first, second = found.layout.start(), found.layout.start() + 1

    said = found.probability("people", first, second)
    came = expit(made.theta[:, 0] - made.theta[:, 1])

    sure = np.abs(said - 0.5) > 0.2
    assert np.mean(np.where(said > 0.5, said, 1 - said)[sure]) == pytest.approx(
        np.mean(np.where(said > 0.5, came, 1 - came)[sure]), abs=0.05
    )
