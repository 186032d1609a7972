"""`dino_similarity` against transformers' processors and timm's models on the same weights, and against mistakes."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from scoring.catalogue import build
from scoring.engine import Pace
from scoring.scorers import dino, picture_processor
from scoring.scorers.base import Item, ItemError, NotApplicable, Reading, Scorer, ScorerUnavailable
from tests.scoring import making, vision_oracle, vision_weights

# Cosines of float32 embeddings by two implementations; measured below 1e-7.
TOLERANCE = 2e-6
MAKERS = {"dino": vision_weights.make_dino, "dinov2": vision_weights.make_dinov2}
PROCESSORS = {"dino": vision_weights.dino_processor, "dinov2": vision_weights.dinov2_processor}
SHAPES = {"dino": None, "dinov2": 56}


@pytest.fixture(scope="module")
def folders(tmp_path_factory) -> dict[str, Path]:
    found = {}
    for name, make in MAKERS.items():
        found[name] = tmp_path_factory.mktemp(name)
        make(found[name])
    return found


def scorer(folder: Path, **settings: str) -> Scorer[Any]:
    made = build("dino_similarity", {"source": str(folder), **settings})
    made.ready()
    return made


def pictures() -> list[Image.Image]:
    return [
        making.scene(100, 100, 1),
        making.scene(300, 170, 2),
        making.noise(170, 300, 3),
        making.scene(64, 64, 4),
        making.noise(40, 50, 5),
        making.scene(480, 63, 6),
        making.scene(201, 99, 7),
    ]


def references() -> list[Image.Image]:
    return [making.scene(120, 90, 11), making.scene(90, 120, 12)]


def asked(shown: list[Image.Image], given: list[Image.Image], folder: Path, role: str = "reference") -> Item:
    media = [making.saved(one, folder) for one in shown]
    return making.item(*media, roles={role: tuple(making.saved(one, folder) for one in given)})


def their_embeddings(kind: str, folder: Path, shown: list[Image.Image], pooling: str = "cls") -> torch.Tensor:
    processor = PROCESSORS[kind]()
    pixels = torch.cat([processor(images=one, return_tensors="pt")["pixel_values"] for one in shown])
    tokens = vision_oracle.tokens(vision_oracle.read(folder, shape=SHAPES[kind]), pixels)
    return tokens[:, 0] if pooling == "cls" else tokens[:, 1:].mean(dim=1)


def their_values(kind: str, folder: Path, pooling: str = "cls") -> np.ndarray:
    """Mean cosine of each picture to the two references."""
    ours = their_embeddings(kind, folder, pictures(), pooling)
    theirs = their_embeddings(kind, folder, references(), pooling)
    cosine = torch.nn.functional.cosine_similarity(ours[:, None], theirs[None], dim=-1)  # (7, 2)
    return cosine.mean(dim=1).numpy()


def our_values(made: Scorer[Any], tmp_path: Path) -> np.ndarray:
    said = making.outcomes(made, [asked([one], references(), tmp_path) for one in pictures()], Pace(batch_size=3))
    return np.array(vision_oracle.values(said, "dino_similarity"))


@pytest.mark.parity
@pytest.mark.capability("C1")
@pytest.mark.parametrize("pooling", ["cls", "patches"])
@pytest.mark.parametrize("kind", MAKERS)
def test_cosines_equal_timm_on_the_same_weights(
    kind: str, pooling: str, folders: dict[str, Path], tmp_path: Path, agreement
) -> None:
    ours = our_values(scorer(folders[kind], pooling=pooling), tmp_path)

    theirs = their_values(kind, folders[kind], pooling)
    agreement("dino_similarity", "timm", f"tiny {kind}, {pooling}", ours, theirs, tolerance=TOLERANCE)


# -- mistakes that must be seen ---------------------------------------------------------------------------------------


def disagreement(kind: str, folder: Path, tmp_path: Path, **settings: str) -> float:
    return float(np.abs(our_values(scorer(folder, **settings), tmp_path) - their_values(kind, folder)).max())


@pytest.mark.parametrize("kind", MAKERS)
def test_without_a_mistake_there_is_no_disagreement(kind: str, folders: dict[str, Path], tmp_path: Path) -> None:
    assert disagreement(kind, folders[kind], tmp_path) < TOLERANCE


@pytest.mark.parametrize("kind", MAKERS)
def test_the_mean_of_the_patches_in_place_of_cls_is_caught(kind: str, folders: dict[str, Path], tmp_path: Path) -> None:
    assert disagreement(kind, folders[kind], tmp_path, pooling="patches") > 100 * TOLERANCE


@pytest.mark.parametrize(
    ("kind", "wrong"),
    [
        ("dino", {"resample": Image.Resampling.BILINEAR}),
        ("dino", {"mean": (0.5, 0.5, 0.5), "std": (0.5, 0.5, 0.5)}),
        ("dino", {"size": 48, "crop": (48, 48)}),
        ("dinov2", {"resample": Image.Resampling.BILINEAR}),
        ("dinov2", {"std": (0.26862954, 0.26130258, 0.27577711)}),
        ("dinov2", {"size": (64, 64)}),
        ("dinov2", {"size": 56}),
    ],
)
def test_a_wrong_preprocessing_is_caught(
    kind: str, wrong: dict[str, Any], folders: dict[str, Path], tmp_path: Path, monkeypatch
) -> None:
    read = picture_processor.read
    monkeypatch.setattr(picture_processor, "read", lambda place: replace(read(place), **wrong))

    assert disagreement(kind, folders[kind], tmp_path) > 100 * TOLERANCE


@pytest.mark.parametrize("kind", MAKERS)
def test_a_missing_last_norm_is_caught(kind: str, folders: dict[str, Path], tmp_path: Path) -> None:
    made = scorer(folders[kind])
    made._model.layernorm = torch.nn.Identity()

    assert float(np.abs(our_values(made, tmp_path) - their_values(kind, folders[kind])).max()) > 100 * TOLERANCE


def test_a_cosine_mapped_to_0_to_1_is_caught(folders: dict[str, Path], tmp_path: Path) -> None:
    mapped = (our_values(scorer(folders["dino"]), tmp_path) + 1) / 2

    assert float(np.abs(mapped - their_values("dino", folders["dino"])).max()) > 100 * TOLERANCE


def test_positions_of_a_grid_of_another_size_are_interpolated(folders: dict[str, Path]) -> None:
    state = load_file(folders["dinov2"] / "model.safetensors")

    assert state["embeddings.position_embeddings"].shape[1] == 1 + 3 * 3
    assert vision_oracle.read(folders["dinov2"], shape=56).pos_embed.shape[1] == 1 + 4 * 4


# -- what is compared with what ---------------------------------------------------------------------------------------


def test_a_picture_is_itself(folders: dict[str, Path], tmp_path: Path) -> None:
    one = making.scene(90, 70, 3)

    (said,) = making.outcomes(scorer(folders["dino"]), [asked([one], [one], tmp_path)])

    assert isinstance(said, Reading)
    assert said.results["dino_similarity"].value == pytest.approx(1.0, abs=1e-12)
    assert said.results["dino_similarity"].spread is None


def test_several_references_and_pictures_give_the_mean_and_its_spread(folders: dict[str, Path], tmp_path: Path) -> None:
    (said,) = making.outcomes(scorer(folders["dino"]), [asked(pictures()[:3], references(), tmp_path)])

    assert isinstance(said, Reading)
    cosines = np.array(said.detail["cosines"])
    assert cosines.shape == (3, 2)
    assert said.results["dino_similarity"].value == pytest.approx(cosines.mean())
    assert said.results["dino_similarity"].spread == pytest.approx(cosines.std())
    theirs = their_values("dino", folders["dino"])[:3]
    assert cosines.mean(axis=1) == pytest.approx(theirs, abs=TOLERANCE)


def test_a_video_is_compared_frame_by_frame(folders: dict[str, Path], tmp_path: Path) -> None:
    film = making.filmed([making.scene(96, 64, seed) for seed in range(8)], tmp_path)
    given = tuple(making.saved(one, tmp_path) for one in references())

    (said,) = making.outcomes(scorer(folders["dinov2"]), [making.item(film, roles={"reference": given})])

    assert isinstance(said, Reading)
    assert np.shape(said.detail["cosines"]) == (dino.FRAMES, 2)


def test_the_role_is_a_setting_and_a_prompt_without_it_is_not_judged(folders: dict[str, Path], tmp_path: Path) -> None:
    edits = asked([making.scene(seed=1)], references(), tmp_path, role="source")

    (as_source,) = making.outcomes(scorer(folders["dino"], role="source"), [edits])
    (as_reference,) = making.outcomes(scorer(folders["dino"]), [edits])

    assert isinstance(as_source, Reading)
    assert as_reference == NotApplicable("the prompt has no picture in the role reference")


def test_a_reference_of_a_whole_batch_is_embedded_once(folders: dict[str, Path], tmp_path: Path, monkeypatch) -> None:
    made = scorer(folders["dino"])
    embedded: list[int] = []
    embed = made._embed
    monkeypatch.setattr(made, "_embed", lambda crops: embedded.append(len(crops)) or embed(crops))
    asks = [asked([one], references(), tmp_path) for one in pictures()]

    making.outcomes(made, asks, Pace(batch_size=16))

    assert embedded == [len(pictures()) + 2]


def test_a_picture_that_was_embedded_is_neither_decoded_nor_embedded_again(
    folders: dict[str, Path], tmp_path: Path, monkeypatch
) -> None:
    one = asked([making.scene(seed=1)], references(), tmp_path)
    film = making.filmed([making.scene(96, 64, seed) for seed in range(8)], tmp_path)
    named = [replace(file, digest=f"{place:064x}") for place, file in enumerate((*one.media, film))]
    roles = {
        "reference": tuple(
            replace(file, digest=f"{place + 9:064x}") for place, file in enumerate(one.roles["reference"])
        )
    }
    known = replace(one, media=tuple(named), roles=roles)
    first = making.outcomes(scorer(folders["dino"]), [known])
    for file in (*named, *roles["reference"]):
        file.path.unlink()

    again = making.outcomes(scorer(folders["dino"]), [known])
    other = making.outcomes(scorer(folders["dino"], pooling="patches"), [known])

    assert again == first
    assert isinstance(again[0], Reading)
    assert isinstance(other[0], ItemError)


# -- weights that do not fit ------------------------------------------------------------------------------------------


def test_another_model_or_another_size_is_refused(folders: dict[str, Path], tmp_path: Path) -> None:
    for kind, name, value, match in [
        ("dino", "config.json", {"model_type": "clip"}, "type “clip”"),
        ("dino", "preprocessor_config.json", {"size": 64}, r"makes \(64, 64\) pixels"),
        ("dinov2", "preprocessor_config.json", {"crop_size": 50}, r"makes \(50, 50\) pixels"),
        ("dinov2", "preprocessor_config.json", {"crop_size": 84}, "does not hold the crop"),
    ]:
        for file in folders[kind].iterdir():
            (tmp_path / file.name).write_bytes(file.read_bytes())
        path = tmp_path / name
        path.write_text(json.dumps({**json.loads(path.read_text()), **value}))

        with pytest.raises(ScorerUnavailable, match=match):
            scorer(tmp_path)


def test_the_identity_follows_weights_role_and_pooling(folders: dict[str, Path]) -> None:
    made = [
        scorer(folders["dino"]),
        scorer(folders["dinov2"]),
        scorer(folders["dino"], role="source"),
        scorer(folders["dino"], pooling="patches"),
        scorer(folders["dino"], precision="bfloat16"),
    ]

    assert len({one.identity_digest() for one in made}) == len(made)
