"""Weights in a bucket of S3, or of anything that speaks it: copied into the cache once for each state of the prefix.

The copy lies under a digest of the listing (names, sizes, ETags), so that an object that changes makes another copy and
never half of one. It is written beside its place and renamed when it is whole; what a killed process has fetched is
gone on with, and processes of one machine wait for each other.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import re
import shutil
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import astuple, dataclass
from fnmatch import fnmatch
from pathlib import Path, PurePosixPath
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from scoring.scorers.base import ScorerUnavailable
from scoring.weight_sources.places import here

ADDRESS = re.compile(r"s3://(?P<bucket>[a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:/(?P<prefix>.*))?")
# A prefix with more objects was not meant, and a model of more files does not exist.
MOST_LISTED, MOST_FILES = 10_000, 1_000
ATTEMPTS = 5
CHUNK_BYTES = 1 << 20
CONFIG = Config(connect_timeout=10, read_timeout=60, retries={"max_attempts": 3, "mode": "standard"})
# Beside what the weights take, the disk keeps this much.
SPARE_BYTES = 1 << 28
TROUBLE = (BotoCoreError, ClientError)


@dataclass(frozen=True)
class Entry:
    """One object below the prefix.

    Attributes:
        name: its path below the prefix.
        key: its whole name in the bucket.
        etag: S3's own mark of its content.
    """

    name: str
    key: str
    size: int
    etag: str


def folder_of(source: str, patterns: Sequence[str]) -> Path:
    """The folder with a source's files, fetched unless this state of them is here already.

    Where the bucket cannot be asked, the state that was fetched last is used.

    Args:
        source: `s3://bucket/prefix`; a prefix that names one object means that file.
        patterns: which files are wanted, as shell patterns of their path below the prefix.

    Raises:
        ScorerUnavailable: the bucket does not answer or refuses, holds none of the files, or they do not fit here.
    """
    try:
        return _fetched(source, patterns)
    except TROUBLE as error:
        known = latest(source, patterns)
        if known is not None and not isinstance(error, ClientError):
            return known
        raise ScorerUnavailable(
            f"The weights {source} cannot be fetched ({type(error).__name__}: {error}). Check the address and the "
            "keys: PAIRWRIGHT_S3_ENDPOINT, _ACCESS_KEY and _SECRET_KEY, or else what boto3 reads (AWS_ACCESS_KEY_ID "
            "…). Or copy the files into a folder and give that folder as the scorer's setting."
        ) from error


def latest(source: str, patterns: Sequence[str]) -> Path | None:
    """The copy of a source that was fetched last and is whole, without asking the bucket; None where there is none."""
    note = _note(source, patterns)
    return _named_in(note) if note.is_file() else None


def has_any(source: str) -> bool:
    """Whether some files of a source were fetched, whatever their patterns; the bucket is not asked."""
    return any(_named_in(note) is not None for note in here.cache.glob(f"{_mark(source)}-*.latest"))


def _named_in(note: Path) -> Path | None:
    folder = here.cache / note.read_text(encoding="utf-8").strip()
    return folder if folder.is_dir() else None


def _fetched(source: str, patterns: Sequence[str]) -> Path:
    client = _client()
    bucket, prefix = _address(source)
    entries = _wanted(client, source, patterns)
    folder = here.cache / _digest(bucket, prefix, entries)
    here.cache.mkdir(parents=True, exist_ok=True)
    with _alone(folder):
        if not folder.is_dir():
            _fetch(client, bucket, entries, folder)
    _write_whole(_note(source, patterns), folder.name)
    return folder


def _client() -> Any:
    keys = here.keys
    return boto3.session.Session().client(
        "s3",
        endpoint_url=keys.endpoint_url,
        region_name=keys.region_name,
        aws_access_key_id=keys.access_key,
        aws_secret_access_key=keys.secret_key,
        config=CONFIG,
    )


def _address(source: str) -> tuple[str, str]:
    found = ADDRESS.fullmatch(source)
    if found is None:
        raise ScorerUnavailable(f"“{source}” is no address in a bucket; those are written s3://BUCKET/PREFIX.")
    return found["bucket"], (found["prefix"] or "").strip("/")


# -- what is there ----------------------------------------------------------------------------------------------------


def _wanted(client: Any, source: str, patterns: Sequence[str]) -> list[Entry]:
    """The objects whose names fit a pattern, by name."""
    bucket, prefix = _address(source)
    entries = list(_listed(client, bucket, prefix))
    wanted = [entry for entry in entries if any(fnmatch(entry.name, pattern) for pattern in patterns)]
    if not wanted:
        shown = ", ".join(entry.name for entry in entries[:5]) or "nothing"
        raise ScorerUnavailable(f"{source} holds none of {', '.join(patterns)}. It holds: {shown}.")
    if len(wanted) > MOST_FILES:
        raise ScorerUnavailable(f"{source} holds {len(wanted)} files that fit; weights have at most {MOST_FILES}.")
    return sorted(wanted, key=lambda entry: entry.name)


def _listed(client: Any, bucket: str, prefix: str) -> Iterator[Entry]:
    count = 0
    for page in client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
        for one in page.get("Contents", []):
            count += 1
            if count > MOST_LISTED:
                raise ScorerUnavailable(f"s3://{bucket}/{prefix} holds more than {MOST_LISTED} objects; go deeper.")
            name = _name_below(one["Key"], prefix)
            if name:
                yield Entry(_safe(name), one["Key"], int(one["Size"]), str(one["ETag"]))


def _name_below(key: str, prefix: str) -> str:
    """The path below the prefix; empty for a mark of a folder, and for neighbours that only begin alike."""
    if key.endswith("/"):
        return ""
    if not prefix or key == prefix:
        return key if not prefix else PurePosixPath(key).name
    return key.removeprefix(f"{prefix}/") if key.startswith(f"{prefix}/") else ""


def _safe(name: str) -> str:
    if name.startswith("/") or ".." in name.split("/") or "\\" in name or "\0" in name:
        raise ScorerUnavailable(f"The bucket holds an object named {name!r}, which is no path below a folder.")
    return name


def _digest(bucket: str, prefix: str, entries: Sequence[Entry]) -> str:
    listed = json.dumps([bucket, prefix, [astuple(entry) for entry in entries]])
    return hashlib.sha256(listed.encode()).hexdigest()


def _note(source: str, patterns: Sequence[str]) -> Path:
    """The file that says which copy of a source is the latest."""
    return here.cache / f"{_mark(source)}-{_mark(*sorted(patterns))}.latest"


def _mark(*texts: str) -> str:
    return hashlib.sha256(json.dumps(texts).encode()).hexdigest()[:32]


# -- fetching ---------------------------------------------------------------------------------------------------------


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Holds the right to write one copy; the lock ends with the process."""
    with folder.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _fetch(client: Any, bucket: str, entries: Sequence[Entry], folder: Path) -> None:
    growing = folder.with_suffix(".part")
    growing.mkdir(exist_ok=True)
    _check_room(growing, entries)
    for entry in entries:
        path = growing / entry.name
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.is_file():
            _download(client, bucket, entry, path)
    growing.rename(folder)


