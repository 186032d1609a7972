"""Pairs over different prompts, and one sample under its own and under another prompt."""

from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from curation.errors import Refused
from curation.recipes.parse import parse
from curation.recipes.recorded import compare, find_again, record
from curation.recipes.run import run
from curation.recipes.tables import PAIRS
from tests.curation.recipes.world import World, reasons, sha, shuffled

ACROSS = "{rule: across_prompts, by: {scores: physics}, passes_at: 0.8, fails_at: 0.4}"


def result(world: World, pairing: str, more: str = ""):
    return run(parse(f"recipe: 1\ntitle: t\nseed: 3\n{more}\npairing: {pairing}"), world.evidence())


def world_of(prompts: dict[str, dict[str, float]], tags: dict[str, list[str]] | None = None, **facts) -> World:
    world = World()
    for name, values in prompts.items():
        world.prompt(name, *values, tags=(tags or {}).get(name, ()))
    world.scores("m", "physics", values={k: v for values in prompts.values() for k, v in values.items()}, **facts)
    return world


@pytest.mark.capability("D7")
def test_a_pair_across_prompts_carries_two_prompts():
    world = world_of({"p": {"p1": 0.9, "p2": 0.5}, "q": {"q1": 0.1}})

    made = result(world, ACROSS)

    row = made.pairs.row(0, named=True)
    assert world.names(made.pairs) == {("p1", "q1")}
    ids = {name: world.ids["prompt", name] for name in "pq"}
    assert (row["prompt_id"], row["chosen_prompt_id"], row["rejected_prompt_id"]) == (ids["p"], ids["p"], ids["q"])
    assert (row["margin"], row["margin_unit"], row["basis"]) == (pytest.approx(0.8), "score", "machines")
    assert len(row["evidence"]) == 2
    assert reasons(made, "passed_or_failed") == {"between_the_bars": 1}


@pytest.mark.capability("D7")
def test_what_passed_and_failed_on_one_prompt_does_not_meet():
    made = result(world_of({"p": {"p1": 0.9, "p2": 0.1}}), ACROSS)

    assert made.pairs.height == 0
    assert reasons(made, "matched_across") == {"odd_one_out": 1}


def test_low_passes_where_low_is_better_and_bars_the_wrong_way_are_refused():
    world = world_of({"p": {"p1": 0.9}, "q": {"q1": 0.1}}, better="low")

    with pytest.raises(Refused, match=r"Line 5: lower is better on 'physics', but passes_at \(0.8\)"):
        result(world, ACROSS)
    assert world.names(result(world, ACROSS.replace("0.8", "0.2").replace("0.4", "0.5")).pairs) == {("q1", "p1")}


@pytest.mark.parametrize("values", [{"p1": 0.0, "q1": 0.0}, {}])
def test_bars_are_not_refused_where_no_number_says_which_way_is_better(values):
    world = World().prompt("p", "p1").prompt("q", "q1")
    world.criterion("bugs", higher_is_better=False)
    if values:
        world.scores("m", "bugs", values=values, better="low")

    made = result(world, "{rule: across_prompts, by: {scores: bugs}, passes_at: 0, fails_at: 5}")

    assert made.pairs.height == 0


def test_within_a_tag_prompts_must_share_it():
    prompts = {"p": {"p1": 0.9}, "q": {"q1": 0.1}, "r": {"r1": 0.2}}
    tags = {"p": ["scene/street", "long"], "q": ["scene/beach", "long"], "r": ["scene/street"]}
    world = world_of(prompts, tags)
    scene = ACROSS[:-1] + ", within: tag, tag_prefix: scene/}"

    assert world.names(result(world, scene).pairs) == {("p1", "r1")}


@pytest.mark.capability("D7")
def test_nobody_is_in_more_pairs_than_allowed():
    prompts = {f"p{n}": {f"{n}a": 0.9, f"{n}b": 0.1} for n in range(30)}
    world = world_of(prompts)

    once, thrice = result(world, ACROSS), result(world, ACROSS[:-1] + ", pairs_per_sample: 3}")

    for made, most in ((once, 1), (thrice, 3)):
        for side in ("chosen_id", "rejected_id"):
            assert made.pairs.group_by(side).len()["len"].max() == most
        assert made.pairs["pair_id"].is_unique().all()
    # The ring finds nearly everybody a partner.
    assert once.pairs.height >= 27
    assert thrice.pairs.height >= 81


def test_pairs_stand_in_one_split():
    world = world_of({f"p{n}": {f"{n}a": 0.9, f"{n}b": 0.1} for n in range(40)})

    made = result(world, ACROSS, "split: {shares: {train: 0.5, test: 0.5}}")

    split = dict(made.splits.select("prompt_id", "split").iter_rows())
    assert {row["split"] for row in made.pairs.to_dicts()} == {"train", "test"}
    assert reasons(made, "split") == {}  # partners are looked for inside a split, so none is lost
    for row in made.pairs.to_dicts():
        assert split[row["chosen_prompt_id"]] == split[row["rejected_prompt_id"]] == row["split"]


