"""What every scorer of the catalogue must keep, whatever it measures."""

from __future__ import annotations

import json
import math
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from scoring.catalogue import CATALOGUE, build, checked_settings, facts_of
from scoring.engine import Pace, run
from scoring.facts import rules
from scoring.scorers.base import Item, ItemError, MediaFile, NotApplicable, Reading, Result, Scorer, ScorerUnavailable
from tests.scoring import (
    clip_weights,
    detector_weights,
    face_weights,
    language_weights,
    making,
    preference_weights,
    quality_weights,
    reward_token_weights,
    value_head_weights,
    written_weights,
)

NAMES = sorted(CATALOGUE)
# Ours alone: a test of jobs may have added its fakes to the same dictionary.
CLIPS = ["aesthetic", "clipscore", "hpsv2", "hpsv21", "pickscore"]
LANGUAGE = ["caption_likelihood", "imagereward", "vqascore", "yes_token"]
VISION = ["dino_similarity", "object_checks", "unsafe"]
WRITTEN = ["caption_answers", "editscore", "videoscore", "videoscore2", "visionreward_image", "visionreward_video"]
FACES = ["face_similarity"]
QUALITY = ["aesthetic25", "clip_iqa"]
PREFERENCE = ["cyclereward", "hp", "ict", "mps"]
UNPINNED = ["aesthetic25", *PREFERENCE]
VALUE_HEADS = ["llava_reward", "llava_reward_pairs", "skywork_vl"]
REWARD_TOKENS = ["editreward", "hpsv3", "videoreward"]
PICTURE_SCORERS = [
    *CLIPS,
    *LANGUAGE,
    *VISION,
    *FACES,
    *QUALITY,
    *PREFERENCE,
    "control_edges",
    "editreward",
    "hpsv3",
    "llava_reward",
    "near_duplicate",
    "ocr",
    "technical",
]
# Who makes tiny weights for a model: settings under which it runs, out of its name and a folder.
ON_TINY_WEIGHTS = {
    **dict.fromkeys(CLIPS, clip_weights.settings_of),
    **dict.fromkeys(LANGUAGE, language_weights.settings_of),
    **dict.fromkeys(VISION, detector_weights.settings_of),
    **dict.fromkeys(WRITTEN, written_weights.settings_of),
    **dict.fromkeys(FACES, face_weights.settings_of),
    **dict.fromkeys(QUALITY, quality_weights.settings_of),
    **dict.fromkeys(PREFERENCE, preference_weights.settings_of),
    **dict.fromkeys(VALUE_HEADS, value_head_weights.settings_of),
    **dict.fromkeys(REWARD_TOKENS, reward_token_weights.settings_of),
}


@pytest.fixture(scope="module")
def settings_for(tmp_path_factory):
    made: dict[str, dict[str, str]] = {}

    def found(name: str) -> dict[str, str]:
        if name not in made and name in ON_TINY_WEIGHTS:
            made[name] = ON_TINY_WEIGHTS[name](name, tmp_path_factory.mktemp("weights"))
        return made.get(name, {})

    return found


@pytest.fixture
def make(settings_for):
    def made(name: str) -> Scorer[Any]:
        scorer = build(name, settings_for(name))
        scorer.ready()
        return scorer

    return made


@pytest.fixture(scope="module")
def good_items(tmp_path_factory) -> list[Item]:
    """Two prompts with two samples each that every scorer can judge."""
    folder = tmp_path_factory.mktemp("good")
    reference = making.saved(making.scene(180, 180, seed=90), folder)
    return [
        making.item(
            making.saved(making.scene(200, 150, seed=3 * prompt + place), folder),
            prompt_id=prompt,
            prompt_text=f'a scene with the words "NUMBER {prompt}"',
            text=f"answer {place}",
            reference_texts=("answer 1",),
            **asking_for(reference),
        )
        for prompt in range(2)
        for place in range(2)
    ]


@pytest.fixture(scope="module")
def good_films(tmp_path_factory) -> list[Item]:
    """The same of videos, for scorers that look at nothing else."""
    folder = tmp_path_factory.mktemp("films")
    return [
        making.item(
            making.filmed([making.scene(96, 64, seed=10 * prompt + 3 * place + at) for at in range(6)], folder),
            prompt_id=prompt,
            prompt_text=f"scene {prompt}",
        )
        for prompt in range(2)
        for place in range(2)
    ]


@pytest.fixture
def good_for(good_items: list[Item], good_films: list[Item]) -> Callable[[str], list[Item]]:
    return lambda name: good_films if facts_of(name).needs.media == {"video"} else good_items


def asking_for(reference: MediaFile) -> dict[str, Any]:
    """What some scorers look for in a prompt."""
    roles = {"reference": (reference,), "source": (reference,), "control": (reference,)}
    return {"facts": {"objects": [{"class": "cat", "count": 2}]}, "roles": roles}


