"""What the page of `annotate` is told, and what it may send."""

from __future__ import annotations

import io
import json

import pytest
from django.test import Client
from django.urls import reverse
from PIL import Image

from annotation.actions import leasing
from annotation.models import Assignment, Batch
from curation.actions import judgements, raters
from curation.actions.judgements import Act, NewFlag
from curation.models import Comparison, Mark
from tests import factories
from tests.annotation import hands
from tests.curation.media import drawn

pytestmark = pytest.mark.django_db


@pytest.fixture
def project():
    return factories.project()


@pytest.fixture
def person(project):
    return factories.member(project, "annotator")


@pytest.fixture
def browser(person):
    client = Client()
    client.force_login(person)
    return client


def send(client: Client, name: str, batch: Batch, body: object = None, **kwargs: int):
    address = reverse(name, args=[batch.project.slug, batch.pk, *kwargs.values()])
    return client.post(address, json.dumps(body or {}), content_type="application/json")


def read(client: Client, name: str, batch: Batch, *args: int, **query: str):
    return client.get(reverse(name, args=[batch.project.slug, batch.pk, *args]), query)


def picture_item(batch: Batch, *sizes: tuple[int, int]):
    """An item with a picture of each size."""
    prompt = factories.prompt(batch.project)
    samples = []
    for number, (width, height) in enumerate(sizes):
        sample = factories.sample(prompt, by=f"g{number}")
        content = drawn.encoded(drawn.scene(number, (width, height)), "PNG")
        factories.place(sample, factories.stored(content, "picture.png"))
        samples.append(sample.pk)
    return hands.item(batch, prompt=prompt, sample_ids=sorted(samples))


def test_the_page_gets_items_and_progress_and_nothing_that_names_a_generator(project, browser):
    batch = hands.batch(project, items=3)
    told = send(browser, "annotate_lease", batch, {"want": 3})
    assert told.status_code == 200
    body = told.json()
    assert body["state"] == "open"
    assert body["progress"] == {"answered": 0, "total": 3}
    assert [sample["place"] for sample in body["items"][0]["samples"]] == [0, 1]
    assert set(body["items"][0]["samples"][0]) == {"place", "text", "is_unsafe", "media"}
    words = told.content.decode()
    for generator in project.generators.all():
        assert f'"{generator.name}"' not in words
    for sample in project.samples.all():
        assert sample.identity not in words


def test_an_answer_is_acknowledged_once_and_again(project, browser):
    batch = hands.batch(project, items=1)
    item = send(browser, "annotate_lease", batch, {"want": 1}).json()["items"][0]
    body = {"assignment": item["assignment"], "client_key": hands.key(), "answer": hands.verdict("tie"), "seconds": 2}
    first, second = (send(browser, "annotate_answer", batch, body).json() for _time in range(2))
    assert (first["stored"], first["duplicate"], second["duplicate"]) == (True, False, True)
    assert first["answer"] == second["answer"]
    assert second["progress"] == {"answered": 1, "total": 1}
    assert Comparison.objects.get().outcome == "tie"


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"answer": {"questions": {"overall": {"outcome": "up"}}}}, 422),
        ({"answer": []}, 422),
        ({"client_key": ""}, 422),
        ({"client_key": 7}, 422),
        ({"assignment": 0}, 422),
        ({"assignment": "1"}, 422),
        ({"seconds": "soon"}, 200),
        ({"seconds": float("inf")}, 200),
    ],
)
def test_what_does_not_fit_is_refused_in_words(project, browser, change, status):
    batch = hands.batch(project, items=1)
    item = send(browser, "annotate_lease", batch, {"want": 1}).json()["items"][0]
    body = {"assignment": item["assignment"], "client_key": hands.key(), "answer": hands.verdict(), "seconds": 2}
    told = send(browser, "annotate_answer", batch, body | change)
    assert told.status_code == status
    assert status == 200 or told.json()["error"]


@pytest.mark.parametrize("body", [b"", b"[1]", b"{", b'{"want": "3"}', b'{"want": 99}', b'{"want": true}'])
def test_a_strange_body_breaks_nothing(project, browser, body):
    batch = hands.batch(project, items=1)
    address = reverse("annotate_lease", args=[project.slug, batch.pk])
    assert browser.post(address, body, content_type="application/json").status_code in (200, 422)


def test_another_tab_has_answered(project, browser):
    batch = hands.batch(project, items=1)
    item = send(browser, "annotate_lease", batch, {"want": 1}).json()["items"][0]
    body = {"assignment": item["assignment"], "answer": hands.verdict(), "seconds": 2}
    assert send(browser, "annotate_answer", batch, body | {"client_key": hands.key()}).status_code == 200
    told = send(browser, "annotate_answer", batch, body | {"client_key": hands.key()})
    assert (told.status_code, told.json()["stored"]) == (409, False)


def test_signed_out_is_said_in_json(project):
    batch = hands.batch(project, items=1)
    told = send(Client(), "annotate_lease", batch, {"want": 1})
    assert told.status_code == 401
    assert "nothing is lost" in told.json()["error"]


def test_another_persons_item_is_not_found(project, person, browser):
    batch = hands.batch(project, items=2)
    other = factories.member(project, "annotator")
    (theirs,) = hands.lease(batch, other)
    assert read(browser, "annotate_item", batch, theirs.pk).status_code == 404
    assert read(browser, "annotate_media", batch, theirs.pk, 0, 0).status_code == 404


