"""LLaMA-Factory, in an environment of its own, on the folders we write for it."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from curation.exports.rows import ExportPrompt
from curation.exports.writing import write_export
from tests.curation.exports.making import Store, pair, source, subject, text_pairs
from tests.trainers import environments

pytestmark = pytest.mark.trainers

LN2 = math.log(2)
QUESTION, RIGHT, WRONG = "what is it?", "a cat", "seven dogs"
READER = "llamafactory 0.9.5, stage {}"


@pytest.fixture
def trained(environment, tmp_path):
    """Trains one stage on one split and gives what LLaMA-Factory said."""

    def train(stage: str, model: Path, folder: Path, name: str, **options) -> environments.Run:
        python = environment("llamafactory")
        config = {
            "stage": stage,
            "do_train": True,
            "model_name_or_path": str(model),
            "template": "llava",
            "finetuning_type": "full",
            "dataset_dir": str(folder),
            "dataset": name,
            "output_dir": str(tmp_path / "model"),
            "overwrite_output_dir": True,
            "max_steps": 2,
            "per_device_train_batch_size": 2,
            "logging_steps": 1,
            "use_cpu": True,
            "bf16": False,
            "report_to": "none",
            "overwrite_cache": True,
            "save_strategy": "no",
        }
        written = environments.write_config(tmp_path / "run" / "config.yaml", **config | options)
        return environments.run(python, ["-m", "llamafactory.cli", "train", str(written)], tmp_path / "run")

    return train


def seen(store: Store):
    """Four pairs of answers; every second question shows a picture."""
    return source(text_pairs(inputs=(store.picture(1, side=40),)), store, task="understanding")


def test_dpo_reads_pictures(environment, models, trained, proved, tmp_path):
    environment("llamafactory")
    write_export(seen(Store()), ["llamafactory-dpo"], tmp_path / "out")

    said = trained("dpo", models.vision, tmp_path / "out/llamafactory-dpo", "signs-dpo-train")

    assert "does not exist in `media_dir`" not in said.log
    proved("llamafactory-dpo", READER.format("dpo, vision"), rows=said.rows, first_loss=said.losses[0], expected=LN2)
    assert said.rows == 4


def test_kto_reads_labels(environment, models, trained, proved, tmp_path):
    environment("llamafactory")
    write_export(seen(Store()), ["llamafactory-kto"], tmp_path / "out")

    said = trained("kto", models.vision, tmp_path / "out/llamafactory-kto", "signs-kto-train")

    proved("llamafactory-kto", READER.format("kto, vision"), rows=said.rows, first_loss=said.losses[0], expected=0.5)
    assert said.rows == 8


def test_dpo_learns_the_chosen_answer_and_turns_with_it(environment, models, trained, proved, tmp_path):
    from tests.trainers import tiny

    environment("llamafactory")
    learning = {"max_steps": 12, "learning_rate": 1e-2, "template": "default", "lr_scheduler_type": "constant"}
    gains = {}
    for is_swapped in (False, True):
        out = tmp_path / f"out-{is_swapped}"
        prompt = ExportPrompt("p", QUESTION)
        sides = [subject(1, prompt, text=RIGHT), subject(2, prompt, text=WRONG)]
        made = source([pair(1, *sides, "second" if is_swapped else "first")], task="text")
        write_export(made, ["llamafactory-dpo"], out)
        said = trained("dpo", models.words, out / "llamafactory-dpo", "signs-dpo-train", **learning)
        after, before = tiny.LlamaForCausalLM.from_pretrained(tmp_path / "model").eval(), tiny.llama().eval()
        change = [
            tiny.answer_logp(after, models.words, QUESTION, words)
            - tiny.answer_logp(before, models.words, QUESTION, words)
            for words in (RIGHT, WRONG)
        ]
        gains[is_swapped] = change[0] - change[1]

    assert gains[False] > 1 > -1 > gains[True]
    reader = READER.format("dpo, text")
    proved("llamafactory-dpo", reader, rows=said.rows, first_loss=said.losses[0], expected=LN2, direction="both ways")


def test_a_row_with_a_wrong_number_of_tags_never_trains(environment, models, trained, tmp_path):
    """What our left-out rows would do: the framework stops, or drops the row."""
    environment("llamafactory")
    write_export(seen(Store()), ["llamafactory-dpo"], tmp_path / "out")
    path = tmp_path / "out/llamafactory-dpo/train.json"
    rows = json.loads(path.read_text("utf-8"))
    rows[0]["conversations"][0]["value"] = "<image><image><image>" + rows[0]["conversations"][0]["value"]
    path.write_text(json.dumps(rows), "utf-8")

    with pytest.raises(AssertionError, match=r"image tokens|number of images|does not match"):
        trained("dpo", models.vision, tmp_path / "out/llamafactory-dpo", "signs-dpo-train")
