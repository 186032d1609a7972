"""The SQLite file in which the embeddings of one encoder outlive a process. Plain code.

Several processes and threads read and write it at once (write-ahead log). A file that is damaged, or not ours, is set
aside and a new one made; a full disk, a folder that cannot be written or a lock that is held too long only mean that
nothing is remembered meanwhile, which the log tells once.

No file name is ever used again: SQLite deletes the log of a file by its name when the last one closes it, and a process
that still has a file open which was set aside would delete the log of its successor.
"""

from __future__ import annotations

import fcntl
import logging
import os
import sqlite3
import threading
import time
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float32]
Row = tuple[bytes, bytes, int]

# About 700,000 vectors of 1,024 numbers; the longest unused make room for new ones.
MOST_BYTES = 4 << 30
# Encoders in one folder; another precision or other weights are another encoder.
FILES_KEPT = 8
DROPPED_AT_ONCE = 0.1
PAGE_BYTES = 16_384
WAIT_SECONDS = 5.0
# After a failure to open the file it is left alone for so long.
REST_SECONDS = 60.0
KEYS_AT_ONCE = 500
SECONDS_A_DAY = 86_400
FORMAT = 1
# “PwEm” as SQLite keeps it in the header of a file.
APPLICATION = 0x5077456D
DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)

TABLES = (
    "CREATE TABLE encoder (name TEXT NOT NULL)",
    "CREATE TABLE embedding (key BLOB PRIMARY KEY NOT NULL, vector BLOB NOT NULL, used INTEGER NOT NULL)",
    "CREATE INDEX embedding_used ON embedding (used)",
)

log = logging.getLogger(__name__)


class Foreign(Exception):
    """The file is a database, but not of this encoder in this format."""


