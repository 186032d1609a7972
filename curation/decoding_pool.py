"""Processes that decode for another one, also for a Celery worker, and that never outlive it. Plain code."""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing.process import AuthenticationString  # type: ignore[attr-defined]
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")


class DecodingPool:
    """A pool of processes that start without what this one has open: no threads, no database connections."""

    def __init__(self, processes: int, preload: list[str]) -> None:
        """Makes the pool; processes start with the first work.

        Args:
            processes: how many at most.
            preload: modules that the fork server imports once for all processes. They must not need Django.
        """
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload([__name__, *preload])
        self._executor = ProcessPoolExecutor(processes, mp_context=context, initializer=_end_with_parent)

    def submit(self, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> Future[R]:
        with _children_allowed():
            return self._executor.submit(function, *args, **kwargs)

    def close(self, *, wait: bool) -> None:
        self._executor.shutdown(wait=wait, cancel_futures=True)


@contextmanager
def _children_allowed() -> Iterator[None]:
    """Lets a Celery worker start processes.

    It counts as a daemon, which `multiprocessing` forbids to have children, because they would outlive it; ours do
    not: see `_end_with_parent`. And its key is of Celery's own class, which refuses to be handed to a child.
    """
    config = multiprocessing.current_process()._config  # type: ignore[attr-defined]
    before = dict(config)
    config.update(daemon=False, authkey=AuthenticationString(bytes(config["authkey"])))
    try:
        yield
    finally:
        config.update(daemon=before.get("daemon", False), authkey=before["authkey"])


def _end_with_parent() -> None:
    """Ends this process when the one it works for is gone, killed without a word included."""
    threading.Thread(target=_wait_for_parent, name="end-with-parent", daemon=True).start()


def _wait_for_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
