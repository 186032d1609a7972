"""Large projects are counted ahead of whoever opens their pages; what is kept says of when it is."""

from datetime import timedelta

import psycopg
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from curation import tasks
from curation.actions import counting, judgements
from curation.actions.judgements import Act, NewFlag, PassScore
from curation.models import Job, Judgement, ProjectCounts, Request, progress, score_columns
from tests import factories
from tests.curation.pages.scene import Scene, scene

pytestmark = pytest.mark.django_db


@pytest.fixture
def boats() -> Scene:
    return scene()


@pytest.fixture
def large(boats, monkeypatch) -> Scene:
    """Eight samples are many where three are few."""
    monkeypatch.setattr(progress, "SMALL", 3)
    return boats


@pytest.fixture
def reader(client, boats):
    client.force_login(factories.member(boats.project, "viewer"))
    return client


def _overview(client, made: Scene, query: str = "") -> str:
    return client.get(reverse("project", args=[made.project.slug]) + query).content.decode()


def _soon() -> timezone.datetime:
    return timezone.now() + timedelta(hours=1)


def test_a_small_project_is_counted_for_each_visit(reader, boats) -> None:
    known = progress.known(boats.project)

    assert known is not None
    assert known.counted_at is None
    assert known.counts == progress.counts(boats.project)
    assert "counted just now" in _overview(reader, boats)


def test_as_many_rows_as_small_allows_are_still_small(boats, monkeypatch) -> None:
    monkeypatch.setattr(progress, "SMALL", 8)
    assert not progress.is_large(boats.project)

    monkeypatch.setattr(progress, "SMALL", 7)
    assert progress.is_large(boats.project)


def test_the_page_of_a_large_project_waits_for_the_first_count_and_says_so(reader, large) -> None:
    page = _overview(reader, large)

    assert "too large to be counted while you wait" in page
    assert "?part=funnel" in page
    assert "samples scored" not in page


def test_the_page_of_a_large_project_shows_what_was_counted_and_when(reader, large) -> None:
    kept = counting.refresh(project=large.project)
    factories.sample(large.prompt)

    page = _overview(reader, large)

    assert f"counted at {kept.counted_at:%Y-%m-%d %H:%M:%S} UTC" in page
    assert '<span class="funnel-count">8</span> <span class="funnel-name">samples</span>' in page
    assert "?part=funnel" not in page
    assert '<span class="funnel-count">8</span>' in _overview(reader, large, "?part=funnel")


def test_the_page_of_a_large_project_counts_no_rows_of_its_own(reader, large) -> None:
    counting.refresh(project=large.project)

    with CaptureQueriesContext(connection) as captured:
        _overview(reader, large)

    statements = [query["sql"] for query in captured]
    assert len(statements) < 20
    assert not [sql for sql in statements if "(SELECT count(*)" in sql or "count(DISTINCT" in sql]


def test_the_counts_are_those_of_the_rows(large) -> None:
    flags = [NewFlag(large.samples[0].pk, "unsafe"), NewFlag(large.samples[1].pk, "broken")]
    judgements.record(project=large.project, acts=[Act(large.person.pk, "flag", flags=flags)])

    kept = counting.refresh(project=large.project)

    assert kept.counts == {
        "prompts": 1,
        "prompts_with_samples": 1,
        "samples": 8,
        "samples_absent": 0,
        "samples_scored": 8,
        "pairs_judged": 1,
        "pairs_judged_by_people": 1,
        "pairs_judged_by_scripts": 0,
        "prompts_judged": 1,
        "samples_unsafe": 1,
        "samples_broken": 1,
    }


def test_a_small_project_is_never_due(boats) -> None:
    assert not progress.is_due(boats.project, _soon())


def test_a_large_project_is_due_until_it_is_counted_and_again_when_something_came(large) -> None:
    assert progress.is_due(large.project, timezone.now())

    counting.refresh(project=large.project)
    assert not progress.is_due(large.project, _soon())

    factories.sample(large.prompt)
    assert progress.is_due(large.project, _soon())


