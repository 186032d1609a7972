"""Which samples may be in a pair, and on which side."""

import pytest

from curation.recipes.parse import parse
from curation.recipes.run import run
from tests.curation.recipes.world import World, reasons


def best(world: World, more: str = "", rule: str = ""):
    text = f"recipe: 1\ntitle: t\n{more}\npairing: {{rule: best_against_worst, by: {{scores: quality}}{rule}}}"
    return run(parse(text), world.evidence())


def scored(world: World, **values: float) -> World:
    world.scores("scorer", "quality", values=values)
    return world


@pytest.mark.parametrize(
    ("facts", "flag", "reason"),
    [
        ({"media_state": "absent"}, "", "media_absent"),
        ({"kind": "real"}, "", "real_not_asked_for"),
        ({"kind": "reference"}, "", "reference_not_asked_for"),
        ({}, "broken", "flagged_broken"),
        ({}, "unsafe", "flagged_unsafe"),
    ],
)
def test_what_cannot_be_used_is_dropped_with_its_reason(facts, flag, reason):
    world = World().prompt("p", "a", "b").sample("c", prompt="p", **facts)
    if flag:
        world.flag("c", flag)
    scored(world, a=1, b=2, c=9)

    result = best(world)

    assert world.names(result.pairs) == {("b", "a")}
    assert reasons(result, "candidates") == {reason: 1}


def test_unsafe_samples_stay_only_where_the_recipe_says_so():
    world = scored(World().prompt("p", "a", "b").flag("b", "unsafe"), a=1, b=2)

    assert best(world).pairs.height == 0
    assert best(world, "candidates: {unsafe: keep}").pairs.height == 1


def test_real_against_generated_only_when_asked_for():
    world = World().prompt("p", "a", "b").sample("photo", prompt="p", kind="real")
    scored(world, a=9, b=1, photo=5)
    more = "candidates: {kinds: [generated, real]}"

    pair = best(world, more, ", chosen_kinds: [real], rejected_kinds: [generated]").pairs.row(0, named=True)

    assert (pair["chosen_kind"], pair["rejected_kind"], pair["margin"]) == ("real", "generated", 4.0)


def test_generators_rounds_and_tags_select():
    world = World().prompt("p", tags=["animals"]).prompt("q", "x", "y", tags=["signs"])
    for place, name in enumerate("abcd"):
        world.sample(name, prompt="p", generator="old" if place == 0 else "new", round=place)
    scored(world, a=1, b=2, c=3, d=4, x=1, y=2)

    assert best(world, "candidates: {tags: [signs]}").pairs.height == 1
    assert world.names(best(world, "candidates: {without_tags: [signs]}").pairs) == {("d", "a")}
    assert world.names(best(world, "candidates: {generators: [new]}").pairs) == {("d", "b")}
    assert world.names(best(world, "candidates: {tags: [animals], first_round: 1, last_round: 2}").pairs) == {
        ("c", "b")
    }


def test_a_score_under_another_prompt_ranks_nobody():
    world = World().prompt("p", "a", "b").prompt("q")
    world.scores("scorer", "quality", values={"a": 1, "b": 2}, under="q")

    assert best(world).pairs.height == 0


def test_samples_of_a_version_carry_their_role():
    world = scored(World().prompt("p", "a", "b", "c"), a=1, b=2, c=3)

    roles = dict(best(world).samples.select("sample_id", "role").iter_rows())

    assert roles == {1: "rejected", 2: "kept", 3: "chosen"}
