"""Paging by the last row: every row once, in order, both ways, whatever is equal."""

import pytest

from curation.errors import Refused
from curation.models import User
from curation.views.paging import Key, keyset

pytestmark = pytest.mark.django_db

ORDERS = [
    [Key("pk")],
    [Key("pk", descending=True)],
    [Key("last_name", descending=True), Key("pk")],
    [Key("last_name"), Key("pk", descending=True)],
]


@pytest.fixture
def people() -> list[User]:
    return [User.objects.create(username=f"p{number}", last_name="abc"[number % 3]) for number in range(11)]


def _in_order(people, keys) -> list[int]:
    for key in reversed(keys):
        people = sorted(people, key=lambda person: getattr(person, key.field), reverse=key.descending)
    return [person.pk for person in people]


@pytest.mark.parametrize("keys", ORDERS)
def test_pages_forward_hold_every_row_once_in_order(people, keys) -> None:
    seen, params = [], {}
    while True:
        page = keyset(User.objects.all(), keys, params, size=4)
        seen += [row.pk for row in page.rows]
        if not page.next_cursor:
            break
        params = {"after": page.next_cursor}

    assert seen == _in_order(people, keys)


@pytest.mark.parametrize("keys", ORDERS)
def test_pages_backward_are_the_pages_forward(people, keys) -> None:
    first = keyset(User.objects.all(), keys, {}, size=4)
    second = keyset(User.objects.all(), keys, {"after": first.next_cursor}, size=4)

    back = keyset(User.objects.all(), keys, {"before": second.previous_cursor}, size=4)

    assert [row.pk for row in back.rows] == [row.pk for row in first.rows]
    assert not back.previous_cursor
    assert back.next_cursor == first.next_cursor


def test_a_page_costs_one_query(people, django_assert_num_queries) -> None:
    with django_assert_num_queries(1):
        keyset(User.objects.all(), [Key("pk")], {}, size=4)


@pytest.mark.parametrize("cursor", ["%%%", "bm90IGpzb24", "eyJhIjoxfQ", "WzEsMl0", "W251bGxd", "W3RydWVd"])
def test_a_damaged_cursor_is_refused_in_words(people, cursor) -> None:
    with pytest.raises(Refused, match="damaged"):
        keyset(User.objects.all(), [Key("pk")], {"after": cursor})
