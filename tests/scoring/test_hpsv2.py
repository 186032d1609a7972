"""`hpsv2` and `hpsv21` against the authors' own package, whose answers `fixtures/make_hpsv2.py` wrote down."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

import scoring.torch_setup  # noqa: F401 - before anything that imports torchvision

# isort: split
import open_clip
import torchvision.transforms.functional as transforms

from scoring.catalogue import build, facts_of
from scoring.scorers import clip_views, hpsv2
from scoring.scorers.base import MediaFile, Reading, Scorer, ScorerUnavailable
from scoring.scorers.clip_model import MEAN, STD, ClipModel
from scoring.scorers.clip_words import open_clip_words
from tests.scoring import clip_weights, making

FIXTURE = Path(__file__).with_name("fixtures") / "hpsv2.npz"
# The same operations in the same library, in other batches; measured below 3e-7.
TOLERANCE = 2e-6
FILES = {"hpsv2": "HPS_v2_compressed.pt", "hpsv21": "HPS_v2.1_compressed.pt"}


@pytest.fixture(scope="module")
def theirs() -> dict[str, Any]:
    with np.load(FIXTURE) as found:
        return dict(found)


@pytest.fixture(scope="module")
def state(theirs: dict[str, Any]) -> dict[str, torch.Tensor]:
    return clip_weights.by_name(json.loads(str(theirs["shapes"])))


@pytest.fixture(scope="module")
def folder(tmp_path_factory, theirs: dict[str, Any]) -> Path:
    """Both files, as their authors published them."""
    folder = tmp_path_factory.mktemp("hpsv2")
    for file in FILES.values():
        clip_weights.save_hpsv2(folder, json.loads(str(theirs["shapes"])), str(theirs["config"]), file)
    return folder


def shown(theirs: dict[str, Any]) -> list[Image.Image]:
    return [Image.fromarray(theirs[f"picture_{place}"]) for place in range(len(theirs["scores"]))]


@pytest.fixture(scope="module")
def files(theirs: dict[str, Any], tmp_path_factory) -> list[MediaFile]:
    folder = tmp_path_factory.mktemp("pictures")
    return [making.saved(picture, folder) for picture in shown(theirs)]


def scorer(name: str, folder: Path, **settings: str) -> Scorer[Any]:
    made = build(name, {"source": str(folder), **settings})
    made.ready()
    return made


def our_scores(made: Scorer[Any], files: list[MediaFile], prompts: list[str]) -> np.ndarray:
    asked = [making.item(file, prompt_text=text) for file in files for text in prompts]
    said = [one.results[made.name].value for one in making.outcomes(made, asked) if isinstance(one, Reading)]
    return np.array(said).reshape(len(files), len(prompts))


def spoken(theirs: dict[str, Any]) -> tuple[list[str], np.ndarray]:
    """The prompts that have words, and the authors' scores under them."""
    prompts = [str(prompt) for prompt in theirs["prompts"]]
    places = [place for place, prompt in enumerate(prompts) if prompt]
    return [prompts[place] for place in places], theirs["scores"][:, places]


@pytest.mark.parity
@pytest.mark.parametrize("name", FILES)
def test_scores_equal_the_authors_own_package(name: str, folder: Path, files: Any, theirs: Any, agreement) -> None:
    prompts, right = spoken(theirs)

    ours = our_scores(scorer(name, folder), files, prompts)

    agreement(name, "hpsv2 1.2.0", "tiny", ours, right, tolerance=TOLERANCE)


def test_an_empty_prompt_is_embedded_as_the_package_does(folder: Path, theirs: Any) -> None:
    encoder = scorer("hpsv2", folder).encoder  # type: ignore[attr-defined]
    place = [str(prompt) for prompt in theirs["prompts"]].index("")
    pictures = encoder.model.embed_pictures([hpsv2.square_for(one, 32) for one in shown(theirs)]).numpy()

    ours = pictures @ encoder.embed_texts([""])[0]

    assert np.abs(ours - theirs["scores"][:, place]).max() < TOLERANCE


