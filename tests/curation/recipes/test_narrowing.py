"""What narrows pairs and samples after the bars: near-duplicates, difficulty, agreement, strength, caps, balance."""

from collections import Counter

import polars as pl
import pytest

from curation.errors import Refused
from curation.recipes.parse import parse
from curation.recipes.problems import RecipeProblems
from curation.recipes.recorded import find_again, record
from curation.recipes.run import run
from curation.recipes.steps import near_duplicates
from tests.curation.media.drawn import scene
from tests.curation.recipes.world import World, reasons, sha, shuffled

SPLIT = "split: {shares: {train: 0.5, test: 0.5}}"


def recipe(text: str):
    return parse(f"recipe: 1\ntitle: t\nseed: 3\n{text}")


def mistakes(text: str) -> list[str]:
    with pytest.raises(RecipeProblems) as caught:
        recipe(text)
    return [str(problem) for problem in caught.value.problems]


def figures(result, key: str) -> dict:
    return next(step for step in result.funnel if step.key == key).as_json()["figures"]


def rebuilt_alike(text: str, world: World) -> None:
    """Neither the order of rows nor a rebuild from what was recorded shows."""
    evidence = world.evidence()
    result = run(recipe(text), evidence)
    assert run(recipe(text), shuffled(evidence, 5)).digest() == result.digest()
    again = find_again(record(result.evidence), evidence, pl.Series("j", [], dtype=pl.Int64))
    assert run(recipe(text), again.evidence).digest() == result.digest()


# -- near-duplicates --------------------------------------------------------------------------------------------------


