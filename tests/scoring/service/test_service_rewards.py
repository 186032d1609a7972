"""Rewards over live scores: the numbers of the batch, the rule's name, version and digest, and what cannot be live."""

from __future__ import annotations

import pytest

from curation.actions import recipes, rewards
from curation.models import Project, Sample
from curation.recipes.problems import RecipeProblems
from curation.rewards.parse import parse
from scoring.actions.serving.rewards import Given
from scoring.actions.starting import start_scoring
from tests import factories
from tests.scoring.job_helpers import texts, work_through
from tests.scoring.service.asking import Serve

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("fake_scorers")]

CENTRED = """
reward: 1
name: long and open
version: 3
members:
  - {name: long, scores: length_value, weight: 2, transform: [centre]}
  - {name: open, scores: vowels_value, raters: [vowels], transform: [centre]}
total: {rule: weighted_mean}
mixed_units: true
"""


def rule(members: str, total: str = "weighted_mean", **more: str):
    lines = [f"{key}: {value}" for key, value in more.items()]
    return parse("\n".join(["reward: 1", "name: r", f"members: [{members}]", f"total: {{rule: {total}}}", *lines]))


def given(text_or_rule) -> dict[str, Given]:
    made = parse(text_or_rule) if isinstance(text_or_rule, str) else text_or_rule
    return {made.name: Given(made, "reward.yaml")}


@pytest.fixture
def scored(project: Project) -> list[Sample]:
    """Two prompts, all samples scored by a job."""
    samples = texts(project, "a", "boa", "oleander") + texts(project, "iou", "strength")
    for job in start_scoring(project=project, scorers={"length": {}, "vowels": {}}, by=None):
        work_through(job)
    return samples


@pytest.mark.capability("C11")
def test_live_totals_are_those_of_the_batch_to_the_last_bit(project: Project, scored: list[Sample], serve: Serve):
    batch = rewards.total(project=project, rule=parse(CENTRED)).frame
    stored = dict(batch.select("sample_id", "value").iter_rows())

    said = serve("length", "vowels", rewards=given(CENTRED)).post(
        "/reward", plan="long and open", samples=[{"id": sample.pk} for sample in reversed(scored)]
    )

    assert said.status == 200, said.body
    live = {one["sample"]: one["value"] for one in said.body["results"]}
    assert live == stored
    assert said.body["reward"] == {
        "name": "long and open",
        "version": 3,
        "digest": parse(CENTRED).digest(),
        "source": "reward.yaml",
        "rule": "weighted_mean",
        "higher_is_better": True,
    }
    assert said.body["totals"] == 5


def test_a_group_sent_as_content_is_centred_over_itself(serve: Serve):
    """(2·(1 − 2) + (1 − ½)) / 3 and its opposite for one prompt; a lone sample is its own mean."""
    client = serve("length", "vowels", rewards=given(CENTRED))

    said = client.post(
        "/reward",
        plan={"name": "long and open", "version": 3},
        samples=[{"text": "o", "prompt": "p"}, {"text": "xyz", "prompt": "p"}, {"text": "alone", "prompt": "q"}],
    )

    first, second, third = (one["value"] for one in said.body["results"])
    assert (first, second, third) == pytest.approx(((-2 + 0.5) / 3, (2 - 0.5) / 3, 0))
    assert said.body["results"][0]["raw"] == {"long": 1.0, "open": 1.0}
    assert said.body["results"][0]["parts"] == {"long": -1.0, "open": 0.5}


RECIPE = """
recipe: 1
title: by a total
pairing:
  rule: best_against_worst
  by:
    reward:
      name: total
      members: [{scores: length_value, transform: [{bounded: {low: 0, high: 10}}]}]
      total: {rule: sum}
"""


def test_a_stored_recipe_serves_its_reward_in_the_version_that_is_named(project: Project, scored, serve: Serve):
    first = recipes.save(project=project, name="two", text=RECIPE, by=None)
    recipes.save(project=project, name="two", text=RECIPE.replace("high: 10", "high: 100"), by=None)
    client = serve("length")
    samples = [{"text": "12345"}]

    old = client.post("/reward", plan={"recipe": "two", "version": 1}, samples=samples).body
    new = client.post("/reward", plan={"recipe": "two", "name": "total"}, samples=samples).body

    assert (old["results"][0]["value"], new["results"][0]["value"]) == pytest.approx((0.5, 0.05))
    assert (old["reward"]["source"], new["reward"]["source"]) == ("recipe two v1", "recipe two v2")
    (signal,) = (one for one in recipes.check(project=project, text=first.text).stated_signals() if one.reward)
    assert old["reward"]["digest"] == signal.reward.digest()
    assert old["reward"]["digest"] != new["reward"]["digest"]


