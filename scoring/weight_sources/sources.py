"""Finding the files of a source of weights, whichever of the three kinds it is."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from fnmatch import fnmatch
from pathlib import Path

from huggingface_hub import snapshot_download

from scoring.scorers.base import ScorerUnavailable
from scoring.weight_sources import bucket

PINNED = re.compile(r"(?P<repo>[\w.-]+/[\w.-]+)@(?P<revision>[0-9a-f]{40})")
SUFFIXES = {".safetensors", ".bin", ".pt", ".pth", ".ckpt", ".onnx"}


# -- the files of a source --------------------------------------------------------------------------------------------


def folder_of(source: str, patterns: Sequence[str]) -> Path:
    """The folder with the files of a source, fetched from the Hub or a bucket where they are not here yet.

    Args:
        source: `owner/name@commit` with the commit's 40 hexadecimal digits, the path of a folder, or
            `s3://bucket/prefix`.
        patterns: which of the files are wanted, as shell patterns.

    Raises:
        ScorerUnavailable: no such folder, no pinned commit, or the Hub or the bucket does not give the files.
    """
    if source.startswith("s3://"):
        return _noted(source, bucket.folder_of(source, patterns))
    folder = Path(source).expanduser()
    if source and folder.is_dir():
        return _noted(source, folder)
    pinned = PINNED.fullmatch(source)
    if pinned is None:
        raise ScorerUnavailable(
            f"There is no folder “{source}”, and it does not name weights on the Hub either: those are written "
            "OWNER/NAME@COMMIT with all 40 digits of the commit, so that the weights can never change unseen."
        )
    return _noted(source, _from_hub(source, pinned["repo"], pinned["revision"], patterns))


def _from_hub(source: str, repo: str, revision: str, patterns: Sequence[str]) -> Path:
    try:
        return Path(snapshot_download(repo, revision=revision, allow_patterns=list(patterns)))
    except OSError as error:
        raise ScorerUnavailable(
            f"The weights {source} are not on this machine and the Hub does not give them "
            f"({type(error).__name__}). Connect the worker to the Hub once, or copy the files into a folder and "
            "give that folder as the scorer's setting “source”."
        ) from error


def file_of(source: str, pattern: str) -> Path:
    """The one file of a source that fits a shell pattern; the source may also be the path of that file itself.

    Raises:
        ScorerUnavailable: none fits, or several do, or the source gives nothing.
    """
    path = Path(source).expanduser()
    if source and path.is_file():
        return _noted(source, path)
    folder = folder_of(source, [pattern])
    names = (file for file in folder.rglob("*") if fnmatch(file.relative_to(folder).as_posix(), pattern))
    found = sorted(file for file in names if file.is_file())
    if len(found) != 1:
        shown = ", ".join(str(file.relative_to(folder)) for file in found[:5]) or "none"
        raise ScorerUnavailable(f"Exactly one file of {source} should fit “{pattern}”; these do: {shown}.")
    return found[0]


def weights_file(folder: Path, names: Sequence[str]) -> Path:
    """The first of the named files that a folder holds; safetensors should be named first.

    Raises:
        ScorerUnavailable: it holds none of them.
    """
    for name in names:
        if (folder / name).is_file():
            return folder / name
    raise ScorerUnavailable(f"The folder {folder} holds no weights: none of {', '.join(names)}.")


# -- what is here already ---------------------------------------------------------------------------------------------


def names_weights(setting: str) -> bool:
    """Whether the value of a setting is a source of weights."""
    return setting.startswith("s3://") or PINNED.fullmatch(setting) is not None


def is_here(source: str) -> bool:
    """Whether some weights of a source are on this machine, without fetching anything.

    Fetching says for certain; this looks for one file of tensors.
    """
    if source.startswith("s3://"):
        return bucket.has_any(source)
    pinned = PINNED.fullmatch(source)
    if pinned is None:
        return _has_weights(Path(source).expanduser())
    try:
        return _has_weights(Path(snapshot_download(pinned["repo"], revision=pinned["revision"], local_files_only=True)))
    except OSError:
        return False


def _has_weights(folder: Path) -> bool:
    return folder.is_dir() and any(file.suffix in SUFFIXES for file in folder.rglob("*"))


# -- what was asked for -----------------------------------------------------------------------------------------------


@dataclass
class Trace:
    """What was located and digested while it was watched.

    Attributes:
        places: source → folder or file.
        digests: file → SHA-256 (hex).
    """

    places: dict[str, Path] = field(default_factory=dict)
    digests: dict[Path, str] = field(default_factory=dict)


_watching: ContextVar[Trace | None] = ContextVar("watching", default=None)


@contextmanager
def watched() -> Iterator[Trace]:
    """Notes every source that is located within, and every file that is digested."""
    trace = Trace()
    token = _watching.set(trace)
    try:
        yield trace
    finally:
        _watching.reset(token)


def note_digest(path: Path, digest: str) -> None:
    trace = _watching.get()
    if trace is not None:
        trace.digests[path] = digest


def _noted(source: str, place: Path) -> Path:
    trace = _watching.get()
    if trace is not None:
        trace.places[source] = place
    return place
