"""`cyclereward` against cyclereward 0.1.7 under libraries of its day, and against mistakes that must be seen."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from scoring.catalogue import build
from scoring.engine import Pace
from scoring.scorers import blip_model, blip_scorer, cyclereward, imagereward
from scoring.scorers.base import NotApplicable, Reading, Scorer, ScorerUnavailable
from tests.scoring import language_weights, making, preference_weights

TINY = "cyclereward_tiny.npz"
# Two implementations in float32, of other libraries and other years, differ by rounding; measured 2e-7.
TOLERANCE = 1e-6


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return preference_weights.make_cyclereward(tmp_path_factory.mktemp("cyclereward"))


@pytest.fixture(scope="module")
def original() -> np.ndarray:
    """The original's scores, (prompts, pictures)."""
    return language_weights.fixture(TINY)[1]


@pytest.fixture(scope="module")
def prompts() -> list[str]:
    return language_weights.fixture(TINY)[0]["prompts"]


def scorer(folder: Path, **settings: str) -> Scorer[Any]:
    made = build("cyclereward", {"source": str(folder), **settings})
    made.ready()
    return made


def our_scores(made: Scorer[Any], prompts: list[str], tmp_path: Path, batch: int = 7) -> np.ndarray:
    shown = [making.saved(picture, tmp_path) for picture in language_weights.pictures()]
    asked = [making.item(media, prompt_text=prompt) for prompt in prompts for media in shown]
    said = making.outcomes(made, asked, Pace(batch_size=batch, threads=0))
    assert [type(one) for one in said] == [Reading] * len(asked), said
    values = [one.results["cyclereward"].value for one in said if isinstance(one, Reading)]
    return np.array(values).reshape(len(prompts), len(shown))


@pytest.mark.parity
def test_scores_equal_the_original_implementation(folder, original, prompts, tmp_path, agreement) -> None:
    ours = our_scores(scorer(folder), prompts, tmp_path)

    agreement("cyclereward", "cyclereward 0.1.7, transformers 4.46", "tiny", ours, original, tolerance=TOLERANCE)


def test_tokens_equal_the_original_tokenizer_and_are_cut_at_128(folder, prompts, tmp_path) -> None:
    made = scorer(folder)

    ours = [made._model.tokens(prompt)[0] for prompt in prompts]  # type: ignore[attr-defined]

    assert ours == language_weights.fixture(TINY)[0]["tokens"]
    assert [len(one) for one in ours][-2:] == [62, 128]
    media = making.saved(language_weights.pictures()[0], tmp_path)
    (said,) = making.outcomes(made, [making.item(media, prompt_text=prompts[-1])])
    assert isinstance(said, Reading)
    assert (said.detail["tokens"], said.detail["tokens_cut"]) == (182, 54)


# -- mistakes that must be seen ---------------------------------------------------------------------------------------


def disagreement(folder: Path, original: np.ndarray, prompts: list[str], tmp_path: Path) -> float:
    return float(np.abs(our_scores(scorer(folder), prompts, tmp_path) - original).max())


@pytest.mark.parametrize("wrong", [{"is_bent": False}, {"longest": 35}])
def test_a_head_without_gelu_and_imagerewards_cut_are_caught(
    wrong, folder, original, prompts, tmp_path, monkeypatch
) -> None:
    monkeypatch.setattr(cyclereward.CycleReward, "kind", replace(cyclereward.CycleReward.kind, **wrong))

    assert disagreement(folder, original, prompts, tmp_path) > 20 * TOLERANCE