def test_a_prompt_a_retraction_and_a_finished_job_call_for_a_count(large) -> None:
    def comes(what) -> bool:
        counting.refresh(project=large.project)
        assert not progress.is_due(large.project, _soon())
        what()
        return progress.is_due(large.project, _soon())

    job = Job.objects.create(project=large.project, kind="import", title="files that were absent")
    assert comes(lambda: factories.prompt(large.project))
    assert comes(lambda: judgements.retract(judgements=Judgement.objects.all()[:1], reason="retracted", by=None))
    assert comes(lambda: Job.objects.filter(pk=job.pk).update(state="done", finished_at=timezone.now()))


def test_counting_rests_for_a_multiple_of_what_it_took(large) -> None:
    kept = counting.refresh(project=large.project)
    ProjectCounts.objects.update(seconds=5)
    factories.sample(large.prompt)

    assert not progress.is_due(large.project, kept.counted_at + timedelta(seconds=99))
    assert progress.is_due(large.project, kept.counted_at + timedelta(seconds=101))


def test_rows_that_vanished_are_noticed_within_a_day(large) -> None:
    kept = counting.refresh(project=large.project)

    assert not progress.is_due(large.project, kept.counted_at + timedelta(hours=23))
    assert progress.is_due(large.project, kept.counted_at + timedelta(hours=25))


def test_the_timetable_counts_what_is_due_and_leaves_archived_projects_alone(large) -> None:
    other = scene(slug="cars")
    other.project.archived_at = timezone.now()
    other.project.save()

    tasks.count_projects()
    first = ProjectCounts.objects.get()
    tasks.count_projects()

    assert first.project == large.project
    assert ProjectCounts.objects.get().counted_at == first.counted_at


def test_a_project_that_was_deleted_meanwhile_is_no_error(large) -> None:
    tasks.count_project(project_id=large.project.pk + 1000)

    assert not ProjectCounts.objects.exists()


def test_a_project_is_counted_by_one_at_a_time(large) -> None:
    # Another process in the midst of counting.
    with psycopg.connect(**connection.get_connection_params()) as other:
        other.execute("SELECT pg_advisory_xact_lock(20261, %s)", [large.project.pk])
        assert counting.refresh(project=large.project) is None

    assert counting.refresh(project=large.project) is not None


def test_what_waits_is_counted_only_so_far_and_said_to_be_more(reader, boats, monkeypatch) -> None:
    monkeypatch.setattr(progress, "COUNTED", 2)
    for _ in range(3):
        Request.objects.create(project=boats.project, audience="people", prompt=boats.prompt, because="close")

    page = " ".join(_overview(reader, boats).split())

    assert '<span class="soft small">more than</span> 2</span>' in page


def test_the_histogram_of_a_large_column_is_kept_and_says_of_when(reader, large) -> None:
    column = f"{large.scorer.pk}.{large.sharpness.pk}"
    kept = counting.refresh(project=large.project)
    late = factories.sample(large.prompt)
    judgements.record_pass(
        project=large.project,
        rater=large.scorer,
        job=None,
        scores=[PassScore(late.pk, late.prompt_id, large.sharpness.pk, 500.0)],
    )

    answer = reader.get(reverse("samples", args=["boats"]), {"sort": column, "part": "histogram"}).content.decode()

    assert list(kept.histograms) == [column]  # the person's single score is not many
    assert "8 scores" in answer
    assert f"counted at {kept.counted_at:%Y-%m-%d %H:%M:%S} UTC" in answer


def test_the_histogram_of_a_small_column_is_made_when_it_is_asked_for(boats) -> None:
    counting.refresh(project=boats.project)
    [column] = [c for c in score_columns.of_project(boats.project) if c.rater == boats.scorer]

    spread = score_columns.spread(boats.project, column)

    assert spread.counted_at is None
    assert spread.histogram == score_columns.histogram(column)
