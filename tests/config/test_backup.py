"""Backup and restore: fill, back up, destroy, restore, compare every row and every byte."""

import gzip
import hashlib
import io
import json
import subprocess
import sys
import tarfile

import boto3
import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connection
from moto import mock_aws

from config import backup, dump, env
from curation.models import Project, User
from tests import factories

pytestmark = pytest.mark.django_db(transaction=True)


def fill() -> None:
    """An installation in use: people, rows of several tables, awkward text, pictures in folders."""
    project = factories.project("blue")
    factories.member(project, "curator", "Ada")
    factories.prompt(project, "a sign that says \\N \t \u2028 O'Neil \\. \U0001f600")
    factories.prompt(project, "a second prompt\n\\.\n")
    for name, content in {"assets/ab/cd": b"\x00\xff" * 70_000, "assets/ab/ef": b"", "note.txt": b"hello"}.items():
        default_storage.save(name, ContentFile(content))


def rows() -> dict[str, list[str]]:
    """Every row of every table, as text."""
    found = {}
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f'SELECT t::text FROM "{table}" t')
            found[table] = sorted(row[0] for row in cursor.fetchall())
    return found


def files() -> dict[str, str]:
    return {
        name: hashlib.sha256(default_storage.open(name).read()).hexdigest()
        for name in backup.stored_names(default_storage)
    }


def destroy() -> None:
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE curation_project, curation_user CASCADE")
    for name in list(backup.stored_names(default_storage)):
        default_storage.delete(name)


def test_a_destroyed_installation_comes_back_row_for_row_and_byte_for_byte(tmp_path):
    fill()
    before = rows(), files()
    call_command("backup", tmp_path / "all.tar")
    destroy()
    assert rows() != before[0]

    call_command("restore", tmp_path / "all.tar")

    assert rows() == before[0]
    assert files() == before[1]


def test_rules_in_the_database_and_new_ids_work_after_a_restore(tmp_path):
    fill()
    backup.write(tmp_path / "all.tar")
    destroy()

    backup.restore(tmp_path / "all.tar", overwrite=False)

    highest = Project.objects.order_by("-pk").first()
    assert highest is not None
    assert factories.project("green").pk > highest.pk
    with pytest.raises(IntegrityError):
        Project.objects.create(name="Blue again", slug="blue", task="text-to-image")


def test_an_installation_with_data_is_not_replaced_unasked(tmp_path):
    fill()
    backup.write(tmp_path / "all.tar")
    factories.user("later")

    with pytest.raises(CommandError, match="--overwrite"):
        call_command("restore", tmp_path / "all.tar")

    assert User.objects.filter(username="later").exists()


def test_overwriting_removes_what_the_backup_does_not_hold_and_mends_what_differs(tmp_path):
    fill()
    before = rows(), files()
    backup.write(tmp_path / "all.tar")
    factories.user("later")
    default_storage.save("assets/zz", ContentFile(b"later"))
    default_storage.delete("note.txt")
    default_storage.save("note.txt", ContentFile(b"spoilt"))

    call_command("restore", tmp_path / "all.tar", overwrite=True)

    assert rows() == before[0]
    assert files() == before[1]
    assert not default_storage.exists(".restore/note.txt")


