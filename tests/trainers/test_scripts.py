"""Scripts of others, run as they are. They are not on the package index: each test names the address it needs."""

from __future__ import annotations

import importlib.util
import math
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import scoring.torch_setup  # noqa: F401 - before anything that imports torchvision

pytest.importorskip("diffusers", reason="diffusers is not installed: pip install diffusers")

import pandas as pd

from curation.exports.writing import write_export
from tests.curation.exports.making import Store, picture_pairs, source
from tests.curation.exports.test_layouts import video_version
from tests.trainers.diffusion import save_pipeline
from tests.trainers.readers import module_at, script

pytestmark = pytest.mark.trainers

DIFFUSERS = "https://github.com/huggingface/diffusers"
VIDEOALIGN = "https://github.com/KwaiVGI/VideoAlign"
# The script knows nothing of a torchvision that was built for another torch.
START = (
    "import runpy, sys, scoring.torch_setup; sys.argv = sys.argv[1:]; runpy.run_path(sys.argv[0], run_name='__main__')"
)


def test_the_tiny_pipeline_loads_as_the_scripts_load_it(tmp_path):
    from diffusers import StableDiffusionPipeline

    pipeline = StableDiffusionPipeline.from_pretrained(save_pipeline(tmp_path / "tiny"), safety_checker=None)

    words = pipeline.tokenizer("a sign", padding="max_length", return_tensors="pt").input_ids
    assert pipeline.text_encoder(words).last_hidden_state.shape == (1, 77, 32)


def test_diffusers_script_starts_at_ln_2_with_every_row(tmp_path, proved):
    path = script("diffusers/examples/research_projects/diffusion_dpo/train_diffusion_dpo.py", address=DIFFUSERS)
    for package in ("peft", "wandb"):  # imported at the script's top
        if importlib.util.find_spec(package) is None:
            pytest.skip(f"the script of {DIFFUSERS} needs {package}: pip install {package}")
    store = Store()
    write_export(source(picture_pairs(store, 6), store), ["pickapic"], tmp_path / "out")

    said = run(
        path,
        tmp_path,
        pretrained_model_name_or_path=save_pipeline(tmp_path / "tiny"),
        dataset_name=tmp_path / "out",
        dataset_split_name="train",
        output_dir=tmp_path / "trained",
        resolution=32,
        train_batch_size=2,
        max_train_steps=2,
        rank=4,
        mixed_precision="no",
        report_to="tensorboard",
    )

    [rows] = re.findall(r"Num examples = (\d+)", said)
    first_loss = float(re.findall(r"loss=([0-9.]+)", said)[0])
    proved(
        "pickapic",
        f"{DIFFUSERS} {path.name}",
        proof="external",
        rows=int(rows),
        first_loss=first_loss,
        expected=math.log(2),
    )
    assert int(rows) == 4


def run(path: Path, folder: Path, **options: object) -> str:
    """What a script writes, both streams together."""
    arguments = [part for name, value in options.items() for part in (f"--{name}", str(value))]
    environment = {
        **os.environ,
        "PYTHONPATH": os.getcwd(),
        "HF_HUB_OFFLINE": "1",
        "HF_DATASETS_CACHE": str(folder / "cache"),
        "WANDB_MODE": "offline",
        "OMP_NUM_THREADS": "1",
        "CUDA_VISIBLE_DEVICES": "",
    }
    done = subprocess.run(
        [sys.executable, "-c", START, str(path), *arguments],
        capture_output=True,
        text=True,
        check=False,
        env=environment,
        cwd=folder,
    )
    said = done.stdout + done.stderr
    assert done.returncode == 0, said[-3000:]
    return said


def test_videoalign_reads_every_verdict(tmp_path, proved):
    path = script("VideoAlign/data.py", address=VIDEOALIGN)
    unneeded = {
        "prompt_template": {"build_prompt": lambda prompt, *_: prompt},
        "vision_process": {"process_vision_info": None},
        "utils": {"save_video": None},
    }
    read = module_at(path, stubs=unneeded).convert_GSB_csv_to_reward_data
    made = video_version(Store())
    write_export(made, ["videoalign"], tmp_path / "out")
    folder = tmp_path / "out/videoalign"

    rows = pd.read_csv(folder / "train.csv").to_dict("records")

    truth = {row.prompt.text: row for row in made.pairs("train")}
    for row in rows:
        found = read(row, str(folder), eval_dims=["VQ", "MQ", "TA"])
        assert found["chosen_label"].tolist()[0] == 0  # tied on visual quality
        videos = [Path(found[side][0]["content"][0]["video"].removeprefix("file://")) for side in ("A_data", "B_data")]
        pair = truth[found["A_data"][0]["content"][1]["text"]]
        for label, winner in zip(found["chosen_label"].tolist()[1:], (pair.second, pair.chosen), strict=True):
            chosen = videos[0] if label == 1 else videos[1]
            assert winner.sample.media[0].sha256.startswith(chosen.stem)
            assert chosen.is_file()
    proved("videoalign", f"{VIDEOALIGN} data.py", proof="external", rows=len(rows), direction="files of the chosen")
