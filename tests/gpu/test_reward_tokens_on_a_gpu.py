"""HPSv3 at its whole size on a graphics card: against transformers called by hand, batches, time, memory.

Skipped without a CUDA device. Needs neither database, settings, network nor weights: seven billion random numbers are
drawn on the card. `python -m pytest -s --noconftest -c /dev/null --rootdir . tests/gpu/test_reward_tokens_on_a_gpu.py`
prints what it measures; it takes about two minutes.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import scoring.torch_setup  # noqa: F401 - before anything that imports torchvision

# isort: split
from transformers import Qwen2VLConfig, Qwen2VLModel

from scoring.scorers.device import memory_watched
from scoring.scorers.reward_token_heads import estimates, ranking_head
from scoring.scorers.reward_token_model import Asked, RewardTokenModel, frequencies_rounded
from scoring.scorers.reward_token_views import Sight
from scoring.scorers.reward_token_words import Question

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")

DEVICE = "cuda"
IMAGE, VIDEO, MARK, ROWS = 151655, 151656, 151657, 151658
# Qwen2-VL-7B-Instruct, with the special token as its last word.
TEXT = {
    "vocab_size": ROWS,
    "hidden_size": 3584,
    "intermediate_size": 18944,
    "num_hidden_layers": 28,
    "num_attention_heads": 28,
    "num_key_value_heads": 4,
    "max_position_embeddings": 32768,
    "rope_theta": 1_000_000.0,
    "rope_scaling": {"type": "mrope", "mrope_section": [16, 24, 24]},
}
VISION = {"depth": 32, "embed_dim": 1280, "hidden_size": 3584, "num_heads": 16, "mlp_ratio": 4, "patch_size": 14}
# The instruction that HPSv3 was trained on has about so many tokens.
INSTRUCTION = 470
PICTURES = 16
# In deviations of the scores: kernels for other shapes round differently, over 28 layers in bfloat16.
IN_BFLOAT16, IN_FLOAT32 = 0.3, 5e-3


def filled(module: Any, seed: int) -> Any:
    """Random weights under which signals neither die nor explode, drawn where they lie."""
    generator = torch.Generator(DEVICE).manual_seed(seed)
    with torch.no_grad():
        for name, parameter in module.named_parameters():
            if parameter.ndim > 1:
                fan_in = parameter[0].numel() if "embed_tokens" not in name else 4
                parameter.normal_(0, fan_in**-0.5, generator=generator)
            elif name.endswith("weight"):
                parameter.fill_(1.0)
            else:
                parameter.normal_(0, 0.1, generator=generator)
    return module.eval().requires_grad_(False)


def whole() -> RewardTokenModel:
    """HPSv3 in bfloat16, its head in float32."""
    tokens = {"image_token_id": IMAGE, "video_token_id": VIDEO, "vision_start_token_id": 151652}
    config = Qwen2VLConfig.from_dict({"model_type": "qwen2_vl", **TEXT, **tokens, "vision_config": VISION})
    config._attn_implementation = "sdpa"
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.bfloat16)
    try:
        with torch.device(DEVICE):
            body = Qwen2VLModel(config)
    finally:
        torch.set_default_dtype(before)
    head = ranking_head(config.get_text_config().hidden_size).to(DEVICE)
    return RewardTokenModel(
        frequencies_rounded(filled(body, 1)), filled(head, 2), sight=Sight(), is_counted_along_a_line=True
    )


@pytest.fixture(scope="module")
def model() -> Iterator[RewardTokenModel]:
    yield whole()
    torch.cuda.empty_cache()


@pytest.fixture(scope="module")
def asked(model: RewardTokenModel) -> list[Asked]:
    return questions(model)


def questions(model: RewardTokenModel, count: int = PICTURES) -> list[Asked]:
    """Pictures of several shapes, each under words of its own, as numbers."""
    random = np.random.default_rng(7)
    found = []
    for number in range(count):
        size = ((512, 512), (1024, 768), (640, 960))[number % 3]
        coarse = Image.fromarray(random.integers(0, 256, (9, 7, 3), np.uint8))
        view = model.sight.picture(coarse.resize(size, Image.Resampling.BICUBIC))
        words = random.integers(100, 150_000, INSTRUCTION + 3 * number).tolist()
        before = random.integers(100, 150_000, 15).tolist()
        tokens = [*before, *[IMAGE] * view.tokens, *words, MARK, *words[:8]]
        found.append(Asked(Question(tuple(tokens), (tokens.index(MARK),)), (view,)))
    return found


def scores(model: RewardTokenModel, asked: Sequence[Asked], batch: int) -> np.ndarray:
    """μ of each."""
    found: list[float] = []
    for start in range(0, len(asked), batch):
        with memory_watched():
            states = model.states(asked[start : start + batch])
            found += estimates(model.head(states[:, 0]))[0]
    return np.array(found)


@torch.no_grad()
def by_hand(model: RewardTokenModel, one: Asked) -> float:
    """As the reference calls transformers: one at a time, a mask, no positions, the head on every token."""
    body = model.body
    ids = torch.tensor([one.question.tokens], device=DEVICE)
    embedded = body.language_model.embed_tokens(ids)
    pixels = model.sight.patches(one.views[0], torch.device("cpu")).to(DEVICE, embedded.dtype)
    seen = body.visual(pixels, grid_thw=torch.tensor([one.views[0].grid], device=DEVICE))
    places = (ids == IMAGE)[..., None].expand_as(embedded)
    embedded = embedded.masked_scatter(places, getattr(seen, "pooler_output", seen).to(embedded.dtype))
    said = body.language_model(inputs_embeds=embedded, attention_mask=torch.ones_like(ids))
    of_all = model.head(said.last_hidden_state.float())  # (1, T, 2)
    return float(of_all[ids == MARK][0, 0])


def apart(ours: np.ndarray, theirs: np.ndarray) -> float:
    """The largest difference, in deviations of the scores."""
    assert np.isfinite(ours).all()
    assert theirs.std() > 0.01, theirs
    return float(np.abs(ours - theirs).max() / theirs.std())


def seconds(call: Callable[[], object]) -> float:
    call()  # kernels and memory of the new shapes
    wait()
    start = time.perf_counter()
    call()
    wait()
    return time.perf_counter() - start


def wait() -> None:
    if DEVICE == "cuda":
        torch.cuda.synchronize()


def test_the_whole_model_says_what_transformers_says_by_hand(model: RewardTokenModel, asked: list[Asked]) -> None:
    held = sum(weight.numel() for part in (model.body, model.head) for weight in part.parameters())
    theirs = np.array([by_hand(model, one) for one in asked])

    ours = scores(model, asked, batch=8)

    print(f"\nHPSv3, {held / 1e9:.2f} billion numbers; scores {theirs.mean():.2f} ± {theirs.std():.2f}")
    print(f"against transformers by hand: {apart(ours, theirs):.4f} deviations")
    assert apart(ours, theirs) < IN_BFLOAT16


def test_batches_are_faster_and_change_no_more_than_the_last_bits(model: RewardTokenModel, asked: list[Asked]) -> None:
    alone = scores(model, asked, batch=1)
    print(f"\n{described()}; memory held {allocated():.1f} GiB")
    taken = {}
    for batch in (1, 4, 8, 16):
        forget_peak()
        taken[batch] = seconds(lambda batch=batch: scores(model, asked, batch)) / len(asked)  # type: ignore[misc]
        found = scores(model, asked, batch)
        print(
            f"batch {batch:2}: {1000 * taken[batch]:6.1f} ms a picture, at most {peak():.1f} GiB, "
            f"{apart(found, alone):.4f} deviations from alone"
        )
        assert apart(found, alone) < IN_BFLOAT16
    assert taken[8] < 1.2 * taken[1]


def test_in_float32_all_agree_closely_but_for_positions_in_rows_and_columns(
    model: RewardTokenModel, asked: list[Asked]
) -> None:
    if DEVICE == "cuda" and torch.cuda.get_device_properties(0).total_memory < 60e9:
        pytest.skip("the whole model in float32 takes 33 GB beside its copy")
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = False
    rough = scores(model, asked, batch=8)
    body = model.body.float()  # in place: this test is the last
    exact, counted = (
        RewardTokenModel(body, model.head, sight=model.sight, is_counted_along_a_line=rule) for rule in (True, False)
    )
    some = asked[:8]

    theirs = np.array([by_hand(exact, one) for one in some])

    batched, other = scores(exact, some, batch=4), scores(counted, some, batch=4)
    print(f"\nfloat32: {apart(batched, theirs):.5f} deviations from transformers by hand")
    print(f"bfloat16 is {apart(rough[:8], theirs):.4f} deviations from float32")
    print(f"positions in rows and columns: {apart(other, theirs):.4f} deviations off")
    assert apart(batched, theirs) < IN_FLOAT32
    assert apart(rough[:8], theirs) < 1
    assert apart(other, theirs) > 3 * IN_FLOAT32


def described() -> str:
    return torch.cuda.get_device_name() if DEVICE == "cuda" else "processor"


def allocated() -> float:
    return torch.cuda.memory_allocated() / 2**30 if DEVICE == "cuda" else 0.0


def peak() -> float:
    return torch.cuda.max_memory_allocated() / 2**30 if DEVICE == "cuda" else 0.0


def forget_peak() -> None:
    if DEVICE == "cuda":
        torch.cuda.reset_peak_memory_stats()
