"""An export read back the way its user will read it, and compared with what it should be.

Tables are loaded with `datasets.load_dataset`, so the card's YAML, the features and the row counts are those a trainer
meets; layouts are read by their format's own `read_back`. Every medium's SHA-256 is compared with the one its row
states, every winner and every label with the version's. What is wrong comes back as findings, all of them, not as the
first error.
"""

from __future__ import annotations

import hashlib
import importlib
import json
import tarfile
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from curation.exports import FORMATS
from curation.exports.checksums import CHECKSUMS, digest_of, read_checksums
from curation.exports.columns import features_json
from curation.exports.findings import ReadBack
from curation.exports.folder import MANIFEST
from curation.exports.formats import Claim, Format, Label, MediaFile, RecalledLabel, RecalledVerdict, Row, Verdict, Word
from curation.exports.media import Stored
from curation.exports.picture_traces import traces_in
from curation.exports.rows import ExportSource
from curation.exports.truths import Truths

ROW_GROUP_LIMIT = 100_000_000
PICTURES = (".jpg", ".png", ".webp")
# Rows turned into Python at a time; a row may hold two videos.
BATCH_ROWS = 4


def read_back(
    folder: Path,
    source: ExportSource | None = None,
    *,
    report: Callable[[int], None] = lambda rows: None,
    scratch: Path | None = None,
) -> ReadBack:
    """Loads every config of an export and compares it.

    Args:
        folder: as `write_export` left it, or a copy of it.
        source: the version it was written from; None skips the comparison of winners.
        report: called with the number of rows compared so far.
        scratch: where `datasets` may write a cache of the export's size, removed again; None for the system's.
    """
    found = ReadBack()
    manifest = json.loads((folder / MANIFEST).read_text("utf-8"))
    _check_files(folder, found)
    with tempfile.TemporaryDirectory(prefix=".pairwright-readback-", dir=scratch) as cache:
        reading = _Reading(folder, manifest, source, found, report, Path(cache))
        for name in manifest["configs"]:
            if _format_of(name).is_table:
                reading.table(name)
            else:
                reading.layout(name)
    return found


@dataclass
class _Reading:
    """One export being read: what all its configs are compared with."""

    folder: Path
    manifest: dict[str, Any]
    source: ExportSource | None
    found: ReadBack
    report: Callable[[int], None]
    cache: Path

    def table(self, name: str) -> None:
        loaded = _load(self.folder, name, self.manifest["task"], str(self.cache), self.found)
        if loaded is None:
            return
        splits = self.manifest["configs"][name]
        _check_counts(name, self.manifest, {split: rows.num_rows for split, rows in loaded.items()}, self.found)
        for split, rows in loaded.items():
            _check_layout(self.folder, splits.get(split, {"files": []})["files"], f"{name}/{split}", self.found)
            self._table_rows(name, split, rows)

    def _table_rows(self, config: str, split: str, rows: Any) -> None:
        format_ = _format_of(config)
        truths = self._truths(format_, config, split)
        for number, row in enumerate(_encoded_rows(rows)):
            where = f"{config}/{split} row {number}"
            for stored in format_.media_of(config, row):
                _check_medium(stored, where, self.found)
            claim = format_.verdict(config, row)
            if claim is None and config == format_.configs[0] and not format_.carries_ties:
                self.found.note("tie", where, "names no winner, and a reader would train it as a win.")
            if claim is not None and truths is not None:
                truths.compare(claim, where, self.found)
            self._count()

    def layout(self, name: str) -> None:
        """Reads records with their format's reader; one that breaks off is a finding, not the end of the check."""
        rows = dict.fromkeys(self.manifest["configs"][name], 0)
        for split in rows:
            try:
                rows[split] = self._layout_rows(name, split)
            except (ValueError, KeyError, OSError, tarfile.TarError) as error:
                self.found.note("does-not-load", f"{name}/{split}", f"{type(error).__name__}: {error}")
                return
        _check_counts(name, self.manifest, rows, self.found)

    def _layout_rows(self, config: str, split: str) -> int:
        format_ = _format_of(config)
        assert format_.read_back is not None  # a layout
        truths, number = self._truths(format_, config, split), 0
        for number, record in enumerate(format_.read_back(self.folder, config, split), 1):
            where = f"{config}/{split} row {number - 1}"
            digests = {medium: _check_file(medium, where, self.found) for medium in record.media}
            for said in record.claims:
                if truths is not None:
                    truths.compare(_in_digests(said, digests), where, self.found)
            self._count()
        return number

    def _truths(self, format_: Format, config: str, split: str) -> Truths | None:
        if self.source is None or config != format_.configs[0]:
            return None
        return Truths(self.source, split.removesuffix("_unique"), is_by_pair=format_.is_by_pair, folder=self.cache)

    def _count(self) -> None:
        self.found.compared += 1
        if self.found.compared % 100 == 0:
            self.report(self.found.compared)


def _format_of(config: str) -> Format:
    return next(format_ for format_ in FORMATS.values() if config in format_.configs)


def _check_files(folder: Path, found: ReadBack) -> None:
    for name, stated in read_checksums(folder):
        path = folder / name
        if not path.is_file():
            found.note("missing-file", name, "the file is gone.")
        elif digest_of(path) != stated:
            found.note("changed-file", name, f"its bytes differ from {CHECKSUMS}.")


