"""`clipscore` against transformers' own CLIP on the same random weights, and against mistakes that must be seen."""

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

import scoring.torch_setup  # noqa: F401 - before anything that imports torchvision

# isort: split
import open_clip
from transformers import CLIPModel

from scoring.catalogue import build
from scoring.engine import Pace
from scoring.scorers import clip_encoder, clip_model, clip_scorer, clip_views, clipscore
from scoring.scorers.base import Reading, Scorer, ScorerUnavailable
from tests.scoring import clip_weights, making

# Two implementations in float32 differ by rounding: the fact sheet measured 2e-8 to 5e-7 on cosines of tiny models.
TOLERANCE = 2e-6

PROMPTS = clip_weights.PROMPTS
pictures = clip_weights.pictures


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("clip")
    clip_weights.make(folder)
    return folder


@pytest.fixture(scope="module")
def oracle(folder: Path) -> Any:
    return CLIPModel.from_pretrained(folder).eval()


def scorer(folder: Path, **settings: str) -> Scorer[Any]:
    made = build("clipscore", {"source": str(folder), **settings})
    made.ready()
    return made


def their_scores(oracle: Any, shown: list[Image.Image], texts: list[str]) -> list[float]:
    """2.5 · max(cos, 0) by transformers' model and processor, text by text."""
    found = clip_weights.cosines(oracle, shown, clip_weights.open_clip_ids(texts))
    return [2.5 * max(float(value), 0.0) for value in found]


def our_scores(
    made: Scorer[Any], shown: list[Image.Image], texts: list[str], tmp_path: Path, batch: int = 16
) -> list[float]:
    asked = [
        making.item(making.saved(picture, tmp_path), prompt_text=text)
        for picture, text in zip(shown, texts, strict=True)
    ]
    said = making.outcomes(made, asked, Pace(batch_size=batch, threads=1))
    return [one.results["clipscore"].value for one in said if isinstance(one, Reading)]


@pytest.mark.parity
@pytest.mark.capability("C1")
def test_scores_equal_transformers_on_the_same_weights(folder: Path, oracle: Any, tmp_path: Path, agreement) -> None:
    shown = [picture for picture in pictures() for _text in PROMPTS[1:]]
    texts = [text for _picture in pictures() for text in PROMPTS[1:]]

    ours = our_scores(scorer(folder, prefix=""), shown, texts, tmp_path)

    agreement("clipscore", "transformers", "tiny", ours, their_scores(oracle, shown, texts), tolerance=TOLERANCE)


def test_embeddings_equal_transformers_even_of_an_empty_text(folder: Path, oracle: Any) -> None:
    encoder = scorer(folder).encoder  # type: ignore[attr-defined]

    ours = encoder.embed_texts(PROMPTS)

    _pictures, words = clip_weights.embedded(oracle, pictures(), clip_weights.open_clip_ids(PROMPTS))
    assert np.abs(ours - torch.nn.functional.normalize(words, dim=-1).numpy()).max() < TOLERANCE


def test_scores_equal_transformers_with_plain_gelu(tmp_path: Path) -> None:
    oracle = clip_weights.make(tmp_path, activation="gelu")
    texts = ["a fox"] * len(pictures())

    ours = our_scores(scorer(tmp_path, prefix=""), pictures(), texts, tmp_path)

    assert np.abs(np.array(ours) - their_scores(oracle, pictures(), texts)).max() < TOLERANCE


def test_weights_saved_by_open_clip_give_the_same_scores(folder: Path, tmp_path: Path) -> None:
    found = clip_model.find_weights(str(folder))
    state = {name: tensor.contiguous() for name, tensor in clip_model.to_open_clip(load_file(found.path)).items()}
    save_file(state, tmp_path / "open_clip_model.safetensors")
    config = {"model_cfg": found.config, "preprocess_cfg": {"mean": clip_model.MEAN, "std": clip_model.STD}}
    (tmp_path / "open_clip_config.json").write_text(json.dumps(config))
    texts = ["a fox"] * len(pictures())

    ours, theirs = (our_scores(scorer(one), pictures(), texts, tmp_path) for one in (tmp_path, folder))

    assert ours == theirs