def _check_room(growing: Path, entries: Sequence[Entry]) -> None:
    there = sum(file.stat().st_size for file in growing.rglob("*") if file.is_file())
    missing = sum(entry.size for entry in entries) - there
    free = shutil.disk_usage(growing).free
    if missing + SPARE_BYTES > free:
        raise ScorerUnavailable(
            f"The weights need {missing:,} bytes more in {growing.parent}, where {free:,} are free. Make room there."
        )


def _download(client: Any, bucket: str, entry: Entry, path: Path) -> None:
    """One object, gone on with where it broke off, at its place when it is whole."""
    growing = path.with_name(path.name + ".incoming")
    for attempt in range(ATTEMPTS):
        try:
            _append(client, bucket, entry, growing)
            break
        except BotoCoreError:
            if attempt == ATTEMPTS - 1:
                raise
    if growing.stat().st_size != entry.size:
        growing.unlink()
        raise ScorerUnavailable(f"s3://{bucket}/{entry.key} gave another number of bytes than its {entry.size:,}.")
    growing.replace(path)


def _append(client: Any, bucket: str, entry: Entry, growing: Path) -> None:
    """Fetches what is missing of an object; S3 refuses where the object is no longer the one that was listed."""
    start = growing.stat().st_size if growing.exists() else 0
    if start >= entry.size:
        growing.touch()
        return
    answer = client.get_object(Bucket=bucket, Key=entry.key, IfMatch=entry.etag, Range=f"bytes={start}-")
    with growing.open("ab") as file:
        for chunk in answer["Body"].iter_chunks(CHUNK_BYTES):
            file.write(chunk)
        file.flush()
        os.fsync(file.fileno())


def _write_whole(path: Path, text: str) -> None:
    growing = path.with_name(f"{path.name}.{os.getpid()}.{threading.get_ident()}")
    growing.write_text(text, encoding="utf-8")
    growing.replace(path)