def _load(folder: Path, config: str, task: str, cache: str, found: ReadBack) -> Any:
    """A config as `datasets` loads it; None where it refuses to, or where the columns are not the format's."""
    # Half a second to import and of no use to the web process, which imports this module.
    datasets = importlib.import_module("datasets")
    datasets.disable_progress_bars()
    try:
        loaded = datasets.load_dataset(str(folder), config, cache_dir=cache)
    except (
        ValueError,
        pa.ArrowException,
        datasets.exceptions.DatasetsError,
        datasets.exceptions.DatasetGenerationError,
    ) as error:
        found.note("does-not-load", config, f"load_dataset refuses it: {type(error).__name__}: {error}")
        return None
    wrong = list(_wrong_features(config, task, loaded))
    for where, says in wrong:
        found.note("features", where, says)
    return None if wrong else loaded


def _wrong_features(config: str, task: str, loaded: Any) -> Iterator[tuple[str, str]]:
    promised = {name: features_json(feature) for name, feature in _format_of(config).columns(config, task).items()}
    for split, rows in loaded.items():
        features = rows.features.to_dict()
        for name in sorted(promised.keys() | features.keys()):
            if promised.get(name) != features.get(name):
                says = f"the column {name} loads as {features.get(name)}, not as {promised.get(name)}."
                yield f"{config}/{split}", says


def _check_counts(config: str, manifest: dict[str, Any], rows: dict[str, int], found: ReadBack) -> None:
    """Rows by split as the manifest says; rows and what was left out together make up the whole version."""
    found.rows[config] = rows
    stated = {split: described["rows"] for split, described in manifest["configs"][config].items()}
    if rows != stated:
        found.note("row-count", config, f"holds {rows} rows, the manifest says {stated}.")
    format_ = _format_of(config)
    if config != format_.configs[0] or not format_.counts_pairs:
        return
    written = sum(count for split, count in rows.items() if split in manifest["pairs"])
    left_out = sum(manifest["left_out"].get(format_.name, {}).values())
    if written + left_out != sum(manifest["pairs"].values()):
        says = f"holds {written} pairs and left out {left_out}, the version has {sum(manifest['pairs'].values())}."
        found.note("row-count", config, says)


def _check_layout(folder: Path, files: list[dict[str, Any]], where: str, found: ReadBack) -> None:
    """Row groups small enough for viewers, offset index present, media uncompressed."""
    for file in files:
        metadata = pq.ParquetFile(folder / file["path"]).metadata
        for number in range(metadata.num_row_groups):
            group = metadata.row_group(number)
            if group.total_byte_size > ROW_GROUP_LIMIT and group.num_rows > 1:
                found.note("row-group", where, f"row group {number} holds {group.total_byte_size:,} bytes.")
            for column in (group.column(place) for place in range(group.num_columns)):
                if not column.has_offset_index:
                    found.note("page-index", where, f"{column.path_in_schema} has no offset index.")
                if _is_media(column.path_in_schema) and column.compression != "UNCOMPRESSED":
                    found.note("compressed-media", where, f"{column.path_in_schema} is compressed.")


def _is_media(path: str) -> bool:
    return path.endswith(".bytes") or path in ("jpg_0", "jpg_1")


def _encoded_rows(rows: Any) -> Iterator[Row]:
    """Rows as plain Python with media as {bytes, path}: what is stored, whatever could be decoded here."""
    for batch in rows.data.table.to_batches(max_chunksize=BATCH_ROWS):
        yield from batch.to_pylist()


def _check_medium(stored: Stored, where: str, found: ReadBack) -> None:
    if stored.content is None or stored.stated is None:
        says = "has no bytes" if stored.content is None else "has no stated digest"
        found.note("missing-media", where, f"{stored.column} {says}.")
        return
    found.media += 1
    found.media_bytes += len(stored.content)
    if hashlib.sha256(stored.content).hexdigest() != stored.stated:
        found.note("media-digest", where, f"the bytes of {stored.column} are not those the row states.")
    _check_traces(stored.content, stored.column, where, found)
    if stored.path and (len(PurePosixPath(stored.path).parts) > 1 or len(PureWindowsPath(stored.path).parts) > 1):
        found.note("local-path", where, f"{stored.column} names the path {stored.path}.")


def _check_traces(content: bytes, name: str, where: str, found: ReadBack) -> None:
    traces = traces_in(content)
    if traces:
        found.note("traces", where, f"{name} holds {' and '.join(traces)} beside its pixels.")


def _check_file(medium: MediaFile, where: str, found: ReadBack) -> str:
    """The digest of a layout's file; empty where it is not there. Its name or its record says what it should be."""
    if len(PureWindowsPath(medium.name).drive) or PurePosixPath(medium.name).is_absolute() or ".." in medium.name:
        found.note("local-path", where, f"{medium.name} is a path of a machine, not of the export.")
    if isinstance(medium.content, bytes):
        digest, size = hashlib.sha256(medium.content).hexdigest(), len(medium.content)
        _check_traces(medium.content, medium.name, where, found)
    elif medium.content.is_file():
        if medium.content.suffix in PICTURES:
            _check_traces(medium.content.read_bytes(), medium.name, where, found)
        digest, size = digest_of(medium.content), medium.content.stat().st_size
    else:
        found.note("missing-media", where, f"{medium.name} is not there.")
        return ""
    found.media += 1
    found.media_bytes += size
    stated = medium.sha256 or PurePosixPath(medium.name).stem
    if not digest.startswith(stated):
        found.note("media-digest", where, f"the bytes of {medium.name} are not those it is named for.")
    return digest


def _in_digests(said: RecalledVerdict | RecalledLabel, digests: dict[MediaFile, str]) -> Claim:
    def words(found: tuple[Word, ...]) -> tuple[str, ...]:
        return tuple(digests[word] if isinstance(word, MediaFile) else word for word in found)

    if isinstance(said, RecalledVerdict):
        return Verdict(said.pair_id, words(said.chosen), words(said.rejected))
    return Label(said.sample_id, words(said.content), said.is_good)
