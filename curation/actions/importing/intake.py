"""Media on their way in: looked for, digested, decoded by other processes, stored once."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from pathlib import Path
from types import TracebackType

from django.utils.translation import gettext as _

from curation.actions import media
from curation.decoding_pool import DecoderDied, DecodingPool
from curation.formats.rows import MediaRef
from curation.media.errors import MediaRefused
from curation.media.facts import Ingested
from curation.media.ingestion import ingest_each, inspect

# Fewer files than this are decoded here: starting processes would take longer.
WORTH_A_POOL = 8
REMEMBERED = 50_000
# A process waits for this one after every call, and this one is busy writing rows.
FILES_A_CALL = 8


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
    """The files of one batch by their handles, some of them under way in another process."""

    settled: dict[str, Taken] = field(default_factory=dict)
    refs: dict[str, MediaRef] = field(default_factory=dict)  # what must be decoded
    digests: dict[str, str] = field(default_factory=dict)  # where they were taken beforehand
    # The call that decodes a file, and the file's place in it.
    calls: dict[str, tuple[Future[list[Ingested | MediaRefused]], int]] = field(default_factory=dict)


def handle(ref: MediaRef) -> str:
    """What a reference is called inside a batch: its path, or the digest of its bytes."""
    return ref.path if ref.path is not None else "bytes:" + hashlib.sha256(ref.data or b"").hexdigest()


class Intake:
    """Takes in the files of an import, batch by batch; `begin` starts the next while `finish` ends the one before."""

    def __init__(
        self,
        *,
        declare_absent: bool,
        is_dry_run: bool = False,
        digests_first: bool = True,
        processes: int | None = None,
    ) -> None:
        """Starts nothing yet.

        Args:
            declare_absent: a missing file is noted, not refused.
            is_dry_run: files are looked at, not decoded and not stored.
            digests_first: whether some files may be stored already, so that digesting all of them beforehand saves
                decoding those. An import into an empty project has none, and its decoders digest anyway.
            processes: how many decode; one a core by default.
        """
        self.declare_absent = declare_absent
        self.is_dry_run = is_dry_run
        self.digests_first = digests_first or is_dry_run
        self.processes = processes or os.cpu_count() or 1
        self.readers = ThreadPoolExecutor(self.processes)
        self.pool: DecodingPool | None = None
        # Files that many rows name, such as the source of many edits, are taken in once.
        self.met: dict[str, Taken] = {}
        self.limits = media.limits()
        # Travels to the other processes, which need neither Django nor the database; where they can reach the
        # storage they write the files themselves.
        self.ingest_each = partial(ingest_each, limits=self.limits, keep=media.keep_elsewhere())

    def __enter__(self) -> Intake:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.readers.shutdown(cancel_futures=True)
        if self.pool is not None:
            self.pool.close(wait=kind is None)

    def begin(self, refs: Iterable[MediaRef]) -> Errand:
        """Looks for the files and starts decoding those that are not stored yet."""
        errand = Errand()
        for name, ref in {handle(ref): ref for ref in refs}.items():
            taken = self.met.get(name) or self._missing(ref)
            if taken is None:
                errand.refs[name] = ref
            else:
                errand.settled[name] = taken
        self._recognise(errand)
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

    def _recognise(self, errand: Errand) -> None:
        """Settles the files that are stored already. Bytes are digested in any case: that is how they are named."""
        asked = {name: ref for name, ref in errand.refs.items() if self.digests_first or ref.path is None}
        for name, digest in zip(asked, self.readers.map(_digest, asked.values()), strict=True):
            if digest:
                errand.digests[name] = digest
            else:
                problem = _("“%(name)s” cannot be read") % {"name": errand.refs.pop(name).name}
                errand.settled[name] = Taken(problem=problem)
        known = media.stored(errand.digests.values()) if errand.digests else {}
        for name, digest in errand.digests.items():
            if digest in known:
                errand.settled[name] = Taken(identity=digest, asset_id=known[digest])
                del errand.refs[name]

    def _start(self, errand: Errand) -> None:
        if self.is_dry_run or (self.pool is None and len(errand.refs) < WORTH_A_POOL):
            return
        if self.pool is None:
            self.pool = DecodingPool(self.processes)
        waiting = iter(errand.refs.items())
        while group := list(islice(waiting, FILES_A_CALL)):
            call = self.pool.submit(self.ingest_each, [_with_name(ref) for _handle, ref in group])
            errand.calls |= {name: (call, place) for place, (name, _ref) in enumerate(group)}

    def finish(self, errand: Errand) -> Mapping[str, Taken]:
        """What became of each file, by its handle. Stores what is new."""
        ready: dict[str, Ingested] = {}
        for name, ref in errand.refs.items():
            found = self._result(errand, name, ref)
            if isinstance(found, Ingested):
                ready[name] = found
            else:
                errand.settled[name] = Taken(identity=errand.digests.get(name, ""), problem=found)
        assets = media.store_many_from(
            {one.sha256: one for one in ready.values()},
            {one.sha256: _source(errand.refs[name]) for name, one in ready.items()},
        )
        for name, one in ready.items():
            errand.settled[name] = Taken(identity=one.sha256, asset_id=assets[one.sha256])
        self._remember(errand.settled)
        return errand.settled

    def _result(self, errand: Errand, name: str, ref: MediaRef) -> Ingested | str:
        """The stored file, or why it was refused; in a dry run, nothing said where nothing is wrong."""
        try:
            if self.is_dry_run:
                inspect(_source(ref), name=ref.name, limits=self.limits)
                return ""
            found = self._decoded(errand.calls.get(name), ref)
        except MediaRefused as error:
            return str(error)
        except DecoderDied:
            return _("“%(name)s” crashes the decoder; save it again with another program") % {"name": ref.name}
        return str(found) if isinstance(found, MediaRefused) else found

    def _decoded(
        self, call: tuple[Future[list[Ingested | MediaRefused]], int] | None, ref: MediaRef
    ) -> Ingested | MediaRefused:
        """The answer about one file. Where its call died, it may have been another file's fault: it is asked alone."""
        if call is None or self.pool is None:
            return self.ingest_each([_with_name(ref)])[0]
        future, place = call
        try:
            return future.result()[place]
        except DecoderDied:
            return self.pool.submit(self.ingest_each, [_with_name(ref)]).result()[0]

    def _remember(self, settled: Mapping[str, Taken]) -> None:
        self.met |= {name: taken for name, taken in settled.items() if taken.asset_id is not None}
        while len(self.met) > REMEMBERED:
            del self.met[next(iter(self.met))]


def _with_name(ref: MediaRef) -> tuple[Path | bytes, str]:
    return _source(ref), ref.name


def _source(ref: MediaRef) -> Path | bytes:
    return Path(ref.path) if ref.path is not None else ref.data or b""


def _digest(ref: MediaRef) -> str:
    """SHA-256 of a file or of bytes; empty when the file cannot be read."""
    if ref.path is None:
        return hashlib.sha256(ref.data or b"").hexdigest()
    try:
        with open(ref.path, "rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError:
        return ""
