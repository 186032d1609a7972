"""Unpacking archives from strangers: nothing leaves the folder, nothing grows without bound, nothing is special."""

from __future__ import annotations

import bz2
import gzip
import lzma
import os
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, BinaryIO, cast

from curation.formats.limits import MEBI, ArchiveLimits
from curation.formats.rows import Refusal

CHUNK = 256 * 1024
# A single read this large is a header that lies about its size: files are read in chunks.
LARGEST_READ = 64 * MEBI
BROKEN = (tarfile.TarError, zipfile.BadZipFile, EOFError, OSError, zlib.error, lzma.LZMAError, ValueError)


class ArchiveRefused(Exception):
    """The archive as a whole cannot be used; the message says why."""


class EntryRefused(Exception):
    """One entry is left out; the message says why."""


class Budget:
    """Counts what has been unpacked, and refuses to go beyond the limits."""

    def __init__(self, limits: ArchiveLimits, packed_bytes: int) -> None:
        self.limits = limits
        self.packed_bytes = max(packed_bytes, 1)
        self.entries = 0
        self.bytes = 0

    def enter(self) -> None:
        self.entries += 1
        if self.entries > self.limits.entries:
            raise ArchiveRefused(f"the archive holds more than {self.limits.entries} entries")

    def spend(self, count: int) -> None:
        self.bytes += count
        if self.bytes > self.limits.total_bytes:
            raise ArchiveRefused(f"the archive unpacks to more than {self.limits.total_bytes} bytes")
        if self.bytes > self.limits.ratio_after_bytes and self.bytes > self.limits.ratio * self.packed_bytes:
            raise ArchiveRefused(
                f"the archive unpacks to more than {self.limits.ratio} times its size, like a decompression bomb"
            )


class _Counted:
    """The unpacked bytes of a tar as a file: every byte read is counted, skipped ones too."""

    def __init__(self, stream: BinaryIO, budget: Budget) -> None:
        self.stream = stream
        self.budget = budget
        self.furthest = 0

    def read(self, size: int = -1) -> bytes:
        if size < 0 or size > LARGEST_READ:
            raise ArchiveRefused(f"a header of the archive claims {size} bytes")
        data = self.stream.read(size)
        self._moved(self.stream.tell())
        return data

    def seek(self, offset: int, whence: int = 0) -> int:
        # Skipping forward unpacks what is skipped, so it is done in steps that are counted.
        target = offset if whence == 0 else self.stream.tell() + offset
        while (here := self.stream.tell()) < target:
            there = self.stream.seek(min(target, here + LARGEST_READ))
            self._moved(there)
            if there == here:
                break
        return self.stream.seek(target)

    def tell(self) -> int:
        return self.stream.tell()

    def _moved(self, position: int) -> None:
        if position > self.furthest:
            self.budget.spend(position - self.furthest)
            self.furthest = position


@contextmanager
def opened_tar(path: Path, limits: ArchiveLimits) -> Iterator[tarfile.TarFile]:
    """A tar, packed by gzip, bzip2, xz or not at all, whose every unpacked byte is counted.

    Raises:
        ArchiveRefused: not a tar, half-written, or over the limits; also while its members are read.
    """
    budget = Budget(limits, path.stat().st_size)
    try:
        with path.open("rb") as packed, _unpacked(packed) as stream:
            counted = cast(BinaryIO, _Counted(stream, budget))
            with tarfile.open(fileobj=counted, mode="r:", errorlevel=2) as archive:
                yield archive
                _refuse_torn(archive, stream)
    except ArchiveRefused:
        raise
    except BROKEN as error:
        raise ArchiveRefused(f"not a readable archive, or half-written: {error}") from error


def _unpacked(packed: BinaryIO) -> BinaryIO:
    magic = packed.read(6)
    packed.seek(0)
    if magic.startswith(b"\x1f\x8b"):
        return cast(BinaryIO, gzip.GzipFile(fileobj=packed))
    if magic.startswith(b"BZh"):
        return cast(BinaryIO, bz2.BZ2File(packed))
    if magic.startswith(b"\xfd7zXZ"):
        return cast(BinaryIO, lzma.LZMAFile(packed))
    return packed


