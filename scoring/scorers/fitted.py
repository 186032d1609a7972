"""Models put together from a table of tensors that is not laid out as transformers would: strictly, or not at all."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from scoring import weights
from scoring.scorers import pretrained
from scoring.scorers.base import ScorerUnavailable

State = dict[str, torch.Tensor]


def fitted(
    model_class: Any,
    config: Any,
    state: Mapping[str, torch.Tensor],
    *,
    origin: Path,
    dtype: torch.dtype = torch.float32,
    **options: Any,
) -> Any:
    """A model of transformers with these tensors, for evaluation, on the CPU.

    transformers itself builds it, because it alone knows which tensors of a class are one and the same: a plain
    `load_state_dict` would write the output layer of a T5 over its embeddings.

    Raises:
        ScorerUnavailable: tensors are missing, left over or of another shape; names the file they come from.
    """
    try:
        model, said = model_class.from_pretrained(
            None,
            config=config,
            state_dict=dict(state),
            output_loading_info=True,
            ignore_mismatched_sizes=True,  # not ignored: it names them below instead of pointing to a log
            dtype=dtype,
            **options,
        )
    except (RuntimeError, ValueError, TypeError) as error:
        raise misfit(origin, str(error)) from error
    wrong = [
        f"{kind} {', '.join(sorted(map(str, names))[: pretrained.SHOWN])}" for kind, names in said.items() if names
    ]
    if wrong:
        raise misfit(origin, "; ".join(wrong))
    return model.eval()


def fill(module: torch.nn.Module, state: Mapping[str, torch.Tensor], *, origin: Path) -> torch.nn.Module:
    """Puts tensors into a module of our own, strictly; ScorerUnavailable names the file and what does not fit."""
    try:
        module.load_state_dict(dict(state), strict=True)
    except RuntimeError as error:
        raise misfit(origin, str(error)) from error
    return module.eval()


def misfit(origin: Path, reason: str) -> ScorerUnavailable:
    """The error that the tensors of a file are not those of this model."""
    return ScorerUnavailable(f"The weights {origin} do not fit this model: {reason}. Fetch the right ones again.")


def under(state: Mapping[str, torch.Tensor], prefix: str) -> State:
    """The tensors whose names begin with the prefix, without it."""
    return {name.removeprefix(prefix): tensor for name, tensor in state.items() if name.startswith(prefix)}


# -- files ------------------------------------------------------------------------------------------------------------


def tensor_files(folder: Path, names: Sequence[str]) -> list[Path]:
    """The files with a folder's tensors: the first of the names, or all parts that its index lists.

    Raises:
        ScorerUnavailable: there is neither, or a listed part is missing or lies elsewhere.
    """
    for name in names:
        index = folder / f"{name}.index.json"
        if not (folder / name).is_file() and index.is_file():
            return _parts(index)
    return [weights.weights_file(folder, names)]


def _parts(index: Path) -> list[Path]:
    listed = weights.read_json(index).get("weight_map")
    if not isinstance(listed, dict) or not listed:
        raise ScorerUnavailable(f"{index} lists no files. Fetch the weights again.")
    files = sorted({index.parent / str(name) for name in listed.values()})
    for file in files:
        if file.parent != index.parent or not file.is_file():
            raise ScorerUnavailable(f"{index} lists {file.name}, which is not in its folder. Fetch the weights again.")
    return files


def read_all(files: Sequence[Path]) -> State:
    """The tensors of all files of a model."""
    state: State = {}
    for file in files:
        state.update(weights.read_tensors(file))
    return state


def digest_of_files(files: Sequence[Path]) -> str:
    """SHA-256 (hex) that changes with the content of any file, with their order, and with nothing else."""
    if len(files) == 1:
        return weights.file_digest(files[0])
    joined = "".join(weights.file_digest(file) for file in files)
    return hashlib.sha256(joined.encode()).hexdigest()