def test_tokens_are_those_of_the_package(theirs: Any) -> None:
    ours = open_clip_words().ids([str(prompt) for prompt in theirs["prompts"]], 77)

    assert np.array_equal(ours, theirs["tokens"])
    assert theirs["tokens"][-1, -1] == 49407  # the longest prompt is cut and keeps its end


# -- preprocessing ----------------------------------------------------------------------------------------------------


def normalised(square: np.ndarray) -> np.ndarray:
    mean, std = (np.array(one, np.float32)[:, None, None] for one in (MEAN, STD))
    return (square - mean) / std


def test_pixels_equal_the_packages_transform(theirs: Any) -> None:
    for place, picture in enumerate(shown(theirs)):
        ours = normalised(hpsv2.square_for(picture, 32))

        assert np.abs(ours - theirs[f"seen_{place}"]).max() < 1e-6, picture.size


def reference_square(picture: Image.Image, size: int) -> np.ndarray:
    """Torchvision's own resize of the whole tensor, antialiased by name, then zeros around it."""
    tensor = transforms.to_tensor(picture)
    scale = size / max(picture.size)
    height, width = (max(1, round(side * scale)) for side in tensor.shape[1:])
    tensor = transforms.resize(tensor, [height, width], transforms.InterpolationMode.BICUBIC, antialias=True)
    left, top = (size - width) // 2, (size - height) // 2
    return transforms.pad(tensor, [left, top, size - width - left, size - height - top]).numpy()


@pytest.mark.parametrize("size", [(700, 500), (501, 700), (224, 224), (90, 61), (3000, 40), (1, 5), (1, 3000), (3, 2)])
def test_pixels_equal_torchvisions_tensor_resize_at_full_size(size: tuple[int, int]) -> None:
    picture = making.noise(*size, seed=sum(size))

    assert np.abs(hpsv2.square_for(picture, 224) - reference_square(picture, 224)).max() < 1e-6


@pytest.mark.parametrize("size", [(224, 100), (101, 224)])
def test_a_picture_whose_longer_side_fits_already_is_padded_and_not_resized(size: tuple[int, int]) -> None:
    picture = making.noise(*size, seed=1)

    square = hpsv2.square_for(picture, 224)

    left, top = (224 - size[0]) // 2, (224 - size[1]) // 2
    inside = square[:, top : top + size[1], left : left + size[0]]
    assert np.array_equal(inside, np.asarray(picture, np.float32).transpose(2, 0, 1) / np.float32(255))
    assert np.count_nonzero(square) == np.count_nonzero(inside)


def test_the_border_is_black_and_an_overshoot_stays(theirs: Any) -> None:
    stripes = shown(theirs)[-1]

    square = hpsv2.square_for(stripes, 32)

    assert square.min() < -0.01
    assert square.max() > 1.01
    assert not square[:, 0].any()


# -- mistakes that must be seen ---------------------------------------------------------------------------------------


def padded(image: torch.Tensor, size: int, fill: float = 0) -> np.ndarray:
    height, width = image.shape[1:]
    left, top = (size - width) // 2, (size - height) // 2
    return transforms.pad(image, [left, top, size - width - left, size - height - top], fill).numpy()


def resized(image: torch.Tensor, size: int, **options: Any) -> torch.Tensor:
    scale = size / max(image.shape[1:])
    sides = [max(1, round(side * scale)) for side in image.shape[1:]]
    return transforms.resize(image, sides, transforms.InterpolationMode.BICUBIC, **options)


def without_antialias(picture: Image.Image, size: int) -> np.ndarray:
    return padded(resized(transforms.to_tensor(picture), size, antialias=False), size)


def as_grey_levels(picture: Image.Image, size: int) -> np.ndarray:
    levels = resized(transforms.pil_to_tensor(picture), size, antialias=True)
    return padded(levels.float() / 255, size)


