"""The arithmetic of `object_checks`, against values worked out by hand."""

from __future__ import annotations

import colorsys
import json
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageColor

from curation.formats.prompt_lists import GenEval
from curation.formats.records import Record
from scoring.scorers import object_rules
from scoring.scorers.colour_names import COLOURS, colour_of, names_of
from scoring.scorers.object_rules import Asked, Detection, Rules, Wanted, asked_of, judge, kept, relations_of


def found(
    name: str, *boxes: tuple[float, float, float, float], score: float = 0.95, colour: str = ""
) -> list[Detection]:
    return [Detection(name, score, box, colour) for box in boxes]


def square(x: float, y: float, side: float = 10) -> tuple[float, float, float, float]:
    return (x, y, x + side, y + side)


def verdicts(facts: dict[str, Any], detections: list[Detection], **rules: Any) -> Any:
    asked = asked_of(facts)
    return judge(asked, kept(detections, asked, Rules(**rules)), Rules(**rules))


# -- counts -----------------------------------------------------------------------------------------------------------


@pytest.mark.capability("C6")
@pytest.mark.parametrize(
    ("wanted", "there", "strict", "partial"),
    [(2, 2, 1, 1.0), (2, 3, 0, 0.5), (2, 1, 0, 0.5), (2, 0, 0, 0.0), (2, 5, 0, 0.0), (4, 3, 0, 0.75), (1, 1, 1, 1.0)],
)
def test_a_count_is_exact_and_its_part_shrinks_with_the_distance(
    wanted: int, there: int, strict: int, partial: float
) -> None:
    boxes = [square(20 * place, 0) for place in range(there)]

    judged = verdicts({"objects": [{"class": "cat", "count": wanted}]}, found("cat", *boxes))

    assert (judged.strict, judged.partial) == (strict, partial)
    assert judged.verdicts[0].as_json() == {
        "what": "count",
        "class": "cat",
        "wanted": wanted,
        "found": there,
        "holds": bool(strict),
        "share": partial,
    }


def test_at_least_forgives_more_but_not_less() -> None:
    facts = {"objects": [{"class": "cat", "count": 2}]}
    boxes = [square(20 * place, 0) for place in range(3)]

    assert verdicts(facts, found("cat", *boxes), counting="at_least").strict == 1
    assert verdicts(facts, found("cat", *boxes[:1]), counting="at_least").partial == 0.5


def test_objects_of_one_class_in_two_colours_add_up() -> None:
    facts = {"objects": [{"class": "cup", "colour": "red"}, {"class": "cup", "count": 2, "colour": "blue"}]}
    cups = [*found("cup", square(0, 0), colour="red"), *found("cup", square(20, 0), square(40, 0), colour="blue")]

    assert verdicts(facts, cups).strict == 1
    judged = verdicts(facts, [*cups[:2], *found("cup", square(40, 0), colour="green")])
    # three cups: right; red: right; blue: one of two
    assert judged.strict == 0
    assert judged.partial == pytest.approx((1 + 1 + 0.5) / 3)


def test_only_counted_classes_need_the_higher_confidence() -> None:
    one = {"objects": [{"class": "cat"}]}
    two = {"objects": [{"class": "cat", "count": 2}]}
    unsure = found("cat", square(0, 0), square(20, 0), score=0.5)

    assert verdicts(one, unsure[:1]).strict == 1
    assert verdicts(two, unsure).partial == 0
    assert verdicts(two, unsure, counting_threshold=0.4).strict == 1
    assert verdicts(one, found("cat", square(0, 0), score=0.3)).strict == 0  # above, not at


def test_excluded_counts_are_ceilings() -> None:
    facts = {"objects": [{"class": "cat", "count": 2}], "excluded": [{"class": "cat", "count": 3}, {"class": "dog"}]}
    cats = found("cat", square(0, 0), square(20, 0), square(40, 0))

    assert verdicts(facts, cats[:2]).strict == 1
    judged = verdicts(facts, cats, counting="at_least")
    assert [verdict.holds for verdict in judged.verdicts] == [True, False, True]
    assert judged.partial == pytest.approx(2 / 3)
    assert verdicts(facts, [*cats[:2], *found("dog", square(60, 0))]).strict == 0


def test_at_most_so_many_are_looked_at_the_confident_ones_first() -> None:
    crowd = [Detection("cat", 0.91 + place / 1000, square(20 * place, 0)) for place in range(20)]
    asked = Asked((Wanted("cat", 2),))

    counted = kept(crowd, asked, Rules())["cat"]

    assert len(counted) == 16
    assert counted[0] == crowd[-1]


