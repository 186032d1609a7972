"""Media in a bucket of S3, or of anything that speaks it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any, cast

from botocore.exceptions import BotoCoreError, ClientError
from django.core.files.base import ContentFile, File
from django.utils.translation import gettext as _
from storages.backends.s3 import S3Storage

from curation.errors import Unavailable
from curation.storage.copies import LocalCopies

# Up to so many names below one prefix are asked for one by one; beyond, the prefix is listed, a thousand at a time.
_ASKED = 10


class ContentBucket(S3Storage):
    """A bucket of S3 or of anything that speaks it. An object appears whole, so nothing else is needed."""

    def __init__(self, *, copies_folder: Path, copies_bytes: int, **options: Any) -> None:
        super().__init__(**options)
        self._copies = LocalCopies(copies_folder, copies_bytes)

    def keep(self, name: str, content: bytes | Path) -> None:
        try:
            if self.exists(name):
                return
            if isinstance(content, bytes):
                self.save(name, ContentFile(content))
                return
            with content.open("rb") as source:
                self.save(name, File(source))
        except (BotoCoreError, ClientError) as error:
            raise Unavailable(self._sentence(error)) from error

    def settle(self) -> None:
        """S3 answers only when an object is safe."""

    def read_range(self, name: str, start: int, end: int) -> IO[bytes]:
        try:
            answer = self.bucket.Object(self._normalize_name(name)).get(Range=f"bytes={start}-{end - 1}")
        except (BotoCoreError, ClientError) as error:
            raise Unavailable(self._sentence(error)) from error
        return cast(IO[bytes], answer["Body"])

    def local_copy(self, name: str, size: int) -> Path:
        return self._copies.fetch(name, size, lambda: self.read_range(name, 0, size))

    def size(self, name: str) -> int:
        try:
            return int(super().size(name))
        except (OSError, BotoCoreError, ClientError) as error:
            raise Unavailable(self._sentence(error)) from error

    def missing(self, sizes: Mapping[str, int]) -> set[str]:
        below: dict[str, list[str]] = defaultdict(list)
        for name in sizes:
            below[name.rpartition("/")[0]].append(name)
        try:
            return {name for names in below.values() for name in self._missing(names, sizes)}
        except (BotoCoreError, ClientError) as error:
            raise Unavailable(self._sentence(error)) from error

    def _missing(self, names: list[str], sizes: Mapping[str, int]) -> Iterator[str]:
        """Those of some names below one prefix."""
        if len(names) <= _ASKED:
            yield from (name for name in names if not self.exists(name) or self.size(name) != sizes[name])
            return
        prefix = self._normalize_name(names[0].rpartition("/")[0]) + "/"
        listed = {one.key: one.size for one in self.bucket.objects.filter(Prefix=prefix)}
        yield from (name for name in names if listed.get(self._normalize_name(name)) != sizes[name])

    def _sentence(self, error: Exception) -> str:
        return _(
            "The bucket %(bucket)s does not answer as it should: %(error)s Check PAIRWRIGHT_S3_BUCKET, the endpoint and"
            " the keys on this host."
        ) % {"bucket": self.bucket_name, "error": error}