def cropped(seed: int):
    picture = scene(seed)
    width, height = picture.size
    return picture.crop((width // 8, height // 10, width - width // 12, height - height // 9))


def gallery() -> World:
    """Two prompts in different splits; b is a crop of a, and d, an answer to the other prompt, another crop of a."""
    world = World().prompt("p", "a", "b", "c").prompt("q", "d", "e")
    world.looks("a", scene(1)).looks("b", cropped(1)).looks("c", scene(2))
    world.looks("d", cropped(1).resize((200, 150))).looks("e", scene(3))
    world.scores("s", "quality", values={"a": 1, "b": 3, "c": 5, "d": 2, "e": 8})
    return world.assigned("p", "train").assigned("q", "test")


@pytest.mark.capability("D9")
def test_a_planted_crop_is_found_within_a_prompt_and_across_splits():
    nothing = f"pairing: {{rule: none}}\n{SPLIT}"
    everything = run(recipe(nothing), gallery().evidence())
    splits = dict(everything.splits.select("prompt_id", "split").iter_rows())
    assert splits[1] != splits[2]  # so the crop would leak from one split into the other

    within = run(recipe(f"near_duplicates: {{keep_best_by: {{scores: quality}}}}\n{nothing}"), gallery().evidence())
    across = run(
        recipe(f"near_duplicates: {{within: all, keep_best_by: {{scores: quality}}}}\n{nothing}"), gallery().evidence()
    )

    assert within.samples["sample_id"].to_list() == [2, 3, 4, 5]  # b is better than a
    assert reasons(within, "near_duplicates") == {"near_duplicate": 1}
    assert across.samples["sample_id"].to_list() == [2, 3, 5]
    assert reasons(across, "near_duplicates") == {"near_duplicate": 1, "near_duplicate_of_other_prompt": 1}
    (step,) = (step for step in across.funnel if step.key == "near_duplicates")
    assert step.dropped.select("sample_id", "kept_id").sort("sample_id").rows() == [(1, 2), (4, 2)]


def test_without_a_signal_the_first_by_the_seed_stays():
    kept = set()
    for seed in range(12):
        text = f"recipe: 1\ntitle: t\nseed: {seed}\nnear_duplicates: {{}}\npairing: {{rule: none}}"
        left = run(parse(text), gallery().evidence()).samples["sample_id"].to_list()
        assert len({1, 2} & set(left)) == 1
        kept |= {1, 2} & set(left)
    assert kept == {1, 2}


def test_samples_of_several_files_are_alike_only_at_every_place():
    world = World().prompt("p", "a", "b", "c", "d")
    world.looks("a", scene(1), scene(2)).looks("b", cropped(1), scene(2)).looks("c", scene(1), scene(3))
    world.looks("d", scene(1))

    result = run(recipe("near_duplicates: {}\npairing: {rule: none}"), world.evidence())

    assert reasons(result, "near_duplicates") == {"near_duplicate": 1}
    assert {3, 4} <= set(result.samples["sample_id"].to_list())


def test_equal_texts_are_one_answer_to_a_prompt_but_right_answers_to_two():
    world = World().prompt("p").prompt("q")
    for name, prompt in (("a", "p"), ("b", "p"), ("c", "q")):
        world.sample(name, prompt=prompt, content=sha("|yes"), media_state="none")

    for within in ("prompt", "all"):
        result = run(recipe(f"near_duplicates: {{within: {within}}}\npairing: {{rule: none}}"), world.evidence())
        assert reasons(result, "near_duplicates") == {"near_duplicate": 1}


def test_near_duplicates_are_rebuilt_and_too_many_are_refused(monkeypatch):
    text = f"near_duplicates: {{within: all}}\npairing: {{rule: none}}\n{SPLIT}"
    rebuilt_alike(text, gallery())
    monkeypatch.setattr(near_duplicates, "MOST_TOGETHER", 4)
    with pytest.raises(Refused, match="would compare 5 pictures with each other, and at most 4 can be"):
        run(recipe(text), gallery().evidence())
    monkeypatch.setattr(near_duplicates, "MOST_TOGETHER", 1)
    with pytest.raises(Refused, match=r"within prompt would compare .* Narrow the candidates"):
        run(recipe(text.replace("all", "prompt")), gallery().evidence())


# -- difficulty -------------------------------------------------------------------------------------------------------

DIFFICULTY = """
difficulty:
  by: {scores: exact_match}
  measure: pass_rate
  bands:
    - {name: rl_pool, below: 0.5}
    - {name: trace_set}
"""


def answered() -> World:
    world = World()
    for prompt, passed in (("never", 0), ("once", 1), ("twice", 2), ("always", 4), ("unasked", None)):
        samples = [f"{prompt}{number}" for number in range(4)]
        world.prompt(prompt, *samples)
        if passed is not None:
            values = {name: float(number < passed) for number, name in enumerate(samples)}
            world.scores("key", "exact_match", values=values)
    world.scores("s", "length", values=dict.fromkeys(("never0", "unasked0"), 1))
    return world


@pytest.mark.capability("D6")
def test_each_prompt_is_in_exactly_one_band_by_its_pass_rate():
    result = run(recipe(f"{DIFFICULTY}\npairing: {{rule: none}}"), answered().evidence())

    buckets = result.samples.select("prompt_id", "bucket", "difficulty").unique().sort("prompt_id")
    assert buckets.rows() == [
        (1, "rl_pool", 0.0),
        (2, "rl_pool", 0.25),
        (3, "trace_set", 0.5),
        (4, "trace_set", 1.0),
        (5, "unmeasured", None),
    ]
    assert figures(result, "difficulty")["buckets"] == {"rl_pool": 2, "trace_set": 2, "unmeasured": 1}


@pytest.mark.capability("D6")
def test_bands_can_be_kept_and_do_not_move_with_filters():
    text = "filters: [{name: right, by: {scores: exact_match}, at_least: 1}]\n" + DIFFICULTY
    result = run(recipe(f"{text}  keep: [rl_pool]\npairing: {{rule: none}}"), answered().evidence())

    # Of all right answers one is to a prompt that is mostly answered wrong.
    assert result.samples.select("sample_id", "bucket").rows() == [(5, "rl_pool")]
    assert reasons(result, "difficulty") == {"other_bucket": 6}
    rebuilt_alike(f"{text}  keep: [rl_pool]\npairing: {{rule: none}}", answered())


def test_samples_fall_into_bands_by_their_own_number_and_prompts_by_their_variance():
    by_sample = DIFFICULTY.replace("measure: pass_rate", "of: sample")
    result = run(recipe(f"{by_sample}\npairing: {{rule: none}}"), answered().evidence())
    assert Counter(result.samples["bucket"]) == {"rl_pool": 9, "trace_set": 7, "unmeasured": 4}

    by_variance = DIFFICULTY.replace("pass_rate", "variance").replace("below: 0.5", "below: 0.2")
    result = run(recipe(f"{by_variance}\npairing: {{rule: none}}"), answered().evidence())
    told = dict(result.samples.select("prompt_id", "difficulty").unique().drop_nulls().iter_rows())
    assert told == pytest.approx({1: 0.0, 2: 0.1875, 3: 0.25, 4: 0.0})


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("{name: trace_set}", "{name: trace_set, below: 1}", "The last band has an upper bound."),
        ("{name: rl_pool, below: 0.5}", "{name: rl_pool}", "'rl_pool' has no bound."),
        ("{name: trace_set}", "{name: rl_pool}", "'rl_pool' is taken."),
        ("    - {name: trace_set}", "    - {name: b, below: 0.4}\n    - {name: c}", "The bounds do not rise."),
        ("measure: pass_rate", "measure: pass_rate\n  of: sample", "A single sample has neither"),
        ("measure: pass_rate", "pass_at_least: 1", "pass_at_least is for pass rates."),
        ("measure: pass_rate", "measure: pass_rate\n  keep: [trace]", "There is no band 'trace'. Did you mean"),
    ],
)
def test_bands_that_would_lose_or_double_an_item_are_refused(old, new, said):
    assert any(said in found for found in mistakes(f"{DIFFICULTY.replace(old, new)}\npairing: {{rule: none}}"))


