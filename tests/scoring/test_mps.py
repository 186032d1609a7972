"""`mps` against imscore 0.0.11, a port of the authors' code, and against mistakes that must be seen."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

from scoring.catalogue import CATALOGUE, build
from scoring.engine import Pace
from scoring.scorers import mps, mps_model
from scoring.scorers.base import MediaFile, NotApplicable, Reading, Scorer, ScorerUnavailable
from tests.scoring import making, preference_weights, seeded

# 100 times the cosine, in float32 and in other orders of summation; measured 2e-5.
TOLERANCE = 2e-4


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return preference_weights.make_mps(tmp_path_factory.mktemp("mps"))


@pytest.fixture(scope="module")
def stated() -> dict[str, Any]:
    return preference_weights.mps_fixture("mps_tiny.npz")[0]


@pytest.fixture(scope="module")
def theirs() -> dict[str, np.ndarray]:
    """The port's scores by threshold, (prompts, pictures), and those of one batch of all prompts."""
    return preference_weights.mps_fixture("mps_tiny.npz")[1]


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> list[MediaFile]:
    folder = tmp_path_factory.mktemp("pictures")
    return [making.saved(Image.fromarray(picture), folder) for picture in seeded.pictures()]


def scorer(folder: Path, **settings: str) -> Scorer[Any]:
    made = build("mps", {"source": str(folder), "condition": "good light", **settings})
    made.ready()
    return made


def our_scores(made: Scorer[Any], files: list[MediaFile], prompts: list[str], batch: int = 7) -> np.ndarray:
    """(prompts, pictures)"""
    asked = [making.item(file, prompt_text=text) for text in prompts for file in files]
    said = making.outcomes(made, asked, Pace(batch_size=batch, threads=0))
    assert [type(one) for one in said] == [Reading] * len(asked), said
    values = [one.results["mps"].value for one in said if isinstance(one, Reading)]
    return np.array(values).reshape(len(prompts), len(files))


@pytest.mark.parity
@pytest.mark.parametrize("threshold", ["0.3", "0.01"])
def test_scores_equal_the_ports(threshold, folder, files, stated, theirs, agreement) -> None:
    ours = our_scores(scorer(folder, threshold=threshold), files, stated["prompts"])

    oracle = f"imscore 0.0.11, threshold {threshold}"
    agreement("mps", oracle, "tiny", ours, theirs[f"scores {threshold}"], tolerance=TOLERANCE)


# -- mistakes that must be seen ---------------------------------------------------------------------------------------


def disagreement(made: Scorer[Any], files: Any, stated: Any, theirs: Any) -> float:
    return float(np.abs(our_scores(made, files, stated["prompts"]) - theirs["scores 0.3"]).max())


def test_the_other_threshold_is_caught(folder, files, stated, theirs) -> None:
    assert disagreement(scorer(folder, threshold="0.01"), files, stated, theirs) > 1000 * TOLERANCE


def test_the_largest_of_the_batch_in_place_of_the_prompts_own_is_caught(
    folder, files, stated, theirs, monkeypatch
) -> None:
    def of_the_batch(said: torch.Tensor, condition: torch.Tensor, threshold: float) -> torch.Tensor:
        alike = (said @ condition.T).amax(dim=-1)
        return alike / alike.max() > threshold

    monkeypatch.setattr(mps, "relevant", of_the_batch)
    found = our_scores(scorer(folder), files[:1], stated["prompts"], batch=len(stated["prompts"]))[:, 0]

    assert found == pytest.approx(theirs["together"], abs=TOLERANCE)
    assert np.abs(found - theirs["scores 0.3"][:, 0]).max() > 1000 * TOLERANCE


def test_other_words_of_the_condition_are_caught(folder, files, stated, theirs) -> None:
    assert disagreement(scorer(folder, condition="fox"), files, stated, theirs) > 1000 * TOLERANCE


def test_places_after_clips_last_norm_are_caught(folder, files, stated, theirs, monkeypatch) -> None:
    made = scorer(folder)
    tower = made._model._clip.vision_model  # type: ignore[attr-defined]
    forward = tower.forward

    def normed(**given: Any) -> Any:
        found = forward(**given)
        found.last_hidden_state = tower.post_layernorm(found.last_hidden_state)
        return found

    monkeypatch.setattr(tower, "forward", normed)

    assert disagreement(made, files, stated, theirs) > 1000 * TOLERANCE


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("turned", lambda given, angles: given),  # no positions
        ("BASE", 500.0),
        ("MEAN", (0.5, 0.5, 0.5)),
        ("fill", None),  # norms without what they add
    ],
)
def test_wrong_positions_and_normalisations_are_caught(name, wrong, folder, files, stated, theirs, monkeypatch) -> None:
    monkeypatch.setattr(mps_model, name, wrong or _without_bias)

    assert disagreement(scorer(folder), files, stated, theirs) > 20 * TOLERANCE


