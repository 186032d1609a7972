"""The service as it is run: a process of its own, asked by programs that know nothing of Django."""

from __future__ import annotations

import contextlib
import io
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path
from types import SimpleNamespace

import pytest
from django.conf import settings

from curation.models import Job, Project, Rater, Sample, Score
from scoring import resident
from scoring.actions.serving import tokens
from scoring.actions.starting import start_scoring
from tests import factories
from tests.scoring import clip_weights, making
from tests.scoring.job_helpers import work_through
from tests.scoring.service import processes
from tests.scoring.service.asking import until

pytestmark = pytest.mark.django_db(transaction=True)

sys.path.insert(0, str(processes.EXAMPLES))

import pairwright_client  # noqa: E402 - one file that is copied, not a package

OUTSIDE = """
import json, sys
from pathlib import Path
from pairwright_client import Client
address, token, given = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])
client = Client(address, token)
by_id = client.score([{"id": one["id"]} for one in given])
by_bytes = client.score([{"media": [Path(one["path"])], "prompt": one["prompt"]} for one in given])
pool = [one["id"] for one in client.prompts(size=1)]
loaded = [name for name in ("django", "torch", "PIL", "scoring", "curation") if name in sys.modules]
print(json.dumps({"by_id": by_id, "by_bytes": by_bytes, "pool": pool, "loaded": loaded}))
"""


@pytest.fixture
def token(project: Project) -> str:
    return tokens.make(project=project, name="trainer", by=None).text


def pictures(project: Project, folder: Path, count: int = 3) -> list[tuple[Sample, Path]]:
    """Imported pictures with their files as they were before: PNG, and a JPEG that lies on its side."""
    made = []
    for number in range(count):
        held = io.BytesIO()
        is_turned = number == 1
        exif = making.Image.Exif()
        exif[0x0112] = 6
        options = {"format": "JPEG", "exif": exif, "quality": 92} if is_turned else {"format": "PNG"}
        making.scene(120 + 30 * number, 90, seed=number).save(held, **options)
        sample = factories.sample(factories.prompt(project, f"a red fox, number {number}"))
        factories.place(sample, factories.stored(held.getvalue(), f"{number}.img"))
        path = folder / f"{number}.img"
        path.write_bytes(held.getvalue())
        made.append((sample, path))
    return made


