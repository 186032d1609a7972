"""TRL on our exports: the rows arrive, the right answer is learned, and what the traps say fails really fails."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from PIL import Image

from curation.exports.gathered import ExportTrace
from curation.exports.rows import ExportPrompt, ExportRater
from curation.exports.writing import write_export
from tests.curation.exports.making import RULE, Store, opinion, pair, score, source, subject, text_pairs
from tests.trainer_report import named
from tests.trainers.conftest import first_loss

pytestmark = pytest.mark.trainers

LN2 = math.log(2)
QUESTION, RIGHT, WRONG = "what is it?", "a cat", "seven dogs"
LEARNING = {"steps": 12, "batch": 1, "rate": 1e-2}


def one_pair(task: str = "text", *, is_swapped: bool = False, **options):
    """One question, two answers; swapped, the wrong one wins."""
    prompt = ExportPrompt("p", QUESTION)
    sides = [subject(1, prompt, text=RIGHT), subject(2, prompt, text=WRONG)]
    return source([pair(1, *sides, "second" if is_swapped else "first", **options)], task=task)


# -- DPO -------------------------------------------------------------------------------------------------------------


@pytest.mark.capability("I1")
def test_dpo_reads_text(models, loaded, trained, proved, tmp_path):
    pairs = [
        replace(row, criterion="style", extra={"chosen_score": 0.9, "rejected_score": 0.4}) for row in text_pairs()
    ]
    write_export(source(pairs, task="text"), ["trl"], tmp_path / "out")
    rows = loaded(tmp_path / "out", "trl")
    about = ("chosen_score", "rejected_score", "criterion", "basis", "source")
    assert [rows[0][name] for name in about] == [0.9, 0.4, "style", "people", "drawn"]

    trainer = trained("DPO", models.words, rows)

    assert len(trainer.train_dataset) == 4
    directions = [dpo_gain(models, loaded, trained, tmp_path / str(swap), is_swapped=swap) for swap in (False, True)]
    assert directions[0] > 1 > -1 > directions[1]
    said = "both ways"
    proved(
        "trl", named("trl", "DPOTrainer, text"), rows=4, first_loss=first_loss(trainer), expected=LN2, direction=said
    )


def dpo_gain(models, loaded, trained, folder, *, is_swapped: bool) -> float:
    """How much more likely the right answer became than the wrong one, in nats."""
    from tests.trainers import tiny

    write_export(one_pair(is_swapped=is_swapped), ["trl"], folder)
    trainer = trained("DPO", models.words, loaded(folder, "trl"), **LEARNING)
    before, after = tiny.llama().eval(), trainer.model.eval()
    gains = [
        tiny.answer_logp(after, models.words, QUESTION, said) - tiny.answer_logp(before, models.words, QUESTION, said)
        for said in (RIGHT, WRONG)
    ]
    return gains[0] - gains[1]


def rewritten(*, is_swapped: bool = False):
    """One prompt in two wordings, whose pictures are scored under the original; swapped, the wrong one is better."""
    store, origin = Store(), ExportPrompt("p", QUESTION)
    values = (0.2, 0.9) if is_swapped else (0.9, 0.2)
    sides = [
        subject(n, ExportPrompt(f"w{n}", said), media=[store.picture(n)], under=origin, scores=(score(value),))
        for n, (said, value) in enumerate(zip((RIGHT, WRONG), values, strict=True), 1)
    ]
    return source([pair(1, *sides, "second" if is_swapped else "first")], store)


@pytest.mark.capability("J2")
def test_dpo_learns_to_word_prompts_from_rewrites(models, loaded, trained, proved, tmp_path):
    from tests.trainers import tiny

    gains = []
    for is_swapped in (False, True):
        write_export(rewritten(is_swapped=is_swapped), ["rewrites"], tmp_path / str(is_swapped))
        rows = loaded(tmp_path / str(is_swapped), "rewrites")
        assert rows[0]["chosen"][0]["content"] == (WRONG if is_swapped else RIGHT)
        trainer = trained("DPO", models.words, rows, **LEARNING)
        models_of = (trainer.model.eval(), tiny.llama().eval())
        after, before = (
            [tiny.answer_logp(model, models.words, QUESTION, said) for said in (RIGHT, WRONG)] for model in models_of
        )
        gains.append((after[0] - before[0]) - (after[1] - before[1]))

    assert gains[0] > 1 > -1 > gains[1]
    loss, reader = first_loss(trainer), named("trl", "DPOTrainer, rewrites")
    proved("rewrites", reader, rows=len(rows), first_loss=loss, expected=LN2, direction="both ways")


def test_dpo_reads_pictures_and_questions_without(models, loaded, trained, proved, tmp_path):
    store = Store()
    made = source(text_pairs(inputs=(store.picture(1, side=40),)), store, task="understanding")
    write_export(made, ["trl"], tmp_path / "out")
    rows = loaded(tmp_path / "out", "trl")
    assert sorted(len(row["images"]) for row in rows) == [0, 0, 1, 1]

    trainer = trained("DPO", models.vision, rows)

    directions = [seen_gain(models, loaded, trained, tmp_path / str(swap), is_swapped=swap) for swap in (False, True)]
    assert directions[0] > 1 > -1 > directions[1]
    loss, reader = first_loss(trainer), named("trl", "DPOTrainer, vision")
    proved("trl", reader, rows=len(rows), first_loss=loss, expected=LN2, direction="both ways")


def seen_gain(models, loaded, trained, folder, *, is_swapped: bool) -> float:
    from tests.trainers import tiny

    store = Store()
    picture = store.picture(1, side=40)
    prompt = ExportPrompt("p", QUESTION, inputs=(picture,))
    sides = [subject(1, prompt, text=RIGHT), subject(2, prompt, text=WRONG)]
    made = source([pair(1, *sides, "second" if is_swapped else "first")], store, task="understanding")
    write_export(made, ["trl"], folder)
    trainer = trained("DPO", models.vision, loaded(folder, "trl"), **LEARNING)
    before, after, shown = tiny.llava().eval(), trainer.model.eval(), Image.open(store.open(picture.sha256))
    gains = [
        tiny.seen_answer_logp(after, models.vision, QUESTION, said, shown)
        - tiny.seen_answer_logp(before, models.vision, QUESTION, said, shown)
        for said in (RIGHT, WRONG)
    ]
    return gains[0] - gains[1]


def test_a_text_model_refuses_a_column_of_images(models, loaded, trained, tmp_path):
    write_export(source(text_pairs(), task="understanding"), ["trl"], tmp_path / "out")

    with pytest.raises(ValueError, match="vision"):
        trained("DPO", models.words, loaded(tmp_path / "out", "trl"))


def test_null_instead_of_an_empty_list_of_images_fails(models, loaded, trained, tmp_path):
    write_export(source(text_pairs(), task="understanding"), ["trl"], tmp_path / "out")
    rows = loaded(tmp_path / "out", "trl")
    spoilt = rows.remove_columns("images").add_column("images", [None] * len(rows))

    with pytest.raises((TypeError, ValueError, KeyError)):
        trained("DPO", models.vision, spoilt)


def test_pictures_that_load_as_structs_fail(models, loaded, trained, tmp_path):
    """What happens without the schema's metadata: the reason why it is written."""
    store = Store()
    pairs = [row for row in text_pairs(inputs=(store.picture(1, side=40),)) if row.prompt.inputs]
    write_export(source(pairs, store, task="understanding"), ["trl"], tmp_path / "out")
    rows = loaded(tmp_path / "out", "trl").to_list()
    for row in rows:
        row["images"] = [{"bytes": b"...", "path": "x.jpg"} for _picture in row["images"]]

    import datasets

    with pytest.raises((TypeError, ValueError)):
        trained("DPO", models.vision, datasets.Dataset.from_list(rows))


