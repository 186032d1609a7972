"""The server of the service of scorers: gunicorn with one process that holds the models, and threads for the calls."""

from __future__ import annotations

import os
import shutil
import socket
import tempfile
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
from django.conf import settings
from django.db import connections
from gunicorn.app.base import BaseApplication
from gunicorn.arbiter import Arbiter

from scoring.actions.serving.desk import Rows
from scoring.actions.serving.keeping import ROWS
from scoring.actions.serving.rewards import Given
from scoring.service.batcher import Batcher
from scoring.service.limits import Limits
from scoring.service.web import Application

# Threads beside those that calls may hold: for health, and to send away whoever is too many.
SPARE_THREADS = 16
# Open at once, idle ones too: well below the files that a process may have open.
CONNECTIONS = 512
# A stopping service waits as long for its calls as they may take, and a little for sending the answers.
SECONDS_TO_ANSWER = 10
# How long the thread of the models may take to end once the last call is answered.
SECONDS_TO_END = 5.0


@dataclass(frozen=True)
class Service:
    """What is served, and where.

    Attributes:
        scorers: names with their settings.
        rewards: by name.
        address: host:port.
    """

    scorers: Mapping[str, Mapping[str, str]]
    rewards: Mapping[str, Given]
    limits: Limits
    address: str


def serve(service: Service) -> None:
    """Serves until it is asked to stop. Ends the process with a status above 0 when a model cannot be loaded."""
    # Threads that decode want the cores while a model waits for its own. Measured on two busy cores: one that spins
    # takes 3.5 times the processor for the same forward pass. Read when the child first loads torch.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    connections.close_all()  # the process that serves is a child, and must not share them
    Arbiter(_Server(service)).run()


class _Server(BaseApplication):
    """gunicorn, configured by us alone. Everything with threads is made in the child."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._batcher: Batcher | None = None
        self._scratch: Path | None = None
        super().__init__()

    def load_config(self) -> None:
        limits = self._service.limits
        options = {
            "bind": self._service.address,
            "worker_class": "scoring.management.connections.Worker",
            "worker_connections": CONNECTIONS,
            "workers": 1,
            "threads": limits.calls + SPARE_THREADS,
            "graceful_timeout": int(limits.deadline_seconds) + SECONDS_TO_ANSWER,
            # A model that is loaded may keep the interpreter for minutes; that is no reason to kill it.
            "timeout": 0,
            "keepalive": 15,
            "control_socket_disable": True,
            "logconfig_dict": _logs(),
            "worker_int": lambda _worker: self._drop(),
            "worker_exit": lambda _server, _worker: self._end(),
        }
        for name, value in options.items():
            self.cfg.set(name, value)

    def load(self) -> Application:
        service = self._service
        self._batcher = Batcher(service.scorers, service.limits, on_failure=_give_up, keeper=ROWS)
        self._batcher.start()
        self._scratch = scratch()
        return Application(self._batcher, Rows(service.rewards, self._batcher.held), self._scratch)

    def _drop(self) -> None:
        """A quick stop waits for no batch, and lets no client wait for an answer that does not come."""
        if self._batcher is not None:
            self._batcher.drop()

    def _end(self) -> None:
        """By now every call has its answer."""
        if self._batcher is not None:
            self._batcher.stop(SECONDS_TO_END)
        if self._scratch is not None:
            shutil.rmtree(self._scratch, ignore_errors=True)


def _give_up(_sentence: str) -> None:
    """Ends the child from the thread of the models, with the status that tells gunicorn not to start another."""
    os._exit(Arbiter.APP_LOAD_ERROR)


def scratch() -> Path:
    """Where files of calls lie while they are scored: a folder of this process, below the installation's. Those of
    processes of this machine that were killed are cleared away; another machine may share the installation's."""
    root = Path(settings.SCRATCH_ROOT) / "service" / socket.gethostname()
    root.mkdir(mode=0o700, parents=True, exist_ok=True)
    for left in root.iterdir():
        owner = left.name.partition("-")[0]
        if owner.isdigit() and not psutil.pid_exists(int(owner)):
            shutil.rmtree(left, ignore_errors=True)
    return Path(tempfile.mkdtemp(prefix=f"{os.getpid()}-", dir=root))


def _logs() -> dict[str, Any]:
    """As the site writes them. The server's own lines of access are off: ours say more, and never a token."""
    config = deepcopy(settings.LOGGING)
    config["loggers"]["gunicorn.error"] = {"handlers": [], "level": "INFO", "propagate": True}
    config["loggers"]["gunicorn.access"] = {"handlers": [], "level": "CRITICAL", "propagate": False}
    return config
