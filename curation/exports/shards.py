"""Rows into Parquet shards, as the Hub's viewer and `datasets` like them, in constant memory.

Measured on a 71 MB file: media columns that are not compressed re-upload 1.4 MB after a row is deleted
instead of 69 MB, because the chunks of unchanged pictures stay the same bytes. They are written PLAIN,
without dictionary and without statistics (the smallest JPEG of a row group helps nobody). Row groups and shards end
where a row's own name says so (`cutting`), so that the files behind a deleted row stay the same.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pyarrow as pa
import pyarrow.parquet as pq

from curation.exports.columns import Columns, arrow_schema, leaves
from curation.exports.cutting import Cutter

# The viewer refuses row groups above 286 MiB and recommends 100 MB; a row group is what a reader holds.
ROW_GROUP_BYTES = 96_000_000
# What we hold before a row group is written: rows, their Arrow copy and its encoding. Usual sizes; at most twice.
BUFFER_BYTES = 16_000_000
BUFFER_ROWS = 500
SHARD_BYTES = 240_000_000
# A row's name, for where pieces end: the first of these that is not empty.
_NAMES = ("pair_id", "statement", "id", "sample_id", "prompt_id")


@dataclass(frozen=True)
class WrittenFile:
    path: str  # relative to the export's folder
    rows: int
    size: int


@dataclass
class ShardWriter:
    """Writes the rows of one split into `FOLDER/SPLIT-00000-of-0000N.parquet`.

    Used as a context manager; leaving it without an error gives the shards their final names.
    A split without rows writes no file.
    """

    root: Path
    config: str
    split: str
    columns: Columns
    files: list[WrittenFile] = field(default_factory=list)
    data_bytes: int = 0  # of all rows as Arrow holds them: `dataset_info`'s num_bytes

    def __post_init__(self) -> None:
        self._schema = arrow_schema(self.columns)
        self._rows: list[dict[str, Any]] = []
        self._groups, self._pieces = Cutter(BUFFER_BYTES), Cutter(SHARD_BYTES)
        self._writer: pq.ParquetWriter | None = None
        self._shards: list[tuple[Path, int]] = []
        self._rows_in_shard = 0
        self._bytes_in_shard = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self._flush()
        self._close_shard()
        if kind is None:
            self._name_shards()

    @property
    def rows(self) -> int:
        return sum(file.rows for file in self.files)

    def add(self, row: dict[str, Any], media_bytes: int) -> None:
        """Takes one row; `media_bytes` is what its pictures and videos weigh."""
        name = next((str(row[column]) for column in _NAMES if row.get(column)), "")
        weight = max(media_bytes, BUFFER_BYTES // BUFFER_ROWS)
        begins_group = self._groups.cuts_before(name, weight)
        begins_shard = self._pieces.cuts_before(name, media_bytes)
        if begins_group or begins_shard:
            self._flush()
        if begins_shard:
            self._close_shard()
        self._rows.append(row)

    def _flush(self) -> None:
        if not self._rows:
            return
        names = list(self.columns)
        arrays = [pa.array([row[name] for row in self._rows], self._schema.field(name).type) for name in names]
        self._rows = []
        self._write(pa.Table.from_arrays(arrays, schema=self._schema))

    def _write(self, table: pa.Table) -> None:
        """One row group; a table of many long texts is halved until each half fits."""
        size = table.nbytes
        if size > ROW_GROUP_BYTES and table.num_rows > 1:
            half = table.num_rows // 2
            self._write(table.slice(0, half))
            self._write(table.slice(half))
            return
        if self._rows_in_shard and self._bytes_in_shard + size > 2 * SHARD_BYTES:
            self._close_shard()
        if self._writer is None:
            self._writer = self._open_shard()
        self._writer.write_table(table, row_group_size=table.num_rows)
        self._rows_in_shard += table.num_rows
        self._bytes_in_shard += size
        self.data_bytes += size

    def _open_shard(self) -> pq.ParquetWriter:
        folder = self.root / self.config
        folder.mkdir(exist_ok=True)
        stored = dict(leaves(self.columns))
        media = [path for path, is_media in stored.items() if is_media]
        others = [path for path, is_media in stored.items() if not is_media]
        self._shard_path = folder / f"{self.split}-{len(self._shards):05d}.partial"
        return pq.ParquetWriter(
            self._shard_path,
            self._schema,
            compression={path: "none" if is_media else "snappy" for path, is_media in stored.items()},
            use_dictionary=others,
            column_encoding=dict.fromkeys(media, "PLAIN") or None,
            write_statistics=others,
            write_page_index=True,
            version="2.6",
        )

    def _close_shard(self) -> None:
        if self._writer is None:
            return
        self._writer.close()
        self._shards.append((self._shard_path, self._rows_in_shard))
        self._writer, self._rows_in_shard, self._bytes_in_shard = None, 0, 0

    def _name_shards(self) -> None:
        """The number of shards is part of every name, and known only now."""
        for number, (path, rows) in enumerate(self._shards):
            final = path.with_name(f"{self.split}-{number:05d}-of-{len(self._shards):05d}.parquet")
            path.rename(final)
            self.files.append(WrittenFile(str(final.relative_to(self.root)), rows, final.stat().st_size))
