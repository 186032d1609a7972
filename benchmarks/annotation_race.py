"""Many people, several servers, and everything dies now and then: is any vote lost, doubled, or one too many?

    python benchmarks/annotation_race.py [--people 16] [--items 1000] [--overlap 2] [--kill 5]

Real gunicorn servers on loopback, real HTTP clients with sessions, and the embedded PostgreSQL of a data folder of its
own. Each person leases, answers and now and then

- sends an answer twice at the same moment, as a doubled click does;
- leaves for longer than the lease lasts, with items in hand, and comes back;
- sends answers left over from before, after the lease has ended.

Meanwhile server processes die by `kill -9` at random moments, and PostgreSQL once. A client whose request fails sends
the same again until it is acknowledged, as the page does. In the end the database is read and compared with what the
clients were told. The last line is one JSON object:

`acknowledged`: answers told to be stored as votes; `killed`: processes killed; `lost`: acknowledged and not in the
database as said; `doubled`: answers or judgements that exist twice; `over_assigned`: items answered by more people than
asked, or twice by one; `left_behind`: slots that nobody answered; `next_p95_ms`, `submit_p95_ms`: 95th percentiles of
the requests that succeeded, over everything that went on.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import random
import secrets
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

SERVERS = 3
LEASE_SECONDS = 4
WANT = 3
DOUBLED = 0.08  # of the answers
LEAVES = 0.01  # of the rounds
OUTCOMES = ("left", "right", "tie", "both-bad")
PATIENCE_SECONDS = 600
ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))


@dataclass
class Told:
    """What one client was told: client key -> outcome of the acknowledged answer; and how long requests took."""

    acknowledged: dict[str, str] = field(default_factory=dict)
    late: int = 0
    next_seconds: list[float] = field(default_factory=list)
    submit_seconds: list[float] = field(default_factory=list)
    retries: int = 0


def main() -> None:
    arguments = _arguments()
    with tempfile.TemporaryDirectory(prefix="pairwright-race-") as folder:
        _settle_django(Path(folder, "data"))
        try:
            report = race(arguments)
        finally:
            _stop_servers()
    print(json.dumps(report))
    if report["lost"] or report["doubled"] or report["over_assigned"] or report["left_behind"]:
        raise SystemExit(1)


def race(arguments: argparse.Namespace) -> dict[str, Any]:
    batch, people = set_up(arguments.people, arguments.items, arguments.overlap)
    servers = [Server(_free_port()) for _number in range(SERVERS)]
    over = threading.Event()
    try:
        for server in servers:
            server.wait_until_up()
        clients = [Client(session, batch, servers, over) for session in people]
        threads = [threading.Thread(target=client.work, daemon=True) for client in clients]
        killer = Killer(servers, arguments.kill, over, clients, arguments.items * arguments.overlap)
        began = time.perf_counter()
        for thread in [*threads, killer]:
            thread.start()
        for thread in threads:
            thread.join(max(1.0, PATIENCE_SECONDS - (time.perf_counter() - began)))
        seconds = time.perf_counter() - began
        over.set()
        killer.join()
    finally:
        for server in servers:
            server.stop()
    return {**compare(batch, clients), **timings(clients), "killed": killer.killed, "seconds": round(seconds, 1)}


# -- the people -------------------------------------------------------------------------------------------------------


class Client:
    """One person at one browser, who sends again whatever was not acknowledged."""

    def __init__(self, session: dict[str, str], batch: dict[str, Any], servers: Sequence[Server], over: Any) -> None:
        self.told = Told()
        self._session = session
        self._batch = batch
        self._servers = servers
        self._over = over
        self._random = random.Random(session["name"])
        self._left_over: list[dict[str, Any]] = []

    def work(self) -> None:
        while not self._over.is_set():
            if self._random.random() < LEAVES:
                self._leave()
            leased = self._lease()
            if leased["state"] == "done":
                return
            if not leased["items"]:
                time.sleep(1.0)
            for item in leased["items"]:
                self._answer(item)

    def _leave(self) -> None:
        """Goes away with items in hand for longer than the lease, then sends what was answered meanwhile."""
        held = self._lease()["items"]
        self._over.wait(LEASE_SECONDS * 1.5)
        for item in held[:1]:
            self._answer(item)

    def _lease(self) -> dict[str, Any]:
        while True:
            status, body, seconds = self._send("lease/", {"want": WANT})
            if status == 200:
                self.told.next_seconds.append(seconds)
                return body
            if self._over.is_set():
                return {"state": "done", "items": []}

    def _answer(self, item: dict[str, Any]) -> None:
        outcome = self._random.choice(OUTCOMES)
        body = {
            "assignment": item["assignment"],
            "client_key": str(uuid.UUID(int=self._random.getrandbits(128))),
            "answer": {"questions": {"overall": {"outcome": outcome}}, "flags": []},
            "seconds": 0.5,
        }
        if self._random.random() < DOUBLED:
            twin = threading.Thread(target=self._submit, args=(body, outcome))
            twin.start()
            self._submit(body, outcome)
            twin.join()
        else:
            self._submit(body, outcome)

    def _submit(self, body: dict[str, Any], outcome: str) -> None:
        while True:
            status, told, seconds = self._send("answer/", body)
            if status == 200:
                self.told.submit_seconds.append(seconds)
                if told["late"]:
                    self.told.late += 1
                else:
                    self.told.acknowledged[body["client_key"]] = outcome
                return
            if status in (409, 422) or self._over.is_set():
                return

    def _send(self, path: str, body: dict[str, Any]) -> tuple[int, dict[str, Any], float]:
        """One request to a server at random; 0 where none answers, and a short rest before it is sent again."""
        server = self._random.choice(self._servers)
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
        began = time.perf_counter()
        try:
            connection.request("POST", self._batch["path"] + path, json.dumps(body), self._headers(server.port))
            answer = connection.getresponse()
            content = answer.read()
            told = json.loads(content) if answer.status in (200, 409, 422) else {}
            status = answer.status
        except (OSError, http.client.HTTPException, ValueError):
            status, told = 0, {}
        finally:
            connection.close()
        if status not in (200, 409, 422):
            self.told.retries += 1
            time.sleep(0.2)
        return status, told, time.perf_counter() - began

    def _headers(self, port: int) -> dict[str, str]:
        return {
            "Content-Type": "application/json",
            "Cookie": f"sessionid={self._session['sessionid']}; csrftoken={self._session['csrftoken']}",
            "X-CSRFToken": self._session["csrftoken"],
            "Origin": f"http://127.0.0.1:{port}",
        }


# -- what dies --------------------------------------------------------------------------------------------------------


class Server:
    """A gunicorn with two worker processes. A killed worker is replaced by its master; a killed master by us."""

    def __init__(self, port: int) -> None:
        self.port = port
        self._process = self._start()

    def _start(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [sys.executable, "-m", "gunicorn", "-c", "python:config.gunicorn_settings"],
            cwd=ROOT,
            env={**os.environ, "PAIRWRIGHT_ADDRESS": f"127.0.0.1:{self.port}"},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def wait_until_up(self) -> None:
        for _try in range(300):
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
            try:
                connection.request("GET", "/sign-in/")
                if connection.getresponse().status == 200:
                    return
            except OSError:
                time.sleep(0.2)
            finally:
                connection.close()
        raise SystemExit(f"The server on port {self.port} did not come up.")

    def kill_a_worker(self) -> bool:
        workers = psutil.Process(self._process.pid).children()
        if not workers:
            return False
        os.kill(random.choice(workers).pid, signal.SIGKILL)
        return True

    def kill_all(self) -> None:
        """Master and workers at once, as when a host loses power; then a new one starts."""
        master = psutil.Process(self._process.pid)
        family = [master, *master.children()]
        for process in family:
            process.kill()
        self._process.wait()
        self._process = self._start()

    def stop(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(30)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


class Killer(threading.Thread):
    """Kills worker processes at random, one whole server, and PostgreSQL once, spread over the race."""

    def __init__(
        self, servers: Sequence[Server], kills: int, over: threading.Event, clients: Sequence[Client], votes: int
    ) -> None:
        super().__init__(daemon=True)
        self.killed = 0
        self._servers = servers
        self._over = over
        self._clients = clients
        # When so many votes were acknowledged, the next one dies.
        self._marks = [round(votes * (number + 1) / (kills + 2)) for number in range(kills + 1)]

    def run(self) -> None:
        for number, mark in enumerate(self._marks):
            while sum(len(client.told.acknowledged) for client in self._clients) < mark:
                if self._over.wait(0.02):
                    return
            self._kill(number)

    def _kill(self, number: int) -> None:
        if number == len(self._marks) // 2:
            kill_postgres()
            self.killed += 1
        elif number == len(self._marks) - 1:
            random.choice(self._servers).kill_all()
            self.killed += 1
        else:
            self.killed += any(server.kill_a_worker() for server in random.sample(self._servers, SERVERS))


def kill_postgres() -> None:
    """The whole database server, by `kill -9`; then it is started again, as a supervisor would."""
    from config import embedded

    folder = Path(os.environ["PAIRWRIGHT_DATA"])
    pid_file = next(folder.rglob("postmaster.pid"))
    postmaster = psutil.Process(int(pid_file.read_text().splitlines()[0]))
    family = [postmaster, *postmaster.children(recursive=True)]
    for process in family:
        process.kill()
    psutil.wait_procs(family, timeout=30)
    embedded.postgres()


# -- before and after -------------------------------------------------------------------------------------------------


def set_up(people: int, items: int, overlap: int) -> tuple[dict[str, Any], list[dict[str, str]]]:
    """A project with an open batch, and a session for each person."""
    from django.test import Client as DjangoClient
    from django.utils import timezone

    from annotation.actions import leasing
    from annotation.models import Batch, Item
    from curation.actions import criteria, projects
    from curation.identity import digest
    from curation.models import Generator, Membership, Prompt, Sample, User

    project = projects.create(name="Race", slug="race", task="text", by=None)
    version = criteria.ensure(project=project, key="overall")
    painters = [Generator.objects.create(project=project, name=f"g{number}") for number in range(2)]
    question = {"key": "overall", "kind": "compare", "text": "Which is better?", "criterion": version.pk}
    batch = Batch.objects.create(
        project=project,
        name="Race",
        questions=[question],
        seed=1,
        overlap=overlap,
        lease_seconds=LEASE_SECONDS,
        state=Batch.State.OPEN,
        opened_at=timezone.now(),
    )
    prompts = Prompt.objects.bulk_create(
        [Prompt(project=project, text=f"question {n}", identity=digest({"n": n})) for n in range(items)]
    )
    samples = Sample.objects.bulk_create(
        [
            Sample(
                project=project,
                prompt=prompt,
                generator=painter,
                text=f"answer of {painter.name} to {prompt.text}",
                media_state="none",
                identity=digest({"p": prompt.text, "g": painter.name}),
            )
            for prompt in prompts
            for painter in painters
        ]
    )
    Item.objects.bulk_create(
        [
            Item(batch=batch, position=n, prompt=prompt, sample_ids=[samples[2 * n].pk, samples[2 * n + 1].pk])
            for n, prompt in enumerate(prompts)
        ]
    )
    leasing.add_slots(batch=batch)
    sessions = []
    for number in range(people):
        user = User.objects.create_user(username=f"person-{number}", email=f"{number}@example.org")
        Membership.objects.create(project=project, user=user, role="annotator")
        client = DjangoClient()
        client.force_login(user)
        sessions.append(
            {
                "name": user.username,
                "sessionid": client.cookies["sessionid"].value,
                "csrftoken": secrets.token_hex(16),
            }
        )
    return {"pk": batch.pk, "path": f"/projects/race/annotate/{batch.pk}/"}, sessions


def compare(batch: dict[str, Any], clients: Sequence[Client]) -> dict[str, Any]:
    """What the clients were told against what the database has."""
    from django.db import connections
    from django.db.models import Count, F

    from annotation.models import Answer, Assignment, Item, Slot
    from curation.models import Comparison, Judgement

    connections.close_all()
    said = {key: outcome for client in clients for key, outcome in client.told.acknowledged.items()}
    stored = {}
    for row in Answer.objects.exclude(assignment__state="late").prefetch_related("judgements__comparisons"):
        outcomes = [c.outcome for judgement in row.judgements.all() for c in judgement.comparisons.all()]
        stored[row.client_key] = outcomes
    lost = sum(stored.get(key) != [outcome] for key, outcome in said.items())
    done = Assignment.objects.filter(batch=batch["pk"], state="done")
    too_many = (
        Item.objects.filter(batch=batch["pk"])
        .annotate(people=Count("assignments", filter=_is_done()))
        .filter(people__gt=F("batch__overlap"))
    )
    twice = done.values("item", "rater").annotate(count=Count("pk")).filter(count__gt=1)
    return {
        "acknowledged": len(said),
        "lost": lost,
        "doubled": (len(stored) - len(said))
        + (Comparison.objects.count() - len(stored))
        + (Judgement.objects.count() - Comparison.objects.count()),
        "over_assigned": too_many.count() + twice.count(),
        "left_behind": Slot.objects.filter(batch=batch["pk"]).exclude(state="done").count(),
        "late": sum(client.told.late for client in clients),
        "retries": sum(client.told.retries for client in clients),
    }


def _is_done() -> Any:
    from django.db.models import Q

    return Q(assignments__state="done")


def timings(clients: Sequence[Client]) -> dict[str, float]:
    return {
        "next_p95_ms": _p95(seconds for client in clients for seconds in client.told.next_seconds),
        "submit_p95_ms": _p95(seconds for client in clients for seconds in client.told.submit_seconds),
    }


def _p95(seconds: Any) -> float:
    return round(statistics.quantiles(list(seconds), n=20)[-1] * 1000, 1)


# -- a place of its own -----------------------------------------------------------------------------------------------


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--people", type=int, default=16)
    parser.add_argument("--items", type=int, default=1000)
    parser.add_argument("--overlap", type=int, default=2)
    parser.add_argument("--kill", type=int, default=5)
    return parser.parse_args()


def _free_port() -> int:
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _settle_django(data: Path) -> None:
    """Servers and storage of the benchmark's own, whatever the installation uses."""
    for name in ("DATABASE_URL", "REDIS_URL", "PAIRWRIGHT_S3_BUCKET"):
        os.environ.pop(name, None)
    os.environ.update(
        DJANGO_SETTINGS_MODULE="config.settings",
        PAIRWRIGHT_ENV_FILE="",
        PAIRWRIGHT_DATA=str(data),
        PAIRWRIGHT_LOG_LEVEL="ERROR",
    )
    import django
    from django.core.management import call_command

    django.setup()
    call_command("migrate", verbosity=0)
    call_command("collectstatic", interactive=False, verbosity=0)


def _stop_servers() -> None:
    from config import embedded

    embedded.stop()


if __name__ == "__main__":
    main()