# -- KTO -------------------------------------------------------------------------------------------------------------


@pytest.mark.capability("I2")
def test_kto_reads_labels_and_learns_what_is_good(models, loaded, trained, proved, tmp_path):
    write_export(source(text_pairs(), task="text"), ["trl-kto"], tmp_path / "out")
    rows = loaded(tmp_path / "out", "trl-kto")
    assert sorted(rows["label"]) == [False] * 4 + [True] * 4

    trainer = trained("KTO", models.words, rows, loss_type="apo_zero_unpaired")

    directions = [kto_gain(models, loaded, trained, tmp_path / str(swap), is_swapped=swap) for swap in (False, True)]
    assert directions[0] > 1 > -1 > directions[1]
    loss = first_loss(trainer)
    reader = named("trl", "KTOTrainer, text")
    proved("trl-kto", reader, rows=len(rows), first_loss=loss, expected=0.5, direction="both ways")


def kto_gain(models, loaded, trained, folder, *, is_swapped: bool) -> float:
    from tests.trainers import tiny

    write_export(one_pair(is_swapped=is_swapped), ["trl-kto"], folder)
    learning = LEARNING | {"batch": 2}
    trainer = trained("KTO", models.words, loaded(folder, "trl-kto"), loss_type="apo_zero_unpaired", **learning)
    before, after = tiny.llama().eval(), trainer.model.eval()
    gains = [
        tiny.answer_logp(after, models.words, QUESTION, said) - tiny.answer_logp(before, models.words, QUESTION, said)
        for said in (RIGHT, WRONG)
    ]
    return gains[0] - gains[1]


