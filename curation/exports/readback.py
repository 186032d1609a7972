"""An export read back the way its user will read it, and compared with what it should be.

The folder is loaded with `datasets.load_dataset`, so the card's YAML, the features and the row counts are
those a trainer meets. Every medium's SHA-256 is compared with the one its row states, every winner with the
version's. What is wrong comes back as findings, all of them, not as the first error.
"""

from __future__ import annotations

import hashlib
import importlib
import json
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from curation.exports import FORMATS
from curation.exports.columns import features_json
from curation.exports.folder import CHECKSUMS, MANIFEST, digest_of, read_checksums
from curation.exports.formats import Format, Row, Verdict, truth_of
from curation.exports.media import Stored
from curation.exports.rows import ExportSource

ROW_GROUP_LIMIT = 100_000_000
# Rows turned into Python at a time; a row may hold two videos.
BATCH_ROWS = 4
# The same mistake in every row is one finding; enough of its rows are named to look at.
NAMED_ROWS = 5


@dataclass(frozen=True)
class Finding:
    """Something that is not as it should be. `code` is a stable word; `where` names config, split, row."""

    code: str
    where: str
    says: str

    def __str__(self) -> str:
        return f"{self.where}: {self.says}"


@dataclass
class ReadBack:
    """What was read: rows by config and split, rows, media and winners compared, and what was wrong."""

    rows: dict[str, dict[str, int]] = field(default_factory=dict)
    compared: int = 0
    media: int = 0
    media_bytes: int = 0
    winners: int = 0
    findings: list[Finding] = field(default_factory=list)

    @property
    def is_clean(self) -> bool:
        return not self.findings

    def note(self, code: str, where: str, says: str) -> None:
        """Keeps the finding, unless enough of its kind are kept already."""
        if sum(finding.code == code for finding in self.findings) < NAMED_ROWS:
            self.findings.append(Finding(code, where, says))


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
        for name, splits in manifest["configs"].items():
            loaded = _load(folder, name, manifest["task"], cache, found)
            if loaded is None:
                continue
            _check_counts(name, manifest, loaded, found)
            for split, rows in loaded.items():
                _check_layout(folder, splits.get(split, {"files": []})["files"], f"{name}/{split}", found)
                _check_rows(name, split, rows, source, found, report)
    return found


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


def _check_counts(config: str, manifest: dict[str, Any], loaded: Any, found: ReadBack) -> None:
    """Rows by split as the manifest says; rows and what was left out together make up the whole version."""
    found.rows[config] = {split: rows.num_rows for split, rows in loaded.items()}
    stated = {split: described["rows"] for split, described in manifest["configs"][config].items()}
    if found.rows[config] != stated:
        found.note("row-count", config, f"holds {found.rows[config]} rows, the manifest says {stated}.")
    format_ = _format_of(config)
    if config != format_.configs[0]:
        return
    written = sum(count for split, count in found.rows[config].items() if split in manifest["pairs"])
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


def _check_rows(
    config: str,
    split: str,
    rows: Any,
    source: ExportSource | None,
    found: ReadBack,
    report: Callable[[int], None],
) -> None:
    format_ = _format_of(config)
    truths = _Truths(source, split) if source and config == format_.configs[0] else None
    for number, row in enumerate(_encoded_rows(rows)):
        where = f"{config}/{split} row {number}"
        for stored in format_.media_of(config, row):
            _check_medium(stored, where, found)
        claim = format_.verdict(config, row)
        if claim is not None and truths is not None:
            truths.compare(claim, where, found)
        found.compared += 1
        if found.compared % 100 == 0:
            report(found.compared)


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
    if stored.path and (len(PurePosixPath(stored.path).parts) > 1 or len(PureWindowsPath(stored.path).parts) > 1):
        found.note("local-path", where, f"{stored.column} names the path {stored.path}.")


class _Truths:
    """The version's winners, walked beside the rows: both are ordered by pair id, so nothing is held."""

    def __init__(self, source: ExportSource, split: str) -> None:
        pairs = source.pairs(split.removesuffix("_unique"))
        self._ahead = (truth for pair in pairs if (truth := truth_of(pair)))
        self._last = ""

    def compare(self, claim: Verdict, where: str, found: ReadBack) -> None:
        if claim.pair_id <= self._last:
            found.note("order", where, f"pair {claim.pair_id} does not follow {self._last}: rows go by pair id.")
            return
        self._last = claim.pair_id
        truth = next((truth for truth in self._ahead if truth.pair_id >= claim.pair_id), None)
        if truth is None or truth.pair_id != claim.pair_id:
            found.note("unknown-pair", where, f"the version has no decided pair {claim.pair_id} in this split.")
            return
        found.winners += 1
        if not (set(claim.chosen) <= set(truth.chosen) and set(claim.rejected) <= set(truth.rejected)):
            found.note("winner", where, f"pair {claim.pair_id} names another winner than the version.")
