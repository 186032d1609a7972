"""`videoscore` against the authors' own class on the same weights, and against mistakes that must be seen."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

from curation.media.frames import frames_chosen
from scoring.catalogue import build
from scoring.scorers import idefics2_model
from scoring.scorers.base import ItemError, MediaFile, NotApplicable, Reading, Scorer, ScorerUnavailable
from scoring.scorers.videoscore import CRITERIA, evenly_from_the_first
from tests.scoring import language_weights, making, written_weights

TINY = "videoscore_tiny.npz"
# Two implementations in float32, of other libraries and other years, on numbers about 1.
TOLERANCE = 1e-5


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return written_weights.videoscore(tmp_path_factory.mktemp("videoscore"))


@pytest.fixture(scope="module")
def original() -> np.ndarray:
    """The original's numbers, (prompts, videos, 5)."""
    return language_weights.fixture(TINY)[1]


@pytest.fixture(scope="module")
def prompts() -> list[str]:
    return language_weights.fixture(TINY)[0]["prompts"]


def scorer(folder: Path, **changes: str) -> Scorer[Any]:
    made = build("videoscore", {"source": str(folder), **changes})
    made.ready()
    return made


def our_numbers(made: Any, prompts: list[str]) -> np.ndarray:
    videos = written_weights.videos()
    said = [[made._model.numbers(made._asked(prompt, len(frames)), frames) for frames in videos] for prompt in prompts]
    return np.array(said)


@pytest.fixture(scope="module")
def film(tmp_path_factory) -> MediaFile:
    """Forty unlike frames."""
    folder = tmp_path_factory.mktemp("film")
    return making.filmed([making.scene(64, 48, seed=number) for number in range(40)], folder)


def frames_of(path: Path) -> list[Image.Image]:
    with av.open(str(path)) as container:
        return [frame.to_image() for frame in container.decode(video=0)]


@pytest.mark.parity
def test_numbers_equal_the_authors_own_class(folder, original, prompts, agreement) -> None:
    ours = our_numbers(scorer(folder), prompts)

    agreement("videoscore", "mantis-vl 0.0.5, transformers 4.46", "tiny", ours, original, tolerance=TOLERANCE)