def _refuse_torn(archive: tarfile.TarFile, stream: BinaryIO) -> None:
    """A tar ends with blocks of zeros; without them the end is missing, which `tarfile` passes over in silence."""
    stream.seek(archive.offset)
    if stream.read(512) != bytes(512) and archive.offset:
        stream.seek(max(archive.offset - 512, 0))
        if stream.read(512) != bytes(512):
            raise ArchiveRefused("the archive has no end: it seems half-written")


def unpack(path: Path, target: Path, limits: ArchiveLimits | None = None) -> list[Refusal]:
    """Unpacks a zip or tar into an empty folder.

    Returns:
        A refusal for each entry that was left out: climbing or absolute names, links, devices, encrypted or damaged
        entries, names that are too long or there twice.

    Raises:
        ArchiveRefused: half-written, too many entries or bytes, or a decompression bomb. What was unpacked so far
            stays in the folder for the caller to remove.
    """
    limits = limits or ArchiveLimits()
    if zipfile.is_zipfile(path):
        return _unpack_zip(path, target, limits)
    return _unpack_tar(path, target, limits)


def _unpack_zip(path: Path, target: Path, limits: ArchiveLimits) -> list[Refusal]:
    budget = Budget(limits, path.stat().st_size)
    refusals = []
    try:
        with zipfile.ZipFile(path) as archive:
            for entry in archive.infolist():
                budget.enter()
                try:
                    _unpack_zip_entry(archive, entry, target, budget)
                except EntryRefused as error:
                    refusals.append(Refusal(f"{path.name}/{_shown(entry.filename)}", str(error)))
    except BROKEN as error:
        raise ArchiveRefused(f"not a readable archive, or half-written: {error}") from error
    return refusals


def _unpack_zip_entry(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, target: Path, budget: Budget) -> None:
    if entry.is_dir():
        return
    kind = stat.S_IFMT(entry.external_attr >> 16)
    if kind not in {0, stat.S_IFREG}:
        raise EntryRefused("a link or device; only plain files are unpacked")
    if entry.flag_bits & 1:
        raise EntryRefused("encrypted; pack it without a password")
    try:
        with archive.open(entry) as source:
            _write(source, inside(target, entry.filename), budget)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        raise EntryRefused(f"damaged: {error}") from error


def _unpack_tar(path: Path, target: Path, limits: ArchiveLimits) -> list[Refusal]:
    refusals = []
    entries = Budget(limits, 1)
    with opened_tar(path, limits) as archive:
        for member in archive:
            entries.enter()
            if member.isdir():
                continue
            try:
                if problem := member_problem(member):
                    raise EntryRefused(problem)
                source = cast(BinaryIO, archive.extractfile(member))
                _write(source, inside(target, member.name), Budget(limits, 1 << 62))
            except EntryRefused as error:
                refusals.append(Refusal(f"{path.name}/{_shown(member.name)}", str(error)))
    return refusals


def member_problem(member: tarfile.TarInfo) -> str:
    """Why a tar member is left out, or nothing."""
    if member.issym() or member.islnk():
        return f"a link to {_shown(member.linkname)}; only plain files are unpacked"
    if not member.isreg():
        return "a device or other special file; only plain files are unpacked"
    return ""


def inside(target: Path, name: str) -> Path:
    """Where an entry goes.

    Raises:
        EntryRefused: the name is absolute, climbs out with `..`, or cannot be a file name.
    """
    parts = name.replace("\\", "/").split("/")
    if name.startswith(("/", "\\")) or (len(name) > 1 and name[1] == ":"):
        raise EntryRefused("an absolute name; entries must stay inside the archive")
    if ".." in parts:
        raise EntryRefused("a name that climbs out of the archive with ..")
    kept = [part for part in parts if part not in {"", "."}]
    if not kept or "\x00" in name or any(len(os.fsencode(part)) > 255 for part in kept) or len(name) > 1024:
        raise EntryRefused("a name that no file can have")
    return target.joinpath(*kept)


def _write(source: IO[bytes], path: Path, budget: Budget) -> None:
    written = 0
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("xb") as file:
            while chunk := source.read(CHUNK):
                written += len(chunk)
                if written > budget.limits.entry_bytes:
                    raise ArchiveRefused(f"{path.name} unpacks to more than {budget.limits.entry_bytes} bytes")
                budget.spend(len(chunk))
                file.write(chunk)
    except (FileExistsError, NotADirectoryError) as error:
        raise EntryRefused("a name that is there twice, or as a file and as a folder") from error


def _shown(name: str) -> str:
    return name if len(name) <= 200 else name[:197] + "..."
