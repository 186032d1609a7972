"""An examination of small evidence, with every number worked out by hand."""

import numpy as np
import pytest

from curation.examination.credit import Ties
from curation.examination.frames import Fitted
from curation.examination.report import Question, examine
from tests.curation.examination.making import JUDGE, MODEL, NOISE, OTHER, Making, column

ANNE, BERT, CARL = 1, 2, 3


@pytest.fixture
def made() -> Making:
    """Three prompts. People on 0–1 of prompt 1: left, left, right; on 1–2 of prompt 1: tie; prompt 2: right (given
    with the sides swapped); prompt 3: both bad, and left. The model is right, wrong on none but the lone vote.
    """
    making = Making()
    making.vote(ANNE, 1, 0, 1, "left", strength=2)
    making.vote(BERT, 1, 0, 1, "left", strength=1)
    making.vote(CARL, 1, 1, 0, "left", strength=1)
    making.vote(ANNE, 1, 1, 2, "tie")
    making.vote(ANNE, 2, 1, 0, "left", strength=3)
    making.vote(ANNE, 3, 0, 1, "both-bad")
    making.vote(BERT, 3, 0, 1, "left", strength=1)
    making.score(MODEL, 1, [3, 2, 1])
    making.score(MODEL, 2, [5, 7])
    making.score(MODEL, 3, [4, 4])
    making.score(OTHER, 1, [1, 2, 3])
    making.score(OTHER, 2, [1, 2])
    return making


def test_accuracy_on_single_votes_with_peoples_ties_left_out(made) -> None:
    """Five clear votes: right, right, wrong, right, and a tie of the machine: 3½ of 5."""
    found = examine(made.evidence(), Question())

    model = found.machine(column(MODEL))
    assert model.accuracy.value == pytest.approx(3.5 / 5)
    assert (model.accuracy.votes, model.accuracy.prompts, model.ties, model.silent) == (5, 3, 1, 0)


def test_a_machine_is_tested_on_what_it_says_something_of(made) -> None:
    """The other one knows nothing of prompt 3: wrong, wrong, right, right of 4; one vote is beyond it."""
    other = examine(made.evidence(), Question()).machine(column(OTHER))

    assert other.accuracy.value == 0.5
    assert (other.accuracy.votes, other.silent) == (4, 1)


@pytest.mark.parametrize(
    ("rule", "model", "votes"),
    [(Ties.LEFT_OUT, 3.5 / 5, 5), (Ties.HALF, (3 + 0.5 + 0.5) / 6, 6), (Ties.CLASS, 3 / 6, 6)],
)
def test_rules_for_ties(made, rule, model, votes) -> None:
    """With the tie on 1–2 of prompt 1 asked about the model (margin 1) gets ½, or nothing as a class of its own."""
    found = examine(made.evidence(), Question(ties=rule)).machine(column(MODEL)).accuracy

    assert found.value == pytest.approx(model)
    assert found.votes == votes


def test_who_was_asked(made) -> None:
    made.vote(CARL, 2, 0, 1, "left", left_out="quarantined")
    made.vote(CARL, 2, 0, 1, "right", left_out="retracted")
    made.vote(CARL, 3, 0, 1, "right", left_out="retracted")

    people = examine(made.evidence(), Question()).people

    assert (people.votes, people.voices, people.persons, people.pairs, people.prompts) == (7, 7, 3, 4, 3)
    assert (people.ties, people.both_bad, people.repeats) == (1, 1, 3)
    assert people.left_out == {"retracted": 2, "quarantined": 1}


def test_a_person_beside_the_others(made) -> None:
    """On 0–1 of prompt 1 each vote beside the two others: ½, ½, 0. Both bad is nobody's word on which is better."""
    found = examine(made.evidence(), Question())

    assert found.human.value == pytest.approx(1 / 3)
    assert found.human.votes == 3
    assert found.machine(column(MODEL)).people.value == pytest.approx(1 / 3)


