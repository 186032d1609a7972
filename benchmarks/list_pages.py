"""How long every list page takes on a project of a million samples, and on one of a thousandth of that beside it.

    python benchmarks/list_pages.py [--samples 1000000] [--requests 20] [--only samples] [--data FOLDER]

Each address is asked `--requests` times through Django's test client, after once for warming; where it is a list with
more than one page, each request is for the next page. Addresses are chosen where a list has to look longest: words
that nearly every prompt has, words that only the oldest have, facets without a single match. The time is that of the
whole response: middleware, queries, template. Figures of the overview are counted beforehand, as the timetable does.

The small project (of at least 100 samples) lies in the same database. The last line is one JSON object: `p95_ms` is the
worst page's 95th percentile (nearest rank), `worst_page` its name, `ratio` that page's 95th percentile over the same
page's in the small project. Meant to stay below 300 ms.
"""

from __future__ import annotations

import argparse
import html
import json
import math
import os
import re
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from making import large_project
from making.large_project import Made

TARGET_MS = 300
SHRUNK = 1000
FOLLOWING = re.compile(r'rel="next" href="([^"]+)"')


def main() -> None:
    arguments = _arguments()
    with _folder(arguments.data) as folder:
        _settle_django(folder)
        try:
            report = measure(arguments)
        finally:
            _stop_servers()
    print(json.dumps(report))


