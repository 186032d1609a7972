"""UnifiedReward's four steps, by hand: draw pairs, rank by a judge, sift by points, keep a gap above zero."""

import pytest

from curation.recipes.parse import parse
from curation.recipes.run import run
from tests.curation.recipes.world import World, reasons, sha

TWO_STAGE = """
recipe: 1
title: two stages
seed: {seed}
pairing: {{rule: two_stage, judge: {judge}, points: {points}, draw: {draw}}}
"""


def two_stage(*, judge="{votes: overall}", points="{scores: points}", draw="judged", seed=1):
    return parse(TWO_STAGE.format(judge=judge, points=points, draw=draw, seed=seed))


def ten_answers() -> World:
    """Ten answers; the judge compared (a,b) (c,d) (e,f) (g,h) (i,j) and preferred the first of each."""
    world = World().prompt("p", *"abcdefghij")
    for winner, loser in ("ab", "cd", "ef", "gh", "ij"):
        world.vote("judge", winner, loser, "left")
    return world


@pytest.mark.capability("D1")
def test_ten_answers_give_one_pair_and_the_funnel_counts_each_stage():
    world = ten_answers()
    # Winners a c e g i have 3 9 5 5 5 points, losers b d f h j have 4 8 2 6 6: chosen c (9), rejected f (2).
    world.scores("points", "points", values=dict(zip("abcdefghij", [3, 4, 9, 8, 5, 2, 5, 6, 5, 6], strict=True)))

    result = run(two_stage(), world.evidence())

    assert world.names(result.pairs) == {("c", "f")}
    pair = result.pairs.row(0, named=True)
    assert (pair["margin"], pair["chosen_score"], pair["rejected_score"]) == (7.0, 9.0, 2.0)
    counted = {step.key: (step.unit, step.entered, step.kept) for step in result.funnel}
    assert counted == {
        "evidence": ("statements", 15, 15),
        "candidates": ("samples", 10, 10),
        "drawn": ("samples", 10, 10),
        "ranked_by_judge": ("pairs", 5, 5),
        "sifted_by_points": ("prompts", 1, 1),
        "gap": ("pairs", 1, 1),
        "different": ("pairs", 1, 1),
        "split": ("pairs", 1, 1),
    }


@pytest.mark.capability("D1")
def test_both_stages_matter_where_judge_and_sifter_disagree():
    world = World().prompt("p", *"abcd")
    world.vote("judge", "a", "b", "left")
    world.vote("judge", "c", "d", "left")
    # By points alone the pair would be b over c; the judge put b among the losers and c among the winners.
    world.scores("points", "points", values={"a": 6, "b": 9, "c": 1, "d": 3})

    both = run(two_stage(), world.evidence())
    points_alone = run(
        parse("recipe: 1\ntitle: t\npairing: {rule: best_against_worst, by: {scores: points}}"), world.evidence()
    )
    judge_alone = run(
        parse("recipe: 1\ntitle: t\npairing: {rule: judged_pairs, by: {votes: overall}}"), world.evidence()
    )

    assert world.names(both.pairs) == {("a", "d")}  # best winner 6, worst loser 3
    assert world.names(points_alone.pairs) == {("b", "c")}
    assert world.names(judge_alone.pairs) == {("a", "b"), ("c", "d")}


@pytest.mark.capability("D1")
def test_a_pair_whose_judge_and_points_contradict_falls_at_the_gap():
    world = World().prompt("p", "a", "b")
    world.vote("judge", "a", "b", "left")
    world.scores("points", "points", values={"a": 2, "b": 9})

    result = run(two_stage(), world.evidence())

    assert result.pairs.height == 0
    assert reasons(result, "gap") == {"gap_too_small": 1}


def test_a_gap_of_zero_is_no_gap():
    world = World().prompt("p", "a", "b")
    world.vote("judge", "a", "b", "left")
    world.scores("points", "points", values={"a": 5, "b": 5})

    assert reasons(run(two_stage(), world.evidence()), "gap") == {"gap_too_small": 1}


@pytest.mark.parametrize("seed", range(6))
def test_a_tie_joins_neither_list_whatever_side_stood_first(seed):
    world = World().prompt("p", "a", "b", "c", "d")
    world.vote("judge", "a", "b", "tie")
    world.vote("judge", "d", "c", "left")
    world.scores("points", "points", values={"a": 99, "b": 0, "c": 4, "d": 5})

    result = run(two_stage(seed=seed), world.evidence())

    assert world.names(result.pairs) == {("d", "c")}  # a, the best of all, won nothing
    assert reasons(result, "ranked_by_judge") == {"tie": 1}


