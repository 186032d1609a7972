"""Heads behind the service: guarded as in jobs, and of their own project alone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from django.db import OperationalError, connection

from curation.models import Sample, Score
from curation.rewards.parse import parse
from scoring import resident
from scoring.actions.heads import starting
from scoring.actions.serving import tokens
from scoring.actions.serving.keeping import ROWS
from scoring.actions.serving.rewards import Given
from scoring.models import FittedHead, heads
from scoring.service.batcher import Batcher
from scoring.service.limits import Limits
from scoring.service.refusals import CallRefused
from scoring.service.totals import voices
from tests import factories
from tests.scoring import clip_weights, fakes, head_scene
from tests.scoring.head_scene import HeadScene
from tests.scoring.job_helpers import work_through
from tests.scoring.service.asking import Client, Serve

# The thread of the models reads what is committed.
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("fake_scorers")]


@pytest.fixture
def scene(db) -> HeadScene:
    return head_scene.voted(prompts=12)


@pytest.fixture
def head(scene: HeadScene) -> FittedHead:
    return scene.fit("scores")


@pytest.fixture(autouse=True)
def _no_connection_is_left(transactional_db) -> Iterator[None]:
    """The thread of the models keeps its own for the next turn, and the database of the tests is to be dropped."""
    yield
    cut_connections()


def cut_connections() -> int:
    """Ends all connections but this one, as a restart does; how many there were."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        return cursor.fetchone()[0]


def of_its_project(head: FittedHead, client: Client) -> Client:
    return client.holding(tokens.make(project=head.project, name="its own", by=None).text)


def values_of(said) -> list[float | None]:
    assert said.status == 200, said.body
    return [one["scores"][0]["value"] if one["scores"] else None for one in said.body["results"]]


def rewards(*raters: str) -> dict[str, Given]:
    text = "reward: 1\nname: {0}\nmembers: [{{scores: head-taste, raters: ['{0}']}}]\ntotal: {{rule: sum}}\n"
    return {rater: Given(parse(text.format(rater)), "reward.yaml") for rater in raters}


# -- the number of the job --------------------------------------------------------------------------------------------


def test_a_sample_that_is_asked_about_twice_is_answered_twice(scene: HeadScene, head: FittedHead, serve: Serve):
    (job,) = starting.score_with(head=head, by=None)
    work_through(job)
    stored = dict(Score.objects.filter(rater=head.rater).values_list("sample", "value"))
    first, second = scene.samples[:2]
    client = of_its_project(head, serve(head.key))

    said = client.score({"id": first.pk}, {"id": second.pk}, {"id": first.pk})

    assert values_of(said) == [stored[first.pk], stored[second.pk], stored[first.pk]]


def test_a_head_is_told_as_the_rater_that_a_job_writes_under(head: FittedHead, serve: Serve):
    client = of_its_project(head, serve(head.key))

    assert client.get("/scorers").body["scorers"][head.key]["identity"] == head.rater.identity_digest


def test_another_encoder_than_a_head_was_fitted_with_ends_the_start(tmp_path: Path):
    scene = head_scene.pictured(tmp_path)
    head = scene.fit("clipscore", settings={"clipscore": {"source": str(tmp_path)}})
    resident.forget()
    clip_weights.make(tmp_path, seed=8)
    said: list[str] = []
    batcher = Batcher({head.key: {}}, Limits(), on_failure=said.append, keeper=ROWS)

    batcher.start()
    batcher._thread.join(60)

    assert "encoder is not the one" in said[0]
    assert not batcher.serves


# -- whose it is ------------------------------------------------------------------------------------------------------