@pytest.mark.parametrize("damage", ["flipped byte", "cut short", "manifest missing"])
def test_a_damaged_archive_is_refused_before_anything_is_touched(tmp_path, damage):
    fill()
    path = tmp_path / "all.tar"
    backup.write(path)
    content = bytearray(path.read_bytes())
    if damage == "flipped byte":
        content[content.index(b"\x00\xff" * 500) + 100] ^= 1
    elif damage == "cut short":
        del content[len(content) // 2 :]
    path.write_bytes(content)
    if damage == "manifest missing":
        rewrite(path, drop="manifest.json")
    before = rows(), files()

    with pytest.raises(CommandError, match="Nothing was changed"):
        call_command("restore", path, overwrite=True)

    assert (rows(), files()) == before


def test_a_dump_that_fails_half_way_leaves_rows_and_files_as_they_were(tmp_path, monkeypatch):
    fill()
    path = tmp_path / "all.tar"
    backup.write(path)
    factories.user("later")
    default_storage.delete("note.txt")
    default_storage.save("note.txt", ContentFile(b"changed"))
    default_storage.delete("assets/ab/cd")
    before = rows(), files()
    extract = backup._extract_database

    def spoilt(path, folder):
        sql = extract(path, folder)
        text = gzip.decompress(sql.read_bytes()).replace(b"CREATE TABLE public.django_session", b"CREATE NONSENSE")
        sql.write_bytes(gzip.compress(text))
        return sql

    monkeypatch.setattr(backup, "_extract_database", spoilt)

    with pytest.raises(CommandError, match="NONSENSE"):
        call_command("restore", path, overwrite=True)

    assert (rows(), files()) == before


def test_input_that_ends_early_commits_nothing(tmp_path):
    """As when the restoring process is killed while it feeds the database."""
    fill()
    before = rows()
    dump.write(tmp_path / "whole.sql.gz")
    text = gzip.decompress((tmp_path / "whole.sql.gz").read_bytes())
    (tmp_path / "half.sql").write_bytes(
        dump._EMPTY_THE_SCHEMA.encode() + text[: text.rindex(b";\n", 0, len(text) // 2) + 2]
    )
    with dump._environment() as environment, (tmp_path / "half.sql").open("rb") as half:
        command = [dump._program("psql", 0), "--quiet", "-v", "ON_ERROR_STOP=1", "--output", "/dev/null"]
        connection.close()
        with dump._running(command, environment, stdin=half):
            pass

    assert rows() == before


@pytest.fixture
def bucket(settings, tmp_path):
    """A bucket of a server that answers as S3 does; the prefix is one shared with others."""
    options = {
        **settings.S3_OPTIONS,
        **{"bucket_name": "pairs", "location": "ours", "access_key": "key", "secret_key": "secret"},
        **{"region_name": "us-east-1", "copies_folder": tmp_path / "copies"},
    }
    with mock_aws():
        client = boto3.client("s3", region_name="us-east-1", aws_access_key_id="key", aws_secret_access_key="secret")
        client.create_bucket(Bucket="pairs")
        client.put_object(Bucket="pairs", Key="theirs/file", Body=b"not ours")
        default = {"BACKEND": "curation.storage.bucket.ContentBucket", "OPTIONS": options}
        settings.STORAGES = {**settings.STORAGES, "default": default}
        yield client


def test_a_bucket_is_backed_up_and_restored_too(tmp_path, bucket):
    fill()
    before = rows(), files()
    backup.write(tmp_path / "all.tar")
    destroy()

    backup.restore(tmp_path / "all.tar", overwrite=False)

    assert (rows(), files()) == before
    assert sorted(before[1]) == ["assets/ab/cd", "assets/ab/ef", "note.txt"]
    assert bucket.get_object(Bucket="pairs", Key="theirs/file")["Body"].read() == b"not ours"


def test_a_bucket_that_fails_is_told_and_nothing_is_changed(tmp_path, bucket):
    fill()
    backup.write(tmp_path / "all.tar")
    destroy()
    before = rows()
    bucket.delete_object(Bucket="pairs", Key="theirs/file")
    bucket.delete_bucket(Bucket="pairs")

    with pytest.raises(CommandError, match=r"NoSuchBucket.*Nothing was changed"):
        call_command("restore", tmp_path / "all.tar")

    assert rows() == before


def test_a_database_named_by_an_address_is_backed_up_and_restored_too(tmp_path, worker_environment):
    """Another process, which knows the server only by `DATABASE_URL`, as it would one of yours."""
    fill()
    before = rows(), files()

    def manage(*words):
        command = [sys.executable, "manage.py", *words]
        subprocess.run(command, cwd=env.CHECKOUT, env=worker_environment, check=True, capture_output=True)

    manage("backup", str(tmp_path / "all.tar"))
    destroy()
    connection.close()
    manage("restore", str(tmp_path / "all.tar"))

    assert (rows(), files()) == before


def test_a_backup_of_a_newer_version_is_refused(tmp_path):
    fill()
    path = tmp_path / "all.tar"
    backup.write(path)
    rewrite(path, migration="curation.9999_of_the_future")

    with pytest.raises(CommandError, match="newer version"):
        call_command("restore", path, overwrite=True)


def test_a_backup_is_private_and_never_overwritten(tmp_path):
    path = tmp_path / "all.tar"
    backup.write(path)

    assert path.stat().st_mode & 0o777 == 0o600
    with pytest.raises(CommandError, match="exists"):
        call_command("backup", path)


def rewrite(path, *, drop="", migration=""):
    """The same archive without a member, or with one more migration in its manifest."""
    with tarfile.open(path) as old:
        members = [(member, old.extractfile(member).read()) for member in old if member.name != drop]
    with tarfile.open(path, "w") as new:
        for member, content in members:
            if migration and member.name == "manifest.json":
                manifest = json.loads(content)
                manifest["migrations"].append(migration)
                content = json.dumps(manifest).encode()
            member.size = len(content)
            new.addfile(member, io.BytesIO(content))