def test_scores_are_compared_as_numbers_and_with_their_fraction():
    world = World().prompt("p", "a", "b").prompt("q", "c", "d")
    world.vote("judge", "a", "b", "left")
    world.vote("judge", "c", "d", "left")
    # As text "10" < "9"; with the whole part only 3.7 = 3.2.
    world.scores("points", "points", values={"a": 10, "b": 9, "c": 3.7, "d": 3.2})

    assert world.names(run(two_stage(), world.evidence()).pairs) == {("a", "b"), ("c", "d")}


def test_a_sample_without_points_is_no_zero():
    world = World().prompt("p", *"abcd")
    world.vote("judge", "a", "b", "left")
    world.vote("judge", "c", "d", "left")
    world.scores("points", "points", values={"a": -3, "b": -5})

    assert world.names(run(two_stage(), world.evidence()).pairs) == {("a", "b")}


@pytest.mark.parametrize("count", [2, 3, 7, 10, 13])
def test_all_samples_are_drawn_whatever_their_number(count):
    names = [f"s{number}" for number in range(count)]
    world = World().prompt("p", *names)
    world.scores("judge", "quality", values={name: number for number, name in enumerate(names)})
    world.scores("points", "points", values={name: number for number, name in enumerate(names)})

    result = run(two_stage(judge="{scores: quality}", draw="disjoint"), world.evidence())

    assert reasons(result, "drawn") == ({"odd_one_out": 1} if count % 2 else {})
    ranked = next(step for step in result.funnel if step.key == "ranked_by_judge")
    assert (ranked.entered, ranked.kept) == (count // 2, count // 2)
    assert result.pairs.height == 1


def test_another_seed_draws_other_pairs():
    names = [f"s{number}" for number in range(10)]
    world = World()
    for prompt in range(20):
        world.prompt(f"p{prompt}", *(f"{prompt} {name}" for name in names))
        values = {f"{prompt} {name}": int(sha(f"{prompt}{name}")[:4], 16) for name in names}
        world.scores("judge", "quality", values={name: -value for name, value in values.items()})
        world.scores("points", "points", values=values)
    drawn = [
        world.names(run(two_stage(judge="{scores: quality}", draw="disjoint", seed=seed), world.evidence()).pairs)
        for seed in (1, 1, 2)
    ]

    assert drawn[0] == drawn[1] != drawn[2]


def test_a_scorer_serves_as_judge_and_its_near_scores_are_ties():
    world = World().prompt("p", "a", "b")
    world.scores("judge", "quality", values={"a": 0.50, "b": 0.52})
    world.scores("points", "points", values={"a": 1, "b": 2})
    signals = "judge: {scores: quality}, points: {scores: points}"
    text = f"recipe: 1\ntitle: t\npairing: {{rule: two_stage, {signals}, tie_within: %s}}"

    assert world.names(run(parse(text % 0.01), world.evidence()).pairs) == {("b", "a")}
    assert reasons(run(parse(text % 0.05), world.evidence()), "ranked_by_judge") == {"tie": 1}


def test_lower_is_better_where_the_criterion_says_so():
    world = World().prompt("p", "a", "b")
    world.scores("judge", "noise", better="low", values={"a": 0.9, "b": 0.1})
    world.scores("points", "points", values={"a": 1, "b": 2})

    result = run(two_stage(judge="{scores: noise}", draw="disjoint"), world.evidence())

    assert world.names(result.pairs) == {("b", "a")}


def test_evidence_of_a_pair_is_the_drawn_verdicts_and_the_points_of_both():
    world = ten_answers()
    points = world.scores(
        "points", "points", values=dict(zip("abcdefghij", [3, 4, 9, 8, 5, 2, 5, 6, 5, 6], strict=True))
    )

    pair = run(two_stage(), world.evidence()).pairs.row(0, named=True)

    behind = {(s["kind"], s["judgement_id"], s["position"]) for s in pair["evidence"]}
    # c won the second comparison, f lost the third; c and f are the third and sixth score of the pass.
    assert behind == {("comparison", 2, 0), ("comparison", 3, 0), ("score", points, 2), ("score", points, 5)}
    assert pair["scores"] == [{"rater": "points", "criterion": "points", "chosen": 9.0, "rejected": 2.0}]


@pytest.mark.parametrize(
    ("points", "bad", "reason"),
    [({"a": 1}, None, "no_points"), ({"a": 2, "b": 1}, ("a", "c"), "judged_bad")],
)
def test_a_prompt_without_a_final_pair_says_what_it_lacks(points, bad, reason):
    world = World().prompt("p", "a", "b", "c")
    world.vote("judge", "a", "b", "left")
    if bad:
        world.vote("other", *bad, "both-bad")
    world.scores("points", "points", values=points)

    assert reasons(run(two_stage(), world.evidence()), "sifted_by_points") == {reason: 1}
