"""The life of a judging job inside one process: what is asked, what is written, how it ends."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from curation.actions import jobs
from curation.errors import Conflict, Refused
from curation.models import Comparison, CriterionVersion, Job, JobChunk, Judgement, Project, Rater, State
from scoring import tasks
from scoring.actions import parts, starting, sweeping
from scoring.actions.judging import benches, judges, planning, working
from scoring.actions.judging.asks import Ask
from scoring.actions.judging.starting import start_judging, start_trial
from scoring.judges import units
from scoring.models import JudgeCall, Spending
from tests import factories
from tests.scoring.job_helpers import fall_silent
from tests.scoring.judging_helpers import ReadingModel, group, judge, said, work_through, write_endpoints

pytestmark = pytest.mark.django_db


@pytest.fixture
def model(monkeypatch, settings, tmp_path) -> ReadingModel:
    settings.ENDPOINTS_FILE = write_endpoints(tmp_path)
    found = ReadingModel()
    monkeypatch.setattr(benches, "_backend", lambda made_of: found)
    return found


@pytest.fixture
def project() -> Project:
    return factories.project(task="text")


def start(project: Project, **options) -> Job:
    asked = options.pop("judge", None) or judge(project)
    return start_judging(project=project, judge=asked, by=None, **options)


# -- what is asked and written ----------------------------------------------------------------------------------------


@pytest.mark.capability("C2")
def test_a_pair_is_asked_in_both_orders_and_both_are_kept(project: Project, model: ReadingModel) -> None:
    one, other = group(project, "long text", "short")

    job = work_through(start(project))

    assert (job.state, job.total, job.done, job.failed) == (State.DONE, 2, 2, 0)
    assert sorted(model.asked) == [("long text", "short"), ("short", "long text")]
    assert said(project) == {("long text", "short", "left"), ("short", "long text", "right")}
    shown = Judgement.objects.order_by("presentation__swapped").values_list("presentation", flat=True)
    assert list(shown) == [
        {"order": [one.pk, other.pk], "swapped": False, "repeat": 0},
        {"order": [other.pk, one.pk], "swapped": True, "repeat": 0},
    ]


def test_a_judgement_keeps_the_whole_reply_and_names_its_call(project: Project, model: ReadingModel) -> None:
    model.cost = 0.25
    group(project, "long text", "short")

    job = work_through(start(project))

    judgement = Judgement.objects.filter(presentation__swapped=False).get()
    call = JudgeCall.objects.get(pk=judgement.payload["call"])
    assert judgement.payload["reply"] == call.text == "One is longer.\nVerdict: Answer 1"
    assert judgement.payload["verdict"]["preferences"]["overall"]["outcome"] == "left"
    assert judgement.payload["verdict"]["reasoning"] == "One is longer."
    assert (judgement.payload["cost"], judgement.job, judgement.act) == (0.25, job, "compare")
    assert (call.prompt_tokens, call.answer_tokens, call.model, call.fault) == (10, 5, "reader", "")


def test_the_rater_is_everything_a_verdict_depends_on(project: Project, model: ReadingModel) -> None:
    group(project, "long text", "short")

    work_through(start(project, judge=judge(project, family="reader-models")))

    rater = Rater.objects.get(judgements__project=project, judgements__presentation__swapped=False)
    assert (rater.kind, rater.name, rater.family) == ("model", "longest", "reader-models")
    assert rater.identity["model"] == {"backend": "test", "model": "reader"}
    assert rater.identity["template"]["name"] == "text-pair@1"
    assert (rater.identity["decoding"]["temperature"], rater.identity["orders"]) == (0.0, "both")


def test_votes_of_judges_stand_under_the_criterion_people_compare_by(project: Project, model: ReadingModel) -> None:
    group(project, "long text", "short")

    work_through(start(project))

    assert set(Comparison.objects.values_list("criterion_version", flat=True)) == {factories.overall(project).pk}
    assert CriterionVersion.objects.filter(criterion__project=project).count() == 1


def test_a_second_job_asks_nothing_and_newcomers_are_asked(project: Project, model: ReadingModel) -> None:
    group(project, "long text", "short")
    first = start(project)
    work_through(first)

    again = work_through(start(project, judge=benches.judge_of(first)))
    group(project, "new one", "newcomer")
    later = work_through(start(project, judge=benches.judge_of(first)))

    assert (again.state, again.total) == (State.DONE, 0)
    assert (later.total, later.done, len(model.asked)) == (2, 2, 4)


def test_repeats_are_occasions(project: Project, model: ReadingModel) -> None:
    group(project, "long text", "short")

    job = work_through(start(project, judge=judge(project, repeats=3, orders="one")))

    assert (job.total, job.done) == (3, 3)
    assert sorted(Comparison.objects.values_list("occasion", flat=True)) == [0, 1, 2]
    assert {question.repeat for question in model.questions} == {0, 1, 2}


def test_several_are_under_way_at_once_and_never_more_than_allowed(project: Project, model: ReadingModel) -> None:
    model.seconds, model.at_once = 0.05, 3
    group(project, *(f"text {number} {'x' * number}" for number in range(8)))

    work_through(start(project, ask=Ask("pairs", "all")))

    assert model.most == 3
    assert len(model.asked) == 56


# -- failures ---------------------------------------------------------------------------------------------------------


@pytest.mark.capability("C3")
def test_a_malformed_reply_is_a_counted_failure_and_never_a_verdict(project: Project, model: ReadingModel) -> None:
    bad, other = group(project, "bad text", "short")
    group(project, "long text", "short")

    job = work_through(start(project))

    assert (job.state, job.done, job.failed) == (State.DONE, 2, 2)
    assert said(project) == {("long text", "short", "left"), ("short", "long text", "right")}
    failures = list(job.failures.order_by("pk"))
    assert {failure.what for failure in failures} == {
        f"sample {bad.pk} and sample {other.pk}",
        f"sample {other.pk} and sample {bad.pk}",
    }
    assert {failure.source for failure in failures} == {"longest"}
    kept = JudgeCall.objects.exclude(fault="")
    assert {call.text for call in kept} == {"I like them all."}
    assert {call.fault for call in kept} == {failure.reason for failure in failures}


def test_what_failed_is_asked_again_only_when_told_to_and_then_anew(project: Project, model: ReadingModel) -> None:
    group(project, "bad text", "short")
    group(project, "long text", "short")
    job = work_through(start(project))
    asked_before = len(model.asked)
    other_job = work_through(start(project, judge=benches.judge_of(job)))
    assert (other_job.failed, len(model.asked)) == (2, asked_before), "an unreadable reply is paid for once"

    model.say = lambda question, texts: "Better now.\nVerdict: Tie"
    model._reply = lambda question, texts: "Better now.\nVerdict: Tie"
    starting.retry_failed(job=job, by=None)
    job = work_through(job)

    assert len(model.asked) == asked_before + 2
    assert (job.state, job.done, job.failed) == (State.DONE, 4, 0)
    assert not job.failures.exists()
    assert JudgeCall.objects.count() == 6, "the unreadable replies stay as receipts"


def test_a_refusal_names_its_samples_and_costs_nothing(project: Project, model: ReadingModel) -> None:
    group(project, "no thanks", "short")
    group(project, "long text", "short")

    job = work_through(start(project))

    assert (job.state, job.done, job.failed) == (State.DONE, 2, 2)
    assert "will not look at" in job.failures.first().reason
    assert JudgeCall.objects.count() == 2
    assert Spending.objects.get(job=job).requests == 2


def test_refusals_without_end_stop_the_part_with_their_reason(project: Project, model: ReadingModel) -> None:
    for _prompt in range(20):
        group(project, "no", "no")

    job = work_through(start(project, judge=judge(project, orders="one")))

    assert job.state == State.FAILED
    assert "will not look at 'no'" in job.error
    assert len(model.asked) < 20


def test_a_passing_trouble_puts_the_part_back_and_blames_no_sample(project: Project, model: ReadingModel) -> None:
    group(project, "away for now", "short")
    job = start(project)
    working.step(job.pk)

    working.step(job.pk)

    chunk = job.chunks.get()
    assert (chunk.state, chunk.error, chunk.failed) == (State.QUEUED, "the model is away", 0)
    assert chunk.heartbeat_at > timezone.now()
    assert not job.failures.exists()
    job.chunks.update(heartbeat_at=timezone.now() - timedelta(seconds=1))
    model._reply = lambda question, texts: "Back.\nVerdict: Tie"
    assert work_through(job).done == 2


def test_what_was_answered_beside_a_passing_trouble_is_kept(project: Project, model: ReadingModel) -> None:
    group(project, "long text", "short")
    group(project, "away for now", "short")
    model.at_once = 1
    job = start(project)
    working.step(job.pk)

    working.step(job.pk)

    assert len(said(project)) == 2
    assert job.chunks.get().done == 2


def test_a_judge_that_changed_does_not_write_under_the_first_ones_name(project: Project, model: ReadingModel) -> None:
    group(project, "long text", "short")
    job = start(project)
    working.step(job.pk)
    model.name = "another"

    working.step(job.pk)

    assert "its model differ" in job.chunks.get().error
    assert not Judgement.objects.exists()


def test_a_try_of_a_judge_that_is_away_says_so(project: Project, model: ReadingModel) -> None:
    group(project, "away for now", "short")

    job = work_through(start_trial(project=project, judge=judge(project, repeats=3), by=None))

    assert (job.state, job.error) == (State.FAILED, "the model is away")
    assert len(model.asked) == 2, "a try asks once, however many repeats"


# -- delivered twice, lost, taken over --------------------------------------------------------------------------------


def test_what_a_dead_worker_was_answered_is_not_paid_again(project: Project, model: ReadingModel, monkeypatch) -> None:
    group(project, *(f"text {number} {'x' * number}" for number in range(6)))
    job = start(project, ask=Ask("pairs", "all"))
    working.step(job.pk)
    job.refresh_from_db()
    dying = parts.claim_next(job, "dying")
    monkeypatch.setattr(working.recording, "save", lambda **keywords: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        parts.work(dying, "dying", working.STEPS)
    monkeypatch.undo()
    monkeypatch.setattr(benches, "_backend", lambda made_of: model)
    paid = len(model.asked)
    assert paid == JudgeCall.objects.count() > 0

    fall_silent(job)
    job = work_through(job)

    assert (job.state, job.done) == (State.DONE, 30)
    assert len(model.asked) == 30, "every reply that had come was found again"
    assert len(said(project)) == Judgement.objects.count() == 30


def test_a_worker_that_lost_its_part_keeps_the_replies_and_writes_no_verdict(
    project: Project, model: ReadingModel
) -> None:
    group(project, "long text", "short")
    job = start(project)
    working.step(job.pk)
    job.refresh_from_db()
    asleep = parts.claim_next(job, "asleep")
    fall_silent(job)
    work_through(job)

    parts.work(asleep, "asleep", working.STEPS)

    assert Judgement.objects.count() == 2
    assert job.chunks.get().state == State.DONE


def test_a_judging_job_is_found_by_the_sweep_and_cancelled_and_resumed(project: Project, model: ReadingModel) -> None:
    group(project, "long text", "short")
    job = start(project)
    assert [due.job for due in sweeping.due()] == [job]
    working.step(job.pk)

    assert starting.cancel(job=job, by=None).state == State.CANCELLED
    starting.resume(job=Job.objects.get(pk=job.pk), by=None)

    assert work_through(job).done == 2
    assert Job.Kind.JUDGE in tasks.TASKS


def test_a_cancelled_job_stops_sending_and_keeps_what_was_answered(project: Project, model, monkeypatch) -> None:
    model.at_once = 1
    group(project, *(f"text {number} {'x' * number}" for number in range(6)))
    monkeypatch.setattr(parts, "SECONDS_BETWEEN_WRITES", 0.0)
    job = start(project, ask=Ask("pairs", "all"))
    working.step(job.pk)
    original = working.recording.save

    def save_and_cancel(**keywords):
        original(**keywords)
        Job.objects.filter(pk=job.pk).update(cancel_requested=True)

    monkeypatch.setattr(working.recording, "save", save_and_cancel)
    job = work_through(job)

    assert job.state == State.CANCELLED
    assert job.done == Judgement.objects.count()
    assert 0 < len(model.asked) < 30
    assert len(model.asked) == JudgeCall.objects.count()


def test_an_equal_job_under_way_is_returned(project: Project, model: ReadingModel) -> None:
    group(project, "long text", "short")
    asked = judge(project)

    first, second = start(project, judge=asked), start(project, judge=asked)
    third = start(project, judge=asked, ask=Ask("pairs", "all"))

    assert first == second != third


def test_two_jobs_on_the_same_pairs_double_nothing(project: Project, model: ReadingModel) -> None:
    group(project, "long text", "short")
    asked = judge(project)
    first, second = start(project, judge=asked), start(project, judge=asked, ask=Ask("pairs", "all"))
    working.step(first.pk)
    working.step(second.pk)

    work_through(first)
    second = work_through(second)

    assert Judgement.objects.count() == 2
    assert len(model.asked) == 2
    assert (second.state, second.done) == (State.DONE, 2)


# -- refusals before anything is queued -------------------------------------------------------------------------------


def test_an_archived_judge_is_asked_nothing_more(project: Project, model: ReadingModel) -> None:
    asked = judges.archive(judge=judge(project), by=None)

    with pytest.raises(Refused, match="archived"):
        start(project, judge=asked)


def test_a_judge_of_pairs_is_not_asked_about_samples(project: Project, model: ReadingModel) -> None:
    with pytest.raises(Refused, match="judges pairs"):
        start(project, ask=Ask("samples"))
    with pytest.raises(Refused, match="no rule “some”"):
        start(project, judge=judge(project, "second"), ask=Ask("pairs", "some"))


def test_retry_is_refused_while_the_job_runs(project: Project, model: ReadingModel) -> None:
    group(project, "long text", "short")
    job = start(project)

    with pytest.raises(Conflict, match="under way"):
        starting.retry_failed(job=job, by=None)
    with pytest.raises(Refused, match="Nothing failed"):
        starting.retry_failed(job=work_through(job), by=None)


@pytest.mark.parametrize("prompts", [2, 12])
def test_planning_costs_the_same_queries_however_many_pairs(
    project, model, django_assert_max_num_queries, prompts
) -> None:
    for _prompt in range(prompts):
        group(project, *(f"text {number} {'x' * number}" for number in range(6)))
    asked = judge(project, "other", orders="one")
    work_through(start(project, judge=asked, ask=Ask("pairs", "disjoint")))
    job = start(project, judge=asked, ask=Ask("pairs", "all"))

    with django_assert_max_num_queries(40):
        working.step(job.pk)

    job.refresh_from_db()
    assert job.total == prompts * 12


def test_every_pair_of_many_groups_is_cut_and_read_again() -> None:
    rows = [(prompt, prompt * 100 + place) for prompt in range(1000) for place in range(15)]

    found = list(units.all_pairs(rows))

    assert len(found) == len(set(found)) == 105_000
    assert units.read(units.written(found)) == found
    assert len(list(units.disjoint_pairs(rows))) == 7_000


def test_samples_with_the_same_content_are_paid_for_once(project: Project, model: ReadingModel) -> None:
    model.seconds = 0.02
    group(project, "long text", "short", "long text", "short")

    job = work_through(start(project, judge=judge(project, orders="one")))

    assert (job.done, len(model.asked)) == (2, 1)
    assert JudgeCall.objects.count() == 1
    assert Spending.objects.get(job=job).from_cache == 1


def test_owners_are_named_by_process(project: Project, model: ReadingModel) -> None:
    group(project, "long text", "short")
    job = work_through(start(project))

    owners = JobChunk.objects.filter(job=job).values_list("owner", flat=True)
    assert {jobs.process_of(owner) for owner in owners} != {""}
    assert planning.past_speed(benches.judge_of(job)).processes == 1
