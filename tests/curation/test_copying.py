"""Rows that come by COPY are the rows that saving them one by one would have made."""

import pytest
from django.db import IntegrityError, transaction

from curation.actions import copying
from curation.identity import digest
from curation.models import Prompt
from tests import factories

pytestmark = pytest.mark.django_db


def _prompt(project, text, **values):
    return Prompt(project=project, text=text, identity=digest(text), **values)


def test_copied_rows_are_the_rows_that_saving_would_have_made():
    project = factories.project()
    said = {
        "turns": [{"role": "user", "content": "tab\tline\nback\\slash “quotes”"}],
        "tags": ["a,b", 'c"d', "NULL", ""],
        "facts": {"text": "\\N"},
        "licence": "\\N",
    }
    copied, saved = _prompt(project, "\\N\t{one}", **said), _prompt(project, "{two}", **said)

    copying.insert([copied])
    saved.save()

    assert not copied._state.adding
    ours, theirs = Prompt.objects.filter(pk__in=[copied.pk, saved.pk]).order_by("pk").values()
    assert ours["text"] == "\\N\t{one}"
    assert ours["created_at"] <= theirs["created_at"]
    own = ("id", "text", "identity", "created_at")
    assert [value for name, value in ours.items() if name not in own] == [
        value for name, value in theirs.items() if name not in own
    ]


def test_what_the_database_forbids_is_forbidden_to_copied_rows_and_none_of_them_stays():
    project = factories.project()

    with pytest.raises(IntegrityError, match="prompt_once"), transaction.atomic():
        copying.insert([_prompt(project, "new"), _prompt(project, "twice"), _prompt(project, "twice")])

    assert not Prompt.objects.exists()


def test_copying_no_rows_costs_no_query(django_assert_num_queries):
    with django_assert_num_queries(0):
        copying.insert([])
