"""A run of the probes from the row to the report: queued by itself, after everything else, resumed, and no evidence."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, transaction
from PIL import Image

from curation.actions import jobs
from curation.models import Job, JobChunk, Judgement, Project, Rater, Score
from scoring import resident, tasks
from scoring.actions import starting, sweeping, working
from scoring.actions.probing import originals, standing
from scoring.actions.probing import starting as probing
from scoring.actions.probing import working as probes_at_work
from scoring.catalogue import CATALOGUE
from scoring.models import ProbeAnswer, ProbeRun
from tests import factories
from tests.scoring import fakes, planted
from tests.scoring.job_helpers import fall_silent, texts, work_through

OBEDIENT = replace(
    planted.facts("Obedient", planted.ANSWER_AND_PROMPT), path="tests.scoring.planted:Obedient", name="obedient"
)


@pytest.fixture
def project(monkeypatch, settings, db) -> Project:
    settings.PROBE_NEW_RATERS = True
    monkeypatch.setitem(CATALOGUE, "obedient", OBEDIENT)
    monkeypatch.setitem(CATALOGUE, "length", fakes.FAKES["length"])
    monkeypatch.setitem(CATALOGUE, "crowd", fakes.FAKES["crowd"])
    resident.forget()
    yield factories.project(task="text")
    resident.forget()


def score(project: Project, *names: str) -> Job:
    (job,) = starting.start_scoring(project=project, scorers={name: {} for name in names}, by=None)
    return work_through(job)


def probe(project: Project, scorer: str = "length", **fields) -> ProbeRun:
    run = probing.start(project=project, scorer=scorer, by=None, **fields)
    work_through(run.job)
    return ProbeRun.objects.get(pk=run.pk)


@pytest.mark.capability("F3")
def test_each_new_version_of_a_scorer_is_probed_by_itself_after_the_job_that_made_it(
    project: Project, monkeypatch
) -> None:
    texts(project, "abc", "abcdef")
    job = score(project, "length")

    (run,) = ProbeRun.objects.all()
    assert (run.rater_id, run.job.state, run.job.params["gives_way"]) == (
        job.params["raters"]["length"],
        "queued",
        True,
    )
    assert standing.of_raters(project, [run.rater_id])[run.rater_id].state == "waiting"
    work_through(run.job)
    run.refresh_from_db()
    assert run.outcome == "failing"  # who counts characters is taken in by a long answer to nothing
    assert standing.of_raters(project, [run.rater_id])[run.rater_id].state == "failing"

    monkeypatch.setitem(CATALOGUE, "length", replace(fakes.FAKES["length"], version="2"))
    resident.forget()
    newer = score(project, "length").params["raters"]["length"]

    assert newer != run.rater_id
    assert ProbeRun.objects.filter(rater=newer, ended_at=None).count() == 1
    score(project, "length")
    assert ProbeRun.objects.count() == 2  # once for each version


def test_what_is_said_of_probes_is_no_evidence(project: Project) -> None:
    texts(project, "abc", "abcdef")

    run = probe(project)

    assert run.ended_at is not None
    assert not Score.objects.exists()
    assert not Judgement.objects.exists()
    assert run.answers.count() == run.job.total == run.job.done


def test_an_installation_may_switch_them_off(project: Project, settings) -> None:
    settings.PROBE_NEW_RATERS = False
    texts(project, "abc")

    job = score(project, "length")

    assert not ProbeRun.objects.exists()
    rater = job.params["raters"]["length"]
    found = standing.of_raters(project, [rater])[rater]
    assert (found.state, found.warns) == ("never", True)


def test_probes_give_way_to_whatever_waits_on_their_queue(project: Project) -> None:
    texts(project, "abc")
    score(project, "length")
    run = ProbeRun.objects.get()
    texts(project, "another", "one")
    (other,) = starting.start_scoring(project=project, scorers={"length": {}}, by=None)

    assert not working.step(run.job_id)
    assert run.job_id not in {due.job.pk for due in sweeping.due()}
    assert probes_at_work.due_on("cpu") == []
    work_through(other)
    assert [job.pk for job in probes_at_work.due_on("cpu")] == [run.job_id]
    assert run.job_id in {due.job.pk for due in sweeping.due()}
    assert work_through(run.job).state == "done"


def test_probes_give_way_to_a_job_without_parts_until_somebody_has_it(project: Project) -> None:
    texts(project, "abc")
    score(project, "length")
    run = ProbeRun.objects.get()
    build = jobs.create(project=project, kind=Job.Kind.BUILD, title="a build", params={}, by=None)

    assert probes_at_work.has_to_wait(run.job)
    assert jobs.claim(build, "somebody")
    assert not probes_at_work.has_to_wait(run.job)


def test_a_fit_that_is_over_calls_somebody_for_the_probes_that_waited(project: Project, monkeypatch) -> None:
    texts(project, "abc")
    score(project, "length")
    run = ProbeRun.objects.get()
    fit = jobs.create(project=project, kind=Job.Kind.FIT, title="a fit", params={}, by=None)
    monkeypatch.setattr(tasks.fitting, "run_job", lambda job_id: jobs.cancel(job=fit, by=None))
    rung: list[int] = []
    monkeypatch.setattr(tasks, "ring", lambda job: rung.append(job.pk))

    tasks.fit_head(job_id=fit.pk)

    assert rung == [run.job_id]


def test_the_end_of_a_job_calls_somebody_for_the_probes_that_waited(project: Project, eager_tasks) -> None:
    texts(project, "abc")
    (job,) = starting.start_scoring(project=project, scorers={"length": {}}, by=None)

    tasks.score_chunk(job_id=job.pk)

    assert ProbeRun.objects.get().job.state == "done"


def test_probes_asked_for_by_hand_do_not_wait(project: Project) -> None:
    texts(project, "abc")
    starting.start_scoring(project=project, scorers={"obedient": {}}, by=None)

    assert probe(project).ended_at is not None


def test_two_clicks_are_one_run(project: Project) -> None:
    first = probing.start(project=project, scorer="length", by=None)

    assert probing.start(project=project, scorer="length", by=None) == first
    assert Job.objects.count() == 1


def test_a_worker_that_died_leaves_the_rest_to_the_next_and_nothing_is_asked_twice(
    project: Project, monkeypatch
) -> None:
    run = probing.start(project=project, scorer="length", by=None)
    working.step(run.job_id)  # planned
    chunk = JobChunk.objects.filter(job=run.job_id).first()
    kept = []

    def dying(chunk, owner, answers):
        probes_save(chunk, owner, answers[:10])
        raise KeyboardInterrupt

    probes_save = probes_at_work._save
    with monkeypatch.context() as patch:
        patch.setattr(probes_at_work, "_save", dying)
        with pytest.raises(KeyboardInterrupt):
            working.step(run.job_id)
    kept = set(run.answers.values_list("pk", flat=True))
    assert len(kept) == 10
    fall_silent(run.job)

    done = work_through(run.job)

    assert (done.state, done.done, run.answers.count()) == ("done", done.total, done.total)
    assert kept <= set(run.answers.values_list("pk", flat=True))
    assert chunk.job_id == run.job_id
    assert ProbeRun.objects.get().outcome == "failing"


def test_a_run_is_cancelled_and_resumed(project: Project) -> None:
    run = probing.start(project=project, scorer="length", by=None)
    working.step(run.job_id)
    working.step(run.job_id)
    job = starting.cancel(job=run.job, by=None)
    assert job.state == "cancelled"
    assert ProbeRun.objects.get().ended_at is None

    starting.resume(job=job, by=None)

    assert work_through(run.job).state == "done"
    assert ProbeRun.objects.get().ended_at is not None


def test_originals_are_the_projects_own_where_there_are_enough(project: Project) -> None:
    for number in range(10):
        prompt = factories.prompt(project, text=f"question {number}")
        for word in ("one", "three", "fifteen", "twentyfive"):
            factories.sample(prompt, text=word * (number + 1))
    same = factories.prompt(project, text="question 3", key="again")
    factories.sample(same, text="a sample under the same words")

    chosen = originals.choose(project, fakes.FAKES["length"], seed=4)

    assert chosen["source"] == "project"
    assert [len(group) for group in chosen["groups"]] == [3] * 8
    assert chosen == originals.choose(project, fakes.FAKES["length"], seed=4)
    assert chosen != originals.choose(project, fakes.FAKES["length"], seed=5)
    run = probe(project)
    assert not run.is_drawn
    assert run.answers.filter(probe="genuine", sample__isnull=False).count() == 24
    assert {one["name"] for one in run.report["criteria"][0]["findings"]} >= {"false_positives", "surface", "injection"}


def test_a_project_with_little_gets_the_drawings(project: Project) -> None:
    texts(project, "abc", "de")

    assert originals.choose(project, fakes.FAKES["length"], 1) == {"source": "drawn", "kind": "text"}
    assert originals.choose(None, replace(OBEDIENT, needs=planted.FILM), 1) == {"source": "drawn", "kind": "video"}
    assert originals.choose(None, replace(OBEDIENT, needs=planted.PICTURE), 1) == {"source": "drawn", "kind": "image"}


def test_a_scorer_of_whole_groups_is_probed_case_by_case(project: Project) -> None:
    """It says how many samples the group has: three each time, so that everything is equal."""
    run = probe(project, "crowd")

    assert {answer.values["crowd_value"] for answer in run.answers.all()} == {3.0}
    (criterion,) = run.report["criteria"]
    assert criterion["spread"] == 0.0


def test_pictures_are_kept_of_what_the_report_shows_and_of_nothing_else(project: Project, monkeypatch) -> None:
    bright = replace(planted.facts("Bright", planted.PICTURE), path="tests.scoring.planted:Bright", name="bright")
    monkeypatch.setitem(CATALOGUE, "bright", bright)

    run = probe(project, "bright")

    shown = {
        position
        for criterion in run.report["criteria"]
        for finding in criterion["findings"]
        for broken in finding["broken"]
        for position in (broken["position"], broken["against"])
    }
    kept = dict(run.answers.filter(picture__isnull=False).values_list("position", "picture"))
    assert shown
    assert set(kept) == shown
    with Image.open(io.BytesIO(bytes(next(iter(kept.values()))))) as picture:
        assert max(picture.size) <= 192
    assert {answer.probe for answer in run.answers.filter(position__in=shown)} >= {"white", "genuine", "brightened"}


def test_what_it_chokes_on_is_an_answer_and_no_failure(project: Project, monkeypatch) -> None:
    picky = replace(planted.facts("Picky", planted.ANSWER), path="tests.scoring.test_probes_life:Picky", name="picky")
    monkeypatch.setitem(CATALOGUE, "picky", picky)

    run = probe(project, "picky")

    empty = run.answers.filter(probe="empty")
    assert {(answer.reason, tuple(answer.values)) for answer in empty} == {("there is nothing in it", ())}
    assert (run.job.state, run.job.failed, run.job.skipped) == ("done", 0, 8)
    assert run.report["unscored"] == {"empty": 8}
    false = run.report["criteria"][0]["findings"][0]
    assert {part["probe"]: part["figure"]["value"] for part in false["parts"]}["empty"] == 0.0


class Picky(planted.Long):
    """Has no opinion on an empty answer."""

    def prepare(self, item, decoded) -> float:
        if not item.text:
            raise ValueError("there is nothing in it")
        return super().prepare(item, decoded)


def test_the_warning_is_read_once_and_comes_back_with_another_run(project: Project) -> None:
    run = probe(project)
    assert run.rater is not None
    by = factories.user()

    standing.read(project=project, rater=run.rater, by=by)

    found = standing.of_raters(project, [run.rater_id])[run.rater_id]
    assert (found.state, found.warns, found.reading.by) == ("failing", False, by)
    elsewhere = standing.of_raters(factories.project(), [run.rater_id])[run.rater_id]
    assert elsewhere.warns
    probe(project)
    assert standing.of_raters(project, [run.rater_id])[run.rater_id].warns


def test_probes_of_an_older_suite_count_no_longer(project: Project, monkeypatch) -> None:
    run = probe(project)
    ProbeRun.objects.update(suite=0)

    found = standing.of_raters(project, [run.rater_id])[run.rater_id]

    assert (found.state, found.run) == ("old", run)


def test_a_scorer_stands_as_its_newest_rater_of_the_present_version(project: Project, monkeypatch) -> None:
    run = probe(project)

    assert standing.of_scorers(project)["length"].run == run
    assert standing.of_scorers(project)["obedient"].state == "never"
    monkeypatch.setitem(CATALOGUE, "length", replace(fakes.FAKES["length"], version="2"))
    assert standing.of_scorers(project)["length"].state == "never"


def test_a_sample_that_went_away_stops_the_run_with_its_number(project: Project) -> None:
    for number in range(5):
        factories.sample(factories.prompt(project, text=f"question {number}"), text="word" * number)
    run = probing.start(project=project, scorer="length", by=None)
    working.step(run.job_id)
    run.refresh_from_db()
    gone = run.originals["groups"][0][0]
    ProbeRun.objects.filter(pk=run.pk).update(originals={**run.originals, "groups": [[gone, 10**9]]})

    job = work_through(run.job)

    assert job.state == "failed"
    assert "is gone. Start the probes again." in job.error


# -- the command ------------------------------------------------------------------------------------------------------


def test_the_command_probes_without_a_project_or_a_worker_and_prints_a_table(project: Project) -> None:
    out = io.StringIO()

    call_command("scorers", "probe", "length", stdout=out)

    said = out.getvalue()
    assert "192 inputs on drawn originals, suite 1, seed 0." in said
    assert "False positives" in said
    assert "FAILING" in said
    assert "long and about something else" in said
    assert "“length”: failing." in said
    run = ProbeRun.objects.get()
    assert (run.job, run.project, run.outcome, run.answers.count()) == (None, None, "failing", 192)
    assert not Job.objects.exists()


def test_the_command_takes_a_projects_samples(project: Project) -> None:
    for number in range(5):
        factories.sample(factories.prompt(project, text=f"question {number}"), text="word" * number)
    out = io.StringIO()

    call_command("scorers", "probe", "length", "--project", project.slug, "--seed", "3", stdout=out)

    assert f"on samples of “{project.slug}”, suite 1, seed 3." in out.getvalue()
    with pytest.raises(CommandError, match="There is no project “nowhere”"):
        call_command("scorers", "probe", "length", "--project", "nowhere")


# -- what the database forbids ----------------------------------------------------------------------------------------


def test_a_run_that_has_ended_says_how(project: Project) -> None:
    rater = Rater.objects.create(kind="model", name="m", identity={"scorer": "m"}, identity_digest="a" * 64)
    run = ProbeRun.objects.create(scorer="m", suite=1, rater=rater)

    for fields in ({"outcome": "passing"}, {"report": {"criteria": []}}):
        with pytest.raises(IntegrityError, match="probe_run_ended_says_how"), transaction.atomic():
            ProbeRun.objects.filter(pk=run.pk).update(**fields)


def test_an_answer_is_written_once_and_says_why_it_has_no_number(project: Project) -> None:
    run = ProbeRun.objects.create(scorer="m", suite=1)
    row = {"run": run, "position": 0, "probe": "empty", "group": 0, "original": 0}

    with pytest.raises(IntegrityError, match="probe_answer_says_why_not"), transaction.atomic():
        ProbeAnswer.objects.create(**row)
    ProbeAnswer.objects.create(**row, reason="nothing")
    with pytest.raises(IntegrityError, match="probe_answer_once"), transaction.atomic():
        ProbeAnswer.objects.create(**row, values={"a": 1})
