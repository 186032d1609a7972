"""A score of a checklist stands on the sample's page question by question, and the questions add up to it."""

from __future__ import annotations

import re
from html import unescape

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from curation.actions import judgements, raters
from curation.actions.judgements import PassScore
from tests import factories
from tests.curation.pages.scene import Scene, scene

pytestmark = pytest.mark.django_db

ITEMS = [
    {"question": "Is there a face?", "answer": -1, "weight": 0, "contribution": 0},
    {"question": "Is the <b>face</b> right?", "answer": 1, "weight": 0.5, "contribution": 0, "masked_by": 1},
    {"question": "Is it sharp?", "answer": 1, "weight": 0.25, "contribution": 0.25},
    {"question": "Is it well lit?", "answer": 0.5, "weight": 0.5, "contribution": 0.25},
]


@pytest.fixture
def boats() -> Scene:
    return scene(2)


@pytest.fixture
def reader(client, boats):
    client.force_login(factories.member(boats.project, "viewer"))
    return client


def scored(made: Scene, detail: dict | None, name: str = "visionreward_image", value: float = 3.5) -> None:
    rater = raters.machine(kind="model", name=name, identity={"name": name})
    sample = made.samples[0]
    judgements.record_pass(
        project=made.project,
        rater=rater,
        job=None,
        scores=[PassScore(sample.pk, sample.prompt_id, made.sharpness.pk, value)],
        payload=None if detail is None else {"detail": {str(sample.pk): detail}},
    )


def page(client, made: Scene, place: int = 0) -> str:
    answer = client.get(reverse("sample", args=[made.project.slug, made.samples[place].pk]))
    assert answer.status_code == 200
    return answer.content.decode()


def rows(html: str) -> list[list[str]]:
    """The cells of the table of questions, as they are read."""
    table = html.split('id="items"')[1].split("</section>")[0]
    found = re.findall(r"<tr>(.*?)</tr>", table, re.DOTALL)[1:]
    return [
        [
            re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", cell))).strip()
            for cell in re.findall(r"<t[hd].*?</t[hd]>", row)
        ]
        for row in found
    ]


@pytest.mark.capability("C4")
def test_each_question_stands_with_answer_weight_and_what_it_adds_and_they_add_up(reader, boats) -> None:
    member = {"question": "VQAScore", "answer": 0.75, "weight": 2, "contribution": 1.5, "rule": "x"}
    scored(boats, {"items": ITEMS, "intercept": 1.5, "alignment": member})

    html = page(reader, boats)

    assert rows(html) == [
        ["1 Is there a face?", "no", "0", "0"],
        ["2 Is the <b>face</b> right? silenced by question 1", "yes", "0.5", "0"],
        ["3 Is it sharp?", "yes", "0.25", "0.25"],
        ["4 Is it well lit?", "0.5", "0.5", "0.25"],
        ["5 VQAScore", "0.75", "2", "1.5"],
        ["Intercept", "", "", "1.5"],
        ["Together", "", "", "3.5"],
    ]
    assert "<b>face</b>" not in html


def test_a_sample_whose_scores_have_no_items_has_no_such_section(reader, boats) -> None:
    scored(boats, {"values": [1, 2]})
    scored(boats, None, name="clipscore")
    scored(boats, {"items": "none", "alignment": {"question": "half"}}, name="odd")

    assert 'id="items"' not in page(reader, boats)
    assert 'id="items"' not in page(reader, boats, place=1)


def test_another_samples_items_are_not_shown(reader, boats) -> None:
    scored(boats, {"items": ITEMS})

    assert 'id="items"' in page(reader, boats)
    assert 'id="items"' not in page(reader, boats, place=1)


def test_the_page_costs_no_query_more_for_it(reader, boats) -> None:
    scored(boats, None)
    page(reader, boats)
    with CaptureQueriesContext(connection) as without:
        page(reader, boats)
    scored(boats, {"items": ITEMS}, name="another")
    with CaptureQueriesContext(connection) as with_items:
        page(reader, boats)

    assert len(with_items) <= len(without)
