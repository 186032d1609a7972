"""`unsafe` against transformers' processor and timm's transformer on the same random weights, and against mistakes."""

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

from scoring.catalogue import build
from scoring.engine import Pace
from scoring.scorers import picture_processor, unsafe
from scoring.scorers.base import Reading, Scorer, ScorerUnavailable
from tests.scoring import making, vision_oracle, vision_weights

# Two implementations in float32 through two layers; measured below 1e-7.
TOLERANCE = 2e-6


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("unsafe")
    vision_weights.make_classifier(folder)
    return folder


def scorer(folder: Path, **settings: str) -> Scorer[Any]:
    made = build("unsafe", {"source": str(folder), **settings})
    made.ready()
    return made


def pictures() -> list[Image.Image]:
    return [
        making.scene(100, 100, 1),
        making.scene(300, 170, 2),
        making.noise(170, 300, 3),
        making.scene(48, 48, 4),
        making.noise(30, 40, 5),  # smaller than the model's input
        making.scene(480, 64, 6),
        making.scene(201, 99, 7),
        making.noise(1, 90, 8),
    ]


def their_values(folder: Path, shown: list[Image.Image], processor: Any = None, column: int = 1) -> list[float]:
    """transformers' processor on Pillow, then timm's transformer."""
    processor = processor or vision_weights.classifier_processor()
    pixels = torch.cat([processor(images=one, return_tensors="pt")["pixel_values"] for one in shown])
    return vision_oracle.unsafe(vision_oracle.read(folder), pixels, column)


def our_values(made: Scorer[Any], shown: list[Image.Image], tmp_path: Path) -> list[float]:
    said = making.outcomes(made, [making.item(making.saved(one, tmp_path)) for one in shown], Pace(batch_size=3))
    return vision_oracle.values(said, "unsafe")


@pytest.mark.parity
@pytest.mark.capability("C1")
def test_probabilities_equal_timm_on_the_same_weights(folder: Path, tmp_path: Path, agreement) -> None:
    ours = our_values(scorer(folder), pictures(), tmp_path)

    agreement("unsafe", "timm", "tiny", ours, their_values(folder, pictures()), tolerance=TOLERANCE)


def test_several_labels_add_up(tmp_path: Path, agreement) -> None:
    vision_weights.make_classifier(tmp_path, labels=("neutral", "low", "medium", "high"))

    ours = our_values(scorer(tmp_path, labels="medium, high"), pictures(), tmp_path)

    parts = [their_values(tmp_path, pictures(), column=column) for column in (2, 3)]
    agreement("unsafe", "timm", "tiny, two labels", ours, np.sum(parts, axis=0), tolerance=TOLERANCE)


def test_hand_computed_softmax() -> None:
    logits = torch.log(torch.tensor([[1.0, 3.0], [0.9, 0.1]]))

    assert unsafe.unsafe_probability(logits, [1]).tolist() == pytest.approx([0.75, 0.1])
    assert unsafe.unsafe_probability(logits, [0, 1]).tolist() == pytest.approx([1.0, 1.0])
    assert unsafe.unsafe_probability(torch.tensor([[float("nan"), 0.0]]), [1]).isnan().all()


@pytest.mark.parametrize(
    "changed",
    [
        {"resample": 3},
        {"resample": 0},
        {"image_mean": [0.485, 0.456, 0.406], "image_std": [0.229, 0.224, 0.225]},
        {"do_center_crop": True, "size": {"height": 64, "width": 64}, "crop_size": {"height": 48, "width": 48}},
        {"size": {"shortest_edge": 48}, "do_center_crop": True, "crop_size": 48},
    ],
)
def test_the_processors_file_is_obeyed(changed: dict[str, Any], folder: Path, tmp_path: Path) -> None:
    """And what it says matters: the default processor gives other numbers."""
    copied(folder, tmp_path)
    path = tmp_path / "preprocessor_config.json"
    stated = {**json.loads(path.read_text()), **changed}
    path.write_text(json.dumps(stated))
    theirs = vision_weights.classifier_processor().__class__(**stated)

    ours = our_values(scorer(tmp_path), pictures(), tmp_path)

    assert ours == pytest.approx(their_values(folder, pictures(), theirs), abs=TOLERANCE)
    assert ours != pytest.approx(their_values(folder, pictures()), abs=100 * TOLERANCE)