def test_one_person_has_one_voice_on_a_pair() -> None:
    """Anne said left, right and left again, which is left; Bert left and right, which is a tie."""
    making = Making()
    for left, right in ((0, 1), (1, 0), (0, 1)):
        making.vote(ANNE, 1, left, right, "left")
    making.vote(BERT, 1, 0, 1, "left")
    making.vote(BERT, 1, 0, 1, "right")
    making.score(MODEL, 1, [2, 1])

    found = examine(making.evidence(), Question())

    assert (found.people.votes, found.people.voices, found.people.ties) == (5, 2, 1)
    assert (found.machine(column(MODEL)).accuracy.value, found.machine(column(MODEL)).accuracy.votes) == (1, 1)


def test_a_judge_that_flips_with_the_order_says_tie() -> None:
    """Both orders of 0–1: the left one each time, a tie. On 1–2 it says the same sample twice."""
    making = Making()
    making.vote(ANNE, 1, 0, 1, "left")
    making.vote(ANNE, 1, 1, 2, "right")
    making.judge(JUDGE, 1, 0, 1, "left")
    making.judge(JUDGE, 1, 1, 0, "left")
    making.judge(JUDGE, 1, 1, 2, "right")
    making.judge(JUDGE, 1, 2, 1, "left")

    judge = examine(making.evidence(), Question()).machine(column(JUDGE, source="votes"))

    assert judge.accuracy.value == 0.75
    assert judge.ties == 1


def test_repeats_of_a_scorer_are_one_voice_and_a_low_number_may_be_better() -> None:
    """Scored (1, 5) and (4, 3): means 2.5 and 4 of noise, so the first is better."""
    making = Making()
    making.vote(ANNE, 1, 0, 1, "left")
    making.score(MODEL, 1, [1, 5], criterion=NOISE)
    making.score(MODEL, 1, [4, 3], criterion=NOISE)

    model = examine(making.evidence(), Question()).machine(column(MODEL, "noise"))

    assert model.accuracy.value == 1


def test_machines_on_the_same_votes(made) -> None:
    """Of the four votes both have: model alone right on two, the other alone on one, both on one."""
    found = examine(made.evidence(), Question())

    versus = found.machine(column(OTHER)).versus
    assert found.against == column(MODEL)
    assert found.machine(column(MODEL)).versus is None
    assert (versus.votes, versus.mcnemar.only_first, versus.mcnemar.only_second) == (4, 1, 2)
    assert versus.mcnemar.exact == 1
    assert versus.mcnemar.mid == pytest.approx(2 * (1 / 8 + 3 / 16))
    assert versus.difference.value == pytest.approx(-1 / 4)


def test_the_one_to_compare_with_is_chosen(made) -> None:
    found = examine(made.evidence(), Question(against=column(OTHER).key))

    assert found.against == column(OTHER)
    assert found.machine(column(MODEL)).versus.mcnemar.only_first == 2


def test_only_the_columns_asked_for(made) -> None:
    silent = column(JUDGE)
    found = examine(made.evidence(), Question(columns=(column(OTHER), silent)))

    assert [one.column for one in found.machines] == [column(OTHER)]
    assert found.silent == [silent]


# -- never on votes a head was fitted on ------------------------------------------------------------------------------


def test_votes_a_head_was_fitted_on_are_not_asked(made) -> None:
    """Fitted on the act of prompt 2, the model keeps 2½ of 4."""
    act = made.vote(BERT, 2, 0, 1, "right")
    made.fitted[MODEL] = Fitted(judgements=frozenset({act}))

    model = examine(made.evidence(), Question()).machine(column(MODEL))

    assert model.fitted == 2  # Anne's vote on the pair has the answer that Bert's taught
    assert model.accuracy.value == pytest.approx(2.5 / 4)
    assert model.silent == 0


def test_prompts_a_head_was_fitted_on_are_not_asked(made) -> None:
    made.fitted[MODEL] = Fitted(prompts=frozenset({1}))

    found = examine(made.evidence(), Question())

    assert found.machine(column(MODEL)).fitted == 3
    assert found.machine(column(MODEL)).accuracy.value == pytest.approx(1.5 / 2)
    assert found.machine(column(MODEL)).best_of is None
    assert found.machine(column(OTHER)).fitted == 0


