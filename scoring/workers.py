"""Which workers answer, and a worker of one's own for a command that waits."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from celery import current_app
from django.conf import settings
from django.utils import timezone
from django.utils.translation import gettext as _
from kombu.exceptions import OperationalError

from curation.errors import Unavailable
from curation.models import JobChunk, State
from curation.models.jobs import SILENCE
from scoring import machine

# A worker ends the part at hand when it is asked to stop; a part takes seconds to a minute.
PATIENCE_SECONDS = 90


def answering(timeout_seconds: float = 1.0) -> dict[str, list[str]]:
    """The workers that answer a call, by queue. Takes as long as the timeout."""
    try:
        answers = current_app.control.inspect(timeout=timeout_seconds).active_queues() or {}
    except (OperationalError, OSError):
        return {}
    by_queue: dict[str, list[str]] = {}
    for worker, queues in answers.items():
        for queue in queues:
            by_queue.setdefault(queue["name"], []).append(worker)
    return by_queue


def attended_queues() -> set[str]:
    """Queues at which somebody works: a worker answers, or one that is too busy to answer has just been heard."""
    heard = JobChunk.objects.filter(state=State.RUNNING, heartbeat_at__gte=timezone.now() - SILENCE)
    return set(answering()) | set(heard.values_list("queue", flat=True))


def command(queue: str) -> list[str]:
    """How a worker of a queue is started."""
    start = [sys.executable, "-m", "celery", "-A", "config", "worker", "-Q", queue, "--loglevel", "WARNING"]
    return [*start, *(machine.model_pool() if queue == "gpu" else ["--concurrency", str(machine.cores())])]


class OwnWorker:
    """A worker process that lives as long as the command that needs it."""

    def __init__(self, queue: str) -> None:
        self.queue = queue
        self._log = Path(tempfile.mkstemp(prefix=f"pairwright-{queue}-worker-", suffix=".log")[1])
        with self._log.open("wb") as log:
            # A session of its own: Ctrl-C reaches the command, which then asks the worker to stop.
            self._process = subprocess.Popen(
                [*command(queue), "-n", f"{queue}-{os.getpid()}@%h"],
                cwd=settings.BASE_DIR,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def check(self) -> None:
        """Raises Unavailable when the worker has ended, with its last words."""
        if self._process.poll() is not None:
            words = self._log.read_text(errors="replace").strip().splitlines()[-8:]
            raise Unavailable(
                _("The worker for “%(queue)s” ended with status %(status)s. Its last words:\n%(words)s")
                % {"queue": self.queue, "status": self._process.returncode, "words": "\n".join(words)}
            )

    def stop(self) -> None:
        """Asks it to end the part at hand and go; a worker that does not is ended."""
        if self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(PATIENCE_SECONDS)
            except subprocess.TimeoutExpired:
                os.killpg(self._process.pid, signal.SIGKILL)
                self._process.wait()
        self._log.unlink(missing_ok=True)


@contextmanager
def own_workers(queues: Iterable[str]) -> Iterator[list[OwnWorker]]:
    """A worker for each queue, stopped at the end."""
    workers: list[OwnWorker] = []
    try:
        for queue in queues:
            workers.append(OwnWorker(queue))
        yield workers
    finally:
        for worker in workers:
            worker.stop()