def test_the_papers_prefix_stands_before_every_prompt(folder: Path, oracle: Any, tmp_path: Path) -> None:
    texts = ["a fox"] * len(pictures())

    ours = our_scores(scorer(folder), pictures(), texts, tmp_path)

    assert ours == pytest.approx(
        their_scores(oracle, pictures(), ["A photo depicts a fox"] * len(texts)), abs=TOLERANCE
    )
    assert ours != pytest.approx(their_scores(oracle, pictures(), texts), abs=1e-3)


# -- mistakes that must be seen ---------------------------------------------------------------------------------------


def disagreement(folder: Path, oracle: Any, tmp_path: Path) -> float:
    texts = ["a red fox in the snow"] * len(pictures())
    ours = our_scores(scorer(folder, prefix=""), pictures(), texts, tmp_path)
    return float(np.abs(np.array(ours) - their_scores(oracle, pictures(), texts)).max())


def resized_without_antialias(picture: Image.Image, size: int) -> np.ndarray:
    tensor = torch.from_numpy(np.asarray(picture).copy()).permute(2, 0, 1)[None].float()
    scale = size / min(picture.size)
    larger = torch.nn.functional.interpolate(tensor, scale_factor=scale, mode="bicubic", antialias=False)
    top, left = (larger.shape[2] - size) // 2, (larger.shape[3] - size) // 2
    square = larger[0, :, top : top + size, left : left + size]
    return square.clamp(0, 255).round().byte().permute(1, 2, 0).numpy()


def resized_bilinear(picture: Image.Image, size: int) -> np.ndarray:
    scale = size / min(picture.size)
    width, height = (max(size, int(side * scale)) for side in picture.size)
    left, top = (width - size) // 2, (height - size) // 2
    resized = picture.resize((width, height), Image.Resampling.BILINEAR)
    return np.asarray(resized.crop((left, top, left + size, top + size)))


def squashed(picture: Image.Image, size: int) -> np.ndarray:
    return np.asarray(picture.resize((size, size), Image.Resampling.BICUBIC))


def test_without_a_mistake_there_is_no_disagreement(folder: Path, oracle: Any, tmp_path: Path) -> None:
    assert disagreement(folder, oracle, tmp_path) < TOLERANCE