def outside(running: processes.Running, token: str, given: list[tuple[Sample, Path]]) -> dict:
    """What a program without any of our packages hears."""
    asked = [{"id": sample.pk, "path": str(path), "prompt": sample.prompt.text} for sample, path in given]
    said = subprocess.run(
        [sys.executable, "-c", OUTSIDE, running.address, token, json.dumps(asked)],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(processes.EXAMPLES)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert said.returncode == 0, said.stderr
    return json.loads(said.stdout)


def stored(job: Job) -> dict[int, float]:
    return dict(Score.objects.filter(judgement__job=job).values_list("sample_id", "value"))


@pytest.mark.capability("I9")
@pytest.mark.parametrize("batching", ["alone", "together"])
def test_an_external_client_gets_the_score_of_the_batch_job(
    project: Project, token: str, tmp_path: Path, worker_environment, batching: str
):
    clip_weights.make(tmp_path / "clip")
    settings = {"source": str(tmp_path / "clip"), "prefix": "", "batching": batching}
    given = pictures(project, tmp_path)
    resident.forget()
    (job,) = start_scoring(project=project, scorers={"clipscore": settings}, by=None)
    work_through(job)
    options = [f"clipscore.{name}={value}" for name, value in settings.items()]
    arguments = ["--scorer", "clipscore", *(word for option in options for word in ("--set", option))]

    with processes.running(worker_environment, tmp_path, *arguments) as running:
        said = outside(running, token, given)
        who = running.get("/scorers", token)[1]["scorers"]["clipscore"]

    assert said["loaded"] == []
    assert said["pool"] == [sample.prompt_id for sample, _path in given]
    batch = [stored(job)[sample.pk] for sample, _path in given]
    assert len(set(batch)) == len(batch)
    for way in ("by_id", "by_bytes"):
        live = [one["scores"][0]["value"] for one in said[way]]
        if batching == "alone":
            assert live == batch  # to the last of 64 bits
        else:  # neighbours in a batch may move the last bits of a float32
            assert live == pytest.approx(batch, rel=1e-5)
    rater = Rater.objects.get(pk=job.params["raters"]["clipscore"])
    assert (who["identity"], who["batching"], who["precision"]) == (rater.identity_digest, batching, "float32")
    assert Score.objects.count() == len(given)  # of the job alone


def test_a_process_that_is_asked_to_stop_answers_what_it_took(
    project: Project, token: str, tmp_path: Path, worker_environment
):
    trace = tmp_path / "trace"
    environment = {**worker_environment, "PAIRWRIGHT_TEST_TRACE": str(trace)}
    with processes.running(environment, tmp_path, "--scorer", "length") as running:
        client = pairwright_client.Client(running.address, token)
        said: list[list] = []
        asking = threading.Thread(target=lambda: said.append(client.score([{"text": f"slow {n}"} for n in range(40)])))
        asking.start()
        until(trace.exists, "the call is being scored", 60)
        running.process.send_signal(signal.SIGTERM)
        asking.join(60)
        status = running.process.wait(60)

        assert [one["scores"][0]["value"] for one in said[0]] == [6.0] * 10 + [7.0] * 30
        assert status == 0
        lines = [line for line in running.lines() if line["event"] == "POST /score"]
        assert [(line["status"], line["samples"], line["token"], line["project"]) for line in lines] == [
            (200, 40, "trainer", project.slug)
        ]
        assert token not in running.log.read_text()
        assert not list((Path(settings.SCRATCH_ROOT) / "service" / socket.gethostname()).iterdir())


def test_a_process_that_is_interrupted_tells_who_waits_and_ends_within_seconds(
    token: str, tmp_path: Path, worker_environment
):
    trace = tmp_path / "trace"
    environment = {**worker_environment, "PAIRWRIGHT_TEST_TRACE": str(trace)}
    with processes.running(environment, tmp_path, "--scorer", "length") as running:
        said: list[tuple[int, dict]] = []
        # 13 seconds of scoring, in batches of a second.
        asking = threading.Thread(target=lambda: said.append(sent(running, token, [f"slow {n}" for n in range(256)])))
        asking.start()
        until(trace.exists, "the call is being scored", 60)
        began = time.monotonic()
        running.process.send_signal(signal.SIGINT)
        asking.join(60)
        running.process.wait(60)

        assert time.monotonic() - began < 6
        assert [status for status, _body in said] == [503]
        assert "stopping" in said[0][1]["error"]
        assert not list((Path(settings.SCRATCH_ROOT) / "service" / socket.gethostname()).iterdir())


def sent(running: processes.Running, token: str, texts: list[str]) -> tuple[int, dict]:
    """Status and body of a call that is not sent again."""
    body = json.dumps({"samples": [{"text": text} for text in texts]}).encode()
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    try:
        with urllib.request.urlopen(urllib.request.Request(f"{running.address}/score", body, headers)) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def test_a_client_that_is_killed_leaves_the_service_to_the_others(token: str, tmp_path: Path, worker_environment):
    trace = tmp_path / "trace"
    environment = {**worker_environment, "PAIRWRIGHT_TEST_TRACE": str(trace)}
    with processes.running(environment, tmp_path, "--scorer", "length") as running:
        body = json.dumps({"samples": [{"text": f"slow {n}"} for n in range(20)]}).encode()
        head = f"POST /score HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\nContent-Type: application/json\r\n"
        host, port = running.address.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port))) as killed:
            killed.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
            until(trace.exists, "the call is being scored", 60)

        client = pairwright_client.Client(running.address, token)
        assert [one["scores"][0]["value"] for one in client.score([{"text": "four"}])] == [4.0]
        until(lambda: running.get("/metrics", token)[1]["samples_in_hand"] == 0, "nothing is left of it", 60)
        assert running.process.poll() is None