def copied(folder: Path, to: Path) -> None:
    for file in folder.iterdir():
        (to / file.name).write_bytes(file.read_bytes())


# -- mistakes that must be seen ---------------------------------------------------------------------------------------


def disagreement(folder: Path, tmp_path: Path) -> float:
    ours = our_values(scorer(folder), pictures(), tmp_path)
    return float(np.abs(np.array(ours) - their_values(folder, pictures())).max())


def test_without_a_mistake_there_is_no_disagreement(folder: Path, tmp_path: Path) -> None:
    assert disagreement(folder, tmp_path) < TOLERANCE


@pytest.mark.parametrize(
    "wrong",
    [
        {"resample": Image.Resampling.BICUBIC},
        {"resample": Image.Resampling.NEAREST},
        {"mean": (0.485, 0.456, 0.406)},
        {"std": (0.229, 0.224, 0.225)},
        {"size": 48, "crop": (48, 48)},
        {"size": (54, 54), "crop": (48, 48)},
    ],
)
def test_a_wrong_preprocessing_is_caught(wrong: dict[str, Any], folder: Path, tmp_path: Path, monkeypatch) -> None:
    read = picture_processor.read
    monkeypatch.setattr(picture_processor, "read", lambda place: replace(read(place), **wrong))

    assert disagreement(folder, tmp_path) > 100 * TOLERANCE


def test_a_resize_without_antialiasing_is_caught(folder: Path, tmp_path: Path, monkeypatch) -> None:
    def tensor_resize(self: Any, picture: Image.Image) -> np.ndarray:
        tensor = torch.from_numpy(np.asarray(picture).copy()).permute(2, 0, 1)[None].float()
        resized = torch.nn.functional.interpolate(tensor, size=self.shape, mode="bilinear", antialias=False)
        return resized[0].round().byte().permute(1, 2, 0).numpy()

    monkeypatch.setattr(picture_processor.PictureProcessor, "crop_of", tensor_resize)

    assert disagreement(folder, tmp_path) > 100 * TOLERANCE


@pytest.mark.parametrize(("name", "value"), [("hidden_act", "relu"), ("layer_norm_eps", 0.01)])
def test_a_wrong_activation_or_epsilon_is_caught(name: str, value: Any, folder: Path, tmp_path: Path) -> None:
    copied(folder, tmp_path)
    path = tmp_path / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), name: value}))

    ours = our_values(scorer(tmp_path), pictures(), tmp_path)

    assert ours != pytest.approx(their_values(folder, pictures()), abs=100 * TOLERANCE)
    assert scorer(tmp_path).identity_digest() != scorer(folder).identity_digest()


# -- several pictures, frames -----------------------------------------------------------------------------------------


def test_of_several_pictures_the_worst_one_counts_and_is_named(folder: Path, tmp_path: Path) -> None:
    made = scorer(folder)
    alone = our_values(made, pictures(), tmp_path)

    (said,) = making.outcomes(made, [making.item(*(making.saved(one, tmp_path) for one in pictures()))])

    assert isinstance(said, Reading)
    assert said.results["unsafe"].value == pytest.approx(max(alone), abs=TOLERANCE)
    assert said.results["unsafe"].spread == pytest.approx(np.std(alone), abs=TOLERANCE)
    assert said.detail["worst"] == int(np.argmax(alone))
    assert said.detail["probabilities"] == pytest.approx(alone, abs=TOLERANCE)
    assert "worst_time_us" not in said.detail


