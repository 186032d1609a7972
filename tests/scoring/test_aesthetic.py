"""`aesthetic` against transformers' CLIP and the reference's list of layers, and against mistakes that must be seen."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from scoring.catalogue import build, facts_of
from scoring.scorers import aesthetic, clip_scorer
from scoring.scorers.base import ItemError, MediaFile, NotApplicable, Reading, Scorer, ScorerUnavailable
from tests.scoring import clip_weights, making

# Five layers on a unit vector whose numbers differ by 1e-7; measured below 2e-6.
TOLERANCE = 1e-5
WIDTH = 24


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """The encoder and, in the same folder, the head."""
    folder = tmp_path_factory.mktemp("aesthetic")
    clip_weights.make(folder)
    clip_weights.save_head(folder)
    return folder


@pytest.fixture(scope="module")
def oracle(folder: Path) -> Any:
    return clip_weights.CLIPModel.from_pretrained(folder).eval()


@pytest.fixture(scope="module")
def right(oracle: Any) -> np.ndarray:
    images, _words = clip_weights.embedded(oracle, clip_weights.pictures(), clip_weights.open_clip_ids([""]))
    with torch.inference_mode():
        return clip_weights.head(WIDTH)(images / images.norm(dim=-1, keepdim=True)).squeeze(-1).numpy()


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> list[MediaFile]:
    folder = tmp_path_factory.mktemp("pictures")
    return [making.saved(picture, folder) for picture in clip_weights.pictures()]


def scorer(folder: Path, **settings: str) -> Scorer[Any]:
    made = build("aesthetic", {"source": str(folder), "head": str(folder), **settings})
    made.ready()
    return made


def our_scores(made: Scorer[Any], files: list[MediaFile]) -> np.ndarray:
    said = making.outcomes(made, [making.item(file) for file in files])
    return np.array([one.results["aesthetic"].value for one in said if isinstance(one, Reading)])


@pytest.mark.parity
def test_scores_equal_transformers_and_the_references_layers(folder: Path, files: Any, right: Any, agreement) -> None:
    ours = our_scores(scorer(folder), files)

    agreement("aesthetic", "transformers and the reference's layers", "tiny", ours, right, tolerance=TOLERANCE)


# -- mistakes that must be seen ---------------------------------------------------------------------------------------


def test_embeddings_that_are_not_of_length_one_are_caught(folder: Path, files: Any, oracle: Any, right: Any) -> None:
    images, _words = clip_weights.embedded(oracle, clip_weights.pictures(), clip_weights.open_clip_ids([""]))

    wrong = aesthetic.rating(images, scorer(folder)._head).numpy()  # type: ignore[attr-defined]

    assert np.abs(wrong - right).max() > 1000 * TOLERANCE


def test_what_longer_embeddings_give_is_out_of_range_and_no_score(folder: Path, files: Any, monkeypatch) -> None:
    """OpenAI's CLIP gives embeddings of length 10 or so, whose ratings are 20 to 30."""
    made = scorer(folder)
    embed = made.encoder.model.embed_pictures  # type: ignore[attr-defined]
    monkeypatch.setattr(made.encoder.model, "embed_pictures", lambda views: 1e4 * embed(views))  # type: ignore[attr-defined]

    said = making.outcomes(made, [making.item(file) for file in files])

    assert {type(one) for one in said} == {ItemError}
    assert "outside its range from -10 to 20" in said[0].reason  # type: ignore[union-attr]


def test_an_activation_between_the_layers_is_caught(folder: Path, files: Any, right: Any, monkeypatch) -> None:
    linear = torch.nn.functional.linear
    monkeypatch.setattr(torch.nn.functional, "linear", lambda *given: torch.relu(linear(*given)))
    with_relu = aesthetic.rating(torch.eye(WIDTH), scorer(folder)._head)  # type: ignore[attr-defined]
    monkeypatch.undo()

    plain = aesthetic.rating(torch.eye(WIDTH), scorer(folder)._head)  # type: ignore[attr-defined]

    assert (with_relu - plain).abs().max() > 1000 * TOLERANCE