def test_the_catalogue_loads_no_model_library() -> None:
    code = (
        "import sys, scoring.catalogue;"
        "heavy = {'torch', 'torchvision', 'transformers', 'open_clip', 'rapidocr', 'onnxruntime', 'cv2', 'av'};"
        "print(sorted(heavy & set(sys.modules)))"
    )

    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert found.stdout.strip() == "[]"


@pytest.mark.parametrize("name", NAMES)
def test_the_card_of_a_scorer_is_whole(name: str) -> None:
    facts = CATALOGUE[name]

    assert facts.name == name
    assert facts.queue in {"cpu", "gpu"}
    assert facts.kind in {"model", "rule"}
    assert facts.scope in {"sample", "group"}
    assert facts.independence in {"", "cycle"}
    assert all([facts.version, facts.title, facts.judges, facts.formula, facts.code_licence, facts.source])
    assert facts.outputs
    for output in facts.outputs:
        assert output.title
        assert -math.inf < output.low < output.high < math.inf
        assert facts.output(output.criterion) is output


def test_criteria_of_different_scorers_do_not_collide() -> None:
    keys = [output.criterion for name in NAMES for output in CATALOGUE[name].outputs]

    assert len(keys) == len(set(keys))


def test_an_unknown_scorer_or_setting_is_refused_with_what_there_is() -> None:
    with pytest.raises(ScorerUnavailable, match=r"no scorer “clip”\. There are: .*clipscore.*technical"):
        facts_of("clip")
    with pytest.raises(ScorerUnavailable, match=r"“ocr” has no setting “language”\. It has: none"):
        checked_settings("ocr", {"language": "de"})
    with pytest.raises(KeyError, match="scorer ocr has no output beauty"):
        facts_of("ocr").output("beauty")


@pytest.mark.parametrize("name", NAMES)
def test_identity_is_json_stable_and_follows_the_version(name: str, make) -> None:
    first, again = make(name), make(name)
    newer = make(name)
    newer.facts = type(newer.facts)(**{**vars(newer.facts), "version": "next"})

    assert json.loads(json.dumps(first.identity())) == again.identity()
    assert {"scorer", "version", "weights", "scale", "preprocessing", "precision", "template", "decoding"} <= set(
        first.identity()
    )
    assert first.identity_digest() == again.identity_digest() != newer.identity_digest()
    assert len(first.identity_digest()) == 64


@pytest.mark.parametrize("name", NAMES)
def test_good_items_get_declared_numbers_and_json_details(name: str, make, good_for) -> None:
    declared = {output.criterion for output in CATALOGUE[name].outputs}
    good_items = good_for(name)

    said = making.outcomes(make(name), good_items)

    assert [type(one) for one in said] == [Reading] * len(good_items)
    for one in said:
        assert isinstance(one, Reading)
        assert set(one.results) <= declared
        json.dumps(dict(one.detail), allow_nan=False)


@pytest.mark.parametrize("name", NAMES)
def test_scores_do_not_depend_on_batches_threads_or_repetition(name: str, make, good_for) -> None:
    scorer = make(name)
    good_items = good_for(name)

    alone = values(making.outcomes(scorer, good_items, Pace(batch_size=1, threads=0)))

    for pace in (Pace(batch_size=3, threads=2, ahead=1), Pace(batch_size=100, threads=2)):
        found = values(making.outcomes(scorer, good_items, pace))
        # Matrix products of another size round differently in float32; everything else is exact.
        assert found == [{key: pytest.approx(value, abs=2e-6) for key, value in one.items()} for one in alone]


def values(said: list[Any]) -> list[dict[str, float]]:
    return [{key: result.value for key, result in one.results.items()} for one in said]


@pytest.mark.parametrize("name", [name for name in NAMES if checked_settings(name, {}).get("source") == ""])
def test_weights_of_which_no_commit_is_known_must_be_named(name: str) -> None:
    with pytest.raises(ScorerUnavailable, match=r"“source” must name them: OWNER/NAME@COMMIT .*, or a folder"):
        build(name).ready()


@pytest.mark.parametrize("name", [name for name in NAMES if checked_settings(name, {}).get("source")])
def test_weights_that_are_not_here_are_named_with_what_to_do(name: str) -> None:
    with pytest.raises(ScorerUnavailable) as caught:
        build(name).ready()

    sentence = str(caught.value)
    assert "folder" in sentence
    if name in UNPINNED:  # nobody here knows a commit, so that whoever runs it must name one
        assert "must name them: OWNER/NAME@COMMIT" in sentence
        return
    assert any(default and default in sentence for default in checked_settings(name, {}).values())
    assert "the Hub does not give them" in sentence


# -- bad and borderline pictures --------------------------------------------------------------------------------------


