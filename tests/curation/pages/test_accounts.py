"""Signing in and out, guessing, passwords by mail, invitation and deactivation."""

import re
from datetime import timedelta

import pytest
from django.core import mail
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from curation.actions import people
from curation.errors import NotAllowed, Refused
from curation.models import SignInFailure, User
from curation.models.sign_in import LIMIT_NAME_AND_ADDRESS
from tests import factories

pytestmark = pytest.mark.django_db

PASSWORD = "correct horse battery"


def _sign_in(client: Client, name: str, password: str = PASSWORD):
    return client.post(reverse("sign_in"), {"username": name, "password": password})


def _is_signed_in(client: Client) -> bool:
    return client.get(reverse("projects")).status_code == 200


@pytest.fixture
def boss() -> User:
    return factories.user("boss", is_superuser=True)


def test_one_signs_in_by_name_or_by_mail_address(client) -> None:
    factories.user("rosa", email="Rosa@Example.org")

    for name in ("rosa", "rosa@example.org"):
        assert _sign_in(client, name).status_code == 302
        assert _is_signed_in(client)
        client.post(reverse("sign_out"))
        assert not _is_signed_in(client)


def test_the_page_after_sign_in_is_the_one_that_was_asked_for(client) -> None:
    factories.user("rosa")
    asked = reverse("project_new")

    door = client.get(asked)
    answer = client.post(door["Location"], {"username": "rosa", "password": PASSWORD, "next": asked})

    assert answer["Location"] == asked


def test_before_anybody_exists_the_page_says_how_to_begin(client) -> None:
    assert "createsuperuser" in client.get(reverse("sign_in")).content.decode()

    factories.user("rosa")

    assert "createsuperuser" not in client.get(reverse("sign_in")).content.decode()


def test_after_too_many_failures_even_the_right_password_waits(client) -> None:
    factories.user("rosa")
    for _ in range(LIMIT_NAME_AND_ADDRESS):
        _sign_in(client, "rosa", "wrong")

    answer = _sign_in(client, "ROSA")

    assert "Too many failed attempts" in answer.content.decode()
    assert not _is_signed_in(client)


def test_the_wait_is_over_after_a_quarter_of_an_hour(client) -> None:
    factories.user("rosa")
    for _ in range(LIMIT_NAME_AND_ADDRESS):
        _sign_in(client, "rosa", "wrong")
    SignInFailure.objects.update(at=timezone.now() - timedelta(minutes=16))

    assert _sign_in(client, "rosa").status_code == 302


def test_guessing_from_one_address_does_not_shut_out_the_person_at_another(client) -> None:
    factories.user("rosa")
    for _ in range(LIMIT_NAME_AND_ADDRESS):
        client.post(reverse("sign_in"), {"username": "rosa", "password": "no"}, REMOTE_ADDR="203.0.113.9")

    assert _sign_in(client, "rosa").status_code == 302


def test_a_success_forgets_the_mistypings_before_it(client) -> None:
    factories.user("rosa")
    for _ in range(LIMIT_NAME_AND_ADDRESS - 1):
        _sign_in(client, "rosa", "wrong")
    _sign_in(client, "rosa")

    assert not SignInFailure.objects.exists()


def test_what_was_typed_as_a_name_is_not_kept_in_clear(client) -> None:
    _sign_in(client, "my secret password", "x")

    failure = SignInFailure.objects.get()
    assert "secret" not in f"{failure.name_digest} {failure.address_digest}"


def test_failures_are_forgotten_after_an_hour(client) -> None:
    people.record_failed_attempt(name="old", address="a", now=timezone.now() - timedelta(hours=2))

    _sign_in(client, "rosa", "wrong")

    assert SignInFailure.objects.count() == 1


def test_a_forgotten_password_is_set_anew_by_mail(client) -> None:
    factories.user("rosa")

    client.post(reverse("password_reset"), {"email": "rosa@example.org"})
    link = re.search(r"http://testserver(/password/set/\S+)", mail.outbox[0].body)
    assert link
    page = client.get(link[1], follow=True)
    client.post(page.redirect_chain[-1][0], {"new_password1": "violet window 41", "new_password2": "violet window 41"})

    assert _sign_in(client, "rosa", "violet window 41").status_code == 302
    assert "no longer works" in client.get(link[1], follow=True).content.decode()


def test_the_page_of_a_reset_does_not_tell_who_has_an_account(client) -> None:
    answer = client.post(reverse("password_reset"), {"email": "nobody@example.org"})

    assert answer["Location"] == reverse("password_reset_sent")
    assert not mail.outbox


def test_changing_the_password_keeps_this_browser_and_ends_the_others(client) -> None:
    user, other = factories.user("rosa"), Client()
    client.force_login(user)
    other.force_login(user)

    client.post(
        reverse("password_change"),
        {"old_password": PASSWORD, "new_password1": "violet window 41", "new_password2": "violet window 41"},
    )

    assert _is_signed_in(client)
    assert not _is_signed_in(other)


def test_an_invited_person_sets_a_password_and_signs_in(client, boss) -> None:
    client.force_login(boss)

    page = client.post(reverse("people"), {"username": "ines", "email": "ines@example.org"})
    link = re.search(r"http://testserver(/password/set/[^\"\s]+)", page.content.decode())
    assert link
    assert link[1] in mail.outbox[0].body
    guest = Client()
    form = guest.get(link[1], follow=True)
    guest.post(form.redirect_chain[-1][0], {"new_password1": "violet window 41", "new_password2": "violet window 41"})

    assert _sign_in(guest, "ines", "violet window 41").status_code == 302


def test_a_name_or_address_that_is_taken_is_refused_whatever_its_case(boss) -> None:
    factories.user("rosa", email="rosa@example.org")

    with pytest.raises(Refused, match="taken"):
        people.invite(username="ROSA", email="new@example.org", by=boss)
    with pytest.raises(Refused, match="already uses"):
        people.invite(username="new", email="ROSA@example.org", by=boss)


def test_a_deactivated_person_is_out_with_the_next_click_and_stays_out(client, boss) -> None:
    rosa, at_work = factories.user("rosa"), Client()
    at_work.force_login(rosa)
    assert _is_signed_in(at_work)
    client.force_login(boss)

    client.post(reverse("person_deactivate", args=[rosa.pk]))

    assert not _is_signed_in(at_work)
    assert "do not go together" in _sign_in(at_work, "rosa").content.decode()
    client.post(reverse("person_reactivate", args=[rosa.pk]))
    assert _sign_in(at_work, "rosa").status_code == 302


def test_nobody_deactivates_themselves_or_without_the_right(boss) -> None:
    with pytest.raises(Refused, match="your own"):
        people.deactivate(user=boss, by=boss)
    with pytest.raises(NotAllowed):
        people.deactivate(user=boss, by=factories.user("rosa"))


def test_people_cost_the_same_queries_for_two_and_for_twenty(client, boss, django_assert_num_queries) -> None:
    client.force_login(boss)
    client.get(reverse("people"))
    with django_assert_num_queries(3):
        client.get(reverse("people"))
    User.objects.bulk_create(User(username=f"u{n}", email=f"u{n}@example.org") for n in range(20))

    with django_assert_num_queries(3):
        client.get(reverse("people"))
