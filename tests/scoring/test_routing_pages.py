"""The page of a table of which machine to ask of which prompts."""

from __future__ import annotations

import pytest
from django.urls import reverse

from curation.actions import ensembles, routing
from tests import factories
from tests.curation.examination.scene import Scene, bare, specialists


@pytest.fixture
def votes(db) -> Scene:
    return specialists()


@pytest.fixture
def names(votes) -> dict[str, str]:
    found = routing.measured(project=votes.project, by="tag")
    return {name: column.key for column, name in found.names.items()}


@pytest.fixture
def page(votes, client) -> str:
    client.force_login(factories.member(votes.project, "curator"))
    return reverse("route", args=[votes.project.slug])


def test_the_table_is_shown_with_what_it_gains(page, client):
    shown = client.get(page).content.decode()

    assert "reader" in shown
    assert "What it gains" in shown
    assert "100.0 %" in shown


def test_prompts_that_belong_together_are_never_parted(votes):
    """All prompts about text ask about two pictures: two families say too little to name a machine."""
    pictures = [factories.asset() for _ in range(2)]
    for number in range(0, 60, 3):
        factories.place(votes.groups[number][0].prompt, pictures[number % 2], role="source")

    found = routing.measured(project=votes.project, by="tag")

    assert [line.label for line in found.routing.lines] == ["animals"]
    assert (found.routing.single.prompts, found.routing.single.families) == (60, 42)


def test_a_table_changed_by_hand_becomes_a_rater(page, names, votes, client):
    said = {"by": "tag", "criterion": "overall", "name": "mine", "key": "routed", "general": names["general"]}
    lines = {"label-0": "text", "machine-0": names["general"], "label-1": "animals", "machine-1": names["reader"]}

    answer = client.post(page, said | lines)

    assert answer.status_code == 302
    made = ensembles.named(votes.project, "mine")
    assert made.identity["routes"] == [{"of": ["animals"], "to": 1}, {"of": [], "to": 0}]
    assert "Whom it asks" in client.get(answer.url).content.decode()


def test_a_tag_that_was_not_measured_can_be_named(page, names, votes, client):
    said = {"by": "tag", "name": "mine", "key": "routed", "general": names["general"]}
    own = {"label-7": "night", "machine-7": names["reader"], "own-7": "1"}

    client.post(page, said | {"label-0": "text", "machine-0": names["reader"]} | own)

    assert ensembles.named(votes.project, "mine").identity["routes"][0]["of"] == ["night", "text"]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"name": " "}, "Give the table a name"),
        ({"general": "9.nothing"}, "Choose a machine for every other prompt"),
        ({"machine-0": "9.nothing"}, "needs no table"),
        ({"key": "Not a key!"}, "is no key"),
    ],
)
def test_what_is_wrong_is_said_and_what_was_typed_stays(change, says, page, names, client):
    said = {"by": "tag", "name": "mine", "key": "routed", "general": names["general"]}

    answer = client.post(page, said | {"label-0": "text", "machine-0": names["reader"]} | change)

    assert answer.status_code == 400
    assert says in answer.content.decode()
    assert ensembles.of_project(factories.Project.objects.get()) == []


def test_without_votes_or_machines_the_page_says_what_is_missing(db, client):
    project = bare().project
    client.force_login(factories.member(project, "curator"))

    assert "No machine has judged here yet" in client.get(reverse("route", args=[project.slug])).content.decode()
    answer = client.get(reverse("route", args=[project.slug]), {"by": "colour"})
    assert "not by “colour”" in answer.content.decode()
