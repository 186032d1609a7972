"""Jobs on real workers: processes of their own, the embedded queue and database, and `kill -9`."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from config.celery import app
from curation.actions import jobs
from curation.models import Job, JobChunk, Judgement, Project, Score, State
from scoring import tasks
from scoring.actions import starting
from scoring.actions.starting import start_scoring
from scoring.catalogue import CATALOGUE
from tests import factories
from tests.scoring import fakes
from tests.scoring.job_helpers import fall_silent, texts, values
from tests.scoring.worker_processes import is_over, kill, wait_until

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def fake_scorers(monkeypatch) -> None:
    for name, facts in fakes.FAKES.items():
        monkeypatch.setitem(CATALOGUE, name, facts)


@pytest.fixture
def trace(tmp_path: Path) -> Path:
    """Where workers write which slow text they began."""
    path = tmp_path / "trace"
    path.touch()
    return path


@pytest.fixture
def start_worker(
    worker_environment: dict[str, str], trace: Path, tmp_path: Path
) -> Iterator[Callable[..., subprocess.Popen]]:
    """Starts worker processes; whatever still lives at the end of the test is ended, and the queue emptied."""
    started: list[subprocess.Popen] = []

    def start(concurrency: int = 1) -> subprocess.Popen:
        log = (tmp_path / f"worker-{len(started)}.log").open("w")
        command = [sys.executable, "-m", "celery", "-A", "tests.scoring.worker_with_fakes", "worker", "-Q", "cpu"]
        command += ["-n", f"test-{os.getpid()}-{len(started)}@%h", "--concurrency", str(concurrency)]
        environment = {**worker_environment, "PAIRWRIGHT_TEST_TRACE": str(trace)}
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=log, start_new_session=True)
        started.append(process)
        return process

    yield start
    for process in started:
        kill(process)
    app.control.purge()


def begun(trace: Path) -> int:
    return len(trace.read_text().splitlines())


def assert_each_scored_once(project: Project, count: int) -> None:
    rows = Counter(Score.objects.filter(judgement__project=project).values_list("sample_id", flat=True))
    assert len(rows) == count
    assert set(rows.values()) == {1}
    assert values(project) == {text: len(text) for text in values(project)}


@pytest.mark.capability("C14")
def test_a_worker_killed_mid_job_loses_nothing_and_doubles_nothing(start_worker, trace) -> None:
    project = factories.project(task="text")
    texts(project, *(f"slow {number}" for number in range(100)), "bad one")
    (job,) = start_scoring(project=project, scorers={"length": {}}, by=None)
    tasks.ring(job)
    doomed = start_worker(concurrency=2)
    wait_until(lambda: begun(trace) > 30, "a third of the job")

    kill(doomed)
    deserted = list(JobChunk.objects.filter(job=job, state=State.RUNNING))
    assert deserted, "the worker died while it held a part"
    before = Score.objects.count()
    assert 0 < before < 100
    fall_silent(job)
    start_worker(concurrency=2)
    tasks.sweep()
    wait_until(lambda: is_over(job), "the second worker to end the job")

    assert (job.state, job.total, job.done, job.failed) == (State.DONE, 101, 100, 1)
    assert_each_scored_once(project, 100)
    assert job.failures.count() == 1
    assert begun(trace) <= 100 + sum(chunk.total for chunk in deserted), "only what was under way is asked again"


def test_a_lost_message_is_a_delay_and_not_a_loss(start_worker) -> None:
    project = factories.project(task="text")
    texts(project, "a", "bb")
    (job,) = start_scoring(project=project, scorers={"length": {}}, by=None)
    start_worker()

    tasks.sweep()
    wait_until(lambda: is_over(job), "the job to be found by the sweep")

    assert job.state == State.DONE
    assert_each_scored_once(project, 2)


def test_two_workers_and_many_messages_score_everything_once(start_worker, trace) -> None:
    project = factories.project(task="text")
    texts(project, *(f"slow {number}" for number in range(48)))
    (job,) = start_scoring(project=project, scorers={"length": {}}, by=None)
    for _message in range(20):
        tasks.ring(job)
    start_worker()
    start_worker()

    wait_until(lambda: is_over(job), "the job to end")

    assert (job.state, job.done) == (State.DONE, 48)
    assert_each_scored_once(project, 48)
    assert begun(trace) == 48
    assert len({line.split()[0] for line in trace.read_text().splitlines()}) == 2, "both workers took part"


def test_a_running_job_is_cancelled_and_resumed(start_worker, trace) -> None:
    project = factories.project(task="text")
    texts(project, *(f"slow {number}" for number in range(90)))
    (job,) = start_scoring(project=project, scorers={"length": {}}, by=None)
    tasks.ring(job)
    start_worker()
    wait_until(lambda: begun(trace) > 10, "the job to be under way")

    starting.cancel(job=job, by=None)
    wait_until(lambda: is_over(job), "the worker to stop")
    assert job.state == State.CANCELLED
    assert 0 < job.done < 90
    kept = set(Judgement.objects.values_list("pk", flat=True))
    assert Score.objects.count() == job.done

    starting.resume(job=job, by=None)
    tasks.ring(job)
    wait_until(lambda: is_over(job), "the job to end")

    assert (job.state, job.done) == (State.DONE, 90)
    assert_each_scored_once(project, 90)
    assert kept <= set(Judgement.objects.values_list("pk", flat=True))


def test_samples_are_scored_as_they_arrive(start_worker) -> None:
    project = factories.project(task="text", arrival_scorers=["length"])
    texts(project, "a", "bb")
    start_worker()

    tasks.sweep()
    wait_until(lambda: len(values(project)) == 2, "the first two")
    wait_until(lambda: not Job.objects.unfinished().exists(), "the job to end")
    tasks.sweep()
    assert Job.objects.count() == 1, "nothing new came in"
    texts(project, "ccc")
    tasks.sweep()
    wait_until(lambda: len(values(project)) == 3, "the newcomer")

    assert Job.objects.first().params["chosen"].keys() == {"after"}
    assert Job.objects.first().total == 1


def test_the_queue_knows_how_many_messages_wait() -> None:
    app.control.purge()
    project = factories.project(task="text")
    (job,) = start_scoring(project=project, scorers={"length": {}}, by=None)

    assert tasks.messages_in("cpu") == 0
    tasks.ring(job)
    tasks.ring(job)

    assert tasks.messages_in("cpu") == 2
    tasks.sweep()
    assert tasks.messages_in("cpu") == 3, "one more, because the two that wait may be for other jobs"
    app.control.purge()


def test_the_sweep_rings_for_every_kind_of_job(monkeypatch) -> None:
    """An import, a build and an export whose messages were lost, and a scoring job, each by its own task."""
    project = factories.project(task="text")
    rung: list[tuple[str, int]] = []
    for task in tasks.TASKS.values():
        sent = lambda kwargs, queue, name=task.name: rung.append((name, kwargs["job_id"]))  # noqa: E731
        monkeypatch.setattr(task, "apply_async", sent)
    made = {kind: jobs.create(project=project, kind=kind, title="x", params={}, by=None) for kind in tasks.TASKS}

    tasks.sweep()

    assert sorted(rung) == sorted((tasks.TASKS[kind].name, job.pk) for kind, job in made.items())
