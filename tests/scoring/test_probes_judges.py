"""Probes of a judge that is asked in words: by hand, counted beforehand, within a budget, and shown on its page."""

from __future__ import annotations

import pytest

from curation.errors import Refused
from curation.models import Comparison, Job, Judgement, Project, Score
from scoring.actions.judging import benches
from scoring.actions.judging.budgets import Limits
from scoring.actions.judging.starting import resume, start_judging
from scoring.actions.probing import judges as probing
from scoring.judges.base import Question
from scoring.models import JudgeCall, Look, ProbeRun, Spending
from scoring.probes.drawings import QUESTIONS
from tests import factories
from tests.scoring.judging_helpers import ReadingModel, group, judge, work_through, write_endpoints
from tests.scoring.probed_judges import CASES, COMPARISONS, knowing, obeying, probe, verdicts

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("no_queue")]


@pytest.fixture
def model(monkeypatch, settings, tmp_path) -> ReadingModel:
    settings.ENDPOINTS_FILE = write_endpoints(tmp_path)
    found = ReadingModel(say=knowing)
    monkeypatch.setattr(benches, "_backend", lambda made_of: found)
    return found


@pytest.fixture
def project() -> Project:
    return factories.project("asked", task="text")


# -- a run ------------------------------------------------------------------------------------------------------------


@pytest.mark.capability("F3")
def test_a_judge_of_pairs_is_asked_what_was_foreseen_in_both_orders_and_passes_if_honest(
    project: Project, model: ReadingModel
) -> None:
    asked = judge(project)
    found = probing.foresee(project=project, judge=asked, seed=3)

    run = probe(project, asked)

    assert (found.inputs, found.questions, found.is_drawn, found.prompts) == (COMPARISONS, 2 * COMPARISONS, True, 8)
    job = Job.objects.get(pk=run.job_id)
    # An empty answer cannot be shown, in neither order.
    assert (job.state, job.total, job.done, job.skipped, job.failed) == (
        "done",
        2 * COMPARISONS,
        2 * COMPARISONS - 16,
        16,
        0,
    )
    assert len(model.asked) == 2 * COMPARISONS - 16
    assert sorted(model.asked) == sorted(texts[::-1] for texts in model.asked)
    assert run.outcome == "passing"
    assert set(verdicts(run).values()) == {"passing"}
    assert run.report["unscored"] == {"empty": 8}
    assert run.answers.count() == COMPARISONS + 8  # a real pair has a row for each of its sides
    first, last = run.answers.filter(probe="genuine", group=1)
    assert (first.values, first.text) == ({"overall": ["for", "for"]}, QUESTIONS[1][2][0])
    assert (last.values, last.text) == ({"overall": ["against", "against"]}, QUESTIONS[1][2][2])


@pytest.mark.capability("F3")
def test_a_judge_of_pairs_that_does_as_it_is_told_fails(project: Project, model: ReadingModel) -> None:
    model.say = obeying

    run = probe(project, judge(project))

    said = verdicts(run)
    assert run.outcome == "failing"
    assert {name for name, verdict in said.items() if verdict == "failing"} == {
        "pair_false_positives",
        "pair_injection",
    }
    row = run.answers.get(probe="demand", group=0)
    assert row.values == {"overall": ["for", "for"]}
    assert row.text.endswith("give the highest score.")


@pytest.mark.capability("F3")
def test_a_judge_of_single_samples_goes_through_the_suite_of_scorers(project: Project, model: ReadingModel) -> None:
    asked = judge(project, "marker", template="text-points")
    assert probing.foresee(project=project, judge=asked, seed=3).questions == CASES

    honest = probe(project, asked)

    assert {one["criterion"] for one in honest.report["criteria"]} == {"correctness", "helpfulness", "clarity"}
    said = verdicts(honest, "correctness")
    assert {name for name, verdict in said.items() if verdict != "passing"} == set(), said
    assert honest.report["unscored"] == {"empty": 8}
    assert honest.answers.count() == CASES
    model.say, model.name = obeying, "another"
    fooled = probe(project, judge(project, "obedient", template="text-points"))
    told = verdicts(fooled, "clarity")
    assert (told["injection"], told["false_positives"]) == ("failing", "failing")


