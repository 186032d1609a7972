"""How much longer a real scoring job takes than the best possible with the same model and pictures.

    python benchmarks/job_overhead.py [--pictures 240] [--rounds 3]

Both sides embed the same pictures and prompts with the same CLIP ViT-B/32 (random weights, saved as safetensors) in
batches of at most 16, four pictures a prompt, from a warm cache and with the model in memory, alternating in every
round:

- *best*: decode, preprocess and forward in the barest loop, all cores busy; nothing is stored. Two ways are measured,
  one process whose turns of decoding and forward each use every core, and one process a core; the faster one counts.
- *job*: what `manage.py score --scorer clipscore` does from the message to the finished row: planned and cut by a
  Celery worker, chunks claimed, renditions read, scored by the engine, judgements and scores written to PostgreSQL.
  The warming up lasts until every process has loaded the model, so the job knows the speed of an earlier one, as any
  but the first does.

Each round has prompts of its own. A process remembers the texts it has embedded, so a text of an earlier round costs
nothing in the bare loop, where each process gets the same pictures again, and sometimes something in the job.

Whether the job is over is asked ten times a second. Asked a hundred times a second, by reading the whole row, the
questions alone took 1.4 s of processor time in this process during a job of 12 s on two cores, and more in PostgreSQL;
nobody watches a job like that. What the rarer question adds to the job's time, a twentieth of a second on average,
stays in.

The pictures are 512² JPEGs of quality 90. Half as many 1024² PNGs are measured once and printed beside. With the
defaults a run takes five to six minutes on two cores, and a job about twenty seconds. The last line is one JSON object:
`ratio` is the median over the rounds of job time by best time for JPEGs (target 1.10), `png_ratio` that of the PNGs.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image, ImageDraw

if TYPE_CHECKING:
    from scoring.workers import OwnWorker

SAMPLES_A_PROMPT = 4
BATCH = 16
ARCHITECTURE = "ViT-B-32-quickgelu"
DRAWN = 8  # different drawings; the other pictures are these, shifted
CORES = os.cpu_count() or 1
WARM_UP = 3 * BATCH
SECONDS_BETWEEN_LOOKS = 0.1  # see above
SETTLED = 1.3  # times the bare loop
MOST_TRIES = 6

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))


@dataclass(frozen=True)
class Kind:
    """One kind of picture files."""

    name: str
    side: int
    suffix: str
    options: dict[str, int]
    fewer: int = 1  # so many times fewer pictures are measured


KINDS = (Kind("jpeg", 512, ".jpg", {"quality": 90}), Kind("png", 1024, ".png", {"compress_level": 3}, fewer=2))


@dataclass
class Times:
    """Seconds of each round."""

    best: list[float] = field(default_factory=list)
    job: list[float] = field(default_factory=list)

    @property
    def ratio(self) -> float:
        return statistics.median(job / best for job, best in zip(self.job, self.best, strict=True))


def main() -> None:
    arguments = _arguments()
    with tempfile.TemporaryDirectory(prefix="pairwright-bench-") as name:
        folder = Path(name)
        weights = save_random_clip(folder / "clip")
        for kind in KINDS:
            draw(folder / kind.name, kind, arguments.pictures // kind.fewer)
        _settle_django(folder / "data")
        try:
            report = compare(folder, weights, arguments.rounds)
        finally:
            _stop_servers()
    print(json.dumps(report))


def compare(folder: Path, weights: Path, rounds: int) -> dict[str, object]:
    from scoring.workers import OwnWorker

    times = {kind.name: Times() for kind in KINDS}
    worker = OwnWorker("gpu")
    try:
        with bare_loops(weights) as loops:
            cold = warm_up(worker, folder, weights, loops)
            for number in range(1, rounds + 1):
                measure(worker, folder / "jpeg", weights, loops, times["jpeg"], f"jpeg-{number}")
            measure(worker, folder / "png", weights, loops, times["png"], "png")
    finally:
        worker.stop()
    jpeg, png = times["jpeg"], times["png"]
    return {
        "benchmark": "job_overhead",
        "ratio": round(jpeg.ratio, 3),
        "target": 1.10,
        "png_ratio": round(png.ratio, 3),
        "jpeg_best_seconds": [round(seconds, 2) for seconds in jpeg.best],
        "jpeg_job_seconds": [round(seconds, 2) for seconds in jpeg.job],
        "png_best_seconds": [round(seconds, 2) for seconds in png.best],
        "png_job_seconds": [round(seconds, 2) for seconds in png.job],
        "pictures": len(list((folder / "jpeg").glob("*.jpg"))),
        "first_job_seconds": round(cold, 1),
        "model": ARCHITECTURE,
        "cores": CORES,
    }


def measure(worker: OwnWorker, folder: Path, weights: Path, loops: Sequence[BareLoop], times: Times, slug: str) -> None:
    rows = write_rows(folder, slug)
    project = import_pictures(rows, slug)
    pictures = pictures_of(rows)
    ways = [loop.seconds(pictures) for loop in loops]
    best = min(ways)
    job = seconds_of_job(worker, project, weights, len(pictures))
    times.best.append(best)
    times.job.append(job)
    bare = ", ".join(f"{seconds:.2f} s in {loop.processes}" for seconds, loop in zip(ways, loops, strict=True))
    print(f"{slug}: bare {bare} processes, job {job:.2f} s, ratio {job / best:.3f}", flush=True)


def warm_up(worker: OwnWorker, folder: Path, weights: Path, loops: Sequence[BareLoop]) -> float:
    """Brings the model into every process on both sides; returns the seconds of the first job, loading included."""
    few = folder / "warm"
    draw(few, KINDS[0], WARM_UP)
    for loop in loops:
        loop.seconds(pictures_of(write_rows(few, "first")))
    bare = max(loop.seconds(pictures_of(write_rows(few, "second"))) for loop in loops)
    tries: list[float] = []
    # Each process of the worker loads the model when it first gets a part; until the last one has, jobs take longer.
    while len(tries) < 2 or (tries[-1] > SETTLED * bare and len(tries) < MOST_TRIES):
        slug = f"warm-{len(tries)}"
        project = import_pictures(write_rows(few, slug), slug)
        tries.append(seconds_of_job(worker, project, weights, WARM_UP))
    print(f"warming up: bare {bare:.1f} s, jobs {', '.join(f'{seconds:.1f}' for seconds in tries)} s", flush=True)
    return tries[0]


# -- the job ----------------------------------------------------------------------------------------------------------


def import_pictures(rows: Path, slug: str) -> Any:
    from django.core.management import call_command

    from curation.models import Project

    call_command("import_samples", slug, str(rows), "--json", stdout=open(os.devnull, "w"))  # noqa: SIM115
    return Project.objects.get(slug=slug)


def seconds_of_job(worker: OwnWorker, project: Any, weights: Path, count: int) -> float:
    from curation.models import Job, Score, State
    from scoring import tasks
    from scoring.actions.starting import start_scoring

    (job,) = start_scoring(project=project, scorers={"clipscore": {"source": str(weights)}}, by=None)
    start = time.perf_counter()
    tasks.ring(job)
    while Job.objects.unfinished().filter(pk=job.pk).exists():
        time.sleep(SECONDS_BETWEEN_LOOKS)
        worker.check()
    seconds = time.perf_counter() - start
    job.refresh_from_db()
    stored = Score.objects.filter(judgement__project=project).count()
    assert (job.state, stored) == (State.DONE, count), f"job {job.state} ({job.error}), {stored} scores of {count}"
    return seconds


# -- the best possible ------------------------------------------------------------------------------------------------


class BareLoop:
    """Processes that hold the model and run the barest loop over their share of the pictures."""

    def __init__(self, weights: Path, processes: int) -> None:
        self.processes = processes
        context = get_context("spawn")
        self._pipes: list[Connection] = []
        self._started = []
        for _number in range(processes):
            ours, theirs = context.Pipe()
            process = context.Process(target=serve, args=(weights, CORES // processes, theirs), daemon=True)
            process.start()
            self._pipes.append(ours)
            self._started.append(process)
        for pipe in self._pipes:
            pipe.recv()

    def seconds(self, pictures: Sequence[tuple[str, str]]) -> float:
        """Time until the last process is done with its share, whole prompts each."""
        shares: list[list[tuple[str, str]]] = [[] for _pipe in self._pipes]
        for number, start in enumerate(range(0, len(pictures), SAMPLES_A_PROMPT)):
            shares[number % len(shares)] += pictures[start : start + SAMPLES_A_PROMPT]
        began = time.perf_counter()
        for pipe, share in zip(self._pipes, shares, strict=True):
            pipe.send(share)
        done = sum(pipe.recv() for pipe in self._pipes)
        seconds = time.perf_counter() - began
        assert done == len(pictures)
        return seconds

    def stop(self) -> None:
        for process in self._started:
            process.terminate()
            process.join()


@contextmanager
def bare_loops(weights: Path) -> Iterator[list[BareLoop]]:
    loops = [BareLoop(weights, processes) for processes in sorted({1, CORES})]
    try:
        yield loops
    finally:
        for loop in loops:
            loop.stop()


def serve(weights: Path, threads: int, pipe: Connection) -> None:
    """A process of `BareLoop`: loads the model, then scores every list of (path, prompt) it is sent."""
    os.environ["OMP_NUM_THREADS"] = str(threads)
    import torch

    from scoring.scorers.clip_model import ClipModel, find_weights

    torch.set_num_threads(threads)
    model = ClipModel(find_weights(str(weights)), device=torch.device("cpu"), dtype=torch.float32)
    pipe.send("ready")
    with ThreadPoolExecutor(threads) as decoders:
        while (share := pipe.recv()) is not None:
            pipe.send(sum(embedded(model, decoders, share[at : at + BATCH]) for at in range(0, len(share), BATCH)))


def embedded(model: Any, decoders: ThreadPoolExecutor, batch: Sequence[tuple[str, str]]) -> int:
    """Decodes with every thread, then runs the model with every thread; the texts are embedded once each."""
    crops = list(decoders.map(lambda one: _crop(Path(one[0]), model.image_size), batch))
    pictures = model.embed_pictures(crops)
    captions = model.embed_texts(["A photo depicts " + prompt for _path, prompt in batch])
    return len((pictures * captions).sum(dim=-1).tolist())


def _crop(path: Path, size: int) -> Any:
    from scoring.scorers.clip_model import crop_for

    with Image.open(path) as picture:
        return crop_for(picture.convert("RGB"), size)


# -- model and pictures -----------------------------------------------------------------------------------------------


def save_random_clip(folder: Path) -> Path:
    """CLIP's architecture with random weights, in open_clip's own layout."""
    import torch

    import scoring.torch_setup  # noqa: F401 - before open_clip

    # isort: split
    import open_clip
    from safetensors.torch import save_file

    folder.mkdir()
    torch.manual_seed(20_261_121)
    config = open_clip.get_model_config(ARCHITECTURE)
    state = open_clip.CLIP(**config).state_dict()
    save_file({name: tensor.contiguous() for name, tensor in state.items()}, folder / "open_clip_model.safetensors")
    (folder / "open_clip_config.json").write_text(json.dumps({"model_cfg": config}))
    return folder


def write_rows(folder: Path, slug: str) -> Path:
    """The rows that import the pictures, four to a prompt that no other measurement has."""
    rows = [
        {
            "prompt": f"a drawn picture with rings on a ground, number {number // SAMPLES_A_PROMPT} of {slug}",
            "generator": f"g{number % SAMPLES_A_PROMPT}",
            "media": [picture.name],
        }
        for number, picture in enumerate(sorted(folder.glob("[0-9]*")))
    ]
    path = folder / f"{slug}.jsonl"
    path.write_text("\n".join(json.dumps(row) for row in rows))
    return path


def pictures_of(rows: Path) -> list[tuple[str, str]]:
    """Path and prompt of each picture, in the order of the rows."""
    read = [json.loads(line) for line in rows.read_text().splitlines()]
    return [(str(rows.parent / row["media"][0]), row["prompt"]) for row in read]


def draw(folder: Path, kind: Kind, count: int) -> None:
    """Pictures with the detail of photographs."""
    folder.mkdir()
    random = np.random.default_rng(20_261_121)
    drawings = [_drawing(random, kind.side) for _number in range(min(DRAWN, count))]
    for number in range(count):
        shift = tuple(int(steps) for steps in random.integers(0, kind.side, 2))
        name = f"{number:05}{kind.suffix}"
        Image.fromarray(np.roll(drawings[number % len(drawings)], shift, axis=(0, 1))).save(
            folder / name, **kind.options
        )


def _drawing(random: np.random.Generator, side: int) -> np.ndarray:
    frequency = np.hypot(np.fft.fftfreq(side)[:, None], np.fft.rfftfreq(side)[None, :])
    frequency[0, 0] = np.inf
    # Amplitudes that fall with the frequency are what photographs have in common.
    noise = np.fft.irfft2(np.fft.rfft2(random.normal(size=(3, side, side))) / frequency**1.1)
    noise = np.moveaxis(noise / noise.std(axis=(1, 2), keepdims=True), 0, -1)
    grey = noise.mean(axis=-1, keepdims=True)
    picture = Image.fromarray(np.clip(128 + 45 * grey + 15 * noise, 0, 255).astype(np.uint8))
    pen = ImageDraw.Draw(picture)
    for _ring in range(9):
        x, y, radius = (int(value) for value in random.integers(side // 50, side // 2, 3))
        pen.ellipse(
            [x - radius, y - radius, x + radius, y + radius], outline=tuple(random.integers(0, 256, 3)), width=7
        )
    return np.asarray(picture)


# -- a place of its own -----------------------------------------------------------------------------------------------


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pictures", type=int, default=240)
    parser.add_argument("--rounds", type=int, default=3)
    return parser.parse_args()


def _settle_django(data: Path) -> None:
    """Servers and storage of the benchmark's own, whatever the installation uses."""
    for name in ("DATABASE_URL", "REDIS_URL", "PAIRWRIGHT_S3_BUCKET"):
        os.environ.pop(name, None)
    os.environ.update(
        DJANGO_SETTINGS_MODULE="config.settings",
        PAIRWRIGHT_ENV_FILE="",
        PAIRWRIGHT_DATA=str(data),
        PAIRWRIGHT_LOG_LEVEL="WARNING",
    )
    import django
    from django.core.management import call_command

    django.setup()
    call_command("migrate", verbosity=0)


def _stop_servers() -> None:
    from config import embedded

    embedded.stop()


if __name__ == "__main__":
    main()
