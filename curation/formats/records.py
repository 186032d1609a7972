"""Files of rows, whatever their dress: JSON list, JSON Lines, CSV, TSV or Parquet become records with a place."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

import pyarrow as pa
import pyarrow.parquet as pq

from curation.formats import strict_json
from curation.formats.fields import RowRefused, shown, storable
from curation.formats.limits import MEMBER_BYTES, RECORD_BYTES
from curation.formats.rows import Refusal

PARQUET_ROWS = 32  # a batch of rows with pictures inside; more would only cost memory


@dataclass(frozen=True, slots=True)
class Record:
    """One row as named values, and where it stands."""

    values: dict[str, object]
    where: str


Records: TypeAlias = Iterator[Record | Refusal]


def records(path: Path, columns: Sequence[str] | None = None) -> Records:
    """The rows of a file, by its suffix.

    Args:
        path: `.json` (one list), `.jsonl`, `.csv`, `.tsv` or `.parquet`.
        columns: for Parquet, the only columns to read; the others cost nothing.

    Yields:
        A record, or a refusal for a row that cannot be read. The rest goes on.
    """
    suffix = path.suffix.lower()
    if suffix == ".parquet":
        return parquet_records(path, columns)
    if suffix in {".csv", ".tsv"}:
        return table_records(path, "\t" if suffix == ".tsv" else ",")
    if suffix == ".json" and starts_with_list(path):
        return _json_records(path, strict_json.elements(path))
    return _json_records(path, strict_json.lines(path))


def starts_with_list(path: Path) -> bool:
    with path.open("rb") as stream:
        return stream.read(4096).removeprefix(strict_json.BOM).lstrip().startswith(b"[")


def _json_records(path: Path, pieces: Iterator[strict_json.Piece]) -> Records:
    for piece in pieces:
        where = f"{path.name}:{piece.line}"
        if piece.data is None:
            yield Refusal(where, piece.problem)
            continue
        yield _checked(where, lambda data=piece.data: _object(strict_json.parse(data)))  # type: ignore[misc]


def _object(value: object) -> dict[str, object]:
    if not isinstance(value, dict):
        raise RowRefused(f"an object was expected, not {shown(value)}")
    storable(value)
    return value


def _checked(where: str, read: Callable[[], dict[str, object]]) -> Record | Refusal:
    try:
        return Record(read(), where)
    except RowRefused as error:
        return Refusal(where, str(error))


def table_records(path: Path, delimiter: str = ",") -> Records:
    """Rows of a CSV or TSV file in UTF-8; empty cells are absent values.

    Quoting follows RFC 4180 for commas. Tab-separated files are read without quotes, as their writers mean them.
    """
    quoting: Literal[0, 3] = csv.QUOTE_MINIMAL if delimiter == "," else csv.QUOTE_NONE
    csv.field_size_limit(RECORD_BYTES)
    # A byte that is not UTF-8 becomes a lone surrogate, which `storable` refuses in its own row.
    with path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as stream:
        table = csv.reader(stream, delimiter=delimiter, quoting=quoting, strict=quoting == csv.QUOTE_MINIMAL)
        header = _header(table)
        if isinstance(header, str):
            yield Refusal(f"{path.name}:1", header)
            return
        yield from _table_rows(path.name, table, header)


def _header(table: Iterator[list[str]]) -> list[str] | str:
    """The column names, or what is wrong with them."""
    try:
        header = [name.strip() for name in next(table, [])]
        storable(list(header), "the header")
    except (csv.Error, RowRefused) as error:
        return f"the header cannot be read: {error}"
    if not any(header):
        return "the first line must name the columns"
    doubled = sorted({name for name in header if header.count(name) > 1})
    return f"the column {doubled[0]!r} is named twice" if doubled else header


def _table_rows(name: str, table: csv.Reader, header: list[str]) -> Records:  # type: ignore[name-defined]
    while True:
        where = f"{name}:{table.line_num + 1}"
        try:
            cells = next(table)
        except StopIteration:
            return
        except csv.Error as error:
            yield Refusal(where, f"not a valid row: {error}")
            continue
        if cells:
            yield _checked(where, lambda cells=cells: _row(header, cells))  # type: ignore[misc]


def _row(header: list[str], cells: list[str]) -> dict[str, object]:
    if len(cells) > len(header) or (len(cells) < len(header) and len(cells) == 1):
        raise RowRefused(f"{len(cells)} cells where the header names {len(header)} columns")
    values: dict[str, object] = {name: cell for name, cell in zip(header, cells, strict=False) if cell != ""}
    storable(values)
    return values


def parquet_records(path: Path, columns: Sequence[str] | None = None) -> Records:
    """Rows of a Parquet file, a few at a time. Binary values stay bytes."""
    try:
        file = pq.ParquetFile(path)
        wanted = None if columns is None else [name for name in file.schema_arrow.names if name in set(columns)]
        number = 0
        for batch in file.iter_batches(batch_size=PARQUET_ROWS, columns=wanted, use_threads=False):
            for values in batch.to_pylist():
                number += 1
                yield _checked(f"{path.name}:{number}", lambda values=values: _parquet_row(values))  # type: ignore[misc]
    except (pa.ArrowException, OSError) as error:
        yield Refusal(path.name, f"not a readable Parquet file, or half-written: {error}")


def _parquet_row(values: dict[str, object]) -> dict[str, object]:
    storable(_without_bytes(values))
    return values


def _without_bytes(value: object) -> object:
    """The value with bytes replaced by nothing, so that the rest can be checked as JSON."""
    if isinstance(value, bytes):
        if len(value) > MEMBER_BYTES:
            raise RowRefused(f"a value of {len(value)} bytes; at most {MEMBER_BYTES} are read")
        return None
    if isinstance(value, dict):
        return {key: _without_bytes(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_without_bytes(item) for item in value]
    return value


def parquet_columns(path: Path) -> list[str]:
    """Names of a file's columns; empty for what is not Parquet."""
    try:
        return list(pq.read_schema(path).names)
    except (pa.ArrowException, OSError):
        return []


def count_records(path: Path) -> int:
    """How many records a file holds, about: a quoted line break in a CSV file counts as a row."""
    if path.suffix.lower() == ".parquet":
        try:
            return pq.ParquetFile(path).metadata.num_rows
        except (pa.ArrowException, OSError):
            return 0
    if path.suffix.lower() == ".json" and starts_with_list(path):
        return sum(1 for _piece in strict_json.elements(path))
    return sum(1 for _piece in strict_json.lines(path))
