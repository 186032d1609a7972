"""What a format is to the rest of the program, and what the formats that read records have in common."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from curation.formats.fields import RowRefused
from curation.formats.glance import Glance, look_at
from curation.formats.limits import KEY_LENGTH
from curation.formats.media_paths import MediaFolder
from curation.formats.records import Record, count_records, records
from curation.formats.rows import MediaRef, Refusal, Row


@dataclass(frozen=True)
class Recognition:
    """How sure a format is that a path is its own (0 to 1), and what it saw."""

    confidence: float
    why: str


class Format(Protocol):
    """A reader of one format. It holds no state, so one object serves the whole program."""

    name: str
    title: str

    def recognise(self, glance: Glance) -> Recognition | None:
        """Whether this looks like the format; None for "certainly not"."""
        ...

    def read(self, path: Path, media_root: Path, workspace: Path) -> Iterator[Row | Refusal]:
        """The rows in a fixed order, the same each time. `workspace` is for files unpacked on the way."""
        ...

    def estimate(self, path: Path) -> int | None:
        """About how many rows there are, for a progress bar; None where only reading would tell."""
        ...


class RecordFormat:
    """A format whose files are lists of records: a subclass says how one record becomes rows."""

    name: str
    title: str
    columns: tuple[str, ...] | None = None  # of Parquet; None reads all
    rows_per_record = 1  # about, for a progress bar

    def recognise(self, glance: Glance) -> Recognition | None:
        raise NotImplementedError

    def rows(self, record: Record, media: MediaFolder) -> Iterator[Row | Refusal]:
        """The rows of one record. What is yielded before a RowRefused stays."""
        raise NotImplementedError

    def read(self, path: Path, media_root: Path, workspace: Path) -> Iterator[Row | Refusal]:
        media = MediaFolder(media_root)
        for file in look_at(path).files:
            for record in records(file, self.columns):
                yield from self._guarded(record, media)

    def estimate(self, path: Path) -> int | None:
        return self.rows_per_record * sum(count_records(file) for file in look_at(path).files)

    def _guarded(self, record: Record | Refusal, media: MediaFolder) -> Iterator[Row | Refusal]:
        if isinstance(record, Refusal):
            yield record
            return
        try:
            yield from self.rows(record, media)
        except RowRefused as error:
            yield Refusal(record.where, str(error))


def sure(glance: Glance, suffixes: set[str], *names: str, why: str, confidence: float = 0.95) -> Recognition | None:
    """A recognition when the file has one of the suffixes and all the names."""
    if glance.suffix in suffixes and glance.has(*names):
        return Recognition(confidence, why)
    return None


def scoped_key(scope: str, *parts: object) -> str:
    """A key that does not collide with another format's: `imagereward:part-1/a.webp`, shortened by a digest."""
    whole = f"{scope}:" + "/".join(str(part) for part in parts)
    if len(whole) <= KEY_LENGTH:
        return whole
    return f"{whole[: KEY_LENGTH - 33]}~{hashlib.sha256(whole.encode()).hexdigest()[:32]}"


def embedded(value: object, media: MediaFolder, what: str, fallback_name: str) -> MediaRef:
    """A picture as Parquet holds it: raw bytes, `{bytes, path}`, or a file name.

    Raises:
        RowRefused: nothing of the three is there.
    """
    if isinstance(value, bytes) and value:
        return MediaRef(path=None, data=value, name=fallback_name)
    if isinstance(value, Mapping) and ("bytes" in value or "path" in value):
        data, path = value.get("bytes"), value.get("path")
        if isinstance(data, bytes) and data:
            name = Path(path).name[:500] if isinstance(path, str) and path else fallback_name
            return MediaRef(path=None, data=data, name=name)
        return media.ref(path, what)
    if isinstance(value, str):
        return media.ref(value, what)
    raise RowRefused(f"{what} holds neither a picture nor a file name")
