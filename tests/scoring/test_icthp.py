"""`ict` and `hp` against transformers' CLIP and processor and the described head, and against mistakes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from scoring.catalogue import CATALOGUE, build
from scoring.engine import Pace
from scoring.scorers import clip_scorer, clip_words, icthp
from scoring.scorers.base import ItemError, MediaFile, NotApplicable, Reading, Scorer, ScorerUnavailable
from tests.scoring import clip_weights, making, preference_weights

# Cosines of two implementations in float32; measured 5e-7. HP's logits lie within a few units, and a sigmoid shrinks.
TOLERANCE = 2e-6
PROMPTS = [prompt for prompt in clip_weights.PROMPTS if prompt]


@pytest.fixture(scope="module")
def ict_folder(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("ict")
    preference_weights.make_ict(folder)
    return folder


@pytest.fixture(scope="module")
def hp_folder(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("hp")
    preference_weights.make_hp(folder)
    return folder


def oracle(folder: Path) -> Any:
    return clip_weights.CLIPModel.from_pretrained(folder).eval()


@pytest.fixture(scope="module")
def right_cosines(ict_folder: Path) -> np.ndarray:
    """(pictures, prompts)"""
    model = oracle(ict_folder)
    return clip_weights.cosine_table(model, clip_weights.pictures(), clip_weights.open_clip_ids(PROMPTS))


@pytest.fixture(scope="module")
def features(hp_folder: Path) -> torch.Tensor:
    """transformers' embeddings of the pictures, of the length the model gives them."""
    model = oracle(hp_folder / "hp_backbone")
    return clip_weights.embedded(model, clip_weights.pictures(), clip_weights.open_clip_ids([""]))[0]


def preferred(features: torch.Tensor) -> np.ndarray:
    with torch.inference_mode():
        return preference_weights.hp_head()(features).sigmoid().squeeze(-1).numpy()


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> list[MediaFile]:
    folder = tmp_path_factory.mktemp("pictures")
    return [making.saved(picture, folder) for picture in clip_weights.pictures()]


def scorer(name: str, folder: Path, **settings: str) -> Scorer[Any]:
    made = build(name, {"source": str(folder), **settings})
    made.ready()
    return made


def our_scores(made: Scorer[Any], files: list[MediaFile], prompts: list[str] | None = None) -> np.ndarray:
    asked = [making.item(file, prompt_text=text) for file in files for text in prompts or [""]]
    said = making.outcomes(made, asked, Pace(batch_size=5, threads=0))
    assert [type(one) for one in said] == [Reading] * len(asked), said
    values = [one.results[made.name].value for one in said if isinstance(one, Reading)]
    return np.array(values).reshape(len(files), -1)


@pytest.mark.parity
def test_ict_equals_transformers_cosine(ict_folder, files, right_cosines, agreement) -> None:
    ours = our_scores(scorer("ict", ict_folder), files, PROMPTS)

    agreement("ict", "transformers", "tiny", ours, right_cosines, tolerance=TOLERANCE)


@pytest.mark.parity
def test_hp_equals_transformers_embeddings_and_the_described_head(hp_folder, files, features, agreement) -> None:
    ours = our_scores(scorer("hp", hp_folder), files)[:, 0]

    agreement("hp", "transformers and the described layers", "tiny", ours, preferred(features), tolerance=TOLERANCE)


# -- mistakes that must be seen ---------------------------------------------------------------------------------------


def test_embeddings_of_length_one_are_caught_where_hp_wants_their_own(hp_folder, files, features, monkeypatch) -> None:
    right = preferred(features)
    unit = preferred(features / features.norm(dim=-1, keepdim=True))
    assert np.abs(unit - right).max() > 1000 * TOLERANCE
    monkeypatch.setattr(icthp.Hp, "encoder_class", clip_scorer.ClipEncoder)

    assert our_scores(scorer("hp", hp_folder), files)[:, 0] == pytest.approx(unit, abs=TOLERANCE)


def test_hp_does_not_take_the_unit_embeddings_that_others_remembered(hp_folder, tmp_path, features) -> None:
    """The same weights and pictures under CLIPScore come first, and share nothing with HP."""
    known = [
        replace(making.saved(picture, tmp_path), digest=f"{place:063x}e")
        for place, picture in enumerate(clip_weights.pictures())
    ]
    our_scores(scorer("clipscore", hp_folder / "hp_backbone"), known, ["a fox"])

    assert our_scores(scorer("hp", hp_folder), known)[:, 0] == pytest.approx(preferred(features), abs=TOLERANCE)
    assert our_scores(scorer("hp", hp_folder), known)[:, 0] == pytest.approx(preferred(features), abs=TOLERANCE)


def test_a_missing_sigmoid_is_out_of_range_and_no_score(hp_folder, files, monkeypatch) -> None:
    monkeypatch.setattr(icthp, "high_preference", lambda logit: logit)

    said = making.outcomes(scorer("hp", hp_folder), [making.item(file) for file in files])

    reasons = [one.reason for one in said if isinstance(one, ItemError)]
    assert reasons
    assert all("outside its range from 0 to 1" in reason for reason in reasons)


