"""Disagreements: how far answers lie apart, who decides, and that a decision overwrites nothing."""

from __future__ import annotations

import pytest

from annotation import disagreement, questions
from annotation.actions import adjudicating
from annotation.models import Batch, Item, Participant
from annotation.models import disagreements as reads
from curation.actions import raters
from curation.errors import Refused
from curation.models import Comparison, Judgement, JudgementLink, RaterStanding
from tests import factories
from tests.annotation import hands

COMPARE = {"key": "q", "kind": "compare", "text": "Which?", "criterion": 1}
PICK = {"key": "q", "kind": "pick", "text": "Best?", "criterion": 1}
RANK = {"key": "q", "kind": "rank", "text": "Order?", "criterion": 1}
FIVE = {"key": "q", "kind": "rate", "text": "How?", "criterion": 1, "levels": [{"value": n} for n in (1, 2, 3, 4, 5)]}
TWO = {**FIVE, "levels": [{"value": 0, "label": "no"}, {"value": 1, "label": "yes"}]}
TEN = {"key": "q", "kind": "rate", "text": "How?", "criterion": 1, "low": 0, "high": 10}
CHECK = {
    "key": "q",
    "kind": "check",
    "text": "See?",
    "items": [{"key": "hands", "criterion": 1}, {"key": "face", "criterion": 1}],
}


def measured(question: dict, *said: dict) -> disagreement.Measured:
    asked = questions.parse([question])
    (one,) = disagreement.measure(asked, [{"questions": {"q": each}} for each in said])
    return one


def verdicts(*outcomes: str) -> list[dict]:
    return [{"outcome": outcome} for outcome in outcomes]


@pytest.mark.parametrize(
    ("question", "said", "spread", "is_disagreed"),
    [
        (COMPARE, verdicts("left", "left"), 0, False),
        (COMPARE, verdicts("left", "right"), 1, True),
        (COMPARE, verdicts("left", "tie"), 0.5, False),
        (COMPARE, verdicts("both-bad", "tie"), 1, True),
        (COMPARE, verdicts("left", "left", "right"), 2 / 3, True),
        (COMPARE, verdicts("left", "left", "left", "left", "right"), 0.4, False),
        (PICK, [{"best": 1}, {"best": None}], 1, True),
        (PICK, [{"best": 1}, {"best": 1}], 0, False),
        (RANK, [{"ranks": [1, 2, 3]}, {"ranks": [3, 2, 1]}], 1, True),
        (RANK, [{"ranks": [1, 2, 3]}, {"ranks": [1, 3, 2]}], 1 / 3, False),
        (RANK, [{"ranks": [1, 1, 2]}, {"ranks": [1, 2, 3]}], 1 / 6, False),
        (RANK, [{"ranks": [1, 2, None]}, {"ranks": [2, 1, 3]}], 1, True),
        (FIVE, [{"values": [1, 4]}, {"values": [2, 4]}], 0.25, False),
        (FIVE, [{"values": [1, 4]}, {"values": [3, 4]}], 0.5, True),
        (TWO, [{"values": [0]}, {"values": [1]}], 1, True),
        (TEN, [{"values": [2.0]}, {"values": [4.5]}], 0.25, False),
        (TEN, [{"values": [2.0]}, {"values": [5.0]}], 0.3, True),
        (CHECK, [{"values": {"hands": [1, row], "face": [1, 1]}} for row in (0, 1)], 0.25, True),
        (CHECK, [{"values": {"hands": [1, 0], "face": [1, 1]}}] * 2, 0, False),
    ],
)  # fmt: skip
def test_how_far_answers_lie_apart(question, said, spread, is_disagreed):
    found = measured(question, *said)

    assert (found.spread, found.is_disagreed) == (pytest.approx(spread, abs=1e-12), is_disagreed)


def test_one_answer_cannot_disagree():
    asked = questions.parse([COMPARE])

    assert disagreement.measure(asked, [{"questions": {"q": {"outcome": "left"}}}]) == []


# -- in the database ---------------------------------------------------------------------------------------------------