def test_a_client_that_sends_slowly_or_too_much_holds_nobody_up(token: str, tmp_path: Path, worker_environment):
    with processes.running(worker_environment, tmp_path, "--scorer", "length", "--body-mib", "1") as running:
        head = "POST /score HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        host, port = running.address.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port))) as slow:
            slow.sendall(f"{head}Authorization: Bearer {token}\r\nContent-Length: 500\r\n\r\n{{".encode())
            client = pairwright_client.Client(running.address, token)
            assert client.score([{"text": "four"}])[0]["scores"][0]["value"] == 4.0
        with socket.create_connection((host, int(port))) as stranger:
            stranger.sendall(f"{head}Content-Length: 900000\r\n\r\n".encode())
            assert b" 401 " in stranger.recv(1000)  # without waiting for a body
        with pytest.raises(pairwright_client.Refused, match="413"):
            client.score([{"text": "x" * 2**20}])


STRANGERS = {
    "half a head": b"GET /health HTTP/1.1\r\nHost: x\r\n",
    "half a head after empty lines": b"\r\n\r\n\r\nGET /health HTTP/1.1\r\nHost: x\r\n",
    "half a head behind a whole one": b"GET /health HTTP/1.1\r\nHost: x\r\n\r\nGET /health HTTP/1.1\r\nHo",
    "nothing": b"",
    "no body": b"POST /score HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n",
    "no reading": b"GET /health HTTP/1.0\r\n\r\n",
}


def test_strangers_that_hold_connections_silence_nobody(tmp_path: Path, worker_environment):
    """More than the service has threads. A head that is not finished is waited for, but not by a thread."""
    with (
        processes.running(worker_environment, tmp_path, "--scorer", "length", "--calls", "1") as running,
        contextlib.ExitStack() as held,
    ):

        def stranger(sent: bytes) -> socket.socket:
            host, port = running.address.removeprefix("http://").split(":")
            opened = held.enter_context(socket.create_connection((host, int(port)), timeout=30))
            opened.sendall(sent)
            return opened

        first = stranger(STRANGERS["half a head"])
        for name, sent in STRANGERS.items():
            for _number in range(40):
                stranger(sent)
            began = time.monotonic()
            assert running.get("/health")[0] == 200
            assert time.monotonic() - began < 1.5, name
        late = stranger(b"GET /hea")
        for piece in (b"lth HTTP/1.1\r\nHost: x\r\n\r", b"\n"):
            time.sleep(0.2)
            late.sendall(piece)
        assert late.recv(1000).startswith(b"HTTP/1.1 200")
        with pytest.raises(ConnectionResetError):  # its time is over
            first.recv(1)

        for _number in range(40):
            stranger(STRANGERS["half a head"])
        assert running.get("/health")[0] == 200
        running.process.send_signal(signal.SIGTERM)
        assert running.process.wait(8) == 0  # where a head that never ends held a thread: 130 seconds
        assert [line for line in running.lines() if line["level"] == "ERROR"] == []


def test_an_answer_that_nobody_fetches_holds_no_thread_for_ever(monkeypatch):
    from scoring.management import connections

    monkeypatch.setattr(connections, "STALL_SECONDS", 1)
    monkeypatch.setattr(connections.ThreadWorker, "enqueue_req", lambda _worker, conn: conn.sock.setblocking(True))
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.sendall(b"GET /health HTTP/1.1\r\n\r\n")
        connections.Worker.enqueue_req(object.__new__(connections.Worker), SimpleNamespace(sock=ours, parser=None))

        assert ours.recv(1000).startswith(b"GET")
        with pytest.raises(BlockingIOError):
            ours.sendall(b"x" * 2**24)


def test_weights_that_are_missing_end_the_process_with_words(tmp_path: Path, worker_environment):
    with processes.starting(worker_environment, tmp_path, "--scorer", "length", "--scorer", "heavy") as started:
        status = started.process.wait(300)

    assert status not in (0, None)
    assert any("The weights of “heavy” are not here" in line["event"] for line in started.lines())
