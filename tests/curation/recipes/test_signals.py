"""Signals beside plain scores and votes: rewards, facts, spreads, and whom a signal listens to."""

import math

import polars as pl
import pytest

from curation.errors import Refused
from curation.recipes.parse import parse
from curation.recipes.problems import RecipeProblems
from curation.recipes.recorded import find_again, record
from curation.recipes.run import run
from tests.curation.recipes.world import World, reasons, shuffled


def recipe(text: str):
    return parse(f"recipe: 1\ntitle: t\nseed: 3\n{text}")


def mistakes(text: str) -> list[str]:
    with pytest.raises(RecipeProblems) as caught:
        recipe(text)
    return [str(problem) for problem in caught.value.problems]


# -- rewards ----------------------------------------------------------------------------------------------------------

REWARD = """
pairing:
  rule: best_against_worst
  by:
    reward:
      name: faithful and sharp
      members:
        - {scores: faith, weight: 2, transform: [{bounded: {low: 0, high: 10}}]}
        - {scores: noise, transform: [{bounded: {low: 40, high: 0}}]}
      total: {rule: weighted_mean}
"""


def scored() -> World:
    world = World().prompt("p", "a", "b", "c")
    world.scores("clip", "faith", values={"a": 2, "b": 8, "c": 10})
    world.scores("meter", "noise", values={"a": 40, "b": 10, "c": 40}, better="low")
    world.scale("faith", 0, 10).scale("noise", 0, 40, unit="grey levels", higher_is_better=False)
    return world


@pytest.mark.capability("C11")
def test_a_reward_pairs_by_its_total_and_keeps_the_numbers_it_is_made_of():
    result = run(recipe(REWARD), scored().evidence())

    # (2·0.2 + 0)/3, (2·0.8 + 0.75)/3, (2·1 + 0)/3
    pair = result.pairs.row(0, named=True)
    assert scored().names(result.pairs) == {("b", "a")}
    assert pair["chosen_score"] == pytest.approx(2.35 / 3)
    assert pair["rejected_score"] == pytest.approx(0.4 / 3)
    assert (pair["margin_unit"], pair["criterion"], pair["basis"]) == ("reward", "faithful and sharp", "machines")
    told = {(row["rater"], row["criterion"]): (row["chosen"], row["rejected"]) for row in pair["scores"]}
    assert told["clip", "faith"] == (8.0, 2.0)
    assert told["meter", "noise"] == (10.0, 40.0)
    assert told["clip + meter", "faithful and sharp"] == (pair["chosen_score"], pair["rejected_score"])
    assert {(row["kind"], row["judgement_id"], row["position"]) for row in pair["evidence"]} == {
        ("score", 1, 0),
        ("score", 1, 1),
        ("score", 2, 0),
        ("score", 2, 1),
    }


def test_other_weights_make_another_total_and_another_recipe():
    other = REWARD.replace("weight: 2", "weight: 20")
    result = run(recipe(other), scored().evidence())

    assert scored().names(result.pairs) == {("c", "a")}
    assert recipe(other).digest() != recipe(REWARD).digest()


def test_a_reward_says_what_its_parser_says_at_the_line_of_the_recipe():
    assert mistakes(REWARD.replace("weight: 2", "weight: 0")) == [
        "line 11, column 35: weight is 0, so the member would not count. Leave the member out."
    ]
    unit = REWARD.replace(", transform: [{bounded: {low: 40, high: 0}}]", ", transform: [{linear: {times: -1}}]")
    with pytest.raises(Refused, match="line 12: 'faith' is measured in"):
        run(recipe(unit), scored().evidence())


def test_a_reward_looks_at_all_candidates_whatever_the_filters_leave_and_is_rebuilt_so():
    text = """
filters: [{name: not the worst, by: {scores: faith}, at_least: 3}]
pairing:
  rule: best_against_worst
  by: {reward: {name: place, members: [{scores: faith, transform: [percentile]}], total: {rule: sum}}}
"""
    evidence = scored().evidence()
    result = run(recipe(text), evidence)

    # Of three candidates b and c are second and third: (2 - ½)/3 and (3 - ½)/3.
    pair = result.pairs.row(0, named=True)
    assert (pair["chosen_score"], pair["rejected_score"]) == pytest.approx((2.5 / 3, 1.5 / 3))
    again = find_again(record(result.evidence), evidence, pl.Series("j", [], dtype=pl.Int64))
    assert run(recipe(text), again.evidence).digest() == result.digest()
    assert run(recipe(text), shuffled(evidence, 4)).digest() == result.digest()


# -- weights ----------------------------------------------------------------------------------------------------------


