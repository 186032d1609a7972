"""A vote acknowledged is a vote stored: once, whole, and by the right person."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from django.db import connection

from annotation.actions import answering, leasing
from annotation.actions.answering import AnsweredElsewhere
from annotation.answers import WrongAnswer
from annotation.models import Answer, Assignment, Batch, Slot
from curation.actions import criteria
from curation.actions.criteria import Wording
from curation.errors import Refused
from curation.models import Comparison, Flag, Judgement, JudgementLink, Mark, Note, Request, Score
from tests import factories
from tests.annotation import hands

pytestmark = pytest.mark.django_db


@pytest.fixture
def project():
    return factories.project()


@pytest.fixture
def person(project):
    return factories.member(project, "annotator")


def test_a_verdict_becomes_a_comparison_with_the_sides_as_shown(project, person):
    guideline = criteria.add_guideline(project=project, text="Look twice.")
    batch = hands.batch(project, items=8, guideline=guideline)
    for _number in range(8):
        (held,) = hands.lease(batch, person)
        row = hands.answer(held, person, hands.verdict("right"))
        comparison = Comparison.objects.get(judgement__in=row.judgements.all())
        assert [comparison.left_sample_id, comparison.right_sample_id] == held.presentation["order"]
        assert comparison.outcome == "right"
    firsts = {one.presentation["order"] == one.item.sample_ids for one in Assignment.objects.filter(batch=batch)}
    assert firsts == {True, False}, "the sides were drawn"
    judgement = row.judgements.get()
    assert (judgement.guideline, judgement.purpose, judgement.seconds) == (guideline, "label", 3.5)
    assert judgement.presentation["order"] == held.presentation["order"]
    assert judgement.presentation["seed"] == batch.seed
    assert judgement.batch_key == f"{batch.pk}/{held.item_id}"


def test_sent_twice_it_is_stored_once_and_acknowledged_twice(project, person):
    batch = hands.batch(project, items=1)
    (held,) = hands.lease(batch, person)
    send = {
        "batch": batch,
        "user": person,
        "assignment_id": held.pk,
        "client_key": hands.key(),
        "payload": hands.verdict(),
        "seconds": 2,
    }
    first, second = answering.answer(**send), answering.answer(**send)
    assert (first.answer.pk, first.is_duplicate) == (second.answer.pk, not second.is_duplicate)
    assert (Judgement.objects.count(), Answer.objects.count()) == (1, 1)
    assert second.participant.answered == 1


def test_the_second_tab_is_told_and_changes_nothing(project, person):
    batch = hands.batch(project, items=1)
    (one_tab,) = hands.lease(batch, person)
    (other_tab,) = hands.lease(batch, person)
    assert one_tab.pk == other_tab.pk
    hands.answer(one_tab, person, hands.verdict("left"))
    with pytest.raises(AnsweredElsewhere, match="another tab"):
        hands.answer(other_tab, person, hands.verdict("right"))
    assert Comparison.objects.get().outcome == "left"


@pytest.mark.django_db(transaction=True)
def test_two_clicks_at_once_from_two_tabs_store_one_answer():
    project = factories.project()
    person = factories.member(project, "annotator")
    batch = hands.batch(project, items=1)
    (held,) = hands.lease(batch, person)
    barrier, told = threading.Barrier(4), []

    def click(outcome):
        barrier.wait()
        try:
            told.append(hands.answer(held, person, hands.verdict(outcome)).pk)
        except AnsweredElsewhere:
            told.append("elsewhere")
        finally:
            connection.close()

    threads = [threading.Thread(target=click, args=(outcome,)) for outcome in ("left", "right", "tie", "left")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert told.count("elsewhere") == 3
    assert Comparison.objects.count() == 1


def test_another_persons_item_cannot_be_answered(project, person):
    batch = hands.batch(project, items=1)
    (held,) = hands.lease(batch, person)
    other = factories.member(project, "annotator")
    with pytest.raises(Refused, match="not yours"):
        hands.answer(held, other)


def test_another_persons_key_is_refused(project, person):
    batch = hands.batch(project, items=2)
    (held,) = hands.lease(batch, person)
    row = hands.answer(held, person)
    other = factories.member(project, "annotator")
    (theirs,) = hands.lease(batch, other)
    with pytest.raises(Refused, match="belongs to another"):
        hands.answer(theirs, other, client_key=row.client_key)


def test_a_wrong_answer_changes_nothing(project, person):
    batch = hands.batch(project, items=1)
    (held,) = hands.lease(batch, person)
    with pytest.raises(WrongAnswer):
        hands.answer(held, person, {"questions": {"overall": {"outcome": "sideways"}}})
    held.refresh_from_db()
    assert held.state == Assignment.State.LEASED
    assert Judgement.objects.count() == 0


def test_an_answer_after_the_lease_counts_while_nobody_took_the_place(project, person):
    batch = hands.batch(project, items=1)
    (held,) = hands.lease(batch, person)
    past = leasing.now() - timedelta(seconds=5)
    Assignment.objects.filter(pk=held.pk).update(lease_until=past, leased_at=past - timedelta(seconds=60))
    assert leasing.end_leases() == 1
    hands.answer(held, person)
    assert Slot.objects.get().state == Slot.State.DONE
    assert Comparison.objects.count() == 1


def test_an_answer_to_an_item_that_is_full_is_kept_and_is_no_evidence(project, person):
    batch = hands.batch(project, items=1)
    (held,) = hands.lease(batch, person)
    past = leasing.now() - timedelta(seconds=5)
    Assignment.objects.filter(pk=held.pk).update(lease_until=past, leased_at=past - timedelta(seconds=60))
    other = factories.member(project, "annotator")
    hands.answer_next(batch, other)
    done = answering.answer(
        batch=batch,
        user=person,
        assignment_id=held.pk,
        client_key=hands.key(),
        payload=hands.verdict("right"),
        seconds=1,
    )
    assert done.is_late
    assert done.answer.payload["questions"]["overall"]["outcome"] == "right"
    assert Comparison.objects.count() == 1, "the item asks for one opinion"


def test_a_changed_mind_supersedes_and_both_remain(project, person):
    batch = hands.batch(project, items=1)
    (held,) = hands.lease(batch, person)
    first = hands.answer(held, person, hands.verdict("left"))
    second = hands.answer(held, person, hands.verdict("tie"), revises=first.pk)
    first.refresh_from_db()
    assert first.replaced_by == second
    old, new = first.judgements.get(), second.judgements.get()
    assert (old.retraction, new.retracted_at) == ("superseded", None)
    assert JudgementLink.objects.get().kind == "supersedes"
    assert Comparison.objects.living().get().outcome == "tie"
    assert Slot.objects.get().state == Slot.State.DONE


def test_a_mind_cannot_be_changed_after_the_window(project, person):
    batch = hands.batch(project, items=1, undo_seconds=60)
    (held,) = hands.lease(batch, person)
    first = hands.answer(held, person)
    Assignment.objects.filter(pk=held.pk).update(ended_at=leasing.now() - timedelta(seconds=61))
    with pytest.raises(Refused, match="no longer be changed"):
        hands.answer(held, person, revises=first.pk)


def test_only_the_living_answer_can_be_changed(project, person):
    batch = hands.batch(project, items=1)
    (held,) = hands.lease(batch, person)
    first = hands.answer(held, person)
    hands.answer(held, person, hands.verdict("tie"), revises=first.pk)
    with pytest.raises(AnsweredElsewhere):
        hands.answer(held, person, hands.verdict("right"), revises=first.pk)


def test_a_request_is_answered_by_the_first_answer(project, person):
    batch = hands.batch(project, opened=False)
    item = hands.item(batch)
    wish = Request.objects.create(project=project, audience="people", prompt=item.prompt, because="judges disagree")
    item.request = wish
    item.save()
    hands.open_(batch)
    row = hands.answer_next(batch, person)
    wish.refresh_from_db()
    assert (wish.state, wish.answered_by) == ("answered", row.judgements.get())


def test_everything_a_batch_can_ask_lands_in_its_own_rows(project, person):
    """ImageReward's order in one batch: rate each, check, mark, write, then rank all."""
    overall = factories.overall(project).pk
    quality = criteria.add_version(
        project=project,
        key="quality",
        wording=Wording(name="Quality", scale="ordinal", levels=[{"value": 1}, {"value": 2}, {"value": 3}]),
    ).pk
    fingers = criteria.add_version(project=project, key="hands", wording=Wording(name="Hands", scale="yes-no")).pk
    questions = [
        {
            "key": "each",
            "kind": "rate",
            "text": "How good?",
            "criterion": quality,
            "levels": [{"value": 1}, {"value": 2}, {"value": 3}],
        },
        {
            "key": "list",
            "kind": "check",
            "text": "Check",
            "items": [{"key": "hands", "criterion": fingers, "text": "Hands right?"}],
        },
        {
            "key": "spots",
            "kind": "mark",
            "text": "Mark",
            "shapes": ["span"],
            "targets": ["prompt", "answer"],
            "errors": ["missing"],
        },
        {"key": "why", "kind": "write", "text": "Why?", "criterion": quality, "required": False},
        {"key": "order", "kind": "rank", "text": "Order them", "criterion": overall, "stage": 2, "partial": True},
        {"key": "best", "kind": "pick", "text": "The best?", "criterion": overall, "stage": 2},
    ]
    batch = hands.batch(project, items=1, samples=4, questions=questions)
    (held,) = hands.lease(batch, person)
    order = held.presentation["order"]
    row = hands.answer(
        held,
        person,
        {
            "questions": {
                "each": {"values": [3, 1, 2, 2]},
                "list": {"values": {"hands": [1, 0, 1, 1]}},
                "spots": {
                    "marks": [
                        {"place": 2, "target": "prompt", "shape": "span", "start": 0, "end": 1, "error": "missing"}
                    ]
                },
                "why": {"texts": ["sharp", "", "", "dull"]},
                "order": {"ranks": [1, 4, 2, None]},
                "best": {"best": 0},
            },
            "flags": [{"place": 1, "kind": "broken", "text": "cut off"}],
        },
    )
    acts = {act.question: act.judgement for act in row.acts.select_related("judgement")}
    assert {key: one.act for key, one in acts.items()} == {
        "each": "rate",
        "list": "check",
        "spots": "mark",
        "why": "write",
        "order": "rank",
        "best": "rank",
        "flags": "flag",
    }
    rated = dict(Score.objects.filter(judgement=acts["each"]).values_list("sample_id", "value"))
    assert rated == dict(zip(order, [3, 1, 2, 2], strict=True))
    assert Score.objects.filter(judgement=acts["list"], criterion_version=fingers).count() == 4
    mark = Mark.objects.get()
    assert (mark.sample_id, mark.start, mark.end, mark.error_type) == (order[2], 0, 1, "missing")
    notes = dict(Note.objects.values_list("sample_id", "text"))
    assert notes == {order[0]: "sharp", order[3]: "dull"}
    implied = Comparison.objects.filter(judgement=acts["order"])
    assert {(c.left_sample_id, c.right_sample_id, c.outcome, c.is_implied) for c in implied} == {
        (order[0], order[1], "left", True),
        (order[0], order[2], "left", True),
        (order[1], order[2], "right", True),
    }
    best = Comparison.objects.filter(judgement=acts["best"])
    assert {(c.left_sample_id, c.right_sample_id) for c in best} == {(order[0], other) for other in order[1:]}
    assert Flag.objects.get().sample_id == order[1]


def test_none_is_good_makes_every_sample_ineligible(project, person):
    question = {"key": "best", "kind": "pick", "text": "Best?", "criterion": factories.overall(project).pk}
    batch = hands.batch(project, items=1, samples=3, questions=[question])
    hands.answer_next(batch, person, {"questions": {"best": {"best": None}}})
    assert [c.outcome for c in Comparison.objects.all()] == ["both-bad"] * 3


def test_a_vote_in_a_closed_batch_is_not_lost(project, person):
    batch = hands.batch(project, items=1)
    (held,) = hands.lease(batch, person)
    Batch.objects.filter(pk=batch.pk).update(state=Batch.State.CLOSED)
    held.batch.refresh_from_db()
    hands.answer(held, person)
    assert Comparison.objects.count() == 1


def test_a_repeat_of_the_same_pair_is_another_occasion(project, person):
    batch = hands.batch(project, items=12, repeat_share=0.5)
    for _number in range(24):
        held = hands.lease(batch, person)
        if held:
            hands.answer(held[0], person)
    repeated = Comparison.objects.filter(judgement__purpose="repeat")
    assert repeated.exists()
    assert set(Comparison.objects.counted().values_list("judgement__purpose", flat=True)) == {"label"}
