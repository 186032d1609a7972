"""Templates written, tried and saved in a project; judges added; and what the database itself forbids."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from decimal import Decimal

import pytest
from django.db import IntegrityError, connection, transaction

from curation.actions import judgements
from curation.actions.judgements import Act, NewComparison, Subject
from curation.errors import Refused
from curation.models import Comparison, Job, Judgement, JudgementLink, Project, Sample, State
from scoring.actions.judging import benches, judges, templates
from scoring.actions.judging.asks import Ask
from scoring.actions.judging.starting import start_judging, start_trial
from scoring.judges import library
from scoring.models import Judge, JudgeCall, JudgeTemplate, Spending
from tests import factories
from tests.scoring.judges.server import Rules, Server, saying, serving
from tests.scoring.judging_helpers import greys, judge, work_through

pytestmark = pytest.mark.django_db


@pytest.fixture
def served(settings, tmp_path) -> Iterator[Server]:
    with serving(Rules()) as server:
        settings.ENDPOINTS_FILE = tmp_path / "endpoints.yaml"
        settings.ENDPOINTS_FILE.write_text(server.endpoints_text(requests_at_once=4))
        benches.forget()
        yield server
    benches.forget()


@pytest.fixture
def project() -> Project:
    return factories.project()


def document(name: str = "mine", **changes) -> dict:
    return {**library.to_plain(library.builtin()["image-pair-critique"]), "name": name, **changes}


def eye(project: Project, template: str = "image-pair-critique", name: str = "eye", **fields) -> Judge:
    return judge(project, name, template, endpoint="eye", model="eye-1", **fields)


# -- saving -----------------------------------------------------------------------------------------------------------


def test_a_saved_template_is_a_version_and_the_same_words_are_the_same_version(project: Project) -> None:
    first = templates.save(project=project, document=document(), by=None)
    again = templates.save(project=project, document=document(title="Only the title differs"), by=None)
    second = templates.save(project=project, document=document(system="You are strict."), by=None)

    assert (str(first), again, str(second)) == ("mine@1", first, "mine@2")
    assert templates.find(project, "mine").name == "mine@2"
    assert templates.find(project, "mine@1").template.digest() == first.digest
    assert [one.name for one in templates.listed(project)][:1] == ["mine@2"]
    assert "image-pair@1" in [one.name for one in templates.listed(project)]


def test_a_name_of_a_built_in_template_cannot_be_taken(project: Project) -> None:
    with pytest.raises(Refused, match="comes with the program"):
        templates.save(project=project, document=document("image-pair"), by=None)


def test_a_template_that_could_not_be_read_is_not_saved(project: Project) -> None:
    with pytest.raises(Refused, match="no reader “guess”"):
        templates.save(project=project, document=document(reader="guess"), by=None)
    assert not JudgeTemplate.objects.exists()


def test_an_unknown_template_is_told_with_those_there_are(project: Project) -> None:
    with pytest.raises(Refused, match=r"no template “mine”. There are: .*image-pair@1"):
        templates.find(project, "mine")


def test_a_judge_may_ask_by_a_template_saved_here(project: Project, served: Server) -> None:
    templates.save(project=project, document=document(system="You are strict."), by=None)
    greys(project, 200, 40)

    job = work_through(start_judging(project=project, judge=eye(project, "mine"), by=None))

    assert job.done == 2
    assert served.requests[0].body["messages"][0]["content"] == "You are strict."
    identity = Judgement.objects.first().rater.identity
    assert identity["template"]["name"] == "mine@1"


def test_a_wording_the_model_was_trained_on_takes_the_place_of_ours(
    project: Project, served, settings, tmp_path
) -> None:
    settings.DATA_DIR = tmp_path
    folder = tmp_path / benches.WORDINGS
    folder.mkdir()
    words = "Compare these two pictures of {prompt} as you were taught."
    (folder / "pair.txt").write_text(words)
    entry = {"template": "unifiedreward-image-pair", "address": "somewhere", "revision": "1", "file": "pair.txt"}
    entry |= {"sha256": hashlib.sha256(words.encode()).hexdigest(), "before": "{media}"}
    (folder / "trained.yaml").write_text(json.dumps({"wordings": [entry]}))
    greys(project, 200, 40)
    served.rules.always = lambda number: saying("Image 1 is better")

    job = work_through(start_judging(project=project, judge=eye(project, "unifiedreward-image-pair"), by=None))

    assert (job.state, job.done) == (State.DONE, 2), job.error
    assert "as you were taught" in served.requests[0].text
    ours = library.builtin()["unifiedreward-image-pair"].digest()
    assert Judgement.objects.first().rater.identity["template"]["digest"] != ours


# -- trying -----------------------------------------------------------------------------------------------------------


def test_a_wording_is_tried_on_chosen_pairs_before_it_is_saved(project: Project, served: Server) -> None:
    first, second = greys(project, 200, 40)
    greys(project, 90, 30)
    asked = eye(project)

    job = work_through(
        start_trial(
            project=project,
            judge=asked,
            ask=Ask("pairs", "listed", pairs=((first.pk, second.pk),)),
            document=document(system="You are trying."),
            by=None,
        )
    )

    assert (job.state, job.total, job.done) == (State.DONE, 2, 2), job.error
    one, other = job.result["trial"]
    assert {tuple(one["samples"]), tuple(other["samples"])} == {(first.pk, second.pk), (second.pk, first.pk)}
    # A drawn grey is not quite even.
    assert re.search(r"has a light of (199\.\d|200\.\d)", one["reply"])
    assert one["verdict"]["preferences"]["overall"]["outcome"] in ("left", "right")
    assert served.requests[0].body["messages"][0]["content"] == "You are trying."
    assert not Judgement.objects.exists()
    assert not JudgeTemplate.objects.exists()
    assert JudgeCall.objects.filter(job=job).count() == 2


def test_a_try_shows_an_unreadable_reply_with_its_reason(project: Project, served: Server) -> None:
    served.rules.malformed = 1.0
    greys(project, 200, 40)

    job = work_through(start_trial(project=project, judge=eye(project, orders="one"), by=None))

    (one,) = job.result["trial"]
    assert (job.state, job.failed) == (State.DONE, 1)
    assert one["fault"]
    assert one["reply"].startswith("Both of them have something")
    assert "verdict" not in one


def test_a_try_that_reaches_nobody_fails_with_words(project: Project, served: Server) -> None:
    greys(project, 200, 40)
    served.rules.models = ("another",)

    job = work_through(start_trial(project=project, judge=eye(project), by=None))

    assert job.state == State.FAILED
    assert "serves another" in job.error


def test_what_cannot_be_tried_is_refused(project: Project, served: Server) -> None:
    asked = eye(project)
    with pytest.raises(Refused, match="Nothing in this project"):
        start_trial(project=project, judge=asked, by=None)
    samples = greys(project, *range(10, 60, 10))
    pairs = tuple((samples[0].pk, samples[0].pk + step) for step in (1, 2, 3, 4))
    with pytest.raises(Refused, match="at most 12"):
        start_trial(project=project, judge=asked, ask=Ask("pairs", "all"), samples=_more(project), by=None)
    with pytest.raises(Refused, match="has no sample"):
        start_trial(project=project, judge=asked, ask=Ask("pairs", "listed", pairs=((1, 2),)), by=None)
    (other,) = greys(project, 77)
    with pytest.raises(Refused, match="not two samples of one prompt"):
        start_trial(
            project=project, judge=asked, ask=Ask("pairs", "listed", pairs=((samples[0].pk, other.pk),)), by=None
        )
    with pytest.raises(Refused, match="no reader"):
        start_trial(project=project, judge=asked, document=document(reader="guess"), by=None)
    assert start_trial(project=project, judge=asked, ask=Ask("pairs", "listed", pairs=pairs), by=None).kind == "judge"


def _more(project: Project) -> list[int]:
    return [sample.pk for sample in greys(project, *range(10, 70, 10))]


# -- which pairs ------------------------------------------------------------------------------------------------------


def test_pairs_people_voted_on_are_asked_and_no_others(project: Project, served: Server) -> None:
    one, other, third = greys(project, 200, 40, 90)
    rater = factories.rater(project, "Ann")
    _compare(project, rater, third, one)
    machine = factories.rater(project, "scorer", kind="model")
    _compare(project, machine, one, other)

    work_through(start_judging(project=project, judge=eye(project), ask=Ask("pairs", "voted"), by=None))

    judged = Comparison.objects.exclude(rater__in=[rater, machine]).values_list("pair_low", "pair_high")
    assert set(judged) == {(one.pk, third.pk)}


def test_an_odd_one_out_and_samples_without_a_picture_are_not_asked_about(project: Project, served: Server) -> None:
    samples = greys(project, 200, 40, 90)
    factories.sample(samples[0].prompt, text="no picture")

    job = work_through(start_judging(project=project, judge=eye(project), ask=Ask("pairs", "disjoint"), by=None))

    assert (job.total, job.done) == (2, 2)
    assert set(Comparison.objects.values_list("pair_low", "pair_high")) == {(samples[0].pk, samples[1].pk)}


def test_samples_can_be_narrowed(project: Project, served: Server) -> None:
    samples = greys(project, 200, 40)
    greys(project, 90, 30)

    job = work_through(
        start_judging(project=project, judge=eye(project), chosen={"prompts": [samples[0].prompt_id]}, by=None)
    )

    assert job.total == 2


def _compare(project: Project, rater, left: Sample, right: Sample) -> None:
    said = NewComparison(
        Subject(left.pk, left.prompt_id), Subject(right.pk, right.prompt_id), factories.overall(project).pk, "left"
    )
    judgements.record(project=project, acts=[Act(rater_id=rater.pk, act="compare", comparisons=[said])])


# -- judges -----------------------------------------------------------------------------------------------------------


def test_a_name_is_free_again_once_its_judge_is_archived(project: Project, served: Server) -> None:
    first = eye(project)
    with pytest.raises(Refused, match="a judge “eye” already"):
        eye(project)

    judges.archive(judge=first, by=None)

    assert judges.find(project, "eye") != first if eye(project) else None


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"repeats": 0}, "from 1 to 64"),
        ({"orders": "some"}, "no way to order"),
        ({"settings": {"colour": {"x": 1}}}, "no setting “colour”"),
        ({"settings": {"decoding": {"temperature": 9}}}, "temperature"),
        ({"settings": {"local": {"colour": "blue"}}}, "no setting “colour”; it has precision"),
    ],
)
def test_a_judge_that_makes_no_sense_is_refused(project: Project, served: Server, fields, words) -> None:
    with pytest.raises(Refused, match=words):
        eye(project, **fields)


def test_log_probabilities_are_refused_where_the_endpoint_gives_none(project: Project, served, settings) -> None:
    settings.ENDPOINTS_FILE.write_text(served.endpoints_text(supports_logprobs=False))

    with pytest.raises(Refused, match="supports_logprobs"):
        eye(project, "image-expected-digit")


def test_a_listener_names_whose_reasons_it_reads(project: Project, served: Server) -> None:
    listener = eye(project, "listener", "listener")

    with pytest.raises(Refused, match="Name at least one"):
        start_judging(project=project, judge=listener, by=None)
    with pytest.raises(Refused, match="other judges of the same project"):
        start_judging(project=project, judge=listener, ask=Ask("verdicts", of=(listener.pk,)), by=None)


# -- what the database forbids ----------------------------------------------------------------------------------------


@pytest.fixture
def row(project: Project, served: Server) -> Judge:
    return eye(project)


@pytest.mark.parametrize(
    "fields",
    [
        {"library": ""},
        {"endpoint": ""},
        {"backend": "local"},
        {"model": ""},
        {"repeats": 0},
        {"repeats": 65},
        {"orders": "all"},
    ],
)
def test_a_judge_without_sense_cannot_be_written(row: Judge, fields) -> None:
    values = {
        name: getattr(row, name)
        for name in ("project_id", "library", "backend", "endpoint", "model", "orders", "repeats")
    }

    with pytest.raises(IntegrityError), transaction.atomic():
        Judge.objects.create(name="other", **{**values, **fields})


@pytest.mark.parametrize(("field", "value"), [("model", "x"), ("orders", "one"), ("library", "image-pair@1")])
def test_a_judge_is_written_once(row: Judge, field: str, value: str) -> None:
    with pytest.raises(IntegrityError, match="archive it and add another"), transaction.atomic():
        Judge.objects.filter(pk=row.pk).update(**{field: value})


def test_a_template_and_a_receipt_are_written_once(project: Project, served: Server) -> None:
    saved = templates.save(project=project, document=document(), by=None)
    greys(project, 200, 40)
    work_through(start_judging(project=project, judge=eye(project), by=None))

    with pytest.raises(IntegrityError, match="save another version"), transaction.atomic():
        JudgeTemplate.objects.filter(pk=saved.pk).update(document={})
    with pytest.raises(IntegrityError, match="a receipt"), transaction.atomic():
        JudgeCall.objects.update(text="something nicer")
    twin = JudgeCall.objects.first()
    twin.pk = None
    with pytest.raises(IntegrityError, match="judge_call_once"), transaction.atomic():
        twin.save(force_insert=True)


def test_a_judge_cannot_use_a_template_of_another_project(project: Project, served: Server) -> None:
    foreign = templates.save(project=factories.project(), document=document(), by=None)

    Judge.objects.create(project=project, name="x", template=foreign, backend="endpoint", endpoint="e", model="m")

    # The rule is looked at when the transaction ends; here it is asked for at once.
    with pytest.raises(IntegrityError, match="judge_uses_its_projects_template"), connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")


def test_one_listener_finds_one_thing_of_one_verdict(project: Project) -> None:
    rater = factories.rater(project, "Ann")
    one, other = (Judgement.objects.create(project=project, rater=rater, act="compare", at="2026-01-01T00:00Z")
                  for _ in range(2))  # fmt: skip
    JudgementLink.objects.create(judgement=other, source=one, kind="confirms")

    with pytest.raises(IntegrityError, match="judgement_confirms_or_contradicts"), transaction.atomic():
        JudgementLink.objects.create(judgement=other, source=one, kind="contradicts")


def test_a_spending_below_nothing_cannot_be_written(project: Project, row: Judge) -> None:
    job = Job.objects.create(project=project, kind="judge", title="x")

    with pytest.raises(IntegrityError), transaction.atomic():
        Spending.objects.create(job=job, cost=Decimal("-0.1"))
