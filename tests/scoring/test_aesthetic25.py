"""`aesthetic25` against timm's SigLIP and transformers', and against mistakes that must be seen."""

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
from scoring.scorers import aesthetic25, linear_head, picture_processor
from scoring.scorers.base import MediaFile, NotApplicable, Reading, Scorer, ScorerUnavailable
from tests.scoring import clip_weights, making, quality_weights

# isort: split
from transformers import SiglipVisionModel  # after quality_weights, which makes it importable

# Two implementations in float32 and five layers on a unit vector; measured below 1e-6.
TOLERANCE = 1e-5
WIDTH = 48


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """A whole SigLIP and, in the same folder, the head."""
    folder = tmp_path_factory.mktemp("aesthetic25")
    quality_weights.make_siglip(folder)
    quality_weights.save_v25_head(folder)
    return folder


@pytest.fixture(scope="module")
def features(folder: Path) -> torch.Tensor:
    """timm's pooled features, not normalised, of pictures seen through transformers' own processor."""
    tower = quality_weights.timm_tower(folder)
    seen = quality_weights.siglip_processor()(images=clip_weights.pictures(), return_tensors="pt")["pixel_values"]
    with torch.inference_mode():
        return tower(seen)


@pytest.fixture(scope="module")
def right(features: torch.Tensor) -> np.ndarray:
    return rated(features / features.norm(dim=-1, keepdim=True))


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> list[MediaFile]:
    folder = tmp_path_factory.mktemp("pictures")
    return [making.saved(picture, folder) for picture in clip_weights.pictures()]


def rated(features: torch.Tensor) -> np.ndarray:
    with torch.inference_mode():
        return quality_weights.v25_head(WIDTH)(features).squeeze(-1).numpy()


def scorer(folder: Path, **settings: str) -> Scorer[Any]:
    made = build("aesthetic25", {"source": str(folder), "head": str(folder), **settings})
    made.ready()
    return made


def our_scores(made: Scorer[Any], files: list[MediaFile], batch: int = 7) -> np.ndarray:
    said = making.outcomes(made, [making.item(file) for file in files], Pace(batch_size=batch, threads=0))
    assert [type(one) for one in said] == [Reading] * len(files), said
    return np.array([one.results["aesthetic25"].value for one in said if isinstance(one, Reading)])


@pytest.mark.parity
def test_scores_equal_timms_siglip_and_the_described_layers(folder: Path, files: Any, right: Any, agreement) -> None:
    ours = our_scores(scorer(folder), files)

    agreement("aesthetic25", "timm and the described layers", "tiny", ours, right, tolerance=TOLERANCE)


@pytest.mark.parity
def test_scores_equal_transformers_siglip(folder: Path, files: Any, agreement) -> None:
    tower = SiglipVisionModel.from_pretrained(folder).eval()
    features = quality_weights.pooled(tower, clip_weights.pictures())

    ours = our_scores(scorer(folder), files)

    theirs = rated(features / features.norm(dim=-1, keepdim=True))
    agreement("aesthetic25", "transformers and the described layers", "tiny", ours, theirs, tolerance=TOLERANCE)


# -- mistakes that must be seen ---------------------------------------------------------------------------------------


def test_embeddings_that_are_not_of_length_one_are_caught(features: torch.Tensor, right: np.ndarray) -> None:
    assert np.abs(rated(features) - right).max() > 1000 * TOLERANCE


def test_an_activation_between_the_layers_is_caught(folder: Path, features: torch.Tensor, monkeypatch) -> None:
    unit = torch.nn.functional.normalize(features, dim=-1)
    head = scorer(folder)._head  # type: ignore[attr-defined]
    plain = linear_head.rating(unit, head)
    linear = torch.nn.functional.linear
    monkeypatch.setattr(torch.nn.functional, "linear", lambda *given: torch.relu(linear(*given)))

    assert (linear_head.rating(unit, head) - plain).abs().max() > 1000 * TOLERANCE