def test_a_box_over_a_more_confident_one_is_the_same_object() -> None:
    twice = [Detection("cat", 0.92, (0, 0, 10, 10)), Detection("cat", 0.95, (1, 0, 11, 10))]  # overlap 90 / 110
    asked = Asked((Wanted("cat"),))

    assert len(kept(twice, asked, Rules())["cat"]) == 2
    assert kept(twice, asked, Rules(overlap=0.8))["cat"] == [twice[1]]
    assert len(kept(twice, asked, Rules(overlap=0.82))["cat"]) == 2
    assert object_rules.overlap_of((0, 0, 0, 0), (0, 0, 0, 0)) == 0


# -- places -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("one", "other", "relations"),
    [
        (square(0, 0), square(50, 0), {"left of"}),
        (square(50, 0), square(0, 0), {"right of"}),
        (square(0, 0), square(0, 50), {"above"}),
        (square(0, 50), square(0, 0), {"below"}),
        # Offset (-50, -50), clear of the margin 48 each: 48 / 70.7 = 0.68 in both directions.
        (square(0, 0), square(50, 50), {"left of", "above"}),
        # Offset 3, margin 0.1 · 20 = 2: 1 / 3 is less than half.
        (square(0, 0), square(3, 0), set()),
        # Offset 4.2: 2.2 / 4.2 is more than half.
        (square(0, 0), square(4.2, 0), {"left of"}),
        (square(0, 0), square(0, 0), set()),
        # Offset (-40, -20): 38 / 44.7 = 0.85 across, 18 / 44.7 = 0.40 down.
        (square(0, 0), square(40, 20), {"left of"}),
    ],
)
def test_relations_of_boxes(one: Any, other: Any, relations: set[str]) -> None:
    assert relations_of(one, other, 0.1) == relations


def test_the_margin_grows_with_the_objects() -> None:
    one, other = (0, 0, 100, 10), (30, 0, 130, 10)  # offset 30, margin 0.1 · 200 = 20: 10 / 30

    assert relations_of(one, other, 0.1) == set()
    assert relations_of(one, other, 0.05) == {"left of"}


def test_a_place_holds_for_every_pair() -> None:
    facts = {"objects": [{"class": "cat", "count": 2, "left_of": "dog"}, {"class": "dog"}]}
    dog = found("dog", square(100, 0))

    assert verdicts(facts, [*found("cat", square(0, 0), square(20, 0)), *dog]).strict == 1
    judged = verdicts(facts, [*found("cat", square(0, 0), square(200, 0)), *dog])
    assert [verdict.holds for verdict in judged.verdicts] == [True, True, False]
    assert judged.partial == pytest.approx(2 / 3)
    assert judged.verdicts[2].found == [["left of"], ["right of"]]


def test_a_place_counts_only_where_the_objects_are_there() -> None:
    facts = {"objects": [{"class": "cat", "above": "dog"}, {"class": "dog"}]}

    no_dog = verdicts(facts, found("cat", square(0, 0)))
    two_dogs = verdicts(facts, [*found("cat", square(0, 0)), *found("dog", square(0, 50), square(0, 90))])

    assert no_dog.partial == pytest.approx(1 / 3)
    assert two_dogs.partial == pytest.approx(1 / 3)  # the reference server would give the place a 1 all the same


def test_the_other_object_need_not_be_asked_for_itself() -> None:
    facts = {"objects": [{"class": "cat", "right_of": "dog"}]}

    assert asked_of(facts).classes == ["cat", "dog"]
    assert verdicts(facts, [*found("cat", square(50, 0)), *found("dog", square(0, 0))]).strict == 1
    assert verdicts(facts, found("cat", square(50, 0))).strict == 0


# -- colours ----------------------------------------------------------------------------------------------------------


def test_a_colour_counts_only_where_the_number_is_right() -> None:
    facts = {"objects": [{"class": "car", "color": "Red"}]}

    assert verdicts(facts, found("car", square(0, 0), colour="red")).strict == 1
    assert verdicts(facts, found("car", square(0, 0), colour="blue")).partial == 0.5
    two = found("car", square(0, 0), square(20, 0), colour="red")
    assert verdicts(facts, two).partial == 0


@pytest.mark.capability("C6")
@pytest.mark.parametrize(
    ("word", "name"),
    [
        ("red", "red"),
        ("darkred", "red"),
        ("orange", "orange"),
        ("darkorange", "orange"),
        ("yellow", "yellow"),
        ("gold", "yellow"),
        ("green", "green"),
        ("lime", "green"),
        ("olivedrab", "green"),
        ("blue", "blue"),
        ("navy", "blue"),
        ("deepskyblue", "blue"),
        ("purple", "purple"),
        ("darkviolet", "purple"),
        ("indigo", "purple"),
        ("pink", "pink"),
        ("hotpink", "pink"),
        ("deeppink", "pink"),
        ("saddlebrown", "brown"),
        ("#5c3a21", "brown"),
        ("black", "black"),
        ("#141414", "black"),
        ("white", "white"),
        ("snow", "white"),
        ("grey", "grey"),
        ("darkgrey", "grey"),
    ],
)
def test_colours_have_the_names_that_people_give_them(word: str, name: str) -> None:
    pixel = np.array([ImageColor.getrgb(word)], np.uint8)

    assert COLOURS[names_of(pixel)[0]] == name


