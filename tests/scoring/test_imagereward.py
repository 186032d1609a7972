"""`imagereward` against the original implementation on the same weights, and against mistakes that must be seen."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

from scoring.catalogue import CATALOGUE, build
from scoring.engine import Pace
from scoring.scorers import blip_model, blip_scorer, imagereward
from scoring.scorers.base import ItemError, NotApplicable, Reading, Scorer, ScorerUnavailable
from tests.scoring import language_weights, making

TINY = "imagereward_tiny.npz"
# Two implementations in float32, of other libraries and other years, differ by rounding; measured 1.2e-6.
TOLERANCE = 5e-6


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return language_weights.imagereward(tmp_path_factory.mktemp("imagereward"))


@pytest.fixture(scope="module")
def original() -> np.ndarray:
    """The original's scores, (prompts, pictures)."""
    return language_weights.fixture(TINY)[1]


@pytest.fixture(scope="module")
def prompts() -> list[str]:
    return language_weights.fixture(TINY)[0]["prompts"]


def scorer(folder: Path, **settings: str) -> Scorer[Any]:
    made = build("imagereward", {"source": str(folder), **settings})
    made.ready()
    return made


def our_scores(made: Scorer[Any], prompts: list[str], tmp_path: Path, batch: int = 7) -> np.ndarray:
    shown = [making.saved(picture, tmp_path) for picture in language_weights.pictures()]
    asked = [making.item(media, prompt_text=prompt) for prompt in prompts for media in shown]
    said = making.outcomes(made, asked, Pace(batch_size=batch, threads=0))
    assert [type(one) for one in said] == [Reading] * len(asked), said
    values = [one.results["imagereward"].value for one in said if isinstance(one, Reading)]
    return np.array(values).reshape(len(prompts), len(shown))


@pytest.mark.parity
def test_scores_equal_the_original_implementation(folder, original, prompts, tmp_path, agreement) -> None:
    ours = our_scores(scorer(folder), prompts, tmp_path)

    agreement("imagereward", "image-reward 1.5, transformers 4.46", "tiny", ours, original, tolerance=TOLERANCE)


def test_tokens_equal_the_original_tokenizer(folder, prompts) -> None:
    model = scorer(folder)._model  # type: ignore[attr-defined]

    ours = [model.tokens(prompt)[0] for prompt in prompts]

    assert ours == language_weights.fixture(TINY)[0]["tokens"]
    assert max(map(len, ours)) == 35


def test_the_released_pickle_gives_the_same_scores(folder, original, prompts, tmp_path) -> None:
    torch.save(load_file(folder / "ImageReward.safetensors"), tmp_path / "ImageReward.pt")
    for name in ("med_config.json", "vocab.txt"):
        (tmp_path / name).write_bytes((folder / name).read_bytes())

    assert np.abs(our_scores(scorer(tmp_path), prompts, tmp_path) - original).max() < TOLERANCE


# -- mistakes that must be seen ---------------------------------------------------------------------------------------


def disagreement(folder: Path, original: np.ndarray, prompts: list[str], tmp_path: Path) -> float:
    return float(np.abs(our_scores(scorer(folder), prompts, tmp_path) - original).max())


def test_without_a_mistake_there_is_no_disagreement(folder, original, prompts, tmp_path) -> None:
    assert disagreement(folder, original, prompts, tmp_path) < TOLERANCE


