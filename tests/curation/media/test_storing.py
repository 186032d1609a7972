"""Bytes first, then rows; the same file twice is one file, whoever stores it and whenever it is interrupted."""

import hashlib
import os
import pickle
import signal
import subprocess
import sys
import threading

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import connection

from curation.actions import media
from curation.errors import Unavailable
from curation.media.errors import MediaRefused
from curation.media.ingestion import ingest
from curation.media.keeping import KeepInFolder, original_name, poster_name, thumbnail_name
from curation.models import Asset, Rendition
from curation.storage import media_storage
from tests.curation.media.drawn import encoded, scene, video

pytestmark = pytest.mark.django_db


def store(*files: bytes) -> dict[str, int]:
    taken = {one.sha256: one for one in (ingest(data) for data in files)}
    sources = {hashlib.sha256(data).hexdigest(): data for data in files}
    return media.store_many_from(taken, sources)


def stored_bytes(name: str) -> bytes:
    with default_storage.open(name) as file:
        return file.read()


def test_a_stored_picture_has_its_bytes_its_rendition_and_its_thumbnail():
    data = encoded(scene(), "BMP")

    ids = store(data)

    asset = Asset.objects.get(pk=ids[hashlib.sha256(data).hexdigest()])
    rendition = asset.renditions.get()
    assert stored_bytes(asset.storage_name) == data
    assert hashlib.sha256(stored_bytes(rendition.storage_name)).hexdigest() == rendition.sha256
    assert len(stored_bytes(rendition.storage_name)) == rendition.size
    assert (asset.mime, rendition.mime, rendition.is_original) == ("image/bmp", "image/png", False)
    assert rendition.thumbnail_sizes == [256]
    assert stored_bytes(thumbnail_name(rendition.sha256, 256)).startswith(b"\xff\xd8")


def test_a_picture_that_is_its_own_rendition_is_stored_once():
    data = encoded(scene(), "PNG")

    store(data)

    rendition = Rendition.objects.get()
    assert rendition.is_original
    assert rendition.storage_name == rendition.asset.storage_name
    assert not default_storage.exists("renditions")


def test_a_video_has_a_poster_and_its_length():
    data = video(24, fps=12)

    store(data)

    asset = Asset.objects.get()
    assert (asset.kind, asset.frames, asset.duration_us, asset.fps) == ("video", 24, 2_000_000, 12.0)
    assert default_storage.exists(poster_name(asset.renditions.get().sha256))


def test_storing_again_changes_nothing():
    data = encoded(scene(), "PNG")
    first = store(data)
    path = default_storage.path(Asset.objects.get().storage_name)
    before = os.stat(path).st_mtime_ns

    second = store(data)

    assert second == first
    assert os.stat(path).st_mtime_ns == before
    assert (Asset.objects.count(), Rendition.objects.count()) == (1, 1)


def test_what_is_stored_is_known_and_nothing_else():
    data = encoded(scene(), "PNG")
    ids = store(data)

    assert media.stored([*ids, "0" * 64]) == ids


def test_queries_do_not_grow_with_the_number_of_files(django_assert_num_queries):
    files = [encoded(scene(seed, (64, 48)), "PNG") for seed in range(30)]
    taken = [ingest(data, keep=media_storage().keep) for data in files]

    with django_assert_num_queries(5):  # three, and the two of a savepoint
        media.record(taken=taken)

    assert Asset.objects.count() == 30


def test_another_process_keeps_the_files_and_sends_little_home():
    data = encoded(scene(size=(1024, 1024)), "JPEG", quality=95)

    taken = ingest(data, keep=media.keep_elsewhere())

    assert taken.files is None
    assert len(pickle.dumps(taken)) < 6_000
    assert stored_bytes(original_name(taken.sha256)) == data
    assert media.store_many_from({taken.sha256: taken}, {taken.sha256: data})
    assert Asset.objects.count() == 1


def test_a_row_is_never_written_for_bytes_that_could_not_be_stored(settings, tmp_path):
    blocked = tmp_path / "media"
    blocked.write_text("a file where the folder should be")

    with pytest.raises(Unavailable, match="cannot be written"):
        ingest(encoded(scene(), "PNG"), keep=KeepInFolder(str(blocked)))

    assert not Asset.objects.exists()


