"""`clip_iqa` against what piq 0.8.0 and torchmetrics 1.9.0 made of the same weights, and against mistakes."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

from scoring.catalogue import CATALOGUE, build
from scoring.engine import Pace
from scoring.scorers import clip_iqa
from scoring.scorers.base import MediaFile, NotApplicable, Reading, Scorer, ScorerUnavailable
from scoring.scorers.clip_iqa_pairs import PAIRS
from tests.scoring import clip_weights, making, quality_weights, seeded

# Cosines of two implementations differ by 1e-7, and the logit scale is 100; measured 8e-7.
TOLERANCE = 2e-5
OWN = "A steady hand.|A shaky hand."


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return quality_weights.save_resnet(tmp_path_factory.mktemp("clip_iqa"))


@pytest.fixture(scope="module")
def theirs() -> dict[str, np.ndarray]:
    """piq's numbers, (pictures,), and torchmetrics', (pictures, pairs), the sixteen in order and then our own words."""
    return quality_weights.resnet_fixture("clip_iqa_tiny.npz")[1]


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> list[MediaFile]:
    folder = tmp_path_factory.mktemp("pictures")
    shown = [Image.fromarray(picture) for picture in seeded.pictures()]
    return [making.saved(picture, folder) for picture in shown if min(picture.size) >= 32]


def scorer(folder: Path, **settings: str) -> Scorer[Any]:
    made = build("clip_iqa", {"source": str(folder), **settings})
    made.ready()
    return made


def readings(made: Scorer[Any], files: list[MediaFile], batch: int = 4) -> list[Reading]:
    said = making.outcomes(made, [making.item(file) for file in files], Pace(batch_size=batch, threads=0))
    assert [type(one) for one in said] == [Reading] * len(files), said
    return [one for one in said if isinstance(one, Reading)]


def our_scores(made: Scorer[Any], files: list[MediaFile], batch: int = 4) -> np.ndarray:
    """(pictures, pairs)"""
    keys = [output.criterion for output in made.facts.outputs]
    return np.array([[one.results[key].value for key in keys] for one in readings(made, files, batch)])


@pytest.mark.parity
def test_the_quality_equals_piqs(folder, files, theirs, agreement) -> None:
    ours = our_scores(scorer(folder), files)[:, 0]

    agreement("clip_iqa", "piq 0.8.0", "tiny", ours, theirs["piq"], tolerance=TOLERANCE)


@pytest.mark.parity
def test_all_sixteen_pairs_and_words_of_ones_own_equal_torchmetrics(folder, files, theirs, agreement) -> None:
    ours = our_scores(scorer(folder, pairs=",".join(PAIRS), own=OWN), files)

    agreement("clip_iqa", "torchmetrics 1.9.0", "tiny", ours, theirs["torchmetrics"], tolerance=TOLERANCE)


# -- mistakes that must be seen ---------------------------------------------------------------------------------------


def disagreement(folder: Path, files: list[MediaFile], theirs: dict[str, np.ndarray]) -> float:
    return float(np.abs(our_scores(scorer(folder), files)[:, 0] - theirs["piq"]).max())


def test_the_position_embedding_of_other_clips_is_caught(folder, files, theirs, monkeypatch) -> None:
    """Pictures of 224 pixels, the only ones it would fit."""
    plain = [making.saved(making.scene(224, 224, seed), folder) for seed in range(3)]
    right = our_scores(scorer(folder), plain)
    monkeypatch.setattr(clip_iqa, "pooled", lambda tower, pixels: tower(pixels))

    assert np.abs(our_scores(scorer(folder), plain) - right).max() > 20 * TOLERANCE


@pytest.mark.parametrize("side", [48, 224])
def test_a_picture_that_is_resized_first_is_caught(side, folder, files, theirs, monkeypatch) -> None:
    monkeypatch.setattr(clip_iqa, "view_of", lambda picture, size, longest: np.asarray(picture.resize((side, side))))

    assert disagreement(folder, files, theirs) > 20 * TOLERANCE


def test_a_mean_without_itself_among_the_keys_is_caught(folder, files, theirs, monkeypatch) -> None:
    cat = torch.cat
    monkeypatch.setattr(torch, "cat", lambda parts, dim=0: parts[1] if dim == 1 else cat(parts, dim=dim))

    assert disagreement(folder, files, theirs) > 20 * TOLERANCE


def test_the_other_activation_is_caught(folder, files, theirs, tmp_path) -> None:
    stated = json.loads((folder / "open_clip_config.json").read_text())
    stated["model_cfg"]["quick_gelu"] = False
    (tmp_path / "open_clip_config.json").write_text(json.dumps(stated))
    (tmp_path / "open_clip_model.safetensors").write_bytes((folder / "open_clip_model.safetensors").read_bytes())

    assert disagreement(tmp_path, files, theirs) > 20 * TOLERANCE


def test_embeddings_that_are_not_of_length_one_are_caught(folder, files, theirs, monkeypatch) -> None:
    monkeypatch.setattr(torch.nn.functional, "normalize", lambda vectors, dim: vectors)

    assert disagreement(folder, files, theirs) > 20 * TOLERANCE


def test_a_batch_normalisation_that_learns_is_caught(folder, files, theirs) -> None:
    made = scorer(folder)
    made.encoder.model.visual.train()  # type: ignore[attr-defined]

    assert np.abs(our_scores(made, files)[:, 0] - theirs["piq"]).max() > 20 * TOLERANCE


# -- pairs ------------------------------------------------------------------------------------------------------------


def test_only_the_criteria_that_are_asked_about_are_written(folder, files) -> None:
    made = scorer(folder, pairs="sharpness , beautiful", own=OWN)

    assert [output.criterion for output in made.facts.outputs] == [
        "clip_iqa_sharpness",
        "clip_iqa_beautiful",
        "clip_iqa_own",
    ]
    assert set(readings(made, files[:1])[0].results) == {output.criterion for output in made.facts.outputs}
    assert len(CATALOGUE["clip_iqa"].outputs) == len(PAIRS) + 1


def test_the_opposite_words_give_the_rest(folder, files) -> None:
    one = our_scores(scorer(folder, pairs="", own=OWN), files)
    other = our_scores(scorer(folder, pairs="", own="|".join(reversed(OWN.split("|")))), files)

    assert one + other == pytest.approx(np.ones_like(one), abs=1e-9)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"pairs": "quality,vivid"}, "has no pair “vivid”. It has: quality, brightness"),
        ({"pairs": "", "own": ""}, "asked about nothing"),
        ({"own": "Steady photo."}, "better words, a bar, and the worse ones"),
        ({"own": "a|b|c"}, "not “a|b|c”"),
        ({"own": "same | same"}, "a bar"),
        ({"tiles": "17"}, "“tiles” is a whole number from 0 to 16"),
        ({"longest_side": "-5"}, "“longest_side” is a whole number"),
    ],
)
def test_settings_that_mean_nothing_are_refused(given, words, folder) -> None:
    with pytest.raises(ScorerUnavailable) as caught:
        build("clip_iqa", {"source": str(folder), **given})

    assert words in str(caught.value)


def test_the_card_says_which_of_the_three_it_is() -> None:
    formula = CATALOGUE["clip_iqa"].formula

    assert all(words in formula for words in ("without position embedding", "piq", "pyiqa", "CLIP-IQA+"))


# -- sizes, tiles, cache ----------------------------------------------------------------------------------------------


def test_scores_do_not_depend_on_the_batch_at_all(folder, files) -> None:
    assert (our_scores(scorer(folder), files, batch=1) == our_scores(scorer(folder), files, batch=9)).all()


@pytest.mark.parametrize(("size", "seen"), [((5, 40), (40, 32)), ((31, 1), (32, 32)), ((32, 32), (32, 32))])
def test_what_is_too_small_to_be_seen_stands_in_white(size, seen) -> None:
    view = clip_iqa.view_of(Image.new("RGB", size, "black"), 32)

    assert view.shape == (*seen, 3)
    assert (view == 0).all(axis=-1).sum() == size[0] * size[1]
    assert ((view == 0) | (view == 255)).all()


def test_larger_pictures_are_made_smaller_only_on_request(folder, files) -> None:
    plain, smaller = scorer(folder), scorer(folder, longest_side="64")

    assert clip_iqa.view_of(making.scene(300, 100), 32, longest=150).shape == (50, 150, 3)
    assert np.abs(our_scores(plain, files) - our_scores(smaller, files)).max() > 1e-3
    assert plain.identity_digest() != smaller.identity_digest()


def test_pairs_share_what_was_seen_and_pictures_are_embedded_once(folder, files, monkeypatch) -> None:
    known = [replace(file, digest=f"{place:063x}a") for place, file in enumerate(files)]
    first = our_scores(scorer(folder, pairs="quality,happy"), known)
    other = scorer(folder, pairs="happy")
    monkeypatch.setattr(other.encoder, "of_views", lambda views: pytest.fail("seen again"))  # type: ignore[attr-defined]

    assert our_scores(other, known)[:, 0] == pytest.approx(first[:, 1], abs=1e-12)


def test_tiles_are_scored_as_pictures_of_their_own_beside_the_whole(folder, tmp_path) -> None:
    picture = making.scene(130, 97, seed=3)
    wide, narrow = making.saved(picture, tmp_path), making.saved(making.scene(300, 95), tmp_path)
    made = scorer(folder, pairs="quality,sharpness", tiles="3")

    (said,) = making.outcomes(made, [making.item(narrow, wide)])

    assert isinstance(said, Reading)
    maps = [one for one in said.places if one.shape == "heatmap"]
    assert [(one.criterion, one.media_index) for one in maps] == [
        ("clip_iqa_quality", 1),  # the first picture is too low for three tiles of 32 pixels
        ("clip_iqa_sharpness", 1),
    ]
    corner = making.saved(picture.crop((130 * 2 // 3, 0, 130, 97 // 3)), tmp_path)
    alone = readings(scorer(folder, pairs="quality,sharpness"), [corner])[0]
    for place in maps:
        assert place.grid[0][2] == pytest.approx(alone.results[place.criterion].value, abs=TOLERANCE)
        assert place.value == pytest.approx(np.mean(place.grid))
    whole = readings(scorer(folder, pairs="quality,sharpness"), [narrow, wide])
    assert said.detail["values"]["clip_iqa_quality"] == pytest.approx(  # type: ignore[call-overload, index]
        [one.results["clip_iqa_quality"].value for one in whole], abs=TOLERANCE
    )


def test_tiles_are_remembered_by_content_and_prepared_without_the_weights(folder, tmp_path, monkeypatch) -> None:
    file = replace(making.saved(making.scene(100, 100), tmp_path), digest="c" * 64)
    made = scorer(folder, tiles="2")
    first = readings(made, [file])[0]
    monkeypatch.setattr(made.encoder, "of_views", lambda views: pytest.fail("seen again"))  # type: ignore[attr-defined]

    assert readings(made, [file])[0] == first
    assert made.preparer() is made.viewer  # type: ignore[attr-defined]


def test_a_video_gets_the_mean_over_its_frames_and_text_samples_do_not_apply(folder, tmp_path) -> None:
    film = making.filmed([making.scene(96, 96, seed=seed) for seed in range(8)], tmp_path)

    said, text = making.outcomes(scorer(folder, tiles="2"), [making.item(film), making.item(text="an answer")])

    assert isinstance(said, Reading)
    values = said.detail["values"]["clip_iqa_quality"]  # type: ignore[call-overload, index]
    assert len(values) == 8
    assert said.results["clip_iqa_quality"].value == pytest.approx(np.mean(values))
    assert said.results["clip_iqa_quality"].spread == pytest.approx(np.std(values))
    assert {one.shape for one in said.places} == {"interval"}
    assert isinstance(text, NotApplicable)


# -- weights ----------------------------------------------------------------------------------------------------------


def test_a_clip_that_sees_patches_is_refused(tmp_path) -> None:
    clip_weights.make(tmp_path)

    with pytest.raises(ScorerUnavailable, match="a CLIP that sees patches; CLIP-IQA takes one that is a ResNet"):
        scorer(tmp_path)


def test_missing_and_surplus_tensors_are_refused(folder, tmp_path) -> None:
    (tmp_path / "open_clip_config.json").write_bytes((folder / "open_clip_config.json").read_bytes())
    state = load_file(folder / "open_clip_model.safetensors")
    for changed in (
        {name: one for name, one in state.items() if name != "visual.attnpool.c_proj.bias"},
        {**state, "surplus": torch.ones(1)},
    ):
        save_file(changed, tmp_path / "open_clip_model.safetensors")
        with pytest.raises(ScorerUnavailable, match="do not fit their configuration"):
            scorer(tmp_path)


def test_weights_pairs_and_tiles_make_the_rater(folder) -> None:
    def digest(**settings: str) -> str:
        return build("clip_iqa", {"source": str(folder), **settings}).identity_digest()

    changed = ({"pairs": "happy"}, {"own": OWN}, {"tiles": "2"}, {"precision": "bfloat16"})
    assert digest() == digest(pairs=" quality")
    assert len({digest(), *(digest(**settings) for settings in changed)}) == 5
