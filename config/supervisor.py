"""Keeps a few child processes running until it is told to stop.

Plain code: what `up` runs, and nothing of what those processes do.
"""

import ctypes
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import FrameType

import structlog

logger = structlog.get_logger(__name__)

_LONGEST_PAUSE_SECONDS = 30.0
# A child that lived this long was well; its next death is a new trouble.
_WELL_AFTER_SECONDS = 60.0
_PR_SET_PDEATHSIG = 1


@dataclass(kw_only=True)
class Child:
    """One program to keep running."""

    name: str
    command: Sequence[str]
    # What differs from the environment that all children share.
    environment: Mapping[str, str] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None
    started_at: float = 0.0
    start_again_at: float = 0.0
    pause_seconds: float = 1.0


@dataclass
class Supervisor:
    """Starts children, starts the dead again, and ends all of them on SIGINT or SIGTERM."""

    children: list[Child]
    environment: Mapping[str, str]
    patience_seconds: float = 30.0
    _signals: int = field(default=0, init=False)

    def run(self, *, when_ready: Callable[[], bool]) -> None:
        """Until a signal arrives. `when_ready` is asked each turn until it says True once."""
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._stop_asked)
        is_ready = False
        try:
            while not self._signals:
                self._start_the_dead()
                is_ready = is_ready or when_ready()
                time.sleep(0.2)
        finally:
            self._end_all()

    def _stop_asked(self, _number: int, _frame: FrameType | None) -> None:
        self._signals += 1

    def _start_the_dead(self) -> None:
        now = time.monotonic()
        for child in self.children:
            if child.process is not None and child.process.poll() is not None:
                self._plan_restart(child, now)
            if child.process is None and now >= child.start_again_at:
                self._start(child, now)

    def _plan_restart(self, child: Child, now: float) -> None:
        assert child.process is not None
        if now - child.started_at > _WELL_AFTER_SECONDS:
            child.pause_seconds = 1.0
        logger.error(
            "a process ended by itself and is started again",
            process=child.name,
            exit_status=child.process.returncode,
            pause_seconds=child.pause_seconds,
        )
        child.process = None
        child.start_again_at = now + child.pause_seconds
        child.pause_seconds = min(child.pause_seconds * 2, _LONGEST_PAUSE_SECONDS)

    def _start(self, child: Child, now: float) -> None:
        # A session of its own: Ctrl-C in the terminal reaches this process only, which then ends
        # the children in its own order. No thread runs here, so the fork hook is safe.
        child.process = subprocess.Popen(
            child.command,
            env={**self.environment, **child.environment},
            start_new_session=True,
            preexec_fn=_die_with_parent,
        )
        child.started_at = now

    def _end_all(self) -> None:
        """Ask kindly; a second signal, or the end of patience, ends them at once."""
        running = [child for child in self.children if child.process is not None]
        for child in running:
            assert child.process is not None
            child.process.terminate()
        asked = self._signals
        deadline = time.monotonic() + self.patience_seconds
        for child in running:
            assert child.process is not None
            while child.process.poll() is None:
                if time.monotonic() > deadline or self._signals > asked:
                    logger.warning("a process did not end in time and is killed", process=child.name)
                    child.process.kill()
                    child.process.wait()
                time.sleep(0.05)


def _die_with_parent() -> None:
    """On Linux a child is told to stop when its supervisor was killed outright; otherwise a
    forgotten web server would hold the port."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
