"""Every table of a batch leaves whole, as CSV and as Parquet; payment for those who manage, formulas for nobody."""

from __future__ import annotations

import csv
import io
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from django.urls import reverse

from annotation import tables
from annotation.models import Answer
from annotation.views.download_rows import TABLES
from tests import factories
from tests.annotation import hands
from tests.annotation.test_quality import answer_for

pytestmark = pytest.mark.django_db


@pytest.fixture
def project():
    return factories.project()


@pytest.fixture
def people(project):
    return [factories.member(project, "annotator") for _number in range(2)]


@pytest.fixture
def batch(project, people):
    row = hands.batch(project, items=3, overlap=2)
    for number, person in enumerate(people):
        for _item in range(3):
            answer_for(row, person, lambda item, number=number: number == 0 or item.position > 0)
    return row


def _download(client, batch, table: str, extension: str = "parquet"):
    answer = client.get(reverse("batch_download", args=[batch.project.slug, batch.pk, table, extension]))
    assert answer.status_code == 200, answer.content
    assert "attachment" in answer["Content-Disposition"]
    return b"".join(answer.streaming_content)


def _rows(client, batch, table: str) -> list[dict]:
    return pq.read_table(io.BytesIO(_download(client, batch, table))).to_pylist()


@pytest.fixture
def boss(client, project):
    client.force_login(factories.member(project, "admin"))
    return client


@pytest.mark.parametrize("table", list(TABLES))
def test_both_forms_of_a_table_say_the_same(boss, batch, table):
    of_parquet = _rows(boss, batch, table)
    of_csv = list(csv.DictReader(io.StringIO(_download(boss, batch, table, "csv").decode())))

    assert len(of_csv) == len(of_parquet) > 0
    assert list(of_csv[0]) == list(of_parquet[0]) == TABLES[table][0].names
    assert [row["rater"] for row in of_csv] == [row["rater"] for row in of_parquet] if "rater" in of_csv[0] else True


@pytest.mark.capability("G1")
def test_votes_leave_one_by_one_and_items_with_the_distribution_of_their_labels(boss, batch):
    """With and without aggregation: nobody's vote is merged into a consensus."""
    votes, items = _rows(boss, batch, "votes"), _rows(boss, batch, "items")

    assert len(votes) == 6
    assert len({row["rater"] for row in votes}) == 2
    by_item = {row["item"]: json.loads(row["distribution"])["overall"] for row in items}
    said = [json.loads(row["said"])["outcome"] for row in votes]
    assert sorted(said) == ["left"] * 5 + ["right"]
    assert sorted(json.dumps(one, sort_keys=True) for one in by_item.values()) == [
        '{"first": 1, "second": 1}',
        '{"first": 2}',
        '{"first": 2}',
    ]
    shown = {(row["samples"], row["shown"]) for row in votes}
    assert any(stored != screen for stored, screen in shown)


def test_payment_counts_what_was_worked_by_day_and_purpose(boss, project, people):
    batch = hands.batch(project, items=2, opened=False, gold_share=0.5, seed=3)
    hands.gold_item(batch)
    hands.open_(batch)
    for _number in range(3):
        answer_for(batch, people[0], lambda _item: True)
    Answer.objects.filter(pk=Answer.objects.earliest("pk").pk).update(seconds=None)

    rows = _rows(boss, batch, "payment")

    assert sum(row["answers"] for row in rows) == 3
    assert sum(row["seconds"] for row in rows) == pytest.approx(7.0)
    assert sum(row["without_time"] for row in rows) == 1
    assert {row["purpose"] for row in rows} == {"label", "gold"}
    assert {row["account"] for row in rows} == {people[0].username}


def test_a_revised_answer_is_paid_once_and_listed_once(boss, project, people):
    batch = hands.batch(project, items=1)
    first = hands.answer_next(batch, people[0])
    hands.answer(first.assignment, people[0], hands.verdict("tie"), revises=first.pk)

    (vote,) = _rows(boss, batch, "votes")
    (paid,) = _rows(boss, batch, "payment")

    assert json.loads(vote["said"]) == {"outcome": "tie"}
    assert paid["answers"] == 1


def test_viewers_get_pseudonyms_and_no_payment(client, project, batch, people):
    client.force_login(factories.member(project, "viewer"))

    text = _download(client, batch, "votes", "csv").decode()
    refused = client.get(reverse("batch_download", args=[project.slug, batch.pk, "payment", "csv"]))

    assert not any(person.username in text for person in people)
    assert refused.status_code == 403


def test_there_is_no_other_table(boss, batch):
    for table, extension in (("secrets", "csv"), ("votes", "xlsx")):
        assert (
            boss.get(reverse("batch_download", args=[batch.project.slug, batch.pk, table, extension])).status_code
            == 404
        )


def test_an_erased_answer_is_a_row_without_words(boss, batch):
    Answer.objects.filter(pk=Answer.objects.earliest("pk").pk).update(payload=None)

    votes = _rows(boss, batch, "votes")

    assert [row["said"] == "" for row in votes] == [True] + [False] * 5


def test_no_spreadsheet_runs_what_a_stranger_wrote():
    schema = pa.schema([("said", pa.string()), ("n", pa.float64())])
    texts = ["=1+1", "+A1", "-A1", "@SUM(A1)", "\t=1", "plain"]

    lines = list(tables.csv_lines(schema, ({"said": text, "n": -1.5} for text in texts)))
    cells = [row["said"] for row in csv.DictReader(io.StringIO("".join(lines)))]

    assert cells == [f"'{text}" for text in texts[:-1]] + ["plain"]
    assert all(line.rstrip().endswith("-1.5") for line in lines[1:])


def test_parquet_is_written_a_block_at_a_time():
    schema, target = pa.schema([("n", pa.int64())]), io.BytesIO()

    written = tables.write_parquet(schema, ({"n": n} for n in range(tables.BLOCK * 2 + 1)), target)

    assert written == tables.BLOCK * 2 + 1
    assert pq.ParquetFile(target).num_row_groups == 3


def test_an_empty_table_has_its_columns(boss, project):
    batch = hands.batch(project, items=1)

    assert _rows(boss, batch, "votes") == []
    assert _download(boss, batch, "raters", "csv").decode().startswith("rater,account,state")
