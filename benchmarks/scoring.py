"""Scoring against the best possible with the same models and pictures, and against loops image by image.

    python benchmarks/scoring.py [--parts ratio five speedup memory] [--pictures 128] [--large-pictures 8] [--rounds 2]

All weights are random; every round has pictures and prompts of its own, so that nothing remembered of another helps.

- *ratio*: a real job (message, plan, parts, renditions read, scored, judgements and scores written to PostgreSQL by a
  Celery worker) over the barest loop that decodes, crops and calls open_clip's own model with all cores busy and stores
  nothing. CLIP ViT-B/32, and ViT-H/14 on fewer pictures. JPEG 512², quality 90. Target 1.10.
- *five*: CLIPScore and LAION aesthetic on one CLIP, PickScore and HPSv2.1 on others (all ViT-B/32), and a ViT-B/16
  classifier, in one job, over the barest loop that decodes each picture once and calls the five. Target 1.15.
- *speedup*: the engine over a loop that opens, transforms, tokenises and embeds image by image, as the reference
  implementations do (the fact: PickScore, HPSv2, ImageReward score one image a forward pass), on the same ViT-B/32.
- *memory*: growth of the resident memory between 2,000 and 20,000 pictures through a tiny model.

With a CUDA device the same is measured there through the engine alone (`--engine` does so on a processor): pictures a
second for ViT-B/32 and ViT-H/14 in each precision, the larger of decode + preprocess and forward as the best possible,
the share of the measured matrix-multiply ceiling, and which of the two bounds it.

The last line is one JSON object: `ratio` (the larger of the two models' medians over the rounds), `five_ratio`,
`speedup`, `rss_growth_mib`, and what they were made of.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.making import gpu, pictures, place, weights
from benchmarks.making.bare import CORES, BareLoop, Scorers, bare_loops, item, opened
from benchmarks.making.pictures import JPEG, PNG, Kind

SMALL, LARGE = "ViT-B-32-quickgelu", "ViT-H-14"
PARTS = ("ratio", "five", "speedup", "memory")
SETTLED = 1.3  # times the bare loop
MOST_TRIES = 6
WARM_UP = 48
TINY_PICTURES, COUNTED_FROM = 20_000, 2_000


def main() -> None:
    arguments = _arguments()
    with tempfile.TemporaryDirectory(prefix="pairwright-bench-") as name:
        report = _report(arguments, Path(name))
    print(json.dumps(report))


def _report(arguments: argparse.Namespace, folder: Path) -> dict[str, Any]:
    report: dict[str, Any] = {"benchmark": "scoring", "cores": CORES, "parts": arguments.parts}
    if arguments.engine or gpu.is_here():
        return report | gpu.measured(folder, arguments)
    if {"ratio", "five"} & set(arguments.parts):
        place.settle(folder / "data")
        try:
            if "ratio" in arguments.parts:
                report |= ratios(folder, arguments)
            if "five" in arguments.parts:
                report |= five(folder, arguments)
        finally:
            place.stop()
    if "speedup" in arguments.parts:
        report |= speedup(folder, arguments.pictures)
    if "memory" in arguments.parts:
        report |= memory(folder)
    return report


# -- the job over the best possible -----------------------------------------------------------------------------------


def ratios(folder: Path, arguments: argparse.Namespace) -> dict[str, Any]:
    """One model at a time; the worker is started anew for each, so that no other model's memory is in the way."""
    small = {"clipscore": {"source": str(weights.clip(folder / "small", SMALL)), "prefix": ""}}
    large = {"clipscore": {"source": str(weights.clip(folder / "large", LARGE)), "prefix": ""}}
    found = compared(folder, "small", small, arguments.pictures, arguments.rounds)
    # One bare process that uses all cores: three more copies of four gigabytes would not fit beside the worker's two.
    found_large = compared(folder, "large", large, arguments.large_pictures, arguments.rounds, processes=(1,))
    png = compared(folder, "png", small, arguments.pictures // 2, 1, kind=PNG)
    return {
        "ratio": max(found["ratio"], found_large["ratio"]),
        "target": 1.10,
        SMALL: found,
        LARGE: found_large,
        "png_1024": png,
    }


def five(folder: Path, arguments: argparse.Namespace) -> dict[str, Any]:
    found = compared(folder, "five", five_scorers(folder), max(arguments.pictures // 2, 8), arguments.rounds)
    return {"five_ratio": found["ratio"], "five_target": 1.15, "five": found}


def five_scorers(folder: Path) -> Scorers:
    shared = str(weights.clip(folder / "shared", SMALL, seed=1))
    return {
        "clipscore": {"source": shared},
        "aesthetic": {"source": shared, "head": str(weights.aesthetic_head(folder / "head", 512))},
        "pickscore": {"source": str(weights.clip(folder / "pick", SMALL, seed=2))},
        "hpsv21": {"source": str(weights.clip(folder / "hps", SMALL, 3, "HPS_v2.1_compressed.safetensors"))},
        "unsafe": {"source": str(weights.classifier(folder / "unsafe"))},
    }


def compared(
    folder: Path,
    name: str,
    scorers: Scorers,
    count: int,
    rounds: int,
    *,
    kind: Kind = JPEG,
    processes: Sequence[int] = tuple(sorted({1, CORES})),
) -> dict[str, Any]:
    """Job and bare loops in turns, round by round."""
    from scoring.workers import OwnWorker

    best, jobs = [], []
    worker = OwnWorker("gpu")
    try:
        with bare_loops(scorers, processes) as loops:
            _warm_up(worker, folder, name, scorers, loops, min(WARM_UP, count * 2))
            for number in range(rounds):
                seconds = _round(worker, folder / f"{name}-{number}", scorers, loops, count, kind)
                best.append(seconds[0])
                jobs.append(seconds[1])
                print(f"{name}, round {number + 1}: best {seconds[0]:.2f} s, job {seconds[1]:.2f} s", flush=True)
    finally:
        worker.stop()
    return {
        "ratio": round(statistics.median(job / bare for job, bare in zip(jobs, best, strict=True)), 3),
        "best_seconds": [round(seconds, 2) for seconds in best],
        "job_seconds": [round(seconds, 2) for seconds in jobs],
        "pictures": count,
    }


def _round(
    worker: Any, folder: Path, scorers: Scorers, loops: list[BareLoop], count: int, kind: Kind
) -> tuple[float, float]:
    shown = pictures.prompts_for(pictures.draw(folder, kind, count, seed=_seed(folder)), folder.name)
    project = place.import_rows(pictures.write_rows(shown, folder / "rows.jsonl"), folder.name)
    best = min(loop.seconds(shown) for loop in loops)
    return best, place.seconds_of_job(worker, project, scorers)


def _warm_up(worker: Any, folder: Path, name: str, scorers: Scorers, loops: list[BareLoop], count: int) -> None:
    """Until every process has loaded the models, jobs take longer; the job then knows the speed of an earlier one."""
    tries: list[float] = []
    bare = 0.0
    while len(tries) < 2 or (tries[-1] > SETTLED * bare and len(tries) < MOST_TRIES):
        bare, seconds = _round(worker, folder / f"warm-{name}-{len(tries)}", scorers, loops, count, JPEG)
        tries.append(seconds)
    print(f"{name}, warming up: bare {bare:.1f} s, jobs {', '.join(f'{one:.1f}' for one in tries)} s", flush=True)


def _seed(folder: Path) -> int:
    """One for each round and warming up: a picture seen before is remembered, and would cost the job nothing."""
    return int.from_bytes(hashlib.sha256(folder.name.encode()).digest()[:6], "big")


# -- image by image ---------------------------------------------------------------------------------------------------


def speedup(folder: Path, count: int) -> dict[str, Any]:
    """The engine on this machine's cores over a loop that does one picture after another."""
    source = weights.clip(folder / "slow", SMALL)
    shown = pictures.prompts_for(pictures.draw(folder / "slow-pictures", JPEG, count, seed=5), "slow")
    loop, fast = one_by_one(source), engine({"clipscore": {"source": str(source), "prefix": ""}})
    loop(shown[:8])
    fast(shown[:32])
    slow_seconds, ours = _timed(loop, shown)
    fast_seconds, theirs = _timed(fast, shown)
    largest = max(abs(one - other) for one, other in zip(ours, theirs, strict=True))
    assert largest < 1e-4, f"the two differ by {largest}"
    return {
        "speedup": round(slow_seconds / fast_seconds, 2),
        "one_by_one_seconds": round(slow_seconds, 2),
        "engine_seconds": round(fast_seconds, 2),
    }


def _timed(call: Callable[[Any], list[float]], shown: Any) -> tuple[float, list[float]]:
    began = time.perf_counter()
    said = call(shown)
    return time.perf_counter() - began, said


def one_by_one(source: Path) -> Callable[[Any], list[float]]:
    """Opens, transforms, tokenises and embeds one picture and its prompt at a time."""
    import torch
    from PIL import Image

    model, size, tokens = opened(source)
    device = gpu.device()
    model = model.to(device)
    import open_clip

    transform = open_clip.image_transform(size, is_train=False)

    @torch.inference_mode()
    def score(path: str, prompt: str) -> float:
        with Image.open(path) as picture:
            pixels = transform(picture.convert("RGB")).unsqueeze(0).to(device)
        image = model.encode_image(pixels, normalize=True)
        text = model.encode_text(tokens([prompt]).to(device), normalize=True)
        return float(2.5 * (image * text).sum().clamp(min=0))

    return lambda shown: [score(path, prompt) for path, prompt in shown]


def engine(scorers: Scorers, pace: Any = None) -> Callable[[Any], list[float]]:
    """The engine over the same pictures; the first scorer's numbers in order."""
    from scoring.catalogue import build
    from scoring.engine import Pace, run

    made = [build(name, settings) for name, settings in scorers.items()]
    for scorer in made:
        scorer.ready()
    speed = pace or Pace(batch_size=16, threads=CORES)

    def score(shown: Any) -> list[float]:
        items = (item(path, prompt, number) for number, (path, prompt) in enumerate(shown))
        said = [
            (one.sample_id, outcome)
            for batch in run(items, made, speed)
            if batch.scorer is made[0]
            for one, outcome in zip(batch.items, batch.outcomes, strict=True)
        ]
        return [next(iter(outcome.results.values())).value for _number, outcome in sorted(said, key=lambda p: p[0])]

    return score


# -- memory -----------------------------------------------------------------------------------------------------------


def memory(folder: Path) -> dict[str, Any]:
    """Resident memory after 2,000 pictures and after 20,000, each with a digest of its own as in a job."""
    from scoring.catalogue import build
    from scoring.engine import Pace, run

    source = tiny_clip(folder / "tiny")
    files = [str(path) for path in pictures.draw(folder / "tiny-pictures", Kind("small", 96, ".jpg"), 64, seed=9)]
    scorer = build("clipscore", {"source": str(source)})

    def items() -> Iterator[Any]:
        for number in range(TINY_PICTURES):
            digest = hashlib.sha256(str(number).encode()).hexdigest()
            yield item(files[number % 64], f"prompt {number // 4}", number, digest)

    seen, at = 0, {}
    for batch in run(items(), [scorer], Pace(batch_size=16, threads=CORES)):
        seen += len(batch.items)
        for mark in (COUNTED_FROM, TINY_PICTURES):
            if seen >= mark and mark not in at:
                at[mark] = _resident_mib()
    return {
        "rss_growth_mib": round(at[TINY_PICTURES] - at[COUNTED_FROM], 1),
        "rss_mib": round(at[TINY_PICTURES]),
        "memory_pictures": TINY_PICTURES,
    }


def tiny_clip(folder: Path) -> Path:
    import torch

    import scoring.torch_setup  # noqa: F401 - before open_clip

    # isort: split
    import open_clip
    from safetensors.torch import save_file

    folder.mkdir()
    torch.manual_seed(weights.SEED)
    config = {
        "embed_dim": 64,
        "vision_cfg": {"image_size": 64, "layers": 2, "width": 64, "patch_size": 16, "head_width": 32},
        "text_cfg": {"context_length": 77, "vocab_size": 49408, "width": 64, "heads": 2, "layers": 2},
    }
    state = open_clip.CLIP(**config).state_dict()
    save_file({name: tensor.contiguous() for name, tensor in state.items()}, folder / "open_clip_model.safetensors")
    (folder / "open_clip_config.json").write_text(json.dumps({"model_cfg": config}))
    return folder


def _resident_mib() -> float:
    import psutil

    return psutil.Process(os.getpid()).memory_info().rss / 2**20


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--pictures", type=int, default=128)
    parser.add_argument("--large-pictures", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--engine", action="store_true", help="through the engine alone, without database and worker")
    return parser.parse_args()


if __name__ == "__main__":
    main()
