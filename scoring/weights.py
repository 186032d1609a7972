"""Where weights come from: the Hub at a pinned commit, or a folder; read as tensors and never as programs."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from huggingface_hub import snapshot_download
from safetensors import SafetensorError
from safetensors.torch import load_file

from scoring.scorers.base import ScorerUnavailable

PINNED = re.compile(r"(?P<repo>[\w.-]+/[\w.-]+)@(?P<revision>[0-9a-f]{40})")
READ_BYTES = 1 << 22


def folder_of(source: str, patterns: Sequence[str]) -> Path:
    """The folder with the files of a source, fetched from the Hub where they are not here yet.

    Args:
        source: `owner/name@commit` with the commit's 40 hexadecimal digits, or the path of a folder.
        patterns: which of a repository's files are wanted, as shell patterns.

    Raises:
        ScorerUnavailable: no such folder, no pinned commit, or the Hub does not give the files.
    """
    folder = Path(source).expanduser()
    if folder.is_dir():
        return folder
    pinned = PINNED.fullmatch(source)
    if pinned is None:
        raise ScorerUnavailable(
            f"There is no folder “{source}”, and it does not name weights on the Hub either: those are written "
            "OWNER/NAME@COMMIT with all 40 digits of the commit, so that the weights can never change unseen."
        )
    try:
        return Path(snapshot_download(pinned["repo"], revision=pinned["revision"], allow_patterns=list(patterns)))
    except OSError as error:
        raise ScorerUnavailable(
            f"The weights {source} are not on this machine and the Hub does not give them "
            f"({type(error).__name__}). Connect the worker to the Hub once, or copy the files into a folder and "
            "give that folder as the scorer's setting “source”."
        ) from error


def weights_file(folder: Path, names: Sequence[str]) -> Path:
    """The first of the named files that a folder holds; safetensors should be named first.

    Raises:
        ScorerUnavailable: it holds none of them.
    """
    for name in names:
        if (folder / name).is_file():
            return folder / name
    raise ScorerUnavailable(f"The folder {folder} holds no weights: none of {', '.join(names)}.")


def read_tensors(path: Path) -> dict[str, torch.Tensor]:
    """The tensors of a weights file by name, on the CPU, in the precision they were saved in.

    Safetensors hold nothing but tensors. An older PyTorch file is a pickle, which can run anything it likes when it
    is opened: it is read by torch's restricted reader, which refuses all but tensors and plain containers.

    Raises:
        ScorerUnavailable: damaged, or a pickle with more in it than tensors.
    """
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        loaded = torch.load(path, map_location="cpu", weights_only=True)
    except SafetensorError as error:
        raise ScorerUnavailable(f"The weights {path} are damaged ({error}). Fetch them again.") from error
    except Exception as error:  # torch raises whatever its reader stumbles over
        raise ScorerUnavailable(
            f"The weights {path} are refused: they hold more than tensors, or are damaged ({type(error).__name__}). "
            "Convert them to safetensors on a machine where their author may be trusted."
        ) from error
    if not _is_state(loaded):
        raise ScorerUnavailable(f"The weights {path} are refused: they are no table of tensors by name.")
    return dict(loaded)


def read_json(path: Path) -> dict[str, Any]:
    """A configuration file; ScorerUnavailable when it is no JSON object."""
    try:
        loaded = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ScorerUnavailable(f"The configuration {path} cannot be read ({error}).") from error
    if not isinstance(loaded, dict):
        raise ScorerUnavailable(f"The configuration {path} is no JSON object.")
    return loaded


def file_digest(path: Path) -> str:
    """SHA-256 (hex) of a file's bytes; about a second for two gigabytes."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(READ_BYTES):
            digest.update(block)
    return digest.hexdigest()


def _is_state(loaded: object) -> bool:
    return isinstance(loaded, Mapping) and all(
        isinstance(name, str) and isinstance(value, torch.Tensor) for name, value in loaded.items()
    )
