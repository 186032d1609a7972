"""A withdrawn consent: nothing personal is left, what was said no longer counts, and the counts hold."""

from __future__ import annotations

import json

import pytest
from django.apps import apps
from django.db import connection

from annotation.actions import consent, leasing, reviewing, withdrawing
from annotation.models import Answer, Assignment, Batch, ConsentText, Participant, Review, Slot
from curation.actions import raters
from curation.errors import NotAllowed, Refused
from curation.models import Comparison, Consent, Flag, Judgement, Mark, Note, Rater, RaterStanding
from tests import factories
from tests.annotation import hands
from tests.curation.recipes.test_building import Scene

pytestmark = pytest.mark.django_db

# Everything this person ever typed holds this word.
SECRET = "xylophone"


@pytest.fixture
def project():
    return factories.project()


@pytest.fixture
def admin(project):
    return factories.member(project, "admin", name="boss")


@pytest.fixture
def person(project, admin):
    user = factories.member(project, "annotator", name=f"{SECRET}-annie")
    text = consent.add_text(project=project, text="We keep your answers.", by=admin)
    consent.agree(project=project, user=user, number=text.number)
    return user


def rater_of(user) -> Rater:
    return raters.for_user(user)


def rich_batch(project) -> Batch:
    asked = [
        hands.compare_question(project, reason="optional"),
        {
            "key": "spots", "kind": "mark", "text": "Where?", "shapes": ["span"], "targets": ["prompt"],
            "required": False,
        },
        {"key": "why", "kind": "write", "text": "Why?", "required": False},
    ]  # fmt: skip
    return hands.batch(project, items=4, questions=asked, review_share=1.0)


def wordy() -> dict:
    mark = {"place": 0, "target": "prompt", "shape": "span", "start": 0, "end": 1, "error": "", "text": SECRET}
    return {
        "questions": {
            "overall": {"outcome": "left", "reason": f"{SECRET} reason"},
            "spots": {"marks": [mark]},
            "why": {"texts": [f"{SECRET} note", ""]},
        },
        "flags": [{"place": 1, "kind": "broken", "text": f"{SECRET} flag"}],
    }


def everything_said(project, person, admin) -> Batch:
    """Two answers, one of them changed, one returned; a skip; an item in hand; a standing with a reason."""
    from annotation.actions import answering

    batch = rich_batch(project)
    first = hands.answer_next(batch, person, wordy())
    changed = hands.answer(first.assignment, person, wordy(), revises=first.pk)
    reviewing.send_back(review=changed.review, by=admin, note=f"about {SECRET}")
    hands.answer_next(batch, person, wordy())
    (skipped,) = hands.lease(batch, person)
    answering.skip(batch=batch, user=person, assignment_id=skipped.pk, reason="other", text=f"{SECRET} skip")
    hands.lease(batch, person)
    raters.set_standing(
        project=project, rater=rater_of(person), state=RaterStanding.State.TRUSTED, since=batch.opened_at,
        reason=f"{SECRET} is fine", by=admin,
    )  # fmt: skip
    return batch


def rows_that_hold(word: str, *, but: set[str]) -> list[str]:
    """The tables and columns of the whole database in which a word stands, whatever their type."""
    found = []
    with connection.cursor() as cursor:
        for model in apps.get_models(include_auto_created=True):
            table = model._meta.db_table
            if table in but:
                continue
            cursor.execute(f'SELECT count(*) FROM "{table}" row WHERE row::text ILIKE %s', [f"%{word}%"])
            if cursor.fetchone()[0]:
                found.append(table)
    return found


def test_words_are_found_before_they_are_erased(project, person, admin):
    """The search itself works: a test that cannot fail would prove nothing."""
    everything_said(project, person, admin)

    found = rows_that_hold(SECRET, but=set())

    assert {"annotation_answer", "annotation_assignment", "annotation_review", "curation_judgement", "curation_note",
            "curation_mark", "curation_flag", "curation_raterstanding"} <= set(found)  # fmt: skip


@pytest.mark.capability("B6")
def test_nothing_personal_is_left_and_the_counts_hold(project, person, admin):
    batch = everything_said(project, person, admin)
    rater = rater_of(person)
    before = {
        model: model.objects.count()
        for model in (Answer, Assignment, Judgement, Comparison, Mark, Note, Flag, Slot, Consent)
    }
    answered = Participant.objects.get(batch=batch, rater=rater).answered

    done = withdrawing.withdraw(project=project, rater=rater, by=person)

    # The account itself stays: it may serve other projects. Nothing leads from what was said to it.
    assert rows_that_hold(SECRET, but={"curation_user"}) == []
    rater.refresh_from_db()
    assert (rater.user, rater.name) == (None, f"withdrawn-{rater.pk}")
    assert not Judgement.objects.filter(retracted_by=person).exists()
    assert {model: model.objects.count() for model in before} == before
    assert done.judgements == Judgement.objects.count() > 0
    assert not Judgement.objects.living().exists()
    assert not Comparison.objects.living().exists()
    assert Participant.objects.get(batch=batch, rater=rater).answered == answered == 2
    assert Consent.objects.get().withdrawn_at is not None


def test_what_was_in_hand_goes_back_to_the_queue(project, person, admin):
    batch = everything_said(project, person, admin)

    withdrawing.withdraw(project=project, rater=rater_of(person), by=person)

    assert not Assignment.objects.filter(state="leased").exists()
    assert not Slot.objects.filter(state="leased").exists()
    other = factories.member(project, "annotator")
    consent.agree(project=project, user=other, number=ConsentText.objects.get().number)
    assert len(hands.lease(batch, other, want=4)) == 2, "the skipped item and the one that was in hand"