@st.composite
def worlds(draw) -> World:
    world = World()
    values = {}
    for number in range(draw(st.integers(1, 8))):
        samples = [f"{number}{letter}" for letter in "abcd"[: draw(st.integers(0, 4))]]
        world.prompt(f"p{number}", *samples, tags=draw(st.lists(st.sampled_from(["x", "y", "z"]), unique=True)))
        values |= {name: draw(st.integers(0, 4)) / 4 for name in samples}
    world.scores("m", "physics", values=values)
    return world


@pytest.mark.capability("D7")
@pytest.mark.parametrize("within", ["anywhere", "locale", "tag"])
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(world=worlds(), seed=st.integers(0, 1000), each=st.integers(1, 3))
def test_pairs_across_prompts_hold_whatever_the_order_of_rows(within, world, seed, each):
    text = ACROSS[:-1] + f", within: {within}, pairs_per_sample: {each}}}"
    recipe = parse(f"recipe: 1\ntitle: t\nseed: 3\nsplit: {{shares: {{a: 0.5, b: 0.5}}}}\npairing: {text}")
    evidence = world.evidence()

    made = run(recipe, evidence)

    assert made.pairs.schema == PAIRS
    values = dict(evidence.scores.select("sample_id", "value").iter_rows())
    tags = {row["prompt_id"]: set(row["prompt_tags"]) for row in evidence.prompts.to_dicts()}
    for row in made.pairs.to_dicts():
        assert row["chosen_prompt_id"] != row["rejected_prompt_id"]
        assert values[row["chosen_id"]] >= 0.8
        assert values[row["rejected_id"]] <= 0.4
        assert within != "tag" or tags[row["chosen_prompt_id"]] & tags[row["rejected_prompt_id"]]
    assert run(recipe, shuffled(evidence, seed)).digest() == made.digest()
    again = find_again(record(made.evidence), evidence, evidence.judgements["judgement_id"].clear())
    assert run(recipe, again.evidence).digest() == made.digest()


def test_a_withdrawn_score_explains_pairs_of_other_prompts_that_fell_with_it():
    world = World()
    for n in range(6):
        world.prompt(f"p{n}", f"p{n}").prompt(f"q{n}", f"q{n}")
        world.scores("m", "physics", values={f"p{n}": 0.9})
        world.scores("m", "physics", values={f"q{n}": 0.1})
    recipe = parse(f"recipe: 1\ntitle: t\nseed: 3\npairing: {ACROSS}")
    first = run(recipe, world.evidence())
    withdrawn = first.pairs.row(0, named=True)["evidence"][1]["judgement_id"]

    today = world.evidence()
    kept = today.scores.filter(today.scores["judgement_id"] != withdrawn)
    nobody = today.judgements["judgement_id"].clear()
    found = find_again(record(first.evidence), replace(today, scores=kept), nobody)
    difference = compare(first.pairs, run(recipe, found.evidence).pairs, first.splits, found)

    assert difference.unexplained == []
    assert "evidence_withdrawn" in difference.withdrawn["reason"].to_list()


# -- one sample under two prompts --------------------------------------------------------------------------------------


WRONG = "{rule: wrong_prompt, by: {scores: alignment}}"


def under_two() -> World:
    world = World().prompt("right", "a", "b").prompt("wrong").prompt("other")
    world.scores("m", "alignment", values={"a": 0.9, "b": 0.6})
    world.scores("m", "alignment", values={"a": 0.2, "b": 0.8}, under="wrong")
    world.scores("m", "alignment", values={"a": 0.5}, under="other")
    return world


@pytest.mark.capability("D7")
def test_one_sample_is_chosen_under_its_own_and_rejected_under_another_prompt():
    world = under_two()

    made = result(world, WRONG)

    ids = {name: world.ids["prompt", name] for name in ("right", "wrong", "other")}
    assert world.names(made.pairs) == {("a", "a")}
    rows = {row["rejected_prompt_id"]: row for row in made.pairs.to_dicts()}
    assert set(rows) == {ids["wrong"], ids["other"]}
    assert rows[ids["wrong"]]["chosen_prompt_id"] == ids["right"]
    assert rows[ids["wrong"]]["margin"] == pytest.approx(0.7)
    assert rows[ids["other"]]["margin"] == pytest.approx(0.4)
    assert [len(row["evidence"]) for row in rows.values()] == [2, 2]
    assert made.pairs["pair_id"].is_unique().all()
    assert reasons(made, "gap") == {"gap_too_small": 1}  # b fits the wrong prompt better
    dropped = next(step.dropped for step in made.funnel if step.key == "gap")
    assert set(dropped["rejected_id"]) == {world.ids["sample", "b"]}
    told = {(row["sample_id"], row["prompt_id"], row["role"]) for row in made.samples.to_dicts()}
    a, b = world.ids["sample", "a"], world.ids["sample", "b"]
    assert told == {
        (a, ids["right"], "chosen"),
        (a, ids["wrong"], "rejected"),
        (a, ids["other"], "rejected"),
        (b, ids["right"], "kept"),
    }