def test_a_scale_on_the_cosine_is_caught(ict_folder, files, right_cosines, monkeypatch) -> None:
    monkeypatch.setattr(icthp.Ict, "value_of", lambda self, cosine: max(cosine, 0.0))

    assert np.abs(our_scores(scorer("ict", ict_folder), files, PROMPTS) - right_cosines).max() > 1000 * TOLERANCE


def test_the_other_tokenizer_is_caught(ict_folder, files, right_cosines, monkeypatch) -> None:
    monkeypatch.setattr(icthp.Ict, "words", lambda self: clip_words.transformers_words())

    assert np.abs(our_scores(scorer("ict", ict_folder), files, PROMPTS) - right_cosines).max() > 20 * TOLERANCE


@pytest.mark.parametrize("name", ["ict", "hp"])
def test_a_wrong_resize_is_caught(name, ict_folder, hp_folder, files, monkeypatch) -> None:
    folder = {"ict": ict_folder, "hp": hp_folder}[name]
    right = our_scores(scorer(name, folder), files, PROMPTS[:1])
    monkeypatch.setattr(
        clip_scorer.ClipScorer, "make_view", staticmethod(lambda one, size: np.asarray(one.resize((size, size))))
    )

    assert np.abs(our_scores(scorer(name, folder), files, PROMPTS[:1]) - right).max() > 20 * TOLERANCE


def test_the_sigmoid_stands_extremes_and_nothing_that_is_no_number() -> None:
    assert icthp.high_preference(800.0) == 1.0
    assert icthp.high_preference(-800.0) == 0.0
    assert icthp.high_preference(float("nan")) != icthp.high_preference(float("nan"))


# -- weights ----------------------------------------------------------------------------------------------------------


def test_without_a_configuration_it_is_a_vit_h(ict_folder, tmp_path) -> None:
    (tmp_path / "pytorch_model.bin").write_bytes((ict_folder / "pytorch_model.bin").read_bytes())

    found = icthp.clip_of(tmp_path)

    assert found.config["embed_dim"] == 1024
    assert found.config["vision_cfg"]["layers"] == 32
    assert (found.activation, found.is_transformers) == ("gelu", True)
    with pytest.raises(ScorerUnavailable, match="do not fit their configuration"):
        scorer("ict", tmp_path)


def test_safetensors_are_taken_first(ict_folder, files, right_cosines, tmp_path) -> None:
    (tmp_path / "config.json").write_bytes((ict_folder / "config.json").read_bytes())
    state = torch.load(ict_folder / "pytorch_model.bin", weights_only=True)
    save_file({name: one.contiguous() for name, one in state.items()}, tmp_path / "model.safetensors")
    (tmp_path / "pytorch_model.bin").write_bytes(b"not even a pickle")

    assert our_scores(scorer("ict", tmp_path), files, PROMPTS) == pytest.approx(right_cosines, abs=TOLERANCE)


def test_laions_head_for_another_width_is_refused(hp_folder, tmp_path) -> None:
    made = tmp_path / "made"
    preference_weights.make_hp(made)
    clip_weights.save_head(made / "hp_scorer", 768, name="mlp_pytorch_model.bin")

    with pytest.raises(ScorerUnavailable, match="made for embeddings of 768 numbers, the encoder's have 24"):
        scorer("hp", made)


@pytest.mark.parametrize(("name", "words"), [("ict", "8y/ICT"), ("hp", r"hp_scorer/mlp_pytorch_model\.bin")])
def test_nobody_guesses_the_weights(name, words) -> None:
    with pytest.raises(ScorerUnavailable, match=rf"No commit of the weights .* “source” must name them.*{words}"):
        build(name).ready()
    assert CATALOGUE[name].settings[0].default == ""


def test_backbone_and_head_make_the_rater(hp_folder, tmp_path) -> None:
    preference_weights.make_hp(tmp_path / "same")
    preference_weights.make_hp(tmp_path / "other")
    head = tmp_path / "other" / "hp_scorer" / "mlp_pytorch_model.bin"
    torch.save({**torch.load(head, weights_only=True), "layers.7.bias": torch.tensor([0.5])}, head)

    digests = [build("hp", {"source": str(one)}).identity_digest() for one in (tmp_path / "same", tmp_path / "other")]

    assert build("hp", {"source": str(hp_folder)}).identity_digest() == digests[0] != digests[1]


# -- items ------------------------------------------------------------------------------------------------------------


def test_hp_reads_no_prompt_and_ict_needs_one(ict_folder, hp_folder, files) -> None:
    bare, asked = making.item(files[0]), making.item(files[0], prompt_text="a fox")

    first, second = making.outcomes(scorer("hp", hp_folder), [bare, asked])
    assert first == second
    assert making.outcomes(scorer("ict", ict_folder), [bare])[0] == NotApplicable("the prompt has no text")


def test_cut_tokens_are_counted(ict_folder, files) -> None:
    (said,) = making.outcomes(scorer("ict", ict_folder), [making.item(files[0], prompt_text="fox " * 80)])

    assert isinstance(said, Reading)
    assert (said.detail["tokens"], said.detail["tokens_cut"]) == (82, 5)