def test_who_withdrew_judges_no_more_until_they_agree_again(project, person, admin):
    batch = everything_said(project, person, admin)
    withdrawing.withdraw(project=project, rater=rater_of(person), by=person)

    assert leasing.lease(batch=batch, user=person, want=1).state == "needs-consent"


def test_what_they_wrote_as_a_reviewer_is_erased_too(project, person, admin):
    batch = hands.batch(project, items=1, review_share=1.0)
    consent.agree(project=project, user=admin, number=ConsentText.objects.get().number)
    row = hands.answer_next(batch, admin)
    person.memberships.update(role="curator")
    reviewing.send_back(review=row.review, by=person, note=f"{SECRET} note")

    withdrawing.withdraw(project=project, rater=rater_of(person), by=person)

    review = Review.objects.get()
    assert (review.outcome, review.note) == ("returned", withdrawing.ERASED)


def test_others_keep_what_they_said(project, person, admin):
    batch = everything_said(project, person, admin)
    other = factories.member(project, "annotator")
    consent.agree(project=project, user=other, number=ConsentText.objects.get().number)
    hands.answer_next(batch, other)

    withdrawing.withdraw(project=project, rater=rater_of(person), by=person)

    assert Comparison.objects.living().count() == 1
    assert Answer.objects.exclude(payload=None).count() == 1


def test_only_the_person_or_an_admin_may_withdraw(project, person, admin):
    for role in ("curator", "viewer", "annotator"):
        with pytest.raises(NotAllowed):
            withdrawing.withdraw(project=project, rater=rater_of(person), by=factories.member(project, role))

    withdrawing.withdraw(project=project, rater=rater_of(person), by=admin)

    assert Consent.objects.get().withdrawn_at is not None


def test_without_a_consent_nothing_is_withdrawn_and_nothing_erased(project, admin):
    user = factories.member(project, "annotator")
    hands.answer_next(hands.batch(project, items=1), user)

    with pytest.raises(Refused, match="no living consent"):
        withdrawing.withdraw(project=project, rater=rater_of(user), by=user)

    assert Answer.objects.get().payload is not None


def test_rows_of_frozen_versions_are_named():
    scene = Scene()
    bob = factories.rater(scene.project, "Bob")
    raters.give_consent(project=scene.project, rater=bob, text_version="v1")
    scene.vote(scene.groups[0][0], scene.groups[0][1], "left", by=bob)
    scene.vote(scene.groups[1][0], scene.groups[1][1], "left")
    version = scene.build()

    done = withdrawing.withdraw(project=scene.project, rater=bob, by=factories.member(scene.project, "admin"))

    assert done.rows == {str(version): 1}
    version.refresh_from_db()
    assert (version.withdrawn_count, version.tombstones.count(), version.pair_count) == (1, 1, 2)


# -- pages -------------------------------------------------------------------------------------------------------------


def test_the_page_explains_and_withdraws_once_confirmed(client, project, person, admin):
    everything_said(project, person, admin)
    client.force_login(person)
    address = f"/projects/{project.slug}/consent/withdraw/"

    page = client.get(address).content.decode()
    assert "no longer count" in page
    assert "We keep your answers." in page
    assert client.post(address, {}).status_code == 400
    assert Consent.objects.get().withdrawn_at is None
    done = client.post(address, {"is_sure": "on"}, follow=True)

    assert "The consent is withdrawn" in done.content.decode()
    assert Consent.objects.get().withdrawn_at is not None
    assert "There is no consent to withdraw" in client.get(address).content.decode()


def test_ones_own_data_can_be_taken_along(client, project, person, admin):
    everything_said(project, person, admin)
    client.force_login(person)

    answer = client.get(f"/projects/{project.slug}/consent/data.jsonl")

    records = [json.loads(line) for line in b"".join(answer.streaming_content).decode().splitlines()]
    lists = {record["list"] for record in records}
    assert lists == {"consents", "batches", "items", "answers", "judgements", "reviews"}
    (answers, judgements_) = (
        [one for one in records if one["list"] == "answers"],
        [one for one in records if one["list"] == "judgements"],
    )
    assert len(answers) == Answer.objects.count() == 3
    assert len(judgements_) == Judgement.objects.count()
    assert answers[0]["payload"]["questions"]["overall"]["reason"] == f"{SECRET} reason"
    assert any(one.get("skip_text") == f"{SECRET} skip" for one in records)


def test_ones_own_data_holds_nothing_of_others(client, project, person, admin):
    batch = everything_said(project, person, admin)
    other = factories.member(project, "annotator")
    consent.agree(project=project, user=other, number=ConsentText.objects.get().number)
    hands.answer_next(batch, other)
    client.force_login(other)

    answer = client.get(f"/projects/{project.slug}/consent/data.jsonl")

    assert SECRET not in b"".join(answer.streaming_content).decode()


def test_an_admin_withdraws_for_a_person(client, project, person, admin):
    everything_said(project, person, admin)
    client.force_login(admin)
    rater = rater_of(person)
    address = f"/projects/{project.slug}/people/{rater.pk}/withdraw/"

    assert address in client.get(f"/projects/{project.slug}/consent/texts/").content.decode()
    assert SECRET in client.get(address).content.decode()
    assert client.get(f"/projects/{project.slug}/people/{rater.pk}/data.jsonl").status_code == 200
    client.post(address, {"is_sure": "on"})

    assert Consent.objects.get().withdrawn_at is not None


def test_a_person_of_another_project_cannot_be_withdrawn_here(client, project, person, admin):
    elsewhere = factories.project()
    boss = factories.member(elsewhere, "admin")
    client.force_login(boss)

    assert client.get(f"/projects/{elsewhere.slug}/people/{rater_of(person).pk}/withdraw/").status_code == 404
