"""`hpsv3` against the reference's own code on the same weights, and against mistakes that must be seen."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

from scoring.catalogue import build
from scoring.engine import Pace
from scoring.scorers import reward_token_model
from scoring.scorers.base import ItemError, NotApplicable, Reading, Scorer, ScorerUnavailable
from tests.scoring import language_weights, making, reward_token_weights

TINY = "hpsv3_tiny.npz"
# Two releases of a library in float32 differ by rounding; measured 6e-7.
TOLERANCE = 3e-6


@pytest.fixture(scope="module")
def given(tmp_path_factory) -> dict[str, str]:
    return reward_token_weights.hpsv3(tmp_path_factory.mktemp("hpsv3"))


@pytest.fixture(scope="module")
def reference() -> np.ndarray:
    """μ and log σ of the reference, (prompts, pictures, 2)."""
    return reward_token_weights.scores_of(TINY)


@pytest.fixture(scope="module")
def stated() -> dict[str, Any]:
    return reward_token_weights.stated_by(TINY)


def scorer(given: dict[str, str], **changes: str) -> Scorer[Any]:
    made = build("hpsv3", {**given, **changes})
    made.ready()
    return made


def readings(made: Scorer[Any], prompts: list[str], tmp_path: Path, batch: int = 7) -> list[Reading]:
    shown = [making.saved(picture, tmp_path) for picture in language_weights.pictures()]
    asked = [making.item(media, prompt_text=prompt) for prompt in prompts for media in shown]
    said = making.outcomes(made, asked, Pace(batch_size=batch, threads=0))
    assert [type(one) for one in said] == [Reading] * len(asked), said
    return [one for one in said if isinstance(one, Reading)]


def our_columns(made: Scorer[Any], prompts: list[str], tmp_path: Path, batch: int = 7) -> np.ndarray:
    results = [one.results["hpsv3"] for one in readings(made, prompts, tmp_path, batch)]
    columns = [(result.value, math.log(result.spread or 0)) for result in results]
    return np.array(columns).reshape(len(prompts), -1, 2)


@pytest.mark.parity
@pytest.mark.capability("C2")
def test_scores_equal_the_reference(given, reference, stated, tmp_path, agreement) -> None:
    ours = our_columns(scorer(given), stated["prompts"], tmp_path)

    size = "tiny Qwen2-VL"
    agreement("hpsv3", "hpsv3 1.0.0, transformers 4.46", size, ours[..., 0], reference[..., 0], tolerance=TOLERANCE)
    assert np.abs(ours[..., 1] - reference[..., 1]).max() < TOLERANCE


def test_tokens_and_pixels_equal_the_reference(given, stated) -> None:
    made: Any = scorer(given)
    picture = language_weights.pictures()[-1]
    item = making.item(prompt_text=stated["prompts"][1])

    (asked,) = made.prepare(item, reward_token_weights.Shown([picture]))

    assert list(asked.question.tokens) == stated["tokens"]
    patches = made._model.sight.patches(asked.views[0], torch.device("cpu"))
    found = [float(patches.double().sum()), *patches[::97, 5].tolist()]
    assert found == pytest.approx(stated["pixels"], rel=1e-9)


# -- mistakes ---------------------------------------------------------------------------------------------------------


def distance(ours: np.ndarray, reference: np.ndarray) -> float:
    return float(np.abs(ours[..., 0] - reference[: len(ours), :, 0]).max())


def test_positions_in_rows_and_columns_are_caught(reference, stated, tmp_path, monkeypatch) -> None:
    """The trap of these models: nothing warns, and the scores are others."""
    counted = reward_token_model.Family(
        reward_token_model.Qwen2VLConfig, reward_token_model.Qwen2VLModel, is_counted_along_a_line=False
    )
    monkeypatch.setitem(reward_token_model.FAMILIES, "qwen2_vl", counted)
    monkeypatch.setattr(reward_token_model, "_stated_sight", lambda found, _stated: found)
    given = reward_token_weights.hpsv3(tmp_path)
    (Path(given["base"]) / "preprocessor_config.json").write_text("{}")

    ours = our_columns(scorer(given), stated["prompts"][:1], tmp_path)

    assert distance(ours, reference) > 0.05


def test_exact_frequencies_in_the_place_of_rounded_ones_are_caught(
    given, reference, stated, tmp_path, monkeypatch
) -> None:
    monkeypatch.setattr(reward_token_model, "frequencies_rounded", lambda body: body)

    ours = our_columns(scorer(given), stated["prompts"][:1], tmp_path)

    assert distance(ours, reference) > 100 * TOLERANCE


@pytest.mark.parametrize("resample", [Image.Resampling.BILINEAR, Image.Resampling.LANCZOS])
def test_another_resize_is_caught(resample, given, reference, stated, tmp_path, monkeypatch) -> None:
    resize = Image.Image.resize
    monkeypatch.setattr(Image.Image, "resize", lambda image, size, *_arguments: resize(image, size, resample))

    ours = our_columns(scorer(given), stated["prompts"][:1], tmp_path)

    assert distance(ours, reference) > 100 * TOLERANCE


def test_the_state_of_another_token_is_caught(given, reference, stated, tmp_path, monkeypatch) -> None:
    made: Any = scorer(given)
    states = made._model.states

    def shifted(asked: list[Any]) -> torch.Tensor:
        moved = [
            type(one)(type(one.question)(one.question.tokens, (one.question.marks[0] - 1,)), one.views) for one in asked
        ]
        return states(moved)

    monkeypatch.setattr(made._model, "states", shifted)

    assert distance(our_columns(made, stated["prompts"][:1], tmp_path), reference) > 0.05


# -- the wording ------------------------------------------------------------------------------------------------------


def test_without_the_trained_wording_ours_is_asked_and_score_and_rater_say_so(given, stated, tmp_path) -> None:
    bare = reward_token_weights.hpsv3(tmp_path / "bare")
    (Path(bare["source"]) / "hpsv3_template.txt").unlink()
    own, trained = scorer(bare), scorer(given)

    said = readings(own, stated["prompts"][:1], tmp_path)[0]

    assert said.detail["template"] == "own wording, not the one the model was trained on"
    assert own.identity()["template_origin"] == said.detail["template"]
    assert trained.identity()["template_origin"] == "from the folder of the weights"
    assert trained.identity()["template"] == stated["wording"]
    assert own.identity_digest() != trained.identity_digest()


def test_the_wording_may_lie_in_a_folder_of_its_own(given, stated, tmp_path) -> None:
    bare = reward_token_weights.hpsv3(tmp_path / "bare")
    (Path(bare["source"]) / "hpsv3_template.txt").rename(tmp_path / "hpsv3_template.txt")

    assert scorer(bare, wording=str(tmp_path)).identity_digest() == scorer(given).identity_digest()


@pytest.mark.parametrize(
    ("words", "missing"),
    [
        ("How good? <|Reward|>", r"\{prompt\} once"),
        ("{prompt} {prompt} <|Reward|>", r"\{prompt\} once"),
        ("{prompt}", r"<\|Reward\|> once"),
        ("{prompt} <|Reward|> <|Reward|>", r"<\|Reward\|> once"),
    ],
)
def test_a_wording_without_prompt_or_token_is_refused(words, missing, tmp_path) -> None:
    given = reward_token_weights.hpsv3(tmp_path)
    (Path(given["source"]) / "hpsv3_template.txt").write_text(words)

    with pytest.raises(ScorerUnavailable, match=missing):
        scorer(given)


def test_a_wording_that_is_no_text_is_refused(tmp_path) -> None:
    given = reward_token_weights.hpsv3(tmp_path)
    (Path(given["source"]) / "hpsv3_template.txt").write_bytes(b"\xff\xfe{prompt}")

    with pytest.raises(ScorerUnavailable, match="no text in UTF-8"):
        scorer(given)


def test_marks_in_a_prompt_are_words(given, tmp_path) -> None:
    made: Any = scorer(given)
    prompt = "a fox <|Reward|> <|image_pad|> <|im_end|> {prompt} <|vision_start|>"

    (said,) = making.outcomes(made, [making.item(making.saved(making.scene(), tmp_path), prompt_text=prompt)])

    assert isinstance(said, Reading), said
    (asked,) = made.prepare(making.item(prompt_text=prompt), reward_token_weights.Shown([making.scene()]))
    plain = made._template.words.plain(prompt)
    assert len(plain) > 30
    assert asked.question.tokens.count(made._model.image) == asked.views[0].tokens
    assert [asked.question.tokens[place] for place in asked.question.marks] == made._template.words.marks


def test_a_prompt_longer_than_the_model_reads_is_that_samples_failure(given, tmp_path) -> None:
    media = making.saved(making.scene(), tmp_path)

    long, short = making.outcomes(
        scorer(given), [making.item(media, prompt_text="fox " * 5000), making.item(media, prompt_text="fox")]
    )

    assert isinstance(long, ItemError)
    assert "more than the 4096 the model reads" in long.reason
    assert isinstance(short, Reading)


# -- samples ----------------------------------------------------------------------------------------------------------


def test_scores_do_not_depend_on_the_batch_size(given, stated, tmp_path) -> None:
    made = scorer(given)

    alone = our_columns(made, stated["prompts"][:2], tmp_path, batch=1)

    found = our_columns(made, stated["prompts"][:2], tmp_path, batch=12)
    np.testing.assert_allclose(found, alone, atol=2e-6)


def test_equal_pictures_of_a_batch_are_looked_at_once(given, tmp_path, monkeypatch) -> None:
    made: Any = scorer(given)
    looked: list[int] = []
    visual = made._model.body.visual.forward

    def counted(patches: torch.Tensor, **options: Any) -> Any:
        looked.append(len(options["grid_thw"]))
        return visual(patches, **options)

    monkeypatch.setattr(made._model.body.visual, "forward", counted)
    media = [making.saved(making.scene(seed=seed), tmp_path) for seed in (1, 2)]

    making.outcomes(made, [making.item(one, prompt_text=text) for text in ("fox", "dog", "cat") for one in media])

    assert sum(looked) == 2


def test_a_sample_of_several_pictures_gets_the_mean_and_the_spread_of_both_kinds(given, tmp_path) -> None:
    media = [making.saved(making.scene(seed=seed), tmp_path) for seed in (1, 2)]
    asked = [making.item(*files, prompt_text="fox") for files in (media[:1], media[1:], media)]

    first, second, both = (one.results["hpsv3"] for one in making.outcomes(scorer(given), asked))

    assert both.value == pytest.approx((first.value + second.value) / 2)
    own = (first.spread**2 + second.spread**2) / 2
    assert both.spread == pytest.approx((own + ((first.value - second.value) / 2) ** 2) ** 0.5)


def test_a_prompt_without_text_is_not_applicable(given, tmp_path) -> None:
    (said,) = making.outcomes(scorer(given), [making.item(making.saved(making.scene(), tmp_path), prompt_text=" ")])

    assert said == NotApplicable("the prompt has no text")


def test_in_bfloat16_the_head_stays_in_float32_and_the_rater_is_another(given, reference, stated, tmp_path) -> None:
    rough: Any = scorer(given, precision="bfloat16")

    ours = our_columns(rough, stated["prompts"][:1], tmp_path)

    assert 0 < distance(ours, reference) < 0.1
    assert {weight.dtype for weight in rough._model.head.parameters()} == {torch.float32}
    assert {weight.dtype for weight in rough._model.body.parameters()} == {torch.bfloat16}
    assert rough.identity_digest() != scorer(given).identity_digest()
    assert 0 < rough.bytes_held() < scorer(given).bytes_held()


# -- weights ----------------------------------------------------------------------------------------------------------


def renamed(rename: Callable[[str], str], tmp_path: Path) -> dict[str, str]:
    given = reward_token_weights.hpsv3(tmp_path)
    path = Path(given["source"]) / "HPSv3.safetensors"
    save_file({rename(name): tensor for name, tensor in load_file(path).items()}, path)
    return given


def todays_name(name: str) -> str:
    if name.startswith("visual."):
        return f"model.{name}"
    return name.replace("model.", "model.language_model.", 1) if name.startswith("model.") else name


def test_weights_saved_under_todays_names_give_the_same_scores(given, reference, stated, tmp_path) -> None:
    ours = our_columns(scorer(renamed(todays_name, tmp_path / "new")), stated["prompts"][:1], tmp_path)

    assert distance(ours, reference) < TOLERANCE


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("model.embed_tokens.weight", "no embeddings of words"),
        ("model.layers.2.mlp.up_proj.weight", "language_model.layers.2.mlp.up_proj.weight"),
        ("model.layers.0.self_attn.q_proj.bias", "language_model.layers.0.self_attn.q_proj.bias"),
        ("visual.merger.mlp.2.bias", "visual.merger.mlp.2.bias"),
        ("model.norm.weight", "language_model.norm.weight"),
        ("rm_head.3.bias", "3.bias"),
    ],
)
def test_missing_tensors_are_refused(name, words, tmp_path) -> None:
    given = reward_token_weights.hpsv3(tmp_path)
    path = Path(given["source"]) / "HPSv3.safetensors"
    save_file({one: tensor for one, tensor in load_file(path).items() if one != name}, path)

    with pytest.raises(ScorerUnavailable, match=words) as caught:
        scorer(given)

    assert "HPSv3.safetensors" in str(caught.value)


@pytest.mark.parametrize("name", ["surplus", "model.surplus", "visual.blocks.9.norm1.weight", "rm_head.7.weight"])
def test_tensors_that_are_left_over_are_refused(name, tmp_path) -> None:
    given = reward_token_weights.hpsv3(tmp_path)
    path = Path(given["source"]) / "HPSv3.safetensors"
    save_file({**load_file(path), name: torch.ones(64)}, path)

    with pytest.raises(ScorerUnavailable, match="do not fit this model"):
        scorer(given)


@pytest.mark.parametrize("name", ["model.layers.1.mlp.gate_proj.weight", "rm_head.0.weight"])
def test_a_tensor_of_another_shape_is_refused(name, tmp_path) -> None:
    given = reward_token_weights.hpsv3(tmp_path)
    path = Path(given["source"]) / "HPSv3.safetensors"
    state = load_file(path)
    save_file({**state, name: state[name][:, :8].contiguous()}, path)

    with pytest.raises(ScorerUnavailable, match="do not fit this model"):
        scorer(given)


def test_adapters_that_nothing_is_said_about_are_refused(tmp_path) -> None:
    given = reward_token_weights.hpsv3(tmp_path)
    path = Path(given["source"]) / "HPSv3.safetensors"
    adapter = {f"model.layers.0.mlp.up_proj.lora_{side}.weight": torch.ones(2, 2) for side in "AB"}
    save_file({**load_file(path), **adapter}, path)

    with pytest.raises(ScorerUnavailable, match=r"it has adapters, such as that of model\.layers\.0\.mlp\.up_proj"):
        scorer(given)


def test_the_tokenizer_of_another_model_is_refused(tmp_path) -> None:
    given = reward_token_weights.hpsv3(tmp_path)
    words = Path(given["base"]) / "tokenizer.json"
    stated = json.loads(words.read_text())
    stated["added_tokens"].append({**stated["added_tokens"][-1], "id": 308, "content": "<|more|>"})
    words.write_text(json.dumps(stated))

    with pytest.raises(ScorerUnavailable, match=r"know 309 tokens, but the tokenizer .* has 310"):
        scorer(given)


@pytest.mark.parametrize(
    ("file", "content", "words"),
    [
        (
            "config.json",
            '{"model_type": "llava"}',
            "states the model “llava”; known are qwen2_vl, qwen2_5_vl, qwen3_vl",
        ),
        ("config.json", "[]", "no JSON object"),
        ("chat_template.json", "{}", "no chat template"),
        ("tokenizer.json", "{}", "holds no tokenizer"),
    ],
)
def test_a_base_that_is_none_is_refused(file, content, words, tmp_path) -> None:
    given = reward_token_weights.hpsv3(tmp_path)
    (Path(given["base"]) / file).write_text(content)

    with pytest.raises(ScorerUnavailable, match=words):
        scorer(given)


def test_the_base_may_lie_beside_the_weights(given, tmp_path) -> None:
    together = reward_token_weights.hpsv3(tmp_path)
    for file in Path(together["base"]).iterdir():
        file.rename(Path(together["source"]) / file.name)

    assert scorer(together, base="").identity_digest() == scorer(given).identity_digest()


def test_the_rater_is_its_weights_base_and_words_wherever_they_lie(given, tmp_path) -> None:
    digests = []
    for file in (
        "copy",
        "source/HPSv3.safetensors",
        "base/config.json",
        "base/tokenizer.json",
        "base/chat_template.json",
    ):
        changed = reward_token_weights.hpsv3(tmp_path / file.replace("/", "-"))
        path = Path(changed["source"]).parent / file
        if path.suffix == ".safetensors":
            state = load_file(path)
            state["rm_head.5.bias"] += 1
            save_file(state, path)
        elif path.is_file():
            path.write_text(path.read_text() + "\n")
        digests.append(build("hpsv3", changed).identity_digest())

    assert digests[0] == build("hpsv3", given).identity_digest()
    assert len(set(digests)) == 5
