"""A first look at a path: enough to tell which format it is, without reading it."""

from __future__ import annotations

import csv
import itertools
import os
import tarfile
import zipfile
from dataclasses import dataclass, field
from pathlib import Path

from curation.formats import strict_json
from curation.formats.fields import RowRefused
from curation.formats.records import parquet_columns, starts_with_list
from curation.formats.rows import Refusal

OUR_FILES = ("samples.jsonl", "judgements.jsonl")
PROMPT_TABLES = ("prompts.csv", "prompts.tsv", "prompts.jsonl")
TAR_SUFFIXES = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")
LOOKED_AT_MEMBERS = 200
DATA_SUFFIXES = (".parquet", ".tar", ".json", ".jsonl", ".csv", ".tsv", ".txt")


@dataclass(frozen=True)
class Glance:
    """What a path looks like.

    Attributes:
        path: what was given.
        files: the data files to read, in order; empty for a folder of pictures.
        suffix: of those files.
        first: the first record's fields, for JSON; None where there is none.
        is_list: the JSON file is one list.
        columns: of CSV, TSV and Parquet.
        members: the first names inside an archive.
        head: the first lines of a text file.
    """

    path: Path
    files: tuple[Path, ...] = ()
    suffix: str = ""
    first: dict[str, object] | None = None
    is_list: bool = False
    columns: tuple[str, ...] = ()
    members: tuple[str, ...] = ()
    head: tuple[str, ...] = field(default=())

    @property
    def names(self) -> frozenset[str]:
        """The field names of the first record or the columns of the table."""
        return frozenset(self.first or ()) | frozenset(self.columns)

    def has(self, *names: str) -> bool:
        return self.names.issuperset(names)


def look_at(path: Path) -> Glance:
    """Looks at a file, or at the data files that a folder consists of."""
    files = _data_files(path) if path.is_dir() else (path,)
    if not files:
        return Glance(path)
    first = files[0]
    suffix = suffix_of(first)
    if suffix in {".json", ".jsonl"}:
        return Glance(path, files, suffix, first=_first_object(first), is_list=starts_with_list(first))
    if suffix == ".parquet":
        return Glance(path, files, suffix, columns=tuple(parquet_columns(first)))
    if suffix in {".csv", ".tsv"}:
        return Glance(path, files, suffix, columns=_header(first, suffix))
    if suffix == ".tar" or suffix == ".zip":
        return Glance(path, files, suffix, members=_members(first, suffix))
    return Glance(path, files, suffix, head=_head(first))


def suffix_of(path: Path) -> str:
    """The suffix in small letters; every kind of tar counts as `.tar`."""
    name = path.name.lower()
    return ".tar" if name.endswith(TAR_SUFFIXES) else path.suffix.lower()


def _data_files(folder: Path) -> tuple[Path, ...]:
    """Ours first; else all files of the best kind there is, unless the folder is one of pictures with prompts."""
    ours = tuple(folder / name for name in OUR_FILES if (folder / name).is_file())
    if ours:
        return ours
    top = sorted(Path(entry.path) for entry in os.scandir(folder) if not entry.name.startswith("."))
    if any(path.name.lower() in PROMPT_TABLES for path in top):
        return ()
    candidates = [path for path in (*top, *sorted((folder / "data").glob("*.parquet"))) if path.is_file()]
    for suffix in DATA_SUFFIXES[:-1]:
        if found := tuple(path for path in candidates if path.suffix.lower() == suffix):
            return found
    return ()


def _first_object(path: Path) -> dict[str, object] | None:
    pieces = strict_json.elements(path) if starts_with_list(path) else strict_json.lines(path)
    for piece in itertools.islice(pieces, 20):
        try:
            value = strict_json.parse(piece.data or b"null")
        except RowRefused:
            continue
        if isinstance(value, dict):
            return value
    return None


def _header(path: Path, suffix: str) -> tuple[str, ...]:
    with path.open(encoding="utf-8-sig", errors="replace", newline="") as stream:
        line = stream.readline(1 << 16)
    cells = next(csv.reader([line], delimiter="\t" if suffix == ".tsv" else ","), [])
    return tuple(cell.strip() for cell in cells)


def _members(path: Path, suffix: str) -> tuple[str, ...]:
    try:
        if suffix == ".zip":
            with zipfile.ZipFile(path) as archive:
                return tuple(archive.namelist()[:LOOKED_AT_MEMBERS])
        with tarfile.open(path) as archive:
            return tuple(member.name for member in itertools.islice(archive, LOOKED_AT_MEMBERS))
    except (tarfile.TarError, zipfile.BadZipFile, OSError, EOFError, ValueError):
        return ()  # the reader says what is wrong with it; here it only has no members


def _head(path: Path) -> tuple[str, ...]:
    with path.open("rb") as stream:
        return tuple(stream.read(1 << 16).decode(errors="replace").splitlines()[:50])


def refusal_of_unreadable(path: Path) -> Refusal:
    return Refusal(path.name, "no known format; name one with --format, or see docs/import.md")
