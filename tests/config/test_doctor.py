"""The doctor: what is wrong, in words, with the remedy."""

import pytest
from django.core.management import call_command
from django.db import OperationalError

from config import doctor
from config.doctor import State


def found(subject: str) -> doctor.Finding:
    return next(finding for finding in doctor.examine() if finding.subject == subject)


@pytest.mark.django_db
def test_a_whole_installation_is_told_so(capsys, settings):
    call_command("doctor")

    said = capsys.readouterr().out
    assert "Everything that is needed works." in said
    assert "none answers; such jobs wait" in said  # no worker runs here
    for subject in ("Python", "database", "migrations", "queue", "storage", "torch", "text reading", "secret"):
        assert f"ok     {subject}: " in said


@pytest.mark.django_db
def test_a_broken_part_is_named_with_its_remedy_and_the_exit_status_says_so(capsys, monkeypatch, settings, tmp_path):
    (tmp_path / "media").write_text("a file where the folder should be")
    local = {"BACKEND": "django.core.files.storage.FileSystemStorage", "OPTIONS": {"location": tmp_path / "media"}}
    settings.STORAGES = {**settings.STORAGES, "default": local}
    settings.MEDIA_ROOT = tmp_path / "media"

    with pytest.raises(SystemExit) as exit_:
        call_command("doctor")

    said = capsys.readouterr().out
    assert exit_.value.code == 1
    assert "BROKEN storage: " in said
    assert "writable for this user" in said
    assert "1 broken." in said


@pytest.mark.django_db
def test_a_database_that_does_not_answer_is_one_finding_not_a_traceback(monkeypatch):
    def refuse():
        raise OperationalError("connection refused\nIs the server running?")

    monkeypatch.setattr(doctor.connection, "cursor", refuse)

    finding = doctor._database()

    assert finding.state is State.BROKEN
    assert "connection refused" in finding.words
    assert finding.remedy


def test_a_secret_that_others_can_read_is_broken(settings, tmp_path):
    settings.DATA_DIR = tmp_path
    path = tmp_path / "secret_key"
    path.write_text(settings.SECRET_KEY)
    path.chmod(0o644)

    finding = doctor._secret()

    assert finding.state is State.BROKEN
    assert finding.remedy == f"chmod 600 {path}"


def test_foreign_addresses_without_https_are_pointed_out(settings):
    settings.ALLOWED_HOSTS = ["pairs.example.org"]
    settings.HTTPS = False

    assert doctor._hosts().state is State.HINT

    settings.HTTPS = True
    assert doctor._hosts().state is State.FINE


def test_missing_mail_is_a_hint_not_a_fault(settings):
    settings.EMAIL_HOST = ""

    finding = doctor._mail()

    assert (finding.state, finding.remedy) == (State.HINT, "Set PAIRWRIGHT_EMAIL_HOST.")