def test_a_sample_without_a_member_has_no_total_and_says_why(serve: Serve):
    client = serve("length", "vowels", rewards=given(CENTRED))

    said = client.post("/reward", plan="long and open", samples=[{"text": "bad"}, {"text": "ok"}])

    bad, fine = said.body["results"]
    assert said.status == 200
    assert (bad["value"], bad["why_missing"]) == (None, "long, open")
    assert fine["value"] == 0.0  # alone with its prompt: what could not be read counts in no mean
    assert {error["scorer"] for error in bad["errors"]} == {"length", "vowels"}


def test_a_sample_of_an_unknown_id_counts_in_nobodys_mean(scored: list[Sample], serve: Serve):
    client = serve("length", rewards=given(rule("{scores: length_value, transform: [centre]}", "sum")))
    missing = max(sample.pk for sample in scored) + 1000

    said = client.post("/reward", plan="r", samples=[{"id": scored[0].pk}, {"id": missing}, {"id": missing + 1}])

    assert [one["value"] for one in said.body["results"]] == [0.0, None, None]


def test_two_raters_of_a_member_are_one_voice(project: Project, serve: Serve, monkeypatch):
    from dataclasses import replace

    from scoring.catalogue import CATALOGUE
    from tests.scoring import fakes

    twin = replace(fakes.FAKES["vowels"], name="twin", outputs=fakes.FAKES["length"].outputs)
    monkeypatch.setitem(CATALOGUE, "twin", twin)
    both = given(rule("{scores: length_value, raters: [length, twin]}", "sum"))
    nobody = given(rule("{scores: length_value}", "sum"))

    said = serve("length", "twin", rewards=both).post("/reward", plan="r", samples=[{"text": "boa"}])
    unclear = serve("length", "twin", rewards=nobody).post("/reward", plan="r", samples=[{"text": "boa"}])

    assert said.body["results"][0]["value"] == 2.5  # of 3 letters and 2 vowels
    assert unclear.status == 409
    assert "length, twin" in unclear.body["error"]


def test_a_rater_is_named_by_the_beginning_of_its_revision(serve: Serve):
    client = serve("length")
    digest = client.get("/scorers").body["scorers"]["length"]["identity"]
    right = given(rule(f"{{scores: length_value, raters: ['length@{digest[:6]}']}}", "sum"))
    wrong = given(rule("{scores: length_value, raters: ['length@zz']}", "sum"))

    assert serve("length", rewards=right).post("/reward", plan="r", samples=[{"text": "x"}]).status == 200
    refused = serve("length", rewards=wrong).post("/reward", plan="r", samples=[{"text": "x"}])
    assert refused.status == 409
    assert f"length@{digest[:8]}" in refused.body["error"]


REFUSED = [
    ("{scores: weather}", "sum", {}, 409, "weather"),
    ("{scores: length_value, transform: [contrast]}", "sum", {}, 422, "contrast"),
    ("{scores: length_value, transform: [{zscore: {over: all}}]}", "sum", {}, 422, "reference set"),
    ("{scores: length_value}, {scores: vowels_value, transform: [percentile]}", "sum", {}, 422, "mixed_units"),
    ("{scores: length_value}", "sum", {"missing": "error"}, 422, "lack a member"),
]


@pytest.mark.parametrize(("members", "total", "more", "status", "because"), REFUSED)
def test_what_cannot_be_live_is_refused_with_a_remedy(serve: Serve, members, total, more, status, because):
    client = serve("length", "vowels", rewards=given(rule(members, total, **more)))

    said = client.post("/reward", plan="r", samples=[{"text": "bad"}, {"text": "x"}])

    assert said.status == status, said.body
    assert because in said.body["error"]


def test_a_reward_that_is_not_there_is_not_found(project: Project, scored, serve: Serve):
    theirs = factories.project("theirs", task="text")
    with pytest.raises(RecipeProblems):
        recipes.save(project=theirs, name="secret", text=RECIPE, by=None)
    recipes.save(project=project, name="plain", text=RECIPE.replace("reward:", "reward:"), by=None)
    client = serve("length")
    samples = [{"text": "x"}]

    plans = ["r", {"recipe": "secret"}, {"recipe": "plain", "version": 2}, {"recipe": "plain", "name": "other"}]
    assert [client.post("/reward", plan=plan, samples=samples).status for plan in plans] == [404] * 4
    assert client.post("/reward", samples=samples).status == 400
    assert client.post("/reward", plan={"recipe": "plain"}, scorers=["length"], samples=samples).status == 400