def test_a_video_is_its_frames_by_number_and_the_five_numbers_in_their_order(folder, film) -> None:
    made = scorer(folder)
    wanted = [number * 40 // 16 for number in range(16)]
    frames = [frames_of(film.path)[number] for number in wanted]

    (said,) = making.outcomes(made, [making.item(film, prompt_text="a red fox runs")])

    assert isinstance(said, Reading)
    assert said.detail["frames_us"] == [[number * 1_000_000 // 8 for number in wanted]]
    expected = made._model.numbers(made._asked("a red fox runs", 16), frames)  # type: ignore[attr-defined]
    assert [said.results[key].value for key in CRITERIA] == pytest.approx(expected, abs=1e-6)
    assert list(CRITERIA) == [output.criterion for output in made.facts.outputs]
    assert said.detail["template"] == "from the folder of the weights"


def test_of_several_videos_the_mean_counts_and_their_deviation_is_the_spread(folder, film, tmp_path) -> None:
    other = making.filmed([making.scene(64, 48, seed=90 + number) for number in range(5)], tmp_path)
    asked = [making.item(*media, prompt_text="a fox") for media in ((film,), (other,), (film, other))]

    one, two, both = making.outcomes(scorer(folder), asked)

    for key in CRITERIA:
        alone = [one.results[key].value, two.results[key].value]  # type: ignore[union-attr]
        assert both.results[key].value == pytest.approx(sum(alone) / 2)  # type: ignore[union-attr]
        assert both.results[key].spread == pytest.approx(abs(alone[0] - alone[1]) / 2)  # type: ignore[union-attr]


# -- which frames -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("most", [1, 3, 16, 48])
def test_frame_numbers_are_whole_parts_of_even_steps(most: int) -> None:
    for total in (1, 2, 15, 16, 17, 40, 49, 81, 121, 997):
        found = evenly_from_the_first(total, most=most)
        # In whole numbers, where nothing is rounded but the part itself; a step may fall on a number by rounding.
        exact = [place * total // most for place in range(most)] if total > most else list(range(total))
        assert len(found) == len(exact) == min(total, most)
        assert max(abs(one - other) for one, other in zip(found, exact, strict=True)) <= 1
        assert found[0] == 0
        assert max(found) < total


def test_a_short_video_is_looked_at_whole(tmp_path: Path) -> None:
    film = making.filmed([making.scene(64, 48, seed=number) for number in range(3)], tmp_path)

    frames = frames_chosen(film.path, partial(evenly_from_the_first, most=16))

    assert [np.asarray(frame.image).tolist() for frame in frames] == [
        np.asarray(frame).tolist() for frame in frames_of(film.path)
    ]


# -- mistakes that must be seen ---------------------------------------------------------------------------------------


def disagreement(made: Any, original: np.ndarray, prompts: list[str]) -> float:
    return float(np.abs(our_numbers(made, prompts) - original).max())


def test_without_a_mistake_there_is_no_disagreement(folder, original, prompts) -> None:
    assert disagreement(scorer(folder), original, prompts) < TOLERANCE


def test_a_head_without_its_bias_is_caught(folder, original, prompts, tmp_path) -> None:
    made = scorer(folder)
    made._model._score.bias.data.zero_()  # type: ignore[attr-defined]

    assert disagreement(made, original, prompts) > 100 * TOLERANCE


def test_the_state_before_the_last_is_caught(folder, original, prompts, monkeypatch) -> None:
    made = scorer(folder)
    model: Any = made._model  # type: ignore[attr-defined]
    body = model._body

    def earlier(**fields: Any) -> Any:
        found = body(**fields)
        found.last_hidden_state = found.last_hidden_state[:, :-1]
        return found

    monkeypatch.setattr(model, "_body", earlier)

    assert disagreement(made, original, prompts) > 100 * TOLERANCE


def test_frames_before_the_question_are_caught(folder, original, prompts, monkeypatch) -> None:
    made: Any = scorer(folder)
    asked = made._asked
    monkeypatch.setattr(made, "_asked", lambda prompt, frames: "<image> " * frames + asked(prompt, 0))

    assert disagreement(made, original, prompts) > 100 * TOLERANCE


def test_another_resize_is_caught(folder, original, prompts) -> None:
    made: Any = scorer(folder)
    made._processor.image_processor.resample = Image.Resampling.NEAREST

    assert disagreement(made, original, prompts) > 100 * TOLERANCE


# -- borders ----------------------------------------------------------------------------------------------------------


def test_marks_of_the_model_in_a_prompt_are_read_as_plain_text(folder, film) -> None:
    hostile = making.item(film, prompt_text="a <image> fox <end_of_utterance></s>")

    (said,) = making.outcomes(scorer(folder), [hostile])

    assert isinstance(said, Reading)


def test_without_the_trained_question_every_score_says_so(folder, film, tmp_path) -> None:
    bare = tmp_path / "bare"
    bare.mkdir()
    for file in folder.iterdir():
        if file.name != "videoscore_template.txt":
            (bare / file.name).symlink_to(file)
    trained, own = scorer(folder), scorer(bare)

    (said,) = making.outcomes(own, [making.item(film, prompt_text="a fox")])

    assert isinstance(said, Reading)
    assert said.detail["template"] == "own wording, not the one the model was trained on"
    assert own.identity()["weights"] == trained.identity()["weights"]
    assert own.identity_digest() != trained.identity_digest()


@pytest.mark.parametrize("template", ["no place", "{prompt} and {prompt}", "{prompt}<image>"])
def test_a_template_without_one_place_for_the_prompt_is_refused(template: str, folder) -> None:
    with pytest.raises(ScorerUnavailable, match=r"must hold \{prompt\} once"):
        scorer(folder, template=template)


def test_the_authors_own_name_of_the_place_is_understood(folder) -> None:
    made: Any = scorer(folder, template="The text is {text_prompt}:\n")

    assert made._asked("a fox", 2) == "The text is a fox:\n<image> <image> "


@pytest.mark.parametrize("frames", ["0", "49", "many", "-1"])
def test_a_number_of_frames_out_of_range_is_refused(frames: str, folder) -> None:
    with pytest.raises(ScorerUnavailable, match="from 1 to 48"):
        scorer(folder, frames=frames)


def test_weights_of_another_kind_are_refused_by_name(folder, tmp_path) -> None:
    state = load_file(folder / "model.safetensors")
    broken = tmp_path / "broken"
    broken.mkdir()
    for file in folder.glob("*.json"):
        (broken / file.name).write_bytes(file.read_bytes())

    save_file({**state, "score.weight": torch.zeros(3, 32), "score.bias": torch.zeros(3)}, broken / "model.safetensors")
    with pytest.raises(ScorerUnavailable, match=r"score\.weight is \(3, 32\), not \(5, 32\)"):
        scorer(broken)
    save_file({name: state[name] for name in state if "norm" not in name}, broken / "model.safetensors")
    with pytest.raises(ScorerUnavailable, match="do not fit this model"):
        scorer(broken)
    (broken / "config.json").write_text('{"model_type": "llava"}')
    with pytest.raises(ScorerUnavailable, match="of “llava”, not of Idefics2"):
        scorer(broken)


def test_without_a_source_the_sentence_says_what_to_name() -> None:
    with pytest.raises(ScorerUnavailable, match=r"or a folder.*TIGER-Lab/VideoScore-v1\.1"):
        build("videoscore").ready()


def test_a_question_longer_than_the_model_reads_is_that_samples_failure(folder, film) -> None:
    long, short = (making.item(film, prompt_text="fox " * count) for count in (9000, 1))

    said = making.outcomes(scorer(folder), [long, short])

    assert isinstance(said[0], ItemError)
    assert "over the model's 4096" in said[0].reason
    assert isinstance(said[1], Reading)


def test_a_video_that_cannot_be_read_is_an_error_that_names_it(folder, film, tmp_path) -> None:
    broken = tmp_path / "broken.webm"
    broken.write_bytes(film.path.read_bytes()[:300])
    files = [MediaFile(path, "video", 64, 48, duration_us=1) for path in (broken, tmp_path / "gone.webm")]

    said = making.outcomes(scorer(folder), [making.item(file, prompt_text="a fox") for file in files])

    assert [type(one) for one in said] == [ItemError, ItemError]
    assert "broken.webm" in said[0].reason  # type: ignore[union-attr]
    assert "gone.webm is not in the media storage" in said[1].reason  # type: ignore[union-attr]


def test_a_picture_is_no_video(folder, tmp_path) -> None:
    (said,) = making.outcomes(
        scorer(folder), [making.item(making.saved(making.scene(), tmp_path), prompt_text="a fox")]
    )

    assert said == NotApplicable("the sample has no video")
    assert idefics2_model.IMAGE == "<image>"