def test_the_epsilon_of_transformers_own_default_is_caught(folder, original, prompts, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(blip_model, "VISION_EPSILON", 1e-5)

    assert disagreement(folder, original, prompts, tmp_path) > 20 * TOLERANCE


def bilinear(picture: Image.Image, size: int) -> np.ndarray:
    scale = size / min(picture.size)
    width, height = (max(size, int(side * scale)) for side in picture.size)
    left, top = (width - size) // 2, (height - size) // 2
    resized = picture.resize((width, height), Image.Resampling.BILINEAR)
    return np.asarray(resized.crop((left, top, left + size, top + size)))


def squashed(picture: Image.Image, size: int) -> np.ndarray:
    return np.asarray(picture.resize((size, size), Image.Resampling.BICUBIC))


@pytest.mark.parametrize("wrong", [bilinear, squashed])
def test_a_wrong_resize_is_caught(wrong, folder, original, prompts, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(blip_scorer, "crop_for", wrong)

    assert disagreement(folder, original, prompts, tmp_path) > 20 * TOLERANCE


def test_a_wrong_normalisation_is_caught(folder, original, prompts, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(blip_model, "MEAN", (0.5, 0.5, 0.5))

    assert disagreement(folder, original, prompts, tmp_path) > 20 * TOLERANCE


def test_the_reading_mark_in_the_place_of_cls_is_caught(folder, original, prompts, tmp_path, monkeypatch) -> None:
    tokens = blip_model.BlipReward.tokens

    def replaced(self: Any, text: str) -> tuple[list[int], int]:
        found, cut = tokens(self, text)
        return [self._tokenizer.convert_tokens_to_ids("[ENC]"), *found[1:]], cut

    monkeypatch.setattr(blip_model.BlipReward, "tokens", replaced)

    assert disagreement(folder, original, prompts, tmp_path) > 20 * TOLERANCE


@pytest.mark.parametrize(("name", "value"), [("MEAN", 0.0), ("DEVIATION", 1.0)])
def test_a_wrong_scale_is_caught(name, value, folder, original, prompts, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(imagereward, name, value)

    assert disagreement(folder, original, prompts, tmp_path) > 20 * TOLERANCE


def test_a_text_read_without_its_mask_is_caught(folder, original, prompts, tmp_path, monkeypatch) -> None:
    read = blip_model.BlipReward._read
    monkeypatch.setattr(
        blip_model.BlipReward, "_read", lambda self, seen, ids, mask: read(self, seen, ids, torch.ones_like(mask))
    )

    assert disagreement(folder, original, prompts, tmp_path) > 20 * TOLERANCE


# -- batches, pictures, prompts ---------------------------------------------------------------------------------------


def test_scores_do_not_depend_on_the_batch_size(folder, prompts, tmp_path, monkeypatch) -> None:
    alone = our_scores(scorer(folder), prompts, tmp_path, batch=1)

    monkeypatch.setattr("scoring.scorers.several.PICTURES_AT_ONCE", 4)
    for batch in (3, 30):
        assert np.abs(our_scores(scorer(folder), prompts, tmp_path, batch=batch) - alone).max() < TOLERANCE


def test_a_picture_under_several_prompts_is_seen_once_in_a_batch(folder, prompts, tmp_path, monkeypatch) -> None:
    made = scorer(folder)
    seen: list[int] = []
    see = made._model.see  # type: ignore[attr-defined]
    monkeypatch.setattr(made._model, "see", lambda crops: (seen.append(len(crops)), see(crops))[1])  # type: ignore[attr-defined]

    our_scores(made, prompts, tmp_path, batch=30)

    assert seen == [len(language_weights.pictures())]


def test_a_sample_of_several_pictures_gets_the_mean_and_the_spread(folder, original, prompts, tmp_path) -> None:
    shown = [making.saved(picture, tmp_path) for picture in language_weights.pictures()]

    (said,) = making.outcomes(scorer(folder), [making.item(*shown, prompt_text=prompts[0])])

    assert isinstance(said, Reading)
    assert said.results["imagereward"].value == pytest.approx(original[0].mean(), abs=TOLERANCE)
    assert said.results["imagereward"].spread == pytest.approx(original[0].std(), abs=TOLERANCE)
    assert said.detail["values"] == pytest.approx(original[0], abs=TOLERANCE)


def test_a_video_gets_the_mean_over_its_frames(folder, tmp_path) -> None:
    film = making.filmed([making.scene(96, 96, seed=seed) for seed in range(8)], tmp_path)

    (said,) = making.outcomes(scorer(folder), [making.item(film, prompt_text="a fox")])

    assert isinstance(said, Reading)
    assert len(said.detail["values"]) == 8  # type: ignore[arg-type]
    assert said.results["imagereward"].value == pytest.approx(np.mean(said.detail["values"]))  # type: ignore[arg-type]


def test_cut_tokens_are_counted(folder, tmp_path) -> None:
    media = making.saved(making.scene(), tmp_path)
    asked = [making.item(media, prompt_text=text) for text in ("fox", "fox " * 33, "fox " * 34, "fox " * 100_000)]

    said = making.outcomes(scorer(folder), asked)

    details = [one.detail for one in said if isinstance(one, Reading)]
    counted = [(one["tokens"], one["tokens_cut"]) for one in details]
    assert counted == [(3, 0), (35, 0), (36, 1), (100_002, 99_967)]
    values = [one.results["imagereward"].value for one in said if isinstance(one, Reading)]
    assert values[1:] == pytest.approx([values[1]] * 3, abs=TOLERANCE)


def test_a_prompt_without_text_is_not_applicable_and_a_broken_picture_is_that_samples_error(folder, tmp_path) -> None:
    broken = making.saved(making.scene(), tmp_path, "broken.png")
    broken.path.write_bytes(broken.path.read_bytes()[:500])
    good = making.saved(making.scene(), tmp_path)
    asked = [making.item(media, prompt_text=text) for media, text in ((good, " "), (broken, "fox"), (good, "fox"))]

    said = making.outcomes(scorer(folder), asked)

    assert said[0] == NotApplicable("the prompt has no text")
    assert isinstance(said[1], ItemError)
    assert "broken.png" in said[1].reason
    assert isinstance(said[2], Reading)


@pytest.mark.parametrize("size", [(1, 1), (3000, 2), (1, 4000)])
def test_borderline_pictures_are_scored(size, folder, tmp_path) -> None:
    media = making.saved(Image.new("RGB", size, "red"), tmp_path)

    (said,) = making.outcomes(scorer(folder), [making.item(media, prompt_text="fox")])

    assert isinstance(said, Reading), said


def test_bfloat16_is_close_and_is_another_rater(folder, original, prompts, tmp_path) -> None:
    rough = scorer(folder, precision="bfloat16")

    found = our_scores(rough, prompts, tmp_path)

    assert 0 < np.abs(found - original).max() < 0.2
    assert rough.identity_digest() != scorer(folder).identity_digest()


# -- weights ----------------------------------------------------------------------------------------------------------


def test_the_card_states_the_four_published_numbers(shared: Path) -> None:
    published = CATALOGUE["imagereward"].published

    assert [one.value for one in published] == [
        0.5811622738838196,
        0.2745276093482971,
        -1.4131819009780884,
        -2.029569625854492,
    ]
    samples = [json.loads(line) for line in (shared / "data/imagereward/samples.jsonl").read_text().splitlines()]
    assert [(one.sample, one.prompt) for one in published] == [(s["media"][0], s["prompt"]) for s in samples]


def test_the_rater_is_its_weights_configuration_and_vocabulary_wherever_they_lie(folder, tmp_path) -> None:
    names = ("copy", "ImageReward.safetensors", "med_config.json", "vocab.txt")
    digests = []
    for name in names:
        changed = language_weights.imagereward(tmp_path / name)
        if name == "ImageReward.safetensors":
            state = load_file(changed / name)
            state["mlp.layers.7.bias"] += 1
            save_file(state, changed / name)
        elif name == "med_config.json":
            stated = json.loads((changed / name).read_text())
            (changed / name).write_text(json.dumps({**stated, "layer_norm_eps": 1e-5}))
        elif name == "vocab.txt":
            (changed / name).write_text((changed / name).read_text().replace("fox", "elk"))
        digests.append(build("imagereward", {"source": str(changed)}).identity_digest())

    assert digests[0] == build("imagereward", {"source": str(folder)}).identity_digest()
    assert len(set(digests)) == len(names)


def test_offline_one_sentence_says_what_to_do() -> None:
    with pytest.raises(ScorerUnavailable, match=r"zai-org/ImageReward@5736be03.* not on this machine .*“source”"):
        build("imagereward").ready()


def without(state: dict[str, torch.Tensor], name: str) -> dict[str, torch.Tensor]:
    return {one: tensor for one, tensor in state.items() if one != name}


@pytest.mark.parametrize(
    "name",
    [
        "blip.visual_encoder.pos_embed",
        "blip.visual_encoder.norm.bias",
        "blip.visual_encoder.blocks.1.mlp.fc1.weight",
        "blip.visual_encoder.blocks.0.mlp.fc1.weight",
        "blip.text_encoder.encoder.layer.1.crossattention.self.key.weight",
        "mlp.layers.4.bias",
    ],
)
def test_missing_tensors_are_refused(name, folder, tmp_path) -> None:
    made = language_weights.imagereward(tmp_path)
    save_file(without(load_file(folder / "ImageReward.safetensors"), name), made / "ImageReward.safetensors")

    with pytest.raises(ScorerUnavailable, match="do not fit this model") as caught:
        scorer(made)

    assert "ImageReward.safetensors" in str(caught.value)


@pytest.mark.parametrize(
    "name",
    [
        "surplus",
        "blip.visual_encoder.surplus",
        "blip.visual_encoder.blocks.0.surplus",
        "blip.text_encoder.encoder.layer.0.surplus.weight",
        "mlp.layers.9.weight",
    ],
)
def test_tensors_that_are_left_over_are_refused(name, folder, tmp_path) -> None:
    made = language_weights.imagereward(tmp_path)
    state = {**load_file(folder / "ImageReward.safetensors"), name: torch.ones(1)}
    save_file(state, made / "ImageReward.safetensors")

    with pytest.raises(ScorerUnavailable, match="do not fit this model"):
        scorer(made)


def test_a_tensor_of_another_shape_is_refused(folder, tmp_path) -> None:
    made = language_weights.imagereward(tmp_path)
    state = load_file(folder / "ImageReward.safetensors")
    for name in ("mlp.layers.7.weight", "blip.text_encoder.encoder.layer.0.output.dense.weight"):
        save_file({**state, name: state[name][:, :8].contiguous()}, made / "ImageReward.safetensors")
        with pytest.raises(ScorerUnavailable, match="do not fit this model"):
            scorer(made)


class Bomb:
    """What a hostile pickle would do when it is opened."""

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return (exec, ("raise SystemExit('the pickle was run')",))


def test_a_pickle_that_holds_more_than_tensors_is_refused(folder, tmp_path) -> None:
    for name in ("med_config.json", "vocab.txt"):
        (tmp_path / name).write_bytes((folder / name).read_bytes())
    (tmp_path / "ImageReward.pt").write_bytes(pickle.dumps(Bomb(), protocol=2))

    with pytest.raises(ScorerUnavailable, match="more than tensors"):
        scorer(tmp_path)


def test_a_vocabulary_of_another_model_is_refused(tmp_path) -> None:
    made = language_weights.imagereward(tmp_path)
    with (made / "vocab.txt").open("a") as file:
        file.write("superfluous\n")

    with pytest.raises(ScorerUnavailable, match=r"has 121 words .* but the model has 120\. Give the one of BERT"):
        scorer(made)


@pytest.mark.parametrize(("name", "words"), [("med_config.json", "no med_config.json"), ("vocab.txt", "bert-base-unc")])
def test_a_folder_without_a_file_says_which(name, words, tmp_path) -> None:
    made = language_weights.imagereward(tmp_path)
    (made / name).unlink()

    with pytest.raises(ScorerUnavailable, match=words):
        scorer(made)


def test_a_configuration_without_sizes_is_refused(tmp_path) -> None:
    made = language_weights.imagereward(tmp_path)
    (made / "med_config.json").write_text('{"vocab_size": 120}')

    with pytest.raises(ScorerUnavailable, match="states no hidden_size"):
        scorer(made)
