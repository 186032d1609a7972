"""The inputs of a suite: which there are, that they are the same every time, and that they are what they are called."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from curation.media.frames import frames_at, uniform_times
from scoring.probes import drawings, films, pictures, suite, texts
from scoring.probes.kinds import PROBES, Family
from scoring.probes.suite import Case
from scoring.scorers.base import Needs
from tests.scoring import making

PICTURE = Needs(media=frozenset({"image"}), prompt_text=True)


def maker(tmp_path: Path, groups, needs: Needs = PICTURE, **fields) -> suite.Maker:
    return suite.Maker(groups, needs, tmp_path, seed=1, **fields)


def case(groups, needs: Needs, probe: str) -> Case:
    return next(one for one in suite.cases(groups, needs) if one.probe == probe)


def pixels(path: Path) -> np.ndarray:
    with Image.open(path) as picture:
        return np.asarray(picture.convert("RGB"), np.float64)


@pytest.mark.parametrize("count", [2, 3, 8, 50])
def test_no_prompt_keeps_its_place_and_each_is_taken_once(count: int) -> None:
    for seed in range(20):
        order = suite.derangement(count, seed)

        assert sorted(order) == list(range(count))
        assert all(place != other for place, other in enumerate(order))
    assert suite.derangement(count, 4) == suite.derangement(count, 4)


def test_a_single_prompt_has_no_other_and_is_not_probed_with_one(tmp_path: Path) -> None:
    groups = drawings.groups("image", tmp_path)[:1]

    assert "wrong_prompt" not in {one.probe for one in suite.cases(groups, PICTURE)}
    with pytest.raises(ValueError, match="at least 2"):
        suite.derangement(1, 0)


@pytest.mark.parametrize("kind", ["image", "video", "text"])
def test_every_probe_of_a_kind_is_in_its_suite(kind: str, tmp_path: Path) -> None:
    needs = {
        "image": PICTURE,
        "video": Needs(media=frozenset({"video"})),
        "text": Needs(answer_text=True),
    }[kind]
    groups = drawings.groups(kind, tmp_path)

    counts = Counter(one.probe for one in suite.cases(groups, needs))

    wanted = {key for key, probe in PROBES.items() if kind in probe.kinds}
    assert set(counts) == wanted
    for key, count in counts.items():
        assert count == (8 if PROBES[key].family == Family.DEGENERATE else 24), key


def test_each_probe_has_something_that_makes_it() -> None:
    for key, probe in PROBES.items():
        if "text" in probe.kinds and key not in ("genuine", "wrong_prompt"):
            assert key in texts.DEGENERATE or key in texts.CHANGES, key
        if "video" in probe.kinds:
            assert key in films.CHANGES, key
        if "image" in probe.kinds and key not in ("genuine", "wrong_prompt", "unedited"):
            assert key in pictures.DEGENERATE or key in pictures.CHANGES or key in pictures.CODINGS, key


def test_the_same_originals_give_the_same_inputs(tmp_path: Path) -> None:
    digests = []
    for name in ("first", "second"):
        folder = tmp_path / name
        folder.mkdir()
        groups = drawings.groups("image", folder)[:2]
        made = maker(folder, groups)
        digests.append([made.asked(one).item.media[0].digest for one in suite.cases(groups, PICTURE)])

    assert digests[0] == digests[1]


def test_pictures_are_what_they_are_called(tmp_path: Path) -> None:
    groups = drawings.groups("image", tmp_path)
    made = maker(tmp_path, groups)

    def seen(probe: str):
        return made.asked(case(groups, PICTURE, probe)).item

    genuine = pixels(seen("genuine").media[0].path)
    assert np.array_equal(genuine, pixels(groups[0][0].media[0].path))
    assert pixels(seen("white").media[0].path).min() == 255
    assert pixels(seen("black").media[0].path).max() == 0
    flat = pixels(seen("flat").media[0].path)
    assert flat.std(axis=(0, 1)) == pytest.approx([0, 0, 0])
    assert flat[0, 0] == pytest.approx(genuine.mean(axis=(0, 1)), abs=0.5)
    assert pixels(seen("noise").media[0].path).std() == pytest.approx(255 / np.sqrt(12), rel=0.02)
    bright = pixels(seen("brightened").media[0].path)
    assert bright == pytest.approx(np.clip(genuine * 1.2, 0, 255), abs=1)
    assert seen("resized").media[0].width == 240
    assert seen("jpeg50").media[0].path.stat().st_size < seen("jpeg85").media[0].path.stat().st_size
    assert seen("webp").media[0].path.read_bytes()[8:12] == b"WEBP"
    assert pixels(seen("unedited").media[0].path).std() == 0  # the source of a drawing is its ground
    changed = np.abs(pixels(seen("banner").media[0].path) - genuine).max(axis=2)
    assert changed[: 320 * 7 // 8].max() == 0
    assert changed[320 * 7 // 8 :].max() > 100


def test_the_words_written_into_a_picture_can_be_read(tmp_path: Path) -> None:
    """Asked of a neural reader, so that the probe is one for whoever can read."""
    picture = Image.new("RGB", (640, 480), (90, 120, 160))
    for name, probe in (("banner", pictures.CHANGES["banner"]), ("words_only", pictures.DEGENERATE["words_only"])):
        file = making.saved(probe(picture), tmp_path, f"{name}.png")

        (outcome,) = making.outcomes("ocr", [making.item(file, prompt_text="x", facts={"text": pictures.DEMAND})])

        assert outcome.results["ocr_word_recall"].value >= 0.8, (name, outcome)


def test_films_are_what_they_are_called(tmp_path: Path) -> None:
    needs = Needs(media=frozenset({"video"}))
    groups = drawings.groups("video", tmp_path)[:1]
    made = maker(tmp_path, groups, needs)

    def frames(probe: str) -> np.ndarray:
        file = made.asked(case(groups, needs, probe)).item.media[0]
        taken = frames_at(file.path, uniform_times(file.duration_us, films.FRAMES))
        return np.array([np.asarray(frame.image, np.float64) for frame in taken])

    genuine = frames("genuine")
    assert len(genuine) == 24
    assert np.abs(frames("reversed") - genuine[::-1]).mean() < 3  # coded otherwise, and the same
    assert np.abs(frames("frozen") - genuine[0]).mean() < 3
    order = np.random.default_rng(41).permutation(24)
    assert np.abs(frames("shuffled") - genuine[order]).mean() < 3
    assert frames("black").mean() < 3
    size = {
        probe: made.asked(case(groups, needs, probe)).item.media[0].path.stat().st_size
        for probe in ("genuine", "coarse")
    }
    assert size["coarse"] <= size["genuine"]


def test_texts_are_what_they_are_called(tmp_path: Path) -> None:
    needs = Needs(answer_text=True)
    groups = drawings.groups("text", tmp_path)
    made = maker(tmp_path, groups, needs)
    answer = groups[0][0].text

    said = {
        probe: made.asked(case(groups, needs, probe)).item.text for probe in PROBES if "text" in PROBES[probe].kinds
    }

    assert (said["empty"], said["genuine"], said["opener_only"]) == ("", answer, "Sure, here is")
    assert said["said_twice"].count(answer) == 2
    assert said["demand"] == f"{answer}\n\n{texts.DEMAND}"
    assert not any(letter.isalnum() for letter in said["punctuation"])
    assert len(said["off_topic"]) > 5 * len(answer)


def test_a_wrong_prompt_brings_its_words_and_facts_and_leaves_the_sample_and_its_roles(tmp_path: Path) -> None:
    groups = drawings.groups("image", tmp_path)
    made = maker(tmp_path, groups)
    order = suite.derangement(8, 1)

    item = made.asked(case(groups, PICTURE, "wrong_prompt")).item

    other = groups[order[0]][0]
    assert (item.prompt_text, item.facts) == (other.prompt_text, other.facts)
    assert item.roles == groups[0][0].roles
    assert np.array_equal(pixels(item.media[0].path), pixels(groups[0][0].media[0].path))


def test_a_scorer_of_whole_groups_gets_the_others_of_the_prompt_beside_each_case(tmp_path: Path) -> None:
    groups = drawings.groups("image", tmp_path)
    made = maker(tmp_path, groups, whole_groups=True)

    asked = [made.asked(one) for one in suite.cases(groups, PICTURE)[:4]]

    assert all(len(one.items) == 3 for one in asked)
    assert all(len({item.prompt_id for item in one.items}) == 1 for one in asked)
    assert len({one.item.prompt_id for one in asked}) == 4  # a group of its own for each


def test_a_large_picture_is_looked_at_in_a_known_size(tmp_path: Path) -> None:
    assert pictures.within(Image.new("RGB", (4000, 1000))).size == (1024, 256)
    assert pictures.within(Image.new("L", (40, 10))).mode == "RGB"
