"""Tokens of the service: made, shown once, revoked; on pages and by command."""

from __future__ import annotations

import hashlib
import re
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from curation.errors import Conflict, NotAllowed, Refused
from curation.models import Project
from scoring.actions.serving import tokens
from scoring.models import ServiceToken
from tests import factories

pytestmark = pytest.mark.django_db


def made(project: Project, name: str = "trainer") -> tokens.Made:
    return tokens.make(project=project, name=name, by=None)


def page(project: Project, role: str = "admin") -> tuple[Client, str]:
    client = Client()
    client.force_login(factories.member(project, role))
    return client, reverse("service_tokens", args=[project.slug])


def run(*arguments: str) -> str:
    out = StringIO()
    call_command("scorer_tokens", *arguments, stdout=out)
    return out.getvalue()


# -- what one is ------------------------------------------------------------------------------------------------------


def test_only_the_digest_of_a_token_is_kept(project: Project):
    one = made(project)

    secret = one.text.split("_", 2)[2]
    row = ServiceToken.objects.values().get()
    assert secret not in str(row)
    assert row["digest"] == hashlib.sha256(secret.encode()).hexdigest()
    assert len(secret) >= 43  # 32 random bytes


def test_no_token_lies_in_the_database_as_it_is(project: Project):
    with pytest.raises(IntegrityError):
        ServiceToken.objects.create(project=project, name="x", key="k", digest="pws_abc_def")


def test_a_token_opens_its_project_until_it_is_revoked(project: Project):
    one = made(project)

    assert tokens.living(one.text).project == project
    tokens.revoke(token=one.token, by=None)
    assert tokens.living(one.text) is None


@pytest.mark.parametrize(
    "change", ["pws_{key}_wrong", "pws_{key}_", "pws_wrong_{secret}", "xyz_{key}_{secret}", "\x00", ""]
)
def test_nothing_else_opens_anything(project: Project, change: str):
    _prefix, key, secret = made(project).text.split("_", 2)

    assert tokens.living(change.format(key=key, secret=secret)) is None


def test_secrets_are_compared_in_constant_time_whether_the_key_is_known_or_not(project: Project, monkeypatch):
    compared = []
    monkeypatch.setattr(tokens.hmac, "compare_digest", lambda one, other: compared.append((len(one), len(other))))

    tokens.living(made(project).text)
    tokens.living("pws_unknown_secret")

    assert compared == [(64, 64), (64, 64)]


def test_when_it_was_used_is_written_down_once_a_minute(project: Project, django_assert_num_queries):
    one = made(project)
    tokens.living(one.text)
    first = ServiceToken.objects.get().used_at
    with django_assert_num_queries(1):
        tokens.living(one.text)

    assert ServiceToken.objects.get().used_at == first
    ServiceToken.objects.update(used_at=timezone.now() - timedelta(minutes=2))
    tokens.living(one.text)
    assert ServiceToken.objects.get().used_at > first


def test_names_tell_living_tokens_apart(project: Project):
    one = made(project)
    with pytest.raises(Conflict, match="trainer"):
        made(project)
    tokens.revoke(token=one.token, by=None)
    made(project)
    made(factories.project("another"))

    with pytest.raises(Refused, match="Name the token"):
        made(project, "  ")
    assert ServiceToken.objects.living().filter(project=project).count() == 1


def test_only_admins_make_and_revoke_them(project: Project):
    curator = factories.member(project, "curator")
    token = made(project).token

    with pytest.raises(NotAllowed):
        tokens.make(project=project, name="x", by=curator)
    with pytest.raises(NotAllowed):
        tokens.revoke(token=token, by=curator)


# -- the page ---------------------------------------------------------------------------------------------------------


def test_a_new_token_is_shown_by_the_page_that_made_it_and_never_again(project: Project):
    client, url = page(project)

    answer = client.post(url, {"name": "trainer on gpu-3"})
    later = client.get(url).content.decode()

    (text,) = set(re.findall(r"pws_[0-9a-f]+_[\w-]+", answer.content.decode()))
    assert tokens.living(text) is not None
    assert "pws_" not in later
    assert "trainer on gpu-3" in later
    assert "no-store" in answer.headers["Cache-Control"]


def test_a_taken_name_is_said_at_the_field(project: Project):
    client, url = page(project)
    made(project, "taken")

    answer = client.post(url, {"name": "taken"})

    assert "Revoke it first" in answer.content.decode()
    assert ServiceToken.objects.count() == 1


def test_a_revoked_token_stays_to_be_read(project: Project):
    client, url = page(project)
    token = made(project, "lost").token

    client.post(reverse("service_token_revoke", args=[project.slug, token.pk]))

    token.refresh_from_db()
    assert token.revoked_by is not None
    content = client.get(url).content.decode()
    assert content.count("lost") == 2  # in the message and in the list
    assert "Revoke lost" not in content


def test_a_lost_token_of_an_archived_project_is_revoked_and_none_is_made(project: Project):
    client, url = page(project)
    token = made(project).token
    Project.objects.update(archived_at=timezone.now())

    client.post(reverse("service_token_revoke", args=[project.slug, token.pk]))
    client.post(url, {"name": "new"})

    assert [row.revoked_at is not None for row in ServiceToken.objects.all()] == [True]


def test_tokens_of_another_project_are_not_found(project: Project):
    client, _url = page(project)
    theirs = made(factories.project("theirs")).token

    assert client.post(reverse("service_token_revoke", args=[project.slug, theirs.pk])).status_code == 404
    theirs.refresh_from_db()
    assert theirs.revoked_at is None


def test_the_tab_is_there_for_admins_alone(project: Project):
    for role, is_there in (("admin", True), ("curator", False)):
        client, url = page(project, role)

        assert (url in client.get(reverse("scorers", args=[project.slug])).content.decode()) is is_there


# -- the command ------------------------------------------------------------------------------------------------------


def test_the_command_makes_lists_and_revokes(project: Project):
    text = run(project.slug, "--make", "trainer").strip()

    assert tokens.living(text) is not None
    assert text not in run(project.slug)
    assert "trainer: made" in run(project.slug)
    assert "opens nothing" in run(project.slug, "--revoke", "trainer")
    assert tokens.living(text) is None
    assert "revoked" in run(project.slug)
    with pytest.raises(CommandError, match="There are: none"):
        run(project.slug, "--revoke", "trainer")
    with pytest.raises(CommandError, match="no project"):
        run("nowhere")
