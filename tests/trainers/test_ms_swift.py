"""ms-swift, in an environment of its own, on the folders we write for it."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from curation.exports.rows import ExportPrompt
from curation.exports.writing import write_export
from tests.curation.exports.making import Store, pair, picture_pairs, source, subject, text_pairs
from tests.trainers import environments

pytestmark = pytest.mark.trainers

LN2 = math.log(2)
READER = "ms-swift 4.6.0, {}"


@pytest.fixture
def trained(environment, tmp_path):
    """Trains with `swift rlhf` on one split and gives what it said."""

    def train(kind: str, model: Path, folder: Path, name: str, *more: str, steps: int = 2) -> environments.Run:
        python = environment("swift")
        options = {
            "rlhf_type": kind,
            "model": str(model),
            "model_type": "llava1_5_hf",
            "tuner_type": "full",
            "use_cpu": "true",
            "bf16": "false",
            "torch_dtype": "float32",
            "max_steps": str(steps),
            "split_dataset_ratio": "0",
            "per_device_train_batch_size": "2",
            "gradient_accumulation_steps": "1",
            "logging_steps": "1",
            "custom_dataset_info": str(folder / "dataset_info.json"),
            "dataset": name,
            "output_dir": str(tmp_path / "model"),
            "add_version": "false",
            "report_to": "none",
            "dataset_num_proc": "1",
            "dataloader_num_workers": "0",
            "save_strategy": "no",
        }
        arguments = [part for key, value in options.items() for part in (f"--{key}", value)]
        command = ["-m", "swift.cli.main", "rlhf", *arguments, *more]
        return environments.run(python, command, tmp_path / "run", ROOT_IMAGE_DIR=str(folder))

    return train


def seen(store: Store):
    return source(text_pairs(inputs=(store.picture(1, side=40),)), store, task="understanding")


def rows_in(path: Path) -> int:
    return len(path.read_text("utf-8").splitlines())


def test_dpo_reads_pictures(environment, models, trained, proved, tmp_path):
    environment("swift")
    write_export(seen(Store()), ["ms-swift-dpo"], tmp_path / "out")

    said = trained("dpo", models.vision, tmp_path / "out/ms-swift-dpo", "signs-dpo-train")

    assert "errors in the dataset" not in said.log
    assert "num_rows: 4" in said.log
    proved("ms-swift-dpo", READER.format("dpo"), rows=4, first_loss=said.losses[0], expected=LN2)


def test_kto_reads_labels(environment, models, trained, proved, tmp_path):
    environment("swift")
    write_export(seen(Store()), ["ms-swift-kto"], tmp_path / "out")

    loss_type = ("--loss_type", "apo_zero_unpaired")
    said = trained("kto", models.vision, tmp_path / "out/ms-swift-kto", "signs-kto-train", *loss_type)

    assert "num_rows: 8" in said.log
    proved("ms-swift-kto", READER.format("kto"), rows=8, first_loss=said.losses[0], expected=0.5)


def test_reward_models_read_margins_of_words(environment, models, trained, proved, tmp_path):
    environment("swift")
    write_export(seen(Store()), ["ms-swift-dpo"], tmp_path / "out")

    said = trained("rm", models.vision, tmp_path / "out/ms-swift-dpo", "signs-dpo-train")

    # Confidence 0.8 is a margin of log 4, and a head that knows nothing loses log(1 + 4).
    assert said.losses[0] == pytest.approx(math.log(5), abs=0.05)
    proved("ms-swift-dpo", READER.format("rm"), rows=4, first_loss=said.losses[0])


@pytest.mark.parametrize(("kind", "expected"), [("rm", math.log1p(math.exp(1.5))), ("dpo", LN2)])
def test_other_pictures_on_the_rejected_side_arrive(kind, expected, environment, models, trained, proved, tmp_path):
    environment("swift")
    store = Store()
    made = source(picture_pairs(store), store)
    write_export(made, ["ms-swift-media"], tmp_path / "out")
    folder = tmp_path / "out/ms-swift-media"

    said = trained(kind, models.vision, folder, "signs-media-train")

    assert rows_in(folder / "train.jsonl") == 4
    assert "num_rows: 4" in said.log
    assert said.losses[0] == pytest.approx(expected, abs=0.05)
    proved("ms-swift-media", READER.format(f"{kind} with rejected_images"), rows=4, first_loss=said.losses[0])


def test_a_reward_model_learns_which_picture_and_turns_with_it(environment, models, trained, proved, tmp_path):
    """The bright picture wins, then the dark one: the framework's own margin must be learned both times."""
    environment("swift")
    gaps = {}
    for is_swapped in (False, True):
        store = Store()
        prompt = ExportPrompt("p", "a light")
        dark, bright = (store.picture(n, "PNG", side=40, colour=(shade,) * 3) for n, shade in ((1, 10), (2, 240)))
        sides = [subject(1, prompt, media=[bright]), subject(2, prompt, media=[dark])]
        out = tmp_path / f"out-{is_swapped}"
        write_export(source([pair(1, *sides, "second" if is_swapped else "first")], store), ["ms-swift-media"], out)
        row = json.loads((out / "ms-swift-media/train.jsonl").read_text("utf-8"))
        assert row["images"] == [f"media/{wins.sha256[:2]}/{wins.path}" for wins in [dark if is_swapped else bright]]
        learning = ("--learning_rate", "2e-2", "--lr_scheduler_type", "constant", "--freeze_vit", "false")
        said = trained("rm", models.vision, out / "ms-swift-media", "signs-media-train", *learning, steps=40)
        gaps[is_swapped] = said.losses

    for losses in gaps.values():
        assert losses[-1] < 0.5 < losses[0]
    proved(
        "ms-swift-media",
        READER.format("rm, one pair learned"),
        rows=1,
        first_loss=gaps[False][0],
        direction="files of both sides, and learned both ways",
    )
