"""`caption_likelihood` against transformers' own loss, one picture and one prompt at a time, and against mistakes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import scoring.torch_setup  # noqa: F401 - before anything that imports torchvision

# isort: split
from transformers import AutoImageProcessor, AutoTokenizer, LlavaForConditionalGeneration

from scoring.catalogue import build
from scoring.engine import Pace
from scoring.scorers import caption_likelihood, kinship
from scoring.scorers.base import ItemError, NotApplicable, Reading, Scorer, ScorerUnavailable
from scoring.scorers.plain_words import PlainWords, Words, summed
from tests.scoring import language_weights, making

QUESTION = "What is to be seen?"
PROMPTS = ("a red fox", "Two cats, one dog\nand a cup!", "café, 東京", "x", "a fox, a cat, a dog " * 5)
# float32 in batches of other shapes; measured below 1e-6 nats.
TOLERANCE = 2e-5


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return language_weights.chat_model(tmp_path_factory.mktemp("chat"))


@pytest.fixture(scope="module")
def qwen(tmp_path_factory) -> tuple[Path, Any, Any]:
    return language_weights.qwen(tmp_path_factory.mktemp("qwen"))


def scorer(folder: Path, **changes: str) -> Scorer[Any]:
    made = build("caption_likelihood", {"source": str(folder), "question": QUESTION, **changes})
    made.ready()
    return made


def readings(made: Scorer[Any], tmp_path: Path, batch: int = 7, prompts: tuple[str, ...] = PROMPTS) -> list[Reading]:
    shown = [making.saved(picture, tmp_path) for picture in language_weights.pictures()]
    asked = [making.item(media, prompt_text=prompt) for prompt in prompts for media in shown]
    said = making.outcomes(made, asked, Pace(batch_size=batch, threads=0))
    assert [type(one) for one in said] == [Reading] * len(asked), said
    return [one for one in said if isinstance(one, Reading)]


def our_scores(made: Scorer[Any], tmp_path: Path, criterion: str = "caption_likelihood", batch: int = 7) -> np.ndarray:
    values = [one.results[criterion].value for one in readings(made, tmp_path, batch)]
    return np.array(values).reshape(len(PROMPTS), -1)


# -- a model of transformers, asked by hand ---------------------------------------------------------------------------

# Log-probabilities of the tokens of a text after a picture, from one forward pass without batch and padding.
Teller = Callable[[Image.Image, str], torch.Tensor]


@pytest.fixture(scope="module")
def llava(folder: Path) -> Teller:
    model = LlavaForConditionalGeneration.from_pretrained(folder).eval()
    words = AutoTokenizer.from_pretrained(folder)
    eyes = AutoImageProcessor.from_pretrained(folder, backend="pil")

    def told(picture: Image.Image, text: str) -> torch.Tensor:
        before = words(f"<s>user: {'<image>' * 16}\n{QUESTION}answer:", add_special_tokens=False)["input_ids"]
        answer = words(text.strip(), add_special_tokens=False)["input_ids"]
        pixels = eyes(picture, return_tensors="pt")["pixel_values"]
        return by_loss(model, before, answer, pixel_values=pixels)

    return told


def by_loss(model: Any, before: list[int], answer: list[int], **seen: torch.Tensor) -> torch.Tensor:
    """Each token's own loss: only it is labelled, everything else is masked with −100."""
    found = []
    for place in range(len(answer)):
        ids = torch.tensor([[*before, *answer[: place + 1]]])
        labels = torch.full_like(ids, -100)
        labels[0, -1] = answer[place]
        with torch.no_grad():
            out = model(input_ids=ids, attention_mask=torch.ones_like(ids), labels=labels, **seen)
        found.append(-float(out.loss))
    return torch.tensor(found, dtype=torch.float64)


@pytest.fixture(scope="module")
def original(llava: Teller) -> dict[str, np.ndarray]:
    """Both criteria by hand, (prompts, pictures)."""
    seen = np.array([[llava(one, text).mean() for one in language_weights.pictures()] for text in PROMPTS])
    greys = [Image.new("RGB", one.size, (127, 127, 127)) for one in language_weights.pictures()]
    unseen = np.array([[llava(grey, text).mean() for grey in greys] for text in PROMPTS])
    return {"caption_likelihood": seen, "caption_contrast": seen - unseen}


