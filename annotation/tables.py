"""Rows of any length as CSV or Parquet, a block at a time. Plain code."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import islice
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

Row = Mapping[str, Any]

BLOCK = 2000
_FORMULA = "=+-@\t\r\n"


class _Echo:
    """A file for the csv module that hands each line back."""

    def write(self, line: str) -> str:
        return line


def csv_lines(schema: pa.Schema, rows: Iterable[Row]) -> Iterator[str]:
    """A heading and one line a row; times in ISO 8601, null as an empty cell."""
    writer = csv.writer(_Echo())
    yield writer.writerow(schema.names)
    for row in rows:
        yield writer.writerow([_cell(row[name]) for name in schema.names])


def _cell(value: object) -> object:
    """A text that a spreadsheet would run as a formula is kept a text by an apostrophe; a number is what it is."""
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, str) and value and value[0] in _FORMULA:
        return f"'{value}"
    return value


def write_parquet(schema: pa.Schema, rows: Iterable[Row], target: BinaryIO) -> int:
    """Writes the rows, a row group a block, and returns how many. Memory: one block.

    Raises:
        pyarrow.ArrowInvalid: a value does not fit its column.
    """
    written = 0
    with pq.ParquetWriter(target, schema, compression="zstd") as writer:
        for block in _blocks(rows):
            writer.write_table(pa.Table.from_pylist([dict(row) for row in block], schema=schema))
            written += len(block)
    return written


def _blocks(rows: Iterable[Row]) -> Iterator[Sequence[Row]]:
    iterator = iter(rows)
    while block := list(islice(iterator, BLOCK)):
        yield block
