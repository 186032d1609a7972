"""A folder that is either whole or not there.

An export is written beside its place under a hidden name and renamed into it at the end. A killed export
leaves only the hidden folder, which the next export to the same place removes. A folder is replaced only
if it is an earlier export of the same dataset that nobody touched since.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from curation.errors import Conflict, Refused
from curation.exports.checksums import CHECKSUMS, digest_of, read_checksums

MANIFEST = "manifest.json"
CARD = "README.md"
SCHEMA = "pairwright-export/1"
# Somebody may have edited a card, a caption or a list; shards are too large to read again each time.
_EDITABLE_BYTES = 4_000_000


@contextmanager
def whole_or_nothing(destination: Path, *, dataset: str) -> Iterator[Path]:
    """Gives a folder to write into; it becomes `destination` when the block ends without an error.

    Raises:
        Refused: `destination` holds something else than an untouched export of `dataset`.
        Conflict: another export is writing to `destination` right now.
    """
    destination.parent.mkdir(parents=True, exist_ok=True)
    with _alone_at(destination):
        _finish_what_a_kill_left(destination)
        refuse_foreign(destination, dataset=dataset)
        partial = _beside(destination, "partial")
        partial.mkdir()
        try:
            yield partial
            refuse_foreign(destination, dataset=dataset)
        except BaseException:
            shutil.rmtree(partial, ignore_errors=True)
            raise
        _put_in_place(partial, destination)


def refuse_foreign(destination: Path, *, dataset: str) -> None:
    """Raises `Refused` unless the place is free, empty, or an untouched export of the same dataset."""
    if not destination.exists() and not destination.is_symlink():
        return
    if not destination.is_dir() or destination.is_symlink():
        raise Refused(f"{destination} is not a folder. Name a folder that does not exist yet.")
    if not any(destination.iterdir()):
        return
    manifest = _manifest_of(destination)
    if manifest is None:
        raise Refused(f"{destination} holds files that are not an export of ours. Name an empty or a new folder.")
    if manifest.get("dataset") != dataset:
        raise Refused(
            f"{destination} holds an export of {manifest.get('dataset')}, not of {dataset}. Name another folder."
        )
    changed = _changed_since(destination)
    if changed:
        raise Refused(
            f"{destination} was changed after it was exported ({changed}). Move what you want to keep, "
            "or name another folder."
        )


def _manifest_of(folder: Path) -> dict[str, object] | None:
    try:
        manifest = json.loads((folder / MANIFEST).read_text("utf-8"))
    except (OSError, ValueError):
        return None
    if not isinstance(manifest, dict) or manifest.get("schema") != SCHEMA:
        return None
    return manifest


def _changed_since(folder: Path) -> str:
    """The first file that was added, or small enough to check and edited; empty when there is none."""
    try:
        stated = dict(read_checksums(folder))
    except (OSError, ValueError):
        return f"{CHECKSUMS} is missing or broken"
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_dir() or name == CHECKSUMS:
            continue
        if name not in stated:
            return f"{name} is new"
        if path.stat().st_size <= _EDITABLE_BYTES and digest_of(path) != stated[name]:
            return f"{name} was edited"
    return ""


def _beside(destination: Path, what: str) -> Path:
    return destination.with_name(f".{destination.name}.pairwright-{what}")


@contextmanager
def _alone_at(destination: Path) -> Iterator[None]:
    """Holds the place. The system lets go of the lock when its holder dies, however it dies."""
    path = _beside(destination, "lock")
    with _locked(path, destination):
        try:
            yield
        finally:
            path.unlink(missing_ok=True)


def _locked(path: Path, destination: Path) -> IO[str]:
    """The lock file, open and locked; opened again if its last holder removed it between our two steps."""
    while True:
        lock = path.open("w")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            lock.close()
            raise Conflict(
                f"Another export is writing to {destination} right now. Wait for it, then try again."
            ) from error
        if path.exists() and os.fstat(lock.fileno()).st_ino == path.stat().st_ino:
            return lock
        lock.close()


def _finish_what_a_kill_left(destination: Path) -> None:
    """Removes a half-written export; brings back the old one if a kill hit between the two renames."""
    shutil.rmtree(_beside(destination, "partial"), ignore_errors=True)
    replaced = _beside(destination, "replaced")
    if replaced.exists() and not destination.exists():
        replaced.rename(destination)
    shutil.rmtree(replaced, ignore_errors=True)


def _put_in_place(partial: Path, destination: Path) -> None:
    _reach_the_disk(partial)
    replaced = _beside(destination, "replaced")
    if destination.exists():
        destination.rename(replaced)
    partial.rename(destination)
    _sync(destination.parent)
    shutil.rmtree(replaced, ignore_errors=True)


def _reach_the_disk(folder: Path) -> None:
    """Contents first, then names: after a power cut a folder with our name on it is whole."""
    for path in [*folder.rglob("*"), folder]:
        _sync(path)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