def vote_share(weights: str) -> float:
    world = World().prompt("p", "a", "b")
    world.vote("judge-1", "a", "b", "left")
    world.vote("judge-2", "a", "b", "right")
    world.vote("rule-1", "a", "b", "left", rater_kind="rule")
    text = f"evidence: {{weights: {weights}}}\npairing: {{rule: judged_pairs, by: {{votes: overall}}}}"
    pair = run(recipe(text), world.evidence()).pairs.row(0, named=True)
    return pair["confidence"] if pair["chosen_id"] == 1 else 1 - pair["confidence"]


def test_votes_weigh_what_the_recipe_says_by_name_before_kind():
    assert vote_share("{raters: {judge-2: 3}}") == pytest.approx(2 / 5)
    assert vote_share("{kinds: {model: 0.5}}") == pytest.approx(1.5 / 2)
    assert vote_share("{raters: {judge-2: 3}, kinds: {model: 0.5}}") == pytest.approx(1.5 / 4.5)


@pytest.mark.parametrize(
    ("weights", "said"),
    [
        ("{raters: {a: -1}}", "evidence: weights: raters: a is -1. Write a number above 0."),
        ("{raters: {a: 0}}", "evidence: weights: raters: a is 0. Write a number above 0."),
        ("{raters: {a: .nan}}", "'.nan' is not a number one can compare with. Write a number."),
        ("{raters: {a: .inf}}", "'.inf' is not a number one can compare with. Write a number."),
        ("{kinds: {modle: 1}}", "evidence: weights: kinds has no 'modle'. Did you mean 'model'?"),
    ],
)
def test_weights_that_are_none_are_refused(weights, said):
    (found,) = mistakes(f"evidence: {{weights: {weights}}}\npairing: {{rule: none}}")

    assert found.endswith(said)


# -- spreads and facts ------------------------------------------------------------------------------------------------

BEST = "pairing: {rule: best_against_worst, by: {scores: quality}}"


@pytest.mark.capability("C5")
def test_a_filter_drops_what_is_too_uncertain_and_what_does_not_say_how_certain_it_is():
    world = World().prompt("p", "a", "b", "c", "d", "e")
    world.scores(
        "scorer",
        "quality",
        values={"a": 1, "b": 2, "c": 3, "d": 9, "e": 5},
        spreads={"a": 0.1, "b": 0.2, "c": 0.5, "d": 0.21},
    )
    text = f"filters: [{{name: sure, by: {{scores: quality}}, spread_at_most: 0.2}}]\n{BEST}"

    result = run(recipe(text), world.evidence())

    assert world.names(result.pairs) == {("b", "a")}
    assert reasons(result, "filter:sure") == {"too_uncertain": 2, "no_spread": 1}
    kept = text.replace("spread_at_most: 0.2", "spread_at_most: 0.2, if_missing: keep")
    assert world.names(run(recipe(kept), world.evidence()).pairs) == {("e", "a")}


def test_several_answers_are_as_uncertain_as_they_disagree_and_as_each_says():
    world = World().prompt("p", "a", "b")
    world.scores("s1", "quality", values={"a": 1, "b": 1}, spreads={"a": 0.3})
    world.scores("s2", "quality", values={"a": 3, "b": 1})
    # a: the two lie 1 from their mean, and one says 0.3 of itself; b: they agree.
    bar = math.sqrt(1 + 0.3**2)

    def left(at_most: float) -> int:
        rule = f"{{name: sure, by: {{scores: quality, raters: [s1, s2]}}, spread_at_most: {at_most}}}"
        return run(recipe(f"filters: [{rule}]\npairing: {{rule: none}}"), world.evidence()).samples.height

    assert (left(bar - 1e-6), left(bar + 1e-6)) == (1, 2)


def test_only_scores_have_a_spread():
    text = "filters: [{name: sure, by: {votes: overall}, spread_at_most: 1}]\npairing: {rule: none}"

    assert mistakes(text) == [
        "line 4, column 46: Only scores and a consensus say how uncertain they are. "
        "Write `by: {scores: CRITERION}` or `by: {consensus: CRITERION}`."
    ]


def test_another_spread_is_a_changed_score_and_none_is_the_digest_it_always_had():
    def digests(spread: dict[str, float]) -> list[int]:
        world = World().prompt("p", "a", "b")
        world.scores("s", "quality", values={"a": 1, "b": 2}, spreads=spread)
        found = record(world.evidence()).filter(pl.col("kind") == "score")
        return found.sort("position")["digest"].to_list()

    plain, one, other = digests({}), digests({"a": 0.1}), digests({"a": 0.2})

    assert plain[1] == one[1] == other[1]
    assert len({plain[0], one[0], other[0]}) == 3


