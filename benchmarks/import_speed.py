"""How much longer a whole import takes than the least that any import must do.

    python benchmarks/import_speed.py [--files 2000] [--rounds 3]

Both sides read the same JPEGs of 1024 x 1024 from a warm cache, with the same number of processes, alternating:

- *least*: SHA-256 and a full decode with Pillow, nothing kept;
- *import*: what `manage.py import_samples` does from the first row to the last: format read, originals, renditions
  and thumbnails stored, perceptual fingerprints, and all rows written to PostgreSQL.

Starting and ending the processes counts on both sides. The last line is one JSON object; `ratio` is the median over
the rounds of import time by least time, and is meant to stay at or below 1.5.
"""

import argparse
import hashlib
import io
import json
import os
import shutil
import statistics
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

SIDE = 1024
QUALITY = 90
DRAWN = 40  # different drawings; the other files are these, shifted
CHUNK = 16


def main() -> None:
    arguments = _arguments()
    with tempfile.TemporaryDirectory(prefix="pairwright-bench-") as folder:
        pictures = Path(folder, "pictures")
        draw(pictures, arguments.files)
        _settle_django(Path(folder, "data"))
        try:
            report = compare(pictures, arguments.rounds)
        finally:
            _stop_servers()
    print(json.dumps(report))


def compare(pictures: Path, rounds: int) -> dict[str, object]:
    processes = os.cpu_count() or 1
    files = sorted(pictures.glob("*.jpg"))
    size = sum(len(path.read_bytes()) for path in files)  # warms the cache, too
    print(f"{len(files)} JPEGs of {SIDE}², {size / len(files) / 1024:.0f} KiB each; {processes} processes", flush=True)
    ratios, least_seconds, import_seconds = [], [], []
    for number in range(1, rounds + 1):
        least, whole = seconds_of_the_least(files, processes), seconds_of_the_import(pictures, len(files))
        least_seconds.append(least)
        import_seconds.append(whole)
        ratios.append(whole / least)
        print(f"round {number}: least {least:.2f} s, import {whole:.2f} s, ratio {whole / least:.3f}", flush=True)
    return {
        "benchmark": "import_speed",
        "ratio": round(statistics.median(ratios), 3),
        "target": 1.5,
        "ratios": [round(ratio, 3) for ratio in ratios],
        "least_seconds": round(statistics.median(least_seconds), 2),
        "import_seconds": round(statistics.median(import_seconds), 2),
        "files": len(files),
        "mean_kib": round(size / len(files) / 1024),
        "processes": processes,
    }


# -- the two sides ---------------------------------------------------------------------------


def seconds_of_the_least(files: list[Path], processes: int) -> float:
    start = time.perf_counter()
    with ProcessPoolExecutor(processes, mp_context=get_context("fork")) as pool:
        digests = list(pool.map(digest_and_decode, files, chunksize=CHUNK))
    seconds = time.perf_counter() - start
    assert len(set(digests)) == len(files), "every file is different, so that none is stored for another"
    return seconds


def digest_and_decode(path: Path) -> str:
    data = path.read_bytes()
    with Image.open(io.BytesIO(data)) as picture:
        picture.load()
    return hashlib.sha256(data).hexdigest()


def seconds_of_the_import(pictures: Path, count: int) -> float:
    from curation.actions import importing, projects
    from curation.models import Asset, Project, Rendition, Sample

    project = projects.create(name="Benchmark", slug="benchmark", task="text-to-image", by=None)
    options = importing.for_path(pictures / "samples.jsonl")
    start = time.perf_counter()
    importing.run(job=importing.create(project=project, options=options, by=None))
    seconds = time.perf_counter() - start
    made = (Sample.objects.count(), Asset.objects.count(), Rendition.objects.exclude(fingerprint=b"").count())
    assert made == (count, count, count), f"{made} samples, assets and renditions of {count}"
    Project.objects.all().delete()
    Asset.objects.all().delete()
    _empty_storage()
    return seconds


# -- pictures --------------------------------------------------------------------------------


def draw(folder: Path, count: int) -> None:
    """Pictures with the detail of photographs, eight to a prompt, and the table that names them.

    At quality 90 they take about as many bytes as generated pictures of this size do (260 KiB).
    """
    print(f"drawing {count} pictures", flush=True)
    folder.mkdir()
    random = np.random.default_rng(20_261_121)
    drawings = [_drawing(random) for _ in range(min(DRAWN, count))]
    with (folder / "samples.jsonl").open("w") as table:
        for number in range(count):
            shift = tuple(int(steps) for steps in random.integers(0, SIDE, 2))
            picture = Image.fromarray(np.roll(drawings[number % len(drawings)], shift, axis=(0, 1)))
            picture.save(folder / f"{number:05}.jpg", quality=QUALITY)
            table.write(json.dumps(_row(number)) + "\n")


def _row(number: int) -> dict[str, object]:
    prompt, place = divmod(number, 8)
    return {
        "prompt": f"rings over clouds, number {prompt}",
        "sample_key": f"s{number}",
        "generator": f"painter {place % 2}",
        "media": [f"{number:05}.jpg"],
        "seed": place,
    }


def _drawing(random: np.random.Generator) -> np.ndarray:
    """Noise of all scales with a few sharp rings."""
    frequency = np.hypot(np.fft.fftfreq(SIDE)[:, None], np.fft.rfftfreq(SIDE)[None, :])
    frequency[0, 0] = np.inf
    # Amplitudes that fall with the frequency are what photographs have in common.
    noise = np.fft.irfft2(np.fft.rfft2(random.normal(size=(3, SIDE, SIDE))) / frequency**1.4)
    noise = np.moveaxis(noise / noise.std(axis=(1, 2), keepdims=True), 0, -1)
    grey = noise.mean(axis=-1, keepdims=True)
    picture = Image.fromarray(np.clip(128 + 45 * grey + 15 * noise, 0, 255).astype(np.uint8))
    pen = ImageDraw.Draw(picture)
    for _ in range(12):
        x, y, radius = (int(value) for value in random.integers(20, SIDE // 4, 3) * (4, 4, 1))
        pen.ellipse(
            [x - radius, y - radius, x + radius, y + radius], outline=tuple(random.integers(0, 256, 3)), width=9
        )
    return np.asarray(picture)


# -- a place of its own ----------------------------------------------------------------------


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=2000)
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
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
    import django
    from django.core.management import call_command

    django.setup()
    call_command("migrate", verbosity=0)


def _empty_storage() -> None:
    from django.conf import settings

    shutil.rmtree(settings.MEDIA_ROOT)


def _stop_servers() -> None:
    from config import embedded

    embedded.stop()


if __name__ == "__main__":
    main()
