"""Media on their way in: looked for, digested, decoded by other processes, stored once."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from types import TracebackType

from django.utils.translation import gettext as _

from curation.actions import media
from curation.decoding_pool import DecodingPool
from curation.formats.rows import MediaRef
from curation.media.errors import MediaRefused
from curation.media.facts import Ingested
from curation.media.ingestion import ingest, inspect

# Fewer files than this are decoded here: starting processes would take longer.
WORTH_A_POOL = 8
PRELOADED = [ingest.__module__]


@dataclass(frozen=True)
class Taken:
    """What became of one file.

    Attributes:
        identity: SHA-256 of the bytes, or the name where the file is absent.
        asset_id: the stored asset; None where it is absent, refused, or nothing is to be stored.
        is_absent: declared, not here.
        problem: why it cannot be used, or empty.
    """

    identity: str = ""
    asset_id: int | None = None
    is_absent: bool = False
    problem: str = ""


@dataclass
class Errand:
    """The files of one batch, some of them under way in another process."""

    settled: dict[str, Taken] = field(default_factory=dict)
    sources: dict[str, Path | bytes] = field(default_factory=dict)  # by digest, what must be decoded
    names: dict[str, str] = field(default_factory=dict)
    digests: dict[str, str] = field(default_factory=dict)  # of each reference
    futures: dict[str, Future[Ingested]] = field(default_factory=dict)


def handle(ref: MediaRef) -> str:
    """What a reference is called inside a batch: its path, or the digest of its bytes."""
    return ref.path if ref.path is not None else "bytes:" + hashlib.sha256(ref.data or b"").hexdigest()


class Intake:
    """Takes in the files of an import, batch by batch; `begin` starts the next while `finish` ends the one before."""

    def __init__(self, *, declare_absent: bool, is_dry_run: bool = False, processes: int | None = None) -> None:
        self.declare_absent = declare_absent
        self.is_dry_run = is_dry_run
        self.processes = processes or os.cpu_count() or 1
        self.readers = ThreadPoolExecutor(self.processes)
        self.pool: DecodingPool | None = None
        self.limits = media.limits()
        # Travels to the other processes, which need neither Django nor the database; where they can reach the
        # storage they write the files themselves.
        self.ingest = partial(ingest, limits=self.limits, keep=media.keep_elsewhere())

    def __enter__(self) -> Intake:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.readers.shutdown(cancel_futures=True)
        if self.pool is not None:
            self.pool.close(wait=kind is None)

    def begin(self, refs: Iterable[MediaRef]) -> Errand:
        """Looks for the files, digests them, and starts decoding those that are not stored yet."""
        errand = Errand()
        unique = {handle(ref): ref for ref in refs}
        here = {}
        for name, ref in unique.items():
            taken = self._missing(ref)
            if taken is None:
                here[name] = ref
            else:
                errand.settled[name] = taken
        for (name, ref), digest in zip(here.items(), self.readers.map(_digest, here.values()), strict=True):
            self._note(errand, name, ref, digest)
        known = media.stored(errand.sources)
        wanted = {sha256: source for sha256, source in errand.sources.items() if sha256 not in known}
        errand.settled |= {
            name: Taken(identity=sha256, asset_id=known[sha256])
            for name, sha256 in errand.digests.items()
            if sha256 in known
        }
        errand.sources = wanted
        self._start(errand)
        return errand

    def _missing(self, ref: MediaRef) -> Taken | None:
        """What to say of a file that is not there; None for one that is."""
        if ref.path is None or os.path.isfile(ref.path):
            return None
        if os.path.isdir(ref.path):
            return Taken(problem=_("“%(name)s” is a folder, not a file") % {"name": ref.name})
        if self.declare_absent:
            return Taken(identity=f"absent:{ref.name}", is_absent=True)
        return Taken(
            problem=_("the file “%(name)s” is absent below the media root; bring it, or declare absent media")
            % {"name": ref.name}
        )

    def _note(self, errand: Errand, name: str, ref: MediaRef, digest: str) -> None:
        if not digest:
            errand.settled[name] = Taken(problem=_("“%(name)s” cannot be read") % {"name": ref.name})
            return
        errand.digests[name] = digest
        errand.names[digest] = ref.name
        errand.sources[digest] = Path(ref.path) if ref.path is not None else ref.data or b""

    def _start(self, errand: Errand) -> None:
        if self.is_dry_run or (self.pool is None and len(errand.sources) < WORTH_A_POOL):
            return
        if self.pool is None:
            self.pool = DecodingPool(self.processes, PRELOADED)
        try:
            for sha256, source in errand.sources.items():
                errand.futures[sha256] = self.pool.submit(self.ingest, source, name=errand.names[sha256])
        except BrokenProcessPool:
            self.pool = None  # what was not submitted is decoded alone

    def finish(self, errand: Errand) -> Mapping[str, Taken]:
        """What became of each file, by its handle. Stores what is new."""
        results = {sha256: self._result(errand, sha256) for sha256 in errand.sources}
        problems = {sha256: found for sha256, found in results.items() if isinstance(found, str)}
        ready = {sha256: found for sha256, found in results.items() if isinstance(found, Ingested)}
        assets = media.store_many_from(ready, errand.sources)
        for name, sha256 in errand.digests.items():
            if name not in errand.settled:
                errand.settled[name] = Taken(
                    identity=sha256, asset_id=assets.get(sha256), problem=problems.get(sha256, "")
                )
        return errand.settled

    def _result(self, errand: Errand, sha256: str) -> Ingested | str | None:
        """The stored file, why it was refused, or None in a dry run that found nothing wrong."""
        name, source = errand.names[sha256], errand.sources[sha256]
        try:
            if self.is_dry_run:
                inspect(source, name=name, limits=self.limits)
                return None
            future = errand.futures.get(sha256)
            return self.ingest(source, name=name) if future is None else self._awaited(future, source, name)
        except MediaRefused as error:
            return str(error)

    def _awaited(self, future: Future[Ingested], source: Path | bytes, name: str) -> Ingested:
        """The result of another process. Where that process died, the file is tried again in one of its own."""
        try:
            return future.result()
        except BrokenProcessPool:
            self.pool = None
        alone = DecodingPool(1, PRELOADED)
        try:
            return alone.submit(self.ingest, source, name=name).result()
        except BrokenProcessPool as error:
            raise MediaRefused(name, "the decoder crashed on it", "Save it again with another program") from error
        finally:
            alone.close(wait=False)


def _digest(ref: MediaRef) -> str:
    """SHA-256 of a file or of bytes; empty when the file cannot be read."""
    if ref.path is None:
        return hashlib.sha256(ref.data or b"").hexdigest()
    try:
        with open(ref.path, "rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError:
        return ""