# -- agreement --------------------------------------------------------------------------------------------------------


def disputed() -> World:
    """Ten couples: quality prefers the first always, a second scorer in six, people in eight and differently."""
    world = World()
    first, second, third = {}, {}, {}
    for number in range(10):
        a, b = f"{number}a", f"{number}b"
        world.prompt(f"p{number}", a, b)
        first |= {a: 2, b: 1}
        second |= {a: 1, b: 0} if number < 6 else {a: 0, b: 1}
        third |= {a: 1, b: 1}
        if number < 9:
            world.vote("Ann", a, b, "left" if number < 5 or number in (6, 7) else "right")
    world.scores("one", "quality", values=first)
    world.scores("two", "beauty", values=second)
    world.scores("three", "style", values=third)
    return world


AGREE = """
pairing: {rule: margin, by: {scores: quality}}
gold: {votes: overall, basis: people}
agreement:
  - {name: scorers agree, among: [{scores: beauty}], at_least: 1}
"""


@pytest.mark.capability("D4")
def test_pairs_on_which_scorers_agree_stay_and_are_right_more_often():
    result = run(recipe(AGREE), disputed().evidence())

    assert result.pairs.height == 6
    assert reasons(result, "agreement:scorers agree") == {"no_agreement": 4}
    # Of nine judged pairs people agree with seven; of the six that stay with five.
    assert figures(result, "agreement:scorers agree")["gold"] == {
        "before": {"judged": 9, "right": 7, "ties": 0},
        "after": {"judged": 6, "right": 5, "ties": 0},
    }
    told = {(row["rater"], row["criterion"]) for row in result.pairs["scores"].explode().struct.unnest().to_dicts()}
    assert told == {("one", "quality"), ("two", "beauty")}
    assert set(result.pairs["basis"]) == {"machines"}  # whoever had to agree decided nothing
    rebuilt_alike(AGREE, disputed())


def test_people_and_machines_agree_and_a_tie_is_half_a_voice():
    people = AGREE.replace("among: [{scores: beauty}]", "among: [{votes: overall, basis: people}]")
    result = run(recipe(people), disputed().evidence())
    assert result.pairs.height == 7
    assert reasons(result, "agreement:scorers agree") == {"no_agreement": 2, "too_few_voices": 1}
    kinds = result.pairs["evidence"].explode().struct.field("kind")
    assert Counter(kinds) == {"score": 14, "comparison": 7}  # the votes that let a pair stay stand behind it

    def kept(at_least: float) -> int:
        among = "among: [{scores: beauty}, {scores: style}]"
        text = AGREE.replace("among: [{scores: beauty}]", among).replace("at_least: 1", f"at_least: {at_least}")
        return run(recipe(text), disputed().evidence()).pairs.height

    assert (kept(0.75), kept(0.76), kept(0.25)) == (6, 0, 10)


def test_rounds_of_a_scorer_agree_by_its_revisions():
    world = World().prompt("p", "a", "b").prompt("q", "c", "d")
    world.rater("rm", revision="aaaa").rater("rm", revision="bbbb")
    first, second = (row["rater_id"] for row in world.rows["raters"])
    for rater_id, values in ((first, {"a": 2, "b": 1, "c": 2, "d": 1}), (second, {"a": 2, "b": 1, "c": 1, "d": 2})):
        world.scores("rm", "quality", values=values)
        world.rows["judgements"][-1]["rater_id"] = rater_id
    text = """
pairing: {rule: margin, by: {scores: quality, raters: [rm@aaaa]}}
agreement: [{name: both rounds, among: [{scores: quality, raters: [rm@bbbb]}]}]
"""

    assert world.names(run(recipe(text), world.evidence()).pairs) == {("a", "b")}


# -- strength ---------------------------------------------------------------------------------------------------------