def test_kto_reads_pictures(models, loaded, trained, proved, tmp_path):
    store = Store()
    pairs = [row for row in text_pairs(6, inputs=(store.picture(1, side=40),)) if row.prompt.inputs]
    write_export(source(pairs, store, task="understanding"), ["trl-kto"], tmp_path / "out")
    rows = loaded(tmp_path / "out", "trl-kto")

    trainer = trained("KTO", models.vision, rows, loss_type="apo_zero_unpaired")

    reader = named("trl", "KTOTrainer, vision")
    proved("trl-kto", reader, rows=len(rows), first_loss=first_loss(trainer), expected=0.5)


# -- reward models ---------------------------------------------------------------------------------------------------


def test_reward_models_read_margins(models, loaded, trained, proved, tmp_path):
    """The loss of a head that knows nothing is log(1 + exp(margin)): the margin arrived, with its sign."""
    losses = {}
    for margin in (0.0, 2.0):
        write_export(one_pair(margin=margin), ["trl"], tmp_path / str(margin))
        trainer = trained("Reward", models.reward, loaded(tmp_path / str(margin), "trl"), batch=1)
        losses[margin] = first_loss(trainer)

    assert losses[0.0] == pytest.approx(LN2, abs=0.05)
    assert losses[2.0] == pytest.approx(math.log1p(math.exp(2)), abs=0.1)
    directions = [reward_gap(models, loaded, trained, tmp_path / f"d{swap}", is_swapped=swap) for swap in (False, True)]
    assert directions[0] > 0.5 > -0.5 > directions[1]
    proved("trl", named("trl", "RewardTrainer"), rows=1, first_loss=losses[0.0], direction="both ways")


def reward_gap(models, loaded, trained, folder, *, is_swapped: bool) -> float:
    from tests.trainers import tiny

    write_export(one_pair(is_swapped=is_swapped), ["trl"], folder)
    trainer = trained("Reward", models.reward, loaded(folder, "trl"), **LEARNING)
    right, wrong = (tiny.answer_reward(trainer.model.eval(), models.reward, QUESTION, said) for said in (RIGHT, WRONG))
    return right - wrong


# -- SFT and GRPO ----------------------------------------------------------------------------------------------------


