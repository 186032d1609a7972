"""`yes_token` against transformers of another year, one picture at a time, and against mistakes that must be seen."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

from scoring.catalogue import build
from scoring.engine import Pace
from scoring.scorers import chat_model, yes_token
from scoring.scorers.base import ItemError, NotApplicable, Reading, Scorer, ScorerUnavailable
from tests.scoring import language_weights, making

RULES = ("first-token", "normalised", "geometric")
# Two releases in float32 on the same weights; measured 2e-7 on shares, 2e-9 on probabilities of a thousandth.
TOLERANCE = {"first-token": 1e-7, "normalised": 2e-6, "geometric": 1e-7}


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return language_weights.chat_model(tmp_path_factory.mktemp("chat"))


@pytest.fixture(scope="module")
def stated() -> dict[str, Any]:
    return language_weights.fixture("yes_token_tiny.npz")[0]


def original(rule: str) -> np.ndarray:
    """The older release's scores, (prompts, pictures)."""
    return language_weights.fixture("yes_token_tiny.npz")[1][..., RULES.index(rule)]


def scorer(folder: Path, **changes: str) -> Scorer[Any]:
    question = language_weights.fixture("yes_token_tiny.npz")[0]["question"]
    made = build("yes_token", {"source": str(folder), "question": question, **changes})
    made.ready()
    return made


def readings(made: Scorer[Any], prompts: list[str], tmp_path: Path, batch: int = 7) -> list[Reading]:
    shown = [making.saved(picture, tmp_path) for picture in language_weights.pictures()]
    asked = [making.item(media, prompt_text=prompt) for prompt in prompts for media in shown]
    said = making.outcomes(made, asked, Pace(batch_size=batch, threads=0))
    assert [type(one) for one in said] == [Reading] * len(asked), said
    return [one for one in said if isinstance(one, Reading)]


def our_scores(made: Scorer[Any], prompts: list[str], tmp_path: Path, batch: int = 7) -> np.ndarray:
    values = [one.results["yes_token"].value for one in readings(made, prompts, tmp_path, batch)]
    return np.array(values).reshape(len(prompts), -1)


@pytest.mark.parity
@pytest.mark.parametrize("rule", RULES)
def test_scores_equal_an_older_release_that_asks_one_at_a_time(rule, folder, stated, tmp_path, agreement) -> None:
    ours = our_scores(scorer(folder, rule=rule), stated["prompts"], tmp_path)

    oracle = f"LLaVA of transformers 4.46 ({rule})"
    agreement("yes_token", oracle, "tiny", ours, original(rule), tolerance=TOLERANCE[rule])


# -- mistakes that must be seen ---------------------------------------------------------------------------------------


def disagreement(made: Scorer[Any], rule: str, prompts: list[str], tmp_path: Path) -> float:
    return float(np.abs(our_scores(made, prompts, tmp_path) - original(rule)).max())


@pytest.mark.parametrize(("rule", "other"), [("first-token", "normalised"), ("geometric", "first-token")])
def test_another_rule_is_caught(rule, other, folder, stated, tmp_path) -> None:
    made = scorer(folder, rule=other)

    assert disagreement(made, rule, stated["prompts"], tmp_path) > 100 * TOLERANCE[rule]


def test_an_answer_without_its_end_is_caught(folder, stated, tmp_path) -> None:
    made = scorer(folder, rule="geometric")
    made._label = made._label[:-1]  # type: ignore[attr-defined]

    assert disagreement(made, "geometric", stated["prompts"], tmp_path) > 100 * TOLERANCE["geometric"]


def test_padding_before_the_text_in_the_place_of_after_it_is_caught(folder, stated, tmp_path) -> None:
    made = scorer(folder, rule="normalised")
    made._model._words.padding_side = "left"  # type: ignore[attr-defined]

    assert disagreement(made, "normalised", stated["prompts"], tmp_path) > 100 * TOLERANCE["normalised"]


def test_another_question_is_caught(folder, stated, tmp_path) -> None:
    made = scorer(folder, rule="normalised", question="“{prompt}”?")

    assert disagreement(made, "normalised", stated["prompts"], tmp_path) > 100 * TOLERANCE["normalised"]


