"""Pairs over rounds of a policy, of siblings only, and such as follow from how samples were made."""

from itertools import product

import pytest

from curation.recipes.parse import parse
from curation.recipes.recorded import find_again, record
from curation.recipes.run import run
from tests.curation.recipes.world import World, reasons, shuffled


def result(world: World, pairing: str, more: str = ""):
    return run(parse(f"recipe: 1\ntitle: t\nseed: 3\n{more}\npairing: {pairing}"), world.evidence())


# -- rounds -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def three_rounds() -> World:
    world = World().prompt("p")
    for number, names in enumerate(["ab", "cd", "ef"]):
        for name in names:
            world.sample(name, prompt="p", round=number)
    world.scores("m", "quality", values={"a": 1, "b": 4, "c": 3, "d": 5, "e": 2, "f": 6})
    return world


ROUNDS = "{rule: across_rounds, by: {scores: quality}"


@pytest.mark.capability("A9")
@pytest.mark.parametrize(
    ("pairing", "expected"),
    [
        # What round 1 did best against what round 0 did worst.
        ("{rule: best_against_worst, by: {scores: quality}, chosen_rounds: [1], rejected_rounds: [0]}", {"da"}),
        ("{rule: best_against_worst, by: {scores: quality}, chosen_rounds: [0], rejected_rounds: [2]}", {"be"}),
        (f"{ROUNDS}}}", {"da", "fc"}),
        (f"{ROUNDS}, rejected: first}}", {"da", "fa"}),
        (f"{ROUNDS}, rejected: earlier}}", {"da", "fa"}),
        (f"{ROUNDS}, chosen: so_far}}", {"da", "fc"}),
        (f"{ROUNDS}, chosen: so_far, rejected: round}}", {"ba", "dc", "fe"}),
        (f"{ROUNDS}, chosen: earlier, rejected: round}}", {"bc", "de"}),
        (f"{ROUNDS}, chosen_rounds: [2]}}", {"fc"}),
        (f"{ROUNDS}, min_gap: 3.5}}", {"da"}),
    ],
)
def test_rounds_meet_as_the_rule_says(three_rounds, pairing, expected):
    assert three_rounds.names(result(three_rounds, pairing).pairs) == {(couple[0], couple[1]) for couple in expected}


def test_a_prompt_with_one_round_is_counted_out(three_rounds):
    three_rounds.prompt("q", "g", "h")
    three_rounds.scores("m", "quality", values={"g": 1, "h": 2})

    assert reasons(result(three_rounds, f"{ROUNDS}}}"), "rounds_met") == {"no_such_round": 1}


@pytest.mark.capability("A9")
def test_a_reference_is_chosen_against_the_first_round_without_any_score():
    world = World().prompt("p")
    world.sample("r", prompt="p", kind="reference").sample("a", prompt="p").sample("b", prompt="p", round=1)
    anchored = "{rule: by_kind, chosen_kinds: [reference], rejected_kinds: [generated], rejected_rounds: [0]}"

    made = result(world, anchored, "candidates: {kinds: [generated, reference]}")

    assert world.names(made.pairs) == {("r", "a")}


# -- siblings ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def tree() -> World:
    """A root, two branch points on it, and a third level below one child."""
    world = World().prompt("p", "root", "a1", "a2", "b1", "b2", "deep1", "deep2")
    for child, at in (("a1", 10), ("a2", 10), ("b1", 20), ("b2", 20)):
        world.branch(child, "root", at)
    world.branch("deep1", "a1").branch("deep2", "a1")
    values = {"root": 9, "a1": 1, "a2": 4, "b1": 8, "b2": 2, "deep1": 3, "deep2": 7}
    world.scores("m", "quality", values=values)
    return world


@pytest.mark.capability("A7")
@pytest.mark.parametrize(
    "pairing",
    [
        "{rule: best_against_worst, by: {scores: quality}, siblings: true}",
        "{rule: margin, by: {scores: quality}, siblings: true}",
        "{rule: top_against_bottom, by: {scores: quality}, k: 3, siblings: true}",
        "{rule: two_stage, judge: {scores: quality}, points: {scores: quality}, draw: all, siblings: true}",
    ],
)
def test_only_samples_of_one_parent_and_branch_point_meet(tree, pairing):
    made = result(tree, pairing)

    assert tree.names(made.pairs) == {("a2", "a1"), ("b1", "b2"), ("deep2", "deep1")}
    assert set(made.pairs["prompt_id"]) == {tree.ids["prompt", "p"]}
    assert reasons(made, "siblings") == {"no_parent": 1}
    for step in made.funnel:
        assert "prompt_id" not in step.dropped.columns or set(step.dropped["prompt_id"]) <= {tree.ids["prompt", "p"]}


