"""What known answers say of a person: paused below the bar, kindly; kept apart, not deleted; passed or failed."""

from __future__ import annotations

import pytest

from annotation.actions import answering, leasing, standing
from annotation.models import Answer, Batch, Participant
from curation.actions import raters
from curation.errors import Refused
from curation.models import Comparison, Judgement, RaterStanding
from tests import factories
from tests.annotation import hands

pytestmark = pytest.mark.django_db

LEFT_IS_RIGHT = {True: "left", False: "right"}


@pytest.fixture
def project():
    return factories.project()


@pytest.fixture
def person(project):
    return factories.member(project, "annotator")


@pytest.fixture
def admin(project):
    return factories.member(project, "admin")


def _batch(project, *, gold: int = 12, **fields) -> Batch:
    """Only gold comes, so that a test is about the rule: share 1 needs no labels."""
    fields.setdefault("gold_bar", 0.75)
    batch = hands.batch(project, items=4, opened=False, gold_share=1.0, gold_least=4, **fields)
    for _number in range(gold):
        hands.gold_item(batch)
    return hands.open_(batch)


def _answer(batch, user, is_right: bool) -> Answer:
    (held,) = hands.lease(batch, user)
    return _answer_held(held, user, is_right)


def _answer_held(held, user, is_right: bool) -> Answer:
    # The right outcome is "left" over the item's own order; shown the other way round it is "right".
    is_as_stored = held.presentation["order"] == held.item.sample_ids
    said = LEFT_IS_RIGHT[is_right == is_as_stored]
    return hands.answer(held, user, hands.verdict(said))


def _person(batch, user) -> Participant:
    return Participant.objects.get(batch=batch, rater__user=user)


def test_below_the_bar_a_rater_pauses_and_is_told_kindly(project, person):
    batch = _batch(project)

    rows = [_answer(batch, person, is_right) for is_right in (True, True, False, False)]

    paused = _person(batch, person)
    assert paused.state == "paused"
    assert "Nothing you did is lost" in paused.reason
    assert "gold" not in paused.reason.lower()
    told = leasing.lease(batch=batch, user=person, want=1)
    assert (told.state, list(told.assignments)) == ("rater-paused", [])
    newest = RaterStanding.objects.get()
    assert (newest.state, newest.since) == ("quarantined", rows[2].judgements.get().at)
    assert "2 of the last 4" in newest.reason


def test_at_the_bar_nobody_pauses(project, person):
    batch = _batch(project)

    for is_right in (True, True, True, False, True, True, True):
        _answer(batch, person, is_right)

    assert _person(batch, person).state == "active"
    assert not RaterStanding.objects.exists()


def test_before_there_are_enough_known_answers_nobody_pauses(project, person):
    batch = _batch(project)

    for _number in range(3):
        _answer(batch, person, False)

    assert _person(batch, person).state == "active"


def test_only_the_last_known_answers_count(project, person):
    batch = _batch(project)
    for is_right in (True,) * 6 + (False,):
        _answer(batch, person, is_right)
    assert _person(batch, person).state == "active"

    _answer(batch, person, False)

    assert _person(batch, person).state == "paused"


def test_without_a_bar_nobody_pauses(project, person):
    batch = _batch(project, gold_bar=None)

    for _number in range(6):
        _answer(batch, person, False)

    assert _person(batch, person).state == "active"


def test_what_a_paused_rater_said_is_kept_apart_and_not_deleted(project, person):
    batch = _batch(project)
    before = _answer(batch, person, True)

    rows = [_answer(batch, person, False) for _number in range(3)]

    kept = set(Judgement.objects.outside_quarantine().values_list("pk", flat=True))
    assert kept == set(before.judgements.values_list("pk", flat=True))
    assert Judgement.objects.living().count() == 4
    assert Comparison.objects.living().count() == 4
    assert Answer.objects.current().count() == 4
    assert all(row.payload for row in rows)


def test_the_pause_holds_in_every_batch_of_the_project_and_in_no_other(project, person):
    batch, sibling = _batch(project), hands.batch(project, items=2)
    elsewhere = factories.project()
    foreign = hands.batch(elsewhere, items=2)
    for other in (sibling, foreign):
        other.participants.create(rater=raters.for_user(person))

    for _number in range(4):
        _answer(batch, person, False)

    assert _person(sibling, person).state == "paused"
    assert _person(foreign, person).state == "active"


