"""SHA-256 of every file of an export, in the form `sha256sum --check` reads."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path

CHECKSUMS = "checksums.sha256"
# Digests that writers know already, of files too many to hold and too large to read again.
_NOTED = ".checksums.noted"


class Checksums:
    """Digests noted while files are written; several layouts note into one file."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / _NOTED

    def note(self, name: str, digest: str) -> None:
        """Keeps a digest that the writer computed from the very bytes it wrote."""
        with self._path.open("a", encoding="utf-8") as stream:
            stream.write(f"{digest}  {name}\n")


def write_checksums(folder: Path, known: Mapping[str, str]) -> None:
    """Every file's digest, by name.

    Args:
        known: digests by name that save reading large files twice.
    """
    noted = folder / _NOTED
    given = {name: digest for digest, name in _lines(noted)} if noted.exists() else {}
    given |= known
    noted.unlink(missing_ok=True)
    names = [path.relative_to(folder).as_posix() for path in sorted(folder.rglob("*")) if path.is_file()]
    with (folder / CHECKSUMS).open("w", encoding="utf-8") as stream:
        for name in names:
            if name != CHECKSUMS:
                stream.write(f"{given.get(name) or digest_of(folder / name)}  {name}\n")


def read_checksums(folder: Path) -> Iterator[tuple[str, str]]:
    """(path, digest) of each line.

    Raises:
        ValueError: a line is not a digest, two spaces and a path.
    """
    for digest, name in _lines(folder / CHECKSUMS):
        yield name, digest


def _lines(path: Path) -> Iterator[tuple[str, str]]:
    with path.open(encoding="utf-8") as stream:
        for line in stream:
            digest, gap, name = line.rstrip("\n").partition("  ")
            if not gap or len(digest) != 64:
                raise ValueError(f"{path.name}: cannot read the line {line!r}")
            yield digest, name


def digest_of(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