def test_a_wrong_activation_of_the_encoder_is_caught(folder: Path, files: Any, right: Any, tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").write_bytes((folder / "model.safetensors").read_bytes())
    (tmp_path / "config.json").write_text((folder / "config.json").read_text().replace("quick_gelu", "gelu"))

    assert np.abs(our_scores(scorer(tmp_path, head=str(folder)), files) - right).max() > 100 * TOLERANCE


def test_a_wrong_resize_is_caught(folder: Path, files: Any, right: Any, monkeypatch) -> None:
    def squashed(picture: Any, size: int) -> np.ndarray:
        return np.asarray(picture.resize((size, size)))

    monkeypatch.setattr(clip_scorer.ClipScorer, "make_view", staticmethod(squashed))

    assert np.abs(our_scores(scorer(folder), files) - right).max() > 100 * TOLERANCE


# -- the head ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["aesthetic-model.pth", "sac+logos+ava1-l14-linearMSE.pth"])
def test_the_head_may_be_a_file_or_a_folder_of_its_own(
    name: str, folder: Path, files: Any, right: Any, tmp_path
) -> None:
    clip_weights.save_head(tmp_path, name=name)

    for head in (tmp_path, tmp_path / name):
        assert our_scores(scorer(folder, head=str(head)), files) == pytest.approx(right, abs=TOLERANCE)


def test_the_head_may_be_safetensors(folder: Path, files: Any, right: Any, tmp_path: Path) -> None:
    state = {f"layers.{key}": one for key, one in clip_weights.head(WIDTH).state_dict().items()}
    save_file(state, tmp_path / "sac+logos+ava1-l14-linearMSE.safetensors")

    assert our_scores(scorer(folder, head=str(tmp_path)), files) == pytest.approx(right, abs=TOLERANCE)


@pytest.mark.parametrize(
    "change",
    [
        lambda state: state.pop("layers.7.bias"),
        lambda state: state.update({"layers.1.weight": torch.ones(1)}),
        lambda state: state.update({"layers.2.weight": torch.ones(128, 1023)}),
        lambda state: state.update({"layers.7.weight": torch.ones(2, 16), "layers.7.bias": torch.ones(2)}),
    ],
)
def test_missing_surplus_or_misshapen_layers_are_refused(change: Any, folder: Path, tmp_path: Path) -> None:
    state = {f"layers.{key}": one for key, one in clip_weights.head(WIDTH).state_dict().items()}
    change(state)
    torch.save(state, tmp_path / "head.pth")

    with pytest.raises(ScorerUnavailable, match="is no head of the improved aesthetic predictor"):
        scorer(folder, head=str(tmp_path / "head.pth"))


def test_the_older_linear_head_is_refused(folder: Path, tmp_path: Path) -> None:
    torch.save(torch.nn.Linear(WIDTH, 1).state_dict(), tmp_path / "sa_0_4_vit_l_14_linear.pth")

    with pytest.raises(ScorerUnavailable, match="is no head of the improved aesthetic predictor"):
        scorer(folder, head=str(tmp_path / "sa_0_4_vit_l_14_linear.pth"))


def test_a_head_for_another_clip_is_refused(folder: Path, tmp_path: Path) -> None:
    clip_weights.save_head(tmp_path, 768)

    with pytest.raises(ScorerUnavailable, match="made for embeddings of 768 numbers, the encoder's have 24"):
        scorer(folder, head=str(tmp_path))


def test_a_head_with_more_than_tensors_in_it_is_refused(folder: Path, tmp_path: Path) -> None:
    torch.save(clip_weights.head(WIDTH), tmp_path / "head.pth")

    with pytest.raises(ScorerUnavailable, match="more than tensors"):
        scorer(folder, head=str(tmp_path / "head.pth"))


def test_offline_each_missing_part_is_named(folder: Path) -> None:
    with pytest.raises(ScorerUnavailable, match=r"The head .*setting “head”.*ddpo-aesthetic-predictor@cf4bd103"):
        build("aesthetic", {"source": str(folder)}).ready()
    with pytest.raises(ScorerUnavailable, match="openai/clip-vit-large-patch14@32bd6428"):
        build("aesthetic", {"head": str(folder)}).ready()


# -- the rater --------------------------------------------------------------------------------------------------------


def test_encoder_head_and_precision_make_the_rater(folder: Path, tmp_path: Path) -> None:
    clip_weights.save_head(tmp_path)
    other = tmp_path / "other.pth"
    state = torch.load(tmp_path / "sac+logos+ava1-l14-linearMSE.pth", weights_only=True)
    torch.save({**state, "layers.7.bias": torch.tensor([5.5])}, other)

    def digest(**settings: str) -> str:
        return build("aesthetic", {"source": str(folder), "head": str(folder), **settings}).identity_digest()

    assert digest() == digest(head=str(tmp_path))
    assert len({digest(), digest(head=str(other)), digest(precision="bfloat16")}) == 3


def test_the_prompt_is_not_read_and_text_samples_do_not_apply(folder: Path, files: Any) -> None:
    items = [making.item(files[0]), making.item(files[0], prompt_text="a fox"), making.item(text="an answer")]

    first, second, third = making.outcomes(scorer(folder), items)

    assert first == second
    assert isinstance(third, NotApplicable)


def test_a_video_gets_the_mean_over_its_frames(folder: Path, tmp_path: Path) -> None:
    film = making.filmed([making.scene(96, 96, seed=seed) for seed in range(8)], tmp_path)

    (said,) = making.outcomes(scorer(folder), [making.item(film)])

    assert isinstance(said, Reading)
    scores = np.array(said.detail["scores"])
    assert len(scores) == 8
    assert said.results["aesthetic"].value == pytest.approx(scores.mean())
    assert said.results["aesthetic"].spread == pytest.approx(scores.std())


def test_the_card_says_what_holds_the_numbers() -> None:
    (output,) = facts_of("aesthetic").outputs

    assert (output.low, output.high, output.unit) == (-10, 20, "about 1 to 10")