def test_an_admin_trusts_again_and_everything_counts_again(project, person, admin):
    batch = _batch(project)
    for _number in range(4):
        _answer(batch, person, False)

    standing.reinstate(participant=_person(batch, person), reason="The guideline was unclear.", by=admin)

    assert (_person(batch, person).state, _person(batch, person).reason) == ("active", "")
    assert Judgement.objects.outside_quarantine().count() == 4
    assert [row.state for row in RaterStanding.objects.order_by("pk")] == ["quarantined", "trusted"]
    for _number in range(3):  # known answers from before the pause count no more
        _answer(batch, person, False)
        assert _person(batch, person).state == "active"
    _answer(batch, person, False)
    assert _person(batch, person).state == "paused"


def test_only_a_paused_person_can_be_trusted_again(project, person, admin):
    batch = _batch(project)
    _answer(batch, person, True)

    with pytest.raises(Refused, match="not paused"):
        standing.reinstate(participant=_person(batch, person), by=admin)


def test_an_admin_pauses_with_a_reason_from_the_beginning(project, person, admin):
    batch = _batch(project)
    _answer(batch, person, True)
    with pytest.raises(Refused, match="Say why"):
        standing.pause(participant=_person(batch, person), reason=" ", by=admin)

    standing.pause(participant=_person(batch, person), reason="Forty answers a minute.", by=admin)

    newest = RaterStanding.objects.get()
    assert (newest.set_by, newest.reason) == (admin, "Forty answers a minute.")
    assert not Judgement.objects.outside_quarantine().exists()
    assert standing.is_quarantined(project_id=project.pk, rater=newest.rater)


def test_a_second_quarantine_never_shortens_the_first(project, person, admin):
    batch = _batch(project)
    held = hands.lease(batch, person, 4)  # still in hand when the pause comes
    first = _answer_held(held[0], person, True)
    participant = _person(batch, person)
    standing.pause(participant=participant, since=first.created_at, reason="too fast", by=admin)
    Participant.objects.filter(pk=participant.pk).update(state="active")

    for one in held[1:]:
        _answer_held(one, person, False)

    newest = RaterStanding.objects.order_by("-pk")[0]
    assert newest.since == first.created_at


def _qualification(project, items: int = 4, **fields) -> Batch:
    batch = hands.batch(project, opened=False, kind="qualification", pass_bar=0.75, **fields)
    for _number in range(items):
        hands.gold_item(batch, purpose="qualification")
    return hands.open_(batch)


@pytest.mark.parametrize(("rights", "state"), [(4, "passed"), (3, "passed"), (2, "failed")])
def test_a_qualification_ends_when_everything_is_answered(project, person, rights, state):
    batch = _qualification(project)

    for number in range(4):
        assert not Participant.objects.filter(batch=batch, state__in=["passed", "failed"]).exists()
        _answer(batch, person, number < rights)

    ended = _person(batch, person)
    assert ended.state == state
    assert f"{rights} of 4" in ended.reason


def test_what_is_skipped_in_a_qualification_was_not_right(project, person):
    batch = _qualification(project)
    (held,) = hands.lease(batch, person)
    answering.skip(batch=batch, user=person, assignment_id=held.pk, reason="cannot-judge")

    for is_right in (True, True, True):
        _answer(batch, person, is_right)

    assert _person(batch, person).state == "passed"  # 3 of 4 at a bar of three quarters


def test_a_qualification_ends_with_a_skip_too(project, person):
    batch = _qualification(project, items=2)
    _answer(batch, person, True)
    (held,) = hands.lease(batch, person)

    answering.skip(batch=batch, user=person, assignment_id=held.pk, reason="cannot-judge")

    assert _person(batch, person).state == "failed"  # 1 of 2 at a bar of three quarters


def test_a_qualification_keeps_nothing_apart(project, person):
    batch = _qualification(project)

    for _number in range(4):
        _answer(batch, person, False)

    assert not RaterStanding.objects.exists()
