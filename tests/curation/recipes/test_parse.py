"""Recipes as text: what they mean, and errors that point at the line."""

from pathlib import Path

import pytest

from curation.recipes import examples
from curation.recipes.check import Known, parse_for
from curation.recipes.model import Filter, Pairing, Signal
from curation.recipes.parse import parse
from curation.recipes.problems import RecipeProblems

GOOD = """\
recipe: 1
title: Two stages
seed: 3
evidence: {basis: both}
filters:
  - name: sharp
    by: {scores: sharpness, raters: [technical]}
    at_least: 0.2
pairing:
  rule: two_stage
  judge: {votes: overall}
  points: {scores: recall, raters: [ocr]}
split: {shares: {train: 0.9, test: 0.1}}
"""


def problems(text: str) -> list[str]:
    with pytest.raises(RecipeProblems) as raised:
        parse(text)
    return [str(problem) for problem in raised.value.problems]


def test_a_recipe_is_read_whole():
    recipe = parse(GOOD)

    assert recipe.pairing == Pairing(
        rule="two_stage", judge=Signal("votes", "overall"), by=Signal("scores", "recall", ("ocr",))
    )
    assert recipe.filters == (Filter(name="sharp", by=Signal("scores", "sharpness", ("technical",)), at_least=0.2),)
    assert dict(recipe.split.shares) == {"train": 0.9, "test": 0.1}


def test_weights_that_nothing_would_hear_are_refused():
    weighed = GOOD.replace("{basis: both}", "{weights: {kinds: {model: 0.5}}}")
    learnt = weighed.replace("points: {scores: recall, raters: [ocr]}", "points: {consensus: overall}")

    assert parse(weighed).evidence.kind_weights == parse(learnt).evidence.kind_weights == (("model", 0.5),)
    assert problems(learnt.replace("votes: overall", "consensus: overall")) == [
        "line 4, column 12: A consensus learns by itself what each rater's vote is worth. "
        "Leave the weights out, or count `votes` instead."
    ]


def test_the_digest_is_of_the_meaning():
    same = GOOD.replace("evidence: {basis: both}", "evidence:\n  basis: both   # everybody").replace("0.2", "0.20")

    assert parse(GOOD).digest() == parse(same).digest()
    assert parse(GOOD).digest() != parse(GOOD.replace("seed: 3", "seed: 4")).digest()


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("two_stage", "two_stag", "line 10, column 9: There is no rule 'two_stag'. Did you mean 'two_stage'?"),
        ("at_least", "at_leest", "line 8, column 5: filters has no 'at_leest'. Did you mean 'at_least'?"),
        ("title", "titel", "line 2, column 1: the recipe has no 'titel'. Did you mean 'title'?"),
        ("seed: 3", "seed: -3", "line 3, column 7: seed is -3. Write a number of at least 0."),
        ("seed: 3", "seed: three", "line 3, column 7: seed is 'three'. Write a whole number."),
        (
            "seed: 3",
            "seed: 3\nseed: 4",
            "line 4, column 1: 'seed' is written twice (first on line 3).",
        ),
        (
            "basis: both",
            "basis: peopel",
            "line 4, column 19: evidence: basis is 'peopel'. Did you mean 'people'? Allowed: people, machines, both.",
        ),
        ("0.9", "0.8", "line 13, column 9: The shares add up to 0.9. Make them add up to 1."),
        ("[ocr]", "ocr", "line 12, column 36: pairing: points: raters is 'ocr'. Write a list (`[a, b]`)."),
        ("0.2", ".inf", "line 8, column 15: '.inf' is not a number one can compare with. Write a number."),
        (
            "0.2",
            "2026-11-02",
            "line 8, column 15: Values of the type 'timestamp' are not used in recipes.",
        ),
        (
            "{basis: both}",
            "{purposes: [gold]}",
            "line 4, column 23: 'gold' judgements examine or help raters and never make pairs.",
        ),
        (
            "{votes: overall}",
            "{votes: overall, scores: x}",
            "line 11, column 10: pairing: judge names both scores and votes.",
        ),
        (
            "    at_least: 0.2\n",
            "",
            "line 6, column 5: The filter sets no bar. Add at_least, at_most, keep_best, spread_at_most, "
            "outliers_beyond or range_in_prompt_above.",
        ),
        (
            "at_least: 0.2",
            "at_least: 0.2\n    at_most: 0.1",
            "line 9, column 14: at_most is below at_least, so nothing passes. Exchange the two.",
        ),
        (
            "title: Two stages",
            "title: &t Two\nabout: *t",
            "line 3, column 8: Aliases (*name) are not used in recipes. Repeat the value.",
        ),
    ],
)
def test_an_error_points_at_its_line_and_names_the_remedy(old, new, expected):
    found = problems(GOOD.replace(old, new, 1))

    assert any(line.startswith(expected) for line in found), found


def test_all_errors_are_told_at_once_from_top_to_bottom():
    found = problems(GOOD.replace("seed: 3", "seed: -3").replace("at_least", "atleast").replace("two_stage", "bets"))

    assert [line.split(",")[0] for line in found] == ["line 3", "line 6", "line 8", "line 10"]


@pytest.mark.parametrize(
    "text",
    ["", "# nothing\n", "- a\n- b", "a: [1, 2", "\tx: 1", "title: \x07", "x: " + "[" * 40 + "]" * 40, "a" * 70_000],
)
def test_what_is_no_recipe_is_refused_in_words(text):
    assert problems(text)[0].startswith("line ")


@pytest.mark.parametrize("written", [r'"\ud83e\udd84"', r'"a\0b"'])
@pytest.mark.parametrize("line", ["title: {}\npairing: {{rule: none}}", "title: t\npairing: {{rule: none, {}: 1}}"])
def test_escapes_that_no_text_can_hold_are_refused_at_their_line(written, line):
    with pytest.raises(RecipeProblems, match=r"line [23], column \d+: An escape here"):
        parse("recipe: 1\n" + line.format(written))


def test_many_nested_aliases_do_not_unfold():
    bomb = "a: &a [x]\n" + "".join(
        f"b{n}: &b{n} [*{'a' if n == 0 else f'b{n - 1}'}, *{'a' if n == 0 else f'b{n - 1}'}]\n" for n in range(30)
    )

    assert "Aliases" in problems(bomb)[0]


def test_unknown_names_are_told_with_the_nearest_known_one():
    known = Known(
        criteria=frozenset({"overall", "sharpness", "recalls"}),
        raters=frozenset({"technical", "ocr"}),
        generators=frozenset(),
        tags=frozenset(),
    )
    with pytest.raises(RecipeProblems) as raised:
        parse_for(GOOD.replace("[technical]", "[technicl]"), known)

    assert [str(problem) for problem in raised.value.problems] == [
        "line 7, column 38: There is no rater 'technicl' in this project. Did you mean 'technical'?",
        "line 12, column 20: There is no criterion 'recall' in this project. Did you mean 'recalls'?",
    ]


def test_a_revision_may_stand_behind_a_raters_name():
    known = Known(
        frozenset({"overall", "sharpness", "recall"}), frozenset({"technical", "ocr"}), frozenset(), frozenset()
    )

    assert parse_for(GOOD.replace("[ocr]", "[ocr@1a2b]"), known).pairing.by == Signal("scores", "recall", ("ocr@1a2b",))


@pytest.mark.parametrize("path", sorted((Path(examples.__file__).parent).glob("*.yaml")), ids=lambda path: path.name)
def test_the_examples_of_the_guide_are_recipes(path):
    assert parse(path.read_text())
