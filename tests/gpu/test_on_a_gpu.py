"""The same numbers on a graphics card as on a processor, a full memory that is survived, and batches that grow.

Skipped without a CUDA device. Needs neither database nor settings, so it also runs where only the model libraries are:
`python -m pytest --noconftest -c /dev/null --rootdir . tests/gpu`.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import scoring.torch_setup  # noqa: F401 - before open_clip

# isort: split
import open_clip
from PIL import Image
from safetensors.torch import save_file

from scoring.catalogue import build
from scoring.engine import Pace, run
from scoring.scorers.base import Item, MediaFile, Reading, Scorer

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")

# In deviations of the numbers themselves; float32 differs by the order of summation alone.
TOLERANCES = {"float32": 1e-3, "bfloat16": 0.5, "float16": 0.1}


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """CLIP ViT-B/32 with random weights, in open_clip's layout."""
    folder = tmp_path_factory.mktemp("clip")
    torch.manual_seed(3)
    config = open_clip.get_model_config("ViT-B-32-quickgelu")
    model = open_clip.CLIP(**config)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) * (0.03 if parameter.ndim > 1 else 0.05))
    state = {name: tensor.contiguous() for name, tensor in model.state_dict().items()}
    save_file(state, folder / "open_clip_model.safetensors")
    (folder / "open_clip_config.json").write_text(json.dumps({"model_cfg": config}))
    return folder


@pytest.fixture(scope="module")
def asked(tmp_path_factory) -> list[Item]:
    folder = tmp_path_factory.mktemp("pictures")
    random = np.random.default_rng(1)
    items = []
    for number in range(48):
        coarse = random.integers(0, 256, (9, 7, 3), np.uint8)
        path = folder / f"{number}.png"
        Image.fromarray(coarse).resize((300, 260), Image.Resampling.BICUBIC).save(path)
        text = f"a picture of {('foxes', 'owls', 'cats', 'boats')[number % 4]} number {number // 8}"
        items.append(Item(number + 1, number // 8, text, media=(MediaFile(path, "image", 300, 260),)))
    return items


def made(folder: Path, **settings: str) -> Scorer[Any]:
    scorer = build("pickscore", {"source": str(folder), **settings})
    scorer.ready()
    return scorer


def values(scorer: Scorer[Any], items: Sequence[Item], pace: Pace) -> np.ndarray:
    found = {}
    for batch in run(items, [scorer], pace):
        for item, outcome in zip(batch.items, batch.outcomes, strict=True):
            assert isinstance(outcome, Reading), outcome
            found[item.sample_id] = outcome.results["pickscore"].value
    return np.array([found[item.sample_id] for item in items])


@pytest.fixture(scope="module")
def on_a_processor(folder: Path, asked: list[Item]) -> np.ndarray:
    patch = pytest.MonkeyPatch()
    patch.setattr(torch.cuda, "is_available", lambda: False)
    found = values(made(folder), asked, Pace(batch_size=16, threads=4))
    patch.undo()
    return found


@pytest.mark.parametrize("precision", list(TOLERANCES))
def test_a_card_gives_the_numbers_of_a_processor(folder, asked, on_a_processor, precision: str, capsys) -> None:
    found = values(made(folder, precision=precision), asked, Pace(batch_size=32, threads=8, ahead=64))

    difference = float(np.abs(found - on_a_processor).max() / on_a_processor.std())
    order = float(np.corrcoef(found.argsort().argsort(), on_a_processor.argsort().argsort())[0, 1])
    with capsys.disabled():
        print(f"\n{precision}: difference {difference:.2e} deviations, rank correlation {order:.4f}")
    assert difference < TOLERANCES[precision]
    assert order > 0.95


def test_alone_no_neighbour_moves_even_the_last_bit(folder, asked) -> None:
    scorer = made(folder, batching="alone", precision="bfloat16")

    forward = values(scorer, asked, Pace(batch_size=32, threads=8, ahead=64))
    few = values(scorer, asked[::5], Pace(batch_size=7, threads=0))

    assert forward[::5].tolist() == few.tolist()


def test_a_full_memory_halves_the_batch_and_nothing_is_lost(folder, asked, on_a_processor) -> None:
    """The memory is held midway between what eight pictures at once take and what sixty-four do."""
    scorer = made(folder)
    few, many = (_taken(scorer, asked * 6, batch) for batch in (8, 64))
    assert many > few + 40 * 2**20
    torch.cuda.set_per_process_memory_fraction((few + many) / 2 / torch.cuda.mem_get_info()[1])
    try:
        found = values(scorer, asked * 6, Pace(batch_size=64, threads=8))
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)

    assert scorer.batch.limited(64) < 64
    assert np.abs(found - np.tile(on_a_processor, 6)).max() < TOLERANCES["float32"] * on_a_processor.std()


def _taken(scorer: Scorer[Any], asked: Sequence[Item], batch: int) -> int:
    """Bytes of the card that scoring in batches of this size keeps at most."""
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats()
    values(scorer, asked, Pace(batch_size=batch, threads=8))
    taken = torch.cuda.max_memory_reserved()
    torch.cuda.empty_cache()
    return taken


def test_batches_grow_while_that_is_faster(folder, asked) -> None:
    scorer = made(folder, precision="bfloat16")

    values(scorer, asked * 60, Pace(batch_size=8, threads=8, processes=8, ahead=16, most=256))

    assert scorer.batch.now > 8