def test_a_broken_write_leaves_nothing_under_the_name(tmp_path):
    keep = KeepInFolder(str(tmp_path))

    def broken():
        yield b"half"
        raise OSError(28, "No space left on device")

    with pytest.raises(Unavailable, match="No space left"):
        keep.write("a/b", broken())

    assert list((tmp_path / "a").iterdir()) == []


def test_a_file_of_the_wrong_length_is_written_again(tmp_path):
    keep = KeepInFolder(str(tmp_path))
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "b").write_bytes(b"hal")

    keep("a/b", b"half")

    assert (tmp_path / "a" / "b").read_bytes() == b"half"


def test_files_and_folders_are_private(tmp_path):
    KeepInFolder(str(tmp_path))("a/b", b"x")

    assert os.stat(tmp_path / "a").st_mode & 0o777 == 0o700
    assert os.stat(tmp_path / "a" / "b").st_mode & 0o777 == 0o600


def test_saving_through_django_keeps_the_name():
    assert default_storage.save("originals/ab/c", ContentFile(b"one")) == "originals/ab/c"
    assert default_storage.save("originals/ab/c", ContentFile(b"two")) == "originals/ab/c"
    assert stored_bytes("originals/ab/c") == b"two"


def test_a_writer_killed_in_the_middle_leaves_no_half_file_and_the_next_one_finishes(tmp_path):
    script = (
        "import sys, os, signal\n"
        "from curation.media.keeping import KeepInFolder\n"
        "def slowly():\n"
        "    yield b'x' * 2**20\n"
        "    print('writing', flush=True)\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
        "KeepInFolder(sys.argv[1]).write('a/b', slowly())\n"
    )
    killed = subprocess.run([sys.executable, "-c", script, str(tmp_path)], capture_output=True, check=False)

    assert killed.returncode == -signal.SIGKILL
    assert not (tmp_path / "a" / "b").exists()
    KeepInFolder(str(tmp_path))("a/b", b"whole")
    assert (tmp_path / "a" / "b").read_bytes() == b"whole"


@pytest.mark.django_db(transaction=True)
def test_two_at_once_store_one_file_once():
    files = [encoded(scene(seed, (64, 48)), "PNG") for seed in range(10)]
    outcomes = []

    def run():
        try:
            outcomes.append(store(*files))
        finally:
            connection.close()

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(outcomes) == 4
    assert all(outcome == outcomes[0] for outcome in outcomes)
    assert (Asset.objects.count(), Rendition.objects.count()) == (10, 10)


def test_a_side_file_is_carried_unread(tmp_path):
    path = tmp_path / "latents.bin"
    path.write_bytes(b"\0\1\2")

    pk = media.store_side_file(source=path)

    assert media.store_side_file(source=b"\0\1\2") == pk
    asset = Asset.objects.get(pk=pk)
    assert (asset.kind, asset.size) == ("file", 3)
    assert stored_bytes(asset.storage_name) == b"\0\1\2"


def test_an_empty_or_huge_side_file_is_refused(settings):
    from curation.media.limits import Limits

    settings.MEDIA_LIMITS = Limits(side_file_bytes=2)
    with pytest.raises(MediaRefused, match="empty"):
        media.store_side_file(source=b"", name="l.bin")
    with pytest.raises(MediaRefused, match="may have 2"):
        media.store_side_file(source=b"123", name="l.bin")


def test_a_worker_reads_the_file_in_place():
    store(encoded(scene(), "PNG"))
    rendition = Rendition.objects.get()

    path = media.local_path(rendition=rendition)

    assert hashlib.sha256(path.read_bytes()).hexdigest() == rendition.sha256


def test_a_worker_that_does_not_see_the_folder_says_so():
    store(encoded(scene(), "PNG"))
    os.rename(default_storage.path("originals"), default_storage.path("elsewhere"))

    with pytest.raises(Unavailable, match=r"sees no media in .* Mount the media folder"):
        media.local_path(rendition=Rendition.objects.get())


def test_one_missing_file_is_named():
    store(encoded(scene(1), "PNG"), encoded(scene(2), "PNG"))
    rendition = Rendition.objects.first()
    os.unlink(default_storage.path(rendition.storage_name))

    with pytest.raises(Unavailable, match=f"{rendition.storage_name} is missing"):
        media.local_path(rendition=rendition)
