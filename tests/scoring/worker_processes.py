"""Worker processes that tests start, kill and wait for."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable

from curation.models import Job


def kill(process: subprocess.Popen) -> None:
    """`kill -9` for a worker and the processes of its pool."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    process.wait()


def wait_until(condition: Callable[[], bool], what: str, *, patience_seconds: float = 90) -> None:
    deadline = time.monotonic() + patience_seconds
    while not condition():
        assert time.monotonic() < deadline, f"waited {patience_seconds} s for: {what}"
        time.sleep(0.02)


def is_over(job: Job) -> bool:
    job.refresh_from_db()
    return not job.is_unfinished