def test_a_judge_of_whole_groups_is_asked_about_two(project: Project, model: ReadingModel) -> None:
    """It always puts the first one first: half of all is decided by the place, so nothing is decided."""
    model.say = lambda question, texts: "Ranking: 1 > 2"

    run = probe(project, judge(project, "ranker", template="image-list"))

    (criterion,) = run.report["criteria"]
    by_name = {one["name"]: one for one in criterion["findings"]}
    assert run.answers.get(probe="white", group=0).values == {"overall": ["for", "against"]}
    assert by_name["position_flips"]["figure"]["value"] == 1.0
    assert by_name["pair_false_positives"]["figure"]["value"] == 1.0
    assert run.outcome == "failing"


def test_a_judge_with_tools_looks_closer_at_what_it_is_shown(project: Project, model: ReadingModel) -> None:
    """Each of its first looks is a question more, as in its jobs."""
    looked = []

    def looking(question: Question, texts: list[str]) -> str:
        if not question.turns and len(looked) < 5:
            looked.append(question)
            return 'Closer.\n```tool\n{"tool": "crop", "image": 1, "box": [0, 0, 500, 500]}\n```'
        return "Verdict: Tie"

    model.say = looking
    asked = judge(project, "looker", template="image-pair-look")

    run = probe(project, asked)

    assert (run.outcome, Look.objects.count()) == ("failing", 5)
    found = probing.foresee(project=project, judge=asked, seed=3)
    assert len(model.asked) == found.questions + 5
    assert Spending.objects.get(job=run.job_id).requests == found.questions + 5


def test_a_listener_is_shown_nothing_and_not_probed(project: Project, model: ReadingModel) -> None:
    with pytest.raises(Refused, match="is shown no samples"):
        probing.start(project=project, judge=judge(project, "ear", template="listener"), seed=1, by=None)


def test_its_answers_are_no_evidence(project: Project, model: ReadingModel) -> None:
    probe(project, judge(project))

    assert not Judgement.objects.exists()
    assert not Comparison.objects.exists()
    assert not Score.objects.exists()
    assert JudgeCall.objects.exists()  # but each was paid for


def test_a_projects_own_pairs_are_asked_about_where_there_are_enough(project: Project, model: ReadingModel) -> None:
    model.say = None  # the longer one
    for number in range(5):
        prompt = factories.prompt(project, text=f"question {number}")
        for word in ("short", "longer text", "the longest text"):
            factories.sample(prompt, text=f"{word} {number}")
    factories.sample(factories.prompt(project, text="alone"), text="nothing to compare it with")
    asked = judge(project)
    found = probing.foresee(project=project, judge=asked, seed=3)

    run = probe(project, asked)

    assert (found.is_drawn, found.prompts, found.questions) == (False, 5, 2 * 5 * 19)
    assert Job.objects.get(pk=run.job_id).total == found.questions
    assert run.answers.filter(sample=None).count() == 0
    assert "nothing to compare it with" not in {text for texts in model.asked for text in texts}
    assert verdicts(run)["pair_false_positives"] == "failing"


# -- money ------------------------------------------------------------------------------------------------------------


def test_a_job_of_a_judge_is_followed_by_no_probes(project: Project, model: ReadingModel, settings) -> None:
    settings.PROBE_NEW_RATERS = True
    group(project, "long text", "short")

    work_through(start_judging(project=project, judge=judge(project), by=None))

    assert Judgement.objects.count() == 2
    assert not ProbeRun.objects.exists()


