"""Splits: near-duplicates together, shared inputs together, earlier decisions kept, bridges counted out."""

import polars as pl
import pytest

from curation.recipes.parse import parse
from curation.recipes.run import run
from curation.splitting import families, similar_prompts, split_prompts, tokens
from tests.curation.recipes.world import World, reasons, sha

HALVES = (("test", 0.5), ("train", 0.5))


def split(texts, *, assigned=None, media=None, shares=HALVES, near=0.8, seed=0):
    names = list(texts)
    prompts = pl.DataFrame(
        {
            "prompt_id": range(1, len(names) + 1),
            "prompt_identity": [sha(name) for name in names],
            "prompt_text": list(texts.values()),
        },
        schema={"prompt_id": pl.Int64, "prompt_identity": pl.String, "prompt_text": pl.String},
    )
    place = {name: number for number, name in enumerate(names, start=1)}
    rows = [(place[name], role, sha(file)) for name, role, file in media or []]
    result = split_prompts(
        prompts,
        media=pl.DataFrame(rows, schema=["prompt_id", "role", "media_digest"], orient="row")
        if rows
        else pl.DataFrame(schema={"prompt_id": pl.Int64, "role": pl.String, "media_digest": pl.String}),
        assigned=pl.DataFrame(
            {"prompt_id": [place[n] for n in assigned or {}], "split": list((assigned or {}).values())},
            schema={"prompt_id": pl.Int64, "split": pl.String},
        ),
        shares=shares,
        near_duplicates=near,
        seed=seed,
    )
    by_id = {row["prompt_id"]: row for row in result.prompts.to_dicts()}
    return {name: by_id[number] for name, number in place.items()}


def words(text: str) -> list[str]:
    return pl.DataFrame({"t": [text]}).select(tokens(pl.col("t")))["t"][0].to_list()


def test_tokens_ignore_case_order_punctuation_and_width():
    assert words("A Red CAT, on a mat!") == ["a", "cat", "mat", "on", "red"]
    assert words("ＣＡＴ") == ["cat"]
    assert words("红猫 cat") == sorted(["红", "猫", "cat"])
    assert words("... !?") == []


def test_near_duplicates_fall_together_whatever_the_seed():
    texts = {
        "a": "a red cat on a green mat today",
        "b": "A red cat, on a green mat - today!",
        "c": "a red cat on the green mat today",
    }

    for seed in range(20):
        # a and c: 6 tokens {a cat green mat on red today} against {a ... the}: 7 of 8 in common.
        found = split(texts, seed=seed)
        assert len({row["split"] for row in found.values()}) == 1
        assert len({row["component"] for row in found.values()}) == 1


def test_jaccard_is_exact_at_the_threshold():
    # {a b c d} and {a b c d e}: 4 of 5 = 0.8.
    four_of_five = {"x": "a b c d", "y": "a b c d e"}

    assert split(four_of_five, near=0.8)["x"]["component"] == split(four_of_five, near=0.8)["y"]["component"]
    assert split(four_of_five, near=0.81)["x"]["component"] != split(four_of_five, near=0.81)["y"]["component"]


@pytest.mark.parametrize("length", [3, 12, 40, 60])
def test_the_join_finds_what_comparing_all_finds(length, monkeypatch):
    monkeypatch.setattr("curation.splitting._VERIFIED_AT_ONCE", 7)
    texts = [
        " ".join(f"w{int(sha(f'{row} {place}')[:6], 16) % 9}x{place}" for place in range(length)) for row in range(60)
    ]
    texts += [text.replace("w1x", "w2x", 1) for text in texts[:30]]
    table = pl.DataFrame({"prompt_id": range(len(texts)), "prompt_text": texts})
    sets = [set(text.split()) for text in texts]
    expected = {
        (i, j)
        for i in range(len(sets))
        for j in range(i + 1, len(sets))
        if len(sets[i] & sets[j]) / len(sets[i] | sets[j]) >= 0.7
    }

    links = similar_prompts(table, 0.7)

    parent = list(range(len(texts)))

    def root(x):
        while parent[x] != x:
            x = parent[x]
        return x

    for a, b in links.select("a", "b").iter_rows():
        parent[root(a)] = root(b)
    assert expected
    assert all(root(i) == root(j) for i, j in expected)
    assert all(len(sets[a] & sets[b]) / len(sets[a] | sets[b]) >= 0.7 for a, b in links.select("a", "b").iter_rows())


def test_prompts_from_one_template_cost_as_many_links_as_there_are_prompts():
    text = "a detailed photograph of one small grey cat that sits quietly on mat"
    table = pl.DataFrame({"prompt_id": range(2_000), "prompt_text": [f"{text} {number}" for number in range(2_000)]})

    links = similar_prompts(table, 0.8)

    assert len(links.select("a", "b").unique()) == 1_999


def test_the_join_finds_couples_of_a_short_and_a_long_text():
    # Texts of up to 40 words are looked up by two words, longer ones by one: 36 of 45 words in common is 0.8.
    words = [f"w{number}" for number in range(45)]
    found = split({"short": " ".join(words[:36]), "long": " ".join(words)}, near=0.8)

    assert found["short"]["component"] == found["long"]["component"]


def test_prompts_about_the_same_picture_fall_together_and_a_shared_mask_links_nothing():
    texts = {"a": "make it snow", "b": "turn the sky purple please", "c": "remove every tree here"}
    media = [
        ("a", "source", "dog.png"),
        ("b", "reference", "dog.png"),
        ("c", "mask", "white.png"),
        ("a", "mask", "white.png"),
    ]

    found = split(texts, media=media)

    assert found["a"]["component"] == found["b"]["component"] != found["c"]["component"]


