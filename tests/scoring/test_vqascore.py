"""`vqascore` against the original implementation on the same weights, and against mistakes that must be seen."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

from scoring.catalogue import build
from scoring.engine import Pace
from scoring.scorers import clip_t5_model, vqascore
from scoring.scorers.base import ItemError, NotApplicable, Reading, Scorer, ScorerUnavailable
from tests.scoring import language_weights, making

TINY = "vqascore_tiny.npz"
# Two implementations in float32, of other libraries and other years, on probabilities of a few hundredths.
TOLERANCE = 1e-6


@pytest.fixture(scope="module")
def given(tmp_path_factory) -> dict[str, str]:
    return language_weights.vqascore(tmp_path_factory.mktemp("vqascore"))


@pytest.fixture(scope="module")
def original() -> np.ndarray:
    """The original's scores, (prompts, pictures)."""
    return language_weights.fixture(TINY)[1]


@pytest.fixture(scope="module")
def prompts() -> list[str]:
    return language_weights.fixture(TINY)[0]["prompts"]


def scorer(given: dict[str, str], **changes: str) -> Scorer[Any]:
    made = build("vqascore", {**given, **changes})
    made.ready()
    return made


def readings(made: Scorer[Any], prompts: list[str], tmp_path: Path, batch: int = 7) -> list[Reading]:
    shown = [making.saved(picture, tmp_path) for picture in language_weights.pictures()]
    asked = [making.item(media, prompt_text=prompt) for prompt in prompts for media in shown]
    said = making.outcomes(made, asked, Pace(batch_size=batch, threads=0))
    assert [type(one) for one in said] == [Reading] * len(asked), said
    return [one for one in said if isinstance(one, Reading)]


def our_scores(made: Scorer[Any], prompts: list[str], tmp_path: Path, batch: int = 7) -> np.ndarray:
    values = [one.results["vqascore"].value for one in readings(made, prompts, tmp_path, batch)]
    return np.array(values).reshape(len(prompts), -1)


@pytest.mark.parity
def test_scores_equal_the_original_implementation(given, original, prompts, tmp_path, agreement) -> None:
    ours = our_scores(scorer(given), prompts, tmp_path)

    agreement("vqascore", "t2v-metrics 3.0, transformers 4.46", "tiny", ours, original, tolerance=TOLERANCE)


def test_tokens_around_the_picture_equal_the_original_tokenizer(given, prompts) -> None:
    made = scorer(given)
    stated = language_weights.fixture(TINY)[0]

    ours = [made._model.question(*made._around(prompt)) for prompt in prompts]  # type: ignore[attr-defined]

    assert ours == [(tokens, 0) for tokens in stated["tokens"]]
    assert made._label == stated["label"]  # type: ignore[attr-defined]


def test_the_score_is_the_root_of_yes_times_the_end_after_it(given, prompts, tmp_path) -> None:
    for one in readings(scorer(given), prompts[:1], tmp_path):
        ((yes, end),) = one.detail["probabilities"]  # type: ignore[misc,union-attr]
        assert one.results["vqascore"].value == pytest.approx(math.sqrt(yes * end))  # type: ignore[operator]


# -- mistakes that must be seen ---------------------------------------------------------------------------------------


def disagreement(given: dict[str, str], original: np.ndarray, prompts: list[str], tmp_path: Path) -> float:
    return float(np.abs(our_scores(scorer(given), prompts, tmp_path) - original).max())


def test_without_a_mistake_there_is_no_disagreement(given, original, prompts, tmp_path) -> None:
    assert disagreement(given, original, prompts, tmp_path) < TOLERANCE