class EmbeddingFile:
    """Vectors by key in the newest file of an encoder. Opened at the first use; safe for threads and after a fork.

    Args:
        folder: made when it is not there.
        encoder: SHA-256 (hex), part of the file's name and checked inside.
        most_bytes: size beyond which the longest unused tenth is dropped; use is told apart by days.
        clock: seconds since 1970.
    """

    def __init__(
        self, folder: Path, encoder: str, *, most_bytes: int = MOST_BYTES, clock: Callable[[], float] = time.time
    ) -> None:
        self._folder = folder
        self._encoder = encoder
        self._most_bytes = most_bytes
        self._clock = clock
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._inherited: sqlite3.Connection | None = None
        self._path: Path | None = None
        self._process = 0
        self._rests_until = 0.0
        self._has_told = False
        self._used: set[bytes] = set()

    def read(self, keys: Sequence[bytes]) -> dict[bytes, Vector]:
        """The vectors of those keys that are in the file; each (d,), float32, read-only."""
        return self._attempt(lambda connection: self._read(connection, keys)) or {}

    def write(self, vectors: Mapping[bytes, Vector]) -> None:
        """Adds vectors in one transaction; a key that is there keeps its vector."""
        self._attempt(lambda connection: self._write(connection, vectors))

    def close(self) -> None:
        """Writes down what was used and closes the file."""
        if self._connection is not None and self._used:
            self.write({})
        with self._lock:
            self._drop_connection()

    # -- reading and writing ------------------------------------------------------------------------------------------

    def _read(self, connection: sqlite3.Connection, keys: Sequence[bytes]) -> dict[bytes, Vector]:
        found: dict[bytes, Vector] = {}
        broken: list[bytes] = []
        today = self._today()
        for row in _rows(connection, keys):
            vector = _unpacked(row[0], row[1])
            if vector is None:
                broken.append(row[0])
                continue
            found[row[0]] = vector
            if row[2] < today:
                self._used.add(row[0])
        if broken:
            with _transaction(connection):
                connection.executemany("DELETE FROM embedding WHERE key = ?", [(key,) for key in broken])
        return found

    def _write(self, connection: sqlite3.Connection, vectors: Mapping[bytes, Vector]) -> None:
        today = self._today()
        rows = sorted((key, _packed(key, vector), today) for key, vector in vectors.items())
        used = [(today, key) for key in self._used]
        with _transaction(connection):
            connection.executemany("UPDATE embedding SET used = ? WHERE key = ?", used)
            connection.executemany("INSERT OR IGNORE INTO embedding VALUES (?, ?, ?)", rows)
            while rows and _bytes_used(connection) > self._most_bytes and _drop_oldest(connection):
                pass
        self._used.clear()

    def _today(self) -> int:
        return int(self._clock()) // SECONDS_A_DAY

    # -- what can go wrong --------------------------------------------------------------------------------------------

    def _attempt(self, work: Callable[[sqlite3.Connection], dict[bytes, Vector] | None]) -> dict[bytes, Vector] | None:
        """Does it; a file that turns out damaged is set aside and the work done on a new one."""
        with self._lock:
            for _again in range(2):
                try:
                    connection = self._opened()
                    return work(connection) if connection else None
                except sqlite3.Error as error:
                    if not _is_damage(error):
                        self._tell(error)
                        return None
                    self._set_aside(str(error))
        return None

    def _tell(self, error: Exception) -> None:
        if not self._has_told:
            log.warning("Embeddings in %s are not remembered for now: %s", self._folder, error)
        self._has_told = True

    def _opened(self) -> sqlite3.Connection | None:
        """The connection of this process; None while the file rests after a failure."""
        if self._process != os.getpid():
            # On the other side of a fork a connection must neither be used nor closed.
            self._inherited = self._connection
            self._connection, self._process = None, os.getpid()
        if self._connection is None and time.monotonic() >= self._rests_until:
            try:
                self._open()
            except (OSError, sqlite3.OperationalError) as error:
                self._rests_until = time.monotonic() + REST_SECONDS
                self._tell(error)
        return self._connection

    def _open(self) -> None:
        with self._alone_in_folder():
            self._path = self._newest() or self._fresh_path()
            try:
                self._connection = _connected(self._path, self._encoder)
            except Foreign as error:
                self._put_away(self._path, str(error))
                self._path = self._fresh_path()
                self._connection = _connected(self._path, self._encoder)

    def _set_aside(self, reason: str) -> None:
        self._drop_connection()
        path = self._path
        if path is None:
            return
        with self._alone_in_folder():
            if path.exists():  # another process may have seen it first
                self._put_away(path, reason)

    def _put_away(self, path: Path, reason: str) -> None:
        """Keeps one damaged file for whoever wants to look at it, beside its log."""
        for old in self._folder.glob("*.aside*"):
            old.unlink(missing_ok=True)
        for suffix in ("", "-wal", "-shm"):
            part = path.with_name(path.name + suffix)
            if part.exists():
                part.rename(path.with_name(f"{path.stem}.aside{suffix}"))
        log.warning("The embeddings in %s are set aside and made anew: %s", path, reason)

    def _drop_connection(self) -> None:
        if self._connection is not None and self._process == os.getpid():
            self._connection.close()
        self._connection = None

    # -- files of the folder ------------------------------------------------------------------------------------------

    @contextmanager
    def _alone_in_folder(self) -> Iterator[None]:
        """While files come and go, no other process opens one."""
        self._folder.mkdir(parents=True, exist_ok=True)
        with (self._folder / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _newest(self) -> Path | None:
        return max(self._folder.glob(f"{self._encoder}-*.sqlite"), default=None)

    def _fresh_path(self) -> Path:
        """A name that was never used; the files of encoders unused for longest make room."""
        files = sorted(self._folder.glob("*.sqlite"), key=_last_change)
        for old in files[: max(0, len(files) - FILES_KEPT + 1)]:
            for suffix in ("", "-wal", "-shm"):
                old.with_name(old.name + suffix).unlink(missing_ok=True)
        return self._folder / f"{self._encoder}-{time.time_ns():020d}.sqlite"


def _last_change(path: Path) -> float:
    parts = (path, path.with_name(path.name + "-wal"))
    return max(part.stat().st_mtime for part in parts if part.exists())


# -- SQLite -----------------------------------------------------------------------------------------------------------


def _connected(path: Path, encoder: str) -> sqlite3.Connection:
    """A connection to the file, made when it is not there.

    Raises:
        Foreign: damaged, of another program, format or encoder.
        sqlite3.OperationalError: it cannot be opened, read or locked.
    """
    connection = sqlite3.connect(path, timeout=WAIT_SECONDS, isolation_level=None, check_same_thread=False)
    try:
        connection.execute(f"PRAGMA page_size = {PAGE_BYTES}")
        connection.execute("PRAGMA journal_mode = WAL")
        # Nothing waits for the disk: a power cut may damage the file, which is noticed and costs a new one.
        connection.execute("PRAGMA synchronous = OFF")
        (tables,) = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
        if not tables:
            _make(connection, encoder)
        _check(connection, encoder)
    except sqlite3.Error as error:
        connection.close()
        if _is_damage(error):
            raise Foreign(str(error)) from error
        raise
    except Foreign:
        connection.close()
        raise
    return connection


def _make(connection: sqlite3.Connection, encoder: str) -> None:
    with _transaction(connection):
        for statement in (*TABLES, f"PRAGMA application_id = {APPLICATION}", f"PRAGMA user_version = {FORMAT}"):
            connection.execute(statement)
        connection.execute("INSERT INTO encoder VALUES (?)", (encoder,))


def _check(connection: sqlite3.Connection, encoder: str) -> None:
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if (application, version) != (APPLICATION, FORMAT):
        raise Foreign("it holds something else than embeddings in this format")
    if connection.execute("SELECT name FROM encoder").fetchall() != [(encoder,)]:
        raise Foreign("it holds the embeddings of another encoder")


@contextmanager
def _transaction(connection: sqlite3.Connection) -> Iterator[None]:
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _rows(connection: sqlite3.Connection, keys: Sequence[bytes]) -> Iterator[Row]:
    for start in range(0, len(keys), KEYS_AT_ONCE):
        part = keys[start : start + KEYS_AT_ONCE]
        marks = ", ".join("?" * len(part))
        yield from connection.execute(
            f"SELECT key, vector, used FROM embedding WHERE key IN ({marks})",  # noqa: S608 - question marks alone
            part,
        ).fetchall()


def _bytes_used(connection: sqlite3.Connection) -> int:
    (pages,) = connection.execute("PRAGMA page_count").fetchone()
    (free,) = connection.execute("PRAGMA freelist_count").fetchone()
    (size,) = connection.execute("PRAGMA page_size").fetchone()
    return int(size) * (int(pages) - int(free))


def _drop_oldest(connection: sqlite3.Connection) -> bool:
    """Drops the longest unused tenth; whether there was anything to drop."""
    (rows,) = connection.execute("SELECT count(*) FROM embedding").fetchone()
    dropped = connection.execute(
        "DELETE FROM embedding WHERE rowid IN (SELECT rowid FROM embedding ORDER BY used, rowid LIMIT ?)",
        (max(1, int(rows * DROPPED_AT_ONCE)),),
    )
    return dropped.rowcount > 0


def _is_damage(error: sqlite3.Error) -> bool:
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in DAMAGED


def _packed(key: bytes, vector: Vector) -> bytes:
    """Little-endian float32, and a checksum of them and their key: SQLite does not notice a flipped bit in a value."""
    numbers = vector.astype("<f4").tobytes()
    return numbers + zlib.crc32(key + numbers).to_bytes(4, "little")


def _unpacked(key: bytes, packed: bytes) -> Vector | None:
    """The vector, or None when the bytes are not what was written under this key."""
    numbers, check = packed[:-4], packed[-4:]
    if not numbers or len(numbers) % 4 or zlib.crc32(key + numbers).to_bytes(4, "little") != check:
        return None
    return np.frombuffer(numbers, "<f4")
