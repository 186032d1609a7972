"""What this machine has to compute with, found out without loading a model library. Plain code."""

from __future__ import annotations

import os
from pathlib import Path

# Each process holds its own copy of a model, so a processor with many cores gets few processes of several threads.
MOST_MODEL_PROCESSES = 4


def cores() -> int:
    return os.cpu_count() or 1


def gpus() -> list[str]:
    """The CUDA devices a worker here would find, as `CUDA_VISIBLE_DEVICES` names them: those the environment allows,
    or those the driver shows."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        return [name.strip() for name in visible.split(",") if name.strip() and name.strip() != "-1"]
    return _shown()


def _shown() -> list[str]:
    shown = [path.name.removeprefix("nvidia") for path in Path("/dev").glob("nvidia[0-9]*")]
    return sorted(shown, key=int)


def cores_a_gpu() -> int:
    """This process's share of the cores, where every card of the machine has a worker beside it."""
    return max(2, cores() // max(len(_shown()), len(gpus()), 1))


def has_gpu() -> bool:
    return bool(gpus())


def model_processes() -> int:
    """How many processes of this machine hold models in the same memory: on a GPU one, on a processor several.

    CUDA does not survive a fork and one model at a time fills the card. Without a GPU several processes of few threads
    each lose less to waiting for one another than one process of many.
    """
    return 1 if has_gpu() else min(cores(), MOST_MODEL_PROCESSES)


def model_pool() -> list[str]:
    """How Celery should run the queue of models in one worker."""
    return ["--pool", "solo"] if has_gpu() else ["--concurrency", str(model_processes())]