@pytest.mark.capability("A7")
def test_votes_on_cousins_are_no_pair(tree):
    tree.vote("Ann", "a2", "a1", "left")
    tree.vote("Ann", "b1", "a1", "left")

    made = result(tree, "{rule: judged_pairs, by: {votes: overall}, siblings: true}")

    assert tree.names(made.pairs) == {("a2", "a1")}
    assert reasons(made, "judged") == {"not_siblings": 1}


def test_dominance_among_siblings(tree):
    tree.scores("m", "looks", values={"a1": 1, "a2": 2, "b1": 1, "b2": 2})
    groups = "[{name: q, by: {scores: quality}}, {name: l, by: {scores: looks}}]"

    made = result(tree, f"{{rule: dominance, siblings: true, groups: {groups}}}")

    assert tree.names(made.pairs) == {("a2", "a1")}  # b1 is better by quality and worse by looks


def test_soft_dominance_among_siblings_knows_how_uncertain_the_numbers_are():
    world = World().prompt("q").prompt("p", "root", "a", "b")
    world.branch("a", "root", 1).branch("b", "root", 1)
    for criterion in ("one", "two"):
        world.scores("m", criterion, values={"a": 1.0, "b": 0.9}, spreads={"a": 1.0, "b": 1.0})
    groups = "[{name: one, by: {scores: one}}, {name: two, by: {scores: two}}]"

    soft = result(world, f"{{rule: dominance, certainty: 0.8, siblings: true, groups: {groups}}}")

    assert reasons(soft, "dominance") == {"not_certain_enough": 1}


def test_another_parent_since_then_is_seen_as_a_change(tree):
    recipe = parse("recipe: 1\ntitle: t\npairing: {rule: margin, by: {scores: quality}, siblings: true}")
    first = run(recipe, tree.evidence())
    tree.rows["branches"][0]["branch"] = 11

    found = find_again(record(first.evidence), tree.evidence(), tree.evidence().judgements["judgement_id"].clear())

    assert found.changed["kind"].to_list() == ["branch"]


# -- how samples were made --------------------------------------------------------------------------------------------


KINDS = "candidates: {kinds: [generated, real, reference]}"


@pytest.mark.capability("A8")
def test_real_samples_are_chosen_over_generated_ones_without_asking_anybody():
    world = World().prompt("p").prompt("q", "z")
    world.sample("r", prompt="p", kind="real").sample("s", prompt="p", kind="reference")
    world.sample("a", prompt="p").sample("b", prompt="p")
    rule = "{rule: by_kind, chosen_kinds: [real, reference], rejected_kinds: [generated]}"

    made = result(world, rule, KINDS)

    assert world.names(made.pairs) == set(product("rs", "ab"))
    assert set(made.pairs["basis"]) == {"construction"}
    assert made.pairs["margin"].null_count() == 4
    assert set(made.pairs["margin_unit"]) == {"none"}
    assert made.pairs["evidence"].list.len().to_list() == [0] * 4
    assert set(made.pairs["chosen_kind"]) == {"real", "reference"}
    assert reasons(made, "matched") == {"nobody_chosen": 1}  # q has no real sample


def test_the_cap_draws_among_pairs_without_a_margin():
    world = World().prompt("p").sample("r", prompt="p", kind="real")
    for name in "abcdef":
        world.sample(name, prompt="p")
    rule = "{rule: by_kind, chosen_kinds: [real], rejected_kinds: [generated]}"

    made = result(world, rule, KINDS + "\ncaps: {pairs_per_prompt: 2}")

    assert made.pairs.height == 2
    recipe = parse(f"recipe: 1\ntitle: t\nseed: 3\n{KINDS}\ncaps: {{pairs_per_prompt: 2}}\npairing: {rule}")
    assert run(recipe, shuffled(world.evidence(), 1)).digest() == made.digest()


