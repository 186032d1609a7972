"""Trainers whose pinned libraries exclude ours and each other: a virtual environment for each, outside the checkout.

    python -m tests.trainers.environments      makes what is missing (some gigabytes, some minutes)
    pytest -m trainers --environments          runs the tests that need them

The packages are pinned in `llamafactory.txt` and `swift.txt` beside this file. `beside/` is on the path of these
environments: it makes torchvision importable and stands in for torchaudio on a machine without CUDA.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import venv
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
NAMES = ("llamafactory", "swift")
STAMP = "pairwright.stamp"
# A tiny model trains in seconds; the imports of a framework may take a minute on a busy machine.
SECONDS = 420
_LOSS = re.compile(r"'loss': '?([0-9.eE+-]+)")
_ROWS = re.compile(r"Num examples = ([0-9,]+)")


@dataclass(frozen=True)
class Run:
    """What a framework said of one training.

    Args:
        losses: of each logged step.
        rows: examples it counted; None where it does not say.
        log: everything it printed.
    """

    losses: list[float]
    rows: int | None
    log: str


def folder_of(name: str) -> Path:
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return cache / "pairwright" / "trainers" / name


def python_of(name: str) -> Path | None:
    """The interpreter of an environment that was made whole from the pins as they are now; None where there is none."""
    folder = folder_of(name)
    stamp = folder / STAMP
    if not stamp.is_file() or stamp.read_text("utf-8") != _pins(name):
        return None
    return folder / "bin" / "python"


def make(name: str) -> None:
    """Makes the environment, or brings it to the pins."""
    folder = folder_of(name)
    (folder / STAMP).unlink(missing_ok=True)
    if not (folder / "bin" / "python").exists():
        folder.mkdir(parents=True, exist_ok=True)
        venv.create(folder, with_pip=True)
    install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", str(HERE / f"{name}.txt")]
    subprocess.run([str(folder / "bin" / "python"), *install], check=True)
    (folder / STAMP).write_text(_pins(name), "utf-8")


def run(python: Path, arguments: list[str], folder: Path, **variables: str) -> Run:
    """Runs a framework's command in a folder of its own, without a network.

    Raises:
        AssertionError: it failed; the end of what it printed is in the message.
    """
    folder.mkdir(parents=True, exist_ok=True)
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "PYTHONPATH": str(HERE / "beside"),
        "OMP_NUM_THREADS": "1",
        "HF_HUB_OFFLINE": "1",
        "HF_HOME": str(folder / "hf"),
        "MODELSCOPE_CACHE": str(folder / "modelscope"),
        "USE_HF": "1",
        "CUDA_VISIBLE_DEVICES": "",
        **variables,
    }
    done = subprocess.run(
        [str(python), *arguments],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert done.returncode == 0, f"{' '.join(arguments)} ended with {done.returncode}:\n{done.stdout[-3000:]}"
    counted = _ROWS.findall(done.stdout)
    losses = [float(value) for value in _LOSS.findall(done.stdout)]
    return Run(losses, int(counted[-1].replace(",", "")) if counted else None, done.stdout)


def write_config(path: Path, **values: object) -> Path:
    """A configuration as JSON, which is YAML too."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(values, indent=1), "utf-8")
    return path


def _pins(name: str) -> str:
    return (HERE / f"{name}.txt").read_text("utf-8")


if __name__ == "__main__":
    for wanted in sys.argv[1:] or NAMES:
        if python_of(wanted) is None:
            print(f"Installing tests/trainers/{wanted}.txt into {folder_of(wanted)} (some minutes)", flush=True)
            make(wanted)
