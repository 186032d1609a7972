"""Consensus as a source of a recipe: strengths, probabilities, bases, and the order of rows that does not matter."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from curation.errors import Refused
from curation.recipes.parse import parse
from curation.recipes.problems import RecipeProblems
from curation.recipes.recorded import compare, find_again, record
from curation.recipes.run import run
from tests.curation.recipes.world import World, reasons, shuffled

PEOPLE = ("Ann", "Bob", "Cid", "Dee")


def recipe(by="{consensus: overall}", rule="best_against_worst", more=""):
    return parse(f"recipe: 1\ntitle: t\n{more}\npairing: {{rule: {rule}, by: {by}}}")


def crowd(prompts=40, *, seed=0, machine=1.5, sd=2.0) -> World:
    """Prompts of four samples; on the first three quarters people compare, and a machine scores all of them."""
    rng, world = np.random.default_rng(seed), World()
    for number in range(prompts):
        names = [f"p{number}-{letter}" for letter in "abcd"]
        world.prompt(f"p{number}", *names)
        theta = dict(zip(names, rng.normal(0, sd, 4), strict=True))
        if number < prompts * 3 // 4:
            for left, right in ((names[i], names[j]) for i in range(4) for j in range(i)):
                for person in rng.choice(PEOPLE, 2, replace=False):
                    is_left = rng.random() < 1 / (1 + np.exp(theta[right] - theta[left]))
                    world.vote(person, left, right, "left" if is_left else "right")
        if machine:
            values = {name: machine * theta[name] + rng.normal() for name in names}
            world.scores("scorer", "aesthetic", values=values)
    return world


def test_one_vote_gives_a_strength_and_its_probability():
    world = World().prompt("p", "a", "b")
    world.vote("Ann", "a", "b", "left")

    pair = run(recipe(), world.evidence()).pairs.row(0, named=True)

    assert world.names(run(recipe(), world.evidence()).pairs) == {("a", "b")}
    # The stationary point of one vote under N(0, 1): d = 2 (1 - sigma(d)), by bisection.
    low, high = 0.0, 2.0
    for _ in range(60):
        d = (low + high) / 2
        low, high = (d, high) if d < 2 / (1 + np.exp(d)) else (low, d)
    assert pair["margin"] == pytest.approx(d, abs=1e-7)
    assert pair["margin_unit"] == "strength"
    p = 1 / (1 + np.exp(-d))
    variance = 2 / (1 + 2 * p * (1 - p))
    assert pair["confidence"] == pytest.approx(1 / (1 + np.exp(-d / np.sqrt(1 + np.pi * variance / 8))), abs=1e-7)
    assert (pair["votes_chosen"], pair["votes_rejected"]) == (1, 0)
    assert pair["basis"] == "people"


def test_the_order_of_rows_changes_no_bit():
    text = recipe("{consensus: overall, numbers: [aesthetic]}")
    evidence = crowd().evidence()

    digests = {run(text, shuffled(evidence, seed)).digest() for seed in range(3)}

    assert digests == {run(text, evidence).digest()}


def test_it_rebuilds_from_what_it_read():
    text = recipe(
        "{consensus: overall, numbers: [aesthetic]}",
        more="candidates: {without_generators: [beta]}\ncaps: {pairs_per_prompt: 1}",
    )
    world = crowd()
    for row in world.rows["samples"][::7]:
        row["generator"] = "beta"

    first = run(text, world.evidence())

    assert run(text, first.evidence).digest() == first.digest()


def test_machines_alone_give_provisional_pairs_where_nobody_voted():
    world = crowd()
    text = recipe("{consensus: overall, numbers: [aesthetic]}")

    pairs = run(text, world.evidence()).pairs

    voted = {world.id("prompt", f"p{number}") for number in range(30)}
    bases = {(row["prompt_id"] in voted, row["basis"]) for row in pairs.to_dicts()}
    assert bases == {(True, "both"), (False, "machines")}
    assert pairs.height == 40


def test_people_only_leaves_machines_out():
    world = crowd()
    pairs = run(recipe("{consensus: overall, numbers: [aesthetic], basis: people}"), world.evidence()).pairs
    without = run(recipe("{consensus: overall}"), crowd(machine=0).evidence()).pairs

    assert set(pairs["basis"]) == {"people"}
    assert pairs.height == 30
    assert set(without["basis"]) == {"people"}


def test_machines_only_never_reads_votes_into_strengths():
    world = crowd()
    pairs = run(recipe("{consensus: overall, numbers: [aesthetic], basis: machines}"), world.evidence()).pairs

    assert set(pairs["basis"]) == {"machines"}
    assert pairs.height == 40


def test_machines_whose_worth_nobody_knows_are_refused():
    world = World().prompt("p", "a", "b")
    world.vote("Ann", "a", "b", "left")
    world.scores("scorer", "overall", values={"a": 1.0, "b": 2.0})

    with pytest.raises(Refused, match="learnt from votes of people"):
        run(recipe("{consensus: overall, basis: machines}"), world.evidence())
    assert set(run(recipe(), world.evidence()).pairs["basis"]) == {"people"}


def test_a_machine_that_only_guesses_weighs_nothing():
    rng, world = np.random.default_rng(5), crowd(machine=0)
    for number in range(40):
        world.scores("scorer", "aesthetic", values={f"p{number}-{letter}": rng.normal() for letter in "abcd"})

    pairs = run(recipe("{consensus: overall, numbers: [aesthetic]}"), world.evidence()).pairs

    assert set(pairs["basis"]) == {"people"}


def test_a_machine_says_nothing_where_its_own_family_takes_part():
    world = crowd()
    related = [world.id("prompt", "p35"), world.id("prompt", "p0")]
    rater = next(row["rater_id"] for row in world.rows["raters"] if row["rater"] == "scorer")
    world.rows["related"] = [{"rater_id": rater, "prompt_id": prompt} for prompt in related]

    pairs = run(recipe("{consensus: overall, numbers: [aesthetic]}"), world.evidence()).pairs

    basis = {row["prompt_id"]: row["basis"] for row in pairs.to_dicts()}
    assert related[0] not in basis
    assert basis[related[1]] == "people"


def test_people_who_fail_known_answers_are_left_out_and_said():
    world = World().prompt("p", "a", "b")
    world.vote("Ann", "a", "b", "left")
    for _ in range(3):
        world.vote("Bob", "a", "b", "right")
    bob = next(row["rater_id"] for row in world.rows["raters"] if row["rater"] == "Bob")
    world.rows["failing"] = [{"rater_id": bob}]

    result = run(recipe(), world.evidence())

    assert world.names(result.pairs) == {("a", "b")}
    assert reasons(result, "evidence")["fails_known_answers"] == 3


def test_only_labels_are_added_up():
    world = World().prompt("p", "a", "b")
    world.vote("Ann", "a", "b", "left")
    for person in ("Bob", "Cid"):
        world.vote(person, "a", "b", "right", purpose="audit")

    result = run(recipe(more="evidence: {purposes: [label, audit]}"), world.evidence())

    assert world.names(result.pairs) == {("a", "b")}


def test_both_bad_is_no_tie_and_is_not_chosen():
    world = World().prompt("p", "a", "b", "c")
    world.vote("Ann", "a", "b", "left")
    world.vote("Ann", "a", "c", "both-bad")

    assert not any(chosen == "a" for chosen, _rejected in world.names(run(recipe(), world.evidence()).pairs))


def test_a_ranking_counts_as_one_act():
    ranked, single = World().prompt("p", "a", "b", "c", "d"), World().prompt("p", "a", "b", "c", "d")
    ranked.ranking("Ann", ["a", "b", "c", "d"], [1, 2, 3, 4])
    for left, right in (("a", "b"), ("a", "c"), ("a", "d"), ("b", "c"), ("b", "d"), ("c", "d")):
        single.vote("Ann", left, right, "left")

    gaps = [run(recipe(), world.evidence()).pairs["margin"][0] for world in (ranked, single)]

    assert 0 < gaps[0] < gaps[1]


def test_a_filter_on_the_spread_leaves_out_what_nobody_knows_well():
    world = World().prompt("p", "a", "b", "c")
    for person in PEOPLE:
        world.vote(person, "a", "b", "left")
        world.vote(person, "b", "a", "right")
    world.vote("Ann", "b", "c", "left")

    text = parse(
        "recipe: 1\ntitle: t\nfilters: [{name: sure, by: {consensus: overall}, spread_at_most: 0.9}]\n"
        "pairing: {rule: best_against_worst, by: {consensus: overall}}"
    )
    result = run(text, world.evidence())

    assert reasons(result, "filter:sure")["too_uncertain"] == 1
    assert world.names(result.pairs) == {("a", "b")}


def test_bands_by_probability():
    world = crowd(machine=0)
    more = "strength: {by: vote_share, ambiguous_below: 0.75, strong_from: 0.9, drop: [ambiguous]}"

    pairs = run(recipe(more=more), world.evidence()).pairs

    assert set(pairs["band"]) <= {"strong", "weak"}
    assert (pairs.filter(band="strong")["confidence"] >= 0.9).all()
    assert (pairs.filter(band="weak")["confidence"] < 0.9).all()


def test_a_vote_that_all_others_contradict_is_softened_and_never_turned():
    world = World().prompt("p", "a", "b", "c")
    for person in PEOPLE:
        for better, worse in (("a", "b"), ("b", "c")):
            world.vote(person, better, worse, "left")
    world.vote("Eve", "c", "a", "left")
    plain = run(recipe("{votes: overall}", "judged_pairs"), world.evidence()).pairs
    soft = run(recipe("{votes: overall, soften: noise}", "judged_pairs"), world.evidence()).pairs

    odd = {"chosen_id": world.id("sample", "c"), "rejected_id": world.id("sample", "a")}
    assert plain.filter(**odd)["confidence"].to_list() == [1.0]
    assert soft.filter(**odd).height == 0  # softened to one half: a tie, and not a pair the other way round
    assert world.names(soft) == {("a", "b"), ("b", "c")}
    right = {"chosen_id": world.id("sample", "a"), "rejected_id": world.id("sample", "b")}
    assert 0.7 < soft.filter(**right)["confidence"][0] < 1.0
    assert soft.filter(**right)["votes_chosen"].to_list() == [4]


def test_numbers_and_softening_belong_to_their_source():
    with pytest.raises(RecipeProblems):
        recipe("{votes: overall, numbers: [aesthetic]}")
    with pytest.raises(RecipeProblems):
        recipe("{consensus: overall, soften: noise}")
    with pytest.raises(RecipeProblems):
        recipe("{consensus: overall, basis: nobody}")


def test_scripts_stand_in_for_people_only_where_the_recipe_says_so():
    world = World().prompt("p", "a", "b").rater("script", "scripted")
    world.vote("script", "a", "b", "left")

    silent = run(recipe(), world.evidence())
    stood_in = run(recipe(more="evidence: {scripted_as_people: true}"), world.evidence())

    assert not silent.pairs.height
    pair = stood_in.pairs.row(0, named=True)
    assert world.names(stood_in.pairs) == {("a", "b")}
    assert pair["confidence"] > 0.5
    # They are no people for all that.
    assert pair["basis"] == "machines"


def test_beside_a_person_a_script_that_stands_in_votes_as_one():
    world = World().prompt("p", "a", "b").rater("script", "scripted")
    world.vote("script", "a", "b", "right")
    world.vote("Ann", "a", "b", "left")
    by_votes = "pairing: {rule: best_against_worst, by: {votes: overall}}"

    alone = run(parse(f"recipe: 1\ntitle: t\n{by_votes}"), world.evidence())
    even = run(parse(f"recipe: 1\ntitle: t\nevidence: {{scripted_as_people: true}}\n{by_votes}"), world.evidence())

    assert world.names(alone.pairs) == {("a", "b")}
    assert not even.pairs.height


def test_a_withdrawn_vote_explains_other_strengths_under_every_prompt_of_what_learns():
    text, evidence = recipe(), crowd(machine=0).evidence()
    made = run(text, evidence)
    nobody = evidence.judgements["judgement_id"].clear()
    gone = made.evidence.comparisons["judgement_id"].head(1)
    fewer = replace(evidence, comparisons=evidence.comparisons.filter(~pl.col("judgement_id").is_in(gone.implode())))
    found = find_again(record(made.evidence), fewer, nobody)
    rebuilt = run(text, found.evidence).pairs

    assert compare(made.pairs, rebuilt, made.splits, found).unexplained
    assert not compare(made.pairs, rebuilt, made.splits, found, is_learnt=text.learns).unexplained
    # Where nothing is gone, nothing is explained by that.
    whole = find_again(record(made.evidence), evidence, nobody)
    assert compare(made.pairs, rebuilt, made.splits, whole, is_learnt=True).unexplained
