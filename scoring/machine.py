"""What this machine has to compute with, found out without loading a model library. Plain code."""

from __future__ import annotations

import os

# Each process holds its own copy of a model, so a processor with many cores gets few processes of several threads.
MOST_MODEL_PROCESSES = 4


def cores() -> int:
    return os.cpu_count() or 1


def has_gpu() -> bool:
    """Whether a worker here would find a CUDA device: one is named by the environment, or the driver shows one."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        return bool(visible.strip()) and visible.strip() != "-1"
    return os.path.exists("/dev/nvidia0")


def model_pool() -> list[str]:
    """How Celery should run the queue of models.

    CUDA does not survive a fork and one model at a time fills the card: one process. Without a GPU several processes
    of few threads each lose less to waiting for one another than one process of many.
    """
    if has_gpu():
        return ["--pool", "solo"]
    return ["--concurrency", str(min(cores(), MOST_MODEL_PROCESSES))]