@pytest.mark.parity
@pytest.mark.parametrize("criterion", ["caption_likelihood", "caption_contrast"])
def test_scores_equal_the_loss_of_one_picture_and_one_text_at_a_time(
    criterion, folder, original, tmp_path, agreement
) -> None:
    ours = our_scores(scorer(folder, contrast="grey"), tmp_path, criterion)

    oracle = f"LLaVA's own loss, alone ({criterion})"
    agreement("caption_likelihood", oracle, "tiny", ours, original[criterion], tolerance=TOLERANCE)


@pytest.mark.parity
def test_batches_of_unlike_pictures_and_texts_equal_the_same_alone(qwen, tmp_path, agreement) -> None:
    folder, model, processor = qwen

    ours = our_scores(scorer(folder), tmp_path, batch=30)

    theirs = of_qwen(model, processor)
    agreement("caption_likelihood", "Qwen2-VL's own loss, alone", "tiny", ours, theirs, tolerance=TOLERANCE)


def of_qwen(model: Any, processor: Any) -> np.ndarray:
    pictures = language_weights.pictures()
    return np.array([[said_alone(model, processor, picture, text) for picture in pictures] for text in PROMPTS])


def said_alone(model: Any, processor: Any, picture: Image.Image, text: str) -> float:
    """The mean of a text's tokens from one pass, with the model's own loss over all of them."""
    before = f"<|vision_start|><|image_pad|><|vision_end|>{QUESTION} answer:"
    fields = processor(text=[before], images=[picture], return_tensors="pt")
    answer = torch.tensor([processor.tokenizer(text.strip(), add_special_tokens=False)["input_ids"]])
    ids = torch.cat([fields["input_ids"], answer], dim=1)
    seen = {
        "pixel_values": fields["pixel_values"],
        "image_grid_thw": fields["image_grid_thw"],
        "mm_token_type_ids": torch.nn.functional.pad(fields["mm_token_type_ids"], (0, answer.shape[1])),
    }
    labels = torch.cat([torch.full_like(fields["input_ids"], -100), answer], dim=1)
    with torch.no_grad():
        return -float(model(input_ids=ids, attention_mask=torch.ones_like(ids), labels=labels, **seen).loss)


# -- mistakes that must be seen ---------------------------------------------------------------------------------------


def disagreement(made: Scorer[Any], original: dict[str, np.ndarray], tmp_path: Path) -> float:
    return max(
        float(np.abs(our_scores(made, tmp_path, criterion) - values).max()) for criterion, values in original.items()
    )


def a_token_later(made: Any) -> None:
    own = made._model._spoken
    made._model._spoken = lambda *asked: (found := own(*asked)) and (found[0].roll(-1, dims=1), found[1])


def summed_over_tokens(made: Any) -> None:
    own = made._model.answers
    made._model.answers = lambda *asked: [one * len(one) for one in own(*asked)]


def with_the_end(made: Any) -> None:
    own = made._model.plain
    made._model.__dict__["plain"] = lambda text: Words((*own(text).tokens, made._model.end), None)


def without_a_question(made: Any) -> None:
    made._question = "x"


@pytest.mark.parametrize("mistake", [a_token_later, summed_over_tokens, with_the_end, without_a_question])
def test_a_mistake_is_caught(mistake, folder, original, tmp_path) -> None:
    made = scorer(folder, contrast="grey")
    mistake(made)

    assert disagreement(made, original, tmp_path) > 50 * TOLERANCE


def test_padding_before_the_question_in_the_place_of_after_it_is_caught(qwen, tmp_path) -> None:
    folder, model, processor = qwen
    made = scorer(folder)
    made._model._words.padding_side = "left"  # type: ignore[attr-defined]

    found = our_scores(made, tmp_path, batch=30)

    assert np.abs(found - of_qwen(model, processor)).max() > 50 * TOLERANCE


