"""The other pairing rules, filters and caps, against answers worked out by hand."""

import pytest

from curation.recipes.parse import parse
from curation.recipes.run import run
from tests.curation.recipes.world import World, reasons


def pairs(world: World, pairing: str, more: str = ""):
    return run(parse(f"recipe: 1\ntitle: t\nseed: 3\n{more}\npairing: {pairing}"), world.evidence())


@pytest.fixture
def five() -> World:
    world = World().prompt("p", *"abcde")
    world.scores("scorer", "quality", values={"a": 1, "b": 2, "c": 4, "d": 7, "e": 11})
    return world


@pytest.mark.capability("D2")
@pytest.mark.parametrize(
    ("pairing", "expected"),
    [
        ("{rule: best_against_worst, by: {scores: quality}}", {"ea"}),
        ("{rule: best_against_worst, by: {scores: quality}, min_gap: 10}", set()),
        ("{rule: top_against_bottom, by: {scores: quality}, k: 2}", {"ea", "eb", "da", "db"}),
        ("{rule: top_against_bottom, by: {scores: quality}, k: 2, match: ranks}", {"ea", "db"}),
        ("{rule: top_against_bottom, by: {scores: quality}, k: 9, match: ranks}", {"ea", "db"}),
        ("{rule: top_against_bottom, by: {scores: quality}, k: 9}", {"ea", "eb", "da", "db"}),
        ("{rule: best_against_rest, by: {scores: quality}}", {"ea", "eb", "ec", "ed"}),
        ("{rule: margin, by: {scores: quality}, min_gap: 4}", {"ea", "eb", "ec", "da", "db"}),
        ("{rule: margin, by: {scores: quality}, min_gap: 3.99}", {"ea", "eb", "ec", "ed", "da", "db"}),
        ("{rule: none}", set()),
    ],
)
def test_rules_give_the_hand_computed_pairs(five, pairing, expected):
    assert five.names(pairs(five, pairing).pairs) == {(couple[0], couple[1]) for couple in expected}


@pytest.mark.capability("D2")
def test_the_cap_keeps_the_widest_margins(five):
    result = pairs(five, "{rule: margin, by: {scores: quality}}", "caps: {pairs_per_prompt: 3}")

    assert five.names(result.pairs) == {("e", "a"), ("e", "b"), ("e", "c")}  # 10, 9 and 7
    assert reasons(result, "caps") == {"over_the_cap": 7}


@pytest.mark.capability("D2")
def test_a_saved_rule_gives_the_same_pairs_again(five):
    text = "recipe: 1\ntitle: t\nseed: 5\npairing: {rule: top_against_bottom, by: {scores: quality}, k: 2}"

    first, again = run(parse(text), five.evidence()), run(parse(text + "  # a comment\n"), five.evidence())

    assert first.digest() == again.digest()
    assert first.pairs.equals(again.pairs)


def test_nobody_is_paired_with_an_equal():
    world = World().prompt("p", *"abc")
    world.scores("scorer", "quality", values={"a": 2, "b": 2, "c": 2})

    result = pairs(world, "{rule: best_against_worst, by: {scores: quality}}")

    assert result.pairs.height == 0


def test_the_same_content_on_both_sides_is_no_pair():
    world = World().prompt("p").sample("a", prompt="p", content="x").sample("b", prompt="p", content="x")
    world.scores("scorer", "quality", values={"a": 2, "b": 1})

    result = pairs(world, "{rule: best_against_worst, by: {scores: quality}}")

    assert reasons(result, "different") == {"same_content": 1}


@pytest.mark.capability("D5")
def test_kept_share_of_a_threshold_and_of_the_best_two():
    world = World()
    for prompt in range(10):
        names = [f"{prompt}{letter}" for letter in "abcd"]
        world.prompt(f"p{prompt}", *names)
        # Values 0.0 to 0.9 in the first, then 1.0 higher each: at least 1.5 drops a (all) and b below 0.5.
        world.scores("scorer", "quality", values={name: prompt / 10 + place for place, name in enumerate(names)})
    more = """filters:
    - {name: good enough, by: {scores: quality}, at_least: 1.5}
    - {name: two best, by: {scores: quality}, keep_best: 2}"""

    result = pairs(world, "{rule: none}", more)

    report = {step.key: (step.entered, step.kept, step.reasons) for step in result.funnel[2:]}
    assert report == {
        "filter:good enough": (40, 25, {"below_the_bar": 15}),  # 10 a and 5 b fall
        "filter:two best": (25, 20, {"not_among_the_best": 5}),
    }
    assert result.samples.height == 20
    assert set(result.samples["role"]) == {"kept"}
    assert result.pairs.height == 0


@pytest.mark.capability("D5")
def test_top_one_of_each_prompt():
    world = World().prompt("p", "a", "b").prompt("q", "c", "d", "e")
    world.scores("scorer", "noise", better="low", values={"a": 3, "b": 1, "c": 5, "d": 4, "e": 9})

    result = pairs(world, "{rule: none}", "filters: [{name: cleanest, by: {scores: noise}, keep_best: 1}]")

    kept = {
        name
        for (noun, name), number in world.ids.items()
        if noun == "sample" and number in set(result.samples["sample_id"])
    }
    assert kept == {"b", "d"}


def test_a_missing_value_is_dropped_unless_the_filter_keeps_it(five):
    five.sample("f", prompt="p")
    rule = "filters: [{name: bar, by: {scores: quality}, at_most: 5%s}]"

    assert reasons(pairs(five, "{rule: none}", rule % ""), "filter:bar") == {"above_the_bar": 2, "no_value": 1}
    assert reasons(pairs(five, "{rule: none}", rule % ", if_missing: keep"), "filter:bar") == {"above_the_bar": 2}


def test_filters_count_as_evidence_but_make_no_basis():
    world = World().prompt("p", "a", "b")
    world.vote("Ann", "a", "b", "left")
    world.scores("technical", "sharpness", values={"a": 1, "b": 1})
    more = "filters: [{name: sharp, by: {scores: sharpness}, at_least: 0.5}]"

    pair = pairs(world, "{rule: judged_pairs, by: {votes: overall}}", more).pairs.row(0, named=True)

    assert pair["basis"] == "people"
    assert {s["kind"] for s in pair["evidence"]} == {"comparison", "score"}
    assert pair["scores"] == [{"rater": "technical", "criterion": "sharpness", "chosen": 1.0, "rejected": 1.0}]