def test_pictures_resized_on_tensors_are_caught(folder, stated, tmp_path, monkeypatch) -> None:
    on_pillow = scorer(folder).identity()["preprocessing"]
    own = chat_model.AutoImageProcessor.from_pretrained

    def without_pillow(*arguments: Any, backend: str = "", **options: Any) -> Any:
        if backend == "pil":
            raise ImportError("no twin on Pillow")
        return own(*arguments, **options)

    monkeypatch.setattr(chat_model.AutoImageProcessor, "from_pretrained", without_pillow)
    made = scorer(folder, rule="normalised")

    assert disagreement(made, "normalised", stated["prompts"], tmp_path) > 10 * TOLERANCE["normalised"]
    assert made.identity()["preprocessing"] != on_pillow


# -- rules by hand ----------------------------------------------------------------------------------------------------


def test_the_formulas_by_hand() -> None:
    assert yes_token.geometric_mean(torch.tensor([[0.5, 0.08]]).log()).tolist() == pytest.approx([0.2])
    assert yes_token.normalised(torch.tensor([0.06]), torch.tensor([0.02])).tolist() == pytest.approx([0.75])
    assert torch.isnan(yes_token.normalised(torch.zeros(1), torch.zeros(1))).all()
    assert yes_token.deviation(0.2) == pytest.approx(0.4)


def test_the_detail_holds_the_distribution_and_its_deviation(folder, stated, tmp_path) -> None:
    (one, *_rest) = readings(scorer(folder, rule="normalised"), stated["prompts"][:1], tmp_path)

    (found,) = one.detail["probabilities"]  # type: ignore[misc]
    value = one.results["yes_token"].value
    assert one.detail["rule"] == "normalised"
    assert sum(found.values()) == pytest.approx(1)  # type: ignore[union-attr]
    assert found["yes"] / (found["yes"] + found["no"]) == pytest.approx(value)  # type: ignore[index,call-overload,operator]
    assert one.detail["deviation"] == pytest.approx([np.sqrt(value * (1 - value))])


def test_several_spellings_of_an_answer_add_up(folder, stated, tmp_path) -> None:
    found = {
        yes: our_scores(scorer(folder, rule="first-token", yes=yes), stated["prompts"][:2], tmp_path)
        for yes in ("Yes", "maybe", "Yes|maybe", "Yes|Yes")
    }

    assert found["Yes|maybe"] == pytest.approx(found["Yes"] + found["maybe"], abs=1e-7)
    assert found["Yes|Yes"] == pytest.approx(found["Yes"], abs=1e-9)


def test_answers_that_begin_alike_are_refused(folder) -> None:
    with pytest.raises(ScorerUnavailable, match="begin with the same token"):
        scorer(folder, yes="maybe", no="maybe not")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"rule": "mean"}, "“mean”.* first-token"),
        ({"question": "Is it good?"}, r"must hold \{prompt\} once"),
        ({"yes": " | "}, "at least one affirmative"),
        ({"longest_side": "-3"}, "number of pixels"),
        ({"precision": "int8"}, "“int8” is unknown"),
        ({"source": ""}, "Name a model in the setting “source”"),
    ],
)
def test_wrong_settings_are_refused(changes, words, folder) -> None:
    with pytest.raises(ScorerUnavailable, match=words):
        scorer(folder, **changes)


# -- prompts and pictures ---------------------------------------------------------------------------------------------


def test_marks_of_the_model_in_a_prompt_are_words(folder, tmp_path) -> None:
    media = making.saved(making.scene(), tmp_path)
    asked = [making.item(media, prompt_text=text) for text in ("a fox", "a <image> fox", "</s> <s> Yes", "{prompt}")]

    said = making.outcomes(scorer(folder), asked, Pace(batch_size=4, threads=0))

    assert [type(one) for one in said] == [Reading] * 4, said


def test_a_huge_prompt_is_that_samples_error_and_the_others_are_scored(folder, tmp_path) -> None:
    media = making.saved(making.scene(), tmp_path)
    asked = [making.item(media, prompt_text=text) for text in ("a fox", "a fox " * 20_000, "a cat")]

    said = making.outcomes(scorer(folder), asked)

    assert isinstance(said[1], ItemError)
    assert "more than the 512 the model reads" in said[1].reason
    assert isinstance(said[0], Reading)
    assert isinstance(said[2], Reading)


