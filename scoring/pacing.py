"""How much a worker of this machine does at once. Plain code."""

from __future__ import annotations

import os

from scoring import machine
from scoring.engine import Pace

# From where, and up to where, the fastest batch of a GPU is looked for.
GPU_BATCH = 32
LARGEST_GPU_BATCH = 256
CPU_BATCH = 16


def pace(queue: str) -> Pace:
    """On a processor decoding and the model take turns with this process's cores; a GPU has pictures decoded ahead,
    and batches as large as makes it fastest."""
    if queue == "gpu" and machine.has_gpu():
        cores = machine.cores_a_gpu()
        return Pace(batch_size=GPU_BATCH, threads=cores, processes=cores, ahead=2 * GPU_BATCH, most=LARGEST_GPU_BATCH)
    # What the worker's start gave each of its processes (config/celery.py).
    return Pace(batch_size=CPU_BATCH, threads=int(os.environ.get("OMP_NUM_THREADS", machine.cores())))