def test_rewrites_fall_with_their_original_and_contrasts_need_not():
    world = World()
    for number in range(24):
        world.prompt(f"o{number}", f"a{number}").prompt(f"r{number}", f"b{number}").prompt(f"c{number}", f"d{number}")
        world.link(f"r{number}", f"o{number}", "expansion").link(f"c{number}", f"o{number}", "contrast")
    recipe = parse("recipe: 1\ntitle: t\nsplit: {shares: {train: 0.5, test: 0.5}}\npairing: {rule: none}")

    splits = dict(run(recipe, world.evidence()).splits.select("prompt_id", "split").iter_rows())

    of = {name: splits[number] for (noun, name), number in world.ids.items() if noun == "prompt"}
    assert all(of[f"o{number}"] == of[f"r{number}"] for number in range(24))
    assert any(of[f"o{number}"] != of[f"c{number}"] for number in range(24))
    assert set(of.values()) == {"train", "test"}


def test_what_was_decided_stays_and_newcomers_follow():
    texts = {"old": "a red cat on a green mat today", "copy": "a red cat on the green mat today", "far": "submarine"}

    for chosen in ("train", "test"):
        found = split(texts, assigned={"old": chosen})
        assert found["old"]["split"] == found["copy"]["split"] == chosen


def test_a_new_prompt_between_two_splits_is_left_out_and_nothing_else_moves():
    texts = {"left": "a b c d e f g h i", "middle": "a b c d e f g h i j", "right": "b c d e f g h i j"}
    # left and right share 8 of 10 tokens, each shares 9 of 10 with the middle.

    found = split(texts, assigned={"left": "train", "right": "test"}, near=0.9)

    assert (found["left"]["split"], found["right"]["split"]) == ("train", "test")
    assert (found["middle"]["split"], found["middle"]["reason"]) == (None, "between_splits")


def test_prompts_of_two_splits_that_resemble_each_other_keep_the_fuller_one():
    texts = {"a": "a b c d e", "b": "e d c b a", "c": "a b c d e!", "d": "something else"}

    found = split(texts, assigned={"a": "train", "b": "train", "c": "test", "d": "test"})

    assert (found["c"]["split"], found["c"]["reason"]) == (None, "near_duplicate_elsewhere")
    assert found["a"]["split"] == found["b"]["split"] == "train"
    assert found["d"]["split"] == "test"


@pytest.mark.parametrize("order", ["new old other", "other old new", "old new other", "other new old"])
def test_who_is_left_out_does_not_hang_on_the_order_of_ids(order):
    texts = {
        "new": "one two three four five six seven eight nine ten",
        "old": "ten one two three four five six seven eight nine",
        "other": "one two three four five six seven eight nine eleven ten",
    }
    decided = {"old": "train", "other": "test"}

    found = split({name: texts[name] for name in order.split()}, assigned=decided)

    assert found["new"]["reason"] == "between_splits"
    # The two that stay resemble each other, so only one of them does.
    assert {found["old"]["reason"], found["other"]["reason"]} == {None, "near_duplicate_elsewhere"}


def test_shares_are_met_in_expectation():
    found = split(
        {f"prompt {n}": f"only {sha(str(n))[:10]} here {n}" for n in range(4000)},
        shares=(("test", 0.1), ("train", 0.9)),
    )

    share = sum(row["split"] == "test" for row in found.values()) / 4000
    assert abs(share - 0.1) < 0.02  # four standard deviations of 4000 draws


def test_prompts_without_words_are_not_near_duplicates():
    found = split({"a": "", "b": "", "c": "!!!"})

    assert len({row["component"] for row in found.values()}) == 3


def test_pairs_of_an_excluded_prompt_are_counted():
    world = World().prompt("old", "a", "b", text="a b c d e f g h i").prompt("far", "c", "d", text="b c d e f g h i j")
    world.prompt("new", "e", "f", text="a b c d e f g h i j").assigned("old", "train").assigned("far", "test")
    world.scores("scorer", "quality", values={name: number for number, name in enumerate("abcdef")})
    text = """
    recipe: 1
    title: t
    pairing: {rule: best_against_worst, by: {scores: quality}}
    split: {shares: {train: 0.5, test: 0.5}, near_duplicates: 0.9}
    """

    result = run(parse(text), world.evidence())

    assert reasons(result, "split") == {"between_splits": 1}
    assert set(result.pairs["split"]) == {"train", "test"}
    assert result.splits.height == 2


def test_families_are_the_components_by_their_smallest_prompt():
    """1 and 2 say nearly the same, 4 is a rewrite of 2, 5 and 6 ask about one picture; a mask says nothing."""
    texts = ["a red cat on a green mat today", "a red cat on the green mat today", "a boat", "chat rouge", "sky", "sea"]
    prompts = pl.DataFrame(
        {"prompt_id": range(1, 7), "prompt_identity": [sha(text) for text in texts], "prompt_text": texts}
    )
    media = pl.DataFrame(
        [(5, "source", "p"), (6, "source", "p"), (3, "mask", "m"), (6, "mask", "m")],
        schema=["prompt_id", "role", "media_digest"],
        orient="row",
    )
    rewrites = pl.DataFrame({"prompt_id": [4], "origin_id": [2]})

    found = families(prompts, media=media, rewrites=rewrites, near_duplicates=0.8)

    assert found.rows() == [(1, 1), (2, 1), (3, 3), (4, 1), (5, 5), (6, 5)]
    assert families(prompts.clear(), media=media, rewrites=rewrites, near_duplicates=0.8).height == 0