def test_a_head_of_another_project_is_as_unknown_as_none(head: FittedHead, project, serve: Serve):
    stranger = serve("length", head.key, rewards=rewards("head:taste"))
    owner = of_its_project(head, stranger)
    values_of(owner.score({"id": Sample.objects.filter(prompt__project=head.project).first().pk}))
    sample = factories.sample(factories.prompt(project), text="abc")

    named, none = (stranger.score({"id": sample.pk}, scorers=[name]) for name in (head.key, "head:none@000000000000"))
    every = stranger.score({"id": sample.pk})
    total = stranger.post("/reward", plan="head:taste", samples=[{"id": sample.pk}])

    assert (named.status, none.status) == (404, 404)
    assert named.body["error"] == none.body["error"].replace("head:none@000000000000", head.key)
    assert [one["scorer"] for one in every.body["results"][0]["scores"]] == ["length"]
    assert set(every.body["scorers"]) == {"length"}
    assert (total.status, head.key in str(total.body)) == (409, False)
    assert set(stranger.get("/scorers").body["scorers"]) == {"length"}
    assert "taste" not in str(stranger.get("/metrics").body)
    assert set(owner.get("/scorers").body["scorers"]) == {"length", head.key}


def test_a_service_with_nothing_for_a_project_says_so(head: FittedHead, serve: Serve):
    said = serve(head.key).score({"text": "a"})

    assert said.status == 404
    assert "no scorer for this project" in said.body["error"]


# -- rewards ----------------------------------------------------------------------------------------------------------


def test_a_reward_may_name_a_head_by_its_name_or_by_any_beginning_of_its_revision(
    scene: HeadScene, head: FittedHead, serve: Serve
):
    names = ("head:taste", f"head:taste@{head.rater.identity_digest[:4]}", head.key)
    client = of_its_project(head, serve(head.key, rewards=rewards(*names, "head:taste@zz", "head:tas")))
    samples = [{"id": scene.samples[0].pk}]
    (expected,) = values_of(client.score(*samples))

    said = [client.post("/reward", plan=name, samples=samples) for name in names]
    wrong = [client.post("/reward", plan=name, samples=samples) for name in ("head:taste@zz", "head:tas")]

    assert [one.body["results"][0]["value"] for one in said] == [expected] * 3
    assert [one.status for one in wrong] == [409, 409]
    assert f"held: head:taste@{head.rater.identity_digest[:8]}" in wrong[0].body["error"]


def test_a_name_that_two_revisions_have_is_refused_and_a_revision_is_not():
    outputs = (fakes.facts("x").outputs[0],)
    facts = {name: fakes.facts(name, outputs=outputs) for name in ("head:t@aaaaaaaaaaaa", "head:t@bbbbbbbbbbbb")}
    digests = {"head:t@aaaaaaaaaaaa": "a" * 64, "head:t@bbbbbbbbbbbb": "b" * 64}

    def rule(rater: str):
        text = f"reward: 1\nname: r\nmembers: [{{scores: x_value, raters: ['{rater}']}}]\ntotal: {{rule: sum}}\n"
        return parse(text)

    assert voices(rule("head:t@b"), facts, digests) == {"x_value": ("head:t@bbbbbbbbbbbb",)}
    with pytest.raises(CallRefused, match="several revisions; held: head:t@aaaaaaaa, head:t@bbbbbbbb"):
        voices(rule("head:t"), facts, digests)


# -- the database -----------------------------------------------------------------------------------------------------


def test_a_restart_of_the_database_breaks_no_head(scene: HeadScene, head: FittedHead, serve: Serve):
    client = of_its_project(head, serve(head.key))
    samples = [{"id": sample.pk} for sample in scene.samples[:3]]
    before = values_of(client.score(*samples))

    assert cut_connections() >= 1

    assert values_of(client.score(*samples)) == before


def test_a_database_that_is_away_is_no_fault_of_a_sample(scene: HeadScene, head: FittedHead, serve: Serve, monkeypatch):
    client = of_its_project(head, serve(head.key))

    def away(*_arguments):
        raise OperationalError("the connection is lost")

    with monkeypatch.context() as patch:
        patch.setattr(heads, "_counted", away)
        said = client.score({"id": scene.samples[0].pk})

    assert (said.status, said.headers["Retry-After"]) == (503, "5")
    assert "The database gave no answer" in said.body["error"]
    assert client.score({"id": scene.samples[0].pk}).status == 200