def test_a_picture_that_is_cut_instead_of_squashed_is_caught(folder, files, right, monkeypatch) -> None:
    def cut(self: Any, picture: Image.Image) -> np.ndarray:
        side = min(picture.size)
        left, top = (picture.width - side) // 2, (picture.height - side) // 2
        middle = picture.crop((left, top, left + side, top + side))
        return np.asarray(middle.resize(self.shape, self.resample))

    monkeypatch.setattr(picture_processor.PictureProcessor, "crop_of", cut)

    assert np.abs(our_scores(scorer(folder), files) - right).max() > 100 * TOLERANCE


@pytest.mark.parametrize(
    ("name", "value"), [("resample", 2), ("image_mean", [0.48, 0.46, 0.41]), ("image_std", [0.27, 0.26, 0.28])]
)
def test_another_filter_or_normalisation_is_caught(name, value, folder, files, right, tmp_path) -> None:
    copied(folder, tmp_path)
    stated = json.loads((folder / "preprocessor_config.json").read_text())
    (tmp_path / "preprocessor_config.json").write_text(json.dumps({**stated, name: value}))

    assert np.abs(our_scores(scorer(tmp_path, head=str(folder)), files) - right).max() > 20 * TOLERANCE


def test_another_activation_of_the_encoder_is_caught(folder, files, right, tmp_path) -> None:
    copied(folder, tmp_path)
    stated = json.loads((folder / "config.json").read_text())
    stated["vision_config"]["hidden_act"] = "quick_gelu"
    (tmp_path / "config.json").write_text(json.dumps(stated))

    assert np.abs(our_scores(scorer(tmp_path, head=str(folder)), files) - right).max() > 100 * TOLERANCE


def copied(folder: Path, to: Path) -> None:
    for name in ("model.safetensors", "config.json", "preprocessor_config.json"):
        (to / name).write_bytes((folder / name).read_bytes())


# -- layouts ----------------------------------------------------------------------------------------------------------


def test_the_picture_tower_may_be_saved_alone_and_without_its_prefix(folder, files, right, tmp_path) -> None:
    stated = json.loads((folder / "config.json").read_text())
    alone = {**stated["vision_config"], "model_type": "siglip_vision_model"}
    state = load_file(folder / "model.safetensors")
    seen = {name: one for name, one in state.items() if name.startswith("vision_model.")}
    for place, tensors in enumerate((seen, {name.removeprefix("vision_model."): one for name, one in seen.items()})):
        made = tmp_path / str(place)
        made.mkdir()
        copied(folder, made)
        (made / "config.json").write_text(json.dumps(alone))
        save_file(tensors, made / "model.safetensors")

        assert our_scores(scorer(made, head=str(folder)), files) == pytest.approx(right, abs=TOLERANCE)


@pytest.mark.parametrize("before", ["scoring_head.", "layers.scoring_head."])
def test_the_head_may_be_a_file_or_a_folder_and_a_part_of_the_whole_model(before, folder, files, right, tmp_path):
    quality_weights.save_v25_head(tmp_path, before=before)

    for head in (tmp_path, tmp_path / quality_weights.HEAD_FILE):
        assert our_scores(scorer(folder, head=str(head)), files) == pytest.approx(right, abs=TOLERANCE)


def test_laions_head_is_refused(folder, tmp_path) -> None:
    clip_weights.save_head(tmp_path, WIDTH, name="head.pth")

    with pytest.raises(ScorerUnavailable, match=r"is no head of the aesthetic predictor v2\.5"):
        scorer(folder, head=str(tmp_path / "head.pth"))


def test_a_head_of_another_width_and_one_that_is_a_program_are_refused(folder, tmp_path) -> None:
    quality_weights.save_v25_head(tmp_path, 1152)
    with pytest.raises(ScorerUnavailable, match="made for embeddings of 1152 numbers, the encoder's have 48"):
        scorer(folder, head=str(tmp_path))
    torch.save(quality_weights.v25_head(WIDTH), tmp_path / "whole.pth")
    with pytest.raises(ScorerUnavailable, match="more than tensors"):
        scorer(folder, head=str(tmp_path / "whole.pth"))