def test_a_head_that_does_not_say_what_it_was_fitted_on_is_not_tested(made) -> None:
    made.fitted[MODEL] = Fitted(is_unnamed=True)

    model = examine(made.evidence(), Question()).machine(column(MODEL))

    assert (model.accuracy, model.fitted, model.is_unnamed) == (None, 5, True)


def test_fitted_votes_are_left_out_under_every_rule_and_in_every_slice(made) -> None:
    made.fitted[MODEL] = Fitted(prompts=frozenset({1, 2}))

    for rule in Ties:
        found = examine(made.evidence(), Question(ties=rule))
        assert found.machine(column(MODEL)).accuracy.votes == 1
        lines = found.slices["locale"].lines
        assert [line.machines[column(MODEL)].votes for line in lines] == [1]
        assert [one.prompt_id for one in found.differences[column(MODEL)]] == [3]


# -- best of n and correlations ---------------------------------------------------------------------------------------


def _ranked(making: Making, rater: int, prompt: int, order: list[int]) -> None:
    """A ranking of samples, best first, as the comparisons of one act."""
    act = 1000 + 10 * prompt + rater
    for place, better in enumerate(order):
        for worse in order[place + 1 :]:
            making.vote(rater, prompt, better, worse, "left", judgement_id=act, is_implied=True)


@pytest.mark.parametrize("scores", [[9, 3, 2, 1]])
def test_best_of_four(scores) -> None:
    """Prompt 1: people and model put sample 0 first. Prompt 2: people sample 3, the model sample 0."""
    making = Making()
    _ranked(making, ANNE, 1, [0, 1, 2, 3])
    _ranked(making, ANNE, 2, [3, 1, 2, 0])
    making.score(MODEL, 1, scores)
    making.score(MODEL, 2, scores)

    found = examine(making.evidence(), Question()).machine(column(MODEL)).best_of

    assert (found.hits.value, found.chance, found.samples) == (0.5, 0.25, 4)


def test_best_of_n_of_one_person_beside_the_others() -> None:
    """Anne and Bert put sample 0 first, Carl sample 2. Of the two others' mean, 0 is first for Carl; for Anne the
    first places of Bert and Carl: 0 wins 2 + 0, 1 wins 1 + 1, 2 wins 0 + 2 of their four comparisons: all tie.
    """
    making = Making()
    _ranked(making, ANNE, 1, [0, 1, 2])
    _ranked(making, BERT, 1, [0, 1, 2])
    _ranked(making, CARL, 1, [2, 1, 0])

    found = examine(making.evidence(), Question()).human_best_of

    assert found.hits.value == pytest.approx((1 + 1 + 0) / 3)
    assert found.chance == pytest.approx((1 + 1 + 1 / 3) / 3)
    assert (found.hits.votes, found.hits.prompts) == (3, 1)


def test_correlation_with_win_rates_and_ratings() -> None:
    """Win rates of 1 > 0 > 2 are (½, 1, 0); ratings are means of persons: (3, 4, 1)."""
    making = Making()
    _ranked(making, ANNE, 1, [1, 0, 2])
    making.rate(ANNE, 1, [2, 4, 1])
    making.rate(BERT, 1, [4, 4, 1])
    making.score(MODEL, 1, [1.0, 2.0, 3.0])

    model = examine(making.evidence(), Question()).machine(column(MODEL))

    assert model.win_rates.pooled["spearman"].value == pytest.approx(-0.5)
    assert model.win_rates.pooled["kendall"].value == pytest.approx(-1 / 3)
    assert model.ratings.pooled["pearson"].value == pytest.approx(np.corrcoef([3, 4, 1], [1, 2, 3])[0, 1])


def test_machines_beside_each_other(made) -> None:
    """Over the five samples both scored: 3 2 1 5 7 beside 1 2 3 1 2; ranks 3 2 1 4 5 beside 1.5 3.5 5 1.5 3.5."""
    (found,) = examine(made.evidence(), Question()).likeness

    expected = np.corrcoef([3, 2, 1, 4, 5], [1.5, 3.5, 5, 1.5, 3.5])[0, 1]
    assert (found.first, found.second) == (column(MODEL), column(OTHER))
    assert found.correlation.pooled["spearman"].value == pytest.approx(expected)
    assert found.correlation.within["spearman"].value == -1  # only prompt 1 has three samples


