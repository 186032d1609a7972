"""Where media bytes are kept: a folder or a bucket, both addressed by content, so that writing twice changes nothing.

The names are those of `curation.media.keeping`.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import IO, Protocol, cast

from django.core.files.storage import default_storage

from curation.media.keeping import Keep


class ContentStorage(Protocol):
    """What the application asks of a storage beyond Django's own methods."""

    @property
    def keep(self) -> Keep:
        """Puts content under a name. Of a folder it is plain and can be given to another process."""

    def settle(self) -> None:
        """Returns when everything put so far would survive a loss of power."""

    def size(self, name: str) -> int:
        """Length in bytes."""

    def missing(self, sizes: Mapping[str, int]) -> set[str]:
        """The names among these that are not there, or not of their size in bytes; a bucket is listed, not asked."""

    def read_range(self, name: str, start: int, end: int) -> IO[bytes]:
        """A stream of the bytes from `start` up to, not including, `end`; the caller closes it.

        Raises:
            Unavailable: the name cannot be read from this machine; says why. `local_copy` likewise.
        """

    def local_copy(self, name: str, size: int) -> Path:
        """A file on this machine with the content of a name, `size` bytes long; do not write to it."""


def media_storage() -> ContentStorage:
    """The storage in force."""
    return cast(ContentStorage, default_storage)
