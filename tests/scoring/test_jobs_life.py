"""The life of a scoring job inside one process: what is asked, what is written, how it ends."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import OperationalError
from django.utils import timezone

from curation.actions import jobs
from curation.errors import Conflict, Refused, Unavailable
from curation.models import CriterionVersion, Job, JobChunk, Judgement, Project, Rater, Score, State
from scoring import cutting, resident, tasks
from scoring.actions import parts, planning, recording, starting, sweeping, working
from scoring.actions.starting import retry_failed, start_scoring, start_trial
from scoring.catalogue import CATALOGUE
from tests import factories
from tests.scoring import fakes
from tests.scoring.job_helpers import fall_silent, texts, values, work_through

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def fake_scorers(monkeypatch):
    for name, facts in fakes.FAKES.items():
        monkeypatch.setitem(CATALOGUE, name, facts)
    resident.forget()
    yield
    resident.forget()


@pytest.fixture
def project() -> Project:
    return factories.project(task="text")


def start(project: Project, *names: str, **options) -> Job:
    (job,) = start_scoring(project=project, scorers={name: {} for name in names or ("length",)}, by=None, **options)
    return job


# -- what is asked and written ----------------------------------------------------------------------------------------


def test_every_sample_gets_its_number_once(project: Project) -> None:
    texts(project, "a", "bb", "ccc")

    job = work_through(start(project))

    assert values(project) == {"a": 1, "bb": 2, "ccc": 3}
    assert (job.state, job.total, job.done, job.skipped, job.failed) == (State.DONE, 3, 3, 0, 0)


def test_one_pass_over_many_samples_is_one_judgement_of_the_job(project: Project) -> None:
    texts(project, "a", "bb", "ccc")

    job = work_through(start(project))

    judgement = Judgement.objects.get(project=project)
    assert (judgement.job, judgement.act, judgement.rater.name) == (job, Judgement.Act.PASS, "length")
    assert judgement.scores.count() == 3


@pytest.mark.capability("C1")
def test_two_scorers_on_one_group_are_two_raters_with_their_versions(project: Project) -> None:
    texts(project, "a", "bee")

    work_through(start(project, "length", "vowels"))

    raters = Rater.objects.filter(judgements__project=project)
    assert {rater.identity["scorer"]: rater.identity["version"] for rater in raters} == {"length": "1", "vowels": "1"}
    rows = Score.objects.filter(judgement__project=project).values_list(
        "criterion_version__criterion__key", "sample__text", "value"
    )
    assert set(rows) == {
        ("length_value", "a", 1.0),
        ("length_value", "bee", 3.0),
        ("vowels_value", "a", 1.0),
        ("vowels_value", "bee", 2.0),
    }


def test_a_criterion_carries_what_the_scorer_declares(project: Project) -> None:
    texts(project, "a")

    work_through(start(project))

    criterion = CriterionVersion.objects.get(criterion__key="length_value")
    assert (criterion.low, criterion.high, criterion.unit, criterion.scale) == (0, 1000, "code points", "interval")


def test_a_second_job_asks_nothing(project: Project) -> None:
    texts(project, "a", "bb")
    work_through(start(project))

    again = work_through(start(project))

    assert (again.state, again.total) == (State.DONE, 0)
    assert Score.objects.filter(judgement__project=project).count() == 2


def test_only_newcomers_are_asked(project: Project) -> None:
    texts(project, "a", "bb")
    work_through(start(project))
    texts(project, "ccc")

    again = work_through(start(project))

    assert (again.total, again.done) == (1, 1)
    assert values(project) == {"a": 1, "bb": 2, "ccc": 3}


def test_a_changed_scorer_is_another_rater_and_asks_everything_again(project: Project, monkeypatch) -> None:
    texts(project, "a", "bb")
    work_through(start(project))
    monkeypatch.setitem(CATALOGUE, "length", fakes.facts("length", version="2"))
    resident.forget()

    again = work_through(start(project))

    assert again.done == 2
    assert Rater.objects.filter(name="length", judgements__project=project).distinct().count() == 2


def test_a_reading_with_only_some_criteria_is_not_asked_again(project: Project, monkeypatch) -> None:
    """Motion has no value for a picture; the picture must not count as missing for ever."""
    two = (*fakes.FAKES["length"].outputs, fakes.Output("length_motion", "Motion", "", 0, 1))
    monkeypatch.setitem(CATALOGUE, "length", fakes.facts("length", outputs=two))
    monkeypatch.setattr(
        fakes.LengthScorer,
        "score",
        lambda self, items, prepared: [fakes.Reading({"length_value": fakes.Result(1.0)}) for _ in items],
    )
    texts(project, "a", "bb")
    work_through(start(project))

    again = work_through(start(project))

    assert again.total == 0


def test_samples_can_be_narrowed(project: Project) -> None:
    first, _second = texts(project, "a", "bb")

    work_through(start(project, chosen={"samples": [first.pk]}))

    assert values(project) == {"a": 1}


def test_absent_media_are_never_asked_about(project: Project) -> None:
    prompt = factories.prompt(project)
    factories.sample(prompt, text="here")
    factories.sample(prompt, media_state="absent", text="gone")

    assert work_through(start(project)).total == 1


def test_many_parts_cover_everything_once(project: Project) -> None:
    texts(project, *(f"text {number}" for number in range(60)))

    job = work_through(start(project))

    assert job.chunks.count() == 7
    assert set(job.chunks.values_list("state", flat=True)) == {State.DONE}
    assert len(values(project)) == 60


# -- bad samples and what does not apply ------------------------------------------------------------------------------


def test_a_bad_sample_is_recorded_with_its_reason_and_the_job_goes_on(project: Project) -> None:
    _good, bad, _skip, _other = texts(project, "good", "bad one", "skip me", "fine")

    job = work_through(start(project))

    assert (job.state, job.done, job.skipped, job.failed) == (State.DONE, 2, 1, 1)
    failure = job.failures.get()
    assert (failure.sample, failure.source, failure.reason) == (bad, "length", "cannot read 'bad one'")
    assert values(project) == {"good": 4, "fine": 4}


def test_what_failed_or_does_not_apply_is_not_asked_again_by_the_same_job(project: Project) -> None:
    texts(project, "good", "bad one", "skip me")
    job = work_through(start(project))
    (chunk,) = job.chunks.all()
    chunk.job.project = project

    assert working.remaining(chunk) == []


def test_retry_asks_only_what_failed(project: Project, monkeypatch) -> None:
    texts(project, "good", "bad one", "skip me")
    job = work_through(start(project))
    asked: list[str] = []
    monkeypatch.setattr(fakes.LengthScorer, "prepare", lambda self, item, decoded: asked.append(item.text) or item.text)

    retry_failed(job=job, by=None)
    job = work_through(job)

    assert asked == ["bad one"]
    assert (job.state, job.done, job.skipped, job.failed) == (State.DONE, 2, 1, 0)
    assert not job.failures.exists()
    assert values(project)["bad one"] == 7


def test_retry_is_refused_where_nothing_failed_and_while_the_job_runs(project: Project) -> None:
    texts(project, "good")
    job = start(project)

    with pytest.raises(Conflict, match="under way"):
        retry_failed(job=job, by=None)
    work_through(job)
    with pytest.raises(Refused, match="Nothing failed"):
        retry_failed(job=job, by=None)


# -- delivered twice, lost, taken over --------------------------------------------------------------------------------


def test_a_message_delivered_twice_changes_nothing(project: Project) -> None:
    texts(project, "a", "bb")
    job = work_through(start(project))
    before = list(Score.objects.values_list("pk", "value"))

    assert working.step(job.pk) is False

    assert list(Score.objects.values_list("pk", "value")) == before


def test_a_part_held_by_one_worker_is_refused_to_another(project: Project) -> None:
    texts(project, "a")
    job = start(project)
    working.step(job.pk)
    job.refresh_from_db()

    first = parts.claim_next(job, "first")
    second = parts.claim_next(job, "second")

    assert first is not None
    assert second is None


def test_a_worker_that_lost_its_part_writes_nothing(project: Project) -> None:
    """It fell silent, somebody took over, and then it woke up."""
    texts(project, "a", "bb")
    job = start(project)
    working.step(job.pk)
    job.refresh_from_db()
    asleep = parts.claim_next(job, "asleep")
    fall_silent(job)
    work_through(job)
    count = Score.objects.count()

    with pytest.raises(jobs.Lost):
        recording.save(chunk=asleep, owner="asleep", batches=[])

    assert Score.objects.count() == count == 2


def test_what_a_dead_worker_wrote_is_kept_and_counted_once(project: Project, monkeypatch) -> None:
    texts(project, "a", "bb", "ccc", "dddd")
    monkeypatch.setattr(parts, "SECONDS_BETWEEN_WRITES", 0.0)
    monkeypatch.setattr(working, "pace", lambda queue: working.Pace(batch_size=1, threads=0))
    job = start(project)
    working.step(job.pk)
    job.refresh_from_db()
    dying = parts.claim_next(job, "dying")
    writes = []

    def die_after_two(**keywords):
        if len(writes) == 2:
            raise KeyboardInterrupt  # nothing in the code catches this: the worker is gone
        writes.append(original(**keywords))

    original = recording.save
    monkeypatch.setattr(recording, "save", die_after_two)
    with pytest.raises(KeyboardInterrupt):
        parts.work(dying, "dying", working.STEPS)
    monkeypatch.setattr(recording, "save", original)
    assert Score.objects.count() == 2

    fall_silent(job)
    job = work_through(job)

    assert (job.state, job.done) == (State.DONE, 4)
    assert values(project) == {"a": 1, "bb": 2, "ccc": 3, "dddd": 4}
    assert Score.objects.count() == 4


def test_a_silent_part_is_found_by_the_sweep(project: Project) -> None:
    texts(project, "a")
    job = start(project)
    working.step(job.pk)
    job.refresh_from_db()
    parts.claim_next(job, "gone")
    assert sweeping.due() == []

    fall_silent(job)

    assert [(due.job, due.workers) for due in sweeping.due()] == [(job, 1)]


def test_a_job_whose_message_was_lost_is_found_by_the_sweep(project: Project) -> None:
    texts(project, "a")
    job = start(project)

    assert [due.job for due in sweeping.due()] == [job]


@pytest.mark.parametrize("kind", ["import", "build", "export"])
def test_the_sweep_finds_jobs_of_every_kind(project: Project, kind: str) -> None:
    queued = jobs.create(project=project, kind=kind, title="x", params={}, by=None)
    silent = jobs.create(project=project, kind=kind, title="y", params={}, by=None)
    alive = jobs.create(project=project, kind=kind, title="z", params={}, by=None)
    for job in (silent, alive):
        jobs.claim(job, "somebody")
    fall_silent(silent)

    assert [due.job for due in sweeping.due()] == [queued, silent]


def test_a_part_that_kills_its_workers_is_given_up(project: Project) -> None:
    texts(project, "a")
    job = start(project)
    working.step(job.pk)
    JobChunk.objects.filter(job=job).update(attempts=parts.MOST_ATTEMPTS)

    job = work_through(job)

    assert job.state == State.FAILED
    assert "fell silent each time" in job.error


# -- errors -----------------------------------------------------------------------------------------------------------


def test_a_passing_error_puts_the_part_back_with_a_pause(project: Project, monkeypatch) -> None:
    texts(project, "a")
    job = start(project)
    working.step(job.pk)
    original = recording.save

    def broken(**_keywords):
        raise ConnectionError("the network is away")

    monkeypatch.setattr(recording, "save", broken)
    working.step(job.pk)
    chunk = job.chunks.get()
    assert (chunk.state, chunk.error) == (State.QUEUED, "ConnectionError: the network is away")
    assert chunk.heartbeat_at > timezone.now()
    assert working.step(job.pk) is False  # it rests

    monkeypatch.setattr(recording, "save", original)
    job.chunks.update(heartbeat_at=timezone.now() - timedelta(seconds=1))

    assert work_through(job).state == State.DONE
    assert job.chunks.get().error == ""


def test_a_passing_error_that_does_not_pass_ends_the_part(project: Project, monkeypatch) -> None:
    texts(project, "a")
    job = start(project)
    working.step(job.pk)
    monkeypatch.setattr(recording, "save", lambda **_keywords: (_ for _ in ()).throw(Unavailable("no storage")))

    for _attempt in range(parts.MOST_ATTEMPTS):
        job.chunks.filter(state="queued").update(heartbeat_at=None)
        working.step(job.pk)

    job.refresh_from_db()
    assert (job.state, job.error) == (State.FAILED, "1 part failed: no storage")
    assert job.chunks.get().attempts == parts.MOST_ATTEMPTS


def test_an_unexpected_error_fails_the_part_with_its_message_and_is_raised(project: Project, monkeypatch) -> None:
    texts(project, *(f"text {number}" for number in range(20)))
    job = start(project)
    working.step(job.pk)
    original = recording.save
    calls = []

    def broken_once(**keywords):
        calls.append(1)
        if len(calls) == 1:
            raise ZeroDivisionError("a bug")
        original(**keywords)

    monkeypatch.setattr(recording, "save", broken_once)
    with pytest.raises(ZeroDivisionError):
        working.step(job.pk)
    job = work_through(job)

    assert (job.state, job.error) == (State.FAILED, "1 part failed: ZeroDivisionError: a bug")
    assert job.done == 12  # the other parts went on


def test_resuming_a_broken_job_does_what_is_missing(project: Project, monkeypatch) -> None:
    texts(project, "a", "bb")
    job = start(project)
    working.step(job.pk)
    original = recording.save
    monkeypatch.setattr(recording, "save", lambda **_keywords: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        working.step(job.pk)
    monkeypatch.setattr(recording, "save", original)

    job.refresh_from_db()
    starting.resume(job=job, by=None)
    job = work_through(job)

    assert (job.state, job.done, job.error) == (State.DONE, 2, "")
    assert values(project) == {"a": 1, "bb": 2}


def test_a_scorer_without_its_weights_fails_the_job_in_words(project: Project) -> None:
    texts(project, "a")
    (job,) = start_scoring(project=project, scorers={"heavy": {}}, by=None)

    job = work_through(job)

    assert job.queue == "gpu"
    assert (job.state, job.error) == (State.FAILED, "The weights of “heavy” are not here; put them into its folder.")


def test_a_worker_with_another_version_does_not_write_under_the_first_ones_name(project: Project, monkeypatch) -> None:
    texts(project, "a")
    job = start(project)
    working.step(job.pk)
    monkeypatch.setitem(CATALOGUE, "length", fakes.facts("length", version="2"))
    resident.forget()

    working.step(job.pk)

    assert "its version differ" in job.chunks.get().error
    assert not Score.objects.exists()


def test_a_worker_that_cannot_see_the_storage_says_so(project: Project) -> None:
    factories.asset()  # its bytes are nowhere
    texts(project, "a")
    job = start(project)
    working.step(job.pk)

    working.step(job.pk)

    chunk = job.chunks.get()
    assert chunk.state == State.QUEUED
    assert "does not see the media storage" in chunk.error
    assert "PAIRWRIGHT_DATA" in chunk.error


# -- cancel and resume ------------------------------------------------------------------------------------------------


def test_a_job_at_which_nobody_works_is_cancelled_at_once(project: Project) -> None:
    texts(project, "a")
    queued = start(project)
    assert starting.cancel(job=queued, by=None).state == State.CANCELLED

    planned = start(project)
    working.step(planned.pk)
    assert starting.cancel(job=planned, by=None).state == State.CANCELLED
    assert set(planned.chunks.values_list("state", flat=True)) == {State.CANCELLED}


def test_a_cancelled_job_stops_at_the_next_batch_and_resumes_where_it_was(project: Project, monkeypatch) -> None:
    texts(project, "a", "bb", "ccc", "dddd")
    monkeypatch.setattr(parts, "SECONDS_BETWEEN_WRITES", 0.0)
    monkeypatch.setattr(working, "pace", lambda queue: working.Pace(batch_size=1, threads=0))
    original = recording.save
    job = start(project)
    working.step(job.pk)

    def save_and_cancel(**keywords):
        original(**keywords)
        Job.objects.filter(pk=job.pk).update(cancel_requested=True)

    monkeypatch.setattr(recording, "save", save_and_cancel)
    job = work_through(job)
    assert (job.state, job.done) == (State.CANCELLED, 1)
    assert values(project) == {"a": 1}

    monkeypatch.setattr(recording, "save", original)
    starting.resume(job=job, by=None)
    job = work_through(job)

    assert (job.state, job.done) == (State.DONE, 4)
    assert Score.objects.count() == 4


def test_a_job_cancelled_while_its_worker_is_dead_is_ended_by_the_sweep(project: Project) -> None:
    texts(project, "a")
    job = start(project)
    working.step(job.pk)
    job.refresh_from_db()
    parts.claim_next(job, "gone")
    starting.cancel(job=job, by=None)
    fall_silent(job)

    assert sweeping.due() == []

    job.refresh_from_db()
    assert job.state == State.CANCELLED


def test_speed_after_a_pause_is_that_of_the_new_stretch(project: Project) -> None:
    texts(project, "a", "bb")
    job = start(project)
    working.step(job.pk)
    starting.cancel(job=job, by=None)
    Job.objects.filter(pk=job.pk).update(started_at=timezone.now() - timedelta(days=3), done=1)
    job.refresh_from_db()

    starting.resume(job=job, by=None)
    job = work_through(job)

    assert job.rate is not None
    assert job.rate > 0.01


# -- groups -----------------------------------------------------------------------------------------------------------


def test_a_group_scorer_gets_whole_groups_even_when_one_sample_is_chosen(project: Project) -> None:
    first, *_others = texts(project, "a", "bb", "ccc")
    texts(project, "another", "group")

    job = work_through(start(project, "crowd", chosen={"samples": [first.pk]}))

    assert values(project) == {"a": 3, "bb": 3, "ccc": 3}
    assert (job.total, job.done) == (3, 3)


def test_a_newcomer_supersedes_what_was_said_of_the_smaller_group(project: Project) -> None:
    first, _second = texts(project, "a", "bb")
    work_through(start(project, "crowd"))
    old = Judgement.objects.get(project=project)
    factories.sample(first.prompt, text="ccc")

    work_through(start(project, "crowd"))

    assert values(project) == {"a": 3, "bb": 3, "ccc": 3}
    old.refresh_from_db()
    assert old.retraction == Judgement.Retraction.SUPERSEDED
    assert old.linked_from.get().kind == "supersedes"


def test_a_group_job_delivered_again_supersedes_nothing(project: Project) -> None:
    texts(project, "a", "bb", "skip me")
    job = work_through(start(project, "crowd"))
    job.chunks.update(state=State.QUEUED)
    Job.objects.filter(pk=job.pk).update(state=State.QUEUED, finished_at=None)

    job = work_through(job)

    assert Judgement.objects.filter(project=project).count() == 1
    assert (job.done, job.skipped) == (2, 1)


def test_scorers_of_samples_and_of_groups_get_a_job_each(project: Project) -> None:
    started = start_scoring(project=project, scorers={"length": {}, "vowels": {}, "crowd": {}}, by=None)

    assert [job.title for job in started] == ["crowd", "length, vowels"]


# -- starting ---------------------------------------------------------------------------------------------------------


def test_an_equal_job_under_way_is_not_started_twice(project: Project) -> None:
    texts(project, "a")

    assert start(project) == start(project)
    assert start(project, chosen={"rounds": [1]}) != start(project)


def test_unknown_scorers_and_choices_are_refused_in_words(project: Project) -> None:
    with pytest.raises(Refused, match="There is no scorer “nonsense”"):
        start(project, "nonsense")
    with pytest.raises(Refused, match="cannot be chosen by “colour”"):
        start(project, chosen={"colour": "red"})
    with pytest.raises(Refused, match="at least one scorer"):
        start_scoring(project=project, scorers={}, by=None)


def test_a_try_shows_numbers_and_leaves_no_evidence(project: Project) -> None:
    first, second = texts(project, "a", "bb")

    job = work_through(start_trial(project=project, scorer="length", by=None))
    again = work_through(start_trial(project=project, scorer="length", by=None))

    assert (job.state, job.params["trial"], again.params["trial"]) == (State.DONE, first.pk, second.pk)
    assert job.result["trial"]["values"] == [{"criterion": "length_value", "value": 1.0, "spread": None}]
    assert not Score.objects.exists()


def test_a_try_of_a_bad_sample_says_why(project: Project) -> None:
    (bad,) = texts(project, "bad one")

    job = work_through(start_trial(project=project, scorer="length", sample=bad, by=None))

    assert (job.failed, job.result["trial"]) == (1, {"reason": "cannot read 'bad one'"})


def test_a_try_without_a_fitting_sample_is_refused(project: Project) -> None:
    with pytest.raises(Refused, match="has what “length” needs"):
        start_trial(project=project, scorer="length", by=None)


def test_the_size_of_parts_follows_the_speed_of_the_last_job(project: Project) -> None:
    texts(project, "a")
    job = work_through(start(project, "length", "vowels"))
    Job.objects.filter(pk=job.pk).update(
        total=600, done=600, started_at=timezone.now() - timedelta(seconds=60), finished_at=timezone.now()
    )

    rate = planning.past_rate(project, ["length", "vowels"])

    speed = planning.past_speed(project, ["length", "vowels"])

    assert rate == pytest.approx(5.0, rel=0.01)  # 600 opinions of two scorers: 300 samples a minute
    assert speed == cutting.Speed(rate, processes=1)
    assert cutting.part_size(10**6, speed) == 100


def test_the_size_of_parts_follows_how_many_processes_worked_at_the_last_job(project: Project) -> None:
    texts(project, *(f"text {number}" for number in range(60)))
    job = work_through(start(project))
    for chunk in job.chunks.all():
        chunk.owner = f"host:{chunk.position % 3}:{chunk.position}"  # each attempt has a name of its own
        chunk.save()

    speed = planning.past_speed(project, ["length"])

    assert speed is not None
    assert speed.processes == 3


def test_a_message_takes_several_short_parts_and_one_long_one(project: Project, monkeypatch) -> None:
    texts(project, *(f"text {number}" for number in range(60)))
    job = start(project)
    working.step(job.pk)
    rung: list[int] = []
    monkeypatch.setattr(tasks, "ring", lambda job: rung.append(job.pk))
    monkeypatch.setattr(tasks, "SECONDS_A_MESSAGE", 0.0)

    tasks.score_chunk(job_id=job.pk)
    assert (job.chunks.filter(state=State.DONE).count(), len(rung)) == (1, 1)
    monkeypatch.setattr(tasks, "SECONDS_A_MESSAGE", 60.0)
    tasks.score_chunk(job_id=job.pk)

    job.refresh_from_db()
    assert (job.state, len(rung)) == (State.DONE, 1)


def test_a_part_is_given_to_a_scorer_in_even_batches(project: Project, monkeypatch) -> None:
    """Seventeen at sixteen a batch are nine and eight, not sixteen and one."""
    sizes: list[int] = []
    score = fakes.LengthScorer.score
    monkeypatch.setattr(
        fakes.LengthScorer,
        "score",
        lambda self, items, prepared: sizes.append(len(items)) or score(self, items, prepared),
    )
    monkeypatch.setattr("scoring.cutting.SMALLEST_PART", 17)
    texts(project, *(f"text {number}" for number in range(17)))

    work_through(start(project))

    assert sizes == [9, 8]


def test_the_database_being_away_is_a_passing_error() -> None:
    assert issubclass(OperationalError, parts.TEMPORARY)
