"""Readers of others, each loaded without the models it ships with."""

from __future__ import annotations

import importlib
import importlib.machinery
import importlib.util
import os
import sys
import types
from pathlib import Path
from types import ModuleType
from unittest.mock import patch

import pytest

SCRIPTS = "PAIRWRIGHT_TRAINER_SCRIPTS"


def package_module(package: str, module: str, *, stubs: dict[str, dict[str, object]] | None = None) -> ModuleType:
    """A module of an installed package without running the package's `__init__`, which would load whole models.

    Args:
        module: dotted, below the package.
        stubs: modules that the reader imports and does not need, with the names it asks them for.
    """
    found = importlib.machinery.PathFinder.find_spec(package)
    if found is None or not found.submodule_search_locations:
        pytest.skip(f"{package} is not installed: pip install --no-deps {package}")
    folder = Path(found.submodule_search_locations[0])
    parents = module.split(".")[:-1]
    for depth in range(len(parents) + 1):
        name = ".".join([package, *parents[:depth]])
        if name not in sys.modules or not hasattr(sys.modules[name], "__pairwright__"):
            empty = types.ModuleType(name)
            empty.__path__ = [str(folder.joinpath(*parents[:depth]))]
            empty.__pairwright__ = True  # type: ignore[attr-defined]
            sys.modules[name] = empty
    for name, attributes in (stubs or {}).items():
        sys.modules[f"{package}.{name}"] = _stub(f"{package}.{name}", attributes)
    return importlib.import_module(f"{package}.{module}")


def script(path: str, *, address: str) -> Path:
    """A script of somebody else's repository, under the folder that `PAIRWRIGHT_TRAINER_SCRIPTS` names.

    Skips with the address and the command that runs the check where it is not there.
    """
    folder = os.environ.get(SCRIPTS, "")
    found = Path(folder) / path
    if not folder or not found.is_file():
        pytest.skip(f"{address} is not here: clone it, then {SCRIPTS}=FOLDER pytest -m trainers (FOLDER/{path})")
    return found


def module_at(path: Path, *, stubs: dict[str, dict[str, object]] | None = None) -> ModuleType:
    """A script's module loaded by its path, with stand-ins for what it imports and the check does not need."""
    found = importlib.util.spec_from_file_location(f"checked_{path.stem}", path)
    assert found is not None
    assert found.loader is not None
    module = importlib.util.module_from_spec(found)
    with patch.dict(sys.modules, {name: _stub(name, attributes) for name, attributes in (stubs or {}).items()}):
        found.loader.exec_module(module)
    return module


def _stub(name: str, attributes: dict[str, object]) -> ModuleType:
    stub = types.ModuleType(name)
    vars(stub).update(attributes)
    return stub
