"""`score` and `scorers`: what a person sees in a terminal."""

from __future__ import annotations

import io

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from config.celery import app
from curation.models import Job, Project, Score
from scoring import words, workers
from tests import factories
from tests.scoring.job_helpers import texts

pytestmark = pytest.mark.django_db


@pytest.fixture
def project() -> Project:
    return factories.project("letters", task="text")


@pytest.fixture
def nobody_answers(monkeypatch) -> None:
    monkeypatch.setattr(workers, "answering", lambda timeout_seconds=1.0: {})


def run(*arguments: str, **options) -> tuple[str, str]:
    out, err = io.StringIO(), io.StringIO()
    call_command(*arguments, stdout=out, stderr=err, **options)
    return out.getvalue(), err.getvalue()


@pytest.fixture(autouse=True)
def empty_queue():
    yield
    app.control.purge()


def test_a_missing_worker_is_said_at_once(project: Project, nobody_answers) -> None:
    out, err = run("score", "letters", scorer=["text_rules"])

    job = Job.objects.get()
    assert f"Job {job.pk} (text_rules) is queued." in out
    assert "No worker answers on queue “cpu”" in err
    assert "--wait" in err


def test_a_worker_too_busy_to_answer_counts_as_there(project: Project, nobody_answers) -> None:
    job = Job.objects.create(project=project, kind="score", title="x")
    job.chunks.create(position=0, state="running", owner="me", heartbeat_at=timezone.now(), queue="gpu")

    assert workers.attended_queues() == {"gpu"}


@pytest.mark.django_db(transaction=True)
def test_wait_starts_a_worker_of_its_own_and_stops_it(worker_environment, monkeypatch) -> None:
    monkeypatch.setenv("DATABASE_URL", worker_environment["DATABASE_URL"])
    project = factories.project("letters", task="text")
    texts(project, "one two", "three")
    app.control.purge()

    out, _err = run("score", "letters", scorer=["text_rules", "exact_match"], wait=True)

    assert "No worker answers; started one for cpu." in out
    assert "exact_match, text_rules: 2 of 4 scored · 2 not applicable" in out
    assert Score.objects.filter(judgement__project=project).count() == 8
    assert workers.answering() == {}
    again, _err = run("score", "letters", scorer=["text_rules"], wait=True)
    assert "text_rules: nothing was missing" in again


def test_unknown_names_are_refused_with_those_that_exist(project: Project) -> None:
    with pytest.raises(CommandError, match=r"no project “nowhere”\. There are: letters"):
        run("score", "nowhere", scorer=["ocr"])
    with pytest.raises(CommandError, match="no scorer “taste”"):
        run("score", "letters", scorer=["taste"])
    with pytest.raises(CommandError, match="no generator “ghost”"):
        run("score", "letters", scorer=["ocr"], generator=["ghost"])
    with pytest.raises(CommandError, match=r"not NAME\.SETTING=VALUE"):
        run("score", "letters", scorer=["ocr"], set=["nonsense"])


def test_settings_and_choices_reach_the_job(project: Project, nobody_answers) -> None:
    generator = factories.generator(project, "painter")

    run(
        "score", "letters", scorer=["clipscore"], set=["clipscore.prefix=A photo of "], generator=["painter"], round=[2]
    )

    job = Job.objects.get()
    assert job.params["scorers"]["clipscore"]["prefix"] == "A photo of "
    assert job.params["chosen"] == {"generators": [generator.pk], "rounds": [2]}
    assert job.queue == "gpu"


def test_scorers_are_listed_and_shown_in_words(db) -> None:
    listed, _err = run("scorers")
    assert listed == run("scorers", "list")[0]
    shown, _err = run("scorers", "show", "technical")

    assert "near_duplicate" in listed
    assert "variance of the Laplacian" in shown
    assert "a picture or a video" in shown
    with pytest.raises(CommandError, match="no scorer “taste”"):
        run("scorers", "show", "taste")


@pytest.mark.parametrize(
    ("rate", "expected"),
    [(212.4, "212 a second"), (3.21, "3.2 a second"), (0.25, "4.0 s each"), (0.005, "3 min each")],
)
def test_speed_is_said_in_the_larger_number(rate: float, expected: str) -> None:
    assert words.speed(rate) == expected


@pytest.mark.parametrize(
    ("seconds", "expected"), [(3.2, "3.2 s"), (75, "75 s"), (300, "5 min"), (7200, "2.0 h"), (300_000, "3 days")]
)
def test_a_length_of_time_is_said_in_its_unit(seconds: float, expected: str) -> None:
    assert words.duration(seconds) == expected


def test_progress_in_words(project: Project) -> None:
    started = timezone.now() - timezone.timedelta(seconds=10)
    job = Job(state="running", total=100, done=38, skipped=1, failed=1, started_at=started)

    assert words.progress(job) == "40 of 100 · 4.0 a second · 15 s left · 1 not applicable · 1 failed"
