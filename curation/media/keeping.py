"""Under which names bytes are kept, and keeping them in a folder.

The names are `originals/ab/<sha256>`, `renditions/ab/<sha256>`, `thumbnails/ab/<sha256>-<size>.jpg` and
`posters/ab/<sha256>.jpg`, the last two by the digest of their rendition. A name never changes its bytes.
"""

import contextlib
import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from curation.errors import Unavailable

# Puts content under a name, whole or not at all; nothing happens where it is there already.
Keep = Callable[[str, bytes | Path], None]

_COPIED_AT_ONCE = 2**20


def original_name(sha256: str) -> str:
    return f"originals/{sha256[:2]}/{sha256}"


def rendition_name(sha256: str) -> str:
    return f"renditions/{sha256[:2]}/{sha256}"


def thumbnail_name(sha256: str, size: int) -> str:
    return f"thumbnails/{sha256[:2]}/{sha256}-{size}.jpg"


def poster_name(sha256: str) -> str:
    return f"posters/{sha256[:2]}/{sha256}.jpg"


@dataclass(frozen=True)
class KeepInFolder:
    """Keeps files in a folder. They appear by renaming; a process killed while writing leaves one `.part` file.

    Plain and small, so that worker processes can be given one.
    """

    folder: str
    file_mode: int = 0o600
    folder_mode: int = 0o700

    def __call__(self, name: str, content: bytes | Path) -> None:
        size = len(content) if isinstance(content, bytes) else content.stat().st_size
        with contextlib.suppress(OSError):  # whatever is wrong there, writing will say it better
            if os.stat(os.path.join(self.folder, name)).st_size == size:
                return
        if isinstance(content, bytes):
            self.write(name, [content])
            return
        with content.open("rb") as source:
            self.write(name, _blocks(source))

    def write(self, name: str, blocks: Iterable[bytes]) -> None:
        """Writes a file whatever was there before.

        Raises:
            Unavailable: the folder cannot be written.
        """
        target = os.path.join(self.folder, name)
        part = f"{target}.{os.getpid()}-{threading.get_ident()}-{time.time_ns()}.part"
        try:
            with self._created(part) as file:
                for block in blocks:
                    file.write(block)
            os.replace(part, target)
        except OSError as error:
            with contextlib.suppress(OSError):
                os.unlink(part)
            raise Unavailable(
                f"The media folder {self.folder} cannot be written: {error.strerror or error}."
                " Free space there or mend its permissions."
            ) from error

    def _created(self, part: str) -> IO[bytes]:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
        try:
            descriptor = os.open(part, flags, self.file_mode)
        except FileNotFoundError:
            os.makedirs(os.path.dirname(part), mode=self.folder_mode, exist_ok=True)
            descriptor = os.open(part, flags, self.file_mode)
        return open(descriptor, "wb")


def _blocks(source: IO[bytes]) -> Iterator[bytes]:
    while block := source.read(_COPIED_AT_ONCE):
        yield block
