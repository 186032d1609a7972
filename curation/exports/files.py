"""Layouts: records in JSON, JSON Lines, CSV or YAML with their media as files, and tar shards. In constant memory.

A rendition is written once a layout, under a name made of its digest, in one of 256 folders, because the Hub takes
ten thousand entries a folder. Readers that pair files by name get names from `pair_id` in the same way. Names, order
and shards follow from the rows alone, so the same version gives the same bytes and a small change a small upload.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import tarfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import IO, Self, TypeVar

import yaml

from curation.exports.checksums import Checksums
from curation.exports.columns import Columns
from curation.exports.cutting import Cutter
from curation.exports.formats import MediaFile, Row, WrittenConfig, WrittenSplit
from curation.exports.media import MediaReader
from curation.exports.rows import ExportMedia, ExportSource
from curation.exports.shards import WrittenFile

# An archive that is closed at the next row whose name says so, and at the latest at twice this.
TAR_BYTES = 240_000_000


R = TypeVar("R", bound="Records | TarShards")


class Layout:
    """The folder of one config: records of each split, and media that several records may share.

    >>> layout = Layout(source, root, "imagereward", COLUMNS)
    >>> with layout.json_list("train", "train.json") as records:
    ...     records.add({"prompt": ..., "generations": [layout.medium(item) for item in media]})
    >>> layout.written()
    """

    def __init__(self, source: ExportSource, root: Path, config: str, columns: Columns) -> None:
        self.root, self.config, self.columns = root, config, columns
        self.folder = root / config
        self.media = MediaReader(source.open_media)
        self.extra: list[WrittenFile] = []
        self._checksums = Checksums(root)
        self._media_files, self._media_bytes = 0, 0
        self._records: list[Records | TarShards] = []

    # -- media -----------------------------------------------------------------------------------

    def medium(self, item: ExportMedia, folder: str = "media") -> str:
        """Writes a rendition unless it is there, and gives its path inside the layout: `media/3f/3f0c….jpg`."""
        return self.medium_as(item, f"{folder}/{item.sha256[:2]}/{item.path}")

    def medium_as(self, item: ExportMedia, name: str) -> str:
        """The rendition under a name that a reader demands."""
        path = self.folder / name
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            self._count(path, self.media.copy(item, path), item.sha256)
        return name

    def made(self, name: str, content: bytes) -> str:
        """A file of our own making, such as a picture resized for a reader; its name says whose it is."""
        path = self.folder / name
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
            self._count(path, len(content), hashlib.sha256(content).hexdigest())
        return name

    def _count(self, path: Path, size: int, digest: str) -> None:
        self._media_files += 1
        self._media_bytes += size
        self._checksums.note(path.relative_to(self.root).as_posix(), digest)

    # -- records ---------------------------------------------------------------------------------

    def json_list(self, split: str, name: str) -> JsonList:
        return self._take(JsonList(self.folder / name, self.root, split))

    def json_lines(self, split: str, name: str) -> JsonLines:
        return self._take(JsonLines(self.folder / name, self.root, split))

    def csv(self, split: str, name: str, heads: Sequence[str]) -> CsvRecords:
        return self._take(CsvRecords(self.folder / name, self.root, split, heads=heads))

    def yaml_list(self, split: str, name: str) -> YamlList:
        return self._take(YamlList(self.folder / name, self.root, split))

    def tar(self, split: str) -> TarShards:
        """Archives `SPLIT-00000-of-0000N.tar` of the split."""
        return self._take(TarShards(self.folder, self.root, split))

    def _take(self, records: R) -> R:
        self._records.append(records)
        return records

    # -- other files -----------------------------------------------------------------------------

    def write_json(self, name: str, value: object) -> None:
        """A registry or a description that belongs to no split."""
        self._write(name, json.dumps(value, ensure_ascii=False, indent=2) + "\n")

    def write_yaml(self, name: str, value: object) -> None:
        self._write(name, yaml.safe_dump(value, sort_keys=False, allow_unicode=True))

    def write_text(self, name: str, text: str) -> None:
        self._write(name, text)

    def _write(self, name: str, text: str) -> None:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
        self.extra.append(WrittenFile(path.relative_to(self.root).as_posix(), 0, path.stat().st_size))

    def written(self) -> WrittenConfig:
        """The config, once all records are closed. A split with several record files counts the rows of the first."""
        splits: dict[str, WrittenSplit] = {}
        for one in self._records:
            if one.rows:
                before = splits.get(one.split, WrittenSplit((), one.rows, 0))
                splits[one.split] = WrittenSplit(
                    (*before.files, *one.files), before.rows, before.data_bytes + one.data_bytes
                )
        return WrittenConfig(
            self.config,
            self.columns,
            splits,
            is_table=False,
            media_files=self._media_files,
            media_bytes=self._media_bytes,
        )


@dataclass
class Records:
    """Rows of one split in one file. A context manager; a file without rows is not kept."""

    path: Path
    root: Path
    split: str
    rows: int = field(default=0, init=False)
    data_bytes: int = field(default=0, init=False)

    def __enter__(self) -> Self:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._stream: IO[str] = self.path.open("w", encoding="utf-8", newline="")
        self._write(self.head())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self._write(self.tail())
        self._stream.close()
        if not self.rows:
            self.path.unlink()

    @property
    def files(self) -> Sequence[WrittenFile]:
        return [WrittenFile(self.path.relative_to(self.root).as_posix(), self.rows, self.path.stat().st_size)]

    def add(self, row: Row) -> None:
        self._write(self.line(row))
        self.rows += 1

    def _write(self, text: str) -> None:
        self._stream.write(text)
        self.data_bytes += len(text)

    def head(self) -> str:
        return ""

    def line(self, row: Row) -> str:
        raise NotImplementedError

    def tail(self) -> str:
        return ""


class JsonLines(Records):
    """One object a line."""

    def line(self, row: Row) -> str:
        return json.dumps(row, ensure_ascii=False) + "\n"


class JsonList(Records):
    """One JSON array, an element a line, so that a small change is a small change of the text."""

    def head(self) -> str:
        return "["

    def line(self, row: Row) -> str:
        return (",\n" if self.rows else "\n") + json.dumps(row, ensure_ascii=False)

    def tail(self) -> str:
        return "\n]\n"


class YamlList(Records):
    """A YAML sequence, an element a line in flow style."""

    def line(self, row: Row) -> str:
        # JSON is YAML as long as its strings stay on one line, which `json.dumps` sees to.
        return "- " + json.dumps(row, ensure_ascii=False) + "\n"


@dataclass
class CsvRecords(Records):
    """Comma-separated with a line of heads. A value that is None is an empty cell."""

    heads: Sequence[str] = ()

    def head(self) -> str:
        return _csv_line(self.heads)

    def line(self, row: Row) -> str:
        return _csv_line([row[name] for name in self.heads])


def _csv_line(cells: Iterable[object]) -> str:
    target = io.StringIO()
    csv.writer(target, lineterminator="\n").writerow(["" if cell is None else cell for cell in cells])
    return target.getvalue()


@dataclass
class TarShards:
    """Samples of one split as tar archives: `KEY.EXT` members, one key a sample, as webdataset reads them."""

    folder: Path
    root: Path
    split: str
    rows: int = field(default=0, init=False)
    data_bytes: int = field(default=0, init=False)
    files: list[WrittenFile] = field(default_factory=list, init=False)

    def __enter__(self) -> Self:
        self.folder.mkdir(parents=True, exist_ok=True)
        self._archive: tarfile.TarFile | None = None
        self._shards: list[tuple[Path, int]] = []
        self._rows_in_shard = 0
        self._cutter = Cutter(TAR_BYTES)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close_shard()
        if kind is None:
            self._name_shards()

    def add(self, key: str, members: Mapping[str, bytes]) -> None:
        """One sample; a member's extension says how it decodes: `jpg_0.jpg`, `caption.txt`.

        Args:
            key: of the sample, without a dot or a slash: a reader cuts names at the first dot.
        """
        if "." in key or "/" in key:
            raise ValueError(f"the key {key!r} holds a dot or a slash, where readers would cut it")
        size = sum(len(content) for content in members.values())
        if self._cutter.cuts_before(key, size):
            self._close_shard()
        archive = self._archive or self._open_shard()
        for extension, content in members.items():
            entry = tarfile.TarInfo(f"{key}.{extension}")
            entry.size, entry.mode = len(content), 0o644
            archive.addfile(entry, io.BytesIO(content))
        self.rows += 1
        self._rows_in_shard += 1
        self.data_bytes += size

    def _open_shard(self) -> tarfile.TarFile:
        self._path = self.folder / f"{self.split}-{len(self._shards):05d}.partial"
        self._archive = tarfile.TarFile(self._path, "w", format=tarfile.USTAR_FORMAT)
        return self._archive

    def _close_shard(self) -> None:
        if self._archive is None:
            return
        self._archive.close()
        self._shards.append((self._path, self._rows_in_shard))
        self._archive, self._rows_in_shard = None, 0

    def _name_shards(self) -> None:
        for number, (path, rows) in enumerate(self._shards):
            final = path.with_name(f"{self.split}-{number:05d}-of-{len(self._shards):05d}.tar")
            path.rename(final)
            self.files.append(WrittenFile(final.relative_to(self.root).as_posix(), rows, final.stat().st_size))


# -- reading back -------------------------------------------------------------------------------------------------


def read_json_list(path: Path) -> Iterator[Row]:
    """The records of a file as `JsonList` wrote it, one at a time.

    Raises:
        ValueError: a line is no JSON object, or the brackets are not there.
    """
    with path.open(encoding="utf-8") as stream:
        if stream.readline().strip() != "[":
            raise ValueError(f"{path.name} does not start with a bracket on a line of its own")
        for line in stream:
            text = line.strip()
            if text == "]":
                return
            yield json.loads(text.removesuffix(","))
    raise ValueError(f"{path.name} ends without a closing bracket")


def read_json_lines(path: Path) -> Iterator[Row]:
    with path.open(encoding="utf-8") as stream:
        for line in stream:
            yield json.loads(line)


def read_csv(path: Path) -> Iterator[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as stream:
        yield from csv.DictReader(stream)


def read_tar(folder: Path, split: str) -> Iterator[tuple[str, dict[str, bytes]]]:
    """(key, members by extension) of every archive of a split, in order."""
    for path in sorted(folder.glob(f"{split}-*.tar")):
        with tarfile.open(path) as archive:
            yield from _samples(archive)


def _samples(archive: tarfile.TarFile) -> Iterator[tuple[str, dict[str, bytes]]]:
    key, members = "", dict[str, bytes]()
    for entry in archive:
        name, _dot, extension = entry.name.partition(".")
        if name != key and members:
            yield key, members
            members = {}
        stream = archive.extractfile(entry)
        assert stream is not None  # archives of ours hold plain files only
        key, members[extension] = name, stream.read()
    if members:
        yield key, members


def media_file(folder: Path, name: str, sha256: str | None = None) -> MediaFile:
    """A medium by the path a record names, inside the layout's folder."""
    return MediaFile(name, folder / name, sha256)
