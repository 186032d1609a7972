"""What stands in a frozen benchmark is never paired, whoever froze it and however it comes back."""

from dataclasses import replace

import polars as pl
import pytest

from curation.recipes import frames
from curation.recipes.parse import parse
from curation.recipes.recorded import find_again, record
from curation.recipes.run import run
from curation.splitting import prompts_like
from tests.curation.recipes.world import World, reasons, sha

BEST = parse("recipe: 1\ntitle: t\npairing: {rule: best_against_worst, by: {scores: quality}}")


def world() -> World:
    made = World().prompt("p", "a", "b", text="a red cat sits on the old mat")
    made.prompt("q", "c", "d", text="two ships far out at sea", media={"source": "harbour.png"})
    made.scores("scorer", "quality", values={"a": 1, "b": 2, "c": 3, "d": 5})
    return made


def barring(made: World, *rows: tuple[str, str, str | None]):
    barred = pl.DataFrame(list(rows), schema=frames.BARRED, orient="row")
    return run(BEST, replace(made.evidence(), barred=barred))


@pytest.mark.parametrize(
    "row",
    [
        ("prompt", sha("prompt p"), None),
        ("sample", sha("sample a"), None),
        ("content", sha("content b"), None),
        ("prompt", sha("elsewhere"), "On the old mat sits a red cat!"),  # the same words
        ("prompt", sha("elsewhere"), "a red cat sits on the very old mat"),  # nearly the same
    ],
)
def test_whatever_bars_a_sample_leaves_no_pair_of_it(row):
    result = barring(world(), row)

    assert world().names(result.pairs) == {("d", "c")}
    assert set(reasons(result, "benchmarks")) == {"frozen_benchmark"}


def test_a_prompt_about_the_picture_of_a_benchmark_is_barred_but_not_for_its_mask():
    assert barring(world(), ("media", sha("harbour.png"), None)).pairs.height == 1

    masked = World().prompt("q", "c", "d", media={"mask": "white.png"})
    masked.scores("scorer", "quality", values={"c": 3, "d": 5})
    assert barring(masked, ("media", sha("white.png"), None)).pairs.height == 1


def test_a_short_answer_is_not_barred_for_being_right_elsewhere_too():
    made = World().prompt("p")
    for name in "ab":
        made.sample(name, prompt="p", media_state="none", content=sha(f"|yes {name}"))
    made.scores("scorer", "quality", values={"a": 1, "b": 2})

    assert barring(made, ("content", sha("|yes a"), None)).pairs.height == 1


def test_unlike_prompts_stay_and_without_benchmarks_there_is_no_such_line():
    assert barring(world(), ("prompt", sha("x"), "a red house stands on the hill")).pairs.height == 2
    assert "benchmarks" not in [step.key for step in run(BEST, world().evidence()).funnel]


def test_a_looser_recipe_does_not_loosen_the_guard():
    exact = parse(
        "recipe: 1\ntitle: t\nsplit: {near_duplicates: 1}\npairing: {rule: best_against_worst, by: {scores: quality}}"
    )
    barred = pl.DataFrame(
        [("prompt", sha("x"), "a red cat sits on the very old mat")], schema=frames.BARRED, orient="row"
    )

    assert run(exact, replace(world().evidence(), barred=barred)).pairs.height == 1


def test_a_benchmark_frozen_later_does_not_touch_what_was_frozen_before():
    first = run(BEST, world().evidence())
    recorded = record(first.evidence)
    barred = pl.DataFrame([("prompt", sha("prompt p"), None)], schema=frames.BARRED, orient="row")

    again = find_again(recorded, replace(world().evidence(), barred=barred), pl.Series("j", [], dtype=pl.Int64))

    assert run(BEST, again.evidence).digest() == first.digest()


def test_what_was_built_beside_a_benchmark_is_built_again_without_looking_at_it():
    barred = pl.DataFrame([("prompt", sha("prompt p"), None)], schema=frames.BARRED, orient="row")
    first = run(BEST, replace(world().evidence(), barred=barred))

    again = find_again(record(first.evidence), world().evidence(), pl.Series("j", [], dtype=pl.Int64))

    assert run(BEST, again.evidence).digest() == first.digest()


def test_likeness_to_given_texts_is_that_of_the_splits():
    from itertools import product

    words = ["red", "cat", "on", "mat", "big", "dog"]
    texts = [" ".join(words[i : i + n]) for n, i in product(range(1, 6), range(4))]
    prompts = pl.DataFrame({"prompt_id": range(1, len(texts) + 1), "prompt_text": texts})
    asked = pl.Series(["cat on mat big dog", "Red cat.", "", "nothing alike"])

    def alike(a: str, b: str) -> bool:
        x, y = (set(t.lower().replace(".", "").split()) for t in (a, b))
        return bool(x and y) and len(x & y) / len(x | y) >= 0.75

    expected = {i + 1 for i, text in enumerate(texts) if any(alike(text, other) for other in asked)}
    assert set(prompts_like(prompts, asked, 0.75).to_list()) == expected != set()
