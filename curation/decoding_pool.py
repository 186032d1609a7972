"""Processes that decode for another one. A file that crashes a decoder costs only itself.

Not `multiprocessing`: it forbids a Celery worker to have children, runs the main module again in each of them,
loses all work under way when one of them crashes, and leaves them behind when their parent is killed. Here a
process reads calls from its standard input and ends when that ends, whatever ended its parent. Plain code.
"""

from __future__ import annotations

import os
import pickle
import queue
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import BinaryIO, ParamSpec, TypeVar, cast

P = ParamSpec("P")
R = TypeVar("R")

Process = subprocess.Popen[bytes]


class DecoderDied(Exception):
    """The process ended in the middle of a call: the call crashed it, or somebody killed it."""


class DecodingPool:
    """A few processes, each with one call at a time. They start with the first calls, and import what these need."""

    def __init__(self, processes: int) -> None:
        self._idle: queue.SimpleQueue[Process] = queue.SimpleQueue()
        self._all: list[Process] = []
        self._lock = threading.Lock()
        self._is_closed = False
        self._callers = ThreadPoolExecutor(processes, thread_name_prefix="decoding")

    def submit(self, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> Future[R]:
        """Calls a function of some module in another process; what travels must be picklable.

        The future raises what the function raised, or `DecoderDied`.
        """
        return self._callers.submit(self._call, function, args, kwargs)

    def close(self, *, wait: bool) -> None:
        """Ends the processes: after the calls under way, or at once."""
        with self._lock:
            self._is_closed = not wait
            for process in () if wait else self._all:
                process.kill()
        self._callers.shutdown(wait=True, cancel_futures=True)
        for process in self._all:
            _end(process)

    def _call(self, function: Callable[..., R], args: tuple[object, ...], kwargs: dict[str, object]) -> R:
        process = self._take()
        try:
            pickle.dump((function, args, kwargs), _input(process), protocol=pickle.HIGHEST_PROTOCOL)
            _input(process).flush()
            is_result, value = pickle.load(_output(process))  # noqa: S301 from our own process
        except (EOFError, OSError, pickle.UnpicklingError) as error:
            process.kill()
            _end(process)
            raise DecoderDied(f"the process ended with {process.wait()}") from error
        self._idle.put(process)
        if is_result:
            return cast(R, value)
        raise value

    def _take(self) -> Process:
        try:
            return self._idle.get_nowait()
        except queue.Empty:
            with self._lock:
                if self._is_closed:
                    raise DecoderDied("the pool is closed") from None
                process = _start()
                self._all.append(process)
            return process


# The C library gives large blocks back to the system after each picture and fetches them again for the next: a tenth
# of the time of a small JPEG. Read by the C library of GNU; others pass over it.
_KEEP_MEMORY = {"MALLOC_MMAP_THRESHOLD_": str(32 * 2**20), "MALLOC_TRIM_THRESHOLD_": str(128 * 2**20)}


def _start() -> Process:
    root = str(Path(__file__).resolve().parents[1])
    return subprocess.Popen(
        [sys.executable, "-m", __name__],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={
            **_KEEP_MEMORY,
            **os.environ,
            # Each process has one call at a time; a library that took all cores would take them from the others.
            "OMP_NUM_THREADS": "1",
            "PYTHONPATH": os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH")])),
        },
    )


def _end(process: Process) -> None:
    """Waits for a process whose input ends here; it may be dead already."""
    try:
        _input(process).close()
    except OSError:
        pass  # it is gone already, with something still unsent
    process.wait()
    _output(process).close()


def _input(process: Process) -> BinaryIO:
    return cast(BinaryIO, process.stdin)


def _output(process: Process) -> BinaryIO:
    return cast(BinaryIO, process.stdout)


def serve() -> None:
    """Answers calls until the input ends."""
    calls = sys.stdin.buffer
    # Whatever a library prints must not get between the answers.
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    while True:
        try:
            function, args, kwargs = pickle.load(calls)  # noqa: S301 from our own parent
        except EOFError:
            return
        pickle.dump(_answer(function, args, kwargs), answers, protocol=pickle.HIGHEST_PROTOCOL)
        answers.flush()


def _answer(
    function: Callable[..., object], args: tuple[object, ...], kwargs: dict[str, object]
) -> tuple[bool, object]:
    try:
        return True, function(*args, **kwargs)
    except Exception as error:  # noqa: BLE001 raised again where it was called
        return False, error


if __name__ == "__main__":
    serve()