@pytest.fixture
def corrupted() -> World:
    world = World().prompt("p", "a", "b", "c")
    for original, operator in (("a", "box-blurred"), ("a", "cropped"), ("b", "cropped")):
        name = f"{original}-{operator}"
        world.sample(name, prompt="p", generator=f"synthetic:{operator}").branch(name, original)
    return world


@pytest.mark.capability("D8")
def test_each_original_meets_its_own_negatives(corrupted):
    made = result(corrupted, "{rule: corrupted}")

    assert corrupted.names(made.pairs) == {("a", "a-box-blurred"), ("a", "a-cropped"), ("b", "b-cropped")}
    assert set(made.pairs["basis"]) == {"construction"}


def test_operators_may_be_chosen(corrupted):
    made = result(corrupted, "{rule: corrupted, operators: [cropped]}")

    assert corrupted.names(made.pairs) == {("a", "a-cropped"), ("b", "b-cropped")}
    assert reasons(made, "negatives") == {"other_operator": 1}


def test_a_signal_may_ask_that_the_original_is_ahead(corrupted):
    corrupted.scores("m", "quality", values={"a": 5, "a-box-blurred": 6, "a-cropped": 1})

    made = result(corrupted, "{rule: corrupted, by: {scores: quality}, min_gap: 2}")

    assert corrupted.names(made.pairs) == {("a", "a-cropped")}
    assert reasons(made, "gap") == {"gap_too_small": 1, "no_value": 1}
    assert set(made.pairs["basis"]) == {"machines"}


@pytest.mark.capability("D8")
def test_a_negative_competes_only_where_it_is_asked_for_and_is_never_chosen(corrupted):
    names = ["a", "b", "c", "a-box-blurred", "a-cropped", "b-cropped"]
    corrupted.scores("m", "quality", values={name: place for place, name in enumerate(names)})
    rule = "{rule: best_against_worst, by: {scores: quality}}"

    without = result(corrupted, rule)
    asked_for = result(corrupted, rule, "candidates: {generators: [alpha, 'synthetic:cropped']}")

    assert corrupted.names(without.pairs) == {("c", "a")}
    assert reasons(without, "candidates") == {"synthetic_not_asked_for": 3}
    assert not any("-" in chosen for chosen, _rejected in corrupted.names(asked_for.pairs))


# -- refusals ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pairing", "said"),
    [
        ("{rule: across_rounds, by: {scores: q}, rejected: round}", "no pair crosses rounds"),
        ("{rule: across_prompts, by: {scores: q}, passes_at: 1, fails_at: 1}", "would pass and fail"),
        (
            "{rule: across_prompts, by: {scores: q}, passes_at: 1, fails_at: 0, tag_prefix: x}",
            "Add `within: tag`",
        ),
        ("{rule: by_kind, chosen_kinds: [generated], rejected_kinds: [generated]}", "chosen and rejected"),
        ("{rule: corrupted, operators: [croped]}", "no operator 'croped'"),
        ("{rule: corrupted, min_gap: 1}", "nothing measures the gap"),
        (
            "{rule: dominance, groups: [{name: a, by: {scores: q}}, {name: a, by: {scores: r}}]}",
            "'a' is also the group on line 3",
        ),
        ("{rule: dominance, groups: [{name: a, by: {scores: q}}]}", "Write at least 2"),
        (
            "{rule: dominance, certainty: 1, groups: [{name: a, by: {scores: q}}, {name: b, by: {scores: r}}]}",
            "Write a number below 1",
        ),
        (
            "{rule: pareto, siblings: true, groups: [{name: a, by: {scores: q}}, {name: b, by: {scores: r}}]}",
            "siblings",
        ),
        ("{rule: margin, by: {scores: q}, chosen_rounds: [-1]}", "of at least 0"),
    ],
)
def test_what_contradicts_itself_is_refused_with_its_line(pairing, said):
    with pytest.raises(Exception, match="line 3, column") as error:
        parse(f"recipe: 1\ntitle: t\npairing: {pairing}")

    assert said in str(error.value)


def test_rounds_outside_the_candidates_are_refused():
    rule = "{rule: margin, by: {scores: q}, chosen_rounds: [0]}"

    with pytest.raises(Exception, match="Samples of round 0 are not candidates"):
        parse(f"recipe: 1\ntitle: t\ncandidates: {{first_round: 1}}\npairing: {rule}")
