"""What must hold for any evidence: shuffling changes nothing, no pair with itself, no prompt in two splits."""

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from curation.recipes.parse import parse
from curation.recipes.recorded import find_again, record
from curation.recipes.run import run
from curation.recipes.tables import PAIRS, SAMPLES, digest
from tests.curation.recipes.world import World, shuffled

SPLIT = "split: {shares: {train: 0.6, test: 0.4}, near_duplicates: 0.7}\ncaps: {pairs_per_prompt: 2}\nseed: 11"
RULES = [
    "{rule: two_stage, judge: {votes: overall}, points: {scores: points}}",
    "{rule: two_stage, judge: {scores: quality}, points: {scores: points}, draw: all}",
    "{rule: best_against_worst, by: {votes: overall}}",
    "{rule: top_against_bottom, by: {scores: points}, k: 2}",
    "{rule: best_against_rest, by: {scores: points}}",
    "{rule: margin, by: {scores: quality}, min_gap: 0.5}",
    "{rule: judged_pairs, by: {votes: overall}}",
    "{rule: dominance, groups: [{name: a, by: {scores: points}}, {name: b, by: {scores: quality}}]}",
    "{rule: dominance, by: {votes: overall}, front: true,"
    " groups: [{name: a, by: {scores: points}, tolerance: 0.4}, {name: b, by: {votes: overall}}]}",
    "{rule: dominance, certainty: 0.7, groups: [{name: a, by: {scores: points}}, {name: b, by: {votes: overall}}]}",
    "{rule: pareto, groups: [{name: a, by: {scores: points}}, {name: b, by: {scores: quality}}]}",
    "{rule: across_rounds, by: {scores: points}}",
    "{rule: across_rounds, by: {scores: points}, chosen: so_far, rejected: first}",
    "{rule: margin, by: {scores: points}, chosen_rounds: [1], rejected_rounds: [0]}",
    "{rule: best_against_worst, by: {votes: overall}, siblings: true}",
    "{rule: two_stage, judge: {scores: quality}, points: {scores: points}, draw: all, siblings: true}",
    "{rule: judged_pairs, by: {votes: overall}, siblings: true}",
    "{rule: none}",
]
WORDS = ["red", "green", "cat", "dog", "on", "mat", "big"]


@st.composite
def worlds(draw) -> World:
    world = World()
    names = []
    for number in range(draw(st.integers(1, 4))):
        text = " ".join(draw(st.lists(st.sampled_from(WORDS), min_size=1, max_size=6)))
        samples = [f"{number}{letter}" for letter in "abcdefg"[: draw(st.integers(0, 7))]]
        world.prompt(f"p{number}", *samples, text=text)
        for place, row in enumerate(world.rows["samples"][-len(samples) :] if samples else []):
            row["round"] = place % 3
        # All but the first came from the first, at one of two points.
        for place, sample in enumerate(samples[1:]):
            world.branch(sample, samples[0], place % 2)
        names.append(samples)
    everyone = [name for samples in names for name in samples]
    for rater, criterion in (("judge-1", "quality"), ("ocr", "points")):
        chosen = [name for name in everyone if draw(st.booleans())] or everyone
        # Few different values, so that ties are frequent.
        world.scores(rater, criterion, values={name: draw(st.integers(0, 3)) / 3 for name in chosen})
    for samples in names:
        for _ in range(draw(st.integers(0, 6)) if len(samples) > 1 else 0):
            left, right = draw(st.permutations(samples))[:2]
            rater = draw(st.sampled_from(["Ann", "Bob", "judge-2"]))
            world.vote(rater, left, right, draw(st.sampled_from(["left", "right", "tie", "both-bad"])))
    world.criterion("overall")
    return world


def recipe(rule: str):
    return parse(f"recipe: 1\ntitle: t\n{SPLIT}\npairing: {rule}")


@pytest.mark.capability("D2")
@pytest.mark.parametrize("rule", RULES)
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(world=worlds(), seed=st.integers(0, 1000))
def test_invariants(rule, world, seed):
    evidence = world.evidence()
    result = run(recipe(rule), evidence)
    pairs = result.pairs

    assert pairs.schema == PAIRS
    assert result.samples.schema == SAMPLES
    assert not (pairs["chosen_id"] == pairs["rejected_id"]).any()
    assert pairs["pair_id"].is_unique().all()
    assert (pairs["margin"] > 0).all()
    assert pairs.group_by("prompt_id").len()["len"].max() in (None, 1, 2)
    owner = dict(evidence.samples.select("sample_id", "prompt_id").iter_rows())
    for row in pairs.to_dicts():
        assert owner[row["chosen_id"]] == owner[row["rejected_id"]] == row["prompt_id"]
        assert row["evidence"]
    # A component stands in one split, so neither a prompt nor its near-duplicate crosses.
    assert (
        result.splits.group_by("component").agg(n=result.splits["split"].n_unique()).height
        == result.splits["component"].n_unique()
    )
    assert (result.splits.group_by("component").n_unique()["split"] == 1).all()
    assert (
        dict(result.splits.select("prompt_id", "split").iter_rows()).items()
        >= dict(pairs.select("prompt_id", "split").iter_rows()).items()
    )
    # Neither the order of rows nor evidence that does not count shows in the digest.
    assert run(recipe(rule), shuffled(evidence, seed)).digest() == result.digest()
    again = find_again(record(result.evidence), evidence, evidence.judgements["judgement_id"].clear())
    assert (again.gone.height, again.changed.height) == (0, 0)
    assert run(recipe(rule), again.evidence).digest() == result.digest()


def test_the_digest_sees_every_column():
    world = World().prompt("p", "a", "b")
    world.vote("Ann", "a", "b", "left")
    world.scores("ocr", "points", values={"a": 1.0, "b": 0.5})
    pairs = run(recipe("{rule: two_stage, judge: {votes: overall}, points: {scores: points}}"), world.evidence()).pairs
    assert pairs.height == 1
    pairs = pairs.with_columns(band=pl.lit("strong"))

    for name in pairs.columns:
        changed = pairs.clone()
        other = pairs.with_columns(pairs[name].shift(1).alias(name))  # null in place of the value
        assert digest(other) != digest(changed), name


def test_the_digest_refuses_nan_and_knows_no_minus_zero():
    with pytest.raises(ValueError, match="NaN"):
        digest(pl.DataFrame({"x": [float("nan")]}))
    assert digest(pl.DataFrame({"x": [0.0]})) == digest(pl.DataFrame({"x": [-0.0]}))
