"""Embeddings by content: what a model once made of a picture or a text is not made again. Plain code.

There is one store for each encoder, and an encoder is its weights, preprocessing and precision. A store keeps the last
vectors in memory and, once a folder is given (`keep_below`), all of them in an SQLite file that several processes share
(`scoring/embedding_file.py`). Vectors are float32 and come back bit by bit as they were put. Nothing here is evidence:
whatever goes wrong with a file costs time, never a number.
"""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from scoring.embedding_file import MOST_BYTES, EmbeddingFile

Vector = NDArray[np.float32]

# Enough for the prompts of a job and for several scorers that see the same picture one after another.
MEMORY_BYTES = 8 << 20
# What Python keeps of an entry beside the vector's own numbers, about.
ENTRY_BYTES = 300


# -- what a vector is kept under --------------------------------------------------------------------------------------


def picture_key(digest: str) -> bytes:
    """The key of a picture: the SHA-256 of the rendition's bytes itself, given in hexadecimal."""
    return bytes.fromhex(digest)


def frame_key(digest: str, place: int, count: int) -> bytes:
    """The key of a video's frame: the one at `place` (from 0) of `count` evenly spaced ones."""
    return hashlib.sha256(f"{digest} frame {place} of {count}".encode()).digest()


def text_key(text: str) -> bytes:
    """The key of a text as it is given to the encoder, template included."""
    return hashlib.sha256(b"text\0" + text.encode("utf-8", "surrogatepass")).digest()


# -- the store --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Rows:
    """Vectors that were found among those asked for.

    Attributes:
        places: (m,), where each row's digest stood among the n asked for, ascending.
        vectors: (m, d), float32; (0, 0) when nothing is known.
    """

    places: NDArray[np.int64]
    vectors: Vector


class Embeddings:
    """The vectors of one encoder. Safe to use from several threads.

    Args:
        encoder: SHA-256 (hex) of whatever the vectors depend on beside the content.
        folder: where the file lies; None keeps nothing beyond this process.
        memory_bytes, file_bytes: beyond these, what was not used for longest is dropped.
    """

    def __init__(
        self,
        encoder: str,
        *,
        folder: Path | None = None,
        memory_bytes: int = MEMORY_BYTES,
        file_bytes: int = MOST_BYTES,
    ) -> None:
        self._memory = _Memory(memory_bytes)
        self._file = EmbeddingFile(folder, encoder, most_bytes=file_bytes) if folder else None

    def get(self, keys: Sequence[bytes]) -> dict[bytes, Vector]:
        """The vectors of those keys that are known, in one read of the file at most; each (d,), not to be changed."""
        if _is_ignored.get():
            return {}
        found = self._memory.get(keys)
        missing = [key for key in dict.fromkeys(keys) if key not in found]
        if self._file and missing:
            read = self._file.read(missing)
            self._memory.put(read)
            found.update(read)
        return found

    def put(self, vectors: Mapping[bytes, Vector]) -> None:
        """Keeps vectors, in one write of the file; one that is not finite is left out, so that it is computed again.

        Args:
            vectors: each (d,), float32.
        """
        if _is_ignored.get():
            return
        sound = {key: _kept(vector) for key, vector in vectors.items() if np.isfinite(vector).all()}
        self._memory.put(sound)
        if self._file and sound:
            self._file.write(sound)

    def read_many(self, digests: Sequence[str]) -> Rows:
        """The vectors of pictures by the SHA-256 (hex) of their renditions, for whoever compares or fits them.

        Takes nothing of the memory that jobs use; 10,000 vectors of 1,024 numbers are 41 MB.
        """
        keys = [picture_key(digest) for digest in digests]
        found = self._memory.get(keys)
        if self._file:
            found.update(self._file.read([key for key in dict.fromkeys(keys) if key not in found]))
        places = [place for place, key in enumerate(keys) if key in found]
        rows = [found[keys[place]] for place in places]
        return Rows(np.array(places, np.int64), np.stack(rows) if rows else np.empty((0, 0), np.float32))

    def close(self) -> None:
        """Writes down what was used and gives the file back; the next use opens it again."""
        if self._file:
            self._file.close()


def _kept(vector: Vector) -> Vector:
    """A copy of its own that nobody can change: a row of a batch would keep the whole batch alive."""
    kept = np.array(vector, np.float32)
    kept.setflags(write=False)
    return kept


class _Memory:
    """The vectors used last, within a number of bytes."""

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self._bytes = 0
        self._vectors: OrderedDict[bytes, Vector] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, keys: Iterable[bytes]) -> dict[bytes, Vector]:
        with self._lock:
            found = {key: self._vectors[key] for key in keys if key in self._vectors}
            for key in found:
                self._vectors.move_to_end(key)
        return found

    def put(self, vectors: Mapping[bytes, Vector]) -> None:
        with self._lock:
            for key, vector in vectors.items():
                self._forget(key)
                self._vectors[key] = vector
                self._bytes += vector.nbytes + ENTRY_BYTES
            while self._bytes > self._most_bytes:
                self._forget(next(iter(self._vectors)))

    def _forget(self, key: bytes) -> None:
        vector = self._vectors.pop(key, None)
        if vector is not None:
            self._bytes -= vector.nbytes + ENTRY_BYTES


_is_ignored: ContextVar[bool] = ContextVar("embeddings are ignored", default=False)


@contextmanager
def ignored() -> Iterator[None]:
    """While it lasts, this thread's models answer themselves: nothing is recalled and nothing is kept."""
    token = _is_ignored.set(True)
    try:
        yield
    finally:
        _is_ignored.reset(token)


# -- the stores of this process ---------------------------------------------------------------------------------------

_stores: dict[str, Embeddings] = {}
_stores_lock = threading.Lock()
_root: list[Path] = []


def keep_below(folder: Path | None) -> None:
    """From now on keeps embeddings in files below this folder; None keeps them in memory alone.

    Forgets what this process holds in memory. The folder is made when something is first kept.
    """
    with _stores_lock:
        for store in _stores.values():
            store.close()
        _stores.clear()
        _root[:] = [folder] if folder else []


def folder() -> Path | None:
    """Where embeddings are kept beyond this process; None where they are not."""
    return _root[0] if _root else None


def of(encoder: str) -> Embeddings:
    """This process's store of an encoder, the same one for everybody who asks."""
    with _stores_lock:
        if encoder not in _stores:
            _stores[encoder] = Embeddings(encoder, folder=folder())
        return _stores[encoder]