def test_hues_equal_those_of_the_standard_library() -> None:
    from scoring.scorers.colour_names import _hue_saturation_value

    pixels = np.random.default_rng(0).integers(0, 256, (500, 3), np.uint8)

    hue, saturation, value = _hue_saturation_value(pixels)

    theirs = np.array([colorsys.rgb_to_hsv(*(pixel / 255)) for pixel in pixels])
    assert np.abs(hue - theirs[:, 0] * 360).max() < 1e-9
    assert np.abs(saturation - theirs[:, 1]).max() < 1e-12
    assert (value == theirs[:, 2]).all()


def test_the_colour_of_a_box_is_that_of_its_middle() -> None:
    picture = Image.new("RGB", (100, 100), "green")
    picture.paste("red", (30, 30, 70, 70))
    pixels = np.asarray(picture)

    assert colour_of(pixels, (20, 20, 80, 80)) == "red"  # the middle half is 35 to 65
    assert colour_of(pixels, (0, 0, 40, 40)) == "green"
    assert colour_of(pixels, (50, 50, 50, 50)) == "red"
    assert colour_of(pixels, (-40, -40, -20, -20)) == "green"
    assert colour_of(pixels, (120, 120, 140, 140)) == "green"


# -- what a prompt may state ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("facts", "match"),
    [
        ({"objects": []}, "is empty"),
        ({"objects": "cat"}, "no list"),
        ({"objects": ["cat"]}, "no object with a class"),
        ({"objects": [{"count": 2}]}, "has no class"),
        ({"objects": [{"class": "cat", "count": 0}]}, "count of “cat” is 0"),
        ({"objects": [{"class": "cat", "count": 1.5}]}, "count of “cat” is 1.5"),
        ({"objects": [{"class": "cat", "count": True}]}, "count of “cat” is True"),
        ({"objects": [{"class": "cat", "colour": "teal"}]}, "“teal” is not one of red"),
        ({"objects": [{"class": "cat", "size": 3}]}, "unknown key “size”"),
        ({"objects": [{"class": "cat", "position": ["left of", 1]}]}, "position of “cat”"),
        ({"objects": [{"class": "cat", "position": ["beside", 0]}]}, "position of “cat”"),
        ({"objects": [{"class": "cat", "left_of": 3}]}, "has no class"),
        ({"objects": [{"class": "cat"}] * 65}, "at most 64"),
        ({"objects": [{"class": "cat"}], "excluded": [{"class": "dog", "colour": "red"}]}, "nothing else"),
    ],
)
def test_facts_that_cannot_be_checked_are_refused_by_name(facts: dict[str, Any], match: str) -> None:
    with pytest.raises(ValueError, match=match):
        asked_of(facts)


def test_genevals_positions_name_their_object_by_its_place() -> None:
    entries = [{"class": "Laptop", "count": 1}, {"class": "cow", "count": 1, "position": ["right of", 0]}]

    assert asked_of({"objects": entries}).objects[1].relations == (("right of", "laptop"),)


def test_every_prompt_of_geneval_can_be_checked(shared: Path) -> None:
    """As the importer stores them; counted are exactly the classes of its counting prompts."""
    tags: Counter[str] = Counter()
    lines = (shared / "data" / "prompts" / "geneval-test.jsonl").read_text(encoding="utf-8").splitlines()
    for line in lines:
        values = json.loads(line)
        (row,) = GenEval().rows(Record(values, "here"), None)
        asked = asked_of(row.facts)

        assert bool(asked.counted) == (values["tag"] == "counting")
        perfect = _as_asked(asked)
        assert judge(asked, kept(perfect, asked, Rules()), Rules()).strict == 1
        assert judge(asked, kept(perfect[1:], asked, Rules()), Rules()).strict == 0
        tags[values["tag"]] += 1
    assert len(tags) == 6


def _as_asked(asked: Asked) -> list[Detection]:
    """Boxes that fulfil a prompt of one relation at most."""
    places = {"left of": (-500, 0), "right of": (500, 0), "above": (0, -500), "below": (0, 500)}
    drawn = []
    for number, wanted in enumerate(asked.objects):
        x, y = places[wanted.relations[0][0]] if wanted.relations else (15 * number, 0)
        drawn += found(wanted.name, *(square(x + 20 * n, y) for n in range(wanted.count)), colour=wanted.colour)
    return drawn
