"""What the process and its models hold of memory, in bytes."""

from __future__ import annotations

import os
from collections.abc import Container
from pathlib import Path

from scoring.scorers.base import Json
from scoring.service.batcher import Batcher


def held(batcher: Batcher, names: Container[str]) -> dict[str, Json]:
    """The process's own, and the weights of each scorer of these names."""
    own = {name: size for name, size in batcher.weights.items() if name in names}
    return {"process_bytes": _resident(), "weights_bytes": own}


def _resident() -> int:
    """Resident bytes by the kernel's own file; 0 on a system that has none."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except (OSError, ValueError, IndexError):
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")