# -- slices, principles, differences ----------------------------------------------------------------------------------


def test_slices_by_hand(made) -> None:
    made.tags = {1: ["hands", "night"], 2: ["night"]}
    made.locales = {3: "de"}
    made.generators = {10: "flux", 11: "sdxl", 20: "sdxl", 21: "sdxl", 30: "flux", 31: "sdxl"}

    found = examine(made.evidence(), Question()).slices

    def values(kind: str) -> dict[str, tuple[float, int]]:
        return {line.label: (round(line.machines[column(MODEL)].value, 4), line.votes) for line in found[kind].lines}

    assert values("tag") == {"night": (0.75, 4), "hands": (0.6667, 3), "": (0.5, 1)}
    assert values("locale") == {"en": (0.75, 4), "de": (0.5, 1)}
    assert values("generator") == {"sdxl": (0.7, 5), "flux": (0.625, 4)}
    assert values("generators") == {"flux · sdxl": (0.625, 4), "sdxl · sdxl": (1.0, 1)}
    assert values("strength") == {"1": (0.5, 3), "2": (1.0, 1), "3": (1.0, 1)}
    assert found["tag"].mean(column(MODEL)) == pytest.approx((0.75 + 2 / 3 + 0.5) / 3)
    assert found["tag"].lines[1].people.value == pytest.approx(1 / 3)


def test_many_strengths_are_cut_in_thirds() -> None:
    making = Making()
    for place in range(9):
        making.vote(ANNE, place + 1, 0, 1, "left", strength=float(place))
        making.score(MODEL, place + 1, [1, 2] if place < 3 else [2, 1])

    lines = examine(making.evidence(), Question()).slices["strength"].lines

    assert {line.label: line.machines[column(MODEL)].value for line in lines} == {
        "up to 3": 0.25,
        "3 to 5": 1.0,
        "above 5": 1.0,
    }


def test_slices_know_their_kinds(made) -> None:
    with pytest.raises(ValueError, match="choose one of tag, generator"):
        examine(made.evidence(), Question(by=("colour",)))


@pytest.mark.capability("C13")
def test_accuracy_under_each_principle() -> None:
    """Under “honest” people prefer sample 0 of prompts 1 and 2, under “pretty” sample 1; without one, sample 0 of 3.

    The judge under “honest” says 0, 0 and 0; under “pretty” 1, 0 and 1; the model, asked under none, 0, 0 and 1.
    """
    making = Making()
    for prompt in (1, 2):
        making.vote(ANNE, prompt, 0, 1, "left", context="honest")
        making.vote(ANNE, prompt, 0, 1, "right", context="pretty")
    making.vote(ANNE, 3, 0, 1, "left")
    for prompt, honest, pretty in ((1, "left", "right"), (2, "left", "left"), (3, "left", "right")):
        making.judge(JUDGE, prompt, 0, 1, honest, context="honest")
        making.judge(JUDGE, prompt, 0, 1, pretty, context="pretty")
    making.score(MODEL, 1, [2, 1])
    making.score(MODEL, 2, [2, 1])
    making.score(MODEL, 3, [1, 2])

    found = examine(making.evidence(), Question())

    honest, pretty = (column(JUDGE, source="votes", context=name) for name in ("honest", "pretty"))
    table = {(one.column, one.people_under): (one.accuracy.value, one.accuracy.votes) for one in found.principles}
    assert table == {
        (honest, "honest"): (1.0, 2),
        (honest, ""): (1.0, 1),
        (pretty, "pretty"): (0.5, 2),
        (pretty, ""): (0.0, 1),
        (column(MODEL), "honest"): (1.0, 2),
        (column(MODEL), "pretty"): (0.0, 2),
    }
    (flips,) = found.flips
    assert (flips.pairs, flips.flipped) == (3, 2)
    assert (found.context, found.contexts) == ("", {"honest": 2, "pretty": 2, "": 1})


