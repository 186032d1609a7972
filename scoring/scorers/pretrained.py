"""Models of transformers, read from a folder of weights: every tensor in its place, or none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

import scoring.torch_setup  # noqa: F401 - declares the operators without which transformers cannot be imported

# isort: split
from transformers.utils import logging as transformers_logging

from scoring import weights
from scoring.scorers.base import ScorerUnavailable

# Its table of what does not fit is our error, with the same names in it.
transformers_logging.set_verbosity_error()
transformers_logging.disable_progress_bar()

FILES = ("model.safetensors", "pytorch_model.bin")
PATTERNS = ("config.json", "preprocessor_config.json", *FILES)
SHOWN = 5


@dataclass(frozen=True)
class Folder:
    """Weights on disk with their configuration.

    Attributes:
        stated: `config.json`.
        path: the file with the tensors.
    """

    folder: Path
    stated: Mapping[str, Any]
    path: Path

    @property
    def model_type(self) -> str:
        return str(self.stated.get("model_type", ""))


def find(source: str, *, patterns: Sequence[str] = PATTERNS) -> Folder:
    """Locates weights and reads their configuration, without loading them.

    Raises:
        ScorerUnavailable: not here, or without configuration or tensors.
    """
    folder = weights.folder_of(source, patterns)
    path = weights.weights_file(folder, FILES)
    return Folder(folder, weights.read_json(folder / "config.json"), path)


def load(
    found: Folder,
    model_class: Any,
    *,
    device: torch.device,
    dtype: torch.dtype,
    spare: Sequence[str] = (),
    **options: Any,
) -> Any:
    """A model with the tensors of a folder, for evaluation.

    The tensors are read by our own reader, which opens no program, and given to transformers, which renames those
    that older releases called otherwise.

    Args:
        model_class: a class of transformers' models, such as `ViTModel`.
        spare: beginnings of names that the file may have and the model does not want.
        options: further arguments of the model's class.

    Raises:
        ScorerUnavailable: tensors are missing, left over or of another shape.
    """
    try:
        config = model_class.config_class.from_dict(dict(found.stated))
        model, said = model_class.from_pretrained(
            None,
            config=config,
            state_dict=weights.read_tensors(found.path),
            output_loading_info=True,
            dtype=torch.float32,
            **options,
        )
    except (RuntimeError, ValueError, TypeError, AttributeError, ImportError) as error:
        raise ScorerUnavailable(f"The weights {found.path} do not fit their configuration: {error}") from error
    surplus = [name for name in said["unexpected_keys"] if not name.startswith(tuple(spare))]
    wrong = sorted({*said["missing_keys"], *surplus, *map(str, said["mismatched_keys"])})
    if wrong or said["error_msgs"]:
        raise ScorerUnavailable(
            f"The weights {found.path} do not fit their configuration: "
            f"{', '.join([*wrong[:SHOWN], *said['error_msgs'][:1]])}{' …' if len(wrong) > SHOWN else ''}"
        )
    return model.eval().to(device=device, dtype=dtype)
