"""What this room tells a consensus: who fails known answers, and which answers were picked."""

import pytest

from annotation.models import Batch, trust
from curation.models import Judgement
from curation.models.consensus_frames import asking
from tests import factories
from tests.annotation import hands

pytestmark = pytest.mark.django_db


def test_the_room_hands_its_readers_in():
    assert (asking.picked, asking.failing) == (trust.picked, trust.failing)


@pytest.mark.parametrize(("rule", "is_picked"), [("random", False), ("round-robin", False), ("disagreement", True)])
def test_answers_of_a_batch_that_picks_are_told(rule, is_picked):
    project, other = factories.project("boats"), factories.project("trains")
    batch = Batch.objects.create(project=project, name="b", questions=[], seed=1, rule={"rule": rule})
    person = factories.rater(project, "anne")
    fields = {"rater": person, "act": "compare", "at": batch.created_at}
    mine = Judgement.objects.create(project=project, batch_key=f"{batch.pk}/7", client_key="1", **fields)
    Judgement.objects.create(project=project, batch_key=f"{batch.pk}0/7", client_key="2", **fields)
    Judgement.objects.create(project=project, batch_key="", client_key="3", **fields)

    assert trust.picked(project.pk) == ([mine.pk] if is_picked else [])
    assert trust.picked(other.pk) == []


@pytest.mark.parametrize(("right", "wrong", "fails"), [(3, 5, True), (4, 4, False), (0, 7, False)])
def test_whoever_is_wrong_more_often_than_right_fails(right, wrong, fails):
    project = factories.project()
    person = factories.member(project, "annotator")
    batch = hands.batch(project, items=4, opened=False, gold_share=1.0, gold_bar=None)
    for _number in range(12):
        hands.gold_item(batch)
    hands.open_(batch)
    for is_right in [True] * right + [False] * wrong:
        (held,) = hands.lease(batch, person)
        is_as_stored = held.presentation["order"] == held.item.sample_ids
        hands.answer(held, person, hands.verdict("left" if is_right == is_as_stored else "right"))

    rater = Judgement.objects.first().rater_id
    assert trust.failing(project.pk) == ([rater] if fails else [])
    assert trust.failing(factories.project("other").pk) == []