@pytest.mark.capability("D7")
def test_the_order_of_rows_does_not_show_in_pairs_of_prompts():
    recipe = parse(f"recipe: 1\ntitle: t\nseed: 3\npairing: {WRONG}")
    evidence = under_two().evidence()
    made = run(recipe, evidence)

    assert made.pairs.schema == PAIRS
    assert run(recipe, shuffled(evidence, 5)).digest() == made.digest()
    again = find_again(record(made.evidence), evidence, evidence.judgements["judgement_id"].clear())
    assert run(recipe, again.evidence).digest() == made.digest()


def test_votes_on_the_same_sample_under_two_prompts_are_heard():
    world = under_two()
    act = world.act("Ann")
    world._comparison(act, 0, "b", "b", "left", "fits", False, implied=False)
    world.rows["comparisons"][-1]["right_prompt_id"] = world.ids["prompt", "wrong"]

    made = result(world, "{rule: wrong_prompt, by: {votes: fits}}")

    row = made.pairs.row(0, named=True)
    assert world.names(made.pairs) == {("b", "b")}
    assert (row["rejected_prompt_id"], row["votes_chosen"], row["basis"]) == (world.ids["prompt", "wrong"], 1, "people")
    assert (row["margin"], row["margin_unit"], len(row["evidence"])) == (1.0, "vote_share", 1)


def test_what_wins_over_other_samples_says_nothing_of_one_sample_under_two_prompts():
    world = under_two()
    for rater in ("Ann", "Cid", "Dan"):
        world.vote(rater, "a", "b", "left", criterion="fits")  # under their own prompt
        both = world.act(rater)
        world._comparison(both, 0, "a", "b", "right", "fits", False, implied=False)
        wrong = {"left_prompt_id": world.ids["prompt", "wrong"], "right_prompt_id": world.ids["prompt", "wrong"]}
        world.rows["comparisons"][-1] |= wrong
    world._comparison(world.act("Bob"), 0, "a", "a", "right", "fits", False, implied=False)
    world.rows["comparisons"][-1]["right_prompt_id"] = world.ids["prompt", "wrong"]

    made = result(world, "{rule: wrong_prompt, by: {votes: fits}}")

    # a fits the wrong prompt better, and nobody compared b with itself.
    assert made.pairs.height == 0
    assert reasons(made, "gap") == {"gap_too_small": 1, "no_value": 2}


def test_a_prompt_of_a_frozen_benchmark_is_no_other_prompt_either():
    world = under_two()
    world.rows["barred"].append({"kind": "prompt", "digest": sha("prompt wrong"), "prompt_text": None})
    recipe = parse(f"recipe: 1\ntitle: t\npairing: {WRONG}")

    made = run(recipe, world.evidence())

    assert made.pairs["rejected_prompt_id"].to_list() == [world.ids["prompt", "other"]]
    assert reasons(made, "benchmarks:statements") == {"frozen_benchmark": 2}
    again = find_again(record(made.evidence), world.evidence(), world.evidence().judgements["judgement_id"].clear())
    assert run(recipe, again.evidence).digest() == made.digest()


def test_a_sample_judged_under_its_own_prompt_alone_is_counted_out():
    world = World().prompt("p", "a")
    world.scores("m", "alignment", values={"a": 0.9})

    assert reasons(result(world, WRONG), "under_other_prompts") == {"no_other_prompt": 1}


def test_two_prompts_of_different_splits_give_no_pair():
    world = World()
    for n in range(12):
        world.prompt(f"p{n}", f"s{n}")
        world.scores("m", "alignment", values={f"s{n}": 0.9})
    for n in range(12):
        world.scores("m", "alignment", values={f"s{n}": 0.1}, under=f"p{(n + 1) % 12}")

    made = result(world, WRONG, "split: {shares: {train: 0.5, test: 0.5}}")

    assert reasons(made, "split")["prompts_in_two_splits"] + made.pairs.height == 12
    split = dict(made.splits.select("prompt_id", "split").iter_rows())
    assert all(split[row["chosen_prompt_id"]] == split[row["rejected_prompt_id"]] for row in made.pairs.to_dicts())
