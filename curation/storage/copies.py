"""Files fetched from a bucket, kept on this machine below a total size."""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import IO

_BYTES_AT_ONCE = 2**20
# Room is made down to this part of the limit, so that a full folder is not looked through for every file.
_MADE_ROOM = 0.8


class LocalCopies:
    """A folder of copies; what was used longest ago goes first. Several processes may share it."""

    def __init__(self, folder: Path, limit_bytes: int) -> None:
        self._folder = folder
        self._limit = limit_bytes
        self._fetched = limit_bytes  # by this process since it last looked; full, so that the first fetch looks

    def fetch(self, name: str, size: int, read: Callable[[], IO[bytes]]) -> Path:
        """The copy of a name; `read` is called only where there is none of this size."""
        copy = self._folder / name
        if copy.is_file() and copy.stat().st_size == size:
            os.utime(copy)
            return copy
        self._make_room(size)
        copy.parent.mkdir(parents=True, exist_ok=True)
        part = copy.with_name(f"{copy.name}.{uuid.uuid4().hex}.part")
        with part.open("wb") as target:
            source = read()
            while block := source.read(_BYTES_AT_ONCE):
                target.write(block)
        os.replace(part, copy)
        return copy

    def _make_room(self, size: int) -> None:
        self._fetched += size
        if self._fetched < self._limit * (1 - _MADE_ROOM):
            return
        self._fetched = 0
        copies = sorted(_files(self._folder), key=lambda found: found[1].st_mtime, reverse=True)
        kept = size
        for path, facts in copies:
            kept += facts.st_size
            if kept > self._limit * _MADE_ROOM:
                path.unlink(missing_ok=True)


def _files(folder: Path) -> list[tuple[Path, os.stat_result]]:
    found = []
    for path in folder.rglob("*"):
        try:
            if path.is_file():
                found.append((path, path.stat()))
        except FileNotFoundError:
            continue  # another process made room at the same time
    return found