def scored_source(store: Store | None = None, task: str = "text", inputs=()):
    """Four questions with two answers each and a score on every answer; in the last group they are equal."""
    pairs = []
    for number in range(4):
        prompt = ExportPrompt(f"p{number}", f"question {number}", inputs=inputs)
        values = (0.25, 0.75) if number < 3 else (0.5, 0.5)
        sides = [
            subject(2 * number + place, prompt, text=f"answer {place}", scores=(score(values[place]),))
            for place in (0, 1)
        ]
        pairs.append(pair(number, *sides, "second"))
    return source(pairs, store, task=task)


@pytest.mark.capability("I5")
def test_sft_reads_the_best_of_each_prompt(models, loaded, trained, proved, tmp_path):
    write_export(scored_source(), ["best-of"], tmp_path / "out")
    rows = loaded(tmp_path / "out", "best-of")
    assert [row["completion"][0]["content"] for row in rows] == ["answer 1"] * 3 + ["answer 0"]

    trainer = trained("SFT", models.words, rows)

    assert len(trainer.train_dataset) == 4
    proved("best-of", named("trl", "SFTTrainer, text"), rows=4, first_loss=first_loss(trainer))


def test_sft_reads_the_best_answers_about_pictures(models, loaded, trained, proved, tmp_path):
    store = Store()
    write_export(scored_source(store, "understanding", (store.picture(1, side=40),)), ["best-of"], tmp_path / "out")

    trainer = trained("SFT", models.vision, loaded(tmp_path / "out", "best-of"))

    proved("best-of", named("trl", "SFTTrainer, vision"), rows=4, first_loss=first_loss(trainer))


def test_grpo_hands_rewards_of_a_group_to_its_reward_function(models, loaded, trained, proved, tmp_path):
    write_export(scored_source(), ["groups"], tmp_path / "out")
    rows = loaded(tmp_path / "out", "groups").filter(lambda equal: not equal, input_columns="has_equal_rewards")
    assert rows.num_rows == 3
    heard = []

    def reward(completions, rewards, scaled, **columns):
        heard.append((rewards, scaled, sorted(columns)))
        return [max(of) for of in rewards]

    trainer = trained(
        "GRPO",
        models.words,
        rows,
        batch=2,
        num_generations=2,
        max_completion_length=4,
        reward_funcs=reward,
    )

    rewards, scaled, names = heard[0]
    assert rewards == [[0.25, 0.75]] * 2
    assert scaled == [[-1.0, 1.0]] * 2
    assert {"policy_versions", "texts", "win_rates"} <= set(names)
    proved("groups", named("trl", "GRPOTrainer"), rows=rows.num_rows, first_loss=first_loss(trainer))


def test_sft_reads_what_judges_are_to_imitate(models, loaded, trained, proved, tmp_path):
    prompt = ExportPrompt("p", QUESTION)
    sides = [subject(1, prompt, text=RIGHT), subject(2, prompt, text=WRONG)]
    said = ExportTrace(
        id="1",
        split="train",
        rater=ExportRater("judge@0a1b2c3d", "model"),
        prompt=prompt,
        mode="pair",
        subjects=tuple(sides),
        outcomes={"overall": "left"},
        reasoning="It is one animal.",
        known={"overall": "left"},
    )
    write_export(source([pair(1, *sides)], task="text", traces=[said]), ["judge-traces"], tmp_path / "out")
    rows = loaded(tmp_path / "out", "judge-sft")

    trainer = trained("SFT", models.words, rows)

    assert len(trainer.train_dataset) == 1
    words = trainer.processing_class.decode(trainer.train_dataset[0]["input_ids"])
    assert words.rstrip().endswith("It is one animal.\n\noverall: 1</s>")
    proved("judge-traces", named("trl", "SFTTrainer"), rows=1, first_loss=first_loss(trainer))


# -- a Bradley-Terry head --------------------------------------------------------------------------------------------