def hostile(folder: Path) -> dict[str, MediaFile]:
    whole = making.saved(making.scene(), folder, "whole.png").path.read_bytes()
    jpeg = making.saved(making.scene(), folder, "whole.jpg").path.read_bytes()
    contents = {
        "truncated.png": whole[: len(whole) // 2],
        "truncated.jpg": jpeg[: len(jpeg) // 2],
        "empty.png": b"",
        "page.png": b"<html><script>alert(1)</script></html>",
        "header.png": whole[:16],
    }
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    return {name: MediaFile(folder / name, "image", 320, 240) for name in [*contents, "missing.png"]}


@pytest.mark.parametrize("name", PICTURE_SCORERS)
def test_unreadable_pictures_are_errors_that_name_the_file_and_others_are_scored(
    name: str, make, tmp_path: Path
) -> None:
    bad = hostile(tmp_path)
    good = making.saved(making.scene(), tmp_path)
    files = [file for one in bad.values() for file in (one, good)]
    asked = [making.item(file, prompt_text='a "SIGN"', **asking_for(good)) for file in files]

    said = making.outcomes(make(name), asked)

    for (file_name, file), one in zip(bad.items(), said[::2], strict=True):
        assert isinstance(one, ItemError), file_name
        assert file_name in one.reason
        assert str(file.path.parent) not in one.reason  # folders of the server are nobody's business
    assert [type(one) for one in said[1::2]] == [Reading] * len(bad)


def borderline() -> dict[str, Image.Image]:
    return {
        "one pixel": Image.new("RGB", (1, 1), "red"),
        "transparent": Image.new("RGBA", (40, 30), (255, 0, 0, 0)),
        "half transparent": Image.new("RGBA", (40, 30), (0, 0, 0, 128)),
        "grey": Image.linear_gradient("L"),
        "wide": Image.new("RGB", (5000, 2), "blue"),
        "high": Image.new("RGB", (1, 5000), "blue"),
        "two by two": making.noise(2, 2),
        "black": Image.new("RGB", (64, 64)),
    }


@pytest.mark.parametrize("name", PICTURE_SCORERS)
@pytest.mark.parametrize("kind", borderline())
def test_borderline_pictures_are_scored(name: str, kind: str, make, tmp_path: Path) -> None:
    reference = making.saved(making.scene(60, 60, seed=1), tmp_path)
    shown = making.saved(borderline()[kind], tmp_path)
    item = making.item(shown, prompt_text='a "SIGN"', **asking_for(reference))

    (said,) = making.outcomes(make(name), [item])

    assert isinstance(said, Reading), said


def test_a_transparent_picture_counts_as_the_white_that_people_see(tmp_path: Path) -> None:
    pictures = [Image.new("RGBA", (40, 30), (255, 0, 0, 0)), Image.new("RGB", (40, 30), "white")]

    transparent, white = making.outcomes(
        "technical", [making.item(making.saved(picture, tmp_path)) for picture in pictures]
    )

    assert transparent == white
    assert isinstance(white, Reading)
    assert white.results["technical_blankness"].value == 1.0


def test_a_grey_picture_has_no_colour_and_one_pixel_no_noise(tmp_path: Path) -> None:
    grey, pixel = making.outcomes(
        "technical", [making.item(making.saved(borderline()[kind], tmp_path)) for kind in ("grey", "one pixel")]
    )

    assert isinstance(grey, Reading)
    assert grey.results["technical_colourfulness"].value == 0.0
    assert isinstance(pixel, Reading)
    assert "technical_noise" not in pixel.results


@pytest.mark.parametrize("name", NAMES)
def test_an_item_without_what_is_needed_is_not_applicable(name: str, make) -> None:
    (said,) = making.outcomes(make(name), [making.item()])

    assert isinstance(said, NotApplicable)
    assert said.reason


@pytest.mark.capability("C1")
def test_two_scorers_run_on_the_same_group_and_their_scores_carry_their_versions(make, good_items: list[Item]) -> None:
    scorers = [make("clipscore"), make("technical")]

    batches = list(run(good_items, scorers, Pace(batch_size=3)))

    assert {batch.scorer.identity()["scorer"]: batch.scorer.identity()["version"] for batch in batches} == {
        "clipscore": "1",
        "technical": "1",
    }
    said = making.by_scorer(batches)
    assert all(isinstance(one, Reading) for outcomes in said.values() for one in outcomes)
    assert [len(outcomes) for outcomes in said.values()] == [4, 4]


def test_the_example_of_the_documentation_is_all_a_new_scorer_needs(tmp_path: Path) -> None:
    page = (Path(__file__).parents[2] / "docs" / "scorers.md").read_text(encoding="utf-8")
    code, entry = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    names = dict(vars(rules))
    exec(code, names)
    exec(entry, names)
    media = making.saved(Image.new("RGB", (9, 9), (100, 100, 100)), tmp_path)

    said = making.outcomes(names["Brightness"](names["BRIGHTNESS"]), [making.item(media), making.item()])

    assert said == [Reading({"brightness": Result(100.0)}), NotApplicable("the sample has no image")]