def test_another_model_and_missing_or_surplus_tensors_are_refused(folder, tmp_path) -> None:
    copied(folder, tmp_path)
    state = load_file(folder / "model.safetensors")
    for changed in (
        {name: one for name, one in state.items() if not name.endswith("head.probe")},
        {**state, "vision_model.surplus": torch.ones(1)},
        {**state, "surplus": torch.ones(1)},
    ):
        save_file(changed, tmp_path / "model.safetensors")
        with pytest.raises(ScorerUnavailable, match="do not fit this model"):
            scorer(tmp_path, head=str(folder))
    (tmp_path / "config.json").write_text('{"model_type": "vit"}')
    with pytest.raises(ScorerUnavailable, match="of type “vit”; this scorer takes “siglip”"):
        scorer(tmp_path, head=str(folder))


def test_a_processor_of_another_size_than_the_models_is_refused(folder, tmp_path) -> None:
    copied(folder, tmp_path)
    quality_weights.siglip_processor(56).save_pretrained(tmp_path)

    with pytest.raises(ScorerUnavailable, match=r"makes \(56, 56\) pixels, but the model takes 42"):
        scorer(tmp_path, head=str(folder))


def test_each_missing_part_is_named(folder) -> None:
    with pytest.raises(ScorerUnavailable, match=r"setting “head” must name them.*aesthetic_predictor_v2_5\.pth"):
        build("aesthetic25", {"source": str(folder)}).ready()
    with pytest.raises(ScorerUnavailable, match="google/siglip-so400m-patch14-384@9fdffc58"):
        build("aesthetic25", {"head": str(folder)}).ready()


# -- the rater --------------------------------------------------------------------------------------------------------


def test_encoder_head_and_precision_make_the_rater(folder, tmp_path) -> None:
    state = torch.load(folder / quality_weights.HEAD_FILE, weights_only=True)
    torch.save({**state, "scoring_head.8.bias": torch.tensor([5.5])}, tmp_path / "other.pth")
    quality_weights.save_v25_head(tmp_path)

    def digest(**settings: str) -> str:
        return build("aesthetic25", {"source": str(folder), "head": str(folder), **settings}).identity_digest()

    assert digest() == digest(head=str(tmp_path))
    assert len({digest(), digest(head=str(tmp_path / "other.pth")), digest(precision="bfloat16")}) == 3


def test_bfloat16_is_close(folder, files, right) -> None:
    found = our_scores(scorer(folder, precision="bfloat16"), files)

    assert 0 < np.abs(found - right).max() < 0.5


def test_scores_do_not_depend_on_the_batch_size(folder, files) -> None:
    alone = our_scores(scorer(folder), files, batch=1)

    assert our_scores(scorer(folder), files, batch=7) == pytest.approx(alone, abs=TOLERANCE)


def test_a_picture_that_was_embedded_is_not_seen_again(folder, files, monkeypatch) -> None:
    made = scorer(folder)
    known = [replace(file, digest=f"{place:064x}") for place, file in enumerate(files)]
    first = our_scores(made, known)
    monkeypatch.setattr(made.encoder, "of_views", lambda views: pytest.fail("it was seen again"))  # type: ignore[attr-defined]

    assert (our_scores(made, known) == first).all()


def test_a_video_gets_the_mean_over_its_frames_and_text_samples_do_not_apply(folder, tmp_path) -> None:
    film = making.filmed([making.scene(96, 96, seed=seed) for seed in range(8)], tmp_path)

    said, text = making.outcomes(scorer(folder), [making.item(film), making.item(text="an answer")])

    assert isinstance(said, Reading)
    assert len(said.detail["scores"]) == 8  # type: ignore[arg-type]
    assert said.results["aesthetic25"].value == pytest.approx(np.mean(said.detail["scores"]))  # type: ignore[arg-type]
    assert isinstance(text, NotApplicable)


def test_the_card_says_whose_the_head_is_and_that_it_must_be_named() -> None:
    facts = CATALOGUE["aesthetic25"]

    assert "AGPL-3.0" in facts.weights_licence
    assert {one.name: one.default for one in facts.settings}["head"] == ""
    assert aesthetic25.__doc__ is not None
