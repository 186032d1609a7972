"""The whole site in one process, and what keeps its children alive."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from contextlib import suppress

import psutil
import pytest

from config import embedded, env, running
from config.management.commands import up
from config.supervisor import Child, Supervisor


def wait_for(condition, *, seconds=180):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        result = condition()
        if result:
            return result
        time.sleep(0.1)
    raise AssertionError("it did not happen in time")


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


@pytest.fixture
def site(data_folder, tmp_path):
    """`up` on servers and data of its own; ended hard if a test leaves it running."""
    address = f"127.0.0.1:{free_port()}"
    # Its own servers: nothing of the test's environment may name others.
    surroundings = {
        **os.environ,
        "PAIRWRIGHT_DATA": str(data_folder),
        "PAIRWRIGHT_WEB_WORKERS": "1",
        "PAIRWRIGHT_CPU_WORKERS": "1",
        "PAIRWRIGHT_LOG_LEVEL": "INFO",
    }
    log = (tmp_path / "log").open("w+")
    process = subprocess.Popen(
        [sys.executable, "manage.py", "up", "--address", address],
        cwd=env.CHECKOUT, env=surroundings, stdout=log, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    process.address, process.log, process.surroundings = address, tmp_path / "log", surroundings
    yield process
    for child in [*psutil.Process(process.pid).children(recursive=True)] if process.poll() is None else []:
        with suppress(psutil.NoSuchProcess):
            child.kill()
    process.kill()
    process.wait()
    log.close()
    subprocess.run([sys.executable, "manage.py", "stop_services"], cwd=env.CHECKOUT, env=surroundings, check=True)


def child_with(process, *words) -> psutil.Process | None:
    for child in psutil.Process(process.pid).children():
        with suppress(psutil.NoSuchProcess):
            if all(word in child.cmdline() for word in words):
                return child
    return None


def is_healthy(address) -> bool:
    with suppress(OSError):
        return urllib.request.urlopen(f"http://{address}/healthz", timeout=5).status == 200
    return False


def answering_workers(data_folder) -> str:
    """Asked by a process that ends: `up` leaves servers alone that somebody still uses."""
    address = f"redis+socket://{embedded.redis_socket(data_folder)}"
    code = f"from celery import Celery; print(Celery(broker={address!r}).control.ping(timeout=3))"
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd="/").stdout


def test_site_serves_works_heals_refuses_a_second_one_and_stops_cleanly(site, data_folder):
    wait_for(lambda: f"Pairwright is at http://{site.address}/" in site.log.read_text())
    assert "createsuperuser" in site.log.read_text()
    wait_for(lambda: is_healthy(site.address))
    wait_for(lambda: "cpu@" in (said := answering_workers(data_folder)) and "gpu@" in said)

    worker = child_with(site, "-Q", "cpu")
    assert worker is not None
    worker.kill()
    wait_for(lambda: (now := child_with(site, "-Q", "cpu")) and now.pid != worker.pid)

    second = subprocess.run(
        [sys.executable, "manage.py", "up", "--address", f"127.0.0.1:{free_port()}"],
        cwd=env.CHECKOUT, env=site.surroundings, capture_output=True, text=True,
    )  # fmt: skip
    assert second.returncode == 1
    assert f"process {site.pid}" in second.stderr
    stop = subprocess.run(
        [sys.executable, "manage.py", "stop_services"],
        cwd=env.CHECKOUT, env=site.surroundings, capture_output=True, text=True,
    )  # fmt: skip
    assert "Ctrl-C" in stop.stderr

    children = psutil.Process(site.pid).children(recursive=True)
    site.send_signal(signal.SIGTERM)
    assert site.wait(timeout=180) == 0
    assert "Stopped Redis and PostgreSQL." in site.log.read_text()
    assert [child for child in children if child.is_running() and child.status() != psutil.STATUS_ZOMBIE] == []
    assert embedded.running_postgres(data_folder) is None


def run_supervisor(supervisor, *, until) -> None:
    """Runs in this thread, as it must to hear signals; another asks it to stop."""

    def stop_later():
        with suppress(AssertionError):
            wait_for(until, seconds=20)
        os.kill(os.getpid(), signal.SIGTERM)

    before = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)
    threading.Thread(target=stop_later, daemon=True).start()
    try:
        supervisor.run(when_ready=lambda: True)
    finally:
        signal.signal(signal.SIGTERM, before[0])
        signal.signal(signal.SIGINT, before[1])


def test_a_child_that_dies_is_started_again_after_growing_pauses(tmp_path):
    marks = tmp_path / "starts"
    child = Child(name="fragile", command=["sh", "-c", f"echo x >> {marks}; exit 3"], pause_seconds=0.1)
    supervisor = Supervisor([child], os.environ)

    run_supervisor(supervisor, until=lambda: marks.exists() and len(marks.read_text().split()) >= 3)

    assert len(marks.read_text().split()) >= 3
    assert child.pause_seconds >= 0.4


def test_a_child_that_ignores_the_request_is_killed_when_patience_ends(tmp_path):
    mark = tmp_path / "ready"
    child = Child(name="deaf", command=["sh", "-c", f"trap '' TERM; echo x > {mark}; while :; do sleep 1; done"])
    supervisor = Supervisor([child], os.environ, patience_seconds=0.5)

    run_supervisor(supervisor, until=mark.exists)

    assert child.process is not None
    assert child.process.returncode == -signal.SIGKILL


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child of its parent's death")
def test_children_end_when_the_supervisor_is_killed_outright(tmp_path):
    mark = tmp_path / "pid"
    code = (
        "import os; from config.supervisor import *;"
        f"Supervisor([Child(name='c', command=['sh', '-c', 'echo $$ > {mark}; exec sleep 300'])], os.environ)"
        ".run(when_ready=lambda: True)"
    )
    parent = subprocess.Popen([sys.executable, "-c", code], cwd=env.CHECKOUT)
    child = psutil.Process(int(wait_for(lambda: mark.exists() and mark.read_text().strip())))

    parent.kill()
    parent.wait()

    wait_for(lambda: not child.is_running() or child.status() == psutil.STATUS_ZOMBIE, seconds=10)


def test_only_one_process_holds_a_data_folder(tmp_path):
    with running.the_only_one(tmp_path):
        assert running.is_up(tmp_path)
        with pytest.raises(running.AlreadyRunningError, match=str(os.getpid())), running.the_only_one(tmp_path):
            pass

    assert not running.is_up(tmp_path)


def test_an_address_that_is_no_address_is_refused():
    said = subprocess.run(
        [sys.executable, "manage.py", "up", "--address", "everywhere"], cwd=env.CHECKOUT, capture_output=True, text=True
    )

    assert "'everywhere' is not host:port" in said.stderr


def test_each_graphics_card_has_a_worker_that_sees_no_other(monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,3")

    models = [child for child in up.children() if child.name.startswith("gpu")]

    assert [child.environment for child in models] == [{"CUDA_VISIBLE_DEVICES": "0"}, {"CUDA_VISIBLE_DEVICES": "3"}]
    assert len({child.command[child.command.index("-n") + 1] for child in models}) == 2
    assert all("solo" in child.command for child in models)


@pytest.mark.parametrize("visible", ["", "0"])
def test_one_card_or_none_has_one_worker(visible, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)

    assert [child.name for child in up.children() if child.name.startswith("gpu")] == ["gpu worker"]


def test_a_childs_own_environment_wins_over_the_shared_one(tmp_path):
    seen = tmp_path / "seen"
    words = f"import os; open({str(seen)!r}, 'w').write(os.environ['COLOUR'] + os.environ['SHAPE'])"
    child = Child(name="painter", command=[sys.executable, "-c", words], environment={"COLOUR": "red "})
    supervisor = Supervisor([child], {**os.environ, "COLOUR": "blue ", "SHAPE": "round"})

    supervisor._start(child, 0.0)
    assert child.process is not None
    child.process.wait(30)

    assert seen.read_text() == "red round"
