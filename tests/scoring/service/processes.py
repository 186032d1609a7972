"""The service as a process of its own, with the scorers of the tests beside the real ones."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[3]
EXAMPLES = ROOT / "docs" / "examples"

_START = """
import sys
import django
django.setup()
from django.core.management import call_command
from tests.scoring import fakes
fakes.add_to_catalogue()
call_command("serve_scorers", *sys.argv[1:])
"""


@dataclass(frozen=True)
class Running:
    address: str
    process: subprocess.Popen
    log: Path

    def get(self, path: str, token: str = "") -> tuple[int, Any]:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        try:
            with urllib.request.urlopen(
                urllib.request.Request(self.address + path, headers=headers), timeout=10
            ) as said:
                return said.status, json.load(said)
        except urllib.error.HTTPError as error:
            return error.code, json.load(error)

    def lines(self) -> list[dict[str, Any]]:
        """What it logged."""
        return [json.loads(line) for line in self.log.read_text().splitlines() if line.startswith("{")]


@contextmanager
def running(environment: Mapping[str, str], folder: Path, *arguments: str) -> Iterator[Running]:
    """Waits until the models are loaded; ends the process where the test did not."""
    with starting(environment, folder, *arguments) as started:
        overdue = time.monotonic() + 300
        while not _is_ready(started):
            assert started.process.poll() is None, started.log.read_text()
            assert time.monotonic() < overdue, started.log.read_text()
            time.sleep(0.05)
        yield started


@contextmanager
def starting(environment: Mapping[str, str], folder: Path, *arguments: str) -> Iterator[Running]:
    log, port = folder / "service.log", _free_port()
    with log.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-c", _START, "--port", str(port), *arguments],
            cwd=ROOT,
            env={**environment, "PAIRWRIGHT_LOG_LEVEL": "INFO"},
            stdout=out,
            stderr=out,
        )
    try:
        yield Running(f"http://127.0.0.1:{port}", process, log)
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait(60)


def _is_ready(started: Running) -> bool:
    try:
        return started.get("/ready")[0] == 200
    except (urllib.error.URLError, ConnectionError, TimeoutError):
        return False


def _free_port() -> int:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        return held.getsockname()[1]
