"""Weights as files: located (`weight_sources`), read as tensors and never as programs, and known by their digest."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from scoring.scorers.base import ScorerUnavailable
from scoring.weight_sources.sources import file_of, folder_of, note_digest, weights_file

__all__ = ["file_digest", "file_of", "folder_of", "read_json", "read_tensors", "weights_file"]

READ_BYTES = 1 << 22


def read_tensors(path: Path) -> dict[str, torch.Tensor]:
    """The tensors of a weights file by name, on the CPU, in the precision they were saved in.

    Safetensors hold nothing but tensors. An older PyTorch file is a pickle, which can run anything it likes when it
    is opened: it is read by torch's restricted reader, which refuses all but tensors and plain containers. Where a
    training run saved its table under `state_dict`, beside counters of its own, the table is what is returned.

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
    if isinstance(loaded, Mapping) and _is_state(loaded.get("state_dict")):
        loaded = loaded["state_dict"]
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
    note_digest(path, digest.hexdigest())
    return digest.hexdigest()


def _is_state(loaded: object) -> bool:
    return isinstance(loaded, Mapping) and all(
        isinstance(name, str) and isinstance(value, torch.Tensor) for name, value in loaded.items()
    )
