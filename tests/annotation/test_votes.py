"""Every vote is kept and shown as it was given, whoever agrees."""

from __future__ import annotations

import re

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from annotation.actions import answering
from annotation.models import Assignment, Participant
from tests import factories
from tests.annotation import hands
from tests.annotation.test_quality import answer_for

pytestmark = pytest.mark.django_db


@pytest.fixture
def project():
    return factories.project()


@pytest.fixture
def people(project):
    return [factories.member(project, "annotator") for _number in range(3)]


@pytest.fixture
def batch(project, people):
    """Two items, three people; on the first they are two against one."""
    row = hands.batch(project, items=2, overlap=3)
    contested = row.items.order_by("position")[0].pk
    for number, person in enumerate(people):
        for _item in range(2):
            answer_for(row, person, lambda item, number=number: item.pk != contested or number > 0)
    return row


@pytest.fixture
def reader(client, project):
    client.force_login(factories.member(project, "viewer"))
    return client


def _votes(client, batch, **query) -> int:
    html = client.get(reverse("batch_votes", args=[batch.project.slug, batch.pk]), query).content.decode()
    return len(re.findall(r'class="vote-samples"', html))


def test_every_vote_is_listed(reader, batch):
    assert _votes(reader, batch) == 6


def test_votes_are_narrowed_by_person_item_purpose_and_disagreement(reader, batch):
    rater = Participant.objects.filter(batch=batch)[0].rater_id
    first = batch.items.order_by("position")[0]

    assert _votes(reader, batch, rater=rater) == 2
    assert _votes(reader, batch, item=first.pk) == 3
    assert _votes(reader, batch, purpose="label") == 6
    assert _votes(reader, batch, purpose="gold") == 0
    assert _votes(reader, batch, others="differ") == 3
    assert _votes(reader, batch, others="differ", rater=rater) == 1


def test_ratings_that_differ_are_a_disagreement_too(reader, project, people):
    levels = [{"value": value, "label": ""} for value in (1, 2, 3)]
    asked = {"key": "q", "kind": "rate", "text": "?", "criterion": factories.overall(project).pk, "levels": levels}
    batch = hands.batch(project, items=2, samples=1, overlap=2, questions=[asked])
    first = batch.items.order_by("position")[0].pk
    for number, person in enumerate(people[:2]):
        for _item in range(2):
            (held,) = hands.lease(batch, person)
            value = 3 if held.item_id == first and number else 1
            hands.answer(held, person, {"questions": {"q": {"values": [value]}}, "flags": []})

    assert _votes(reader, batch, others="differ") == 2


def test_nonsense_in_the_address_narrows_nothing(reader, batch):
    assert _votes(reader, batch, rater="x", item="²", purpose="nothing") == 6


def test_pages_follow_each_other_and_queries_do_not_grow(reader, batch, monkeypatch):
    address = reverse("batch_votes", args=[batch.project.slug, batch.pk])
    counts = []
    for size in (2, 6):
        monkeypatch.setattr("annotation.views.votes.VOTES_A_PAGE", size)
        reader.get(address)
        with CaptureQueriesContext(connection) as seen:
            html = reader.get(address).content.decode()
        counts.append(len(seen))
    assert counts[0] == counts[1]

    monkeypatch.setattr("annotation.views.votes.VOTES_A_PAGE", 4)
    html = reader.get(address).content.decode()
    cursor = re.search(r"after=([\w-]+)", html)[1]
    assert _votes(reader, batch, after=cursor) == 2


@pytest.mark.capability("G1")
def test_an_item_shows_every_vote_side_by_side_and_how_many_said_what(reader, batch):
    first = batch.items.order_by("position")[0]

    html = reader.get(reverse("batch_item", args=[batch.project.slug, batch.pk, first.pk])).content.decode()

    assert "3 votes" in html
    said = re.findall(r"<div>([AB]) is better</div>", html)
    assert sorted(said) == ["A", "A", "B"]
    assert "2 · 67 %" in html
    assert "1 · 33 %" in html


def test_what_was_given_back_and_what_is_known_is_told(reader, project, people):
    batch = hands.batch(project, items=1, opened=False, gold_share=1.0)
    known = hands.gold_item(batch)
    hands.open_(batch)
    answer_for(batch, people[0], lambda _item: True)
    (held,) = hands.lease(batch, people[0])
    answering.skip(batch=batch, user=people[0], assignment_id=held.pk, reason="broken", text="It is all grey.")

    page = "batch_item", [project.slug, batch.pk]
    html = reader.get(reverse(page[0], args=[*page[1], known.pk])).content.decode()
    assert "The known answer" in html
    html = reader.get(reverse(page[0], args=[*page[1], held.item_id])).content.decode()
    assert "It is all grey." in html


def test_an_erased_answer_is_a_vote_without_words(reader, batch):
    row = Assignment.objects.filter(batch=batch)[0]
    row.answers.update(payload=None)

    assert _votes(reader, batch) == 6
    html = reader.get(reverse("batch_item", args=[batch.project.slug, batch.pk, row.item_id])).content.decode()
    assert "erased or flagged only" in html


def test_an_item_of_another_batch_is_not_here(reader, batch, project):
    other = hands.item(hands.batch(project, items=1))

    assert reader.get(reverse("batch_item", args=[project.slug, batch.pk, other.pk])).status_code == 404