pytestmark = pytest.mark.django_db


@pytest.fixture
def project():
    return factories.project()


@pytest.fixture
def people(project):
    return [factories.member(project, "annotator") for _number in range(3)]


def judged(batch: Batch, votes: dict) -> None:
    """Each person answers every item: `votes[person][item position]` is the sample they prefer."""
    for person, preferred in votes.items():
        for assignment in hands.lease(batch, person, want=len(preferred)):
            hands.prefer(assignment, person, preferred[assignment.item.position])


def test_items_people_disagree_about_are_found_whatever_the_sides(project, people):
    batch = hands.batch(project, items=4, overlap=2)
    judged(batch, {people[0]: [0, 0, 1, 0], people[1]: [0, 1, 1, 1]})

    looked = reads.look(batch, want=10)

    assert [one.item.position for one in looked.found] == [1, 3]
    assert (looked.looked_at, looked.next_position) == (4, None)
    assert {voice.rater.user for voice in looked.found[0].voices} == set(people[:2])


def test_an_item_is_looked_at_once_everybody_it_was_meant_for_has_answered(project, people):
    batch = hands.batch(project, items=2, overlap=3)
    judged(batch, {people[0]: [0, 0], people[1]: [1, 1]})
    assert reads.look(batch, want=10).found == []

    judged(batch, {people[2]: [0, 0]})

    assert len(reads.look(batch, want=10).found) == 2


def test_who_is_quarantined_does_not_make_a_disagreement(project, people):
    batch = hands.batch(project, items=1, overlap=2)
    judged(batch, {people[0]: [0], people[1]: [1]})
    suspect = raters.for_user(people[1])
    since = batch.opened_at
    raters.set_standing(
        project=project, rater=suspect, state=RaterStanding.State.QUARANTINED, since=since, reason="gold", by=None
    )

    assert reads.look(batch, want=10).found == []


def test_a_walk_stops_and_goes_on(project, people):
    batch = hands.batch(project, items=5, overlap=2)
    judged(batch, {people[0]: [0] * 5, people[1]: [1] * 5})

    first = reads.look(batch, want=2)
    second = reads.look(batch, want=10, after=first.next_position)

    assert [one.item.position for one in (*first.found, *second.found)] == [0, 1, 2, 3, 4]


@pytest.mark.capability("B6")
def test_a_disagreed_item_goes_to_adjudication_and_the_decision_overwrites_nothing(project, people):
    batch = hands.batch(project, items=3, overlap=2)
    judged(batch, {people[0]: [0, 0, 0], people[1]: [0, 1, 0]})
    curator, judge = factories.member(project, "curator"), factories.member(project, "annotator")
    votes = set(Judgement.objects.filter(answers_of__assignment__item__position=1).values_list("pk", flat=True))

    queued = adjudicating.open_queue(batch=batch, people=[judge], name="decide", by=curator)
    decision = hands.answer_next(queued.batch, judge, hands.verdict("right"))

    assert (queued.items, queued.left_out) == (1, 0)
    made = queued.batch
    assert (made.kind, made.overlap, made.is_open_to_members) == ("adjudication", 1, False)
    assert made.questions == batch.questions
    assert set(Item.objects.get(batch=made).about) == votes
    judgement = decision.judgements.get()
    links = JudgementLink.objects.filter(judgement=judgement)
    assert {(link.source_id, link.kind) for link in links} == {(pk, "adjudicates") for pk in votes}
    assert not Judgement.objects.filter(pk__in=votes).exclude(retracted_at=None).exists()
    assert Comparison.objects.living().filter(judgement__in=[*votes, judgement.pk]).count() == 3


def test_nobody_decides_what_they_judged_themselves(project, people):
    batch = hands.batch(project, items=2, overlap=2)
    judged(batch, {people[0]: [0, 0], people[1]: [1, 1]})
    curator = factories.member(project, "curator")

    with pytest.raises(Refused, match="Everybody you chose has judged all of these items"):
        adjudicating.open_queue(batch=batch, people=people[:2], name="decide", by=curator)
    queued = adjudicating.open_queue(batch=batch, people=[people[0], people[2]], name="decide", by=curator)

    assert hands.lease(queued.batch, people[0]) == []
    assert len(hands.lease(queued.batch, people[2], want=5)) == 2
    assert set(Participant.objects.filter(batch=queued.batch).values_list("rater__user", flat=True)) == {
        people[0].pk,
        people[2].pk,
    }