def test_the_probability_of_yes_alone_is_caught(given, original, prompts, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(vqascore, "geometric_mean", lambda found: found[:, 0].exp())

    assert disagreement(given, original, prompts, tmp_path) > 100 * TOLERANCE


def test_keeping_cls_is_caught(given, original, prompts, tmp_path, monkeypatch) -> None:
    def kept(self: Any, crops: Any) -> torch.Tensor:
        seen = clip_t5_model.pixels(crops, mean=self.files.mean, std=self.files.std, device=self.device)
        return self._vision(pixel_values=seen, output_hidden_states=True).hidden_states[-2]

    monkeypatch.setattr(clip_t5_model.ClipT5, "_features", kept)

    assert disagreement(given, original, prompts, tmp_path) > 100 * TOLERANCE


def test_the_last_layer_in_the_place_of_the_one_before_is_caught(
    given, original, prompts, tmp_path, monkeypatch
) -> None:
    monkeypatch.setattr(clip_t5_model, "LAYER", -1)
    monkeypatch.setattr(clip_t5_model, "_check_architecture", lambda stated, path: None)

    assert disagreement(given, original, prompts, tmp_path) > 100 * TOLERANCE


def unpadded(picture: Image.Image, mean: Any) -> Image.Image:
    return picture


def padded_with_black(picture: Image.Image, mean: Any) -> Image.Image:
    return SQUARED(picture, (0.0, 0.0, 0.0))


SQUARED = clip_t5_model.squared


@pytest.mark.parametrize("wrong", [unpadded, padded_with_black])
def test_a_wrong_padding_is_caught(wrong, given, original, prompts, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(clip_t5_model, "squared", wrong)

    assert disagreement(given, original, prompts, tmp_path) > 100 * TOLERANCE


def test_a_wrong_resize_is_caught(given, original, prompts, tmp_path, monkeypatch) -> None:
    def bilinear(picture: Image.Image, size: int) -> np.ndarray:
        return np.asarray(picture.resize((size, size), Image.Resampling.BILINEAR))

    monkeypatch.setattr(clip_t5_model, "crop_for", bilinear)

    assert disagreement(given, original, prompts, tmp_path) > 100 * TOLERANCE


def test_another_activation_of_the_tower_is_caught(original, prompts, tmp_path) -> None:
    given = language_weights.vqascore(tmp_path)
    config = tmp_path / "vision" / "config.json"
    config.write_text(config.read_text().replace("quick_gelu", "gelu"))

    assert disagreement(given, original, prompts, tmp_path) > 100 * TOLERANCE


def test_an_output_layer_tied_to_the_embeddings_is_caught(original, prompts, tmp_path) -> None:
    given = language_weights.vqascore(tmp_path)
    path = tmp_path / "source" / "model.safetensors"
    state = load_file(path)
    save_file({**state, "lm_head.weight": state["shared.weight"].clone()}, path)

    assert disagreement(given, original, prompts, tmp_path) > 100 * TOLERANCE


def test_words_that_only_the_model_has_are_no_choice(given, original, prompts, tmp_path) -> None:
    """The original takes the rows beyond its tokenizer out of the last layer."""
    made = scorer(given)
    made._model._words = 192  # type: ignore[attr-defined]

    assert float(np.abs(our_scores(made, prompts, tmp_path) - original).max()) > 10 * TOLERANCE


# -- the question -----------------------------------------------------------------------------------------------------


def test_without_the_models_own_template_the_score_and_the_rater_say_whose_words_were_asked(
    given, prompts, tmp_path
) -> None:
    own = scorer({**given, "template": ""})

    (one, *_rest) = readings(own, prompts[:1], tmp_path)

    assert one.detail["template"] == "own wording, not the one the model was trained on"
    assert own.identity()["template"] == vqascore.OWN_TEMPLATE
    assert own.identity()["template_origin"] == one.detail["template"]


def test_the_template_beside_the_weights_is_asked_and_makes_another_rater(tmp_path) -> None:
    given = {**language_weights.vqascore(tmp_path), "template": ""}
    own = build("vqascore", given).identity_digest()
    (tmp_path / "source" / clip_t5_model.TEMPLATE).write_text("<image>\nSnow and {prompt}? Yes or no.")

    trained = scorer(given)

    (one, *_rest) = readings(trained, ["a fox"], tmp_path)
    assert one.detail["template"] == "from the folder of the weights"
    assert trained.identity()["template"] == "<image>\nSnow and {prompt}? Yes or no."
    assert trained.identity_digest() != own


@pytest.mark.parametrize("template", ["{prompt}", "<image> ?", "<image><image> {prompt}"])
def test_a_template_without_its_marks_is_refused(template, given) -> None:
    with pytest.raises(ScorerUnavailable, match=r"must hold (<image>|\{prompt\}) once"):
        scorer(given, template=template)


def test_marks_in_a_prompt_are_words(given, tmp_path) -> None:
    media = making.saved(making.scene(), tmp_path)
    asked = [making.item(media, prompt_text=text) for text in ("a <image> fox", "{prompt}", "a {b} fox")]

    said = making.outcomes(scorer(given), asked)

    assert [type(one) for one in said] == [Reading] * 3, said


def test_a_huge_prompt_is_cut_at_2048_tokens_and_the_cut_is_counted(given, tmp_path) -> None:
    media = making.saved(making.scene(), tmp_path)
    asked = [making.item(media, prompt_text=text) for text in ("fox", "a fox " * 50_000)]

    short, long = making.outcomes(scorer(given), asked)

    assert isinstance(short, Reading)
    assert isinstance(long, Reading)
    assert short.detail["tokens_cut"] == 0
    assert long.detail["tokens"] - long.detail["tokens_cut"] == 2048  # type: ignore[operator]


def test_a_prompt_without_text_is_not_applicable_and_a_broken_picture_is_that_samples_error(given, tmp_path) -> None:
    broken = making.saved(making.scene(), tmp_path, "broken.png")
    broken.path.write_bytes(broken.path.read_bytes()[:500])
    good = making.saved(making.scene(), tmp_path)
    asked = [making.item(media, prompt_text=text) for media, text in ((good, ""), (broken, "fox"), (good, "fox"))]

    said = making.outcomes(scorer(given), asked)

    assert said[0] == NotApplicable("the prompt has no text")
    assert isinstance(said[1], ItemError)
    assert "broken.png" in said[1].reason
    assert isinstance(said[2], Reading)


# -- batches and pictures ---------------------------------------------------------------------------------------------


def test_scores_do_not_depend_on_the_batch_size(given, prompts, tmp_path, monkeypatch) -> None:
    alone = our_scores(scorer(given), prompts, tmp_path, batch=1)

    monkeypatch.setattr("scoring.scorers.several.PICTURES_AT_ONCE", 4)
    for batch in (3, 30):
        assert np.abs(our_scores(scorer(given), prompts, tmp_path, batch=batch) - alone).max() < TOLERANCE


def test_a_picture_under_several_prompts_is_seen_once_in_a_batch(given, prompts, tmp_path, monkeypatch) -> None:
    made = scorer(given)
    seen: list[int] = []
    see = made._model.see  # type: ignore[attr-defined]
    monkeypatch.setattr(made._model, "see", lambda crops: (seen.append(len(crops)), see(crops))[1])  # type: ignore[attr-defined]

    our_scores(made, prompts[:3], tmp_path, batch=18)

    assert seen == [len(language_weights.pictures())]


def test_a_sample_of_several_pictures_gets_the_mean_and_the_spread(given, original, prompts, tmp_path) -> None:
    shown = [making.saved(picture, tmp_path) for picture in language_weights.pictures()]

    (said,) = making.outcomes(scorer(given), [making.item(*shown, prompt_text=prompts[0])])

    assert isinstance(said, Reading)
    assert said.results["vqascore"].value == pytest.approx(original[0].mean(), abs=TOLERANCE)
    assert said.results["vqascore"].spread == pytest.approx(original[0].std(), abs=TOLERANCE)


def test_items_of_like_length_share_a_batch(given, tmp_path) -> None:
    made = scorer(given)
    media = making.saved(making.scene(), tmp_path)

    prepared = [made.prepare(making.item(prompt_text=text), making.decoded(media)) for text in ("fox", "a fox " * 9)]

    assert made.length(prepared[0]) < made.length(prepared[1])


@pytest.mark.parametrize("size", [(1, 1), (100_000, 1), (1, 5000)])
def test_borderline_pictures_are_padded_within_bounds(size) -> None:
    square = clip_t5_model.squared(Image.new("RGB", size, "red"), (0.5, 0.5, 0.5))

    assert square.width == square.height == min(max(size), 4096)
    assert square.getpixel(((square.width - 1) // 2, (square.height - 1) // 2)) == (255, 0, 0)


# -- weights ----------------------------------------------------------------------------------------------------------


def test_weights_in_parts_and_in_the_older_format_give_the_same_scores(given, original, prompts, tmp_path) -> None:
    made = language_weights.vqascore(tmp_path)
    source = tmp_path / "source"
    state = load_file(source / "model.safetensors")
    (source / "model.safetensors").unlink()
    names = sorted(state)
    parts = {"pytorch_model-1-of-2.bin": names[::2], "pytorch_model-2-of-2.bin": names[1::2]}
    for file, held in parts.items():
        torch.save({name: state[name] for name in held}, source / file)
    index = {"weight_map": {name: file for file, held in parts.items() for name in held}}
    (source / "pytorch_model.bin.index.json").write_text(json.dumps(index))

    assert np.abs(our_scores(scorer(made), prompts[:1], tmp_path) - original[:1]).max() < TOLERANCE
    digest = build("vqascore", made).identity_digest()
    torch.save({name: state[name] + 1 for name in names[1::2]}, source / "pytorch_model-2-of-2.bin")
    assert build("vqascore", made).identity_digest() != digest
    (source / "pytorch_model-2-of-2.bin").unlink()
    with pytest.raises(ScorerUnavailable, match=r"lists pytorch_model-2-of-2\.bin, which is not in its folder"):
        scorer(made)


@pytest.mark.parametrize(
    "name",
    [
        "vision_tower.vision_tower.vision_model.pre_layrnorm.bias",
        "mm_projector.2.bias",
        "lm_head.weight",
        "shared.weight",
        "decoder.block.1.layer.1.EncDecAttention.k.weight",
    ],
)
def test_missing_tensors_are_refused(name, tmp_path) -> None:
    given = language_weights.vqascore(tmp_path)
    path = tmp_path / "source" / "model.safetensors"
    save_file({one: tensor for one, tensor in load_file(path).items() if one != name}, path)

    with pytest.raises(ScorerUnavailable, match="do not fit this model"):
        scorer(given)


@pytest.mark.parametrize(
    "name", ["surplus", "mm_projector.4.weight", "vision_tower.vision_tower.vision_model.surplus", "decoder.surplus"]
)
def test_tensors_that_are_left_over_are_refused(name, tmp_path) -> None:
    given = language_weights.vqascore(tmp_path)
    path = tmp_path / "source" / "model.safetensors"
    save_file({**load_file(path), name: torch.ones(1)}, path)

    with pytest.raises(ScorerUnavailable, match="do not fit this model"):
        scorer(given)


def test_embeddings_that_differ_from_themselves_are_refused(tmp_path) -> None:
    given = language_weights.vqascore(tmp_path)
    path = tmp_path / "source" / "model.safetensors"
    state = load_file(path)
    state["encoder.embed_tokens.weight"] += 1
    save_file(state, path)

    with pytest.raises(ScorerUnavailable, match=r"encoder\.embed_tokens\.weight is not shared\.weight"):
        scorer(given)


@pytest.mark.parametrize(
    ("file", "change", "words"),
    [
        ("source/config.json", {"mm_projector_type": "linear"}, "no CLIP-FlanT5: mm_projector_type"),
        ("source/config.json", {"model_type": "t5"}, "no CLIP-FlanT5: model_type"),
        ("source/config.json", {"mm_vision_select_layer": -1}, "mm_vision_select_layer"),
        ("vision/preprocessor_config.json", {"resample": 2}, "another preprocessing"),
        ("vision/preprocessor_config.json", {"crop_size": 224}, "another preprocessing"),
        ("vision/preprocessor_config.json", {"image_mean": None}, "no image_mean"),
        ("vision/config.json", {"vision_config": {}}, "states no hidden_size"),
        ("source/config.json", {"vocab_size": 60}, "but the model has 60"),
    ],
)
def test_another_model_or_preprocessing_is_refused(file, change, words, tmp_path) -> None:
    given = language_weights.vqascore(tmp_path)
    stated = json.loads((tmp_path / file).read_text())
    (tmp_path / file).write_text(json.dumps({**stated, **change}))

    with pytest.raises(ScorerUnavailable, match=words):
        scorer(given)


def test_offline_one_sentence_says_what_to_do() -> None:
    with pytest.raises(ScorerUnavailable, match=r"zhiqiulin/clip-flant5-xl@3b4a6b1b.* not on this machine .*“source”"):
        build("vqascore").ready()


def test_the_rater_is_its_weights_tower_words_and_precision_wherever_they_lie(given, tmp_path) -> None:
    copy = language_weights.vqascore(tmp_path)
    first = build("vqascore", given).identity_digest()
    assert build("vqascore", copy).identity_digest() == first
    assert build("vqascore", {**copy, "precision": "bfloat16"}).identity_digest() != first
    config = tmp_path / "vision" / "config.json"
    config.write_text(config.read_text().replace("quick_gelu", "gelu"))
    assert build("vqascore", copy).identity_digest() != first