def contested() -> World:
    world = World()
    for number, left in enumerate((10, 9, 7, 6, 5)):
        a, b = f"{number}a", f"{number}b"
        world.prompt(f"p{number}", a, b)
        for voter in range(10):
            world.vote(f"P{voter}", a, b, "left" if voter < left else "right")
    return world


STRENGTH = """
pairing: {rule: judged_pairs, by: {votes: overall}}
strength: {by: vote_share, ambiguous_below: 0.7, strong_from: 0.9}
"""


@pytest.mark.capability("D3")
def test_pairs_stand_in_bands_with_a_histogram_and_the_ambiguous_can_be_dropped():
    result = run(recipe(STRENGTH), contested().evidence())

    assert Counter(result.pairs["band"]) == {"strong": 2, "weak": 1, "ambiguous": 1}
    told = figures(result, "strength")
    assert told["bands"] == {"strong": 2, "weak": 1, "ambiguous": 1}
    assert (told["histogram"]["low"], told["histogram"]["high"]) == (0.5, 1.0)
    counts = told["histogram"]["counts"]
    assert sum(counts) == 4
    assert counts[-1] == 1  # unanimous
    dropped = run(recipe(STRENGTH.replace("0.9}", "0.9, drop: [ambiguous]}")), contested().evidence())
    assert set(dropped.pairs["band"]) == {"strong", "weak"}
    assert reasons(dropped, "strength") == {"ambiguous_band": 1}
    rebuilt_alike(STRENGTH, contested())


def test_bands_by_gap():
    world = World().prompt("p", "a", "b").prompt("q", "c", "d").prompt("r", "e", "f")
    world.scores("s", "quality", values={"a": 1, "b": 0, "c": 0.4, "d": 0, "e": 0.1, "f": 0})
    text = """
pairing: {rule: margin, by: {scores: quality}}
strength: {by: gap, ambiguous_below: 0.2, strong_from: 0.5}
"""
    result = run(recipe(text), world.evidence())

    assert dict(result.pairs.select("chosen_id", "band").iter_rows()) == {1: "strong", 3: "weak", 5: "ambiguous"}
    said = mistakes(text.replace("by: gap", "by: vote_share"))
    assert any("the winner's share" in found.lower() for found in said)
    share = text.replace("by: gap", "by: vote_share").replace("0.2", "0.6").replace("0.5", "0.8")
    assert any("nobody votes" in found for found in mistakes(share))


def test_a_recipe_without_bands_has_the_digest_it_had_before_there_were_any():
    from curation.recipes.tables import digest

    world = contested()
    result = run(recipe("pairing: {rule: judged_pairs, by: {votes: overall}}"), world.evidence())
    tables = [result.pairs.drop("band"), result.samples.drop("bucket", "difficulty"), result.splits]

    assert result.digest() == digest(pl.DataFrame({"tables": [digest(table) for table in tables]}))
    assert run(recipe(STRENGTH), world.evidence()).digest() != result.digest()


# -- caps and balance -------------------------------------------------------------------------------------------------


def tagged() -> World:
    """Six prompts tagged animals, three signs, two both, one neither; a pair each."""
    world = World()
    tags = [["animals"]] * 6 + [["signs"]] * 3 + [["animals", "signs"]] * 2 + [["other"]]
    values = {}
    for number, own in enumerate(tags):
        world.prompt(f"p{number}", tags=own)
        for letter, generator in (("a", "flux" if number % 3 else "sdxl"), ("b", "sd15")):
            world.sample(f"{number}{letter}", prompt=f"p{number}", generator=generator)
            values[f"{number}{letter}"] = float(letter == "a")
    world.scores("s", "quality", values=values)
    return world


PAIRS = "pairing: {rule: margin, by: {scores: quality}}"


def tags_of(result) -> Counter:
    by_prompt = {row["prompt_id"]: row["prompt_tags"] for row in tagged().rows["prompts"]}
    return Counter(tag for prompt in result.pairs["prompt_id"] for tag in by_prompt[prompt])


@pytest.mark.capability("J1")
def test_a_balanced_subset_has_equal_shares_of_taxonomy_tags():
    text = f"{PAIRS}\nbalance: {{by: tag, values: [animals, signs]}}"
    result = run(recipe(text), tagged().evidence())

    # Eight animals and five signs, of which two are both and count as the rarer: 6 and 5, so five of each.
    assert figures(result, "balance")["balance"] == {
        "animals": {"there": 6, "kept": 5},
        "signs": {"there": 5, "kept": 5},
    }
    assert result.pairs.height == 10
    assert reasons(result, "balance") == {"over_its_share": 1, "outside_the_balance": 1}
    rebuilt_alike(text, tagged())


