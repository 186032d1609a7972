"""What it takes to make a frozen version out of a million scored samples.

    python benchmarks/evidence_to_pairs.py [--samples 1000000] [--scores 5] [--rounds 2]

A version is built as a worker builds it, by `datasets.run_job` in a process of its own: the evidence is read from
PostgreSQL, the recipe runs (one scorer parts winners from losers, another sifts them, the others are bars; prompts
are split, near-duplicates together), digests are made, Parquet is written and the version frozen. The project is
written by COPY into an embedded database that is thrown away; eight samples a prompt.

- *seconds*: of the wall clock, the best round; starting Python and Django is not in it.
- *peak_mib*: the most memory the building process ever held, Python, Django and libraries included.
- *slope*: seconds a sample at `--samples` over those at a tenth of it, the best rounds of both. Target 1.2.
- *cpu_slope*: the same of processor time, of the building process and of PostgreSQL: for machines that are busy.

The tenth is built first, in a database that has nothing else. The last line is one JSON object. Past 2 GiB the
benchmark fails.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import psutil

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.making import place

TENTH = 10
TARGET_SLOPE = 1.2
MOST_MIB = 2048
RECIPE = """
recipe: 1
title: Two stages behind bars
seed: 1
{filters}
pairing:
  rule: two_stage
  judge: {{scores: {judge}}}
  points: {{scores: {points}}}
  min_gap: 0.05
split:
  shares: {{train: 0.9, validation: 0.1}}
"""


def main() -> int:
    arguments = _arguments()
    if arguments.build:
        build(arguments.build)
        return 0
    with tempfile.TemporaryDirectory(prefix="pairwright-bench-", dir=arguments.folder) as folder:
        place.settle(Path(folder, "data"))
        try:
            report = compare(arguments)
        finally:
            place.stop()
    print(json.dumps(report))
    if report["peak_mib"] > MOST_MIB:
        print(f"more than {MOST_MIB} MiB were held", file=sys.stderr)
        return 1
    return 0


def compare(arguments: argparse.Namespace) -> dict[str, Any]:
    small = measure(arguments.samples // TENTH, arguments)
    large = measure(arguments.samples, arguments)
    return {
        "benchmark": "evidence_to_pairs",
        "seconds": round(large["seconds"], 1),
        "peak_mib": round(large["peak_mib"]),
        "most_mib": MOST_MIB,
        "slope": round(large["seconds"] / small["seconds"] / TENTH, 3),
        "cpu_slope": round(large["cpu_seconds"] / small["cpu_seconds"] / TENTH, 3),
        "target_slope": TARGET_SLOPE,
        "cpu_seconds": round(large["cpu_seconds"], 1),
        "small_seconds": round(small["seconds"], 2),
        "small_peak_mib": round(small["peak_mib"]),
        "samples": arguments.samples,
        "scores": arguments.scores,
        "pairs": large["pairs"],
        "cores": os.cpu_count(),
        "load": [round(load, 1) for load in os.getloadavg()],
    }


def measure(samples: int, arguments: argparse.Namespace) -> dict[str, Any]:
    """The best seconds of the rounds and the highest memory of any."""
    from benchmarks.making import many_scores

    began = time.perf_counter()
    made = many_scores.make(samples, arguments.scores, f"with-{samples}")
    print(f"{samples:,} samples written in {time.perf_counter() - began:.0f} s", flush=True)
    rounds = [one_build(made, number) for number in range(arguments.rounds)]
    assert len({one["digest"] for one in rounds}) == 1, "two builds of the same evidence differ"
    return rounds[0] | {
        "seconds": min(one["seconds"] for one in rounds),
        "cpu_seconds": min(one["cpu_seconds"] for one in rounds),
        "peak_mib": max(one["peak_mib"] for one in rounds),
    }


def one_build(made: Any, number: int) -> dict[str, Any]:
    """A version of a dataset of its own, so that no round finds the splits of another."""
    from curation.actions import datasets, recipes

    judge, points, *bars = made.criteria
    filters = "filters:\n" if bars else ""
    filters += "".join(f"  - {{name: {key}, by: {{scores: {key}}}, at_least: -1.3}}\n" for key in bars)
    text = RECIPE.format(filters=filters, judge=judge, points=points)
    recipe = recipes.save(project=made.project, name="two stages", text=text, by=None)
    job = datasets.order(project=made.project, recipe=recipe, name=f"{made.project.slug}-{number}", by=None)
    before = _database_seconds()
    command = [sys.executable, __file__, "--build", str(job.pk)]
    told = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    report = json.loads(told.splitlines()[-1])
    report["cpu_seconds"] += _database_seconds() - before
    print(
        f"  {report['pairs']:,} pairs in {report['seconds']:.1f} s, {report['cpu_seconds']:.1f} s of processors, "
        f"{report['peak_mib']:.0f} MiB, load {os.getloadavg()[0]:.1f}",
        flush=True,
    )
    return report  # type: ignore[no-any-return]


def _database_seconds() -> float:
    """Processor time of the embedded PostgreSQL so far: the server, its children and those that have ended."""
    from config import folders

    server = psutil.Process(int((folders.data() / "postgresql" / "postmaster.pid").read_text().split()[0]))
    own = server.cpu_times()
    alive = [child.cpu_times() for child in server.children()]
    ended = own.children_user + own.children_system
    return float(own.user + own.system + ended + sum(one.user + one.system for one in alive))


# -- in a process of its own -------------------------------------------------------------------------------------------


def build(job_id: int) -> None:
    """Builds the version a job asks for, as a worker does, and says what it took."""
    import django

    django.setup()
    from curation.actions import datasets

    began, cpu = time.perf_counter(), time.process_time()
    version = datasets.run_job(job_id=job_id)
    seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
    assert version is not None
    report = {
        "seconds": seconds,
        "cpu_seconds": cpu,
        "peak_mib": _most_held_mib(),
        "pairs": version.pair_count,
        "digest": version.digest,
    }
    print(json.dumps(report))


def _most_held_mib() -> float:
    """Of this process alone; `getrusage` would count what its parent held before it became this program."""
    lines = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return int(lines["VmHWM"].split()[0]) / 1024


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samples", type=int, default=1_000_000)
    parser.add_argument("--scores", type=int, default=5, help="scores of each sample, at least two")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--folder", help="where the database is written; the place for temporary files if not given")
    parser.add_argument("--build", type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.scores < 2 or arguments.samples < 1000:
        parser.error("The recipe needs two scores of each sample, and a thousand samples.")
    return arguments


if __name__ == "__main__":
    sys.exit(main())
