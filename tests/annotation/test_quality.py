"""The pages about a batch: progress, agreement, raters; and the whole way of B6 on them."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.core.cache import cache
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from annotation.actions import adjudicating, leasing, standing
from annotation.models import Answer, Batch, Item, Participant
from annotation.models.batch_progress import progress
from annotation.views.quality import make_report
from curation.actions import criteria
from curation.models import Judgement, JudgementLink, RaterStanding
from tests import factories
from tests.annotation import hands

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _nothing_kept():
    cache.clear()


@pytest.fixture
def project():
    return factories.project()


@pytest.fixture
def people(project):
    return [factories.member(project, "annotator") for _number in range(3)]


def answer_for(batch: Batch, user, first_is_better) -> Answer:
    """Leases the next item and says whether the first of its samples is the better one, whatever side it is on."""
    (held,) = hands.lease(batch, user)
    is_as_stored = held.presentation["order"] == held.item.sample_ids
    said = "left" if first_is_better(held.item) == is_as_stored else "right"
    return hands.answer(held, user, hands.verdict(said))


def _page(client, name, batch, *args, **query):
    answer = client.get(reverse(name, args=[batch.project.slug, batch.pk, *args]), query)
    return answer.status_code, answer.content.decode()


@pytest.mark.capability("B6")
def test_raters_are_managed_from_the_guideline_to_the_adjudicator(client, project, people):
    """k raters an item, guideline, qualification, gold, agreement, a disagreement decided, a failing rater paused."""
    careful, other, careless = people
    guideline = criteria.add_guideline(project=project, text="Prefer the picture that shows what was asked.")
    entrance = hands.batch(project, opened=False, kind="qualification", pass_bar=0.75)
    for _number in range(4):
        hands.gold_item(entrance, purpose="qualification")
    hands.open_(entrance)
    batch = hands.batch(
        project, items=6, overlap=2, opened=False, qualification=entrance, guideline=guideline,
        gold_bar=0.75, gold_least=4,
    )  # fmt: skip
    for _number in range(4):
        hands.gold_item(batch)
    hands.open_(batch)
    refused = leasing.lease(batch=batch, user=careful, want=1)
    assert refused.state == "needs-qualification"
    for person in people:
        for _number in range(4):
            answer_for(entrance, person, lambda _item: True)
    assert {row.state for row in Participant.objects.filter(batch=entrance)} == {"passed"}

    # Gold, dealt out as chance has it: here to the careless one, who gets it wrong.
    Batch.objects.filter(pk=batch.pk).update(gold_share=1.0)
    batch.refresh_from_db()
    for _number in range(4):
        answer_for(batch, careless, lambda _item: False)
    assert Participant.objects.get(batch=batch, rater__user=careless).state == "paused"
    assert RaterStanding.objects.get(rater__user=careless).state == "quarantined"
    Batch.objects.filter(pk=batch.pk).update(gold_share=0.0)
    batch.refresh_from_db()

    contested = Item.objects.filter(batch=batch, purpose="label").order_by("position")[0]
    for _number in range(6):
        answer_for(batch, careful, lambda _item: True)
        answer_for(batch, other, lambda item: item.pk != contested.pk)
    labels = Judgement.objects.filter(batch_key__startswith=f"{batch.pk}/", purpose="label")
    assert labels.count() == 12
    assert set(labels.values_list("guideline", flat=True)) == {guideline.pk}
    (question,) = make_report(batch).questions
    assert question.agreement.units == 6
    assert question.agreement.alpha < 1

    # The item they disagree about goes to somebody who has not judged it, and overwrites nothing.
    boss, judge = factories.member(project, "admin"), factories.member(project, "annotator")
    queued = adjudicating.open_queue(batch=batch, people=[judge], name="Decide", by=boss)
    assert queued.items == 1
    decision = answer_for(queued.batch, judge, lambda _item: True)
    links = JudgementLink.objects.filter(judgement__in=decision.judgements.all(), kind="adjudicates")
    assert set(links.values_list("source__batch_key", flat=True)) == {f"{batch.pk}/{contested.pk}"}
    assert Judgement.objects.living().filter(batch_key=f"{batch.pk}/{contested.pk}").count() == 2

    client.force_login(boss)
    status, html = _page(client, "batch_quality", batch)
    assert status == 200
    assert "Krippendorff" in html
    assert f"{question.agreement.alpha:.2f}".replace("-", "−") in html
    assert "kept apart" in html


def test_the_page_of_a_batch_tells_how_far_it_is(client, project, people):
    batch = hands.batch(project, items=3, overlap=2)
    for person in people[:2]:
        answer_for(batch, person, lambda _item: True)
    client.force_login(factories.member(project, "viewer"))

    status, html = _page(client, "batch_progress", batch)

    assert status == 200
    assert "2 of 6 answers" in html
    assert "hx-get" in html
    assert "<html" not in html
    found = progress(batch, timezone.now())
    assert (found.filled, found.places, found.left, found.items, found.raters) == (2, 6, 4, 3, 2)
    assert sum(count for _start, count in found.bins) == 2
    assert found.median_seconds == 3.5
    assert found.pace_of == "hour"


def test_the_end_is_estimated_from_the_pace(project, people):
    batch = hands.batch(project, items=5)
    first = answer_for(batch, people[0], lambda _item: True)
    start = first.created_at
    for minutes, user in ((30, people[0]), (60, people[1])):
        row = answer_for(batch, user, lambda _item: True)
        Answer.objects.filter(pk=row.pk).update(created_at=start + timedelta(minutes=minutes))

    found = progress(batch, start + timedelta(minutes=60))

    assert found.per_hour == pytest.approx(2)  # two answers within the last hour; the first is an hour old
    assert found.ends_at == start + timedelta(minutes=120)
    assert [count for _bin, count in found.bins] in ([2, 1], [1, 2])


def test_late_answers_and_examinations_fill_no_place(project, people):
    batch = hands.batch(project, items=2, opened=False, gold_share=1.0)
    hands.gold_item(batch)
    hands.open_(batch)
    answer_for(batch, people[0], lambda _item: True)

    found = progress(batch, timezone.now())

    assert (found.answers, found.examinations, found.filled, found.left) == (1, 1, 0, 2)


def test_days_are_drawn_when_hours_would_be_too_many(project, people):
    batch = hands.batch(project, items=2)
    row = answer_for(batch, people[0], lambda _item: True)
    Answer.objects.filter(pk=row.pk).update(created_at=timezone.now() - timedelta(days=5))

    found = progress(batch, timezone.now())

    assert not found.is_by_hour
    assert len(found.bins) in (6, 7)
    assert found.pace_of == "all"


def test_a_viewer_reads_pseudonyms_and_an_admin_the_names(client, project, people):
    batch = hands.batch(project, items=1)
    answer_for(batch, people[0], lambda _item: True)
    name = people[0].username

    for role, is_named in (("viewer", False), ("curator", False), ("admin", True)):
        client.force_login(factories.member(project, role))
        for page in ("batch_quality", "batch_votes"):
            _status, html = _page(client, page, batch)
            assert (name in html) == is_named, (role, page)


def test_annotators_never_get_here(client, project, people):
    batch = hands.batch(project, items=1)
    client.force_login(people[0])

    for page in ("batch_quality", "batch_progress", "batch_votes"):
        assert _page(client, page, batch)[0] == 403


def test_an_admin_pauses_and_trusts_again_on_the_page(client, project, people):
    batch = hands.batch(project, items=2)
    answer_for(batch, people[0], lambda _item: True)
    row = Participant.objects.get(batch=batch)
    client.force_login(factories.member(project, "admin"))
    address = {"slug": project.slug, "batch_id": batch.pk, "participant_id": row.pk}

    client.post(reverse("rater_pause", kwargs=address), {"reason": "one side only"})
    row.refresh_from_db()
    assert row.state == "paused"
    assert "Trust again" in _page(client, "batch_quality", batch)[1]
    client.post(reverse("rater_trust", kwargs=address))
    row.refresh_from_db()

    assert row.state == "active"
    assert not standing.is_quarantined(project_id=project.pk, rater=row.rater)


def test_a_pause_needs_a_reason(client, project, people):
    batch = hands.batch(project, items=1)
    answer_for(batch, people[0], lambda _item: True)
    row = Participant.objects.get(batch=batch)
    client.force_login(factories.member(project, "admin"))
    address = reverse("rater_pause", args=[project.slug, batch.pk, row.pk])

    answer = client.post(address, {"reason": " "}, follow=True)

    row.refresh_from_db()
    assert row.state == "active"
    assert "Say why" in answer.content.decode()


def test_a_large_report_comes_after_its_page(client, project, people, monkeypatch):
    batch = hands.batch(project, items=1)
    answer_for(batch, people[0], lambda _item: True)
    monkeypatch.setattr("annotation.views.quality.READ_AT_ONCE", 0)
    client.force_login(factories.member(project, "viewer"))

    _status, html = _page(client, "batch_quality", batch)
    assert "part=report" in html
    assert "Krippendorff" not in html
    _status, part = _page(client, "batch_quality", batch, part="report")

    assert "Krippendorff" in part


def test_what_is_kept_is_not_counted_again_and_a_word_of_an_admin_forgets_it(client, project, people):
    batch = hands.batch(project, items=3)
    answer_for(batch, people[0], lambda _item: True)
    client.force_login(factories.member(project, "admin"))
    _page(client, "batch_quality", batch)

    with CaptureQueriesContext(
        connection,
    ) as again:
        _page(client, "batch_quality", batch)
    assert not [query for query in again if "percentile_cont" in query["sql"]]


def test_queries_do_not_grow_with_people(client, project, people):
    client.force_login(factories.member(project, "viewer"))
    counts = []
    for number in (1, 3):
        batch = hands.batch(project, items=4)
        for person in people[:number]:
            answer_for(batch, person, lambda _item: True)
        _page(client, "batch_quality", batch)  # the session is loaded
        cache.clear()
        with CaptureQueriesContext(connection) as seen:
            _page(client, "batch_quality", batch)
        counts.append(len(seen))

    assert counts[0] == counts[1]


def test_ratings_and_checklists_are_reported_line_by_line(client, project, people):
    version = factories.overall(project)
    asked = [
        {"key": "quality", "kind": "rate", "text": "How good?", "criterion": version.pk, "name": "Quality",
         "levels": [{"value": value, "label": str(value)} for value in (1, 2, 3)]},
        {"key": "list", "kind": "check", "text": "Check", "items": [
            {"key": "hands", "criterion": version.pk, "text": "Hands right?"},
        ]},
    ]  # fmt: skip
    batch = hands.batch(project, items=3, samples=2, overlap=2, questions=asked)
    for person in people[:2]:
        for _number in range(3):
            said = {"quality": {"values": [3, 1]}, "list": {"values": {"hands": [1, 0]}}}
            hands.answer_next(batch, person, {"questions": said, "flags": []})

    found = make_report(batch)

    assert [(one.key, one.level, one.agreement.units) for one in found.questions] == [
        ("quality", "ordinal", 6),
        ("list/hands", "nominal", 6),
    ]
    client.force_login(factories.member(project, "viewer"))
    assert "Hands right?" in _page(client, "batch_quality", batch)[1]
