"""Bytes of renditions on their way into a row, and out of it again."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, TypeAlias

from curation.errors import Refused
from curation.exports.rows import ExportMedia

Encoded: TypeAlias = dict[str, Any]  # {"bytes": ..., "path": ...}, as `datasets` stores Image and Video


PIECE_BYTES = 1 << 20


class MediaReader:
    """Reads renditions and proves that they are still what their digest says.

    Counts the bytes it handed out, so that a shard writer knows how much a row weighs.
    """

    def __init__(self, open_media: Callable[[str], BinaryIO]) -> None:
        self._open = open_media
        self._handed_out = 0

    def struct(self, item: ExportMedia) -> Encoded:
        """The medium as a row carries it."""
        return {"bytes": self.read(item), "path": item.path}

    def read(self, item: ExportMedia) -> bytes:
        """The rendition's bytes.

        Raises:
            Refused: the file is gone from the store, or holds other bytes than when it was judged.
        """
        with self._opened(item) as stream:
            content = stream.read()
        if hashlib.sha256(content).hexdigest() != item.sha256:
            raise _damaged(item)
        self.weigh(content)
        return content

    def copy(self, item: ExportMedia, target: Path) -> int:
        """Copies the rendition into a file, piece by piece, and gives its size.

        Raises:
            Refused: as `read`.
        """
        digest, size = hashlib.sha256(), 0
        with self._opened(item) as stream, target.open("wb") as copied:
            while piece := stream.read(PIECE_BYTES):
                digest.update(piece)
                size += copied.write(piece)
        if digest.hexdigest() != item.sha256:
            raise _damaged(item)
        return size

    def _opened(self, item: ExportMedia) -> BinaryIO:
        try:
            return self._open(item.sha256)
        except FileNotFoundError as error:
            raise Refused(
                f"The file of {item.kind} {item.sha256[:16]} is gone from the store. Restore it from a backup, "
                "or build a version without the sample that shows it."
            ) from error

    def weigh(self, content: bytes) -> None:
        self._handed_out += len(content)

    def take_bytes(self) -> int:
        """Bytes handed out since the last call."""
        taken, self._handed_out = self._handed_out, 0
        return taken


def _damaged(item: ExportMedia) -> Refused:
    return Refused(
        f"The file of {item.kind} {item.sha256[:16]} is damaged: its bytes no longer match its digest. "
        "Restore it from a backup before exporting."
    )


@dataclass(frozen=True)
class Stored:
    """A medium read back: where it lay in the row, its bytes and name, and the digest the row states for it."""

    column: str
    content: bytes | None
    path: str | None
    stated: str | None


def stored_media(column: str, found: list[Encoded], stated: list[str]) -> Iterator[Stored]:
    """Media beside their stated digests; one without the other is yielded too, so that a check sees it."""
    for place in range(max(len(found), len(stated))):
        medium = found[place] if place < len(found) else {"bytes": None, "path": None}
        digest = stated[place] if place < len(stated) else None
        yield Stored(column, medium["bytes"], medium["path"], digest)