def test_without_principles_there_is_no_table_of_them(made) -> None:
    assert examine(made.evidence(), Question()).principles == []


def test_people_under_one_principle_are_asked_alone() -> None:
    making = Making()
    making.vote(ANNE, 1, 0, 1, "left", context="honest")
    making.vote(BERT, 1, 0, 1, "right", context="honest")
    making.vote(ANNE, 1, 0, 1, "right", context="pretty")
    making.score(MODEL, 1, [2, 1])

    chosen = examine(making.evidence(), Question(context="pretty"))
    default = examine(making.evidence(), Question())

    assert (chosen.machine(column(MODEL)).accuracy.value, chosen.people.voices) == (0, 1)
    assert (default.context, default.people.voices) == ("honest", 2)
    assert default.machine(column(MODEL)).accuracy.value == 0.5


def test_where_a_machine_and_people_differ(made) -> None:
    """The other machine is against two of three votes on 0–1 of prompt 1; that is its only clear difference."""
    found = examine(made.evidence(), Question()).differences

    (apart,) = found[column(OTHER)]
    assert (apart.prompt_id, apart.low, apart.high) == (1, 10, 11)
    assert (apart.low_votes, apart.high_votes, apart.ties) == (2, 1, 0)
    assert apart.margin == -1
    # The model calls a tie on prompt 3, where one vote is clear.
    assert [one.prompt_id for one in found[column(MODEL)]] == [3]


def test_nothing_to_ask_is_an_empty_answer() -> None:
    found = examine(Making().evidence(), Question())

    assert (found.people.votes, found.human, found.machines, found.against) == (0, None, [], None)
    assert found.slices["tag"].lines == []


def test_votes_without_machines() -> None:
    making = Making()
    making.vote(ANNE, 1, 0, 1, "left")
    making.vote(BERT, 1, 0, 1, "left")

    found = examine(making.evidence(), Question())

    assert found.human.value == 1
    assert found.machines == []
    assert [line.votes for line in found.slices["locale"].lines] == [2]


@pytest.mark.parametrize("rule", list(Ties))
def test_the_same_numbers_as_a_slow_loop(rule) -> None:
    """Five hundred random votes of nine people: accuracy and the line of people vote by vote."""
    rng = np.random.default_rng(9)
    making, heard = Making(), {}
    for _ in range(500):
        rater, prompt = int(rng.integers(1, 10)), int(rng.integers(1, 13))
        left, right = (int(one) for one in rng.choice(5, 2, replace=False))
        outcome = str(rng.choice(["left", "right", "tie", "both-bad"], p=[0.4, 0.35, 0.2, 0.05]))
        making.vote(rater, prompt, left, right, outcome)
        toward = {"left": left < right, "right": right < left, "tie": 0.5, "both-bad": None}[outcome]
        heard.setdefault((prompt, min(left, right), max(left, right), rater), []).append(toward)
    scores = {prompt: rng.integers(0, 4, 5).astype(float) for prompt in range(1, 13)}
    for prompt, values in scores.items():
        making.score(MODEL, prompt, list(values))
    voices = {}
    for key, said in heard.items():
        told = [float(one) for one in said if one is not None]
        if told:
            voices[key] = float(np.sign(round(np.mean(told) - 0.5, 9)))

    found = examine(making.evidence(), Question(ties=rule))

    threshold = found.machine(column(MODEL)).threshold
    right, others = [], []
    for (prompt, low, high, rater), voice in voices.items():
        if rule == Ties.LEFT_OUT and voice == 0:
            continue
        sign = np.sign(scores[prompt][low] - scores[prompt][high])
        right.append(1 - abs(voice - sign) / 2)
        rest = [v for (p, a, b, r), v in voices.items() if (p, a, b) == (prompt, low, high) and r != rater]
        if rest:
            others.append(np.mean([float(v == voice) if rule == Ties.CLASS else 1 - abs(v - voice) / 2 for v in rest]))
    assert found.human.value == pytest.approx(np.mean(others))
    if rule == Ties.CLASS:
        assert threshold is not None
    else:
        assert found.machine(column(MODEL)).accuracy.value == pytest.approx(np.mean(right))
