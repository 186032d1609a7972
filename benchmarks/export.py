"""Exporting against copying the same files, against the naive route of `datasets`, in flat memory, re-uploading little.

    python benchmarks/export.py [--parts ratio speedup memory upload] [--megabytes 500] [--large-megabytes 4000]

Pictures are JPEGs of noise, about 120 kB each, in a folder by digest as the media storage keeps them; every pair has
two of its own. Nothing is read back, and every route ends when its bytes are on the disk (fsync).

- *ratio*: one export of each format over copying the same files with `shutil.copyfile`: `pickapic` (Parquet),
  `webdataset` (tar) and `hpsv3` (files). The export checks every picture's SHA-256 and writes those of its own files;
  the copy checks nothing. The largest of the three medians counts. Target 2.
- *speedup*: the export of `pickapic` over `Dataset.from_list(rows).to_parquet(path)` with the same columns.
- *peak*: peak resident memory of an export of the small and of the large size, each in a process of its own; pictures
  come from memory then, so that no page cache is counted.
- *upload*: a Parquet file of about 70 MB goes into the store of Xet's own client (a folder instead of a server), then
  the export without one row: what the store grew by, as a share of the file. `compressed` is the same file as pyarrow
  writes it when nobody says otherwise.

The last line is one JSON object: `ratio`, `speedup`, `peak_mib`, `peak_growth_mib`, `bytes_reuploaded`.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np
from PIL import Image

from curation.exports.rows import (
    ExportContext,
    ExportGenerator,
    ExportMedia,
    ExportPair,
    ExportPrompt,
    ExportSample,
    ExportSource,
    ExportSubject,
)
from curation.exports.writing import write_export

PARTS = ("ratio", "speedup", "memory", "upload")
FORMATS = ("pickapic", "webdataset", "hpsv3")
SIDE = 320  # pixels; noise of this size is a JPEG of about 120 kB
UPLOADED_MEGABYTES = 70
CHUNK = 1 << 20


def main() -> None:
    arguments = _arguments()
    if arguments.peak_of:
        print(_peak_here(arguments.peak_of))
        return
    with tempfile.TemporaryDirectory(prefix="pairwright-bench-", dir=arguments.folder) as name:
        report = _report(arguments, Path(name))
    print(json.dumps(report))


def _report(arguments: argparse.Namespace, folder: Path) -> dict[str, Any]:
    report: dict[str, Any] = {"benchmark": "export", "cores": os.cpu_count(), "megabytes": arguments.megabytes}
    if {"ratio", "speedup"} & set(arguments.parts):
        store = Stored.drawn(folder / "store", arguments.megabytes)
        if "ratio" in arguments.parts:
            report |= ratio(store, folder, arguments.rounds)
        if "speedup" in arguments.parts:
            report |= speedup(store, folder, arguments.rounds)
    if "memory" in arguments.parts:
        report |= memory(arguments.megabytes, arguments.large_megabytes)
    if "upload" in arguments.parts:
        report |= upload(folder)
    return report


# -- pictures and versions ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Stored:
    """Pictures in a folder, by digest."""

    folder: Path
    media: list[ExportMedia]

    @classmethod
    def drawn(cls, folder: Path, megabytes: int) -> Stored:
        """As many JPEGs of noise as make up the size; their bytes are on the disk when this returns."""
        folder.mkdir(parents=True)
        media, size, number = [], 0, 0
        while size < megabytes * 1_000_000 or number % 2:
            content = jpeg(number)
            digest = hashlib.sha256(content).hexdigest()
            (folder / digest).write_bytes(content)
            media.append(ExportMedia(digest, "image/jpeg", "image", SIDE, SIDE))
            size, number = size + len(content), number + 1
        os.sync()
        return cls(folder, media)

    def open(self, digest: str) -> BinaryIO:
        return (self.folder / digest).open("rb")

    @property
    def size(self) -> int:
        return sum(path.stat().st_size for path in self.folder.iterdir())


def jpeg(number: int) -> bytes:
    noise = np.random.default_rng(number).integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)
    target = io.BytesIO()
    Image.fromarray(noise).save(target, "JPEG", quality=92, subsampling=0)
    return target.getvalue()


def version_of(media: Sequence[ExportMedia], open_media: Callable[[str], BinaryIO]) -> ExportSource:
    """A version with one pair for each two pictures."""
    pairs = sorted((_pair(number, *media[2 * number : 2 * number + 2]) for number in range(len(media) // 2)), key=_id)
    context = ExportContext(
        dataset="bench",
        version="1",
        task="text-to-image",
        project="bench",
        digest="0" * 64,
        side_seed=1,
        splits={"train": len(pairs)},
    )
    return ExportSource(context, lambda split: iter(pairs), lambda split: iter(()), open_media)


def _id(pair: ExportPair) -> str:
    return pair.pair_id


def _pair(number: int, first: ExportMedia, second: ExportMedia) -> ExportPair:
    prompt = ExportPrompt(f"p{number}", f"a picture of noise, number {number}")
    sides = [
        ExportSubject(ExportSample(f"s{number}-{side}", prompt, ExportGenerator("noise"), media=(item,)), prompt)
        for side, item in enumerate((first, second))
    ]
    name = hashlib.sha256(str(number).encode()).hexdigest()
    return ExportPair(name, "train", sides[0], sides[1], "first", "people")


# -- time -----------------------------------------------------------------------------------------------------------


def ratio(store: Stored, folder: Path, rounds: int) -> dict[str, Any]:
    source = version_of(store.media, store.open)
    copying: list[float] = []
    exporting: dict[str, list[float]] = {name: [] for name in FORMATS}
    for number in range(rounds):
        copying.append(_seconds(lambda place: _copy(store, place), folder / "copy"))
        for name in exporting:
            exporting[name].append(
                _seconds(lambda place, name=name: write_export(source, [name], place), folder / "out")
            )
        _say(f"round {number + 1}: copy {copying[-1]:.2f} s, " + _times(exporting))
    ratios = {
        name: statistics.median(export / copy for export, copy in zip(exporting[name], copying, strict=True))
        for name in exporting
    }
    found = {name: round(value, 2) for name, value in ratios.items()}
    return {"ratio": max(found.values()), "ratios": found, "copy_seconds": round(statistics.median(copying), 2)}


def _copy(store: Stored, place: Path) -> None:
    place.mkdir()
    for item in store.media:
        shutil.copyfile(store.folder / item.sha256, place / item.sha256)
    for path in [*place.iterdir(), place]:
        handle = os.open(path, os.O_RDONLY)
        os.fsync(handle)
        os.close(handle)


def _seconds(do: Callable[[Path], object], place: Path) -> float:
    """How long it takes; what was written is removed again, and the disk is quiet before it begins."""
    os.sync()
    began = time.perf_counter()
    do(place)
    took = time.perf_counter() - began
    shutil.rmtree(place, ignore_errors=True)
    return took


def speedup(store: Stored, folder: Path, rounds: int) -> dict[str, Any]:
    source = version_of(store.media, store.open)
    ours, naive = [], []
    for number in range(rounds):
        ours.append(_seconds(lambda place: write_export(source, ["pickapic"], place), folder / "out"))
        naive.append(_seconds(lambda place: _by_datasets(source, store, place), folder / "naive"))
        _say(f"round {number + 1}: ours {ours[-1]:.2f} s, datasets {naive[-1]:.2f} s")
    return {
        "speedup": round(statistics.median(naive) / statistics.median(ours), 2),
        "datasets_seconds": round(statistics.median(naive), 2),
    }


def _by_datasets(source: ExportSource, store: Stored, place: Path) -> None:
    """What one writes who knows the library: rows into a Dataset, the Dataset into Parquet."""
    import datasets

    datasets.disable_progress_bars()
    place.mkdir()
    rows = [
        {
            "caption": pair.prompt.text,
            "jpg_0": store.open(pair.first.sample.media[0].sha256).read(),
            "jpg_1": store.open(pair.second.sample.media[0].sha256).read(),
            "label_0": 1.0,
            "label_1": 0.0,
        }
        for pair in source.pairs("train")
    ]
    datasets.Dataset.from_list(rows).to_parquet(str(place / "train.parquet"))
    handle = os.open(place / "train.parquet", os.O_RDONLY)
    os.fsync(handle)
    os.close(handle)


def _times(exporting: dict[str, list[float]]) -> str:
    return ", ".join(f"{name} {seconds[-1]:.2f} s" for name, seconds in exporting.items())


# -- memory ---------------------------------------------------------------------------------------------------------


def memory(small: int, large: int) -> dict[str, Any]:
    peaks = {}
    for megabytes in (small, large):
        peaks[megabytes] = max(_peak_of(name, megabytes) for name in FORMATS)
        _say(f"{megabytes} MB: {peaks[megabytes]:.0f} MiB at most")
    return {
        "peak_mib": round(peaks[large]),
        "peak_growth_mib": round(peaks[large] - peaks[small]),
        "large_megabytes": large,
    }


def _peak_of(name: str, megabytes: int) -> float:
    command = [sys.executable, __file__, "--peak-of", name, str(megabytes)]
    return float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def _peak_here(said: Sequence[str]) -> float:
    """Peak resident memory of this process, MiB, after an export of pictures of a megabyte each."""
    name, count = said[0], int(said[1])
    numbers = {hashlib.sha256(_megabyte(number)).hexdigest(): number for number in range(count - count % 2)}
    media = [ExportMedia(digest, "image/jpeg", "image", 1, 1) for digest in numbers]
    source = version_of(media, lambda digest: io.BytesIO(_megabyte(numbers[digest])))
    with tempfile.TemporaryDirectory(prefix="pairwright-bench-") as folder:
        write_export(source, [name], Path(folder) / "out")
    # The peak of getrusage is handed on from the parent at a fork; that of the address space begins anew.
    peak = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    return int(peak.split()[1]) / 1024


def _megabyte(number: int) -> bytes:
    return number.to_bytes(4, "big") * 250_000


# -- what goes over the wire again ----------------------------------------------------------------------------------


def upload(folder: Path) -> dict[str, Any]:
    store = Stored.drawn(folder / "uploaded", UPLOADED_MEGABYTES)
    source = version_of(store.media, store.open)
    gone = next(source.pairs("train")).pair_id
    shorter = replace(source, pairs=lambda split: (pair for pair in source.pairs(split) if pair.pair_id != gone))
    shorter = replace(shorter, context=replace(source.context, splits={"train": source.context.splits["train"] - 1}))
    shares = {}
    for name in ("pickapic", "webdataset"):
        files = [_largest(write_export(one, [name], folder / f"{name}-{place}").folder)
                 for place, one in enumerate((source, shorter))]  # fmt: skip
        shares[name] = _share_again(files, folder / f"cas-{name}")
        if name == "pickapic":
            shares["compressed"] = _share_again(
                [_as_pyarrow_likes(path, folder / f"plain-{place}.parquet") for place, path in enumerate(files)],
                folder / "cas-plain",
            )
        _say(f"{name}: {shares[name]:.4f} of {files[0].stat().st_size / 1e6:.0f} MB again")
    return {
        "bytes_reuploaded": round(max(shares["pickapic"], shares["webdataset"]), 4),
        "reuploaded": {name: round(share, 4) for name, share in shares.items()},
    }


def _largest(folder: Path) -> Path:
    return max((path for path in folder.rglob("*") if path.is_file()), key=lambda path: path.stat().st_size)


def _as_pyarrow_likes(path: Path, target: Path) -> Path:
    import pyarrow.parquet as pq

    pq.write_table(pq.read_table(path), target)
    return target


def _share_again(files: Sequence[Path], store: Path) -> float:
    """Bytes that Xet's client adds to its store for the second file, over the size of the first."""
    import hf_xet

    store.mkdir()
    held = []
    for file in files:
        with warnings.catch_warnings(action="ignore", category=DeprecationWarning):  # the session wants a server
            hf_xet.upload_files([str(file)], f"local://{store}", ("x", 4_000_000_000), None, None, "dataset")
        held.append(sum(path.stat().st_size for path in _files_in(store)))
    return (held[1] - held[0]) / files[0].stat().st_size


def _files_in(folder: Path) -> Iterator[Path]:
    return (path for path in folder.rglob("*") if path.is_file())


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--megabytes", type=int, default=500, help="of pictures, for time and the smaller peak")
    parser.add_argument("--large-megabytes", type=int, default=4000, help="of pictures, for the larger peak")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--folder", type=Path, help="where to write; the system's temporary folder otherwise")
    parser.add_argument("--peak-of", nargs=2, help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    main()
