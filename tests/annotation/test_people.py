"""How people come in and what they agree to: invitations, consent."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from django.db import connection
from django.urls import reverse
from django.utils import timezone

from annotation.actions import consent, invitations
from annotation.models import Invitation, Participant
from curation.errors import Conflict, NotAllowed, Refused
from curation.models import Consent, Membership, User
from tests import factories
from tests.annotation.world import World, batch, world

pytestmark = pytest.mark.django_db


@pytest.fixture
def boats() -> World:
    return world(1, 2)


def invite(boats: World, most: int = 1, days: float = 1, to=None) -> str:
    ends = timezone.now() + timedelta(days=days)
    _row, secret = invitations.make(
        project=boats.project, batch=to, label="", most=most, expires_at=ends, by=boats.admin
    )
    return secret


def test_the_secret_of_a_link_is_not_kept(boats) -> None:
    secret = invite(boats)

    kept = Invitation.objects.values().get()
    assert secret not in str(kept)
    assert invitations.find(secret=secret) is not None


def test_a_link_lets_a_person_in_as_annotator_and_participant(boats) -> None:
    made = batch(boats, settings={"is_open_to_members": False}, is_open=True)
    anna = factories.user("anna")

    invitations.accept(secret=invite(boats, to=made), user=anna)

    assert Membership.objects.get(user=anna).role == "annotator"
    assert Participant.objects.get(batch=made, rater__user=anna).state == "invited"
    assert made in type(made).objects.for_person(anna)


def test_a_role_that_is_there_stays_and_coming_again_costs_no_use(boats) -> None:
    curator = factories.member(boats.project, "curator")
    secret = invite(boats, to=batch(boats, is_open=True))

    invitations.accept(secret=secret, user=curator)
    invitations.accept(secret=secret, user=curator)

    assert Membership.objects.get(user=curator).role == "curator"
    assert Invitation.objects.get().used == 1


@pytest.mark.parametrize("how", ["used up", "over", "revoked", "unknown"])
def test_a_link_that_opens_nothing_says_the_same_whatever_the_reason(boats, client, how) -> None:
    secret = invite(boats, days=0.0001 if how == "over" else 1)
    row = Invitation.objects.get()
    if how == "used up":
        invitations.accept(secret=secret, user=factories.user())
    if how == "over":
        Invitation.objects.update(expires_at=timezone.now())
    if how == "revoked":
        invitations.revoke(invitation=row, by=boats.admin)
    secret = "x" * 32 if how == "unknown" else secret

    answer = client.get(reverse("join", args=[secret]))

    assert answer.status_code == 404
    assert "used up, over or revoked" in answer.content.decode()
    with pytest.raises(Refused, match="used up, over or revoked"):
        invitations.accept(secret=secret, user=factories.user())


def test_a_refused_link_leaves_nobody_half_in(boats) -> None:
    secret = invite(boats)
    invitations.accept(secret=secret, user=factories.user())
    late = factories.user("late")

    with pytest.raises(Refused):
        invitations.accept(secret=secret, user=late)
    with pytest.raises(Refused):
        invitations.accept_as_new(secret=secret, username="new", email="new@example.org", password="x")

    assert not Membership.objects.filter(user=late).exists()
    assert not User.objects.filter(username="new").exists()


def test_only_an_admin_makes_links_and_consent_texts(boats) -> None:
    curator = factories.member(boats.project, "curator")

    with pytest.raises(NotAllowed):
        invitations.make(
            project=boats.project,
            batch=None,
            label="",
            most=1,
            expires_at=timezone.now() + timedelta(days=1),
            by=curator,
        )
    with pytest.raises(NotAllowed):
        consent.add_text(project=boats.project, text="yes?", by=curator)


@pytest.mark.django_db(transaction=True)
def test_a_link_for_two_lets_two_of_eight_in_however_fast_they_are() -> None:
    boats = world(1, 2)
    secret = invite(boats, most=2)
    people = [factories.user() for _ in range(8)]
    barrier, outcomes = threading.Barrier(8), []

    def come(user: User) -> None:
        barrier.wait()
        try:
            invitations.accept(secret=secret, user=user)
            outcomes.append("in")
        except Refused:
            outcomes.append("out")
        finally:
            connection.close()

    threads = [threading.Thread(target=come, args=[user]) for user in people]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(outcomes) == ["in"] * 2 + ["out"] * 6
    assert Membership.objects.filter(user__in=people).count() == Invitation.objects.get().used == 2


def test_a_stranger_makes_an_account_and_is_in(boats, client) -> None:
    secret = invite(boats, to=batch(boats, is_open=True))
    address = reverse("join", args=[secret])
    form = {
        "username": "mira",
        "email": "mira@example.org",
        "password": "blue boat 47 east",
        "again": "blue boat 47 east",
    }

    assert "Boats" in client.get(address).content.decode()
    answer = client.post(address, form)

    assert answer["Location"] == reverse("work", args=["boats"])
    assert "first look" in client.get(answer["Location"]).content.decode()
    assert User.objects.get(username="mira").check_password("blue boat 47 east")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"again": "another one 47"}, "differ"),
        ({"password": "12345678", "again": "12345678"}, "too common"),
        ({"username": "ADMIN-TAKEN"}, "is taken"),
        ({"email": "Admin-taken@example.org"}, "already uses"),
    ],
)
def test_an_account_that_cannot_be_made_says_why_and_uses_nothing(boats, client, change, words) -> None:
    factories.user("admin-taken")
    secret = invite(boats)
    form = {
        "username": "mira",
        "email": "mira@example.org",
        "password": "blue boat 47 east",
        "again": "blue boat 47 east",
    }

    answer = client.post(reverse("join", args=[secret]), form | change)

    assert answer.status_code == 400
    assert words in answer.content.decode()
    assert Invitation.objects.get().used == 0


def test_the_link_is_shown_once_and_revoked_by_a_click(boats, client) -> None:
    client.force_login(boats.admin)
    address = reverse("invitations", args=["boats"])

    shown = client.post(address, {"label": "Anna", "most": 1, "days": 3, "batch": ""}).content.decode()
    again = client.get(address).content.decode()
    client.post(reverse("invitation_revoke", args=["boats", Invitation.objects.get().pk]))

    assert "/join/" in shown
    assert "/join/" not in again
    assert Invitation.objects.get().revoked_at is not None


# -- consent ----------------------------------------------------------------------------------------------------------


def test_a_newer_text_is_asked_again_and_the_older_agreement_stays_to_be_read(boats) -> None:
    anna = factories.member(boats.project, "annotator")
    assert consent.needed(project=boats.project, user=anna) is None

    consent.add_text(project=boats.project, text="We keep your clicks.", by=boats.admin)
    assert consent.needed(project=boats.project, user=anna).number == 1
    consent.agree(project=boats.project, user=anna, number=1)
    assert consent.needed(project=boats.project, user=anna) is None

    consent.add_text(project=boats.project, text="We keep your clicks and times.", by=boats.admin)
    assert consent.needed(project=boats.project, user=anna).number == 2
    consent.agree(project=boats.project, user=anna, number=2)

    given = Consent.objects.filter(rater__user=anna).order_by("id")
    assert [(one.text_version, one.withdrawn_at is None) for one in given] == [("v1", False), ("v2", True)]


def test_nobody_agrees_to_a_text_they_have_not_seen(boats) -> None:
    anna = factories.member(boats.project, "annotator")
    consent.add_text(project=boats.project, text="one", by=boats.admin)
    consent.add_text(project=boats.project, text="two", by=boats.admin)

    with pytest.raises(Conflict, match="has changed meanwhile"):
        consent.agree(project=boats.project, user=anna, number=1)


def test_an_annotator_reads_the_text_and_agrees(boats, client) -> None:
    anna = factories.member(boats.project, "annotator")
    consent.add_text(project=boats.project, text="We keep your clicks.", by=boats.admin)
    client.force_login(anna)

    asked = client.get(reverse("work", args=["boats"])).content.decode()
    read = client.get(reverse("consent", args=["boats"])).content.decode()
    client.post(reverse("consent", args=["boats"]), {"number": "1"})

    assert "Before you judge" in asked
    assert "We keep your clicks." in read
    assert "Before you judge" not in client.get(reverse("work", args=["boats"])).content.decode()
