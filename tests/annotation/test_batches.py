"""The life of a batch: drawn, opened, frozen, extended, closed; and what each step refuses."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from annotation.actions import batches, estimating, gold_items, listing
from annotation.actions.choosing import Plan
from annotation.models import Answer, Assignment, Batch, Participant, Slot
from curation.actions import criteria, judgements
from curation.actions.judgements import Act, NewComparison, Subject
from curation.errors import Conflict, NotAllowed, Refused
from curation.models import JudgementLink, Request
from tests import factories
from tests.annotation.world import World, batch, compare, world

pytestmark = pytest.mark.django_db


@pytest.fixture
def boats() -> World:
    return world()


# -- drawing ----------------------------------------------------------------------------------------------------------


def test_a_draft_has_its_items_in_order_with_their_probability(boats) -> None:
    made = batch(boats, per_prompt=2)

    items = list(made.items.all())
    assert [item.position for item in items] == list(range(6))
    assert all(item.sample_ids == sorted(item.sample_ids) and len(item.sample_ids) == 2 for item in items)
    assert [item.sampling_probability for item in items] == pytest.approx([2 / 6] * 6)
    assert made.state == Batch.State.DRAFT
    assert not Slot.objects.exists()


def test_the_same_seed_draws_the_same_items(boats) -> None:
    one, same, other = batch(boats, seed=3), batch(boats, seed=3), batch(boats, seed=4)

    def sets(of: Batch) -> list[list[int]]:
        return list(of.items.values_list("sample_ids", flat=True))

    assert sets(one) == sets(same) != sets(other)


def test_only_an_editor_makes_a_batch(boats) -> None:
    viewer = factories.member(boats.project, "viewer")

    with pytest.raises(NotAllowed):
        batches.create(project=boats.project, name="x", questions=[compare(boats)], plan=Plan(), by=viewer)


def test_questions_of_another_project_are_refused(boats) -> None:
    other = factories.overall(factories.project("elsewhere"))

    with pytest.raises(Refused, match="does not belong to this project"):
        batch(boats, questions=[compare(boats, criterion=other.pk)])


def test_a_comparison_of_groups_is_refused_before_anything_is_drawn(boats) -> None:
    with pytest.raises(Refused, match="exactly 2 samples"):
        batch(boats, shape="all")
    assert not Batch.objects.exists()


def test_a_rule_that_finds_nothing_is_refused(boats) -> None:
    with pytest.raises(Refused, match="finds nothing"):
        batch(boats, narrowed={"words": "submarine"})


def test_drawing_anew_takes_other_items(boats) -> None:
    made = batch(boats)

    batches.redraw(batch=made, plan=Plan(per_prompt=None), by=boats.admin)

    assert made.items.count() == 3 * 6


# -- opening ----------------------------------------------------------------------------------------------------------


def test_opening_binds_the_guideline_and_makes_the_slots(boats) -> None:
    criteria.add_guideline(project=boats.project, text="Look at all of it.")
    made = batch(boats, settings={"overlap": 2})

    opened = batches.open_batch(batch=made, by=boats.admin)

    assert opened.guideline.number == 1
    assert opened.opened_at is not None
    assert Slot.objects.filter(batch=made, state="open").count() == 3 * 2


def test_a_batch_without_items_does_not_open(boats) -> None:
    made = batch(boats)
    made.items.all().delete()

    with pytest.raises(Refused, match="no items"):
        batches.open_batch(batch=made, by=boats.admin)


def test_gold_that_is_not_there_is_not_dealt_out(boats) -> None:
    made = batch(boats, settings={"gold_share": 0.1})

    with pytest.raises(Refused, match="10 % of what people see"):
        batches.open_batch(batch=made, by=boats.admin)


def test_a_qualification_needs_every_answer(boats) -> None:
    made = batch(boats, kind=Batch.Kind.QUALIFICATION)
    first, *rest = made.items.all()
    gold_items.answer(item=first, payload={"questions": {"overall": {"outcome": "left"}}}, by=boats.admin)

    with pytest.raises(Refused, match="2 of 3 items have no right answer"):
        batches.open_batch(batch=made, by=boats.admin)

    for item in rest:
        gold_items.answer(item=item, payload={"questions": {"overall": {"outcome": "right"}}}, by=boats.admin)
    assert batches.open_batch(batch=made, by=boats.admin).state == Batch.State.OPEN
    assert set(made.items.values_list("purpose", flat=True)) == {"qualification"}


def test_what_an_open_batch_asks_stands_even_for_the_database(boats) -> None:
    made = batch(boats, is_open=True)

    with pytest.raises(Conflict):
        batches.change_questions(batch=made, questions=[compare(boats, tie=False)], by=boats.admin)
    with pytest.raises(IntegrityError, match="what it asks cannot change"), transaction.atomic():
        Batch.objects.filter(pk=made.pk).update(questions=[compare(boats, tie=False)])


def test_settings_that_decide_who_is_asked_what_stop_changing_when_it_opens(boats) -> None:
    made = batch(boats, is_open=True)

    with pytest.raises(Refused, match="no longer changes"):
        batches.change_settings(batch=made, settings={"repeat_share": 0.2}, by=boats.admin)

    batches.change_settings(batch=made, settings={"name": "second look", "repeat_share": 0.0}, by=boats.admin)
    made.refresh_from_db()
    assert made.name == "second look"


def test_gold_and_repeats_cannot_be_more_than_everything(boats) -> None:
    made = batch(boats, settings={"gold_share": 0.7})

    with pytest.raises(Refused, match="more than everything"):
        batches.change_settings(batch=made, settings={"repeat_share": 0.4}, by=boats.admin)


def test_a_draft_is_deleted_and_an_open_batch_is_not(boats) -> None:
    draft, opened = batch(boats), batch(boats, is_open=True)

    batches.delete(batch=draft, by=boats.admin)

    with pytest.raises(Conflict, match="is open by now"):
        batches.delete(batch=opened, by=boats.admin)
    assert list(Batch.objects.all()) == [opened]


def test_a_batch_pauses_goes_on_and_closes_once(boats) -> None:
    made = batch(boats, is_open=True)

    assert batches.pause(batch=made, by=boats.admin).state == "paused"
    assert batches.resume(batch=made, by=boats.admin).state == "open"
    assert batches.close(batch=made, by=boats.admin).closed_at is not None
    with pytest.raises(Conflict):
        batches.resume(batch=made, by=boats.admin)


# -- requests ---------------------------------------------------------------------------------------------------------


def test_requests_become_items_and_are_taken_when_it_opens(boats) -> None:
    first, second = boats.samples[0][:2]
    urgent = _request(boats, 1, boats.samples[1][:2], priority=5)
    calm = _request(boats, 0, [second, first])
    whole = Request.objects.create(
        project=boats.project, audience="people", prompt=boats.prompts[2], because="no votes yet"
    )

    made = batch(boats, rule="requests")

    assert list(made.items.values_list("request", flat=True)) == [urgent.pk, calm.pk]
    assert made.rule["notes"] == ["1 request does not fit and stays open."]
    batches.open_batch(batch=made, by=boats.admin)
    assert _states(urgent, calm, whole) == ["taken", "taken", "open"]


def test_requests_nobody_answered_are_open_again_when_it_closes(boats) -> None:
    asked = _request(boats, 0, boats.samples[0][:2])
    made = batch(boats, rule="requests", is_open=True)

    batches.close(batch=made, by=boats.admin)

    assert _states(asked) == ["open"]


def _request(boats: World, prompt: int, pair, priority: float = 0) -> Request:
    return Request.objects.create(
        project=boats.project,
        audience="people",
        prompt=boats.prompts[prompt],
        left_sample=pair[0],
        right_sample=pair[1],
        because="close call",
        priority=priority,
    )


def _states(*rows: Request) -> list[str]:
    return [Request.objects.get(pk=row.pk).state for row in rows]


# -- more of it -------------------------------------------------------------------------------------------------------


def test_more_items_by_the_same_rule_are_never_the_same_ones(boats) -> None:
    made = batch(boats, per_prompt=2, is_open=True)
    before = {tuple(ids) for ids in made.items.values_list("sample_ids", flat=True)}

    found = batches.extend_items(batch=made, more=100, by=boats.admin)

    sets = [tuple(ids) for ids in made.items.values_list("sample_ids", flat=True)]
    assert found == 6
    assert len(set(sets)) == len(sets) == 12
    assert before < set(sets)
    assert Slot.objects.filter(batch=made).count() == 12
    made.refresh_from_db()
    assert [entry["items"] for entry in made.rule["extended"]] == [6]


def test_extending_beyond_what_there_is_says_so(boats) -> None:
    made = batch(boats, per_prompt=None)

    with pytest.raises(Refused, match="nothing more"):
        batches.extend_items(batch=made, more=5, by=boats.admin)


def test_more_people_an_item_get_slots_of_their_own(boats) -> None:
    made = batch(boats, is_open=True)

    batches.extend_overlap(batch=made, overlap=3, by=boats.admin)

    assert Slot.objects.filter(batch=made).count() == 9
    with pytest.raises(Refused, match="asked of 3 already"):
        batches.extend_overlap(batch=made, overlap=2, by=boats.admin)


# -- people -----------------------------------------------------------------------------------------------------------


def test_people_by_name_may_judge_and_others_may_not(boats) -> None:
    anna, ben = factories.member(boats.project, "annotator"), factories.member(boats.project, "annotator")
    made = batch(boats, settings={"is_open_to_members": False}, is_open=True)

    batches.set_people(batch=made, users=[anna], by=boats.admin)

    assert Batch.objects.for_person(anna).filter(pk=made.pk).exists()
    assert not Batch.objects.for_person(ben).filter(pk=made.pk).exists()


def test_whoever_has_begun_is_removed_and_not_forgotten(boats) -> None:
    anna, ben = factories.member(boats.project, "annotator"), factories.member(boats.project, "annotator")
    made = batch(boats, settings={"is_open_to_members": False}, is_open=True)
    batches.set_people(batch=made, users=[anna, ben], by=boats.admin)
    Participant.objects.filter(rater__user=anna).update(served=3, state="active")

    batches.set_people(batch=made, users=[], by=boats.admin)

    assert list(Participant.objects.values_list("rater__user", "state")) == [(anna.pk, "removed")]
    batches.set_people(batch=made, users=[anna], by=boats.admin)
    assert Participant.objects.get(rater__user=anna).state == "invited"


# -- gold -------------------------------------------------------------------------------------------------------------


def test_gold_from_a_list_is_stored_in_the_order_of_the_item(boats) -> None:
    made = batch(boats)
    low, high = boats.samples[0][0], boats.samples[0][3]
    line = f'{{"left": "{high.key}", "right": "{low.key}", "outcome": "left", "criterion": "overall"}}'

    made_gold = gold_items.from_list(batch=made, found=listing.find(project=boats.project, text=line), by=boats.admin)

    gold = made.items.get(expected__isnull=False)
    assert made_gold == 1
    assert gold.sample_ids == [low.pk, high.pk]
    assert gold.purpose == "gold"
    assert gold.expected["questions"] == {"overall": {"outcome": "right"}}


def test_a_list_that_answers_nothing_asked_here_is_refused(boats) -> None:
    made = batch(boats)
    row = '{"samples": ["boats-p0-s0", "boats-p0-s1"], "ranks": [1, 2]}'

    with pytest.raises(Refused, match="of the kind rank, which nobody asks here"):
        gold_items.from_list(batch=made, found=listing.find(project=boats.project, text=row), by=boats.admin)


def test_pairs_everybody_agrees_on_become_gold(boats) -> None:
    made = batch(boats, narrowed={"tags": ("tag1",)})
    agreed, disputed = boats.samples[0][:2], boats.samples[0][2:]
    people = [factories.rater(boats.project) for _ in range(3)]
    for place, person in enumerate(people):
        turned = agreed if place % 2 else agreed[::-1]
        _said(boats, person, turned, "left" if turned[0] == agreed[0] else "right")
        _said(boats, person, disputed, "left" if place else "right")

    found = gold_items.from_judgements(
        batch=made, question="overall", least=3, number=9, by=boats.admin, adjudicated=False
    )

    gold = made.items.get(expected__isnull=False)
    assert found == 1
    assert gold.sample_ids == [agreed[0].pk, agreed[1].pk]
    assert gold.expected == {"questions": {"overall": {"outcome": "left"}}}


def test_the_word_of_an_adjudicator_becomes_gold(boats) -> None:
    made = batch(boats, narrowed={"tags": ("tag1",)})
    person, judge = factories.rater(boats.project), factories.rater(boats.project)
    pair = boats.samples[0][:2]
    first = _said(boats, person, pair, "left")
    last = _said(boats, judge, pair, "left")

    with pytest.raises(Refused, match="No pair is known that well"):
        gold_items.from_judgements(batch=made, question="overall", least=1, number=9, by=boats.admin, adjudicated=True)

    JudgementLink.objects.create(judgement=last, source=first, kind="adjudicates")
    assert (
        gold_items.from_judgements(batch=made, question="overall", least=1, number=9, by=boats.admin, adjudicated=True)
        == 1
    )


def _said(boats: World, rater, pair, outcome: str):
    left, right = (Subject(row.pk, row.prompt_id) for row in pair)
    act = Act(rater.pk, "compare", comparisons=[NewComparison(left, right, boats.overall.pk, outcome)])
    return judgements.record(project=boats.project, acts=[act])[0]


def test_an_item_in_peoples_hands_no_longer_becomes_gold(boats) -> None:
    made = batch(boats, is_open=True)

    with pytest.raises(Refused, match="can no longer become gold"):
        gold_items.answer(
            item=made.items.first(), payload={"questions": {"overall": {"outcome": "left"}}}, by=boats.admin
        )


def test_right_answers_to_questions_that_are_gone_go_with_them(boats) -> None:
    made = batch(boats)
    gold_items.answer(item=made.items.first(), payload={"questions": {"overall": {"outcome": "left"}}}, by=boats.admin)

    batches.change_questions(batch=made, questions=[compare(boats, key="taste")], by=boats.admin)

    item = made.items.first()
    assert (item.expected, item.purpose) == (None, "label")


# -- the estimate -----------------------------------------------------------------------------------------------------


def test_the_estimate_counts_answers_and_says_that_its_hours_are_assumed(boats) -> None:
    made = batch(boats, settings={"overlap": 2, "repeat_share": 0.2})

    estimate = estimating.of_batch(made)

    assert (estimate.items, estimate.answers) == (3, 8)
    assert estimate.hours == pytest.approx(8 * 7 / 3600)
    assert not estimate.is_measured
    assert "assumption" in estimate.source


def test_the_estimate_stands_on_earlier_answers_to_the_same_kinds(boats) -> None:
    earlier = batch(boats, per_prompt=2, is_open=True)
    _answered(earlier, [4.0, 5.0, 6.0, 50.0, 3.0])
    made = batch(boats)

    estimate = estimating.of_batch(made)

    assert estimate.is_measured
    assert estimate.seconds == 5.0
    assert "median of 5 earlier answers" in estimate.source


def _answered(of: Batch, seconds: list[float]) -> None:
    rater = factories.rater(of.project)
    now = timezone.now()
    for number, (slot, took) in enumerate(zip(Slot.objects.filter(batch=of), seconds)):  # noqa: B905 - fewer answers
        assignment = Assignment.objects.create(
            item_id=slot.item_id,
            batch=of,
            slot=slot,
            rater=rater,
            purpose="label",
            state="done",
            presentation={"order": []},
            leased_at=now,
            lease_until=now + timedelta(minutes=1),
            ended_at=now,
        )
        Answer.objects.create(
            assignment=assignment, client_key=f"k{number}", payload={"questions": {}}, seconds=took, created_at=now
        )
