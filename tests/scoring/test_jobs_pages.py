"""Pages of scorers and jobs: for their people, closed to others, and with queries that do not grow."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from curation.actions import jobs
from curation.models import Job, JobFailure, Project, Score, State
from scoring import resident, tasks, workers
from scoring.actions import arrivals, parts, staging, working
from scoring.actions.staging import Stage, start_staged
from scoring.actions.starting import start_scoring, start_trial
from scoring.catalogue import CATALOGUE
from scoring.views import job as job_views
from tests import factories
from tests.scoring import fakes
from tests.scoring.job_helpers import texts, values, work_through
from tests.scoring.page_helpers import count_queries, visitors

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def fake_scorers(monkeypatch):
    for name, facts in fakes.FAKES.items():
        monkeypatch.setitem(CATALOGUE, name, facts)
    resident.forget()


@pytest.fixture(autouse=True)
def rung(monkeypatch) -> list[Job]:
    """The jobs for which a worker was called; no queue is needed."""
    calls: list[Job] = []
    monkeypatch.setattr(tasks, "ring", calls.append)
    monkeypatch.setattr(workers, "answering", lambda timeout_seconds=1.0: {"cpu": ["cpu@here"]})
    return calls


@pytest.fixture
def project() -> Project:
    return factories.project("letters", task="text")


@pytest.fixture
def sign_in(project: Project) -> Callable[[str], Client]:
    return visitors(project)


def page(name: str, *args: object) -> str:
    return reverse(name, args=["letters", *args])


def finished(project: Project, *words: str) -> Job:
    texts(project, *words)
    (job,) = start_scoring(project=project, scorers={"length": {}}, by=None)
    return work_through(job)


# -- who may ----------------------------------------------------------------------------------------------------------

READING = ["scorers", "jobs", "job", "job_failures"]
WRITING = ["job_cancel", "job_resume", "job_retry", "scorer_try", "arrival_scorers", "score"]


def address(name: str, job: Job) -> str:
    if name.startswith("job") and name != "jobs":
        return page(name, job.pk)
    return page(name, "length") if name == "scorer_try" else page(name)


@pytest.mark.parametrize("name", READING)
@pytest.mark.parametrize(
    ("role", "status"),
    [("admin", 200), ("curator", 200), ("viewer", 200), ("annotator", 403), ("stranger", 404), ("nobody", 302)],
)
def test_pages_open_to_those_who_may_view(project: Project, sign_in, name: str, role: str, status: int) -> None:
    job = finished(project, "a", "bad one")

    assert sign_in(role).get(address(name, job)).status_code == status


@pytest.mark.parametrize("name", WRITING)
@pytest.mark.parametrize(("role", "status"), [("viewer", 403), ("annotator", 403), ("stranger", 404), ("nobody", 302)])
def test_only_curators_and_admins_change_anything(
    project: Project, sign_in, rung, name: str, role: str, status: int
) -> None:
    job = finished(project, "a", "bad one")
    before = list(Job.objects.values())

    response = sign_in(role).post(address(name, job), {"scorers": ["length"]})

    assert response.status_code == status
    assert list(Job.objects.values()) == before
    assert rung == []


def test_a_job_of_another_project_is_not_found(project: Project, sign_in) -> None:
    other = factories.project("other", task="text")
    job = finished(other, "a")

    assert sign_in("curator").get(page("job", job.pk)).status_code == 404
    assert sign_in("curator").post(page("job_cancel", job.pk)).status_code == 404


@pytest.mark.parametrize("name", ["job_cancel", "job_resume", "job_retry", "scorer_try", "arrival_scorers"])
def test_changes_need_a_post(project: Project, sign_in, name: str) -> None:
    assert sign_in("curator").get(address(name, finished(project, "a"))).status_code == 405


# -- starting ---------------------------------------------------------------------------------------------------------


def test_launching_starts_the_job_calls_a_worker_and_leads_to_it(
    project: Project, sign_in, rung, django_capture_on_commit_callbacks
) -> None:
    texts(project, "a", "bb")

    with django_capture_on_commit_callbacks(execute=True):
        response = sign_in("curator").post(page("score"), {"scorers": ["length", "vowels"]})

    job = Job.objects.get()
    assert response.url == page("job", job.pk)
    assert (list(job.params["scorers"]), rung, job.created_by is not None) == (["length", "vowels"], [job], True)


def test_launching_narrows_by_generator_and_round_and_takes_settings(project: Project, sign_in) -> None:
    generator = factories.generator(project, "painter")
    factories.sample(factories.prompt(project), text="a", round=1)
    form = {"scorers": ["clipscore"], "generator": generator.pk, "round": "1", "clipscore-prefix": ""}

    sign_in("curator").post(page("score"), form)

    job = Job.objects.get()
    assert job.params["chosen"] == {"generators": [generator.pk], "rounds": [1]}
    assert job.params["scorers"]["clipscore"]["prefix"] == ""
    assert job.params["scorers"]["clipscore"]["precision"] == "float32"


def test_launching_without_a_scorer_says_so(project: Project, sign_in) -> None:
    response = sign_in("curator").post(page("score"), {})

    assert response.status_code == 400
    assert "Choose at least one scorer." in response.content.decode()


def test_the_plan_says_on_how_many_samples_and_for_how_long(project: Project, sign_in) -> None:
    job = finished(project, "a", "bb")
    Job.objects.filter(pk=job.pk).update(
        total=20, done=20, started_at=timezone.now() - timezone.timedelta(seconds=10), finished_at=timezone.now()
    )
    texts(project, *"abcdefgh")

    html = sign_in("curator").post(page("score") + "?part=plan", {"scorers": ["length"]}).content.decode()

    assert "8 samples" in html
    assert "2 of 10 have its score" in html
    assert "About 4.0 s at the speed of the last time." in html


def test_a_card_says_how_far_the_scorer_has_come(project: Project, sign_in) -> None:
    finished(project, "a", "bb")
    texts(project, "ccc")

    html = sign_in("viewer").get(page("scorers"), {"part": "coverage", "scorer": "length"}).content.decode()

    assert "2 of 3 samples scored" in html
    assert "1 to do" in html


def test_a_try_leads_to_a_job_that_shows_the_numbers(project: Project, sign_in, rung) -> None:
    texts(project, "seven77")
    client = sign_in("curator")

    response = client.post(page("scorer_try", "length"))
    work_through(Job.objects.get())
    html = client.get(response.url).content.decode()

    assert "What it says of this sample" in html
    assert '<td class="num strong">7</td>' in html
    assert not Score.objects.exists()


def test_a_try_without_a_fitting_sample_says_so(project: Project, sign_in) -> None:
    response = sign_in("curator").post(page("scorer_try", "length"))

    assert response.status_code == 400
    assert "has what “length” needs" in response.content.decode()


# -- arrival ----------------------------------------------------------------------------------------------------------


def test_arrival_scorers_are_chosen_on_the_page_and_run_on_newcomers(project: Project, sign_in) -> None:
    texts(project, "a")
    sign_in("curator").post(page("arrival_scorers"), {"scorers": ["vowels", "length"]})

    (job,) = arrivals.start_due()
    work_through(job)
    assert arrivals.start_due() == []
    texts(project, "ee")
    (job,) = arrivals.start_due()
    job = work_through(job)

    assert job.total == 2
    assert values(project)["ee"] == 2


def test_arrivals_wait_for_the_end_of_an_import(project: Project, sign_in) -> None:
    arrivals.set_arrival_scorers(project=project, scorers=["length"], by=None)
    texts(project, "a")
    jobs.create(project=project, kind="import", title="x", params={}, by=None)

    assert arrivals.start_due() == []


def test_an_archived_project_scores_nothing_by_itself(project: Project) -> None:
    arrivals.set_arrival_scorers(project=project, scorers=["length"], by=None)
    texts(project, "a")
    Project.objects.update(archived_at=timezone.now())

    assert arrivals.start_due() == []


# -- one job ----------------------------------------------------------------------------------------------------------


def test_a_running_job_asks_again_every_two_seconds_and_a_finished_one_does_not(project: Project, sign_in) -> None:
    texts(project, "a")
    (job,) = start_scoring(project=project, scorers={"length": {}}, by=None)
    working.step(job.pk)
    client = sign_in("viewer")

    running = client.get(page("job", job.pk), {"part": "progress"})
    work_through(job)
    over = client.get(page("job", job.pk), {"part": "progress"})

    assert 'hx-trigger="every 2s"' in running.content.decode()
    assert "HX-Refresh" not in running.headers
    assert "hx-trigger" not in over.content.decode()
    assert over.headers["HX-Refresh"] == "true"


def test_progress_names_the_owner_and_its_heartbeat(project: Project, sign_in) -> None:
    texts(project, "a")
    (job,) = start_scoring(project=project, scorers={"length": {}}, by=None)
    working.step(job.pk)
    job.refresh_from_db()
    parts.claim_next(job, "atlas:4711:abc")
    job.chunks.update(heartbeat_at=timezone.now() - timezone.timedelta(seconds=80))

    html = sign_in("viewer").get(page("job", job.pk)).content.decode()

    assert "atlas" in html
    assert "process 4711, heard 80 s ago" in html
    assert "silent: its work is free for others" in html


def test_failures_are_shown_with_their_reasons(project: Project, sign_in) -> None:
    job = finished(project, "good", "bad one")

    html = sign_in("viewer").get(page("job", job.pk)).content.decode()

    assert "cannot read &#x27;bad one&#x27;" in html
    assert "bad one</span>" in html, "the text itself stands in the frame"
    assert "Retry what failed" not in html, "a viewer cannot"
    assert "Retry what failed" in sign_in("curator").get(page("job", job.pk)).content.decode()


def test_failures_come_as_csv_that_no_spreadsheet_runs(project: Project, sign_in) -> None:
    job = finished(project, "good", "bad one")
    JobFailure.objects.create(job=job, what="=cmd()", reason="a, b\nc", source="length")

    response = sign_in("viewer").get(page("job_failures", job.pk))
    rows = list(csv.DictReader(io.StringIO(b"".join(response).decode())))

    assert response.headers["Content-Disposition"] == f'attachment; filename="job-{job.pk}-failures.csv"'
    assert [(row["what"][:7], row["reason"]) for row in rows] == [
        ("sample ", "cannot read 'bad one'"),
        ("'=cmd()", "a, b\nc"),
    ]


def test_cancel_resume_and_retry_from_the_page(
    project: Project, sign_in, rung, django_capture_on_commit_callbacks
) -> None:
    texts(project, "a", "bad one")
    (job,) = start_scoring(project=project, scorers={"length": {}}, by=None)
    client = sign_in("admin")

    client.post(page("job_cancel", job.pk))
    job.refresh_from_db()
    assert job.state == State.CANCELLED
    with django_capture_on_commit_callbacks(execute=True):
        client.post(page("job_resume", job.pk))
    assert rung == [job]
    job = work_through(job)
    assert (job.state, job.failed) == (State.DONE, 1)
    with django_capture_on_commit_callbacks(execute=True):
        client.post(page("job_retry", job.pk))
    job.refresh_from_db()

    assert (job.state, rung) == (State.QUEUED, [job, job])


def test_stopping_what_is_over_is_explained(project: Project, sign_in) -> None:
    response = sign_in("curator").post(page("job_cancel", finished(project, "a").pk))

    assert response.status_code == 400
    assert "is done already" in response.content.decode()


def test_the_list_shows_every_kind_and_narrows(project: Project, sign_in) -> None:
    finished(project, "a")
    jobs.create(project=project, kind="import", title="Import of letters.jsonl", params={}, by=None)
    client = sign_in("viewer")

    everything = client.get(page("jobs")).content.decode()
    narrowed = client.get(page("jobs"), {"kind": "score"}).content.decode()

    assert "Import of letters.jsonl" in everything
    assert "length" in everything
    assert "Import of letters.jsonl" not in narrowed
    assert "waits for a worker" in everything


def test_the_list_says_which_workers_answer(project: Project, sign_in) -> None:
    html = sign_in("viewer").get(page("jobs"), {"part": "workers"}).content.decode()

    assert "1 worker answers on cpu." in html
    assert "No worker answers on gpu." in html


def test_each_scorer_of_a_job_tells_what_it_has_done_and_how_it_runs(project: Project, sign_in) -> None:
    texts(project, "a", "bb", "bad one")
    (job,) = start_scoring(project=project, scorers={"length": {}, "vowels": {}}, by=None)
    work_through(job)
    environment = {"atlas": {"device": "H100", "batches": {"length": 64}, "libraries": {"numpy": "2"}}}
    Job.objects.update(environment=environment)

    html = " ".join(sign_in("viewer").get(page("job", job.pk)).content.decode().split())

    assert 'Length</a></th><td class="num">2</td><td class="num">1</td>' in html
    assert 'Vowels</a></th><td class="num">2</td><td class="num">1</td>' in html
    assert "atlas: H100 · batches of 64" in html


def test_the_stages_of_a_series_are_linked_and_those_to_come_are_told(project: Project, sign_in) -> None:
    texts(project, "a", "eee")
    later = [
        Stage("length", "length_value", {"vowels": {}}, best_of_prompt=1),
        Stage("vowels", "vowels_value", {"crowd": {}}, at_least=2),
    ]
    (first,) = start_staged(project=project, scorers={"length": {}}, later=later, by=None)
    client = sign_in("viewer")

    before = client.get(page("job", first.pk)).content.decode()
    work_through(first)
    (second,) = staging.advance(first.pk)
    after = client.get(page("job", second.pk)).content.decode()

    assert before.count("begins when the stage before is done") == 2
    assert "the best of each prompt, by Length" in before
    assert "at least 2, by Vowels" in before
    assert after.count("begins when the stage before is done") == 1
    assert page("job", first.pk) in after
    assert 'aria-current="step"' in after
    assert "<dt>Samples</dt><dd>the best of each prompt, by Length</dd>" in after


def test_a_warning_of_the_canaries_stands_on_the_job(project: Project, sign_in) -> None:
    job = finished(project, "a")
    Job.objects.filter(pk=job.pk).update(result={"warnings": ["The canaries of “length” have drifted."]})

    assert "The canaries of “length” have drifted." in sign_in("viewer").get(page("job", job.pk)).content.decode()


def test_what_a_job_of_another_kind_left_is_shown(project: Project, sign_in) -> None:
    job = jobs.create(project=project, kind="export", title="x", params={}, by=None)
    jobs.claim(job, "me")
    jobs.finish(job, "me", result={"rows_written": 12, "files": ["a"]})

    assert "rows written" in sign_in("viewer").get(page("job", job.pk)).content.decode()


# -- queries ----------------------------------------------------------------------------------------------------------


def test_queries_of_the_job_list_do_not_grow(project: Project, sign_in) -> None:
    client = sign_in("viewer")
    for _number in range(2):
        jobs.create(project=project, kind="import", title="x", params={}, by=factories.user())
    few = count_queries(client, page("jobs"))
    for _number in range(18):
        jobs.create(project=project, kind="import", title="x", params={}, by=factories.user())

    assert count_queries(client, page("jobs")) == few


def test_queries_of_a_job_with_failures_and_parts_do_not_grow(project: Project, sign_in, monkeypatch) -> None:
    monkeypatch.setattr("scoring.cutting.SECONDS_A_PART", 0.0)  # the smallest parts, however fast the machine is
    client = sign_in("viewer")
    small = finished(project, "bad 1", "bad 2")
    few = count_queries(client, page("job", small.pk))
    large = finished(project, *(f"bad number {number}" for number in range(40)), *"abcdefgh")

    assert large.chunks.count() > small.chunks.count()
    assert count_queries(client, page("job", large.pk)) == few


def test_queries_of_the_catalogue_do_not_grow_with_samples(project: Project, sign_in) -> None:
    client = sign_in("viewer")
    texts(project, "a", "bb")
    few = count_queries(client, page("scorers"))
    texts(project, *(f"text {number}" for number in range(20)))

    assert count_queries(client, page("scorers")) == few


def test_a_job_with_very_many_parts_draws_none_of_them(project: Project, sign_in, monkeypatch) -> None:
    monkeypatch.setattr(job_views, "PARTS_DRAWN", 1)
    job = finished(project, *(f"text {number}" for number in range(30)))

    html = sign_in("viewer").get(page("job", job.pk)).content.decode()

    assert "4 parts: 4 done" in html
    assert 'job-parts"' not in html


def test_a_try_that_waits_says_so(project: Project, sign_in) -> None:
    texts(project, "a")
    job = start_trial(project=project, scorer="length", by=None)

    html = sign_in("viewer").get(page("job", job.pk)).content.decode()

    assert "waits for a worker; the first time it also loads the scorer" in html
