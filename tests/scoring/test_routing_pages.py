"""The page of a table of which machine to ask of which prompts."""

from __future__ import annotations

import pytest
from django.db import connection
from django.urls import reverse
from django.utils import timezone

from curation.actions import ensembles, examining, routing
from curation.models import progress
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


@pytest.fixture
def _all_are_large(monkeypatch, settings) -> None:
    settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache", "LOCATION": "routed"}}
    from django.core.cache import cache

    cache.clear()
    monkeypatch.setattr(progress, "SMALL", 3)
    monkeypatch.setattr(examining, "REST", 0)


@pytest.mark.usefixtures("_all_are_large")
def test_a_large_projects_table_by_language_is_not_the_kept_one_by_tag(page, client):
    by_tag = client.get(page, {"by": "tag"}).context["table"]
    by_locale = client.get(page, {"by": "locale"}).context["table"]

    assert (by_tag.kind, by_locale.kind) == ("tag", "locale")
    assert {line.label for line in by_tag.lines} == {"text", "animals"}
    assert not {line.label for line in by_locale.lines} & {"text", "animals"}


@pytest.mark.usefixtures("_all_are_large")
def test_a_large_projects_table_says_when_it_was_made_and_is_counted_again_on_demand(page, votes, client):
    first = client.get(page, {"by": "tag"})
    votes.vote(votes.person("cem"), 0, 0, 1, "left")
    stale = client.get(page, {"by": "tag"}).content.decode()
    again = client.get(page, {"by": "tag", "criterion": "overall", "again": "1"}).content.decode()

    made_at = first.context["found"].made_at
    assert f"as of {timezone.localtime(made_at):%Y-%m-%d %H:%M:%S}" in first.content.decode()
    assert "count again" not in first.content.decode()
    assert "votes came in since" in stale
    assert '<a href="?by=tag&amp;criterion=overall&amp;again=1">count again</a>' in stale
    assert "votes came in since" not in again


@pytest.mark.usefixtures("_all_are_large")
def test_while_somebody_else_counts_the_kept_table_is_shown(page, votes, client):
    client.get(page, {"by": "tag"})
    other = connection.copy()
    with other.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(%s, %s)", [examining._LOCK, votes.project.pk])

    shown = client.get(page, {"by": "tag", "again": "1"}).content.decode()
    nothing_kept = client.get(page, {"by": "locale"}).content.decode()
    other.close()

    assert "What it gains" in shown
    assert "being counted already" in nothing_kept


def test_a_small_projects_table_is_of_this_moment(page, client):
    assert "as of" not in client.get(page).content.decode()


def test_without_votes_or_machines_the_page_says_what_is_missing(db, client):
    project = bare().project
    client.force_login(factories.member(project, "curator"))

    assert "No machine has judged here yet" in client.get(reverse("route", args=[project.slug])).content.decode()
    answer = client.get(reverse("route", args=[project.slug]), {"by": "colour"})
    assert "not by “colour”" in answer.content.decode()
