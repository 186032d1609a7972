"""The scoring service against the batch job: the same pictures, the same model, several clients at once.

    python benchmarks/service.py [--pictures 192] [--clients 4] [--group 16] [--rounds 3]
    python benchmarks/service.py --plain [--device cuda] ...

A real job (message, plan, parts, renditions read, scored, written by a Celery worker) and a real service (a process of
its own, HTTP, tokens, bytes ingested as an import does) take turns over pictures that neither has seen. Clients are
threads of this process that send `--group` pictures a call as multipart, each waiting for its answer before the next.

`--plain` leaves database, HTTP and ingestion away and compares the lines and batches of the service with one run of the
engine over the same files: what joining calls costs, on a machine that has torch and nothing of the site's. `--device
cuda` demands a card.

The last line is one JSON object: `ratio` (pictures a second of the service over those of the job, median over the
rounds; 1 is as fast), `service_a_second`, `job_a_second`, `p50_seconds`, `p95_seconds` (of a call), `batch_sizes`.
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
sys.path.insert(0, str(ROOT / "docs" / "examples"))

from pairwright_client import Client

from benchmarks.making import pictures, place, weights
from benchmarks.making.bare import item
from benchmarks.making.pictures import JPEG

SHOWN = Sequence[tuple[str, str]]
Call = Callable[[SHOWN], Any]


def main() -> None:
    arguments = _arguments()
    with tempfile.TemporaryDirectory(prefix="pairwright-bench-") as name:
        folder = Path(name)
        source = weights.clip(folder / "clip", arguments.model)
        settings = {"source": str(source), "prefix": "", "precision": arguments.precision}
        report = plain(folder, settings, arguments) if arguments.plain else served(folder, settings, arguments)
    print(json.dumps({"benchmark": "service", "model": arguments.model, "clients": arguments.clients, **report}))


# -- against the job --------------------------------------------------------------------------------------------------


def served(folder: Path, settings: dict[str, str], arguments: argparse.Namespace) -> dict[str, Any]:
    place.settle(folder / "data")
    try:
        return _served(folder, settings, arguments)
    finally:
        place.stop()


def _served(folder: Path, settings: dict[str, str], arguments: argparse.Namespace) -> dict[str, Any]:
    from scoring.actions.serving import tokens
    from scoring.workers import OwnWorker

    project = _imported(folder, "token", arguments.group)[0]
    token = tokens.make(project=project, name="benchmark", by=None).text
    jobs, services, latencies, processors = [], [], [], []
    worker = OwnWorker("gpu")
    try:
        with _service(folder, settings) as (address, served_by):
            client = Client(address, token)
            ask = lambda shown: client.score(_samples(shown))  # noqa: E731
            for number in range(arguments.rounds + 1):  # the first warms both up
                job_project, _shown = _imported(folder, f"job-{number}", arguments.pictures)
                shown = _drawn(folder, f"service-{number}", arguments.pictures)
                before = _processor_seconds(worker._process.pid), _processor_seconds(served_by)
                job = place.seconds_of_job(worker, job_project, {"clipscore": settings})
                seconds, calls = at_once(ask, shown, arguments.clients, arguments.group)
                after = _processor_seconds(worker._process.pid), _processor_seconds(served_by)
                busy = [round(then - now, 2) for now, then in zip(before, after, strict=True)]
                print(f"round {number}: job {job:.2f} s, service {seconds:.2f} s; busy {busy}", flush=True)
                if number:
                    jobs, services, latencies = [*jobs, job], [*services, seconds], [*latencies, *calls]
                    processors.append(busy)
            sizes = client._call("GET", "/metrics")["batch_sizes"]
    finally:
        worker.stop()
    job_busy, service_busy = (statistics.median(column) for column in zip(*processors, strict=True))
    busy = {"job_processor_seconds": job_busy, "service_processor_seconds": service_busy}
    return _report(jobs, services, latencies, arguments) | busy | {"batch_sizes": sizes}


def _processor_seconds(pid: int) -> float:
    """What a process and its children have used of the processors; of interest where others use them too."""
    import psutil

    whole = psutil.Process(pid)
    times = [one.cpu_times() for one in (whole, *whole.children(recursive=True))]
    return sum(one.user + one.system for one in times)


def _drawn(folder: Path, name: str, count: int) -> list[tuple[str, str]]:
    seed = int.from_bytes(name.encode()[-6:], "big")
    return pictures.prompts_for(pictures.draw(folder / name, JPEG, count, seed=seed), name)


def _imported(folder: Path, name: str, count: int) -> tuple[Any, list[tuple[str, str]]]:
    shown = _drawn(folder, name, count)
    return place.import_rows(pictures.write_rows(shown, folder / name / "rows.jsonl"), name), shown


def _samples(shown: SHOWN) -> list[dict[str, Any]]:
    return [{"media": [Path(path)], "prompt": prompt} for path, prompt in shown]


@contextmanager
def _service(folder: Path, settings: dict[str, str]) -> Iterator[tuple[str, int]]:
    """The address and process of a service over the benchmark's database, once its model is loaded."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        port = held.getsockname()[1]
    words = [word for name, value in settings.items() for word in ("--set", f"clipscore.{name}={value}")]
    command = [sys.executable, "manage.py", "serve_scorers", "--scorer", "clipscore", "--port", str(port), *words]
    log = folder / "service.log"
    with log.open("wb") as out:
        process = subprocess.Popen(command, cwd=ROOT, stdout=out, stderr=out, env=dict(os.environ))
    try:
        while not _is_ready(port):
            assert process.poll() is None, log.read_text()
            time.sleep(0.1)
        yield f"http://127.0.0.1:{port}", process.pid
    finally:
        process.terminate()
        process.wait()


