"""Judging on real workers: processes of their own, the embedded queue and database, a real server, and `kill -9`."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from config.celery import app
from curation.models import Comparison, DatasetVersion, Job, Judgement, JudgingContext, Project, Score, State
from scoring import tasks
from scoring.actions.judging import benches
from scoring.actions.judging.asks import Ask
from scoring.actions.judging.starting import start_judging
from scoring.models import Judge, JudgeCall, Look, Spending
from tests import factories
from tests.scoring.job_helpers import fall_silent
from tests.scoring.judges.server import Rules, Server, serving
from tests.scoring.judging_helpers import greys, judge
from tests.scoring.looking_judges import pair, searching
from tests.scoring.worker_processes import is_over, kill, wait_until

pytestmark = pytest.mark.django_db(transaction=True)

AT_ONCE = 4

TWO_STAGES = """
recipe: 1
title: A judge of pairs, then points
seed: 1
evidence: {basis: machines}
pairing:
  rule: two_stage
  judge: {votes: overall, raters: [eye]}
  points: {scores: clipscore}
  draw: judged
"""


@pytest.fixture
def served(settings, tmp_path: Path, monkeypatch) -> Iterator[Server]:
    with serving(Rules(seconds=0.05)) as server:
        settings.ENDPOINTS_FILE = tmp_path / "endpoints.yaml"
        settings.ENDPOINTS_FILE.write_text(server.endpoints_text(requests_at_once=AT_ONCE, price_prompt=1.0))
        monkeypatch.setenv("PAIRWRIGHT_ENDPOINTS_FILE", str(settings.ENDPOINTS_FILE))
        benches.forget()
        yield server
    benches.forget()


@pytest.fixture
def start_worker(worker_environment, served: Server, settings, tmp_path: Path) -> Iterator[Callable]:
    """Starts worker processes; whatever still lives at the end of the test is ended, and the queue emptied."""
    started: list[subprocess.Popen] = []

    def start() -> subprocess.Popen:
        log = (tmp_path / f"worker-{len(started)}.log").open("w")
        command = [sys.executable, "-m", "celery", "-A", "config", "worker", "-Q", "cpu", "--concurrency", "1"]
        command += ["-n", f"judging-{os.getpid()}-{len(started)}@%h"]
        environment = {**worker_environment, "PAIRWRIGHT_ENDPOINTS_FILE": str(settings.ENDPOINTS_FILE)}
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=log, start_new_session=True)
        started.append(process)
        return process

    yield start
    for process in started:
        kill(process)
    app.control.purge()


def test_a_worker_killed_mid_judging_pays_nothing_twice_and_loses_no_verdict(start_worker, served: Server) -> None:
    project = factories.project()
    for number in range(20):
        greys(project, 200 - number, 60 + number)
    asked = judge(project, "eye", "image-pair-critique", endpoint="eye", model="eye-1")
    job = start_judging(project=project, judge=asked, by=None)
    tasks.ring(job)
    doomed = start_worker()
    wait_until(lambda: len(served.requests) >= 14, "a third of the questions")

    kill(doomed)
    wait_until(lambda: served.under_way == 0, "the server to end what was under way")
    at_the_kill = len(served.requests)
    paid = JudgeCall.objects.count()
    assert at_the_kill < 40, "the worker was killed before its end"
    assert at_the_kill - paid <= AT_ONCE, "every reply was kept as it came"
    fall_silent(job)
    start_worker()
    tasks.sweep()
    wait_until(lambda: is_over(job), "the second worker to end the job")

    assert (job.state, job.total, job.done, job.failed) == (State.DONE, 40, 40, 0)
    assert len(served.requests) <= 40 + AT_ONCE, "only what was under way is asked again"
    assert JudgeCall.objects.count() == 40
    said = Counter(Comparison.objects.values_list("left_sample", "right_sample"))
    assert len(said) == 40
    assert set(said.values()) == {1}
    assert Judgement.objects.count() == 40
    assert Spending.objects.get(job=job).requests <= 40 + AT_ONCE


def test_a_worker_killed_between_two_looks_pays_nothing_twice_and_doubles_no_look(start_worker, served: Server) -> None:
    served.rules.says = searching
    project = factories.project()
    for _prompt in range(10):
        pair(project)
    asked = judge(project, "looker", "image-pair-look", endpoint="eye", model="eye-1")
    job = start_judging(project=project, judge=asked, by=None)
    tasks.ring(job)
    doomed = start_worker()
    wait_until(lambda: len(served.requests) >= 20, "a third of the turns")

    kill(doomed)
    wait_until(lambda: served.under_way == 0, "the server to end what was under way")
    at_the_kill = len(served.requests)
    assert at_the_kill < 60, "the worker was killed before its end"
    assert at_the_kill - JudgeCall.objects.count() <= AT_ONCE, "every reply was kept as it came"
    fall_silent(job)
    start_worker()
    tasks.sweep()
    wait_until(lambda: is_over(job), "the second worker to end the job")

    assert (job.state, job.total, job.done, job.failed) == (State.DONE, 20, 20, 0)
    assert len(served.requests) <= 60 + AT_ONCE, "only what was under way is asked again"
    assert (JudgeCall.objects.count(), Look.objects.count(), Judgement.objects.count()) == (60, 40, 20)
    assert all(len(said.payload["trace"]) == 2 for said in Judgement.objects.all())
    winners = {(row.left_sample.generator.name, row.outcome) for row in Comparison.objects.all()}
    assert winners == {("painter-0", "left"), ("painter-1", "right")}


# -- the whole way, by command ----------------------------------------------------------------------------------------


def run(*words: str, **options) -> str:
    out = StringIO()
    call_command(*words, stdout=out, stderr=out, **options)
    return out.getvalue()


@pytest.mark.capability("C2", "C3")
def test_two_stages_by_command_with_a_pair_judge_over_http_and_a_point_scorer(
    served: Server, monkeypatch, worker_environment, tmp_path: Path
) -> None:
    from tests.scoring import clip_weights

    monkeypatch.setenv("DATABASE_URL", worker_environment["DATABASE_URL"])
    app.control.purge()
    weights = tmp_path / "clip"
    clip_weights.make(weights)
    project = factories.project("lights")
    groups = [greys(project, 10 + number, 250 - number, 100 + number, 180 - number) for number in range(4)]

    run("judge", "lights", add="eye", template="image-pair-critique", model="eye-1", endpoint="eye")
    told = run("judge", "lights", judge="eye", pairs="disjoint", estimate=True)
    assert "8 to ask about, 16 questions, 0 answered before, 16 calls left" in told
    said = run("judge", "lights", judge="eye", pairs="disjoint", budget_requests=16, wait=True)
    assert "eye: 16 of 16 answered" in said
    assert "16 requests for" in said
    run("score", "lights", scorer=["clipscore"], set=[f"clipscore.source={weights}"], wait=True)
    recipe = tmp_path / "two-stages.yaml"
    recipe.write_text(TWO_STAGES)
    built = run("build_dataset", "lights", recipe=str(recipe), name="pairs")

    assert len(served.requests) == 16
    version = DatasetVersion.objects.get()
    winners = {group[1].pk for group in groups} | {group[3].pk for group in groups}
    points = dict(Score.objects.values_list("sample", "value"))
    expected = []
    for group in groups:
        best = max(points[sample.pk] for sample in group if sample.pk in winners)
        worst = min(points[sample.pk] for sample in group if sample.pk not in winners)
        expected += [(best, worst)] if best > worst else []
    assert expected, "the scorer agrees with the judge somewhere"
    assert f"{len(expected)} pairs of {len(expected)} prompts" in built
    pairs = _pairs(version)
    assert {chosen for chosen, _rejected in pairs} <= winners
    assert not {rejected for _chosen, rejected in pairs} & winners
    # Two greys may score alike to the last bit, so the pairs are told by their points.
    assert sorted((points[chosen], points[rejected]) for chosen, rejected in pairs) == sorted(expected)


def _pairs(version: DatasetVersion) -> set[tuple[int, int]]:
    from curation.actions import version_files

    return set(version_files.read(version, "pairs").select("chosen_id", "rejected_id").iter_rows())


def test_the_command_lists_adds_and_judges_under_a_principle(served: Server, monkeypatch, worker_environment) -> None:
    monkeypatch.setenv("DATABASE_URL", worker_environment["DATABASE_URL"])
    app.control.purge()
    project = factories.project("lights")
    greys(project, 200, 40)
    added = run(
        "judge", "lights", add="eye", template="image-pair", model="eye-1", endpoint="eye",
        set=["decoding.max_tokens=900"], orders="one", family="eyes",
    )  # fmt: skip

    assert added.strip() == "eye asks by image-pair@1."
    said = run("judge", "lights", judge="eye", principle="night", principle_text="The darker one is better.", wait=True)
    listed = run("judge", "lights", list=True)

    assert "eye: 1 of 1 answered" in said
    assert "eye: image-pair@1, eye-1 at eye" in listed
    assert "1 verdicts, 1 calls, 0 unreadable" in listed
    assert Comparison.objects.get().outcome == "right"
    assert JudgingContext.objects.get().name == "night"
    assert served.requests[0].body["max_tokens"] == 900
    assert Judge.objects.get().family == "eyes"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({}, "Say --judge NAME"),
        ({"judge": "nobody"}, "no judge “nobody”. There are: none yet"),
        ({"add": "eye", "model": "eye-1"}, "needs --template"),
        ({"add": "eye", "template": "nonsense", "model": "eye-1", "endpoint": "eye"}, "no template “nonsense”"),
        ({"add": "eye", "template": "image-pair", "model": "x", "endpoint": "far"}, "no endpoint “far”"),
        (
            {"add": "eye", "template": "image-pair", "model": "x", "endpoint": "eye", "set": ["decoding.heat=1"]},
            "no setting “heat” of decoding; there are max_tokens",
        ),
        (
            {
                "add": "eye",
                "template": "image-pair",
                "model": "x",
                "endpoint": "eye",
                "set": ["decoding.temperature=9"],
            },
            "temperature",
        ),
        (
            {"add": "e", "template": "image-pair", "model": "x", "endpoint": "eye", "set": ["heat"]},
            "PART.SETTING=VALUE",
        ),
    ],
)
def test_what_the_command_cannot_do_is_said(served: Server, options, words) -> None:
    factories.project("lights")

    with pytest.raises(CommandError, match=words):
        run("judge", "lights", **options)


def test_a_budget_that_ran_out_is_told_by_the_command(served: Server, monkeypatch, worker_environment) -> None:
    monkeypatch.setenv("DATABASE_URL", worker_environment["DATABASE_URL"])
    app.control.purge()
    project: Project = factories.project("lights")
    greys(project, 200, 40, 90, 130)
    run("judge", "lights", add="eye", template="image-pair", model="eye-1", endpoint="eye")

    with pytest.raises(CommandError, match="The budget of 5 requests is spent"):
        run("judge", "lights", judge="eye", pairs="all", budget_requests=5, wait=True)
    again = run("judge", "lights", judge="eye", pairs="all", wait=True)

    assert "eye: 7 of 7 answered" in again
    assert len(served.requests) == 12
    assert Ask("pairs", "all").plain() == Job.objects.first().params["ask"]