def test_a_subset_has_the_shares_asked_for_or_at_most_so_many():
    shares = run(recipe(f"{PAIRS}\nbalance: {{by: tag, shares: {{animals: 0.75, signs: 0.25}}}}"), tagged().evidence())
    assert figures(shares, "balance")["balance"] == {
        "animals": {"there": 6, "kept": 6},
        "signs": {"there": 5, "kept": 2},
    }
    few = run(recipe(f"{PAIRS}\nbalance: {{by: tag, at_most: 2}}"), tagged().evidence())
    assert {name: row["kept"] for name, row in figures(few, "balance")["balance"].items()} == {
        "animals": 2,
        "signs": 2,
        "other": 1,
    }
    generators = run(recipe(f"{PAIRS}\nbalance: {{by: generator}}"), tagged().evidence())
    assert figures(generators, "balance")["balance"] == {
        "flux": {"there": 8, "kept": 4},
        "sdxl": {"there": 4, "kept": 4},
    }


def test_another_seed_draws_another_subset_and_samples_balance_too():
    text = "recipe: 1\ntitle: t\nseed: {}\npairing: {{rule: none}}\nbalance: {{by: generator, at_most: 3}}"
    drawn = {tuple(run(parse(text.format(seed)), tagged().evidence()).samples["sample_id"]) for seed in range(4)}

    assert len(drawn) == 4
    assert {len(ids) for ids in drawn} == {9}
    bands = f"{DIFFICULTY}\npairing: {{rule: none}}\nbalance: {{by: bucket, values: [rl_pool, trace_set]}}"
    result = run(recipe(bands), answered().evidence())
    assert Counter(result.samples["bucket"]) == {"rl_pool": 8, "trace_set": 8}


@pytest.mark.parametrize(
    ("balance", "said"),
    [
        ("{by: tag, values: [a], shares: {a: 1}}", "balance names values and shares."),
        ("{by: tag, shares: {a: 0.5, b: 0.2}}", "The shares add up to 0.7."),
        ("{by: tag}", "Which tags?"),
        ("{by: bucket}", "There are no buckets to balance."),
        ("{by: band}", "There are no bands to balance."),
    ],
)
def test_a_balance_that_means_nothing_is_refused(balance, said):
    assert any(said in found for found in mistakes(f"{PAIRS}\nbalance: {balance}"))


def test_caps_by_tag_and_generator():
    def left(cap: str):
        return run(recipe(f"{PAIRS}\ncaps: {{{cap}}}"), tagged().evidence())

    tags = left("pairs_per_tag: 3")
    assert max(tags_of(tags).values()) == 3
    assert tags_of(tags)["other"] == 1
    chosen = left("pairs_per_chosen_generator: 3")
    assert reasons(chosen, "caps:chosen") == {"over_the_generator_cap": 12 - 3 - 3}
    assert left("pairs_per_rejected_generator: 3").pairs.height == 3
    assert left("pairs_per_generators: 2").pairs.height == 4
    rebuilt_alike(f"{PAIRS}\ncaps: {{pairs_per_tag: 3, pairs_per_generators: 2}}", tagged())


@pytest.mark.parametrize(
    ("rule", "more", "said"),
    [
        ("rule: pareto", "gold: {votes: overall}", "gold is about pairs"),
        ("rule: pareto", "caps: {pairs_per_tag: 2}", "pairs_per_tag is about pairs"),
        ("rule: pareto, chosen_kinds: [generated]", "", "chosen_kinds is about pairs"),
        ("rule: none, rejected_rounds: [1]", "", "rejected_rounds is about pairs"),
    ],
)
def test_a_front_is_no_pair_either(rule, more, said):
    groups = ", groups: [{name: a, by: {scores: a}}, {name: b, by: {scores: b}}]" if "pareto" in rule else ""

    found = mistakes(f"{more}\npairing: {{{rule}{groups}}}")

    assert [said in line for line in found] == [True]
    recipe("pairing: {rule: none, chosen_kinds: [generated]}")  # so are recipes of before


def test_what_is_about_pairs_is_refused_where_there_are_none():
    said = mistakes("pairing: {rule: none}\nstrength: {by: gap, ambiguous_below: 0, strong_from: 1}")

    assert said == [
        "line 5, column 1: strength is about pairs, and this recipe makes none. Take it out, or choose a pairing rule."
    ]
