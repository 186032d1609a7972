"""Near duplicates inside a group: who is named, and how alike."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import ImageEnhance

from curation.media.fingerprint import DUPLICATE, fingerprint
from scoring import decoding
from scoring.engine import Pace, run
from scoring.scorers.base import ItemError, MediaFile, Outcome, Reading
from scoring.scorers.near_duplicate import nearest_in_group
from tests.scoring import making


def values(said: list[Outcome]) -> list[float]:
    return [one.results["near_duplicate"].value for one in said if isinstance(one, Reading)]


@pytest.mark.capability("C6")
def test_a_recoded_and_cropped_copy_is_named_and_a_stranger_is_not(tmp_path: Path) -> None:
    original = making.scene(400, 300, seed=1)
    copy = original.crop((20, 15, 390, 290)).resize((256, 192))
    copy = ImageEnhance.Brightness(copy).enhance(1.1)
    group = [
        making.item(making.saved(original, tmp_path)),
        making.item(making.saved(making.scene(400, 300, seed=2), tmp_path)),
        making.item(making.saved(copy, tmp_path, "copy.jpg")),
    ]

    said = making.outcomes("near_duplicate", group)

    first, stranger, last = values(said)
    assert first == last >= 1 - DUPLICATE
    assert stranger < 1 - DUPLICATE
    assert said[0].detail == {"nearest": group[2].sample_id, "group": 3}  # type: ignore[union-attr]
    assert said[2].detail["nearest"] == group[0].sample_id  # type: ignore[union-attr]


def test_the_same_picture_in_another_prompt_is_no_duplicate(tmp_path: Path) -> None:
    media = making.saved(making.scene(), tmp_path)
    asked = [making.item(media, prompt_id=1), making.item(media, prompt_id=2)]

    said = making.outcomes("near_duplicate", asked)

    assert values(said) == [0.0, 0.0]
    assert [one.detail for one in said if isinstance(one, Reading)] == [{"nearest": None, "group": 1}] * 2


def test_stored_fingerprints_are_used_and_nothing_is_decoded(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(decoding, "read_picture", None)
    stored = fingerprint([making.scene()])
    files = [MediaFile(tmp_path / name, "image", 320, 240, fingerprint=stored) for name in ("a", "b")]

    said = making.outcomes("near_duplicate", [making.item(file) for file in files])

    assert values(said) == pytest.approx([1, 1], abs=1e-3)


def test_a_computed_fingerprint_equals_the_stored_one(tmp_path: Path) -> None:
    picture = making.scene()
    computed = making.saved(picture, tmp_path)
    stored = MediaFile(tmp_path / "gone", "image", 320, 240, fingerprint=fingerprint([picture]))

    said = making.outcomes("near_duplicate", [making.item(computed), making.item(stored)])

    assert values(said) == pytest.approx([1, 1], abs=1e-3)


def test_videos_are_compared_with_videos(tmp_path: Path) -> None:
    frames = [making.scene(128, 96, seed=seed // 6) for seed in range(18)]
    others = [making.scene(128, 96, seed=50 + seed // 6) for seed in range(18)]
    films = [making.filmed(frames, tmp_path), making.filmed(frames, tmp_path, fps=12), making.filmed(others, tmp_path)]
    still = making.saved(frames[0], tmp_path)

    said = making.outcomes("near_duplicate", [making.item(one) for one in [*films, still]])

    same, again, other, picture = values(said)
    assert min(same, again) > 1 - DUPLICATE
    assert other < 1 - DUPLICATE
    assert picture == 0.0


def test_a_broken_sample_leaves_the_rest_of_its_group_comparable(tmp_path: Path) -> None:
    media = making.saved(making.scene(), tmp_path)
    broken = MediaFile(tmp_path / "missing.png", "image", 1, 1)
    asked = [making.item(media), making.item(broken), making.item(media)]

    first, second, third = making.outcomes("near_duplicate", asked)

    assert isinstance(second, ItemError)
    assert "missing.png is not in the media storage" in second.reason
    assert isinstance(first, Reading)
    assert first.detail == {"nearest": asked[2].sample_id, "group": 2}
    assert isinstance(third, Reading)


def test_media_of_one_sample_are_not_compared_with_each_other() -> None:
    one = fingerprint([making.scene(seed=1)])

    assert nearest_in_group([[one, one], [fingerprint([making.scene(seed=9)])]])[0][1] < 1 - DUPLICATE


def test_a_group_is_scored_whole_whatever_the_batch_size(tmp_path: Path) -> None:
    media = making.saved(making.scene(), tmp_path)
    asked = [making.item(media, prompt_id=1 + place // 5) for place in range(10)]

    batches = list(run(asked, [making.build("near_duplicate")], Pace(batch_size=2)))

    assert [len(batch.items) for batch in batches] == [5, 5]