def test_a_prompt_that_fits_alone_but_not_with_its_picture_is_refused(folder, tmp_path) -> None:
    media = making.saved(making.scene(), tmp_path)
    made = scorer(folder)
    text = "x" * (512 - len(made._model.tokens(made._question.replace("{prompt}", ""))) - 2)  # type: ignore[attr-defined]

    (said,) = making.outcomes(made, [making.item(media, prompt_text=text)])

    assert isinstance(said, ItemError)
    assert "more than the 512 the model reads" in said.reason


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


def test_a_sample_of_several_pictures_gets_the_mean_and_the_spread(folder, stated, tmp_path) -> None:
    shown = [making.saved(picture, tmp_path) for picture in language_weights.pictures()]

    (said,) = making.outcomes(scorer(folder), [making.item(*shown, prompt_text=stated["prompts"][0])])

    assert isinstance(said, Reading)
    expected = original("normalised")[0]
    assert said.results["yes_token"].value == pytest.approx(expected.mean(), abs=2e-6)
    assert said.results["yes_token"].spread == pytest.approx(expected.std(), abs=2e-6)


@pytest.mark.parametrize(
    ("size", "side", "expected"),
    [
        ((2000, 1000), 1024, (1024, 512)),
        ((50, 40), 100, (50, 40)),
        ((900, 9), 0, (900, 15)),
        ((640, 10), 0, (640, 10)),
        ((1, 100_000), 1024, (16, 1024)),
    ],
)
def test_large_pictures_are_made_smaller_and_strips_put_in_a_band(size, side, expected) -> None:
    made = yes_token.smaller(Image.new("RGB", size, "red"), side)

    assert made.size == expected
    assert made.getpixel(((made.width - 1) // 2, (made.height - 1) // 2)) == (255, 0, 0)


def test_items_of_like_length_share_a_batch(folder, tmp_path) -> None:
    made = scorer(folder)
    small, large = (making.decoded(making.saved(making.scene(*size), tmp_path)) for size in ((60, 60), (900, 900)))
    short, long = making.item(prompt_text="fox"), making.item(prompt_text="a fox " * 9)

    lengths = [
        made.length(made.prepare(*pair)) for pair in ((short, small), (long, small), (short, large), (long, large))
    ]

    assert lengths == sorted(lengths)
    assert len(set(lengths)) == 4


# -- a model whose pictures differ in length ---------------------------------------------------------------------------


@pytest.fixture(scope="module")
def qwen(tmp_path_factory) -> tuple[Path, Any, Any]:
    return language_weights.qwen(tmp_path_factory.mktemp("qwen"))


@pytest.mark.parity
def test_batches_of_unlike_pictures_equal_what_the_model_would_say_alone(qwen, stated, tmp_path, agreement) -> None:
    folder, model, processor = qwen

    ours = our_scores(scorer(folder, rule="normalised"), stated["prompts"], tmp_path, batch=30)

    theirs = [
        [said_alone(model, processor, picture, stated["question"].replace("{prompt}", prompt)) for picture in shown()]
        for prompt in stated["prompts"]
    ]
    agreement("yes_token", "Qwen2-VL by generate, alone (normalised)", "tiny", ours, theirs, tolerance=5e-6)


def shown() -> list[Image.Image]:
    return language_weights.pictures()


def said_alone(model: Any, processor: Any, picture: Image.Image, question: str) -> float:
    """transformers' own writing of one token, from a text put together by hand."""
    text = f"<|vision_start|><|image_pad|><|vision_end|>{question} answer:"
    fields = processor(text=[text], images=[picture], return_tensors="pt")
    out = model.generate(
        **fields, max_new_tokens=1, do_sample=False, output_logits=True, return_dict_in_generate=True, pad_token_id=0
    )
    yes, no = (processor.tokenizer(word)["input_ids"][0] for word in ("Yes", "No"))
    odds = (out.logits[0][0, yes] - out.logits[0][0, no]).double()
    return float(torch.sigmoid(odds))


def test_an_answer_after_unlike_pictures_equals_the_same_alone(qwen, stated, tmp_path) -> None:
    made = scorer(qwen[0], rule="geometric")

    together = our_scores(made, stated["prompts"][:3], tmp_path, batch=18)

    assert together == pytest.approx(our_scores(made, stated["prompts"][:3], tmp_path, batch=1), rel=1e-4)
    assert together.std() > 1e-4


# -- weights ----------------------------------------------------------------------------------------------------------


def copied(folder: Path, to: Path) -> Path:
    for file in folder.iterdir():
        (to / file.name).write_bytes(file.read_bytes())
    return to


def test_the_rater_is_its_weights_template_question_answers_and_rule_wherever_they_lie(folder, tmp_path) -> None:
    copy = copied(folder, tmp_path)
    first = build("yes_token", {"source": str(folder)}).identity_digest()
    changes = [{"rule": "geometric"}, {"yes": "Sure"}, {"no": "Nope"}, {"longest_side": "0"}, {"question": "{prompt}?"}]

    digests = [build("yes_token", {"source": str(copy), **change}).identity_digest() for change in changes]
    assert build("yes_token", {"source": str(copy)}).identity_digest() == first
    (copy / "chat_template.json").write_text((copy / "chat_template.json").read_text().replace("answer:", "so:"))
    digests.append(build("yes_token", {"source": str(copy)}).identity_digest())

    assert len({first, *digests}) == len(changes) + 2


def test_offline_one_sentence_says_what_to_do() -> None:
    with pytest.raises(ScorerUnavailable, match=r"Qwen/Qwen2-VL-2B-Instruct@895c3a49.* not on this machine .*“source”"):
        build("yes_token").ready()


def test_weights_in_a_pickle_are_refused(folder, tmp_path) -> None:
    copy = copied(folder, tmp_path)
    torch.save(load_file(copy / "model.safetensors"), copy / "pytorch_model.bin")
    (copy / "model.safetensors").unlink()

    with pytest.raises(ScorerUnavailable, match="not in safetensors"):
        scorer(copy)


@pytest.mark.parametrize("kind", ["missing", "surplus", "shape"])
def test_tensors_that_do_not_fit_are_refused(kind, folder, tmp_path) -> None:
    copy = copied(folder, tmp_path)
    state = load_file(copy / "model.safetensors")
    name = next(one for one in state if one.endswith("multi_modal_projector.linear_1.bias"))
    if kind == "missing":
        del state[name]
    elif kind == "surplus":
        state["language_model.surplus"] = torch.ones(1)
    else:
        state[name] = state[name][:3].clone()
    save_file(state, copy / "model.safetensors", metadata={"format": "pt"})

    with pytest.raises(ScorerUnavailable, match=r"do not fit this model: .*(linear_1\.bias|surplus)"):
        scorer(copy)


def test_code_that_comes_with_a_model_is_never_run(folder, tmp_path) -> None:
    copy = copied(folder, tmp_path)
    stated = json.loads((copy / "config.json").read_text())
    (copy / "evil.py").write_text("raise SystemExit('the code was run')")
    own = {"model_type": "evil", "auto_map": {"AutoConfig": "evil.Config", "AutoModelForImageTextToText": "evil.Model"}}
    (copy / "config.json").write_text(json.dumps({**stated, **own}))

    with pytest.raises(ScorerUnavailable, match="holds no"):
        scorer(copy)


def test_a_folder_without_a_chat_template_is_refused(folder, tmp_path) -> None:
    copy = copied(folder, tmp_path)
    (copy / "chat_template.json").unlink()
    stated = json.loads((copy / "tokenizer_config.json").read_text())
    stated.pop("chat_template", None)
    (copy / "tokenizer_config.json").write_text(json.dumps(stated))
    processor = json.loads((copy / "processor_config.json").read_text())
    processor.pop("chat_template", None)
    (copy / "processor_config.json").write_text(json.dumps(processor))

    with pytest.raises(ScorerUnavailable, match="no chat template"):
        scorer(copy)


def test_a_model_without_eyes_is_refused(tmp_path) -> None:
    (tmp_path / "config.json").write_text('{"model_type": "gpt2"}')

    with pytest.raises(ScorerUnavailable, match="holds no"):
        scorer(tmp_path)