def test_facts_select_samples_but_pair_nobody():
    world = World().prompt("p", "a", "b", "c")
    world.fact("a", width=512, height=512, aspect=1.0).fact("b", width=1024, height=512, aspect=2.0)
    world.scores("s", "quality", values={"a": 1, "b": 2, "c": 3})
    text = f"filters: [{{name: square, by: {{fact: aspect}}, at_most: 1.5}}]\n{BEST}"

    result = run(recipe(text), world.evidence())

    assert reasons(result, "filter:square") == {"above_the_bar": 1, "no_value": 1}
    assert recipe(text).more_frames() == {"facts"}
    (said,) = mistakes("pairing: {rule: margin, by: {fact: width}}")
    assert said.startswith("line 4, column 36: pairing: by is a fact. Facts are for filters:")
    (said,) = mistakes("filters: [{name: x, by: {fact: widht}, at_most: 2}]\npairing: {rule: none}")
    assert "Did you mean 'width'?" in said


def test_languages_select():
    world = World().prompt("p", "a", "b").prompt("q", "c", "d")
    world.rows["prompts"][1]["locale"] = "de"
    world.scores("s", "quality", values={"a": 1, "b": 2, "c": 3, "d": 4})

    result = run(recipe(f"candidates: {{locales: [de]}}\n{BEST}"), world.evidence())

    assert world.names(result.pairs) == {("d", "c")}
    assert reasons(result, "candidates") == {"locale_not_selected": 2}
    other = run(recipe(f"candidates: {{without_locales: [de]}}\n{BEST}"), world.evidence())
    assert world.names(other.pairs) == {("b", "a")}


@pytest.mark.capability("D5")
def test_outliers_lie_far_from_the_median_whatever_they_do_to_the_mean():
    names = [f"s{number}" for number in range(9)]
    world = World().prompt("p", *names, "far", "farther")
    world.scores(
        "s", "quality", values={**{name: number for number, name in enumerate(names)}, "far": 21, "farther": 1e9}
    )
    # Median 5, deviations 5 4 3 2 1 0 1 2 3 16 1e9: MAD 3, so 21 lies 16 / (1.4826 · 3) = 3.597 away.
    text = "filters: [{name: usual, by: {scores: quality}, outliers_beyond: BAR}]\npairing: {rule: none}"

    def left(bar: float) -> int:
        result = run(recipe(text.replace("BAR", str(bar))), world.evidence())
        assert set(reasons(result, "filter:usual")) == {"outlier"}
        return result.samples.height

    assert (left(3.59), left(3.60)) == (9, 10)


@pytest.mark.capability("F6")
def test_prompts_whose_samples_are_all_alike_leave_with_their_count_in_the_funnel():
    """Prompt p spans 2, q nothing but rounding, r has one sample, s lacks a value for one of two."""
    world = World().prompt("p", "a", "b", "c").prompt("q", "d", "e").prompt("r", "f").prompt("s", "g", "h")
    values = {"a": 1, "b": 3, "c": 1, "d": 0.1 + 0.2, "e": 0.3, "f": 5, "g": 2}
    world.scores("s", "quality", values=values)
    text = "filters: [{name: apart, by: {scores: quality}, range_in_prompt_above: BAR}]\npairing: {rule: none}"

    result = run(recipe(text.replace("BAR", "0")), world.evidence())

    assert reasons(result, "filter:apart") == {"prompt_says_nothing": 4, "no_value": 1}
    assert result.samples.height == 3
    assert run(recipe(text.replace("BAR", "1.9")), world.evidence()).samples.height == 3
    assert run(recipe(text.replace("BAR", "2")), world.evidence()).samples.height == 0


def test_outliers_among_mostly_equal_numbers_and_among_equals():
    from curation.recipes.steps.filters import robust_distance

    mostly = robust_distance(pl.Series([1.0] * 9 + [None, 11.0]))
    assert mostly.to_list()[:9] == [0.0] * 9
    assert mostly[9] is None
    assert mostly[10] == pytest.approx(10 / (1.2533 * 1.0))
    assert robust_distance(pl.Series([2.0, 2.0])).to_list() == [0.0, 0.0]
    assert robust_distance(pl.Series([None, None])).to_list() == [None, None]


def test_a_signal_may_listen_to_people_or_to_machines_alone():
    world = World().prompt("p", "a", "b")
    world.vote("Ann", "a", "b", "left")
    world.vote("judge", "a", "b", "right")

    def winner(basis: str):
        text = f"pairing: {{rule: judged_pairs, by: {{votes: overall, basis: {basis}}}}}"
        return world.names(run(recipe(text), world.evidence()).pairs)

    assert winner("people") == winner("both") == {("a", "b")}
    assert winner("machines") == {("b", "a")}


def test_a_signal_that_nobody_could_answer_is_refused():
    text = "evidence: {basis: people}\npairing: {rule: judged_pairs, by: {votes: overall, basis: machines}}"

    (said,) = mistakes(text)

    assert said.startswith("line 5, column 59: This signal listens to machines, and evidence: basis lets only people")