def _is_ready(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/ready", timeout=5) as answer:
            return answer.status == 200
    except (urllib.error.URLError, ConnectionError, TimeoutError):
        return False


# -- lines and batches alone ------------------------------------------------------------------------------------------


def plain(folder: Path, settings: dict[str, str], arguments: argparse.Namespace) -> dict[str, Any]:
    """One run of the engine over all files, against clients whose calls share batches."""
    if arguments.device == "cuda":
        import torch

        assert torch.cuda.is_available(), "no CUDA device is here"
    from scoring.engine import run
    from scoring.pacing import pace
    from scoring.service.batcher import Batcher
    from scoring.service.limits import Limits

    batcher = Batcher({"clipscore": settings}, Limits(queued=100_000, deadline_seconds=600))
    batcher.start()
    assert batcher.is_ready.wait(600), "the model was not loaded"
    scorer = batcher.scorers["clipscore"]

    def ask(shown: SHOWN) -> None:
        with batcher.room(len(shown)):
            batcher.score([item(path, prompt, number) for number, (path, prompt) in enumerate(shown)], ["clipscore"])

    def engine(shown: SHOWN) -> float:
        began = time.perf_counter()
        items = (item(path, prompt, number) for number, (path, prompt) in enumerate(shown))
        done = sum(len(batch.items) for batch in run(items, [scorer], pace("gpu")))
        assert done == len(shown)
        return time.perf_counter() - began

    drawn = pictures.draw(folder / "pictures", JPEG, arguments.pictures, seed=5)
    engines, services, latencies = [], [], []
    for number in range(arguments.rounds + 1):
        alone = engine(pictures.prompts_for(drawn, f"engine {number}"))
        shown = pictures.prompts_for(drawn, f"service {number}")
        seconds, calls = at_once(ask, shown, arguments.clients, arguments.group)
        print(f"round {number}: engine {alone:.2f} s, lines and batches {seconds:.2f} s", flush=True)
        if number:
            engines, services, latencies = [*engines, alone], [*services, seconds], [*latencies, *calls]
    sizes = batcher.figures.as_json(batcher.facts)["batch_sizes"]
    batcher.stop(30)
    return _report(engines, services, latencies, arguments) | {"batch_sizes": sizes, "plain": True}


# -- clients ----------------------------------------------------------------------------------------------------------


def at_once(ask: Call, shown: SHOWN, clients: int, group: int) -> tuple[float, list[float]]:
    """Seconds until the last answer, and the seconds of each call."""
    calls = [shown[start : start + group] for start in range(0, len(shown), group)]
    waiting, latencies, faults = iter(calls), [], []
    lock = threading.Lock()

    def work() -> None:
        while True:
            with lock:
                call = next(waiting, None)
            if call is None:
                return
            began = time.perf_counter()
            try:
                ask(call)
            except Exception as error:  # noqa: BLE001 - told below, in the thread that measures
                faults.append(error)
                return
            latencies.append(time.perf_counter() - began)

    threads = [threading.Thread(target=work) for _client in range(clients)]
    began = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seconds = time.perf_counter() - began
    if faults:
        raise faults[0]
    return seconds, latencies


def _report(
    jobs: list[float], services: list[float], latencies: list[float], arguments: argparse.Namespace
) -> dict[str, Any]:
    ordered = sorted(latencies)
    count = arguments.pictures
    return {
        "ratio": round(statistics.median(job / own for job, own in zip(jobs, services, strict=True)), 3),
        "service_a_second": round(count / statistics.median(services), 2),
        "job_a_second": round(count / statistics.median(jobs), 2),
        "p50_seconds": round(statistics.median(ordered), 3),
        "p95_seconds": round(ordered[min(len(ordered) - 1, int(0.95 * len(ordered)))], 3),
        "pictures": count,
        "group": arguments.group,
        "cores": os.cpu_count(),
    }


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="ViT-B-32-quickgelu")
    parser.add_argument("--precision", default="float32")
    parser.add_argument("--pictures", type=int, default=192)
    parser.add_argument("--clients", type=int, default=4)
    parser.add_argument("--group", type=int, default=16, help="pictures a call")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--plain", action="store_true", help="lines and batches against the engine, no site")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    return parser.parse_args()


if __name__ == "__main__":
    main()