def by_pillow(picture: Image.Image, size: int) -> np.ndarray:
    scale = size / max(picture.size)
    sides = tuple(max(1, round(side * scale)) for side in picture.size)
    return padded(transforms.to_tensor(picture.resize(sides, Image.Resampling.BICUBIC)), size)


def clamped(picture: Image.Image, size: int) -> np.ndarray:
    return np.clip(hpsv2.square_for(picture, size), 0, 1)


def padded_after_normalising(picture: Image.Image, size: int) -> np.ndarray:
    """Zeros after normalisation are the mean colour before it."""
    image = resized(transforms.to_tensor(picture), size, antialias=True)
    border = padded(torch.ones_like(image), size) == 0
    return np.where(border, np.array(MEAN, np.float32)[:, None, None], padded(image, size))


def cropped(picture: Image.Image, size: int) -> np.ndarray:
    return clip_views.crop_for(picture, size).astype(np.float32).transpose(2, 0, 1) / 255


@pytest.mark.parametrize(
    "wrong", [without_antialias, as_grey_levels, by_pillow, clamped, padded_after_normalising, cropped]
)
def test_a_wrong_preprocessing_is_caught(wrong: Any, folder: Path, files: Any, theirs: Any, monkeypatch) -> None:
    prompts, right = spoken(theirs)
    made = scorer("hpsv2", folder)
    monkeypatch.setattr(made, "viewer", replace(made.viewer, view=wrong))

    difference = np.abs(our_scores(made, files, prompts) - right)

    assert difference.max() > 100 * TOLERANCE


def test_a_wrong_activation_is_caught(folder: Path, files: Any, theirs: Any, tmp_path: Path) -> None:
    config = {"model_cfg": {**json.loads(str(theirs["config"])), "quick_gelu": True}}
    (tmp_path / "open_clip_config.json").write_text(json.dumps(config))
    (tmp_path / FILES["hpsv2"]).write_bytes((folder / FILES["hpsv2"]).read_bytes())
    prompts, right = spoken(theirs)

    assert np.abs(our_scores(scorer("hpsv2", tmp_path), files, prompts) - right).max() > 100 * TOLERANCE


@pytest.mark.parametrize("scale", [100.0, 2.5])
def test_a_wrong_scale_is_caught(scale: float, folder: Path, files: Any, theirs: Any, monkeypatch) -> None:
    prompts, right = spoken(theirs)
    monkeypatch.setattr(hpsv2, "within_one", lambda cosine: scale * cosine)

    said = making.outcomes(
        scorer("hpsv2", folder), [making.item(file, prompt_text=text) for file in files for text in prompts]
    )

    # Beyond its stated range the engine refuses the number; within, it differs.
    for one, value in zip(said, right.reshape(-1), strict=True):
        assert not isinstance(one, Reading) or abs(one.results["hpsv2"].value - value) > 100 * TOLERANCE


# -- weights and raters -----------------------------------------------------------------------------------------------


def test_each_version_reads_its_own_file_and_is_a_rater_of_its_own(folder: Path, state: Any, tmp_path: Path) -> None:
    for name in ("open_clip_config.json", FILES["hpsv2"]):
        (tmp_path / name).write_bytes((folder / name).read_bytes())
    torch.save({"state_dict": {**state, "logit_scale": torch.tensor(3.0)}}, tmp_path / FILES["hpsv21"])

    first, second = (build(name, {"source": str(tmp_path)}).identity() for name in FILES)

    assert first["weights"] != second["weights"]
    assert first["preprocessing"] == second["preprocessing"]
    assert {first["scorer"], second["scorer"]} == set(FILES)


def test_a_folder_without_the_file_of_this_version_is_refused(folder: Path, tmp_path: Path) -> None:
    (tmp_path / FILES["hpsv2"]).write_bytes((folder / FILES["hpsv2"]).read_bytes())

    with pytest.raises(ScorerUnavailable, match=r"none of HPS_v2.1_compressed.safetensors, HPS_v2.1_compressed.pt"):
        scorer("hpsv21", tmp_path)


