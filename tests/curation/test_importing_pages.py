"""The pages that import: look first, then start; who may, what is refused, what is cleaned up."""

import io
import zipfile
from pathlib import Path

import pytest
from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from curation import uploads
from curation.actions import importing
from curation.models import Job, Project, Sample
from tests import factories
from tests.curation.formats.drawn import picture, save_lines, save_picture

pytestmark = pytest.mark.django_db


@pytest.fixture
def project() -> Project:
    return factories.project("signs")


@pytest.fixture
def curator(project: Project, client: Client) -> Client:
    client.force_login(factories.member(project, "curator"))
    return client


@pytest.fixture
def admin(project: Project) -> Client:
    client = Client()
    client.force_login(factories.member(project, "admin"))
    return client


@pytest.fixture(autouse=True)
def _work_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs the job where the doorbell would ring: what a worker does is tested with a real one elsewhere."""

    def ring(kwargs: dict[str, int], queue: str) -> None:
        assert queue == "cpu"
        importing.run(job=Job.objects.get(pk=kwargs["job_id"]))

    monkeypatch.setattr("curation.tasks.run_import.apply_async", ring)
    monkeypatch.setattr("django.db.transaction.on_commit", lambda call, robust: call())


def archive(members: dict[str, bytes]) -> SimpleUploadedFile:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as file:
        for name, data in members.items():
            file.writestr(name, data)
    return SimpleUploadedFile("../../set.zip", stream.getvalue())


TWO_CATS = {
    "sd15/cat.png": picture("red"), "sd15/cat.txt": b"a cat", "sdxl/cat.png": picture("blue"), "sdxl/cat.txt": b"a cat",
    "sdxl/dog.png": picture("green"), "../evil.png": picture(),
}  # fmt: skip


def upload_folders() -> list[Path]:
    root = Path(settings.SCRATCH_ROOT) / "uploads"
    return list(root.iterdir()) if root.exists() else []


@pytest.fixture(autouse=True)
def _no_uploads_left() -> None:
    for folder in upload_folders():
        importing.remove(folder)


def test_an_archive_is_looked_at_then_imported_and_the_upload_is_removed(project: Project, curator: Client) -> None:
    looked = curator.post(reverse("imports", args=["signs"]), {"upload": archive(TWO_CATS)}, follow=True)

    page = looked.content.decode()
    dry = Job.objects.get()
    assert "Recognised as <b>Zip or tar archive</b>" in page
    assert "2 new, 0 there already" in page
    assert "a name that climbs out of the archive" in page
    assert "no dog.txt beside it" in page
    assert not Sample.objects.exists()
    thumbnail = curator.get(reverse("import_thumbnail", args=["signs", dry.pk, 0]))
    assert thumbnail["Content-Type"] == "image/jpeg"
    assert b"".join(thumbnail.streaming_content)[:2] == b"\xff\xd8"

    done = curator.post(
        reverse("import_start", args=["signs", dry.pk]), {"format": "archive", "licence": "CC0-1.0"}, follow=True
    )

    assert "What came" in done.content.decode()
    assert sorted(Sample.objects.values_list("generator__name", "licence")) == [
        ("sd15", "CC0-1.0"),
        ("sdxl", "CC0-1.0"),
    ]
    assert upload_folders() == []
    assert not importing.workspace_of(dry).exists()
    again = curator.get(reverse("imports", args=["signs"])).content.decode()
    assert "Import of set.zip" in again
    assert "Dry run of set.zip" in again


def test_the_format_can_be_overridden_before_anything_is_written(project: Project, curator: Client) -> None:
    file = SimpleUploadedFile("x.json", b'[{"prompt": "p", "path1": "a.png", "path2": "b.png"}]')
    curator.post(reverse("imports", args=["signs"]), {"upload": file})
    dry = Job.objects.get()
    assert importing.Options.of(dry).format_name == "hpdv3"

    page = curator.post(
        reverse("import_look_again", args=["signs", dry.pk]), {"format": "editreward"}, follow=True
    ).content.decode()

    assert "path_src is missing" in page
    assert Job.objects.count() == 2
    assert not Sample.objects.exists()


def test_several_files_are_taken_as_a_folder(project: Project, curator: Client) -> None:
    files = [
        SimpleUploadedFile("samples.jsonl", b'{"prompt": "p", "media": ["a.png"]}\n'),
        SimpleUploadedFile("a.png", picture()),
    ]

    page = curator.post(reverse("imports", args=["signs"]), {"upload": files}, follow=True).content.decode()

    assert "Pairwright JSON Lines" in page
    assert "1 new, 0 there already" in page


def test_what_cannot_be_recognised_is_said_and_not_kept(project: Project, curator: Client) -> None:
    file = SimpleUploadedFile("x.bin", b"\x00\x01")

    page = curator.post(reverse("imports", args=["signs"]), {"upload": file}).content.decode()

    assert "has no known format" in page
    assert upload_folders() == []
    assert not Job.objects.exists()


def test_an_upload_beyond_the_limit_is_refused_before_it_is_written(project, curator: Client, settings) -> None:
    settings.UPLOAD_BYTES = 1000

    page = curator.post(
        reverse("imports", args=["signs"]), {"upload": SimpleUploadedFile("a.jsonl", b"x" * 5000)}
    ).content.decode()

    assert "The upload is larger than" in page
    assert upload_folders() == []


def test_only_admins_may_name_a_path_and_only_below_the_import_folder(
    project: Project, curator: Client, admin: Client, settings, tmp_path: Path
) -> None:
    settings.IMPORT_ROOT = str(tmp_path / "sets")
    save_picture(tmp_path / "sets" / "one" / "a.png")
    save_lines(tmp_path / "sets" / "one" / "samples.jsonl", [{"prompt": "p", "media": ["a.png"]}])
    save_lines(tmp_path / "secret" / "samples.jsonl", [{"prompt": "p", "text": "secret"}])
    (tmp_path / "sets" / "link").symlink_to(tmp_path / "secret")
    address = reverse("imports", args=["signs"])

    assert "server_path" not in curator.get(address).content.decode()
    assert "Choose files to upload" in curator.post(address, {"server_path": "one"}).content.decode()
    for path in ("../secret", str(tmp_path / "secret"), "link"):
        assert "Name a path below" in admin.post(address, {"server_path": path}).content.decode()
    page = admin.post(address, {"server_path": "one"}, follow=True).content.decode()

    assert "1 new, 0 there already" in page
    assert not importing.Options.of(Job.objects.get()).is_upload


def test_the_refusals_come_as_csv_that_no_spreadsheet_runs(project: Project, curator: Client) -> None:
    lines = b'{"prompt": "p", "media": ["=1+1.png"]}\n{"prompt": "p"}\n'
    curator.post(reverse("imports", args=["signs"]), {"upload": SimpleUploadedFile("samples.jsonl", lines)})
    job = Job.objects.get()
    job.failures.filter(what="samples.jsonl:2").update(what="=cmd()")

    answer = curator.get(reverse("import_refusals", args=["signs", job.pk]))

    text = b"".join(answer.streaming_content).decode()
    assert answer["Content-Disposition"] == f'attachment; filename="refused-{job.pk}.csv"'
    assert text.splitlines()[0] == "where,reason"
    assert 'samples.jsonl:1,"the file “=1+1.png” is absent' in text
    assert "\n'=cmd(),\"there is neither media nor text" in text
    assert settings.SCRATCH_ROOT.as_posix() not in text


def test_a_running_import_asks_again_every_two_seconds_and_reloads_when_it_ends(project, curator: Client) -> None:
    options = importing.Options(path="/x/a.jsonl", format_name="pairwright", media_root="/x")
    job = importing.create(project=project, options=options, by=None)
    address = reverse("import", args=["signs", job.pk])

    assert 'hx-trigger="every 2s"' in curator.get(address).content.decode()
    part = curator.get(address, {"part": "progress"})
    assert "waits for a worker" in part.content.decode()
    assert "HX-Refresh" not in part
    curator.post(reverse("import_cancel", args=["signs", job.pk]))

    assert curator.get(address, {"part": "progress"})["HX-Refresh"] == "true"
    assert "Go on where it stopped" in curator.get(address).content.decode()


@pytest.mark.parametrize("role", ["viewer", "annotator"])
def test_those_who_only_read_or_judge_cannot_import(project: Project, client: Client, role: str) -> None:
    client.force_login(factories.member(project, role))

    assert client.get(reverse("imports", args=["signs"])).status_code == 403
    assert client.post(reverse("imports", args=["signs"]), {"upload": archive(TWO_CATS)}).status_code == 403
    assert not Job.objects.exists()


def test_uploads_that_nobody_went_on_with_are_swept(monkeypatch: pytest.MonkeyPatch) -> None:
    old = uploads.keep([SimpleUploadedFile("a.txt", b"x")])
    monkeypatch.setattr(uploads, "KEPT_SECONDS", -1)

    uploads.sweep()

    assert not old.exists()


def test_upload_names_cannot_climb_hide_or_collide() -> None:
    names = ["..\\..\\a.txt", ".hidden", "a/b/.png", "x" * 300 + ".png", "a.txt"]

    folder = uploads.keep([SimpleUploadedFile(name.replace("/", "_"), b"x") for name in names])

    kept = sorted(path.name for path in folder.iterdir())
    assert len(kept) == 5
    assert all(path.parent == folder and not path.name.startswith(".") for path in folder.iterdir())
    assert "hidden" in kept
    assert "a.txt" in kept