def coloured(store: Store, number: int, prompt: ExportPrompt, brightness: int):
    picture = store.picture(number, "PNG", colour=(brightness, brightness, brightness))
    return subject(number, prompt, media=[picture], scores=(score(brightness / 255, "light", RULE),))


@pytest.mark.capability("I3")
def test_a_bradley_terry_head_learns_from_pairs_ties_and_lists(loaded, proved, tmp_path):
    """Brighter wins: one number a picture, its mean brightness, is enough to learn it, and the swapped set turns it."""
    store = Store()
    pairs, ties = [], []
    for number in range(12):
        prompt = ExportPrompt(f"p{number:02d}", f"light {number}")
        dark, bright, same = (
            coloured(store, 3 * number + place, prompt, 20 + 10 * number + (60, 100, 100)[place]) for place in range(3)
        )
        pairs += [pair(3 * number, dark, bright, "second", margin=0.2, criterion="light")]
        pairs += [pair(3 * number + 1, same, dark, "first", margin=0.2, criterion="light")]
        ties += [opinion(bright, same, "tie")]
    write_export(source(pairs, store, opinions=ties), ["reward-model"], tmp_path / "out")
    turned = [replace(one, preference="second" if one.preference == "first" else "first") for one in pairs]
    write_export(source(turned, store, opinions=ties), ["reward-model"], tmp_path / "turned")

    slope, loss = fitted(*(loaded(tmp_path / "out", f"reward-{what}") for what in ("pairs", "ties")))
    other, _loss = fitted(*(loaded(tmp_path / "turned", f"reward-{what}") for what in ("pairs", "ties")))

    assert slope > 1 > -1 > other
    lists = loaded(tmp_path / "out", "reward-lists").filter(
        lambda name: name == "light/technical 1", input_columns="value_name"
    )
    assert [sorted(row["ranks"]) for row in lists] == [[1, 1, 3]] * 12
    assert listwise(lists) > 1
    rows = loaded(tmp_path / "out", "reward-pairs").num_rows
    reader = f"a Bradley-Terry head, torch {torch.__version__}"
    proved("reward-model", reader, proof="contract", rows=rows, first_loss=loss, direction="both ways")


def brightness(picture) -> float:
    return torch.tensor(list(picture.convert("L").tobytes()), dtype=torch.float64).mean().item() / 255


def fitted(pairs, ties) -> tuple[float, float]:
    """The slope of a reward linear in brightness, by the loss of the snippet, and its first loss."""
    features, labels, margins = [], [], []
    for row in [*(one for one in pairs if one["is_main"]), *ties]:
        first, second = (brightness(picture) for picture in row["answer_images"])
        features.append(first - second)
        labels.append(row["label"])
        margins.append(row["margin"] * (2 * row["label"] - 1))
    gap, label, margin = (torch.tensor(values, dtype=torch.float64) for values in (features, labels, margins))
    slope = torch.zeros((), dtype=torch.float64, requires_grad=True)
    optimiser, losses = torch.optim.Adam([slope], lr=0.5), []
    for _step in range(60):
        loss = torch.nn.functional.binary_cross_entropy_with_logits(slope * gap - margin, label)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0]
    return slope.item(), losses[0]


def listwise(rows) -> float:
    """The slope that Plackett and Luce's likelihood of the listed orders prefers."""
    slope = torch.zeros((), dtype=torch.float64, requires_grad=True)
    optimiser = torch.optim.Adam([slope], lr=0.5)
    lists = [([brightness(picture) for picture in row["answer_images"]], row["ranks"]) for row in rows]
    for _step in range(40):
        loss = torch.zeros((), dtype=torch.float64)
        for values, ranks in lists:
            order = sorted(range(len(ranks)), key=lambda place: ranks[place])
            reward = slope * torch.tensor([values[place] for place in order], dtype=torch.float64)
            loss = loss - sum(reward[start] - reward[start:].logsumexp(0) for start in range(len(order) - 1))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return slope.item()
