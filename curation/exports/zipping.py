"""A folder as a zip while it is being sent: nothing is held but the piece in hand."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterable, Iterator
from typing import Any

# Zip wants a time; a fixed one makes the same export the same archive.
_MOMENT = (1980, 1, 1, 0, 0, 0)


def zip_stream(files: Iterable[tuple[str, Iterable[bytes]]]) -> Iterator[bytes]:
    """The bytes of a zip archive.

    Args:
        files: path inside the archive and content in pieces. Stored as they are: Parquet is compressed already.
    """
    sink = _Sink()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_STORED) as archive:
        for name, pieces in files:
            entry = zipfile.ZipInfo(name, _MOMENT)
            entry.external_attr = 0o644 << 16
            # Sizes are not known beforehand, so the larger fields are reserved for every file.
            with archive.open(entry, "w", force_zip64=True) as member:
                for piece in pieces:
                    member.write(piece)
                    yield from sink.taken()
            yield from sink.taken()
    yield from sink.taken()


class _Sink(io.RawIOBase):
    """Where the archive is written to; hands on what has come and forgets it. Cannot seek, so zip does not try."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, piece: Any) -> int:
        self._pieces.append(bytes(piece))
        return len(piece)

    def taken(self) -> Iterator[bytes]:
        pieces, self._pieces = self._pieces, []
        yield from pieces
