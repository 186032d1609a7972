"""The drawn files of the demonstration: honest mistakes, told apart by the raters that are scripted to."""

from collections import Counter

import numpy as np
import pytest

from config.demo import drawing, painters, raters
from config.demo.painters import PAINTERS, draw
from config.demo.raters import SCRIPTS, Drawn
from config.demo.scenes import SCENES


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