def test_items_that_all_chosen_have_judged_are_left_out_and_counted(project, people):
    batch = hands.batch(project, items=2, overlap=2)
    judged(batch, {people[0]: [0, 0], people[1]: [1]})
    (last,) = hands.lease(batch, people[2])
    hands.prefer(last, people[2], 1)

    queued = adjudicating.open_queue(
        batch=batch, people=people[:2], name="decide", by=factories.member(project, "curator")
    )

    assert (queued.items, queued.left_out) == (1, 1)
    assert Item.objects.get(batch=queued.batch).sample_ids == last.item.sample_ids


def test_a_disagreement_is_queued_once(project, people):
    batch = hands.batch(project, items=2, overlap=2)
    judged(batch, {people[0]: [0, 0], people[1]: [1, 1]})
    curator = factories.member(project, "curator")
    assert len(adjudicating.offered(batch).found) == 2
    adjudicating.open_queue(batch=batch, people=[people[2]], name="decide", by=curator)

    assert adjudicating.offered(batch).found == []
    with pytest.raises(Refused, match="no disagreement"):
        adjudicating.open_queue(batch=batch, people=[people[2]], name="again", by=curator)


def test_nobody_chosen_is_refused(project):
    batch = hands.batch(project, items=1, overlap=2)

    with pytest.raises(Refused, match="at least one person"):
        adjudicating.open_queue(batch=batch, people=[], name="decide", by=factories.member(project, "curator"))


def test_an_adjudication_is_not_adjudicated(project, people):
    batch = hands.batch(project, items=1, kind=Batch.Kind.ADJUDICATION)

    with pytest.raises(Refused, match="decides disagreements itself"):
        adjudicating.open_queue(batch=batch, people=people, name="decide", by=factories.member(project, "curator"))


# -- the page ----------------------------------------------------------------------------------------------------------


def test_the_page_shows_everybodys_answers_and_opens_the_queue(client, project, people):
    batch = hands.batch(project, items=2, overlap=2)
    judged(batch, {people[0]: [0, 0], people[1]: [1, 0]})
    curator, judge = factories.member(project, "curator"), people[2]
    address = f"/projects/{project.slug}/batches/{batch.pk}/disagreements/"
    client.force_login(curator)

    page = client.get(address).content.decode()
    assert ("A is better" in page, "B is better" in page, "1 disagreement" in page) == (True, True, True)
    assert raters.for_user(people[0]).name in page
    assert f"{people[0].username} ·" not in page, "a curator sees pseudonyms"
    assert client.post(address, {"name": "decide"}).status_code == 400
    sent = client.post(address, {"name": "decide", "people": [judge.pk]})

    made = Batch.objects.get(name="decide")
    assert sent["Location"] == f"/projects/{project.slug}/batches/{made.pk}/"
    hands.answer_next(made, judge)
    after = client.get(address).content.decode()
    assert "decided" in after
    assert "every disagreement so far was put before somebody" in after


def test_an_admin_sees_accounts_and_a_viewer_may_not_open_a_queue(client, project, people):
    batch = hands.batch(project, items=1, overlap=2)
    judged(batch, {people[0]: [0], people[1]: [1]})
    address = f"/projects/{project.slug}/batches/{batch.pk}/disagreements/"
    client.force_login(factories.member(project, "admin"))
    assert f"{people[0].username} ·" in client.get(address).content.decode()

    client.force_login(factories.member(project, "viewer"))
    assert f"{people[0].username} ·" not in client.get(address).content.decode()
    assert client.post(address, {"name": "decide", "people": [people[2].pk]}).status_code == 403
    assert not Batch.objects.filter(kind="adjudication").exists()