def test_a_batch_of_named_people_is_open_to_them_alone(project, person, browser):
    batch = hands.batch(project, items=1, is_open_to_members=False)
    assert send(browser, "annotate_lease", batch, {"want": 1}).status_code == 404
    leasing.participant(batch=batch, rater=raters.for_user(person))
    assert send(browser, "annotate_lease", batch, {"want": 1}).status_code == 200


def test_a_draft_batch_is_open_to_nobody(project, browser):
    batch = hands.batch(project, opened=False)
    assert send(browser, "annotate_lease", batch, {"want": 1}).status_code == 404


def test_skipping_gives_the_item_to_others(project, person, browser):
    batch = hands.batch(project, items=1)
    item = send(browser, "annotate_lease", batch, {"want": 1}).json()["items"][0]
    body = {"assignment": item["assignment"], "reason": "cannot-judge", "text": "too dark"}
    assert send(browser, "annotate_skip", batch, body).json() == {"skipped": True}
    assert send(browser, "annotate_skip", batch, body).json() == {"skipped": True}
    assert send(browser, "annotate_skip", batch, body | {"reason": "bored"}).status_code == 422
    row = Assignment.objects.get()
    assert (row.state, row.skip_reason, row.skip_text) == ("skipped", "cannot-judge", "too dark")
    assert send(browser, "annotate_lease", batch, {"want": 1}).json()["state"] == "done"
    assert len(hands.lease(batch, factories.member(project, "annotator"))) == 1


def test_the_history_tells_ones_own_answers_newest_first(project, person, browser):
    batch = hands.batch(project, items=35)
    for number in range(33):
        hands.answer_next(batch, person, hands.verdict("left" if number < 32 else "tie"))
    hands.answer_next(batch, factories.member(project, "annotator"))
    first = read(browser, "annotate_history", batch).json()
    assert [len(first["answers"]), first["answers"][0]["summary"]] == [30, "tie"]
    assert first["answers"][0]["revisable"] is True
    rest = read(browser, "annotate_history", batch, before=str(first["before"])).json()
    assert (len(rest["answers"]), rest["before"]) == (3, None)


def test_an_item_opened_again_carries_its_answer(project, person, browser):
    batch = hands.batch(project, items=1)
    row = hands.answer_next(batch, person, hands.verdict("right"))
    told = read(browser, "annotate_item", batch, row.assignment_id).json()
    assert told["answer"]["id"] == row.pk
    assert told["answer"]["questions"] == {"overall": {"outcome": "right"}}


def test_a_draft_is_shown_by_places_as_shown(project, person, browser):
    batch = hands.batch(project, control_share=0.0, opened=False)
    for _number in range(6):
        hands.item(batch, draft={"questions": {"overall": {"outcome": "left"}}, "flags": []})
    hands.open_(batch)
    seen = set()
    for assignment in hands.lease(batch, person, 6):
        told = read(browser, "annotate_item", batch, assignment.pk).json()
        is_turned = assignment.presentation["order"] != assignment.item.sample_ids
        assert told["draft"]["questions"]["overall"]["outcome"] == ("right" if is_turned else "left")
        seen.add(is_turned)
    assert seen == {True, False}


def test_unsafe_samples_are_said_to_be(project, person, browser):
    batch = hands.batch(project, items=1)
    (assignment,) = hands.lease(batch, person)
    last = assignment.presentation["order"][1]
    machine = raters.named(project=project, name="safety", kind="rule")
    judgements.record(project=project, acts=[Act(rater_id=machine.pk, act="flag", flags=[NewFlag(last, "unsafe")])])
    told = read(browser, "annotate_item", batch, assignment.pk).json()
    assert [sample["is_unsafe"] for sample in told["samples"]] == [False, True]


def test_pictures_in_one_size_and_marks_in_pixels_of_the_rendition(project, person, browser):
    question = {
        "key": "spots",
        "kind": "mark",
        "text": "Mark",
        "shapes": ["box"],
        "targets": ["media"],
        "errors": [],
    }
    batch = hands.batch(project, questions=[question], normalise_resolution=True, opened=False)
    picture_item(batch, (400, 200), (100, 80))
    hands.open_(batch)
    (item,) = send(browser, "annotate_lease", batch, {"want": 1}).json()["items"]
    sizes = [(m["width"], m["height"]) for sample in item["samples"] for m in sample["media"]]
    assert sorted(sizes) == [(100, 50), (100, 80)]
    urls = [m["url"] for sample in item["samples"] for m in sample["media"]]
    for url, size in zip(urls, sizes, strict=True):
        told = browser.get(url)
        assert told["Content-Type"] == "image/png"
        with Image.open(io.BytesIO(told.content)) as picture:
            assert picture.size == size
    place = sizes.index((100, 50))
    mark = {"place": place, "target": "media", "media": 0, "shape": "box", "points": [[10, 5], [20, 50]], "error": ""}
    body = {
        "assignment": item["assignment"],
        "client_key": hands.key(),
        "answer": {"questions": {"spots": {"marks": [mark]}}},
    }
    assert send(browser, "annotate_answer", batch, body).status_code == 200
    assert Mark.objects.get().points == [[40, 20], [80, 200]]


def test_the_queries_of_a_lease_do_not_grow_with_the_items(project, browser, django_assert_max_num_queries):
    batch = hands.batch(project, items=8)
    with django_assert_max_num_queries(40):
        send(browser, "annotate_lease", batch, {"want": 2})
    with django_assert_max_num_queries(22):
        told = send(browser, "annotate_lease", batch, {"want": 2}).json()
    assert len(told["items"]) == 2
