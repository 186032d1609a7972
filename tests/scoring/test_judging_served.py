"""Judging over real HTTP: every mode against a server on this machine whose model looks at the pictures it is sent."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.core.files.storage import default_storage

from curation.actions import datasets, judgements, prompt_constraints, recipes, verifying
from curation.actions.judgements import Act, NewComparison, Subject
from curation.errors import Refused
from curation.models import (
    Comparison,
    CriterionVersion,
    DatasetVersion,
    Job,
    Judgement,
    JudgementLink,
    JudgingContext,
    Project,
    Score,
    State,
)
from scoring.actions.judging import benches, judges, working
from scoring.actions.judging.asks import Ask
from scoring.actions.judging.starting import start_judging
from scoring.models import Judge, JudgeCall, JudgeRater, Spending, judged
from tests import factories
from tests.scoring.judges import tiny_vlm
from tests.scoring.judges.server import Rules, Server, saying, serving
from tests.scoring.judging_helpers import greys, judge, work_through

pytestmark = pytest.mark.django_db

VOTES = """
recipe: 1
title: Votes
seed: 2
pairing: {rule: judged_pairs, by: {votes: overall}}
"""


@pytest.fixture
def served(settings, tmp_path) -> Iterator[Server]:
    with serving(Rules()) as server:
        settings.ENDPOINTS_FILE = tmp_path / "endpoints.yaml"
        settings.ENDPOINTS_FILE.write_text(server.endpoints_text(requests_at_once=4, price_prompt=2.0))
        benches.forget()
        yield server
    benches.forget()


@pytest.fixture
def project() -> Project:
    return factories.project()


def eye(project: Project, template: str = "image-pair-critique", name: str = "eye", **fields) -> Judge:
    return judge(project, name, template, endpoint="eye", model="eye-1", **fields)


def run(project: Project, judge: Judge, **options) -> Job:
    return work_through(start_judging(project=project, judge=judge, by=None, **options))


def build(project: Project, text: str = VOTES, name: str = "pairs") -> DatasetVersion:
    recipe = recipes.save(project=project, name=name, text=text, by=None)
    version = datasets.run_job(job_id=datasets.order(project=project, recipe=recipe, name=name, by=None).pk)
    assert version is not None
    return version


def outcomes(project: Project) -> set[tuple[str, str, str]]:
    rows = Comparison.objects.living().filter(judgement__project=project)
    return {
        (_level(left), _level(right), outcome)
        for left, right, outcome in rows.values_list("left_sample__key", "right_sample__key", "outcome")
    }


def _level(key: str) -> str:
    return key.rpartition("-")[2]


def dropped(version: DatasetVersion) -> dict[str, int]:
    """How much each reason of the funnel left out."""
    return {reason: count for step in version.funnel for reason, count in step["reasons"].items()}


def vote(project: Project, left, right, outcome: str, by: str = "Ann") -> None:
    rater = factories.rater(project, by) if not project.raters.filter(name=by).exists() else project.raters.get(name=by)
    said = NewComparison(
        Subject(left.pk, left.prompt_id), Subject(right.pk, right.prompt_id), factories.overall(project).pk, outcome
    )
    judgements.record(project=project, acts=[Act(rater_id=rater.pk, act="compare", comparisons=[said])])


# -- the modes --------------------------------------------------------------------------------------------------------


@pytest.mark.capability("C2", "C3")
def test_a_pair_judge_sees_both_pictures_in_both_orders_and_says_why(project: Project, served: Server) -> None:
    greys(project, 200, 40)

    job = run(project, eye(project))

    assert (job.state, job.total, job.done) == (State.DONE, 2, 2), job.error
    assert outcomes(project) == {("200", "40", "left"), ("40", "200", "right")}
    assert sorted([picture.getpixel((5, 5))[0] for picture in seen.pictures] for seen in served.requests) == [
        [40, 200],
        [200, 40],
    ]
    judgement = Judgement.objects.filter(presentation__swapped=False).get()
    # The drawn grey is not quite even, so that no two pictures are the same file.
    assert re.search(r"has a light of (199\.9|200\.[01])\b", judgement.payload["verdict"]["reasoning"])
    assert judgement.payload["reply"].startswith(judgement.payload["verdict"]["reasoning"][:20])
    assert judgement.payload["cost"] > 0


@pytest.mark.capability("C2")
def test_all_pairs_of_a_group_give_win_rates_that_sum_to_half_the_samples(project: Project, served: Server) -> None:
    samples = greys(project, 10, 90, 170, 250)
    asked = eye(project)

    job = run(project, asked, ask=Ask("pairs", "all"))

    assert (job.total, job.done) == (12, 12)
    found = judged.pair_verdicts(project_id=project.pk, rater_id=job.params["rater"])
    wins = dict.fromkeys([sample.pk for sample in samples], 0.0)
    for verdict in found:
        wins[verdict.low] += verdict.share / 3
        wins[verdict.high] += (1 - verdict.share) / 3
    assert list(wins.values()) == pytest.approx([0, 1 / 3, 2 / 3, 1])
    assert sum(wins.values()) == pytest.approx(2)
    assert not any(verdict.is_flipped for verdict in found)


@pytest.mark.capability("C2")
def test_a_list_is_one_ranking_in_each_order(project: Project, served: Server) -> None:
    greys(project, 10, 250, 90)
    greys(project, 100)

    job = run(project, eye(project, "image-list"))

    assert (job.total, job.done) == (2, 2), "a prompt with one sample has nothing to rank"
    rankings = Judgement.objects.filter(act="rank")
    assert rankings.count() == 2
    assert {comparison.is_implied for comparison in Comparison.objects.all()} == {True}
    assert outcomes(project) == {
        *(("10", "250", "right"), ("10", "90", "right"), ("250", "90", "left")),
        *(("250", "10", "left"), ("90", "10", "left"), ("90", "250", "right")),
    }


@pytest.mark.capability("C3")
def test_points_stand_under_a_criterion_that_names_their_scale(project: Project, served: Server) -> None:
    dark, bright = greys(project, 0, 255)

    run(project, eye(project, "image-points-criteria"))

    rows = Score.objects.values_list("sample", "criterion_version__criterion__key", "value")
    expected = {f"{key}-points-1-5" for key in ("alignment", "quality", "aesthetics")}
    assert set(rows) == {(dark.pk, key, 1.0) for key in expected} | {(bright.pk, key, 5.0) for key in expected}
    assert set(Judgement.objects.values_list("act", flat=True)) == {"rate"}
    version = CriterionVersion.objects.get(criterion__key="alignment-points-1-5")
    assert (version.low, version.high, version.scale) == (1, 5, "interval")


@pytest.mark.capability("C5")
def test_a_score_read_from_probabilities_keeps_its_spread_and_its_distribution(project, served: Server) -> None:
    greys(project, 128)

    job = run(project, eye(project, "image-expected-digit"))

    assert (job.done, job.failed) == (1, 0), list(job.failures.values_list("reason", flat=True))
    score = Score.objects.get()
    assert score.spread > 0
    assert JudgeCall.objects.get().tokens, "the probabilities are kept with the receipt"
    assert score.value == Judgement.objects.get().payload["verdict"]["scores"]["overall"]["value"]


@pytest.mark.capability("C5")
def test_a_soft_comparison_keeps_the_probability_it_was_read_from(project: Project, served: Server) -> None:
    greys(project, 140, 120)

    run(project, eye(project, "image-pair-probability"))

    rows = {row.outcome: row for row in Comparison.objects.all()}
    assert set(rows) == {"left", "right"}
    assert all(0.5 < row.confidence < 1 for row in rows.values())


@pytest.mark.capability("C4")
def test_the_total_of_a_checklist_is_the_weighted_sum_of_its_items(project: Project, served: Server) -> None:
    greys(project, 160)

    job = run(project, eye(project, "image-checklist"))

    assert (job.done, job.failed) == (1, 0), list(job.failures.values_list("reason", flat=True))
    judgement = Judgement.objects.get()
    assert judgement.act == "check"
    scores = dict(Score.objects.values_list("criterion_version__criterion__key", "value"))
    answers = judgement.payload["verdict"]["answers"]
    by_key = {answer["key"]: answer for answer in answers}
    assert {key for key in scores if key.endswith("-yes-no")} == {f"{key}-yes-no" for key in by_key}
    for key, answer in by_key.items():
        assert scores[f"{key}-yes-no"] == float(answer["yes"])
    template = benches.templates.of(Judge.objects.get())
    for criterion in template.criteria:
        own = [by_key[item["key"]] for item in template.items if item.get("criterion", criterion.key) == criterion.key]
        total = sum(one["weight"] * one["yes"] for one in own) / sum(one["weight"] for one in own)
        assert scores[f"{criterion.key}-points-0-1"] == pytest.approx(total)
    assert 0 < sum(answer["yes"] for answer in answers) < len(answers)


@pytest.mark.capability("C4")
def test_a_checklist_written_for_a_prompt_is_explained_item_by_item(project: Project, served: Server) -> None:
    items = ["Is there a cat?", {"question": "Is it black?", "weight": 3}]
    greys(project, 160, facts={"checklist": items})
    greys(project, 160)

    job = run(project, eye(project, "image-checklist-prompt"))

    assert (job.total, job.done) == (1, 1), "a prompt without a checklist is not asked about"
    assert Score.objects.get().value == pytest.approx(0.25)
    answers = Judgement.objects.get().payload["verdict"]["answers"]
    assert [(answer["question"], answer["weight"], answer["yes"]) for answer in answers] == [
        ("Is there a cat?", 1.0, True),
        ("Is it black?", 3.0, False),
    ]


@pytest.mark.capability("J4")
def test_a_child_question_is_void_when_its_parent_fails_and_counts_in_no_total(
    project: Project, served: Server
) -> None:
    """The server answers yes from the first question on, the more of them the brighter the picture is."""
    items = [
        {"key": "sky", "question": "Is there a sky?"},
        {"key": "cat", "question": "Is there a cat?"},
        {"key": "black", "question": "Is the cat black?", "weight": 3, "needs": ["cat"]},
        {"key": "eyes", "question": "Are the black cat's eyes green?", "weight": 2, "needs": ["black"]},
    ]
    dark, bright = greys(project, 80)[0], greys(project, 130)[0]
    for sample in (dark, bright):
        prompt_constraints.set_list(prompt=sample.prompt, raw=items, by=None)
    greys(project, 200)  # without a list it is not asked about

    job = run(project, eye(project, "image-checklist-prompt"))

    assert (job.total, job.done) == (2, 2)
    values = {score.sample_id: score.value for score in Score.objects.all()}
    # Yes, no, no, no: of sky and cat the first is met, and the rest of the list is about a cat that is not there.
    assert values[dark.pk] == pytest.approx(1 / 2)
    # Yes, yes, no, no: the eyes of a black cat do not count where the cat is not black.
    assert values[bright.pk] == pytest.approx((1 + 1) / (1 + 1 + 3))
    verdict = Judgement.objects.get(scores__sample=dark).payload["verdict"]
    assert verdict["detail"]["void"] == ["black", "eyes"]
    assert [answer.get("is_void", False) for answer in verdict["answers"]] == [False, False, True, True]


@pytest.mark.capability("C5")
def test_repeats_at_a_temperature_show_how_sure_a_judge_is(project: Project, served: Server) -> None:
    served.rules.noise = 20.0
    greys(project, 128)

    run(project, eye(project, "image-points", repeats=4, settings={"decoding": {"temperature": 1.0}}))

    rows = Score.objects.order_by("occasion").values_list("occasion", "value")
    assert [occasion for occasion, _value in rows] == [0, 1, 2, 3]
    assert len({value for _occasion, value in rows}) > 1
    assert {seen.body["temperature"] for seen in served.requests} == {1.0}


# -- orders -----------------------------------------------------------------------------------------------------------


@pytest.mark.capability("F1")
def test_a_flip_between_orders_is_flagged_and_counts_as_a_tie_in_a_recipe(project: Project, served: Server) -> None:
    served.rules.bias = 60
    near = greys(project, 120, 100)
    greys(project, 220, 20)
    asked = eye(project)

    job = run(project, asked)

    flipped = judged.pair_verdicts(project_id=project.pk, rater_id=job.params["rater"], only_flipped=True)
    assert [(one.low, one.high, one.verdict) for one in flipped] == [(near[0].pk, near[1].pk, "tie")]
    (found,) = judged.order_audits(project_id=project.pk, rater_ids=[job.params["rater"]])
    assert (found.audit.pairs, found.audit.flips.count) == (2, 1)
    assert found.audit.flips.low < 0.5 < found.audit.flips.high
    assert (found.audit.first.count, found.audit.first.of) == (3, 4)
    version = build(project)
    assert version.pair_count == 1
    assert dropped(version)["tie"] == 1


# -- principles -------------------------------------------------------------------------------------------------------


@pytest.mark.capability("C13")
def test_the_same_pair_flips_under_another_principle_and_accuracy_is_told_by_principle(project, served) -> None:
    bright, dark = greys(project, 200, 40)
    other_bright, other_dark = greys(project, 180, 60)
    vote(project, bright, dark, "left")
    vote(project, other_bright, other_dark, "left")
    asked = eye(project, "image-pair-critique")
    principle = judges.ensure_context(
        project=project, kind="principle", name="night", text="The darker picture is the better one."
    )

    run(project, asked)
    job = run(project, asked, context=principle)

    assert (job.done, job.failed) == (4, 0)
    assert "The darker picture" in served.requests[-1].text
    assert set(Comparison.objects.filter(context=principle).values_list("left_sample__key", "outcome")) == {
        *((bright.key, "right"), (dark.key, "left"), (other_bright.key, "right"), (other_dark.key, "left"))
    }
    found = judged.under_contexts(project_id=project.pk, rater_id=job.params["rater"])
    assert [(one.context, one.criterion, one.pairs, one.accuracy.share) for one in found] == [
        ("", "overall", 2, 1.0),
        ("night", "overall", 2, 0.0),
    ]
    assert {row.context_id for row in Judgement.objects.filter(job=job)} == {principle.pk}


def test_a_principle_that_says_something_else_is_its_next_version(project: Project) -> None:
    first = judges.ensure_context(project=project, kind="principle", name="night", text="Dark.")

    again = judges.ensure_context(project=project, kind="principle", name="night", text="Dark. ")
    second = judges.ensure_context(project=project, kind="principle", name="night", text="Darker.")

    assert first == again
    assert (second.number, judges.find_context(project, "night")) == (2, second)
    assert JudgingContext.objects.count() == 2


# -- a listener -------------------------------------------------------------------------------------------------------


def listen(project: Project, asked: Judge) -> Job:
    listener = eye(project, "listener", "listener")
    return run(project, listener, ask=Ask("verdicts", of=(asked.pk,)))


@pytest.mark.capability("F5")
def test_reasons_that_lead_elsewhere_hold_a_verdict_out_of_the_dataset(project: Project, served: Server) -> None:
    """The judge prefers what stands first, whatever it says of the light; the listener only reads the light."""
    greys(project, 200, 40)
    wrong = greys(project, 60, 90)
    served.rules.tie_below = 0.5
    asked = eye(project, orders="one")
    served.rules.always = _turns_round(served)
    run(project, asked)
    served.rules.always = lambda number: None
    assert build(project, name="before").pair_count == 2

    job = listen(project, asked)

    assert (job.state, job.total, job.done) == (State.DONE, 2, 2), list(job.failures.values_list("reason", flat=True))
    links = dict(JudgementLink.objects.values_list("source__comparisons__left_sample", "kind"))
    assert links[wrong[0].pk] == "contradicts"
    assert sorted(links.values()) == ["confirms", "contradicts"]
    heard = Judgement.objects.filter(job=job)
    assert {one.act for one in heard} == {"listen"}
    assert not Comparison.objects.filter(judgement__in=heard).exists()
    (found,) = judged.listened_to(project_id=project.pk)
    assert (found.confirms, found.contradicts, found.contradicted.share) == (1, 1, 0.5)

    version = build(project, name="after")
    assert version.pair_count == 1
    assert dropped(version)["contradicted"] == 1
    before = DatasetVersion.objects.get(dataset__name="before")
    assert verifying.verify(version=before).outcome == "identical", "what was frozen is rebuilt as it was"


def _turns_round(served: Server) -> Callable:
    """For the darker pair the verdict is the opposite of what the reasons say."""

    def always(number: int):
        seen = served.requests[number - 1]
        lights = [picture.getpixel((5, 5))[0] for picture in seen.pictures]
        if lights == [60, 90]:
            return saying("Image 1 has a light of 60.0. Image 2 has a light of 90.0.\nVerdict: Image 1")
        return None

    return always


@pytest.mark.capability("F5")
def test_a_retracted_listener_no_longer_holds_anything_out(project: Project, served: Server) -> None:
    greys(project, 60, 90)
    asked = eye(project, orders="one")
    served.rules.always = _turns_round(served)
    run(project, asked)
    served.rules.always = lambda number: None
    job = listen(project, asked)
    assert build(project, name="held").pair_count == 0

    judgements.retract(
        judgements=list(Judgement.objects.filter(job=job)), reason=Judgement.Retraction.RETRACTED, by=None
    )

    assert build(project, name="back").pair_count == 1


# -- independence -----------------------------------------------------------------------------------------------------


def test_verdicts_on_samples_of_the_judges_own_family_are_flagged_and_counted(project: Project, served) -> None:
    own, _other = greys(project, 200, 40)
    own.generator.family = "Eye"
    own.generator.save()
    greys(project, 90, 30)[0].generator.save()

    job = run(project, eye(project, family="eye"))

    flagged = Judgement.objects.filter(job=job, payload__same_family=True)
    assert flagged.count() == job.result["same_family"]
    assert 0 < flagged.count() <= 4
    assert set(flagged.values_list("comparisons__left_sample__prompt", flat=True)) >= {own.prompt_id}


# -- files and addresses ----------------------------------------------------------------------------------------------


def test_an_unreadable_picture_is_that_pairs_failure(project: Project, served: Server) -> None:
    good, bad = greys(project, 200, 40)
    greys(project, 90, 30)
    rendition = bad.media.get().asset.renditions.get()
    path = Path(default_storage.path(rendition.storage_name))
    path.chmod(0o600)
    path.write_bytes(b"no picture at all")

    job = run(project, eye(project))

    assert (job.state, job.done, job.failed) == (State.DONE, 2, 2)
    assert str(bad.pk) in job.failures.first().what
    assert Spending.objects.get(job=job).requests == 2
    assert good.pk


def test_a_judge_at_an_unknown_endpoint_is_refused_before_anything_is_queued(project: Project, served) -> None:
    with pytest.raises(Refused, match="no endpoint “nowhere”"):
        judge(project, "x", "image-pair", endpoint="nowhere", model="eye-1")


NOWHERE = "endpoints: {eye: {url: 'http://127.0.0.1:9/v1', attempts: 1, connect_seconds: 1, supports_logprobs: true}}"


def test_an_address_where_nobody_is_fails_the_job_with_words(project: Project, served: Server, settings) -> None:
    greys(project, 200, 40)
    asked = eye(project)
    settings.ENDPOINTS_FILE.write_text(NOWHERE)

    job = run(project, asked)

    assert job.state == State.FAILED
    assert "eye" in job.error


def test_an_address_that_goes_away_meanwhile_puts_the_part_back(project: Project, served: Server, settings) -> None:
    greys(project, 200, 40)
    job = start_judging(project=project, judge=eye(project), by=None)
    working.step(job.pk)
    there = settings.ENDPOINTS_FILE.read_text()
    settings.ENDPOINTS_FILE.write_text(NOWHERE)

    working.step(job.pk)

    chunk = job.chunks.get()
    assert (chunk.state, chunk.failed) == (State.QUEUED, 0)
    assert "eye" in chunk.error
    settings.ENDPOINTS_FILE.write_text(there)
    job.chunks.update(heartbeat_at=None)
    assert work_through(job).done == 2


def test_a_principle_without_a_place_in_the_template_is_refused_before_it_is_paid_for(project, served) -> None:
    principle = judges.ensure_context(project=project, kind="principle", name="night", text="Dark.")

    with pytest.raises(Refused, match="no place for a principle"):
        run(project, eye(project, "unifiedreward-image-pair"), context=principle)


def test_a_local_model_is_asked_by_the_same_job_and_random_weights_give_no_verdict(project: Project, tmp_path) -> None:
    tiny_vlm.make(tmp_path)
    settings = {"local": {"precision": "float32"}, "decoding": {"max_tokens": 12}}
    asked = judge(project, "tiny", "image-pair", endpoint="", model=str(tmp_path), settings=settings)
    greys(project, 200, 40)

    job = run(project, asked)
    benches.forget()

    assert (job.queue, job.state, job.done, job.failed) == ("gpu", State.DONE, 0, 2), job.error
    assert {call.fault for call in JudgeCall.objects.all()} == set(job.failures.values_list("reason", flat=True))
    assert not Judgement.objects.exists()
    identity = JudgeRater.objects.get(judge=asked).rater.identity["model"]
    assert (identity["backend"], identity["precision"]) == ("transformers", "float32")
