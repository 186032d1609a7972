"""Dominance over groups of criteria, hard and soft, and the Pareto front, against answers found pair by pair."""

import math
from itertools import permutations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from curation.recipes.parse import parse
from curation.recipes.run import run
from tests.curation.recipes.world import World, reasons

GROUPS = (
    "[{name: truth, by: {scores: truth}}, {name: looks, by: {scores: looks}}, {name: safety, by: {scores: safety}}]"
)
NAMES = ["truth", "looks", "safety"]


def result(world: World, pairing: str, more: str = ""):
    return run(parse(f"recipe: 1\ntitle: t\nseed: 3\n{more}\npairing: {pairing}"), world.evidence())


def world_of(values: dict[str, tuple[float, ...]], spreads: dict[str, float] | None = None) -> World:
    world = World().prompt("p", *values)
    for place, name in enumerate(NAMES):
        world.scores("m", name, values={key: row[place] for key, row in values.items()}, spreads=spreads or {})
    return world


# -- hard -------------------------------------------------------------------------------------------------------------


@pytest.mark.capability("D10")
def test_only_who_is_worse_in_nothing_wins():
    world = world_of({"a": (3, 3, 3), "b": (2, 3, 1), "c": (1, 4, 0), "d": (2, 3, 1)})

    made = result(world, f"{{rule: dominance, groups: {GROUPS}}}")

    assert world.names(made.pairs) == {("a", "b"), ("a", "d")}  # c looks better than all; b and d are equal
    assert reasons(made, "dominance") == {"worse_in_a_group": 3, "gap_too_small": 1}
    assert set(made.pairs["margin_unit"]) == {"groups"}
    assert sorted(made.pairs["margin"]) == [0.666666666667, 0.666666666667]  # better in two of three
    assert set(made.pairs["criterion"]) == {"truth + looks + safety"}


GRID = st.integers(0, 3).map(lambda number: number / 3)


@st.composite
def candidates(draw, most=7):
    count = draw(st.integers(2, most))
    return {"abcdefgh"[n]: (draw(GRID), draw(GRID), draw(GRID)) for n in range(count)}


@pytest.mark.capability("D10")
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(values=candidates(), tolerance=st.sampled_from([0.0, 0.25, 0.5]))
def test_no_pair_violates_dominance_and_none_is_missed(values, tolerance):
    groups = GROUPS.replace("}}", f"}}, tolerance: {tolerance}}}")
    world = world_of(values)

    found = world.names(result(world, f"{{rule: dominance, groups: {groups}}}").pairs)

    def leads(c, r):
        gaps = [x - y for x, y in zip(values[c], values[r], strict=True)]
        return all(gap >= -tolerance for gap in gaps) and any(gap > tolerance for gap in gaps)

    assert found == {(c, r) for c, r in permutations(values, 2) if leads(c, r)}


@pytest.mark.capability("D10")
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(values=candidates())
def test_the_front_is_what_nothing_dominates(values):
    world = world_of(values)

    kept = result(world, f"{{rule: pareto, groups: {GROUPS}}}")

    def dominates(a, b):
        pairs = list(zip(values[a], values[b], strict=True))
        return all(x >= y for x, y in pairs) and any(x > y for x, y in pairs)

    expected = {b for b in values if not any(dominates(a, b) for a in values if a != b)}
    names = {number: name for (noun, name), number in world.ids.items() if noun == "sample"}
    assert {names[pk] for pk in kept.samples["sample_id"]} == expected
    assert kept.pairs.height == 0
    assert reasons(kept, "front").get("dominated", 0) == len(values) - len(expected)


@pytest.mark.capability("D10")
def test_with_front_the_chosen_is_dominated_by_nobody():
    values = {"a": (3, 3, 3), "b": (2, 2, 2), "c": (1, 1, 1)}
    world = world_of(values)

    every = world.names(result(world, f"{{rule: dominance, groups: {GROUPS}}}").pairs)
    best = result(world, f"{{rule: dominance, groups: {GROUPS}, front: true}}")

    assert every == {("a", "b"), ("a", "c"), ("b", "c")}
    assert world.names(best.pairs) == {("a", "b"), ("a", "c")}
    assert reasons(best, "dominance") == {"not_on_the_front": 1}


