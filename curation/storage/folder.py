"""Media in a local folder, or one that several hosts mount."""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import IO, Any, cast

from django.core.files.base import File
from django.core.files.storage import FileSystemStorage
from django.utils.translation import gettext as _

from curation.errors import Unavailable
from curation.media.keeping import KeepInFolder


class ContentFolder(FileSystemStorage):
    """A folder in which the same name is always the same bytes."""

    @cached_property
    def keep(self) -> KeepInFolder:
        return KeepInFolder(
            str(self.location), self.file_permissions_mode or 0o666, self.directory_permissions_mode or 0o777
        )

    def settle(self) -> None:
        # One call for a whole batch; a sync for each file would take as long as decoding the file.
        os.sync()

    def read_range(self, name: str, start: int, end: int) -> IO[bytes]:
        try:
            file = Path(self.path(name)).open("rb")  # noqa: SIM115 - closed with the part of it that is given away
        except OSError as error:
            raise Unavailable(self._sentence(name)) from error
        file.seek(start)
        return cast(IO[bytes], Part(file, end - start))

    def local_copy(self, name: str, size: int) -> Path:
        path = Path(self.path(name))
        if not path.is_file() or path.stat().st_size != size:
            raise Unavailable(self._sentence(name))
        return path

    def size(self, name: str) -> int:
        try:
            return int(super().size(name))
        except OSError as error:
            raise Unavailable(self._sentence(name)) from error

    def missing(self, sizes: Mapping[str, int]) -> set[str]:
        return {name for name, size in sizes.items() if _size_of(os.path.join(self.location, name)) != size}

    def get_available_name(self, name: str, max_length: int | None = None) -> str:
        return name

    def _save(self, name: str, content: File[Any]) -> str:
        self.keep.write(name, content.chunks())
        return name

    def _sentence(self, name: str) -> str:
        if not os.path.isdir(os.path.join(self.location, "originals")):
            return _(
                "This process sees no media in %(folder)s. Mount the media folder of the web process there, or let all"
                " hosts use S3 (PAIRWRIGHT_S3_BUCKET)."
            ) % {"folder": self.location}
        return _(
            "The file %(name)s is missing from the media folder %(folder)s or may not be read. Restore it from a"
            " backup, or import its samples again."
        ) % {"name": name, "folder": self.location}


def _size_of(path: str) -> int | None:
    try:
        return os.stat(path).st_size
    except OSError:
        return None


class Part:
    """The next `length` bytes of an open file, for a server to stream; closing it closes the file."""

    def __init__(self, file: IO[bytes], length: int) -> None:
        self._file = file
        self._left = length

    def read(self, size: int = -1) -> bytes:
        wanted = self._left if size < 0 else min(size, self._left)
        data = self._file.read(wanted)
        self._left -= len(data)
        return data

    def close(self) -> None:
        self._file.close()
