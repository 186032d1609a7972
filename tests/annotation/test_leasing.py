"""Who gets what, for how long: no two people in a slot, nobody twice, nothing left behind."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from annotation.actions import answering, leasing
from annotation.models import Assignment, Batch, Participant, Slot
from curation.actions import raters
from tests import factories
from tests.annotation import hands

pytestmark = pytest.mark.django_db


@pytest.fixture
def project():
    return factories.project()


@pytest.fixture
def person(project):
    return factories.member(project, "annotator")


def end(assignment: Assignment) -> None:
    """Lets the lease have ended a moment ago."""
    past = leasing.now() - timedelta(seconds=5)
    Assignment.objects.filter(pk=assignment.pk).update(lease_until=past, leased_at=past - timedelta(seconds=60))


def test_a_person_holds_what_was_asked_for_and_gets_the_same_again(project, person):
    batch = hands.batch(project, items=5)
    first = hands.lease(batch, person, 3)
    again = hands.lease(batch, person, 3)
    assert [one.pk for one in first] == [one.pk for one in again]
    assert len({one.item_id for one in first}) == 3
    assert all(new.lease_until >= old.lease_until for new, old in zip(again, first, strict=True))


def test_items_come_in_the_order_of_the_batch(project, person):
    batch = hands.batch(project, items=4)
    positions = [one.item.position for one in hands.lease(batch, person, 4)]
    assert positions == [0, 1, 2, 3]


def test_an_item_goes_to_as_many_people_as_asked_and_no_more(project):
    batch = hands.batch(project, items=1, overlap=2)
    people = [factories.member(project, "annotator") for _number in range(3)]
    leased = [leasing.lease(batch=batch, user=user, want=1) for user in people]
    assert [len(one.assignments) for one in leased] == [1, 1, 0]
    assert leased[2].state == "waiting"
    for user, one in zip(people[:2], leased[:2], strict=True):
        hands.answer(one.assignments[0], user)
    assert leasing.lease(batch=batch, user=people[2], want=1).state == "done"


def test_one_person_never_fills_two_slots_of_an_item(project, person):
    batch = hands.batch(project, items=2, overlap=3)
    leased = hands.lease(batch, person, 5)
    assert len(leased) == 2
    assert len({one.item_id for one in leased}) == 2


def test_the_database_refuses_a_second_person_in_a_slot(project, person):
    batch = hands.batch(project, items=1)
    (held,) = hands.lease(batch, person)
    other = raters.for_user(factories.member(project, "annotator"))
    twin = Assignment.objects.get(pk=held.pk)
    twin.pk, twin.rater = None, other
    with pytest.raises(IntegrityError, match="assignment_slot_once"), transaction.atomic():
        twin.save(force_insert=True)


def test_the_database_refuses_an_answer_without_a_slot(project, person):
    batch = hands.batch(project, items=1)
    (held,) = hands.lease(batch, person)
    with pytest.raises(IntegrityError, match="assignment_answers_in_a_slot"), transaction.atomic():
        Assignment.objects.filter(pk=held.pk).update(slot=None)


def test_a_lease_that_ended_gives_the_item_to_the_next_person(project, person):
    batch = hands.batch(project, items=1)
    (held,) = hands.lease(batch, person)
    end(held)
    other = factories.member(project, "annotator")
    (taken,) = hands.lease(batch, other)
    assert taken.item_id == held.item_id
    held.refresh_from_db()
    assert held.state == Assignment.State.EXPIRED


def test_what_comes_back_lies_ahead_of_everybody(project, person):
    batch = hands.batch(project, items=3)
    other = factories.member(project, "annotator")
    (held,) = hands.lease(batch, other)
    for _number in range(2):
        hands.answer_next(batch, person)
    assert hands.lease(batch, person) == []
    end(held)
    assert leasing.end_leases() == 1
    (taken,) = hands.lease(batch, person)
    assert taken.item_id == held.item_id


def test_a_slot_behind_the_cursor_is_found_by_looking_back(project, person):
    """As after a server that died between locking a slot and storing the lease."""
    batch = hands.batch(project, items=3)
    rater = raters.for_user(person)
    leasing.participant(batch=batch, rater=rater)
    last = Slot.objects.filter(batch=batch).order_by("-rank").first()
    Participant.objects.filter(batch=batch, rater=rater).update(cursor=last.rank)
    assert len(hands.lease(batch, person, 2)) == 2


def test_a_look_back_in_vain_is_not_repeated_at_once(project, person):
    batch = hands.batch(project, items=1)
    other = factories.member(project, "annotator")
    (held,) = hands.lease(batch, other)
    assert leasing.lease(batch=batch, user=person, want=1).state == "waiting"
    # As after a server that died: the slot is open again, at its old place.
    Assignment.objects.filter(pk=held.pk).delete()
    Slot.objects.update(state=Slot.State.OPEN)
    mine = Participant.objects.get(batch=batch, rater__user=person)
    Participant.objects.filter(pk=mine.pk).update(cursor=Slot.objects.get().rank)
    assert leasing.lease(batch=batch, user=person, want=1).state == "waiting"
    Participant.objects.filter(pk=mine.pk).update(looked_back_at=leasing.now() - timedelta(minutes=1))
    assert leasing.lease(batch=batch, user=person, want=1).state == "open"


def test_a_jumping_clock_of_the_web_host_ends_no_lease(project, person, monkeypatch):
    batch = hands.batch(project, items=1)
    (held,) = hands.lease(batch, person)
    tomorrow = timezone.now() + timedelta(days=1)
    monkeypatch.setattr("django.utils.timezone.now", lambda: tomorrow)
    assert leasing.end_leases() == 0
    monkeypatch.setattr("django.utils.timezone.now", lambda: tomorrow - timedelta(days=2))
    (again,) = hands.lease(batch, person)
    assert again.pk == held.pk
    assert again.lease_until > held.lease_until


def test_gold_goes_to_everybody_beside_the_queue(project):
    batch = hands.batch(project, items=20, gold_share=0.5, opened=False)
    gold = {hands.gold_item(batch).pk for _number in range(3)}
    hands.open_(batch)
    assert batch.item_count == 20
    for _person in range(2):
        user = factories.member(project, "annotator")
        seen = [hands.answer_next(batch, user).assignment for _number in range(8)]
        served = [one.item_id for one in seen if one.purpose == "gold"]
        assert set(served) == gold
        assert len(served) == len(set(served))
        assert all(one.slot_id is None for one in seen if one.purpose == "gold")


def test_a_hidden_repeat_is_mirrored_asked_once_and_not_too_soon(project, person):
    batch = hands.batch(project, items=40, repeat_share=0.5)
    done = [hands.answer_next(batch, person).assignment for _number in range(50)]
    repeats = [one for one in done if one.is_repeat]
    assert len(repeats) >= 8
    assert len({one.item_id for one in repeats}) == len(repeats)
    for one in repeats:
        assert one.presentation["order"] == one.repeats.presentation["order"][::-1]
        assert one.purpose == "repeat"
        assert done.index(one) - done.index(one.repeats) >= 10


def test_drafts_are_withheld_from_the_blind_share(project, person):
    batch = hands.batch(project, control_share=0.5, opened=False)
    for _number in range(20):
        hands.item(batch, draft={"questions": {"overall": {"outcome": "left"}}, "flags": []})
    hands.open_(batch)
    done = [hands.answer_next(batch, person).assignment for _number in range(20)]
    blind = [one for one in done if one.purpose == "control"]
    assert 0 < len(blind) < 20
    assert all(one.presentation["draft"] is (one.purpose == "label") for one in done)


def test_a_qualification_asks_everything_of_everybody_and_then_ends(project):
    batch = hands.batch(project, kind=Batch.Kind.QUALIFICATION, opened=False)
    asked = {hands.gold_item(batch, purpose="qualification").pk for _number in range(4)}
    hands.open_(batch)
    assert batch.item_count == 4
    user = factories.member(project, "annotator")
    assert {one.item_id for one in hands.lease(batch, user, 8)} == asked


@pytest.mark.parametrize(
    ("fields", "state"),
    [
        ({"state": Batch.State.PAUSED}, "paused"),
        ({"state": Batch.State.CLOSED}, "closed"),
        ({"deadline": timezone.now() - timedelta(minutes=1)}, "closed"),
    ],
)
def test_a_batch_that_is_not_open_says_so(project, person, fields, state):
    batch = hands.batch(project, items=1)
    Batch.objects.filter(pk=batch.pk).update(**fields)
    batch.refresh_from_db()
    leased = leasing.lease(batch=batch, user=person, want=1)
    assert (leased.state, leased.assignments) == (state, ())
    assert leased.message


def test_a_qualification_must_be_passed_first(project, person):
    first = hands.batch(project, kind=Batch.Kind.QUALIFICATION)
    batch = hands.batch(project, items=1, qualification=first)
    leased = leasing.lease(batch=batch, user=person, want=1)
    assert leased.state == "needs-qualification"
    assert leased.url.endswith(f"/annotate/{first.pk}/")
    Participant.objects.create(batch=first, rater=raters.for_user(person), state=Participant.State.PASSED)
    assert leasing.lease(batch=batch, user=person, want=1).state == "open"


def test_a_paused_rater_is_told_why(project, person):
    batch = hands.batch(project, items=1)
    Participant.objects.create(
        batch=batch, rater=raters.for_user(person), state=Participant.State.PAUSED, reason="Take a break."
    )
    leased = leasing.lease(batch=batch, user=person, want=1)
    assert (leased.state, leased.message) == ("rater-paused", "Take a break.")


def test_whoever_is_set_aside_in_the_project_begins_no_other_batch(project, person):
    batch = hands.batch(project, items=1)
    rater = raters.for_user(person)
    raters.set_standing(project=project, rater=rater, state="quarantined", since=timezone.now(), reason="gold", by=None)
    assert leasing.lease(batch=batch, user=person, want=1).state == "rater-paused"
    raters.set_standing(project=project, rater=rater, state="trusted", since=timezone.now(), reason="", by=None)
    assert leasing.lease(batch=batch, user=person, want=1).state == "open"


def test_three_people_who_skip_an_item_close_its_slot(project):
    batch = hands.batch(project, items=1)
    for _number in range(3):
        user = factories.member(project, "annotator")
        (held,) = hands.lease(batch, user)
        answering.skip(batch=batch, user=user, assignment_id=held.pk, reason="cannot-judge")
    assert Slot.objects.get(batch=batch).state == Slot.State.CLOSED
    other = factories.member(project, "annotator")
    assert leasing.lease(batch=batch, user=other, want=1).state == "done"


def test_more_overlap_adds_slots_and_keeps_the_old(project, person):
    batch = hands.batch(project, items=3)
    hands.answer_next(batch, person)
    batch.overlap = 2
    batch.save()
    assert leasing.add_slots(batch=batch) == 3
    assert leasing.add_slots(batch=batch) == 0
    assert Slot.objects.filter(batch=batch, state=Slot.State.DONE).count() == 1


def test_an_opened_batch_keeps_its_questions(project):
    batch = hands.batch(project, items=1)
    batch.questions = [hands.compare_question(project, text="Which is uglier?")]
    with pytest.raises(IntegrityError, match="what it asks cannot change"), transaction.atomic():
        batch.save()


@pytest.mark.django_db(transaction=True)
def test_many_people_at_once_share_the_slots():
    project = factories.project()
    batch = hands.batch(project, items=6, overlap=2)
    people = [factories.member(project, "annotator") for _number in range(6)]
    wrong: list[BaseException] = []

    def work(user):
        try:
            while True:
                held = hands.lease(batch, user, 2)
                if not held:
                    return
                for one in held:
                    hands.answer(one, user)
        except BaseException as error:  # noqa: BLE001 - told below, by the test itself
            wrong.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=work, args=(user,)) for user in people]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert wrong == []
    done = Assignment.objects.filter(batch=batch, state=Assignment.State.DONE)
    assert done.count() == 12
    assert len(set(done.values_list("item_id", "rater_id"))) == 12