def test_of_a_video_the_worst_frame_counts_with_its_time(folder: Path, tmp_path: Path) -> None:
    frames = [making.scene(96, 64, seed) for seed in range(16)]

    (said,) = making.outcomes(scorer(folder), [making.item(making.filmed(frames, tmp_path))])

    assert isinstance(said, Reading)
    probabilities = said.detail["probabilities"]
    assert len(probabilities) == unsafe.FRAMES
    assert said.results["unsafe"].value == max(probabilities)
    worst = said.detail["worst"]
    assert abs(said.detail["worst_time_us"] - (worst + 0.5) * 2_000_000 / 16) < 130_000


# -- weights that do not fit ------------------------------------------------------------------------------------------


def test_labels_the_model_does_not_have_are_refused_with_those_it_has(folder: Path) -> None:
    with pytest.raises(ScorerUnavailable, match=r"no label “porn”\. It has: normal, nsfw"):
        scorer(folder, labels="nsfw, porn")
    with pytest.raises(ScorerUnavailable, match="It has: normal, nsfw"):
        scorer(folder, labels=" ")


def test_another_model_or_processor_is_refused(folder: Path, tmp_path: Path) -> None:
    for name, value, match in [
        ("config.json", {"model_type": "swin"}, "type “swin”"),
        ("preprocessor_config.json", {"image_processor_type": "ConvNextImageProcessor"}, "ConvNextImageProcessor"),
        ("preprocessor_config.json", {"do_normalize": False}, "do_normalize is False"),
        ("preprocessor_config.json", {"rescale_factor": 1.0}, "rescale_factor is 1.0"),
        ("preprocessor_config.json", {"size": {"shortest_edge": 48}}, "no two inputs are alike"),
        ("preprocessor_config.json", {"size": {"height": 64, "width": 64}}, r"makes \(64, 64\) pixels"),
        ("preprocessor_config.json", {"resample": "bicubic"}, "no number"),
        ("preprocessor_config.json", {"image_mean": 0.5}, "three numbers"),
    ]:
        copied(folder, tmp_path)
        path = tmp_path / name
        path.write_text(json.dumps({**json.loads(path.read_text()), **value}))

        with pytest.raises(ScorerUnavailable, match=match):
            scorer(tmp_path)
    copied(folder, tmp_path)
    (tmp_path / "preprocessor_config.json").unlink()
    with pytest.raises(ScorerUnavailable, match="nobody knows how its model sees"):
        scorer(tmp_path)


@pytest.mark.parametrize("fault", ["missing", "left over", "another shape"])
def test_tensors_that_do_not_fit_are_refused_by_name(fault: str, folder: Path, tmp_path: Path) -> None:
    copied(folder, tmp_path)
    state = load_file(folder / "model.safetensors")
    if fault == "missing":
        del state["classifier.weight"]
    elif fault == "left over":
        state["adapter.weight"] = torch.zeros(3)
    else:
        state["classifier.weight"] = torch.zeros(5, 32)
    save_file(state, tmp_path / "model.safetensors")

    with pytest.raises(ScorerUnavailable, match="do not fit their configuration"):
        scorer(tmp_path)


def test_the_default_weights_are_pinned_and_their_absence_is_a_clear_sentence(monkeypatch) -> None:
    with pytest.raises(ScorerUnavailable, match=r"Falconsai/nsfw_image_detection@04367978.* are not on this machine"):
        build("unsafe").ready()


def test_the_identity_follows_labels_weights_and_precision(folder: Path, tmp_path: Path) -> None:
    vision_weights.make_classifier(tmp_path, seed=4)
    made = [
        scorer(folder),
        scorer(folder, labels="normal"),
        scorer(folder, precision="bfloat16"),
        scorer(tmp_path),
    ]

    assert len({one.identity_digest() for one in made}) == 4


def test_bfloat16_stays_near_float32(folder: Path, tmp_path: Path) -> None:
    exact = our_values(scorer(folder), pictures(), tmp_path)

    near = our_values(scorer(folder, precision="bfloat16"), pictures(), tmp_path)

    assert near != exact
    assert near == pytest.approx(exact, abs=0.05)
