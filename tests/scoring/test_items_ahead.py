"""Samples read ahead of the model, by a thread with a connection of its own."""

from __future__ import annotations

import pytest
from django.db import connection

from curation.models import Sample
from scoring.actions.items import READ_AT_ONCE, items, items_ahead
from tests import factories


@pytest.mark.django_db(transaction=True)
def test_items_read_ahead_are_those_read_in_turn() -> None:
    project = factories.project(task="text")
    prompt = factories.prompt(project)
    ids = [factories.sample(prompt, text=str(number)).pk for number in range(READ_AT_ONCE * 2 + 3)]

    assert list(items_ahead(ids)) == list(items(ids))


@pytest.mark.django_db(transaction=True)
def test_a_reader_that_is_no_longer_wanted_leaves_no_connection_behind() -> None:
    project = factories.project(task="text")
    prompt = factories.prompt(project)
    ids = [factories.sample(prompt, text=str(number)).pk for number in range(READ_AT_ONCE * 2)]
    others = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"

    reading = items_ahead(ids)
    next(reading)
    reading.close()

    with connection.cursor() as cursor:
        cursor.execute(others)
        assert cursor.fetchone() == (0,)
    assert Sample.objects.count() == len(ids)


@pytest.mark.django_db(transaction=True)
def test_no_sample_is_no_item() -> None:
    assert list(items_ahead([])) == []