@pytest.mark.parametrize("wrong", [resized_without_antialias, resized_bilinear, squashed])
def test_a_wrong_resize_is_caught(wrong: Any, folder: Path, oracle: Any, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(clip_scorer.ClipScorer, "make_view", staticmethod(wrong))

    assert disagreement(folder, oracle, tmp_path) > 100 * TOLERANCE


def test_a_wrong_activation_is_caught(folder: Path, oracle: Any, tmp_path: Path) -> None:
    for name in ("model.safetensors", "preprocessor_config.json"):
        (tmp_path / name).write_bytes((folder / name).read_bytes())
    config = json.loads((folder / "config.json").read_text().replace("quick_gelu", "gelu"))
    (tmp_path / "config.json").write_text(json.dumps(config))

    assert disagreement(tmp_path, oracle, tmp_path) > 100 * TOLERANCE


@pytest.mark.parametrize("scale", [1.0, 100.0])
def test_a_wrong_scale_is_caught(scale: float, folder: Path, oracle: Any, tmp_path: Path, monkeypatch) -> None:
    texts = ["a red fox in the snow"] * len(pictures())
    right = their_scores(oracle, pictures(), texts)
    monkeypatch.setattr(clipscore, "SCALE", scale)
    asked = [making.item(making.saved(p, tmp_path), prompt_text=t) for p, t in zip(pictures(), texts, strict=True)]

    said = making.outcomes(scorer(folder, prefix=""), asked)

    # Beyond its stated range the engine refuses the number; within, it differs from the oracle's.
    wrong = [
        not isinstance(one, Reading) or abs(one.results["clipscore"].value - value) > 100 * TOLERANCE
        for one, value in zip(said, right, strict=True)
    ]
    assert wrong == [value > 0 for value in right]
    assert any(wrong)


def test_a_wrong_normalisation_is_caught(folder: Path, oracle: Any, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(clip_model, "MEAN", (0.5, 0.5, 0.5))
    monkeypatch.setattr(clip_model, "_check_processor", lambda stated, path: None)

    assert disagreement(folder, oracle, tmp_path) > 100 * TOLERANCE


# -- preprocessing ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "size", [(100, 100), (700, 500), (500, 701), (224, 224), (227, 224), (50, 60), (1792, 224), (1, 8)]
)
def test_the_crop_equals_open_clips_own_pipeline_byte_for_byte(size: tuple[int, int]) -> None:
    picture = making.noise(*size, seed=sum(size))
    transform = open_clip.image_transform(224, is_train=False, mean=(0, 0, 0), std=(1, 1, 1))

    theirs = (transform(picture) * 255).round().byte().permute(1, 2, 0).numpy()

    assert np.array_equal(clip_views.crop_for(picture, 224), theirs)


@pytest.mark.parametrize("size", [(3000, 200), (200, 3000)])
def test_a_strip_is_cropped_as_if_it_had_been_resized_whole(size: tuple[int, int]) -> None:
    picture = making.scene(*size)
    transform = open_clip.image_transform(64, is_train=False, mean=(0, 0, 0), std=(1, 1, 1))

    theirs = (transform(picture) * 255).round().permute(1, 2, 0).numpy()

    # Half an output pixel of phase where the margin is uneven, and rounding.
    assert np.abs(clip_views.crop_for(picture, 64).astype(float) - theirs).mean() < 1.5


def test_a_strip_costs_no_more_memory_than_itself() -> None:
    assert clip_views.crop_for(Image.new("RGB", (100_000, 1), "red"), 224).shape == (224, 224, 3)


# -- what the detail and the identity say -----------------------------------------------------------------------------


def test_cut_tokens_are_counted(folder: Path, tmp_path: Path) -> None:
    media = making.saved(pictures()[0], tmp_path)
    asked = [making.item(media, prompt_text=text) for text in ("fox", "fox " * 75, "fox " * 80)]

    said = making.outcomes(scorer(folder, prefix=""), asked)

    details = [one.detail for one in said if isinstance(one, Reading)]
    assert [(one["tokens"], one["tokens_cut"]) for one in details] == [(3, 0), (77, 0), (82, 5)]


def test_a_negative_cosine_counts_as_zero_and_is_kept_in_the_detail(folder: Path, oracle: Any, tmp_path: Path) -> None:
    texts = [f"word {number}" for number in range(30)]
    shown = [pictures()[number % len(pictures())] for number in range(30)]
    asked = [making.item(making.saved(p, tmp_path), prompt_text=t) for p, t in zip(shown, texts, strict=True)]

    said = [one for one in making.outcomes(scorer(folder), asked) if isinstance(one, Reading)]

    for one in said:
        (cosine,) = one.detail["cosine"]  # type: ignore[misc]
        assert one.results["clipscore"].value == pytest.approx(2.5 * max(cosine, 0.0))


def test_the_formula_by_hand() -> None:
    assert clipscore.clip_score(0.3) == pytest.approx(0.75)
    assert clipscore.clip_score(-0.2) == 0.0
    assert clipscore.clip_score(1.0000002) == 2.5  # rounding of unit vectors, not a score out of range
    assert np.isnan(clipscore.clip_score(float("nan")))


def test_a_video_gets_the_mean_over_its_frames(folder: Path, tmp_path: Path) -> None:
    film = making.filmed([making.scene(96, 96, seed=seed) for seed in range(8)], tmp_path)

    (said,) = making.outcomes(scorer(folder), [making.item(film, prompt_text="a fox")])

    assert isinstance(said, Reading)
    cosines = said.detail["cosine"]
    assert len(cosines) == clip_scorer.FRAMES  # type: ignore[arg-type]
    each = [2.5 * max(cosine, 0) for cosine in cosines]  # type: ignore[union-attr,type-var,operator]
    assert said.results["clipscore"].value == pytest.approx(np.mean(each))
    assert said.results["clipscore"].spread == pytest.approx(np.std(each))


def test_scores_do_not_depend_on_the_batch_size(folder: Path, tmp_path: Path, monkeypatch) -> None:
    shown = [making.scene(90, 70, seed=seed) for seed in range(11)]
    texts = [f"a fox, number {number % 3}" for number in range(11)]

    alone = our_scores(scorer(folder), shown, texts, tmp_path, batch=1)

    monkeypatch.setattr(clip_encoder, "AT_ONCE", 3)
    for batch in (2, 4, 11):
        assert our_scores(scorer(folder), shown, texts, tmp_path, batch=batch) == pytest.approx(alone, abs=TOLERANCE)


def test_each_prompt_is_embedded_once(folder: Path, tmp_path: Path, monkeypatch) -> None:
    made = scorer(folder)
    embedded = counted(made, "encode_text", monkeypatch)

    our_scores(made, [pictures()[0]] * 9, ["one", "one", "two"] * 3, tmp_path, batch=4)

    assert sum(embedded) == 2


def counted(made: Scorer[Any], name: str, monkeypatch) -> list[int]:
    """How many rows each forward pass of a tower has, as they come."""
    model = made.encoder.model._model  # type: ignore[attr-defined]
    passes: list[int] = []
    tower = getattr(model, name)
    monkeypatch.setattr(model, name, lambda rows: (passes.append(len(rows)), tower(rows))[1])
    return passes


@pytest.mark.capability("C1")
def test_the_rater_is_its_weights_prefix_and_precision_wherever_they_lie(folder: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    copy.mkdir()
    for file in folder.iterdir():
        (copy / file.name).write_bytes(file.read_bytes())
    other = tmp_path / "other"
    clip_weights.make(other, seed=8)

    digests = [
        build("clipscore", {"source": str(source), **settings}).identity_digest()
        for source, settings in (
            (folder, {}),
            (copy, {}),
            (other, {}),
            (folder, {"prefix": ""}),
            (folder, {"precision": "bfloat16"}),
        )
    ]

    assert digests[0] == digests[1]
    assert len(set(digests)) == 4


def test_bfloat16_is_close_and_is_not_the_same(folder: Path, tmp_path: Path) -> None:
    texts = ["a fox"] * len(pictures())

    exact = our_scores(scorer(folder), pictures(), texts, tmp_path)
    rough = our_scores(scorer(folder, precision="bfloat16"), pictures(), texts, tmp_path)

    # bfloat16 keeps 8 bits: about 0.4 % of each activation, a few hundredths after a few layers of random weights.
    assert rough == pytest.approx(exact, abs=0.15)
    assert rough != exact


# -- weights that cannot be had, or must not be opened ----------------------------------------------------------------


def test_offline_one_sentence_says_what_to_do() -> None:
    with pytest.raises(ScorerUnavailable) as caught:
        build("clipscore").ready()

    sentence = str(caught.value)
    assert "openai/clip-vit-large-patch14@32bd64288804d66eefd0ccbe215aa642df71cc41" in sentence
    assert "not on this machine and the Hub does not give them" in sentence
    assert "setting “source”" in sentence


@pytest.mark.parametrize("source", ["openai/clip-vit-large-patch14", "openai/clip-vit-large-patch14@main", "/no/such"])
def test_weights_without_a_pinned_commit_are_refused(source: str) -> None:
    with pytest.raises(ScorerUnavailable, match="all 40 digits of the commit"):
        build("clipscore", {"source": source}).ready()


class Bomb:
    """What a hostile pickle would do when it is opened."""

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return (exec, ("raise SystemExit('the pickle was run')",))


def test_a_pickle_that_holds_more_than_tensors_is_refused(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_bytes((folder / "config.json").read_bytes())
    (tmp_path / "pytorch_model.bin").write_bytes(pickle.dumps(Bomb(), protocol=2))

    with pytest.raises(ScorerUnavailable, match="more than tensors"):
        scorer(tmp_path)


def test_a_whole_pickled_module_is_refused(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_bytes((folder / "config.json").read_bytes())
    torch.save(torch.nn.Linear(2, 2), tmp_path / "pytorch_model.bin")

    with pytest.raises(ScorerUnavailable, match="more than tensors"):
        scorer(tmp_path)


def test_a_table_of_tensors_in_the_older_format_is_read(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_bytes((folder / "config.json").read_bytes())
    torch.save(load_file(folder / "model.safetensors"), tmp_path / "pytorch_model.bin")

    ours, theirs = (
        our_scores(scorer(one), pictures(), ["a"] * len(pictures()), tmp_path) for one in (tmp_path, folder)
    )

    assert ours == theirs


def test_missing_surplus_and_damaged_weights_are_refused(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_bytes((folder / "config.json").read_bytes())
    state = load_file(folder / "model.safetensors")

    without = {name: tensor for name, tensor in state.items() if name != "visual_projection.weight"}
    for wrong in (without, {**state, "vision_model.surplus": torch.ones(1)}):
        save_file(wrong, tmp_path / "model.safetensors")
        with pytest.raises(ScorerUnavailable, match="do not fit their configuration"):
            scorer(tmp_path)
    (tmp_path / "model.safetensors").write_bytes((folder / "model.safetensors").read_bytes()[:1000])
    with pytest.raises(ScorerUnavailable, match="damaged"):
        scorer(tmp_path)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"image_mean": [0.5, 0.5, 0.5]}, "image_mean"),
        ({"resample": 2}, "resample"),
        ({"do_center_crop": False}, "do_center_crop"),
    ],
)
def test_weights_made_for_another_preprocessing_are_refused(
    changes: dict[str, Any], words: str, folder: Path, tmp_path: Path
) -> None:
    for name in ("model.safetensors", "config.json"):
        (tmp_path / name).write_bytes((folder / name).read_bytes())
    stated = json.loads((folder / "preprocessor_config.json").read_text())
    (tmp_path / "preprocessor_config.json").write_text(json.dumps({**stated, **changes}))

    with pytest.raises(ScorerUnavailable, match=f"another preprocessing than CLIP's: {words}"):
        scorer(tmp_path)


def test_another_epsilon_is_refused(folder: Path, tmp_path: Path) -> None:
    for name in ("model.safetensors", "preprocessor_config.json"):
        (tmp_path / name).write_bytes((folder / name).read_bytes())
    config = json.loads((folder / "config.json").read_text())
    config["vision_config"]["layer_norm_eps"] = 1e-6
    (tmp_path / "config.json").write_text(json.dumps(config))

    with pytest.raises(ScorerUnavailable, match="another layer_norm_eps than CLIP's 1e-05"):
        scorer(tmp_path)


def test_an_unknown_setting_or_precision_is_refused() -> None:
    with pytest.raises(ScorerUnavailable, match="has no setting “scale”"):
        build("clipscore", {"scale": "1"})
    with pytest.raises(ScorerUnavailable, match="cannot be “int8”; it is one of float32, bfloat16, float16"):
        build("clipscore", {"precision": "int8"})


def test_float16_without_a_gpu_is_refused_before_weights_are_looked_for(folder: Path) -> None:
    with pytest.raises(ScorerUnavailable, match="“float16” needs a GPU"):
        scorer(folder, precision="float16")