def test_the_margin_is_measured_by_a_signal_where_one_is_named():
    world = world_of({"a": (3, 3, 3), "b": (2, 2, 2), "c": (1, 1, 1)})
    world.scores("m", "overall", values={"a": 9, "b": 8, "c": 2})

    made = result(world, f"{{rule: dominance, by: {{scores: overall}}, min_gap: 1, groups: {GROUPS}}}")

    assert world.names(made.pairs) == {("a", "c"), ("b", "c")}
    assert sorted(made.pairs["margin"]) == [6, 7]
    assert set(made.pairs["margin_unit"]) == {"score"}
    # Everything that was looked at stands behind the pair: four numbers a side.
    assert [len(statements) for statements in made.pairs["evidence"]] == [8, 8]


def test_low_numbers_win_where_low_is_better():
    world = World().prompt("p", "a", "b")
    world.scores("m", "truth", values={"a": 2, "b": 1})
    world.scores("m", "artefacts", values={"a": 0, "b": 5}, better="low")
    groups = "[{name: t, by: {scores: truth}}, {name: a, by: {scores: artefacts}}]"

    assert world.names(result(world, f"{{rule: dominance, groups: {groups}}}").pairs) == {("a", "b")}


def test_a_sample_without_a_value_in_a_group_meets_nobody():
    world = world_of({"a": (3, 3, 3), "b": (2, 2, 2)})
    world.sample("c", prompt="p")
    world.scores("m", "truth", values={"c": 9})

    made = result(world, f"{{rule: dominance, groups: {GROUPS}}}")

    assert world.names(made.pairs) == {("a", "b")}
    assert reasons(made, "ranked") == {"no_value": 1}


# -- soft -------------------------------------------------------------------------------------------------------------


@pytest.mark.capability("D10")
def test_soft_dominance_asks_for_the_probability_in_every_group():
    values = {"a": (2.0, 1.0, 1.0), "b": (1.0, 1.0, 1.0)}
    groups = GROUPS.replace("}}", "}, tolerance: 0.5}")
    # Differences of 1, 0 and 0; spread of each difference: 0.3 √2. Φ(0.5 / 0.4243) = 0.8807 decides.
    least = 0.5 * (1 + math.erf(0.5 / (0.3 * math.sqrt(2)) / math.sqrt(2)))
    world = world_of(values, spreads={"a": 0.3, "b": 0.3})

    below = result(world, f"{{rule: dominance, certainty: {least - 1e-6}, groups: {groups}}}")
    above = result(world, f"{{rule: dominance, certainty: {least + 1e-6}, groups: {groups}}}")

    assert world.names(below.pairs) == {("a", "b")}
    assert reasons(above, "dominance") == {"not_certain_enough": 1}


@pytest.mark.capability("D10")
def test_soft_dominance_forgives_what_may_be_noise():
    world = world_of({"a": (3.0, 1.0, 1.0), "b": (1.0, 1.02, 1.0)}, spreads={"a": 0.5, "b": 0.5})
    groups = GROUPS.replace("}}", "}, tolerance: 1}")

    assert world.names(result(world, f"{{rule: dominance, certainty: 0.8, groups: {groups}}}").pairs) == {("a", "b")}
    assert result(world, f"{{rule: dominance, groups: {GROUPS}}}").pairs.height == 0


def test_without_spreads_the_soft_rule_is_the_hard_one():
    world = world_of({"a": (3, 3, 3), "b": (2, 3, 1), "c": (1, 4, 0)})

    hard = result(world, f"{{rule: dominance, groups: {GROUPS}}}")
    soft = result(world, f"{{rule: dominance, certainty: 0.9, groups: {GROUPS}}}")

    assert world.names(soft.pairs) == world.names(hard.pairs)


def test_one_vote_is_no_certainty():
    groups = "[{name: t, by: {votes: truth}}, {name: l, by: {votes: looks}}]"

    def world(voters: int) -> World:
        scene = World().prompt("p", "a", "b")
        for number in range(voters):
            for criterion in ("truth", "looks"):
                scene.vote(f"Ann {number}", "a", "b", "left", criterion=criterion)
        return scene

    rule = f"{{rule: dominance, certainty: 0.95, groups: {groups}}}"
    # p = (1 + 2) / 5 against 2 / 5: the difference is one, its standard error 0.31: certain by 0.9994.
    assert result(world(1), rule).pairs.height == 1
    assert result(world(1), rule.replace("0.95", "0.9999")).pairs.height == 0
    assert result(world(9), rule.replace("0.95", "0.9999")).pairs.height == 1
