"""A second person's word: drawn by seed, decided once, returned with a note, answered again."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from annotation.actions import reviewing
from annotation.models import Answer, Assignment, Review
from annotation.models import reviews as reads
from curation.errors import Conflict, Refused
from curation.models import Comparison, Judgement
from tests import factories
from tests.annotation import hands

pytestmark = pytest.mark.django_db


@pytest.fixture
def project():
    return factories.project()


@pytest.fixture
def person(project):
    return factories.member(project, "annotator")


@pytest.fixture
def curator(project):
    return factories.member(project, "curator")


def answered(project, person, **fields) -> Review:
    """One answer that waits for a reviewer."""
    batch = hands.batch(project, items=1, review_share=1.0, **fields)
    return hands.answer_next(batch, person).review


def test_the_drawn_share_of_answers_waits_for_a_review(project, person):
    batch = hands.batch(project, items=60, review_share=0.3)
    for _round in range(8):
        for assignment in hands.lease(batch, person, want=8):
            hands.answer(assignment, person)

    reviewed = set(Review.objects.values_list("answer__assignment", flat=True))

    assert Assignment.objects.count() == 60
    assert 8 <= len(reviewed) <= 30, "0.3 of 60 is 18; this seed draws within four standard errors of it"
    drawn = {one.pk for one in Assignment.objects.select_related("batch") if reviewing.is_drawn(one)}
    assert reviewed == drawn, "the draw can be told again from the seed"


def test_without_a_share_nothing_is_reviewed(project, person):
    batch = hands.batch(project, items=1)

    hands.answer_next(batch, person)

    assert not Review.objects.exists()


def test_gold_and_hidden_repeats_are_not_reviewed(project, person):
    batch = hands.batch(project, review_share=1.0, gold_share=1.0, opened=False)
    hands.gold_item(batch)
    hands.open_(batch)

    row = hands.answer_next(batch, person)

    assert not Review.objects.exists()
    row.assignment.is_repeat = True
    assert reviewing.maybe_queue(row) is None


def test_an_accepted_answer_stands(project, person, curator):
    review = reviewing.accept(review=answered(project, person), by=curator)

    assert (review.outcome, review.reviewer.user) == ("accepted", curator)
    assert Comparison.objects.living().count() == 1


@pytest.mark.capability("B6")
def test_a_returned_answer_counts_no_more_until_its_author_answers_again(project, person, curator):
    review = answered(project, person, undo_seconds=0)

    reviewing.send_back(review=review, by=curator, note="Look at the left hand.")

    assert Comparison.objects.living().count() == 0
    assert Judgement.objects.get().retraction == "retracted"
    (back,) = reviewing.returned_to(person, project)
    assert (back.note, back.answer_id) == ("Look at the left hand.", review.answer_id)
    again = hands.answer(
        review.answer.assignment, person, hands.verdict("right"), revises=review.answer_id, seconds=2.0
    )
    assert [row.outcome for row in Comparison.objects.living()] == ["right"]
    assert reviewing.returned_to(person, project) == []
    assert again.review.outcome == "waiting", "the new answer is looked over as well"
    assert [one.note for one in reads.earlier(again)] == ["Look at the left hand."]


def test_a_returned_answer_needs_a_note(project, person, curator):
    review = answered(project, person)

    with pytest.raises(Refused, match="Write a note"):
        reviewing.send_back(review=review, by=curator, note="  ")

    assert Comparison.objects.living().count() == 1


def test_nobody_reviews_their_own_answer(project, curator):
    review = answered(project, curator)

    assert not reads.waiting_for(curator, project).exists()
    with pytest.raises(Refused, match="your own"):
        reviewing.accept(review=review, by=curator)


def test_a_second_reviewer_is_told_who_was_first(project, person, curator):
    review = answered(project, person)
    reviewing.accept(review=review, by=curator)
    other = factories.member(project, "curator")

    with pytest.raises(Conflict, match="was first: this answer is accepted"):
        reviewing.send_back(review=review, by=other, note="no")

    review.refresh_from_db()
    assert (review.outcome, review.reviewer.user) == ("accepted", curator)
    assert Comparison.objects.living().count() == 1


def test_an_answer_changed_meanwhile_is_not_decided(project, person, curator):
    review = answered(project, person)
    hands.answer(review.answer.assignment, person, hands.verdict("tie"), revises=review.answer_id)

    with pytest.raises(Conflict, match="changed this answer"):
        reviewing.accept(review=review, by=curator)

    waiting = reads.waiting_for(curator, project).get()
    assert waiting.answer == Answer.objects.current().get()


@pytest.mark.django_db(transaction=True)
def test_of_two_reviewers_at_once_one_decides(project, person, curator):
    review = answered(project, person)
    reviewers = [curator, factories.member(project, "curator"), factories.member(project, "admin")]
    start, told = threading.Barrier(len(reviewers)), []

    def decide(number: int) -> None:
        start.wait()
        try:
            if number % 2:
                reviewing.accept(review=review, by=reviewers[number])
            else:
                reviewing.send_back(review=review, by=reviewers[number], note=f"note {number}")
            told.append("decided")
        except Conflict:
            told.append("too late")
        finally:
            connection.close()

    threads = [threading.Thread(target=decide, args=[number]) for number in range(len(reviewers))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(told) == ["decided", "too late", "too late"]
    review.refresh_from_db()
    living = Comparison.objects.living().count()
    assert living == (1 if review.outcome == "accepted" else 0)


# -- pages -------------------------------------------------------------------------------------------------------------


def test_a_reviewer_walks_the_queue(client, project, person, curator):
    batch = hands.batch(project, items=2, review_share=1.0, name="signs")
    for _number in range(2):
        hands.answer_next(batch, person, hands.verdict("right"))
    client.force_login(curator)
    queue = f"/projects/{project.slug}/batches/{batch.pk}/reviews/next/"

    first = client.get(queue)
    page = client.get(first["Location"])
    assert page.status_code == 200
    assert "B is better" in page.content.decode()
    assert page.content.decode().count("answer ") >= 2, "both texts are there"
    assert "g0" not in page.content.decode(), "who made them is not"
    sent = client.post(first["Location"], {"decision": "return", "note": ""})
    assert sent.status_code == 400
    assert "Write a note" in sent.content.decode()
    sent = client.post(first["Location"], {"decision": "return", "note": "once more"})
    assert sent["Location"] == queue
    second = client.get(queue)
    assert second["Location"] != first["Location"]
    assert client.post(second["Location"], {"decision": "accept", "note": ""})["Location"] == queue
    assert client.get(queue)["Location"].endswith(f"/batches/{batch.pk}/reviews/")
    outcomes = Review.objects.order_by("outcome").values_list("outcome", "note")
    assert list(outcomes) == [("accepted", ""), ("returned", "once more")]
    overview = client.get(f"/projects/{project.slug}/batches/{batch.pk}/reviews/").content.decode()
    assert "once more" in overview


def test_a_decision_that_comes_too_late_leads_on_and_says_why(client, project, person, curator):
    review = answered(project, person)
    reviewing.accept(review=review, by=factories.member(project, "admin"))
    client.force_login(curator)

    answer = client.post(f"/projects/{project.slug}/reviews/{review.pk}/", {"decision": "accept"}, follow=True)

    assert "was first: this answer is accepted" in answer.content.decode()


def test_the_author_cannot_open_a_review(client, project, person):
    review = answered(project, person)
    client.force_login(person)

    assert client.get(f"/projects/{project.slug}/reviews/{review.pk}/").status_code == 403


def test_a_returned_answer_may_be_changed_long_after_the_window(project, person, curator):
    review = answered(project, person, undo_seconds=1)
    reviewing.send_back(review=review, by=curator, note="again")
    Assignment.objects.update(ended_at=timezone.now() - timedelta(days=3))

    hands.answer(review.answer.assignment, person, hands.verdict("tie"), revises=review.answer_id)

    assert Comparison.objects.living().get().outcome == "tie"