def _without_bias(module: torch.nn.Module, state: dict[str, torch.Tensor], *, origin: Path) -> torch.nn.Module:
    module.load_state_dict({name: one for name, one in state.items() if not name.endswith(".bias")}, strict=False)
    return module.eval()


def test_a_gate_the_wrong_way_round_is_caught(folder, files, stated, theirs, monkeypatch) -> None:
    def forward(self: Any, given: torch.Tensor) -> torch.Tensor:
        gate, values = given.chunk(2, dim=-1)
        return values * torch.nn.functional.silu(gate)

    monkeypatch.setattr(mps_model.Gate, "forward", forward)

    assert disagreement(scorer(folder), files, stated, theirs) > 1000 * TOLERANCE


def test_a_squashed_picture_is_caught(folder, files, stated, theirs, monkeypatch) -> None:
    monkeypatch.setattr(mps_model.MpsModel, "crop", lambda self, picture: np.asarray(picture.resize((64, 64))))

    assert disagreement(scorer(folder), files, stated, theirs) > 1000 * TOLERANCE


# -- batches and prompts ----------------------------------------------------------------------------------------------


def test_scores_do_not_depend_on_what_else_is_in_the_batch(folder, files, stated, monkeypatch) -> None:
    alone = our_scores(scorer(folder), files, stated["prompts"], batch=1)

    monkeypatch.setattr("scoring.scorers.several.PICTURES_AT_ONCE", 5)
    for batch in (4, 24):
        found = our_scores(scorer(folder), files, stated["prompts"], batch=batch)
        assert np.abs(found - alone).max() < TOLERANCE


def test_relevance_keeps_the_most_relevant_token_of_every_text() -> None:
    said = torch.tensor([[[1.0, 0.0], [0.2, 0.0], [0.0, 9.0]], [[10.0, 0.0], [3.0, 1.0], [-5.0, 0.0]]])
    condition = torch.tensor([[1.0, 0.0], [0.5, 0.0]])

    assert mps_model.relevant(said, condition, 0.3).tolist() == [[True, False, False], [True, False, False]]
    assert mps_model.relevant(said, condition, 0.1).tolist() == [[True, True, False], [True, True, False]]


def test_tokens_are_counted_cut_and_asked(folder, files) -> None:
    asked = [making.item(files[0], prompt_text=text) for text in ("fox", "fox " * 80)]

    details = [one.detail for one in making.outcomes(scorer(folder), asked) if isinstance(one, Reading)]

    assert [(one["tokens"], one["tokens_cut"]) for one in details] == [(3, 0), (82, 5)]
    assert all(1 <= one["tokens_asked"] <= 77 for one in details)  # type: ignore[operator]


def test_several_pictures_and_videos_get_the_mean(folder, files, stated, theirs, tmp_path) -> None:
    film = making.filmed([making.scene(96, 96, seed=seed) for seed in range(8)], tmp_path)
    items = [making.item(*files, prompt_text=stated["prompts"][0]), making.item(film, prompt_text="a fox")]

    pictures, video = making.outcomes(scorer(folder), items)

    assert isinstance(pictures, Reading)
    assert pictures.results["mps"].value == pytest.approx(theirs["scores 0.3"][0].mean(), abs=TOLERANCE)
    assert pictures.results["mps"].spread == pytest.approx(theirs["scores 0.3"][0].std(), abs=TOLERANCE)
    assert isinstance(video, Reading)
    assert len(video.detail["values"]) == 8  # type: ignore[arg-type]


def test_a_prompt_without_text_is_not_applicable(folder, files) -> None:
    (said,) = making.outcomes(scorer(folder), [making.item(files[0], prompt_text=" ")])

    assert said == NotApplicable("the prompt has no text")


# -- the condition ----------------------------------------------------------------------------------------------------


def test_the_condition_beside_the_weights_comes_before_our_own_words_and_a_setting_before_both(
    files, stated, theirs, tmp_path
) -> None:
    made = preference_weights.make_mps(tmp_path / "made")
    prompts = stated["prompts"][:1]

    def said(**settings: str) -> tuple[str, float]:
        (one,) = making.outcomes(scorer(made, **settings), [making.item(files[0], prompt_text=prompts[0])])
        assert isinstance(one, Reading)
        return str(one.detail["condition"]), one.results["mps"].value

    assert said(condition="")[0] == "own wording, not the one the model was trained on"
    (made / "mps_condition.txt").write_text("good light\n", encoding="utf-8")
    origin, value = said(condition="")
    assert origin == "from the folder of the weights"
    assert value == pytest.approx(theirs["scores 0.3"][0, 0], abs=TOLERANCE)
    assert said(condition="fox")[0] == "given as a setting"


