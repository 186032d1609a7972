"""`videoreward` against the reference's own code on the same weights, and against mistakes that must be seen."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from curation.media.frames import frames_chosen
from scoring import decoding
from scoring.catalogue import build
from scoring.engine import Pace
from scoring.scorers import reward_token_state, reward_token_views
from scoring.scorers.base import ItemError, MediaFile, NotApplicable, Reading, Scorer, ScorerUnavailable
from scoring.scorers.reward_token_state import Adapter
from tests.scoring import making, reward_token_weights

TINY = "videoreward_tiny.npz"
# Adapters are merged here and run beside their layers there, over up to 3,000 tokens in float32; measured 1.1e-5.
TOLERANCE = 3e-5
CRITERIA = ("videoreward_visual", "videoreward_motion", "videoreward_alignment")


@pytest.fixture(scope="module")
def given(tmp_path_factory) -> dict[str, str]:
    return reward_token_weights.videoreward(tmp_path_factory.mktemp("videoreward"))


@pytest.fixture(scope="module")
def reference() -> np.ndarray:
    """Raw numbers of the reference, (videos × prompts, 3)."""
    return reward_token_weights.scores_of(TINY)


@pytest.fixture(scope="module")
def stated() -> dict[str, Any]:
    return reward_token_weights.stated_by(TINY)


def scorer(given: dict[str, str], **changes: str) -> Scorer[Any]:
    made = build("videoreward", {**given, **changes})
    made.ready()
    return made


def readings(made: Scorer[Any], stated: dict[str, Any]) -> list[Reading]:
    """Of each video under the first two prompts."""
    asked = [
        (making.item(prompt_text=prompt), video)
        for video in reward_token_weights.videos(stated)
        for prompt in stated["prompts"][:2]
    ]
    said = [made.score([item], [made.prepare(item, shown)])[0] for item, shown in asked]
    return [one for one in said if isinstance(one, Reading)]


def raw(made: Scorer[Any], stated: dict[str, Any]) -> np.ndarray:
    return np.array([one.detail["raw"][0] for one in readings(made, stated)])  # type: ignore[index]


def changed(tmp_path: Path, change: Callable[[dict[str, Any]], Any]) -> dict[str, str]:
    """Tiny weights whose `model_config.json` says something else."""
    given = reward_token_weights.videoreward(tmp_path)
    path = Path(given["source"]) / "model_config.json"
    whole = json.loads(path.read_text())
    change(whole)
    path.write_text(json.dumps(whole))
    return given


def resaved(tmp_path: Path, change: Callable[[dict[str, torch.Tensor]], Any]) -> dict[str, str]:
    """Tiny weights with other tensors in the file."""
    given = reward_token_weights.videoreward(tmp_path)
    path = Path(given["source"]) / "checkpoint-11352/model.pth"
    state = torch.load(path, weights_only=True)
    torch.save(change(state) or state, path)
    return given


@pytest.mark.parity
@pytest.mark.capability("C2")
def test_scores_equal_the_reference(given, reference, stated, agreement) -> None:
    ours = raw(scorer(given), stated)

    oracle = "hpsv3 1.0.0 with PEFT 0.13, transformers 4.46"
    agreement("videoreward", oracle, "tiny Qwen2-VL with adapters", ours, reference, tolerance=TOLERANCE)


def test_frames_tokens_and_pixels_equal_the_reference(given, stated) -> None:
    made: Any = scorer(given)
    item = making.item(prompt_text=stated["prompts"][0])
    shown = reward_token_weights.videos(stated)

    prepared = [made.prepare(item, video)[0] for video in shown]

    assert [video.numbers for video in shown] == stated["numbers"]
    assert list(prepared[0].question.tokens) == stated["tokens"]
    patches = made._model.sight.patches(prepared[0].views[0], torch.device("cpu"))
    assert [float(patches.double().sum()), *patches[::97, 5].tolist()] == pytest.approx(stated["pixels"], rel=1e-9)


def test_scores_are_deviations_from_the_stated_means_and_the_overall_is_their_sum(given, reference, stated) -> None:
    norms = stated["norms"]

    said = readings(scorer(given), stated)[0]

    expected = [
        (number - norms[f"{one}_mean"]) / norms[f"{one}_std"]
        for one, number in zip(("VQ", "MQ", "TA"), reference[0], strict=True)
    ]
    assert [said.results[one].value for one in CRITERIA] == pytest.approx(expected, abs=TOLERANCE)
    assert said.results["videoreward"].value == pytest.approx(sum(expected), abs=3 * TOLERANCE)
    assert said.detail["frames"] == [4]


def test_without_stated_norms_the_raw_numbers_are_the_scores(stated, tmp_path) -> None:
    made = scorer(changed(tmp_path, lambda whole: whole.pop("inference_config")))

    said = readings(made, stated)[0]

    assert [said.results[one].value for one in CRITERIA] == said.detail["raw"][0]  # type: ignore[index]
    assert made.identity()["scale"] == "raw"


def test_the_prompt_moves_its_own_section_alone(given, stated) -> None:
    """Attention is causal: what stands before the prompt cannot know it."""
    scores = raw(scorer(given), stated).reshape(3, 2, 3)

    np.testing.assert_array_equal(scores[:, 0, :2], scores[:, 1, :2])
    assert np.abs(scores[:, 0, 2] - scores[:, 1, 2]).min() > 0.05


def test_a_video_without_a_prompt_has_the_first_two_numbers_alone(given, tmp_path) -> None:
    film = making.filmed([making.scene(96, 64, seed=at) for at in range(6)], tmp_path)

    with_prompt, without = making.outcomes(
        scorer(given), [making.item(film, prompt_text="a fox"), making.item(film, prompt_text=" ")], Pace(threads=0)
    )

    assert set(without.results) == set(CRITERIA[:2])
    for criterion in CRITERIA[:2]:
        assert without.results[criterion].value == pytest.approx(with_prompt.results[criterion].value, abs=2e-6)


# -- mistakes ---------------------------------------------------------------------------------------------------------


def test_another_resize_of_frames_is_caught(given, reference, stated, monkeypatch) -> None:
    made: Any = scorer(given)
    for resample in (reward_token_views.PILLOW, reward_token_views.BYTES):
        monkeypatch.setattr(made._model, "sight", replace(made._model.sight, resample=resample))
        assert np.abs(raw(made, stated) - reference).max() > 20 * TOLERANCE


@pytest.mark.parametrize("wrong", [{"lora_alpha": 4}, {"use_rslora": True}])
def test_another_scale_of_the_adapters_is_caught(wrong, reference, stated, tmp_path) -> None:
    made = scorer(changed(tmp_path, lambda whole: whole["peft_lora_config"].update(wrong)))

    assert np.abs(raw(made, stated) - reference).max() > 0.1


def test_middles_of_equal_parts_in_the_place_of_both_ends_are_caught(given, reference, stated, monkeypatch) -> None:
    rule = reward_token_views.EvenFrames.__call__

    def middles(self: Any, frames: int, rate: Any) -> list[int]:
        count = len(rule(self, frames, rate))
        return [frames * (2 * part + 1) // (2 * count) for part in range(count)]

    monkeypatch.setattr(reward_token_views.EvenFrames, "__call__", middles)

    assert np.abs(raw(scorer(given), stated) - reference).max() > 20 * TOLERANCE


# -- the wording ------------------------------------------------------------------------------------------------------


def test_without_the_trained_wording_score_and_rater_say_so(stated, tmp_path) -> None:
    given = reward_token_weights.videoreward(tmp_path)
    (Path(given["source"]) / "videoreward_template.txt").unlink()
    own = scorer(given)

    assert readings(own, stated)[0].detail["template"] == "own wording, not the one the model was trained on"
    assert own.identity()["template_origin"] == "own wording, not the one the model was trained on"


def test_a_wording_whose_first_sections_could_see_the_prompt_is_refused(tmp_path) -> None:
    given = reward_token_weights.videoreward(tmp_path)
    words = "{prompt} <|VQ_reward|> <|MQ_reward|> <|TA_reward|>"
    (Path(given["source"]) / "videoreward_template.txt").write_text(words)

    with pytest.raises(ScorerUnavailable, match="the prompt must come after"):
        scorer(given)


# -- samples ----------------------------------------------------------------------------------------------------------


def film(tmp_path: Path, seed: int, frames: int = 6) -> Any:
    return making.filmed([making.scene(96, 64, seed=seed + at) for at in range(frames)], tmp_path)


def test_a_sample_of_several_videos_gets_the_mean_and_the_spread(given, tmp_path) -> None:
    films = [film(tmp_path, 1), film(tmp_path, 50)]
    asked = [making.item(*files, prompt_text="fox") for files in (films[:1], films[1:], films)]

    first, second, both = (one.results["videoreward"] for one in making.outcomes(scorer(given), asked))

    assert both.value == pytest.approx((first.value + second.value) / 2, abs=1e-5)
    assert both.spread == pytest.approx(abs(first.value - second.value) / 2, abs=1e-5)
    assert first.spread is None


def test_a_video_is_decoded_once_for_all_scorers_with_one_rule(given, tmp_path, monkeypatch) -> None:
    read: list[Path] = []

    def counted(path: Path, choose: Any) -> Any:
        read.append(path)
        return frames_chosen(path, choose)

    monkeypatch.setattr(decoding, "frames_chosen", counted)
    media = making.decoded(film(tmp_path, 1))
    item = making.item(prompt_text="fox")

    first, second = (scorer(given).prepare(item, media)[0] for _scorer in range(2))

    assert len(read) == 1
    assert first.views[0].key == second.views[0].key
    missing = making.decoded(MediaFile(tmp_path / "gone.webm", "video", 96, 64, duration_us=1))
    with pytest.raises(ValueError, match=r"the file gone\.webm is not in the media storage"):
        scorer(given).prepare(item, missing)


def test_a_picture_is_not_applicable_and_a_single_frame_that_samples_failure(given, tmp_path) -> None:
    picture = making.saved(making.scene(), tmp_path)

    still, single, good = making.outcomes(
        scorer(given),
        [making.item(media, prompt_text="fox") for media in (picture, film(tmp_path, 1, frames=1), film(tmp_path, 1))],
    )

    assert still == NotApplicable("the sample has no video")
    assert isinstance(single, ItemError)
    assert "too few frames (1)" in single.reason
    assert isinstance(good, Reading)


# -- weights and configuration ----------------------------------------------------------------------------------------


def test_the_checkpoint_with_the_highest_number_is_taken(given, tmp_path) -> None:
    more = reward_token_weights.videoreward(tmp_path)
    older = Path(more["source"]) / "checkpoint-9999"
    older.mkdir()
    (older / "model.pth").write_bytes(b"broken")

    assert scorer(more).identity_digest() == scorer(given).identity_digest()


def test_a_folder_without_checkpoints_is_refused(tmp_path) -> None:
    given = reward_token_weights.videoreward(tmp_path)
    (Path(given["source"]) / "checkpoint-11352").rename(Path(given["source"]) / "latest")

    with pytest.raises(ScorerUnavailable, match="no checkpoint-NUMBER"):
        scorer(given)


@pytest.mark.parametrize(
    ("section", "name", "value", "words"),
    [
        ("data_config", "sample_type", "multi_pts", "sample_type is multi_pts"),
        ("data_config", "eval_dim", ["VQ"], "eval_dim is"),
        ("data_config", "max_frame_pixels", "many", "“many” is no number"),
        ("data_config", "fps", None, "“None” is no number"),
        ("model_config", "output_dim", 4, "output_dim is 4"),
        ("model_config", "use_special_tokens", False, "use_special_tokens is False"),
        ("inference_config", "MQ_std", "1", "“1” is no number"),
    ],
)
def test_a_configuration_that_asks_for_something_else_is_refused(section, name, value, words, tmp_path) -> None:
    given = changed(tmp_path, lambda whole: whole[section].update({name: value}))

    with pytest.raises(ScorerUnavailable, match=words):
        scorer(given)


def test_a_stated_number_of_frames_or_area_is_another_rater(given, stated, tmp_path) -> None:
    four = scorer(changed(tmp_path / "frames", lambda whole: whole["data_config"].update(num_frames=6)))
    small = scorer(changed(tmp_path / "area", lambda whole: whole["data_config"].update(max_frame_pixels=110_000)))

    assert readings(four, stated)[0].detail["frames"] == [6]
    assert len({made.identity_digest() for made in (scorer(given), four, small)}) == 3


def test_adapters_are_stated_exactly_where_there_are_some(tmp_path) -> None:
    silent = changed(tmp_path / "silent", lambda whole: whole["peft_lora_config"].update(lora_enable=False))
    with pytest.raises(ScorerUnavailable, match="of which its configuration says nothing"):
        scorer(silent)

    without = resaved(tmp_path / "without", lambda state: {n: t for n, t in state.items() if "lora_" not in n})
    with pytest.raises(ScorerUnavailable, match="its configuration states adapters, and it has none"):
        scorer(without)


def test_an_adapter_of_another_rank_or_without_its_other_half_is_refused(tmp_path) -> None:
    with pytest.raises(ScorerUnavailable, match="at the stated rank 8"):
        scorer(changed(tmp_path / "rank", lambda whole: whole["peft_lora_config"].update(lora_r=8)))

    half = "base_model.model.model.layers.0.mlp.up_proj.lora_B.default.weight"
    with pytest.raises(ScorerUnavailable, match="is incomplete"):
        scorer(resaved(tmp_path / "half", lambda state: {n: t for n, t in state.items() if n != half}))


def test_an_adapted_layer_is_its_weight_and_the_scaled_product() -> None:
    torch.manual_seed(1)
    weight, down, up = torch.randn(6, 5), torch.randn(2, 5), torch.randn(6, 2)
    state = {
        "base_model.model.model.q.base_layer.weight": weight,
        "base_model.model.model.q.base_layer.bias": torch.ones(6),
        "base_model.model.model.q.lora_A.default.weight": down,
        "base_model.model.model.q.lora_B.default.weight": up,
        "base_model.model.visual.w": torch.ones(1),
        "base_model.model.rm_head.weight": torch.ones(1),
        "base_model.model.lm_head.weight": torch.ones(1),
    }

    parts = reward_token_state.parts_of(state, head="rm_head", origin=Path("x"), adapter=Adapter(8, 2))

    assert set(parts.body) == {"language_model.q.weight", "language_model.q.bias", "visual.w"}
    assert set(parts.head) == {"weight"}
    shown = torch.randn(3, 5)
    beside = shown @ weight.T + 4 * (shown @ down.T @ up.T)
    torch.testing.assert_close(shown @ parts.body["language_model.q.weight"].T, beside)


def test_a_tensor_without_a_place_is_refused(tmp_path) -> None:
    given = resaved(tmp_path, lambda state: {**state, "base_model.model.surplus": torch.ones(1)})

    with pytest.raises(ScorerUnavailable, match="nobody wants surplus"):
        scorer(given)