@pytest.mark.parametrize("level", [0, 255])
def test_another_blank_than_grey_is_caught(level, folder, original, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(caption_likelihood, "GREY_LEVEL", level)

    assert disagreement(scorer(folder, contrast="grey"), original, tmp_path) > 50 * TOLERANCE


# -- each token in its place ------------------------------------------------------------------------------------------


def test_each_token_has_its_own_number_where_it_stands_in_the_prompt(folder, llava, tmp_path) -> None:
    media = making.saved(language_weights.pictures()[0], tmp_path)
    text = "  a café, 😀 dog\n"

    (said,) = making.outcomes(scorer(folder, contrast="grey"), [making.item(media, prompt_text=text)])

    assert isinstance(said, Reading)
    picture = language_weights.pictures()[0]
    alone = llava(picture, text)
    beside = alone - llava(Image.new("RGB", picture.size, (127, 127, 127)), text)
    for criterion, each in (("caption_likelihood", alone), ("caption_contrast", beside)):
        places = [place for place in said.places if place.criterion == criterion]
        assert {(place.shape, place.target) for place in places} == {("span", "prompt")}
        assert [text[place.start : place.end] for place in places] == [
            *"a caf",
            "é",
            ",",
            " ",
            "😀",
            " dog",
        ]  # é and the face are two and four tokens
        values = [place.value for place in places]
        assert values[:5] == pytest.approx(each[:5].tolist(), abs=TOLERANCE)
        assert values[5] == pytest.approx(float(each[5:7].sum()), abs=TOLERANCE)
        assert values[8] == pytest.approx(float(each[9:13].sum()), abs=TOLERANCE)
        assert values[9] == pytest.approx(float(each[13]), abs=TOLERANCE)
        assert sum(values) / len(each) == pytest.approx(said.results[criterion].value)


@pytest.mark.parametrize(
    ("values", "spans", "expected"),
    [
        ([-1.0, -2.0, -4.0], ((0, 1), (1, 3), (3, 4)), [((0, 1), -1.0), ((1, 3), -2.0), ((3, 4), -4.0)]),
        ([-1.0, -2.0, -4.0], ((0, 0), (0, 3), (3, 3)), [((0, 3), -7.0)]),
        ([-1.0, -2.0, -4.0], ((0, 2), (1, 3), (3, 4)), [((0, 3), -3.0), ((3, 4), -4.0)]),
        ([-1.0], ((0, 0),), []),
    ],
)
def test_tokens_of_one_letter_are_added_up(values, spans, expected) -> None:
    assert summed(values, spans) == expected


def test_a_tokenizer_that_tells_no_spans_leaves_the_places_out(folder, original, tmp_path) -> None:
    class Older:
        """A tokenizer without a backend of its own."""

        def __init__(self, words: Any) -> None:
            self._words = words

        def __call__(self, text: str, **options: Any) -> Any:
            return self._words(text, **options)

    made = scorer(folder)
    made._model.__dict__["plain"] = PlainWords(Older(made._model._words))  # type: ignore[attr-defined]

    found = readings(made, tmp_path)

    assert [one.places for one in found] == [()] * len(found)
    values = np.array([one.results["caption_likelihood"].value for one in found])
    assert values == pytest.approx(original["caption_likelihood"].ravel(), abs=TOLERANCE)


def test_marks_of_the_model_in_a_prompt_are_only_letters(folder, tmp_path) -> None:
    media = making.saved(making.scene(), tmp_path)
    text = "a <image> </s> fox"

    (said,) = making.outcomes(scorer(folder), [making.item(media, prompt_text=text)])

    assert isinstance(said, Reading), said
    assert said.detail["tokens"] == len(text) - len("fox") + 1 - 1  # every letter but “ fox” is a token
    assert text[said.places[2].start : said.places[2].end] == "<"


# -- what stays the same, and what is left out ------------------------------------------------------------------------


def test_without_the_contrast_only_the_likelihood_is_said_and_it_is_the_same(folder, tmp_path) -> None:
    plain, both = (readings(scorer(folder, contrast=one), tmp_path) for one in ("none", "grey"))

    assert {key for one in plain for key in one.results} == {"caption_likelihood"}
    assert {key for one in both for key in one.results} == {"caption_likelihood", "caption_contrast"}
    assert [one.results["caption_likelihood"].value for one in plain] == pytest.approx(
        [one.results["caption_likelihood"].value for one in both], abs=TOLERANCE
    )


def test_a_long_prompt_is_cut_and_the_cut_is_counted(folder, llava, tmp_path) -> None:
    media = making.saved(language_weights.pictures()[0], tmp_path)
    text = "x" * 30

    (said,) = making.outcomes(scorer(folder, most_tokens="12"), [making.item(media, prompt_text=text)])

    assert isinstance(said, Reading)
    assert (said.detail["tokens"], said.detail["tokens_cut"]) == (30, 18)
    assert said.results["caption_likelihood"].value == pytest.approx(
        float(llava(language_weights.pictures()[0], "x" * 12).mean()), abs=TOLERANCE
    )
    assert [(place.start, place.end) for place in said.places] == [(at, at + 1) for at in range(12)]


@pytest.mark.parametrize("length", [511, 485])
def test_a_prompt_that_does_not_fit_with_its_picture_is_that_samples_failure(length, folder, tmp_path) -> None:
    media = making.saved(making.scene(), tmp_path)
    asked = [making.item(media, prompt_text=text) for text in ("a fox", "x" * length, "a cat")]

    said = making.outcomes(scorer(folder), asked)

    assert [type(one) for one in said] == [Reading, ItemError, Reading]
    assert isinstance(said[1], ItemError)
    assert "more than the 512 the model reads" in said[1].reason


def test_a_sample_of_several_pictures_gets_the_mean_the_spread_and_a_box_for_each(folder, original, tmp_path) -> None:
    shown = [making.saved(picture, tmp_path) for picture in language_weights.pictures()]

    (said,) = making.outcomes(scorer(folder), [making.item(*shown, prompt_text=PROMPTS[0])])

    assert isinstance(said, Reading)
    expected = original["caption_likelihood"][0]
    assert said.results["caption_likelihood"].value == pytest.approx(expected.mean(), abs=TOLERANCE)
    assert said.results["caption_likelihood"].spread == pytest.approx(expected.std(), abs=TOLERANCE)
    boxes = [place.value for place in said.places if place.shape == "box"]
    assert boxes == pytest.approx(expected.tolist(), abs=TOLERANCE)


def test_a_prompt_without_text_is_not_applicable(folder, tmp_path) -> None:
    media = making.saved(making.scene(), tmp_path)

    assert making.outcomes(scorer(folder), [making.item(media, prompt_text=" \n")]) == [
        NotApplicable("the prompt has no text")
    ]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"contrast": "black"}, "cannot be “black”; it is one of none, grey"),
        ({"question": "Is it “{prompt}”?"}, r"without \{prompt\}"),
        ({"question": " "}, "asks what the picture shows"),
        ({"most_tokens": "0"}, "at least 1; not “0”"),
        ({"longest_side": "wide"}, "number of pixels"),
        ({"precision": "int8"}, "“int8” is unknown"),
        ({"source": ""}, "Name a model in the setting “source”"),
    ],
)
def test_wrong_settings_are_refused(changes, words, folder) -> None:
    with pytest.raises(ScorerUnavailable, match=words):
        scorer(folder, **changes)


