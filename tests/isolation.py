"""A place of its own for each process that runs tests.

A slot is a data folder (PostgreSQL, Redis, media) held by a lock that ends with the process.
Two workers of one run, or two runs on one machine, hold different slots, and so never share a
server; the next run finds the cluster made and starts in a second.
"""

import fcntl
import os
import shutil
import socket
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

import platformdirs

_LOOPBACK = {"localhost", "127.0.0.1", "::1", "0.0.0.0", "::", ""}

_held: list[IO[str]] = []  # the lock lasts as long as the file is open


def take_slot() -> Path:
    """The first free slot below `PAIRWRIGHT_TEST_DATA` (default: the user's cache folder)."""
    default = platformdirs.user_cache_dir("pairwright-tests")
    root = Path(os.environ.get("PAIRWRIGHT_TEST_DATA") or default)
    root.mkdir(parents=True, exist_ok=True)
    root = root.resolve()  # as the settings do
    for number in range(1000):
        lock = (root / f"slot-{number}.lock").open("w")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.close()
            continue
        _held.append(lock)
        return root / f"slot-{number}"
    raise RuntimeError(f"{root} has a thousand slots in use; end the test runs that hold them.")


SLOT = take_slot()


def set_environment() -> None:
    """Point the settings at the slot and at nothing of the developer's own.

    No `.env`, no database, queue, storage or mail server of a real installation, no accelerator
    unless the tests in `tests/gpu` are asked for, no download from the Hub.
    """
    ours = ("PAIRWRIGHT_S3_", "PAIRWRIGHT_EMAIL_", "PAIRWRIGHT_SECRET_KEY", "PAIRWRIGHT_HUB_TOKEN", "AWS_")
    whole = ("DATABASE_URL", "REDIS_URL", "HF_TOKEN", "HF_ENDPOINT", "PAIRWRIGHT_TOKEN_KEY", "PAIRWRIGHT_PROBE_BARS")
    for name in list(os.environ):
        if name in whole or name.startswith(ours):
            del os.environ[name]
    shutil.rmtree(SLOT / "media", ignore_errors=True)
    os.environ.update(
        DJANGO_SETTINGS_MODULE="config.settings",
        PAIRWRIGHT_ENV_FILE="",
        PAIRWRIGHT_DATA=str(SLOT),
        PAIRWRIGHT_DEBUG="0",
        PAIRWRIGHT_HTTPS="0",
        PAIRWRIGHT_HOSTS="localhost,127.0.0.1,[::1],testserver",
        PAIRWRIGHT_LOG_LEVEL="WARNING",
        # Tests count jobs; those of the probes switch them on.
        PAIRWRIGHT_PROBES="0",
        HF_HUB_OFFLINE="1",
        TRANSFORMERS_OFFLINE="1",
        # Playwright's own loop runs in the thread of the browser tests.
        DJANGO_ALLOW_ASYNC_UNSAFE="1",
    )
    if os.environ.get("PAIRWRIGHT_TEST_GPU") != "1":
        os.environ["CUDA_VISIBLE_DEVICES"] = ""


def block_network() -> None:
    """Refuse every connection that leaves this machine, and every look-up of a name abroad."""
    socket.socket.connect = _guard_connect(socket.socket.connect)  # type: ignore[method-assign]
    socket.socket.connect_ex = _guard_connect(socket.socket.connect_ex)  # type: ignore[method-assign]
    look_up = socket.getaddrinfo

    def guarded(host: Any, *args: Any, **kwargs: Any) -> Any:
        _refuse_abroad(host)
        return look_up(host, *args, **kwargs)

    socket.getaddrinfo = guarded


def _guard_connect(connect: Callable[..., Any]) -> Callable[..., Any]:
    def guarded(self: socket.socket, address: Any) -> Any:
        if self.family != socket.AF_UNIX:
            _refuse_abroad(address[0])
        return connect(self, address)

    return guarded


def _refuse_abroad(host: Any) -> None:
    name = host.decode() if isinstance(host, bytes) else host
    if name is None or name in _LOOPBACK or name.startswith("127."):
        return
    raise RuntimeError(f"A test reached for {name!r}. Tests talk to this machine only.")