def test_our_own_words_fit_and_too_many_are_refused(folder) -> None:
    assert build("mps", {"source": str(folder)}).identity()["condition"] == mps.OWN_CONDITION
    scorer(folder, condition="")
    with pytest.raises(ScorerUnavailable, match=r"given as a setting\) has 102 tokens; .* at most 77"):
        scorer(folder, condition="fox " * 100)


@pytest.mark.parametrize("threshold", ["1", "-0.1", "nan", "a third"])
def test_a_threshold_that_is_no_share_is_refused(threshold, folder) -> None:
    with pytest.raises(ScorerUnavailable, match=f"below 1; not “{threshold}”. Its authors' benchmarks have 0.3"):
        scorer(folder, threshold=threshold)


def test_weights_condition_and_threshold_make_the_rater(folder) -> None:
    def digest(**settings: str) -> str:
        return build("mps", {"source": str(folder), **settings}).identity_digest()

    assert len({digest(), digest(condition="light"), digest(threshold="0.01"), digest(precision="bfloat16")}) == 4


# -- weights ----------------------------------------------------------------------------------------------------------


def test_the_authors_names_give_the_same_scores(folder, files, stated, theirs, tmp_path) -> None:
    state = load_file(folder / "model.safetensors")
    own = {name.removeprefix("mps."): tensor for name, tensor in state.items()}
    save_file(own, tmp_path / "MPS_overall_checkpoint.safetensors")
    (tmp_path / "config.json").write_bytes((folder / "config.json").read_bytes())

    assert disagreement(scorer(tmp_path), files, stated, theirs) < TOLERANCE


def test_a_whole_pickled_module_is_refused_with_the_remedy(tmp_path) -> None:
    torch.save(torch.nn.Linear(2, 2), tmp_path / "MPS_overall_checkpoint.pth")

    with pytest.raises(ScorerUnavailable, match="more than tensors") as caught:
        scorer(tmp_path)

    assert "Convert them to safetensors" in str(caught.value)
    assert "docs/scorers.md, section mps" in str(caught.value)
    assert "MPS_overall_checkpoint.safetensors" in str(caught.value)


def test_the_documented_conversion_makes_what_is_read(folder, files, stated, theirs, tmp_path, monkeypatch) -> None:
    """The lines of docs/scorers.md, run on a module that is pickled whole."""
    page = (Path(__file__).parents[2] / "docs" / "scorers.md").read_text(encoding="utf-8")
    code = page.split("### `mps`")[1].split("```py\n")[1].split("```")[0]
    state = {name.removeprefix("mps."): one for name, one in load_file(folder / "model.safetensors").items()}
    whole = torch.nn.Module()
    whole.state_dict = lambda: state  # type: ignore[assignment, method-assign]
    (tmp_path / "config.json").write_bytes((folder / "config.json").read_bytes())
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(torch, "load", lambda name, **options: whole)
    exec(code, {})
    monkeypatch.undo()

    assert disagreement(scorer(tmp_path), files, stated, theirs) < TOLERANCE


@pytest.mark.parametrize(
    "name",
    [
        "mps.cross_model.layers.1.1.fn.attn_out.weight",
        "mps.cross_model.layers.0.0.fn.to_kv.weight",
        "mps.model.visual_projection.weight",
    ],
)
def test_missing_tensors_are_refused(name, folder, tmp_path) -> None:
    state = load_file(folder / "model.safetensors")
    del state[name]
    save_file(state, tmp_path / "model.safetensors")
    (tmp_path / "config.json").write_bytes((folder / "config.json").read_bytes())

    with pytest.raises(ScorerUnavailable, match="do not fit this model"):
        scorer(tmp_path)


@pytest.mark.parametrize("name", ["surplus", "cross_model.layers.0.0.fn.surplus", "model.surplus"])
def test_tensors_that_are_left_over_are_refused(name, folder, tmp_path) -> None:
    state = {**load_file(folder / "model.safetensors"), f"mps.{name}": torch.ones(1)}
    save_file(state, tmp_path / "model.safetensors")
    (tmp_path / "config.json").write_bytes((folder / "config.json").read_bytes())

    with pytest.raises(ScorerUnavailable, match="do not fit this model"):
        scorer(tmp_path)


def test_without_a_configuration_it_is_a_vit_h_and_another_models_is_refused(folder, tmp_path) -> None:
    (tmp_path / "model.safetensors").write_bytes((folder / "model.safetensors").read_bytes())

    assert mps_model.find_files(str(tmp_path)).config.vision_config.hidden_size == 1280
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "siglip"}))
    with pytest.raises(ScorerUnavailable, match="of type “siglip”; MPS is built on clip"):
        scorer(tmp_path)


def test_nobody_guesses_the_weights_and_the_card_says_what_was_never_published() -> None:
    with pytest.raises(ScorerUnavailable, match=r"No commit of the weights of MPS \(overall\).*RE-N-Y/mpsv1"):
        build("mps").ready()
    assert "aesthetics, alignment and detail as well; their weights were never published" in CATALOGUE["mps"].formula