def test_imagerewards_mean_and_deviation_are_caught(folder, original, prompts, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(cyclereward.CycleReward, "value_of", imagereward.ImageReward.value_of)

    assert disagreement(folder, original, prompts, tmp_path) > 20 * TOLERANCE


def test_the_epsilon_of_transformers_own_default_is_caught(folder, original, prompts, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(blip_model, "VISION_EPSILON", 1e-5)

    assert disagreement(folder, original, prompts, tmp_path) > 5 * TOLERANCE


def test_a_squashed_picture_is_caught(folder, original, prompts, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(blip_scorer, "crop_for", lambda one, size: np.asarray(one.resize((size, size))))

    assert disagreement(folder, original, prompts, tmp_path) > 20 * TOLERANCE


def test_a_text_read_without_its_mask_is_caught(folder, original, prompts, tmp_path, monkeypatch) -> None:
    read = blip_model.BlipReward._read
    monkeypatch.setattr(
        blip_model.BlipReward, "_read", lambda self, seen, ids, mask: read(self, seen, ids, torch.ones_like(mask))
    )

    assert disagreement(folder, original, prompts, tmp_path) > 20 * TOLERANCE


# -- weights ----------------------------------------------------------------------------------------------------------


def test_the_released_pickle_gives_the_same_scores(original, prompts, tmp_path) -> None:
    made = preference_weights.make_cyclereward(tmp_path / "released", file="CycleReward-T2I.pth")

    assert disagreement(made, original, prompts, tmp_path) < TOLERANCE


def test_a_folder_with_several_models_is_refused(tmp_path) -> None:
    for file in ("CycleReward-Combo.pth", "CycleReward-I2T.pth"):
        preference_weights.make_cyclereward(tmp_path, file=file)

    with pytest.raises(ScorerUnavailable, match=r"several models .*Combo\.pth, CycleReward-I2T\.pth.*of its own"):
        scorer(tmp_path)


def test_the_same_model_in_both_forms_is_one_model(original, prompts, tmp_path) -> None:
    for file in ("CycleReward-Combo.pth", "CycleReward-Combo.safetensors"):
        preference_weights.make_cyclereward(tmp_path / "both", file=file)

    assert disagreement(tmp_path / "both", original, prompts, tmp_path) < TOLERANCE


def test_without_a_configuration_the_text_encoder_is_berts(folder, tmp_path) -> None:
    made = preference_weights.make_cyclereward(tmp_path)
    (made / "med_config.json").unlink()

    with pytest.raises(ScorerUnavailable, match="do not fit this model"):  # this one is smaller than BERT
        scorer(made)
    assert build("cyclereward", {"source": str(made)}).identity()["configuration"] == "BERT's"


def test_imagerewards_weights_are_refused(tmp_path) -> None:
    """The layers of its head stand elsewhere in the list."""
    made = language_weights.imagereward(tmp_path)
    (made / "ImageReward.safetensors").rename(made / "model.safetensors")

    with pytest.raises(ScorerUnavailable, match="do not fit this model"):
        scorer(made)


def test_missing_and_surplus_tensors_are_refused(folder, tmp_path) -> None:
    made = preference_weights.make_cyclereward(tmp_path)
    state = load_file(folder / "model.safetensors")
    for changed in (
        {name: one for name, one in state.items() if name != "mlp.layers.8.bias"},
        {**state, "mlp.layers.9.bias": torch.ones(1)},
        {**state, "surplus": torch.ones(1)},
    ):
        save_file(changed, made / "model.safetensors")
        with pytest.raises(ScorerUnavailable, match="do not fit this model"):
            scorer(made)


def test_nobody_guesses_the_weights() -> None:
    with pytest.raises(ScorerUnavailable, match=r"No commit of the weights of CycleReward .*CycleReward-Combo\.pth"):
        build("cyclereward").ready()


# -- batches and items ------------------------------------------------------------------------------------------------


def test_scores_do_not_depend_on_the_batch_size(folder, prompts, tmp_path) -> None:
    alone = our_scores(scorer(folder), prompts, tmp_path, batch=1)

    assert np.abs(our_scores(scorer(folder), prompts, tmp_path, batch=30) - alone).max() < TOLERANCE


def test_a_sample_of_several_pictures_gets_the_mean_and_one_without_a_prompt_nothing(
    folder, original, prompts, tmp_path
) -> None:
    shown = [making.saved(picture, tmp_path) for picture in language_weights.pictures()]

    said, silent = making.outcomes(
        scorer(folder), [making.item(*shown, prompt_text=prompts[0]), making.item(shown[0], prompt_text=" ")]
    )

    assert isinstance(said, Reading)
    assert said.results["cyclereward"].value == pytest.approx(original[0].mean(), abs=TOLERANCE)
    assert said.results["cyclereward"].spread == pytest.approx(original[0].std(), abs=TOLERANCE)
    assert silent == NotApplicable("the prompt has no text")