def measure(arguments: argparse.Namespace) -> dict[str, object]:
    small, large = _made(max(arguments.samples // SHRUNK, 100)), _made(arguments.samples)
    large_project.settle()
    _count(small)
    counting_seconds = _count(large)
    print(f"{'page':<52}{'queries':>8}{'median':>9}{'p95':>9}{'small p95':>11}   ms", flush=True)
    rows = {}
    for (name, address), (_name, small_address) in zip(addresses(large), addresses(small), strict=True):
        if arguments.only not in name:
            continue
        queries, times = _times(large, address, arguments.requests)
        _queries, small_times = _times(small, small_address, arguments.requests)
        rows[name] = (p95(times), p95(small_times))
        middle = statistics.median(times)
        print(f"{name:<52}{queries:>8}{middle:>9.1f}{rows[name][0]:>9.1f}{rows[name][1]:>11.1f}", flush=True)
    assert rows, f"no page has “{arguments.only}” in its name"
    worst = max(rows, key=lambda name: rows[name][0])
    return {
        "benchmark": "list_pages",
        "p95_ms": round(rows[worst][0], 1),
        "worst_page": worst,
        "ratio": round(rows[worst][0] / rows[worst][1], 2),
        "target_ms": TARGET_MS,
        "pages": len(rows),
        "samples": arguments.samples,
        "requests": arguments.requests,
        "counting_seconds": round(counting_seconds, 2),
    }


def p95(times: list[float]) -> float:
    """The 95th percentile of some milliseconds, by nearest rank: of 20, the 19th."""
    return sorted(times)[math.ceil(0.95 * len(times)) - 1]


# -- what is asked ---------------------------------------------------------------------------


def addresses(made: Made) -> list[tuple[str, str]]:
    """Each list page, its hardest narrowings included, by a name that is the same for every project."""
    root, column, by_age = f"/projects/{made.slug}/", made.column, made.column_by_age
    samples = {
        "newest": "",
        "a broad word": "q=quiet",
        "a narrow word": "q=heliotrope",
        "two words that never meet": "q=heliotrope+1999",
        "a word nobody used": "q=zeppelin",
        "a key": "q=s77",
        "one generator": f"generator={made.generator_id}",
        "a generator of old": f"generator={made.rare_generator_id}",
        "made as real": "kind=real",
        "a round": "round=1",
        "a round that never was": "round=7",
        "a tag": "tag=topic+3",
        "a tag of old": "tag=first+batch",
        "absent files": "media=absent",
        "flagged unsafe": "flagged=unsafe",
        "scored by nobody": "scored=none",
        "scored by anybody": "scored=any",
        "scored by one": f"scored={column.partition('.')[0]}",
        "everything at once": f"generator={made.generator_id}&q=quiet+boat&tag=topic+3&scored=any&round=2",
    }
    left_out = ("two words that never meet", "a word nobody used", "a key", "made as real", "a tag of old",
                "scored by anybody", "scored by one")  # fmt: skip
    sorts = [name for name in samples if name not in left_out]
    prompts = {
        "newest": "",
        "oldest": "order=old",
        "a broad word": "q=quiet",
        "a narrow word": "q=heliotrope",
        "a word nobody used": "q=zeppelin",
        "a tag": "tag=topic+3",
        "a tag of old": "tag=first+batch",
        "a language": "locale=de",
        "a language nobody used": "locale=fr",
        "without a sample": "samples=none",
        "with samples": "samples=some",
        "compared": "judged=yes",
        "never compared": "judged=no",
    }
    return [
        ("projects", "/"),
        ("overview", root),
        *((f"prompts: {name}", f"{root}prompts/?{query}") for name, query in prompts.items()),
        *((f"samples: {name}", f"{root}samples/?{query}") for name, query in samples.items()),
        *((f"samples by a score: {name}", f"{root}samples/?sort={column}&{samples[name]}") for name in sorts),
        *((f"samples by a score of age: {name}", f"{root}samples/?sort={by_age}&{samples[name]}") for name in sorts),
        ("samples by a score: between bounds", f"{root}samples/?sort={column}&low=0.4&high=0.5&order=up"),
        ("samples by a score: histogram", f"{root}samples/?sort={column}&part=histogram"),
        ("a group", f"{root}prompts/{made.prompt_id}/"),
        ("a sample", f"{root}samples/{made.sample_id}/"),
        ("datasets", f"{root}datasets/"),
        ("recipes", f"{root}recipes/"),
        ("jobs", f"{root}jobs/"),
        ("jobs: failed", f"{root}jobs/?state=failed"),
        ("imports", f"{root}imports/"),
        ("scorers", f"{root}scorers/"),
        ("members", f"{root}members/"),
    ]


def _times(made: Made, address: str, number: int) -> tuple[int, list[float]]:
    """The most queries of a request, and the milliseconds of each, along the pages of the list."""
    from django.db import connection
    from django.test import Client
    from django.test.utils import CaptureQueriesContext

    from curation.models import User

    client = Client(headers={"host": "localhost"})
    client.force_login(User.objects.get(pk=made.reader_id))
    with CaptureQueriesContext(connection) as captured:
        following = _get(client, address)[1]
    queries, times = len(captured), []
    for _ in range(number):
        milliseconds, after = _get(client, following or address)
        times.append(milliseconds)
        following = after if following else ""
    return queries, times


def _get(client: Any, address: str) -> tuple[float, str]:
    """The milliseconds of one request, and the address of the page that follows it, if any."""
    started = time.perf_counter()
    answer = client.get(address)
    milliseconds = 1000 * (time.perf_counter() - started)
    assert answer.status_code == 200, f"{address} answers {answer.status_code}"
    following = FOLLOWING.search(answer.content.decode())
    return milliseconds, address.partition("?")[0] + html.unescape(following[1]) if following else ""


# -- the projects ----------------------------------------------------------------------------


def _made(samples: int) -> Made:
    """The project with this many samples: made now, or found in the folder of an earlier run."""
    from django.conf import settings

    note = settings.DATA_DIR / f"project-{samples}.json"
    if not note.exists():
        started = time.perf_counter()
        note.write_text(json.dumps(asdict(large_project.make(samples, f"with-{samples}"))))
        print(f"a project with {samples:,} samples: {time.perf_counter() - started:.0f} s", flush=True)
    return Made(**json.loads(note.read_text()))


def _count(made: Made) -> float:
    """The seconds that counting the figures of the overview takes."""
    from curation.actions import counting
    from curation.models import Project

    started = time.perf_counter()
    counting.refresh(project=Project.objects.get(pk=made.project_id))
    return time.perf_counter() - started


# -- a place of its own ----------------------------------------------------------------------


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samples", type=int, default=1_000_000)
    parser.add_argument("--requests", type=int, default=20)
    parser.add_argument("--only", default="", help="measure the pages whose name contains this")
    parser.add_argument("--data", help="a folder for the database that is kept, and used again if it is there")
    return parser.parse_args()


@contextmanager
def _folder(kept: str | None) -> Iterator[Path]:
    if kept:
        yield Path(kept)
        return
    with tempfile.TemporaryDirectory(prefix="pairwright-bench-") as folder:
        yield Path(folder, "data")


def _settle_django(data: Path) -> None:
    """Servers of the benchmark's own, whatever the installation uses, and the pages as visitors get them."""
    for name in ("DATABASE_URL", "REDIS_URL", "PAIRWRIGHT_S3_BUCKET"):
        os.environ.pop(name, None)
    os.environ.update(
        DJANGO_SETTINGS_MODULE="config.settings",
        PAIRWRIGHT_ENV_FILE="",
        PAIRWRIGHT_DATA=str(data),
        PAIRWRIGHT_DEBUG="0",
        PAIRWRIGHT_HOSTS="localhost",
        PAIRWRIGHT_LOG_LEVEL="WARNING",
    )
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
    import django
    from django.core.management import call_command

    django.setup()
    call_command("migrate", verbosity=0)
    call_command("collectstatic", verbosity=0, interactive=False)


def _stop_servers() -> None:
    from config import embedded

    embedded.stop()


if __name__ == "__main__":
    main()
