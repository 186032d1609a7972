"""The drawn files of the demonstration: honest mistakes, told apart by the raters that are scripted to."""

import json
import re
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import yaml
from django.urls import resolve

from config.demo import drawing, painters, prompts, raters, story, training
from config.demo.painters import PAINTERS, draw
from config.demo.raters import SCRIPTS, Drawn
from config.demo.scenes import COUNTING, HELD_OUT, SCENES, SIGN
from curation.exports import FORMATS
from curation.exports.layouts import LAYOUTS
from curation.exports.recipe_in_words import words_of
from curation.prompt_tools import constraint_files, taxonomy
from curation.recipes.parse import parse
from curation.recipes.steps.barred import ALIKE


def test_every_scene_names_itself_once_and_says_what_can_be_checked():
    assert len({scene.key for scene in SCENES}) == len({scene.prompt for scene in SCENES}) == len(SCENES)
    for scene in SCENES:
        assert scene.facts
        assert not scene.words or f'"{scene.words}"' in scene.prompt


def test_the_same_seed_draws_the_same_pixels_and_another_seed_does_not():
    first, again, other = (np.asarray(drawing.paint(SCENES[-1], seed)) for seed in (3, 3, 4))

    assert (first == again).all()
    assert (first != other).any()


@pytest.mark.parametrize("words", sorted({scene.words for scene in SCENES if scene.words}))
def test_a_misspelt_word_is_never_the_right_one(words):
    random = np.random.default_rng(0)

    assert all(painters._misspelt(words, random) != words for _ in range(200))


def test_painters_make_the_mistakes_they_state():
    glitch = PAINTERS[-1]
    made = Counter(flaw for seed in range(40) for flaw in draw(glitch, SCENES[0], seed).flaws)

    # 0.8 of 40 is 32; three standard deviations are 7.6.
    assert 24 <= made["broken"] <= 40
    assert "blurred" not in made


def test_the_leftish_script_prefers_the_left_and_the_careful_one_the_better():
    better, worse = Drawn("good", ()), Drawn("bad", ("blurred",))
    even = [Drawn("one", ("blurred",)), Drawn("two", ("blurred",))]
    random = np.random.default_rng(5)
    careful, _quick, leftish = SCRIPTS

    wins = Counter(raters._outcome(careful, worse, better, random) for _ in range(400))
    sides = Counter(raters._outcome(leftish, *even, random) for _ in range(800))

    # P(right) = 1 / (1 + exp(-1.8 * 1.2)) = 0.897; P(left | no tie) = 1 / (1 + exp(-0.8)) = 0.690.
    assert wins["right"] / 400 == pytest.approx(0.897, abs=0.05)
    assert sides["left"] / (sides["left"] + sides["right"]) == pytest.approx(0.690, abs=0.07)


# -- prompts -----------------------------------------------------------------------------------------------------------


def test_the_questions_of_every_scene_are_a_list_that_the_import_takes(tmp_path):
    rows = map(json.loads, prompts.write_constraints(tmp_path / "constraints.jsonl").read_text("utf-8").splitlines())
    read = list(constraint_files.read((str(place), row) for place, row in enumerate(rows)))

    assert [one.prompt_key for one in read] == [scene.key for scene in SCENES]
    assert all(len(one.constraints) == 4 for one in read)
    assert all(any(question.needs for question in one.constraints) for one in read)


def test_the_taxonomy_knows_every_tag_of_a_scene_and_one_place_that_none_has():
    tree = taxonomy.parse(yaml.safe_load(prompts.TAXONOMY.read_text("utf-8")))
    known = {f"{facet}:{value}" for facet, values in tree.items() for value in values}

    assert known - {tag for scene in SCENES for tag in scene.tags} == {"place:forest"}
    assert {tag for scene in SCENES for tag in scene.tags} - known == {HELD_OUT}


# -- what is made of the evidence -------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [training.DATASET, training.SIGNS])
def test_the_recipes_read_and_say_what_they_do_in_words(name):
    recipe = parse((training.RECIPES / f"{name}.yaml").read_text("utf-8"))

    assert len(words_of(recipe)) >= 4
    assert set(dict(recipe.split.shares)) == {"train", "validation"}


def test_the_formats_carry_pictures_and_one_is_a_folder_for_a_trainer():
    formats = [FORMATS[name] for name in training.FORMATS]

    assert not [format_.refusal("text-to-image") for format_ in formats if format_.refusal("text-to-image")]
    assert set(LAYOUTS) & set(formats)


def test_what_is_held_out_resembles_nothing_that_is_trained_on():
    kept = [scene for scene in SCENES if HELD_OUT in scene.tags]
    others = [scene for scene in SCENES if scene not in kept]

    assert len(kept) == 4
    assert {tag for scene in kept for tag in scene.tags} >= {SIGN, COUNTING}
    for scene in kept:
        assert max(_alike(scene.prompt, other.prompt) for other in others) < ALIKE


def test_the_last_words_name_the_card_and_the_account(db):
    said = story.closing_words("http://here", story.Account("admin", "secret"), Path("/somewhere/README.md"))

    assert "/somewhere/README.md" in said
    assert "admin" in said
    assert "secret" in said
    slug = story.SLUG
    for line in said.splitlines():
        if "http://here/" in line:
            path = line.split()[0].removeprefix("http://here")
            assert resolve(path).url_name, path
    assert f"/projects/{slug}/consensus/" in said


def _alike(one: str, other: str) -> float:
    first, second = (set(re.findall(r"\w+", text.casefold())) for text in (one, other))
    return len(first & second) / len(first | second)
