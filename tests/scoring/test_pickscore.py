"""`pickscore` against transformers' model, processor and tokenizer on the same weights, and against mistakes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

import scoring.torch_setup  # noqa: F401 - before anything that imports torchvision

# isort: split
import open_clip

from scoring.catalogue import build, facts_of
from scoring.scorers import clip_scorer, pickscore
from scoring.scorers.base import MediaFile, Reading, Scorer, ScorerUnavailable
from scoring.scorers.clip_words import open_clip_words, transformers_words
from tests.scoring import clip_weights, making

# A hundred times what two implementations of one cosine differ by; measured below 2e-5.
TOLERANCE = 1e-4
# Not CLIP's first value: whoever takes a scale from elsewhere is found out.
LOGIT_SCALE = 4.4321
TEXTS = [*clip_weights.PROMPTS[1:], "rock &amp;amp; roll", "naÃ¯ve cafÃ©", "Ⅻ ﬁne “quotes”"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("pickscore")
    clip_weights.make(folder, activation="gelu", logit_scale=LOGIT_SCALE)
    return folder


@pytest.fixture(scope="module")
def oracle(folder: Path) -> Any:
    return clip_weights.CLIPModel.from_pretrained(folder).eval()


def scorer(folder: Path, **settings: str) -> Scorer[Any]:
    made = build("pickscore", {"source": str(folder), **settings})
    made.ready()
    return made


@pytest.fixture(scope="module")
def right(oracle: Any) -> np.ndarray:
    """The processor, `padding=True, truncation=True, max_length=77`, and exp(logit_scale) · cosine, as published."""
    made = clip_weights.transformers_tokenizer()(
        TEXTS, padding=True, truncation=True, max_length=77, return_tensors="pt"
    )
    table = clip_weights.cosine_table(oracle, clip_weights.pictures(), made["input_ids"])
    return table * float(oracle.logit_scale.detach().exp())


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> list[MediaFile]:
    folder = tmp_path_factory.mktemp("pictures")
    return [making.saved(picture, folder) for picture in clip_weights.pictures()]


def our_scores(made: Scorer[Any], files: list[MediaFile]) -> np.ndarray:
    asked = [making.item(file, prompt_text=text) for file in files for text in TEXTS]
    said = [one.results["pickscore"].value for one in making.outcomes(made, asked) if isinstance(one, Reading)]
    return np.array(said).reshape(len(files), len(TEXTS))


@pytest.mark.parity
def test_scores_equal_transformers_on_the_same_weights(folder: Path, right: Any, files: Any, agreement) -> None:
    agreement("pickscore", "transformers", "tiny", our_scores(scorer(folder), files), right, tolerance=TOLERANCE)


def test_embeddings_equal_transformers_even_of_an_empty_text(folder: Path, oracle: Any) -> None:
    ids = clip_weights.transformers_tokenizer()([""], return_tensors="pt")["input_ids"]

    ours = scorer(folder).encoder.embed_texts([""])  # type: ignore[attr-defined]

    _pictures, words = clip_weights.embedded(oracle, clip_weights.pictures()[:1], ids)
    assert np.abs(ours - torch.nn.functional.normalize(words, dim=-1).numpy()).max() < TOLERANCE / 50


# -- the words --------------------------------------------------------------------------------------------------------


def test_tokens_are_those_of_transformers_cut_where_they_are_too_many() -> None:
    tokenizer = clip_weights.transformers_tokenizer()

    ours = transformers_words().ids(TEXTS, 77)

    for row, text in zip(ours, TEXTS, strict=True):
        theirs = tokenizer(text, truncation=True, max_length=77)["input_ids"]
        assert row[: len(theirs)].tolist() == theirs
        assert row.max() == row[len(theirs) - 1] == 49407


@pytest.mark.parametrize(
    ("text", "is_alike"),
    [
        ("a red fox, 24/7 don't", True),
        ("東京タワー 🦊", True),
        ("", True),
        ("rock &amp; roll", False),  # one undoes HTML, the other reads it
        ("naÃ¯ve", False),  # one repairs a broken encoding
        ("e\u0301", True),
        ("“curly”", False),  # one makes quotation marks straight
    ],
)
def test_the_two_tokenizers_differ_where_their_description_says_so(text: str, is_alike: bool) -> None:
    ids = [words().ids([text], 77)[0].tolist() for words in (open_clip_words, transformers_words)]
    ends = [row[: row.index(49407)] for row in ids]

    assert (ends[0] == ends[1]) == is_alike
    assert [words().count(text) for words in (open_clip_words, transformers_words)] == [len(row) + 1 for row in ends]


def test_the_other_tokenizer_is_caught(folder: Path, right: Any, files: Any, monkeypatch) -> None:
    monkeypatch.setattr(pickscore, "transformers_words", open_clip_words)

    wrong = np.abs(our_scores(scorer(folder), files) - right).max(axis=0) > 100 * TOLERANCE

    # Nothing happens to plain words, and something to entities, to broken encodings and to quotation marks.
    assert wrong.tolist() == [False, True, True, False, True, True, True]


# -- mistakes that must be seen ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("scale", [1.0, 100.0, 14.29])
def test_a_wrong_scale_is_caught(scale: float, folder: Path, right: Any, files: Any, monkeypatch) -> None:
    made = scorer(folder)
    monkeypatch.setattr(made.encoder.model, "logit_scale", scale)  # type: ignore[attr-defined]

    assert np.abs(our_scores(made, files) - right).max() > 100 * TOLERANCE


def test_a_wrong_activation_is_caught(folder: Path, right: Any, files: Any, tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").write_bytes((folder / "model.safetensors").read_bytes())
    config = (folder / "config.json").read_text().replace('"gelu"', '"quick_gelu"')
    (tmp_path / "config.json").write_text(config)

    assert np.abs(our_scores(scorer(tmp_path), files) - right).max() > 100 * TOLERANCE


def test_a_wrong_resize_is_caught(folder: Path, right: Any, files: Any, monkeypatch) -> None:
    def squashed(picture: Any, size: int) -> np.ndarray:
        return np.asarray(picture.resize((size, size)))

    monkeypatch.setattr(clip_scorer.ClipScorer, "make_view", staticmethod(squashed))

    assert np.abs(our_scores(scorer(folder), files) - right).max() > 100 * TOLERANCE


# -- the scale, the range, the rater ----------------------------------------------------------------------------------


def test_the_scale_is_the_checkpoints_own_even_where_the_rest_is_rough(folder: Path) -> None:
    model = scorer(folder, precision="bfloat16").encoder.model  # type: ignore[attr-defined]

    assert model.logit_scale == pytest.approx(np.exp(LOGIT_SCALE), rel=1e-6)  # bfloat16 would make it 84.9


def test_the_formula_by_hand() -> None:
    assert pickscore.pick_score(0.2, 100.0) == 20.0
    assert pickscore.pick_score(-0.05, 80.0) == -4.0


def test_the_detail_keeps_the_cosine_and_what_was_cut(folder: Path, tmp_path: Path) -> None:
    media = making.saved(clip_weights.pictures()[0], tmp_path)

    (said,) = making.outcomes(scorer(folder), [making.item(media, prompt_text="fox " * 80)])

    assert isinstance(said, Reading)
    (cosine,) = said.detail["cosine"]  # type: ignore[misc]
    assert said.results["pickscore"].value == pytest.approx(np.exp(LOGIT_SCALE) * cosine, rel=1e-6)
    assert (said.detail["tokens"], said.detail["tokens_cut"]) == (82, 5)


def test_a_video_gets_the_mean_over_its_frames(folder: Path, tmp_path: Path) -> None:
    film = making.filmed([making.scene(96, 96, seed=seed) for seed in range(8)], tmp_path)

    (said,) = making.outcomes(scorer(folder), [making.item(film, prompt_text="a fox")])

    assert isinstance(said, Reading)
    each = np.array(said.detail["cosine"]) * np.exp(LOGIT_SCALE)
    assert len(each) == 8
    assert said.results["pickscore"].value == pytest.approx(each.mean(), rel=1e-6)
    assert said.results["pickscore"].spread == pytest.approx(each.std(), rel=1e-5)


def test_other_weights_or_another_precision_are_another_rater(folder: Path, tmp_path: Path) -> None:
    clip_weights.make(tmp_path, activation="gelu", seed=8)

    digests = {
        build("pickscore", {"source": str(source), "precision": precision}).identity_digest()
        for source, precision in ((folder, "float32"), (tmp_path, "float32"), (folder, "bfloat16"))
    }

    assert len(digests) == 3
    assert build("pickscore", {"source": str(folder)}).identity()["words"] == "transformers"


def test_weights_without_a_scale_are_refused(folder: Path, tmp_path: Path) -> None:
    state = load_file(folder / "model.safetensors")
    save_file({name: one for name, one in state.items() if name != "logit_scale"}, tmp_path / "model.safetensors")
    (tmp_path / "config.json").write_bytes((folder / "config.json").read_bytes())

    with pytest.raises(ScorerUnavailable, match="logit_scale"):
        scorer(tmp_path)


def test_offline_one_sentence_says_what_to_do() -> None:
    source = next(setting.default for setting in facts_of("pickscore").settings if setting.name == "source")

    with pytest.raises(ScorerUnavailable, match="not on this machine and the Hub does not give them") as caught:
        build("pickscore").ready()

    assert source in str(caught.value)


def test_the_published_configuration_is_that_of_a_vit_h(tmp_path: Path) -> None:
    """The sizes of PickScore v1 as its configuration states them, read without its weights."""
    (tmp_path / "model.safetensors").write_bytes(b"")
    stated = {
        "model_type": "clip",
        "projection_dim": 1024,
        "text_config": {
            "hidden_act": "gelu",
            "hidden_size": 1024,
            "intermediate_size": 4096,
            "num_attention_heads": 16,
            "num_hidden_layers": 24,
        },
        "vision_config": {
            "hidden_act": "gelu",
            "hidden_size": 1280,
            "intermediate_size": 5120,
            "num_attention_heads": 16,
            "num_hidden_layers": 32,
            "patch_size": 14,
        },
    }
    (tmp_path / "config.json").write_text(json.dumps(stated))

    found = clip_scorer.find_weights(str(tmp_path))

    theirs = open_clip.get_model_config("ViT-H-14")
    assert found.activation == "gelu"
    assert found.config["embed_dim"] == theirs["embed_dim"]
    assert {key: found.config["vision_cfg"][key] for key in theirs["vision_cfg"]} == theirs["vision_cfg"]
    assert {key: found.config["text_cfg"][key] for key in theirs["text_cfg"]} == theirs["text_cfg"]
