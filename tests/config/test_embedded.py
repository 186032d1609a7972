"""The servers from wheels: shared, whole after a kill, stopped cleanly.

Each test works in processes of its own, on a data folder of its own: what is tested is what
happens between processes.
"""

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from config import embedded

_CHECKOUT = Path(__file__).resolve().parents[2]


class Installation:
    """A data folder and the processes that use it."""

    def __init__(self, data: Path) -> None:
        self.data = data
        self.environment = {**os.environ, "PAIRWRIGHT_DATA": str(data)}

    def run(self, code: str) -> str:
        result = subprocess.run(
            [sys.executable, "-c", code], cwd=_CHECKOUT, env=self.environment, capture_output=True, text=True
        )
        assert result.returncode == 0, result.stderr
        return result.stdout.strip()

    def start(self, code: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-c", code], cwd=_CHECKOUT, env=self.environment, stdout=subprocess.PIPE, text=True
        )

    def begin(self, code: str) -> subprocess.Popen[str]:
        """Start a process and wait for the first line it prints."""
        process = self.start(code)
        assert process.stdout is not None
        assert process.stdout.readline()
        return process

    def postmaster(self) -> int:
        return int((self.data / "postgresql" / "postmaster.pid").read_text().splitlines()[0])


@pytest.fixture
def installation(data_folder):
    here = Installation(data_folder)
    yield here
    here.run("from config import embedded; embedded.stop()")


def kill(server: psutil.Process) -> None:
    """End a server and its children without a word to them; nobody may reap it in a container."""
    for process in [server, *server.children(recursive=True)]:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    while psutil.pid_exists(server.pid) and server.status() != psutil.STATUS_ZOMBIE:
        time.sleep(0.02)


WRITE = """
import psycopg, time
from config import embedded
with psycopg.connect(embedded.postgres().url(), autocommit=True) as connection:
    connection.execute("CREATE TABLE vote (id int)")
    connection.execute("INSERT INTO vote VALUES (1), (2)")
    print("written", flush=True)
    time.sleep(300)
"""
READ = """
import psycopg
from config import embedded
with psycopg.connect(embedded.postgres().url()) as connection:
    print(connection.execute("SELECT count(*) FROM vote").fetchone()[0])
"""
PUSH = """
import redis, time
from config import embedded
redis.Redis(unix_socket_path=str(embedded.redis_server())).rpush("queue", "a", "b")
print("pushed", flush=True)
time.sleep(300)
"""
COUNT = """
import redis
from config import embedded
print(redis.Redis(unix_socket_path=str(embedded.redis_server())).llen("queue"))
"""


def test_two_processes_that_start_at_once_share_one_database_server(installation):
    code = "from config import embedded; print(embedded.postgres().url(), flush=True)"

    processes = [installation.start(code) for _ in range(2)]
    answers = {process.communicate(timeout=120)[0] for process in processes}

    assert len(answers) == 1
    assert "postgresql://" in answers.pop()
    folder = str(installation.data / "postgresql")
    servers = [p.pid for p in psutil.process_iter(["cmdline"]) if folder in (p.info["cmdline"] or [])]
    assert servers == [installation.postmaster()]


def test_database_survives_a_kill_of_its_starter_and_the_next_process_takes_over(installation):
    starter = installation.begin(WRITE)
    server = installation.postmaster()

    starter.send_signal(signal.SIGKILL)
    starter.wait()

    assert installation.run(READ) == "2"
    assert installation.postmaster() == server


def test_database_is_whole_after_a_kill_of_the_server_itself(installation):
    starter = installation.begin(WRITE)
    starter.kill()
    starter.wait()
    server = psutil.Process(installation.postmaster())

    kill(server)

    assert installation.run(READ) == "2"
    assert installation.postmaster() != server.pid


def test_a_stale_pid_file_that_names_a_stranger_does_not_hinder_the_start(installation):
    installation.run("from config import embedded; embedded.postgres(); embedded.stop()")
    stale = installation.data / "postgresql" / "postmaster.pid"
    folder = installation.data / "postgresql"
    stale.write_text(f"{os.getpid()}\n{folder}\n1700000000\n5432\n{folder}\n\n 1 1\nready   \n")

    answer = installation.run("from config import embedded; print(embedded.postgres().url())")

    assert answer.startswith("postgresql://")
    assert installation.postmaster() != os.getpid()


@pytest.mark.parametrize(
    ("start", "socket"),
    [("postgres().socket_folder", "/.s.PGSQL.5432"), ("redis_server()", "")],
    ids=["PostgreSQL", "Redis"],
)
def test_a_path_too_long_for_a_socket_is_handled(data_folder, start, socket):
    here = Installation(data_folder / ("long" * 30))

    path = here.run(f"from config import embedded; print(embedded.{start})") + socket
    running = here.run("from config import embedded; print(embedded.stop())")

    assert len(path) < 108
    assert len(str(here.data)) > 108
    assert running in ("['PostgreSQL']", "['Redis']")


def test_queue_survives_a_kill_of_its_starter(installation):
    starter = installation.begin(PUSH)

    starter.kill()
    starter.wait()

    assert installation.run(COUNT) == "2"


def test_queue_is_on_disk_when_the_server_is_stopped_and_started(installation):
    starter = installation.begin(PUSH)
    starter.kill()
    starter.wait()

    stopped = installation.run("from config import embedded; print(embedded.stop())")

    assert stopped == "['Redis']"
    assert installation.run(COUNT) == "2"


def test_queue_on_disk_survives_a_kill_of_the_server(installation):
    starter = installation.begin(PUSH)
    starter.kill()
    starter.wait()
    installation.run("import time; time.sleep(1.2)")  # written to disk every second
    pid = int((installation.data / "redis" / "redis.pid").read_text())

    kill(psutil.Process(pid))

    assert installation.run(COUNT) == "2"


def test_stopping_ends_both_servers_and_a_second_stop_finds_none(installation):
    installation.run("from config import embedded; embedded.postgres(); embedded.redis_server()")

    first = installation.run("from config import embedded; print(embedded.stop())")
    second = installation.run("from config import embedded; print(embedded.stop())")

    assert first == "['Redis', 'PostgreSQL']"
    assert second == "[]"
    assert embedded.running_postgres(installation.data) is None


def test_other_clients_are_counted(installation):
    holder = installation.begin(WRITE)

    count = installation.run("from config import embedded; print(embedded.other_clients(embedded.postgres()))")

    holder.kill()
    holder.wait()
    assert count == "1"