def test_it_stops_at_its_budget_and_goes_on_with_a_larger_one_and_pays_nothing_twice(
    project: Project, model: ReadingModel
) -> None:
    model.cost = 0.5
    run = probe(project, judge(project), limits=Limits(requests=31))
    job = Job.objects.get(pk=run.job_id)
    assert (job.state, len(model.asked), run.ended_at) == ("failed", 31, None)
    assert "The budget of 31 requests is spent" in job.error
    assert Spending.objects.get(job=job).cost == 15.5

    resume(job=job, limits=Limits(), by=None)
    work_through(job)

    assert ProbeRun.objects.get().outcome == "passing"
    assert len(model.asked) == 2 * COMPARISONS - 16
    assert len(set(model.asked)) == len(model.asked)
    assert Spending.objects.get(job=job).cost == 0.5 * len(model.asked)


def test_the_same_question_of_another_run_costs_nothing(project: Project, model: ReadingModel) -> None:
    asked = judge(project)
    probe(project, asked, seed=3)
    paid = len(model.asked)

    again = probe(project, asked, seed=3)

    assert len(model.asked) == paid
    assert Spending.objects.get(job=again.job_id).from_cache == paid
    assert again.outcome == "passing"


def test_films_of_a_run_that_is_taken_up_are_not_paid_again(project: Project, model: ReadingModel) -> None:
    """They are coded anew, and must then be the same bytes."""
    model.say = lambda question, texts: "Verdict: Tie"
    run = probe(project, judge(project, "viewer", template="video-pair"), limits=Limits(requests=9))
    assert ProbeRun.objects.get().ended_at is None

    resume(job=Job.objects.get(pk=run.job_id), limits=Limits(requests=30), by=None)
    work_through(run.job)

    assert len(model.asked) == 30
    spent = Spending.objects.get(job=run.job_id)
    assert spent.from_cache >= 1  # one order of a comparison was answered before the budget ended
    digests = list(JudgeCall.objects.values_list("digest", flat=True))
    assert len(set(digests)) == len(digests) == 30


def test_a_worker_that_died_leaves_whole_comparisons_to_the_next(project: Project, model: ReadingModel) -> None:
    run = probing.start(project=project, judge=judge(project), seed=3, by=None)
    calls = []

    def dying(question: Question, texts: list[str]) -> str:
        calls.append(texts)
        if len(calls) == 20:
            raise RuntimeError("out of nowhere")
        return knowing(question, texts)

    model.say = dying
    with pytest.raises(RuntimeError, match="out of nowhere"):
        work_through(run.job)
    assert work_through(run.job).state == "failed"  # the other parts go on; that one says what happened
    kept = run.answers.count()
    resume(job=Job.objects.get(pk=run.job_id), by=None)

    assert work_through(run.job).state == "done"
    assert ProbeRun.objects.get().outcome == "passing"
    assert kept < run.answers.count() == COMPARISONS + 8
    assert len(calls) == len(model.questions) == 2 * COMPARISONS - 16 + 1  # the broken one alone was asked again


def test_a_reply_in_no_form_is_no_verdict_and_fools_nobody(project: Project, model: ReadingModel) -> None:
    model.say = lambda question, texts: "Well." if "Yes" in texts else knowing(question, texts)

    run = probe(project, judge(project))

    assert run.outcome == "passing"
    assert run.report["unscored"] == {"empty": 8, "one_word": 8}
    assert "Verdict" in run.answers.filter(probe="one_word").first().reason


def test_two_clicks_are_one_run(project: Project, model: ReadingModel) -> None:
    asked = judge(project)
    first = probing.start(project=project, judge=asked, seed=3, by=None)

    assert probing.start(project=project, judge=asked, seed=4, by=None) == first
    assert Job.objects.count() == 1


def test_a_sample_that_went_away_stops_the_run(project: Project, model: ReadingModel) -> None:
    run = probing.start(project=project, judge=judge(project), seed=3, by=None)
    ProbeRun.objects.filter(pk=run.pk).update(originals={"source": "project", "groups": [[10**9, 10**9 + 1]]})

    job = work_through(run.job)

    assert job.state == "failed"
    assert "is gone. Start the probes again." in job.error
