"""Run by every Python of a trainer's own environment, because this folder is on its path: see `environments`."""

import importlib.util
from pathlib import Path

_TORCH_SETUP = Path(__file__).resolve().parents[3] / "scoring" / "torch_setup.py"


def _prepare() -> None:
    """The torchvision of the package index is built for CUDA; beside a CPU build of torch it needs two names."""
    if importlib.util.find_spec("torch") is None:
        return
    spec = importlib.util.spec_from_file_location("pairwright_torch_setup", _TORCH_SETUP)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    globals()["_kept"] = module  # a declaration lives as long as its library object


_prepare()
