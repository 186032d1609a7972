"""The engine on a graphics card: pictures a second, against decoding and forward passes alone.

Each figure is of one process that holds the card. Decoding and preprocessing alone use every core, in threads and in
processes, and the faster counts; forward passes alone run on pictures that lie on the card already, in the batch size
that is fastest. The best possible is the slower of the two, since a pipeline hides the other.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from benchmarks.making import pictures, weights
from benchmarks.making.pictures import JPEG, SAMPLES_A_PROMPT

BATCHES = (32, 64, 128, 256, 512)
# How often each architecture is shown the pictures: long enough that filling the pipeline counts little.
ARCHITECTURES = {
    "ViT-B-32-quickgelu": {"bfloat16": 8, "float32": 8},
    "ViT-H-14": {"bfloat16": 8},
}
CEILING_SIDE = 8192


def is_here() -> bool:
    import torch

    return torch.cuda.is_available()


def device() -> Any:
    import torch

    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def wait() -> None:
    import torch

    if torch.cuda.is_available():
        torch.cuda.synchronize()


def measured(folder: Path, arguments: argparse.Namespace) -> dict[str, Any]:
    """Every part through the engine alone. Prints a line for each figure as it comes."""
    import torch

    from benchmarks import scoring

    report: dict[str, Any] = {
        "device": torch.cuda.get_device_name() if is_here() else "processor",
        "torch": torch.__version__,
        "ceiling_tflops": {precision: round(ceiling(precision), 3) for precision in _precisions()},
    }
    print(report, flush=True)
    if "ratio" in arguments.parts:
        report |= _ratios(folder, arguments, report["ceiling_tflops"])
    if "five" in arguments.parts:
        report |= _five(folder, arguments)
    if "speedup" in arguments.parts:
        report |= _speedup(folder, arguments.pictures)
    if "memory" in arguments.parts:
        report |= scoring.memory(folder)
    return report


def _precisions() -> tuple[str, ...]:
    return ("bfloat16", "float32") if is_here() else ("float32",)


def _type(precision: str) -> Any:
    import torch

    return getattr(torch, precision)


def ceiling(precision: str) -> float:
    """Measured TFLOP/s of one large matrix product in this precision, random numbers, after a warm-up."""
    import torch

    side = CEILING_SIDE if is_here() else 1024
    torch.backends.cuda.matmul.allow_tf32 = False
    left, right = (torch.randn(side, side, device=device()).to(_type(precision)) for _number in range(2))
    for _warm in range(3):
        left @ right
    wait()
    began = time.perf_counter()
    for _number in range(10):
        left @ right
    wait()
    return 10 * 2 * side**3 / (time.perf_counter() - began) / 1e12


def _pace() -> Any:
    from scoring.pacing import pace

    return pace("gpu")


def _ratios(folder: Path, arguments: argparse.Namespace, ceilings: dict[str, float]) -> dict[str, Any]:
    from benchmarks.scoring import engine

    found: dict[str, Any] = {}
    drawn = pictures.draw(folder / "pictures", JPEG, arguments.pictures, seed=3)
    decoding = decoding_rates(drawn, 224)
    for architecture, times in ARCHITECTURES.items():
        source = weights.clip(folder / architecture, architecture)
        for precision in times if is_here() else ("float32",):
            paths = drawn * (times[precision] if is_here() else 1)
            shown = pictures.prompts_for(paths, architecture)
            forward, size, flops = forward_rate(source, precision)
            score = engine({"clipscore": {"source": str(source), "prefix": "", "precision": precision}}, _pace())
            score(shown)  # finds the batch size
            again = pictures.prompts_for(paths, f"{architecture}, texts not seen before")
            began = time.perf_counter()
            score(again)
            rate = len(shown) / (time.perf_counter() - began)
            best = min(max(decoding.values()), forward)
            found[f"{architecture} {precision}"] = {
                "pictures_a_second": round(rate, 1),
                "ratio": round(best / rate, 3),
                "forward_a_second": round(forward, 1),
                "forward_batch": size,
                "bound_by": "forward" if forward < max(decoding.values()) else "decode and preprocess",
                "forward_share_of_ceiling": round(forward * flops / 1e12 / ceilings[precision], 3),
            }
            print(f"{architecture} {precision}: {found[f'{architecture} {precision}']}", flush=True)
    ratio = max(one["ratio"] for one in found.values())
    return {"ratio": ratio, "decode_and_preprocess_a_second": decoding, "models": found}


def decoding_rates(paths: list[Path], size: int) -> dict[str, float]:
    """Pictures decoded and cropped a second with every core, in threads and in processes."""
    cores = os.cpu_count() or 1
    rates = {}
    for name, pool in (("threads", ThreadPoolExecutor(cores)), ("processes", _processes())):
        with pool:
            _decode_all(pool, paths[: 4 * cores], size)
            began = time.perf_counter()
            _decode_all(pool, paths * 2, size)
            rates[name] = round(2 * len(paths) / (time.perf_counter() - began), 1)
    print(f"decode and preprocess: {rates}", flush=True)
    return rates


def _processes() -> ProcessPoolExecutor:
    """Started anew, since a copy of a process in which models run would wait for their locks for ever."""
    return ProcessPoolExecutor(os.cpu_count(), mp_context=get_context("spawn"))


def _decode_all(pool: Executor, paths: list[Path], size: int) -> None:
    if isinstance(pool, ProcessPoolExecutor):  # results stay in the process: only the work is timed
        list(pool.map(_decode_only, paths, [size] * len(paths), chunksize=16))
    else:
        list(pool.map(decode, paths, [size] * len(paths)))


def _decode_only(path: Path, size: int) -> int:
    return decode(path, size).size


def decode(path: Path, size: int) -> Any:
    from PIL import Image

    from scoring.scorers.clip_views import crop_for

    with Image.open(path) as picture:
        return crop_for(picture.convert("RGB"), size)


def forward_rate(source: Path, precision: str) -> tuple[float, int, float]:
    """Pictures a second of the model alone at its best batch size, that size, and FLOPs a picture.

    A quarter of a text is embedded with each picture, since four share a prompt.
    """
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    from benchmarks.making.bare import opened

    model, size, _tokens = opened(source)
    model = model.to(device=device(), dtype=_type(precision))
    with torch.inference_mode(), FlopCounterMode(display=False) as counter:
        _both(model, size, SAMPLES_A_PROMPT, precision)()
    best = max(
        (_rate(_both(model, size, batch, precision), batch), batch) for batch in (BATCHES if is_here() else (16,))
    )
    return best[0], best[1], counter.get_total_flops() / SAMPLES_A_PROMPT


def _both(model: Any, size: int, batch: int, precision: str) -> Callable[[], Any]:
    """A forward pass of pictures and of their prompts, which lie on the device already."""
    import torch

    pixels = torch.randn(batch, 3, size, size, device=device(), dtype=_type(precision))
    texts = torch.randint(1, 40_000, (batch // SAMPLES_A_PROMPT, 77), device=device())

    def call() -> None:
        with torch.inference_mode():
            model.encode_image(pixels)
            model.encode_text(texts)

    return call


def _rate(call: Callable[[], Any], batch: int) -> float:
    for _warm in range(3):
        call()
    wait()
    rounds = max(3, 1024 // batch) if is_here() else 3
    began = time.perf_counter()
    for _number in range(rounds):
        call()
    wait()
    return rounds * batch / (time.perf_counter() - began)


def _five(folder: Path, arguments: argparse.Namespace) -> dict[str, Any]:
    """Five scorers at once: the best possible is the slower of decoding once and the five forward passes in turn."""
    from benchmarks.scoring import engine, five_scorers

    scorers = five_scorers(folder)
    if is_here():
        for settings in scorers.values():
            settings["precision"] = "bfloat16"
    paths = pictures.draw(folder / "five-pictures", JPEG, arguments.pictures, seed=4) * (4 if is_here() else 1)
    shown = pictures.prompts_for(paths, "five")
    prepared, scored = _parts_alone(scorers, shown)
    score = engine(scorers, _pace())
    score(shown)
    shown = pictures.prompts_for(paths, "five, texts not seen before")
    began = time.perf_counter()
    score(shown)
    seconds = time.perf_counter() - began
    best = max(prepared, scored)
    found = {
        "prepare_seconds": round(prepared, 2),
        "models_seconds": round(scored, 2),
        "engine_seconds": round(seconds, 2),
    }
    print(f"five: {found}", flush=True)
    return {"five_ratio": round(seconds / best, 3), "five": found}


def _parts_alone(scorers: dict[str, dict[str, str]], shown: Any) -> tuple[float, float]:
    """Seconds of decoding once and preparing for all five with every core, and seconds of the five models in turn."""
    from benchmarks.making.bare import item
    from scoring import preparing
    from scoring.catalogue import build

    made = [build(name, settings) for name, settings in scorers.items()]
    for scorer in made:
        scorer.ready()
    items = [item(path, prompt, number) for number, (path, prompt) in enumerate(shown)]

    with _processes() as pool:
        shares = preparing.shares_of(made)
        assert shares is not None, "one of the five can only prepare beside its model"
        calls = [items[start : start + 16] for start in range(0, len(items), 16)]
        list(pool.map(_prepare_only, calls[:64], [shares] * len(calls)))
        began = time.perf_counter()
        list(pool.map(_prepare_only, calls, [shares] * len(calls)))
        prepared = time.perf_counter() - began
    items = items[: 4 * 256]
    batch = 256 if is_here() else 16
    for _warm in range(2):
        parts = [[part.value for part in preparing.prepare(one, shares)[1]] for one in items]
        began = time.perf_counter()
        for place, scorer in enumerate(made):
            for start in range(0, len(items), batch):
                some = slice(start, start + batch)
                scorer.score(items[some], [one[place] for one in parts[some]])
        wait()
        scored = time.perf_counter() - began
    return prepared, scored * len(shown) / len(items)


def _prepare_only(items: Any, shares: Any) -> int:
    """In a process of its own; what was prepared stays there, so that only the work is timed."""
    from scoring import preparing

    return len(preparing.prepare_all(items, shares))


def _speedup(folder: Path, count: int) -> dict[str, Any]:
    from benchmarks.scoring import engine, one_by_one

    source = weights.clip(folder / "slow", "ViT-B-32-quickgelu")
    shown = pictures.prompts_for(pictures.draw(folder / "slow-pictures", JPEG, count, seed=5), "slow")
    loop, fast = one_by_one(source), engine({"clipscore": {"source": str(source), "prefix": ""}}, _pace())
    seconds = []
    for call in (loop, fast):
        call(shown)
        began = time.perf_counter()
        call(shown)
        seconds.append(time.perf_counter() - began)
    return {
        "speedup": round(seconds[0] / seconds[1], 2),
        "one_by_one_seconds": round(seconds[0], 2),
        "engine_seconds": round(seconds[1], 2),
    }