def test_the_rater_is_its_weights_question_contrast_and_cut_wherever_they_lie(folder, tmp_path) -> None:
    for file in folder.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    changes = [{"contrast": "grey"}, {"most_tokens": "9"}, {"question": "What?"}, {"longest_side": "0"}]

    digests = [build("caption_likelihood", {"source": str(tmp_path), **change}).identity_digest() for change in changes]

    first = build("caption_likelihood", {"source": str(folder)}).identity_digest()
    assert build("caption_likelihood", {"source": str(tmp_path)}).identity_digest() == first
    assert len({first, *digests}) == len(changes) + 1


# -- whose model it asks ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["caption_likelihood", "yes_token"])
def test_the_family_is_that_of_the_model_it_really_asks(name, folder, qwen) -> None:
    on_llava, on_qwen = (build(name, {"source": str(one)}) for one in (folder, qwen[0]))

    assert on_llava.facts.family == on_qwen.family() == "Qwen2-VL"
    assert on_llava.family() == "llava"
    assert on_llava.models() == (folder.name,)


@pytest.mark.parametrize(
    ("source", "name"),
    [
        (f"Qwen/Qwen2-VL-2B-Instruct@{'0' * 40}", "Qwen/Qwen2-VL-2B-Instruct"),
        ("/srv/models/janus-pro", "janus-pro"),
        ("janus-pro/", "janus-pro"),
        ("s3://models/vision/janus-pro", "janus-pro"),
        ("/srv/a@b/janus", "janus"),
    ],
)
def test_a_model_is_named_as_its_source_is_and_never_by_where_it_lies(source, name) -> None:
    assert kinship.name_of(source) == name


def test_a_folder_that_names_no_architecture_keeps_the_usual_family(tmp_path) -> None:
    assert kinship.family_of(tmp_path, "Qwen2-VL") == "Qwen2-VL"
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "qwen2_vl"}))
    assert kinship.family_of(tmp_path, "Qwen2-VL") == "Qwen2-VL"