def test_safetensors_of_the_same_name_are_taken_first(
    folder: Path, files: Any, theirs: Any, state: Any, tmp_path
) -> None:
    (tmp_path / "open_clip_config.json").write_bytes((folder / "open_clip_config.json").read_bytes())
    (tmp_path / FILES["hpsv2"]).write_bytes(b"never opened")
    save_file(state, tmp_path / "HPS_v2_compressed.safetensors")
    prompts, right = spoken(theirs)

    assert np.abs(our_scores(scorer("hpsv2", tmp_path), files, prompts) - right).max() < TOLERANCE


def test_a_checkpoint_with_more_than_tensors_in_it_is_refused(folder: Path, state: Any, tmp_path: Path) -> None:
    (tmp_path / "open_clip_config.json").write_bytes((folder / "open_clip_config.json").read_bytes())
    torch.save({"state_dict": state, "code": torch.nn.Linear(1, 1)}, tmp_path / FILES["hpsv2"])

    with pytest.raises(ScorerUnavailable, match="more than tensors"):
        scorer("hpsv2", tmp_path)


def test_without_a_configuration_it_is_a_vit_h(tmp_path: Path) -> None:
    (tmp_path / FILES["hpsv2"]).write_bytes(b"")

    found = build("hpsv2", {"source": str(tmp_path)}).found  # type: ignore[attr-defined]

    stated = open_clip.get_model_config("ViT-H-14")
    assert found.config == {**stated, "quick_gelu": False}
    assert (found.image_size, found.activation) == (224, "gelu")


@pytest.mark.parametrize("name", FILES)
def test_offline_one_sentence_says_what_to_do(name: str) -> None:
    with pytest.raises(ScorerUnavailable, match="not on this machine and the Hub does not give them") as caught:
        build(name).ready()

    assert "xswu/HPSv2@697403c78157020a1ae59d23f111aa58ced35b0a" in str(caught.value)
    assert "setting “source”" in str(caught.value)


def test_half_precision_weights_are_computed_with_in_the_precision_asked_for(
    folder: Path, state: Any, tmp_path: Path
) -> None:
    (tmp_path / "open_clip_config.json").write_bytes((folder / "open_clip_config.json").read_bytes())
    halves = {name: one.half() for name, one in state.items()}
    torch.save({"state_dict": halves}, tmp_path / FILES["hpsv2"])

    model: ClipModel = scorer("hpsv2", tmp_path).encoder.model  # type: ignore[attr-defined]

    assert model.precision == "float32"
    assert {parameter.dtype for parameter in model._model.parameters()} == {torch.float32}


def test_cut_tokens_are_counted_and_a_video_gets_the_mean(folder: Path, tmp_path: Path) -> None:
    film = making.filmed([making.scene(96, 48, seed=seed) for seed in range(8)], tmp_path)

    (said,) = making.outcomes(scorer("hpsv21", folder), [making.item(film, prompt_text="fox " * 80)])

    assert isinstance(said, Reading)
    assert (said.detail["tokens"], said.detail["tokens_cut"]) == (82, 5)
    cosines = np.array(said.detail["cosine"])
    assert len(cosines) == 8
    assert said.results["hpsv21"].value == pytest.approx(cosines.mean())
    assert said.results["hpsv21"].spread == pytest.approx(cosines.std())


def test_the_formula_by_hand() -> None:
    assert hpsv2.within_one(0.288) == 0.288
    assert hpsv2.within_one(-1.0000002) == -1.0
    assert np.isnan(hpsv2.within_one(float("nan")))


def test_the_published_number_names_its_picture_and_prompt() -> None:
    (published,) = facts_of("hpsv21").published

    assert (published.sample, published.criterion, published.value) == ("demo_image.jpg", "hpsv21", 0.288)
    assert published.prompt == "A cat with two horns on its head"
